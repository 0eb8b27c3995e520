"""The simulated amoCRM as the page shows it: accounts, deals, and the card of each deal.

Owns the parts `amocrm` (accounts with users, pipelines and the list of deals) and `deal:<account>:<id>` (contacts, chat
selector and feed of one deal); `account:<id>` is `account_view`'s.
"""

from __future__ import annotations

from typing import Any

from dealgram.sandbox.amocrm import AmoSimulator, FeedItem, HookRecord, SimAccount
from dealgram.sandbox.amocrm.records import SimLead, SimNote
from dealgram.sandbox.page import account_view
from dealgram.sandbox.page.file_view import media_of_item

FEED_SHOWN = 200
TELEGRAM_ID = "TELEGRAM_ID"

_FAILED = "error"
_KINDS = {
    "picture": "Картинка",
    "file": "Файл",
    "video": "Видео",
    "voice": "Голосовое сообщение",
    "audio": "Аудиозапись",
    "sticker": "Стикер",
    "location": "Геопозиция",
    "contact": "Контакт",
}

Json = dict[str, Any]


def parts(amo: AmoSimulator) -> dict[str, object]:
    """Everything that the amoCRM pane draws."""
    found: dict[str, object] = {}
    accounts: list[Json] = []
    lost = _lost_answers(amo)
    for account in amo.accounts:
        deals: list[Json] = []
        for lead in account.leads.values():
            if lead.is_deleted or lead.is_unsorted:
                continue
            card = _card(amo, account, lead, lost)
            found[f"deal:{account.id}:{lead.id}"] = card
            deals.append(_deal(account, lead, card["feed"]))
        accounts.append(_account(amo, account, deals))
        found[f"account:{account.id}"] = account_view.part(amo, account)
    found["amocrm"] = {"accounts": accounts}
    return found


def _lost_answers(amo: AmoSimulator) -> dict[str, str]:
    """Answers of managers whose hook did not reach the service, with the reason: amoCRM sends a hook only once.

    amoCRM itself shows nothing of it; the sandbox does, so that nobody waits in vain.
    """
    answers = (hook for hook in amo.hooks if hook.kind == "message")
    return {hook.subject: reason for hook in answers if (reason := _why_lost(hook))}


def _why_lost(hook: HookRecord) -> str:
    match hook.outcome:
        case "undeliverable":
            return "Интеграция не подключена к этому аккаунту: ответ некому передать."
        case "failed" | "dropped":
            return "Сервис был недоступен, а amoCRM присылает ответ только один раз: он не дошёл."
        case "timeout":
            return "Сервис не подтвердил ответ вовремя: дойдёт ли он, неизвестно."
        case "refused":
            return f"Сервис не принял ответ (код {hook.status})."
        case _:
            return ""


def _account(amo: AmoSimulator, account: SimAccount, deals: list[Json]) -> Json:
    return {
        "id": account.id,
        "name": account.name,
        "subdomain": account.subdomain,
        "host": account.host,
        "installed": account.is_installed,
        "users": [{"id": user.id, "name": user.name} for user in account.users.values() if user.is_active],
        "pipelines": [
            {"id": one.id, "name": one.name}
            for one in sorted(account.pipelines.values(), key=lambda one: one.sort)
            if not one.is_archive
        ],
        "deals": deals,
        "unsorted": [
            {"uid": one.uid, "name": one.client_name, "text": one.last_text, "source": one.source_name}
            for one in amo.unsorted(account)
        ],
    }


def _deal(account: SimAccount, lead: SimLead, feed: list[Json]) -> Json:
    status = account.pipelines[lead.pipeline_id].statuses[lead.status_id]
    last = feed[-1] if feed else None
    return {
        "id": lead.id,
        "name": lead.name,
        "pipeline": lead.pipeline_id,
        "stage": {"name": status.name, "color": status.color},
        "closed": not lead.is_open,
        "count": len(feed),
        "last": None
        if last is None
        else {
            "author": last["author"],
            "text": " ".join(f"{last['kind'] or ''} {last['text'] or last['about']}".split())[:120],
            "at": last["at"],
        },
    }


