"""The amoCRM source of a bot: found by its external id, made, moved between pipelines (amoCRM contract §10).

Owns what amoCRM's refusals about sources mean. Its documentation names two limits, 100 per integration and 50 per
account, and no code for either: a refusal counts as the limit when there are so many sources already, or when amoCRM's
words say so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dealgram.gateways.amocrm import AmoCrmClient, Pipeline, Source
from dealgram.gateways.errors import OutcomeUnknown, Refused

DOCUMENTED_SOURCES = 50
"""Sources of one account that amoCRM promises to serve: the smaller of its two numbers."""

_LIMIT = re.compile(r"limit|no more than|too many|maximum|лимит|не более|превыш", re.IGNORECASE)


class SourceLimitError(Exception):
    """amoCRM allows no more sources; ``count`` is how many there are."""

    def __init__(self, count: int) -> None:
        super().__init__(f"amoCRM allows no more sources, there are {count}")
        self.count = count


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A bot's source; ``made``: by this very call."""

    source: Source
    made: bool = False


def source_of(sources: Sequence[Source], external_id: str) -> Source | None:
    """The source with our id, among those of the account."""
    return next((one for one in sources if one.external_id == external_id), None)


def open_pipeline(pipelines: Sequence[Pipeline], pipeline_id: int) -> Pipeline | None:
    """A pipeline that deals can be made in; amoCRM may leave archived ones out of its list or mark them."""
    found = archived_or_open(pipelines, pipeline_id)
    return found if found is not None and not found.is_archive else None


def archived_or_open(pipelines: Sequence[Pipeline], pipeline_id: int) -> Pipeline | None:
    """The pipeline, if the account's list has it at all."""
    return next((one for one in pipelines if one.id == pipeline_id), None)


async def ensure_source(client: AmoCrmClient, name: str, external_id: str, pipeline_id: int | None) -> Found:
    """The source with this external id, made if there is none; without a pipeline amoCRM takes the main one.

    Raises:
        SourceLimitError: amoCRM allows no more.
        Refused: amoCRM refuses it for another reason.
        GatewayError: not done; asking again is safe.
    """
    if (found := source_of(await client.sources(), external_id)) is not None:
        return Found(source=found)
    try:
        (made,) = await client.create_sources([(name, external_id, pipeline_id)])
    except (OutcomeUnknown, Refused) as error:
        # It may have been made after all, by this call or by another one at the same moment.
        sources = await client.sources()
        if (found := source_of(sources, external_id)) is not None:
            return Found(source=found, made=isinstance(error, OutcomeUnknown))
        if isinstance(error, Refused) and (len(sources) >= DOCUMENTED_SOURCES or _LIMIT.search(str(error))):
            raise SourceLimitError(len(sources)) from error
        raise
    return Found(source=made, made=True)
