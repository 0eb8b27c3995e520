"""The account's own list of what happened (amoCRM contract §15): how lost hooks are found out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from dealgram.gateways.amocrm.session import Session
from dealgram.gateways.lenient import Int64, UnixTime

EVENT_PAGE = 100
ENTITY_LIMIT = 10
"""Entities that one request may name."""


class AccountEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to an entity. Of a merger amoCRM tells no more than that (its values are empty)."""

    id: str
    type: str = ""
    entity_id: Int64 | None = None
    entity_type: str = ""
    created_at: UnixTime = 0
    value_after: Any = None

    @property
    def message_id(self) -> str | None:
        """amoCRM's id of the message, where the event is about a chat message."""
        values = self.value_after if isinstance(self.value_after, list) else []
        messages = (value.get("message") for value in values if isinstance(value, dict))
        return next((one["id"] for one in messages if isinstance(one, dict) and isinstance(one.get("id"), str)), None)


class EventCalls(Session):
    """Events."""

    async def events(
        self,
        types: Sequence[str],
        *,
        entity: Literal["lead", "contact"] | None = None,
        entity_ids: Sequence[int] = (),
        since: int | None = None,
        pages: int = 5,
    ) -> list[AccountEvent]:
        """Events of some types, the newest first as amoCRM lists them; at most ``pages`` × 100.

        Args:
            entity_ids: only of these (at most 10); needs ``entity``.
            since: only from this time on, in Unix seconds.
        """
        if len(entity_ids) > ENTITY_LIMIT or (entity_ids and entity is None):
            raise ValueError(f"at most {ENTITY_LIMIT} entities of one type")
        query: list[tuple[str, str | int]] = [("filter[type][]", name) for name in types]
        if entity is not None:
            query.append(("filter[entity][]", entity))
        query += [("filter[entity_id][]", int(one)) for one in entity_ids]
        if since is not None:
            query.append(("filter[created_at][from]", int(since)))
        return await self._pages("events", "events", "events", AccountEvent, query, limit=EVENT_PAGE, most=pages)
