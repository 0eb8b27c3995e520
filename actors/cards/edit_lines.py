"""The line that stands for an edit which amoCRM refuses: «✏️ Изменено: …», under the message itself. Pure."""

from __future__ import annotations

from dealgram.actors.bodies import EditMessage, PostEmployee, PostMessage
from dealgram.actors.cards.contents import words_of
from dealgram.actors.outbox import NewBody
from dealgram.actors.reading import media_texts
from dealgram.persistence.records import Message


def line_instead(body: EditMessage, known: Message, delivery_id: int, at_ms: int) -> NewBody | None:
    """The line by the same author in the same conversation, in answer to the message that cannot be changed; None for a
    row of an older version, which does not say whose it is.

    Args:
        known: the message as it stands there.
        delivery_id: of the edit: the line's id is made of it, so that it is said once.
    """
    if body.author is None or known.chat_id is None:
        return None
    msgid = f"{body.msgid}-e{delivery_id}"
    text = media_texts.edited_line(words_of(body))
    line: PostMessage | PostEmployee
    if body.amo_user_id is not None:
        line = PostEmployee(
            conversation=body.conversation,
            msgid=msgid,
            amo_user_id=body.amo_user_id,
            name=body.author.name,
            text=text,
            sent_at_ms=at_ms,
            chat_id=known.chat_id,
            reply_to_message_id=known.message_id,
        )
    else:
        line = PostMessage(
            conversation=body.conversation,
            msgid=msgid,
            author=body.author,
            text=text,
            sent_at_ms=at_ms,
            silent=True,
            chat_id=known.chat_id,
            reply_to_message_id=known.message_id,
        )
    return NewBody(lane=body.conversation, body=line)
