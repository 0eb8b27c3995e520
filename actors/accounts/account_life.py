"""The life of one account: it is set up, checked by and by, and removed.

Owned by the account actor. Setting up goes through the lane ``setup``, one step after the other; what has to do with
the removal goes through the lane ``life``, so that an account that waits for its authorisation can still be removed.

The signature of a removal is the same for ever, so whoever has seen one could send it again (amoCRM contract §2). It is
therefore believed only when the account's tokens are dead; as long as they work, the integration is installed.
"""

from __future__ import annotations

import structlog

from dealgram.actors.account_bodies import DropWebhook, GiveTask, NoteRemoval, SetUpStep, TryAccess
from dealgram.actors.accounts.account_orders import Removed, SetUp, TellAdministrators, read_order
from dealgram.actors.accounts.account_setup import STEPS, broken_step, carry_out, fresh_steps
from dealgram.actors.accounts.account_tokens import AccountTokenStore
from dealgram.actors.body_parts import Body
from dealgram.actors.bots.bot_hooks import drop_webhook, hooked
from dealgram.actors.names import account_address
from dealgram.actors.outbox import DONE, Decision, NewBody, Outcome
from dealgram.actors.services import AccountGone, Services
from dealgram.actors.subscriptions.administrator_notes import AdministratorNotes
from dealgram.gateways.errors import Forbidden, GatewayError, PaymentRequired, Unauthorised
from dealgram.persistence import accounts
from dealgram.persistence.entries import Delivery, InboxEntry
from dealgram.persistence.records import Account
from dealgram.runtime import Failure, Transient

log = structlog.get_logger(__name__)

SETUP_LANE, LIFE_LANE = "setup", "life"
DOUBT_S = 60.0
"""A removal is looked into for so long while the tokens still work: amoCRM may tell of it before it revokes them."""
LOOK_AGAIN_S = 10.0


class AccountLife:
    """See the module."""

    def __init__(self, services: Services, account_id: int, tokens: AccountTokenStore) -> None:
        self._services = services
        self._account_id = account_id
        self._tokens = tokens
        self._notes = AdministratorNotes(services, account_id)

    async def decide(self, entry: InboxEntry) -> Decision:
        """What an order comes to.

        Raises:
            Permanent: it is no order.
        """
        match read_order(entry.payload):
            case SetUp(reason=reason):
                return await self._set_up(reason)
            case Removed(reason=reason):
                note = NoteRemoval(told=reason == "told")
                return Decision(todo=(NewBody(lane=LIFE_LANE, body=note),), result="looked into")
            case TellAdministrators() as order:
                return await self._notes.decide(order)

    async def deliver(self, body: Body, delivery: Delivery) -> Outcome | None:
        """Carry out one of the bodies that are the life's; None for any other."""
        match body:
            case SetUpStep():
                return Outcome(rows=(await carry_out(self._services, self._account_id, body.step),))
            case TryAccess():
                works = await self._tokens.try_again()
                return Outcome(todo=_all_steps()) if works else Outcome(error="amoCRM still refuses the tokens")
            case NoteRemoval():
                return await self._look_into_removal(body, delivery)
            case DropWebhook():
                await drop_webhook(self._services, self._account_id, body.bot_id)
                return DONE
            case GiveTask():
                return await self._notes.give(body)
            case _:
                return None

    def given_up(self, body: Body, failure: Failure) -> Outcome:
        """A step that was given up is shown as failed."""
        if isinstance(body, SetUpStep) and body.step in STEPS:
            return Outcome(rows=(broken_step(self._account_id, body.step),))
        return Outcome()

    async def _set_up(self, reason: str) -> Decision:
        row = await accounts.get(self._services.db, self._account_id)
        if row is None or row.status == "uninstalled":
            return Decision(result="not installed")
        await self._services.registry.refresh()
        if reason == "check_up":
            waiting = await self._services.journal.pending_deliveries(
                account_address(self._account_id), SETUP_LANE, 0, 1
            )
            if waiting:
                return Decision(result="already under way")
            if row.status == "reauthorise":
                return Decision(todo=(NewBody(lane=SETUP_LANE, body=TryAccess()),), result="trying the tokens")
            return Decision(todo=_all_steps(), result="checking")
        # Somebody has just set something right: what was refused before says nothing any more.
        self._services.gates.of(self._account_id).retry_now()
        # An installation has written its rows in the commit that brought the tokens.
        rows = fresh_steps(self._account_id) if reason == "asked" else ()
        return Decision(rows=rows, todo=_all_steps(), result="setting up")

    async def _look_into_removal(self, body: NoteRemoval, delivery: Delivery) -> Outcome:
        row = await accounts.get(self._services.db, self._account_id)
        if row is None or row.status == "uninstalled":
            return Outcome(error="there is nothing to remove")
        if body.told:
            if row.refresh_token is not None and await self._still_works(row):
                age_s = (self._services.now() - delivery.created_at).total_seconds()
                if age_s < DOUBT_S:
                    raise Transient("amoCRM tells of a removal, but the tokens work", retry_after_s=LOOK_AGAIN_S)
                log.warning("a removal was told, but the integration is installed", account=self._account_id)
                return Outcome(error="the integration is installed")
            row = await accounts.get(self._services.db, self._account_id)
        elif row.status != "reauthorise":
            return Outcome(error="the account has been authorised meanwhile")
        if row is None or not await accounts.uninstall(self._services.db, self._account_id, had=row.refresh_token):
            raise Transient("the account has got new tokens meanwhile", retry_after_s=1)
        await self._services.registry.refresh()
        log.warning("the integration was removed from an account", account=self._account_id)
        hooks = await hooked(self._services, self._account_id)
        drops = (NewBody(lane=LIFE_LANE, body=DropWebhook(bot_id=bot.bot_id), dedupe=str(bot.bot_id)) for bot in hooks)
        return Outcome(todo=tuple(drops))

    async def _still_works(self, row: Account) -> bool:
        """Whether amoCRM accepts the account's tokens."""
        try:
            await self._services.amocrm(self._account_id).account()
        except (AccountGone, Unauthorised):
            return False
        except Forbidden as error:
            if error.is_html:
                raise
            return True
        except PaymentRequired:
            return True  # somebody has to pay: that is not a removal
        except Transient:
            raise
        except GatewayError as error:
            raise Transient(str(error), retry_after_s=LOOK_AGAIN_S) from error
        return True


def _all_steps() -> tuple[NewBody, ...]:
    return tuple(NewBody(lane=SETUP_LANE, body=SetUpStep(step=step), dedupe=step) for step in STEPS)
