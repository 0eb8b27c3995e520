"""Carrying out what people press and type in the group menu.

The rights of the person and the state of the deal are asked of Telegram and amoCRM, so this is work of a lane, not of
the mailbox: a slow answer holds up nobody's messages. Each step decides synchronously once the answer is there, and
its result is one commit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from dealgram.actors import texts
from dealgram.actors.bodies import AnswerPress, AttachDeal, CheckDeal, DetachDeal, EditMenu, HandlePress, Say
from dealgram.actors.cards import deal_texts
from dealgram.actors.cards.notes import deal_note
from dealgram.actors.groups import full_deal_texts, link_refusals, menu, topic_texts
from dealgram.actors.groups.deal_room import DealRoom
from dealgram.actors.groups.group_import import Past
from dealgram.actors.groups.group_messages import CHAT_LANE, group_line, topic_here
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.groups.link_policy import deal_state
from dealgram.actors.outbox import DONE, NewBody, Outcome
from dealgram.actors.reading.authors import GROUP_ANONYMOUS_BOT
from dealgram.actors.registry import AccountInfo
from dealgram.actors.services import BotGoneError, Services, now_ms
from dealgram.actors.subscriptions import lapse_texts
from dealgram.gateways.errors import Refused, Unauthorised
from dealgram.persistence import groups, links
from dealgram.persistence.records import Link
from dealgram.persistence.tables import Row
from dealgram.runtime import Permanent

CALLBACK_LANE = "callback"
NEWS_FOR = dt.timedelta(days=14)
"""For how long the list tells what happened to deals without anybody's doing."""


