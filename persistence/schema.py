"""Migrations: numbered ``.sql`` files, each applied once, in order, under an advisory lock.

`migrate` may be called by several starting processes at once; each file is applied by exactly one of them, in its own
transaction. The table ``schema_migrations`` remembers names and checksums, so that a file changed after the fact, a
file slipped in before an applied one, or a database newer than the program stops the start instead of damaging data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dealgram.persistence.errors import MigrationError

if TYPE_CHECKING:
    from dealgram.persistence.database import Connection, Database

MIGRATIONS = Path(__file__).parent / "migrations"

# Any fixed number, ours alone in the database: "dealgram" in letters of a telephone keypad.
_LOCK = 33254726
_DEADLINE_S = 600.0


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. The checksum ignores line endings, which differ between check-outs."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """The files of a folder in the order of their names, ``NNNN_name.sql``."""
    return [Migration(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("[0-9]*.sql"))]


async def migrate(db: Database, *, folder: Path = MIGRATIONS) -> list[str]:
    """Apply what is missing; returns the names applied by this call.

    Raises:
        MigrationError: the database and the files do not fit together; nothing was changed by this call beyond the
            names already applied.
        DatabaseUnavailable: call again; applied files stay applied.
    """
    migrations = read_migrations(folder)
    applied: list[str] = []

    async def apply_next(connection: Connection) -> str | None:
        # the lock belongs to the transaction: it cannot be left behind, whatever happens to this process
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK, timeout=_DEADLINE_S)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations ("
            " name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = await connection.fetch("SELECT name, checksum FROM schema_migrations ORDER BY name")
        missing = missing_migrations(migrations, [(row["name"], row["checksum"]) for row in rows])
        if not missing:
            return None
        first = missing[0]
        await connection.execute(first.sql, timeout=_DEADLINE_S)
        await connection.execute(
            "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)", first.name, first.checksum
        )
        return first.name

    while (name := await db.transaction(apply_next)) is not None:
        applied.append(name)
    return applied


def missing_migrations(known: Sequence[Migration], applied: Sequence[tuple[str, str]]) -> list[Migration]:
    """What is still to apply, given (name, checksum) of what was. Pure.

    Raises:
        MigrationError: it cannot be told.
    """
    by_name = {migration.name: migration for migration in known}
    for name, checksum in applied:
        migration = by_name.get(name)
        if migration is None:
            raise MigrationError(f"the database is newer than this program: it has the migration {name!r}")
        if migration.checksum != checksum:
            raise MigrationError(f"the migration {name!r} was changed after it had been applied")
    names = {name for name, _ in applied}
    missing = [migration for migration in known if migration.name not in names]
    if missing and names and missing[0].name < max(names):
        raise MigrationError(f"the migration {missing[0].name!r} comes before {max(names)!r}, which is applied already")
    return missing
