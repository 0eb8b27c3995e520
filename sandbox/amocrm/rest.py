"""REST v4 as a whole (amoCRM contract §2, §16): bearer tokens, limits, routes, query parameters, bulk bodies, paging.

Owns `RestCall` and `handle`. Order of checks: token, host, pace, block, payment, route, rights, query, body.
Handlers live in the `rest_*` modules, each of which lists its `Route`s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import orjson

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.answers import HTML, NO_CONTENT, Answer, Refused, hal, refuse
from dealgram.sandbox.amocrm.records import SimUser
from dealgram.sandbox.amocrm.shapes import BAD_CHOICE, BAD_VALUE, UNKNOWN, Check, Problem
from dealgram.sandbox.amocrm.world import RawRequest, Token, World

PREFIX = "/api/v4/"
_UID = re.compile(r"[0-9a-f]{20,}\Z")
_BLOCKED_PAGE = (
    b"<html><head><title>403 Forbidden</title></head><body><center><h1>403 Forbidden</h1></center></body></html>"
)


@dataclass(slots=True, kw_only=True)
class RestCall:
    """A checked request: who asks, the numbers in the path, the query (lists by name), the decoded body."""

    world: World
    account: SimAccount
    user: SimUser
    operation: str
    numbers: list[int]
    uid: str
    query: dict[str, list[str]]
    headers: Any
    body: Any = None
    _with: frozenset[str] | None = None

    @property
    def now(self) -> int:
        return self.world.seconds

    def wants(self, name: str) -> bool:
        """Whether `with` names it."""
        if self._with is None:
            self._with = frozenset(one.strip() for one in self.first("with", "").split(",") if one.strip())
        return name in self._with

    def first(self, name: str, default: str) -> str:
        return self.query.get(name, [default])[0]

    def integers(self, name: str) -> list[int]:
        """The values of `name`, `name[]` and `name[0]`... as integers."""
        found = [value for key, values in self.query.items() if _plain(key) == name for value in values]
        for one in found:
            if not one.isascii() or not one.isdigit():
                raise refuse(400, f"{name} is {one!r}, an integer is expected")
        return [int(one) for one in found]

    def strings(self, name: str) -> list[str]:
        return [value for key, values in self.query.items() if _plain(key) == name for value in values]

    def href(self, path: str) -> dict[str, Any]:
        return {"self": {"href": f"{self.world.base_url_of(self.account)}{PREFIX}{path}"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A method of the API. `path` is below /api/v4 with `{id}` for numbers and `{uid}` for long hexadecimal ids;
    `query` are the names of parameters without brackets, `relations` what `with` may hold."""

    method: str
    path: str
    operation: str
    handler: Callable[[RestCall], Answer]
    admin: bool = False
    query: frozenset[str] = frozenset()
    relations: frozenset[str] = frozenset()
    body: bool = field(default=False)


def route(
    pattern: str,
    operation: str,
    handler: Callable[[RestCall], Answer],
    *,
    admin: bool = False,
    query: Iterable[str] = (),
    relations: Iterable[str] = (),
) -> Route:
    """`pattern` is "METHOD path"; POST, PATCH and DELETE may carry a body."""
    method, _, path = pattern.partition(" ")
    names = frozenset(query) | ({"with"} if relations else set())
    return Route(
        method=method,
        path=path,
        operation=operation,
        handler=handler,
        admin=admin,
        query=frozenset(names),
        relations=frozenset(relations),
        body=method != "GET",
    )


class Router:
    """The table of routes; a look-up is one dictionary access."""

    def __init__(self, *tables: Sequence[Route]) -> None:
        self._routes: dict[tuple[str, str], Route] = {}
        self._paths: set[str] = set()
        for table in tables:
            for one in table:
                self._routes[one.method, one.path] = one
                self._paths.add(one.path)

    def find(self, request: RawRequest) -> tuple[Route | None, list[int], str, bool]:
        """The route, the numbers and the uid of the path, and whether another method would do."""
        numbers: list[int] = []
        uid = ""
        parts: list[str] = []
        for part in request.path.removeprefix(PREFIX).split("/"):
            if part.isascii() and part.isdigit() and len(part) < 19:
                numbers.append(int(part))
                parts.append("{id}")
            elif _UID.match(part):
                uid = part
                parts.append("{uid}")
            elif parts == ["widgets"]:
                uid = part
                parts.append("{code}")
            else:
                parts.append(part)
        path = "/".join(parts)
        return self._routes.get((request.method, path)), numbers, uid, path in self._paths


