"""What the account-level routes need from the service."""

from __future__ import annotations

from typing import Protocol


class AccountPort(Protocol):
    """See `dealgram.http.api.account` for the routes over it."""
