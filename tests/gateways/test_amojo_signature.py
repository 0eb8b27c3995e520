"""The test vectors of the Chats API's signatures (amoCRM contract §22)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from dealgram.gateways.amojo import signature
from dealgram.gateways.amojo.signature import content_md5, http_date, sign_request, signed_headers, verify_hook

SECRET = "0123456789abcdef0123456789abcdef01234567"
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
CHANNEL = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
ACCOUNT = "11111111-2222-4333-8444-555555555555"
HOOK = b'{"account_id":"x","time":1}'
HOOK_SIGNATURE = "d99906119092510f66a7f44f28e9dc66901345c8"


def test_connect():
    body = b'{"account_id":"11111111-2222-4333-8444-555555555555"}'
    headers = signed_headers(SECRET, "POST", f"/v2/origin/custom/{CHANNEL}/connect", body, NEW_YEAR)
    assert headers == {
        "Date": "Thu, 01 Jan 2026 00:00:00 +0000",
        "Content-Type": "application/json",
        "Content-MD5": "dd09b52a79f8edc4d0fe304d6103fa8e",
        "X-Signature": "a8d566ed69e3f6f64be667c02c506418a17e59df",
    }


def test_history():
    path = f"/v2/origin/custom/{CHANNEL}_{ACCOUNT}/chats/99999999-8888-4777-8666-555555555555/history"
    headers = signed_headers(SECRET, "GET", path, b"", NEW_YEAR)
    assert headers["Content-MD5"] == "d41d8cd98f00b204e9800998ecf8427e"
    assert headers["X-Signature"] == "3fe497c5dc4b1f423d67fdb24f5e68c4594fb731"


@pytest.mark.parametrize("zone", [3, -8, 0])
def test_the_date_is_always_utc(zone):
    local = NEW_YEAR.astimezone(timezone(timedelta(hours=zone)))
    assert http_date(local) == "Thu, 01 Jan 2026 00:00:00 +0000"


def test_every_part_counts():
    parts = ("POST", content_md5(b"{}"), "Thu, 01 Jan 2026 00:00:00 +0000", "/path")
    good = sign_request(SECRET, *parts)
    changed = {
        sign_request(SECRET, *(part + "x" if i == n else part for i, part in enumerate(parts))) for n in range(4)
    }
    assert len(changed | {good, sign_request(SECRET + "x", *parts)}) == 6


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r\n"])
def test_hook(tail):
    assert verify_hook(SECRET, HOOK + tail, HOOK_SIGNATURE)
    assert verify_hook(SECRET, HOOK + tail, f" {HOOK_SIGNATURE} ")


def test_hook_signed_with_its_line_break():
    signed = signature.hmac.new(SECRET.encode(), HOOK + b"\n", "sha1").hexdigest()
    assert verify_hook(SECRET, HOOK + b"\n", signed)


@pytest.mark.parametrize(
    "given",
    [None, "", " ", "0" * 40, HOOK_SIGNATURE[:-1], HOOK_SIGNATURE + "0", HOOK_SIGNATURE.upper(), "подпись", "é"],
)
def test_a_wrong_signature(given):
    assert not verify_hook(SECRET, HOOK, given)


def test_a_changed_body_or_secret():
    assert not verify_hook(SECRET, HOOK + b" ", HOOK_SIGNATURE)
    assert not verify_hook(SECRET + "x", HOOK, HOOK_SIGNATURE)
