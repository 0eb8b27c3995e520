"""Service notes in deals: who linked and unlinked a group, and what became of the group and its bot.

A note has no key of its own: before one is written again, it is looked for. One that cannot be written (the deal is
gone) ends quietly, and so does every note of an account that wants none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from dealgram.actors.bodies import AddNote
from dealgram.actors.outbox import DONE, NewBody, OutboxActor, Outcome
from dealgram.gateways.amocrm import AmoCrmClient
from dealgram.gateways.errors import Refused
from dealgram.persistence.entries import Delivery

CLOCKS_APART = dt.timedelta(seconds=30)
"""How much amoCRM's clock may be behind ours when a note is looked for."""


def deal_note(deal_id: int, text: str) -> NewBody:
    """A note for one deal. Notes of a deal keep their order."""
    return NewBody(lane=f"note-{deal_id}", body=AddNote(deal_id=deal_id, text=text))


def deal_notes(deals: Iterable[int], text: str) -> tuple[NewBody, ...]:
    """The same note for several deals."""
    return tuple(deal_note(deal_id, text) for deal_id in deals)


async def deliver_note(actor: OutboxActor, body: AddNote, delivery: Delivery) -> Outcome:
    """Write a note, once."""
    services, account_id = actor.services, actor.account_id
    if not services.account(account_id).settings.notes:
        return DONE
    client = services.amocrm(account_id)
    if delivery.started_at is not None and await _is_there(client, body, delivery.started_at):
        return DONE
    await actor.begin(delivery)
    try:
        await client.add_notes(body.deal_id, [body.text])
    except Refused as error:
        return Outcome(error=str(error))
    return DONE


async def _is_there(client: AmoCrmClient, body: AddNote, since: dt.datetime) -> bool:
    earliest = (since - CLOCKS_APART).timestamp()
    found = await client.notes(body.deal_id)
    return any(note.text == body.text and note.created_at >= earliest for note in found)
