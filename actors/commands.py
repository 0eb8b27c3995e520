"""Commands that are put into a group's or bot's inbox: by administrators, by operators, by the account's actor.

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
    """Link the group to a deal, as if an administrator had named it in the group; or one forum ``topic`` of it. ``by``:
    who in amoCRM does it, for its notes; empty for an operator."""

    deal_id: int
    topic: int | None = None
    by: str = ""


class UnlinkDeal(msgspec.Struct, frozen=True, kw_only=True, tag="unlink"):
    """Unlink a deal from the group. ``by``: as in `LinkDeal`."""

    deal_id: int
    by: str = ""


class DealChanged(msgspec.Struct, frozen=True, kw_only=True, tag="deal"):
    """Something happened to a deal that the group is or was linked to: look at it."""

    deal_id: int


class ContactChanged(msgspec.Struct, frozen=True, kw_only=True, tag="contact"):
    """A contact is gone from amoCRM or became part of another: conversations that have it are to be opened anew."""

    contact_id: int


class BotRemoved(msgspec.Struct, frozen=True, kw_only=True, tag="bot removed"):
    """The group's bot was disconnected from the account: its links end."""


class MessagesLost(msgspec.Struct, frozen=True, kw_only=True, tag="lost"):
    """dealgram was away for longer than Telegram keeps updates: what was written in this span (Unix ms) never came."""

    since_ms: int
    until_ms: int


Command = LinkDeal | UnlinkDeal | DealChanged | ContactChanged | BotRemoved | MessagesLost

_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


def command_entry(account_id: int, address: Address, command: Command, *, key: str | None = None) -> NewEntry:
    """A command as an inbox entry. ``key`` names it, so that handing it on again does no harm."""
    return NewEntry(
        account_id=account_id,
        address=address,
        source=SOURCE,
        source_key=key or secrets.token_hex(16),
        payload=msgspec.json.encode(command),
    )


def encode_command(command: Command) -> bytes:
    """A command as the payload of an inbox entry."""
    return msgspec.json.encode(command)


def read_command(payload: bytes) -> Command:
    """Read a command.

    Raises:
        Permanent: it was written by a newer version, or is no command.
    """
    try:
        return _decoder.decode(payload)
    except msgspec.DecodeError as error:
        raise Permanent(f"not a command: {error}") from error
