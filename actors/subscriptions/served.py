"""An actor that works for an account only while that is paid for: the one place where the rule of `rest` is applied.

Rows wait in their lanes, so everything keeps its order across a lapse, a restart in it and the payment after it; a lane
that waits holds nothing in memory. The payment hurries them (`Service`), whichever process took it.
"""

from __future__ import annotations

import msgspec

from dealgram.actors.answering.answers import refuse
from dealgram.actors.bodies import PostMessage, SendAnswer
from dealgram.actors.body_parts import Body
from dealgram.actors.outbox import OutboxActor, Outcome
from dealgram.actors.services import AccountGone
from dealgram.actors.subscriptions import lapse_texts
from dealgram.actors.subscriptions.rest import Rest, rest_of, was_kept
from dealgram.gateways.amojo import DeliveryError
from dealgram.persistence.entries import Delivery

LAPSED_PAUSE_S = 600.0
"""A row looks again so often, should nobody tell of the payment."""


class AccountLapsed(AccountGone):
    """Nobody has paid for the account; what waits for it goes on when somebody does."""


class ServedActor(OutboxActor):
    """Base of the account, bot, mailing and group actors."""

    @property
    def is_lapsed(self) -> bool:
        """Whether the account's time is over now."""
        return self.services.has_lapsed(self.account_id)

    async def carry_out(self, body: Body, delivery: Delivery) -> Outcome:
        account = self.services.registry.account(self.account_id)
        if account is None:
            return await self.deliver(body, delivery)
        # What has begun can be held back no more: its end is only written down.
        if delivery.started_at is None:
            match rest_of(body, account.subscription, self.services.now()):
                case Rest.WAIT:
                    raise AccountLapsed(f"account {self.account_id} has lapsed", retry_after_s=LAPSED_PAUSE_S)
                case Rest.REFUSE:
                    return _refused(body)
                case Rest.LET_GO:
                    return Outcome(error="the account has lapsed")
                case Rest.GO_ON:
                    pass
        if isinstance(body, PostMessage) and was_kept(body.sent_at_ms, delivery.created_at, account.subscription):
            body = msgspec.structs.replace(body, kept=True)
        return await self.deliver(body, delivery)


def _refused(body: Body) -> Outcome:
    assert isinstance(body, SendAnswer), "nothing else is refused"
    told = refuse(body.amo_id, lapse_texts.REASON_LAPSED, int(DeliveryError.OTHER), in_background=body.background)
    return Outcome(error=lapse_texts.REASON_LAPSED, todo=(told,))
