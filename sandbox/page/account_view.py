"""What a simulated amoCRM account holds, as the page's dialog «Аккаунт» shows it.

Owns the part `account:<id>`: deals in every state, contacts, pipelines, sources, webhooks and the last hooks with what
became of them, and whether the integration is installed. Lists are cut to the newest: a page is to be looked at.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from dealgram.sandbox.amocrm import AmoSimulator, SimAccount
from dealgram.sandbox.amocrm.records import WON, SimContact, SimLead

ROWS_SHOWN = 100
HOOKS_SHOWN = 20
TELEGRAM_ID = "TELEGRAM_ID"

Json = dict[str, Any]


def part(amo: AmoSimulator, account: SimAccount) -> Json:
    """Everything that the dialog draws."""
    return {
        "installed": account.is_installed,
        "connected": account.is_connected,
        "paid": account.is_paid,
        "deals": [_deal(account, one) for one in _newest(account.leads) if not one.is_unsorted],
        "contacts": [_contact(amo, account, one) for one in _newest(account.contacts) if not one.is_hidden],
        "pipelines": [
            {"id": one.id, "name": one.name, "main": one.is_main, "archived": one.is_archive}
            for one in sorted(account.pipelines.values(), key=lambda one: one.sort)
        ],
        "sources": [
            {
                "id": one.id,
                "name": one.name,
                "external_id": one.external_id,
                "pipeline": account.pipelines[one.pipeline_id].name if one.pipeline_id in account.pipelines else "—",
                "default": one.is_default,
            }
            for one in amo.sources(account)
        ],
        "webhooks": [
            {
                # The end of the address is a secret of the service: the page shows whose it is, not what it is.
                "host": urlsplit(one.destination).netloc,
                "events": len(one.settings),
                "disabled": one.disabled,
            }
            for one in account.webhooks.values()
        ],
        "hooks": _hooks(amo, account),
    }


def _newest(records: dict[int, Any]) -> list[Any]:
    return list(reversed(list(records.values())[-ROWS_SHOWN:]))


def _deal(account: SimAccount, lead: SimLead) -> Json:
    state = "deleted" if lead.is_deleted else "open" if lead.is_open else "won" if lead.status_id == WON else "lost"
    pipeline = account.pipelines.get(lead.pipeline_id)
    return {
        "id": lead.id,
        "name": lead.name,
        "pipeline": pipeline.name if pipeline is not None else "—",
        "state": state,
        "contacts": len(lead.contacts),
        "tags": list(lead.tags.values()),
    }


def _contact(amo: AmoSimulator, account: SimAccount, contact: SimContact) -> Json:
    return {
        "id": contact.id,
        "name": contact.name,
        "telegram_id": amo.contact_value(account, contact.id, TELEGRAM_ID),
        "deals": [lead_id for lead_id in contact.leads if account.lead(lead_id) is not None],
        "chats": len(contact.chats),
        "tags": list(contact.tags.values()),
        "deleted": contact.is_deleted,
    }


def _hooks(amo: AmoSimulator, account: SimAccount) -> list[Json]:
    crm = [one for one in amo.crm_hooks if one.account_id == account.id][-HOOKS_SHOWN:]
    return [
        {
            "number": one.number,
            "what": one.setting,
            "subject": one.subject,
            "outcome": one.outcome,
            "statuses": list(one.statuses),
        }
        for one in reversed(crm)
    ]
