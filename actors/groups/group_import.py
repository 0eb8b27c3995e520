"""The last messages of a group, imported into a deal that is linked later (account setting ``import_last_messages``).

Owns which messages these are and what is posted for them. They are read from the journal while the deal is looked up,
and the posts are part of the very commit that links the deal: they stand in their lanes before anything that is said
from then on, and whoever reads the same messages again (a second link, a restart) finds them posted or waiting. What
the group decides on while the journal is being read is listened to; so nothing falls between import and live.

All imported messages are silent (amoCRM contract §7 has the last one loud, for chats that begin with an import; here
dealgram's own line about the link follows, and nobody is to be woken by what was said yesterday). They keep their
times, authors and final texts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from dealgram.actors.bodies import PostEmployee, PostMessage, SendAnswer
from dealgram.actors.cards.mirrored import QuotedAlbums, mirror_of
from dealgram.actors.groups.group_answers import as_imported
from dealgram.actors.groups.group_messages import Surroundings, post, posts
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.groups.topics import labelled
from dealgram.actors.names import GroupConversation, answer_msgid, parse_conversation
from dealgram.actors.outbox import Decision, NewBody
from dealgram.actors.reading.incoming import Incoming, read_message, within_album
from dealgram.actors.services import Services
from dealgram.gateways.telegram import BadUpdate, Message, parse_update
from dealgram.persistence import messages, past
from dealgram.persistence.messages import Place
from dealgram.runtime import ActorContext

PAGE = 200
"""Rows of the journal in memory at a time."""
PAGES = 10
"""A group that edits and edits is read no further back than this."""

Posted = PostMessage | PostEmployee
Ref: TypeAlias = tuple[int, int]
"""A message of Telegram: chat id and message id."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A manager's answer as it stands in the group."""

    body: SendAnswer
    text: str
    message_id: int | None


