"""What was written in a group, or edited there, brought to its decision: with what has to be looked up for it.

Pure are the decisions themselves (`group_messages`, `group_edits`). Works on the actor's own state.
"""

from __future__ import annotations

import dataclasses

from dealgram.actors.groups.group_edits import decide_edit
from dealgram.actors.groups.group_import import GroupImport
from dealgram.actors.groups.group_messages import Surroundings, decide_message, is_let_go
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.outbox import Decision
from dealgram.actors.reading.album_heads import AlbumHeads
from dealgram.actors.reading.incoming import Incoming
from dealgram.actors.services import Services
from dealgram.persistence import messages, originals
from dealgram.runtime import ActorContext


class GroupWords:
    """The messages of one group."""

    def __init__(self, context: ActorContext, services: Services, state: GroupState, imports: GroupImport) -> None:
        self._context = context
        self._db = services.db
        self._state = state
        self._import = imports
        self._albums = AlbumHeads(services.db, state.row.account_id, state.row.bot_id)

    async def said(self, incoming: Incoming, around: Surroundings) -> Decision:
        """Something was written.

        Raises:
            DatabaseUnavailable: nothing was decided.
        """
        row = self._state.row
        with self._context.dependency("database"):
            placed = await self._albums.placed(incoming)
            if incoming.reply_to is not None:
                known = await messages.by_telegram(
                    self._db, row.account_id, row.bot_id, incoming.chat_id, incoming.reply_to
                )
                around = dataclasses.replace(
                    around, reply_is_relayed=any(message.direction == "out" for message in known)
                )
        decision = decide_message(self._state, placed, around)
        # An import may begin anywhere in an album: it finds out by itself which message is the first.
        self._import.heard(incoming, decision)
        return decision

    async def edited(self, incoming: Incoming, around: Surroundings) -> Decision:
        """Something was edited.

        Raises:
            DatabaseUnavailable: nothing was decided.
        """
        if is_let_go(self._state, incoming, around):
            return Decision(result="let go")
        # Heard of first: an import that is decided on while the places are looked up has the new text itself.
        self._import.heard_edit(incoming)
        row, ref = self._state.row, (incoming.chat_id, incoming.message_id)
        with self._context.dependency("database"):
            placed = await self._albums.placed(incoming)
            known = await originals.get(self._db, row.account_id, row.bot_id, *ref)
            places = await messages.places(self._db, row.account_id, self._context.address, row.bot_id, [ref])
        employee = around.employees.get(incoming.author.user_id or 0)
        return decide_edit(self._state, placed, places.get(ref, set()), employee, known)
