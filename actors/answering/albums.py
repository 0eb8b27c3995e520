"""Several attachments of one answer: as many hooks (amoCRM contract §9), rows of the outbox, and one album in Telegram.

Owns which rows go together. A hook is decided on at once, whether or not others follow; it is on delivery that the lane
waits a moment for the rest. So every file is an outbox row of its own, with its own status and its own place in the
message map, and after a crash the album is gathered anew from what is still pending.
"""

from __future__ import annotations

import trio

from dealgram.actors.bodies import SendAnswer, decode
from dealgram.actors.body_parts import FileType
from dealgram.actors.latest import Latest
from dealgram.actors.outbox import OutboxActor
from dealgram.gateways.amojo import MessageHook
from dealgram.persistence.entries import Delivery
from dealgram.persistence.journal import DeliveryEndedError

ALBUM_MOST = 10
"""Files of one album (Bot API: sendMediaGroup)."""
QUIET_S = 1.5
"""So long nothing more of an album may have come before it is sent;"""
PATIENCE_S = 10.0
"""and this is the longest wait, however they trickle in."""

_LOOK_EVERY_S = 0.5
_LOOKED_AT = 100
_REMEMBERED = 64
_TOGETHER: dict[FileType, str] = {"picture": "seen", "video": "seen", "file": "files", "audio": "audio"}
"""By what amoCRM calls them, before anybody has looked into the files; see `file_kinds.Kind.album`."""


class AlbumTexts:
    """A text that each hook of an album repeats is shown once. Memory of the last few only: forgetting shows a text
    again, it never loses one."""

    def __init__(self) -> None:
        self._texts: Latest[tuple[str, str], tuple[str, str]] = Latest(_REMEMBERED)

    def text_of(self, hook: MessageHook) -> str:
        """The text of an answer, empty if an earlier hook of the same album said it."""
        content = hook.content
        text = content.text.strip()
        if not content.media_group_id or not text:
            return text
        key = (hook.conversation.id, content.media_group_id)
        said, by = self._texts.setdefault(key, (text, content.id))
        self._texts.move_to_end(key)
        return "" if content.media and said == text and by != content.id else text


class AlbumRows:
    """The rows of albums in one actor's lanes."""

    def __init__(self, actor: OutboxActor) -> None:
        self._actor = actor
        self._apart: Latest[int, None] = Latest(_REMEMBERED * ALBUM_MOST)

    def keep_apart(self, deliveries: tuple[Delivery, ...]) -> None:
        """Telegram refused these as an album: each goes on its own. Forgotten with this life, and asked again."""
        for delivery in deliveries:
            self._apart[delivery.id] = None

    async def gather(self, body: SendAnswer, delivery: Delivery) -> list[tuple[SendAnswer, Delivery]]:
        """The rows that may go out with a row of an album, in the order in which they were written; with it alone, if
        there are no others. Waits until no more of them come.

        Raises:
            DeliveryEndedError: the row went out with an earlier one.
        """
        begun_at = quiet_since = trio.current_time()
        known = 0
        while True:
            rows = await self._pending(body, delivery)
            now = trio.current_time()
            if len(rows) > known:
                known, quiet_since = len(rows), now
            wait_s = min(quiet_since + QUIET_S, begun_at + PATIENCE_S) - now
            if wait_s <= 0 or known >= ALBUM_MOST or delivery.id in self._apart:
                return rows
            await trio.sleep(min(wait_s, _LOOK_EVERY_S))

    async def _pending(self, body: SendAnswer, delivery: Delivery) -> list[tuple[SendAnswer, Delivery]]:
        with self._actor.context.dependency("database"):
            found = await self._actor.services.journal.pending_deliveries(
                self._actor.context.address, delivery.lane, delivery.id - 1, _LOOKED_AT
            )
        if not found or found[0].id != delivery.id:
            raise DeliveryEndedError(f"delivery {delivery.id} went out with another")
        rows = [(body, delivery)]
        for other in found[1:]:
            more = _as_answer(other)
            if more is not None and self._belongs(more, other, body, delivery):
                rows.append((more, other))
        return sorted(rows, key=lambda row: (row[0].sent_at_ms, row[1].id))

    def _belongs(self, more: SendAnswer, other: Delivery, body: SendAnswer, delivery: Delivery) -> bool:
        if more.media is None or body.media is None or other.started_at is not None:
            return False
        if other.id in self._apart or delivery.id in self._apart:
            return False
        together = _TOGETHER.get(more.media.type)
        return (
            (more.album, more.conversation, more.thread) == (body.album, body.conversation, body.thread)
            and together is not None
            and together == _TOGETHER.get(body.media.type)
        )


def _as_answer(delivery: Delivery) -> SendAnswer | None:
    if delivery.kind != SendAnswer.kind:
        return None
    try:
        body = decode(delivery.kind, delivery.body)
    except ValueError:
        return None  # its own turn says so
    return body if isinstance(body, SendAnswer) else None
