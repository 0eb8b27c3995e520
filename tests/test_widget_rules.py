"""The archive, held to each moderation rule that a script can test.

Every rule of the checker has archives here that break it and nothing else; one run of the checker looks at all of them.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dealgram.widget_archive import WidgetConfig, build

ROOT = Path(__file__).resolve().parent.parent
RELEASED = "0.9.0"
HOST = "https://seller.ru"
SELLER = WidgetConfig(
    api_url=f"{HOST}/api/v1",
    informer_url=f"{HOST}/widget_controller/informer",
    enum_id="1070001",
    support_email="help@seller.ru",
    support_phone="+7 495 111-22-33",
    support_url=f"{HOST}/support",
    price_url=f"{HOST}/price",
    pay_url=f"{HOST}/pay",
    privacy_url=f"{HOST}/privacy",
    manual_url=f"{HOST}/manual",
    price="1 900 ₽ в месяц за аккаунт",
    locales=("ru",),
)

Files = dict[str, bytes]


def files_of(archive: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


QUIET = "lib/phone.js"
"""A script of ours that breaches are put into."""


def zipped(files: Files, *, seconds: dict[str, int] | None = None, order: list[str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in order or sorted(files):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, (seconds or {}).get(name, 0)))
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()


@dataclass(frozen=True)
class Broken:
    """An archive that breaks `rule`: what is wrong, and the hand that does it."""

    rule: str
    what: str
    change: Callable[[Files], None]
    name: str = "widget.zip"
    pack: Callable[[Files], bytes] = zipped


def replaced(name: str, old: str, new: str, count: int = 1) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        text = files[name].decode()
        assert old in text, f"{name} has no {old!r} any more"
        files[name] = text.replace(old, new, count).encode()

    return change


def script(code: str, name: str = QUIET) -> Callable[[Files], None]:
    """The code stands at the beginning of the module."""
    return replaced(name, "'use strict';\n", f"'use strict';\n\n  {code}\n")


def appended(name: str, text: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        files[name] += text.encode()

    return change


def added(name: str, text: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        files[name] = text.encode()

    return change


def without(name: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        del files[name]

    return change


def document(name: str, change: Callable[[Any], None]) -> Callable[[Files], None]:
    def whole(files: Files) -> None:
        parsed = json.loads(files[name])
        change(parsed)
        files[name] = (json.dumps(parsed, ensure_ascii=False, indent=2) + "\n").encode()

    return whole


def manifest(**changes: Any) -> Callable[[Files], None]:
    """Values by path, `widget__version="2"`; None takes one out."""

    def change(parsed: Any) -> None:
        for path, value in changes.items():
            *keys, last = path.split("__")
            node = parsed
            for key in keys:
                node = node[key]
            if value is None:
                del node[last]
            else:
                node[last] = value

    return document("manifest.json", change)


def text(locale: str, path: str, value: str | None) -> Callable[[Files], None]:
    def change(parsed: Any) -> None:
        *keys, last = path.split(".")
        node = parsed
        for key in keys:
            node = node.setdefault(key, {})
        if value is None:
            del node[last]
        else:
            node[last] = value

    return document(f"i18n/{locale}.json", change)


def all_of(*changes: Callable[[Files], None]) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        for one in changes:
            one(files)

    return change


def animated(files: Files) -> None:
    png = files["images/logo.png"]
    body = b"acTL" + struct.pack(">II", 2, 0)
    chunk = struct.pack(">I", 8) + body + struct.pack(">I", zlib.crc32(body))
    place = png.index(b"IDAT") - 4
    files["images/logo.png"] = png[:place] + chunk + png[place:]


def small(files: Files) -> Files:
    """The archive with a stub in the place of the settings page: as good as the whole, and read much faster."""
    rest = {name: data for name, data in files.items() if not re.match(r"templates/|lib/(?:page|dialogs)/", name)}
    for name in ("lib/api.js", "lib/view.js"):
        rest.pop(name, None)
    rest["lib/page/page.js"] = STUB.encode()
    about = json.loads(rest["manifest.json"])
    tour = about["tour"]["tour_images"]
    for locale, pictures in tour.items():
        for path in pictures[1:]:
            del rest[path.lstrip("/")]
        tour[locale] = pictures[:1]
    rest["manifest.json"] = (json.dumps(about, indent=2) + "\n").encode()
    rest[TEMPLATE] = b"<p class=\"dgm-x\">{{ t('page.title')|escape }}</p>\n"
    for locale in (RU, EN):
        texts = json.loads(rest[locale])
        kept = {top: texts[top] for top in ("widget", "settings", "modal", "advanced")}
        kept["page"] = {name: texts["page"][name] for name in ("locale", "title")}
        rest[locale] = (json.dumps(kept, ensure_ascii=False, indent=2) + "\n").encode()
    return rest


def untouched(files: Files) -> None:
    """What is wrong is the zip itself."""


STUB = """define([], function () {
  'use strict';

  const template = 'page/footer';

  return {
    open: function () {
      return template;
    },
    close: function () {
      return true;
    }
  };
});
"""
RU = "i18n/ru.json"
EN = "i18n/en.json"
TEMPLATE = "templates/page/footer.twig"
TOKEN = "7123456789:AAHb3kq9Tz0vWx1Yc2Ud3Ve4Wf5Xg6Yh7Zi"

BROKEN = [
    Broken("A1", "another name", untouched, name="my_widget.zip"),
    Broken("A2", "a logo is missing", without("images/logo_min.png")),
    Broken("A3", "a logo of another size", lambda f: f.update({"images/logo.png": f["images/logo_min.png"]})),
    Broken("A4", "an animated logo", animated),
    Broken("A4", "a heavy picture", appended("images/tour_1_ru.png", "\0" * 320_000)),
    Broken("A4", "a text under a picture’s name", added("images/logo.png", "no picture")),
    Broken("A5", "a script that nothing names", added("lib/x.js", "define([], function () {\n  'use strict';\n});\n")),
    Broken("A5", "a file for developers", added("README.md", "About\n")),
    Broken("A5", "a dependency that is not there", replaced(QUIET, "define([]", "define(['./nothing.js']")),
    Broken("A6", "Windows line ends", replaced("style.css", "\n", "\r\n")),
    Broken("A6", "a byte order mark", lambda f: f.update({"style.css": b"\xef\xbb\xbf" + f["style.css"]})),
    Broken("A6", "no UTF-8", lambda f: f.update({"style.css": f["style.css"] + "/* é */\n".encode("latin-1")})),
    Broken("A7", "a long line", script("/* " + "many words and " * 15 + " */")),
    Broken("A7", "a source map", script("/* sourceMappingURL */")),
    Broken("A8", "an entry of another time", untouched, pack=lambda f: zipped(f, seconds={"script.js": 2})),
    Broken("A8", "unsorted entries", untouched, pack=lambda f: zipped(f, order=sorted(f, reverse=True))),
    Broken("A8", "the version of the last release", manifest(widget__version=RELEASED)),
    Broken("M1", "a comment", replaced("manifest.json", "{", '{ // "widget"')),
    Broken("M1", "a comma at the end", replaced(RU, "}\n}", "},\n}")),
    Broken("M2", "no init_once", manifest(widget__init_once=None)),
    Broken("M2", "no tour", manifest(tour__is_tour=False)),
    Broken("M2", "a picture too few", replaced("manifest.json", '1_ru.png"', '1_ru.png", "/images/tour_9_ru.png"')),
    Broken("M3", "a key of before 2019", manifest(widget__secret_key="x")),
    Broken("M3", "a bot’s token", script(f"const kept = '{TOKEN}';")),
    Broken("M4", "a location too many", manifest(locations=["settings", "advanced_settings", "lcard-1"])),
    Broken("M4", "a callback without a location", replaced("script.js", "onSave:", "dpSettings: null,\n      onSave:")),
    Broken("M4", "a location without a callback", replaced("script.js", "advancedSettings:", "onInstall:")),
    Broken("M5", "an unknown kind of field", manifest(settings__phone_number__type="phone")),
    Broken("M5", "two custom fields", manifest(settings__phone_number__type="custom")),
    Broken("M5", "a title that is no text", manifest(settings__phone_number__name="settings")),
    Broken("M6", "a locale that is not named", manifest(widget__locale=["ru"])),
    Broken("I1", "a text missing in one locale", text("en", "modal.saved", None)),
    Broken("I1", "an empty text", text("en", "modal.saved", " ")),
    Broken(
        "I1", "a text that nobody uses", all_of(text("ru", "modal.extra", "Ещё"), text("en", "modal.extra", "More"))
    ),
    Broken("I1", "a text that nobody wrote", replaced("lib/settings_modal.js", "'modal.saved'", "'modal.sawed'")),
    Broken("I1", "other placeholders", text("en", "modal.consent", "I agree to everything")),
    Broken("I2", "Cyrillic in English", text("en", "modal.saved", "Готово")),
    Broken("I2", "a .ru address in English", text("en", "modal.saved", "See seller.ru")),
    Broken("I2", "English in Russian", text("ru", "modal.saved", "The integration is registered")),
    Broken("I3", "amo in the name", text("ru", "widget.name", "amoBots")),
    Broken("I3", "a misspelt amoCRM", replaced(RU, "amoCRM", "AMO CRM")),
    Broken("I3", "the name of a part of amoCRM", text("ru", "widget.name", "Чаты")),
    Broken("I4", "a link without a target", replaced(RU, ' target=\\"_blank\\"', "")),
    Broken("I4", "a bare address", text("ru", "modal.saved", "Готово: https://seller.ru/x")),
    Broken("I4", "heavy markup", text("ru", "modal.saved", "<h1>Готово</h1>")),
    Broken("I5", "no privacy policy", replaced(RU, "Политика конфиденциальности", "Правила")),
    Broken("I5", "no telephone", lambda f: f.update({EN: re.sub(rb"Phone: \+[^,]*", b"Phone: none", f[EN], count=1)})),
    Broken("I6", "a free trial", text("ru", "modal.saved", "Первые 14 дней бесплатно")),
    Broken("I6", "licences through partners", text("ru", "modal.saved", "Лицензии — через партнёра")),
    Broken("I7", "a standard page", text("ru", "advanced.title", "Пользователи")),
    Broken("J1", "eval", script("window.eval('1');")),
    Broken("J1", "a timer with a text", script("window.setTimeout('run()', 10);")),
    Broken("J1", "new Function", script("return new window.Function('return 1');")),
    Broken("J2", "alert", script("window.alert('!');")),
    Broken("J2", "a bare confirm", all_of(script("const sure = window.confirm('?');"))),
    Broken("J3", "console.log", script("window.console.log('x');")),
    Broken("J3", "a trace without a failure", script("console.trace('x');")),
    Broken("J4", "a script element", script("document.createElement('script');")),
    Broken("J4", "a dependency from outside", replaced(QUIET, "define([]", "define(['https://cdn.seller.ru/x.js']")),
    Broken("J4", "an undocumented module", replaced(QUIET, "define([]", "define(['lib/components/base/confirm']")),
    Broken("J5", "a synchronous request", replaced("lib/informer.js", "dataType: 'json',", "async: false,")),
    Broken("J5", "requests in a loop", script("for (const one of [1, 2]) { $.get('/' + one); }", "lib/informer.js")),
    Broken("J5", "requests in each", script("[1, 2].forEach((one) => window.fetch('/' + one));")),
    Broken("J6", "an undeclared variable", script("counter = 1;")),
    Broken("J6", "a syntax error", script("const = 1;")),
    Broken("J6", "sloppy mode", replaced(QUIET, "'use strict';\n", "")),
    Broken("J7", "code in a comment", script("// const number = digits(text);")),
    Broken("J7", "a note to oneself", script("// TODO: say more")),
    Broken("J7", "test data", script("const host = 'http://localhost:8080';")),
    Broken("J7", "a stop for the debugger", script("debugger;")),
    Broken("J7", "a rule in a comment", appended("style.css", "/* color: red; */\n")),
    Broken("J8", "writing to APP", script("APP.data.seen = true;")),
    Broken("J8", "writing a constant", script("APP.constant('account', {});")),
    Broken("J8", "an undocumented property", script("APP.router.navigate('/');")),
    Broken("J9", "pressing «Сохранить»", script("$('.js-widget-save').trigger('click');", "lib/informer.js")),
    Broken("J9", "reaching for «Установить»", script("$('.js-widget-install').hide();", "lib/informer.js")),
    Broken(
        "J10", "hiding the rating", appended("style.css", ".dgm-x .widget-settings__rating {\n  display: none;\n}\n")
    ),
    Broken("J10", "a class that goes", script("$('.x').hasClass('switcher__on');", "lib/informer.js")),
    Broken("J11", "render that may be false", replaced("script.js", "return true;", "return false;")),
    Broken("J11", "a handler for ever", script("$(document).on('click', $.noop);", "lib/informer.js")),
    Broken("J11", "no destroy", replaced("script.js", "destroy:", "onInstall:")),
    Broken("C1", "a tag of everybody’s", appended("style.css", "input {\n  color: red;\n}\n")),
    Broken("C1", "a class of amoCRM’s", appended("style.css", ".button-input .dgm-x {\n  color: red;\n}\n")),
    Broken("C1", "more than variables on the root", appended("style.css", ":root {\n  color: red;\n}\n")),
    Broken("C2", "an import", appended("style.css", '@import "more";\n')),
    Broken("C2", "a variable of amoCRM’s", appended("style.css", ".dgm-x {\n  --palette-text-primary: red;\n}\n")),
    Broken("C2", "an animation for all", appended("style.css", "@keyframes spin {\n  to {\n    top: 0;\n  }\n}\n")),
    Broken("C3", "a style sheet loaded otherwise", replaced("script.js", "'/style.css?v='", "'style.css?v='")),
    Broken("C4", "a layer over everything", appended("style.css", ".dgm-x {\n  position: fixed;\n}\n")),
    Broken("C4", "a high layer", appended("style.css", ".dgm-x {\n  z-index: 9999;\n}\n")),
    Broken("T1", "an unescaped name", appended(TEMPLATE, "<b>{{ name }}</b>\n")),
    Broken("T1", "half escaped", appended(TEMPLATE, "<b>{{ a ~ b|escape }}</b>\n")),
    Broken("T1", "raw", appended(TEMPLATE, "<b>{{ name|escape|raw }}</b>\n")),
    Broken("T1", "an inline handler", appended(TEMPLATE, '<b onclick="go()"></b>\n')),
    Broken("T2", "elseif with any value", appended(TEMPLATE, "{% if a %}1{% elseif b %}2{% endif %}\n")),
    Broken("T2", "half compared", appended(TEMPLATE, "{% if a %}1{% elseif b == '==' and c %}2{% endif %}\n")),
    Broken("S2", "kept in the browser", script("window.sessionStorage.setItem('a', 'b');")),
    Broken("S2", "a value kept for long", script("window.localStorage.setItem('a', document.title);")),
]

FINE = {
    "a trace in a failure": script("try { digits(''); } catch (error) { console.trace(error); }"),
    "console.debug": script("console.debug('started');"),
    "a handler with a namespace": script("$(document).on('click.dealgram', $.noop);", "lib/informer.js"),
    "an animation of our own": appended("style.css", "@keyframes dgm-x {\n  to {\n    top: 0;\n  }\n}\n"),
    "escaped as a whole": appended(TEMPLATE, "<b>{{ (a ~ b)|escape }}{{ t('page.title')|escape }}</b>\n"),
    "elseif with comparisons": appended(
        TEMPLATE, "{% if a %}1{% elseif b == 'x' or not c %}2{% elseif d == true %}3{% endif %}\n"
    ),
    "a closed hint": script("window.localStorage.setItem('dgm-x', '1');"),
    "a comment in words": script("// The digits, then the sign; both may be absent (see above)."),
}


@dataclass(frozen=True)
class Findings:
    """What one run of the checker said: rules and breaches by archive."""

    rules: list[str]
    breaches: dict[str, list[dict[str, Any]]]


def node() -> str:
    found = shutil.which("node", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None or not (ROOT / "node_modules" / "acorn").is_dir():
        pytest.skip("no node with the modules of package-lock.json: run tools/node_modules.py")
    return found


def checked(archives: list[Path], *options: str) -> Findings:
    command = [node(), "widget/check/main.mjs", "--json", *options, *map(str, archives)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 1), done.stderr
    said = json.loads(done.stdout)
    breaches = {one["archive"]: one["breaches"] for one in said["results"]}
    assert done.returncode == int(any(breaches.values()))
    return Findings(said["rules"], breaches)


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("archives")
    clean = small(files_of(build(WidgetConfig())))
    paths: dict[str, Path] = {}

    def write(case: str, name: str, content: bytes) -> None:
        path = folder / str(len(paths)) / name
        path.parent.mkdir()
        path.write_bytes(content)
        paths[case] = path

    write("the whole", "widget.zip", build(WidgetConfig()))
    write("the small", "widget.zip", zipped(clean))
    for case, change in FINE.items():
        files = dict(clean)
        change(files)
        write(case, "widget.zip", zipped(files))
    for broken in BROKEN:
        files = dict(clean)
        broken.change(files)
        write(f"{broken.rule} {broken.what}", broken.name, broken.pack(files))
    found = checked(list(paths.values()), "--after", RELEASED)
    assert found.rules == list(dict.fromkeys(broken.rule for broken in BROKEN)), "each rule has archives that break it"
    return lambda case: found.breaches[str(paths[case])]


@pytest.mark.parametrize("case", ["the whole", "the small", *FINE])
def test_good_archive_passes(findings: Callable[[str], list[dict[str, Any]]], case: str) -> None:
    assert findings(case) == []


@pytest.mark.parametrize("broken", BROKEN, ids=lambda one: f"{one.rule} {one.what}")
def test_broken_archive_is_caught_by_its_rule(findings: Callable[[str], list[dict[str, Any]]], broken: Broken) -> None:
    breaches = findings(f"{broken.rule} {broken.what}")
    assert {one["rule"] for one in breaches} == {broken.rule}, breaches
    assert all(one["message"] for one in breaches)


def test_release_is_held_to_its_own_addresses(tmp_path: Path) -> None:
    paths = {name: tmp_path / name / "widget.zip" for name in ("seller", "placeholder", "local")}
    local = WidgetConfig(api_url="http://127.0.0.1:1/api/v1")
    for path, config in zip(paths.values(), (SELLER, WidgetConfig(), local), strict=True):
        path.parent.mkdir()
        path.write_bytes(build(config))
    breaches = checked(list(paths.values()), "--release").breaches
    assert breaches[str(paths["seller"])] == []
    assert {one["rule"] for one in breaches[str(paths["placeholder"])]} == {"J7"}
    assert any("127.0.0.1" in one["message"] for one in breaches[str(paths["local"])])
