"""The state's database: connection, schema, and migrations from older versions.

Version 1 is the schema of quisait 0.1.0, which stored no version; `CURRENT` is this one's.
Added tables need no version: they are created where they are missing.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from connectors.values import Agent
from expertise import build_tables, consent, directory, directory_tables
from indexer import state
from indexer.errors import IndexRefused
from indexer.state import digest
from quisait.privacy import register
from search_api.audit import sql as audit_tables
from search_api.query_log import storage as journal_tables
from search_api.sign_on import sessions as sign_on_tables

CURRENT = 2
WAIT_S = 30
"""How long SQLite waits for another process to end its write."""

_metadata = sa.MetaData()
schema_version = sa.Table(
    "schema_version",
    _metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
)
METADATA: tuple[sa.MetaData, ...] = (
    _metadata,
    state.metadata,
    directory_tables.metadata,
    build_tables.metadata,
    consent.metadata,
    journal_tables.metadata,
    audit_tables.metadata,
    register.metadata,
    sign_on_tables.metadata,
)

_LOCK = 0x71756973616974
"""A number of ours (« quisait ») among PostgreSQL's advisory locks."""


def connect(url: str, password: str = "") -> sa.Engine:
    """An engine that connects at the first request; no parameter of a statement is logged.

    Raises `ValueError` for another database than SQLite and PostgreSQL, or where the URL's
    machine shows that its password is cut at an `@`.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # whose text may hold a part of the password
        parsed = sa.URL.create("")
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    kind = parsed.get_backend_name()
    if password and kind != "sqlite":
        parsed = parsed.set(password=password)
    if kind not in ("sqlite", "postgresql"):
        raise ValueError(
            "[database] demande l'URL d'une base SQLite (sqlite:///chemin) ou PostgreSQL "
            "(postgresql://compte@machine/base)."
        )
    if set(parsed.host or "") & set("@?#% "):
        # The driver's error would tell the machine's name: here, the end of the password.
        raise ValueError(
            "[database] : la machine de cette URL n'en est pas une. Dans le compte et le mot de "
            "passe, écrivez @ %40, / %2F, : %3A, ? %3F, # %23 et % %25 ; ou donnez le mot de passe "
            "à part (database_password)."
        )
    waits = {"timeout": WAIT_S} if kind == "sqlite" else {"connect_timeout": WAIT_S}
    return sa.create_engine(
        parsed,
        hide_parameters=True,
        pool_pre_ping=kind != "sqlite",
        connect_args=waits,
        json_deserializer=_read_json,
    )


def _read_json(written: str) -> Any:
    """Most agents declare nothing: an empty list is read at a glance."""
    return [] if written == "[]" else json.loads(written)


def migrate(engine: sa.Engine, *more: sa.MetaData) -> sa.Engine:
    """Create what is missing, tables of `more` too, and change what an older version left.

    Whole or not at all; the engine is given back.
    Processes that start together wait for one another. Raises `IndexRefused` for the
    database of a later version, and leaves it as it is.
    """
    with engine.begin() as connection:
        _lock_schema(connection)
        version = _version(connection)
        if version > CURRENT:
            raise IndexRefused(
                f"La base d'état est d'une version plus récente de quisait (schéma {version}, "
                f"celle-ci connaît {CURRENT}). Rien n'a été changé : mettez quisait à jour, ou "
                "donnez une autre base à « database »."
            )
        if version == 1:
            for table, fitted in _CHANGED_IN_2:
                _rebuild_table(connection, table, fitted)
        for tables in (*METADATA, *more):
            tables.create_all(connection)
        connection.execute(sa.delete(schema_version))
        connection.execute(sa.insert(schema_version).values(version=CURRENT))
    return engine


def _lock_schema(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        # Python's driver begins no transaction before the tables are made.
        connection.exec_driver_sql("begin immediate")
    else:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _version(connection: sa.Connection) -> int:
    """Of what stands there; a database without tables is as good as made today."""
    tables = sa.inspect(connection).get_table_names()
    if schema_version.name in tables:
        return connection.execute(sa.select(schema_version.c.version)).scalar() or CURRENT
    return 1 if state.runs.name in tables else CURRENT


Row = dict[str, Any]


def _rebuild_table(
    connection: sa.Connection, table: sa.Table, fitted: Callable[[Row], Row]
) -> None:
    """Put the rows of an older table into the one of today: the state is small."""
    if table.name not in sa.inspect(connection).get_table_names():
        return
    older = sa.Table(table.name, sa.MetaData(), autoload_with=connection)
    rows = [fitted(dict(row)) for row in connection.execute(sa.select(older)).mappings()]
    older.drop(connection)
    table.create(connection)
    if rows:
        connection.execute(sa.insert(table), rows)
    if connection.dialect.name == "postgresql" and table is state.runs:
        _advance_sequence(connection, table)


def _advance_sequence(connection: sa.Connection, table: sa.Table) -> None:
    """The next row's number follows the last one's."""
    last = sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0) + 1).scalar_subquery()
    sequence = sa.func.pg_get_serial_sequence(table.name, "id")
    connection.execute(sa.select(sa.func.setval(sequence, last, sa.false())))


def _run_2(row: Row) -> Row:
    return row | {
        "started": _with_time_zone(row["started"]),
        "ended": _with_time_zone(row["ended"]),
    }


def _agent_2(row: Row) -> Row:
    """With what agents have now; their words come with the next reading of the directory."""
    return directory.agent_row(Agent(**row | {"skills": tuple(row["skills"])}))


def _with_time_zone(moment: datetime | str | None) -> datetime | None:
    read = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return read.replace(tzinfo=read.tzinfo or UTC) if read else None


_CHANGED_IN_2: tuple[tuple[sa.Table, Callable[[Row], Row]], ...] = (
    (state.runs, _run_2),
    (
        state.failures,
        lambda row: row | {"digest": digest(row["key"]), "since": _with_time_zone(row["since"])},
    ),
    (directory_tables.agents, _agent_2),
    (
        directory_tables.accounts,
        lambda row: {
            "key": digest(row["account"]),
            "account": row["account"],
            "agent_key": digest(row["agent_id"]),
        },
    ),
    (
        directory_tables.memberships,
        lambda row: {
            "agent_key": digest(row["agent_id"]),
            "principal_key": digest(row["principal"]),
            "principal": row["principal"],
        },
    ),
)
"""Keys became digests, so that they may be long; a run tells how far it is."""
