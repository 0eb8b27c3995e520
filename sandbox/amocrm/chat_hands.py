"""What people see and do in chats: deal cards, histories, answers, typing, reactions.

Owns `ChatHands`, the part of `AmoSimulator` that managers use. Every method is synchronous and takes the account it
acts in; an id of another account raises KeyError.
"""

from __future__ import annotations

from collections.abc import Sequence

from dealgram.sandbox.amocrm import cards, outgoing
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.conversations import ChatOption, FeedItem, SimChat, SimMessage, SimUnsorted
from dealgram.sandbox.amocrm.hooks import HookSender
from dealgram.sandbox.amocrm.records import SimUser
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
        return [cards.item(self.world, account, one) for one in chat.messages if one.visible]

    def chat(self, account: SimAccount, conversation: str) -> SimChat | None:
        """The chat with this id on the integration's side."""
        return account.chats_by_client.get(conversation)

    def message(self, account: SimAccount, amo_id: str) -> FeedItem | None:
        found = account.messages.get(amo_id)
        return cards.item(self.world, account, found) if found is not None else None

    def is_typing(self, account: SimAccount, chat_uuid: str) -> bool:
        return account.chats[chat_uuid].typing_until > self.world.now()

    def answer(
        self,
        account: SimAccount,
        chat_uuid: str,
        user: SimUser,
        text: str,
        reply_to: str | None = None,
        *,
        attachments: Sequence[outgoing.Attachment] = (),
        buttons: Sequence[Sequence[dict[str, str]]] = (),
        lead_id: int | None = None,
    ) -> str:
        """Writes as a manager and queues the hook; returns amoCRM's id of the (first) message.

        `reply_to` is amoCRM's id of a message of the same chat; `lead_id` the card that the manager writes from.
        Several attachments are several messages. Raises KeyError for an unknown chat or message.
        """
        quoted: SimMessage | None = account.messages[reply_to] if reply_to is not None else None
        chat = account.chats[chat_uuid]
        if quoted is not None and quoted.chat is not chat:
            raise ValueError("a message of another chat cannot be answered here")
        written = outgoing.answer(
            self.world,
            self._sender,
            account,
            chat,
            user,
            text,
            reply_to=quoted,
            attachments=attachments,
            buttons=buttons,
            lead_id=lead_id,
        )
        return written[0].id

    def show_typing(self, account: SimAccount, chat_uuid: str, user: SimUser) -> None:
        """A manager types in the chat."""
        outgoing.typing(self.world, self._sender, account, account.chats[chat_uuid], user)

    def react(self, account: SimAccount, amo_id: str, user: SimUser, emoji: str | None) -> None:
        """A manager reacts to a message, or takes the reaction back."""
        outgoing.react(self.world, self._sender, account, account.messages[amo_id], user, emoji)

    def unsorted(self, account: SimAccount) -> list[SimUnsorted]:
        """What waits in «Неразобранное», oldest first."""
        return list(account.unsorted.values())
