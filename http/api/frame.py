"""The frame of `/api/v1`: what every call goes through before and after its route's own work.

A route is a function with types::

    @api.post("/bots", status=201)
    async def connect(caller: Caller, body: BotToConnect) -> OneBot:
        "Connect a bot."

Its parameters say what it needs: ``caller``, ``body`` (a `reading.Body`, of POST a `reading.Change`), ``query`` (a
`reading.Query`), and the ids in its path by their names. What it returns is the answer: a struct, or None for 204, or
an `Accepted` around a struct for 202. It refuses with an `ApiProblem`; gateways' and database failures are translated.
Its docstring is what the OpenAPI document says of it.

Promises: a call is paced by sender and by account; its token is verified, once; its page is the account's own; only
administrators change anything; a POST with a `request_id` is carried out once; every answer, errors too, has the one
shape, a request id, and is open to nobody but the account's own page. Nothing that was sent is logged.
"""

from __future__ import annotations

import inspect
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_args, get_type_hints

import msgspec
import trio
from quart import Blueprint, Response, g, request
from werkzeug.routing import BaseConverter

from dealgram.http.api import cors
from dealgram.http.api.admission import Admission
from dealgram.http.api.answers import ANSWER_S, Accepted, problem_response, response_of
from dealgram.http.api.ports import WidgetApi
from dealgram.http.api.problems import ApiProblem, problem, problem_of
from dealgram.http.api.reading import Change, read_body, read_id, read_query, read_raw
from dealgram.http.api.repeats import digest_of, once

_log = logging.getLogger("dealgram.http")