@dataclass(slots=True)
class Heard:
    """Words of the group by message, each with its latest text. The first text of a message keeps its place in time."""

    words: dict[Ref, Incoming] = field(default_factory=dict)
    edits: dict[Ref, Incoming] = field(default_factory=dict)
    places: dict[Ref, set[Place]] = field(default_factory=dict)
    """Where they stand in amoCRM, or are about to."""

    def add(self, incoming: Incoming, *, is_edit: bool, newest: bool) -> None:
        """Note a message or an edit. ``newest``: it is later than all that were noted; otherwise earlier."""
        ref = (incoming.chat_id, incoming.message_id)
        kept = self.edits if is_edit else self.words
        if newest or ref not in kept:
            kept[ref] = incoming

    def note_places(self, incoming: Incoming, todo: Iterable[NewBody]) -> None:
        """Note where a message is about to be posted."""
        found = {Place(new.lane, new.body.msgid) for new in todo if isinstance(new.body, Posted)}
        self.places.setdefault((incoming.chat_id, incoming.message_id), set()).update(found)

    def add_earlier(self, earlier: Heard, places: Mapping[Ref, set[Place]]) -> None:
        """Note what was said before all this. What is known here already is the later knowledge."""
        self.words = earlier.words | self.words
        self.edits = earlier.edits | self.edits
        for ref, known in places.items():
            self.places.setdefault(ref, set()).update(known)

    def final(self) -> list[Incoming]:
        """The messages with what they said last."""
        return [self._final(ref, incoming) for ref, incoming in self.words.items()]

    def _final(self, ref: Ref, incoming: Incoming) -> Incoming:
        edit = self.edits.get(ref)
        if edit is None or not edit.line or incoming.live == "moves":
            return incoming
        return dataclasses.replace(
            incoming, text=edit.text, line=edit.line, shown=edit.shown, said=edit.said, file_key=edit.file_key
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What an import would bring; :meth:`into` decides it."""

    state: GroupState
    limit: int = 0
    heard: Heard = field(default_factory=Heard)
    answers: tuple[Answer, ...] = ()
    around: Surroundings | None = None

    def into(self, deal_id: int) -> tuple[NewBody, ...]:
        """The posts that bring the last messages into a deal, oldest first; what it shows already is left out.

        Call in the same breath as ``state.link``, and put the result into the same commit.
        """
        if not self.limit or self.around is None:
            return ()
        moments: list[tuple[int, int, Incoming | Answer]] = []
        moments += [(one.sent_at_ms, one.message_id, one) for one in self.heard.final()]
        moments += [(one.body.sent_at_ms, one.message_id or 0, one) for one in self.answers]
        # Of a topic with deals of its own, to these; of all others, to the deals of the whole group.
        moments = [moment for moment in moments if deal_id in self.state.deals_of(_thread(moment[2]))]
        moments.sort(key=lambda moment: moment[:2])
        todo: list[NewBody] = []
        albums: set[str] = set()
        quoted = QuotedAlbums()
        for *_, one in moments[-self.limit :]:
            if isinstance(one, Answer):
                todo += self._answer(deal_id, one, quoted.line_of(one.body))
                continue
            todo += self._words(deal_id, within_album(one) if one.album in albums else one)
            if one.album is not None:
                albums.add(one.album)
        return tuple(todo)

    def _words(self, deal_id: int, incoming: Incoming) -> Iterable[NewBody]:
        assert self.around is not None
        if self._is_shown(deal_id, self.heard.places.get((incoming.chat_id, incoming.message_id), ())):
            return
        own = GroupConversation(self.state.row.group_id, deal_id)
        for new in posts(self.state, incoming, self.around):
            conversation = parse_conversation(new.lane)
            if not isinstance(conversation, GroupConversation) or conversation.deal_id not in (None, deal_id):
                continue
            # A conversation that other deals show too: they were linked later than this was said.
            is_shared = conversation.deal_id is None and self.state.whole_deals != (deal_id,)
            found = post(self.state, incoming, own) if is_shared else new
            body = found.body
            if isinstance(body, PostMessage):
                body = msgspec.structs.replace(body, silent=True)
            yield dataclasses.replace(found, body=body)

    def _answer(self, deal_id: int, answer: Answer, quoted: str) -> Iterable[NewBody]:
        body = answer.body
        origin = parse_conversation(body.conversation)
        shown = self.heard.places.get((body.chat_id, answer.message_id or 0), ())
        if not isinstance(origin, GroupConversation) or self._belongs(origin, deal_id):
            return  # it was given in this deal, or in a conversation that belongs to all
        if self._is_shown(deal_id, shown):
            return
        own = GroupConversation(self.state.row.group_id, deal_id)
        text = labelled(self.state.topic_label(body.thread, deal_id), answer.text)
        mirror = mirror_of(body, own, text=text, quoted=quoted, message_id=answer.message_id)
        yield NewBody(lane=str(own), body=mirror)

    def _is_shown(self, deal_id: int, places: Iterable[Place]) -> bool:
        """Whether a message stands in the deal, or in a conversation that belongs to all deals."""
        found = (parse_conversation(place.conversation_id) for place in places)
        return any(isinstance(one, GroupConversation) and self._belongs(one, deal_id) for one in found)

    def _belongs(self, conversation: GroupConversation, deal_id: int) -> bool:
        if conversation.deal_id is None:
            return self.state.linked_topic(deal_id) is None
        # A deal that became part of this one brought its conversations along.
        return self.state.last_of(conversation.deal_id) == deal_id


class GroupImport:
    """The past of one group. Works on the actor's own state."""

    def __init__(self, context: ActorContext, services: Services, state: GroupState) -> None:
        self._context = context
        self._services = services
        self._state = state
        # Invariant: whatever was decided, and may not be in the journal as such yet, is the latest decision.
        self._latest = Heard()
        self._listeners: list[Heard] = []

    def heard(self, incoming: Incoming, decision: Decision) -> None:
        """Note a decision about a message; in the same breath in which it was made."""
        self._latest = Heard()
        if decision.result == past.SAID:
            for listener in (self._latest, *self._listeners):
                listener.add(incoming, is_edit=False, newest=True)
                listener.note_places(incoming, decision.todo)

    def heard_edit(self, incoming: Incoming) -> None:
        """Note an edit; before it is looked up where the message stands."""
        self._latest = Heard()
        for listener in (self._latest, *self._listeners):
            listener.add(incoming, is_edit=True, newest=True)

    @asynccontextmanager
    async def recalled(self, around: Surroundings, topic: int | None = None) -> AsyncGenerator[Past, None]:
        """The past of the group up to the moment in which `Past.into` is called, within this block; for a deal that is
        linked to ``topic`` alone, of that topic.

        Raises:
            DatabaseUnavailable: nothing was changed.
        """
        limit = around.account.settings.import_last_messages
        if not limit:
            yield Past(state=self._state)
            return
        live = Heard()
        live.add_earlier(self._latest, self._latest.places)
        self._listeners.append(live)
        try:
            with self._context.dependency("database"):
                heard = await self._said(limit, around, topic)
                answers = await self._answers(limit, topic)
                refs = [*heard.words, *live.words]
                refs += [(one.body.chat_id, one.message_id) for one in answers if one.message_id]
                places = await messages.places(
                    self._services.db,
                    self._state.row.account_id,
                    self._context.address,
                    self._state.row.bot_id,
                    refs,
                )
            live.add_earlier(heard, places)
            yield Past(state=self._state, limit=limit, heard=live, answers=tuple(answers), around=around)
        finally:
            self._listeners = [one for one in self._listeners if one is not live]

    def _is_wanted(self, thread: int | None, topic: int | None) -> bool:
        return thread == topic if topic is not None else not self._state.own_deals(thread)

    async def _said(self, limit: int, around: Surroundings, topic: int | None) -> Heard:
        heard, before = Heard(), None
        for _ in range(PAGES):
            rows = await past.said(
                self._services.db, self._state.row.account_id, self._context.address, before=before, limit=PAGE
            )
            for row in rows:
                incoming = _read(row.payload, around.bot.bot_id)
                if incoming is not None and self._is_wanted(incoming[0].thread, topic):
                    heard.add(incoming[0], is_edit=incoming[1], newest=False)
                if len(heard.words) >= limit:
                    return heard
            if len(rows) < PAGE:
                break
            before = rows[-1].entry_id
        return heard

    async def _answers(self, limit: int, topic: int | None) -> list[Answer]:
        looked_at = PAGE if self._state.topics.known else limit
        rows = await past.answers(self._services.db, self._state.row.account_id, self._context.address, limit=looked_at)
        decoded = [(row, msgspec.json.decode(row.body, type=SendAnswer)) for row in rows]
        bodies = [(row, body) for row, body in decoded if self._is_wanted(body.thread, topic)][:limit]
        sent = await messages.message_ids(
            self._services.db,
            self._state.row.account_id,
            [(body.conversation, answer_msgid(body.amo_id, body.part)) for _, body in bodies],
        )
        return [
            Answer(
                body,
                as_imported(body, is_certain=row.is_certain),
                sent.get((body.conversation, answer_msgid(body.amo_id, body.part))),
            )
            for row, body in bodies
        ]


def _thread(one: Incoming | Answer) -> int | None:
    return one.body.thread if isinstance(one, Answer) else one.thread


def _read(payload: bytes, bot_id: int) -> tuple[Incoming, bool] | None:
    """A message as it was understood when it came in, and whether it was an edit."""
    try:
        update = parse_update(payload)
    except BadUpdate:
        return None
    if not isinstance(update.payload, Message):
        return None
    return read_message(update.payload, bot_id), update.is_edit
