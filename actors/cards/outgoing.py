"""Words from our side as amoCRM shows them: a manager's answer mirrored into another deal, an employee's message.

A user whom amoCRM lets speak in chats speaks as themselves. Anybody else (Salesbot, a user who never opened the chats)
speaks through the channel's bot and is named in the text (amoCRM contract §7, §23).
"""

from __future__ import annotations

from dealgram.actors.bodies import MirrorAnswer, PostEmployee
from dealgram.actors.cards.opening import Opening
from dealgram.actors.names import GroupConversation, group_person_id, manager_id
from dealgram.gateways import amojo
from dealgram.persistence.records import User

NOTHING_YET = "…"


def outgoing(
    body: MirrorAnswer | PostEmployee, text: str, opening: Opening, *, user: User | None, name: str, bot_id: str
) -> amojo.NewMessage:
    """A silent import of ``text`` into a group's own conversation; a file without words gets its content later.

    Args:
        user: the amoCRM user whose words these are, if there is one.
        name: whose words they are otherwise.
        bot_id: the channel's bot.
    """
    assert isinstance(opening.conversation, GroupConversation)
    amojo_id = user.amojo_id if user is not None and user.amojo_id else bot_id
    name = user.name if user is not None and user.name else name
    return amojo.NewMessage(
        msgid=body.msgid,
        conversation_id=body.conversation,
        sender=amojo.ChatUser(id=manager_id(amojo_id), ref_id=amojo_id, name=name),
        receiver=amojo.ChatUser(id=group_person_id(opening.conversation), name=opening.chat_user.name),
        content=amojo.text(said(user, name, text) or NOTHING_YET),
        sent_at_ms=body.sent_at_ms,
        silent=True,
        source_external_id=opening.bot.source,
    )


def said(user: User | None, name: str, text: str) -> str:
    """The text, with the name before it where amoCRM shows none beside it."""
    return text if (user is not None and user.amojo_id) or not name else f"{name}: {text}".rstrip()
