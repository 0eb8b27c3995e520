"""The client of the seller's controller: what it sends, and what each answer means."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import pytest
import trio

from dealgram.gateways.errors import Interrupted, NotSent, RateLimited, Refused, ServiceFailed
from dealgram.gateways.transport import Answer, Upstream
from dealgram.gateways.widget_controller import ControllerClosed, Notice, WidgetController
from dealgram.runtime import Transient

NOTICE = Notice(
    name="Анна Ким",
    phone="79990000000",
    account_id=7,
    subdomain="sub",
    widget_name="from the widget",
    has_consent=True,
    status="Y",
    client_uuid="uuid",
    enum_id="12",
)


@dataclass
class Wire:
    """Answers as told, keeps what was sent."""

    answer: Answer | Exception = field(default_factory=lambda: Answer(status=200, headers={}, body=b""))
    sent: list[tuple[str, dict]] = field(default_factory=list)
    upstream: Upstream = field(default_factory=lambda: Upstream(name="controller"))

    async def request(self, operation, method, url, *, headers, content, deadline_s, repeatable):
        await trio.lowlevel.checkpoint()
        assert method == "POST"
        assert headers == {"Content-Type": "application/json"}
        assert repeatable
        self.sent.append((url, msgspec.json.decode(content)))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_it_sends_what_the_contract_says():
    wire = Wire()
    controller = WidgetController(wire, "https://seller.example/x")
    await controller.inform(NOTICE)
    await controller.connected("uuid", 7)
    registration = {
        "userName": "Анна Ким",
        "userPhone": "79990000000",
        "account": 7,
        "accountSubdomain": "sub",
        "widgetName": "from the widget",
        "termsOfUse": True,
        "widgetStatus": "Y",
        "client_uuid": "uuid",
        "enumId": 12,
    }
    address = "https://seller.example/x/informer"
    assert wire.sent == [(address, registration), (address, {"client_uuid": "uuid", "account_id": 7})]


@pytest.mark.parametrize(("enum_id", "sent"), [("1307", 1307), ("a-b", "a-b"), ("٣", "٣")])
async def test_the_configured_ids_count_and_not_the_widgets(enum_id, sent):
    wire = Wire()
    await WidgetController(wire, "https://seller.example", widget_name="ours", enum_id=enum_id).inform(NOTICE)
    ((_, body),) = wire.sent
    assert (body["widgetName"], body["enumId"]) == ("ours", sent)


MEANINGS = {
    **dict.fromkeys((400, 409, 413, 415, 422), Refused),
    **dict.fromkeys((301, 302, 401, 402, 403, 404, 405, 410, 451), ControllerClosed),
    **dict.fromkeys((408, 500, 502, 503, 504), ServiceFailed),
    429: RateLimited,
}


@pytest.mark.parametrize(("status", "meaning"), MEANINGS.items())
async def test_every_answer_has_its_meaning_and_is_never_quoted(status, meaning):
    wire = Wire(Answer(status=status, headers={"retry-after": "7"}, body="{'said': 'Анна Ким 79990000000'}".encode()))
    with pytest.raises(meaning) as caught:
        await WidgetController(wire, "https://seller.example").inform(NOTICE)
    assert type(caught.value) is meaning
    text = f"{caught.value} {caught.value!r}"
    assert "Анна" not in text
    assert "7999" not in text
    assert isinstance(caught.value, Transient) is (meaning in (ServiceFailed, RateLimited))


@pytest.mark.parametrize("failure", [NotSent("no connection"), Interrupted("broke off")])
async def test_what_may_not_have_arrived_is_repeated(failure):
    with pytest.raises(Transient):
        await WidgetController(Wire(failure), "https://seller.example").inform(NOTICE)


def test_a_notice_does_not_show_who_it_is_about():
    assert "Анна" not in repr(NOTICE)
    assert "7999" not in repr(NOTICE)
