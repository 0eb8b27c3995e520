"""How the REST client treats tokens, gate, errors and pages."""

from __future__ import annotations

import logging

import pytest
import trio
import trio.testing

from dealgram.gateways.amocrm import AmoCrmClient, ContactDraft, NewLead
from dealgram.gateways.errors import (
    Forbidden,
    GateClosed,
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
from dealgram.gateways.gate_policy import GatePolicy, Service
from dealgram.gateways.gates import Gates

TOKEN = "eyJsecret.access.token"


class Tokens:
    """Hands out tokens in order; `stale` moves on to the next."""

    def __init__(self, *tokens):
        self.tokens = list(tokens)
        self.asked = []
        self.moved = False
        self.looked = []

    async def token(self, stale):
        self.asked.append(stale)
        if stale == self.tokens[0] and len(self.tokens) > 1:
            self.tokens.pop(0)
        return self.tokens[0]

    async def has_moved(self, base_url):
        self.looked.append(base_url)
        return self.moved


@pytest.fixture
def tokens():
    return Tokens(TOKEN)


@pytest.fixture
def gate():
    return Gates(GatePolicy(rest_rate_per_s=1000, egress_rate_per_s=1000, open_after=1000)).of(1)


def pause_left_s(gate) -> float:
    return gate.figures().services[Service.REST].left_s


@pytest.fixture
def crm(transport, server, tokens, gate):
    return AmoCrmClient(transport, server.base_url + "/", tokens, gate, deadline_s=5.0)


async def test_a_request_carries_the_token_and_no_cookie(server, crm):
    server.reply({"id": 1}, headers={"Set-Cookie": "session_id=abc; Path=/"})
    server.reply({"id": 1})
    await crm.account()
    await crm.account()
    seen = server.seen[1]
    assert (seen.method, seen.path) == ("GET", "/api/v4/account")
    assert seen.headers["authorization"] == f"Bearer {TOKEN}"
    assert "cookie" not in seen.headers
    assert "content-type" not in seen.headers


async def test_a_refused_token_is_replaced_once_and_the_request_repeated(server, transport, gate):
    tokens = Tokens("old", "new")
    crm = AmoCrmClient(transport, server.base_url, tokens, gate)
    server.reply({"detail": "bad token", "status": 401}, status=401)
    server.reply({"_embedded": {"leads": [{"id": 7, "request_id": "0"}]}})
    assert await crm.create_leads([NewLead(name="Сделка")]) == [7]
    assert tokens.asked == [None, "old"]
    assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer old", "Bearer new"]
    assert server.seen[0].body == server.seen[1].body


async def test_a_refused_new_token_ends_it(server, transport, gate):
    tokens = Tokens("old", "new", "newer")
    crm = AmoCrmClient(transport, server.base_url, tokens, gate)
    server.reply(status=401)
    server.reply({"title": "Unauthorized", "detail": "revoked"}, status=401)
    with pytest.raises(Unauthorised, match="revoked"):
        await crm.account()
    assert len(server.seen) == 2


async def test_without_another_token_nothing_is_repeated(server, crm):
    server.reply(status=401)
    with pytest.raises(Unauthorised):
        await crm.account()
    assert len(server.seen) == 1


async def test_what_the_token_provider_raises_comes_through(server, transport, gate):
    class Broken:
        async def token(self, stale):
            raise Unauthorised("the account must be authorised again")

    with pytest.raises(Unauthorised, match="authorised again"):
        await AmoCrmClient(transport, server.base_url, Broken(), gate).account()
    assert server.seen == []


ELSEWHERE = [
    (404, b"<html>nobody here</html>", {}, NotFound),
    (404, {"title": "Not Found", "status": 404}, {}, NotFound),
    (301, b"", {"Location": "https://www.amocrm.ru/"}, ServiceFailed),
    (302, b"<html>", {"Location": "https://new.amocrm.ru/api/v4/account"}, ServiceFailed),
]


@pytest.mark.parametrize(("status", "body", "headers", "kind"), ELSEWHERE)
async def test_an_address_where_nobody_seems_to_live_is_asked_about(server, crm, tokens, status, body, headers, kind):
    server.reply(body, status=status, headers=headers)
    with pytest.raises(kind):
        await crm.users()
    assert tokens.looked == [server.base_url]
    server.reply(body, status=status, headers=headers)
    tokens.moved = True
    with pytest.raises(NotSent, match="another address") as error:
        await crm.users()
    assert error.value.retry_after_s is not None
    assert error.value.retry_after_s < 1


async def test_a_name_that_nobody_knows_is_asked_about(transport, tokens, gate):
    tokens.moved = True
    crm = AmoCrmClient(transport, "http://127.0.0.1:1", tokens, gate)
    with pytest.raises(NotSent, match="another address"):
        await crm.users()


@pytest.mark.parametrize("status", [400, 401, 402, 403, 422, 429, 500, 503])
async def test_answers_of_an_account_that_is_there_are_not_doubted(server, crm, tokens, status):
    server.reply({"title": "no"}, status=status)
    with pytest.raises(GatewayError):
        await crm.users()
    assert tokens.looked == []


PROBLEM = {
    "title": "Bad Request",
    "type": "https://httpstatus.es/400",
    "status": 400,
    "detail": "Request validation failed",
}


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "text"),
    [
        (400, PROBLEM, Refused, 400, "Request validation failed"),
        (422, {"detail": "limit"}, Refused, 422, "limit"),
        (402, {"title": "Payment Required"}, PaymentRequired, None, "Payment Required"),
        (403, {"detail": "IP is not in the white list", "code": 113}, Forbidden, 113, "white list"),
        (403, {"detail": "no rights", "code": "244"}, Forbidden, 244, "no rights"),
        (404, {"title": "Not found"}, NotFound, 404, "Not found"),
        (500, b"<html>oops</html>", ServiceFailed, None, "HTTP 500"),
        (502, b"", ServiceFailed, None, "HTTP 502"),
        (400, b"\xff", Refused, 400, "HTTP 400"),
        (400, ["x"], Refused, 400, "HTTP 400"),
        (400, {"detail": 5, "title": None, "code": [1]}, Refused, 400, "HTTP 400"),
    ],
)
async def test_problems_become_typed_exceptions(server, crm, status, body, kind, code, text):
    server.reply(body, status=status, content_type="application/problem+json")
    with pytest.raises(kind, match=text) as caught:
        await crm.pipelines()
    assert type(caught.value) is kind
    if code is not None:
        assert caught.value.code == code


