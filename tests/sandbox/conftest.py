"""A simulated amoCRM behind a real port, and a client that signs by itself, for the tests of the simulator."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any

import httpx
import pytest
import trio
from quart import Response, request
from quart_trio import QuartTrio

from dealgram.sandbox.amocrm import AmoSimulator, SimAccount, SimChannel, SimIntegration, Switches
from dealgram.sandbox.serve import serve

SECRET = "0123456789abcdef0123456789abcdef01234567"
CHANNEL = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
BOT = "b0b0b0b0-0000-4000-8000-000000000000"
START = 1_767_225_600.0  # Thu, 01 Jan 2026 00:00:00 +0000


def sign(method: str, path: str, body: bytes, *, date: str, secret: str = SECRET) -> dict[str, str]:
    """The four headers of a signed request, written from the documentation."""
    md5 = hashlib.md5(body).hexdigest()
    content_type = "application/json"
    text = f"{method.upper()}\n{md5}\n{content_type}\n{date}\n{path}"
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha1).hexdigest()
    return {"Date": date, "Content-Type": content_type, "Content-MD5": md5, "X-Signature": signature}


@dataclass
class Receiver:
    """The integration's side of hooks: keeps what comes, answers as told."""

    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    status: int = 200
    hang: bool = False
    arrived: trio.Event = field(default_factory=trio.Event)

    def app(self) -> QuartTrio:
        app = QuartTrio(__name__)

        @app.post("/amojo/<scope_id>")
        async def hook(scope_id: str) -> Response:
            body = await request.get_data()
            self.got.append((dict(request.headers) | {"scope": scope_id}, body))
            self.arrived.set()
            if self.hang:
                await trio.sleep_forever()
            return Response(b"", status=self.status)

        return app

    async def wait(self, count: int) -> None:
        with trio.fail_after(10):
            while len(self.got) < count:
                self.arrived = trio.Event()
                await self.arrived.wait()

    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.got]

    def texts(self) -> list[str]:
        return [one["message"]["message"]["text"] for one in self.bodies()]


@dataclass
class Amo:
    """What a test holds: the simulator, an installed and connected account, a signing client, a clock."""

    sim: AmoSimulator
    client: httpx.AsyncClient
    receiver: Receiver
    time: float = START
    account: SimAccount = None  # type: ignore[assignment]
    token: str = ""
    numbers: int = 0

    @property
    def scope(self) -> str:
        return self.sim.scope_id(self.account)

    def switch(self, **positions: Any) -> None:
        self.sim.switches = replace(self.sim.switches, **positions)

    def last_violation(self) -> str:
        return self.sim.violations[-1]

    async def signed(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: str = "",
        headers: dict[str, str | None] | None = None,
        raw: bytes | None = None,
    ) -> httpx.Response:
        """A Chats API request below the prefix; `headers` replace the right ones, None removes."""
        full = f"/v2/origin/custom/{path}"
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        sent: dict[str, str | None] = {**sign(method, full, content, date=formatdate(self.time)), **(headers or {})}
        url = full + (f"?{query}" if query else "")
        kept = {name: value for name, value in sent.items() if value is not None}
        return await self.client.request(method, url, content=content, headers=kept)

    def payload(self, **changes: Any) -> dict[str, Any]:
        """An incoming text message; a value of None takes the field away."""
        self.numbers += 1
        payload: dict[str, Any] = {
            "timestamp": int(self.time),
            "msec_timestamp": int(self.time * 1000) + self.numbers,
            "msgid": f"tg-{self.numbers}",
            "conversation_id": "p1-9001",
            "silent": False,
            "sender": {"id": "tgu-9001", "name": "Анна"},
            "message": {"type": "text", "text": f"привет {self.numbers}"},
        }
        payload |= changes
        return {name: value for name, value in payload.items() if value is not None}

    async def event(self, payload: dict[str, Any], event_type: str = "new_message") -> httpx.Response:
        return await self.signed("POST", self.scope, {"event_type": event_type, "payload": payload})

    async def send(self, **changes: Any) -> dict[str, Any]:
        answer = await self.event(self.payload(**changes))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["new_message"]
        return found

    async def refused(self, **changes: Any) -> str:
        """Sends a message that must be refused; returns the violation."""
        before = len(self.sim.violations)
        answer = await self.event(self.payload(**changes))
        assert answer.status_code == 400, answer.text
        assert len(self.sim.violations) == before + 1
        return self.last_violation()

    async def open_chat(self, conversation: str = "p1-9001", **changes: Any) -> str:
        user = {"id": "tgu-9001", "name": "Анна"}
        answer = await self.signed(
            "POST", f"{self.scope}/chats", {"conversation_id": conversation, "user": user, **changes}
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    async def rest(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **more: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token if token is None else token}", **more.pop("headers", {})}
        return await self.client.request(method, f"/api/v4/{path}", json=body, headers=headers, **more)

    async def linked_chat(self, conversation: str = "p1-9001", *, lead_id: int | None = None) -> tuple[str, int]:
        """A chat whose contact hangs on a deal, as the service prepares it; returns the chat and the contact."""
        chat = await self.open_chat(conversation)
        contact = self.sim.add_contact(self.account, "Анна")
        answer = await self.rest("POST", "contacts/chats", [{"chat_id": chat, "contact_id": contact}])
        assert answer.status_code == 200, answer.text
        if lead_id is not None:
            self.sim.link(self.account, lead_id, contact)
        return chat, contact


@pytest.fixture
async def amo() -> AsyncIterator[Amo]:
    receiver = Receiver()
    channel = SimChannel(id=CHANNEL, secret=SECRET, bot_id=BOT)
    integration = SimIntegration(
        client_id="client", client_secret="client-secret", redirect_uri="https://example.com/cb"
    )
    holder: list[Amo] = []
    sim = AmoSimulator(
        channel=channel,
        integration=integration,
        # The clock stands still, so the test of the limit switches it on; addresses of media are made up in most tests.
        switches=Switches(rest_rate_per_s=None, media_fetch="never"),
        now=lambda: holder[0].time if holder else START,
        rng=random.Random(7),
    )
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve, sim.app)
        hooks_port = await nursery.start(serve, receiver.app())
        sim.hook_url = f"http://127.0.0.1:{hooks_port}/amojo/{{scope_id}}"
        await nursery.start(sim.run)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10, verify=False) as client:
            found = Amo(sim=sim, client=client, receiver=receiver)
            holder.append(found)
            found.account = sim.add_account("romashka", "Ромашка")
            found.token = sim.issue_tokens(found.account)[0]
            connected = await found.signed(
                "POST", f"{CHANNEL}/connect", {"account_id": found.account.amojo_id, "hook_api_version": "v2"}
            )
            assert connected.json()["scope_id"] == found.scope
            yield found
        nursery.cancel_scope.cancel()
