"""The composition root: who is made of what, in which order it starts and in which order it ends.

Start: database (embedded, if none is given) → migrations → secrets → registry → gateways → journal → actors → HTTP →
intake. Whatever was left undone by an earlier life is found in the journal and taken up again.

Stop (SIGTERM): not ready → the polls end → actors drain, those who are asked last → HTTP ends → everything is closed.
Hooks are taken in until the very end: amoCRM sends each once, and a journal entry survives us. A second signal or the
hard deadline ends the process; nothing that was accepted is lost by that.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import structlog
import trio
from pydantic import SecretStr

from dealgram.account_adapter import AccountAdapter
from dealgram.actors.accounts.account import AccountActor
from dealgram.actors.accounts.controller import ControllerActor
from dealgram.actors.accounts.gap_watch import GapWatch
from dealgram.actors.accounts.installing import InstallationActor
from dealgram.actors.accounts.trouble_recorder import TroubleRecorder
from dealgram.actors.accounts.upkeep import Upkeep
from dealgram.actors.asking import AccountTokens
from dealgram.actors.bots.bot import BotActor
from dealgram.actors.bots.bot_checkup import BotCheckups
from dealgram.actors.bots.bot_connection import BotConnector
from dealgram.actors.bots.mailing import MailingActor
from dealgram.actors.bots.polling import Pollers
from dealgram.actors.files.media_files import MediaFiles
from dealgram.actors.gestures.typing_relay import TypingRelay
from dealgram.actors.groups.group import GroupActor
from dealgram.actors.intake import Intake
from dealgram.actors.names import read_bot_key
from dealgram.actors.outbox import LookAgain, OutboxActor, TryAgain
from dealgram.actors.registry import CHANGES_CHANNEL, Registry
from dealgram.actors.services import Services
from dealgram.composition import open_services
from dealgram.connections import Gateways, open_database, open_gateways, utc_now
from dealgram.gateways.gate_policy import GatePolicy
from dealgram.gateways.telegram import LimitSettings
from dealgram.http.app import create_app
from dealgram.http.listening import Bound
from dealgram.http.ports import HttpServices
from dealgram.http.seals import Seals
from dealgram.http.server import serve
from dealgram.persistence import dead_letters, retention, subscriptions
from dealgram.persistence.entries import InboxEntry
from dealgram.persistence.secret_box import SecretBox, rotate_all
from dealgram.ports import ServicePorts
from dealgram.runtime import ActorKind, ActorSystem, Address, LoopLag, Transient
from dealgram.seller_adapter import BillingAdapter, RegistrationAdapter
from dealgram.settings import Settings
from dealgram.widget_desk import WidgetDesk

log = structlog.get_logger(__name__)

RETENTION_PERIOD_S = 3600.0
UPKEEP_PERIOD_S = 60.0
DAY_S = 86_400.0


class _LateDelivery:
    """The journal is opened before the actor system that it delivers to: this stands in between."""

    def __init__(self) -> None:
        self.system: ActorSystem | None = None

    def __call__(self, entries: Sequence[InboxEntry]) -> None:
        if self.system is not None:
            for entry in entries:
                self.system.deliver(entry)


class Service:
    """A running service; made by :func:`open_service`."""

    def __init__(
        self,
        *,
        settings: Settings,
        services: Services,
        system: ActorSystem,
        gateways: Gateways,
        intake: Intake,
        pollers: Pollers,
        typing: TypingRelay,
        lag: LoopLag,
    ) -> None:
        self.settings = settings
        self.services = services
        self.system = system
        self.gateways = gateways
        self.intake = intake
        self.pollers = pollers
        self.typing = typing
        self.lag = lag
        self.checkups = BotCheckups(
            services,
            every_s=settings.bot_check_s,
            public_url=settings.public_url if settings.intake == "webhook" else None,
        )
        self.gaps = GapWatch(
            services.db,
            services.journal,
            services.registry,
            after_s=settings.repair_after_s,
            sweep_s=settings.sweep_s,
        )
        self.desk = WidgetDesk(settings, services, system, self.checkups)
        self.draining = False
        self._troubles = TroubleRecorder(services.db)
        services.gates.on_trouble = self._troubles.note
        self._stop = trio.Event()
        self._sweep_now = trio.Event()
        self._upkeep_now = trio.Event()
        # With the end of its time: another end may mean that an account was paid for.
        self._usable: set[tuple[int, dt.datetime]] = set()
        self._hurried: set[int] = set()
        self._bots: set[int] = set()
        services.registry.on_change(self._hurry)
        services.registry.on_change(self._look_after_soon)
        services.registry.on_change(self._forget_bots)

    @property
    def connector(self) -> BotConnector:
        """What connects bots, on this service's database."""
        return self.gateways.connector(self.services.db, self.services.box)

    @property
    def stop_requested(self) -> bool:
        """Whether the service is stopping or about to."""
        return self._stop.is_set()

    def request_stop(self) -> None:
        """Begin to stop; :meth:`run` returns when everything has ended. May be called again."""
        self._stop.set()

    async def run(self, *, task_status: trio.TaskStatus[Bound] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until a stop is requested, then drain. Reports the bound address when everything runs."""
        serving = trio.Event()
        async with trio.open_nursery() as outer:
            ports = ServicePorts(self)
            app = create_app(
                HttpServices(
                    intake=ports,
                    health=ports,
                    metrics=ports,
                    accounts=AccountAdapter(self.settings, self.services),
                    seals=Seals(self.services.box, time.time),
                    media=self._media(),
                    widget_api=self.desk.api(),
                    registrations=RegistrationAdapter(self.settings, self.services),
                    billing=BillingAdapter(self.services),
                    billing_token=_secret(self.settings.billing_token),
                    ops_token=_secret(self.settings.ops_token),
                    trusted_proxies=self.settings.trusted_proxies,
                )
            )

            async def ended() -> None:
                await serving.wait()

            bound = await outer.start(_serve_http, app, self.settings, ended)
            if self.settings.public_url is None and self.settings.amocrm_on_loopback:
                self.services.place.public_url = bound.url  # the simulated amoCRM reaches us here
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.lag.run, name="loop lag")
                nursery.start_soon(self._troubles.run, name="troubles")
                nursery.start_soon(self._sweep, name="sweep")
                nursery.start_soon(self._purge, name="retention")
                nursery.start_soon(self._look_after_accounts, name="upkeep")
                await nursery.start(self._listen, CHANGES_CHANNEL, self._on_change)
                await nursery.start(self._listen, dead_letters.WAKE_CHANNEL, self._on_wake)
                async with trio.open_nursery() as intake:
                    intake.start_soon(self.pollers.run, name="pollers")
                    intake.start_soon(self.checkups.run, name="check-ups of bots")
                    intake.start_soon(self.typing.run, name="typing")
                    await intake.start(self.desk.account.watch.run)
                    task_status.started(bound)
                    await self._stop.wait()
                    log.info("stopping")
                    self.draining = True
                    intake.cancel_scope.cancel()
                await self.system.stop(deadline_s=self.settings.drain_s)
                nursery.cancel_scope.cancel()
            serving.set()
        log.info("stopped")

    def _media(self) -> MediaFiles:
        return MediaFiles(
            self.services.media_links,
            self.services.registry,
            self.gateways.file_calls,
            self.gateways.files,
            self.gateways.file_limits,
            time.time,
        )

    async def refresh(self) -> None:
        """Take up what was changed in the tables of accounts and bots, and every address with work."""
        await self.services.registry.refresh()
        for address in await self.services.journal.addresses_with_work():
            self._wake(address)

    async def _sweep(self) -> None:
        """Notices are hints, this is the truth: nothing that waits in the journal waits longer than a sweep."""
        while True:
            self._sweep_now = trio.Event()
            try:
                self._hurry_once_more()
                await self.refresh()
                await self.gaps.beat()
            except Transient as error:
                log.warning("the sweep has to wait for the database", error=str(error))
            with trio.move_on_after(self.settings.sweep_s):
                await self._sweep_now.wait()

    async def _purge(self) -> None:
        while True:
            try:
                purged = await retention.purge(self.services.db, keep_s=self.settings.journal_keep_days * DAY_S)
                dropped = await subscriptions.drop_old(self.services.db, self.services.now())
                if dropped:
                    log.warning("messages to accounts that have lapsed were kept for too long", messages=dropped)
                log.debug("old rows deleted", inbox=purged.inbox, outbox=purged.outbox, messages=purged.messages)
            except Transient as error:
                log.warning("old rows could not be deleted now", error=str(error))
            await trio.sleep(RETENTION_PERIOD_S)

    async def _look_after_accounts(self) -> None:
        upkeep = Upkeep(
            self.services,
            check_s=self.settings.account_check_s,
            reauthorise_keep_s=self.settings.reauthorise_keep_days * DAY_S,
            grace_s=self.settings.account_grace_days * DAY_S,
            trial_days=self.settings.trial_days,
        )
        while True:
            self._upkeep_now = trio.Event()
            try:
                await upkeep.look_after_payments()
                await upkeep.look_after()
                await upkeep.forget_removed(self.system)
            except Transient as error:
                log.warning("the accounts' upkeep has to wait for the database", error=str(error))
            with trio.move_on_after(UPKEEP_PERIOD_S):
                await self._upkeep_now.wait()

    async def _listen(
        self, channel: str, callback: Callable[[str], None], *, task_status: trio.TaskStatus[None]
    ) -> None:
        await self.services.db.listen(channel, callback, on_gap=self._sweep_soon, task_status=task_status)

    def _on_change(self, _payload: str) -> None:
        self._sweep_soon()
        self.desk.account.watch.wake()

    def _hurry(self) -> None:
        """Accounts that can be worked for again: what waits for them goes on at once, not at the end of its wait."""
        now = self.services.now()
        usable = {
            (account.account_id, account.subscription.until)
            for account in self.services.registry.accounts()
            if account.is_usable and not account.is_lapsed(now)
        }
        again, self._usable = {account_id for account_id, _ in usable - self._usable}, usable
        self._hurried |= again
        self._try_again(again)

    def _hurry_once_more(self) -> None:
        """A row that was just about to wait when the others were hurried is hurried by the next sweep."""
        hurried, self._hurried = self._hurried, set()
        self._try_again(hurried)

    def _try_again(self, accounts: set[int]) -> None:
        if not accounts:
            return
        for actor in self.system.snapshot().actors:
            if actor.lanes.waiting:
                for account_id in accounts:
                    self.system.tell(actor.address, TryAgain(account_id))

    def _forget_bots(self) -> None:
        """Bots that are connected no more, by whichever process: nothing is paced for them any longer."""
        there = {bot.bot_id for bot in self.services.registry.bots()}
        for bot_id in self._bots - there:
            self.services.limits.forget_bot(bot_id)
        self._bots = there

    def _look_after_soon(self) -> None:
        self._upkeep_now.set()

    def _sweep_soon(self) -> None:
        self._sweep_now.set()

    def _on_wake(self, payload: str) -> None:
        address = dead_letters.woken_address(payload)
        if address is not None:
            self._wake(address)
            self.system.tell(address, LookAgain())

    def _wake(self, address: Address) -> None:
        if address.kind in KINDS:
            self.system.wake(address)


KINDS = ("account", "installation", "controller", "bot", "mailing", "group")
"""The kinds of actors, those who are asked before those who ask."""


@asynccontextmanager
async def open_service(
    settings: Settings,
    *,
    limits: LimitSettings | None = None,
    gate_policy: GatePolicy | None = None,
    now: Callable[[], dt.datetime] = utc_now,
) -> AsyncIterator[Service]:
    """Everything up to the actors, ready to :meth:`Service.run`. Leaving the block closes it all.

    ``limits`` of Telegram and ``gate_policy`` of amoCRM instead of the documented ones and of the settings'; ``now``:
    another calendar than the machine's, for tests.

    Raises:
        EmbeddedPostgresError, DatabaseUnavailable, MigrationError, SecretError: with one sentence for the operator.
    """
    rng = random.Random()  # noqa: S311 - jitter, not secrets
    async with open_database(settings) as db, open_gateways(settings, gate_policy) as gateways:
        if rotated := await rotate_all(db, SecretBox(settings.encryption_keys())):
            log.info("secrets sealed with the newest key", secrets=rotated)
        late = _LateDelivery()

        def tokens(registry: Registry, box: SecretBox) -> Callable[[int], AccountTokens]:
            return lambda account_id: AccountTokens(lambda: system, registry, box, utc_now, account_id)

        async with open_services(
            settings, db, gateways, limits=limits, on_accepted=late, tokens=tokens, now=now
        ) as services:
            factories: dict[str, Callable[[Address], OutboxActor]] = {
                "account": lambda address: AccountActor(services, int(address.key)),
                "installation": lambda _: InstallationActor(services),
                "controller": lambda _: ControllerActor(services),
                "bot": lambda address: BotActor(services, *read_bot_key(address.key)),
                "mailing": lambda address: MailingActor(services, *read_bot_key(address.key)),
                "group": lambda address: GroupActor(services, int(address.key)),
            }
            kinds = [
                ActorKind(
                    name=name,
                    factory=factories[name],
                    mailbox_size=settings.mailbox_size,
                    idle_after_s=settings.idle_after_s,
                    source=services.journal,
                )
                for name in KINDS
            ]
            async with ActorSystem.open(kinds, rng=rng) as system:
                late.system = system
                typing = TypingRelay(services)
                intake = Intake(db, services.journal, services.registry, services.groups, typing.offer)
                yield Service(
                    settings=settings,
                    services=services,
                    system=system,
                    gateways=gateways,
                    intake=intake,
                    pollers=Pollers(
                        db=db,
                        registry=services.registry,
                        intake=intake,
                        pool=gateways.polling,
                        telegram=gateways.telegram,
                        rng=rng,
                    ),
                    typing=typing,
                    lag=LoopLag(),
                )


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()


async def stop_on_signal(service: Service, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """The first SIGTERM or SIGINT asks the service to stop; a second one, or the hard deadline, ends the process."""
    import signal

    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for _ in signals:
            if service.stop_requested:
                _end_process()
            # A thread, because a stuck event loop must not keep the process alive either.
            deadline = threading.Timer(service.settings.stop_hard_s, _end_process)
            deadline.daemon = True
            deadline.start()
            service.request_stop()


def _end_process() -> None:
    os._exit(1)


async def _serve_http(
    app: object,
    settings: Settings,
    ended: Callable[[], object],
    *,
    task_status: trio.TaskStatus[Bound],
) -> None:
    await serve(app, settings.host, settings.port, shutdown_trigger=ended, task_status=task_status)  # type: ignore[arg-type]
