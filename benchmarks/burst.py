"""Measure a burst of mass sending and print JSON to stdout: hooks accepted, and a manager's answer in their midst.

    python benchmarks/burst.py [--quick] [--hooks 10000]

The service runs as composed, with the embedded database and its default durability, and with Telegram's limits as they
are in production. The hooks are signed beforehand and posted by a process of its own over 16 connections, as fast as
they are taken; in the middle of them is one of a manager. Telegram and amoCRM are the simulators, in the service's
process: the burst itself goes out at Telegram's pace, so that they cost little.

Fails (exit code 1, a sentence instead of JSON) if a hook is not accepted, or the manager's answer does not come.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import trio

from dealgram import logs
from dealgram.persistence.records import Person, upsert
from dealgram.playground import CHANNEL, Playground, open_playground
from dealgram.sandbox.page.world import World, build_world
from dealgram.service import Service, open_service
from dealgram.settings import Settings

CONNECTIONS = 16
LIMIT_S = 600.0
ANSWER = "Ответ менеджера"


class BenchmarkError(Exception):
    """The measurement could not be made; the text says why."""


def post(url: str, bodies: list[bytes]) -> dict[str, Any]:
    """Post the hooks over some connections, in order of their beginning; for the process of the sender."""
    address = urlsplit(url)
    waiting, lock = iter(enumerate(bodies)), threading.Lock()
    outcomes: dict[int, tuple[int, float]] = {}
    manager_at = 0.0

    def work() -> None:
        nonlocal manager_at
        connection = http.client.HTTPConnection(address.hostname or "", address.port)
        while True:
            with lock:
                number, body = next(waiting, (-1, b""))
            if number < 0:
                connection.close()
                return
            signature = hmac.new(CHANNEL.secret.encode(), body, hashlib.sha1).hexdigest()
            began = time.time()
            connection.request(
                "POST", address.path, body, {"Content-Type": "application/json", "X-Signature": signature}
            )
            answer = connection.getresponse()
            answer.read()
            outcomes[number] = answer.status, time.time() - began
            if ANSWER.encode() in body:
                manager_at = time.time()

    began = time.time()
    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = sorted(seconds for _, seconds in outcomes.values())
    return {
        "took_s": time.time() - began,
        "accepted": sum(status == 200 for status, _ in outcomes.values()),
        "answer_p50_ms": took[len(took) // 2] * 1000,
        "answer_p99_ms": took[len(took) * 99 // 100] * 1000,
        "manager_at": manager_at,
    }


def hook(world: World, *, number: int, person: int, sender: str, text: str) -> bytes:
    """A hook of amoCRM about one message of ours to a person (amoCRM contract §9)."""
    now = time.time()
    return json.dumps(
        {
            "account_id": world.account.amojo_id,
            "time": int(now),
            "message": {
                "receiver": {"id": f"r{person}", "client_id": f"tgu-{person}"},
                "sender": {"id": sender},
                "conversation": {"id": f"c{person}", "client_id": f"p{world.sales_bot.id}-{person}"},
                "timestamp": int(now),
                "msec_timestamp": int(now * 1000),
                "message": {"id": f"burst-{number}", "type": "text", "text": text},
            },
        },
        ensure_ascii=False,
    ).encode()


async def measure(hooks: int, folder: Path) -> dict[str, Any]:
    """One burst, from an empty database to its figures."""
    async with open_playground() as playground:
        world = build_world(playground.telegram, playground.amo)
        # The simulator knows nothing of these made-up messages; their statuses are not what is measured.
        playground.amo.faults.answer("amojo.delivery_status", status=200, times=None)
        settings = playground.settings(
            Settings(_env_file=None, data_dir=folder, port=0, sandbox="on", intake="polling", log_level="error")
        )
        async with open_service(settings) as service, trio.open_nursery() as nursery:
            bound = await nursery.start(service.run)
            playground.send_hooks_to(bound.url)
            account = await playground.connect(service, world.account, world.bots)
            people = [playground.telegram.add_person("Клиент", str(number)) for number in range(max(1, hooks // 2))]
            for person in people:
                playground.telegram.private_chat(person, world.sales_bot)
            rows = [Person(bot_id=world.sales_bot.id, user_id=one.id, account_id=account.account_id) for one in people]
            await upsert(service.services.db, *rows)
            url = f"{bound.url}/amojo/{CHANNEL.id}_{world.account.amojo_id}"
            figures = await _burst(playground, service, world, [one.id for one in people], hooks, url)
            service.request_stop()
            return figures


async def _burst(
    playground: Playground, service: Service, world: World, people: list[int], hooks: int, url: str
) -> dict[str, Any]:
    middle = hooks // 2
    olga = next(uuid for uuid, user in world.account.users_by_amojo.items() if user is world.olga)
    bodies = [
        hook(world, number=number, person=people[number % len(people)], sender="salesbot", text="Акция")
        for number in range(hooks)
    ]
    bodies.insert(middle, hook(world, number=-1, person=people[middle % len(people)], sender=olga, text=ANSWER))
    chat = playground.telegram.private_chat(
        next(one for one in playground.telegram.people if one.id == people[middle % len(people)]), world.sales_bot
    )
    seen: dict[str, Any] = {}
    db = service.services.db
    done = "SELECT count(*) FROM outbox WHERE kind = 'tg.answer' AND state <> 'pending'"

    async def watch() -> None:
        while not any(message.content.get("text") == ANSWER for message in chat.messages.values()):  # noqa: ASYNC110
            await trio.sleep(0.005)
        seen["at"] = time.time()
        seen["before"] = await db.fetchval(done) - 1

    with trio.move_on_after(LIMIT_S) as patience:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            sender = await trio.run_process(
                [sys.executable, __file__, "--post", url],
                stdin=json.dumps([body.decode() for body in bodies]).encode(),
                capture_stdout=True,
            )
            sent = json.loads(sender.stdout)
            began = time.time()
            while await db.fetchval("SELECT count(*) FROM inbox WHERE source = 'amojo' AND done_at IS NULL"):  # noqa: ASYNC110
                await trio.sleep(0.1)
            decided_s = time.time() - began
    if patience.cancelled_caught or "at" not in seen:
        raise BenchmarkError(f"the burst did not end within {LIMIT_S:g} s")
    if sent["accepted"] != len(bodies):
        raise BenchmarkError(f"{len(bodies) - sent['accepted']} hooks were not accepted")
    return {
        "hooks": len(bodies),
        "accepted_per_s": len(bodies) / sent["took_s"],
        "answer_ms": {"p50": sent["answer_p50_ms"], "p99": sent["answer_p99_ms"]},
        "decided_after_last_hook_s": decided_s,
        "manager": {
            "hooks_before_it": middle,
            "delivered_before_it": seen["before"],
            "accepted_to_delivered_s": max(0.0, seen["at"] - sent["manager_at"]),
        },
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--hooks", type=int, default=10_000)
    parser.add_argument("--post", metavar="URL", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.post:
        bodies = [body.encode() for body in json.loads(sys.stdin.buffer.read())]
        print(json.dumps(post(arguments.post, bodies)))
        return
    logs.configure(level="error", log_format="json", secrets=[])
    try:
        with tempfile.TemporaryDirectory(prefix="dealgram-bench-") as folder:
            result = trio.run(measure, 60 if arguments.quick else arguments.hooks, Path(folder))
    except (BenchmarkError, subprocess.CalledProcessError) as error:
        sys.exit(f"benchmarks/burst.py: {error}")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
