"""What a group's deals are told after a gap in which Telegram's messages were lost. Pure but for the time of day."""

from __future__ import annotations

import datetime as dt

from dealgram.actors.commands import MessagesLost
from dealgram.actors.groups.group_messages import group_lines
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.local_time import moment, zone_of
from dealgram.actors.outbox import Decision
from dealgram.actors.services import Services, now_ms


def decide_lost(state: GroupState, lost: MessagesLost, services: Services) -> Decision:
    """A line in every linked deal that says for which time the card is incomplete, and where to look."""
    where, now = zone_of(services, state.row.account_id), services.now()
    since, until = (
        moment(dt.datetime.fromtimestamp(at / 1000, dt.UTC), now, where) for at in (lost.since_ms, lost.until_ms)
    )
    line = lost_line(since, until)
    return Decision(todo=group_lines(state, line, f"lost-{lost.since_ms}", now_ms(services)), result="told")


def lost_line(since: str, until: str) -> str:
    """The line itself."""
    return (
        f"⚠️ dealgram долго не работал, а Telegram хранит сообщения для бота только сутки. Написанное в группе с {since}"
        f" до {until} сюда не попало: посмотрите переписку в Telegram."
    )
