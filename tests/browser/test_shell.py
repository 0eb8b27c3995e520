"""amoCRM's shell itself, with a small widget of its own: a good one passes, and each rule catches one that breaks it.

No service runs here: the widget's requests go to a stub at another origin, which says what it was asked.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import trio
from quart import Response, request
from quart_trio import QuartTrio
from widget_play import WidgetVisitor, visit_widget

from dealgram.sandbox.amocrm import AmoSimulator, SimAccount, SimIntegration
from dealgram.sandbox.serve import serve
from dealgram.sandbox.shell import ModulesMissingError, Shell, ShellSwitches, WidgetArchive, mount

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOURCE = Path(__file__).parent / "shell_widget"
PAGE = "/settings/widgets/dealgram/"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf00000003010100"
    "c9fe92ef0000000049454e44ae426082"
)
SECRET = "0123456789abcdef" * 4


def zipped(api: str, broken: tuple[tuple[str, str, str], ...] = ()) -> bytes:
    """The widget's archive; each of `broken` names a file, a text in it and what stands there instead."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(SOURCE.rglob("*")):
            if path.is_file():
                name = path.relative_to(SOURCE).as_posix()
                text = path.read_text(encoding="utf-8").replace("%API%", api)
                for _, was, becomes in (one for one in broken if one[0] == name):
                    assert was in text, was
                    text = text.replace(was, becomes)
                archive.writestr(name, text)
        archive.writestr("images/logo_main.png", PIXEL)
    return packed.getvalue()


@dataclass
class Stub:
    """The widget's backend at an origin of its own: what it was asked, with the tokens that came along."""

    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def app(self) -> QuartTrio:
        app = QuartTrio(__name__)

        @app.route("/<path:path>", methods=["GET", "POST", "DELETE", "OPTIONS"], provide_automatic_options=False)
        async def answer(path: str) -> Response:
            self.asked.append((request.method, path, request.headers.get("X-Auth-Token", "")))
            if path == "wait" and request.method == "GET":
                await trio.sleep_forever()
            response = Response("", status=204) if request.method == "OPTIONS" else Response('{"ok":true}', 200)
            response.headers["Access-Control-Allow-Origin"] = request.headers.get("Origin", "")
            response.headers["Access-Control-Allow-Headers"] = "X-Auth-Token, Content-Type"
            response.headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE"
            response.content_type = "application/json"
            return response

        return app

    def tokens(self, path: str) -> list[str]:
        return [token for method, asked, token in self.asked if asked == path and method != "OPTIONS"]


@dataclass
class Stage:
    """The simulated amoCRM with the shell, the stub, and the addresses of both."""

    amo: AmoSimulator
    account: SimAccount
    shell: Shell
    stub: Stub
    api: str
    widget: Callable[[], bytes]

    def url(self, path: str = PAGE, **query: str) -> str:
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        return f"http://{self.account.host}{path}?{asked}"

    def breaks(self, *broken: tuple[str, str, str]) -> None:
        """From now on the archive has these faults."""
        data = zipped(self.api, broken)
        trio.from_thread.run_sync(partial(setattr, self.shell, "widget_zip", lambda: data))


@pytest.fixture
async def stage(nursery):
    amo = AmoSimulator(
        integration=SimIntegration(client_id="c-1", client_secret=SECRET, redirect_uri="https://svc.example:8443/oauth")
    )
    stub = Stub()
    try:
        shell = mount(amo.app, amo, lambda: data, SOURCE.parents[2] / "node_modules")
    except ModulesMissingError as error:
        pytest.skip(str(error))
    await nursery.start(amo.run)
    account = amo.add_account("proba", "Проба")
    amo.add_user(account, "Пётр Менеджер")
    amo.serve_at(account, f"127.0.0.1:{await nursery.start(partial(serve, amo.app))}")
    api = f"http://127.0.0.1:{await nursery.start(partial(serve, stub.app()))}"
    data = zipped(api)
    shell.service_url = api
    account.is_installed = True
    amo.redirect_url = f"{api}/oauth/callback"
    amo.uninstall_url = f"{api}/oauth/uninstalled"
    yield Stage(amo, account, shell, stub, api, lambda: data)
    assert amo.violations == []
    nursery.cancel_scope.cancel()


def errors(visitor: WidgetVisitor) -> list[str]:
    return list(visitor.page.evaluate("() => window.__shell.errors"))


