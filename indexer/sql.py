"""SQL functions that the stores share: single transactions, column types, values."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar, TypeVarTuple

import sqlalchemy as sa
from pydantic import TypeAdapter

Value = TypeVar("Value")
Columns = TypeVarTuple("Columns")


READ_ONLY = "quisait read-only"
"""Key in the `info` of a read-only engine's connections."""


def allow_writing(connection: sa.Connection) -> None:
    """Allow writes in the transaction that begins, even if the engine is read-only.

    Only the audit log needs this: an access must be noted before it is shown.
    """
    if connection.info.get(READ_ONLY):
        sqlite = connection.dialect.name == "sqlite"
        connection.exec_driver_sql(
            "pragma query_only = off" if sqlite else "set transaction read write"
        )


KEPT_UNNAMED = "kept_unnamed"
"""Key in the `info` of a table. When an agent is erased, rows of such a table are kept without the
agent; rows of all other tables with a column `agent_key` are deleted.
"""


MAY_BE_WITHDRAWN = "may_be_withdrawn"
"""Key in the `info` of a table whose rows may have been withdrawn since a backup. A restoration
without the register of deletions deletes them.
"""


class Moment(sa.types.TypeDecorator[datetime]):
    """A column of times, read in UTC: PostgreSQL gives the server's zone, SQLite no zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Return the time in UTC."""
        return in_utc(value) if value else None


def in_utc(moment: datetime) -> datetime:
    """Return the time in UTC; a time without a zone is in UTC already."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def is_unreachable(error: BaseException) -> bool:
    """Return whether an error means that the database does not answer, or takes no writes now.

    It may end by itself: the server restarts, another process writes, the disk is full.
    """
    away = sa.exc.OperationalError | sa.exc.InterfaceError | sa.exc.TimeoutError
    broken = isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
    return broken or isinstance(error, away)


_ADAPTERS: dict[object, TypeAdapter[Any]] = {}
"""The pydantic adapter that makes values from rows, by dataclass."""


def value(kind: type[Value], row: sa.RowMapping, **others: object) -> Value:
    """Return a dataclass: each field is the column of the same name, or comes from `others`.

    Columns without a field of their name are ignored.
    """
    adapter: TypeAdapter[Value] = _ADAPTERS.get(kind) or TypeAdapter(kind)
    _ADAPTERS[kind] = adapter
    return adapter.validate_python(dict(row) | others)


def values(engine: sa.Engine, kind: type[Value], query: sa.Select[*Columns]) -> tuple[Value, ...]:
    """Return the rows of a query as dataclasses. See `value`."""
    return tuple(value(kind, row) for row in mappings(engine, query))


def rows(engine: sa.Engine, query: sa.Select[*Columns]) -> Sequence[sa.Row[*Columns]]:
    """Return the rows of a query, as tuples."""
    with engine.connect() as connection:
        return connection.execute(query).all()


def mappings(engine: sa.Engine, query: sa.Select[*Columns]) -> Sequence[sa.RowMapping]:
    """Return the rows of a query, by column name."""
    with engine.connect() as connection:
        return connection.execute(query).mappings().all()


def first(engine: sa.Engine, query: sa.Select[*Columns]) -> sa.RowMapping | None:
    """Return the first row of a query, by column name; None if there is none."""
    with engine.connect() as connection:
        return connection.execute(query).mappings().first()


def scalars(engine: sa.Engine, query: sa.Select[Value]) -> Sequence[Value]:
    """Return the first column of a query."""
    with engine.connect() as connection:
        return connection.execute(query).scalars().all()


def scalar(engine: sa.Engine, query: sa.Select[Value]) -> Value | None:
    """Return the first column of the first row; None if there is no row."""
    with engine.connect() as connection:
        return connection.execute(query).scalar()


def one(engine: sa.Engine, query: sa.Select[Value]) -> Value:
    """Return the only value that a query finds, such as a count."""
    with engine.connect() as connection:
        return connection.execute(query).scalar_one()


def execute(engine: sa.Engine, *statements: sa.Insert | sa.Update | sa.Delete) -> int:
    """Execute statements in one transaction; return how many rows the last one changed."""
    with engine.begin() as connection:
        for statement in statements:
            changed = connection.execute(statement).rowcount
    return changed


def put(connection: sa.Connection, table: sa.Table, row: Mapping[str, object]) -> None:
    """Insert a row in place of the row with the same primary key."""
    same = [column == row[column.name] for column in table.primary_key]
    connection.execute(sa.delete(table).where(*same))
    connection.execute(sa.insert(table).values(row))


def put_alone(engine: sa.Engine, table: sa.Table, row: Mapping[str, object]) -> None:
    """Insert a row like `put`, in a transaction of its own.

    If another process inserts a row with the same key at the same moment, its row stays.
    """
    with suppress(sa.exc.IntegrityError), engine.begin() as connection:
        put(connection, table, row)
