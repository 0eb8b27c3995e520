"""Telegram's own side: what happens when somebody does something, and which bots hear of it.

Owns the state of the simulated Telegram (world, messages, waiting updates, button presses) and is the only place that
makes updates. Bots' calls and people's acts both end here. Promises: every operation is synchronous, so nothing is ever
seen half done; every object that is made up here is checked against the published description of the Bot API, and a
fault of ours is recorded as a violation like a client's.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram.events import ChangeEvent, EventKind, Feed
from dealgram.sandbox.telegram.file_store import FileStore
from dealgram.sandbox.telegram.media import Media
from dealgram.sandbox.telegram.messages import Stored, store, take_number
from dealgram.sandbox.telegram.updates import CALLBACK_RETENTION_S, RETENTION_S, UpdateQueue, lane_id
from dealgram.sandbox.telegram.visibility import sees
from dealgram.sandbox.telegram.world import PRESENT, Json, Member, Party, SimBot, SimChat, SimUser, Status, World

_REMEMBERED_PRESSES = 10_000


@dataclass(slots=True, eq=False)
class Press:
    """A press of an inline button. `answer` holds the parameters of answerCallbackQuery once the bot answered."""

    id: str
    bot: SimBot
    person: SimUser
    message: Stored
    data: str
    at: float
    answer: Json | None = None


class Cloud:
    def __init__(
        self,
        *,
        schema: ApiSchema | None,
        now: Callable[[], float],
        rng: random.Random,
        history_cap: int,
        pending_cap: int,
        record: Callable[[str], None],
    ) -> None:
        self.now = now
        self.world = World(rng)
        self.files = FileStore()
        self.custom_emoji: dict[str, Media] = {}
        self.feed = Feed()
        self.queues: dict[int, UpdateQueue] = {}
        self.presses: OrderedDict[str, Press] = OrderedDict()
        self.history_cap = history_cap
        self._schema = schema
        self._rng = rng
        self._pending_cap = pending_cap
        self._record = record

    @property
    def date(self) -> int:
        return int(self.now())

    def add_bot(self, name: str, username: str, *, privacy_mode: bool) -> SimBot:
        bot = self.world.add_bot(name, username, privacy_mode=privacy_mode)
        self.queues[bot.id] = UpdateQueue(now=self.now, rng=self._rng, capacity=self._pending_cap)
        self._publish("bot", bot_id=bot.id, data=bot.as_user())
        return bot

    def bot_changed(self, bot: SimBot) -> None:
        """Tells watchers that a bot's owner has changed something about it."""
        self._publish("bot", bot_id=bot.id, data=bot.as_user())

    def add_person(self, first_name: str, last_name: str | None, username: str | None) -> SimUser:
        person = self.world.add_person(first_name, last_name, username)
        self._publish("person", data=person.as_user())
        return person

    def post(
        self,
        chat: SimChat,
        sender: Party,
        content: Json,
        *,
        media: Media | None = None,
        about: Json | None = None,
        identity: SimChat | None = None,
        elsewhere: Stored | None = None,
        reply_to: Stored | None = None,
        quote: Json | None = None,
        topic: Stored | None = None,
        markup: Json | None = None,
        service: bool = False,
    ) -> Stored:
        """Puts a message into a chat and tells the bots that may see it (see `Stored` for the parts)."""
        message = Stored(
            chat=chat,
            number=take_number(chat),
            date=self.date,
            sender=sender,
            content=content,
            media=media,
            about=about or {},
            identity=identity,
            elsewhere=elsewhere,
            service=service,
            reply_to=reply_to,
            quote=quote,
            topic=topic,
            markup=markup,
        )
        store(chat, message, self.history_cap)
        if isinstance(sender, SimBot) and not service:
            chat.last_bot_to_speak = sender.id
        self._announce("channel_post" if chat.kind == "channel" else "message", message)
        self._show("message", message)
        return message

    def edit(self, message: Stored, content: Json, markup: Json | None, *, media: Media | None = None) -> None:
        """Replaces a message's content; also with the same content, as Telegram does at times (telegram-facts §1.6).

        Without `media` its file stays.
        """
        message.content = content
        message.media = media or message.media
        message.markup = markup
        message.edit_date = self.date
        self._announce("edited_channel_post" if message.chat.kind == "channel" else "edited_message", message)
        self._show("edited", message)

    def new_album(self) -> str:
        """A media_group_id."""
        return str(self._rng.randrange(10**16, 10**17))

    def delete(self, message: Stored) -> None:
        """Takes a message away from everybody. Bots are never told (telegram-facts §1.6)."""
        message.deleted = True
        message.chat.messages.pop(message.number, None)
        self._publish(
            "deleted",
            chat_id=message.chat.id,
            bot_id=message.chat.bot_id,
            data={"message_id": message.number},
        )

    def set_status(
        self,
        chat: SimChat,
        party: Party,
        status: Status,
        by: Party,
        *,
        removed_by_other: bool = False,
        lacks: frozenset[str] = frozenset(),
    ) -> None:
        """Changes somebody's place in a chat; tells that bot (`my_chat_member`) and the admin bots (`chat_member`)."""
        member = chat.members.setdefault(party.id, Member(party, "left"))
        if member.status == status and member.lacks == lacks:
            return
        before = member.as_chat_member(chat)
        if status in PRESENT and member.status not in PRESENT:
            member.sees_everything = isinstance(party, SimBot) and not party.privacy_mode
        member.status = status
        member.lacks = lacks
        member.removed_by_other = removed_by_other
        change: Json = {
            "chat": chat.as_chat(),
            "from": by.as_user(),
            "date": self.date,
            "old_chat_member": before,
            "new_chat_member": member.as_chat_member(chat),
        }
        if isinstance(party, SimBot):
            self.push(party, "my_chat_member", change, chat_id=chat.id, user_id=by.id)
        for watcher in chat.bots():
            if watcher.party is not party and watcher.status == "administrator" and isinstance(watcher.party, SimBot):
                self.push(watcher.party, "chat_member", change, chat_id=chat.id, user_id=by.id)
        self._publish("member", chat_id=chat.id, data=change["new_chat_member"])

    def join(self, chat: SimChat, party: Party, *, by: Party) -> None:
        """Somebody enters a group: the change of membership, then the service message."""
        self.set_status(chat, party, "member", by)
        user = party.as_user()
        self.post(chat, by, {"new_chat_members": [user]}, service=True)

    def leave(self, chat: SimChat, party: Party, *, by: Party) -> None:
        """Somebody leaves (`by` themselves) or is removed.

        In a basic group the removed account still gets the service message, its last one; in a supergroup it does not,
        because the chat is closed to it at that moment.
        """
        content = {"left_chat_member": party.as_user()}
        removed = by is not party
        status: Status = "kicked" if removed and chat.kind == "supergroup" else "left"
        if chat.kind == "group":
            self.post(chat, by, content, service=True)
        self.set_status(chat, party, status, by, removed_by_other=removed)
        if chat.kind == "supergroup":
            self.post(chat, by, content, service=True)

    def block(self, chat: SimChat, *, blocked: bool) -> None:
        """The person of a private chat blocks the bot (or deletes the chat, which is the same) or takes it back."""
        assert chat.bot is not None
        assert chat.person is not None
        if chat.blocked == blocked:
            return
        chat.blocked = blocked
        user = chat.bot.as_user()
        states: list[Json] = [{"status": "member", "user": user}, {"status": "kicked", "user": user, "until_date": 0}]
        old, new = states if blocked else reversed(states)
        change = {
            "chat": chat.as_chat(),
            "from": chat.person.as_user(),
            "date": self.date,
            "old_chat_member": old,
            "new_chat_member": new,
        }
        self.push(chat.bot, "my_chat_member", change, chat_id=chat.id, user_id=chat.person.id)
        self._publish("member", chat_id=chat.id, bot_id=chat.bot.id, data=new)

    def migrate(self, chat: SimChat, by: SimUser, *, announce_membership: bool) -> SimChat:
        """Makes a basic group a supergroup: a new chat with a new id and its own numbering (telegram-facts §1.7)."""
        new = self.world.add_chat("supergroup", chat.title)
        new.members = {
            key: Member(member.party, member.status, member.sees_everything, lacks=member.lacks)
            for key, member in chat.members.items()
        }
        new.forbidden, new.allowed_reactions = chat.forbidden, chat.allowed_reactions
        self.post(chat, by, {"migrate_to_chat_id": new.id}, service=True)
        chat.migrated_to = new
        if announce_membership:
            for member in list(chat.bots()):
                status = member.status
                new.members[member.party.id].status = "left"
                self.set_status(chat, member.party, "left", by)
                self.set_status(new, member.party, status, by)
        self.post(new, by, {"migrate_from_chat_id": chat.id}, identity=new, service=True)
        self._publish("chat", chat_id=new.id, data=new.as_chat())
        return new

    def react(self, message: Stored, person: SimUser, reactions: list[Json], *, actor: SimChat | None = None) -> None:
        """Replaces a person's reactions, or those of the chat that an anonymous person acts for.

        Only bots that asked for them are told, in groups only administrators (Bot API: Update.message_reaction).
        """
        chat = message.chat
        party_id = person.id if actor is None else actor.id
        who: Json = {"user": person.as_user()} if actor is None else {"actor_chat": actor.as_chat()}
        before = message.reactions.get(party_id, [])
        message.reactions[party_id] = reactions
        for viewer in chat.bots():
            bot = viewer.party
            known_as = message.id_for(bot) if isinstance(bot, SimBot) else None
            if known_as is None or not isinstance(bot, SimBot):
                continue
            if viewer.status == "administrator" or chat.kind == "private":
                change = {"chat": chat.as_chat(), "message_id": known_as, "date": self.date} | who
                change |= {"old_reaction": before, "new_reaction": reactions}
                self.push(bot, "message_reaction", change, chat_id=chat.id, user_id=person.id)
        self.show_reactions(message, party_id, reactions)

    def show_reactions(self, message: Stored, party_id: int, reactions: list[Json]) -> None:
        """Lets those who look on see the reactions of one party."""
        self._publish(
            "reaction",
            chat_id=message.chat.id,
            bot_id=message.chat.bot_id,
            data={"message_id": message.number, "user_id": party_id, "reactions": reactions},
        )

    def press(self, message: Stored, person: SimUser, data: str) -> Press:
        """A person presses an inline button of a bot's message."""
        bot = message.sender
        assert isinstance(bot, SimBot)
        press = Press(str(self._rng.randrange(10**17, 10**18)), bot, person, message, data, self.now())
        self.presses[press.id] = press
        if len(self.presses) > _REMEMBERED_PRESSES:
            self.presses.popitem(last=False)
        query = {
            "id": press.id,
            "from": person.as_user(),
            "message": message.as_message(bot),
            "chat_instance": str(abs(message.chat.id) * 7919),
            "data": data,
        }
        self.push(bot, "callback_query", query, chat_id=message.chat.id, user_id=person.id)
        self._publish("callback", chat_id=message.chat.id, bot_id=bot.id, data={"id": press.id, "data": data})
        return press

    def answer(self, press: Press, answer: Json) -> None:
        press.answer = answer
        self._publish("answer", chat_id=press.message.chat.id, bot_id=press.bot.id, data={"id": press.id, **answer})

    def act(self, chat: SimChat, bot: SimBot, action: str, thread: int | None = None) -> None:
        """ "typing" and the like."""
        chat.actions.append((thread, action))
        chat.acted += 1
        self._publish("action", chat_id=chat.id, bot_id=bot.id, data={"action": action, "user": bot.as_user()})

    def show_chat(self, chat: SimChat) -> None:
        self._publish("chat", chat_id=chat.id, bot_id=chat.bot_id, data=chat.as_chat())

    def push(
        self, bot: SimBot, kind: str, payload: Json, *, chat_id: int, user_id: int, dated: int | None = None
    ) -> None:
        """Queues an update for a bot, if it wants that kind."""
        queue = self.queues[bot.id]
        if not queue.wants(kind):
            return
        keep_s = CALLBACK_RETENTION_S if kind == "callback_query" else RETENTION_S
        overflowed = queue.overflowed
        lane = lane_id(kind, chat_id=chat_id, user_id=user_id)
        since = self.now() if dated is None else dated
        update_id = queue.push(kind, payload, lane=lane, expires_at=since + keep_s)
        if queue.overflowed != overflowed:
            self._record(f"simulator: too many updates wait for @{bot.username}; the oldest was dropped")
        if self._schema is not None:
            faults = self._schema.validate_object("Update", {"update_id": update_id, kind: payload})
            for fault in faults:
                self._record(f"simulator: made a wrong update: {fault}")

    def _announce(self, kind: str, message: Stored) -> None:
        for viewer in message.chat.bots():
            bot = viewer.party
            if isinstance(bot, SimBot) and message.id_for(bot) is not None and sees(viewer, message):
                dated = message.edit_date or message.date
                self.push(bot, kind, message.as_message(bot), chat_id=message.chat.id, user_id=0, dated=dated)

    def _show(self, kind: EventKind, message: Stored) -> None:
        if self.feed.watched:
            chat = message.chat
            self._publish(kind, chat_id=chat.id, bot_id=chat.bot_id, data=message.as_message(None))

    def _publish(
        self, kind: EventKind, *, chat_id: int | None = None, bot_id: int | None = None, data: Json | None = None
    ) -> None:
        self.feed.publish(ChangeEvent(kind=kind, chat_id=chat_id, bot_id=bot_id, data=data or {}))
