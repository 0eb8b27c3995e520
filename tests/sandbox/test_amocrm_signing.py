"""Signatures, channels and the error bodies of the Chats API."""

from __future__ import annotations

import hashlib
import hmac
from email.utils import formatdate
from typing import Any

import pytest

from dealgram.sandbox.amocrm.signing import body_signature, request_signature, why_refused

SECRET = "0123456789abcdef0123456789abcdef01234567"
CHANNEL = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
DATE = "Thu, 01 Jan 2026 00:00:00 +0000"
CONNECT = f"/v2/origin/custom/{CHANNEL}/connect"
HISTORY = (
    f"/v2/origin/custom/{CHANNEL}_11111111-2222-4333-8444-555555555555"
    "/chats/99999999-8888-4777-8666-555555555555/history"
)


@pytest.mark.parametrize(
    ("method", "path", "body", "md5", "signature"),
    [
        (
            "POST",
            CONNECT,
            b'{"account_id":"11111111-2222-4333-8444-555555555555"}',
            "dd09b52a79f8edc4d0fe304d6103fa8e",
            "a8d566ed69e3f6f64be667c02c506418a17e59df",
        ),
        ("GET", HISTORY, b"", "d41d8cd98f00b204e9800998ecf8427e", "3fe497c5dc4b1f423d67fdb24f5e68c4594fb731"),
    ],
)
def test_request_vectors(method: str, path: str, body: bytes, md5: str, signature: str) -> None:
    content_type = "application/json"
    made = request_signature(SECRET, method=method, md5=md5, content_type=content_type, date=DATE, path=path)
    assert made == signature
    headers = {"date": DATE, "content-type": content_type, "content-md5": md5, "x-signature": signature}
    now = 1_767_225_600.0
    assert why_refused(SECRET, method=method, path=path, headers=headers, body=body, now=now + 899) is None
    late = why_refused(SECRET, method=method, path=path, headers=headers, body=body, now=now + 901)
    assert late is not None
    assert "expired" in late


def test_hook_vector() -> None:
    assert body_signature(SECRET, b'{"account_id":"x","time":1}') == "d99906119092510f66a7f44f28e9dc66901345c8"


async def test_a_well_signed_request_passes_in_both_date_forms(amo: Any) -> None:
    answer = await amo.event(amo.payload())
    assert answer.status_code == 200
    body = {"account_id": amo.account.amojo_id}
    content = b'{"account_id": "%s"}' % amo.account.amojo_id.encode()
    date = formatdate(amo.time, usegmt=True)
    text = "\n".join(["POST", hashlib.md5(content).hexdigest(), "application/json", date, CONNECT])
    signature = hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).hexdigest()
    answer = await amo.signed("POST", f"{CHANNEL}/connect", body, headers={"Date": date, "X-Signature": signature})
    assert answer.status_code == 400  # signed well; but without hook_api_version the version is v1
    assert "v1" in amo.last_violation()


@pytest.mark.parametrize("header", ["Date", "Content-Type", "Content-MD5", "X-Signature"])
async def test_every_header_is_needed(amo: Any, header: str) -> None:
    answer = await amo.signed("POST", f"{amo.scope}/typing", {}, headers={header: None})
    assert answer.status_code == 403
    assert answer.json() == {
        "status": 0,
        "error_code": 403,
        "error_type": "ORIGIN_INVALID_SIGNATURE",
        "error_description": f"the header {header.lower()} is missing",
    }
    assert header.lower() in amo.last_violation()


async def test_what_is_signed_must_be_what_came(amo: Any) -> None:
    body = {"conversation_id": "p1-9001", "sender": {"id": "tgu-9001"}}
    path = f"{amo.scope}/typing"
    for headers, reason in [
        ({"Content-MD5": "0" * 32}, "content-md5"),
        ({"Content-MD5": hashlib.md5(b'{"a": 1}').hexdigest().upper()}, "content-md5"),
        ({"X-Signature": "0" * 40}, "invalid signature"),
        ({"X-Signature": hmac.new(SECRET.encode(), b"{}", hashlib.sha1).hexdigest()}, "invalid signature"),
        ({"Date": formatdate(amo.time + 1)}, "invalid signature"),
        ({"Date": "yesterday"}, "not an RFC 2822 date"),
        ({"Date": "Thu, 01 Jan 2026 00:00:00"}, "no zone"),
        ({"Content-Type": "text/plain"}, "content-type"),
    ]:
        answer = await amo.signed("POST", path, body, headers=headers)
        assert answer.status_code == 403, headers
        assert reason in amo.last_violation()


