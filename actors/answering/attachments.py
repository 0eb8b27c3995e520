"""The file of an answer, made ready for Telegram: fetched from amoCRM, looked at, and sorted.

Promises: whatever becomes of the file, the answer is not silently poorer. One that is too large, that lies elsewhere or
that amoCRM does not hand over now goes as a line with its address; one that is gone is reported to the manager, who can
attach it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import trio

from dealgram.actors.answering.answer_buttons import is_safe_url
from dealgram.actors.answering.attachment_texts import REASON_FILE_EMPTY, REASON_FILE_GONE, link_line
from dealgram.actors.answering.file_kinds import Kind, Sorted, name_in, sort_file
from dealgram.actors.answering.known_files import KnownFile, KnownFiles
from dealgram.actors.answering.media_facts import media_facts
from dealgram.actors.body_parts import AmoFile
from dealgram.actors.latest import Latest
from dealgram.actors.outbox import OutboxActor
from dealgram.gateways.amojo import FileTooLarge, ForeignFile
from dealgram.gateways.errors import GatewayError, Refused
from dealgram.gateways.spool import Spool
from dealgram.gateways.telegram import OutFile, Sent
from dealgram.runtime import Transient

TRIES = 3
"""So often a file is asked for that does not come, before its address goes in its place."""
PAUSE_S = 2.0
_REMEMBERED = 1024


class AttachmentLostError(Exception):
    """There is nothing to send. ``reason``: what the manager is told."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A file that can be uploaded, one that Telegram has already, or the line that goes in its place. Close it."""

    source: AmoFile
    line: str = ""
    sorted: Sorted | None = None
    data: Spool | None = None
    known: KnownFile | None = None
    facts: Mapping[str, int | bool] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.data is not None:
            self.data.close()

    @property
    def album(self) -> str:
        """What may stand in one album with it; empty for nothing."""
        if self.known is not None:
            return self.known.kind.album
        return self.sorted.kind.album if self.sorted is not None else ""

    @property
    def size(self) -> int:
        """Bytes; 0 for a line."""
        if self.known is not None:
            return self.known.size
        return self.data.size if self.data is not None else 0

    @property
    def uploads(self) -> int:
        """Bytes that have to be sent for it."""
        return self.data.size if self.data is not None else 0

    @property
    def name(self) -> str:
        """As it is called in Telegram; empty for a line."""
        if self.known is not None:
            return self.known.name
        return self.sorted.name if self.sorted is not None else ""

    @property
    def out(self) -> OutFile | None:
        """The file as Telegram gets it."""
        if self.known is not None:
            return OutFile(kind=self.known.kind.value, name=self.known.name, file_id=self.known.file_id)
        if self.sorted is None or self.data is None:
            return None
        one = self.sorted
        return OutFile(kind=one.kind.value, name=one.name, data=self.data, mime=one.mime, facts=self.facts)


class Attachments:
    """The files of one actor's answers."""

    def __init__(self, actor: OutboxActor) -> None:
        self._actor = actor
        self._services = actor.services
        self._tries: Latest[int, int] = Latest(_REMEMBERED)
        self._known = KnownFiles()

    async def prepare(self, delivery_id: int, file: AmoFile) -> Attached:
        """Fetch and sort the file of a row.

        Raises:
            AttachmentLostError: there is no such file any more, or nothing in it.
            Transient: it did not come; ask again.
        """
        limits = self._services.file_limits
        if (known := self._known.at(file)) is not None:
            await trio.lowlevel.checkpoint()
            return Attached(source=file, known=known)
        try:
            with self._actor.context.dependency("amoCRM's files"):
                data = await self._services.attachments.fetch(file.url, limits.upload)
        except FileTooLarge as error:
            return Attached(source=file, line=link_line(file, error.size))
        except ForeignFile:
            if not is_safe_url(file.url):
                raise AttachmentLostError(REASON_FILE_GONE) from None
            return Attached(source=file, line=link_line(file))
        except Refused as error:
            raise AttachmentLostError(REASON_FILE_GONE) from error
        except GatewayError as error:
            return self._missing(delivery_id, file, error)
        try:
            if not data.size:
                raise AttachmentLostError(REASON_FILE_EMPTY)
            if (known := self._known.like(file, data.digest)) is not None:
                data.close()
                return Attached(source=file, known=known)
            found = sort_file(file.type, file.name or name_in(file.url), data.head, data.size, limits)
            return Attached(source=file, sorted=found, data=data, facts=await media_facts(found.kind, data))
        except BaseException:
            data.close()
            raise

    def sent(self, attached: Attached, sent: Sent) -> None:
        """A file is in Telegram: the next time it need not be uploaded."""
        if attached.data is None or attached.sorted is None or sent.kind is None or not sent.file_id:
            return
        known = KnownFile(kind=Kind(sent.kind), file_id=sent.file_id, name=attached.name, size=attached.size)
        self._known.keep(attached.source, attached.data.digest, known)

    def refused(self, file_ids: Iterable[str]) -> None:
        """Telegram did not take what it is said to have."""
        for file_id in file_ids:
            self._known.forget(file_id)

    def _missing(self, delivery_id: int, file: AmoFile, error: GatewayError) -> Attached:
        tries = self._tries.pop(delivery_id, 0) + 1
        if tries >= TRIES:
            return Attached(source=file, line=link_line(file))
        self._tries[delivery_id] = tries
        wait_s = getattr(error, "retry_after_s", None) or PAUSE_S * tries
        raise Transient(str(error), retry_after_s=min(wait_s, 60.0)) from error
