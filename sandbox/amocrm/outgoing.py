"""What people and bots write in amoCRM, and the hooks that tell the integration of it (amoCRM contract §9, §17).

Owns the bodies of message hooks of version 2. Several attachments are several messages with hooks of their own that
share a `media_group_id`. Promises: an answer is in the feed with the status "sent" before its hook is queued, so that
a delivery status always finds its message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dealgram.sandbox.amocrm import cards, quotes
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.attachments import Attachment
from dealgram.sandbox.amocrm.conversations import Author, BotQuestion, SimChat, SimMessage
from dealgram.sandbox.amocrm.hooks import HookSender
from dealgram.sandbox.amocrm.records import SimTemplate
from dealgram.sandbox.amocrm.world import World

Buttons = Sequence[Sequence[dict[str, str]]]


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
    hook = _message_hook(world, account, message, None)
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
    forward: SimMessage | None = None,
    attachments: Sequence[Attachment] = (),
    buttons: Buttons = (),
    template: UsedTemplate | None = None,
    lead_id: int | None = None,
) -> list[SimMessage]:
    """Writes as a manager or as a bot: one message, or one per attachment; buttons, template and what is forwarded are
    with the first, the text too or (by the switch) with each. Queues their hooks. Raises ValueError for buttons of two
    kinds.
    """
    if template is not None:
        text, buttons = text or template.text, buttons or template.buttons
    if len({"url" in button for row in buttons for button in row}) > 1:
        raise ValueError("text buttons and buttons with links cannot stand in one message")
    parts = _parts(world, account, text, attachments)
    client = chat.client
    receiver = Author(uuid=client.uuid, name=client.name, client_id=client.client_id) if client else None
    written: list[SimMessage] = []
    told: list[dict[str, Any]] = []
    for index, content in enumerate(parts):
        is_first = index == 0
        milliseconds = int(world.now() * 1000) + index
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
            receiver=receiver,
            content=content,
            silent=False,
            visible=False,
            status="sent",
            quote=reply_to.id if reply_to is not None else None,
            forward=forward.id if forward is not None and is_first else None,
        )
        account.accept(message)
        cards.show(world, account, message, lead_id=lead_id)
        markup = {"mode": "inline", "buttons": [list(row) for row in buttons]} if buttons and is_first else None
        hook = _message_hook(world, account, message, markup)
        if template is not None and is_first:
            hook["message"]["template"] = _shown_template(template)
        written.append(message)
        told.append(hook)
    for index in _hook_order(world, len(told)):
        subject, content = written[index].id, {"message": told[index]}
        hooks.queue(account, kind="message", subject=subject, chat_uuid=chat.uuid, content=content)
    return written


def _parts(world: World, account: SimAccount, text: str, attachments: Sequence[Attachment]) -> list[dict[str, Any]]:
    """The contents of the messages that an answer becomes."""
    if not attachments:
        return [{"type": "text", "text": text}]
    parts: list[dict[str, Any]] = []
    for index, one in enumerate(attachments):
        media, thumbnail = world.files.host(account.amojo_id, one)
        parts.append(
            {
                "type": one.type,
                "text": text if index == 0 or world.switches.album_text == "each" else "",
                "media": media,
                "thumbnail": thumbnail,
                "file_name": one.file_name,
                "file_size": one.told_size,
            }
        )
    if len(parts) > 1:
        group = world.ids.uuid()
        parts = [{**part, "media_group_id": group} for part in parts]
    return parts


def _hook_order(world: World, count: int) -> list[int]:
    """The order in which the hooks of one answer go; shuffled is never the kept one."""
    kept = list(range(count))
    order = list(kept)
    while world.switches.album_order == "shuffled" and count > 1 and order == kept:
        world.rng.shuffle(order)
    return order


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
    world: World, account: SimAccount, message: SimMessage, markup: dict[str, Any] | None
) -> dict[str, Any]:
    chat, client, content = message.chat, message.chat.client, message.content
    is_told = world.switches.file_facts == "given"
    inner: dict[str, Any] = {
        "id": message.id,
        "type": content["type"],
        "text": content.get("text", ""),
        "markup": markup,
        "tag": "",
        "media": content.get("media", ""),
        "thumbnail": content.get("thumbnail", ""),
        "file_name": content.get("file_name", "") if is_told else "",
        "file_size": content.get("file_size", 0) if is_told else 0,
    }
    group = {name: content[name] for name in ("media_group_id",) if name in content}
    if world.switches.media_group == "message":
        inner |= group
    quoted = account.messages.get(message.quote) if isinstance(message.quote, str) else None
    if quoted is not None and world.channel.quotes:
        inner["reply_to"] = {"message": quotes.in_hook(quoted)}
    forwarded = account.messages.get(message.forward) if isinstance(message.forward, str) else None
    if forwarded is not None and world.channel.quotes:
        inner["forwards"] = {"messages": [quotes.in_hook(forwarded)], "conversation_ref_id": forwarded.chat.uuid}
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
    if world.switches.media_group == "beside":
        hook |= group
    source = cards.source_of(world, account, chat)
    if source is not None:
        hook["source"] = {"external_id": source.external_id}
    return hook
