"""Installing in one go, within the caller's own process: for the command line, with or without a running service.

The same exchange, the same rules and the same steps as an installation that amoCRM sends, without the journal between.
"""

from __future__ import annotations

from dealgram.actors.accounts.account_orders import SetUp, order_entry
from dealgram.actors.accounts.account_setup import STEPS, carry_out, fresh_steps
from dealgram.actors.accounts.controller import connected_entry
from dealgram.actors.accounts.grants import UnusableGrantError, read_grant
from dealgram.actors.accounts.installation import InstallationError
from dealgram.actors.accounts.installing import install_key
from dealgram.actors.services import Services
from dealgram.persistence import accounts, records, setup_steps, subscriptions
from dealgram.persistence.records import Account, SetupStep
from dealgram.runtime import Transient


async def connect_account(services: Services, host: str, code: str) -> Account:
    """Exchange an installation's code and set the account up whose base URL is ``host``; gives its row.

    Raises:
        InstallationError: the grant cannot be used.
        GrantRefused: the code is expired or used.
        GatewayError: amoCRM did not answer; get a new code and call again.
    """
    tokens = await services.oauth.exchange(host, code)
    try:
        grant = await read_grant(services, host, tokens, services.now())
    except UnusableGrantError as error:
        raise InstallationError(str(error)) from error
    await subscriptions.begin_trial(services.db, grant.account_id, services.now(), days=services.trial_days)
    await records.upsert(services.db, grant, *fresh_steps(grant.account_id))
    # The seller's controller hears of it from the running service.
    await services.journal.accept([connected_entry(grant.account_id, grant.host, install_key(code))])
    await services.registry.refresh()
    await set_up(services, grant.account_id)
    row = await accounts.get(services.db, grant.account_id)
    assert row is not None, "the row was written above"
    return row


async def set_up(services: Services, account_id: int) -> list[SetupStep]:
    """Carry out every step now; gives how they stand. What has to wait is left to the running service."""
    is_waiting = False
    for step in STEPS:
        try:
            await records.upsert(services.db, await carry_out(services, account_id, step))
        except Transient:
            is_waiting = True
    if is_waiting:
        await services.journal.accept([order_entry(account_id, SetUp(reason="asked"))])
    return await setup_steps.for_account(services.db, account_id)
