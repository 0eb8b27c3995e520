"""Whose deal a private chat belongs to.

A person whom the account knows: their chat is given to their contact, nothing else; amoCRM's own account rule decides
the deal. A person unknown until now: a contact and a deal are made in the bot's pipeline, or, by the bot's setting,
nothing at all: the first message then makes an entry in «Неразобранное» through the bot's source, and the contact that
amoCRM makes of it is adopted when somebody has accepted it (see `adoption`).

Every step may be cut off. What was decided is written down before it is done (`DEAL_WANTED`), what has no key of its
own is looked for before it is made, and a chat that has a contact is never given to another one.
"""

from __future__ import annotations

import dataclasses

import structlog

from dealgram.actors.cards.deal_title import fill_title
from dealgram.actors.cards.opening import Opening, Openings
from dealgram.actors.names import PrivateConversation
from dealgram.actors.registry import BotInfo
from dealgram.gateways.amocrm import NewLead
from dealgram.gateways.errors import Refused
from dealgram.persistence.records import Conversation as ConversationRow

log = structlog.get_logger(__name__)

DEAL_WANTED = 0
"""A private conversation whose deal is decided on but not yet made: kept so that a crash in between is resumed."""

DEAL_NAME_LIMIT = 255


async def open_private(steps: Openings, opening: Opening) -> ConversationRow:
    """Carry out all steps but the first message. A row without a contact is one that goes to the unsorted, or whose
    contact is somebody else's doing: it is adopted later."""
    assert isinstance(opening.conversation, PrivateConversation)
    chat_uuid = await steps.chat(opening)
    row = dataclasses.replace(await steps.row(opening), chat_uuid=chat_uuid)
    client = steps.services.amocrm(steps.account_id)
    holder = next((link.contact_id for link in await client.contacts_of_chats([chat_uuid])), None)
    known = row.contact_id or await steps.contact(opening, create=False)
    if holder is not None:
        # Given by us before a crash, or by amoCRM or a manager meanwhile. It stays, whosever it is.
        deal_id = row.deal_id if holder == known and row.deal_id != DEAL_WANTED else None
        return dataclasses.replace(row, contact_id=holder if holder == known else None, deal_id=deal_id, ready=True)
    if row.deal_id is None and known is None:
        if opening.bot.settings.unsorted:
            return dataclasses.replace(row, ready=True)
        row = await steps.keep(dataclasses.replace(row, deal_id=DEAL_WANTED), "want")
    if row.deal_id == DEAL_WANTED:
        known = known or await steps.contact(opening, create=True)
        assert known is not None, "it is created"
        row = await steps.keep(
            dataclasses.replace(row, contact_id=known, deal_id=await _deal(steps, opening, known)), "deal"
        )
    assert known is not None, "known or created above"
    contact_id = known

    async def give() -> None:
        try:
            await client.link_chats([(chat_uuid, contact_id)])
        except Refused:
            await steps.keep(dataclasses.replace(row, contact_id=None, deal_id=None), "lost")
            raise

    await steps.with_contact(opening, contact_id, give)
    return dataclasses.replace(row, contact_id=contact_id, ready=True)


async def _deal(steps: Openings, opening: Opening, contact_id: int) -> int:
    """The new person's deal. Creating one has no key: look first, so that a repeat after a crash finds it."""
    client = steps.services.amocrm(steps.account_id)
    contact = await client.contact(contact_id)
    if contact is not None and contact.lead_ids:
        return max(contact.lead_ids)
    lead = NewLead(
        name=await _deal_name(steps, opening),
        pipeline_id=opening.bot.row.pipeline_id,
        contact_ids=(contact_id,),
        source_external_id=opening.bot.source,
        tags=opening.bot.settings.deal_tags,
        request_id=str(opening.conversation),
    )
    try:
        (deal_id,) = await client.create_leads([lead])
    except Refused as error:
        # The pipeline or the source was deleted in amoCRM, perhaps. A message is worth more than its place: without
        # either, amoCRM takes the main pipeline (§12).
        log.warning("a deal is made outside its pipeline", account=steps.account_id, error=str(error))
        plain = dataclasses.replace(lead, pipeline_id=None, source_external_id=None)
        (deal_id,) = await client.create_leads([plain])
    return deal_id


async def _deal_name(steps: Openings, opening: Opening) -> str:
    template = opening.bot.settings.deal_title
    name = fill_title(
        template,
        name=opening.contact_name,
        username=opening.username or "",
        bot=opening.bot.name,
        pipeline=await _pipeline_name(steps, opening.bot) if "{pipeline}" in template else "",
    )
    return name[:DEAL_NAME_LIMIT]


async def _pipeline_name(steps: Openings, bot: BotInfo) -> str:
    pipelines = await steps.services.amocrm(steps.account_id).pipelines()
    return next((one.name for one in pipelines if one.id == bot.row.pipeline_id), "")
