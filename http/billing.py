"""/billing/v1: the seller's billing shows and changes until when an account is served.

Owns the two calls of `docs/billing.md`. Whoever calls holds `DEALGRAM_BILLING_TOKEN`; without that setting the address
does not exist. A change carries a `request_id`: the same one again changes nothing and gets the state as it is. Every
change is written down with who made it and when. Whose token is wrong is soon made to wait; a right one never is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import msgspec
import trio
from quart import Blueprint, Response, request

from dealgram.http.access import same_secret
from dealgram.http.api.answers import problem_response
from dealgram.http.api.frame import request_id
from dealgram.http.api.problems import ApiProblem, invalid, not_found, problem, problem_of
from dealgram.http.api.reading import Body, read_body, read_id, read_raw
from dealgram.http.arrivals import Arrivals
from dealgram.http.ports import HttpServices
from dealgram.http.seller_ports import BilledSubscription, Billing, RequestIdReusedError
from dealgram.http.senders import sender
from dealgram.runtime import Transient

PATH = "/billing/v1/accounts/<account_id>/subscription"
BY = "billing"
MOST_DAYS = 3650
EARLIEST, LATEST = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (2000, 2200))
STRANGER_PACE = {"rate_per_s": 0.2, "burst": 20.0, "total_rate_per_s": 20.0, "total_burst": 200.0}


class SubscriptionOrder(Body, frozen=True, kw_only=True):
    """The body of a change: one of ``until`` and ``extend_days``."""

    request_id: UUID
    until: Annotated[dt.datetime, msgspec.Meta(tz=True)] | None = None
    extend_days: Annotated[int, msgspec.Meta(ge=1, le=MOST_DAYS)] | None = None


def routes(services: HttpServices, billing: Billing, token: str) -> Blueprint:
    """Build the routes over the billing port, guarded by ``token``."""
    blueprint = Blueprint("billing", __name__)
    strangers = Arrivals(**STRANGER_PACE)

    def admit() -> None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and same_secret(given.strip(), token):
            return
        forwarded = request.headers.getlist("X-Forwarded-For")
        if (wait_s := strangers.wait_s(sender(request.remote_addr, forwarded, services.trusted_proxies))) > 0:
            raise problem("too_many", retry_after_s=wait_s)
        raise ApiProblem(401, "unauthorised", "Нужен заголовок «Authorization: Bearer <токен биллинга>».")

    async def answered(work: Callable[[], Awaitable[BilledSubscription | None]]) -> Response:
        try:
            admit()
            with trio.move_on_after(services.commit_deadline_s) as deadline:
                found = await work()
            if deadline.cancelled_caught:
                raise Transient("the database does not answer")
            if found is None:
                raise not_found("Такого аккаунта нет.")
        except (ApiProblem, Transient) as error:
            refusal = problem_of(error)
            assert refusal is not None, "both have an answer"
            response = problem_response(refusal, request_id())
            if refusal.status == 401:
                response.headers["WWW-Authenticate"] = 'Bearer realm="dealgram billing"'
        else:
            response = Response(msgspec.json.encode(found), content_type="application/json")
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Request-Id"] = request_id()
        return response

    @blueprint.get(PATH, provide_automatic_options=False)
    async def show(account_id: str) -> Response:
        return await answered(lambda: billing.subscription(_id(account_id)))

    @blueprint.post(PATH, provide_automatic_options=False)
    async def change(account_id: str) -> Response:
        async def work() -> BilledSubscription | None:
            number = _id(account_id)
            order = read_body(await read_raw(), SubscriptionOrder)
            return await _change(billing, number, order)

        return await answered(work)

    return blueprint


def _id(text: str) -> int:
    try:
        return read_id(text)
    except ApiProblem:
        raise not_found("Такого аккаунта нет.") from None


async def _change(billing: Billing, account_id: int, order: SubscriptionOrder) -> BilledSubscription | None:
    if (order.until is None) == (order.extend_days is None):
        raise invalid("until", "Укажите одно из двух: until или extend_days.")
    try:
        if order.extend_days is not None:
            return await billing.extend(account_id, order.extend_days, str(order.request_id))
        assert order.until is not None, "one of both is there"
        if not EARLIEST <= order.until <= LATEST:
            raise invalid("until", "Такой даты не бывает.")
        return await billing.set_until(account_id, order.until.astimezone(dt.UTC), str(order.request_id))
    except RequestIdReusedError:
        raise problem("request_id_reused") from None
