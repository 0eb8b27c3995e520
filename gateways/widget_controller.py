"""The seller's `widget_controller`: it is told who registered the widget, and which accounts were connected.

Its contract is REON's (amocrm-widget §1.7): JSON posted to `<address>/informer`; the same news twice is one. No text of
an error repeats what it answers: that may quote the name and the phone that were sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from dealgram.gateways.errors import GatewayError, Refused
from dealgram.gateways.refusals import refusal
from dealgram.gateways.transport import HttpTransport

DEADLINE_S = 20.0
_UNDERSTOOD = frozenset({400, 409, 413, 415, 422})
"""Answers of something that has read what we sent and does not want it."""
_WAIT = frozenset({408, 425, 429})


class ControllerClosed(GatewayError):  # noqa: N818 - says what happened, as all of them do
    """Somebody answered, but not as the controller: the address or the access is wrong, or it is being moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A registration as the controller is told of it. ``phone``: digits; ``status``: whether the widget is on."""

    name: str = field(repr=False)
    phone: str = field(repr=False)
    account_id: int
    subdomain: str
    widget_name: str
    has_consent: bool
    status: Literal["Y", "N"]
    client_uuid: str
    enum_id: str


class WidgetController:
    """The controller at an address. ``widget_name`` and ``enum_id``, where configured, count and not the widget's."""

    def __init__(
        self, transport: HttpTransport, url: str, *, widget_name: str | None = None, enum_id: str | None = None
    ) -> None:
        self._transport = transport
        self._url = f"{url}/informer"
        self._widget_name = widget_name
        self._enum_id = enum_id

    async def inform(self, notice: Notice) -> None:
        """Tell of a registration, or that the widget was switched off. Repeating it does no harm.

        Raises:
            Transient: not done, or not known to be; repeat it.
            ControllerClosed: there is no controller at this address that we may speak to.
            Refused: the controller does not want this very registration.
        """
        await self._post(
            "inform",
            {
                "userName": notice.name,
                "userPhone": notice.phone,
                "account": notice.account_id,
                "accountSubdomain": notice.subdomain,
                "widgetName": self._widget_name or notice.widget_name,
                "termsOfUse": notice.has_consent,
                "widgetStatus": notice.status,
                "client_uuid": notice.client_uuid,
                "enumId": _as_number(self._enum_id or notice.enum_id),
            },
        )

    async def connected(self, client_uuid: str, account_id: int) -> None:
        """Tell that an account allowed the integration access. Raises as :meth:`inform`."""
        await self._post("connected", {"client_uuid": client_uuid, "account_id": account_id})

    async def _post(self, operation: str, body: dict[str, object]) -> None:
        answer = await self._transport.request(
            operation,
            "POST",
            self._url,
            headers={"Content-Type": "application/json"},
            content=msgspec.json.encode(body),
            deadline_s=DEADLINE_S,
            repeatable=True,
        )
        if answer.ok:
            return
        service, status = self._transport.upstream.name, answer.status
        if status in _UNDERSTOOD:
            raise Refused(f"HTTP {status}", service=service, operation=operation, code=status)
        if status in _WAIT or status >= 500:
            raise refusal(answer, service=service, operation=operation, repeatable=True)
        raise ControllerClosed(f"HTTP {status}", service=service, operation=operation)


def _as_number(enum_id: str) -> int | str:
    """amoCRM's ids of enumerations are numbers; settings and forms hold texts."""
    return int(enum_id) if enum_id.isascii() and enum_id.isdigit() else enum_id