async def test_a_widget_that_keeps_the_rules_finds_everything_amocrm_promises(stage, in_browser):
    def story(browser: Any) -> list[str]:
        visitor = visit_widget(browser)
        page = visitor.page
        visitor.comes_from_elsewhere(stage.url())
        assert page.locator(".dgm-name").inner_text() == "<b>Анна</b>"
        assert page.locator(".dgm-hello").inner_text() == "Здравствуйте"
        assert page.locator("#work-area-dealgram > .dgm-root").count() == 1
        native_controls(page)
        windows(page)
        requests(page, stage)
        assert facts(page) == {
            "area": "advanced_settings",
            "page": "advanced-settings:dealgram",
            "status": "not_configured",
            "version": "1.2.3",
            "account": str(stage.account.id),
            "admin": True,
            "lang": "ru",
            "data": "The cupcake is a lie.",
            "ref": True,
        }
        visitor.leaves()
        assert page.locator(".dgm-root").count() == 0
        pause(visitor, 1600)  # the shell gives open requests this long before it complains
        assert errors(visitor) == []
        return visitor.complaints

    assert await in_browser(story) == []


def native_controls(page: Any) -> None:
    select = page.locator(".control--select")
    assert select.locator(".control--select--button").inner_text() == "<b>Сервис</b>"
    page.evaluate("""() => { window.heard = []; dgm.$('input[name=pipeline]')
        .on('change controls:change', (event) => heard.push(event.type + ' ' + event.target.value)); }""")
    select.locator(".control--select--button").click()
    assert "control--select--list-opened" in select.locator("ul").get_attribute("class")
    select.locator("li").first.click()
    assert select.locator(".control--select--button").inner_text() == "Продажи"
    assert page.evaluate("() => heard") == ["change 1", "controls:change 1"]
    assert page.locator("input[name=pipeline]").get_attribute("data-prev-value") == "2"
    box = page.locator(".control-checkbox")
    box.click()
    assert "is-checked" in box.get_attribute("class")
    assert page.locator("input[name=word]").input_value() == '"><i>'


def windows(page: Any) -> None:
    window = page.locator(".modal.dgm-window")

    def open_and(act: Callable[[], Any]) -> int:
        page.locator(".dgm-open").click()
        window.wait_for()
        act()
        return int(window.count())

    assert open_and(lambda: page.keyboard.press("Escape")) == 0
    assert open_and(lambda: window.locator(".button-cancel").click()) == 0
    assert open_and(lambda: window.locator(".modal-body__close").dispatch_event("click")) == 0
    assert open_and(lambda: page.mouse.click(8, 450)) == 0, "a press beside the window closes it"
    page.locator(".dgm-open").click()
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("Enter")
    assert page.evaluate("() => window.dgmAccepted") == 1
    window.locator(".dgm-word").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("() => window.dgmAccepted") == 1, "Enter in a field is the field's"
    assert window.locator(".modal-overlay--loading").count() == 1, "accepting shows that it goes on"
    page.evaluate("() => { window.dgmStay = true; }")
    page.keyboard.press("Escape")
    assert window.count() == 1, "the option destroy said false"
    page.evaluate("() => { window.dgmStay = false; dgmModal.showError('Не вышло'); }")
    assert "Не вышло" in window.inner_text()
    window.locator(".button-cancel").click()
    assert window.count() == 0


def requests(page: Any, stage: Stage) -> None:
    answers = page.evaluate("""() => Promise.all([
        dgm.self.$authorizedAjax({ url: dgm.api + '/echo', dataType: 'json' }),
        dgm.self.$authorizedAjax(
            { url: dgm.api + '/post', method: 'POST', contentType: 'application/json', data: '{}' }),
    ])""")
    assert answers == [{"ok": True}, {"ok": True}]
    asked = stage.stub.asked
    assert ("OPTIONS", "echo", "") in asked, "another origin is asked first whether it allows the header"
    first, second = stage.stub.tokens("echo") + stage.stub.tokens("post")
    claims = [
        jwt.decode(token, SECRET, algorithms=["HS256"], audience="https://svc.example", options={"verify_nbf": False})
        for token in (first, second)
    ]
    assert claims[0]["jti"] != claims[1]["jti"]
    assert claims[0]["iss"] == f"http://{stage.account.host}"
    assert claims[0]["user_id"] == stage.account.owner.id
    assert claims[0]["exp"] - claims[0]["iat"] == 1800
    posted = """() => new Promise((done) => dgm.self.crm_post(dgm.api + '/proxied', { a: 1 }, done, 'json'))"""
    assert page.evaluate(posted) == {"ok": True}
    assert stage.stub.tokens("proxied") == [""], "amoCRM's server asks, without a token"
    pipelines = page.evaluate("() => dgm.$.ajax('/api/v4/leads/pipelines')")
    assert [one["name"] for one in pipelines["_embedded"]["pipelines"]] == ["Воронка"]


