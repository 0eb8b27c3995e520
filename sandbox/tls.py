"""The authorities that the simulators' own requests trust, read once: the bundle costs ~30 ms of CPU every time."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """What `httpx.AsyncClient(verify=…)` takes."""
    return httpx.create_ssl_context()
