"""Telling a manager what became of an answer (amoCRM contract §8)."""

from __future__ import annotations

from dealgram.actors.bodies import ReportStatus
from dealgram.actors.outbox import DONE, Outcome
from dealgram.actors.services import Services
from dealgram.gateways.amojo import DeliveryError, DeliveryStatus
from dealgram.gateways.errors import NotFound
from dealgram.persistence.entries import Delivery
from dealgram.runtime import Transient

PATIENCE_S = 60.0


async def deliver_report(services: Services, account_id: int, body: ReportStatus, delivery: Delivery) -> Outcome:
    """Report a status. Reporting it twice is harmless, so an unknown outcome is simply repeated.

    A message that amoCRM does not know yet (its processing is asynchronous) is tried again within a minute and then
    let go (amoCRM contract §23).
    """
    scope = services.account(account_id).scope_id
    try:
        await services.amojo.delivery_status(
            scope,
            body.amo_id,
            DeliveryStatus.DELIVERED if body.delivered else DeliveryStatus.ERROR,
            error_code=None if body.delivered else DeliveryError(body.error_code or DeliveryError.OTHER),
            error=None if body.delivered else body.reason,
        )
    except NotFound as error:
        age_s = (services.now() - delivery.created_at).total_seconds()
        if age_s < PATIENCE_S:
            raise Transient("amoCRM does not know the message yet", retry_after_s=15) from error
        return Outcome(error="amoCRM does not know the message")
    return DONE
