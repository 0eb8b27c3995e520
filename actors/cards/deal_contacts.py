"""Contacts in deals that may be gone by now, and chats that fell among the unsorted meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from dealgram.gateways.amocrm import AmoCrmClient, TooManyLinksError
from dealgram.gateways.errors import Refused


async def link_if_there(client: AmoCrmClient, deal_id: int, contact_ids: Sequence[int]) -> bool:
    """Attach contacts to a deal; False if there is no such deal (any more).

    Raises:
        TooManyLinksError: amoCRM attaches no more.
        Refused: the deal is there; a contact is not, or something else is wrong.
    """
    try:
        await client.link(deal_id, contact_ids)
    except TooManyLinksError:
        raise
    except Refused:
        if await client.lead(deal_id, with_contacts=False) is not None:
            raise
        return False
    return True


async def take_out_of_unsorted(client: AmoCrmClient, chat_uuid: str, deals: Sequence[int], contact_id: int) -> None:
    """A chat had lost its contact for a while: what was written in it then made an unsorted of it. Give that to the
    deal it belongs to, the documented way (amoCRM contract §12), before the chat gets its new contact."""
    waiting = [chat.uid for chat in await client.unsorted_chats() if chat.chat_id == chat_uuid]
    for deal_id in deals if waiting else ():
        if await link_if_there(client, deal_id, [contact_id]):
            for uid in waiting:
                await client.link_unsorted(uid, deal_id, contact_id=contact_id)
            return
