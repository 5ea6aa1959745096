"""The schema of quisait 0.2.0, from which later migrations start.

A database of 0.2.0 is at this revision already. A database of its development, which had other
migrations, is completed here.
"""

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0028"
down_revision = None


def _added() -> tuple[tuple[str, sa.Column[Any]], ...]:
    """Return the tables that got a column during the development, and the column."""
    return (
        ("agents", sa.Column("missions", sa.JSON, nullable=False, server_default="[]")),
        ("given_answers", sa.Column("valid_until", sa.Date)),
        ("asked_questions", sa.Column("corrected", sa.JSON, nullable=False, server_default="[]")),
        (
            "asked_questions",
            sa.Column("readers_chosen", sa.Boolean, nullable=False, server_default=sa.false()),
        ),
        ("asked_agents", sa.Column("decided", sa.DateTime(timezone=True))),
        (
            "hidden_texts",
            sa.Column("outdated", sa.Boolean, nullable=False, server_default=sa.false()),
        ),
        ("runs", sa.Column("waiting", sa.String(20), nullable=False, server_default="")),
        ("runs", sa.Column("waited_s", sa.Integer, nullable=False, server_default="0")),
    )


def upgrade() -> None:
    """Add the columns, tables and indexes that the database lacks; it keeps its rows."""
    connection, metadata = op.get_bind(), context.config.attributes["tables"]
    inspected = sa.inspect(connection)
    former = set(inspected.get_table_names())
    for table, column in _added():
        if table in former and column.name not in _columns(inspected, table):
            op.add_column(table, column)
    for tables in metadata:
        tables.create_all(connection)
        for table in tables.sorted_tables:
            present = _columns(sa.inspect(connection), table.name)
            for index in table.indexes:
                if present >= set(index.columns.keys()):
                    index.create(connection, checkfirst=True)
    if "source_indexes" not in former:
        _note_described_index(connection)
    op.drop_table("leases", if_exists=True)
    # The mark for which versions of before Alembic refuse the database.
    op.execute("delete from schema_version")
    op.execute("insert into schema_version values (3)")


def _columns(inspected: sa.Inspector, table: str) -> set[str]:
    return {column["name"] for column in inspected.get_columns(table)}


def _note_described_index(connection: sa.Connection) -> None:
    """Note that the cursors so far describe the index that is opened first."""
    named = sa.text("select source from cursors union select source from runs")
    sources = {name.partition("@")[0] for name in connection.execute(named).scalars()} - {""}
    described = sa.table(
        "source_indexes", sa.column("source"), sa.column("index_id"), sa.column("whole")
    )
    rows = [{"source": name, "index_id": "", "whole": True} for name in sorted(sources)]
    if rows:
        connection.execute(sa.insert(described), rows)
