"""Changing what an account's administrators choose: one way for the command line and for the settings page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dealgram.actors.choices import AccountSettings, read_settings
from dealgram.persistence import accounts
from dealgram.persistence.database import Database


class BadChoiceError(ValueError):
    """A setting is unknown or out of its limits; the text says which."""


def check_changes(changes: Mapping[str, Any]) -> None:
    """See whether these settings may be stored.

    Raises:
        BadChoiceError: they may not.
    """
    for name in changes:
        if name not in AccountSettings.__struct_fields__:
            raise BadChoiceError(f"there is no setting {name}")
    try:
        msgspec.convert(changes, AccountSettings)
    except msgspec.ValidationError as error:
        raise BadChoiceError(str(error)) from error


async def change(db: Database, account_id: int, changes: Mapping[str, Any]) -> AccountSettings | None:
    """Change some settings and keep the others; gives how all of them stand, None if there is no such account.

    The service takes them up with the next refresh of its registry.

    Raises:
        BadChoiceError: nothing was changed.
        DatabaseUnavailable: it is not known whether anything was.
    """
    check_changes(changes)
    if not await accounts.change_settings(db, account_id, changes):
        return None
    row = await accounts.get(db, account_id)
    return None if row is None else read_settings(row.settings, AccountSettings)
