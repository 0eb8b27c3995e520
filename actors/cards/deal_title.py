"""The name of a deal that is made for a person who writes for the first time: a template with a few placeholders."""

from __future__ import annotations

import re

PLACEHOLDERS = ("name", "username", "bot", "pipeline")
_PLACE = re.compile(r"\{([^{}]*)\}")


class TitleError(ValueError):
    """The template names something that is not known, or has a brace too many; the text says what, in Russian."""


def check_title(template: str) -> str:
    """The template as it may be stored.

    Raises:
        TitleError: see there.
    """
    template = " ".join(template.split())
    if not template:
        raise TitleError("Название сделки не может быть пустым.")
    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
    for name in _PLACE.findall(template):
        if name not in PLACEHOLDERS:
            raise TitleError(f"Подстановки {{{name}}} нет. Есть: {known}.")
    if set("{}") & set(_PLACE.sub("", template)):
        raise TitleError(f"Фигурные скобки нужны только для подстановок. Есть: {known}.")
    return template


def fill_title(template: str, *, name: str, username: str = "", bot: str = "", pipeline: str = "") -> str:
    """The deal's name. A placeholder without a value leaves nothing behind, not even empty brackets."""
    values = {"name": name, "username": f"@{username}" if username else "", "bot": bot, "pipeline": pipeline}
    filled = " ".join(_PLACE.sub(lambda place: values.get(place[1], place[0]), template).split())
    filled = " ".join(re.sub(r"\( ?\)|\[ ?\]", "", filled).split())
    return re.sub(r" ([,.;:])", r"\1", filled) or name
