"""Custom field values and tags in the bodies of deals and contacts (amoCRM contract §11, §15).

Owns their shapes, their checks and their rendering; both entities share them.
"""

from __future__ import annotations

from typing import Any

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.records import SimField
from dealgram.sandbox.amocrm.rest import RestCall
from dealgram.sandbox.amocrm.shapes import (
    BAD_CHOICE,
    BAD_VALUE,
    MISSING,
    WRONG_TYPE,
    Check,
    Problem,
    Shape,
    anything,
    integer,
    items,
    join,
    nullable,
    text,
)

_VALUE = Shape({"value": anything}, {"enum_id": integer(), "enum_code": text(), "enum": text()})
VALUES: Check = nullable(
    items(
        Shape(
            {"values": nullable(items(_VALUE))},
            {"field_id": integer(), "field_code": text(), "field_name": text(), "field_type": text()},
        )
    )
)
TAG = Shape(optional={"id": integer(), "name": text(least=1)})
TAGS: Check = nullable(items(TAG))
_TEXT_TYPES = ("text", "textarea", "url", "streetaddress", "multitext")


def tag_fields(*, may_delete: bool) -> dict[str, Check]:
    fields: dict[str, Check] = {"tags_to_add": TAGS}
    return fields | ({"tags_to_delete": TAGS} if may_delete else {})


def value_problems(account: SimAccount, entity: str, given: Any) -> list[Problem]:
    """What is wrong with `custom_fields_values`: unknown fields, values of a wrong type."""
    problems: list[Problem] = []
    for index, one in enumerate(given or ()):
        path = f"custom_fields_values.{index}"
        field = _field(account, entity, one)
        if field is None:
            name = "field_id" if "field_id" in one else "field_code"
            problems.append(Problem(BAD_CHOICE, join(path, name), "The value you selected is not a valid choice."))
            continue
        for place, value in enumerate(one["values"] or ()):
            problems += _one_value(field, value["value"], f"{path}.values.{place}.value")
    return problems


def _one_value(field: SimField, value: object, path: str) -> list[Problem]:
    if field.type in _TEXT_TYPES and not isinstance(value, str):
        return [Problem(WRONG_TYPE, path, "This value should be of type string.")]
    if field.type == "checkbox" and not isinstance(value, bool):
        return [Problem(WRONG_TYPE, path, "This value should be of type bool.")]
    if field.type == "numeric":
        try:
            float(str(value))
        except ValueError:
            return [Problem(BAD_VALUE, path, "This value should be a number.")]
    if value in ("", None):
        return [Problem(MISSING, path, "This value should not be blank.")]
    return []


def _field(account: SimAccount, entity: str, one: dict[str, Any]) -> SimField | None:
    if "field_id" in one:
        return account.field(entity, id=one["field_id"])
    return account.field(entity, code=one["field_code"]) if "field_code" in one else None


def take_values(account: SimAccount, entity: str, kept: dict[int, list[dict[str, Any]]], given: Any) -> None:
    """Replaces the values of the fields that are named; `values` null or empty clears a field."""
    for one in given or ():
        field = _field(account, entity, one)
        if field is None:
            continue
        if one["values"]:
            kept[field.id] = [dict(value) for value in one["values"]]
        else:
            kept.pop(field.id, None)


def show_values(account: SimAccount, kept: dict[int, list[dict[str, Any]]]) -> list[dict[str, Any]] | None:
    """`custom_fields_values` of an answer: null when nothing is filled."""
    shown: list[dict[str, Any]] = []
    for field_id, values in kept.items():
        field = account.fields.get(field_id)
        if field is not None:
            shown.append(
                {
                    "field_id": field.id,
                    "field_name": field.name,
                    "field_code": field.code,
                    "field_type": field.type,
                    "values": [dict(value) for value in values],
                }
            )
    return shown or None


def tag_problems(account: SimAccount, entity: str, body: dict[str, Any]) -> list[Problem]:
    known = set(account.tags[entity].values())
    problems: list[Problem] = []
    embedded = body.get("_embedded", {}).get("tags")
    for path, tags in (
        ("tags_to_add", body.get("tags_to_add")),
        ("tags_to_delete", body.get("tags_to_delete")),
        ("_embedded.tags", embedded),
    ):
        for index, tag in enumerate(tags or ()):
            if "id" not in tag and "name" not in tag:
                problems.append(Problem(MISSING, f"{path}.{index}.name", "id or name is required"))
            elif "id" in tag and tag["id"] not in known:
                problems.append(Problem(BAD_CHOICE, f"{path}.{index}.id", "no such tag"))
    return problems


def take_tags(call: RestCall, entity: str, kept: dict[int, str], body: dict[str, Any]) -> None:
    """`_embedded.tags` replaces all tags; `tags_to_add` and `tags_to_delete` are incremental."""
    account = call.account
    names = {number: name for name, number in account.tags[entity].items()}

    def resolve(tag: dict[str, Any]) -> tuple[int, str]:
        number = tag["id"] if "id" in tag else account.tag(entity, tag["name"])
        return number, names.get(number) or tag["name"]

    embedded = body.get("_embedded", {})
    if "tags" in embedded:
        kept.clear()
        kept.update(resolve(one) for one in embedded["tags"] or ())
    kept.update(resolve(one) for one in body.get("tags_to_add") or ())
    for one in body.get("tags_to_delete") or ():
        kept.pop(resolve(one)[0], None)


def show_tags(account: SimAccount, kept: dict[int, str]) -> list[dict[str, Any]]:
    colors = account.tag_colors
    return [{"id": number, "name": name, "color": colors.get(number)} for number, name in kept.items()]
