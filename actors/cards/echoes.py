"""Telling our own imports apart from what managers write.

What dealgram imports in the name of an amoCRM user (a mirrored answer, an employee's words) may come back as a hook:
the documentation promises silence only for imports of the channel's bot (amoCRM contract §22). Taken for an answer, it
would be sent to the group again. Known by our own id if the hook shows one, by amoCRM's id once we know it, and until
then by the import that is still on its way.
"""

from __future__ import annotations

from dealgram.actors.bodies import MirrorAnswer, PostEmployee, decode
from dealgram.actors.cards.contents import words_of
from dealgram.actors.cards.mirrored import mirror_ways
from dealgram.actors.services import Services
from dealgram.gateways.amojo import HookContent, MessageHook, Quote
from dealgram.persistence import messages, users
from dealgram.runtime import Address

_ANY_QUOTE = Quote(amo_id="any")
"""Whether an import quotes or has a line instead, is not known here; both are among the ways of one that may quote."""
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
        if isinstance(body, MirrorAnswer) and body.manager == sender and _is_mirror(body, hook.content):
            return True
        if isinstance(body, PostEmployee) and _is_employees(body, hook.content):
            user = user or await users.by_amojo(services.db, account_id, sender)
            if user is not None and user.user_id == body.amo_user_id:
                return True
    return False


def _is_mirror(body: MirrorAnswer, content: HookContent) -> bool:
    """Whether a hook says what the import says, in any of the ways in which it may have been made."""
    for way in mirror_ways(body, _ANY_QUOTE, lambda text: text):
        made = way.content
        if (made.type, made.text or "") != (content.type, content.text):
            continue
        if made.media is None or made.media == content.media or _is_file(content, made.file_name, made.file_size):
            return True
    return False


def _is_employees(body: PostEmployee, content: HookContent) -> bool:
    lines = {"", body.quoted, body.picked}
    texts = {"\n".join(part for part in (line, text) if part) for line in lines for text in (body.text, words_of(body))}
    if content.text not in texts:
        return False
    file = body.shown.file if body.shown is not None else None
    return not content.media or (file is not None and _is_file(content, file.name, file.size))


def _is_file(content: HookContent, name: str | None, size: int | None) -> bool:
    """Whether the file of a hook may be ours: hooks do not always tell its name and its size (amoCRM contract §9)."""
    return content.file_name in ("", name or "") and (not content.file_size or content.file_size == (size or 0))
