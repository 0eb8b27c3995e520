"""What people and bots see and do in chats: deal cards, histories, answers, typing, reactions, Salesbot.

Owns `ChatHands`, the part of `AmoSimulator` that managers use. Every method is synchronous and takes the account it
acts in; an id of another account raises KeyError.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dealgram.sandbox.amocrm import bubbles, cards, gestures, outgoing
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.attachments import Attachment
from dealgram.sandbox.amocrm.conversations import (
    Author,
    BotAnswer,
    ChatOption,
    FeedItem,
    SimChat,
    SimMessage,
    SimUnsorted,
)
from dealgram.sandbox.amocrm.hooks import HookSender
from dealgram.sandbox.amocrm.records import SimTemplate, SimUser
from dealgram.sandbox.amocrm.world import World


class ChatHands:
    """Mixed into `AmoSimulator`, which has the world and the sender of hooks."""

    world: World
    _sender: HookSender

    def feed(self, account: SimAccount, lead_id: int) -> list[FeedItem]:
        """The messages that the deal's card shows."""
        return cards.feed(self.world, account, lead_id)

    def chats_of_lead(self, account: SimAccount, lead_id: int) -> list[ChatOption]:
        """The chats that a manager can choose in the deal's card, the latest first."""
        return cards.chats_of_lead(self.world, account, lead_id)

    def history(self, account: SimAccount, chat_uuid: str) -> list[FeedItem]:
        """All visible messages of a chat in the order of their arrival, whatever deal they belong to."""
        chat = account.chats[chat_uuid]
        return [bubbles.item(self.world, account, one) for one in chat.messages if one.visible]

    def chat(self, account: SimAccount, conversation: str) -> SimChat | None:
        """The chat with this id on the integration's side."""
        return account.chats_by_client.get(conversation)

    def message(self, account: SimAccount, amo_id: str) -> FeedItem | None:
        found = account.messages.get(amo_id)
        return bubbles.item(self.world, account, found) if found is not None else None

    def is_typing(self, account: SimAccount, chat_uuid: str) -> bool:
        return bool(self.typing_in(account, chat_uuid))

    def typing_in(self, account: SimAccount, chat_uuid: str) -> list[str]:
        """Who types in a chat now, by the integration's ids."""
        now = self.world.now()
        return [who for who, until in account.chats[chat_uuid].typing.items() if until > now]

    def answer(
        self,
        account: SimAccount,
        chat_uuid: str,
        user: SimUser,
        text: str,
        reply_to: str | None = None,
        *,
        forward: str | None = None,
        attachments: Sequence[Attachment] = (),
        buttons: outgoing.Buttons = (),
        template: SimTemplate | None = None,
        params: Mapping[str, str] | None = None,
        lead_id: int | None = None,
    ) -> str:
        """Writes as a manager and queues the hook; returns amoCRM's id of the (first) message.

        `reply_to` is amoCRM's id of a message of the same chat, `forward` of one of any chat; `lead_id` is the card
        that the manager writes from. Several attachments are several messages. With a `template` an empty text is the
        template's, whose markers `params` replace. Raises KeyError for an unknown chat or message.
        """
        quoted: SimMessage | None = account.messages[reply_to] if reply_to is not None else None
        chat = account.chats[chat_uuid]
        if quoted is not None and quoted.chat is not chat:
            raise ValueError("a message of another chat cannot be answered here")
        written = outgoing.write(
            self.world,
            self._sender,
            account,
            chat,
            Author(uuid=account.open_chats(user), name=user.name),
            text,
            reply_to=quoted,
            forward=account.messages[forward] if forward is not None else None,
            attachments=attachments,
            buttons=buttons,
            template=_used(template, params),
            lead_id=lead_id,
        )
        return written[0].id

    def salesbot(
        self,
        account: SimAccount,
        chat_uuid: str,
        text: str = "",
        *,
        attachments: Sequence[Attachment] = (),
        buttons: outgoing.Buttons = (),
        template: SimTemplate | None = None,
        params: Mapping[str, str] | None = None,
        lead_id: int | None = None,
    ) -> str:
        """A Salesbot writes: as `answer`, but the sender of the hooks is no user.

        Buttons are all texts or all links. After text buttons the bot waits: see `bot_answer`.
        """
        written = outgoing.salesbot(
            self.world,
            self._sender,
            account,
            account.chats[chat_uuid],
            text,
            attachments=attachments,
            buttons=buttons,
            template=_used(template, params),
            lead_id=lead_id,
        )
        return written[0].id

    def bot_answer(self, account: SimAccount, amo_id: str) -> BotAnswer | None:
        """What the client wrote after a Salesbot's question (`wait_answer`); None while the bot waits."""
        return account.bot_answers.get(amo_id)

    def broadcast(
        self, account: SimAccount, chat_uuids: Iterable[str], text: str, *, buttons: outgoing.Buttons = ()
    ) -> list[str]:
        """A mass sending by the Salesbot: one hook per chat, all at once; returns amoCRM's ids."""
        chats = [account.chats[one] for one in chat_uuids]
        return [
            outgoing.salesbot(self.world, self._sender, account, chat, text, buttons=buttons)[0].id for chat in chats
        ]

    def add_template(
        self, account: SimAccount, name: str, content: str, *, external_id: str | None = None, **more: Any
    ) -> SimTemplate:
        """A person makes a chat template; `more` are its `buttons` and `attachment`."""
        now = self.world.seconds
        template = SimTemplate(
            id=self.world.ids.number("template"),
            name=name,
            content=content,
            created_at=now,
            updated_at=now,
            external_id=external_id,
            **more,
        )
        account.templates[template.id] = template
        return template

    def show_typing(self, account: SimAccount, chat_uuid: str, user: SimUser) -> bool:
        """A manager types in the chat; whether a hook tells of it: at most one goes in five seconds."""
        return gestures.typing(self.world, self._sender, account, account.chats[chat_uuid], user)

    def react(self, account: SimAccount, amo_id: str, user: SimUser, emoji: str | None) -> None:
        """A manager reacts to a message, or takes the reaction back. Raises ValueError for one not offered."""
        gestures.react(self.world, self._sender, account, account.messages[amo_id], user, emoji)

    def unsorted(self, account: SimAccount) -> list[SimUnsorted]:
        """What waits in «Неразобранное», oldest first."""
        return list(account.unsorted.values())


def _used(template: SimTemplate | None, params: Mapping[str, str] | None) -> outgoing.UsedTemplate | None:
    return None if template is None else outgoing.UsedTemplate(template=template, params=params or {})
