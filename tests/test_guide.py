"""The Russian guide (docs/ru) against the product: names of buttons and fields, links and pictures that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dealgram.actors import texts
from dealgram.actors.accounts.setup_texts import STEP_TITLES
from dealgram.actors.desk import desk_texts
from dealgram.actors.groups import topic_texts

ROOT = Path(__file__).parents[1]
GUIDE = sorted((ROOT / "docs" / "ru").glob("*.md"))
PACKAGE = sorted((ROOT / "docs" / "moderation").glob("*.md"))
HEAVIEST = 300 * 1024
OTHERS = {
    # amoCRM's and BotFather's own buttons
    *(
        "Настройки",
        "Интеграции",
        "Интеграциях",
        "Установить",
        "Отключить",
        "Разрешить",
        "Сохранить",
        "Disable",
        "Enable",
    ),
    # headings of rows in the guide itself
    *("Кнопки.", "Кнопки-ссылки", "Ольга Белова:"),
}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from strings(each)


@pytest.fixture(scope="module")
def said() -> set[str]:
    """All that the widget and the bot say."""
    widget = json.loads((ROOT / "widget/archive/i18n/ru.json").read_text(encoding="utf-8"))
    modules = (vars(module) for module in (texts, topic_texts, desk_texts))
    found = {*strings(widget), *STEP_TITLES.values(), *(text for module in modules for text in strings(module))}
    return {text.rstrip(".:") for text in found}


def test_the_guide_calls_everything_by_its_name(said: set[str]) -> None:
    unknown = [
        f"{path.name}: {name}"
        for path in GUIDE
        for bold in re.findall(r"\*\*(.+?)\*\*", path.read_text(encoding="utf-8").replace("\n", " "))
        for name in re.split(r" → ", bold)
        if name not in OTHERS and not any(text.startswith(name.rstrip(".")) for text in said)
    ]
    assert unknown == []


@pytest.mark.parametrize("path", [*GUIDE, *PACKAGE], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    words = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", words):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        found = (path.parent / name) if name else path
        assert found.is_file(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, target
        if found.suffix == ".png":
            assert found.stat().st_size <= HEAVIEST, target


def test_every_page_of_the_guide_is_reached_from_its_first() -> None:
    first = (ROOT / "docs/ru/README.md").read_text(encoding="utf-8")
    assert [path.name for path in GUIDE if path.name != "README.md" and f"({path.name})" not in first] == []
