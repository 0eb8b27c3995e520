"""The seller's `widget_controller` as a simulator: it takes what REON's contract describes and refuses anything else.

Owns `ControllerSimulator` (amocrm-widget §1.7). One address, `POST /informer`: a registration (who switched a widget on
or off) or, after OAuth, a connected account. Fields have their types and none but those of the contract is taken; what
is refused is a violation too. Promises: the same news twice is taken twice and counts as one client; faults as in the
other simulators, under the operations ``registration`` and ``connected``.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import trio
from quart import Response, request
from quart_trio import QuartTrio

from dealgram.sandbox.faults import FaultPlan

PATH = "/informer"
KEPT = 10_000
_PHONE = re.compile(r"\d{10,15}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONGEST = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client as the seller knows it."""

    name: str = field(repr=False)
    phone: str = field(repr=False)
    account_id: int
    subdomain: str
    is_on: bool


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST


def _is_filled(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= _LONGEST


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_phone(value: object) -> bool:
    return isinstance(value, str) and _PHONE.fullmatch(value) is not None


def _is_uuid(value: object) -> bool:
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


Check = Callable[[object], bool]
_REGISTRATION: Mapping[str, Check] = {
    "userName": _is_filled,
    "userPhone": _is_phone,
    "account": _is_id,
    "accountSubdomain": _is_filled,
    "widgetName": _is_filled,
    "termsOfUse": lambda value: value is True,
    "widgetStatus": lambda value: value in ("Y", "N"),
    "client_uuid": _is_uuid,
    "enumId": _is_id,
}
_SWITCHED_OFF = {"userName": _is_text, "userPhone": _is_text, "termsOfUse": lambda value: isinstance(value, bool)}
"""Who switches a widget off fills in no form."""
_CONNECTED: Mapping[str, Check] = {"client_uuid": _is_uuid, "account_id": _is_id}


class ControllerSimulator:
    """Serve `.app` with `sandbox.serve.serve`."""

    def __init__(self) -> None:
        self.faults = FaultPlan()
        self.violations: list[str] = []
        self.news: deque[dict[str, Any]] = deque(maxlen=KEPT)
        """What was taken, oldest first, as it came."""
        self.clients: dict[int, Client] = {}
        """By account id, as they were last told of."""
        self.connected: set[int] = set()
        """Accounts that allowed the integration access."""
        self._changed = trio.Event()
        self.app = self._make_app()

    @property
    def registrations(self) -> list[dict[str, Any]]:
        """The registrations among the news, oldest first."""
        return [each for each in self.news if "widgetStatus" in each]

    def assert_clean(self) -> None:
        """Raises AssertionError when something was refused."""
        if self.violations:
            raise AssertionError("what the seller's controller refuses:\n" + "\n".join(self.violations))

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until something holds here; looked at whenever news are taken."""
        while not (found := condition()):
            await self._changed.wait()
        return found

    def _make_app(self) -> QuartTrio:
        app = QuartTrio(__name__, static_folder=None)

        @app.route("/", defaults={"path": ""}, methods=["GET", "POST"], provide_automatic_options=False)
        @app.route("/<path:path>", methods=["GET", "POST"], provide_automatic_options=False)
        async def serve(path: str) -> Response:
            raw = await request.get_data(cache=False, as_text=False)
            body = _object(raw)
            operation = "connected" if body is not None and "account_id" in body else "registration"

            async def work() -> Response:
                return self._take(f"/{path}", body)

            return await self.faults.carry_out(operation, {"body": body}, work)

        return app

    def _take(self, path: str, body: dict[str, Any] | None) -> Response:
        if request.method != "POST" or path != PATH:
            return self._refuse(404, f"there is no {request.method} {path}")
        if request.mimetype != "application/json" or body is None:
            return self._refuse(400, "the body is no JSON object")
        checks = dict(_CONNECTED if "account_id" in body else _REGISTRATION)
        if body.get("widgetStatus") == "N":
            checks |= _SWITCHED_OFF
        if missing := sorted(checks.keys() - body.keys()):
            return self._refuse(422, f"missing: {', '.join(missing)}")
        if unknown := sorted(body.keys() - checks.keys()):
            return self._refuse(422, f"not in the contract: {', '.join(unknown)}")
        if wrong := [name for name, check in checks.items() if not check(body[name])]:
            return self._refuse(422, f"not as the contract says: {', '.join(wrong)}")
        self.news.append(body)
        if "account_id" in body:
            self.connected.add(body["account_id"])
        else:
            self.clients[body["account"]] = Client(
                name=body["userName"],
                phone=body["userPhone"],
                account_id=body["account"],
                subdomain=body["accountSubdomain"],
                is_on=body["widgetStatus"] == "Y",
            )
        self._changed.set()
        self._changed = trio.Event()
        return _json({"message": "ok"}, 200)

    def _refuse(self, status: int, reason: str) -> Response:
        self.violations.append(f"{status}: {reason}")
        return _json({"message": reason}, status)


def _object(raw: bytes | str) -> dict[str, Any] | None:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _json(body: object, status: int) -> Response:
    return Response(orjson.dumps(body), status=status, content_type="application/json")
