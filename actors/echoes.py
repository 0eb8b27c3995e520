"""Telling our own imports apart from what managers write.

What dealgram imports in the name of an amoCRM user (a mirrored answer, an employee's words) may come back as a hook:
the documentation promises silence only for imports of the channel's bot (amoCRM contract §22). Taken for an answer, it
would be sent to the group again. Known by our own id if the hook shows one, by amoCRM's id once we know it, and until
then by the import that is still on its way.
"""

from __future__ import annotations

from dealgram.actors.bodies import MirrorAnswer, PostEmployee, decode
from dealgram.actors.services import Services
from dealgram.gateways.amojo import MessageHook
from dealgram.persistence import messages, users
from dealgram.runtime import Address

_LOOKED_AT = 200
"""Pending rows of the conversation that are looked through."""


async def is_echo(services: Services, account_id: int, address: Address, hook: MessageHook) -> bool:
    """Whether a user's hook for the actor at ``address`` is an import of ours that comes back."""
    if hook.our_id:
        return True
    # First what is on its way, then what has arrived: an import that is finished in between is found by the second.
    return await _on_its_way(services, account_id, address, hook) or (
        await messages.by_amo(services.db, account_id, hook.content.id) is not None
    )


async def _on_its_way(services: Services, account_id: int, address: Address, hook: MessageHook) -> bool:
    conversation, sender = hook.conversation.client_id, hook.sender.id
    if not conversation or not sender:
        return False
    user = None
    for delivery in await services.journal.pending_deliveries(address, conversation, 0, _LOOKED_AT):
        if delivery.kind not in (MirrorAnswer.kind, PostEmployee.kind):
            continue
        body = decode(delivery.kind, delivery.body)
        if isinstance(body, MirrorAnswer) and (body.manager, body.text) == (sender, hook.content.text):
            return True
        if isinstance(body, PostEmployee) and body.text == hook.content.text:
            user = user or await users.by_amojo(services.db, account_id, sender)
            if user is not None and user.user_id == body.amo_user_id:
                return True
    return False
