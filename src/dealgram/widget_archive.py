"""The widget's archive: ``widget/archive/`` and a configuration in, the bytes of ``widget.zip`` out.

amoCRM takes a zip with ``manifest.json`` at its root and serves the files as they lie (amoCRM: structure of a widget).
Four things differ from the files in the tree, and nothing else does:

- ``lib/config.js`` is written from the configuration;
- ``%name%`` in ``manifest.json`` and ``i18n/*.json`` becomes the configured value (contacts, price, privacy policy),
  the English one in ``i18n/en.json`` where there is one: amoCRM forbids Russian addresses in English texts;
- locales that the configuration leaves out go, with their tour pictures (a widget sold through amoMarket is RU only);
- hidden files and editors' backups stay at home.

The same tree and configuration give the same bytes: names are sorted, times and permissions fixed. The version is the
manifest's; whoever changes the widget raises it there.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

PLACEHOLDER_HOST = "dealgram.example"
"""Host of every default address. A release is refused while it is anywhere in the archive."""

_TIME = (1980, 1, 1, 0, 0, 0)
_TOKEN = re.compile(r"%([a-z][A-Za-z]*)%")
_LOCALES = ("ru", "en")


class WidgetConfigError(ValueError):
    """The configuration cannot become an archive. The text says which value and why."""


@dataclass(frozen=True, slots=True)
class WidgetConfig:
    """What differs between sellers and installations. Addresses without a slash at their end."""

    api_url: str = f"https://{PLACEHOLDER_HOST}/api/v1"
    informer_url: str = f"https://{PLACEHOLDER_HOST}/widget_controller/informer"
    widget_name: str = "dealgram"
    enum_id: str = "0"
    support_email: str = f"support@{PLACEHOLDER_HOST}"
    support_phone: str = "+7 000 000-00-00"
    support_url: str = f"https://{PLACEHOLDER_HOST}/support"
    price_url: str = f"https://{PLACEHOLDER_HOST}/price"
    pay_url: str = f"https://{PLACEHOLDER_HOST}/pay"
    privacy_url: str = f"https://{PLACEHOLDER_HOST}/privacy"
    manual_url: str = f"https://{PLACEHOLDER_HOST}/manual"
    price: str = "От 0 ₽ в месяц за аккаунт"
    locales: tuple[str, ...] = _LOCALES
    english: Mapping[str, str] = field(default_factory=lambda: {"price": "From $0 a month for an account"})
    """JSON names (``priceUrl``) to the values that English texts take instead."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name.endswith("_url"):
                _check_address(_json_name(item.name), value)
        for name, value in self.english.items():
            if name not in self.values():
                raise WidgetConfigError(f"english.{name}: there is no such value")
            if name.endswith("Url"):
                _check_address(f"english.{name}", value)
        if not self.locales or set(self.locales) - set(_LOCALES):
            raise WidgetConfigError(f"locales: some of {', '.join(_LOCALES)}, at least one")

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read the form that ``widget/config.example.json`` shows. Unknown names are errors, absent ones defaults."""
        known = {_json_name(item.name): item.name for item in fields(cls)}
        arguments: dict[str, Any] = {}
        for name, value in document.items():
            if name not in known:
                raise WidgetConfigError(f"{name}: there is no such value; known: {', '.join(sorted(known))}")
            wanted: type = {"locales": list, "english": dict}.get(name, str)
            if not isinstance(value, wanted):
                raise WidgetConfigError(f"{name}: expected {'text' if wanted is str else wanted.__name__}")
            arguments[known[name]] = tuple(document[name]) if name == "locales" else value
        return cls(**arguments)

    def placeholders(self) -> list[str]:
        """Values that still are the defaults or hold the placeholder's host; a release has none."""
        defaults = type(self)()
        return [
            f"{prefix}{name}"
            for locale, prefix in (("ru", ""), ("en", "english."))
            if locale in self.locales
            for name, value in self.values(locale).items()
            if PLACEHOLDER_HOST in value or (value == defaults.values(locale)[name] and name != "widgetName")
        ]

    def values(self, locale: str = "ru") -> dict[str, str]:
        """The text values by JSON name, as a locale sees them."""
        texts = {
            _json_name(item.name): getattr(self, item.name)
            for item in fields(self)
            if item.name not in ("locales", "english")
        }
        if locale == "en":
            texts |= {name: value for name, value in self.english.items() if name in texts}
        return texts

    def with_values(self, values: Mapping[str, str]) -> Self:
        """A copy with some text values, by JSON name, replaced.

        Raises:
            WidgetConfigError: a name is unknown.
        """
        known = {_json_name(item.name): item.name for item in fields(self)}
        for name in values:
            if name not in self.values():
                raise WidgetConfigError(f"{name}: there is no such value; known: {', '.join(self.values())}")
        changes: dict[str, Any] = {known[name]: value for name, value in values.items()}
        return replace(self, **changes)


