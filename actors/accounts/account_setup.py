"""The setup of an account: what has to be in place in amoCRM, step by step.

Owns the steps, their order and their state (table ``setup_steps``). Promises: every step may be carried out at any time
and any number of times, and finds and keeps what exists; a step that amoCRM refuses is marked as failed, with a reason
for people, and the others go on; one that has to wait says what for. Check-ups carry out the same steps again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import structlog

from dealgram.actors.accounts import setup_texts
from dealgram.actors.accounts.account_hooks import review_links
from dealgram.actors.accounts.crm_webhook import subscribe
from dealgram.actors.accounts.source_sync import sync_sources
from dealgram.actors.accounts.step_failure import StepFailedError
from dealgram.actors.accounts.user_rights import user_row
from dealgram.actors.bots.bot_hooks import restore_webhooks
from dealgram.actors.services import AccountGone, Services
from dealgram.gateways.amocrm import AmoCrmClient
from dealgram.gateways.errors import Forbidden, GatewayError, OutcomeUnknown, Unauthorised
from dealgram.persistence import accounts, setup_steps, users
from dealgram.persistence.records import Account, SetupStep
from dealgram.runtime import Permanent, Transient

log = structlog.get_logger(__name__)

FIELD_NAME, FIELD_CODE = "Telegram ID", "TELEGRAM_ID"
LINK_NAME, LINK_CODE = "Telegram", "TELEGRAM_LINK"
WAIT_S = 30.0


async def _channel(services: Services, row: Account) -> str:
    if row.amojo_id is None:
        raise StepFailedError(setup_texts.NO_CHAT_ID)
    try:
        scope_id = await services.amojo.connect(row.amojo_id, row.name or row.subdomain)
    except Forbidden as error:
        # A wrong signature is everybody's trouble, not this account's (amoCRM contract §23).
        log.critical("amoCRM refuses the chat channel", account=row.account_id, reason=error.reason or error.code)
        raise StepFailedError(setup_texts.CHANNEL_FORBIDDEN) from error
    await accounts.set_scope(services.db, row.account_id, scope_id)
    return "Канал подключён."


async def _field(services: Services, row: Account) -> str:
    client = services.amocrm(row.account_id)
    known: dict[str | None, int] = {}
    for field in await client.contact_fields():
        known.setdefault(field.code, field.id)
    telegram = await _ensured(client, known, FIELD_NAME, FIELD_CODE, "text")
    link = await _ensured(client, known, LINK_NAME, LINK_CODE, "url")
    await accounts.set_fields(services.db, row.account_id, telegram_field_id=telegram, link_field_id=link)
    return f"Поля «{FIELD_NAME}» и «{LINK_NAME}» есть."


async def _ensured(client: AmoCrmClient, known: Mapping[str | None, int], name: str, code: str, type_: str) -> int:
    # Looked up by its code first: what amoCRM does with a second field of the same code is not documented (§11).
    return known[code] if code in known else await client.create_contact_field(name, code, type_=type_)


async def _webhooks(services: Services, row: Account) -> str:
    if services.public_url is None:
        raise StepFailedError(setup_texts.NO_PUBLIC_URL)
    return await subscribe(services.amocrm(row.account_id), row, services.public_url)


async def _users(services: Services, row: Account) -> str:
    client = services.amocrm(row.account_id)
    found = await client.users()
    await users.replace(services.db, row.account_id, [user_row(row.account_id, user) for user in found])
    account = await client.account(("datetime_settings",))
    await accounts.set_time_zone(services.db, row.account_id, account.time_zone)
    return f"Пользователей: {len(found)}."


async def _sources(services: Services, row: Account) -> str:
    return await sync_sources(services, row.account_id)


async def _bots(services: Services, row: Account) -> str:
    return await restore_webhooks(services, row.account_id)


async def _deals(services: Services, row: Account) -> str:
    return await review_links(services, row.account_id)


STEPS: Mapping[str, Callable[[Services, Account], Awaitable[str]]] = {
    "channel": _channel,
    "field": _field,
    "webhooks": _webhooks,
    "users": _users,
    "sources": _sources,
    "bots": _bots,
    "deals": _deals,
}
"""Every step with what it does, in their order; the answer is a Russian sentence about what is there now."""


def fresh_steps(account_id: int) -> tuple[SetupStep, ...]:
    """The rows with which a setup begins."""
    return tuple(SetupStep(account_id=account_id, step=step) for step in STEPS)


def broken_step(account_id: int, step: str) -> SetupStep:
    """The row of a step that our own mistake has ended."""
    return SetupStep(account_id=account_id, step=step, state="failed", detail=setup_texts.STEP_BROKEN)


async def carry_out(services: Services, account_id: int, step: str) -> SetupStep:
    """Carry out a step; gives the row that says what came of it.

    Raises:
        Transient: not now; the row of a pending step says what it waits for.
        Permanent: there is no such step (it was put by another version).
    """
    work = STEPS.get(step)
    if work is None:
        raise Permanent(f"there is no step {step!r}")
    row = await accounts.get(services.db, account_id)
    if row is None or row.status == "uninstalled":
        return _ended(account_id, step, "failed", setup_texts.ACCOUNT_STATES["uninstalled"])
    try:
        detail = await work(services, row)
    except StepFailedError as error:
        log.warning("a step of an account's setup failed", account=account_id, step=step, reason=str(error))
        return _ended(account_id, step, "failed", str(error))
    except (Transient, Permanent, GatewayError) as error:
        told = setup_texts.AUTHORISATION_NEEDED if isinstance(error, AccountGone) else setup_texts.explain(error)
        if _may_pass(error):
            await setup_steps.note_wait(services.db, account_id, step, told)
            if isinstance(error, Transient):
                raise
            raise Transient(str(error), retry_after_s=WAIT_S) from error
        log.warning("a step of an account's setup failed", account=account_id, step=step, error=str(error))
        return _ended(account_id, step, "failed", told)
    await services.registry.refresh()
    return _ended(account_id, step, "done", detail)


def _may_pass(error: Exception) -> bool:
    """Whether a failure is a matter of time. Missing rights are not: somebody has to do something."""
    if isinstance(error, Forbidden):
        return error.is_html
    return isinstance(error, Transient | OutcomeUnknown | Unauthorised)


def _ended(account_id: int, step: str, state: Literal["done", "failed"], detail: str) -> SetupStep:
    return SetupStep(account_id=account_id, step=step, state=state, detail=detail)
