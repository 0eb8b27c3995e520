"""Service notes in the cards of deals and contacts (amoCRM contract §15)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from dealgram.gateways.amocrm.leads import CreatedId
from dealgram.gateways.amocrm.session import Session
from dealgram.gateways.lenient import Int64, UnixTime

NOTE_TYPE = "extended_service_message"
SERVICE = "dealgram"

NotedEntity = Literal["leads", "contacts"]


class _NoteParams(msgspec.Struct, frozen=True, kw_only=True):
    text: str = ""
    service: str = ""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A note of a card; ``text`` only of the kinds that have one."""

    id: Int64
    note_type: str = ""
    created_at: UnixTime = 0
    params: _NoteParams = _NoteParams()

    @property
    def text(self) -> str:
        """What it says."""
        return self.params.text


class NoteCalls(Session):
    """Notes."""

    async def add_notes(
        self, entity_id: int, texts: Sequence[str], *, entity: NotedEntity = "leads", service: str = SERVICE
    ) -> list[int]:
        """Writes service notes into a card's feed; their ids.

        Raises:
            OutcomeUnknown: they may have been written: look at `notes` before writing them again.
            Refused: e.g. the card is gone.
        """
        items = [
            {"entity_id": entity_id, "note_type": NOTE_TYPE, "params": {"service": service, "text": text}}
            for text in texts
        ]
        created = await self._change(
            "add_notes", "POST", f"{entity}/notes", "notes", CreatedId, items, repeatable=False
        )
        return [one.id for one in created]

    async def notes(self, entity_id: int, *, entity: NotedEntity = "leads", limit: int = 50) -> list[Note]:
        """The latest service notes of a card, the newest first; empty for a card that is gone."""
        query: list[tuple[str, str | int]] = [
            ("filter[note_type][]", NOTE_TYPE),
            ("order[id]", "desc"),
            ("limit", limit),
        ]
        found = await self._list("notes", f"{entity}/{int(entity_id)}/notes", "notes", Note, query)
        return [note for note in found if note.note_type == NOTE_TYPE]
