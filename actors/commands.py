"""Commands that operators put into a group's or bot's inbox from the command line (later: from the widget).

A command is an inbox entry like any other: accepted durably, handled in order by the owner of the state, answered in
the entry's ``result``.
"""

from __future__ import annotations

import secrets

import msgspec

from dealgram.persistence.entries import NewEntry
from dealgram.runtime import Address, Permanent

SOURCE = "command"


class LinkDeal(msgspec.Struct, frozen=True, kw_only=True, tag="link"):
    """Link the group to a deal, as if an administrator had named it in the group."""

    deal_id: int


class UnlinkDeal(msgspec.Struct, frozen=True, kw_only=True, tag="unlink"):
    """Unlink a deal from the group."""

    deal_id: int


Command = LinkDeal | UnlinkDeal

_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


def command_entry(account_id: int, address: Address, command: Command) -> NewEntry:
    """A command as an inbox entry."""
    return NewEntry(
        account_id=account_id,
        address=address,
        source=SOURCE,
        source_key=secrets.token_hex(16),
        payload=msgspec.json.encode(command),
    )


def read_command(payload: bytes) -> Command:
    """Read a command.

    Raises:
        Permanent: it was written by a newer version, or is no command.
    """
    try:
        return _decoder.decode(payload)
    except msgspec.DecodeError as error:
        raise Permanent(f"not a command: {error}") from error
