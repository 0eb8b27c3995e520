"""Looking an account over, end to end: does everything that dealgram needs of amoCRM and Telegram work at this moment?

Owns the examinations and their verdicts. Nothing is changed: every examination only reads. One that fails hides no
other, except that without a working token amoCRM cannot be asked at all.
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from dealgram.actors.accounts.account_setup import FIELD_CODE, LINK_CODE
from dealgram.actors.accounts.crm_webhook import hook_address
from dealgram.actors.accounts.setup_texts import explain
from dealgram.actors.services import Services
from dealgram.gateways.amocrm import AmoCrmClient, GrantRefused
from dealgram.gateways.amocrm.channels import CRM_EVENTS
from dealgram.gateways.errors import Forbidden, GatewayError, NotFound, Unauthorised
from dealgram.persistence import bots, setup_steps, users
from dealgram.persistence.records import Account, Bot
from dealgram.runtime import Permanent, Transient


class Verdict(enum.StrEnum):
    """What an examination came to."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not all of it, or not for long."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """It could not be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report: what was looked at and what was seen, in English for operators."""

    subject: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class _Patient:
    services: Services
    row: Account
    client: AmoCrmClient


async def examine(services: Services, row: Account, on_finding: Callable[[Finding], None]) -> list[Finding]:
    """Look an account over; every finding is also given to ``on_finding`` as soon as it is there."""
    found: list[Finding] = []

    def note(finding: Finding) -> None:
        found.append(finding)
        on_finding(finding)

    patient = _Patient(services, row, services.amocrm(row.account_id))
    token = await _look(_token, patient)
    for finding in token:
        note(finding)
    reachable = all(finding.verdict is not Verdict.FAILED for finding in token)
    for subject, look in EXAMINATIONS.items():
        if not reachable and subject in ASKS_AMOCRM:
            note(Finding(subject=subject, verdict=Verdict.SKIPPED, text="amoCRM cannot be asked without a token"))
            continue
        for finding in await _look(look, patient, subject):
            note(finding)
    return found


async def _look(
    look: Callable[[_Patient], Awaitable[list[Finding]]], patient: _Patient, subject: str = "token"
) -> list[Finding]:
    try:
        return await look(patient)
    except (GatewayError, Transient, Permanent) as error:
        return [Finding(subject=subject, verdict=Verdict.FAILED, text=f"{error} ({explain(error)})")]


def _ok(subject: str, text: str) -> Finding:
    return Finding(subject=subject, verdict=Verdict.OK, text=text)


def _warning(subject: str, text: str) -> Finding:
    return Finding(subject=subject, verdict=Verdict.WARNING, text=text)


def _failed(subject: str, text: str) -> Finding:
    return Finding(subject=subject, verdict=Verdict.FAILED, text=text)


async def _token(patient: _Patient) -> list[Finding]:
    row = patient.row
    if row.status == "uninstalled":
        return [_failed("token", "the integration was removed from the account; install it again")]
    if row.access_token is None or row.refresh_token is None:
        return [_failed("token", "there are no tokens: the account must be authorised again")]
    try:
        account = await patient.client.account()
    except (Unauthorised, GrantRefused) as error:
        return [_failed("token", f"amoCRM does not accept the token: {error.detail}; authorise the account again")]
    found = []
    if account.id != row.account_id:
        return [_failed("token", f"the token is of another account, {account.id}")]
    left = row.token_expires_at - patient.services.now() if row.token_expires_at is not None else None
    text = (
        "works" if left is None else f"works; the access token expires in {max(left.total_seconds(), 0) / 3600:.1f} h"
    )
    found.append(_ok("token", text))
    if account.subdomain != row.subdomain:
        found.append(
            _warning("token", f"the account is called {account.subdomain} now, here it is still {row.subdomain}")
        )
    if account.amojo_id != row.amojo_id:
        found.append(_failed("token", "the account's chat id is another than at installation: run the setup again"))
    return found


async def _setup(patient: _Patient) -> list[Finding]:
    steps = await setup_steps.for_account(patient.services.db, patient.row.account_id)
    if not steps:
        return [_failed("setup", "was never run; run «dealgram account setup»")]
    unfinished = [step for step in steps if step.state != "done"]
    if not unfinished:
        return [_ok("setup", f"all {len(steps)} steps are done")]
    return [
        (_failed if step.state == "failed" else _warning)("setup", f"{step.step} is {step.state}: {step.detail or '…'}")
        for step in unfinished
    ]


async def _rights(patient: _Patient) -> list[Finding]:
    account = await patient.client.account()
    if account.current_user_id is None:
        return [_warning("rights", "amoCRM does not say whose token this is")]
    try:
        user = await patient.client.user(account.current_user_id)
    except Forbidden:
        return [_failed("rights", "the token may not read users: an administrator has to authorise the account")]
    if user is None or not user.is_admin:
        return [_failed("rights", f"user {account.current_user_id}, whose token this is, is no administrator")]
    return [_ok("rights", f"the token is an administrator's, {user.name}")]