def _card(amo: AmoSimulator, account: SimAccount, lead: SimLead, lost: dict[str, str]) -> Json:
    options = amo.chats_of_lead(account, lead.id)
    names = {option.chat_uuid: option.name for option in options}
    items = [_item(amo, account, item, names, lost) for item in amo.feed(account, lead.id)]
    items += [_note(account, note) for note in amo.notes(account, lead.id)]
    items.sort(key=lambda item: item["at"])
    return {
        "contacts": [
            _contact(amo, account, one) for one in amo.contacts_of_lead(account, lead.id) if account.contact(one)
        ],
        "chats": [
            {"uuid": one.chat_uuid, "title": one.name or one.contact_name, "conversation": one.conversation}
            for one in options
        ],
        "feed": items[-FEED_SHOWN:],
    }


def _contact(amo: AmoSimulator, account: SimAccount, contact_id: int) -> Json:
    telegram_id = amo.contact_value(account, contact_id, TELEGRAM_ID)
    return {"id": contact_id, "name": account.contacts[contact_id].name, "telegram_id": telegram_id}


def _item(amo: AmoSimulator, account: SimAccount, item: FeedItem, names: dict[str, str], lost: dict[str, str]) -> Json:
    message = account.messages[item.amo_id]
    error = item.status if message.status == _FAILED else ""
    if item.status == "sent":
        error = lost.get(item.amo_id, "")
    return {
        "id": item.amo_id,
        "at": item.at,
        "role": _role(amo, account, item),
        "author": item.author,
        "author_key": message.sender.client_id or message.sender.uuid,
        "conversation": names.get(item.chat_uuid) or account.chats[item.chat_uuid].title,
        "conversation_id": item.conversation,
        "chat": item.chat_uuid,
        "kind": None if item.type == "text" else _KINDS.get(item.type, item.type),
        "media": _media(account, item),
        "about": _about(item),
        "edited": item.is_edited,
        "reactions": [{"emoji": one.emoji, "name": one.by} for one in item.reactions],
        "forwarded": "" if item.forwarded is None else f"{item.forwarded.author}: {item.forwarded.text}",
        "text": item.text,
        "status": _FAILED if error else message.status,
        "error": error,
        "reply": None if item.quoted is None else {"author": item.quoted.author, "text": item.quoted.text},
    }


def _media(account: SimAccount, item: FeedItem) -> Json | None:
    if not item.media and item.data is None:
        return None
    return media_of_item(
        account.id,
        item.amo_id,
        kind=item.type,
        name=item.file_name,
        size=item.file_size,
        has_bytes=item.data is not None,
    )


def _about(item: FeedItem) -> str:
    if item.location is not None:
        return f"{item.location['lat']:.5f}, {item.location['lon']:.5f}"
    if item.contact is not None:
        return f"{item.contact.get('name', '')}, {item.contact.get('phone', '')}"
    return ""


def _role(amo: AmoSimulator, account: SimAccount, item: FeedItem) -> str:
    sender = account.messages[item.amo_id].sender
    if sender.uuid == amo.channel.bot_id:
        return "bot"
    return "client" if item.direction == "in" else "manager"


def _note(account: SimAccount, note: SimNote) -> Json:
    author = account.users.get(note.created_by)
    return {
        "id": f"note-{note.id}",
        "at": note.created_at,
        "role": "note",
        "author": author.name if author is not None else "Примечание",
        "author_key": str(note.created_by),
        "kind": None,
        "media": None,
        "about": "",
        "edited": False,
        "reactions": [],
        "forwarded": "",
        "text": str(note.params.get("text", "")),
        "status": "",
        "error": "",
        "reply": None,
    }
