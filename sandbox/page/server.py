"""The page server: files of the page, the event stream, and one POST per action.

Owns the HTTP side of the sandbox's page and its safety: a strict content policy, JSON bodies only, nothing from other
sites. Promises: every refusal is JSON with a Russian sentence; no request changes anything unless it is answered 200.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from dealgram.sandbox.amocrm import AmoSimulator
from dealgram.sandbox.page import (
    amo_actions,
    amo_view,
    botfather_actions,
    crm_actions,
    media_actions,
    telegram_actions,
)
from dealgram.sandbox.page.files import LARGEST_UPLOAD, TOO_LARGE, PageFiles, shown_as
from dealgram.sandbox.page.health import HealthWatch
from dealgram.sandbox.page.live import LivePage
from dealgram.sandbox.page.refusal import Refusal
from dealgram.sandbox.page.telegram_view import TelegramView
from dealgram.sandbox.telegram import TelegramSimulator

MAX_BODY_BYTES = 256 * 1024

_STATIC = Path(__file__).parent / "static"
_SAFETY = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; media-src 'self'; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'; frame-src {frames}"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def create_page(
    telegram: TelegramSimulator,
    amo: AmoSimulator,
    *,
    health_url: str | None,
    health_token: str | None = None,
    has_settings: bool = False,
) -> QuartTrio:
    """The app of the three-pane page over the two simulators.

    `health_url` is the full address of the service's `/health/actors`, None when there is no service; `health_token` is
    the operators' token, where the service has one. `has_settings`: accounts with a host of their own serve amoCRM's
    shell there, and the page shows it.
    """
    app = QuartTrio(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_UPLOAD
    files = _files()
    people = TelegramView(telegram)
    uploads = PageFiles()
    actions: dict[str, Callable[[bytes], Mapping[str, Any] | Awaitable[Mapping[str, Any]]]] = {
        **{f"telegram/{name}": partial(action, people) for name, action in telegram_actions.ACTIONS.items()},
        **{f"telegram/{name}": partial(action, people, uploads) for name, action in media_actions.ACTIONS.items()},
        **{f"telegram/{name}": partial(action, people) for name, action in botfather_actions.ACTIONS.items()},
        **{f"amocrm/{name}": partial(action, amo, uploads) for name, action in amo_actions.ACTIONS.items()},
        **{f"amocrm/{name}": partial(action, amo) for name, action in crm_actions.ACTIONS.items()},
    }

    @app.get("/")
    async def index() -> Response:
        return _file(files, "index.html")

    @app.get("/static/<name>")
    async def static_file(name: str) -> Response:
        return _file(files, name)

    @app.get("/events")
    async def events() -> Response:
        health = HealthWatch(health_url, token=health_token)

        def snapshot() -> dict[str, object]:
            settings = {"on": has_settings, "code": amo.integration.widget_code}
            return {**people.parts(), **amo_view.parts(amo), "settings": settings, "health": health.latest}

        body = LivePage(snapshot, sources=(telegram.subscribe, amo.subscribe), tasks=(health.watch,))
        response = Response(body, content_type="text/event-stream")
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"
        response.timeout = None  # the stream ends with the connection, not after a minute
        return response

    @app.post("/api/<area>/<path:name>")
    async def act(area: str, name: str) -> Response:
        _refuse_foreign()
        action = actions.get(f"{area}/{name}")
        if action is None:
            raise Refusal("Такого действия в песочнице нет.", 404)
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise RequestEntityTooLarge
        body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
        if len(body) > MAX_BODY_BYTES:
            raise RequestEntityTooLarge
        answer = action(body)
        return _json(answer if isinstance(answer, Mapping) else await answer, 200)

    @app.post("/upload")
    async def upload() -> Response:
        _refuse_foreign("application/octet-stream")
        body = await request.get_data(cache=False, as_text=False, parse_form_data=False)
        return _json({"upload": uploads.keep(request.args.get("name", ""), body)}, 200)

    @app.get("/files/telegram/<file_id>")
    async def telegram_file(file_id: str) -> Response:
        try:
            return _shown_file(telegram.file_bytes(file_id))
        except ValueError:
            raise Refusal("Такого файла в песочнице нет.", 404) from None

    @app.get("/files/amocrm/<int:account_id>/<amo_id>")
    async def amocrm_file(account_id: int, amo_id: str) -> Response:
        item = amo.message(amo_actions.account_of(amo, account_id), amo_id)
        if item is None or item.data is None:
            raise Refusal("Такого файла в песочнице нет.", 404)
        return _shown_file(item.data)

    @app.errorhandler(Refusal)
    async def refused(refusal: Refusal) -> Response:
        return _json({"error": str(refusal)}, refusal.status)

    @app.errorhandler(RequestEntityTooLarge)
    async def too_large(_: RequestEntityTooLarge) -> Response:
        is_file = request.path == "/upload"
        return _json({"error": TOO_LARGE if is_file else "Слишком длинный запрос."}, 413)

    @app.errorhandler(HTTPException)
    async def failed(error: HTTPException) -> Response:
        return _json({"error": _HTTP_TEXTS.get(error.code or 500, "Запрос не выполнен.")}, error.code or 500)

    @app.after_request
    async def safe(response: Response) -> Response:
        hosts = [f"http://{account.host}" for account in amo.accounts if account.host] if has_settings else []
        frames = " ".join(hosts) or "'none'"
        response.headers.update({name: value.format(frames=frames) for name, value in _SAFETY.items()})
        return response

    return app


_HTTP_TEXTS = {404: "Такой страницы в песочнице нет.", 405: "Так к этой странице не обращаются."}


def _refuse_foreign(kind: str = "application/json") -> None:
    """Only the page itself may act: another site can send neither this content type nor this header value."""
    if request.mimetype != kind:
        raise Refusal("Песочница принимает здесь только JSON." if kind.endswith("json") else "Здесь ждут файл.", 415)
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Refusal("Песочница не принимает запросы с других сайтов.", 403)


def _files() -> Mapping[str, tuple[bytes, str]]:
    """The page's own files, read once: there is nothing else that could be asked for."""
    found: dict[str, tuple[bytes, str]] = {}
    for path in _STATIC.iterdir():
        kind = "text/javascript" if path.suffix == ".js" else mimetypes.guess_type(path.name)[0]
        found[path.name] = (path.read_bytes(), kind or "application/octet-stream")
    return found


def _file(files: Mapping[str, tuple[bytes, str]], name: str) -> Response:
    if name not in files:
        raise Refusal("Такого файла у страницы нет.", 404)
    content, kind = files[name]
    charset = "; charset=utf-8" if kind.startswith("text/") or kind.endswith("svg+xml") else ""
    response = Response(content, content_type=kind + charset)
    response.headers["Cache-Control"] = "no-cache"
    return response


def _shown_file(data: bytes) -> Response:
    """Somebody's file: shown as what it is, or a download; players ask for ranges."""
    kind = shown_as(data)
    response = Response(data, content_type=kind)
    response.headers["Cache-Control"] = "private, max-age=3600"
    if kind == "application/octet-stream":
        response.headers["Content-Disposition"] = "attachment"
    return response


def _json(body: Mapping[str, Any], status: int) -> Response:
    return Response(orjson.dumps(body), status=status, content_type="application/json")
