"""Copy the state's tables as of one moment between two databases, SQLite or PostgreSQL."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from indexer.sql import in_utc
from quisait.application.database import (
    NOT_BACKED_UP,
    OF_THIS_DATABASE,
    TABLES,
    connect,
    schema_version,
)

_ROWS_AT_ONCE = 500


def backed_up_tables() -> list[sa.Table]:
    """Return the tables of a backup, in an order that respects foreign keys."""
    return [table for table in _every_table() if table not in NOT_BACKED_UP]


def restored_tables() -> list[sa.Table]:
    """Return the tables that a restoration replaces, including access and the directory."""
    return [table for table in _every_table() if table not in OF_THIS_DATABASE]


def _every_table() -> list[sa.Table]:
    return [table for tables in TABLES for table in tables.sorted_tables]


@contextmanager
def snapshot(database: sa.Engine, folder: Path) -> Iterator[sa.Connection]:
    """Yield a connection on which all reads of the block see the database as it is now.

    With SQLite, its backup function makes a copy in `folder`, so that writers do not wait for the
    block. With PostgreSQL, all reads are in the snapshot of one transaction.
    """
    if database.dialect.name == "sqlite":
        path = folder / "snapshot.sqlite"
        with database.connect() as connection, closing(sqlite3.connect(path)) as copy:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - SQLite's driver
            driver.backup(copy)
        copied = connect(f"sqlite:///{path}")
        try:
            with copied.connect() as connection:
                yield connection
        finally:
            copied.dispose()
            path.unlink()
        return
    with database.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        # The transaction's snapshot is taken at its first query.
        connection.execute(sa.select(schema_version)).all()
        yield connection


def copy_tables(
    source: sa.Connection, target: sa.Connection, tables: Sequence[sa.Table]
) -> dict[str, int]:
    """Replace the target's rows with the source's in one transaction; return rows by table."""
    copied = {}
    for table in tables:
        target.execute(sa.delete(table))
        copied[table.name] = 0
        found = source.execution_options(yield_per=_ROWS_AT_ONCE).execute(sa.select(table))
        for rows in found.mappings().partitions():
            target.execute(sa.insert(table), [_row(row) for row in rows])
            copied[table.name] += len(rows)
        if target.dialect.name == "postgresql":
            _set_sequences(target, table)
    return copied


def filled_tables(connection: sa.Connection) -> list[str]:
    """Return sorted names of tables with rows, if they have no rows in a new database."""
    own = {"register_mark", "directory_readings"}
    return sorted(
        table.name
        for table in restored_tables()
        if table.name not in own
        and connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
    )


def _row(row: Any) -> dict[str, Any]:
    """Return the row with times in UTC: PostgreSQL uses the server's zone, SQLite none."""
    return {
        name: in_utc(value) if isinstance(value, datetime) else value for name, value in row.items()
    }


def _set_sequences(target: sa.Connection, table: sa.Table) -> None:
    """Move PostgreSQL's sequence of the table past the copied numbers."""
    column = table.autoincrement_column
    if column is None:
        return
    sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
    highest = target.execute(sa.select(sa.func.max(column))).scalar()
    named = target.execute(sa.select(sequence)).scalar()
    if named and highest is not None:
        target.execute(sa.select(sa.func.setval(named, highest)))
