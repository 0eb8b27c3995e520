"""The account's side of mending a gap: chats are compared with what was taken in, one after the other.

Hooks of the Chats API are sent once (amoCRM contract §9). After an outage the history of the account's active chats is
read, and each message of a manager or a robot that is missing is put into the inbox of whoever owns the chat, under the
key that its hook has: a hook that comes late, a second comparison, a crash in between double nothing. Everything is an
outbox row in one background lane, so it goes on where it was, at a pace of its own, behind everything that people wait
for. Messages keep their order within a chat; between two chats of one group there is none.
"""

from __future__ import annotations

import dataclasses

import msgspec
import structlog
import trio

from dealgram.actors import texts
from dealgram.actors.account_bodies import CompareChat, CountGivenUp, PlanRepair
from dealgram.actors.accounts.missed import born_in_amocrm, hook_key, hook_of, sent_at_ms
from dealgram.actors.answering.answers import refuse
from dealgram.actors.bodies import PostMessage
from dealgram.actors.body_parts import Body
from dealgram.actors.names import account_address, parse_conversation
from dealgram.actors.outbox import DONE, Decision, NewBody, OutboxActor, Outcome, background
from dealgram.actors.registry import AccountInfo
from dealgram.actors.services import now_ms
from dealgram.gateways.amojo import HistoryItem, MessageHook
from dealgram.gateways.errors import NotFound, Refused
from dealgram.persistence import repairs
from dealgram.persistence.entries import Delivery, InboxEntry, NewEntry
from dealgram.persistence.records import Repair
from dealgram.runtime import Permanent, Transient

log = structlog.get_logger(__name__)

SOURCE = "repair"
LANE = background("repair")
PAGE = 50
PAGES = 20
"""A chat with more than a thousand messages since the gap began is read no further back."""
OVERLAP_MS = 60_000
"""Clocks differ, and a hook may have been on its way when the gap began or ended."""
RETRY_AFTER_S = 60.0
BEGINNING_S = 300.0
BEGINNING_LOOK_S = 1.0
"""A chat that was being begun when the gap came may have been answered in already: the comparison waits until it is
known here, but not for one that cannot be begun for minutes."""


class RepairOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Compare the account's chats for a span of time (Unix milliseconds)."""

    since_ms: int
    until_ms: int


def repair_entry(account_id: int, order: RepairOrder, *, key: str) -> NewEntry:
    """An order to the account's actor. ``key`` names the gap: the same one is not mended twice."""
    return NewEntry(
        account_id=account_id,
        address=account_address(account_id),
        source=SOURCE,
        source_key=f"{account_id}:{key}",
        payload=msgspec.json.encode(order),
    )


def refuse_late(hook: MessageHook) -> Decision:
    """A message that is too old to be sent any more: its manager is told."""
    told = refuse(hook.content.id, texts.REASON_TOO_LATE, in_background=True)
    return Decision(todo=(told,), result="too late")


