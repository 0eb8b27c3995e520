"""Lean stand-ins for Telegram and amoCRM: a process that hands out updates, takes posts in and keeps the clock.

    python benchmarks/stubs.py '{"groups": 200, "people": 3, "bots": 4, "deals": 1}'

Owns the measured world (who is in which group, which deals it is linked to) and the ledger: when an update was handed
out, when its post for each deal arrived, and whether every post came exactly once, in order and rightly signed. Both
moments are read here, so latencies come from one clock. It is driven by JSON lines: a phase per line on stdin, its
figures on stdout; end of file ends the process. HTTP is parsed by hand, since a framework would cost more than the
service that is measured.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

CHANNEL_ID = "benchmark-channel"
CHANNEL_SECRET = "benchmark-secret"
SCOPE = f"/v2/origin/custom/{CHANNEL_ID}_benchmark-account"
EPOCH = 1_790_000_000
_POLL = re.compile(r"/bot(\d+):[^/]+/getUpdates")
_MSGID = re.compile(r"tg-(\d+)-(-\d+)-(\d+)-d(\d+)")
_REASONS = {200: "OK", 404: "Not Found"}


@dataclass(frozen=True)
class World:
    """The groups, spread over the bots of one account; everybody is in one group, every group has deals of its own."""

    groups: int
    people: int
    bots: int
    deals: int

    def bot_id(self, group: int) -> int:
        return 500_000_001 + group % self.bots

    @property
    def bot_ids(self) -> list[int]:
        return [self.bot_id(index) for index in range(self.bots)]

    def chat_id(self, group: int) -> int:
        return -1_000_000_000_000 - group

    def title(self, group: int) -> str:
        return f"Группа {group}"

    def user_id(self, group: int, person: int) -> int:
        return 700_000_000 + group * self.people + person

    def user_name(self, user_id: int) -> str:
        return f"Участник {user_id}"

    def deal_ids(self, group: int) -> list[int]:
        return [40_000_000 + group * self.deals + index for index in range(self.deals)]


def token(bot_id: int) -> str:
    """The token of a bot, in Telegram's form."""
    return f"{bot_id}:{'b' * 35}"


@dataclass(slots=True)
class Update:
    """One message in a group. Its number is the update id and the message id."""

    number: int
    group: int
    user_id: int
    raw: bytes
    available_at: float = 0.0
    handed_at: float = 0.0
    arrived: dict[int, float] = field(default_factory=dict)  # by deal

    @property
    def text(self) -> str:
        return text_of(self.number)


def text_of(number: int) -> str:
    return f"Сообщение {number}: когда приедет мастер, и сколько это будет стоить?"


class _Person(msgspec.Struct):
    id: str


class _Content(msgspec.Struct):
    text: str


class _Payload(msgspec.Struct):
    msgid: str
    conversation_id: str
    sender: _Person
    message: _Content


class _Post(msgspec.Struct):
    event_type: str
    payload: _Payload


