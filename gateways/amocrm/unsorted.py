"""Incoming chats among the unsorted («Неразобранное»; amoCRM contract §12)."""

from __future__ import annotations

import msgspec

from dealgram.gateways.amocrm.session import Session, present
from dealgram.gateways.errors import NotFound


class _Origin(msgspec.Struct, frozen=True, kw_only=True):
    chat_id: str | None = None


class _Metadata(msgspec.Struct, frozen=True, kw_only=True):
    origin: _Origin = _Origin()


class UnsortedChat(msgspec.Struct, frozen=True, kw_only=True):
    """An incoming chat that nobody has accepted yet."""

    uid: str
    metadata: _Metadata = _Metadata()

    @property
    def chat_id(self) -> str | None:
        """amojo's id of the chat."""
        return self.metadata.origin.chat_id


class UnsortedCalls(Session):
    """The unsorted."""

    async def unsorted_chats(self) -> list[UnsortedChat]:
        """The account's unsorted chats."""
        query = [("filter[category][]", "chats")]
        return await self._pages("unsorted_chats", "leads/unsorted", "unsorted", UnsortedChat, query, most=20)

    async def link_unsorted(self, uid: str, lead_id: int, *, contact_id: int | None = None) -> None:
        """Attaches an unsorted chat to a deal that exists, under a contact of it. One that is gone is no error."""
        metadata = present(contact_id=contact_id)
        link = present(entity_id=lead_id, entity_type="leads", metadata=metadata or None)
        try:
            await self._call(
                "link_unsorted", "POST", f"leads/unsorted/{uid}/link", body={"link": link}, repeatable=True
            )
        except NotFound:
            return