def facts(page: Any) -> dict[str, Any]:
    return dict(
        page.evaluate("""() => ({
            area: dgm.self.system().area,
            page: APP.getWidgetsArea(),
            status: dgm.self.get_install_status(),
            version: dgm.self.get_version(),
            account: APP.constant('account').id,
            admin: AMOCRM.constant('user_rights').is_admin,
            lang: APP.lang_id,
            data: dgm.self.render({ data: 'The {{ good }} is a lie.' }, { good: 'cupcake' }),
            ref: dgm.self.render({ ref: '/tmpl/controls/button.twig' }, { text: 'Да' }).includes('button-input-inner'),
        })""")
    )


def at(place: str, code: str) -> tuple[str, str, str]:
    return "script.js", f"/* at {place} */", f"{code} /* at {place} */"


def root(attributes: str) -> tuple[str, str, str]:
    return "script.js", '<div class="dgm-root">', f"<div {attributes}>"


Edit = tuple[str, str, str]
BROKEN: list[dict[str, tuple[Edit, str]]] = [
    {
        "an undocumented global": (at("page", "try { APP.router; } catch (error) { }"), "APP: APP.router"),
        "a written global": (at("page", "try { APP.mine = 1; } catch (error) { }"), "APP: APP.mine was written"),
        "a set constant": (at("page", "try { APP.constant('user', {}); } catch (e) { }"), "APP: the constant user was"),
        "requests in a loop": (
            at("page", "[1, 2].forEach(function (id) { self.$authorizedAjax({ url: part.api + '/items/' + id }); });"),
            "loop: 2 requests at once: GET /items/…",
        ),
        "a synchronous request": (
            at("page", "$.ajax({ url: '/api/v4/leads/pipelines', async: false });"),
            "sync: a synchronous request",
        ),
        "a token by hand": (
            at("page", "$.ajax({ url: part.api + '/echo', headers: { 'X-Auth-Token': 'x' } });"),
            "token: X-Auth-Token is set by amoCRM alone",
        ),
        "an element beside": (at("page", "$('<i>').appendTo('body');"), "dom: added to <body"),
        "a changed menu": (at("page", "$('.aside__title').text('Мой');"), 'dom: added to <h2 class="aside__title">'),
        "a class on the page": (at("page", "$('body').addClass('mine');"), "dom: class of <body"),
        "a removed element": (at("page", "$('.profile__account').remove();"), "dom: removed from"),
    },
    {
        "a callback throws": (at("page", "throw new Error('oh');"), "callback: advancedSettings threw Error: oh"),
        "hooks of amoCRM, a taken id, a layer": (
            root('class="dgm-root js-list-save" id="nav_menu" style="position: fixed"'),
            "hook: the class js-list-save",
        ),
        "a taken id": (at("page", ""), "hook: the id nav_menu is taken"),
        "a layer over the page": (at("page", ""), "layer: "),
        "a selector without a prefix": (("style.css", ".dgm-root .dgm-name", "p"), "style: the selector p reaches"),
        "a foreign variable": (("style.css", "--dgm-gap: 8px", "--palette-link: red"), "style: the selector :root"),
        "a foreign stylesheet": (
            at("init", "$('<link>', { rel: 'stylesheet', href: self.params.path + '/style.css' }).appendTo('head');"),
            "style: a stylesheet that is not /widgets/dealgram/style.css?v=1.2.3",
        ),
        "an unknown control": (
            ("templates/page.twig", "include_control('checkbox'", "include_control('slider'"),
            "control: amoCRM has no control slider",
        ),
    },
    {
        "a handler left": (
            ("script.js", "$(document).off(space);", ""),
            "destroy: left behind: document click.dealgram",
        ),
        "a request left open": (("script.js", "poll.abort();", ""), "destroy: a request is still open after destroy"),
        "a request after destroy": (
            at("destroy", "setTimeout(function () { $.ajax(part.api + '/echo'); }, 50);"),
            "destroy: a request after destroy: GET /echo",
        ),
    },
    {
        "an interval left": (at("page", "setInterval(function () { }, 1000);"), "destroy: left behind: interval"),
        "a window with templates": (
            at("page", "new Modal({ preload_templates: ['page'] });"),
            "modal: preload_templates",
        ),
    },
    {"render says nothing": (at("render", "return;"), "callback: render has not returned true")},
    {
        "init says nothing": (at("init", "return;"), "callback: init has not returned true"),
        "a callback is missing": (("script.js", "bind_actions: function", "bind: function"), "callback: bind_actions"),
    },
    {"an unknown module": (("script.js", "'./lib/part.js'", "'lib/core/secret'"), "script: ")},
]


async def test_each_rule_catches_a_widget_that_breaks_it(stage, in_browser):
    def story(browser: Any) -> dict[str, list[str]]:
        missed = {}
        visitor = visit_widget(browser)
        for faults in BROKEN:
            stage.breaks(*(edit for edit, _ in faults.values()))
            visitor.opens(stage.url())
            pause(visitor, 60)
            visitor.page.evaluate("() => window.__shell.inspect()")
            visitor.goes("/dashboard/")
            pause(visitor, 1600 if "a request left open" in faults else 0)
            found = errors(visitor)
            missed |= {
                name: found
                for name, (_, expected) in faults.items()
                if not any(one.startswith(expected) for one in found)
            }
        return missed

    assert await in_browser(story) == {}
    assert all("/lib/core/secret.js" in one for one in stage.amo.violations)
    stage.amo.violations.clear()


