"""What a person does to the entities of a simulated account: close, move, delete, restore and merge.

Owns `ACTIONS`, beside those of `amo_actions`. Raises `Refusal` and changes nothing where something is not there or
cannot be done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from dealgram.sandbox.amocrm import AmoSimulator, SimAccount
from dealgram.sandbox.page.amo_actions import account_of
from dealgram.sandbox.page.refusal import Refusal, decode, text_of

NAME_LIMIT = 255

Json = dict[str, Any]


class _State(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    deal: int
    state: Literal["won", "lost", "open", "deleted", "restored"]


class _Move(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    deal: int
    pipeline: int


class _Rename(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    deal: int
    name: str


class _Merge(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    keep: int
    other: int


class _Contact(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    contact: int
    state: Literal["deleted", "restored"]


class _Source(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    source: int


class _Pipeline(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    pipeline: int
    archived: bool


class _Installation(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    installed: bool


class _Paid(msgspec.Struct, forbid_unknown_fields=True):
    account: int
    paid: bool


def _set_state(amo: AmoSimulator, body: bytes) -> Json:
    wanted = decode(body, _State)
    account = account_of(amo, wanted.account)
    lead = account.leads.get(wanted.deal)
    if lead is None or lead.is_unsorted:
        raise Refusal("Такой Сделки в аккаунте нет.", 404)
    if lead.is_deleted != (wanted.state == "restored"):
        raise Refusal("Сделка удалена: сначала восстановите её." if lead.is_deleted else "Сделка не удалена.", 409)
    match wanted.state:
        case "won" | "lost":
            if not lead.is_open:
                raise Refusal("Сделка уже закрыта.", 409)
            amo.close_lead(account, lead.id, won=wanted.state == "won")
        case "open":
            if lead.is_open:
                raise Refusal("Сделка и так открыта.", 409)
            amo.reopen_lead(account, lead.id)
        case "deleted":
            amo.delete_lead(account, lead.id)
        case "restored":
            amo.restore_lead(account, lead.id)
    return {}


def _move(amo: AmoSimulator, body: bytes) -> Json:
    wanted = decode(body, _Move)
    account = account_of(amo, wanted.account)
    lead = _deal(account, wanted.deal)
    pipeline = account.pipelines.get(wanted.pipeline)
    if pipeline is None or pipeline.is_archive:
        raise Refusal("Такой воронки в аккаунте нет.", 404)
    if lead.pipeline_id == wanted.pipeline:
        raise Refusal("Сделка и так в этой воронке.", 409)
    amo.move_lead(account, lead.id, wanted.pipeline)
    return {}


def _rename(amo: AmoSimulator, body: bytes) -> Json:
    wanted = decode(body, _Rename)
    account = account_of(amo, wanted.account)
    lead = _deal(account, wanted.deal)
    amo.rename_lead(account, lead.id, text_of(wanted.name, limit=NAME_LIMIT, empty="Назовите Сделку."))
    return {}


def _merge_deals(amo: AmoSimulator, body: bytes) -> Json:
    wanted = decode(body, _Merge)
    account = account_of(amo, wanted.account)
    keep, other = _deal(account, wanted.keep), _deal(account, wanted.other)
    if keep is other:
        raise Refusal("Выберите две разные Сделки.", 409)
    amo.merge_leads(account, keep.id, [other.id])
    return {"deal": keep.id}


def _merge_contacts(amo: AmoSimulator, body: bytes) -> Json:
    wanted = decode(body, _Merge)
    account = account_of(amo, wanted.account)
    for contact_id in (wanted.keep, wanted.other):
        if account.contact(contact_id) is None:
            raise Refusal("Такого контакта в аккаунте нет.", 404)
    if wanted.keep == wanted.other:
        raise Refusal("Выберите два разных контакта.", 409)
    amo.merge_contacts(account, wanted.keep, [wanted.other])
    return {}


def _contact(amo: AmoSimulator, body: bytes) -> Json:
    wanted = decode(body, _Contact)
    account = account_of(amo, wanted.account)
    contact = account.contacts.get(wanted.contact)
    if contact is None or contact.is_hidden:
        raise Refusal("Такого контакта в аккаунте нет.", 404)
    if contact.is_deleted == (wanted.state == "deleted"):
        raise Refusal("Контакт уже удалён." if contact.is_deleted else "Контакт не удалён.", 409)
    if wanted.state == "deleted":
        amo.delete_contact(account, contact.id)
    else:
        amo.restore_contact(account, contact.id)
    return {}


def _delete_source(amo: AmoSimulator, body: bytes) -> Json:
    wanted = decode(body, _Source)
    account = account_of(amo, wanted.account)
    if wanted.source not in account.sources:
        raise Refusal("Такого источника в аккаунте нет.", 404)
    amo.delete_source(account, wanted.source)
    return {}


def _pipeline(amo: AmoSimulator, body: bytes) -> Json:
    wanted = decode(body, _Pipeline)
    account = account_of(amo, wanted.account)
    pipeline = account.pipelines.get(wanted.pipeline)
    if pipeline is None:
        raise Refusal("Такой воронки в аккаунте нет.", 404)
    if pipeline.is_main and wanted.archived:
        raise Refusal("Главную воронку нельзя отправить в архив.", 409)
    amo.archive_pipeline(account, pipeline.id, archived=wanted.archived)
    return {}


def _paid(amo: AmoSimulator, body: bytes) -> Json:
    wanted = decode(body, _Paid)
    account = account_of(amo, wanted.account)
    amo.set_paid(account, wanted.paid)
    amo.world.events.publish("account", account_id=account.id)
    return {}


async def _installation(amo: AmoSimulator, body: bytes) -> Json:
    wanted = decode(body, _Installation)
    account = account_of(amo, wanted.account)
    if account.is_installed == wanted.installed:
        raise Refusal("Интеграция уже установлена." if wanted.installed else "Интеграция и так отключена.", 409)
    if not wanted.installed:
        amo.uninstall(account)
        return {}
    call = await amo.install(account)
    return {"outcome": call.outcome}


ACTIONS: dict[str, Callable[[AmoSimulator, bytes], Json | Awaitable[Json]]] = {
    "deal/state": _set_state,
    "deal/move": _move,
    "deal/rename": _rename,
    "deal/merge": _merge_deals,
    "contact/state": _contact,
    "contact/merge": _merge_contacts,
    "source/delete": _delete_source,
    "pipeline/archive": _pipeline,
    "paid": _paid,
    "installation": _installation,
}


def _deal(account: SimAccount, deal_id: int) -> Any:
    lead = account.lead(deal_id)
    if lead is None:
        raise Refusal("Такой Сделки в аккаунте нет.", 404)
    return lead
