"""The actor of a bot's mass sendings: what robots (Salesbot, a mailing) say in its private chats.

Beside the bot's own actor, because one actor decides on its entries one after another: a manager's answer that came
after ten thousand hooks of a mailing would wait until all of them are decided on. All that this actor sends and reports
goes through background lanes, so at Telegram's limits too it is behind what people wait for. Within a chat its messages
keep their order; a manager's answer may overtake them.
"""

from __future__ import annotations

from dealgram.actors.answering.report import deliver_report
from dealgram.actors.answering.sending import Sending, gave_up
from dealgram.actors.bodies import ReportStatus, SendAnswer
from dealgram.actors.body_parts import Body
from dealgram.actors.bots.private_answers import PrivateAnswers
from dealgram.actors.outbox import Outcome
from dealgram.actors.services import Services
from dealgram.actors.subscriptions.served import ServedActor
from dealgram.persistence import persons
from dealgram.persistence.entries import Delivery, InboxEntry
from dealgram.persistence.records import Person
from dealgram.runtime import Failure, Permanent


class MailingActor(ServedActor):
    """See the module."""

    def __init__(self, services: Services, account_id: int, bot_id: int) -> None:
        super().__init__(services)
        self.account_id = account_id
        self._bot_id = bot_id
        self._answers: PrivateAnswers
        self._sending: Sending

    async def activate(self) -> None:
        with self.context.dependency("database"):
            await self.services.journal.settled()
            self._answers = PrivateAnswers(self.context, self.services, self.account_id, self._bot_id, self._person)
            self._sending = Sending(self, self._bot_id)
            await self._sending.waits.recall()
            await self.open_outbox()

    async def handle_entry(self, entry: InboxEntry) -> None:
        if entry.source != "amojo":
            raise Permanent(f"a mailing knows no source {entry.source}")
        decision = await self._answers.decide(entry)
        await self.finish(entry, decision)
        await self._sending.waits.announce(decision)

    async def deliver(self, body: Body, delivery: Delivery) -> Outcome:
        match body:
            case SendAnswer():
                return await self._sending.answer(body, delivery)
            case ReportStatus():
                return await deliver_report(self.services, self.account_id, body, delivery)
            case _:
                raise Permanent(f"a mailing delivers no {body.kind}")

    def given_up(self, body: Body, failure: Failure) -> Outcome:
        return gave_up(body)

    async def _person(self, user_id: int) -> Person | None:
        with self.context.dependency("database"):
            return await persons.get(self.services.db, self.account_id, self._bot_id, user_id)