def account_of(world: World, request: RawRequest) -> SimAccount | None:
    """The account of the bearer token, whether it is still good or not."""
    grant = _grant(world, request)
    return world.accounts.get(grant.account_id) if grant is not None else None


def handle(world: World, router: Router, request: RawRequest) -> Answer:
    """Answers one request; raises Refused."""
    found, numbers, uid, is_known = router.find(request)
    grant = _grant(world, request)
    if grant is None or grant.expires_at <= world.now():
        reason = "the access token is missing, unknown or revoked" if grant is None else "the access token has expired"
        status = 403 if found is not None and found.operation in ("sources.list", "sources.get") else 401
        raise refuse(status, reason)
    if not world.is_at_home(request, grant.account_id):
        reason = f"the token's account is not at {request.headers.get('host')}"
        raise refuse(world.switches.foreign_host_status, reason)
    account = world.accounts[grant.account_id]
    _check_pace(world, account)
    if not account.is_paid:
        raise refuse(402, "the account is not paid")
    if found is None:
        raise refuse(405 if is_known else 404, f"{request.method} {request.path} is no method of the API")
    user = account.users[grant.user_id]
    if not user.is_active:
        raise refuse(401, "the user is switched off", extra={"code": 112})
    if found.admin and not user.is_admin:
        raise refuse(403, f"{found.operation} needs an administrator")
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    call = RestCall(
        world=world,
        account=account,
        user=user,
        operation=found.operation,
        numbers=numbers,
        uid=uid,
        query=query,
        headers=request.headers,
    )
    _check_query(call, found)
    if found.body and request.body:
        call.body = _decode(request)
    return found.handler(call)


def _grant(world: World, request: RawRequest) -> Token | None:
    """Of the bearer token; amoCRM's own pages read with the user's session instead."""
    if "authorization" in request.headers or request.method != "GET":
        return world.access_tokens.get(_bearer(request))
    account_id = world.hosts.get(request.headers.get("host", ""))
    cookies = SimpleCookie(request.headers.get("cookie", ""))
    session = cookies.get(f"session_{account_id}")
    return world.sessions.get(session.value) if session is not None else None


def _bearer(request: RawRequest) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _check_pace(world: World, account: SimAccount) -> None:
    switches = world.switches
    verdict = world.rest_pace.admit(
        account.id,
        world.now(),
        rate=switches.rest_rate_per_s,
        block_after=switches.rest_block_after,
        block_s=switches.rest_block_s,
    )
    if verdict == "slow_down":
        extra = {"retry_after": switches.rest_retry_after_s}
        raise refuse(429, f"no more than {switches.rest_rate_per_s:g} requests a second are allowed", extra=extra)
    if verdict == "blocked":
        page = Answer(status=403, body=_BLOCKED_PAGE, content_type=HTML)
        raise Refused(page, "the account is blocked for its haste")


def _plain(name: str) -> str:
    """`filter[id][]` and `filter[id][0]` are `filter[id]`; `order[id]` stays."""
    return re.sub(r"\[\d*\]\Z", "", name)


def _check_query(call: RestCall, found: Route) -> None:
    problems = [
        Problem(UNKNOWN, name, "the documentation knows no such parameter here")
        for name in call.query
        if _plain(name) not in found.query
    ]
    mode = call.world.switches.unknown_fields
    if mode == "record":
        for one in problems:
            call.world.violate(f"{found.operation}: {one}")
    if mode != "refuse":
        problems = []
    if found.relations:
        asked = [one.strip() for one in call.first("with", "").split(",") if one.strip()]
        problems += [Problem(BAD_CHOICE, "with", f"{one!r} is unknown") for one in asked if one not in found.relations]
    if problems:
        raise refuse(400, "Request validation failed", errors=[("0", problems)])


def _decode(request: RawRequest) -> Any:
    if request.headers.get("content-type", "").split(";")[0].strip() not in (
        "application/json",
        "application/hal+json",
    ):
        raise refuse(400, "the header content-type is not application/json")
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise refuse(400, f"the body is not JSON: {error}") from None


