"""The actor of an amoCRM account: its tokens and its contacts.

Owns what must have one owner per account. Refresh tokens are single use, so only this actor rotates them, and stores
the new pair before anybody uses it. A Telegram person has one contact per account however many groups and bots they
write in, so only this actor looks contacts up and creates them, one at a time per person.

Everything else asks it; it asks nobody.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
import trio

from dealgram.actors import texts
from dealgram.actors.answers import refuse
from dealgram.actors.asking import REFRESH_EARLY, AccessToken, FindContact, Reconnect
from dealgram.actors.bodies import Body, ReportStatus
from dealgram.actors.outbox import Decision, OutboxActor, Outcome
from dealgram.actors.registry import AccountInfo
from dealgram.actors.report import deliver_report
from dealgram.actors.services import AccountGone, Services
from dealgram.gateways.amocrm import ContactDraft, GrantRefused
from dealgram.gateways.amojo import DeliveryError, MessageHook, parse_hook
from dealgram.persistence import accounts, contacts, records
from dealgram.persistence.entries import Delivery, InboxEntry
from dealgram.persistence.records import Contact
from dealgram.runtime import Lanes, Permanent, Question

log = structlog.get_logger(__name__)

CONTACT_TAG = "Telegram"


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[], Awaitable[object]]
    question: Question[object]


class AccountActor(OutboxActor):
    """See the module."""

    def __init__(self, services: Services, account_id: int) -> None:
        super().__init__(services)
        self.account_id = account_id
        self._jobs: Lanes[_Job] | None = None
        self._refresh = trio.Lock()

    async def activate(self) -> None:
        self._jobs = self.context.lanes(run=self._do, concurrency=8, bound=4096)
        await self.open_outbox()

    def handle_question(self, question: Question[object]) -> None:
        match question.request:
            case AccessToken(stale=stale):
                self._put("tokens", question, lambda: self.access_token(stale))
            case FindContact() as wanted:
                self._put(f"contact-{wanted.value}", question, lambda: self._find_contact(wanted))
            case Reconnect():
                self._put("connect", question, self._reconnect)
            case request:
                raise Permanent(f"an account does not understand {type(request).__name__}")

    def _put(self, lane: str, question: Question[object], work: Callable[[], Awaitable[object]]) -> None:
        assert self._jobs is not None, "activate() comes first"
        self._jobs.put(lane, _Job(work, question))

    async def _do(self, lane: str, job: _Job) -> None:
        # The asker has its own place in a journal and asks again: a failed answer is handed over, not repeated here.
        try:
            answer = await job.work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the asker must hear of it
            job.question.reply.fail(error)
        else:
            job.question.reply.resolve(answer)

    async def handle_entry(self, entry: InboxEntry) -> None:
        """A chat hook that belongs to no bot and no group of ours (amoCRM contract §23): tell the manager."""
        hook = parse_hook(entry.payload)
        if isinstance(hook, MessageHook):
            told = refuse(hook.content.id, texts.REASON_UNKNOWN_CHAT, int(DeliveryError.CANNOT_START))
            await self.finish(entry, Decision(todo=(told,), result="unknown chat"))
        else:
            await self.finish(entry, Decision(result="ignored"))

    async def deliver(self, body: Body, delivery: Delivery) -> Outcome:
        match body:
            case ReportStatus():
                return await deliver_report(self.services, self.account_id, body, delivery)
            case _:
                raise Permanent(f"an account delivers no {body.kind}")

    # Tokens

    async def access_token(self, stale: str | None) -> str:
        """A token that is not ``stale`` and not about to expire; rotates the pair if it must.

        Raises:
            AccountGone: the account must be authorised anew.
        """
        async with self._refresh:
            # From the table, not from the registry's copy: an old refresh token would lock the account out.
            row = await accounts.get(self.services.db, self.account_id)
            if row is None or row.access_token is None or row.refresh_token is None:
                raise AccountGone(f"account {self.account_id} is not authorised", retry_after_s=60)
            token = self.services.box.open(row.access_token)
            expires = row.token_expires_at
            if token != stale and expires is not None and expires - self.services.now() > REFRESH_EARLY:
                return token
            return await self._rotate(row.host, self.services.box.open(row.refresh_token))

    async def _rotate(self, host: str, refresh: str) -> str:
        try:
            pair = await self.services.oauth.refresh(host, refresh)
        except GrantRefused as error:
            log.error("amoCRM refuses the refresh token", account=self.account_id)
            await accounts.set_status(self.services.db, self.account_id, "reauthorise")
            await self.services.registry.refresh()
            raise AccountGone(f"account {self.account_id} must be authorised anew", retry_after_s=60) from error
        # Stored before use: the old refresh token died with this answer, so losing the new one would lock us out.
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 30):
            await accounts.store_tokens(
                self.services.db,
                self.account_id,
                access_token=self.services.box.seal(pair.access_token),
                refresh_token=self.services.box.seal(pair.refresh_token),
                expires_at=self.services.now() + dt.timedelta(seconds=pair.expires_in_s),
            )
            await self.services.registry.refresh()
        return pair.access_token

    def _account(self) -> AccountInfo:
        account = self.services.registry.account(self.account_id)
        if account is None:
            raise AccountGone(f"account {self.account_id} is unknown here", retry_after_s=30)
        return account

    # Contacts

    async def _find_contact(self, request: FindContact) -> int | None:
        if request.user_id is not None:
            known = await contacts.get(self.services.db, self.account_id, request.user_id)
            if known is not None:
                return known.contact_id
        client = self.services.amocrm(self.account_id)
        field_id = self._account().row.telegram_field_id
        if field_id is None:
            raise AccountGone(f"account {self.account_id} has no contact field yet", retry_after_s=30)
        # amoCRM's search is a hint only (amoCRM contract §11): the field itself decides.
        found = [
            contact.id
            for contact in await client.find_contacts(request.value)
            if request.value in contact.values_of(field_id)
        ]
        contact_id = min(found, default=None)
        if contact_id is None:
            if not request.create:
                return None
            draft = ContactDraft(
                name=request.name,
                fields={field_id: request.value},
                tags_to_add=(CONTACT_TAG,),
                request_id=request.value,
            )
            (contact_id,) = await client.create_contacts([draft])
        if request.user_id is not None:
            await records.upsert(
                self.services.db,
                Contact(
                    account_id=self.account_id,
                    user_id=request.user_id,
                    contact_id=contact_id,
                    name=request.name,
                    username=request.username,
                ),
            )
        return contact_id

    async def _reconnect(self) -> None:
        account = self._account()
        if account.row.amojo_id is None:
            raise AccountGone(f"account {self.account_id} has no chat id", retry_after_s=60)
        await self.services.amojo.connect(account.row.amojo_id, account.row.name or account.row.subdomain)
