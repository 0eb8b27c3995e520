"""The API as the application mounts it: all its routes, and the shape of what is refused below its prefix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quart import Blueprint, Response

from dealgram.http.api import account, employees
from dealgram.http.api.frame import PREFIX, Api
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


def mount(services: WidgetApi, *, trusted_proxies: int) -> MountedApi:
    """Build the API over its ports."""
    api = Api(services, trusted_proxies=trusted_proxies)
    account.routes(api, services.account)
    employees.routes(api, services.account)
    return MountedApi(api, api.blueprint())