async def test_validation_errors_are_told_one_by_one(server, crm):
    errors = [
        {
            "request_id": "0",
            "errors": [{"code": "NotBlank", "path": "name", "detail": "This value should not be blank."}],
        },
        {"request_id": "1", "errors": [{"code": "TooLong", "path": "name"}, "nonsense"]},
        "nonsense",
    ]
    server.reply({**PROBLEM, "validation-errors": errors}, status=400)
    with pytest.raises(Refused) as caught:
        await crm.create_contacts([ContactDraft(name=""), ContactDraft(name="x")])
    assert caught.value.errors == ("0.name: This value should not be blank.", "1.name: TooLong")
    assert "This value should not be blank." in str(caught.value)


async def test_the_odd_shape_of_source_errors_is_understood(server, crm):
    errors = [{"request_id": "0", "errors": {"code": "EntityNotFound", "path": "id", "detail": "Entity not found"}}]
    server.reply({**PROBLEM, "errors": errors}, status=400)
    with pytest.raises(Refused) as caught:
        await crm.delete_source(5)
    assert caught.value.errors == ("0.id: Entity not found",)


async def test_a_429_pauses_the_account_for_as_long_as_asked(server, crm, gate):
    server.reply({"status": 429, "detail": "7 req/s", "retry_after": 300}, status=429)
    with pytest.raises(RateLimited) as caught:
        await crm.account()
    assert 60 <= caught.value.retry_after_s <= 75, "the gate is asked again now and then, not amoCRM"
    assert 200 < pause_left_s(gate) <= 301
    with pytest.raises(RateLimited) as caught:
        await crm.account()
    assert 0 < caught.value.retry_after_s <= 75, "those who wait look again now and then"
    assert len(server.seen) == 1, "the second request was not even sent"


async def test_a_429_without_a_time_pauses_for_a_moment(server, crm, gate):
    server.reply(status=429)
    with pytest.raises(RateLimited) as caught:
        await crm.account()
    assert 0 < caught.value.retry_after_s < 1.5
    assert 0 < pause_left_s(gate) <= 1.2


async def test_a_block_by_the_front_server_pauses_the_account(server, crm, gate):
    server.reply(b"<html><body>403 Forbidden</body></html>", status=403, content_type="text/html")
    with pytest.raises(Forbidden) as caught:
        await crm.account()
    assert caught.value.is_html
    assert pause_left_s(gate) > 30
    with pytest.raises(GateClosed):
        await crm.account()


