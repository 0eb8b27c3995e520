"""The simulated controller of the seller: it takes what the contract describes and nothing else."""

from __future__ import annotations

import httpx
import pytest
import trio

from dealgram.sandbox.controller import ControllerSimulator
from dealgram.sandbox.serve import serve

REGISTRATION = {
    "userName": "Анна",
    "userPhone": "79990000000",
    "account": 7,
    "accountSubdomain": "sub",
    "widgetName": "dealgram",
    "termsOfUse": True,
    "widgetStatus": "Y",
    "client_uuid": "5a9db0c5-0000-4000-8000-00000000c11e",
    "enumId": 1307,
}
CONNECTED = {"client_uuid": "5a9db0c5-0000-4000-8000-00000000c11e", "account_id": 7}
SWITCHED_OFF = {"widgetStatus": "N", "userName": "", "userPhone": "", "termsOfUse": False}


@pytest.fixture
async def controller():
    simulator = ControllerSimulator()
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve, simulator.app)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            yield simulator, client
        nursery.cancel_scope.cancel()


async def test_it_keeps_its_clients_as_they_were_last_told_of(controller):
    simulator, client = controller
    for body in (REGISTRATION, REGISTRATION, CONNECTED, REGISTRATION | SWITCHED_OFF):
        assert (await client.post("/informer", json=body)).status_code == 200
    assert [each["widgetStatus"] for each in simulator.registrations] == ["Y", "Y", "N"]
    assert simulator.connected == {7}
    assert list(simulator.clients) == [7]
    assert not simulator.clients[7].is_on
    simulator.assert_clean()


BROKEN = {
    "no name": {"userName": " "},
    "no number": {"userPhone": "+7 999"},
    "an account in words": {"account": "7"},
    "a flag for an account": {"account": True},
    "no consent": {"termsOfUse": False},
    "another status": {"widgetStatus": "S"},
    "no uuid": {"client_uuid": "dealgram"},
    "a number in words": {"enumId": "1307"},
    "more than the contract": {"email": "a@example.org"},
}


@pytest.mark.parametrize("wrong", BROKEN.values(), ids=BROKEN)
async def test_it_refuses_what_the_contract_does_not_describe(controller, wrong):
    simulator, client = controller
    assert (await client.post("/informer", json=REGISTRATION | wrong)).status_code == 422
    with pytest.raises(AssertionError, match="422"):
        simulator.assert_clean()
    assert not simulator.news


@pytest.mark.parametrize("name", REGISTRATION)
async def test_it_needs_every_field(controller, name):
    simulator, client = controller
    body = {key: value for key, value in REGISTRATION.items() if key != name}
    assert (await client.post("/informer", json=body)).status_code == 422
    assert f"missing: {name}" in simulator.violations[0]


async def test_it_is_at_one_address_and_reads_json_only(controller):
    simulator, client = controller
    answers = [
        await client.post("/", json=REGISTRATION),
        await client.get("/informer"),
        await client.post("/informer", data={"userName": "Анна"}),
        await client.post("/informer", json=[REGISTRATION]),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 400, 400]
    assert len(simulator.violations) == 4


async def test_faults_come_as_ordered(controller):
    simulator, client = controller
    simulator.faults.answer("registration", status=503)
    assert (await client.post("/informer", json=CONNECTED)).status_code == 200
    assert (await client.post("/informer", json=REGISTRATION)).status_code == 503
    assert simulator.registrations == []
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(simulator.until, lambda: simulator.registrations)
            await client.post("/informer", json=REGISTRATION)
