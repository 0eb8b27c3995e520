"""The archive of the widget: built alike everywhere, with a seller's values in it, and refused with placeholders."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dealgram.cli import cli
from dealgram.cli.context import Failure
from dealgram.widget_archive import (
    WidgetConfig,
    WidgetConfigError,
    build,
    config_module,
    manifest_version,
    source_folder,
)

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "widget" / "archive"
SELLER = WidgetConfig(
    api_url="https://bots.seller.ru/api/v1",
    informer_url="https://bots.seller.ru/widget_controller/informer",
    widget_name="Боты и группы",
    enum_id="1070001",
    support_email="help@seller.ru",
    support_phone="+7 495 111-22-33",
    support_url="https://seller.ru/support",
    price_url="https://seller.ru/price",
    pay_url="https://seller.ru/pay",
    privacy_url="https://seller.ru/privacy",
    manual_url="https://seller.ru/manual",
    price="1 900 ₽ в месяц за аккаунт",
    locales=("ru",),
)


def files_of(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_the_same_sources_give_the_same_bytes_under_any_clock_and_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(WidgetConfig())
    copy = tmp_path / "copy"
    before = os.umask(0o077)
    try:
        for path in sorted(SOURCE.rglob("*"), reverse=True):
            if path.is_file():
                target = copy / path.relative_to(SOURCE)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
                os.utime(target, (1_000_000_000, 1_000_000_000))
        (copy / ".DS_Store").write_bytes(b"x")
        (copy / "script.js~").write_bytes(b"x")
        monkeypatch.setenv("TZ", "Asia/Kamchatka")
        time.tzset()
        second = build(WidgetConfig(), copy)
    finally:
        os.umask(before)
        monkeypatch.undo()
        time.tzset()
    assert first == second


def test_config_in_the_tree_is_what_the_defaults_give() -> None:
    assert (SOURCE / "lib" / "config.js").read_text(encoding="utf-8") == config_module(WidgetConfig())
    assert source_folder() == SOURCE


def test_values_of_the_configuration_stand_in_texts_and_scripts() -> None:
    files = files_of(build(SELLER))
    assert "i18n/en.json" not in files
    assert not [name for name in files if name.endswith("_en.png")]
    manifest = json.loads(files["manifest.json"])
    assert manifest["widget"]["locale"] == ["ru"]
    assert manifest["widget"]["support"] == {"link": "https://seller.ru/support", "email": "help@seller.ru"}
    description = json.loads(files["i18n/ru.json"])["widget"]["description"]
    assert "+7\u00a0495\u00a0111-22-33" in description
    assert "1 900 ₽" in description
    assert "informerUrl: 'https://bots.seller.ru/widget_controller/informer'" in files["lib/config.js"].decode()
    assert not [name for name in files if b"dealgram.example" in files[name] or re.search(rb"%[a-z]\w*%", files[name])]


def test_english_texts_take_english_values() -> None:
    config = WidgetConfig(english={"priceUrl": "https://seller.com/price", "price": "$20 a month"})
    files = files_of(build(config))
    assert "https://seller.com/price" in files["i18n/en.json"].decode()
    assert "https://seller.com/price" not in files["i18n/ru.json"].decode()


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"apiUrl": "bots.seller.ru"}, "apiUrl: not an address"),
        ({"payUrl": 'https://x/"><b>'}, "payUrl"),
        ({"nothing": "x"}, "nothing: there is no such value"),
        ({"locales": ["de"]}, "locales"),
        ({"locales": []}, "locales"),
        ({"enumId": 5}, "enumId: expected text"),
        ({"english": {"nothing": "x"}}, "english.nothing"),
        ({"english": {"payUrl": "nowhere"}}, "english.payUrl: not an address"),
    ],
)
def test_a_wrong_configuration_is_named(document: dict[str, Any], reason: str) -> None:
    with pytest.raises(WidgetConfigError, match=re.escape(reason)):
        WidgetConfig.from_json(document)


def test_a_text_with_an_unknown_value_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(SOURCE, copy)
    path = copy / "i18n" / "ru.json"
    path.write_text(path.read_text(encoding="utf-8").replace("%priceUrl%", "%princeUrl%"), encoding="utf-8")
    with pytest.raises(WidgetConfigError, match="princeUrl"):
        build(WidgetConfig(), copy)


def test_command_builds_what_the_example_configures(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "widget.zip"
    example = ROOT / "widget" / "config.example.json"
    done = CliRunner().invoke(
        cli, ["widget", "build", "--out", str(out), "--config", str(example), "--set", "enumId=7", "--locales", "ru"]
    )
    assert done.exit_code == 0, done.output
    assert f"version {manifest_version(out.read_bytes())}" in done.output
    assert "enumId: '7'" in files_of(out.read_bytes())["lib/config.js"].decode()
    names = set(json.loads(example.read_text(encoding="utf-8")))
    assert names == {*WidgetConfig().values(), "locales", "english"}


def test_release_refuses_placeholders(tmp_path: Path) -> None:
    out = tmp_path / "widget.zip"
    done = CliRunner().invoke(cli, ["widget", "build", "--out", str(out), "--release", "--set", "enumId=7"])
    assert isinstance(done.exception, Failure)
    assert "supportPhone" in str(done.exception)
    assert "enumId" not in str(done.exception)
    assert not out.exists()
    assert SELLER.placeholders() == []
