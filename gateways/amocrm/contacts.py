"""Contacts, their fields and their chats (amoCRM contract §11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dealgram.gateways.amocrm.leads import CreatedId
from dealgram.gateways.amocrm.session import BATCH_LIMIT, PAGE_LIMIT, Session, present
from dealgram.gateways.lenient import Int64


class FieldValue(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a field, of whatever type the field has."""

    value: Any = None


class FieldValues(msgspec.Struct, frozen=True, kw_only=True):
    """All values of one field."""

    field_id: Int64 | None = None
    field_code: str | None = None
    values: tuple[FieldValue, ...] = ()


class ContactLead(msgspec.Struct, frozen=True, kw_only=True):
    """A deal of a contact."""

    id: Int64


class _ContactEmbedded(msgspec.Struct, frozen=True, kw_only=True):
    leads: tuple[ContactLead, ...] = ()


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A contact with its filled-in fields."""

    id: Int64
    name: str = ""
    is_deleted: bool = False
    created_at: int = 0
    custom_fields_values: tuple[FieldValues, ...] | None = None
    embedded: _ContactEmbedded = msgspec.field(name="_embedded", default_factory=_ContactEmbedded)

    @property
    def lead_ids(self) -> tuple[int, ...]:
        """Its deals."""
        return tuple(lead.id for lead in self.embedded.leads)

    def values_of(self, field_id: int) -> tuple[str, ...]:
        """The values of one field as texts."""
        return tuple(
            str(value.value)
            for one in self.custom_fields_values or ()
            if one.field_id == field_id
            for value in one.values
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactDraft:
    """A contact to create, or (with `id`) what to change in one. `fields`: field id → value, None to clear it (how that
    is done is not documented; §11)."""

    name: str | None = None
    id: int | None = None
    fields: Mapping[int, str | None] = field(default_factory=dict)
    tags_to_add: tuple[str, ...] = ()
    responsible_user_id: int | None = None
    request_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The item of the request."""
        values = [
            {"field_id": field_id, "values": None if value is None else [{"value": value}]}
            for field_id, value in self.fields.items()
        ]
        return present(
            id=self.id,
            name=self.name,
            responsible_user_id=self.responsible_user_id,
            request_id=self.request_id,
            custom_fields_values=values or None,
            tags_to_add=[{"name": tag} for tag in self.tags_to_add] or None,
        )


class ContactField(msgspec.Struct, frozen=True, kw_only=True):
    """A custom field of contacts."""

    id: Int64
    name: str = ""
    code: str | None = None
    type: str = ""


class ChatLink(msgspec.Struct, frozen=True, kw_only=True):
    """A chat (amojo uuid) and its contact. A chat has exactly one contact; a contact may have many chats."""

    chat_id: str
    contact_id: Int64
    id: Int64 | None = None


class ContactCalls(Session):
    """Contacts."""

    async def contact(self, contact_id: int) -> Contact | None:
        """One contact with its deals; None if there is none of this id."""
        return await self._one("contact", f"contacts/{int(contact_id)}", Contact, [("with", "leads")])

    async def find_contacts(self, query: str, *, limit: int = 50) -> list[Contact]:
        """Contacts with `query` somewhere in a filled field. A hint only: amoCRM's search is neither exact nor up to
        date at once; compare the field's value yourself (`Contact.values_of`)."""
        found = [("query", query), ("with", "leads"), ("limit", str(limit))]
        return await self._list("find_contacts", "contacts", "contacts", Contact, found)

    async def newest_contacts(self, *, created_since_s: float, most: int = 2000) -> list[Contact]:
        """The contacts made last, newest first, back to the first page that is wholly older than a Unix time.

        No search: what amoCRM's index does not find yet is in this list (whether that lags too is undocumented).
        """
        found: list[Contact] = []
        for number in range(1, most // PAGE_LIMIT + 1):
            query = [("order[id]", "desc"), ("page", str(number)), ("limit", str(PAGE_LIMIT))]
            page = await self._list("newest_contacts", "contacts", "contacts", Contact, query)
            found += page
            if len(page) < PAGE_LIMIT or all(contact.created_at < created_since_s for contact in page):
                break
        return found

    async def create_contacts(self, contacts: Sequence[ContactDraft]) -> list[int]:
        """Creates up to 50 contacts; their ids in the order given.

        Raises:
            OutcomeUnknown: they may have been created. Look for them before creating them again.
        """
        items = [contact.to_json() for contact in contacts]
        created = await self._change(
            "create_contacts", "POST", "contacts", "contacts", CreatedId, items, repeatable=False
        )
        return [one.id for one in created]

    async def update_contacts(self, contacts: Sequence[ContactDraft]) -> None:
        """Changes up to 50 contacts; each draft needs an `id`. A field's given value replaces its values."""
        if any(contact.id is None for contact in contacts):
            raise ValueError("a contact to change needs an id")
        items = [contact.to_json() for contact in contacts]
        await self._change("update_contacts", "PATCH", "contacts", "contacts", CreatedId, items, repeatable=True)

    async def link_chats(self, links: Sequence[tuple[str, int]]) -> None:
        """Gives chats their contacts: pairs of chat uuid and contact id, up to 50. Linking again moves the chat."""
        items = [{"chat_id": chat_id, "contact_id": contact_id} for chat_id, contact_id in links]
        await self._change("link_chats", "POST", "contacts/chats", "chats", ChatLink, items, repeatable=True)

    async def chats_of(self, contact_id: int) -> list[ChatLink]:
        """The chats of a contact."""
        return await self._list("chats_of", "contacts/chats", "chats", ChatLink, [("contact_id[]", int(contact_id))])

    async def contacts_of_chats(self, chat_ids: Sequence[str]) -> list[ChatLink]:
        """The contacts of chats, up to 50 at once; a chat without a contact is not in the answer."""
        if not chat_ids or len(chat_ids) > BATCH_LIMIT:
            raise ValueError(f"1 to {BATCH_LIMIT} chats at once")
        query = [("chat_id[]", chat_id) for chat_id in chat_ids]
        return await self._list("contacts_of_chats", "contacts/chats", "chats", ChatLink, query)

    async def contact_fields(self) -> list[ContactField]:
        """All custom fields of contacts."""
        return await self._pages("contact_fields", "contacts/custom_fields", "custom_fields", ContactField)

    async def create_contact_field(self, name: str, code: str, *, type_: str = "text", is_api_only: bool = True) -> int:
        """Creates a field; its id. Look for the code first: what amoCRM does with a second one is not documented.

        Raises:
            OutcomeUnknown: it may have been created. Look for it before creating it again.
        """
        item = {"type": type_, "name": name, "code": code, "is_api_only": is_api_only}
        created = await self._change(
            "create_contact_field",
            "POST",
            "contacts/custom_fields",
            "custom_fields",
            CreatedId,
            [item],
            repeatable=False,
        )
        return created[0].id
