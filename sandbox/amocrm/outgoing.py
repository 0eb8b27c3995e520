"""What people and bots do in amoCRM that the integration hears of: writing, typing, reacting (amoCRM contract §9, §17).

Owns the bodies of the hooks of version 2. Promises: an answer is in the feed with the status "sent" before its hook
is queued, so that a delivery status always finds its message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dealgram.sandbox.amocrm import cards
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.conversations import Author, BotQuestion, SimChat, SimMessage
from dealgram.sandbox.amocrm.hooks import HookSender
from dealgram.sandbox.amocrm.records import SimTemplate, SimUser
from dealgram.sandbox.amocrm.world import World

TYPING_S = 5
Buttons = Sequence[Sequence[dict[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that a manager attaches; `kind`: picture, video, file, voice, audio or sticker."""

    kind: str
    media: str
    file_name: str = ""
    file_size: int = 0
    thumbnail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedTemplate:
    """A chat template with the markers that were replaced in it."""

    template: SimTemplate
    params: Mapping[str, str]

    @property
    def text(self) -> str:
        text = self.template.content
        for key, value in self.params.items():
            text = text.replace(key, value)
        return text

    @property
    def buttons(self) -> Buttons:
        """The template's own, one in a row."""
        return [[{name: str(one[name]) for name in ("text", "url") if name in one}] for one in self.template.buttons]


def imported(world: World, hooks: HookSender, account: SimAccount, message: SimMessage) -> None:
    """An import in a user's name comes back as a hook, if the switch says so; one of the channel's bot never does."""
    if not world.switches.user_import_hook or message.sender.uuid not in account.users_by_amojo:
        return
    hook = _message_hook(world, account, message, None, None)
    hooks.queue(account, kind="message", subject=message.id, chat_uuid=message.chat.uuid, content={"message": hook})


def write(
    world: World,
    hooks: HookSender,
    account: SimAccount,
    chat: SimChat,
    sender: Author,
    text: str,
    *,
    reply_to: SimMessage | None = None,
    attachments: Sequence[Attachment] = (),
    buttons: Buttons = (),
    template: UsedTemplate | None = None,
    lead_id: int | None = None,
) -> list[SimMessage]:
    """Writes as a manager or as a bot: one message, or one per attachment, the text, the buttons and the template with
    the first. Queues their hooks. Raises ValueError for buttons of two kinds.
    """
    if template is not None:
        text, buttons = text or template.text, buttons or template.buttons
    if len({"url" in button for row in buttons for button in row}) > 1:
        raise ValueError("text buttons and buttons with links cannot stand in one message")
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}]
    if attachments:
        parts = [
            {
                "type": one.kind,
                "text": text if index == 0 else "",
                "media": one.media,
                "thumbnail": one.thumbnail,
                "file_name": one.file_name,
                "file_size": one.file_size,
            }
            for index, one in enumerate(attachments)
        ]
    if len(parts) > 1 and world.switches.media_group == "message":
        group = world.ids.uuid()
        parts = [{**part, "media_group_id": group} for part in parts]
    client = chat.client
    written: list[SimMessage] = []
    for index, content in enumerate(parts):
        milliseconds = int(world.now() * 1000)
        message = SimMessage(
            id=world.ids.uuid(),
            msgid=None,
            chat=chat,
            talk=None,
            seq=account.next_arrival(),
            timestamp=milliseconds // 1000,
            msec_timestamp=milliseconds,
            direction="out",
            sender=sender,
            receiver=Author(uuid=client.uuid, name=client.name, client_id=client.client_id) if client else None,
            content=content,
            silent=False,
            visible=False,
            status="sent",
            quote=reply_to.id if reply_to is not None else None,
        )
        account.accept(message)
        cards.show(world, account, message, lead_id=lead_id)
        is_first = index == 0
        markup = {"mode": "inline", "buttons": [list(row) for row in buttons]} if buttons and is_first else None
        hook = _message_hook(world, account, message, reply_to, markup)
        if template is not None and is_first:
            hook["message"]["template"] = _shown_template(template)
        hooks.queue(account, kind="message", subject=message.id, chat_uuid=chat.uuid, content={"message": hook})
        written.append(message)
    return written


def _shown_template(used: UsedTemplate) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": used.template.id}
    if used.template.external_id:
        shown["external_id"] = used.template.external_id
    params = [{"key": key, "value": value} for key, value in used.params.items()]
    return shown | {"content": used.template.content, "params": params}


