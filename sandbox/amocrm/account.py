"""One simulated amoCRM account: its records and the rules that keep them consistent.

Owns `SimAccount`. Promises: every lookup that a message needs is a dictionary access; a deal and a contact always
agree about their link; at most one contact of a deal is the main one; a chat has at most one contact. What is deleted
stays, marked, because amoCRM keeps it in the trash.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from dealgram.sandbox.amocrm.conversations import BotAnswer, Participant, SimChat, SimMessage, SimTalk, SimUnsorted
from dealgram.sandbox.amocrm.ids import Ids
from dealgram.sandbox.amocrm.records import (
    LOST,
    WON,
    SimContact,
    SimEvent,
    SimField,
    SimLead,
    SimNote,
    SimPipeline,
    SimSource,
    SimStatus,
    SimTask,
    SimTemplate,
    SimUser,
    SimWebhook,
)

IncomingRule = Literal["open_deal", "new_deal", "unsorted"]
ENTITIES = ("leads", "contacts")
EVENTS_KEPT = 10_000
ANSWERS_KEPT = 10_000


class SimAccount:
    """The state of one account. Made by `AmoSimulator.add_account`; read freely, change through the simulator."""

    def __init__(self, ids: Ids, *, subdomain: str, name: str, now: int, message_cap: int) -> None:
        self._ids = ids
        self.id = ids.number("account")
        self.subdomain = subdomain
        self.host = ""
        self.name = name
        self.amojo_id = ids.uuid()
        self.uuid = ids.uuid()
        self.salesbot_id = ids.uuid()
        self.created_at = now
        self.is_paid = True
        self.is_technical = False
        self.time_zone = "Europe/Moscow"
        self.is_installed = False
        self.is_connected = False
        self.channel_title = ""
        self.is_time_window_disabled = False
        self.incoming_rule: IncomingRule | None = None
        self.users: dict[int, SimUser] = {}
        self.users_by_amojo: dict[str, SimUser] = {}
        self.pipelines: dict[int, SimPipeline] = {}
        self.leads: dict[int, SimLead] = {}
        self.contacts: dict[int, SimContact] = {}
        self.fields: dict[int, SimField] = {}
        self.sources: dict[int, SimSource] = {}
        self.sources_by_external: dict[str, SimSource] = {}
        self.notes: dict[tuple[str, int], deque[SimNote]] = {}
        self.tasks: dict[int, SimTask] = {}
        self.webhooks: dict[str, SimWebhook] = {}
        self.events: deque[SimEvent] = deque(maxlen=EVENTS_KEPT)
        self.templates: dict[int, SimTemplate] = {}
        self.tag_colors: dict[int, str] = {}
        self.tags: dict[str, dict[str, int]] = {entity: {} for entity in ENTITIES}
        self.chats: dict[str, SimChat] = {}
        self.chats_by_client: dict[str, SimChat] = {}
        self.participants: dict[str, Participant] = {}
        self.participants_by_uuid: dict[str, Participant] = {}
        self.messages: dict[str, SimMessage] = {}
        self.messages_by_msgid: dict[str, SimMessage] = {}
        self.talks: dict[int, SimTalk] = {}
        self.unsorted: dict[str, SimUnsorted] = {}
        self.bot_answers: OrderedDict[str, BotAnswer] = OrderedDict()
        self._accepted: deque[SimMessage] = deque()
        self._message_cap = message_cap
        self._arrivals = 0
        for entity, code, title, kind in (
            ("contacts", "POSITION", "Должность", "text"),
            ("contacts", "PHONE", "Телефон", "multitext"),
            ("contacts", "EMAIL", "Email", "multitext"),
        ):
            self.add_field(entity, name=title, type=kind, code=code).is_predefined = True
        self.add_user("Администратор", is_admin=True)
        self.add_pipeline("Воронка")

    def __repr__(self) -> str:
        return f"<SimAccount {self.id} {self.subdomain}>"

    @property
    def owner(self) -> SimUser:
        return next(iter(self.users.values()))

    @property
    def main_pipeline(self) -> SimPipeline:
        return next(one for one in self.pipelines.values() if one.is_main)

    @property
    def default_source(self) -> SimSource | None:
        return next((one for one in self.sources.values() if one.is_default), None)

    def add_user(self, name: str, *, is_admin: bool = False, has_chats: bool = True) -> SimUser:
        number = self._ids.number("user")
        user = SimUser(
            id=number,
            name=name,
            email=f"user{number}@example.com",
            uuid=self._ids.uuid(),
            amojo_id=None,
            is_admin=is_admin,
        )
        self.users[user.id] = user
        if has_chats:
            self.open_chats(user)
        return user

    def open_chats(self, user: SimUser) -> str:
        """The user's id in the Chats API, given at the first use."""
        if user.amojo_id is None:
            user.amojo_id = self._ids.uuid()
            self.users_by_amojo[user.amojo_id] = user
        return user.amojo_id

    def add_pipeline(self, name: str) -> SimPipeline:
        stages = ("Первичный контакт", "Переговоры", "Принимают решение")
        statuses = [SimStatus(id=self._ids.number("status"), name="Неразобранное", sort=10, color="#c1c1c1", type=1)]
        statuses[0].is_editable = False
        for index, title in enumerate(stages):
            statuses.append(SimStatus(id=self._ids.number("status"), name=title, sort=20 + index * 10, color="#99ccff"))
        won = SimStatus(id=WON, name="Успешно реализовано", sort=10_000, color="#CCFF66", is_editable=False)
        lost = SimStatus(id=LOST, name="Закрыто и не реализовано", sort=11_000, color="#D5D8DB", is_editable=False)
        pipeline = SimPipeline(
            id=self._ids.number("pipeline"),
            name=name,
            sort=len(self.pipelines) + 1,
            is_main=not self.pipelines,
            statuses={one.id: one for one in (*statuses, won, lost)},
        )
        self.pipelines[pipeline.id] = pipeline
        return pipeline

    def add_field(self, entity: str, *, name: str, type: str, code: str | None = None) -> SimField:  # noqa: A002
        field = SimField(
            id=self._ids.number("field"), entity=entity, name=name, type=type, code=code, sort=500 + len(self.fields)
        )
        self.fields[field.id] = field
        return field

    def field(self, entity: str, *, id: int | None = None, code: str | None = None) -> SimField | None:  # noqa: A002
        if id is not None:
            found = self.fields.get(id)
            return found if found is not None and found.entity == entity else None
        return next((one for one in self.fields.values() if one.entity == entity and one.code == code), None)

    def add_lead(self, *, name: str, pipeline_id: int, now: int, **more: Any) -> SimLead:
        lead_id = self._ids.number("lead")
        lead = SimLead(
            id=lead_id,
            name=name or f"Сделка #{lead_id}",
            pipeline_id=pipeline_id,
            price=more.pop("price", 0),
            status_id=more.pop("status_id", None) or self.pipelines[pipeline_id].first_status,
            responsible_user_id=more.pop("responsible_user_id", self.owner.id),
            created_by=more.pop("created_by", self.owner.id),
            created_at=more.pop("created_at", now),
            updated_at=now,
            **more,
        )
        self.leads[lead.id] = lead
        return lead

    def set_status(self, lead: SimLead, status_id: int, now: int) -> None:
        lead.status_id = status_id
        lead.closed_at = now if status_id in (WON, LOST) else None
        lead.updated_at = now

    def add_contact(self, *, name: str, now: float, **more: Any) -> SimContact:
        contact = SimContact(
            id=self._ids.number("contact"),
            name=name,
            responsible_user_id=more.pop("responsible_user_id", self.owner.id),
            created_by=more.pop("created_by", self.owner.id),
            created_at=more.pop("created_at", int(now)),
            updated_at=int(now),
            searchable_at=more.pop("searchable_at", now),
            **more,
        )
        self.contacts[contact.id] = contact
        self.index(contact)
        return contact

    def index(self, contact: SimContact) -> None:
        """What the search by `query` looks through: the name and every filled field."""
        values = (str(value.get("value", "")) for filled in contact.values.values() for value in filled)
        contact.haystack = "\n".join((contact.name, contact.first_name, contact.last_name, *values)).lower()

    def contact(self, contact_id: int) -> SimContact | None:
        """A contact that is neither deleted nor hidden in the unsorted."""
        found = self.contacts.get(contact_id)
        return None if found is None or found.is_deleted or found.is_hidden else found

    def lead(self, lead_id: int) -> SimLead | None:
        """A deal that is not deleted."""
        found = self.leads.get(lead_id)
        return None if found is None or found.is_deleted else found

    def link(self, lead: SimLead, contact: SimContact, *, main: bool | None = None, refresh: bool = False) -> None:
        """Attaches the contact; the first one of a deal becomes its main contact.

        Repeating it keeps the contact's deals in their order, or (`refresh`) makes this deal the one linked last.
        """
        is_main = bool(main) or not lead.contacts or (main is None and lead.contacts.get(contact.id, False))
        if is_main:
            lead.contacts = dict.fromkeys(lead.contacts, False)
        lead.contacts[contact.id] = is_main
        if refresh:
            contact.leads.pop(lead.id, None)
        contact.leads.setdefault(lead.id)

    def unlink(self, lead: SimLead, contact: SimContact) -> None:
        was_main = lead.contacts.pop(contact.id, False)
        contact.leads.pop(lead.id, None)
        if was_main and lead.contacts:
            lead.contacts[next(iter(lead.contacts))] = True

    def link_chat(self, chat: SimChat, contact: SimContact) -> int:
        """Gives the chat to the contact, taking it from another one; answers the id of the link."""
        if chat.contact_id != contact.id or chat.link_id is None:
            self.unlink_chat(chat)
            chat.contact_id = contact.id
            chat.link_id = self._ids.number("link")
            contact.chats[chat.uuid] = None
            if chat.talk is not None and chat.talk.lead_id is None:
                chat.talk.contact_id = contact.id
            else:
                chat.talk = None  # the next message opens a talk among the new contact's deals
        return chat.link_id

    def unlink_chat(self, chat: SimChat) -> None:
        if chat.contact_id is not None:
            self.contacts[chat.contact_id].chats.pop(chat.uuid, None)
        chat.contact_id = chat.link_id = None
        chat.unsorted_uid = None

    def hand_over(self, chat: SimChat, contact: SimContact) -> None:
        """Gives the chat to the contact and leaves its talk as it is."""
        talk = chat.talk
        self.link_chat(chat, contact)
        chat.talk = talk
        if talk is not None:
            talk.contact_id = contact.id

    def move_notes(self, entity: str, from_id: int, to_id: int) -> None:
        moved = self.notes.pop((entity, from_id), None)
        if moved:
            kept = self.notes.setdefault((entity, to_id), deque(maxlen=1000))
            for note in moved:
                note.entity_id = to_id
            merged = sorted([*kept, *moved], key=lambda note: note.id)
            kept.clear()
            kept.extend(merged)

    def participant(self, client_id: str, name: str, **more: str) -> Participant:
        """The participant with this id on the integration's side, made at the first mention, kept up to date."""
        person = self.participants.get(client_id)
        if person is None:
            person = Participant(uuid=self._ids.uuid(), client_id=client_id, name=name)
            self.participants[client_id] = person
            self.participants_by_uuid[person.uuid] = person
        person.name = name or person.name
        for key, value in more.items():
            if value:
                setattr(person, key, value)
        return person

    def open_chat(self, client_id: str, client: Participant | None) -> SimChat:
        chat = self.chats_by_client.get(client_id)
        if chat is None:
            title = client.name if client is not None else ""
            chat = SimChat(uuid=self._ids.uuid(), client_id=client_id, client=client, title=title)
            self.chats[chat.uuid] = chat
            self.chats_by_client[client_id] = chat
        return chat

    def next_arrival(self) -> int:
        self._arrivals += 1
        return self._arrivals

    def accept(self, message: SimMessage) -> None:
        """Keeps a message; beyond the cap the oldest of the account is forgotten, with its ids."""
        self._accepted.append(message)
        message.chat.messages.append(message)
        self.messages[message.id] = message
        if message.msgid is not None:
            self.messages_by_msgid[message.msgid] = message
        if len(self._accepted) > self._message_cap:
            oldest = self._accepted.popleft()
            oldest.chat.messages.popleft()
            self.messages.pop(oldest.id, None)
            if oldest.msgid is not None:
                self.messages_by_msgid.pop(oldest.msgid, None)

    def keep_answer(self, question_id: str, answer: BotAnswer) -> None:
        """What a client answered to a Salesbot's question; the oldest are forgotten."""
        self.bot_answers[question_id] = answer
        if len(self.bot_answers) > ANSWERS_KEPT:
            self.bot_answers.popitem(last=False)

    def tag(self, entity: str, name: str) -> int:
        known = self.tags[entity]
        if name not in known:
            known[name] = self._ids.number("tag")
        return known[name]

    def add_note(
        self, entity: str, entity_id: int, *, note_type: str, params: Mapping[str, Any], created_by: int, now: int
    ) -> SimNote:
        """Adds a note; an entity keeps its last thousand."""
        note = SimNote(
            id=self._ids.number("note"),
            entity=entity,
            entity_id=entity_id,
            note_type=note_type,
            params=dict(params),
            created_by=created_by,
            created_at=now,
        )
        self.notes.setdefault((entity, entity_id), deque(maxlen=1000)).append(note)
        return note

    def forget_integration(self) -> None:
        """The sources go and the integration's ids mean nothing any more; people still see the old messages."""
        self.forget_sources(list(self.sources))
        self.templates.clear()
        self.chats_by_client.clear()
        for message in self.messages_by_msgid.values():
            message.msgid = None
        self.messages_by_msgid.clear()

    def add_source(self, *, name: str, external_id: str, pipeline_id: int, **more: Any) -> SimSource:
        source = SimSource(
            id=self._ids.number("source"),
            name=name,
            external_id=external_id,
            pipeline_id=pipeline_id,
            is_default=more.pop("is_default", False),
            origin_code=more.pop("origin_code", None),
            services=more.pop("services", []),
        )
        self.sources[source.id] = source
        if external_id:
            self.sources_by_external[external_id] = source
        return source

    def forget_sources(self, source_ids: Iterable[int]) -> None:
        for source_id in source_ids:
            source = self.sources.pop(source_id)
            self.sources_by_external.pop(source.external_id, None)