def check_one(call: RestCall, shape: Check, rules: Callable[[dict[str, Any]], list[Problem]] | None = None) -> Any:
    """The body as one object that passes `shape` and `rules`; raises Refused."""
    problems = call.world.check(shape, call.body, call.operation)
    if not problems and rules is not None:
        problems = rules(call.body)
    if problems:
        raise refuse(400, "Request validation failed", errors=[("0", problems)])
    return call.body


def bulk(
    call: RestCall,
    shape: Check,
    rules: Callable[[dict[str, Any]], list[Problem]],
    apply: Callable[[dict[str, Any], str], dict[str, Any]],
    *,
    most: int | None = None,
) -> list[dict[str, Any]]:
    """Checks every item of an array, then applies them in order; answers what `apply` gave.

    An item is named by its `request_id` or its index. One bad item refuses all of them, or, by the switch, only itself.
    """
    limit = most if most is not None else call.world.switches.bulk_limit
    body = call.body
    if not isinstance(body, list) or not body:
        raise refuse(400, "an array with at least one item is expected")
    if len(body) > limit:
        raise refuse(400, f"no more than {limit} items are allowed in one request")
    names = [
        str(one["request_id"]) if isinstance(one, dict) and "request_id" in one else str(i)
        for i, one in enumerate(body)
    ]
    errors: list[tuple[str, Sequence[Problem]]] = []
    good: list[tuple[dict[str, Any], str]] = []
    for name, one in zip(names, body, strict=True):
        problems = call.world.check(shape, one, call.operation)
        problems = problems or rules(one)
        if problems:
            errors.append((name, problems))
        else:
            good.append((one, name))
    if errors and call.world.switches.partial_bulk == "all_or_nothing":
        good = []
    done = [apply(one, name) for one, name in good]
    if errors:
        raise refuse(400, "Request validation failed", errors=errors)
    return done


def single_or_bulk(
    call: RestCall,
    shape: Check,
    rules: Callable[[dict[str, Any]], list[Problem]],
    apply: Callable[[dict[str, Any], str], dict[str, Any]],
    *,
    most: int | None = None,
) -> tuple[bool, list[dict[str, Any]]]:
    """For PATCH: with an id in the path the body is one object, else an array whose items have ids."""
    is_single = bool(call.numbers)
    if is_single:
        if not isinstance(call.body, dict):
            raise refuse(400, "an object is expected")
        if call.body.get("id", call.numbers[0]) != call.numbers[0]:
            problem = Problem(BAD_VALUE, "id", "differs from the id in the path")
            raise refuse(400, "Request validation failed", errors=[("0", [problem])])
        call.body = [{**call.body, "id": call.numbers[0]}]
    return is_single, bulk(call, shape, rules, apply, most=most)


def page(
    call: RestCall,
    path: str,
    key: str,
    records: Sequence[Any],
    show: Callable[[Any], Any],
    *,
    most: int = 250,
) -> Answer:
    """One page of a list: 204 when it is empty, `_links.next` when there is more; 422 beyond `most` at once."""
    limit = (call.integers("limit") or [50 if call.operation != "users.list" else 250])[0]
    number = (call.integers("page") or [1])[0]
    if limit > most:
        raise refuse(422, f"limit is {limit}, the most is {most}")
    if limit < 1 or number < 1:
        raise refuse(400, "page and limit start at 1")
    shown = records[(number - 1) * limit : number * limit]
    if not shown:
        return NO_CONTENT
    links = _page_links(call, path, number, limit, has_next=len(records) > number * limit)
    return hal({"_page": number, "_links": links, "_embedded": {key: [show(one) for one in shown]}})


def _page_links(call: RestCall, path: str, number: int, limit: int, *, has_next: bool) -> dict[str, Any]:
    kept = [(name, value) for name, values in call.query.items() if name not in ("page", "limit") for value in values]

    def href(to: int) -> dict[str, str]:
        query = unquote(urlencode([*kept, ("limit", limit), ("page", to)]))
        return {"href": f"{call.world.base_url_of(call.account)}{PREFIX}{path}?{query}"}

    links = {"self": href(number)}
    if has_next:
        links["next"] = href(number + 1)
    if number > 1:
        links |= {"first": href(1), "prev": href(number - 1)}
    return links
