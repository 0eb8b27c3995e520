"""The actor that keeps the seller's controller informed: one per host of amoCRM accounts.

Owns the order of what the controller hears of one account: who registered, that it was connected, that the widget was
switched off. A controller that is away is asked again until it is back; one that refuses a registration for good makes
a dead letter of it, and so does an address at which there has been no controller for a day.

Journal and outbox name a registration and never hold it: names and phones stand in one table, and what is passed on is
read from there at the last moment. Without a configured controller nothing is passed on.
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Literal

import msgspec
import structlog

from dealgram.actors.account_bodies import ForwardRegistration, NoteNotForwarded, TellConnected
from dealgram.actors.body_parts import Body
from dealgram.actors.outbox import DONE, Decision, NewBody, OutboxActor, Outcome
from dealgram.gateways.amo_hosts import host_of
from dealgram.gateways.widget_controller import ControllerClosed, Notice
from dealgram.persistence import registrations
from dealgram.persistence.entries import Delivery, InboxEntry, NewEntry
from dealgram.persistence.records import Registration
from dealgram.runtime import Address, Failure, Permanent, Transient

log = structlog.get_logger(__name__)

KIND = "controller"
SOURCE = "informer"
NOBODY = 0
"""The account of what waits here: a registration may come before its account is known, and what waits names people by
nothing but that."""
LANE = "controller"
PATIENCE = dt.timedelta(days=1)
"""So long an address that answers, but not as a controller does, is believed to be a mistake that somebody mends."""
CLOSED_PAUSE_S = 300.0


class Registered(msgspec.Struct, frozen=True, kw_only=True, tag="registered"):
    """A registration was written or changed."""

    registration_key: str
    revision: int
    status: Literal["Y", "N"]


class Connected(msgspec.Struct, frozen=True, kw_only=True, tag="connected"):
    """An account allowed us access. ``host``: its base URL."""

    account_id: int
    host: str


News = Registered | Connected
_decoder: msgspec.json.Decoder[News] = msgspec.json.Decoder(News)


def registered_entry(row: Registration) -> NewEntry:
    """A changed registration as an inbox entry; to be committed together with the row."""
    news = Registered(registration_key=row.registration_key, revision=row.revision, status=row.status)
    return _entry(row.host, news, secrets.token_hex(16))


def connected_entry(account_id: int, host: str, key: str) -> NewEntry:
    """A connected account as an inbox entry. ``key`` names the installation: twice the same is one entry."""
    return _entry(host, Connected(account_id=account_id, host=host), f"connected:{key}")


def _entry(host: str, news: News, key: str) -> NewEntry:
    return NewEntry(
        account_id=NOBODY,
        address=Address(KIND, host_of(host)),
        source=SOURCE,
        source_key=key,
        payload=msgspec.json.encode(news),
    )


class ControllerActor(OutboxActor):
    """See the module."""

    account_id = NOBODY

    async def activate(self) -> None:
        await self.open_outbox()

    async def handle_entry(self, entry: InboxEntry) -> None:
        try:
            news = _decoder.decode(entry.payload)
        except msgspec.MsgspecError as error:
            raise Permanent("this is no news for the controller") from error
        body: Body
        match news:
            case Registered():
                body = ForwardRegistration(
                    registration_key=news.registration_key, revision=news.revision, status=news.status
                )
            case Connected():
                await registrations.attach(self.services.db, registrations.key_of_host(news.host), news.account_id)
                body = TellConnected(told_account=news.account_id)
        if self.services.controller is None:
            await self.finish(entry, Decision(result="there is no controller"))
            return
        await self.finish(entry, Decision(todo=(NewBody(lane=LANE, body=body),), result="passed on"))

    async def deliver(self, body: Body, delivery: Delivery) -> Outcome:
        try:
            match body:
                case ForwardRegistration():
                    return await self._forward(body)
                case TellConnected():
                    return await self._tell(body)
                case NoteNotForwarded():
                    await registrations.note_forwarded(self.services.db, body.registration_key, body.revision, "failed")
                    return DONE
                case _:
                    raise Permanent(f"nobody tells the controller of {body.kind}")
        except ControllerClosed as error:
            if self.services.now() - delivery.created_at > PATIENCE:
                raise Permanent(str(error)) from error
            raise Transient(str(error), retry_after_s=CLOSED_PAUSE_S) from error

    def given_up(self, body: Body, failure: Failure) -> Outcome:
        if not isinstance(body, ForwardRegistration):
            return Outcome()
        noted = NoteNotForwarded(registration_key=body.registration_key, revision=body.revision)
        return Outcome(todo=(NewBody(lane=LANE, body=noted),))

    async def _forward(self, body: ForwardRegistration) -> Outcome:
        controller = self.services.controller
        if controller is None:
            return Outcome(error="there is no controller")
        row = await registrations.get(self.services.db, body.registration_key)
        if row is None:
            return Outcome(error="the registration was forgotten")
        await controller.inform(
            Notice(
                name=row.client_name,
                phone=row.phone,
                account_id=row.account_id or row.claimed_account or 0,
                subdomain=row.subdomain,
                widget_name=row.widget_name,
                has_consent=row.consented_at is not None,
                status=body.status,
                client_uuid=row.client_uuid,
                enum_id=row.enum_id,
            )
        )
        await registrations.note_forwarded(self.services.db, body.registration_key, body.revision, "done")
        log.info("a registration was passed on", host=host_of(row.host), status=body.status)
        return DONE

    async def _tell(self, body: TellConnected) -> Outcome:
        if self.services.controller is None:
            return Outcome(error="there is no controller")
        await self.services.controller.connected(self.services.client_uuid, body.told_account)
        return DONE
