"""Sources (one per bot) and CRM webhooks (amoCRM contract §10, §14)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from dealgram.gateways.amocrm.session import Session, present
from dealgram.gateways.errors import NotFound
from dealgram.gateways.lenient import Int64, convert

CRM_EVENTS = (
    "add_lead",
    "status_lead",
    "update_lead",
    "delete_lead",
    "restore_lead",
    "update_contact",
    "delete_contact",
    "restore_contact",
    "responsible_lead",
    "add_contact",
    "add_talk",
    "update_talk",
)
"""What is worth knowing of an account's deals and contacts (§14)."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A source of deals; its `pipeline_id` decides where they appear. `external_id` cannot be changed."""

    id: Int64
    name: str = ""
    external_id: str = ""
    pipeline_id: Int64 | None = None
    default: bool = False
    origin_code: str | None = None


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription to CRM events."""

    id: Int64
    destination: str = ""
    disabled: bool = False
    settings: tuple[str, ...] = ()


class ChannelCalls(Session):
    """Sources and webhooks."""

    async def sources(self) -> list[Source]:
        """The integration's own sources, up to 100."""
        return await self._list("sources", "sources", "sources", Source)

    async def create_sources(
        self, sources: Sequence[tuple[str, str, int | None]], *, origin_code: str | None = None
    ) -> list[Source]:
        """Creates sources from (name, external id, pipeline id); in the order given.

        Raises:
            OutcomeUnknown: they may have been created; `sources()` shows them by external id.
            Refused: e.g. too many sources, or an external id that is longer than 36 characters or taken.
        """
        items = [
            present(name=name, external_id=external_id, pipeline_id=pipeline_id, origin_code=origin_code)
            for name, external_id, pipeline_id in sources
        ]
        return await self._change("create_sources", "POST", "sources", "sources", Source, items, repeatable=False)

    async def update_source(self, source_id: int, *, name: str | None = None, pipeline_id: int | None = None) -> None:
        """Renames a source or moves it to another pipeline."""
        item: dict[str, Any] = {"id": source_id, **present(name=name, pipeline_id=pipeline_id)}
        await self._change("update_source", "PATCH", "sources", "sources", Source, [item], repeatable=True)

    async def delete_source(self, source_id: int) -> None:
        """Deletes a source. One that is gone already is no error."""
        try:
            await self._call("delete_source", "DELETE", f"sources/{int(source_id)}", repeatable=True)
        except NotFound:
            return

    async def webhooks(self, destination: str | None = None) -> list[Webhook]:
        """The subscriptions of one address, or all of the account's, whoever made them (at most 100; no pages)."""
        query = [] if destination is None else [("filter[destination]", destination)]
        return await self._list("webhooks", "webhooks", "webhooks", Webhook, query)

    async def upsert_webhook(self, destination: str, events: Sequence[str] = CRM_EVENTS) -> Webhook:
        """Subscribes an address to CRM events, or changes what it is subscribed to.

        Raises:
            Forbidden: no administrator, or the account's tariff has no webhooks.
        """
        body = {"destination": destination, "settings": list(events)}
        answer = await self._call("upsert_webhook", "POST", "webhooks", body=body, repeatable=True)
        read = convert(answer, Webhook, []) if isinstance(answer, dict) else None
        if read is None:
            raise self._unreadable(201, "upsert_webhook", repeatable=True)
        return read

    async def delete_webhook(self, destination: str) -> None:
        """Ends the subscription of an address. None there is no error."""
        try:
            await self._call("delete_webhook", "DELETE", "webhooks", body={"destination": destination}, repeatable=True)
        except NotFound:
            return
