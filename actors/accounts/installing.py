"""The actor of installations: one per host that amoCRM sends codes for.

A code works once and for 20 minutes (amoCRM contract §2). Owns its way from the accepted redirect to a connected
account, in two commits: the tokens are written down (sealed) as soon as amoCRM has answered, before anything else is
asked with them; then the account is read and kept, and told in the same commit to set itself up. What became of a code
stands in the table ``installations``, also when it came to nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib

import msgspec
import structlog

from dealgram.actors.account_bodies import ExchangeCode, ReadGrant
from dealgram.actors.accounts import setup_texts
from dealgram.actors.accounts.account_orders import SetUp, order_entry
from dealgram.actors.accounts.account_setup import fresh_steps
from dealgram.actors.accounts.controller import connected_entry
from dealgram.actors.accounts.grants import UnusableGrantError, read_grant
from dealgram.actors.body_parts import Body
from dealgram.actors.outbox import Decision, NewBody, OutboxActor, Outcome
from dealgram.gateways.amo_hosts import host_of
from dealgram.gateways.amocrm import GrantRefused, Tokens
from dealgram.gateways.errors import OutcomeUnknown
from dealgram.persistence import subscriptions
from dealgram.persistence.entries import Delivery, InboxEntry, NewEntry
from dealgram.persistence.records import Installation
from dealgram.persistence.secret_box import SecretBox, SecretError
from dealgram.runtime import Address, Failure, Permanent, Transient

log = structlog.get_logger(__name__)

KIND = "installation"
SOURCE = "oauth"
NOBODY = 0
"""The account of installations: whose code it is, is known only when it has been exchanged."""
CODE_LIFE = dt.timedelta(minutes=20)


class NewCode(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of an installation's entry. ``code`` is sealed."""

    host: str
    code: bytes


def install_key(code: str) -> str:
    """What an installation is known by: the digest of its code, which tells nothing of the code."""
    return hashlib.sha256(code.encode()).hexdigest()


def installation_entry(box: SecretBox, host: str, code: str) -> NewEntry:
    """A code as an inbox entry; ``host`` is the account's base URL. The same code twice is one entry."""
    return NewEntry(
        account_id=NOBODY,
        address=Address(KIND, host_of(host)),
        source=SOURCE,
        source_key=install_key(code),
        payload=msgspec.json.encode(NewCode(host=host, code=box.seal(code))),
    )


class InstallationActor(OutboxActor):
    """See the module."""

    account_id = NOBODY

    async def activate(self) -> None:
        await self.open_outbox()

    async def handle_entry(self, entry: InboxEntry) -> None:
        try:
            new = msgspec.json.decode(entry.payload, type=NewCode)
        except msgspec.MsgspecError as error:
            raise Permanent("this is no installation") from error
        key = entry.source_key
        exchange = NewBody(lane=key, body=ExchangeCode(install_key=key, host=new.host, code=new.code))
        row = Installation(install_key=key, host=new.host)
        await self.finish(entry, Decision(rows=(row,), todo=(exchange,), result="taken up"))

    async def deliver(self, body: Body, delivery: Delivery) -> Outcome:
        match body:
            case ExchangeCode():
                return await self._exchange(body, delivery)
            case ReadGrant():
                return await self._read(body)
            case _:
                raise Permanent(f"an installation delivers no {body.kind}")

    def given_up(self, body: Body, failure: Failure) -> Outcome:
        if isinstance(body, ExchangeCode | ReadGrant):
            return _failed(body, setup_texts.INSTALLATION_BROKEN)
        return Outcome()

    async def _exchange(self, body: ExchangeCode, delivery: Delivery) -> Outcome:
        services = self.services
        if services.now() - delivery.created_at > CODE_LIFE:
            log.error("an installation's code has expired before amoCRM could be reached", host=body.host)
            return _failed(body, setup_texts.CODE_EXPIRED)
        code = _open(services.box, body.code)
        try:
            tokens = await services.oauth.exchange(body.host, code, services.gates.of_host(body.host))
        except GrantRefused as error:
            log.error("amoCRM does not accept the code of an installation", host=body.host, reason=error.detail)
            return _failed(body, setup_texts.CODE_REFUSED)
        except OutcomeUnknown as error:
            # If amoCRM did exchange it, the next attempt is refused, and that is what people are told.
            raise Transient(str(error), retry_after_s=2) from error
        read = ReadGrant(
            install_key=body.install_key,
            host=body.host,
            access_token=services.box.seal(tokens.access_token),
            refresh_token=services.box.seal(tokens.refresh_token),
            expires_in_s=tokens.expires_in_s,
            granted_at_s=services.now().timestamp(),
        )
        return Outcome(todo=(NewBody(lane=delivery.lane, body=read),))

    async def _read(self, body: ReadGrant) -> Outcome:
        services = self.services
        tokens = Tokens(
            access_token=_open(services.box, body.access_token),
            refresh_token=_open(services.box, body.refresh_token),
            expires_in_s=body.expires_in_s,
        )
        granted_at = dt.datetime.fromtimestamp(body.granted_at_s, dt.UTC)
        try:
            grant = await read_grant(services, body.host, tokens, granted_at)
        except UnusableGrantError as error:
            log.error("a grant cannot be used", host=body.host, reason=str(error))
            return _failed(body, str(error))
        await subscriptions.begin_trial(services.db, grant.account_id, services.now(), days=services.trial_days)
        log.info("account authorised", account=grant.account_id, subdomain=grant.subdomain)
        done = Installation(install_key=body.install_key, host=grant.host, state="done", installed_id=grant.account_id)
        order = order_entry(grant.account_id, SetUp(reason="installed"), key=f"install:{body.install_key}")
        news = connected_entry(grant.account_id, grant.host, body.install_key)
        return Outcome(rows=(grant, done, *fresh_steps(grant.account_id)), entries=(order, news))


def _open(box: SecretBox, sealed: bytes) -> str:
    try:
        return box.open(sealed)
    except SecretError as error:
        raise Permanent(str(error)) from error


def _failed(body: ExchangeCode | ReadGrant, detail: str) -> Outcome:
    row = Installation(install_key=body.install_key, host=body.host, state="failed", detail=detail)
    return Outcome(rows=(row,), error=detail)
