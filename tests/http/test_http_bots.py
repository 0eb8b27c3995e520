"""Bots and groups in the API: what the desk behind it is asked, and answers and refusals as the document has them."""

from __future__ import annotations

import pytest
from api_document import check_documented
from fake_bot_desk import (
    BOT_ID,
    DEAL_ID,
    FREE_ID,
    FREE_TOKEN,
    GROUP_ID,
    LEFT_ID,
    NO_DEAL_ID,
    OWN_TOKEN,
    REVOKED_ID,
    SLOW_DEAL_ID,
    TAKEN_DEAL_ID,
)

ORIGIN = "https://sever.amocrm.ru"
ADMIN_ID = 11


@pytest.fixture
async def api(serve_world, services, widget_api, mint_token):
    """`await api("GET", "/bots", route="/bots")`: status and content of a call of the administrator's page."""
    world = await serve_world(services, widget_api=widget_api)

    async def call(method: str, path: str, body=None, *, route: str, **claims) -> tuple[int, dict | None]:
        headers = {"Origin": ORIGIN, "X-Auth-Token": mint_token(**claims)}
        content = {} if body is None else {"json": body}
        answer = await world.client.request(method, f"/api/v1{path}", headers=headers, **content)
        return answer.status_code, check_documented(answer, method, route)

    return call


async def test_bots_are_listed_and_found(api):
    status, answer = await api("GET", "/bots", route="/bots")
    assert (status, answer["total"], [bot["id"] for bot in answer["bots"]]) == (200, 2, [BOT_ID, REVOKED_ID])
    north, south = answer["bots"]
    assert north["groups"] == {"total": 2, "linked": 1, "titles": ["Группа", "Оставленная"]}
    assert north["created_at"] == "2026-11-01T09:30:00Z"
    assert "groups_found" not in north
    assert south["status"]["details"] == [
        {"code": "token_revoked", "text": "Пришлите новый токен.", "action": "replace_token"}
    ]
    _, found = await api("GET", "/bots?q=групп", route="/bots")
    assert [(bot["id"], bot["groups_found"]) for bot in found["bots"]] == [(BOT_ID, 1)]


async def test_what_is_left_out_is_not_asked_for(api, widget_api):
    status, answer = await api("POST", "/bots", {"token": FREE_TOKEN}, route="/bots")
    assert (status, answer["bot"]["id"]) == (201, FREE_ID)
    body = {"pipeline_id": 7, "unsorted": True, "deal_tags": []}
    status, answer = await api("PATCH", f"/bots/{BOT_ID}", body, route="/bots/{bot_id}")
    assert (status, answer["bot"]["pipeline"]["id"]) == (200, 7)
    assert answer["bot"]["settings"] == {"unsorted": True, "deal_title": "{name}", "deal_tags": []}
    status, answer = await api("PATCH", f"/bots/{BOT_ID}", {"token": OWN_TOKEN}, route="/bots/{bot_id}")
    assert status == 200
    assert widget_api.bots.changes == [
        (1, "bot", FREE_ID, None, {}, False),
        (1, "edited", BOT_ID, False, 7, {"unsorted": True, "deal_tags": []}),
        (1, "edited", BOT_ID, True, None, {}),
    ]


