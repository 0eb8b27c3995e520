"""The API as the application mounts it: all its routes, and the shape of what is refused below its prefix.

`python -m dealgram.http.api.application > docs/openapi.json` renews the document that is kept.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quart import Blueprint, Response

from dealgram.gateways.amo_hosts import AmoHosts
from dealgram.http.api import account, bots, employees, groups
from dealgram.http.api.frame import PREFIX, Api
from dealgram.http.api.openapi import as_json, document
from dealgram.http.api.ports import WidgetApi


@dataclass(frozen=True, slots=True)
class MountedApi:
    """The API of one application."""

    api: Api
    blueprint: Blueprint

    def refusal(self, path: str, status: int, headers: Mapping[str, str]) -> Response | None:
        """The answer to a request that no route of the API took, if its path is below the prefix."""
        if path != PREFIX and not path.startswith(f"{PREFIX}/"):
            return None
        return self.api.refused_by_router(status, headers)


def mount(services: WidgetApi, *, trusted_proxies: int = 0) -> MountedApi:
    """Build the API over its ports."""
    api = Api(services, trusted_proxies=trusted_proxies)
    account.routes(api, services.account)
    employees.routes(api, services.account)
    bots.routes(api, services.bots)
    groups.routes(api, services.bots)
    blueprint = api.blueprint()
    api.describe(blueprint, lambda: as_json(document(api.routes)))
    return MountedApi(api, blueprint)


def whole_document() -> bytes:
    """The OpenAPI document of all routes, whatever there is behind them."""
    nobody: Any = object()
    services = WidgetApi(
        gatekeeper=nobody,
        account=nobody,
        bots=nobody,
        verifier=None,
        hosts=AmoHosts(()),
        now=lambda: dt.datetime.now(dt.UTC),
    )
    return as_json(document(mount(services).api.routes))


if __name__ == "__main__":
    sys.stdout.buffer.write(whole_document())
