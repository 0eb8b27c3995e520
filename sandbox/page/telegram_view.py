"""The simulated Telegram as the page shows it: people, their chats, and the messages of each chat.

Owns the parts `telegram` (everybody, every chat with its last line) and `chat:<key>` (the messages of one chat). A
private chat has the key `p<bot>:<person>` and exists for the page before anybody has written; a group has `g<chat>`. A
group that was upgraded is shown with the messages from before, as Telegram's own apps do.
"""

from __future__ import annotations

from typing import Any

from dealgram.sandbox.page.message_view import one_line, shown
from dealgram.sandbox.telegram import SimBot, SimChat, SimUser, TelegramSimulator

MESSAGES_SHOWN = 150
ANSWERS_SHOWN = 30

Json = dict[str, Any]


def private_key(bot: SimBot, person: SimUser) -> str:
    return f"p{bot.id}:{person.id}"


def group_key(chat: SimChat) -> str:
    return f"g{chat.id}"


class TelegramView:
    """One simulator as pages see it. Remembers groups it has seen, to show what was written before an upgrade."""

    def __init__(self, telegram: TelegramSimulator) -> None:
        self.telegram = telegram
        self._seen: dict[int, SimChat] = {}
        self._albums = 0
        self.groups()

    def groups(self) -> list[SimChat]:
        """The groups that are alive: neither deleted nor left behind by an upgrade."""
        alive = [chat for chat in self.telegram.chats if chat.kind != "private"]
        self._seen |= {chat.id: chat for chat in alive}
        return alive

    def private_chats(self) -> dict[str, SimChat]:
        """The private chats in which something has happened, by key."""
        return {
            private_key(chat.bot, chat.person): chat
            for chat in self.telegram.chats
            if chat.bot is not None and chat.person is not None
        }

    def parts(self) -> dict[str, object]:
        """Everything that the Telegram pane draws."""
        chats: list[Json] = []
        found: dict[str, object] = {}
        groups = self.groups()
        for group in groups:
            messages = self._group_messages(group)
            found[f"chat:{group_key(group)}"] = {"messages": messages}
            chats.append(self._group_chat(group, messages))
        private = self.private_chats()
        for bot in self.telegram.bots:
            for person in self.telegram.people:
                key = private_key(bot, person)
                chat = private.get(key)
                messages = [] if chat is None else self._messages(chat)
                if messages:
                    found[f"chat:{key}"] = {"messages": messages}
                chats.append(_private_chat(bot, person, chat, messages))
        found["telegram"] = {
            "people": [_person(person) for person in self.telegram.people],
            "bots": [_bot(bot) for bot in self.telegram.bots],
            "groups": [self._group(group) for group in groups],
            "chats": chats,
            "answers": self._answers(),
        }
        return found

    def _before_upgrade(self, chat: SimChat) -> SimChat | None:
        return next((one for one in self._seen.values() if one.migrated_to is chat), None)

    def _group(self, chat: SimChat) -> Json:
        before = self._before_upgrade(chat)
        return {
            "id": chat.id,
            "was": before.id if before is not None else None,
            "title": chat.title,
            "kind": chat.kind,
            "forum": chat.is_forum,
            "members": [
                {
                    "id": member.party.id,
                    "name": member.party.name,
                    "bot": isinstance(member.party, SimBot),
                    "status": member.status,
                }
                for member in chat.present()
            ],
        }

    def _group_chat(self, chat: SimChat, messages: list[Json]) -> Json:
        bots = [member.party for member in chat.bots() if isinstance(member.party, SimBot)]
        before = self._before_upgrade(chat)
        return {
            "key": group_key(chat),
            "was": group_key(before) if before is not None else None,
            "title": chat.title,
            "group": chat.id,
            "readers": [member.party.id for member in chat.present() if isinstance(member.party, SimUser)],
            "menu": f"/menu@{bots[0].username}" if bots else None,
            "topics": _topics(chat),
            "acted": chat.acted,
            "last": _last(messages),
        }

    def _group_messages(self, chat: SimChat) -> list[Json]:
        """The messages; those from before an upgrade can be read, but nothing can be done with them any more."""
        before = self._before_upgrade(chat)
        earlier = [] if before is None else [{**message, "old": True} for message in self._messages(before)]
        return [*earlier, *self._messages(chat)][-MESSAGES_SHOWN:]

    def _messages(self, chat: SimChat) -> list[Json]:
        return [
            {**shown(message), "reactions": self._reactions(chat, message["message_id"])}
            for message in self.telegram.history(chat)[-MESSAGES_SHOWN:]
        ]

    def _reactions(self, chat: SimChat, message_id: int) -> list[Json]:
        """Each emoji with those who chose it."""
        stored = chat.messages.get(message_id)
        found: dict[str, list[int]] = {}
        for party, reactions in stored.reactions.items() if stored is not None else ():
            for one in reactions:
                found.setdefault(one.get("emoji", "⭐"), []).append(party)
        return [{"emoji": emoji, "by": by} for emoji, by in found.items()]

    def next_album(self) -> int:
        """A number for an album that has not been used."""
        self._albums += 1
        return self._albums

    def _answers(self) -> list[Json]:
        answers = list(self.telegram.callback_answers.items())[-ANSWERS_SHOWN:]
        return [{"id": press, "text": answer.get("text") or ""} for press, answer in answers]


def _person(person: SimUser) -> Json:
    return {"id": person.id, "name": person.name, "first_name": person.first_name, "username": person.username}


def _bot(bot: SimBot) -> Json:
    return {
        "id": bot.id,
        "name": bot.name,
        "username": bot.username,
        "privacy_mode": bot.privacy_mode,
        "token": bot.token,  # made up, and the page is its owner's @BotFather
    }


def _private_chat(bot: SimBot, person: SimUser, chat: SimChat | None, messages: list[Json]) -> Json:
    return {
        "key": private_key(bot, person),
        "was": None,
        "title": bot.name,
        "group": None,
        "bot": bot.id,
        "username": bot.username,
        "blocked": chat is not None and chat.blocked,
        "readers": [person.id],
        "menu": None,
        "topics": [],
        "acted": 0 if chat is None else chat.acted,
        "last": _last(messages),
    }


def _topics(chat: SimChat) -> list[Json]:
    """The topics of a forum; General has no number."""
    if not chat.is_forum:
        return []
    names = {number: first.content["forum_topic_created"]["name"] for number, first in chat.topics.items()}
    for message in chat.messages.values():
        renamed = message.content.get("forum_topic_edited", {}).get("name")
        if renamed and message.topic is not None and message.topic.number in names:
            names[message.topic.number] = renamed
    return [{"id": None, "name": "Общая тема"}, *({"id": number, "name": name} for number, name in names.items())]


def _last(messages: list[Json]) -> Json | None:
    if not messages:
        return None
    last = messages[-1]
    return {
        "id": last["id"],
        "date": last["date"],
        "from": last["from"]["name"].split(" ")[0],
        "from_id": last["from"]["id"],
        "text": one_line(last),
        "service": last["service"],
    }