def salesbot(
    world: World, hooks: HookSender, account: SimAccount, chat: SimChat, text: str, **more: Any
) -> list[SimMessage]:
    """Writes as the Salesbot, who is no user; after text buttons it waits for the client's next message."""
    written = write(world, hooks, account, chat, Author(uuid=account.salesbot_id, name="Salesbot"), text, **more)
    template: UsedTemplate | None = more.get("template")
    rows: Buttons = more.get("buttons") or (template.buttons if template is not None else ())
    labels = tuple(button["text"] for row in rows for button in row if "url" not in button)
    chat.bot_waits = BotQuestion(message_id=written[0].id, labels=labels) if labels else None
    return written


def _message_hook(
    world: World,
    account: SimAccount,
    message: SimMessage,
    reply_to: SimMessage | None,
    markup: dict[str, Any] | None,
) -> dict[str, Any]:
    chat, client, content = message.chat, message.chat.client, message.content
    inner: dict[str, Any] = {
        "id": message.id,
        "type": content["type"],
        "text": content.get("text", ""),
        "markup": markup,
        "tag": "",
        "media": content.get("media", ""),
        "thumbnail": content.get("thumbnail", ""),
        "file_name": content.get("file_name", ""),
        "file_size": content.get("file_size", 0),
    }
    if "media_group_id" in content:
        inner["media_group_id"] = content["media_group_id"]
    if reply_to is not None and world.channel.quotes:
        inner["reply_to"] = {"message": _quoted(reply_to)}
    receiver: dict[str, Any] = {"id": "", "phone": "", "email": ""}
    if client is not None:
        receiver = {"id": client.uuid, "phone": client.phone, "email": client.email}
        receiver |= {"client_id": client.client_id, "name": client.name}
    hook: dict[str, Any] = {
        "receiver": receiver,
        "sender": {"id": message.sender.uuid},
        "conversation": {"id": chat.uuid, "client_id": chat.client_id},
        "timestamp": message.timestamp,
        "msec_timestamp": message.msec_timestamp,
        "message": inner,
    }
    source = cards.source_of(world, account, chat)
    if source is not None:
        hook["source"] = {"external_id": source.external_id}
    return hook


def _quoted(message: SimMessage) -> dict[str, Any]:
    def person(author: Author | None) -> dict[str, Any]:
        if author is None:
            return {}
        return {"id": author.uuid} | ({"client_id": author.client_id} if author.client_id is not None else {})

    content = message.content
    quoted: dict[str, Any] = {"id": message.id}
    if message.msgid is not None:
        quoted["msgid"] = message.msgid
    return quoted | {
        "type": content["type"],
        "text": content.get("text", ""),
        "media": content.get("media", ""),
        "thumbnail": content.get("thumbnail", ""),
        "file_name": content.get("file_name", ""),
        "file_size": content.get("file_size", 0),
        "timestamp": message.timestamp,
        "msec_timestamp": message.msec_timestamp,
        "sender": person(message.sender),
        "receiver": person(message.receiver),
    }


def typing(world: World, hooks: HookSender, account: SimAccount, chat: SimChat, user: SimUser) -> None:
    """A manager types. Sent only on channels for which support switched it on."""
    if not world.channel.typing_hooks:
        return
    person = {"id": account.open_chats(user)}
    inner: dict[str, Any] = {
        "conversation": {"id": chat.uuid, "client_id": chat.client_id},
        "expired_at": world.seconds + TYPING_S,
    }
    action: dict[str, Any] = {"typing": {"user": person, **inner}}
    if world.switches.typing_hook == "beside":
        action = {"user": person, "typing": inner}
    hooks.queue(account, kind="typing", subject=chat.uuid, chat_uuid=chat.uuid, content={"action": action})


def react(
    world: World, hooks: HookSender, account: SimAccount, message: SimMessage, user: SimUser, emoji: str | None
) -> None:
    """A manager puts a reaction on a message, or takes it back (`emoji` None)."""
    ref_id = account.open_chats(user)
    if emoji is None:
        message.reactions.pop(ref_id, None)
    else:
        message.reactions[ref_id] = emoji
    chat = message.chat
    reaction: dict[str, Any] = {
        "user": {"id": ref_id},
        "conversation": {"id": chat.uuid, "client_id": chat.client_id},
        "type": "unreact" if emoji is None else "react",
    }
    if emoji is not None:
        reaction["emoji"] = emoji
    if world.switches.reaction_hook == "msgid":
        reaction["msgid"] = message.id
    else:
        named: dict[str, Any] = {"id": message.id}
        if message.msgid is not None:
            named["client_id"] = message.msgid
        reaction["message"] = named | {
            "sender": {"id": message.sender.uuid},
            "receiver": {"id": message.receiver.uuid if message.receiver is not None else ""},
            "timestamp": message.timestamp,
            "msec_timestamp": message.msec_timestamp,
        }
    content = {"action": {"reaction": reaction}}
    hooks.queue(account, kind="reaction", subject=message.id, chat_uuid=chat.uuid, content=content)
