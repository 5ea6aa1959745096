"""The state's database is brought up from what an older quisait left, or refused."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.values import Agent
from expertise.directory import SqlDirectory
from indexer.errors import IndexRefused
from indexer.state import State
from quisait.application.database import CURRENT, connect, migrate, schema_version

pytestmark = pytest.mark.sources

FIRST_VERSION = (
    "create table cursors (source varchar(200) primary key, cursor text not null)",
    "create table failures (source varchar(200), key varchar(2500), kind varchar(40) not null, "
    "reason text not null, since {moment} not null, primary key (source, key))",
    "create table runs (id {serial}, source varchar(200) not null, started {moment} not null, "
    "ended {moment}, outcome varchar(40) not null, changed integer not null)",
    "create table agents (id varchar(200) primary key, given_name varchar(200) not null, "
    "family_name varchar(200) not null, metier varchar(500) not null, entity varchar(1000) not "
    "null, office varchar(500) not null, departement varchar(3) not null, email varchar(320) not "
    "null, arrival date, departure date, skills json not null, listed boolean not null)",
    "create table accounts (account varchar(500) primary key, agent_id varchar(200) not null)",
    "create table memberships (agent_id varchar(200), principal varchar(500), "
    "primary key (agent_id, principal))",
    "insert into cursors values ('wiki', '7')",
    "insert into failures values ('wiki', 'wiki:1', 'empty', 'no text', '{then}')",
    "insert into runs (source, started, ended, outcome, changed) "
    "values ('wiki', '{then}', '{then}', 'done', 3)",
    "insert into agents values ('ag-1', 'Ana', 'Le Goff', '', '', '', '22', '', null, null, "
    "'[\"bornage\"]', {true})",
    "insert into accounts values ('wiki:ana', 'ag-1')",
    "insert into memberships values ('ag-1', 'annuaire:group:inspection')",
)
"""What quisait 0.1.0 left there."""
KINDS = {
    "sqlite": {"moment": "datetime", "serial": "integer primary key", "true": "1"},
    "postgresql": {"moment": "timestamptz", "serial": "serial primary key", "true": "true"},
}
THEN = "2026-01-15 09:00:00.000000"


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = connect(database_url)
    yield engine
    engine.dispose()


def as_0_1_0(engine: sa.Engine) -> None:
    """Make the tables and a few rows of the first version."""
    words = KINDS[engine.dialect.name] | {"then": THEN}
    if engine.dialect.name == "postgresql":
        words |= {"then": f"{THEN}+00"}
    with engine.begin() as connection:
        for statement in FIRST_VERSION:
            connection.exec_driver_sql(statement.format_map(words))


def version(engine: sa.Engine) -> int | None:
    with engine.connect() as connection:
        return connection.execute(sa.select(schema_version.c.version)).scalar()


def test_a_first_versions_rows_are_all_there_afterwards(engine: sa.Engine) -> None:
    """Cursor, failures, runs and directory; a second time changes nothing."""
    as_0_1_0(engine)
    for _ in range(2):
        migrate(engine)
        state, book = State(engine), SqlDirectory(engine)
        assert version(engine) == CURRENT
        assert state.load("wiki") == "7"
        (failure,), (run,) = state.failures_of("wiki"), state.runs_of("wiki")
        assert (failure.key, failure.kind, failure.reason) == ("wiki:1", "empty", "no text")
        assert failure.since == datetime(2026, 1, 15, 9, tzinfo=UTC)
        assert (run.outcome, run.changed, run.ended) == ("done", 3, failure.since)
        ana = Agent("ag-1", "Ana", "Le Goff", departement="22", skills=("bornage",))
        assert book.agent("ag-1") == ana
        assert book.by_account(["wiki:ana"]) == {"wiki:ana": ana}
        assert book.groups_of("ag-1") == {"annuaire:group:inspection"}
    assert state.start_run("wiki")[0] > run.id
    state.record("wiki", "wiki:1", "encrypted", "a password")
    assert [one.since for one in state.failures_of("wiki")] == [failure.since]


def test_a_later_version_is_refused_and_left_alone(engine: sa.Engine) -> None:
    """A sentence says what to do; nothing is written to what is not understood."""
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(sa.update(schema_version).values(version=CURRENT + 1))
    with pytest.raises(IndexRefused, match="plus récente"):
        migrate(engine)
    assert version(engine) == CURRENT + 1


def test_a_change_that_fails_changes_nothing(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Halfway is nowhere: the next start tries again from the same rows."""
    as_0_1_0(engine)
    more = sa.MetaData()
    sa.Table("broken", more, sa.Column("id", sa.Integer, sa.ForeignKey("nowhere.id")))
    with pytest.raises(sa.exc.SQLAlchemyError):
        migrate(engine, more)
    names = {column["name"] for column in sa.inspect(engine).get_columns("runs")}
    assert "reason" not in names
    migrate(engine)
    assert State(engine).load("wiki") == "7"


def test_processes_that_start_together_all_start(database_url: str) -> None:
    """On an empty database: each finds its tables, whoever made them."""
    engines = [connect(database_url) for _ in range(6)]
    failed: list[Exception] = []

    def start(engine: sa.Engine) -> None:
        try:
            migrate(engine)
            State(engine).start_run("wiki")
        except sa.exc.SQLAlchemyError as error:
            failed.append(error)

    threads = [threading.Thread(target=start, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(list(State(engines[0]).runs_of("wiki"))) == 6
    for engine in engines:
        engine.dispose()


def test_another_kind_of_database_is_refused_in_a_sentence(tmp_path: Path) -> None:
    """Before it is opened; a password may come apart from the URL, and is never shown."""
    for url in ("mysql://a@b/c", "not a url", "postgresqll://x"):
        with pytest.raises(ValueError, match="PostgreSQL"):
            connect(url)
    engine = connect("postgresql://ana@127.0.0.1/base", "s3cret")
    assert engine.url.password == "s3cret"
    assert engine.url.drivername == "postgresql+psycopg"
    assert "s3cret" not in str(engine.url)


@pytest.mark.parametrize("cut", ["hush@Hush", "hush@Hu#sh", "@Hush", "hush@Hush@h"])
def test_a_password_that_is_not_written_out_is_told_and_not_shown(cut: str) -> None:
    """What follows its `@` would be the machine, which errors of the driver show."""
    with pytest.raises(ValueError, match="%40") as refused:
        connect(f"postgresql://quisait:{cut}@127.0.0.1:1/q")
    assert "ush" not in str(refused.value)
    assert refused.value.__cause__ is None
