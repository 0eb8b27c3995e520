"""The bodies of outbox rows: everything that dealgram has decided to do to the outside world.

A body is written in the transaction of the decision and read again after a crash, perhaps by a newer version: fields
are only ever added, with defaults. ``kind`` of the outbox row names the class (:data:`KINDS`).
"""

from __future__ import annotations

from typing import ClassVar, TypeVar

import msgspec

from dealgram.actors.account_bodies import (
    CompareChat,
    CountGivenUp,
    DropWebhook,
    ExchangeCode,
    ForwardRegistration,
    GiveTask,
    NoteNotForwarded,
    NoteRemoval,
    PlanRepair,
    ReadGrant,
    SetUpStep,
    TellConnected,
    TryAccess,
)
from dealgram.actors.body_parts import AmoFile, Author, Body, Button, Shown
from dealgram.actors.gesture_bodies import FindReacted, ReactInCard, ShowReaction, SpreadReaction


class PostMessage(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Post a Telegram message into a conversation (lane: the conversation)."""

    kind: ClassVar[str] = "amo.message"

    conversation: str
    msgid: str
    author: Author
    text: str
    sent_at_ms: int
    silent: bool = False
    chat_id: int | None = None
    message_id: int | None = None
    reply_to_message_id: int | None = None
    """The message of the same chat that is answered; where it stands in amoCRM is looked up when this is posted, since
    a quick reply is decided on before the answered message has arrived there."""
    quoted: str = ""
    """A line that says what is answered, for a conversation in which the answered message does not stand."""
    once: bool = False
    """Something that people can do again and again, such as pressing a button: posted the first time only."""
    shown: Shown | None = None
    picked: str = ""
    """A line with the stretch that was picked out, for where amoCRM quotes the whole of what is answered."""
    thread: int | None = None
    """The forum topic in which the message stands (`topics`)."""
    kept: bool = False
    """It waited while the account had lapsed: nobody is to be notified of it now."""


class PostEmployee(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Import what an employee wrote in the group as the amoCRM user's own message (lane: the conversation).

    ``name`` is the person's in Telegram, for a user whom amoCRM does not know any more; the rest is as in
    `PostMessage`."""

    kind: ClassVar[str] = "amo.employee"

    conversation: str
    msgid: str
    amo_user_id: int
    name: str
    text: str
    sent_at_ms: int
    chat_id: int
    message_id: int | None = None
    reply_to_message_id: int | None = None
    quoted: str = ""
    once: bool = False
    shown: Shown | None = None
    picked: str = ""
    thread: int | None = None


class EditMessage(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Replace a message that was posted before (lane: the conversation)."""

    kind: ClassVar[str] = "amo.edit"

    conversation: str
    msgid: str
    text: str
    chat_id: int | None = None
    reply_to_message_id: int | None = None
    quoted: str = ""
    """As in `PostMessage`: a line that stood above the old text stands above the new one."""
    amo_user_id: int | None = None
    """The message was imported as this amoCRM user's own."""
    shown: Shown | None = None
    picked: str = ""
    author: Author | None = None
    """Who wrote it; their line follows where amoCRM does not let the message change."""
    edited_at_ms: int | None = None


class MirrorAnswer(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Import a manager's answer into another deal of the group (lane: the conversation)."""

    kind: ClassVar[str] = "amo.mirror"

    conversation: str
    msgid: str
    manager: str
    manager_name: str
    text: str
    sent_at_ms: int
    chat_id: int
    message_id: int | None = None
    media: AmoFile | None = None
    thread: int | None = None
    reply_to_message_id: int | None = None
    """What the answer answers: the message in the chat, or amoCRM's id of it (``answered``) where that one was still on
    its way; ``quoted`` says it in words, for conversations in which it does not stand."""
    answered: str = ""
    quoted: str = ""


class ReportStatus(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Tell the manager what became of an answer: delivered, or an error with a plain reason."""

    kind: ClassVar[str] = "amo.status"

    amo_id: str
    delivered: bool
    error_code: int | None = None
    reason: str | None = None


class AttachDeal(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Bring a newly linked deal to life: the group's own conversation, and the participants' contacts."""

    kind: ClassVar[str] = "deal.attach"

    deal_id: int


class AttachPerson(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Bring the contact of somebody new in the group into the linked deals: those of the group and of the topics in
    which the person writes; or into those of one ``thread`` alone."""

    kind: ClassVar[str] = "person.attach"

    user_id: int
    thread: int | None = None


class LookForContact(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Look whether amoCRM has given a private chat a contact, and make it the person's (lane of its own)."""

    kind: ClassVar[str] = "contact.look"

    conversation: str


class FollowPerson(Body, frozen=True, kw_only=True, omit_defaults=True):
    """A person has another name or public name in Telegram: their contact is to follow."""

    kind: ClassVar[str] = "person.follow"

    user_id: int
    name: str
    username: str | None = None


class FindAdopted(Body, frozen=True, kw_only=True, omit_defaults=True):
    """amoCRM told of contacts or deals that may be those of chats in «Неразобранное»: tell the bots concerned."""

    kind: ClassVar[str] = "contact.adopted"

    contact_ids: tuple[int, ...] = ()
    lead_ids: tuple[int, ...] = ()


class DetachDeal(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Take the group's own contact off a deal that was unlinked. ``at``: the deal that it hangs on by now, if the
    unlinked one became part of another."""

    kind: ClassVar[str] = "deal.detach"

    deal_id: int
    at: int | None = None


class ReviewDeal(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Look at a deal in amoCRM and do to its link what the account's policies say (lane: the deal's review)."""

    kind: ClassVar[str] = "deal.review"

    deal_id: int


class ReviewContact(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Look at a contact in amoCRM that was changed, deleted, merged or restored (lane: the contact)."""

    kind: ClassVar[str] = "contact.review"

    contact_id: int


class AddNote(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Write a service note into a deal (lane: the deal's notes)."""

    kind: ClassVar[str] = "deal.note"

    deal_id: int
    text: str


class SendAnswer(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Send a manager's answer to a Telegram chat (lane: the chat). One part of a long answer is one row."""

    kind: ClassVar[str] = "tg.answer"

    chat_id: int
    conversation: str
    amo_id: str
    text: str
    sent_at_ms: int
    manager: str
    manager_name: str
    reply_to_message_id: int | None = None
    part: int = 1
    parts: int = 1
    deals: tuple[int, ...] = ()
    """The deals that were linked when the answer was given; those that still are when it is sent import it."""
    shown_name: str = ""
    """The manager's name before the text; not part of ``text``, which is what other deals import."""
    buttons: tuple[tuple[Button, ...], ...] = ()
    template: str | None = None
    """Our id of the chat template that the text was made from, if it is one of ours."""
    background: bool = False
    """A robot's: messages of people go first, in the chat and for the bot."""
    media: AmoFile | None = None
    """An attachment; ``text`` is its caption then, and may be empty."""
    album: str = ""
    """Attachments of one answer share this; they are sent together (see `albums`)."""
    quote: str = ""
    """The stretch of the answered message that is quoted; empty for all of it."""
    quoted: str = ""
    """A line that says what is answered, for when Telegram does not know the answered message (any more)."""
    answered: str = ""
    """amoCRM's id of an answered message that was not known in the chat when the answer was decided on."""
    thread: int | None = None
    """The forum topic that the answer goes to."""


class Say(Body, frozen=True, kw_only=True, omit_defaults=True):
    """The bot's own words in a chat (HTML), with a keyboard or asking for a reply."""

    kind: ClassVar[str] = "tg.say"

    chat_id: int
    html: str
    buttons: tuple[tuple[Button, ...], ...] = ()
    force_reply: bool = False
    placeholder: str | None = None
    reply_to_message_id: int | None = None
    thread: int | None = None
    dialog_user_id: int | None = None
    """Set on the question for a deal: the answer's message id is noted in this person's dialog."""


ToChat = TypeVar("ToChat", SendAnswer, Say)


class EditMenu(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Rewrite one of the bot's own menu messages in place."""

    kind: ClassVar[str] = "tg.edit"

    chat_id: int
    message_id: int
    html: str
    buttons: tuple[tuple[Button, ...], ...] = ()


class EditButtons(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Replace the buttons under one of the bot's messages; none takes them off (lane: the chat)."""

    kind: ClassVar[str] = "tg.buttons"

    chat_id: int
    message_id: int
    buttons: tuple[tuple[Button, ...], ...] = ()


class AnswerPress(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Answer a button press, so that the person's client stops waiting."""

    kind: ClassVar[str] = "tg.press"

    query_id: str
    text: str | None = None
    alert: bool = False


class HandlePress(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Carry out a button press in the group menu once the person's rights are known (lane: ``menu``)."""

    kind: ClassVar[str] = "menu.press"

    chat_id: int
    query_id: str
    data: str
    user_id: int
    user_name: str
    message_id: int
    thread: int | None = None
    """The forum topic in which the menu stands."""


class CheckDeal(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Look the named deal up in amoCRM and link it (lane: the deal being checked)."""

    kind: ClassVar[str] = "menu.deal"

    deal_id: int
    user_id: int
    user_name: str
    thread: int | None = None
    """The forum topic in which the deal was named; what comes of it is said there."""
    topic: int | None = None
    """The forum topic that is to be linked by itself; None for the whole group."""
    asks_rights: bool = False
    """The person's rights are not known yet: the deal came with an invitation (`invitations`)."""


BODIES: dict[str, type[Body]] = {
    body.kind: body
    for body in (
        PostMessage,
        PostEmployee,
        EditMessage,
        MirrorAnswer,
        ReportStatus,
        AttachDeal,
        AttachPerson,
        DetachDeal,
        ReviewDeal,
        ReviewContact,
        AddNote,
        LookForContact,
        FollowPerson,
        FindAdopted,
        SendAnswer,
        Say,
        EditMenu,
        EditButtons,
        AnswerPress,
        SpreadReaction,
        ReactInCard,
        FindReacted,
        ShowReaction,
        HandlePress,
        CheckDeal,
        PlanRepair,
        CompareChat,
        CountGivenUp,
        ExchangeCode,
        ReadGrant,
        SetUpStep,
        TryAccess,
        NoteRemoval,
        DropWebhook,
        ForwardRegistration,
        TellConnected,
        NoteNotForwarded,
        GiveTask,
    )
}


def moved(body: ToChat, chat_id: int) -> ToChat:
    """A row for the group's chat as it is now. In a new chat message ids start anew: there is nothing to answer."""
    if body.chat_id == chat_id:
        return body
    return msgspec.structs.replace(body, chat_id=chat_id, reply_to_message_id=None)


def decode(kind: str, body: bytes) -> Body:
    """Read a stored body.

    Raises:
        ValueError: the kind is unknown or the body does not fit it (a row written by a newer version).
    """
    try:
        return msgspec.json.decode(body, type=BODIES[kind])
    except KeyError:
        raise ValueError(f"unknown kind of delivery: {kind}") from None
    except msgspec.ValidationError as error:
        raise ValueError(f"delivery of kind {kind} cannot be read: {error}") from error
