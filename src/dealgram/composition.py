"""The bundle that actors work with, made of a database and the gateways.

The running service gives its actors one, with tokens that the account actors rotate. A command line that has to do an
actor's work without a running service makes one too, over the stored tokens, and does the work in its own process.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

from dealgram.actors.accounts.installation import StoredToken
from dealgram.actors.cards.avatars import Avatars
from dealgram.actors.files.media_links import MediaLinks
from dealgram.actors.groups.group_directory import GroupDirectory
from dealgram.actors.registry import Registry
from dealgram.actors.services import KeyedLocks, Place, RepairLimits, Services
from dealgram.connections import Gateways, utc_now
from dealgram.gateways.amo_hosts import AmoHosts
from dealgram.gateways.amocrm import AmoCrmClient, TokenProvider
from dealgram.gateways.telegram import LimitSettings, TelegramLimits
from dealgram.persistence import retention
from dealgram.persistence.database import Database
from dealgram.persistence.entries import InboxEntry
from dealgram.persistence.journal import Journal
from dealgram.persistence.secret_box import SecretBox
from dealgram.runtime import Transient
from dealgram.settings import Settings

Tokens = Callable[[int], TokenProvider]
HOUR_S = 3600.0


class Clients:
    """One REST client per account, made when it is first needed and remade when the account moves."""

    def __init__(self, gateways: Gateways, registry: Registry, tokens: Tokens) -> None:
        self._gateways = gateways
        self._registry = registry
        self._tokens = tokens
        self._clients: dict[int, tuple[str, AmoCrmClient]] = {}

    def __call__(self, account_id: int) -> AmoCrmClient:
        account = self._registry.account(account_id)
        if account is None:
            raise Transient(f"account {account_id} is not connected", retry_after_s=30)
        host = account.row.host
        known = self._clients.get(account_id)
        if known is None or known[0] != host:
            known = self._clients[account_id] = (
                host,
                self._gateways.client(host, self._tokens(account_id), account_id),
            )
        return known[1]


def _nobody(_entries: Sequence[InboxEntry]) -> None:
    """Nobody in this process handles entries: the running service finds them in the journal."""


@asynccontextmanager
async def open_services(
    settings: Settings,
    db: Database,
    gateways: Gateways,
    *,
    limits: LimitSettings | None = None,
    on_accepted: Callable[[Sequence[InboxEntry]], None] = _nobody,
    now: Callable[[], dt.datetime] = utc_now,
    tokens: Callable[[Registry, SecretBox], Tokens] | None = None,
) -> AsyncIterator[Services]:
    """The bundle, over an open database and open gateways, until the block is left.

    ``tokens`` makes the token providers of accounts; without it they read what is stored and rotate nothing.
    """
    box = SecretBox(settings.encryption_keys())
    registry = Registry(db, box)
    await registry.refresh()

    def account_of_scope(scope_id: str) -> int | None:
        account = registry.account_of_scope(scope_id)
        return None if account is None else account.account_id

    gateways.gates.account_of_scope = account_of_scope

    def stored(account_id: int) -> TokenProvider:
        return StoredToken(db, box, account_id)

    place = Place(settings.public_url)
    links = MediaLinks.of(settings.encryption_keys(), lambda: place.public_url, settings.media_link_days)
    async with Journal.open(db, on_accepted=on_accepted) as journal:
        yield Services(
            db=db,
            journal=journal,
            box=box,
            registry=registry,
            avatars=Avatars(gateways.telegram, links),
            media_links=links,
            groups=GroupDirectory(db, journal),
            telegram=gateways.telegram,
            limits=TelegramLimits(limits or LimitSettings()),
            attachments=gateways.attachments,
            file_limits=gateways.file_limits,
            gates=gateways.gates,
            amojo=gateways.amojo,
            oauth=gateways.oauth,
            amocrm=Clients(gateways, registry, stored if tokens is None else tokens(registry, box)),
            channel_bot_id=settings.amojo_bot_id or "",
            now=now,
            person_locks=KeyedLocks(),
            link_locks=KeyedLocks(),
            repair=RepairLimits(
                max_age_s=settings.repair_max_age_s,
                lookback_s=max(settings.journal_keep_days * retention.DAY_S, retention.DEDUPE_WINDOW_S) - HOUR_S,
                active_s=settings.repair_active_days * retention.DAY_S,
                chats=settings.repair_chats,
            ),
            client=gateways.client,
            hosts=AmoHosts(settings.amocrm_domains),
            place=place,
            time_zone=ZoneInfo(settings.time_zone),
            trial_days=settings.trial_days,
            controller=gateways.controller,
            client_uuid=settings.amocrm_client_id or "",
        )
