"""What a chat's history says of messages whose hook never came. Pure.

A message that was born in amoCRM has no id of ours, and its sender is no client of ours. Everything else in a chat was
posted by us. From what the history tells, the hook is made as amoCRM would have made it (amoCRM contract §6, §9), so
that it is handled like any other; buttons, templates and quotations are not in a history.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import orjson

from dealgram.gateways.amojo import HistoryItem
from dealgram.persistence.records import Repair

_LATE = "dealgram_too_late"


def hook_key(account_id: int, amo_id: str) -> str:
    """The inbox key of a message hook: one per message of amoCRM, whichever way it comes in."""
    return f"{account_id}:{amo_id}"


def sent_at_ms(item: HistoryItem) -> int:
    """When a message was written, in Unix milliseconds."""
    return item.msec_timestamp or item.timestamp * 1000


def born_in_amocrm(items: Iterable[HistoryItem], since_ms: int, until_ms: int) -> list[HistoryItem]:
    """Messages of managers and robots from a span of time, each once, the oldest first, whatever the history's order.

    Messages of the same millisecond keep the order of the history.
    """
    items = list(items)
    if len(items) > 1 and sent_at_ms(items[0]) >= sent_at_ms(items[-1]):
        items.reverse()  # as the documentation's example has it: the newest first
    found: dict[str, HistoryItem] = {}
    for item in items:
        is_ours = item.message.client_id is not None or (item.sender is not None and item.sender.client_id is not None)
        if not is_ours and since_ms <= sent_at_ms(item) <= until_ms:
            found.setdefault(item.message.id, item)
    return sorted(found.values(), key=sent_at_ms)


def hook_of(item: HistoryItem, amojo_id: str, conversation_id: str, chat_uuid: str, *, late: bool = False) -> bytes:
    """The body of the hook that should have come for a message. ``late``: mark it as not to be sent any more."""
    content = msgspec.to_builtins(item.message)
    content.pop("client_id", None)
    message = {
        "sender": _user(item.sender),
        "receiver": {"phone": "", "email": "", **_user(item.receiver)},
        "conversation": {"id": chat_uuid, "client_id": conversation_id},
        "timestamp": sent_at_ms(item) // 1000,
        "msec_timestamp": sent_at_ms(item),
        "message": {name: value for name, value in content.items() if value is not None},
    }
    body = {"account_id": amojo_id, "time": sent_at_ms(item) // 1000, "message": message}
    return orjson.dumps(body | {_LATE: True} if late else body)


def is_too_late(payload: bytes) -> bool:
    """Whether a hook was made by `hook_of` and marked as late."""
    return _LATE.encode() in payload and orjson.loads(payload).get(_LATE) is True


def repair_line(row: Repair) -> str:
    """How far a comparison is, for people: «сверка переписки: 12 из 40»."""
    line = f"сверка переписки: {row.compared} из {row.chats}"
    counts = (
        ("найдено пропущенных сообщений", row.found),
        ("устарело", row.late),
        ("не удалось прочитать", row.failed),
    )
    parts = [line, *(f"{name}: {count}" for name, count in counts if count)]
    if row.state == "done" and row.carried_ms is not None:
        parts.append("последний перерыв будет сверен вместе со следующим")
    return ", ".join(parts)


def _user(user: msgspec.Struct | None) -> dict[str, object]:
    if user is None:
        return {}
    return {name: value for name, value in msgspec.to_builtins(user).items() if value is not None}
