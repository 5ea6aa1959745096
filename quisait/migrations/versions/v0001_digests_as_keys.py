"""From the schema of quisait 0.1.0: digests as keys, progress of runs, contacts of agents.

Keys became digests (SHA-256), so that they may be long. What agents have now is empty until the
next reading of the directory.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

Row = dict[str, Any]

_new = sa.MetaData()
_runs = sa.Table(
    "runs",
    _new,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("source", sa.String(200), nullable=False, index=True),
    sa.Column("started", sa.DateTime(timezone=True), nullable=False),
    sa.Column("ended", sa.DateTime(timezone=True)),
    sa.Column("outcome", sa.String(40), nullable=False),
    sa.Column("changed", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("noted", sa.DateTime(timezone=True)),
    sa.Column("done", sa.Integer, nullable=False, server_default="0"),
    sa.Column("expected", sa.Integer),
    sa.Column("rate", sa.Double, nullable=False, server_default="0"),
    sa.Column("passages", sa.Integer, nullable=False, server_default="0"),
    sa.Column("passage_rate", sa.Double, nullable=False, server_default="0"),
)
_failures = sa.Table(
    "failures",
    _new,
    sa.Column("source", sa.String(200), primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
)
_agents = sa.Table(
    "agents",
    _new,
    sa.Column("key", sa.String(64), primary_key=True),
    *(
        sa.Column(name, sa.Text, nullable=False)
        for name in ("id", "given_name", "family_name", "metier", "entity", "office")
    ),
    sa.Column("departement", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("arrival", sa.Date),
    sa.Column("departure", sa.Date),
    sa.Column("skills", sa.JSON, nullable=False),
    sa.Column("listed", sa.Boolean, nullable=False),
    sa.Column("skills_declared", sa.Date),
    sa.Column("skills_confirmed", sa.JSON, nullable=False),
    sa.Column("contact_via", sa.String(20), nullable=False),
    sa.Column("contact", sa.Text, nullable=False),
)
_accounts = sa.Table(
    "accounts",
    _new,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("agent_key", sa.String(64), nullable=False, index=True),
)
_memberships = sa.Table(
    "memberships",
    _new,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("principal_key", sa.String(64), primary_key=True),
    sa.Column("principal", sa.Text, nullable=False),
)


def upgrade() -> None:
    """Rebuild each table that changed: the state is small."""
    for table, convert in (
        (_runs, _run),
        (_failures, _failure),
        (_agents, _agent),
        (_accounts, _account),
        (_memberships, _membership),
    ):
        _rebuild(op.get_bind(), table, convert)


def _rebuild(connection: sa.Connection, table: sa.Table, convert: Callable[[Row], Row]) -> None:
    if not sa.inspect(connection).has_table(table.name):
        return
    older = sa.Table(table.name, sa.MetaData(), autoload_with=connection)
    rows = [convert(dict(row)) for row in connection.execute(sa.select(older)).mappings()]
    older.drop(connection)
    table.create(connection)
    if rows:
        connection.execute(sa.insert(table), rows)
    if connection.dialect.name == "postgresql" and table is _runs:
        # The next row's number follows the last one's.
        last = sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0) + 1).scalar_subquery()
        sequence = sa.func.pg_get_serial_sequence(table.name, "id")
        connection.execute(sa.select(sa.func.setval(sequence, last, sa.false())))


def _run(row: Row) -> Row:
    return row | {"started": _aware(row["started"]), "ended": _aware(row["ended"])}


def _failure(row: Row) -> Row:
    return row | {"digest": _digest(row["key"]), "since": _aware(row["since"])}


def _agent(row: Row) -> Row:
    added: Row = {"skills_declared": None, "skills_confirmed": [], "contact_via": "direct"}
    return row | added | {"key": _digest(row["id"]), "contact": ""}


def _account(row: Row) -> Row:
    account, agent_id = row["account"], row["agent_id"]
    return {"key": _digest(account), "account": account, "agent_key": _digest(agent_id)}


def _membership(row: Row) -> Row:
    keys = {"agent_key": _digest(row["agent_id"]), "principal_key": _digest(row["principal"])}
    return keys | {"principal": row["principal"]}


def _digest(key: str) -> str:
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _aware(moment: datetime | str | None) -> datetime | None:
    read = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return read.replace(tzinfo=read.tzinfo or UTC) if read else None
