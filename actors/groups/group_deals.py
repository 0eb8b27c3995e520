"""What happens to a group's links when something happens to their deals in amoCRM.

Hooks, reviews and refused calls all end in one body, `ReviewDeal`: the deal is read, the account's policies decide
(`link_policy`), and the decision is one commit. So it does not matter which hooks came, how often and in which order.

Owns that work for one group, and where messages go whose deal is no longer what it was when they were decided on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import msgspec
import structlog

from dealgram.actors.bodies import MirrorAnswer, PostEmployee, PostMessage, ReviewDeal
from dealgram.actors.cards.opening import Opening
from dealgram.actors.cards.posting import Posting
from dealgram.actors.groups import link_changes
from dealgram.actors.groups.deal_room import DealRoom
from dealgram.actors.groups.group_import import Past
from dealgram.actors.groups.group_menu import GroupMenu
from dealgram.actors.groups.group_messages import group_author
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.groups.link_changes import Scene, facts
from dealgram.actors.groups.link_policy import OTHER_BOT, DealNow, End, Follow, Keep, LetGo, Relink, deal_state, judge
from dealgram.actors.groups.survivors import find_survivor, is_deleted
from dealgram.actors.names import GroupConversation, parse_conversation
from dealgram.actors.outbox import DONE, Decision, NewBody, OutboxActor, Outcome
from dealgram.actors.registry import BotInfo
from dealgram.actors.services import now_ms
from dealgram.gateways.amocrm import Lead
from dealgram.persistence import conversations
from dealgram.persistence.records import Conversation, Link

log = structlog.get_logger(__name__)


class GroupDeals:
    """See the module. Works on the actor's own state."""

    def __init__(
        self,
        actor: OutboxActor,
        state: GroupState,
        posting: Posting,
        menu: GroupMenu,
        room: DealRoom,
        *,
        bot: Callable[[], BotInfo],
        opening: Callable[[str], Opening],
        recalled: Callable[[int | None], AbstractAsyncContextManager[Past]],
    ) -> None:
        self._actor = actor
        self._services = actor.services
        self._account_id = actor.account_id
        self._state = state
        self._posting = posting
        self._menu = menu
        self._room = room
        self._bot = bot
        self._opening = opening
        self._recalled = recalled
        self._waiting: set[int] = set()

    def look(self, deal_id: int) -> tuple[NewBody, ...]:
        """See to it that a deal is looked at. Nothing more to do if that has not begun since the last time."""
        if deal_id in self._waiting or not self._concerns(deal_id):
            return ()
        self._waiting.add(deal_id)
        return (NewBody(lane=f"review-{deal_id}", body=ReviewDeal(deal_id=deal_id)),)

    def _concerns(self, deal_id: int) -> bool:
        link = self._state.links.get(deal_id)
        return link is not None and (link.status == "linked" or link.reason is not None)

    async def gone(self, deal_ids: Sequence[int]) -> bool:
        """amoCRM refused something with these deals because they are not there. Whether any of them is looked at."""
        for deal_id in deal_ids:
            if todo := self.look(deal_id):
                await self._actor.decide(Decision(todo=todo), cause=f"gone-{deal_id}-{now_ms(self._services)}")
        return any(self._concerns(deal_id) and not self._state.is_deleted(deal_id) for deal_id in deal_ids)

    async def review(self, body: ReviewDeal) -> Outcome:
        """Look at a deal and do to its link what the account's policies say."""
        deal_id = body.deal_id
        # From here on something new may happen to it that this look does not see.
        self._waiting.discard(deal_id)
        if not self._concerns(deal_id):
            return DONE
        # Before the deal: what was open by then has its contact in the deal, unless somebody took it out.
        opened = await conversations.for_deal(self._services.db, self._account_id, self._state.row.group_id, deal_id)
        lead = await self._services.amocrm(self._account_id).lead(deal_id)
        now = await self._now(deal_id, lead, opened)
        if now is None:
            log.warning("a linked deal is hidden from us", account=self._account_id, deal=deal_id)
            return Outcome(error="amoCRM neither shows the deal nor says that it was deleted")
        link = self._state.links[deal_id]
        settings = self._services.account(self._account_id).settings
        match judge(link, now, settings):
            case Keep() if now.state != "deleted" and await self._menu.gave_way(deal_id):
                return _done(link_changes.end(self._scene(), deal_id, OTHER_BOT, now))
            case Keep():
                if lead is not None and link.status == "linked":
                    await self._mend(lead, opened)
                link = self._state.links[deal_id]
                return Outcome(rows=self._state.change_link(deal_id, **_noted(link, now)))
            case End(reason=reason):
                return _done(link_changes.end(self._scene(), deal_id, reason, now))
            case LetGo():
                return _done(link_changes.let_go(self._scene(), deal_id, now))
            case Relink(reason=reason):
                return await self._relink(deal_id, reason, now)
            case Follow(survivor=survivor):
                return await self._follow(deal_id, survivor, now)

    async def _now(self, deal_id: int, lead: Lead | None, opened: Sequence[Conversation]) -> DealNow | None:
        if lead is not None and not lead.is_deleted:
            name = lead.name or self._state.deal_name(deal_id)
            return DealNow(state=deal_state(lead), name=name, pipeline_id=lead.pipeline_id)
        client = self._services.amocrm(self._account_id)
        survivor = await find_survivor(client, deal_id, opened, self._services.now().timestamp())
        if survivor is None and lead is None and not await is_deleted(client, deal_id):
            return None
        return DealNow(state="deleted", merged_into=survivor)

    async def _relink(self, deal_id: int, reason: str, now: DealNow) -> Outcome:
        async with self._room.alone(deal_id), self._recalled(self._state.linked_topic(deal_id)) as past:
            other = await self._menu.other_bot(deal_id)
            if self._state.is_linked(deal_id):
                return DONE  # a person was faster
            if other is not None:
                return _done(link_changes.let_go(self._scene(), deal_id, now))
            decision = link_changes.relink(self._scene(), deal_id, reason, now)
            return await self._commit(decision, past.into(deal_id), f"relink-{deal_id}")

    async def _follow(self, deal_id: int, survivor: int, now: DealNow) -> Outcome:
        lead = await self._services.amocrm(self._account_id).lead(survivor, with_contacts=False)
        async with self._room.alone(survivor), self._recalled(self._state.linked_topic(deal_id)) as past:
            other = await self._menu.other_bot(survivor)
            if not self._concerns(deal_id):
                return DONE
            if lead is None or other is not None:
                # Nowhere to go; or another bot of ours in the same group serves that deal: messages would be doubled.
                return _done(link_changes.end(self._scene(), deal_id, "deal_merged", now))
            name = lead.name or f"Сделка № {survivor}"
            there = DealNow(state=deal_state(lead), name=name, pipeline_id=lead.pipeline_id)
            had = self._state.is_linked(survivor)
            decision = link_changes.follow(self._scene(), deal_id, survivor, there)
            return await self._commit(decision, () if had else past.into(survivor), f"follow-{deal_id}-{survivor}")

    async def _commit(self, decision: Decision, past: Sequence[NewBody], cause: str) -> Outcome:
        """Commit a link while nobody else can look whether there is one."""
        whole = Decision(rows=decision.rows, todo=(*decision.todo, *past))
        await self._actor.decide(whole, cause=f"{cause}-{now_ms(self._services)}")
        return DONE

    async def _mend(self, lead: Lead, opened: Sequence[Conversation]) -> None:
        """Contacts that somebody took out of the deal, or that are no more: their conversations are opened anew, the
        group's own at once, a person's with their next message."""
        there = {contact.id for contact in lead.contacts}
        lost = [row for row in opened if row.ready and row.contact_id not in there]
        if lost:
            rows = tuple(dataclasses.replace(row, ready=False) for row in lost)
            await self._actor.decide(Decision(rows=rows), cause=f"mend-{lead.id}")
            for row in lost:
                self._posting.forget(row.conversation_id)
        for row in opened:
            closed = row.chat_uuid is not None and (row in lost or not row.ready)
            if row.user_id is None and closed and self._state.is_linked(lead.id):
                await self._posting.reopen(self._opening(row.conversation_id))

    def _scene(self) -> Scene:
        account = self._services.account(self._account_id)
        return Scene(state=self._state, account=account, bot=self._bot().username, now_ms=now_ms(self._services))

    # Messages on their way

    def heir(self, key: str) -> GroupConversation | None:
        """The conversation that takes the place of one whose deal became part of another; None if it has none."""
        conversation = parse_conversation(key)
        if not isinstance(conversation, GroupConversation) or conversation.deal_id is None:
            return None
        last = self._state.last_of(conversation.deal_id)
        if last == conversation.deal_id or not self._state.is_linked(last):
            return None
        return GroupConversation(conversation.group_id, last, conversation.user_id)

    def is_silent(self, conversation: GroupConversation) -> bool:
        """Whether what is posted there must not stir amoCRM (see `GroupState.is_silent`)."""
        deals = self._state.whole_deals if conversation.deal_id is None else (conversation.deal_id,)
        return bool(deals) and all(self._state.is_silent(deal_id) for deal_id in deals)

    def attachable(self, conversation: GroupConversation, shared: Sequence[int]) -> tuple[int, ...]:
        """The deals that a conversation's contact is to be in: its own, or ``shared`` ones; no deleted ones."""
        deals = shared if conversation.deal_id is None else (conversation.deal_id,)
        return tuple(deal_id for deal_id in deals if not self._state.is_deleted(deal_id))

    def is_moot(self, key: str) -> bool:
        """Whether posting there is of no use: the deal is deleted, and the message stands in its other deals.
        amoCRM would show it there a second time, since it binds the chat to another deal of the contact."""
        conversation = parse_conversation(key)
        if not isinstance(conversation, GroupConversation) or conversation.deal_id is None:
            return False
        deal_id = conversation.deal_id
        return self._state.is_deleted(deal_id) and self._state.are_others_live(deal_id)

    def hand_on(self, body: PostMessage | MirrorAnswer | PostEmployee, heir: GroupConversation) -> Outcome:
        """A message that was decided on before its deal became part of another: it goes there instead.

        Under the id that it has there: should it have been posted to both deals, amoCRM takes the second for the
        repetition that it is (amoCRM contract §7).
        """
        origin = parse_conversation(body.conversation)
        assert isinstance(origin, GroupConversation), "it has an heir"
        changes: dict[str, object] = {
            "conversation": str(heir),
            "msgid": body.msgid.removesuffix(f"-d{origin.deal_id}") + f"-d{heir.deal_id}"
            if body.msgid.endswith(f"-d{origin.deal_id}")
            else f"{body.msgid}-d{heir.deal_id}",
        }
        if isinstance(body, PostMessage) and body.author.user_id is None:
            changes["author"] = _author_there(body, origin, heir)
        return Outcome(todo=(NewBody(lane=str(heir), body=msgspec.structs.replace(body, **changes)),))


def _author_there(body: PostMessage, origin: GroupConversation, heir: GroupConversation) -> object:
    there = group_author(heir, body.author.name)
    return there if body.author.id == group_author(origin, "").id else body.author


def _noted(link: Link, now: DealNow) -> dict[str, object]:
    """What is newly known of a deal. A link that has ended keeps what it was when it ended, but for the state."""
    return facts(now) if link.status == "linked" else {"deal_state": now.state}


def _done(decision: Decision) -> Outcome:
    return Outcome(rows=decision.rows, todo=decision.todo)