def pause(visitor: WidgetVisitor, ms: int) -> None:
    """The page's own time passes: what waits for it cannot be seen from outside."""
    visitor.page.evaluate("(ms) => new Promise((done) => setTimeout(done, ms))", ms)


async def test_installing_saving_and_switching_off_go_through_the_settings_window(stage, in_browser):
    stage.account.is_installed = False

    def story(browser: Any) -> list[str]:
        visitor = visit_widget(browser)
        page = visitor.page
        visitor.opens(stage.url())
        assert urlsplit(page.url).path == "/settings/widgets/", "a page of settings comes with the installation"
        window = page.locator(".widget-settings__modal")
        save = window.locator(".js-widget-save")
        assert page.evaluate("() => window.dgmSettings") == 1
        page.evaluate("() => document.querySelector('.js-widget-install').click()")
        assert errors(visitor) == ["click: a virtual click on .js-widget-install"]
        visitor.complaints.clear()
        page.evaluate("() => { window.__shell.errors.length = 0; }")

        window.locator(".js-widget-install").click()
        window.locator(".js-widget-uninstall").wait_for()
        assert stage.account.is_installed
        assert page.evaluate("() => window.__shell.status()") == "not_configured", "onSave wanted a name"
        window.locator("input[name=client_name]").fill("Ольга")
        save.click()
        page.locator(".js-widget-save.button-input-saved").wait_for()
        assert stage.shell.saved[stage.account.id] == {"client_name": "Ольга", "consent": "1"}
        assert page.evaluate("() => window.__shell.status()") == "installed"
        assert page.locator(".aside__item", has_text="Страница пробы").count() == 1

        window.locator(".js-widget-uninstall").click()
        window.wait_for(state="detached")  # the tile behind it may still say what it said before the installation
        page.locator(".widget-tile__state_install").wait_for(state="attached")
        assert page.evaluate("() => dgmSaved.map((one) => one.active)") == ["Y", "Y", "N"]
        assert not stage.account.is_installed
        visitor.settles()
        assert errors(visitor) == []
        return visitor.complaints

    assert await in_browser(story) == []
    (call, *_) = stage.amo.server_calls
    assert parse_qs(urlsplit(call.url).query)["from_widget"] == ["1"]
    assert [one.kind for one in stage.amo.server_calls] == ["install", "uninstall"]


async def test_what_is_not_documented_is_a_switch(stage, in_browser):
    def story(browser: Any) -> list[str]:
        visitor = visit_widget(browser)
        page = visitor.page
        visitor.opens(stage.url(work_area="0", include_control_escapes="0", token_reuse="1", select_keys="1"))
        page.locator("#list_page_holder > .dgm-root .dgm-name").wait_for()
        assert page.locator(".control--select--button b").inner_text() == "Сервис", "the option was markup"
        requests_of = "() => dgm.self.$authorizedAjax({ url: dgm.api + '/echo' })"
        page.evaluate(requests_of)
        page.evaluate(requests_of)
        first, second = stage.stub.tokens("echo")
        assert first == second
        page.locator(".control--select--button").focus()
        page.keyboard.press("ArrowUp")
        assert page.locator("input[name=pipeline]").input_value() == "1"
        visitor.opens(stage.url("/settings/widgets/", widget="dealgram", on_save_rejection="closed"))
        page.locator(".js-widget-save").wait_for()
        page.locator("input[name=client_name]").fill("x")
        page.locator("input[name=client_name]").fill("")
        page.locator(".js-widget-save").click()
        page.locator(".widget-settings__modal").wait_for(state="detached")
        assert stage.account.id not in stage.shell.saved
        return visitor.complaints

    assert await in_browser(story) == []


def test_a_switch_has_its_positions_only():
    switches = ShellSwitches().asked({"work_area": "0", "on_save_rejection": "closed", "theme": "dark"})
    assert (switches.work_area, switches.on_save_rejection) == (False, "closed")
    for wrong in ({"work_area": "no"}, {"on_save_rejection": "maybe"}):
        with pytest.raises(ValueError, match="is "):
            ShellSwitches().asked(wrong)


def test_an_archive_that_amocrm_would_not_take_is_refused():
    for data, reason in ((b"no zip", "no zip archive"), (_packed({"a/manifest.json": "{}"}), "no manifest.json")):
        with pytest.raises(ValueError, match=reason):
            WidgetArchive(data)


def _packed(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()
