"""The shell's routes in the simulated amoCRM's app: pages, static files, the archive's files, tokens, installing.

Owns `mount` and `Shell`, which knows per account what was saved in the widget's settings. Every route belongs to the
account at whose host it is asked; other hosts have no pages. Promises: pages under a strict content policy; nothing is
changed by a request of another site; installing and removing go through the simulator, with its calls to the service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import orjson
from quart import Response, redirect, request
from quart_trio import QuartTrio

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.disposable import mint
from dealgram.sandbox.amocrm.records import SimUser
from dealgram.sandbox.amocrm.simulator import AmoSimulator
from dealgram.sandbox.shell import pages
from dealgram.sandbox.shell.archive import WidgetArchive
from dealgram.sandbox.shell.switches import ShellSwitches
from dealgram.sandbox.shell.vendor import VendorModules
from dealgram.sandbox.tls import trusted

_STATIC = Path(__file__).parent / "static"
_PAGES = ("/settings/widgets/", "/settings/widgets/<code>/", "/dashboard/", "/leads/", "/leads/detail/<int:lead>")
_KINDS = {".js": "text/javascript", ".css": "text/css", ".twig": "text/html"}
_THEMES = ("light", "dark", "auto")
OWN_KEPT_S = 60
VENDOR_KEPT_S = 86_400
POST_LIMIT_S = 30.0


@dataclass(slots=True, kw_only=True)
class Shell:
    """amoCRM's pages over a simulator. `service_url` is where the widget's requests go, `embedders` who may frame us.

    `widget_zip` is asked at every page, so that a rebuilt archive is seen at the next reload.
    """

    amo: AmoSimulator
    modules: VendorModules
    widget_zip: Callable[[], bytes]
    switches: ShellSwitches = field(default_factory=ShellSwitches)
    service_url: str = ""
    embedders: list[str] = field(default_factory=list)
    saved: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Account → values of the widget's settings, once somebody has saved them."""
    _archive: WidgetArchive | None = None

    def archive(self) -> WidgetArchive:
        """The widget as it is now. Raises ValueError where amoCRM would not take it."""
        data = self.widget_zip()
        if self._archive is None or self._archive.data != data:
            self._archive = WidgetArchive(data)
        return self._archive

    def unpacked(self) -> WidgetArchive:
        """The widget as the latest page got it: its files belong together, and building is not for every file."""
        return self._archive or self.archive()

    def status(self, account: SimAccount) -> str:
        """What `get_install_status` answers (documentation, "mechanics")."""
        if not account.is_installed:
            return "install"
        return "installed" if account.id in self.saved else "not_configured"

    def configure(self, account: SimAccount, fields: Mapping[str, Any]) -> None:
        """The widget's settings as if an administrator had saved them."""
        self.saved[account.id] = dict(fields)

    async def act(self, account: SimAccount, user: SimUser, action: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """What the settings window does on the server: `install`, `save` or `uninstall`. Raises ValueError."""
        if not user.is_admin:
            raise ValueError("only an administrator may do that")
        if action == "install":
            call = await self.amo.install(account, user)
            return {"status": self.status(account), "redirect": call.outcome}
        if not account.is_installed:
            raise ValueError("the widget is not installed")
        if action == "save":
            self.saved[account.id] = dict(fields)
        elif action == "uninstall":
            self.saved.pop(account.id, None)
            self.amo.uninstall(account)
        else:
            raise ValueError(f"{action!r} is nothing that the window does")
        return {"status": self.status(account)}


def mount(app: QuartTrio, amo: AmoSimulator, widget_zip: Callable[[], bytes], modules: Path) -> Shell:
    """Add the shell to the simulator's app, before its first request.

    `modules` is the `node_modules` folder; `widget_zip` gives the archive.

    Raises:
        ModulesMissingError: the vendor modules are not installed.
    """
    shell = Shell(amo=amo, modules=VendorModules(modules), widget_zip=widget_zip)
    _serve_pages(app, shell)
    _serve_files(app, shell)
    _serve_actions(app, shell)
    return shell


class _Refused(Exception):  # noqa: N818 - reads as what happened to the request
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status

    def response(self) -> Response:
        return _json({"detail": str(self), "status": self.status}, self.status)


Handler = Callable[..., Any]


def _route(app: QuartTrio, rule: str, handler: Handler, methods: Sequence[str] = ("GET",)) -> None:
    async def answer(**arguments: Any) -> Any:
        try:
            return await handler(**arguments)
        except _Refused as refused:
            return refused.response()

    app.add_url_rule(rule, f"shell {rule}", answer, methods=list(methods), provide_automatic_options=False)


def _serve_pages(app: QuartTrio, shell: Shell) -> None:
    async def page(code: str = "", lead: int = 0) -> Any:
        account = _account(shell)
        user = _chosen_user(account)
        if code and code != shell.amo.integration.widget_code:
            raise _Refused(404, f"no widget {code} is known here")
        if code and not account.is_installed:
            kept = {name: value for name, value in request.args.items() if name != "widget"}
            return redirect(f"/settings/widgets/?{urlencode({**kept, 'widget': code})}")
        theme = request.args.get("theme", "light")
        lang = request.args.get("lang", "ru")
        body = pages.html(lang, theme if theme in _THEMES else "light", _switches(shell))
        response = Response(body, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = pages.policy(_origin(shell.service_url), shell.embedders)
        response.headers["Cache-Control"] = "no-store"
        session = shell.amo.open_session(account, user)
        response.set_cookie(f"session_{account.id}", session, httponly=True, samesite="Strict", path="/")
        return response

    for rule in _PAGES:
        _route(app, rule, page)


def _serve_files(app: QuartTrio, shell: Shell) -> None:
    own = {path.name: path.read_bytes() for path in _STATIC.iterdir() if path.is_file()}
    controls = {path.name: path.read_bytes() for path in (_STATIC / "controls").iterdir()}

    async def harness(name: str) -> Response:
        if name not in own:
            raise _Refused(404, f"the shell has no file {name}")
        return _file(own[name], _KINDS[Path(name).suffix], kept_s=OWN_KEPT_S)

    async def control(name: str) -> Response:
        if name not in controls:
            raise _Refused(404, f"amoCRM has no control {name}")
        return _file(controls[name], "text/html")

    async def vendor(name: str) -> Response:
        source = shell.modules.file(name.removesuffix(".js"))
        if source is None:
            raise _Refused(404, f"amoCRM gives widgets no module {name}")
        return _file(source, "text/javascript", kept_s=VENDOR_KEPT_S)

    async def widget(code: str, path: str) -> Response:
        if code == "other_widget" and path == "style.css":
            return _file(own["other_widget.css"], "text/css")
        found = shell.unpacked().file(path) if code == shell.amo.integration.widget_code else None
        if found is None:
            raise _Refused(404, f"the widget {code} has no file {path}")
        return _file(*found)

    async def all_controls() -> Response:
        return _json({name: source.decode() for name, source in controls.items()}, 200)

    _route(app, "/harness/controls.json", all_controls)
    _route(app, "/harness/<name>", harness)
    _route(app, "/tmpl/controls/<name>", control)  # noqa: S108 - amoCRM's address, no folder of ours
    _route(app, "/nm/<name>", vendor)
    _route(app, "/widgets/<code>/<path:path>", widget)


def _serve_actions(app: QuartTrio, shell: Shell) -> None:
    async def boot() -> Response:
        account = _account(shell)
        try:
            archive = shell.archive()
        except ValueError as error:
            raise _Refused(422, str(error)) from error
        document = pages.boot(
            shell.amo.world,
            account,
            _chosen_user(account),
            archive,
            lang=request.args.get("lang", "ru"),
            status=shell.status(account),
            fields=shell.saved.get(account.id, {}),
            switches=_switches(shell),
        )
        return _json(document, 200)

    async def token() -> Response:
        account = _account(shell)
        body = await _body()
        user = _user(account, body.get("user"))
        if not account.is_installed and not _switches(shell).token_before_install:
            raise _Refused(403, "the integration is not installed")
        return _json({"token": mint(shell.amo.world, account, user)}, 200)

    async def act() -> Response:
        account = _account(shell)
        body = await _body()
        fields = body.get("fields")
        try:
            user = _user(account, body.get("user"))
            answer = await shell.act(account, user, str(body.get("action")), fields if isinstance(fields, dict) else {})
        except ValueError as error:
            raise _Refused(400, str(error)) from error
        return _json(answer, 200)

    async def post() -> Response:
        _account(shell)
        return _json(await _posted(shell, await _body()), 200)

    _route(app, "/ajax/shell/boot", boot)
    _route(app, "/ajax/shell/post", post, ("POST",))
    _route(app, "/ajax/shell/token", token, ("POST",))
    _route(app, "/ajax/shell/act", act, ("POST",))


def _account(shell: Shell) -> SimAccount:
    world = shell.amo.world
    found = world.accounts.get(world.hosts.get(request.host) or 0)
    if found is None:
        raise _Refused(404, "no account lives at this address")
    return found


def _chosen_user(account: SimAccount) -> SimUser:
    """Whoever the address names; else the account's administrator."""
    asked = request.args.get("user", "")
    return _user(account, int(asked)) if asked.isdigit() else account.owner


def _user(account: SimAccount, user_id: object) -> SimUser:
    found = account.users.get(user_id) if isinstance(user_id, int) else None
    if found is None or not found.is_active:
        raise _Refused(403, "the account has no such user")
    return found


def _switches(shell: Shell) -> ShellSwitches:
    try:
        return shell.switches.asked(request.args)
    except ValueError as error:
        raise _Refused(400, str(error)) from error


async def _body() -> dict[str, Any]:
    """The JSON body of the page's own request; another site can send neither the type nor the header."""
    if request.mimetype != "application/json" or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise _Refused(403, "only the account's own page may do that")
    try:
        found = orjson.loads(await request.get_data())
    except orjson.JSONDecodeError as error:
        raise _Refused(400, f"the body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise _Refused(400, "the body is not an object")
    return found


async def _posted(shell: Shell, wanted: dict[str, Any]) -> dict[str, Any]:
    """What `crm_post` does on the server (documentation, "mechanics"); here it reaches the widget's service alone."""
    url, data = str(wanted.get("url")), wanted.get("data")
    if _origin(url) != _origin(shell.service_url):
        raise _Refused(502, f"{_origin(url)} cannot be reached from here")
    try:
        async with httpx.AsyncClient(verify=trusted(), timeout=POST_LIMIT_S) as client:
            answer = await client.post(url, data=data if isinstance(data, dict) else {})
    except httpx.HTTPError as error:
        raise _Refused(502, type(error).__name__) from error
    return {"status": answer.status_code, "body": answer.json() if wanted.get("type") == "json" else answer.text}


def _origin(url: str) -> str:
    split = urlsplit(url)
    return f"{split.scheme}://{split.netloc}" if split.netloc else ""


def _file(content: bytes, kind: str, *, kept_s: int = 0) -> Response:
    """A file that a browser may keep for `kept_s` seconds; the widget's are asked for anew every time."""
    response = Response(content)
    response.headers["Content-Type"] = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
    response.headers["Cache-Control"] = f"max-age={kept_s}" if kept_s else "no-cache"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _json(body: Mapping[str, Any], status: int) -> Response:
    response = Response(orjson.dumps(body), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
