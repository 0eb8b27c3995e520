"""The sources of an account's bots, compared with what stands in amoCRM.

A source may be deleted, renamed or moved to another pipeline by hand, and its pipeline archived or deleted. A deleted
source is made again, in the pipeline that the bot had; a pipeline changed in amoCRM is the bot's from then on, since
people changed it where they see it; a name is left as people gave it. What cannot be mended is kept as the bot's
trouble. Repeating is safe; the account actor runs it as a step of the installation and at its check-ups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from dealgram.actors.bots import bot_texts, bot_troubles
from dealgram.actors.bots.bot_removal import clean_up
from dealgram.actors.bots.bot_sources import (
    DOCUMENTED_SOURCES,
    SourceLimitError,
    archived_or_open,
    ensure_source,
    open_pipeline,
    source_of,
)
from dealgram.actors.services import Services
from dealgram.gateways.amocrm import AmoCrmClient, Pipeline, Source
from dealgram.gateways.errors import GatewayError, Refused
from dealgram.persistence import bots
from dealgram.persistence.records import Bot
from dealgram.runtime import Transient

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What amoCRM said at the beginning."""

    sources: Sequence[Source]
    pipelines: Sequence[Pipeline]


async def sync_sources(services: Services, account_id: int) -> str:
    """Compare and mend; returns what came of it, in Russian, for the account's list of steps.

    Raises:
        GatewayError, Transient: amoCRM did not answer or refuses the account; nothing is lost, call again.
    """
    client = services.amocrm(account_id)
    for row in await bots.to_clean_up(services.db, account_id):
        await _clean_up(services, client, row)
    rows = [row for row in await bots.for_account(services.db, account_id) if row.status in ("active", "revoked")]
    if not rows:
        return bot_texts.sources_done(0, 0, 0)
    known = _Known(sources=await client.sources(), pipelines=await client.pipelines())
    surplus = {row.bot_id for row in sorted(rows, key=_age)[DOCUMENTED_SOURCES:]}
    created = without = 0
    for row in rows:
        troubles: dict[str, str] = {}
        if row.bot_id in surplus:
            troubles[bot_troubles.MANY_SOURCES] = bot_texts.many_sources(len(rows), DOCUMENTED_SOURCES)
        source = source_of(known.sources, row.external_id)
        if source is None:
            source, trouble = await _make_again(client, row, known.pipelines)
            created += source is not None
            without += source is None
            troubles.update(trouble)
        pipeline_id = source.pipeline_id if source is not None else row.pipeline_id
        troubles.update(_pipeline_trouble(known.pipelines, pipeline_id))
        source_id = source.id if source is not None else None
        if (source_id, pipeline_id) != (row.source_id, row.pipeline_id):
            await bots.set_source(services.db, account_id, row.bot_id, source_id=source_id, pipeline_id=pipeline_id)
        await bots.note_troubles(services.db, account_id, row.bot_id, troubles, bot_troubles.OF_SOURCES)
    await services.registry.refresh()
    return bot_texts.sources_done(len(rows), created, without)


async def rename_source(services: Services, row: Bot, name: str) -> None:
    """The bot was renamed at Telegram: its source follows, unless people gave it a name of their own in amoCRM.

    Raises:
        GatewayError, Transient: not done.
    """
    client = services.amocrm(row.account_id)
    source = source_of(await client.sources(), row.external_id)
    if source is not None and source.name == (row.name or row.username):
        await client.update_source(source.id, name=name)


async def _make_again(
    client: AmoCrmClient, row: Bot, pipelines: Sequence[Pipeline]
) -> tuple[Source | None, dict[str, str]]:
    pipeline = open_pipeline(pipelines, row.pipeline_id) if row.pipeline_id is not None else None
    try:
        found = await ensure_source(
            client, row.name or row.username, row.external_id, pipeline.id if pipeline is not None else None
        )
    except SourceLimitError as error:
        return None, {bot_troubles.SOURCE_LIMIT: bot_texts.source_gone_limit(error.count)}
    except Refused as error:
        words = "; ".join(error.errors) or error.detail
        return None, {bot_troubles.SOURCE_REFUSED: bot_texts.source_refused(words)}
    log.warning("the source of a bot was deleted in amoCRM and is made again", bot=row.bot_id)
    return found.source, {}


def _pipeline_trouble(pipelines: Sequence[Pipeline], pipeline_id: int | None) -> dict[str, str]:
    if pipeline_id is None or open_pipeline(pipelines, pipeline_id) is not None:
        return {}
    archived = archived_or_open(pipelines, pipeline_id)
    sentence = (
        bot_texts.bots_pipeline_archived(archived.name) if archived is not None else bot_texts.bots_pipeline_gone()
    )
    return {bot_troubles.PIPELINE_ARCHIVED: sentence}


def _age(row: Bot) -> tuple[float, int]:
    return (row.created_at.timestamp() if row.created_at is not None else 0.0, row.bot_id)


async def _clean_up(services: Services, client: AmoCrmClient, row: Bot) -> None:
    async def the_client() -> AmoCrmClient:
        return client

    try:
        await clean_up(services.db, services.box, services.telegram, the_client, row)
    except (GatewayError, Transient) as error:
        log.warning("what a removed bot left behind stands still", bot=row.bot_id, error=str(error))
