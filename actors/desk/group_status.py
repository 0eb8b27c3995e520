"""How a group is, for whoever runs the account: whether its messages reach its deals, and what to do if not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dealgram.actors.desk import desk_texts
from dealgram.actors.desk.views import DealView, Detail, Level, Status

NAMED_DEALS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFacts:
    """What is known of a group. ``sees_everything``: the bot's privacy mode is off; ``bot_down``: the title of the
    bot's badge, if it hears nothing."""

    state: Literal["member", "administrator", "left"]
    username: str
    sees_everything: bool
    bot_down: str | None = None


def group_status(facts: GroupFacts, deals: Sequence[DealView]) -> Status:
    """The group's badge with everything that stands behind it."""
    found: list[tuple[Level, Detail]] = []
    if facts.state == "left":
        found.append(("error", Detail(code="left", text=desk_texts.left(facts.username))))
    if facts.bot_down is not None:
        text = desk_texts.bot_down(facts.username, facts.bot_down)
        found.append(("error", Detail(code="bot_down", text=text)))
    if facts.state == "member" and not facts.sees_everything:
        found.append(("warning", Detail(code="sees_little", text=desk_texts.sees_little(facts.username))))
    gone = [deal for deal in deals if deal.state == "deleted"]
    if gone:
        named = ", ".join(f"«{deal.name}»" for deal in gone[:NAMED_DEALS])
        more = f" и ещё {len(gone) - NAMED_DEALS}" if len(gone) > NAMED_DEALS else ""
        found.append(("warning", Detail(code="deal_deleted", text=desk_texts.deal_deleted(named + more))))
    if not deals:
        found.append(("ok", Detail(code="not_linked", text=desk_texts.NOT_LINKED)))
    details = tuple(detail for _, detail in found)
    worst = found[0] if found else None
    if worst is None or worst[0] == "ok":
        title = desk_texts.GROUP_LINKED if deals else desk_texts.GROUP_FREE
        return Status(level="ok", title=title, details=details)
    return Status(level=worst[0], title=desk_texts.GROUP_TITLES[worst[1].code], details=details)
