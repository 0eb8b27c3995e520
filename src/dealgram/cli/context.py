"""What every command needs: settings, logs, a database, and errors that become one sentence."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import click
import structlog
import trio

from dealgram import logs
from dealgram.actors.accounts.installation import InstallationError
from dealgram.actors.registry import announce
from dealgram.cli.failure import Failure
from dealgram.connections import open_database
from dealgram.gateways.errors import GatewayError
from dealgram.http.listening import ListenError
from dealgram.persistence.database import Database
from dealgram.persistence.embedded import EmbeddedPostgresError
from dealgram.persistence.errors import DatabaseUnavailable, MigrationError
from dealgram.persistence.secret_box import SecretBox, SecretError
from dealgram.settings import Settings, SettingsError, load_settings, unknown_variables

T = TypeVar("T")


class _Id(click.IntRange):
    name = "id"


ID = _Id(1, 2**63 - 1)
"""An id of amoCRM's, of Telegram's or of ours, as the database can hold it."""

_KNOWN = (
    SettingsError,
    ListenError,
    EmbeddedPostgresError,
    DatabaseUnavailable,
    MigrationError,
    SecretError,
    InstallationError,
    GatewayError,
)


def read_settings(*, quiet: bool = True) -> Settings:
    """The settings, with logs configured from them.

    Raises:
        Failure: one is wrong or missing.
    """
    try:
        settings = load_settings()
    except SettingsError as error:
        raise Failure(str(error), exit_code=2) from error
    level = "warning" if quiet and settings.log_level == "info" else settings.log_level
    logs.configure(level=level, log_format=settings.log_format, secrets=settings.secret_values())
    for name in unknown_variables(os.environ):
        structlog.get_logger(__name__).warning("this variable is no setting: mistyped?", variable=name)
    return settings


def effective(settings: Settings) -> Settings:
    """The settings of the service that these settings start: with the sandbox, those of the play."""
    if not settings.sandbox_enabled:
        return settings
    from dealgram.playground import in_sandbox  # the simulators come in only where they play

    return in_sandbox(settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """An open database with the keys to its secrets."""

    settings: Settings
    db: Database
    box: SecretBox

    async def announce(self) -> None:
        """Tell a running service that accounts, bots or links changed. A hint: its sweep finds them anyway."""
        await announce(self.db)


@asynccontextmanager
async def open_desk() -> AsyncIterator[Desk]:
    """The database of the configured service, running or not."""
    settings = effective(read_settings())
    async with open_database(settings) as db:
        yield Desk(settings=settings, db=db, box=SecretBox(settings.encryption_keys()))


def run(main: Callable[[], Awaitable[T]], *, handles_signals: bool = False) -> T:
    """Run a command's coroutine; what an operator can mend becomes :class:`Failure`.

    SIGTERM unwinds it as Ctrl+C does, so that it closes what it opened, an embedded database among it;
    ``handles_signals``: the coroutine sees to that itself.
    """
    try:
        with flattened():
            return trio.run(main if handles_signals else partial(_until_terminated, main))
    except KeyboardInterrupt:
        raise Failure("interrupted", exit_code=130) from None


async def _until_terminated(main: Callable[[], Awaitable[T]]) -> T:
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                async for _ in signals:
                    nursery.cancel_scope.cancel(reason="SIGTERM")

            nursery.start_soon(watch)
            result = await main()
            nursery.cancel_scope.cancel(reason="the command is done")
            return result
    raise Failure("stopped", exit_code=143)


@contextmanager
def flattened() -> Iterator[None]:
    """Turn known errors, also out of exception groups, into :class:`Failure`; let everything else through."""
    try:
        yield
    except BaseExceptionGroup as group:
        known, rest = group.split((*_KNOWN, Failure))
        if known is None or rest is not None:
            raise
        raise _failure(_first(known)) from group
    except _KNOWN as error:
        raise _failure(error) from error


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _failure(error: BaseException) -> Failure:
    return error if isinstance(error, Failure) else Failure(str(error) or type(error).__name__)
