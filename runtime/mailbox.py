"""The mailbox of one actor: a bounded deque that is a window over the journal, and a control lane read before it.

Two sorts of messages share the deque in order of arrival. *Direct* messages live in memory only and are bounded by
`size`. *Entries* live in the journal; at most `size` of them are held, and of the others the mailbox only knows that
they exist (`backlog`). The window is refilled from the journal when it is empty and its last entry is finished, and
only then: so no entry is ever held twice, and what arrives during a refill is simply read by the next one.

The actor's task parks on the mailbox directly, which spares an event object per actor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Final

import trio

from dealgram.runtime.entry import Admission, Entry

# The control lane: a set of flags, so that it needs no bound and no memory. STOP is the strongest.
STOP: Final = 1
RESTART: Final = 2
PASSIVATE: Final = 4
IDLE: Final = 8  # idle time is over: look whether to passivate
LANES: Final = 16  # lanes need a nursery, or have become quiet
LEAVE: Final = STOP | RESTART | PASSIVATE  # those that end an instance


class Held:
    """A journal entry in a mailbox. The wrapper tells it from a direct message of any type."""

    __slots__ = ("entry",)

    def __init__(self, entry: Entry) -> None:
        self.entry = entry


class Mailbox:
    """Synchronous at the door, one reader inside.

    # Invariants:
    #   0 <= entries, direct <= size + 1 (the one that was put back); entries + direct == len(deque)
    #   ids of held entries strictly increase and are <= last_id
    #   the reader is parked implies that nothing it waits for is there
    """

    __slots__ = (
        "_awaits_messages",
        "_items",
        "_size",
        "_task",
        "backlog",
        "control",
        "direct",
        "entries",
        "journaled",
        "last_id",
        "open",
    )

    def __init__(self, size: int, *, journaled: bool, last_id: int = -1) -> None:
        self._size = size
        self._items: deque[object] = deque()
        self._task: trio.lowlevel.Task | None = None
        self._awaits_messages = False
        self.journaled = journaled
        self.entries = 0
        self.direct = 0
        self.last_id = last_id  # the highest id that was ever in a window; what is not above it is read, not taken
        self.backlog = journaled  # a new mailbox reads what the journal has
        self.open = False  # may entries go into the window?
        self.control = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def has_work(self) -> bool:
        """Is there a message, here or in the journal?"""
        return bool(self._items) or self.backlog

    @property
    def needs_refill(self) -> bool:
        """May, and must, the window be read from the journal?"""
        return self.backlog and self.entries == 0

    # --- the door

    def put(self, message: object) -> Admission:
        """Take a direct message, if there is room."""
        if self.direct >= self._size:
            return Admission.REJECTED
        self.direct += 1
        self._items.append(message)
        if self._awaits_messages:
            self._ring()
        return Admission.ACCEPTED

    def put_entry(self, entry: Entry) -> Admission:
        """Take a committed entry into the window, or remember that the journal has more."""
        if self.backlog or not self.open or self.entries >= self._size or entry.id <= self.last_id:
            self.mark_backlog()
            return Admission.BACKLOGGED
        self._hold(entry)
        if self._awaits_messages:
            self._ring()
        return Admission.ACCEPTED

    def mark_backlog(self) -> None:
        """Remember that the journal may have entries which the window lacks. Nothing happens without a journal."""
        if self.journaled:
            self.backlog = True
            if self._awaits_messages:
                self._ring()

    def request(self, control: int) -> None:
        """Put a flag on the control lane and wake the reader, whatever it waits for."""
        self.control |= control
        if self._task is not None:
            self._ring()

    # --- inside

    def take(self) -> object:
        """Remove and return the first item: a `Held` entry or a direct message. Raises IndexError when empty."""
        item = self._items.popleft()
        if type(item) is Held:
            self.entries -= 1
        else:
            self.direct -= 1
        return item

    def put_back(self, item: object) -> None:
        """Return the item taken last to the front, to be taken again."""
        self._items.appendleft(item)
        if type(item) is Held:
            self.entries += 1
        else:
            self.direct += 1

    def begin_refill(self) -> None:
        """The journal is about to be read: what is delivered from now on needs another reading."""
        assert self.entries == 0
        self.backlog = False
        self.open = False

    def end_refill(self, entries: Iterable[Entry], *, more: bool) -> None:
        """Put what the journal gave into the window; `more` says that it may have held something back."""
        for entry in entries:
            self._hold(entry)
        self.backlog = self.backlog or more
        self.open = True

    def close_window(self) -> None:
        """Let go of all held entries; they are in the journal and are read again when the window opens."""
        if self.entries:
            self._items = deque(item for item in self._items if type(item) is not Held)
            self.entries = 0
        self.open = False
        self.backlog = self.journaled

    def drain(self) -> list[object]:
        """Remove and return all direct messages; entries are let go."""
        self.close_window()
        items = list(self._items)
        self._items.clear()
        self.direct = 0
        return items

    async def wait(self, *, control_only: bool = False) -> None:
        """Park until there is something to do. A checkpoint on every path. There is one reader only."""
        if self.control or (not control_only and self.has_work):
            await trio.lowlevel.checkpoint()
            return
        assert self._task is None
        self._task = trio.lowlevel.current_task()
        self._awaits_messages = not control_only
        await trio.lowlevel.wait_task_rescheduled(self._abort)

    def _abort(self, _raise_cancel: Any) -> trio.lowlevel.Abort:
        self._task = None
        self._awaits_messages = False
        return trio.lowlevel.Abort.SUCCEEDED

    def _ring(self) -> None:
        task, self._task = self._task, None
        self._awaits_messages = False
        assert task is not None
        trio.lowlevel.reschedule(task)

    def _hold(self, entry: Entry) -> None:
        self._items.append(Held(entry))
        self.entries += 1
        self.last_id = max(self.last_id, entry.id)

    def check_invariants(self) -> None:
        """Raise AssertionError if one of the invariants above does not hold."""
        ids = [item.entry.id for item in self._items if isinstance(item, Held)]
        assert self.entries == len(ids) <= self._size + 1
        assert self.direct == len(self._items) - len(ids) <= self._size + 1
        assert ids == sorted(set(ids))
        assert not ids or ids[-1] <= self.last_id
        assert self._task is not None or not self._awaits_messages
        assert not (self._awaits_messages and self.has_work)
        assert not (self._task is not None and self.control)
