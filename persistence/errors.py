"""What can go wrong between us and PostgreSQL, told apart by what the caller can do about it.

`DatabaseUnavailable` is the only error that means "try the same thing again later": the connection broke, the server
stops or starts, it is out of connections or disk, or it did not answer in time. Everything else (a violated
constraint, a value that does not fit) says that this very statement can never succeed and is raised unchanged.
"""

from __future__ import annotations

import asyncpg

from dealgram.runtime import Transient


class DatabaseUnavailable(Transient):
    """The database does not answer; the statement may or may not have been done."""


class MigrationError(Exception):
    """The schema and this version of the program do not fit together; starting would damage data."""


class ForeignRowError(Exception):
    """A row with this key belongs to another account; nothing was written."""


# SQLSTATE classes and codes (PostgreSQL documentation, appendix A) that a later attempt can survive: 08 connection, 40
# rollback (deadlock, serialisation), 53 resources (connections, disk), 57P operator intervention (shutdown, start-up),
# 25006 read-only (a standby during fail-over), 55P03 lock not available, 57014 statement timeout, 58030 I/O error.
_TRANSIENT_CLASSES = ("08", "40", "53", "57P")
_TRANSIENT_CODES = frozenset({"25006", "55P03", "57014", "58030"})
# 3D000: the database of the URL does not exist (yet, or between DROP and CREATE): a matter of the server, not of the
# row.
_SERVER_STATE_CODES = frozenset({"3D000"})


def is_unavailable(error: BaseException) -> bool:
    """Tell whether the same statement may succeed later, on this connection or on another."""
    if isinstance(error, DatabaseUnavailable):
        return True
    if isinstance(error, asyncpg.PostgresError):
        code = str(error.sqlstate or "")
        return code.startswith(_TRANSIENT_CLASSES) or code in _TRANSIENT_CODES or code in _SERVER_STATE_CODES
    if isinstance(error, asyncpg.InterfaceError):
        # asyncpg has no class of its own for "the connection is closed"; misuse and bad values are InterfaceErrors too
        text = str(error)
        return not isinstance(error, ValueError) and ("closed" in text or "closing" in text)
    # InternalClientError is how asyncpg trips when the server cuts it off between two messages ("cannot switch to
    # state …"): the trouble of that connection, not of the statement
    return isinstance(error, OSError | asyncpg.InternalClientError)


def unavailable(error: BaseException) -> DatabaseUnavailable:
    """Wrap a connection trouble."""
    if isinstance(error, DatabaseUnavailable):
        return error
    return DatabaseUnavailable(f"database unavailable: {summary(error)}")


def summary(error: BaseException) -> str:
    """One line for the log: PostgreSQL's DETAIL, which quotes whole rows, is left out."""
    if isinstance(error, asyncpg.DataError):  # quotes the refused value
        return type(error).__name__
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
