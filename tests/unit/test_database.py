"""The state's database is brought up from what an older quisait left, or refused."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from connectors.values import Agent
from expertise.directory import SqlDirectory
from indexer.errors import IndexRefused
from indexer.state import State
from quisait.application import database
from quisait.application.database import BY_ALEMBIC, HEAD, MIGRATIONS, TABLES, connect, migrate

pytestmark = pytest.mark.sources

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
PRODUCT = ("connectors", "indexer", "expertise", "search_api", "quisait")
FIRST_VERSION = (
    "create table cursors (source varchar(200) not null primary key, cursor text not null)",
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
def engine(empty_database_url: str) -> Iterator[sa.Engine]:
    engine = connect(empty_database_url)
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


def as_before_alembic(engine: sa.Engine) -> None:
    """Make the tables that stood there when Alembic came, a row of each, and the old lease."""
    dump = (HERE / f"schema_0001_{engine.dialect.name}.sql").read_text("utf-8")
    with engine.begin() as connection:
        for statement in dump.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)


def revision(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        return connection.execute(sa.text("select version_num from alembic_version")).scalar()


def differences(engine: sa.Engine) -> list[object]:
    """How the database differs from the tables of the code; `alembic_version` is Alembic's."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        return list(compare_metadata(context, all_tables()))


def all_tables() -> sa.MetaData:
    """Those of the code, together."""
    together = sa.MetaData()
    for tables in TABLES:
        for table in tables.sorted_tables:
            table.to_metadata(together)
    return together


def test_a_first_versions_rows_are_all_there_afterwards(engine: sa.Engine) -> None:
    """Cursor, failures, runs and directory; a second time changes nothing."""
    as_0_1_0(engine)
    for _ in range(2):
        migrate(engine)
        state, book = State(engine), SqlDirectory(engine)
        assert revision(engine) == HEAD
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
    assert differences(engine) == []


def test_every_row_of_before_alembic_is_there_afterwards(engine: sa.Engine) -> None:
    """Of every table but the leases, which have no use any more; a second time changes nothing."""
    as_before_alembic(engine)
    before = rows_of(engine)
    assert {name for name, rows in before.items() if not rows} <= {"schema_version"}
    del before["leases"]
    for _ in range(2):
        migrate(engine)
        after = rows_of(engine)
        assert after.pop("schema_version") == [(BY_ALEMBIC,)]
        assert after.pop("alembic_version") == [(HEAD,)]
        with engine.connect() as connection:
            named = sa.text("select source from cursors union select source from runs")
            read = {name.partition("@")[0] for name in connection.execute(named).scalars()}
        described = [
            (source, index, bool(whole)) for source, index, whole in after["source_indexes"]
        ]
        assert sorted(described) == sorted((source, "", True) for source in read if source)
        del after["source_indexes"]
        made_since = after.keys() - before.keys()
        assert [after.pop(name) for name in made_since] == [[]] * len(made_since)
        # Columns came since: missions, none of which is told yet, and what a run waits for.
        assert [str(row[-1]) for row in after["agents"]] == ["[]"] * len(before["agents"])
        after["agents"] = [row[:-1] for row in after["agents"]]
        assert {row[-2:] for row in after["runs"]} == {("", 0)}
        after["runs"] = [row[:-2] for row in after["runs"]]
        assert after == {name: rows for name, rows in before.items() if name != "schema_version"}
    assert differences(engine) == []


def test_every_table_of_the_code_is_made_by_migrations() -> None:
    """Wherever it is defined."""
    defined = {
        table
        for path in sorted(REPOSITORY.glob("*/**/*.py"))
        if path.relative_to(REPOSITORY).parts[0] in PRODUCT
        and "sa.Table(" in path.read_text("utf-8")
        if "migrations" not in path.parts
        for value in vars(import_module(module_of(path))).values()
        if isinstance(value, sa.MetaData)
        for table in value.tables
    }
    assert defined == set(all_tables().tables)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)


def test_no_table_is_added_without_a_migration(engine: sa.Engine) -> None:
    """From the tables of the day on which Alembic came, by the migrations since then."""
    as_before_alembic(engine)
    with engine.begin() as connection:
        for statement in (
            "drop table leases",
            "create table alembic_version (version_num varchar(32) not null primary key)",
            "insert into alembic_version values ('0002')",
        ):
            connection.exec_driver_sql(statement)
    migrate(engine)
    assert differences(engine) == []


def rows_of(engine: sa.Engine) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    found = {}
    with engine.connect() as connection:
        for name in sa.inspect(connection).get_table_names():
            rows = connection.exec_driver_sql(f'select * from "{name}"').all()  # noqa: S608
            found[name] = sorted((tuple(row) for row in rows), key=repr)
    return found


def test_a_new_database_has_the_tables_of_the_code(engine: sa.Engine) -> None:
    """And `HEAD` is the last migration."""
    migrate(engine)
    assert differences(engine) == []
    assert revision(engine) == HEAD
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


@pytest.mark.parametrize("table", ["alembic_version", "schema_version"])
def test_a_later_version_is_refused_and_left_alone(engine: sa.Engine, table: str) -> None:
    """A sentence says what to do; nothing is written to what is not understood."""
    later = "update alembic_version set version_num = '9999'"
    if table == "schema_version":
        later = "drop table alembic_version"
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(later)
    before = rows_of(engine)
    with pytest.raises(IndexRefused, match="plus récente"):
        migrate(engine)
    assert rows_of(engine) == before


def test_a_change_that_fails_changes_nothing(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Halfway is nowhere: the next start tries again from the same rows."""
    as_0_1_0(engine)
    more = sa.MetaData()
    sa.Table("broken", more, sa.Column("id", sa.Integer, sa.ForeignKey("nowhere.id")))
    with monkeypatch.context() as broken:
        broken.setattr(database, "TABLES", (*TABLES, more))
        with pytest.raises(sa.exc.SQLAlchemyError):
            migrate(engine)
    names = {column["name"] for column in sa.inspect(engine).get_columns("runs")}
    assert "reason" not in names
    assert not sa.inspect(engine).has_table("alembic_version")
    migrate(engine)
    assert State(engine).load("wiki") == "7"


def test_processes_that_start_together_all_start(empty_database_url: str) -> None:
    """On an empty database: each finds its tables, whoever made them."""
    engines = [connect(empty_database_url) for _ in range(6)]
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
