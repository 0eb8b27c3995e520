"""Who and what exists in the simulated Telegram: people, bots, chats and who is in them.

Owns identities and their wire forms (User, Chat, ChatMember). Knows nothing of messages or updates. Ids look as
Telegram's do: people and bots positive, basic groups negative, supergroups `-100…`, all beyond 32 bits somewhere.
"""

from __future__ import annotations

import random
import string
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from dealgram.sandbox.telegram.messages import Stored

Json = dict[str, Any]
ChatKind = Literal["private", "group", "supergroup", "channel"]
Status = Literal["creator", "administrator", "member", "restricted", "left", "kicked"]

PRESENT: frozenset[str] = frozenset({"creator", "administrator", "member", "restricted"})
ANONYMOUS_ADMIN: Json = {
    "id": 1087968824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}
CHANNEL_BOT: Json = {"id": 136817688, "is_bot": True, "first_name": "Channel", "username": "Channel_Bot"}
SERVICE_NOTIFICATIONS: Json = {"id": 777000, "is_bot": False, "first_name": "Telegram"}
PERMISSIONS = (
    "can_send_messages",
    "can_send_audios",
    "can_send_documents",
    "can_send_photos",
    "can_send_videos",
    "can_send_video_notes",
    "can_send_voice_notes",
    "can_send_polls",
    "can_send_other_messages",
    "can_add_web_page_previews",
    "can_change_info",
    "can_invite_users",
    "can_pin_messages",
    "can_manage_topics",
)
"""The fields of ChatPermissions."""
_NEWER_PERMISSIONS = ("can_react_to_messages", "can_edit_tag")
_ADMIN_RIGHTS = (
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_change_info",
    "can_invite_users",
    "can_pin_messages",
)
_NO_ADMIN_RIGHTS = ("can_promote_members", "can_post_stories", "can_edit_stories", "can_delete_stories", "is_anonymous")
GENERAL = 1
"""The number of a forum's first topic, which its messages do not carry."""
_KEPT_ACTIONS = 1000
_TOKEN_ALPHABET = string.ascii_letters + string.digits + "_-"


@dataclass(slots=True, eq=False)
class SimUser:
    """A person. `deactivated` people answer every message with 403 "user is deactivated"."""

    id: int
    first_name: str
    last_name: str | None = None
    username: str | None = None
    language_code: str = "ru"
    deactivated: bool = False
    hides_when_forwarded: bool = False
    wants_no_voice: bool = False

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}" if self.last_name else self.first_name

    def as_user(self) -> Json:
        user: Json = {"id": self.id, "is_bot": False, "first_name": self.first_name}
        if self.last_name is not None:
            user["last_name"] = self.last_name
        if self.username is not None:
            user["username"] = self.username
        user["language_code"] = self.language_code
        return user


@dataclass(slots=True, eq=False)
class SimBot:
    """A bot. `next_message_id` is its own counter for private chats and basic groups, as every account has one.

    `bot_to_bot`: its owner lets it see other bots' messages (telegram-facts §1.6).
    """

    id: int
    token: str
    username: str
    name: str
    privacy_mode: bool = False
    can_join_groups: bool = True
    bot_to_bot: bool = False
    revoked: bool = False
    next_message_id: int = 1
    profile: dict[tuple[str, str], str] = field(default_factory=dict)
    commands: dict[tuple[str, str], list[Json]] = field(default_factory=dict)

    def as_user(self) -> Json:
        return {"id": self.id, "is_bot": True, "first_name": self.name, "username": self.username}

    def take_message_id(self) -> int:
        self.next_message_id += 1
        return self.next_message_id - 1


Party = SimUser | SimBot


@dataclass(slots=True, eq=False)
class Member:
    """A party's place in a chat. A bot's privacy mode counts as it was when the bot was added (telegram-facts §1.6).

    `lacks` are the rights that an administrator was not given, or that were taken from a restricted member.
    """

    party: Party
    status: Status
    sees_everything: bool = False
    removed_by_other: bool = False
    lacks: frozenset[str] = frozenset()

    def as_chat_member(self, chat: SimChat) -> Json:
        member: Json = {"status": self.status, "user": self.party.as_user()}
        if self.status == "creator":
            member["is_anonymous"] = False
        elif self.status == "administrator":
            member["can_be_edited"] = False
            member |= dict.fromkeys(_ADMIN_RIGHTS, True) | dict.fromkeys(_NO_ADMIN_RIGHTS, False)
            if chat.is_forum:
                member["can_manage_topics"] = True
            member |= dict.fromkeys(self.lacks & member.keys(), False)
        elif self.status == "restricted":
            member |= {"is_member": True, "until_date": 0}
            member |= {name: name not in self.lacks for name in (*PERMISSIONS, *_NEWER_PERMISSIONS)}
        elif self.status == "kicked":
            member["until_date"] = 0
        return member