class Ledger:
    """Every update made so far and what has arrived of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rng = random.Random(1)
        self.updates: dict[int, Update] = {}
        self.outstanding = 0
        self.all_arrived = asyncio.Event()
        self.wrong = dict.fromkeys(("doubled", "unknown", "out_of_order", "badly_signed", "unexpected_calls"), 0)
        self._last: dict[str, int] = {}

    def make(self, pairs: Iterable[tuple[int, int]]) -> list[Update]:
        """New updates, one for each pair of a group and one of its people."""
        made = [self._update(group, person) for group, person in pairs]
        self.outstanding += len(made) * self.world.deals
        self.all_arrived.clear()
        return made

    def _update(self, group: int, person: int) -> Update:
        world = self.world
        number = len(self.updates) + 1
        user_id = world.user_id(group, person)
        raw = {
            "update_id": number,
            "message": {
                "message_id": number,
                "from": {"id": user_id, "is_bot": False, "first_name": world.user_name(user_id), "language_code": "ru"},
                "chat": {"id": world.chat_id(group), "title": world.title(group), "type": "supergroup"},
                "date": EPOCH + number,
                "text": text_of(number),
            },
        }
        update = Update(number, group, user_id, msgspec.json.encode(raw))
        self.updates[number] = update
        return update

    def arrived(self, payload: _Payload) -> None:
        """Note a post. The moment counts, so the caller has not yet answered it."""
        now = time.perf_counter()
        match = _MSGID.fullmatch(payload.msgid)
        update = self.updates.get(int(match[3])) if match else None
        if match is None or update is None or not self._belongs(update, match, payload):
            self.wrong["unknown"] += 1
            return
        deal = int(match[4])
        if deal in update.arrived:
            self.wrong["doubled"] += 1
            return
        update.arrived[deal] = now
        if update.number < self._last.get(payload.conversation_id, 0):
            self.wrong["out_of_order"] += 1
        self._last[payload.conversation_id] = update.number
        self.outstanding -= 1
        if not self.outstanding:
            self.all_arrived.set()

    def _belongs(self, update: Update, match: re.Match[str], payload: _Payload) -> bool:
        world = self.world
        return (
            int(match[1]) == world.bot_id(update.group)
            and int(match[2]) == world.chat_id(update.group)
            and int(match[4]) in world.deal_ids(update.group)
            and payload.conversation_id.endswith(f"-d{match[4]}-u{update.user_id}")
            and payload.sender.id == f"tgu-{update.user_id}"
            and payload.message.text == update.text
        )


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection without pipelining: requests in, one answer each, kept alive."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._server.accepted += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.on_lost(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, blank, rest = self._buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        request, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        method, path, _ = request.split(" ", 2)
        self._server.on_request(self, method, path, headers, rest[:length])

    def answer(self, body: bytes, status: int = 200) -> None:
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        self.transport.write(head.encode() + b"\r\n\r\n" + body)


class Server:
    """What the two stubs have in common: a listener that counts the connections it accepts."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.accepted = 0
        self.requests = 0

    async def listen(self) -> str:
        server = await asyncio.get_running_loop().create_server(lambda: Connection(self), "127.0.0.1", 0)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def on_request(self, connection: Connection, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        raise NotImplementedError

    def on_lost(self, connection: Connection) -> None:
        pass

    def refuse(self, connection: Connection) -> None:
        """A call that the steady state does not need."""
        self.ledger.wrong["unexpected_calls"] += 1
        connection.answer(b"{}", 404)


class AmoStub(Server):
    """The Chats API: takes signed messages in (amoCRM contract §5 and §7)."""

    def on_request(self, connection: Connection, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.requests += 1
        if method != "POST" or path != SCOPE:
            self.refuse(connection)
            return
        if not _signed(method, path, headers, body):
            self.ledger.wrong["badly_signed"] += 1
        post = msgspec.json.decode(body, type=_Post)
        self.ledger.arrived(post.payload)
        answer = {"conversation_id": post.payload.conversation_id, "sender_id": post.payload.sender.id}
        answer |= {"msgid": f"00000000-0000-4000-8000-{self.requests:012x}", "ref_id": post.payload.msgid}
        connection.answer(msgspec.json.encode({"new_message": answer}))


def _signed(method: str, path: str, headers: dict[str, str], body: bytes) -> bool:
    md5 = hashlib.md5(body).hexdigest()
    text = "\n".join((method, md5, "application/json", headers.get("date", ""), path))
    expected = hmac.new(CHANNEL_SECRET.encode(), text.encode(), hashlib.sha1).hexdigest()
    return headers.get("content-md5") == md5 and headers.get("x-signature") == expected


class TelegramStub(Server):
    """getUpdates: what is available is handed out at once, else the poll waits."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._queues: dict[int, deque[Update]] = {bot_id: deque() for bot_id in ledger.world.bot_ids}
        self._waiting: dict[int, tuple[Connection, int, asyncio.TimerHandle]] = {}

    def release(self, updates: Sequence[Update]) -> None:
        """Make updates available."""
        now = time.perf_counter()
        for update in updates:
            update.available_at = update.available_at or now
            self._queues[self.ledger.world.bot_id(update.group)].append(update)
        for bot_id in list(self._waiting):
            if self._queues[bot_id]:
                connection, limit, timer = self._waiting.pop(bot_id)
                timer.cancel()
                self._hand_out(connection, bot_id, limit)

    def on_request(self, connection: Connection, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.requests += 1
        match = _POLL.fullmatch(path)
        if match is None or int(match[1]) not in self._queues:
            self.refuse(connection)
            return
        asked = json.loads(body)
        bot_id, limit = int(match[1]), asked.get("limit", 100)
        queue = self._queues[bot_id]
        while queue and queue[0].number < asked.get("offset", 0):
            queue.popleft()
        if queue:
            self._hand_out(connection, bot_id, limit)
        else:
            timer = asyncio.get_running_loop().call_later(asked["timeout"], self._nothing, bot_id)
            self._waiting[bot_id] = (connection, limit, timer)

    def on_lost(self, connection: Connection) -> None:
        for bot_id, (waiting, _, timer) in list(self._waiting.items()):
            if waiting is connection:
                timer.cancel()
                del self._waiting[bot_id]

    def _nothing(self, bot_id: int) -> None:
        self._hand_out(self._waiting.pop(bot_id)[0], bot_id, 0)

    def _hand_out(self, connection: Connection, bot_id: int, limit: int) -> None:
        queue = self._queues[bot_id]
        updates = [queue[index] for index in range(min(limit, len(queue)))]
        now = time.perf_counter()
        for update in updates:
            update.handed_at = update.handed_at or now
        connection.answer(b'{"ok":true,"result":[' + b",".join(update.raw for update in updates) + b"]}")


class Stubs:
    """Both stubs and the phases that are asked of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ledger = Ledger(world)
        self.telegram = TelegramStub(self.ledger)
        self.amo = AmoStub(self.ledger)

    async def phase(self, *, updates: int | None, rate: float | None, deadline_s: float) -> dict[str, object]:
        """Hand updates out and wait for their posts; returns what was seen of them.

        Args:
            updates: how many, from random people of random groups; None: one of everybody.
            rate: updates a second, evenly; None: all of them as fast as they are asked for.
        """
        rng, world = self.ledger.rng, self.world
        everybody = [(group, person) for group in range(world.groups) for person in range(world.people)]
        made = self.ledger.make(everybody if updates is None else rng.choices(everybody, k=updates))
        posts, polls = self.amo.requests, self.telegram.requests
        accepted = (self.amo.accepted, self.telegram.accepted)
        cpu = time.process_time()
        try:
            async with asyncio.timeout(deadline_s):
                if rate is None:
                    self.telegram.release(made)
                else:
                    await self._release_evenly(made, rate)
                await self.ledger.all_arrived.wait()
        except TimeoutError:
            pass  # what is missing is counted
        arrivals = [(at, update) for update in made for at in update.arrived.values()]
        first = min(update.handed_at for update in made)
        return {
            "updates": len(made),
            "posts": self.amo.requests - posts,
            "missing": self.ledger.outstanding,
            "seconds": max((at for at, _ in arrivals), default=first) - first,
            "polls": self.telegram.requests - polls,
            "post_connections": self.amo.accepted - accepted[0],
            "poll_connections": self.telegram.accepted - accepted[1],
            "stub_cpu_s": time.process_time() - cpu,
            "handed_to_post_ms": _quantiles([at - update.handed_at for at, update in arrivals]),
            "available_to_post_ms": _quantiles([at - update.available_at for at, update in arrivals]),
        }

    async def _release_evenly(self, updates: Sequence[Update], rate: float) -> None:
        started = time.perf_counter()
        for number, update in enumerate(updates):
            update.available_at = started + number / rate  # due then, however late this process wakes
            wait_s = update.available_at - time.perf_counter()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self.telegram.release([update])

    def check(self) -> dict[str, int]:
        """What went wrong since the start; all zero in a good run."""
        return {"missing": self.ledger.outstanding, **self.ledger.wrong}


def _quantiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 2) if ordered else 0.0

    return {"p50": at(0.50), "p99": at(0.99), "max": at(1.0)}


async def main(world: World) -> None:
    """Serve until stdin ends; the first line on stdout tells the addresses."""
    stubs = Stubs(world)
    _say({"telegram": await stubs.telegram.listen(), "amojo": await stubs.amo.listen()})
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    commands: dict[str, Callable[..., object]] = {"phase": stubs.phase, "check": stubs.check}
    while line := await lines.readline():
        command, arguments = json.loads(line)
        result = commands[command](**arguments)
        _say(await result if asyncio.iscoroutine(result) else result)


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(main(World(**json.loads(sys.argv[1]))))
