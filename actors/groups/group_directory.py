"""Which of our groups a Telegram chat is: our ids by bot and chat id, kept in memory in front of the table.

Owns what becomes of a group that Telegram turned into a supergroup. Three signals say so, in any order, and other
updates of the new chat may come before all of them (telegram-facts §1.7): the new chat is then taken for a stranger,
and when the truth comes out the stranger is merged into the group that it always was, its *heir*.
"""

from __future__ import annotations

from dealgram.actors.latest import Latest
from dealgram.gateways.telegram import Chat
from dealgram.persistence import groups
from dealgram.persistence.database import Database
from dealgram.persistence.journal import Journal
from dealgram.persistence.records import Group

REMEMBERED_GROUPS = 100_000


class GroupDirectory:
    """See the module. One per node, shared by the intake and the group actors."""

    def __init__(self, db: Database, journal: Journal) -> None:
        self._db = db
        self._journal = journal
        self._groups: Latest[tuple[int, int, int], int] = Latest(REMEMBERED_GROUPS)
        self._heirs: dict[int, int] = {}

    async def group_of(self, account_id: int, bot_id: int, chat: Chat) -> int:
        """Our id of the group that a bot knows as ``chat``; a chat never seen before becomes a group."""
        key = (account_id, bot_id, chat.id)
        if (known := self._groups.get(key)) is not None:
            self._groups.move_to_end(key)
            return known
        group = await groups.ensure(
            self._db, account_id, bot_id, chat.id, chat.title, "supergroup" if chat.type == "supergroup" else "group"
        )
        return self._remember(key, group.group_id)

    async def upgraded(self, account_id: int, bot_id: int, old: int, new: int, title: str) -> int:
        """The group that is known as ``old`` is the supergroup ``new`` from now on; returns our id of it. Idempotent.

        Raises:
            DatabaseUnavailable: nothing is changed.
        """
        group = await groups.by_chat(self._db, account_id, bot_id, old)
        stranger = await groups.by_chat(self._db, account_id, bot_id, new)
        if group is not None and stranger is not None and stranger.group_id != group.group_id:
            # From here on the stranger's actor writes its row no more; what it has submitted lands before the merger.
            self._heirs[stranger.group_id] = group.group_id
            await self._journal.settled()
            # The stranger could not know the deals: what was written in it is decided on anew. Accepting it again after
            # a failure further on does no harm.
            await self._journal.accept(await groups.inheritance(self._db, stranger.group_id, group.group_id))
        group_id = await groups.note_upgrade(self._db, account_id, bot_id, old, new, title)
        self._remember((account_id, bot_id, old), group_id)
        return self._remember((account_id, bot_id, new), group_id)

    async def find_heir(self, group: Group) -> int | None:
        """The group that a merged one belongs to; None for a group that is not merged."""
        if group.status != "merged":
            return None
        heir = await groups.by_chat(self._db, group.account_id, group.bot_id, group.chat_id)
        if heir is None:
            return None
        self._heirs[group.group_id] = heir.group_id
        return heir.group_id

    def heir(self, group_id: int) -> int | None:
        """As far as this node has heard, the group that a merged one belongs to."""
        return self._heirs.get(group_id)

    def _remember(self, key: tuple[int, int, int], group_id: int) -> int:
        self._groups[key] = group_id
        return group_id
