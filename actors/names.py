"""The names under which dealgram's things are known to itself and to amoCRM.

Owns the text forms of conversation ids, message ids, participant ids and actor addresses, and the way back from a
conversation id to the actor that owns it. Everything here is pure and total: a string that is not ours gives ``None``.

amoCRM limits none of these lengths in writing; the contract (§22) keeps them to at most 64 printable ASCII characters.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from dealgram.runtime import Address

_PRIVATE = re.compile(r"p([1-9]\d{0,18})-([1-9]\d{0,18})")
_GROUP = re.compile(r"g([1-9]\d{0,18})(?:-d([1-9]\d{0,18}))?(?:-u([1-9]\d{0,18}))?")

_MAX_BIGINT = 2**63 - 1


def account_address(account_id: int) -> Address:
    """The actor of an amoCRM account."""
    return Address("account", str(account_id))


def bot_address(account_id: int, bot_id: int) -> Address:
    """The actor of a Telegram bot in an account: its private chats. A bot that moves to another account is another
    actor there, so that nothing of the one account is ever done in the other."""
    return Address("bot", f"{account_id}-{bot_id}")


def mailing_address(account_id: int, bot_id: int) -> Address:
    """The actor of what robots say in a bot's private chats; its key reads as the bot's."""
    return Address("mailing", f"{account_id}-{bot_id}")


def read_bot_key(key: str) -> tuple[int, int]:
    """Account and bot of a bot actor's address."""
    account_id, _, bot_id = key.partition("-")
    return int(account_id), int(bot_id)


def group_address(group_id: int) -> Address:
    """The actor of a Telegram group, as one bot sees it."""
    return Address("group", str(group_id))


@dataclass(frozen=True, slots=True)
class PrivateConversation:
    """A person's private chat with a bot."""

    bot_id: int
    user_id: int

    def __str__(self) -> str:
        return f"p{self.bot_id}-{self.user_id}"

    def owner(self, account_id: int) -> Address:
        """The actor that the conversation belongs to."""
        return bot_address(account_id, self.bot_id)


@dataclass(frozen=True, slots=True)
class GroupConversation:
    """A conversation of a group: for a deal, for a participant, or for a participant in a deal."""

    group_id: int
    deal_id: int | None = None
    user_id: int | None = None

    def __str__(self) -> str:
        deal = f"-d{self.deal_id}" if self.deal_id is not None else ""
        user = f"-u{self.user_id}" if self.user_id is not None else ""
        return f"g{self.group_id}{deal}{user}"

    def owner(self, account_id: int) -> Address:
        """The actor that the conversation belongs to."""
        return group_address(self.group_id)


Conversation = PrivateConversation | GroupConversation


def parse_conversation(text: str) -> Conversation | None:
    """Read a conversation id that came back from amoCRM.

    Returns ``None`` for anything that dealgram never issues, so that a foreign chat is told apart from ours.
    """
    if match := _PRIVATE.fullmatch(text):
        bot_id, user_id = int(match[1]), int(match[2])
        return PrivateConversation(bot_id, user_id) if max(bot_id, user_id) <= _MAX_BIGINT else None
    if match := _GROUP.fullmatch(text):
        group_id = int(match[1])
        deal_id = int(match[2]) if match[2] else None
        member_id = int(match[3]) if match[3] else None
        if deal_id is None and member_id is None:
            return None
        if max(group_id, deal_id or 0, member_id or 0) > _MAX_BIGINT:
            return None
        return GroupConversation(group_id, deal_id, member_id)
    return None


def telegram_msgid(bot_id: int, chat_id: int, message_id: int, conversation: Conversation) -> str:
    """Our message id for a Telegram message in one conversation.

    The same message always gets the same id, so a repeated post cannot double it (amoCRM contract §7, idempotency).
    Posts of one message into several deals differ by the deal.
    """
    deal = (
        f"-d{conversation.deal_id}"
        if isinstance(conversation, GroupConversation) and conversation.deal_id is not None
        else ""
    )
    return f"tg-{bot_id}-{chat_id}-{message_id}{deal}"


def mirror_msgid(amo_id: str, deal_id: int) -> str:
    """Our message id for a manager's answer that is imported into another deal of the group."""
    return f"amo-{amo_id}-d{deal_id}"


def answer_msgid(amo_id: str, part: int) -> str:
    """Our message id for one part of a manager's answer, where it stands in Telegram."""
    return f"amo-{amo_id}-{part}"


def press_msgid(
    bot_id: int, chat_id: int, message_id: int, user_id: int, choice: str, conversation: Conversation
) -> str:
    """Our message id for a button that somebody pressed under a message.

    The same press always gets the same id; ``choice`` tells presses apart that each count for themselves.
    """
    press = f"{bot_id}:{chat_id}:{message_id}:{user_id}:{choice}"
    return f"press-{hashlib.sha256(press.encode()).hexdigest()[:20]}-{conversation}"


def service_msgid(cause: str, conversation: Conversation) -> str:
    """Our message id for a line that dealgram itself writes into a conversation because of ``cause``."""
    return f"sys-{cause}-{conversation}"


def person_id(user_id: int) -> str:
    """A Telegram user as a chat participant in amoCRM."""
    return f"tgu-{user_id}"


def read_person_id(text: str) -> int | None:
    """The Telegram user behind an id of ours for a chat participant; None for the group itself and for managers."""
    kind, _, user_id = text.partition("-")
    return int(user_id) if kind == "tgu" and user_id.isdecimal() else None


def group_person_id(conversation: GroupConversation) -> str:
    """A group as a chat participant of its own conversation in one deal."""
    return f"tgg-{conversation.group_id}-d{conversation.deal_id}"


def manager_id(amojo_user_id: str) -> str:
    """A manager as the sender of an imported message."""
    return f"amo-{amojo_user_id}"


def source_external_id(bot_id: int) -> str:
    """The amoCRM source of a bot (at most 36 characters, amoCRM contract §10)."""
    return f"tgb-{bot_id}"
