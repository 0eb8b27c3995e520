"""POST /amojo/<scope_id>: the signature before everything, and 200 only after the commit."""

from __future__ import annotations

import pytest

from dealgram.http.ports import HookOutcome
from dealgram.runtime import Permanent, Transient

PATH = "/amojo/channel_account"
HOOK = b'{"account_id":"x","time":1}'


async def post(world, sign, body: bytes = HOOK, path: str = PATH, signature: str | None = None):
    return await world.client.post(
        path, content=body, headers={"X-Signature": sign(body) if signature is None else signature}
    )


async def test_the_documented_signature_is_accepted(world, sign):
    assert sign(HOOK) == "d99906119092510f66a7f44f28e9dc66901345c8"  # amoCRM contract §22
    answer = await post(world, sign)
    assert (answer.status_code, answer.content) == (200, b"")
    assert world.intake.committed == [HOOK]
    assert 'dealgram_hooks_accepted_total{hook="amojo",outcome="accepted"} 1.0' in await world.scrape()


@pytest.mark.parametrize("text", [b"half a smile \\ud83d", b"\xff\xfe"])
async def test_a_text_with_broken_characters_is_not_lost(world, sign, text):
    body = b'{"account_id":"x","message":{"message":{"id":"1","text":"' + text + b'"}}}'
    assert (await post(world, sign, body)).status_code == 200
    assert world.intake.committed == [body]


@pytest.mark.parametrize("outcome", [HookOutcome.IGNORED, HookOutcome.DUPLICATE])
async def test_an_unknown_kind_and_a_repetition_are_answered_200_and_counted(world, sign, outcome):
    world.intake.outcome = outcome
    assert (await post(world, sign)).status_code == 200
    assert f'dealgram_hooks_accepted_total{{hook="amojo",outcome="{outcome.value}"}} 1.0' in await world.scrape()


@pytest.mark.parametrize("signature", ["", "00", "d99906119092510f66a7f44f28e9dc66901345c9", "\xe9" * 40])
async def test_a_forged_signature_is_refused(world, sign, signature):
    headers = {b"X-Signature": signature.encode("latin-1")}
    answer = await world.client.post(PATH, content=HOOK, headers=headers)
    assert answer.status_code == 401
    assert world.intake.commits_begun == 0
    assert 'dealgram_hooks_refused_total{hook="amojo",reason="bad_signature"} 1.0' in await world.scrape()


async def test_a_missing_signature_is_refused(world):
    assert (await world.client.post(PATH, content=HOOK)).status_code == 401
    assert world.intake.commits_begun == 0


async def test_one_changed_byte_breaks_the_signature(world, sign):
    answer = await post(world, sign, body=HOOK.replace(b"1", b"2"), signature=sign(HOOK))
    assert answer.status_code == 401


@pytest.mark.parametrize("scope_id", ["nobody", "channel.account", "s" * 129])
async def test_an_unknown_scope_is_not_found(world, sign, scope_id):
    answer = await post(world, sign, path=f"/amojo/{scope_id}")
    assert answer.status_code == 404
    assert world.intake.commits_begun == 0


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", b"null", b'{"a": "\xff}'])
async def test_what_is_no_json_object_is_a_bad_request(world, sign, body):
    answer = await post(world, sign, body=body)
    assert answer.status_code == 400
    assert world.intake.commits_begun == 0
    assert 'dealgram_hooks_refused_total{hook="amojo",reason="bad_body"} 1.0' in await world.scrape()


async def test_what_is_no_chat_hook_is_a_bad_request(world, sign):
    async def refuse() -> None:
        raise Permanent("message.conversation is missing")

    world.intake.commit = refuse
    answer = await post(world, sign)
    assert answer.status_code == 400
    assert "not a chat hook" in answer.json()["error"]["message"]


async def test_a_body_past_the_limit_is_refused(world, sign):
    assert (await post(world, sign, body=b" " * (1024 * 1024 + 1))).status_code == 413


@pytest.mark.parametrize("moment", ["look_up", "commit"])
async def test_without_the_database_nothing_is_answered_200(world, sign, moment):
    async def fail() -> None:
        raise Transient("no connection")

    setattr(world.intake, moment, fail)
    answer = await post(world, sign)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert world.intake.committed == []
