"""What a change of reactions comes to, in both directions. Pure.

A person in Telegram may have several reactions to a message and amoCRM shows one of each person: the one that was added
last. In the other direction several managers may react and a bot has one reaction: the latest that still stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dealgram.actors.gestures.reaction_emoji import for_telegram
from dealgram.gateways.telegram import Reaction
from dealgram.persistence.records import Reaction as ReactionRow


def latest(old: Sequence[Reaction], new: Sequence[Reaction]) -> Reaction | None:
    """The one reaction to show of a person's; None when they have none any more. Telegram lists the added ones last."""
    added = [one for one in new if one not in old]
    if added:
        return added[-1]
    return new[-1] if new else None


def is_late(known: Iterable[ReactionRow], change: ReactionRow) -> bool:
    """Whether the same person reacted anew meanwhile. Hooks tell the second in which something happened and come in no
    promised order; within a second the order in which they were taken in counts."""
    return any(row.manager == change.manager and _when(row) > _when(change) for row in known)


def standing(rows: Iterable[ReactionRow]) -> str | None:
    """The reaction that the bot shows for all managers: the latest that is not taken back and that Telegram has."""
    for row in sorted(rows, key=_when, reverse=True):
        if row.emoji and (shown := for_telegram(row.emoji)) is not None:
            return shown
    return None


def line_time_ms(at_s: int) -> int:
    """The time of a line about a reaction, in Unix milliseconds. Both sides tell of reactions to the second: this is
    its end, or the line would stand above a message of the same second."""
    return at_s * 1000 + 999


def _when(row: ReactionRow) -> tuple[int, int]:
    return row.at_s, row.entry_id
