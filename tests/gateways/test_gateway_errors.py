"""The table from HTTP status to exception, and what the exceptions promise to the runtime."""

from __future__ import annotations

import pytest

from dealgram.gateways.errors import (
    BadPayload,
    Forbidden,
    GatewayError,
    Interrupted,
    NotFound,
    NotSent,
    OutcomeUnknown,
    PaymentRequired,
    RateLimited,
    Refused,
    ServiceFailed,
    Unauthorised,
)
from dealgram.gateways.refusals import refusal, unreadable
from dealgram.gateways.transport import Answer
from dealgram.runtime import Permanent, Transient


def answer(status, body=b"", content_type="application/json", **headers):
    return Answer(status=status, headers={"content-type": content_type, **headers}, body=body)


@pytest.mark.parametrize(
    ("status", "once", "repeated"),
    [
        (302, Refused, Refused),
        (400, Refused, Refused),
        (401, Unauthorised, Unauthorised),
        (402, PaymentRequired, PaymentRequired),
        (403, Forbidden, Forbidden),
        (404, NotFound, NotFound),
        (405, Refused, Refused),
        (408, ServiceFailed, ServiceFailed),
        (409, Refused, Refused),
        (413, Refused, Refused),
        (422, Refused, Refused),
        (429, RateLimited, RateLimited),
        (500, ServiceFailed, ServiceFailed),
        (502, ServiceFailed, ServiceFailed),
        (503, ServiceFailed, ServiceFailed),
        (504, OutcomeUnknown, ServiceFailed),
    ],
)
def test_every_status_has_its_exception(status, once, repeated):
    for repeatable, kind in ((False, once), (True, repeated)):
        error = refusal(answer(status), service="s", operation="o", repeatable=repeatable)
        assert type(error) is kind
        assert str(error).startswith("s o: ")


@pytest.mark.parametrize(
    ("kind", "transient", "permanent"),
    [
        (NotSent, True, False),
        (RateLimited, True, False),
        (OutcomeUnknown, False, False),
        (Interrupted, True, False),
        (ServiceFailed, True, False),
        (PaymentRequired, True, False),
        (Refused, False, True),
        (NotFound, False, True),
        (Unauthorised, False, False),
        (Forbidden, False, False),
        (BadPayload, False, True),
    ],
)
def test_what_the_runtime_may_do_about_each(kind, transient, permanent):
    error = kind("why", service="s", operation="o")
    assert isinstance(error, GatewayError)
    assert (isinstance(error, Transient), isinstance(error, Permanent)) == (transient, permanent)
    assert str(error).startswith("s o: why")
    if transient:
        assert error.retry_after_s is None


def test_the_body_names_the_wait_before_the_header():
    both = answer(429, **{"retry-after": "9"})
    assert refusal(both, service="s", operation="o", repeatable=True, retry_after_s=3.0).retry_after_s == 3.0
    assert refusal(both, service="s", operation="o", repeatable=True).retry_after_s == 9.0


def test_a_zero_wait_in_the_body_is_a_wait():
    both = answer(429, **{"retry-after": "9"})
    assert refusal(both, service="s", operation="o", repeatable=True, retry_after_s=0.0).retry_after_s == 0.0


@pytest.mark.parametrize(
    ("body", "content_type", "html"),
    [
        (b"<html><h1>403 Forbidden</h1></html>", "text/html", True),
        (b"\n<!doctype html>", "", True),
        (b'{"detail":"<b>no</b>"}', "application/problem+json", False),
        (b"", "text/html", False),
    ],
)
def test_a_block_by_the_front_server_is_told_from_a_refusal(body, content_type, html):
    error = refusal(answer(403, body, content_type), service="s", operation="o", repeatable=True)
    assert error.is_html is html


def test_nonsense_after_success_may_have_been_done():
    assert type(unreadable(answer(200), service="s", operation="o", repeatable=False)) is OutcomeUnknown
    assert type(unreadable(answer(200), service="s", operation="o", repeatable=True)) is ServiceFailed


def test_long_words_of_the_other_side_are_cut_short():
    assert len(str(Refused("x" * 10_000, errors=["y" * 10_000]))) < 1_200
