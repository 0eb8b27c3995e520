"""Who sends a request, as far as that can be told: an address of the network, for limits and for nothing else.

The other end of the connection is whoever sends, unless our own proxy stands in between. `X-Forwarded-For` can be
written by anybody, so it counts only when the operator has said how many proxies stand in front
(`DEALGRAM_TRUSTED_PROXIES`): each of them adds, at the right end, the address that it has seen.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence


def sender(peer: str | None, forwarded: Sequence[str], trusted_proxies: int) -> str | None:
    """A key for the sender: the address, for IPv6 its network of 64 bits, which one household has to itself.

    None for an address within a private network or of this very machine: that is a proxy nobody has told us of, and
    behind it may be everybody.

    Args:
        peer: the other end of the connection.
        forwarded: the values of all `X-Forwarded-For` headers, in their order.
    """
    named = [one.strip() for value in forwarded for one in value.split(",")]
    address = peer
    if 0 < trusted_proxies <= len(named):
        address = named[-trusted_proxies]
    try:
        found = ipaddress.ip_address((address or "").strip("[]"))
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        else:
            return None if not found.is_global else str(ipaddress.ip_network((found, 64), strict=False))
    return str(found) if found.is_global else None
