"""What administrators choose for a bot, as it comes from a form or a command line: checked, and ready to be stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dealgram.actors.cards.deal_title import check_title


def changed_choices(
    *, unsorted: bool | None = None, deal_title: str | None = None, deal_tags: Sequence[str] | None = None
) -> dict[str, Any]:
    """The settings (`choices.BotSettings`) that are given; None leaves one as it is. Tags are kept once each, without
    blanks around them, and empty ones not at all.

    Raises:
        TitleError: the title names something that is not known; its text is Russian.
    """
    changes: dict[str, Any] = {}
    if unsorted is not None:
        changes["unsorted"] = unsorted
    if deal_title is not None:
        changes["deal_title"] = check_title(deal_title)
    if deal_tags is not None:
        changes["deal_tags"] = [tag for tag in dict.fromkeys(" ".join(tag.split()) for tag in deal_tags) if tag]
    return changes
