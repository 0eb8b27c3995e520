"""What an account's actor is told to do about the account itself: set it up, or take note of its removal.

An order is an inbox entry like any other: accepted durably, handled in its turn. ``source_key`` says what makes two
orders the same one.
"""

from __future__ import annotations

import secrets
from typing import Literal

import msgspec

from dealgram.actors.names import account_address
from dealgram.persistence.entries import NewEntry
from dealgram.runtime import Permanent

SOURCE = "account"


class SetUp(msgspec.Struct, frozen=True, kw_only=True, tag="set_up"):
    """Carry out the steps of the setup.

    ``installed``: an administrator has just authorised us; ``asked``: an operator wants them repeated; ``check_up``:
    see by and by whether everything still is as it was set up; ``paid``: what happened while the account had lapsed is
    to be looked at.
    """

    reason: Literal["installed", "asked", "check_up", "paid"]


class Removed(msgspec.Struct, frozen=True, kw_only=True, tag="removed"):
    """The integration was removed from the account.

    ``told``: amoCRM says so; ``silent``: nobody has authorised us anew for so long that it counts as removed.
    """

    reason: Literal["told", "silent"]


class TellAdministrators(msgspec.Struct, frozen=True, kw_only=True, tag="tell_administrators"):
    """The period that ends ``until_ms`` (Unix ms) is near its end (``ending``) or over (``lapsed``): administrators are
    to be told, once."""

    phase: Literal["ending", "lapsed"]
    until_ms: int


Order = SetUp | Removed | TellAdministrators

_decoder: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)


def order_entry(account_id: int, order: Order, *, key: str | None = None) -> NewEntry:
    """An order as an inbox entry. ``key`` names it within the account: a second one of the same name is let go."""
    return NewEntry(
        account_id=account_id,
        address=account_address(account_id),
        source=SOURCE,
        source_key=f"{account_id}:{key or secrets.token_hex(16)}",
        payload=msgspec.json.encode(order),
    )


def read_order(payload: bytes) -> Order:
    """Read an order.

    Raises:
        Permanent: it was written by a newer version, or is no order.
    """
    try:
        return _decoder.decode(payload)
    except msgspec.DecodeError as error:
        raise Permanent(f"not an order to an account: {error}") from error
