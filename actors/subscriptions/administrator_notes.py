"""Telling an account's administrators that its time is nearly over, or is over: a task in amoCRM for each of them.

amoCRM has no message to a user for integrations; a task is what people look at every day (decision 0014). Each phase of
a period is told of once, whatever restarts in between: what was told stands in ``subscription_notes``, in the commit of
the tasks. A task has no key of its own: before one is given, it is looked for.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

import structlog

from dealgram.actors.account_bodies import GiveTask
from dealgram.actors.accounts.account_orders import TellAdministrators
from dealgram.actors.local_time import zone_of
from dealgram.actors.outbox import DONE, Decision, NewBody, Outcome
from dealgram.actors.services import Services
from dealgram.actors.subscriptions import lapse_texts
from dealgram.gateways.errors import Refused
from dealgram.persistence import accounts, users
from dealgram.persistence.subscriptions import KEPT_DAYS, Note

log = structlog.get_logger(__name__)

LAPSED_TASK_FOR = dt.timedelta(days=1)
"""How much time the task gives that asks for the payment of what is over."""


class AdministratorNotes:
    """The notes of one account."""

    def __init__(self, services: Services, account_id: int) -> None:
        self._services = services
        self._account_id = account_id

    async def decide(self, order: TellAdministrators) -> Decision:
        """Who is told what.

        Raises:
            DatabaseUnavailable: nothing was decided.
        """
        if not self._is_so(order.phase, order.until_ms):
            return Decision(result="no longer so")
        services = self._services
        account = services.registry.account(self._account_id)
        assert account is not None, "asked above"
        until, now = account.subscription.until, services.now()
        known = await users.for_account(services.db, self._account_id)
        words = lapse_texts.ending_task if order.phase == "ending" else lapse_texts.lapsed_task
        where = zone_of(services, self._account_id)
        text = words(until, now, where, is_trial=account.subscription.paid_until is None, kept_days=KEPT_DAYS)
        till = until if order.phase == "ending" else now + LAPSED_TASK_FOR
        todo = tuple(
            NewBody(
                lane=f"task-{user.user_id}",
                body=GiveTask(
                    user_id=user.user_id,
                    phase=order.phase,
                    until_ms=order.until_ms,
                    text=text,
                    complete_till_s=int(till.timestamp()),
                ),
            )
            for user in known
            if user.is_admin and user.is_active
        )
        log.info("administrators are told", account=self._account_id, phase=order.phase, administrators=len(todo))
        return Decision(
            rows=(Note(account_id=self._account_id, phase=order.phase, until=until),),
            todo=todo,
            result=f"told {len(todo)} administrators",
        )

    async def give(self, body: GiveTask) -> Outcome:
        """Give one task, unless somebody has paid meanwhile.

        Raises:
            AccountGone: the account waits for its authorisation.
        """
        if not self._is_so(body.phase, body.until_ms):
            return Outcome(error="no longer so")
        row = await accounts.get(self._services.db, self._account_id)
        if row is None or row.status == "uninstalled":
            return Outcome(error="the account was removed")
        client = self._services.amocrm(self._account_id)
        if any(task.text == body.text for task in await client.tasks(body.user_id)):
            return DONE
        try:
            await client.add_task(body.user_id, body.text, complete_till=body.complete_till_s)
        except Refused as error:
            log.warning("an administrator could not be told", account=self._account_id, error=str(error))
            return Outcome(error=str(error))
        return DONE

    def _is_so(self, phase: Literal["ending", "lapsed"], until_ms: int) -> bool:
        """Whether the account still is in that phase of that period."""
        account = self._services.registry.account(self._account_id)
        if account is None:
            return False
        subscription = account.subscription
        return until_of(subscription.until) == until_ms and subscription.phase(self._services.now()) == phase


def until_of(moment: dt.datetime) -> int:
    """The end of a period in Unix milliseconds, by which orders name it."""
    return int(moment.timestamp() * 1000)
