"""SQL that the stores share: statements in a transaction of their own, column types, values."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

import sqlalchemy as sa
from pydantic import TypeAdapter

Value = TypeVar("Value")
Row = TypeVar("Row", bound=tuple[Any, ...])


def rows(engine: sa.Engine, query: sa.Select[Row]) -> Sequence[sa.Row[Row]]:
    """Return the rows of a query, as tuples."""
    with engine.connect() as connection:
        return connection.execute(query).all()


def mappings(engine: sa.Engine, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
    """Return the rows of a query, by column name."""
    with engine.connect() as connection:
        return connection.execute(query).mappings().all()


def first(engine: sa.Engine, query: sa.Select[Any]) -> sa.RowMapping | None:
    """Return the first row of a query, by column name; None if there is none."""
    with engine.connect() as connection:
        return connection.execute(query).mappings().first()


def scalars(engine: sa.Engine, query: sa.Select[tuple[Value]]) -> Sequence[Value]:
    """Return the first column of a query."""
    with engine.connect() as connection:
        return connection.execute(query).scalars().all()


def scalar(engine: sa.Engine, query: sa.Select[tuple[Value]]) -> Value | None:
    """Return the first column of the first row; None if there is no row."""
    with engine.connect() as connection:
        return connection.execute(query).scalar()


def count(engine: sa.Engine, query: sa.Select[tuple[int]]) -> int:
    """Return the number that a query for one number finds."""
    with engine.connect() as connection:
        return connection.execute(query).scalar_one()


def execute(engine: sa.Engine, *statements: sa.Insert | sa.Update | sa.Delete) -> int:
    """Execute statements in one transaction; return how many rows the last one changed."""
    with engine.begin() as connection:
        for statement in statements:
            changed = connection.execute(statement).rowcount
    return changed
