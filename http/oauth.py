"""How amoCRM accounts are connected and removed (amoCRM contract §2).

`GET /oauth/callback` is the integration's redirect URI. After an installation from the widget amoCRM's own server calls
it, once, without a state, and waits for three seconds; after the button a browser comes, with the state that
`/oauth/start` has made. Either way the code is committed (sealed) before anything is answered, and exchanged by an
actor. A browser is sent on at once, so that no code stays in its history. `GET /oauth/uninstalled` is signed by amoCRM.

Every parameter is checked before anything is done: the redirect's host decides where our secret is sent. Whether a code
is one of amoCRM's only amoCRM knows, so codes are taken in at a limited pace; those with a state of ours have a pace of
their own, which no flood of others can use up.
"""

from __future__ import annotations

import math
import re
import secrets
from http import HTTPStatus

from quart import Blueprint, Response, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import MethodNotAllowed

from dealgram.http import oauth_pages
from dealgram.http.account_ports import Installations
from dealgram.http.arrivals import Arrivals
from dealgram.http.errors import ApiError, bad_request, too_many
from dealgram.http.hooks import Hooks
from dealgram.http.metrics import RequestFigures
from dealgram.http.ports import HookOutcome, HttpServices
from dealgram.http.senders import sender
from dealgram.runtime import Transient

PACE = {"rate_per_s": 0.5, "burst": 60, "total_rate_per_s": 2.0, "total_burst": 240}
"""Codes from one address and from all: far more than accounts are installed, far less than amoCRM would mind."""
STATE_LIFE_S = 1800.0
PROGRESS_LIFE_S = 3600.0
_STATE, _PROGRESS = "oauth state", "oauth progress"

_CODE = re.compile(r"[A-Za-z0-9._~+/=-]{8,4096}")
_PLATFORM = re.compile(r"[0-9]{1,3}")
_FLAG = re.compile(r"[A-Za-z0-9]{0,8}")
_ACCOUNT = re.compile(r"[1-9][0-9]{0,17}")
_SIGNATURE = re.compile(r"[0-9A-Fa-f]{64}")


_IN_ENGLISH = {
    "bad_state": "The state is expired or was not made here; begin at /oauth/start.",
    "bad_parameters": "The parameters are not those of amoCRM's redirect.",
    "foreign_host": "The referer is no host of amoCRM's.",
}


class _Refusal(Exception):  # noqa: N818 - an answer, not a failure of ours
    """The request is answered with this; nothing has been changed."""

    def __init__(self, reason: str, title: str, text: str) -> None:
        super().__init__(reason)
        self.reason, self.title, self.text = reason, title, text


def routes(services: HttpServices, figures: RequestFigures) -> Blueprint:
    """Build the routes over the installations port."""
    blueprint = Blueprint("oauth", __name__)
    installs, removals = (
        Hooks(name, figures, commit_deadline_s=services.commit_deadline_s) for name in ("install", "uninstall")
    )
    port, seals = services.accounts, services.seals
    arrivals = {with_state: Arrivals(**PACE) for with_state in (True, False)}

    @blueprint.get("/oauth/start")
    async def start() -> Response:
        address = port.consent_url(seals.make(_STATE, secrets.token_urlsafe(12), life_s=STATE_LIFE_S))
        return _not_configured() if address is None else _redirect(address)

    @blueprint.get("/oauth/callback")
    async def callback() -> Response:
        try:
            return await accept(request.args)
        except _Refusal as refusal:
            installs.count_refusal(refusal.reason)
            if not _is_browser():
                raise bad_request(_IN_ENGLISH[refusal.reason]) from None
            return oauth_pages.page(refusal.title, refusal.text, status=400, more=oauth_pages.again())

    async def accept(query: MultiDict[str, str]) -> Response:
        if not query:  # amoCRM looks by and by whether somebody answers here
            return oauth_pages.page("dealgram", "По этому адресу amoCRM сообщает о подключении аккаунтов.")
        _refuse_head()
        if port.client_id is None:
            return _not_configured()
        _check_once(query)
        with_state = "state" in query
        if with_state and seals.read(_STATE, query["state"]) is None:
            raise _Refusal(
                "bad_state",
                "Ссылка устарела",
                "Подключение начато слишком давно или не здесь. Начните ещё раз.",
            )
        if "error" in query:
            installs.count_refusal("denied")
            return oauth_pages.page(
                "Доступ не разрешён",
                "Аккаунт не подключён: в amoCRM не дали разрешения. Ничего не изменилось.",
                more=oauth_pages.again(),
            )
        code, base_url = _checked(query, port)
        forwarded = request.headers.getlist("X-Forwarded-For")
        wait_s = arrivals[with_state].wait_s(sender(request.remote_addr, forwarded, services.trusted_proxies))
        if wait_s > 0:
            installs.count_refusal("too_many")
            error = too_many("Too many codes; come again later.", wait_s)
            if not _is_browser():
                raise error
            return oauth_pages.page(
                "Слишком много подключений",
                f"Подождите {_seconds(wait_s)} и обновите эту страницу: код amoCRM действует 20 минут.",
                status=error.status,
                headers=error.headers,
            )
        try:
            installs.count_accepted(await installs.durably(lambda: port.accept_code(base_url, code)))
        except ApiError:
            if _is_browser():
                return oauth_pages.page(
                    "Не получилось",
                    "База данных сейчас не отвечает. Обновите эту страницу через несколько секунд.",
                    status=503,
                )
            raise
        if not (with_state or _is_browser()):
            return Response(b"", status=200)  # amoCRM's server does not read it
        note = seals.make(_PROGRESS, port.key_of(code), life_s=PROGRESS_LIFE_S)
        return _redirect(f"progress/{note}", status=303)

    @blueprint.get("/oauth/progress/<note>")
    async def progress(note: str) -> Response:
        key = seals.read(_PROGRESS, note)
        if key is None:
            return oauth_pages.page(
                "Страница устарела",
                "Состояние подключения видно в настройках виджета в amoCRM.",
                status=404,
                more=oauth_pages.again("../start"),
            )
        try:
            return oauth_pages.progress_page(await port.progress(key))
        except Transient:
            return oauth_pages.page(
                "Подключаем аккаунт", "База данных сейчас не отвечает.", status=503, reload_s=oauth_pages.RELOAD_S
            )

    @blueprint.get("/oauth/uninstalled")
    async def uninstalled() -> Response:
        _refuse_head()
        try:
            account_id, client_id, signature = _removal(request.args)
        except ApiError as error:
            raise removals.refuse("bad_parameters", error) from None
        if client_id != port.client_id or not port.verify_removal(client_id, account_id, signature):
            raise removals.refuse("bad_signature", ApiError(401, "The signature is missing or wrong."))

        async def commit() -> HookOutcome:
            return await port.accept_removal(int(account_id))

        removals.count_accepted(await removals.durably(commit))
        return Response(b"", status=200)

    return blueprint


