"""The connection to PostgreSQL, as trio code sees it.

`Database` owns the asyncio thread and a small pool. Its calls take a pool connection for one statement or one
transaction. `HeldConnection` is one connection outside the pool for owners that keep it (the journal's writer, LISTEN):
it connects when first used and forgets a broken connection, so that the next use connects again.

Every call ends: statements have a deadline (`command_timeout_s`), and trouble with the connection is always
`DatabaseUnavailable`, never a bare socket error. Cancelling a caller cancels its statement and gives the connection
back before the cancellation goes on (see `bridge`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import asyncpg
import trio

from dealgram.persistence.bridge import AsyncioThread, BridgeClosedError
from dealgram.persistence.errors import DatabaseUnavailable, ForeignRowError, is_unavailable, unavailable
from dealgram.persistence.listening import listen

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Record: TypeAlias = asyncpg.Record
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]

T = TypeVar("T")

_CONNECT_TIMEOUT_S = 5.0
_CLOSE_TIMEOUT_S = 5.0


class Database:
    """A pool of connections behind the asyncio thread. Open it with ``async with Database.open(url) as db``."""

    def __init__(self, bridge: AsyncioThread, url: str, pool: asyncpg.Pool[Any], command_timeout_s: float) -> None:
        self._bridge = bridge
        self._url = url
        self._pool = pool
        self._command_timeout_s = command_timeout_s
        self._healthy = True

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, *, min_size: int = 2, max_size: int = 6, command_timeout_s: float = 30.0
    ) -> AsyncIterator[Database]:
        """Connect; raises `DatabaseUnavailable` when the server cannot be reached.

        Args:
            url: a libpq URL, ``postgresql://user:password@host:port/database`` or ``…?host=/socket/folder``.
            min_size: connections opened at once.
            max_size: connections at most; the journal's writer and each LISTEN come on top.
            command_timeout_s: deadline of one statement and of waiting for a free connection, seconds.
        """
        async with AsyncioThread.open("dealgram-postgresql") as bridge:

            async def create() -> asyncpg.Pool[Any]:
                return await asyncpg.create_pool(
                    url,
                    min_size=min_size,
                    max_size=max_size,
                    command_timeout=command_timeout_s,
                    timeout=_CONNECT_TIMEOUT_S,
                    server_settings={"application_name": "dealgram"},
                )

            try:
                pool = await bridge.run(create)
            except Exception as error:
                if is_unavailable(error):
                    raise unavailable(error) from error
                raise
            try:
                yield cls(bridge, url, pool, command_timeout_s)
            finally:
                with trio.move_on_after(_CLOSE_TIMEOUT_S + 1, shield=True):
                    await bridge.run(_close_pool, pool)

    # --- statements -----------------------------------------------------------------------------------------------

    async def fetch(self, sql: str, *args: Any) -> list[Record]:
        """All rows of one statement."""
        return await self._use(lambda connection: connection.fetch(sql, *args))

    async def fetchrow(self, sql: str, *args: Any) -> Record | None:
        """The first row of one statement, or None."""
        return await self._use(lambda connection: connection.fetchrow(sql, *args))

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """The first column of the first row, or None."""
        return await self._use(lambda connection: connection.fetchval(sql, *args))

    async def execute(self, sql: str, *args: Any) -> str:
        """Run one statement; returns PostgreSQL's command tag, such as ``UPDATE 3``."""
        return await self._use(lambda connection: connection.execute(sql, *args))

    async def transaction(self, fn: Callable[[Connection], Awaitable[T]]) -> T:
        """Run ``fn(connection)`` in one transaction and return its value.

        ``fn`` runs in the asyncio thread: it may await only the connection's methods and touch nothing of trio's.
        It can be run once only; a `DatabaseUnavailable` out of here leaves it open whether the commit took place.
        """

        async def in_transaction(connection: Connection) -> T:
            async with connection.transaction():
                return await fn(connection)

        return await self._use(in_transaction)

    async def run(self, fn: Callable[[Connection], Awaitable[T]]) -> T:
        """Run ``fn(connection)`` on one pool connection without a transaction; the same rules as `transaction`."""
        return await self._use(fn)

    async def _use(self, fn: Callable[[Connection], Awaitable[T]]) -> T:
        async def with_connection() -> T:
            async with self._pool.acquire(timeout=self._command_timeout_s) as connection:
                return await fn(connection)

        return await self.call(with_connection)

    async def call(self, fn: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function in the asyncio thread, translating connection trouble and noting the health."""
        try:
            value = await self._bridge.run(fn)
        except BridgeClosedError as error:
            raise DatabaseUnavailable("the database is closed") from error
        except Exception as error:
            self._healthy = not is_unavailable(error)
            if not self._healthy:
                raise unavailable(error) from error
            raise
        self._healthy = True
        return value

    # --- health ---------------------------------------------------------------------------------------------------

    def healthy(self) -> bool:
        """Whether the last statement reached the server. Free of I/O; `ping` asks the server."""
        return self._healthy

    async def ping(self, *, timeout_s: float = 2.0) -> bool:
        """Ask the server, within a deadline; never raises for trouble with it."""
        with trio.move_on_after(timeout_s):
            try:
                await self.fetchval("SELECT 1")
            except DatabaseUnavailable:
                return False
            return True
        self._healthy = False
        return False

    # --- connections of their own ---------------------------------------------------------------------------------

    async def listen(
        self,
        channel: str,
        callback: Callable[[str], None],
        *,
        on_gap: Callable[[], None] | None = None,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """LISTEN until cancelled: ``await nursery.start(db.listen, "channel", callback)``. See `listening.listen`."""
        await listen(self, channel, callback, on_gap=on_gap, task_status=task_status)

    async def call_directly(self, fn: Callable[[], Awaitable[T]]) -> T:
        """`call` without the note on health: for waiting, which says nothing about the server."""
        return await self._bridge.run(fn)

    def held_connection(self, name: str) -> HeldConnection:
        """A connection outside the pool; ``name`` is its application_name in pg_stat_activity."""
        return HeldConnection(self, self._url, name, self._command_timeout_s)

    @property
    def bridge(self) -> AsyncioThread:
        """The asyncio thread, for the modules of this package."""
        return self._bridge


class HeldConnection:
    """One connection kept by one owner, reconnected on the next use after it broke. Not for concurrent use."""

    def __init__(self, db: Database, url: str, name: str, command_timeout_s: float) -> None:
        self._db = db
        self._url = url
        self._name = name
        self._command_timeout_s = command_timeout_s
        self._connection: asyncpg.Connection[Any] | None = None

    async def run(self, fn: Callable[[asyncpg.Connection[Any]], Awaitable[T]]) -> T:
        """Run ``fn(connection)`` in the asyncio thread. After any trouble the connection is dropped, not reused."""
        return await self._db.call(lambda: self._with_connection(fn))

    async def _with_connection(self, fn: Callable[[asyncpg.Connection[Any]], Awaitable[T]]) -> T:
        connection = self._connection
        if connection is None or connection.is_closed():
            connection = self._connection = await self._connect()
        try:
            return await fn(connection)
        except BaseException as error:
            closed = connection.is_closed()
            # a refused statement or value leaves the connection fine; anything else (cancelled, broken) does not
            fine = isinstance(error, asyncpg.PostgresError | ValueError | ForeignRowError) and not is_unavailable(error)
            if closed or not fine:
                self._drop()
            if closed and isinstance(error, Exception):  # whatever it says, it came of the connection's end
                raise unavailable(error) from error
            raise

    async def _connect(self) -> asyncpg.Connection[Any]:
        try:
            return await asyncpg.connect(
                self._url,
                timeout=_CONNECT_TIMEOUT_S,
                command_timeout=self._command_timeout_s,
                server_settings={"application_name": self._name},
            )
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
            # not being let in (a changed password, a dropped database) says nothing about the statement either
            raise unavailable(error) from error

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            connection.terminate()

    async def close(self) -> None:
        """Close the connection, within a deadline. Never raises for trouble with the server."""

        async def close_it() -> None:
            connection, self._connection = self._connection, None
            if connection is not None and not connection.is_closed():
                try:
                    await connection.close(timeout=_CLOSE_TIMEOUT_S)
                except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                    connection.terminate()

        with trio.move_on_after(_CLOSE_TIMEOUT_S + 1, shield=True), contextlib.suppress(BridgeClosedError):
            await self._db.call_directly(close_it)


async def _close_pool(pool: asyncpg.Pool[Any]) -> None:
    try:  # Pool.close() waits for every checked-out connection, for ever (asyncpg#299)
        await asyncio.wait_for(pool.close(), _CLOSE_TIMEOUT_S)
    except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        pool.terminate()