async def test_a_refusal_in_json_pauses_nothing(server, crm, gate):
    server.reply({"detail": "no rights"}, status=403)
    with pytest.raises(Forbidden) as caught:
        await crm.account()
    assert not caught.value.is_html
    assert pause_left_s(gate) == 0


async def test_every_request_goes_through_the_gate(server, transport, tokens, autojump_clock):
    gate = Gates(GatePolicy(rest_rate_per_s=0.1, patience_s=5)).of(1)
    crm = AmoCrmClient(transport, server.base_url, tokens, gate)
    release = trio.Event()

    async def hold() -> None:
        async with gate.turn(Service.REST, "another"):
            await release.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(NotSent):
            await crm.account()
        release.set()
    assert server.seen == []


async def test_a_broken_creation_is_unknown_and_a_broken_read_may_be_repeated(server, crm):
    server.close()
    with pytest.raises(OutcomeUnknown) as caught:
        await crm.create_leads([NewLead(name="x")])
    assert not isinstance(caught.value, Interrupted)
    server.close()
    with pytest.raises(Interrupted):
        await crm.lead(1)
    server.close()
    with pytest.raises(Interrupted):
        await crm.link(1, [2])


async def test_a_creation_that_the_front_server_gave_up_on_is_unknown(server, crm):
    server.reply(b"<html>", status=504)
    with pytest.raises(OutcomeUnknown):
        await crm.create_contacts([ContactDraft(name="x")])


@pytest.mark.parametrize(
    "body",
    [
        b"<html>login</html>",
        {"_embedded": {"leads": []}},
        {"_embedded": []},
        [],
        {"_embedded": {"leads": [{"id": "seven"}]}},
    ],
)
async def test_a_creation_answered_with_nonsense_is_unknown(server, crm, body):
    server.reply(body)
    with pytest.raises(OutcomeUnknown):
        await crm.create_leads([NewLead(name="x")])


async def test_answers_are_matched_by_request_id(server, crm):
    server.reply({"_embedded": {"leads": [{"id": 22, "request_id": "b"}, {"id": 11, "request_id": "a"}]}})
    leads = [NewLead(name="1", request_id="a"), NewLead(name="2", request_id="b")]
    assert await crm.create_leads(leads) == [11, 22]
    server.reply({"_embedded": {"leads": [{"id": 2, "request_id": "1"}, {"id": 1, "request_id": 0}]}})
    assert await crm.create_leads([NewLead(name="1"), NewLead(name="2")]) == [1, 2]


async def test_more_than_a_batch_is_refused_before_sending(server, crm):
    with pytest.raises(ValueError, match="50"):
        await crm.create_leads([NewLead(name="x")] * 51)
    assert server.seen == []


async def test_nothing_to_do_sends_nothing(server, crm):
    assert await crm.create_leads([]) == []
    await crm.link(1, [])
    await crm.unlink(1, [])
    await crm.link_chats([])
    assert server.seen == []


async def test_pages_are_followed_to_their_end(server, crm):
    server.reply({"_embedded": {"users": [{"id": 1}]}, "_links": {"next": {"href": "..."}}})
    server.reply({"_embedded": {"users": [{"id": 2}]}, "_links": {"next": {"href": "..."}}})
    server.reply(None, status=204)
    assert [user.id for user in await crm.users()] == [1, 2]
    assert [dict(seen.query)["page"] for seen in server.seen] == ["1", "2", "3"]
    assert {dict(seen.query)["limit"] for seen in server.seen} == {"250"}


async def test_a_page_without_a_next_one_is_the_last(server, crm):
    server.reply({"_embedded": {"users": [{"id": 1}]}, "_links": {"self": {}}})
    assert len(await crm.users()) == 1
    assert len(server.seen) == 1


async def test_a_token_never_shows(server, crm, caplog, told):
    caplog.set_level(logging.DEBUG)
    server.reply({"id": 1})
    server.reply(status=500)
    server.close()
    await crm.account()
    for _ in range(2):
        with pytest.raises(GatewayError) as caught:
            await crm.account()
        assert TOKEN not in told(caught.value)
    assert TOKEN not in caplog.text


async def test_cancelling_a_wait_for_the_gate_takes_nothing(server, transport, tokens):
    gate = Gates(GatePolicy(rest_rate_per_s=0.001)).of(1)
    async with gate.turn(Service.REST, "another"):
        pass
    crm = AmoCrmClient(transport, server.base_url, tokens, gate)
    with trio.move_on_after(0.02) as scope:
        await crm.account()
    assert scope.cancelled_caught
    figures = gate.figures().services[Service.REST]
    assert (figures.waiting, figures.in_flight) == (0, 0)
