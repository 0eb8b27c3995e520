"""The actor of an amoCRM account: its tokens, its contacts and its life (setup, check-ups, removal).

Owns what must have one owner per account. Refresh tokens are single use, so only this actor rotates them, and stores
the new pair before anybody uses it. A Telegram person has one contact per account however many groups and bots they
write in, so only this actor looks contacts up and creates them, one at a time per person.

Everything else asks it; it asks nobody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import structlog

from dealgram.actors import texts
from dealgram.actors.accounts import account_hooks, account_orders, account_repair
from dealgram.actors.accounts.account_contacts import AccountContacts
from dealgram.actors.accounts.account_hooks import AccountHooks
from dealgram.actors.accounts.account_life import AccountLife
from dealgram.actors.accounts.account_repair import AccountRepair
from dealgram.actors.accounts.account_tokens import AccountTokenStore
from dealgram.actors.accounts.contact_review import ContactReview
from dealgram.actors.accounts.missed import is_too_late
from dealgram.actors.answering.answers import refuse
from dealgram.actors.answering.report import deliver_report
from dealgram.actors.asking import (
    AccessToken,
    AdoptContact,
    CheckContact,
    FindAddress,
    FindContact,
    FindContacts,
    PersonRenamed,
    Reconnect,
)
from dealgram.actors.bodies import ReportStatus
from dealgram.actors.body_parts import Body
from dealgram.actors.outbox import Decision, Outcome
from dealgram.actors.registry import AccountInfo
from dealgram.actors.services import AccountGone, Services
from dealgram.actors.subscriptions.served import ServedActor
from dealgram.gateways.amojo import DeliveryError, MessageHook, parse_hook
from dealgram.persistence.entries import Delivery, InboxEntry
from dealgram.runtime import Failure, Lanes, Permanent, Question

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[], Awaitable[object]]
    question: Question[object]


class AccountActor(ServedActor):
    """See the module."""

    def __init__(self, services: Services, account_id: int) -> None:
        super().__init__(services)
        self.account_id = account_id
        self._jobs: Lanes[_Job] | None = None
        self._token_jobs: Lanes[_Job] | None = None
        self._tokens = AccountTokenStore(services, account_id)
        self._contacts = AccountContacts(services, account_id)
        self._life = AccountLife(services, account_id, self._tokens)
        self._review = ContactReview(services, account_id, self._contacts)
        self._hooks = AccountHooks(services, account_id, self._review)
        self._repair = AccountRepair(self, account_id)

    async def activate(self) -> None:
        self._jobs = self.context.lanes(run=self._do, concurrency=8, bound=4096)
        # Of their own: the jobs above wait for tokens themselves, and may be all that run at the moment.
        self._token_jobs = self.context.lanes(run=self._do, concurrency=1, bound=4096)
        await self.open_outbox()

    def handle_question(self, question: Question[object]) -> None:
        match question.request:
            case AccessToken(stale=stale):
                work = partial(self._tokens.access_token, stale)
                _required(self._token_jobs).put("tokens", _Job(work, question))
            case FindAddress(host=host):
                _required(self._token_jobs).put("tokens", _Job(partial(self._tokens.has_moved, host), question))
            case FindContact() as wanted:
                self._put(f"contact-{wanted.value}", question, lambda: self._contacts.find(wanted))
            case FindContacts() as many:
                self._put("contacts", question, lambda: self._contacts.find_all(many))
            case CheckContact() as doubted:
                self._put(f"contact-{doubted.value}", question, lambda: self._review.doubt(doubted))
            case AdoptContact() as given:
                self._put(f"contact-{given.user_id}", question, lambda: self._contacts.adopt(given))
            case PersonRenamed() as person:
                self._put(f"contact-{person.user_id}", question, lambda: self._contacts.follow(person))
            case Reconnect():
                self._put("connect", question, self._reconnect)
            case request:
                raise Permanent(f"an account does not understand {type(request).__name__}")

    def _put(self, lane: str, question: Question[object], work: Callable[[], Awaitable[object]]) -> None:
        _required(self._jobs).put(lane, _Job(work, question))

    async def _do(self, lane: str, job: _Job) -> None:
        # The asker has its own place in a journal and asks again: a failed answer is handed over, not repeated here.
        try:
            answer = await job.work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the asker must hear of it
            job.question.reply.fail(error)
        else:
            job.question.reply.resolve(answer)

    async def handle_entry(self, entry: InboxEntry) -> None:
        """An order to the account itself, a CRM hook, or a chat hook that belongs to no bot and no group of ours
        (amoCRM contract §23): tell the manager."""
        if entry.source == account_orders.SOURCE:
            await self.finish(entry, await self._life.decide(entry))
            return
        if entry.source == account_hooks.SOURCE and self.is_lapsed:
            await self.finish(entry, Decision(result="the account has lapsed"))  # the payment brings a review
            return
        if entry.source == account_hooks.SOURCE:
            await self.finish(entry, await self._hooks.decide(entry))
            return
        if entry.source == account_repair.SOURCE:
            await self.finish(entry, self._repair.decide(entry))
            return
        hook = parse_hook(entry.payload)
        if isinstance(hook, MessageHook) and is_too_late(entry.payload):
            await self.finish(entry, account_repair.refuse_late(hook))
        elif isinstance(hook, MessageHook):
            told = refuse(hook.content.id, texts.REASON_UNKNOWN_CHAT, int(DeliveryError.CANNOT_START))
            await self.finish(entry, Decision(todo=(told,), result="unknown chat"))
        else:
            await self.finish(entry, Decision(result="ignored"))

    async def deliver(self, body: Body, delivery: Delivery) -> Outcome:
        match body:
            case ReportStatus():
                return await deliver_report(self.services, self.account_id, body, delivery)
            case _:
                outcome = await self._life.deliver(body, delivery)
                if outcome is None:
                    outcome = await self._hooks.deliver(body, delivery)
                if outcome is None:
                    outcome = await self._repair.deliver(body, delivery)
                if outcome is None:
                    raise Permanent(f"an account delivers no {body.kind}")
                return outcome

    def given_up(self, body: Body, failure: Failure) -> Outcome:
        return self._repair.given_up(body) or self._life.given_up(body, failure)

    def _account(self) -> AccountInfo:
        account = self.services.registry.account(self.account_id)
        if account is None:
            raise AccountGone(f"account {self.account_id} is unknown here", retry_after_s=30)
        return account

    async def _reconnect(self) -> None:
        account = self._account()
        if account.row.amojo_id is None:
            raise AccountGone(f"account {self.account_id} has no chat id", retry_after_s=60)
        await self.services.amojo.connect(account.row.amojo_id, account.row.name or account.row.subdomain)


def _required(lanes: Lanes[_Job] | None) -> Lanes[_Job]:
    assert lanes is not None, "activate() comes first"
    return lanes
