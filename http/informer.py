"""POST /widget_controller/informer: the widget tells who registered it, and when it is switched on and off.

With amoCRM's token the account is the token's. amoCRM may give none before the installation is through, so a
registration without one is taken in too, from a page of amoCRM's at the subdomain that it names; it is kept apart, at a
slow pace, and proves nothing (decision 0016). It is committed before it is answered, and a sender that hangs up does
not undo it. The seller hears of it afterwards.

Errors have the shape and the codes of `/api/v1`, and only amoCRM's pages can read them. Nothing that was sent is
logged.
"""

from __future__ import annotations

import logging

import msgspec
import trio
from quart import Blueprint, Response, request

from dealgram.gateways.amo_hosts import LOOPBACK, AmoHosts, host_of
from dealgram.http.api import cors
from dealgram.http.api.admission import Admission
from dealgram.http.api.answers import problem_response
from dealgram.http.api.frame import request_id
from dealgram.http.api.ports import WidgetApi
from dealgram.http.api.problems import ApiProblem, invalid, problem, problem_of
from dealgram.http.api.reading import read_raw, too_large
from dealgram.http.api.tokens import HEADER, Claims, is_amocrm_origin
from dealgram.http.arrivals import Arrivals
from dealgram.http.informer_form import LARGEST, read_registration
from dealgram.http.metrics import RequestFigures
from dealgram.http.ports import HookOutcome, HttpServices
from dealgram.http.seller_ports import NewRegistration, Registrant, Registrations
from dealgram.http.senders import sender
from dealgram.runtime import Transient

_log = logging.getLogger("dealgram.http")

PATH = "/widget_controller/informer"
NAME = "informer"
ACCOUNT_PACE = {"rate_per_s": 0.2, "burst": 20.0, "total_rate_per_s": 100.0, "total_burst": 1000.0}
"""Of one account: people fill in a form once."""
STRANGER_PACE = {"rate_per_s": 1 / 30, "burst": 10.0, "total_rate_per_s": 1.0, "total_burst": 100.0}
"""Without a token, of one address and of all: whoever forges an origin can make us write no more than this."""
HOST_PACE = {"rate_per_s": 1 / 60, "burst": 5.0, "total_rate_per_s": 1.0, "total_burst": 100.0}
"""Without a token, of one account."""


def routes(services: HttpServices, api: WidgetApi, registrations: Registrations, figures: RequestFigures) -> Blueprint:
    """Build the route over the API's ports and that of registrations."""
    blueprint = Blueprint("informer", __name__)
    informer = _Informer(services, api, registrations, figures)
    blueprint.add_url_rule(
        PATH, endpoint="register", view_func=informer.register, methods=["POST"], provide_automatic_options=False
    )
    blueprint.add_url_rule(
        PATH, endpoint="preflight", view_func=informer.preflight, methods=["OPTIONS"], provide_automatic_options=False
    )
    return blueprint


class _Informer:
    def __init__(
        self, services: HttpServices, api: WidgetApi, registrations: Registrations, figures: RequestFigures
    ) -> None:
        self._api = api
        self._registrations = registrations
        self._figures = figures
        self._trusted_proxies = services.trusted_proxies
        self._commit_deadline_s = services.commit_deadline_s
        self._admission = Admission(api, trusted_proxies=services.trusted_proxies)
        self._accounts = Arrivals(**ACCOUNT_PACE)
        self._strangers, self._hosts = Arrivals(**STRANGER_PACE), Arrivals(**HOST_PACE)

    async def preflight(self) -> Response:
        await trio.lowlevel.checkpoint()
        response = cors.preflight(self._api.hosts)
        response.headers["Allow"] = "OPTIONS, POST"
        return self._dressed(response)

    async def register(self) -> Response:
        try:
            outcome = await self._take()
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets the one shape
            response = self._refused(error)
        else:
            self._figures.hook_accepted(NAME, outcome.value)
            response = Response(msgspec.json.encode({"ok": True}), content_type="application/json")
        return self._dressed(response)

    async def _take(self) -> HookOutcome:
        self._admission.pace_sender()
        claims = self._admission.verify() if HEADER in request.headers else None
        if claims is not None:
            _pace(self._accounts, str(claims.account_id))
            origin = claims.origin
        else:
            origin = _page(self._api.hosts)
            _pace(self._strangers, self._sender())
            _pace(self._hosts, origin)
        said = read_registration(await _body())
        ours = self._registrations.client_uuid
        if said.client_uuid and ours is not None and said.client_uuid != ours:
            raise invalid("client_uuid", "Это виджет другой интеграции.")
        registrant = _strangers(origin, said) if claims is None else _of_token(claims, said)
        return await self._commit(registrant, said, claims)

    async def _commit(self, who: Registrant, said: NewRegistration, claims: Claims | None) -> HookOutcome:
        keeper = self._api.gatekeeper
        with trio.move_on_after(self._commit_deadline_s, shield=True):
            if (
                claims is not None
                and self._api.one_time
                and not await keeper.use_token(claims.account_id, claims.jti, claims.expires_at)
            ):
                raise problem("token_used")
            return await self._registrations.register(who, said)
        raise Transient("not committed in time")

    def _sender(self) -> str | None:
        forwarded = request.headers.getlist("X-Forwarded-For")
        return sender(request.remote_addr, forwarded, self._trusted_proxies)

    def _refused(self, error: Exception) -> Response:
        refusal = problem_of(error)
        if refusal is None:
            _log.error("request %s failed: POST %s: %s", request_id(), PATH, type(error).__name__, exc_info=error)
            refusal = problem("internal")
        elif refusal.status >= 500:
            _log.warning("request %s refused: POST %s: %s", request_id(), PATH, refusal.code)
        self._figures.hook_refused(NAME, refusal.code)
        return problem_response(refusal, request_id())

    def _dressed(self, response: Response) -> Response:
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Request-Id"] = request_id()
        return cors.open_answer(response, self._api.hosts)


async def _body() -> bytes:
    raw = await read_raw()
    if len(raw) > LARGEST:
        raise too_large()
    if request.mimetype != "application/json":
        raise ApiProblem(415, "invalid", "Тело запроса должно быть JSON (Content-Type: application/json).")
    return raw


def _pace(arrivals: Arrivals, who: str | None) -> None:
    if (wait_s := arrivals.wait_s(who)) > 0:
        raise problem("too_many", retry_after_s=wait_s)


def _page(hosts: AmoHosts) -> str:
    """The page of amoCRM that a registration without a token comes from."""
    origin = cors.origin_of_request()
    if origin is None or not is_amocrm_origin(origin, hosts):
        raise problem("foreign_origin")
    return origin


def _of_token(claims: Claims, said: NewRegistration) -> Registrant:
    subdomain = claims.subdomain or said.subdomain or _label(claims.origin)
    return Registrant(host=claims.origin, subdomain=subdomain, account_id=claims.account_id)


def _strangers(origin: str, said: NewRegistration) -> Registrant:
    """Where a registration without a token comes from: it has to name the account that its page belongs to."""
    if said.account is None:
        raise invalid("account", "Не указан номер аккаунта.")
    if not said.subdomain:
        raise invalid("accountSubdomain", "Не указан адрес аккаунта.")
    # Accounts of a simulator have ports and no subdomains.
    if host_of(origin).partition(":")[0] not in LOOPBACK and said.subdomain != _label(origin):
        raise problem("foreign_origin")
    return Registrant(host=origin, subdomain=said.subdomain, account_id=None)


def _label(origin: str) -> str:
    return host_of(origin).partition(":")[0].partition(".")[0]
