"""The sources of an account's bots: each connected bot has one in amoCRM, in its pipeline (amoCRM contract §10).

Promises: what exists is found by its external id and kept; what is missing is made; calling again changes nothing.
"""

from __future__ import annotations

from dealgram.actors.services import Services
from dealgram.persistence import bots


async def sync_sources(services: Services, account_id: int) -> str:
    """Make sure that every connected bot of the account has its source; says in Russian what there is now.

    Raises:
        GatewayError: amoCRM did not do it; call again.
    """
    client = services.amocrm(account_id)
    connected = [bot for bot in await bots.for_account(services.db, account_id) if bot.status == "active"]
    known = {source.external_id for source in await client.sources()}
    missing = [bot for bot in connected if bot.external_id not in known]
    if missing:
        await client.create_sources([(bot.name or bot.username, bot.external_id, bot.pipeline_id) for bot in missing])
    return f"Источников: {len(connected)}."
