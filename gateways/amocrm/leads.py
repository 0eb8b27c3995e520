"""Deals (REST: leads), their links to contacts, and notes (amoCRM contract §12, §15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from dealgram.gateways.amocrm.session import Session, present
from dealgram.gateways.lenient import Int64

WON, LOST = 142, 143
"""Closed stages: the same ids in every pipeline."""


class LeadContact(msgspec.Struct, frozen=True, kw_only=True):
    """A contact of a deal."""

    id: Int64
    is_main: bool = False


class _LeadEmbedded(msgspec.Struct, frozen=True, kw_only=True):
    contacts: tuple[LeadContact, ...] = ()


class Lead(msgspec.Struct, frozen=True, kw_only=True):
    """A deal; `contacts` only where they were asked for."""

    id: Int64
    name: str = ""
    pipeline_id: Int64 | None = None
    status_id: Int64 | None = None
    responsible_user_id: Int64 | None = None
    is_deleted: bool = False
    embedded: _LeadEmbedded = msgspec.field(name="_embedded", default_factory=_LeadEmbedded)

    @property
    def contacts(self) -> tuple[LeadContact, ...]:
        """Its contacts."""
        return self.embedded.contacts

    @property
    def is_closed(self) -> bool:
        """Won or lost."""
        return self.status_id in (WON, LOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLead:
    """A deal to create. Without a pipeline it lands in its source's. `request_id` comes back with the answer."""

    name: str
    pipeline_id: int | None = None
    status_id: int | None = None
    responsible_user_id: int | None = None
    contact_ids: tuple[int, ...] = ()
    source_external_id: str | None = None
    tags: tuple[str, ...] = ()
    request_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The item of the request; the first contact is the main one."""
        contacts = [{"id": contact_id, "is_main": index == 0} for index, contact_id in enumerate(self.contact_ids)]
        source = {"external_id": self.source_external_id, "type": "widget"} if self.source_external_id else None
        tags = [{"name": tag} for tag in self.tags]
        embedded = present(contacts=contacts or None, source=source, tags=tags or None)
        return present(
            name=self.name,
            pipeline_id=self.pipeline_id,
            status_id=self.status_id,
            responsible_user_id=self.responsible_user_id,
            request_id=self.request_id,
            _embedded=embedded or None,
        )


class CreatedId(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a creation."""

    id: Int64


class LeadCalls(Session):
    """Deals."""

    async def lead(self, lead_id: int, *, with_contacts: bool = True) -> Lead | None:
        """One deal with its contacts; None if there is none of this id (or it is not to be seen)."""
        query = [("with", "contacts")] if with_contacts else []
        return await self._one("lead", f"leads/{int(lead_id)}", Lead, query)

    async def create_leads(self, leads: Sequence[NewLead]) -> list[int]:
        """Creates up to 50 deals; their ids in the order given.

        Raises:
            OutcomeUnknown: they may have been created. Look (e.g. at the contact's deals) before creating again.
        """
        items = [lead.to_json() for lead in leads]
        created = await self._change("create_leads", "POST", "leads", "leads", CreatedId, items, repeatable=False)
        return [one.id for one in created]

    async def link(self, lead_id: int, contact_ids: Sequence[int], *, is_main: bool = False) -> None:
        """Attaches contacts to a deal; attaching one twice changes nothing.

        Raises:
            Refused: code 330 if the deal or a contact has too many links.
        """
        body = [
            {"to_entity_id": contact_id, "to_entity_type": "contacts", "metadata": {"is_main": is_main}}
            for contact_id in contact_ids
        ]
        if body:
            await self._call("link", "POST", f"leads/{int(lead_id)}/link", body=body, repeatable=True)

    async def unlink(self, lead_id: int, contact_ids: Sequence[int]) -> None:
        """Detaches contacts from a deal."""
        body = [{"to_entity_id": contact_id, "to_entity_type": "contacts"} for contact_id in contact_ids]
        if body:
            await self._call("unlink", "POST", f"leads/{int(lead_id)}/unlink", body=body, repeatable=True)

    async def add_notes(self, lead_id: int, texts: Sequence[str], *, service: str = "dealgram") -> list[int]:
        """Writes service notes into a deal's feed; their ids.

        Raises:
            OutcomeUnknown: they may have been written.
        """
        items = [
            {
                "entity_id": lead_id,
                "note_type": "extended_service_message",
                "params": {"service": service, "text": text},
            }
            for text in texts
        ]
        created = await self._change("add_notes", "POST", "leads/notes", "notes", CreatedId, items, repeatable=False)
        return [one.id for one in created]
