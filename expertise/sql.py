"""SQL helpers that the stores share."""

import json
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa


def one_of(
    connection: sa.Connection, column: sa.ColumnElement[str], keys: Collection[str]
) -> sa.ColumnElement[bool]:
    """Return the condition that the column has one of these keys, passed as one parameter."""
    if connection.dialect.name == "sqlite":
        listed = sa.func.json_each(json.dumps(list(keys))).table_valued("value")
        return column.in_(sa.select(listed.c.value))
    # Imported here: its drivers take a tenth of a second of every command on SQLite.
    from sqlalchemy.dialects.postgresql import ARRAY

    return column == sa.any_(sa.literal(list(keys), ARRAY(sa.Text)))


def write_rows(
    connection: sa.Connection,
    table: sa.Table,
    names: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """Insert many rows of values that need no conversion, in the order of `names`.

    PostgreSQL copies them; SQLAlchemy's own insert takes longer for each row than SQLite does.
    """
    into = f"{table.name} ({', '.join(names)})"
    if connection.dialect.name == "sqlite":
        places = ", ".join("?" * len(names))
        connection.exec_driver_sql(f"INSERT INTO {into} VALUES ({places})", list(rows))  # noqa: S608
        return
    statement, failure = f"COPY {into} FROM STDIN", connection.dialect.loaded_dbapi.Error
    try:
        with connection.connection.cursor() as cursor, cursor.copy(statement) as copy:  # type: ignore[attr-defined]
            for row in rows:
                copy.write_row(row)
    except failure as error:
        # Without PostgreSQL's details, which may quote the row.
        message = type(error)(error.diag.message_primary or type(error).__name__)
        raise sa.exc.DBAPIError.instance(
            statement, None, message, failure, hide_parameters=True, dialect=connection.dialect
        ) from None
