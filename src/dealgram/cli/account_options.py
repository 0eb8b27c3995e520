"""The options of ``dealgram account set``: one for every choice of `AccountSettings`, checked as the service does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from dealgram.actors.accounts.preferences import BadChoiceError, check_changes
from dealgram.actors.choices import AccountSettings
from dealgram.actors.groups.plan import Policy

F = TypeVar("F", bound=Callable[..., Any])

_FLAG = click.Choice(["yes", "no"])

HELP: Mapping[str, tuple[Any, str]] = {
    "policy": (click.Choice([policy.value for policy in Policy]), "Layout of group messages."),
    "everyone_may_link": (_FLAG, "Any member of a group links and unlinks deals, not only its administrators."),
    "manager_names": (_FLAG, "The manager's name stands before an answer in a group."),
    "import_last_messages": (
        click.IntRange(0, 100),
        "How many of a group's last messages come into a deal that is linked later.",
    ),
    "notes": (_FLAG, "Linking, unlinking and the like appear as notes in the deal."),
    "on_deal_closed": (click.Choice(["keep", "unlink"]), "What becomes of the links of a deal that is won or lost."),
    "on_deal_deleted": (click.Choice(["unlink", "keep"]), "… of a deal that is deleted."),
    "on_deal_merged": (click.Choice(["follow", "unlink"]), "… of a deal that is merged into another."),
    "on_deal_restored": (click.Choice(["relink", "stay"]), "… of a deleted deal that is restored."),
    "on_deal_moved": (click.Choice(["keep", "unlink"]), "… of a deal that moves to another pipeline."),
    "contact_tag": (click.STRING, "The tag of contacts that dealgram creates; empty for none."),
    "service_lines": (_FLAG, "Joins, leaves, pins, topics, calls and the like appear as lines in the deals."),
    "other_bots": (click.Choice(["ignore", "show"]), "What other bots say in a group."),
    "topic_links": (_FLAG, "A topic of a forum can be linked to deals by itself."),
    "link_previews": (_FLAG, "Telegram shows a preview of the first link in an answer."),
}
"""Every choice with what may be given for it and what it means."""


def setting_options(command: F) -> F:
    """Give a command an option per choice; it gets those that were given under the choices' names."""
    for name, (kind, text) in reversed(list(HELP.items())):
        shown = getattr(AccountSettings(), name)
        default = {True: "yes", False: "no"}.get(shown, shown) if isinstance(shown, bool) else shown
        command = click.option(f"--{name.replace('_', '-')}", name, type=kind, help=f"{text} [default: {default!s}]")(
            command
        )
    return command


def changes_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that were given, as they are stored.

    Raises:
        click.UsageError: none was given, or one is out of its limits.
    """
    changes = {
        name: value == "yes" if HELP[name][0] is _FLAG else value for name, value in given.items() if value is not None
    }
    if not changes:
        raise click.UsageError("nothing to change: give at least one option (see --help)")
    try:
        check_changes(changes)
    except BadChoiceError as error:
        raise click.UsageError(str(error)) from error
    return changes
