"""How amoCRM's REST v4 is spoken for one account: token, gate, errors, pages (amoCRM contract §2, §16).

- Every request goes through the account's gate, which keeps its pace and draws the consequences of what amoCRM
  answers (`gateways.gate`).
- 401 asks the token provider for another token, once, and repeats the request once: a refused request did nothing.
- An account may change its address. That an address has none (any more) should be a 401 (code 101), but 404, a redirect
  and a name that nobody knows may say the same: then the provider is asked whether the account has moved.
- 204 means "nothing found" and is an empty answer, never an error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec

from dealgram.gateways.errors import (
    BadPayload,
    GateClosed,
    GatewayError,
    NotFound,
    NotSent,
    RateLimited,
    ServiceFailed,
)
from dealgram.gateways.gate import Gate
from dealgram.gateways.gate_policy import Service
from dealgram.gateways.lenient import convert, read_json
from dealgram.gateways.refusals import refusal, unreadable
from dealgram.gateways.transport import Answer, HttpTransport

DEADLINE_S = 30.0
BATCH_LIMIT = 50
"""Entities per request: the only number that the documentation names anywhere (§16)."""

_MOVED_S = 0.1

PAGE_LIMIT = 250
_MOST_PAGES = 200

S = TypeVar("S", bound=msgspec.Struct)
Query = Sequence[tuple[str, str | int]]


class TokenProvider(Protocol):
    """Gives the access token of one account."""

    async def token(self, stale: str | None) -> str:
        """The current token; if that is `stale` (amoCRM has just refused it), a new one.

        Raises whatever says that there is none; if it returns `stale` again, the call ends as Unauthorised."""

    async def has_moved(self, base_url: str) -> bool:
        """Whether the account is known not to live at this address any more. Looks, though not every time."""


class Session:
    """One account's REST API; the calls themselves are in the subclasses, one module per entity.

    Args:
        base_url: e.g. `https://sub.amocrm.ru`.
        gate: the account's gate, shared by all that talk to this account.
        deadline_s: for one request, from the moment when the gate lets it through.
    """

    def __init__(
        self,
        transport: HttpTransport,
        base_url: str,
        tokens: TokenProvider,
        gate: Gate,
        *,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._tokens = tokens
        self._gate = gate
        self._deadline_s = deadline_s

    async def _call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Any = None,
        repeatable: bool,
    ) -> Any:
        """One call; returns the decoded body, None for an empty one.

        Raises: see gateways.errors; Unauthorised, PaymentRequired, Forbidden, NotFound, Refused (with amoCRM's
        validation errors), RateLimited, ServiceFailed, NotSent (also if the account has moved: the next client speaks
        to its new address), OutcomeUnknown / Interrupted.
        """
        try:
            return await self._answered(operation, method, path, query, body, repeatable)
        except (NotSent, NotFound, ServiceFailed) as error:
            if not _may_be_elsewhere(error) or not await self._tokens.has_moved(self._base_url):
                raise
            service = self._transport.upstream.name
            raise NotSent(
                "the account has another address now", service=service, operation=operation, retry_after_s=_MOVED_S
            ) from error

    async def _answered(self, operation: str, method: str, path: str, query: Query, body: Any, repeatable: bool) -> Any:
        token = await self._tokens.token(None)
        answer = await self._exchange(operation, method, path, query, body, token, repeatable)
        if answer.status == 401:
            fresh = await self._tokens.token(token)
            if fresh != token:
                answer = await self._exchange(operation, method, path, query, body, fresh, repeatable)
        if not answer.ok:
            raise self._refusal(answer, operation, repeatable)
        if answer.status == 204 or not answer.body.strip():
            return None
        try:
            return read_json(answer.body)
        except BadPayload:
            raise self._unreadable(answer.status, operation, repeatable=repeatable) from None

    async def _exchange(
        self, operation: str, method: str, path: str, query: Query, body: Any, token: str, repeatable: bool
    ) -> Answer:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = b"" if body is None else msgspec.json.encode(body)
        async with self._gate.turn(Service.REST, operation):
            answer = await self._transport.request(
                operation,
                method,
                f"{self._base_url}/api/v4/{path}" + (f"?{urlencode(query)}" if query else ""),
                headers=headers,
                content=content,
                deadline_s=self._deadline_s,
                repeatable=repeatable,
            )
            if not answer.ok and answer.status != 401:
                raise self._refusal(answer, operation, repeatable)
            return answer

    def _refusal(self, answer: Answer, operation: str, repeatable: bool) -> GatewayError:
        if 300 <= answer.status < 400:
            # No answer of an API: nothing was understood, let alone refused.
            service = self._transport.upstream.name
            return ServiceFailed("a redirect", service=service, operation=operation, status=answer.status)
        said = _read_problem(answer)
        code, wait_s = said.get("code"), said.get("retry_after")
        detail = next((text for text in (said.get("detail"), said.get("title")) if isinstance(text, str) and text), "")
        return refusal(
            answer,
            service=self._transport.upstream.name,
            operation=operation,
            repeatable=repeatable,
            detail=detail,
            code=int(code) if isinstance(code, int | str) and str(code).isdecimal() else None,
            reason=said["title"] if isinstance(said.get("title"), str) else "",
            errors=_complaints(said),
            retry_after_s=float(wait_s) if isinstance(wait_s, int | float) and wait_s >= 0 else None,
        )

    def _unreadable(self, status: int, operation: str, *, repeatable: bool) -> GatewayError:
        answer = Answer(status=status, headers={}, body=b"")
        return unreadable(answer, service=self._transport.upstream.name, operation=operation, repeatable=repeatable)

    async def _list(self, operation: str, path: str, key: str, kind: type[S], query: Query = ()) -> list[S]:
        """One page of `_embedded.{key}`; empty for 204. Items without what `kind` requires are left out."""
        return _embedded(await self._call(operation, "GET", path, query=query, repeatable=True), key, kind)

    async def _pages(
        self,
        operation: str,
        path: str,
        key: str,
        kind: type[S],
        query: Query = (),
        *,
        limit: int = PAGE_LIMIT,
        most: int = _MOST_PAGES,
    ) -> list[S]:
        """All pages of ``limit`` items, at most ``most`` of them."""
        found: list[S] = []
        async for page in self._each_page(operation, path, query, limit, most):
            found += _embedded(page, key, kind)
        return found

    async def _each_page(self, operation: str, path: str, query: Query, limit: int, most: int) -> AsyncIterator[Any]:
        for number in range(1, most + 1):
            page_query = (*query, ("page", number), ("limit", limit))
            page = await self._call(operation, "GET", path, query=page_query, repeatable=True)
            if page is None:
                return
            yield page
            links = page.get("_links") if isinstance(page, dict) else None
            if not (isinstance(links, dict) and links.get("next")):
                return

    async def _one(self, operation: str, path: str, kind: type[S], query: Query = ()) -> S | None:
        """One entity; None for 204 and 404."""
        try:
            body = await self._call(operation, "GET", path, query=query, repeatable=True)
        except GatewayError as error:
            if getattr(error, "code", None) == 404:
                return None
            raise
        if body is None:
            return None
        read = convert(body, kind, []) if isinstance(body, Mapping) else None
        if read is None:
            raise self._unreadable(200, operation, repeatable=True)
        return read

    async def _change(
        self,
        operation: str,
        method: str,
        path: str,
        key: str,
        kind: type[S],
        items: Sequence[Mapping[str, Any]],
        *,
        repeatable: bool,
    ) -> list[S]:
        """Creates or changes up to 50 entities and returns them in the order given.

        amoCRM's answer is matched by `request_id` (the index, where the caller names none).
        """
        if not items:
            return []
        if len(items) > BATCH_LIMIT:
            raise ValueError(f"at most {BATCH_LIMIT} at once, not {len(items)}")
        marked = [{"request_id": str(index), **item} for index, item in enumerate(items)]
        body = await self._call(operation, method, path, body=marked, repeatable=repeatable)
        plain = _embedded_items(body, key)
        order = {str(item["request_id"]): index for index, item in enumerate(marked)}
        plain.sort(key=lambda item: order.get(str(item.get("request_id")), len(order)))
        read = [entity for item in plain if (entity := convert(item, kind, [])) is not None]
        if len(read) != len(items):
            raise self._unreadable(200, operation, repeatable=repeatable)
        return read


def _may_be_elsewhere(error: GatewayError) -> bool:
    """Whether a failure may mean that there is no account at the address that was spoken to."""
    if isinstance(error, RateLimited | GateClosed):
        return False
    if isinstance(error, ServiceFailed):
        return error.status is not None and error.status < 400
    return isinstance(error, NotSent | NotFound)


def present(**fields: Any) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def _embedded(body: Any, key: str, kind: type[S]) -> list[S]:
    read = (convert(item, kind, []) for item in _embedded_items(body, key))
    return [entity for entity in read if entity is not None]


def _embedded_items(body: Any, key: str) -> list[Mapping[str, Any]]:
    embedded = body.get("_embedded") if isinstance(body, Mapping) else None
    items = embedded.get(key) if isinstance(embedded, Mapping) else None
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _read_problem(answer: Answer) -> Mapping[str, Any]:
    try:
        body = read_json(answer.body)
    except BadPayload:
        return {}
    return body if isinstance(body, Mapping) else {}


def _complaints(said: Mapping[str, Any]) -> list[str]:
    """Flattens `validation-errors` (and `errors`, which source deletion uses instead, §10)."""
    found: list[str] = []
    entries = said.get("validation-errors") or said.get("errors") or []
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, Mapping):
            continue
        errors = entry.get("errors")
        for error in errors if isinstance(errors, list) else [errors]:
            if isinstance(error, Mapping):
                where = ".".join(str(part) for part in (entry.get("request_id"), error.get("path")) if part is not None)
                what = error.get("detail") or error.get("code") or "?"
                if str(error.get("code")).isdecimal() and what != error["code"]:
                    what = f"{what} (code {error['code']})"
                found.append(f"{where}: {what}")
    return found
