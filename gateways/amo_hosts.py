"""Which hosts are amoCRM's: the only ones that dealgram ever sends its secret or an account's tokens to, and the only
ones from which it fetches what managers attach.

An account's address comes from outside: from a browser's redirect, from a token's claims, from an answer. Owns the rule
that it must lie in one of the configured domains, spoken to over HTTPS; a loopback address (the sandbox) is plain HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
_PORT = re.compile(r"[1-9]\d{0,4}")
LOOPBACK = ("127.0.0.1", "localhost")


class ForeignHostError(ValueError):
    """The host is none of amoCRM's. The text does not repeat it."""


class AmoHosts:
    """The configured domains; a host in one of them, or below it, is amoCRM's."""

    def __init__(self, domains: Sequence[str]) -> None:
        self._domains = tuple(domains)

    def base_url(self, host: str) -> str:
        """The base URL of a host such as ``sub.amocrm.ru``.

        Raises:
            ForeignHostError: it is no host name, or none of amoCRM's.
        """
        name, colon, port = host.strip().lower().partition(":")
        if name in LOOPBACK and name in self._domains:
            if colon and not (_PORT.fullmatch(port) and int(port) < 65_536):
                raise ForeignHostError("the port is no number")
            return f"http://{name}{colon}{port}"
        if colon or not _HOST.fullmatch(name):
            raise ForeignHostError("this is no host name")
        if not any(name == domain or name.endswith(f".{domain}") for domain in self._domains):
            raise ForeignHostError("the host is none of amoCRM's")
        return f"https://{name}"

    def is_ours(self, base_url: str) -> bool:
        """Whether a base URL is one that `base_url` gives."""
        try:
            return self.base_url(host_of(base_url)) == base_url
        except ForeignHostError:
            return False


def host_of(base_url: str) -> str:
    """The host (and port) of a base URL."""
    return base_url.partition("://")[2].rstrip("/") or base_url.rstrip("/")