class AccountRepair:
    """See the module."""

    def __init__(self, actor: OutboxActor, account_id: int) -> None:
        self._actor = actor
        self._services = actor.services
        self._limits = actor.services.repair
        self._account_id = account_id

    def decide(self, entry: InboxEntry) -> Decision:
        """What an order comes to.

        Raises:
            Permanent: it was written by a newer version.
        """
        try:
            order = msgspec.json.decode(entry.payload, type=RepairOrder)
        except msgspec.DecodeError as error:
            raise Permanent(f"not an order to compare chats: {error}") from error
        plan = PlanRepair(since_ms=order.since_ms - OVERLAP_MS, until_ms=order.until_ms + OVERLAP_MS)
        return Decision(todo=(NewBody(lane=LANE, body=plan),), result="planned")

    async def deliver(self, body: Body, delivery: Delivery) -> Outcome | None:
        """Carry out a row; None if it is none of these."""
        match body:
            case PlanRepair():
                return await self._plan(body, delivery)
            case CompareChat():
                return await self._compare(body)
            case CountGivenUp():
                return await self._count_given_up(body)
            case _:
                return None

    def given_up(self, body: Body) -> Outcome | None:
        """What follows when a row ends as a dead letter; None if it is none of these. How far the comparison is stands
        in the database, so counting is a row of its own, behind the chats that still wait."""
        match body:
            case PlanRepair():
                counted = CountGivenUp(since_ms=body.since_ms)
            case CompareChat():
                counted = CountGivenUp()
            case _:
                return None
        return Outcome(todo=(NewBody(lane=LANE, body=counted),))

    async def _count_given_up(self, body: CountGivenUp) -> Outcome:
        if body.since_ms is None:
            return Outcome(rows=(await self._progress(failed=1),))
        row = await repairs.get(self._services.db, self._account_id) or Repair(
            account_id=self._account_id, state="done"
        )
        return Outcome(rows=(dataclasses.replace(row, carried_ms=min(body.since_ms, row.carried_ms or body.since_ms)),))

    async def _plan(self, body: PlanRepair, delivery: Delivery) -> Outcome:
        self._services.account(self._account_id)  # an account that is not connected waits
        before = await repairs.get(self._services.db, self._account_id) or Repair(
            account_id=self._account_id, state="done"
        )
        since_ms = min(body.since_ms, before.carried_ms or body.since_ms)
        if await repairs.is_planned_again(self._services.db, delivery.address, LANE, PlanRepair.kind, delivery.id):
            # A service that is started again and again: its last comparison sees to all the gaps at once.
            return Outcome(rows=(dataclasses.replace(before, carried_ms=since_ms),))
        if await repairs.chats_begin(self._services.db, self._account_id, kind=PostMessage.kind, within_s=BEGINNING_S):
            raise Transient("chats are being begun", retry_after_s=BEGINNING_LOOK_S)
        chats = await repairs.active_chats(
            self._services.db, self._account_id, within_s=self._limits.active_s, limit=self._limits.chats
        )
        earliest = now_ms(self._services) - int(self._limits.lookback_s * 1000)
        row = before if before.state == "running" else Repair(account_id=self._account_id)
        row = _counted(dataclasses.replace(row, chats=row.chats + len(chats), carried_ms=None))
        todo = tuple(
            NewBody(
                lane=LANE,
                body=CompareChat(
                    conversation=chat.conversation_id,
                    chat_uuid=chat.chat_uuid,
                    since_ms=max(since_ms, earliest),
                    until_ms=body.until_ms,
                ),
            )
            for chat in chats
        )
        log.info("comparing chats after an outage", account=self._account_id, chats=len(chats))
        return Outcome(rows=(row,), todo=todo)

    async def _compare(self, body: CompareChat) -> Outcome:
        account = self._services.account(self._account_id)
        conversation = parse_conversation(body.conversation)
        if conversation is None or account.row.amojo_id is None:
            return DONE
        try:
            items = await self._history(account, body)
        except NotFound as error:
            # The channel is not connected: the next message of a client sees to that (see `posting`).
            raise Transient(str(error), retry_after_s=RETRY_AFTER_S) from error
        except Refused as error:
            return Outcome(rows=(await self._progress(failed=1),), error=str(error))
        born = born_in_amocrm(items, body.since_ms, body.until_ms)
        ids = [item.message.id for item in born]
        keys = [hook_key(self._account_id, amo_id) for amo_id in ids]
        known = await repairs.known(self._services.db, self._account_id, ids, keys)
        oldest = now_ms(self._services) - int(self._limits.max_age_s * 1000)
        entries: list[NewEntry] = []
        late = 0
        for item, key in zip(born, keys, strict=True):
            if item.message.id in known:
                continue
            is_late = sent_at_ms(item) < oldest
            late += is_late
            own = account_address(self._account_id)
            entries.append(
                NewEntry(
                    account_id=self._account_id,
                    address=own if is_late else conversation.owner(self._account_id),
                    source="amojo",
                    source_key=key,
                    payload=hook_of(item, account.row.amojo_id, body.conversation, body.chat_uuid, late=is_late),
                )
            )
        if entries:
            log.warning(
                "messages from deal cards had been missed",
                account=self._account_id,
                conversation=body.conversation,
                delivered=len(entries) - late,
                too_late=late,
            )
        row = await self._progress(found=len(entries) - late, late=late)
        return Outcome(rows=(row,), entries=tuple(entries))

    async def _history(self, account: AccountInfo, body: CompareChat) -> list[HistoryItem]:
        """The chat's messages back to the beginning of the gap. Messages that come while it is read move the pages on:
        some are then seen twice, none is left out."""
        found: list[HistoryItem] = []
        for number in range(PAGES):
            with self._actor.context.dependency("the pace of comparing chats"):
                await trio.sleep(self._limits.pause_s)
            page = await self._services.amojo.history(
                account.scope_id, body.chat_uuid, offset=number * PAGE, limit=PAGE
            )
            found += page
            is_newest_first = len(page) > 1 and sent_at_ms(page[0]) >= sent_at_ms(page[-1])
            if len(page) < PAGE or (is_newest_first and sent_at_ms(page[-1]) < body.since_ms):
                break
        return found

    async def _progress(self, *, found: int = 0, late: int = 0, failed: int = 0) -> Repair:
        row = await repairs.get(self._services.db, self._account_id) or Repair(account_id=self._account_id)
        if row.failed and row.compared >= row.chats:
            # An operator retried a chat that was given up: it is no longer among those that failed.
            row = dataclasses.replace(row, compared=row.compared - 1, failed=row.failed - 1)
        return _counted(
            dataclasses.replace(
                row,
                compared=row.compared + 1,
                found=row.found + found,
                late=row.late + late,
                failed=row.failed + failed,
            )
        )


def _counted(row: Repair) -> Repair:
    return dataclasses.replace(row, state="done" if row.compared >= row.chats else "running")
