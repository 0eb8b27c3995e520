"""The measured process: the whole service on an embedded database, pointed at the stubs, and its own figures.

    python benchmarks/mirror_service.py '<world>' <data folder> <Telegram URL> <Chats API URL>

Owns the rows of a world that has long been running: accounts, bots, groups, links, contacts and conversations that are
ready, so that a message costs nothing but itself. Driven by JSON lines like the stubs; every line is answered with
figures once the journal has nothing left to do. End of file or SIGTERM stops the service.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import resource
import sys
import time
from pathlib import Path

import trio
from pydantic import SecretStr
from stubs import CHANNEL_ID, CHANNEL_SECRET, World, token

from dealgram import logs
from dealgram.persistence import records
from dealgram.persistence.records import Account, Bot, Contact, Conversation, Group, Link, Participant
from dealgram.persistence.tables import Row
from dealgram.service import Service, open_service, stop_on_signal
from dealgram.settings import Settings

ACCOUNT_ID = 30_000_001
SETTLE_DEADLINE_S = 15.0


def rows_of(world: World, service: Service) -> list[Row]:
    """Everything that the world's people and managers did before the measurement."""
    seal = service.services.box.seal
    account = Account(
        account_id=ACCOUNT_ID,
        host=service.settings.amojo_url,  # the stub counts every call that the steady state should not need
        subdomain="benchmark",
        name="Замеры",
        amojo_id="benchmark-account",
        scope_id=f"{CHANNEL_ID}_benchmark-account",
        status="active",
        telegram_field_id=1,
        access_token=seal("access"),
        refresh_token=seal("refresh"),
        token_expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(days=1),
    )
    bots = [
        Bot(
            bot_id=bot_id,
            account_id=ACCOUNT_ID,
            token=seal(token(bot_id)),
            username=f"bench{bot_id}_bot",
            name=f"Бот {bot_id}",
            pipeline_id=1,
            external_id=f"tgb-{bot_id}",
            webhook_key=f"key-{bot_id}",
            webhook_secret=seal("secret"),
            can_read_all_group_messages=True,
            checked_at=dt.datetime.now(dt.UTC),
        )
        for bot_id in world.bot_ids
    ]
    return [account, *bots, *(row for group in range(world.groups) for row in _group_rows(world, group))]


def _group_rows(world: World, group: int) -> list[Row]:
    group_id, bot_id = group + 1, world.bot_id(group)
    rows: list[Row] = [
        Group(
            group_id=group_id,
            account_id=ACCOUNT_ID,
            bot_id=bot_id,
            chat_id=world.chat_id(group),
            title=world.title(group),
            kind="supergroup",
            status="administrator",
        )
    ]
    rows += [
        Link(group_id=group_id, deal_id=deal_id, account_id=ACCOUNT_ID, deal_name=f"Сделка № {deal_id}")
        for deal_id in world.deal_ids(group)
    ]
    for person in range(world.people):
        user_id = world.user_id(group, person)
        name = world.user_name(user_id)
        rows += [
            Participant(group_id=group_id, user_id=user_id, account_id=ACCOUNT_ID, name=name),
            Contact(account_id=ACCOUNT_ID, user_id=user_id, contact_id=user_id, name=name),
        ]
        rows += [
            Conversation(
                account_id=ACCOUNT_ID,
                conversation_id=f"g{group_id}-d{deal_id}-u{user_id}",
                bot_id=bot_id,
                group_id=group_id,
                user_id=user_id,
                deal_id=deal_id,
                chat_uuid=f"chat-{deal_id}-{user_id}",
                contact_id=user_id,
                ready=True,
            )
            for deal_id in world.deal_ids(group)
        ]
    return rows


async def settle(service: Service) -> list[str]:
    """Wait until nothing is left in the journal; returns who still has work at the deadline."""
    journal = service.services.journal
    with trio.move_on_after(SETTLE_DEADLINE_S):
        # nobody announces that the journal is empty
        while journal.statistics().queue_depth or await journal.addresses_with_work():  # noqa: ASYNC110
            await trio.sleep(0.1)
        return []
    waiting = set(await journal.addresses_with_work())
    return [str(actor) for actor in service.system.snapshot().actors if actor.address in waiting]


async def figures(service: Service, postmaster: int, *, unsettled: list[str]) -> dict[str, object]:
    """Counters since the start of this process; CPU in seconds, memory in MB."""
    journal = service.services.journal.statistics()
    system = service.system.snapshot()
    dead = await service.services.db.fetchval("SELECT count(*) FROM dead_letters")
    return {
        "unsettled": unsettled,
        "cpu_s": time.process_time(),
        "database_cpu_s": _cpu_of_tree(postmaster),
        "rss_mb": _resident_mb(),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "commits": journal.commits,
        "operations": journal.operations,
        "largest_batch": journal.largest_batch,
        "dead_letters": dead,
        "restarts": system.counters.restarts,
        "postgresql": str(await service.services.db.fetchval("SHOW server_version")),
        "fsync": str(await service.services.db.fetchval("SHOW fsync")),
        "synchronous_commit": str(await service.services.db.fetchval("SHOW synchronous_commit")),
    }


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name: state, parent, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _cpu_of_tree(root: int) -> float:
    """CPU seconds of a process and its living descendants."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = _stat(int(entry.name))
        except OSError:
            continue  # it ended meanwhile
        parents[int(entry.name)], ticks[int(entry.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    tree = {root}
    while more := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= more
    return sum(ticks.get(pid, 0) for pid in tree) / os.sysconf("SC_CLK_TCK")


async def main(world: World, folder: Path, telegram_url: str, amojo_url: str) -> None:
    """Run the service until stdin ends."""
    logs.configure(level="warning")
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=folder,
        port=0,
        telegram_api_url=telegram_url,
        amojo_url=amojo_url,
        amojo_channel_id=CHANNEL_ID,
        amojo_channel_secret=SecretStr(CHANNEL_SECRET),
        sandbox="off",
    )
    async with open_service(settings) as service, trio.open_nursery() as nursery:
        await nursery.start(stop_on_signal, service)
        await records.upsert(service.services.db, *rows_of(world, service))
        await service.refresh()
        backend = await service.services.db.fetchval("SELECT pg_backend_pid()")
        postmaster = int(_stat(backend)[1])

        async def answer_lines() -> None:
            pending = b""
            async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as lines:
                async for chunk in lines:
                    *commands, pending = (pending + chunk).split(b"\n")
                    for _ in commands:
                        print(
                            json.dumps(await figures(service, postmaster, unsettled=await settle(service))), flush=True
                        )
            service.request_stop()

        async def until_stopped(*, task_status: trio.TaskStatus[object]) -> None:
            await service.run(task_status=task_status)
            nursery.cancel_scope.cancel()

        await nursery.start(until_stopped)
        nursery.start_soon(answer_lines)
        print(json.dumps({"ready": dataclasses.asdict(world)}), flush=True)


if __name__ == "__main__":
    trio.run(main, World(**json.loads(sys.argv[1])), Path(sys.argv[2]), *sys.argv[3:])