def source_folder() -> Path | None:
    """The tree's ``widget/archive``; None where the package was installed from a wheel."""
    folder = Path(__file__).resolve().parents[2] / "widget" / "archive"
    return folder if (folder / "manifest.json").is_file() else None


def build(config: WidgetConfig, source: Path | None = None) -> bytes:
    """The archive's bytes, from ``source`` (the tree's ``widget/archive`` without it).

    Raises:
        FileNotFoundError: there is no tree here.
        WidgetConfigError: a text names a value that the configuration does not have.
    """
    folder = source or source_folder()
    if folder is None:
        raise FileNotFoundError("the widget's source folder widget/archive is not beside this installation")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in _source_files(folder)}
    files["lib/config.js"] = config_module(config).encode()
    manifest = _without_locales(json.loads(_filled(files["manifest.json"], config.values(), "manifest.json")), config)
    files["manifest.json"] = _json_bytes(manifest)
    for locale in _LOCALES:
        name = f"i18n/{locale}.json"
        if locale not in config.locales:
            files.pop(name, None)
            files = {path: data for path, data in files.items() if not re.search(rf"/tour_\d+_{locale}\.", path)}
        elif name in files:
            files[name] = _filled(files[name], config.values(locale), name).encode()
    return _zipped(files)


def config_module(config: WidgetConfig) -> str:
    """The text of ``lib/config.js``: an AMD module that is the object of the values."""
    values = {name: value for name, value in config.values().items() if name != "price"}
    lines = [f"    {name}: {_js_string(value)}" for name, value in values.items()]
    return (
        "/* Addresses and ids of this installation; written when the archive is built. */\n"
        "define([], function () {\n  'use strict';\n\n  return {\n" + ",\n".join(lines) + "\n  };\n});\n"
    )


def manifest_version(archive: bytes) -> str:
    """The version that an archive's manifest names."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return str(json.loads(opened.read("manifest.json"))["widget"]["version"])


def _source_files(folder: Path) -> list[Path]:
    found = []
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") or part.endswith("~") for part in parts):
            found.append(path)
    return found


def _filled(data: bytes, values: Mapping[str, str], where: str) -> str:
    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if name not in values:
            raise WidgetConfigError(f"{where}: %{name}% names no value of the configuration")
        # A number is not broken over two lines.
        value = values[name].replace(" ", "\u00a0") if name == "supportPhone" else values[name]
        # The texts are JSON strings already, and a value becomes a part of one.
        return json.dumps(value, ensure_ascii=False)[1:-1]

    return _TOKEN.sub(value_of, data.decode())


def _without_locales(manifest: dict[str, Any], config: WidgetConfig) -> dict[str, Any]:
    widget = manifest["widget"]
    widget["locale"] = [locale for locale in widget["locale"] if locale in config.locales]
    tour = manifest.get("tour", {}).get("tour_images")
    if tour is not None:
        manifest["tour"]["tour_images"] = {locale: tour[locale] for locale in tour if locale in config.locales}
    return manifest


def _zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever it is built: the permissions below mean something there only
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name], compresslevel=9)
    return buffer.getvalue()


def _json_bytes(document: Any) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def _js_string(text: str) -> str:
    escaped = json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{escaped}'"


def _json_name(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _check_address(name: str, value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WidgetConfigError(f"{name}: not an address: {value!r}")
    if re.search(r"[\s\"'<>\\]", value):
        raise WidgetConfigError(f"{name}: an address holds no spaces, quotes or angle brackets")
