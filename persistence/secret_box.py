"""Secrets at rest: bot tokens and OAuth tokens are stored sealed.

A sealed value is ``<key id>:<Fernet token>`` (AES-128-CBC with HMAC-SHA256, the `cryptography` package). Keys come as a
list: the first seals, all open. To rotate: put a new key in front, run `rotate_all`, take the old key away.

`rotate_all` replaces a value only if it still is what was read, so a token refreshed meanwhile is not overwritten. Run
it before actors load their state: a record held in memory would write the old seal back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken

if TYPE_CHECKING:
    from dealgram.persistence.database import Database

_SEALED_COLUMNS = (
    ("accounts", "account_id", "bigint", "access_token"),
    ("accounts", "account_id", "bigint", "refresh_token"),
    ("bots", "webhook_key", "text", "token"),
    ("bots", "webhook_key", "text", "webhook_secret"),
)
_BATCH = 200


class SecretError(Exception):
    """A key is malformed or missing, or a sealed value is damaged. The text never holds a secret."""


def generate_key() -> str:
    """A new random key, as it goes into the settings."""
    return Fernet.generate_key().decode()


class SecretBox:
    """Seals with the first key, opens with any. Raises `SecretError` for a malformed or missing key."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise SecretError("no encryption key is given")
        self._fernets: dict[str, Fernet] = {}
        for number, key in enumerate(keys, start=1):
            try:
                self._fernets.setdefault(_key_id(key), Fernet(key.strip()))
            except ValueError as error:
                raise SecretError(f"encryption key {number} is not 32 bytes in URL-safe base64") from error
        self.current_key_id = _key_id(keys[0])

    def __repr__(self) -> str:
        return f"SecretBox(current_key_id={self.current_key_id!r}, keys={len(self._fernets)})"

    def seal(self, secret: str) -> bytes:
        """Encrypt with the current key."""
        return self.current_key_id.encode() + b":" + self._fernets[self.current_key_id].encrypt(secret.encode())

    def open(self, sealed: bytes) -> str:
        """Decrypt. Raises `SecretError` when the key is not in the list or the value was altered."""
        key_id, _, token = bytes(sealed).partition(b":")
        fernet = self._fernets.get(key_id.decode("ascii", "replace"))
        if fernet is None:
            raise SecretError("a stored secret was sealed with a key that is not in the list")
        try:
            return fernet.decrypt(token).decode()
        except InvalidToken as error:
            raise SecretError("a stored secret is damaged") from error

    def needs_rotation(self, sealed: bytes) -> bool:
        """Whether it was sealed with another key than the current one."""
        return bytes(sealed).partition(b":")[0] != self.current_key_id.encode()


def _key_id(key: str) -> str:
    return hashlib.sha256(b"dealgram key id" + key.strip().encode()).hexdigest()[:8]


async def rotate_all(db: Database, box: SecretBox) -> int:
    """Seal every stored secret with the current key; returns how many were changed. Safe to repeat and to interrupt.

    Raises:
        SecretError: a value cannot be opened with the keys given; those before it are rotated already.
    """
    rotated = 0
    for table, key, key_type, column in _SEALED_COLUMNS:
        after: int | str | None = None
        while True:
            records = await db.fetch(
                f"SELECT {key} AS key, {column} AS sealed FROM {table}"
                f" WHERE octet_length({column}) > 0 AND ($1::{key_type} IS NULL OR {key} > $1)"
                f" ORDER BY {key} LIMIT {_BATCH}",
                after,
            )
            for record in records:
                sealed: bytes = record["sealed"]
                if box.needs_rotation(sealed):
                    tag = await db.execute(
                        f"UPDATE {table} SET {column} = $3 WHERE {key} = $1 AND {column} = $2",
                        record["key"],
                        sealed,
                        box.seal(box.open(sealed)),
                    )
                    rotated += tag == "UPDATE 1"
            if len(records) < _BATCH:
                break
            after = records[-1]["key"]
    return rotated
