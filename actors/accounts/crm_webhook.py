"""The account's subscription to CRM events (amoCRM contract §14): at our present address, and nowhere else of ours.

Promises: the account is subscribed at `hook_address`. Subscriptions of this account to an earlier public address of
ours, which are known by the account's secret key in their path, are ended; every other one is somebody else's and is
left alone. The key is a secret: addresses that hold it are never logged.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog

from dealgram.actors.accounts import setup_texts
from dealgram.actors.accounts.step_failure import StepFailedError
from dealgram.gateways.amocrm import AmoCrmClient
from dealgram.gateways.errors import Forbidden
from dealgram.persistence.records import Account

log = structlog.get_logger(__name__)

PATH = "/amocrm/hooks/"
MOST = 100
"""Webhooks that one account may have, of all integrations together."""


def hook_address(public_url: str, hook_key: str) -> str:
    """Where amoCRM tells of an account's changes."""
    return f"{public_url.rstrip('/')}{PATH}{hook_key}"


def is_former(destination: str, hook_key: str, current: str) -> bool:
    """Whether a subscription is certainly one that this account made to an earlier address of ours."""
    if not hook_key or destination.rstrip("/") == current.rstrip("/"):
        return False
    try:
        parts = urlsplit(destination)
    except ValueError:
        return False
    return not parts.query and not parts.fragment and parts.path.rstrip("/").endswith(PATH + hook_key)


async def subscribe(client: AmoCrmClient, row: Account, public_url: str) -> str:
    """See to the subscription; gives the sentence for administrators.

    Raises:
        StepFailedError: the account may have no webhook, or no further one, or amoCRM keeps ours switched off.
    """
    assert row.hook_key is not None, "every account that was ever stored has a key"
    address = hook_address(public_url, row.hook_key)
    try:
        there = [one.destination for one in await client.webhooks()]
        former = [one for one in there if is_former(one, row.hook_key, address)]
        if address not in there and len(there) >= MOST:
            if not former:
                raise StepFailedError(setup_texts.TOO_MANY_HOOKS)
            await _end(client, row, former.pop())
        await _subscribe(client, address)
        for one in former:
            await _end(client, row, one)
    except Forbidden as error:
        if error.is_html or error.code == 113:
            raise
        raise StepFailedError(setup_texts.HOOKS_FORBIDDEN) from error
    return "amoCRM сообщает об изменениях сделок и контактов."


async def _subscribe(client: AmoCrmClient, address: str) -> None:
    hook = await client.upsert_webhook(address)
    if hook.disabled:
        await client.delete_webhook(address)
        hook = await client.upsert_webhook(address)
    if hook.disabled:
        raise StepFailedError(setup_texts.HOOKS_DISABLED)


async def _end(client: AmoCrmClient, row: Account, destination: str) -> None:
    await client.delete_webhook(destination)
    log.info(
        "a subscription to an earlier address of ours was ended",
        account=row.account_id,
        host=urlsplit(destination).hostname,
    )
