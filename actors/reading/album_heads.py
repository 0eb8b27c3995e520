"""Which message of an album is its first: that one says who speaks, whence, and in answer to what.

Telegram sends an album as single messages, in their order, that share an id and tell no count (telegram-facts §1.6).
Works for one actor; what it forgot, say over a restart, is read from the messages that are kept.
"""

from __future__ import annotations

from dealgram.actors.latest import Latest
from dealgram.actors.reading.incoming import Incoming, within_album
from dealgram.persistence import originals
from dealgram.persistence.database import Database

_REMEMBERED = 256


class AlbumHeads:
    """See the module."""

    def __init__(self, db: Database, account_id: int, bot_id: int) -> None:
        self._db = db
        self._account_id = account_id
        self._bot_id = bot_id
        self._heads: Latest[tuple[int, str], int] = Latest(_REMEMBERED)

    async def placed(self, incoming: Incoming) -> Incoming:
        """The message, marked if another of its album stands before it.

        Raises:
            DatabaseUnavailable: it cannot be told now.
        """
        if incoming.album is None:
            return incoming
        key = (incoming.chat_id, incoming.album)
        head = self._heads.get(key)
        if head is None:
            head = await originals.album_head(
                self._db, self._account_id, self._bot_id, incoming.chat_id, incoming.album, incoming.message_id
            )
            head = self._heads[key] = incoming.message_id if head is None else head
        return incoming if incoming.message_id <= head else within_album(incoming)