PREFIX = "/api/v1"
_VARIABLE = re.compile(r"\{(\w+)\}")
Handler = Callable[..., Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: a user of an account, out of one of its pages."""

    account_id: int
    user_id: int
    subdomain: str
    origin: str
    request_id: str
    _admission: Admission = field(repr=False)

    async def is_admin(self) -> bool:
        """Whether amoCRM says that the user administers the account. Raises as `Gatekeeper.is_admin`."""
        return await self._admission.is_admin(self.account_id, self.user_id)

    async def require_admin(self) -> None:
        """Refuse anybody else. Routes that change anything need not call it: the frame has."""
        if not await self.is_admin():
            raise problem("not_admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What is known of a route, for serving it and for describing it."""

    method: str
    path: str
    handler: Handler
    status: int
    admin: bool
    without_access: bool
    body: type[msgspec.Struct] | None
    query: type[msgspec.Struct] | None
    answer: type[msgspec.Struct] | None
    accepted: bool
    may_be_empty: bool
    ids: tuple[str, ...]
    codes: tuple[str, ...]

    @property
    def rule(self) -> str:
        """The path as Quart's router writes it."""
        return PREFIX + _VARIABLE.sub(r"<id:\1>", self.path)

    @property
    def name(self) -> str:
        """A unique name for programs."""
        return self.handler.__name__


class IdConverter(BaseConverter):
    """An id in a path: what cannot be one is not found, whoever asks."""

    regex = "[1-9][0-9]{0,18}"


class Api:
    """Collects routes and makes a blueprint of them."""

    def __init__(self, services: WidgetApi, *, trusted_proxies: int = 0) -> None:
        self.services = services
        self.routes: list[Route] = []
        self._admission = Admission(services, trusted_proxies=trusted_proxies)

    def get(
        self, path: str, *, without_access: bool = False, codes: tuple[str, ...] = ()
    ) -> Callable[[Handler], Handler]:
        """A route that every user of the account may read.

        Args:
            path: below `/api/v1`, with `{id}` for ids.
            without_access: served also while amoCRM refuses us the account (`reauthorise`); it asks amoCRM nothing.
            codes: problems beside those of every route, for the document.
        """
        return self._route("GET", path, 200, admin=False, without_access=without_access, codes=codes)

    def post(
        self, path: str, *, status: int = 200, without_access: bool = False, codes: tuple[str, ...] = ()
    ) -> Callable[[Handler], Handler]:
        """A route that an administrator changes something with; its body is a `reading.Change`."""
        return self._route("POST", path, status, admin=True, without_access=without_access, codes=codes)

    def patch(self, path: str, *, codes: tuple[str, ...] = ()) -> Callable[[Handler], Handler]:
        """The same for changes to what is there."""
        return self._route("PATCH", path, 200, admin=True, without_access=False, codes=codes)

    def delete(self, path: str, *, codes: tuple[str, ...] = ()) -> Callable[[Handler], Handler]:
        """The same for removals."""
        return self._route("DELETE", path, 200, admin=True, without_access=False, codes=codes)

    def _route(
        self, method: str, path: str, status: int, *, admin: bool, without_access: bool, codes: tuple[str, ...]
    ) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            hints = get_type_hints(handler)
            ids = tuple(_VARIABLE.findall(path))
            expected = {"caller", *ids, *({"body", "query"} & set(inspect.signature(handler).parameters))}
            assert set(inspect.signature(handler).parameters) == expected, f"{handler.__name__} takes {expected}"
            answers = [kind for kind in (get_args(hints["return"]) or (hints["return"],)) if kind is not type(None)]
            body = hints.get("body")
            assert (body is not None and issubclass(body, Change)) == (method == "POST"), "a POST has a Change"
            structs = [kind for kind in answers if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
            self.routes.append(
                Route(
                    method=method,
                    path=path,
                    handler=handler,
                    status=status if structs else 204,
                    admin=admin,
                    without_access=without_access,
                    body=body,
                    query=hints.get("query"),
                    answer=structs[0] if structs else None,
                    accepted=Accepted in answers or status == 202,
                    may_be_empty=hints["return"] in (None, type(None)) or type(None) in get_args(hints["return"]),
                    ids=ids,
                    codes=codes,
                )
            )
            return handler

        return add

    # Serving

    def blueprint(self, name: str = "api") -> Blueprint:
        """The routes collected so far."""
        blueprint = Blueprint(name, __name__)
        blueprint.record(lambda state: state.app.url_map.converters.update(id=IdConverter))
        by_rule: dict[str, list[Route]] = {}
        for route in self.routes:
            by_rule.setdefault(route.rule, []).append(route)
        for rule, routes in by_rule.items():
            for route in routes:
                blueprint.add_url_rule(
                    rule,
                    endpoint=route.name,
                    view_func=self._view(route),
                    methods=[route.method],
                    provide_automatic_options=False,
                )
            blueprint.add_url_rule(
                rule,
                endpoint=f"{routes[0].name}_options",
                view_func=self._preflight({route.method for route in routes}),
                methods=["OPTIONS"],
                provide_automatic_options=False,
            )
        return blueprint

    def describe(self, blueprint: Blueprint, document: Callable[[], bytes]) -> None:
        """Add the document of the routes, which anybody may read. It is made when it is first asked for."""
        written = cache(document)

        async def openapi() -> Response:
            await trio.lowlevel.checkpoint()
            return self.dressed(Response(written(), content_type="application/json"))

        rule = f"{PREFIX}/openapi.json"
        blueprint.add_url_rule(rule, view_func=openapi, methods=["GET"], provide_automatic_options=False)

    def _preflight(self, methods: set[str]) -> Callable[..., Awaitable[Response]]:
        allowed = ", ".join(sorted({*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))

        async def preflight(**_: str) -> Response:
            await trio.lowlevel.checkpoint()
            response = cors.preflight(self.services.hosts)
            response.headers["Allow"] = allowed
            return self.dressed(response)

        return preflight

    def _view(self, route: Route) -> Callable[..., Awaitable[Response]]:
        async def view(**path: str) -> Response:
            try:
                response = await self._answered(route, path)
            except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets the one shape
                response = self._refused(route, error)
            return self.dressed(response)

        return view

    async def _answered(self, route: Route, path: Mapping[str, str]) -> Response:
        with trio.fail_after(ANSWER_S):
            claims = await self._admission.admit(without_access=route.without_access)
            caller = Caller(
                account_id=claims.account_id,
                user_id=claims.user_id,
                subdomain=claims.subdomain,
                origin=claims.origin,
                request_id=request_id(),
                _admission=self._admission,
            )
            given: dict[str, Any] = {name: read_id(path[name]) for name in route.ids}
            if route.admin:
                await caller.require_admin()
            if route.query is not None:
                given["query"] = read_query(route.query)
            elif request.args:
                raise problem("invalid", "В запросе есть неизвестный параметр.")
            raw = await read_raw()
            if route.body is not None:
                given["body"] = read_body(raw, route.body)

            async def work() -> tuple[int, bytes]:
                return response_of(await route.handler(caller=caller, **given), route.status)

            async def work_or_refusal() -> tuple[int, bytes]:
                try:
                    return await work()
                except Exception as error:
                    refusal = problem_of(error)
                    if refusal is None or not refusal.is_final:
                        raise
                    return refusal.status, msgspec.json.encode(refusal.body(caller.request_id))

            body = given.get("body")
            if isinstance(body, Change) and body.request_id is not None:
                digest = digest_of(caller.user_id, f"{route.method} {request.path}", raw)
                keeper = self.services.gatekeeper
                status, answer = await once(keeper, caller.account_id, body.request_id, digest, work_or_refusal)
            else:
                status, answer = await work()
            return Response(answer, status=status, content_type="application/json" if answer else None)

    def _refused(self, route: Route, error: Exception) -> Response:
        refusal = problem("unavailable", retry_after_s=5) if isinstance(error, trio.TooSlowError) else problem_of(error)
        if refusal is None:
            _log.error("request %s failed: %s %s", request_id(), route.method, route.path, exc_info=error)
            refusal = problem("internal")
        elif refusal.status >= 500:
            # The failure's own words are about the service, never about what was sent.
            _log.warning("request %s refused: %s %s: %s", request_id(), route.method, route.path, refusal.code)
        if refusal.code in ("reauthorise", "account_unknown") and refusal.authorise_url is None:
            refusal.authorise_url = self.services.gatekeeper.authorise_url
        return problem_response(refusal, request_id())

    def dressed(self, response: Response) -> Response:
        """The headers of every answer."""
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Request-Id"] = request_id()
        return cors.open_answer(response, self.services.hosts)

    def refused_by_router(self, status: int, headers: Mapping[str, str]) -> Response:
        """The answer to a path or a method below the prefix that there is not, or to our own mistake."""
        code = {404: "not_found", 405: "method_not_allowed", 500: "internal"}.get(status)
        refusal = problem(code) if code is not None else ApiProblem(status, "invalid", "Запрос не подходит.")
        response = problem_response(refusal, request_id())
        response.headers.update(headers)
        return self.dressed(response)


def request_id() -> str:
    """A name of ours for the current request, in its answer and in the log."""
    found: str | None = getattr(g, "dealgram_request_id", None)
    if found is None:
        found = g.dealgram_request_id = secrets.token_hex(8)
    return found
