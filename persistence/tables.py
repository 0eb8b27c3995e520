"""How a frozen dataclass becomes a row: column lists, one upsert for many rows, and the way back.

Rows are written whole. One statement writes all rows of one type::

    INSERT INTO t (…) SELECT … FROM unnest($1::…[], …) ON CONFLICT (key) DO UPDATE SET … WHERE same account

The last write of a key wins within one call. A row whose key already belongs to another account is never overwritten:
`upsert_rows` raises `ForeignRowError` and the transaction around it must be rolled back.

Timestamps come from the database's clock: a `Clock` column is not taken from the dataclass but computed by SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

from dealgram.persistence.errors import ForeignRowError
from dealgram.persistence.sharding import shard_of
from dealgram.persistence.text import clean_or_none, json_text

if TYPE_CHECKING:
    from dealgram.persistence.database import Connection, Record


class Row:
    """Base of the records: a frozen dataclass that is one row of one table."""

    __slots__ = ()
    table: ClassVar[Table]

    if TYPE_CHECKING:
        account_id: int


R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Clock:
    """A column that the database fills. Within the expressions ``t`` is the stored row and ``new`` the written one."""

    insert: str = "now()"
    update: str = "now()"


CREATED = Clock(update="t.{name}")
TOUCHED = Clock()


@dataclass(frozen=True)
class Table:
    """The mapping of one record type. ``columns`` maps each column to its SQL type or its `Clock`, in the table's
    order. ``rising``: a column that only grows; a write that does not raise it was made from what is no longer there
    and is refused as a foreign row is."""

    name: str
    key: tuple[str, ...]
    columns: Mapping[str, str | Clock]
    rising: str | None = None
    upsert_sql: str = field(init=False)
    stored: tuple[str, ...] = field(init=False)
    encoders: tuple[Callable[[Any], Any] | None, ...] = field(init=False)

    def __post_init__(self) -> None:
        stored = tuple(name for name, kind in self.columns.items() if isinstance(kind, str))
        object.__setattr__(self, "stored", stored)
        object.__setattr__(self, "encoders", tuple(_ENCODERS.get(str(self.columns[name])) for name in stored))
        object.__setattr__(self, "upsert_sql", self._upsert_sql())

    def _upsert_sql(self) -> str:
        names = ["shard", *self.columns]
        arrays = ["$1::smallint[]"]
        selected = ["v.shard"]
        for number, name in enumerate(self.stored, start=2):
            sql_type = str(self.columns[name])
            arrays.append(f"${number}::{'text' if sql_type == 'jsonb' else sql_type}[]")
        for name, kind in self.columns.items():
            if isinstance(kind, Clock):
                selected.append(kind.insert.format(name=name).replace("new.", "v."))
            else:
                selected.append(f"v.{name}::jsonb" if kind == "jsonb" else f"v.{name}")
        updates = []
        for name, kind in self.columns.items():
            if name in self.key:
                continue
            if isinstance(kind, Clock):
                updates.append(f"{name} = {kind.update.format(name=name).replace('new.', 'excluded.')}")
            else:
                updates.append(f"{name} = excluded.{name}")
        # a table of keys only still needs an update, so that RETURNING tells the row was ours
        updates = updates or ["shard = excluded.shard"]
        risen = f" AND t.{self.rising} < excluded.{self.rising}" if self.rising is not None else ""
        return (
            f"INSERT INTO {self.name} AS t ({', '.join(names)})"
            f" SELECT {', '.join(selected)} FROM unnest({', '.join(arrays)}) AS v(shard, {', '.join(self.stored)})"
            f" ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {', '.join(updates)}"
            f" WHERE t.account_id = excluded.account_id{risen} RETURNING 1"
        )

    def select(self, where: str) -> str:
        """``SELECT`` of all columns of the record, from ``t``."""
        return f"SELECT {', '.join('t.' + name for name in self.columns)} FROM {self.name} AS t {where}"


_ENCODERS: dict[str, Callable[[Any], Any]] = {"text": clean_or_none, "jsonb": json_text}
_SQL_TYPES = {int: "bigint", str: "text", bool: "boolean", bytes: "bytea", datetime: "timestamptz"}


def stored(
    name: str, *, key: tuple[str, ...], rising: str | None = None, **clocks: Clock
) -> Callable[[type[R]], type[R]]:
    """Class decorator over a frozen dataclass: its rows live in table ``name``; SQL types follow the annotations."""

    def decorate(row_type: type[R]) -> type[R]:
        hints = get_type_hints(row_type)
        columns = {
            item.name: clocks.get(item.name) or _sql_type(hints[item.name])
            for item in fields(row_type)  # type: ignore[arg-type]  # every Row is a dataclass
        }
        row_type.table = Table(name, key, columns, rising)
        return row_type

    return decorate


def _sql_type(hint: Any) -> str:
    choices = [choice for choice in get_args(hint) if choice is not type(None)]
    if get_origin(hint) is Literal:
        return _SQL_TYPES[type(choices[0])]
    if get_origin(hint) in (Union, UnionType):
        return _sql_type(choices[0])
    return "jsonb" if get_origin(hint) is Mapping else _SQL_TYPES[hint]


async def upsert_rows(connection: Connection, rows: Sequence[Row]) -> None:
    """Write whole rows of any types, one statement per type, inside the caller's transaction.

    Raises:
        ForeignRowError: a key belongs to another account, or somebody else has written its row in between; roll the
            transaction back.
    """
    by_table: dict[type[Row], dict[tuple[Any, ...], Row]] = {}
    for row in rows:
        latest = by_table.setdefault(type(row), {})
        latest[tuple(getattr(row, name) for name in row.table.key)] = row
    for row_type, latest in by_table.items():
        table = row_type.table
        # one order of locking for everybody who writes several rows: no deadlocks between writers
        ordered = [latest[key] for key in sorted(latest)]
        arguments: list[list[Any]] = [[shard_of(row.account_id) for row in ordered]]
        for name, encode in zip(table.stored, table.encoders, strict=True):
            values = [getattr(row, name) for row in ordered]
            arguments.append([encode(value) for value in values] if encode is not None else values)
        written = await connection.fetch(table.upsert_sql, *arguments)
        if len(written) != len(ordered):
            raise ForeignRowError(f"a row of {table.name} belongs to another account, or is newer")


def row_of(row_type: type[R], record: Record) -> R:
    """The dataclass of one fetched record; columns that are no fields are ignored."""
    values: dict[str, Any] = {}
    for item in fields(row_type):  # type: ignore[arg-type]  # every Row is a dataclass
        value = record[item.name]
        if row_type.table.columns[item.name] == "jsonb" and value is not None:
            value = orjson.loads(value)
        values[item.name] = value
    return row_type(**values)
