"""What an account's administrators choose: for the account as a whole, and for each of its bots.

Owns the names, the defaults and the limits of these settings. They are stored as JSON; what cannot be read there falls
back to its default, so that a setting of a newer or older version never stops an account.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import structlog

from dealgram.actors.groups.plan import Policy

log = structlog.get_logger(__name__)


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The choices for an account."""

    policy: Policy = Policy.DEAL_PARTICIPANT
    everyone_may_link: bool = False
    """Any member of a group may link and unlink deals, not only its administrators."""
    manager_names: bool = False
    """The manager's name stands before an answer in a group."""
    import_last_messages: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    """How many of a group's last messages are imported into a deal that is linked later."""
    notes: bool = True
    """Linking, unlinking, migration and removal of the bot appear as notes in the deal."""
    on_deal_closed: Literal["keep", "unlink"] = "keep"
    on_deal_deleted: Literal["unlink", "keep"] = "unlink"
    on_deal_merged: Literal["follow", "unlink"] = "follow"
    on_deal_restored: Literal["relink", "stay"] = "relink"
    on_deal_moved: Literal["keep", "unlink"] = "keep"
    """What becomes of a deal's links when it moves to another pipeline."""
    contact_tag: Annotated[str, msgspec.Meta(max_length=64)] = "Telegram"
    """The tag of contacts that dealgram creates; empty for none."""
    service_lines: bool = True
    """Joins, leaves, a new title, pins, topics and calls of a group appear as short lines in its deals."""
    other_bots: Literal["ignore", "show"] = "ignore"
    """What other bots say in a group: left out, or shown as the bots' own words. Our own bots are never shown."""
    topic_links: bool = False
    """A topic of a forum can be linked to deals by itself."""
    link_previews: bool = True
    """Telegram shows a preview of the first link in an answer."""


class BotSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The choices for a bot."""

    unsorted: bool = False
    """A person who is new in private goes to «Неразобранное»; otherwise a deal is created at once."""
    deal_title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "{name} ({bot})"
    """The name of such a deal; {name}, {username}, {bot} and {pipeline} stand for what they say."""
    deal_tags: tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=64)], ...] = ()


Choices = TypeVar("Choices", AccountSettings, BotSettings)


def read_settings(stored: Mapping[str, Any] | None, kind: type[Choices]) -> Choices:
    """The stored settings; each one that cannot be read has its default."""
    stored = stored or {}
    try:
        return msgspec.convert(stored, kind)
    except msgspec.ValidationError:
        good = {}
        for name in kind.__struct_fields__:
            if name not in stored:
                continue
            try:
                msgspec.convert({name: stored[name]}, kind)
            except msgspec.ValidationError as error:
                log.warning("a setting cannot be read, its default is used", setting=name, error=str(error))
            else:
                good[name] = stored[name]
        return msgspec.convert(good, kind)
