"""The stage of the crash test: simulators in this process, the service in one that may be killed at any moment.

The database is the embedded one with its ordinary durability. This process holds a share in it, so that it survives
the service and can be looked into; nothing else ties the two together but HTTP.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import trio

sys.path.insert(0, str(Path(__file__).parent))

from crash_service import WORD, ServiceProcess, Watch, free_port, service_environment
from crash_world import Cast, Group, build_cast, verdict

from dealgram.actors import texts
from dealgram.actors.accounts.connecting import connect_account
from dealgram.actors.bodies import SendAnswer
from dealgram.actors.commands import LinkDeal, command_entry
from dealgram.actors.names import GroupConversation, group_address
from dealgram.composition import open_services
from dealgram.persistence import Database, Journal, SecretBox, embedded
from dealgram.persistence.dead_letters import WAKE_CHANNEL, wake_payload
from dealgram.playground import open_playground
from dealgram.sandbox.amocrm import Switches
from dealgram.service import open_database, open_gateways
from dealgram.settings import Settings

PATIENCE_S = 60.0  # of waits whose end is certain; only a failing test waits that long


class Stage:
    """What a crash test plays with."""

    def __init__(
        self, cast: Cast, service: ServiceProcess, watch: Watch, db: Database, client: httpx.AsyncClient, data: Path
    ) -> None:
        self.cast = cast
        self.playground = cast.playground
        self.rng = cast.rng
        self.service = service
        self.watch = watch
        self.db = db
        self.data = data
        self._client = client
        self._changed = trio.Event()
        watch.on_call = service.on_end = self._note
        cast.on_word = partial(watch.see, WORD)

    def _note(self) -> None:
        self._changed.set()

    async def follow(self) -> None:
        """Notice whatever changes in the simulators, until cancelled."""

        async def notice(changes: Any) -> None:
            async for _ in changes:
                self._note()

        with self.playground.telegram.subscribe() as messages, self.playground.amo.subscribe() as cards:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(notice, messages)
                nursery.start_soon(notice, cards)

    async def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until something holds. Woken by calls, by changes in the simulators and by the end of the process."""
        with trio.move_on_after(PATIENCE_S):
            while True:
                self._changed = trio.Event()
                if found := condition():
                    return found
                await self._changed.wait()
        raise AssertionError(
            f"did not come true: {what}\nnot arrived: {self.cast.missing()}\n{self.service.log_tail()}"
        )

    # The service

    async def start(self) -> None:
        """A new life of the service; it has begun to work when this returns, or has ended already."""
        seen = self.watch.calls
        self.cast.new_life()
        await self.service.start()
        await self.until(lambda: self.watch.calls > seen or not self.service.is_running, "the service works")

    async def start_in_vain(self, sessions: int) -> None:
        """A life that is killed while it starts: as soon as the database has let it in ``sessions`` times."""
        known = await self._sessions()
        await self.service.start()
        with trio.fail_after(PATIENCE_S):
            while self.service.is_running and len(await self._sessions() - known) < sessions:
                await trio.lowlevel.checkpoint()
        self.service.signal(signal.SIGKILL)
        assert await self.service.ended() == -signal.SIGKILL

    async def health(self, page: str) -> httpx.Response:
        return await self._client.get(f"/health/{page}")

    async def not_ready(self, *codes: str) -> httpx.Response:
        """Wait until the service says that it is not ready, for these reasons at least."""
        with trio.fail_after(PATIENCE_S):
            while True:
                answer = await self.health("ready")
                if set(codes) <= {reason["code"] for reason in answer.json()["reasons"]}:
                    return answer

    # The database

    def kill_database(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """End the server's first process. SIGQUIT is PostgreSQL's immediate stop, SIGKILL what a power cut comes to."""
        os.kill(int((self.data / "postgres" / "cluster" / "postmaster.pid").read_text().split("\n", 1)[0]), number)

    async def _sessions(self) -> set[int]:
        rows = await self.db.fetch("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")
        return {row["pid"] for row in rows}

    async def begun(self) -> set[str]:
        """The texts of answers whose send has begun and is not recorded: after a kill, their outcome is unknown."""
        rows = await self.db.fetch(
            "SELECT body FROM outbox WHERE kind = $1 AND state = 'pending' AND started_at IS NOT NULL", SendAnswer.kind
        )
        return {msgspec.json.decode(row["body"], type=SendAnswer).text for row in rows}

    async def work_left(self) -> int:
        return await self.db.fetchval(
            "SELECT (SELECT count(*) FROM inbox WHERE done_at IS NULL)"
            " + (SELECT count(*) FROM outbox WHERE state = 'pending')"
        )

    async def settle(self) -> None:
        """Wait until there is nothing left to do."""
        cast = self.cast

        def is_settled() -> bool:
            return cast.all_arrived() and not cast.unsettled() and not self.playground.amo.hooks_pending

        with trio.move_on_after(PATIENCE_S * 1.5):
            while not is_settled() or await self.work_left():  # noqa: ASYNC110 - nobody tells when nothing is left
                await trio.sleep(0.05)
            return
        rows = await self.db.fetch(
            "SELECT address_kind, address_key, lane, kind, attempts, error FROM outbox WHERE state = 'pending'"
        )
        health = (await self.health("actors")).text
        raise AssertionError(
            f"work is left: {[tuple(row) for row in rows]}\nnot arrived: {cast.missing()}\n"
            f"unsettled: {cast.unsettled()}\n{health}\n{self.service.log_tail()}"
        )

    # What was promised

    async def assert_nothing_lost(self) -> None:
        """See `verdict`; besides, nothing was given up, no actor crashed, nothing was logged that no kill explains."""
        problems = list(verdict(self.cast))
        assert not problems, "\n".join(problems)
        assert await self.db.fetchval("SELECT count(*) FROM dead_letters") == 0
        assert await self.db.fetchval("SELECT count(*) FROM outbox WHERE state = 'dead'") == 0
        actors = (await self.health("actors")).json()["actors"]
        assert [actor for actor in actors if actor["restarts"] or actor["state"] != "running"] == []
        assert self.service.complaints() == []

    # Linking

    async def link_all(self) -> None:
        """Link every group: the first one through its menu, the others by an operator's commands."""
        cast = self.cast
        await self.until(lambda: all(cast.sent_by_bots(group.chat) for group in cast.groups), "the bot's greetings")
        for group in cast.groups:
            record = await self.db.fetchrow(
                "SELECT group_id FROM groups WHERE bot_id = $1 AND chat_id = $2", group.bot.id, group.chat.id
            )
            assert record is not None
            group.group_id = record["group_id"]
        await self._link_by_menu(cast.groups[0], cast.groups[0].deals[0])
        entries = [
            command_entry(cast.account.id, group_address(group.group_id), LinkDeal(deal_id=deal))
            for group in cast.groups[1:]
            for deal in group.deals
        ]
        async with Journal.open(self.db, on_accepted=lambda _: None) as journal:
            await journal.accept(entries)
        for entry in entries:
            await self.db.execute("SELECT pg_notify($1, $2)", WAKE_CHANNEL, wake_payload(entry.address))
        await self.until(self._is_linked, "all groups are linked")
        await self.settle()

    def _is_linked(self) -> bool:
        return all(
            any(
                item.text == texts.group_linked_line(group.chat.title)
                for item in self.cast.conversation(str(GroupConversation(group.group_id, deal)))
            )
            for group in self.cast.groups
            for deal in group.deals
        )

    async def _link_by_menu(self, group: Group, deal: int) -> None:
        telegram, owner = self.playground.telegram, group.speakers[0]

        def button() -> tuple[int, str] | None:
            for message in reversed(telegram.history(group.chat)):
                for row in message.get("reply_markup", {}).get("inline_keyboard", []):
                    for key in row:
                        if key["text"] == texts.LINK_BUTTON:
                            return message["message_id"], key["callback_data"]
            return None

        def question() -> dict[str, Any] | None:
            return next((one for one in telegram.history(group.chat) if "пришлите ID" in one.get("text", "")), None)

        message_id, data = await self.until(button, "the menu")
        telegram.press(owner, group.chat, message_id, data)
        asked = await self.until(question, "the question for a deal")
        telegram.write(owner, group.chat, str(deal), reply_to=asked["message_id"])


async def connect(cast: Cast, settings: Settings) -> None:
    """Install the integration in the account and connect the bots."""
    async with open_database(settings) as db, open_gateways(settings) as gateways:
        box = SecretBox(settings.encryption_keys())
        async with open_services(settings, db, gateways) as services:
            row = await connect_account(
                services, cast.playground.amocrm_url, cast.playground.amo.issue_code(cast.account)
            )
        for bot, pipeline in cast.bots:
            await gateways.connector(db, box).connect(row, bot.token, pipeline_id=pipeline.id, public_url=None)


@pytest.fixture
def open_stage(tmp_path: Path) -> Callable[[int], Any]:
    """``async with open_stage(seed) as stage``: everything connected and linked, the service running."""

    @asynccontextmanager
    async def opened(seed: int) -> AsyncIterator[Stage]:
        rng = random.Random(seed)
        data, port = tmp_path / "data", free_port()
        async with (
            open_playground(amo_switches=Switches(rest_rate_per_s=None), seed=seed) as playground,
            shared_database(data) as db,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client,
            trio.open_nursery() as nursery,
        ):
            cast = build_cast(playground, rng)
            environment = service_environment(playground, data, port)
            service = ServiceProcess(environment, tmp_path, nursery)
            watch = Watch(playground, f"http://127.0.0.1:{port}", nursery)
            await connect(cast, _settings(environment))
            stage = Stage(cast, service, watch, db, client, data)
            nursery.start_soon(stage.follow)
            try:
                await stage.start()
                await stage.link_all()
                yield stage
            finally:
                service.signal(signal.SIGKILL)
                with trio.CancelScope(shield=True):
                    await service.ended()
                nursery.cancel_scope.cancel()

    return opened


@asynccontextmanager
async def shared_database(data: Path) -> AsyncIterator[Database]:
    """This process's share in the service's server, and a way into it."""
    server = await embedded.start(data / "postgres")
    try:
        async with Database.open(server.url, min_size=0, max_size=1) as db:
            yield db
    finally:
        await server.stop()


def _settings(environment: dict[str, str]) -> Settings:
    prefix = "DEALGRAM_"
    values = {
        name.removeprefix(prefix).lower(): value for name, value in environment.items() if name.startswith(prefix)
    }
    return Settings(_env_file=None, **values)
