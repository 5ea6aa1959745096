"""The state's database is brought up from what an older quisait left, or refused."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
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
from quisait.application.database import (
    HEAD,
    MIGRATIONS,
    TABLES,
    connect,
    migrate,
)

pytestmark = pytest.mark.sources

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
PRODUCT = ("connectors", "indexer", "expertise", "search_api", "quisait")


@pytest.fixture
def engine(empty_database_url: str) -> Iterator[sa.Engine]:
    engine = connect(empty_database_url)
    yield engine
    engine.dispose()


def run_dump(engine: sa.Engine, version: str) -> None:
    """Make the schema of a former version as its migrations made it, and rows."""
    dump = (HERE / f"schema_{version}_{engine.dialect.name}.sql").read_text("utf-8")
    with engine.begin() as connection:
        for statement in dump.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)


def as_0_2_0(engine: sa.Engine) -> None:
    run_dump(engine, "0028")


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
"""The tables of quisait 0.1.0, and a row of each."""
KINDS = {
    "sqlite": {"moment": "datetime", "serial": "integer primary key", "true": "1"},
    "postgresql": {"moment": "timestamptz", "serial": "serial primary key", "true": "true"},
}


def as_0_1_0(engine: sa.Engine) -> None:
    words = KINDS[engine.dialect.name] | {"then": "2026-01-15 09:00:00.000000"}
    if engine.dialect.name == "postgresql":
        words |= {"then": "2026-01-15 09:00:00+00"}
    with engine.begin() as connection:
        for statement in FIRST_VERSION:
            connection.exec_driver_sql(statement.format_map(words))


def revision(engine: sa.Engine) -> str | None:
    with engine.connect() as connection:
        return connection.execute(sa.text("select version_num from alembic_version")).scalar()


def differences(engine: sa.Engine) -> list[object]:
    """Return the differences of the database from the code's tables, without `alembic_version`."""
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


def test_every_row_of_0_2_0_is_there_afterwards(engine: sa.Engine) -> None:
    """Of every table, in the columns it had; a second time changes nothing.

    Of `agent_feedback` only favourites stay, in a table of their own.
    """
    as_0_2_0(engine)
    before = rows_of(engine)
    assert [name for name, rows in before.items() if not rows] == []
    with engine.begin() as connection:
        connection.exec_driver_sql("update agent_feedback set aspect = 'favourite'")
    del before["agent_feedback"]
    columns = {name: names for name, names in columns_of(engine).items() if name in before}
    for _ in range(2):
        migrate(engine)
        assert differences(engine) == []
        assert revision(engine) == HEAD
        after = rows_of(engine, columns)
        assert after.pop("alembic_version") == [(HEAD,)]
        assert after == {name: before[name] for name in after}
        assert len(rows_of(engine)["favourites"]) == 1


def test_rows_of_0_1_0_are_there_afterwards(engine: sa.Engine) -> None:
    """Cursor, failures, runs and directory; a second time changes nothing."""
    as_0_1_0(engine)
    for _ in range(2):
        migrate(engine)
        state, book = State(engine), SqlDirectory(engine)
        assert (revision(engine), differences(engine)) == (HEAD, [])
        assert state.load("wiki") == "7"
        (failure,), (run,) = state.failures_of("wiki"), state.runs_of("wiki")
        assert (failure.key, failure.kind, failure.reason) == ("wiki:1", "empty", "no text")
        assert (run.outcome, run.changed, run.ended) == ("done", 3, failure.since)
        ana = Agent("ag-1", "Ana", "Le Goff", departement="22", skills=("bornage",))
        assert book.agent("ag-1") == ana
        assert book.by_account(["wiki:ana"]) == {"wiki:ana": ana}
        assert book.groups_of("ag-1") == {"annuaire:group:inspection"}


def test_schema_of_the_development_of_0_2_0_is_upgraded(engine: sa.Engine) -> None:
    """Of before Alembic, and as a later migration of the development left it."""
    run_dump(engine, "0001")
    before = rows_of(engine)
    agents = len(before["agents"])
    assert agents
    migrate(engine)
    assert (revision(engine), differences(engine)) == (HEAD, [])
    assert len(rows_of(engine)["agents"]) == agents


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