REFUSALS = {
    "no token at all": ("POST", "/bots", "/bots", {"token": "hello"}, 422, "token_malformed"),
    "a bot that is connected": ("POST", "/bots", "/bots", {"token": OWN_TOKEN}, 409, "connected_here"),
    "a token to look at": ("POST", "/bots/check", "/bots/check", {"token": "hello"}, 422, "token_malformed"),
    "another bot's token": ("PATCH", f"/bots/{BOT_ID}", "/bots/{bot_id}", {"token": FREE_TOKEN}, 422, "other_bot"),
    "no change": ("PATCH", f"/bots/{BOT_ID}", "/bots/{bot_id}", {}, 422, "invalid"),
    "an unknown bot": ("PATCH", "/bots/1", "/bots/{bot_id}", {"unsorted": True}, 404, "not_connected"),
    "an unknown bot to end": ("DELETE", "/bots/1", "/bots/{bot_id}", None, 404, "not_connected"),
    "an unknown bot to look at": ("POST", "/bots/1/check", "/bots/{bot_id}/check", {}, 404, "not_connected"),
    "a revoked bot": (
        "POST",
        f"/bots/{REVOKED_ID}/take-back",
        "/bots/{bot_id}/take-back",
        {},
        422,
        "token_refused",
    ),
    "an unknown bot's groups": ("GET", "/bots/1/groups", "/bots/{bot_id}/groups", None, 404, "not_connected"),
    "an unknown group": ("POST", "/groups/1/deals", "/groups/{group_id}/deals", {"deal": 7}, 404, "not_found"),
    "an unknown deal": (
        "POST",
        f"/groups/{GROUP_ID}/deals",
        "/groups/{group_id}/deals",
        {"deal": NO_DEAL_ID},
        422,
        "deal_not_found",
    ),
    "a deal of another bot's": (
        "POST",
        f"/groups/{GROUP_ID}/deals",
        "/groups/{group_id}/deals",
        {"deal": TAKEN_DEAL_ID},
        409,
        "linked_by_other_bot",
    ),
    "a group without the bot": (
        "POST",
        f"/groups/{LEFT_ID}/deals",
        "/groups/{group_id}/deals",
        {"deal": 7},
        422,
        "bot_away",
    ),
}


async def test_refusals_are_those_of_the_document(api, widget_api):
    for what, (method, path, route, body, status, code) in REFUSALS.items():
        found, answer = await api(method, path, body, route=route)
        assert (found, answer["error"]["code"]) == (status, code), what
    assert widget_api.bots.changes == []


async def test_a_bot_is_disconnected_once(api, widget_api):
    route = "/bots/{bot_id}"
    gone = {"removed": True, "is_clean": True, "groups": 1}
    assert await api("DELETE", f"/bots/{BOT_ID}", route=route) == (200, gone)
    assert await api("DELETE", f"/bots/{BOT_ID}", route=route) == (204, None)
    assert widget_api.bots.changes == [(1, "removed", BOT_ID)]


async def test_groups_come_in_pages(api):
    every, of_bot = "/groups", "/bots/{bot_id}/groups"
    _, answer = await api("GET", "/groups?limit=1&offset=1", route=every)
    assert (answer["total"], [group["id"] for group in answer["groups"]]) == (2, [GROUP_ID])
    [deal] = answer["groups"][0]["deals"]
    assert (deal["deal_id"], deal["topic"]) == (DEAL_ID, {"id": 3, "name": "Оплата"})
    _, answer = await api("GET", f"/bots/{BOT_ID}/groups?q=оставл", route=of_bot)
    assert (answer["total"], [group["state"] for group in answer["groups"]]) == (1, ["left"])
    _, answer = await api("GET", f"/bots/{REVOKED_ID}/groups", route=of_bot)
    assert answer == {"groups": [], "total": 0}


async def test_links_are_made_and_ended_at_once_or_by_and_by(api, widget_api):
    many, one = "/groups/{group_id}/deals", "/groups/{group_id}/deals/{deal_id}"
    link = "https://sever.amocrm.ru/leads/detail/77"
    status, answer = await api("POST", f"/groups/{GROUP_ID}/deals", {"deal": link}, route=many)
    assert (status, [deal["deal_id"] for deal in answer["group"]["deals"]]) == (201, [DEAL_ID, 77])
    status, answer = await api("POST", f"/groups/{GROUP_ID}/deals", {"deal": SLOW_DEAL_ID}, route=many)
    assert (status, len(answer["group"]["deals"])) == (202, 2)
    assert await api("DELETE", f"/groups/{GROUP_ID}/deals/77", route=one) == (204, None)
    status, answer = await api("DELETE", f"/groups/{GROUP_ID}/deals/{SLOW_DEAL_ID}", route=one)
    assert (status, len(answer["group"]["deals"])) == (202, 1)
    assert widget_api.bots.changes == [
        (1, "linked", ADMIN_ID, GROUP_ID, 77),
        (1, "linked", ADMIN_ID, GROUP_ID, SLOW_DEAL_ID),
        (1, "unlinked", ADMIN_ID, GROUP_ID, 77),
        (1, "unlinked", ADMIN_ID, GROUP_ID, SLOW_DEAL_ID),
    ]
