"""REST: tasks of users, as crm_platform/tasks-api documents them."""

from __future__ import annotations

from typing import Any

import pytest

TILL = 1_800_000_000


async def listed(amo: Any, query: str = "") -> list[int]:
    answer = await amo.rest("GET", f"tasks{query}")
    assert answer.status_code in (200, 204), answer.text
    return [] if answer.status_code == 204 else [task["id"] for task in answer.json()["_embedded"]["tasks"]]


async def test_tasks_are_added_read_changed_and_done(amo: Any) -> None:
    owner = amo.account.owner
    other = amo.sim.add_user(amo.account, "Другой")
    lead = amo.sim.add_lead(amo.account, "Сделка")
    answer = await amo.rest(
        "POST",
        "tasks",
        [
            {"text": "Оплатить", "complete_till": TILL, "responsible_user_id": other.id, "request_id": "a"},
            {"text": "Позвонить", "complete_till": TILL - 60, "entity_id": lead, "entity_type": "leads"},
        ],
    )
    assert answer.status_code == 200, answer.text
    first, second = answer.json()["_embedded"]["tasks"]
    assert (first["request_id"], second["request_id"]) == ("a", "1")
    shown = (await amo.rest("GET", f"tasks/{first['id']}")).json()
    assert {name: shown[name] for name in ("text", "complete_till", "responsible_user_id", "created_by")} == {
        "text": "Оплатить",
        "complete_till": TILL,
        "responsible_user_id": other.id,
        "created_by": owner.id,
    }
    assert (shown["is_completed"], shown["result"], shown["task_type_id"], shown["entity_id"]) == (False, [], 1, None)
    one, two = first["id"], second["id"]
    for query, expected in (
        ("", [one, two]),
        ("?order[complete_till]=asc", [two, one]),
        ("?order[created_at]=desc", [two, one]),
        (f"?filter[responsible_user_id]={other.id}", [one]),
        (f"?filter[responsible_user_id][]={other.id}&filter[responsible_user_id][]={owner.id}", [one, two]),
        (f"?filter[entity_type]=leads&filter[entity_id]={lead}", [two]),
        ("?filter[is_completed]=1", []),
        ("?limit=1&page=2", [two]),
    ):
        assert await listed(amo, query) == expected, query
    done = await amo.rest("PATCH", f"tasks/{one}", {"is_completed": True, "result": {"text": "Оплачено"}})
    assert done.status_code == 200, done.text
    assert await listed(amo, "?filter[is_completed]=1") == [one]
    assert (await amo.rest("GET", f"tasks/{one}")).json()["result"] == {"text": "Оплачено"}
    moved = await amo.rest("PATCH", "tasks", [{"id": two, "text": "Ещё раз", "complete_till": TILL}])
    assert moved.status_code == 200, moved.text
    assert (await amo.rest("GET", "tasks/1")).status_code == 204
    amo.sim.assert_clean()


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"text": "не список", "complete_till": TILL},
        [{"complete_till": TILL}],
        [{"text": "без срока"}],
        [{"text": "", "complete_till": TILL}],
        [{"text": "т", "complete_till": "завтра"}],
        [{"text": "т", "complete_till": TILL, "responsible_user_id": 1}],
        [{"text": "т", "complete_till": TILL, "task_type_id": 77}],
        [{"text": "т", "complete_till": TILL, "entity_id": 5}],
        [{"text": "т", "complete_till": TILL, "entity_id": 5, "entity_type": "leads"}],
        [{"text": "т", "complete_till": TILL, "entity_type": "talks"}],
        [{"text": "т", "complete_till": TILL, "is_completed": 1}],
        [{"text": "т", "complete_till": TILL, "colour": "red"}],
    ],
)
async def test_what_breaks_the_documentation_is_refused_and_noted(amo: Any, body: Any) -> None:
    assert (await amo.rest("POST", "tasks", body)).status_code == 400
    assert await listed(amo) == []
    assert amo.sim.violations
