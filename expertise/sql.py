"""SQL conditions that the stores share."""

import json
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY


def one_of(
    connection: sa.Connection, column: sa.ColumnElement[str], keys: Collection[str]
) -> sa.ColumnElement[bool]:
    """Whether the column has one of these keys, which are passed as one parameter."""
    if connection.dialect.name == "sqlite":
        listed = sa.func.json_each(json.dumps(list(keys))).table_valued("value")
        return column.in_(sa.select(listed.c.value))
    return column == sa.any_(sa.literal(list(keys), ARRAY(sa.Text)))
