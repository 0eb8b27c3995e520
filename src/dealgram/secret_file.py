"""The key file of an installation that has no configured keys.

Promises that one folder has one key for ever: several processes that start at once agree on it, a crash never leaves
half of it, and nobody but its owner can read it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet


class SecretFileError(Exception):
    """The key file cannot be read or made; the message says why, without a full stop."""


def read_or_create(path: Path) -> str:
    """Read the key, after creating the file (mode 0600) if there is none. Raises `SecretFileError`."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _create(path)
        return path.read_text("ascii").strip()
    except UnicodeDecodeError as error:
        raise SecretFileError(f"the key file {path} is damaged") from error
    except OSError as error:
        raise SecretFileError(f"the key file {path} cannot be used: {error.strerror or error}") from error


def _create(path: Path) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # A link appears whole or not at all, and never replaces the key of a process that was faster.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