async def _channel(patient: _Patient) -> list[Finding]:
    scope = patient.row.scope_id
    if not scope:
        return [_failed("channel", "the chat channel was never connected")]
    try:
        # A chat that nobody has: the answer is empty where the channel is connected and the signature good.
        await patient.services.amojo.history(scope, str(uuid.uuid4()), limit=1)
    except NotFound as error:
        return [_failed("channel", f"amoCRM does not know the channel in this account: {error.detail}")]
    except Forbidden as error:
        return [_failed("channel", f"amoCRM refuses the signature: check the secret and the clock ({error.detail})")]
    found = [_ok("channel", "connected, and the signature is accepted")]
    if not patient.services.channel_bot_id:
        found.append(_warning("channel", "DEALGRAM_AMOJO_BOT_ID is not set: answers of robots cannot be imported"))
    return found


async def _field(patient: _Patient) -> list[Finding]:
    fields = {field.code: field for field in await patient.client.contact_fields()}
    found = []
    for code, known, name in (
        (FIELD_CODE, patient.row.telegram_field_id, "Telegram ID"),
        (LINK_CODE, patient.row.link_field_id, "Telegram"),
    ):
        field = fields.get(code)
        if field is None:
            found.append(_failed("field", f"«{name}» is not among the contact fields; run the setup again"))
        elif field.id != known:
            found.append(_failed("field", f"«{name}» is field {field.id}, here {known} is used; run the setup again"))
        else:
            found.append(_ok("field", f"«{name}» is field {field.id}, of type {field.type}"))
    return found


async def _hooks(patient: _Patient) -> list[Finding]:
    services, row = patient.services, patient.row
    if services.public_url is None:
        return [_warning("webhooks", "without DEALGRAM_PUBLIC_URL amoCRM cannot tell of changes; check-ups find them")]
    known = await patient.client.webhooks(hook_address(services.public_url, row.hook_key or ""))
    if not known:
        return [_failed("webhooks", "amoCRM has no subscription of ours; run the setup again")]
    if known[0].disabled:
        return [_failed("webhooks", "amoCRM has switched our subscription off after too many bad answers")]
    missing = sorted(set(CRM_EVENTS) - set(known[0].settings))
    if missing:
        return [_warning("webhooks", f"not subscribed: {', '.join(missing)}")]
    return [_ok("webhooks", f"subscribed to {len(known[0].settings)} kinds of events")]


async def _users(patient: _Patient) -> list[Finding]:
    there = {user.id: user for user in await patient.client.users() if user.is_active}
    known = await users.for_account(patient.services.db, patient.row.account_id)
    here = {user.user_id: user for user in known if user.is_active}
    found = [_ok("users", f"{len(there)} active users")]
    if there.keys() != here.keys():
        found.append(_warning("users", f"{len(there.keys() ^ here.keys())} differ from what is known here"))
    silent = [user.name for user in there.values() if user.amojo_id is None]
    if silent:
        found.append(
            _warning("users", f"have never opened chats, so nothing can be imported in their name: {', '.join(silent)}")
        )
    return found


async def _sources(patient: _Patient) -> list[Finding]:
    connected = await _bots(patient)
    if not connected:
        return [_warning("sources", "no bot is connected, so there is nothing to have a source")]
    sources = {source.external_id: source for source in await patient.client.sources()}
    pipelines = {pipeline.id: pipeline for pipeline in await patient.client.pipelines()}
    found = []
    for bot in connected:
        source = sources.get(bot.external_id)
        pipeline = pipelines.get(source.pipeline_id) if source is not None and source.pipeline_id else None
        name = f"@{bot.username}"
        if source is None:
            found.append(_failed("sources", f"{name} has no source: its deals come into the default pipeline"))
        elif pipeline is None or pipeline.is_archive:
            state = "archived" if pipeline is not None else "gone"
            found.append(_failed("sources", f"{name}: its pipeline {source.pipeline_id} is {state}"))
        elif source.pipeline_id != bot.pipeline_id:
            found.append(_warning("sources", f"{name}: «{pipeline.name}» at amoCRM, {bot.pipeline_id} here"))
        else:
            found.append(_ok("sources", f"{name} → «{pipeline.name}»"))
    return found


async def _telegram(patient: _Patient) -> list[Finding]:
    found = []
    for bot in await _bots(patient):
        name = f"@{bot.username}"
        try:
            me = await patient.services.telegram.bot(patient.services.box.open(bot.token)).get_me()
        except Unauthorised:
            found.append(_failed("bots", f"{name}: Telegram does not accept the token any more"))
            continue
        except GatewayError as error:
            found.append(_failed("bots", f"{name}: {error}"))
            continue
        if me.can_read_all_group_messages:
            found.append(_ok("bots", f"{name} answers, by {bot.intake}"))
        else:
            found.append(
                _warning("bots", f"{name} answers, but privacy mode is on: it sees groups only as an administrator")
            )
        found += [_warning("bots", f"{name}: {trouble}") for trouble in bot.troubles]
    return found


async def _bots(patient: _Patient) -> list[Bot]:
    rows = await bots.for_account(patient.services.db, patient.row.account_id)
    return [row for row in rows if row.status == "active"]


EXAMINATIONS: dict[str, Callable[[_Patient], Awaitable[list[Finding]]]] = {
    "setup": _setup,
    "rights": _rights,
    "channel": _channel,
    "field": _field,
    "webhooks": _hooks,
    "users": _users,
    "sources": _sources,
    "bots": _telegram,
}
"""What is looked at after the token, in this order."""

ASKS_AMOCRM = frozenset({"rights", "field", "webhooks", "users", "sources"})
