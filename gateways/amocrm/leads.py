"""Deals (REST: leads) and their links to contacts (amoCRM contract §12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from dealgram.gateways.amocrm.session import BATCH_LIMIT, Session, present
from dealgram.gateways.errors import Refused
from dealgram.gateways.lenient import Int64

TOO_MANY_LINKS = 330  # amoCRM's error-codes page

WON, LOST = 142, 143
"""Closed stages: the same ids in every pipeline."""


class TooManyLinksError(Refused):
    """A deal has as many contacts, or a contact as many deals, as amoCRM allows."""


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


def _is_too_many(error: Refused) -> bool:
    """Where amoCRM puts the number is undocumented: as the code of the whole answer or of one item."""
    return error.code == TOO_MANY_LINKS or any(f"code {TOO_MANY_LINKS})" in one for one in error.errors)


class CreatedId(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a creation."""

    id: Int64


class LeadCalls(Session):
    """Deals."""

    async def lead(self, lead_id: int, *, with_contacts: bool = True) -> Lead | None:
        """One deal with its contacts; None if there is none of this id: never was, deleted, or not to be seen."""
        query = [("with", "contacts")] if with_contacts else []
        return await self._one("lead", f"leads/{int(lead_id)}", Lead, query)

    async def deleted_lead(self, lead_id: int) -> Lead | None:
        """A deal that is in the bin; amoCRM tells no more of it than that."""
        return await self._one("deleted_lead", f"leads/{int(lead_id)}", Lead, [("with", "only_deleted")])

    async def leads(self, lead_ids: Sequence[int]) -> list[Lead]:
        """Those of the named deals (up to 50) that are there, with their contacts.

        A hint: the filter by id belongs to a paid option (§12). An account without it may leave out deals that are
        there, or answer with others, which are not passed on.
        """
        if len(lead_ids) > BATCH_LIMIT:
            raise ValueError(f"at most {BATCH_LIMIT} deals at once")
        if not lead_ids:
            return []
        query: list[tuple[str, str | int]] = [("filter[id][]", int(lead_id)) for lead_id in lead_ids]
        query += [("with", "contacts"), ("limit", 250)]
        wanted = set(lead_ids)
        return [lead for lead in await self._list("leads", "leads", "leads", Lead, query) if lead.id in wanted]

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
            TooManyLinksError: the deal or a contact has too many links; nothing was attached.
        """
        body = [
            {"to_entity_id": contact_id, "to_entity_type": "contacts", "metadata": {"is_main": is_main}}
            for contact_id in contact_ids
        ]
        if not body:
            return
        try:
            await self._call("link", "POST", f"leads/{int(lead_id)}/link", body=body, repeatable=True)
        except Refused as error:
            if not _is_too_many(error):
                raise
            refusal = TooManyLinksError(
                error.detail,
                service=error.service,
                operation=error.operation,
                code=TOO_MANY_LINKS,
                errors=error.errors,
            )
            raise refusal from error

    async def unlink(self, lead_id: int, contact_ids: Sequence[int]) -> None:
        """Detaches contacts from a deal."""
        body = [{"to_entity_id": contact_id, "to_entity_type": "contacts"} for contact_id in contact_ids]
        if body:
            await self._call("unlink", "POST", f"leads/{int(lead_id)}/unlink", body=body, repeatable=True)
