"""The active addresses of one kind. Being in it is what "activated" means: one address, one cell, one activation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from dealgram.runtime.actor import ActorKind

if TYPE_CHECKING:
    from dealgram.runtime.cell import Cell


class Registry:
    """The cells of one kind, by key.

    # Invariants:
    #   a cell is in `cells` from before its task starts until its task's last synchronous step
    """

    __slots__ = ("_empty", "cells", "closed", "kind", "last_id", "task_name")

    def __init__(self, kind: ActorKind) -> None:
        self.kind = kind
        self.task_name = f"actor {kind.name}"
        self.cells: dict[str, Cell] = {}
        self.closed = False  # the kind drains: no new messages
        # The highest entry id that any mailbox of this kind has held. A delivery that is not above it may be of an
        # entry that an earlier activation has read from the journal and handled: it is read again, not taken.
        self.last_id = -1
        self._empty: trio.Event | None = None

    def forget(self, cell: Cell) -> None:
        """The cell's task is at its end."""
        assert self.cells.pop(cell.address.key) is cell
        self.last_id = max(self.last_id, cell.mailbox.last_id)
        if not self.cells and self._empty is not None:
            self._empty.set()

    async def wait_empty(self) -> None:
        """Wait until no address of this kind is active. A checkpoint on every path."""
        while self.cells:
            if self._empty is None or self._empty.is_set():
                self._empty = trio.Event()
            await self._empty.wait()
        await trio.lowlevel.checkpoint()
