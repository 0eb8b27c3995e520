"""One-time tokens: what amoCRM's page puts into the header `X-Auth-Token` of a widget's requests (amoCRM contract §3).

Owns minting them. Promises: HS256 with the integration's secret; a `jti` of its own in every token; the claims of the
documentation and no others.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import jwt

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.records import SimUser
from dealgram.sandbox.amocrm.world import World

LIFETIME_S = 1800


def mint(world: World, account: SimAccount, user: SimUser) -> str:
    """A token for one request of this user's page."""
    now = world.seconds
    redirect = urlsplit(world.integration.redirect_uri)
    claims = {
        "iss": world.base_url_of(account),
        "aud": f"{redirect.scheme}://{redirect.hostname}",
        "jti": world.ids.uuid(),
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME_S,
        "account_id": account.id,
        "user_id": user.id,
        "subdomain": account.subdomain,
        "client_uuid": world.integration.client_id,
    }
    return jwt.encode(claims, world.integration.client_secret, algorithm="HS256")