class GroupMenu:
    """The menu of one group. Works on the actor's own state."""

    def __init__(self, services: Services, account_id: int, state: GroupState, room: DealRoom) -> None:
        self._services = services
        self._account_id = account_id
        self._state = state
        self._room = room

    async def press(self, body: HandlePress) -> Outcome:
        """Carry out a button press."""
        press = menu.read_press(body.data)
        if press is None:
            return Outcome(todo=(_answer(body, texts.PRESS_STALE, alert=True),))
        changes = isinstance(press, menu.AskForDeal | menu.ConfirmUnlink | menu.Unlink)
        if changes and not await self._may_change(body.user_id):
            return Outcome(todo=(_answer(body, texts.ONLY_ADMINISTRATORS, alert=True),))
        if self._is_lapsed and (changes or await self._may_change(body.user_id)):
            # An alert is seen by whoever pressed and by nobody else: clients in the group notice nothing.
            return Outcome(todo=(_answer(body, lapse_texts.MENU_PAUSED, alert=True),))
        match press:
            case menu.OpenMenu():
                page_now = menu.main_page(self._state.row.title, len(self._state.deals), self._here(body.thread))
                return self._show(body, page_now)
            case menu.ShowDeals(page=page):
                return self._show(body, self._list(page, body.thread))
            case menu.ConfirmUnlink(deal_id=deal_id, page=page) if self._state.is_linked(deal_id):
                return self._show(body, menu.confirm_page(self._deal(deal_id), page))
            case menu.Unlink(deal_id=deal_id, page=page) if self._state.is_linked(deal_id):
                return self._unlink(body, deal_id, page)
            case menu.ConfirmUnlink(page=page) | menu.Unlink(page=page):
                return self._show(body, self._list(page, body.thread), toast=texts.ALREADY_UNLINKED)
            case menu.AskForDeal(topic=topic) if topic is not None and not self._account().settings.topic_links:
                return Outcome(todo=(_answer(body, topic_texts.TOPIC_LINKS_OFF, alert=True),))
            case menu.AskForDeal(topic=topic):
                return self._ask(body, topic)
            case menu.CloseMenu():
                return self._show(body, menu.Page(texts.MENU_CLOSED))

    async def check_deal(self, body: CheckDeal, past: Past) -> Outcome:
        """Look a deal up and link it, or say why not. A linked deal is given the last messages of the ``past``. To be
        called, and its result committed, while `DealRoom.alone` is held for the deal."""
        account = self._account()
        if body.asks_rights and not await self._may_change(body.user_id):
            return self._reply(body, texts.ONLY_ADMINISTRATORS, again=False)
        if self._is_lapsed:
            return self._reply(body, lapse_texts.LINKING_PAUSED, again=False, code=link_refusals.LAPSED)
        if self._state.is_linked(body.deal_id):
            return self._reply(body, self._already(body), again=True)
        if body.topic is not None and not account.settings.topic_links:
            return self._reply(body, topic_texts.TOPIC_LINKS_OFF, again=False)
        if body.topic is not None and not self._state.topics.is_known(body.topic):
            return self._reply(body, topic_texts.TOPIC_UNKNOWN, again=False)
        lead = await self._services.amocrm(self._account_id).lead(body.deal_id, with_contacts=False)
        if lead is None:
            html = texts.deal_not_found_html(body.deal_id)
            return self._reply(body, html, again=True, code=link_refusals.DEAL_NOT_FOUND)
        if lead.is_deleted:
            html = texts.deal_deleted_html(body.deal_id)
            return self._reply(body, html, again=True, code=link_refusals.DEAL_DELETED)
        if (other := await self.other_bot(body.deal_id)) is not None:
            html = texts.linked_by_other_bot_html(body.deal_id, other)
            return self._reply(body, html, again=False, code=link_refusals.OTHER_BOT)
        name = lead.name or f"Сделка № {body.deal_id}"
        if not await self._room.reserve(body.deal_id, body.topic):
            html = full_deal_texts.no_room_html(name, account.deal_link(body.deal_id), body.deal_id)
            return self._reply(body, html, again=True, code=link_refusals.NO_ROOM)
        if self._state.is_linked(body.deal_id):
            return DONE  # two people named the same deal at the same moment
        now = int(self._services.now().timestamp())
        by = body.user_id or None
        linked = self._state.link(
            body.deal_id,
            name,
            by,
            deal_state=deal_state(lead),
            pipeline_id=lead.pipeline_id,
            thread=body.topic,
        )
        rows = (*linked, *self._state.close_dialog(body.user_id, now))
        title, topic = self._state.row.title, self._state.topic_name(body.topic)
        html = topic_texts.linked_html(name, account.deal_link(body.deal_id), body.deal_id, topic)
        done = self._say(html, body.thread if body.user_id else body.topic)
        # The first line opens the group's own conversation at once; a large group's contacts follow at amoCRM's pace.
        at = now_ms(self._services)
        line = group_line(self._state, body.deal_id, topic_texts.linked_line(title, topic), f"on{at}", at)
        attach = NewBody(lane=f"deal-{body.deal_id}", body=AttachDeal(deal_id=body.deal_id))
        who = _who(body.user_id, body.user_name)
        note = deal_note(body.deal_id, deal_texts.linked_note(title, self._bot_name(), who, topic))
        return Outcome(rows=rows, todo=(done, line, *past.into(body.deal_id), attach, note))

    def unlink(self, deal_id: int, who: str = deal_texts.OPERATOR) -> tuple[tuple[Row, ...], tuple[NewBody, ...]]:
        """Unlink a deal that is linked: a last line in its card, then the group's contact leaves it."""
        now = now_ms(self._services)
        title, topic = self._state.row.title, self._topic_of(deal_id)
        line = group_line(self._state, deal_id, topic_texts.unlinked_line(title, topic), f"off{now}", now)
        rows = self._state.unlink(deal_id)
        # The contact leaves after the last line, in the same lane.
        note = deal_note(deal_id, deal_texts.unlinked_note(title, self._bot_name(), who, topic))
        return rows, (line, NewBody(lane=line.lane, body=DetachDeal(deal_id=deal_id)), note)

    def unlinked_message(self, deal_id: int) -> NewBody:
        """Tell the group that a deal was unlinked; the topic, if it was that one's."""
        name, link = self._state.deal_name(deal_id), self._account().deal_link(deal_id)
        html = topic_texts.unlinked_html(name, link, deal_id, self._topic_of(deal_id))
        return self._say(html, self._state.linked_topic(deal_id))

    def _unlink(self, body: HandlePress, deal_id: int, page: int) -> Outcome:
        rows, todo = self.unlink(deal_id, _who(body.user_id, body.user_name))
        shown = self._show(body, self._list(page, body.thread), toast=texts.UNLINKED_TOAST)
        return Outcome(rows=rows, todo=(*shown.todo, self.unlinked_message(deal_id), *todo))

    def _ask(self, body: HandlePress, topic: int | None) -> Outcome:
        now = int(self._services.now().timestamp())
        question = Say(
            chat_id=self._state.row.chat_id,
            html=topic_texts.ask_deal_html(body.user_id, body.user_name, self._state.topic_name(topic)),
            force_reply=True,
            placeholder=texts.DEAL_PLACEHOLDER,
            thread=body.thread,
            dialog_user_id=body.user_id,
        )
        return Outcome(
            rows=self._state.open_dialog(body.user_id, now, thread=body.thread, topic=topic),
            todo=(_answer(body), NewBody(lane=CHAT_LANE, body=question)),
        )

    def _show(self, body: HandlePress, page: menu.Page, toast: str | None = None) -> Outcome:
        edit = EditMenu(chat_id=body.chat_id, message_id=body.message_id, html=page.html, buttons=page.buttons)
        return Outcome(todo=(_answer(body, toast), NewBody(lane=CHAT_LANE, body=edit)))

    def _list(self, page: int, thread: int | None) -> menu.Page:
        deals = [self._deal(deal_id) for deal_id in self._state.deals]
        return menu.deals_page(self._state.row.title, deals, page, self._ended(), self._here(thread))

    def _here(self, thread: int | None) -> menu.TopicHere | None:
        return topic_here(self._state, thread, is_offered=self._account().settings.topic_links)

    def _topic_of(self, deal_id: int) -> str | None:
        return self._state.topic_name(self._state.linked_topic(deal_id))

    def _already(self, body: CheckDeal) -> str:
        name, link = self._state.deal_name(body.deal_id), self._account().deal_link(body.deal_id)
        wanted = self._state.topic_name(body.topic)
        return topic_texts.already_linked_html(
            name, link, body.deal_id, linked=self._topic_of(body.deal_id), wanted=wanted
        )

    def _deal(self, deal_id: int) -> menu.LinkedDeal:
        link = self._state.links[deal_id]
        marks = (
            deal_texts.state_mark(link.deal_state),
            deal_texts.return_mark(link.reason) if self._is_news(link.linked_at) else None,
            deal_texts.merged_mark(self._state.merged_into(deal_id)),
        )
        return menu.LinkedDeal(
            deal_id,
            self._state.deal_name(deal_id),
            self._account().deal_link(deal_id),
            tuple(mark for mark in marks if mark),
            self._topic_of(deal_id),
        )

    def _ended(self) -> list[menu.EndedDeal]:
        """Deals whose link ended lately without anybody's doing."""
        return [
            menu.EndedDeal(
                deal_id,
                self._state.deal_name(deal_id),
                self._account().deal_link(deal_id),
                deal_texts.ended_line(link.reason, link.merged_into),
            )
            for deal_id, link in self._state.links.items()
            if link.status == "unlinked"
            and link.reason is not None
            and not self._state.is_served(deal_id)
            and self._is_news(link.unlinked_at)
        ]

    def _is_news(self, at: dt.datetime | None) -> bool:
        # Times are the database's and are read at activation: what has none yet is of this very life.
        return at is None or self._services.now() - at < NEWS_FOR

    def _bot_name(self) -> str:
        bot = self._services.registry.bot_of(self._account_id, self._state.row.bot_id)
        return bot.username if bot is not None else str(self._state.row.bot_id)

    def _reply(self, body: CheckDeal, html: str, *, again: bool, code: str = link_refusals.REFUSED) -> Outcome:
        now = int(self._services.now().timestamp())
        asking = again and body.user_id in self._state.dialogs(now)
        say = Say(
            chat_id=self._state.row.chat_id,
            html=html,
            force_reply=asking,
            placeholder=texts.DEAL_PLACEHOLDER if asking else None,
            thread=body.thread,
            dialog_user_id=body.user_id if asking else None,
        )
        todo = (NewBody(lane=CHAT_LANE, body=say),) if body.user_id else ()
        dialog = {"thread": body.thread, "topic": body.topic}
        rows = self._state.open_dialog(body.user_id, now, **dialog) if asking else ()
        refusal = None if body.user_id else str(link_refusals.LinkRefusal(code, texts.plain(html)))
        return Outcome(rows=rows, todo=todo, error=refusal)

    def _say(self, html: str, thread: int | None) -> NewBody:
        return NewBody(lane=CHAT_LANE, body=Say(chat_id=self._state.row.chat_id, html=html, thread=thread))

    async def _may_change(self, user_id: int) -> bool:
        """Whether a person may link and unlink: administrators of the group, unless the account opened it to all."""
        if self._account().settings.everyone_may_link or user_id == GROUP_ANONYMOUS_BOT:
            return True
        try:
            bot = self._services.bot(self._account_id, self._state.row.bot_id)
            member = await self._services.telegram.bot(bot.token).get_chat_member(self._state.row.chat_id, user_id)
        except (Refused, Unauthorised, BotGoneError):
            return False
        return member.is_admin

    async def other_bot(self, deal_id: int) -> str | None:
        """The other bot of ours through which the same Telegram group is linked to the deal already."""
        for bot_id in await self._rivals(await links.for_deal(self._services.db, self._account_id, deal_id)):
            bot = self._services.registry.bot_of(self._account_id, bot_id)
            return bot.username if bot is not None else str(bot_id)
        return None

    async def gave_way(self, deal_id: int) -> bool:
        """Whether the same Telegram group was linked to the deal through another bot while this one was not in it."""
        if not self._state.is_linked(deal_id) or self._state.row.status == "left":
            return False
        found = await links.for_deal(self._services.db, self._account_id, deal_id)
        own = [index for index, link in enumerate(found) if link.group_id == self._state.row.group_id]
        # In the order of linking: whoever linked later did so because this bot was away.
        return bool(own) and bool(await self._rivals(found[own[0] + 1 :]))

    async def _rivals(self, found: Sequence[Link]) -> list[int]:
        """The other bots of ours that have one of these links through the same Telegram group, and are in it."""
        rivals = []
        for link in found:
            if link.status != "linked" or link.group_id == self._state.row.group_id:
                continue
            group = await groups.get(self._services.db, self._account_id, link.group_id)
            if group is not None and group.chat_id == self._state.row.chat_id and group.status != "left":
                rivals.append(group.bot_id)
        return rivals

    @property
    def _is_lapsed(self) -> bool:
        return self._services.has_lapsed(self._account_id)

    def _account(self) -> AccountInfo:
        account = self._services.registry.account(self._account_id)
        if account is None:
            raise Permanent(f"account {self._account_id} is unknown here")
        return account


def _who(user_id: int, name: str) -> str:
    """Who linked or unlinked, as a note says it. Without a Telegram id: somebody in amoCRM, or an operator."""
    if not user_id:
        return name or deal_texts.OPERATOR
    return texts.ADMINISTRATOR_OF_GROUP.lower() if user_id == GROUP_ANONYMOUS_BOT else name


def _answer(body: HandlePress, text: str | None = None, *, alert: bool = False) -> NewBody:
    return NewBody(lane=CALLBACK_LANE, body=AnswerPress(query_id=body.query_id, text=text, alert=alert))