def _check_once(query: MultiDict[str, str]) -> None:
    """Nobody may guess which one of two values counts."""
    if any(len(query.getlist(name)) > 1 for name in query):
        raise _Refusal("bad_parameters", "Неверная ссылка", "Параметр указан дважды. Начните подключение ещё раз.")


def _checked(query: MultiDict[str, str], port: Installations) -> tuple[str, str]:
    """The code and the base URL of the account that it belongs to."""
    code, referer = query.get("code", ""), query.get("referer", "")
    if not _CODE.fullmatch(code):
        raise _Refusal("bad_parameters", "Неверная ссылка", "В ссылке нет кода amoCRM. Начните подключение ещё раз.")
    if not (
        _PLATFORM.fullmatch(query.get("platform", "1"))
        and _FLAG.fullmatch(query.get("from_widget", ""))
        and query.get("client_id", port.client_id) == port.client_id
    ):
        raise _Refusal("bad_parameters", "Неверная ссылка", "Ссылка повреждена. Начните подключение ещё раз.")
    base_url = port.base_url(referer)
    if base_url is None:
        raise _Refusal("foreign_host", "Неверная ссылка", "Адрес аккаунта в ссылке не принадлежит amoCRM.")
    return code, base_url


def _removal(query: MultiDict[str, str]) -> tuple[str, str, str]:
    """Account, client and signature; the documentation names the client in two ways."""
    if any(len(query.getlist(name)) > 1 for name in query):
        raise bad_request("A parameter is given more than once.")
    account_id, signature = query.get("account_id", ""), query.get("signature", "")
    client_id = query.get("client_uuid") or query.get("client_id", "")
    if not (_ACCOUNT.fullmatch(account_id) and client_id and len(client_id) <= 64):
        raise bad_request("account_id and client_uuid (or client_id) are needed.")
    if not _SIGNATURE.fullmatch(signature):
        raise bad_request("signature must be 64 hexadecimal digits.")
    return account_id, client_id, signature.lower()


def _refuse_head() -> None:
    """Whoever only looks at a link, as mail scanners and messengers do, must not use up what is in it."""
    if request.method != "GET":
        raise MethodNotAllowed(valid_methods=["GET"])


def _seconds(wait_s: float) -> str:
    minutes = math.ceil(wait_s / 60)
    return "минуту" if minutes == 1 else f"{minutes} мин"


def _not_configured() -> Response:
    return oauth_pages.page("Подключение недоступно", "В этом dealgram не настроена интеграция с amoCRM.", status=503)


def _is_browser() -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _redirect(address: str, *, status: int = HTTPStatus.FOUND) -> Response:
    response = Response(b"", status=status)
    response.headers["Location"] = address
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
