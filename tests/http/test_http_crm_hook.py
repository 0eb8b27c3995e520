"""POST /amocrm/hooks/<key>: an address nobody can guess, a form of the same account, 200 only after the commit."""

from __future__ import annotations

import pytest
import trio

from dealgram.http.ports import HookOutcome
from dealgram.runtime import Permanent, Transient

PATH = "/amocrm/hooks/key-of-account-1"
HOOK = b"leads%5Bstatus%5D%5B0%5D%5Bid%5D=42&account%5Bid%5D=1"
FORM = "application/x-www-form-urlencoded"


async def post(world, body: bytes = HOOK, path: str = PATH, content_type: str | None = FORM):
    headers = {"Content-Type": content_type} if content_type else {}
    return await world.client.post(path, content=body, headers=headers)


@pytest.mark.parametrize("path", [PATH, PATH + "/"])
@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset=utf-8", FORM.upper()])
async def test_a_hook_is_committed_as_it_came(world, path, content_type):
    answer = await post(world, path=path, content_type=content_type)
    assert (answer.status_code, answer.content) == (200, b"")
    assert world.intake.committed == [HOOK]
    assert 'dealgram_hooks_accepted_total{hook="crm",outcome="accepted"} 1.0' in await world.scrape()


async def test_a_hook_that_says_nothing_to_us_is_answered_200(world):
    world.intake.outcome = HookOutcome.IGNORED
    assert (await post(world)).status_code == 200
    assert 'dealgram_hooks_accepted_total{hook="crm",outcome="ignored"} 1.0' in await world.scrape()


@pytest.mark.parametrize("body", [b"", b" \r\n"])
@pytest.mark.parametrize("content_type", [FORM, "application/json", None])
async def test_a_probe_without_a_body_is_answered_200(world, body, content_type):
    assert (await post(world, body, content_type=content_type)).status_code == 200
    assert world.intake.commits_begun == 0


@pytest.mark.parametrize("key", ["nobody", "key.of", "k" * 129, "%00", "key-of-account-1x"])
@pytest.mark.parametrize("body", [HOOK, b""])
async def test_an_unknown_address_is_not_found(world, key, body):
    answer = await post(world, body, path=f"/amocrm/hooks/{key}")
    assert answer.status_code == 404
    assert world.intake.commits_begun == 0


async def test_only_post(world):
    answer = await world.client.get(PATH)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x", None])
async def test_another_kind_of_body_is_refused(world, content_type):
    answer = await post(world, content_type=content_type)
    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "unsupported_media_type"
    assert world.intake.commits_begun == 0


async def test_what_is_no_hook_of_this_account_is_a_bad_request_that_says_nothing_of_the_body(world, caplog):
    async def refuse() -> None:
        raise Permanent("the hook belongs to another account")

    world.intake.commit = refuse
    answer = await post(world, b"leads[update][0][name]=Secret&account[id]=2")
    assert answer.status_code == 400
    assert "Secret" not in answer.text
    assert "Secret" not in caplog.text
    assert "key-of-account-1" not in caplog.text
    assert 'dealgram_hooks_refused_total{hook="crm",reason="bad_body"} 1.0' in await world.scrape()


async def test_a_body_past_the_limit_is_refused(world):
    assert (await post(world, b"a" * (1024 * 1024 + 1))).status_code == 413
    assert world.intake.commits_begun == 0


@pytest.mark.parametrize("moment", ["look_up", "commit"])
async def test_without_the_database_amocrm_is_asked_to_repeat(world, moment):
    async def fail() -> None:
        raise Transient("no connection")

    setattr(world.intake, moment, fail)
    answer = await post(world)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert world.intake.committed == []


async def test_a_commit_that_takes_too_long_is_answered_before_amocrm_gives_up(world):
    world.intake.commit = trio.sleep_forever
    with trio.fail_after(2.0):
        answer = await post(world)
    assert answer.status_code == 503