async def test_the_path_is_signed_exactly(amo: Any) -> None:
    full = f"/v2/origin/custom/{amo.scope}/typing"
    text = "\n".join(["POST", hashlib.md5(b"{}").hexdigest(), "application/json", formatdate(amo.time), full + "?a=1"])
    signature = hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).hexdigest()
    answer = await amo.signed("POST", f"{amo.scope}/typing", raw=b"{}", headers={"X-Signature": signature})
    assert answer.status_code == 403


async def test_date_window(amo: Any) -> None:
    for offset, status in [(-890, 204), (890, 204), (-910, 403), (910, 403)]:
        await amo.open_chat()
        date = formatdate(amo.time + offset)
        content = b'{"conversation_id": "p1-9001", "sender": {"id": "tgu-9001"}}'
        full = f"/v2/origin/custom/{amo.scope}/typing"
        text = "\n".join(["POST", hashlib.md5(content).hexdigest(), "application/json", date, full])
        signature = hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).hexdigest()
        headers = {"Date": date, "X-Signature": signature}
        answer = await amo.signed("POST", f"{amo.scope}/typing", raw=content, headers=headers)
        assert answer.status_code == status, offset


async def test_unknown_channel_and_scope(amo: Any) -> None:
    other = "cccccccc-bbbb-4ccc-8ddd-eeeeeeeeeeee"
    assert (await amo.signed("POST", f"{other}/connect", {"account_id": "x"})).status_code == 404
    assert (await amo.signed("POST", f"{CHANNEL}_{other}", amo.payload())).status_code == 404
    stranger = amo.sim.add_account("vasilek", "Василёк")
    answer = await amo.signed("POST", f"{CHANNEL}_{stranger.amojo_id}", amo.payload())
    assert answer.status_code == 404
    assert answer.json()["error_type"] == "ORIGIN_NOT_REGISTERED"


async def test_connect_and_disconnect(amo: Any) -> None:
    path = f"{CHANNEL}/connect"
    account_id = amo.account.amojo_id
    full = {"account_id": account_id, "hook_api_version": "v2", "title": "Телеграм", "is_time_window_disabled": True}
    answer = await amo.signed("POST", path, full)
    assert answer.status_code == 200
    assert answer.json() == {**full, "scope_id": amo.scope}
    short = {"account_id": account_id, "hook_api_version": "v2"}
    amo.switch(connect_all_required=True)
    assert (await amo.signed("POST", path, short)).status_code == 400
    amo.switch(connect_all_required=False)
    assert (await amo.signed("POST", path, short)).json()["is_time_window_disabled"] is False
    assert (await amo.signed("POST", path, {**short, "account_id": "nobody"})).status_code == 400
    assert (await amo.signed("POST", path, {**short, "is_time_window_disabled": "no"})).status_code == 400
    answer = await amo.signed("DELETE", f"{CHANNEL}/disconnect", {"account_id": account_id})
    assert (answer.status_code, answer.content) == (200, b"")
    assert (await amo.event(amo.payload())).status_code == 404
    assert (await amo.signed("POST", path, short)).json()["scope_id"] == amo.scope


async def test_body_of_a_refusal(amo: Any) -> None:
    answer = await amo.signed("POST", f"{amo.scope}/chats", {})
    assert answer.json()["error_code"] == 400
    assert "conversation_id" in answer.json()["error_description"]
    amo.switch(error_body="empty")
    answer = await amo.signed("POST", f"{amo.scope}/chats", {})
    assert (answer.status_code, answer.content) == (400, b"")
    assert (await amo.signed("POST", f"{amo.scope}/chats", raw=b"{")).status_code == 400
    assert (await amo.signed("POST", f"{amo.scope}/chats", [1])).status_code == 400
    assert (await amo.signed("POST", f"{amo.scope}/nothing")).status_code == 404
    assert (await amo.signed("PUT", amo.scope, {})).status_code == 404


async def test_rate_of_the_chats_api(amo: Any) -> None:
    amo.switch(chat_rate_per_s=2)
    codes = [(await amo.event(amo.payload())).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    amo.time += 1.1
    assert (await amo.event(amo.payload())).status_code == 200