@dataclass(slots=True, eq=False)
class SimChat:
    """A group, a supergroup, a channel, or the private chat of one person with one bot (with `person` and `bot`).

    `topics` holds the first message of each topic, `closed_topics` those where only administrators write (1: General).
    `allowed_reactions` are emoji (None: all), `forbidden` names the rights of ChatPermissions that ordinary members do
    not have. `discussion` is the group in which a channel's posts appear.
    """

    id: int
    kind: ChatKind
    title: str = ""
    person: SimUser | None = None
    bot: SimBot | None = None
    is_forum: bool = False
    blocked: bool = False
    deleted: bool = False
    migrated_to: SimChat | None = None
    last_bot_to_speak: int | None = None
    next_number: int = 1
    members: dict[int, Member] = field(default_factory=dict)
    messages: OrderedDict[int, Stored] = field(default_factory=OrderedDict)
    topics: dict[int, Stored] = field(default_factory=dict)
    closed_topics: set[int] = field(default_factory=set)
    forbidden: frozenset[str] = frozenset()
    slow_mode_s: int = 0
    allowed_reactions: frozenset[str] | None = None
    spoke_at: dict[int, float] = field(default_factory=dict)
    actions: deque[tuple[int | None, str]] = field(default_factory=lambda: deque(maxlen=_KEPT_ACTIONS))
    acted: int = 0
    discussion: SimChat | None = None

    def status_of(self, party: Party) -> Status:
        member = self.members.get(party.id)
        return member.status if member is not None else "left"

    def is_present(self, party: Party) -> bool:
        return self.status_of(party) in PRESENT

    def is_admin(self, party: Party) -> bool:
        return self.status_of(party) in ("creator", "administrator")

    def present(self) -> Iterator[Member]:
        return (member for member in self.members.values() if member.status in PRESENT)

    def bots(self) -> Iterator[Member]:
        return (member for member in self.present() if isinstance(member.party, SimBot))

    @property
    def bot_id(self) -> int | None:
        """The bot of a private chat, which alone tells it from the same person's chats with other bots."""
        return None if self.bot is None else self.bot.id

    @property
    def owner(self) -> SimUser:
        for member in self.members.values():
            if member.status == "creator" and isinstance(member.party, SimUser):
                return member.party
        raise LookupError(f"chat {self.id} has no owner")

    def as_chat(self) -> Json:
        if self.person is not None:
            user = self.person.as_user()
            names: Json = {key: user[key] for key in ("first_name", "last_name", "username") if key in user}
            return {"id": self.id, "type": "private"} | names
        chat: Json = {"id": self.id, "type": self.kind, "title": self.title}
        if self.is_forum:
            chat["is_forum"] = True
        return chat


class World:
    """The registry of everybody and every chat; makes ids and tokens."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.people: dict[int, SimUser] = {}
        self.bots: dict[int, SimBot] = {}
        self.chats: dict[int, SimChat] = {}
        self._by_token: dict[str, SimBot] = {}
        self._private: dict[tuple[int, int], SimChat] = {}
        self._next_person = 5_100_000_001
        self._next_bot = 7_200_000_001
        self._next_group = 4_300_000_001
        self._next_supergroup = 2_400_000_001

    def add_person(self, first_name: str, last_name: str | None, username: str | None) -> SimUser:
        person = SimUser(self._next_person, first_name, last_name, username)
        self._next_person += 1
        self.people[person.id] = person
        return person

    def add_bot(self, name: str, username: str, *, privacy_mode: bool) -> SimBot:
        bot = SimBot(self._next_bot, self._token(self._next_bot), username, name, privacy_mode)
        self._next_bot += 1
        self.bots[bot.id] = bot
        self._by_token[bot.token] = bot
        return bot

    def revoke_token(self, bot: SimBot) -> str:
        """The old token stops working at once; the new one is returned (as @BotFather's /revoke does)."""
        del self._by_token[bot.token]
        bot.token = self._token(bot.id)
        self._by_token[bot.token] = bot
        return bot.token

    def bot_by_token(self, token: str) -> SimBot | None:
        bot = self._by_token.get(token)
        return None if bot is None or bot.revoked else bot

    def add_chat(self, kind: ChatKind, title: str) -> SimChat:
        if kind in ("supergroup", "channel"):
            chat = SimChat(-1_000_000_000_000 - self._next_supergroup, kind, title)
            self._next_supergroup += 1
        else:
            chat = SimChat(-self._next_group, kind, title)
            self._next_group += 1
        self.chats[chat.id] = chat
        return chat

    def private(self, bot: SimBot, person: SimUser) -> SimChat | None:
        return self._private.get((bot.id, person.id))

    def open_private(self, bot: SimBot, person: SimUser) -> SimChat:
        """The private chat of the two; the person's first message opens it."""
        chat = self._private.get((bot.id, person.id))
        if chat is None:
            chat = SimChat(person.id, "private", person=person, bot=bot)
            chat.members = {party.id: Member(party, "member", sees_everything=True) for party in (person, bot)}
            self._private[bot.id, person.id] = chat
        return chat

    def private_chats(self) -> tuple[SimChat, ...]:
        return tuple(self._private.values())

    def knows(self, bot: SimBot, person: SimUser) -> bool:
        """Whether the bot can have seen this person: they share a group."""
        return any(chat.is_present(bot) and person.id in chat.members for chat in self.chats.values())

    def _token(self, bot_id: int) -> str:
        return f"{bot_id}:AA" + "".join(self._rng.choices(_TOKEN_ALPHABET, k=33))
