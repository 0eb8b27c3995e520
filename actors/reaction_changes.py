"""What a change of reactions comes to, in both directions. Pure.

A person in Telegram may have several reactions to a message and amoCRM shows one of each person: the one that was added
last. In the other direction several managers may react and a bot has one reaction: the latest that still stands.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from dealgram.actors.reaction_emoji import for_telegram
from dealgram.gateways.telegram import Reaction
from dealgram.persistence.records import Reaction as ReactionRow

SECOND_MS = 1000


def latest(old: Sequence[Reaction], new: Sequence[Reaction]) -> Reaction | None:
    """The one reaction to show of a person's; None when they have none any more. Telegram lists the added ones last."""
    added = [one for one in new if one not in old]
    if added:
        return added[-1]
    return new[-1] if new else None


def with_change(known: Iterable[ReactionRow], change: ReactionRow) -> ReactionRow | None:
    """The row that a manager's change makes of what is known of the message; None for a change that came too late.

    Hooks tell the second in which something happened and come in no promised order: of an earlier second, what the same
    person did later counts. Within a second the order of arrival does; ``at_ms`` then gets a number within it.
    """
    second = change.at_ms - change.at_ms % SECOND_MS
    rows = list(known)
    if any(row.manager == change.manager and row.at_ms - row.at_ms % SECOND_MS > second for row in rows):
        return None
    within = [row.at_ms for row in rows if second <= row.at_ms < second + SECOND_MS]
    return dataclasses.replace(change, at_ms=min(max(within, default=second - 1) + 1, second + SECOND_MS - 1))


def standing(rows: Iterable[ReactionRow]) -> str | None:
    """The reaction that the bot shows for all managers: the latest that is not taken back and that Telegram has."""
    shown = ((row.at_ms, row.manager, for_telegram(row.emoji)) for row in rows if row.emoji)
    return max((one for one in shown if one[2] is not None), default=(0, "", None))[2]
