"""Trying out, in a technical account, what amoCRM's documentation leaves open (amoCRM contract §20).

Owns the experiment: a contact, two deals and some chats that are made for it and named so that people recognise them,
and what their behaviour says about the open points. Promises: nothing that exists is touched; what cannot be told by
trying is said to be so, and never guessed.
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import trio

from dealgram.actors.groups.plan import Policy
from dealgram.actors.services import Services
from dealgram.gateways import amojo
from dealgram.gateways.amocrm import AmoCrmClient, ContactDraft, NewLead
from dealgram.gateways.errors import Refused
from dealgram.persistence.records import Account

T = TypeVar("T")

NAME = "Проверка dealgram (можно удалить)"
TAG = "dealgram-probe"
PATIENCE_S = 60.0
"""How long amoCRM is given to show what it has accepted: processing is asynchronous there (contract §5)."""
LOOK_AGAIN_S = 1.0
LONG_TEXT = 20_000


class ProbeRefusedError(Exception):
    """The account is not one to try things in; the text says why."""


class Shown(enum.StrEnum):
    """In which of its contact's open deals a chat is shown, as a person sees it."""

    ONE = "one"
    EVERY = "every"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What trying said about one open point. ``point`` is its number in §20, ``settled`` whether it says anything."""

    point: str
    question: str
    text: str
    settled: bool = True


@dataclass(slots=True, kw_only=True)
class Observed:
    """What was seen. None: it could not be seen."""

    mark: str
    deals: tuple[int, ...] = ()
    contact: int = 0
    text: str = ""
    follows_latest: bool | None = None
    """A chat whose contact was linked to another deal later goes to that one."""
    stays: bool | None = None
    """A chat stays in the deal of its first message when its contact is linked to another."""
    link_refreshes: bool | None = None
    """Linking a contact to its deal once more makes that deal the latest."""
    shown: Shown = Shown.UNKNOWN
    answers: list[Answer] = field(default_factory=list)


class Probe:
    """One experiment in one account; see the module. ``on_progress`` hears what is being done, in a few words."""

    def __init__(self, services: Services, row: Account, *, on_progress: Callable[[str], None]) -> None:
        self._services = services
        self._row = row
        self._scope = row.scope_id or ""
        self._client: AmoCrmClient = services.amocrm(row.account_id)
        self._progress = on_progress
        self._seen = Observed(mark=uuid.uuid4().hex[:8])
        self._chats: dict[str, str] = {}
        self._said = 0

    async def run(self) -> Observed:
        """Carry out the experiment.

        Raises:
            ProbeRefusedError: the account is no technical one, or not set up.
            GatewayError: amoCRM did not do a step; what was made until then stays, named `NAME`.
        """
        account = await self._client.account()
        if not account.is_technical_account:
            raise ProbeRefusedError(
                f"account {account.id} is no technical account; a probe makes deals, so it is done in those only"
            )
        if not self._scope or self._row.telegram_field_id is None:
            raise ProbeRefusedError("the account is not set up: run «dealgram account setup» first")
        await self._search()
        await self._bindings()
        await self._duplicates()
        await self._statuses()
        await self._senders()
        await self._long_text()
        return self._seen

    async def _search(self) -> None:
        self._progress("making a contact and looking for it")
        field_id = self._row.telegram_field_id
        assert field_id is not None, "checked in run()"
        value = f"probe-{self._seen.mark}"
        draft = ContactDraft(name=f"{NAME} {self._seen.mark}", fields={field_id: value}, tags_to_add=(TAG,))
        (self._seen.contact,) = await self._client.create_contacts([draft])
        started = trio.current_time()
        found = await self._until(lambda: self._found(value))
        took_s = trio.current_time() - started
        text = f"found after {took_s:.0f} s" if found else f"not found within {PATIENCE_S:.0f} s"
        self._note("16", "how soon is a new contact found", text)
        half = await self._client.find_contacts(value[:-2])
        exact = (
            "also finds parts of a value" if any(one.id == self._seen.contact for one in half) else "finds whole words"
        )
        self._note("16", "what does the search match", exact, settled=found is not None)

    async def _found(self, value: str) -> bool:
        return any(one.id == self._seen.contact for one in await self._client.find_contacts(value))

    async def _bindings(self) -> None:
        """Three chats of one contact in two deals."""
        self._progress("making two deals of one contact, and chats in them")
        seen, contact = self._seen, self._seen.contact
        first = await self._deal("A")
        one = await self._say("1", "Первое сообщение")
        second = await self._deal("B")
        two = await self._say("2", "Второе сообщение")
        three = await self._say("1", "Третье сообщение")
        await self._client.link(first, [contact])
        four = await self._say("3", "Четвёртое сообщение")
        seen.deals, seen.text = (first, second), "Первое сообщение"
        where = [await self._deal_of(amo_id) for amo_id in (one, two, three, four)]
        if None in where[:2]:
            self._note("10", "which open deal gets a chat of a shared contact", "amoCRM lists no events", settled=False)
            return
        seen.follows_latest = where[0] == first and where[1] == second
        text = "the one linked to the contact last" if seen.follows_latest else f"deals {where[0]} and {where[1]}"
        self._note("10", "which open deal gets a new chat of a shared contact", text)
        seen.stays = None if where[2] is None else where[2] == where[0]
        moved = "stays where it began" if seen.stays else f"went to deal {where[2]}"
        self._note("10", "can a chat move when its contact gets another deal", moved, settled=seen.stays is not None)
        seen.link_refreshes = None if where[3] is None else where[3] == first
        again = "makes that deal the latest" if seen.link_refreshes else "changes nothing"
        self._note("10", "linking a contact to its deal once more", again, settled=seen.link_refreshes is not None)

    async def _duplicates(self) -> None:
        self._progress("sending one message twice")
        message = self._message("1", "Одно и то же")
        sent = await self._services.amojo.send(self._scope, message)
        ours = sent.conversation_id == message.conversation_id
        self._note("5", "ids in the answer to a message", "ours" if ours else "amoCRM's own")
        try:
            again = await self._services.amojo.send(self._scope, message)
        except Refused as error:
            self._note("6", "a repeated msgid", f"is refused ({error.code})")
            return
        if again.amo_id is None:
            self._note("6", "a repeated msgid", "is refused as a duplicate")
        elif again.amo_id == sent.amo_id:
            self._note("6", "a repeated msgid", "is answered with the same id")
        else:
            self._note("6", "a repeated msgid", "MAKES A SECOND MESSAGE: tell the developers")

    async def _statuses(self) -> None:
        self._progress("setting delivery statuses")
        bot = self._services.channel_bot_id
        if not bot:
            self._note("1", "field of a delivery status", "DEALGRAM_AMOJO_BOT_ID is not set", settled=False)
            return
        message = self._message(
            "1",
            "Ответ",
            sender=amojo.ChatUser(ref_id=bot, id=f"probe-{bot}", name="dealgram"),
            receiver=self._person(),
        )
        sent = await self._services.amojo.send(self._scope, message)
        if sent.amo_id is None:
            self._note("1", "field of a delivery status", "the message got no id", settled=False)
            return
        forms = await self._services.amojo.accepted_status_forms(self._scope, sent.amo_id, message.msgid)
        text = ", ".join(" + ".join(form) for form in forms) or "none of the documented ones"
        self._note("1", "field of a delivery status", f"accepted: {text}")

    async def _senders(self) -> None:
        self._progress("writing as two people in one chat")
        other = amojo.ChatUser(id=f"probe-{self._seen.mark}-other", name="Другой участник")
        message = self._message("1", "От другого", sender=other)
        await self._services.amojo.send(self._scope, message)

        async def look() -> str | None:
            history = await self._services.amojo.history(self._scope, self._chats["1"])
            senders = (item.sender for item in history if item.message.client_id == message.msgid)
            return next((sender.name for sender in senders if sender is not None), None)

        name = await self._until(look)
        if name is None:
            self._note("9", "several people in one chat", "the message is not in the history", settled=False)
        else:
            own = "each keeps their name" if name == other.name else f"all are «{name}»"
            look_there = f"look into deal {self._seen.deals[0]} for what the card shows" if self._seen.deals else ""
            self._note("9", "several people in one chat", f"{own} in the history; {look_there}")

    async def _long_text(self) -> None:
        message = self._message("1", "Ж" * LONG_TEXT)
        try:
            await self._services.amojo.send(self._scope, message)
        except Refused as error:
            self._note("18", f"a text of {LONG_TEXT} characters", f"is refused ({error.code})")
        else:
            self._note("18", f"a text of {LONG_TEXT} characters", "is accepted")

    async def _deal(self, letter: str) -> int:
        name = f"{NAME} {self._seen.mark}-{letter}"
        lead = NewLead(name=name, contact_ids=(self._seen.contact,), tags=(TAG,))
        (deal_id,) = await self._client.create_leads([lead])
        return deal_id

    async def _say(self, chat: str, text: str) -> str | None:
        if chat not in self._chats:
            made = await self._services.amojo.create_chat(self._scope, self._conversation(chat), self._person())
            await self._client.link_chats([(made.id, self._seen.contact)])
            self._chats[chat] = made.id
        sent = await self._services.amojo.send(self._scope, self._message(chat, text))
        return sent.amo_id

    async def _deal_of(self, amo_id: str | None) -> int | None:
        """The deal that amoCRM's list of events shows a message with."""
        if amo_id is None:
            return None

        async def look() -> int | None:
            events = await self._client.events(
                ["incoming_chat_message"], entity="contact", entity_ids=[self._seen.contact]
            )
            return next(
                (one.entity_id for one in events if one.message_id == amo_id and one.entity_type.startswith("lead")),
                None,
            )

        return await self._until(look)

    async def _until(self, look: Callable[[], Awaitable[T]]) -> T | None:
        """Look again and again until there is something, or patience ends."""
        with trio.move_on_after(PATIENCE_S):
            while True:
                if seen := await look():
                    return seen
                await trio.sleep(LOOK_AGAIN_S)
        return None

    def _conversation(self, chat: str) -> str:
        return f"probe-{self._seen.mark}-{chat}"

    def _person(self) -> amojo.ChatUser:
        return amojo.ChatUser(id=f"probe-{self._seen.mark}", name=f"{NAME} {self._seen.mark}")

    def _message(
        self,
        chat: str,
        text: str,
        *,
        sender: amojo.ChatUser | None = None,
        receiver: amojo.ChatUser | None = None,
    ) -> amojo.NewMessage:
        self._said += 1
        return amojo.NewMessage(
            msgid=f"probe-{self._seen.mark}-{self._said}",
            conversation_id=self._conversation(chat),
            sender=sender or self._person(),
            receiver=receiver,
            content=amojo.text(text),
            sent_at_ms=int(self._services.now().timestamp() * 1000),
            silent=receiver is not None,
        )

    def _note(self, point: str, question: str, text: str, *, settled: bool = True) -> None:
        self._seen.answers.append(Answer(point=point, question=question, text=text, settled=settled))


def recommend(seen: Observed) -> tuple[Policy, str]:
    """The conversation policy for an account that behaves as was seen, and why (docs/conversation-policies.md)."""
    if seen.shown is Shown.EVERY:
        return Policy.DEAL, "a chat is shown in every deal of its contact, so only chats of the group's own are exact"
    if not (seen.follows_latest and seen.stays):
        return Policy.DEAL, "amoCRM does not keep a person's chats apart by deal"
    if not seen.link_refreshes:
        return Policy.DEAL, "a deal linked again is not the latest, so a person's first chats may go to another deal"
    if seen.shown is Shown.UNKNOWN:
        return Policy.DEAL_PARTICIPANT, "if the chat is in one of the two deals only; if it is in both, choose «deal»"
    return Policy.DEAL_PARTICIPANT, "each of a person's chats stays in the deal that it was begun for"
