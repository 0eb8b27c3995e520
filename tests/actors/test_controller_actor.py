"""What the actor of the seller's controller does with an address at which there is none, and without any."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import trio

from dealgram.actors.account_bodies import DropWebhook, ForwardRegistration, NoteNotForwarded, TellConnected
from dealgram.actors.accounts.controller import (
    CLOSED_PAUSE_S,
    PATIENCE,
    ControllerActor,
    connected_entry,
    registered_entry,
)
from dealgram.gateways.widget_controller import ControllerClosed
from dealgram.persistence.entries import Delivery
from dealgram.persistence.records import Registration
from dealgram.runtime import Address, Failure, Permanent, Transient

CREATED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
FORWARD = ForwardRegistration(registration_key="account:7", revision=2, status="N")
ROW = Registration(
    registration_key="account:7", account_id=7, host="https://sub.amocrm.ru", client_name="Анна", phone="79991234567"
)


@dataclass
class Closed:
    """An address at which something else answers."""

    async def connected(self, client_uuid: str, account_id: int) -> None:
        await trio.lowlevel.checkpoint()
        raise ControllerClosed("HTTP 404", service="controller", operation="connected")


def delivery() -> Delivery:
    return Delivery(
        id=1,
        account_id=0,
        address=Address("controller", "sub.amocrm.ru"),
        lane="controller",
        kind="controller.connected",
        body=b"",
        attempts=0,
        created_at=CREATED,
        started_at=None,
    )


def actor(*, age: dt.timedelta = dt.timedelta(0), controller: object = None) -> ControllerActor:
    return ControllerActor(SimpleNamespace(now=lambda: CREATED + age, controller=controller, client_uuid="u", db=None))


async def test_a_wrong_address_is_believed_to_be_a_mistake_for_a_day():
    with pytest.raises(Transient) as caught:
        await actor(age=PATIENCE, controller=Closed()).deliver(TellConnected(told_account=7), delivery())
    assert caught.value.retry_after_s == CLOSED_PAUSE_S
    late = actor(age=PATIENCE + dt.timedelta(seconds=1), controller=Closed())
    with pytest.raises(Permanent, match="404"):
        await late.deliver(TellConnected(told_account=7), delivery())


@pytest.mark.parametrize("body", [TellConnected(told_account=7), FORWARD])
async def test_a_controller_that_is_configured_no_more_is_told_nothing(body):
    outcome = await actor().deliver(body, delivery())
    assert (outcome.state, outcome.error) == ("done", "there is no controller")


async def test_it_delivers_nothing_else():
    with pytest.raises(Permanent):
        await actor().deliver(DropWebhook(bot_id=1), delivery())


def test_a_registration_that_was_given_up_is_noted_and_other_news_are_not():
    failure = Failure(kind="Refused", message="HTTP 422", traceback="")
    (todo,) = actor().given_up(FORWARD, failure).todo
    assert todo.body == NoteNotForwarded(registration_key="account:7", revision=2)
    assert not actor().given_up(TellConnected(told_account=7), failure).todo


def test_entries_name_their_registration_and_hold_nothing_of_it():
    one, two = registered_entry(ROW), registered_entry(ROW)
    assert one.source_key != two.source_key
    assert one.address == Address("controller", "sub.amocrm.ru")
    assert "Анна" not in one.payload.decode()
    assert b"7999" not in one.payload
    assert connected_entry(7, ROW.host, "k") == connected_entry(7, ROW.host, "k")
