"""POST /telegram/<key>: every answer, and that an update that was answered 200 is committed."""

from __future__ import annotations

import orjson
import pytest
import trio

from dealgram.http.ports import HookOutcome
from dealgram.runtime import Permanent, Transient

PATH = "/telegram/key-of-bot-700"
SECRET = {"X-Telegram-Bot-Api-Secret-Token": "the-secret-token"}
UPDATE = b'{"update_id": 10, "message": {"message_id": 1, "text": "\\u041f\\u0440\\u0438\\u0432\\u0435\\u0442"}}'


async def test_an_update_is_committed_and_answered_with_nothing(world):
    answer = await world.client.post(PATH, content=UPDATE, headers=SECRET)
    assert (answer.status_code, answer.content) == (200, b"")
    assert world.intake.committed == [UPDATE]
    assert 'dealgram_hooks_accepted_total{hook="telegram",outcome="accepted"} 1.0' in await world.scrape()


async def test_a_repeated_update_is_acknowledged(world):
    world.intake.outcome = HookOutcome.DUPLICATE
    assert (await world.client.post(PATH, content=UPDATE, headers=SECRET)).status_code == 200
    assert 'dealgram_hooks_accepted_total{hook="telegram",outcome="duplicate"} 1.0' in await world.scrape()


@pytest.mark.parametrize("key", ["nobody", "key-of-bot-7", "k" * 129, "a%00b", "a.b", "%D0%B1%D0%BE%D1%82"])
async def test_an_unknown_key_is_not_found(world, key):
    answer = await world.client.post(f"/telegram/{key}", content=UPDATE, headers=SECRET)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert world.intake.committed == []
    assert 'dealgram_hooks_refused_total{hook="telegram",reason="unknown"} 1.0' in await world.scrape()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Telegram-Bot-Api-Secret-Token": ""},
        {"X-Telegram-Bot-Api-Secret-Token": "the-secret-toke"},
        {"X-Telegram-Bot-Api-Secret-Token": "the-secret-tokenn"},
        {b"X-Telegram-Bot-Api-Secret-Token": "тайна".encode()},
    ],
)
async def test_a_wrong_secret_is_refused(world, headers):
    answer = await world.client.post(PATH, content=UPDATE, headers=headers)
    assert answer.status_code == 401
    assert "the-secret-token" not in answer.text
    assert world.intake.committed == []
    assert 'dealgram_hooks_refused_total{hook="telegram",reason="wrong_secret"} 1.0' in await world.scrape()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b'"update_id"',
        b"{}",
        b'{"update_id": "10"}',
        b'{"update_id": true}',
        b'{"update_id": 1.5}',
        b'{"update_id": null}',
        b'{"update_id": 10, "message": "\xff}',
        b'{"update_id": 9223372036854775808}',
        b'{"update_id": 99999999999999999999999}',
        b"[" * 100_000,
    ],
)
async def test_what_is_no_update_is_a_bad_request(world, body):
    answer = await world.client.post(PATH, content=body, headers=SECRET)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"
    assert world.intake.committed == []
    assert 'dealgram_hooks_refused_total{hook="telegram",reason="bad_body"} 1.0' in await world.scrape()


@pytest.mark.parametrize("text", [b"half a smile \\ud83d", b"\\udc00\\ud800", b"\xff\xfe", b"\xed\xa0\x80"])
async def test_a_text_with_broken_characters_does_not_hold_the_bots_queue(world, text):
    update = b'{"update_id":1,"message":{"text":"' + text + b'"}}'
    assert (await world.client.post(PATH, content=update, headers=SECRET)).status_code == 200
    assert world.intake.committed == [update]


async def test_an_update_of_an_unheard_of_kind_is_taken_in_whole(world):
    update = orjson.dumps({"update_id": 1, "something_of_2031": {"deep": [{"x": 1}] * 1000}})
    assert (await world.client.post(PATH, content=update, headers=SECRET)).status_code == 200
    assert world.intake.committed == [update]


async def test_an_update_that_can_never_be_taken_in_does_not_freeze_the_bot(world):
    async def refuse() -> None:
        raise Permanent("its chat id is no number")

    world.intake.commit = refuse
    assert (await world.client.post(PATH, content=UPDATE, headers=SECRET)).status_code == 200
    assert 'dealgram_hooks_refused_total{hook="telegram",reason="unacceptable"} 1.0' in await world.scrape()


@pytest.mark.parametrize("moment", ["look_up", "commit"])
@pytest.mark.parametrize(("retry_after_s", "header"), [(None, "2"), (0.2, "1"), (7.5, "8"), (86_400.0, "3600")])
async def test_without_the_database_the_sender_is_asked_to_repeat(world, moment, retry_after_s, header):
    async def fail() -> None:
        raise Transient("connection refused by postgresql://dealgram:hunter2@db", retry_after_s=retry_after_s)

    setattr(world.intake, moment, fail)
    answer = await world.client.post(PATH, content=UPDATE, headers=SECRET)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == header
    assert answer.json()["error"]["code"] == "unavailable"
    assert "hunter2" not in answer.text
    assert 'dealgram_hooks_refused_total{hook="telegram",reason="unavailable"} 1.0' in await world.scrape()


async def test_a_commit_that_takes_too_long_is_answered_503(serve_world, services):
    world = await serve_world(services, commit_deadline_s=0.05)
    world.intake.commit = trio.sleep_forever
    answer = await world.client.post(PATH, content=UPDATE, headers=SECRET)
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


async def test_a_defect_is_answered_500_without_its_inside(world):
    async def fail() -> None:
        raise RuntimeError("the inside")

    world.intake.commit = fail
    answer = await world.client.post(PATH, content=UPDATE, headers=SECRET)
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert "inside" not in answer.text
    assert "Traceback" not in answer.text


async def test_only_post_is_answered(world):
    answer = await world.client.get(PATH)
    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "method_not_allowed"
    assert "POST" in answer.headers["Allow"]


async def test_an_update_of_just_the_limit_is_taken_in_and_one_byte_more_is_not(world):
    frame = b'{"update_id": 1, "x": "%s"}'
    largest = frame % (b"a" * (1024 * 1024 - len(frame) + 2))
    assert len(largest) == 1024 * 1024
    assert (await world.client.post(PATH, content=largest, headers=SECRET)).status_code == 200
    assert world.intake.committed == [largest]
    answer = await world.client.post(PATH, content=largest + b" ", headers=SECRET)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body_too_large"
    assert len(world.intake.committed) == 1


async def test_a_body_of_unannounced_length_is_limited_too(world):
    async def endless():
        for _ in range(20):
            yield b"a" * 65536

    answer = await world.client.post(PATH, content=endless(), headers=SECRET)
    assert answer.status_code == 413
    assert world.intake.committed == []


async def test_a_body_that_never_ends_is_answered_408(serve_world, services, read_answer):
    world = await serve_world(services, body_deadline_s=0.05)
    async with await world.connect() as stream:
        await stream.send_all(
            b"POST /telegram/key-of-bot-700 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{"
        )
        answer = await read_answer(stream)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"body_too_slow" in answer
    assert world.intake.commits_begun == 0