def test_the_schema_of_0_2_0_becomes_that_of_a_new_database(engine: sa.Engine) -> None:
    """To the default of each column and the name of each index."""
    as_0_2_0(engine)
    migrate(engine)
    upgraded = schema_of(engine)
    tables = sa.MetaData()
    tables.reflect(engine)
    tables.drop_all(engine)
    migrate(engine)
    assert schema_of(engine) == upgraded


def schema_of(engine: sa.Engine) -> dict[str, object]:
    """Return the columns and indexes of each table in the database, by name."""
    inspector = sa.inspect(engine)
    return {
        table: (
            {
                one["name"]: {**one, "type": str(one["type"])}
                for one in inspector.get_columns(table)
            },
            {one["name"]: one for one in inspector.get_indexes(table)},
            inspector.get_pk_constraint(table),
            inspector.get_unique_constraints(table),
            inspector.get_foreign_keys(table),
        )
        for table in inspector.get_table_names()
    }


def columns_of(engine: sa.Engine) -> dict[str, list[str]]:
    inspector = sa.inspect(engine)
    return {
        name: [column["name"] for column in inspector.get_columns(name)]
        for name in inspector.get_table_names()
    }


def rows_of(
    engine: sa.Engine, columns: dict[str, list[str]] | None = None
) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, in these columns or in all."""
    found = {}
    with engine.connect() as connection:
        for name, names in (columns or columns_of(engine)).items():
            table = sa.table(name, *(sa.column(one) for one in names))
            found[name] = sorted(
                (tuple(row) for row in connection.execute(sa.select(table))), key=repr
            )
    return found


def test_a_new_database_has_the_tables_of_the_code(engine: sa.Engine) -> None:
    """And `HEAD` is the last migration."""
    migrate(engine)
    assert differences(engine) == []
    assert revision(engine) == HEAD
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_a_later_version_is_refused_and_left_alone(engine: sa.Engine) -> None:
    """A sentence says what to do; nothing is written to what is not understood."""
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    before = rows_of(engine)
    with pytest.raises(IndexRefused, match="plus récente"):
        migrate(engine)
    assert rows_of(engine) == before


BROKEN = f"""
from alembic import op

revision, down_revision = "9999", "{HEAD}"


def upgrade() -> None:
    op.drop_table("cursors")
    op.drop_table("nowhere")
"""


def test_a_migration_that_fails_changes_nothing(
    engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Halfway is nowhere: the next start tries again from the same rows."""
    as_0_2_0(engine)
    before = rows_of(engine)
    migrations = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, migrations)
    (migrations / "versions" / "v9999_broken.py").write_text(BROKEN, "utf-8")
    with monkeypatch.context() as broken:
        broken.setattr(database, "MIGRATIONS", migrations)
        broken.setattr(database, "HEAD", "9999")
        with pytest.raises(sa.exc.SQLAlchemyError):
            migrate(engine)
    assert rows_of(engine) == before
    migrate(engine)
    assert differences(engine) == []


def test_tables_that_cannot_all_be_made_leave_none(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next start finds an empty database."""
    more = sa.MetaData()
    sa.Table("broken", more, sa.Column("id", sa.Integer, sa.ForeignKey("nowhere.id")))
    with monkeypatch.context() as broken:
        broken.setattr(database, "TABLES", (*TABLES, more))
        with pytest.raises(sa.exc.SQLAlchemyError):
            migrate(engine)
    assert sa.inspect(engine).get_table_names() == []
    migrate(engine)
    assert differences(engine) == []


def test_alembic_is_loaded_by_upgrades_alone(tmp_path: Path) -> None:
    """Neither a new database nor an up-to-date one needs it."""
    opened = (
        "import sys; from quisait.application.database import connect, migrate; "
        "[migrate(connect(sys.argv[1])) for _ in range(2)]; print('alembic' in sys.modules)"
    )
    url = f"sqlite:///{tmp_path / 'state.sqlite'}"
    done = subprocess.run(
        [sys.executable, "-c", opened, url], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


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
