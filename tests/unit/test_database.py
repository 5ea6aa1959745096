"""The state's database is brought up from what an older quisait left, or refused."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from indexer.errors import IndexRefused
from indexer.state import State, cursors
from quisait.application import database
from quisait.application.database import (
    BASE,
    HEAD,
    MIGRATIONS,
    TABLES,
    connect,
    migrate,
)
from quisait.features import Feature

pytestmark = pytest.mark.sources

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
PRODUCT = ("connectors", "indexer", "expertise", "search_api", "quisait")


@pytest.fixture
def engine(empty_database_url: str) -> Iterator[sa.Engine]:
    engine = connect(empty_database_url)
    yield engine
    engine.dispose()


def execute(engine: sa.Engine, statements: Iterable[str]) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def as_0_2_0(engine: sa.Engine) -> None:
    """Make the schema of quisait 0.2.0 as the migrations of its development made it, and rows."""
    dump = (HERE / f"schema_{BASE}_{engine.dialect.name}.sql").read_text("utf-8")
    execute(engine, filter(str.strip, dump.split(";\n")))


OF_0_1_0 = (
    "create table cursors (source varchar(200) primary key, cursor text not null)",
    "create table failures (source varchar(200), key varchar(2500), primary key (source, key))",
    "create table runs (id integer primary key, source varchar(200) not null)",
    "create table agents (id varchar(200) primary key, given_name varchar(200) not null)",
    "create table accounts (account varchar(500) primary key, agent_id varchar(200) not null)",
    "create table memberships (agent_id varchar(200) primary key)",
    "insert into cursors values ('wiki', '7')",
    "insert into agents values ('ag-1', 'Ana')",
)
"""The tables of quisait 0.1.0, with the columns that tell them from later ones."""
NOT_YET = (
    *("drop table question_readers", "drop table mail_queue", "drop table source_indexes"),
    *("drop index asked_questions_stage", "alter table asked_agents drop column decided"),
    *("alter table runs drop column waiting", "alter table agents drop column missions"),
    "create table leases (name varchar(200) primary key)",
)
"""What a schema of the development of 0.2.0 lacked, or had more."""


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

    Of `agent_feedback` only favourites stay, in a table of their own; of a source that was read in
    parts, the rows of its parts are deleted, so that it is read in full once.
    """
    as_0_2_0(engine)
    before = rows_of(engine)
    assert [name for name, rows in before.items() if not rows] == []
    with engine.begin() as connection:
        connection.exec_driver_sql("update agent_feedback set aspect = 'favourite'")
        for source in ("sourceé@1/2", "sourceé@2/2"):
            connection.execute(sa.insert(cursors).values(source=source, cursor="7"))
    del before["agent_feedback"], before["source_parts"]
    columns = {name: names for name, names in columns_of(engine).items() if name in before}
    for _ in range(2):
        migrate(engine)
        assert differences(engine) == []
        assert revision(engine) == HEAD
        after = rows_of(engine, columns)
        assert after.pop("alembic_version") == [(HEAD,)]
        assert after == {name: before[name] for name in after}
        assert len(rows_of(engine)["favourites"]) == 1


def test_database_of_0_1_0_is_created_anew(engine: sa.Engine) -> None:
    """Its cursors and its directory are read again; a second time changes nothing."""
    execute(engine, OF_0_1_0)
    migrate(engine)
    State(engine).save("wiki", "8")
    migrate(engine)
    assert (revision(engine), differences(engine)) == (HEAD, [])
    assert (rows_of(engine)["agents"], State(engine).load("wiki")) == ([], "8")


@pytest.mark.parametrize(
    "marking",
    ["update alembic_version set version_num = '0012'", "drop table alembic_version"],
    ids=["by Alembic", "before Alembic"],
)
def test_schema_of_the_development_of_0_2_0_is_completed(engine: sa.Engine, marking: str) -> None:
    """With its rows; the cursors describe the index that is opened first."""
    as_0_2_0(engine)
    execute(engine, (*NOT_YET, marking))
    before = rows_of(engine)
    migrate(engine)
    assert (revision(engine), differences(engine)) == (HEAD, [])
    after = rows_of(engine)
    for name in ("agents", "asked_agents", "runs", "personal_tokens", "follows"):
        assert len(after[name]) == len(before[name]) == 1, name
    assert after["source_indexes"] == [("sourceé", "", True)]
    assert after["schema_version"] == [(3,)]


def test_every_table_of_the_code_is_made_by_migrations() -> None:
    """Wherever it is defined."""
    defined = {
        table
        for path in sorted(REPOSITORY.glob("*/**/*.py"))
        if (path.relative_to(REPOSITORY).parts[0] in PRODUCT or "quisait_" in path.parent.name)
        and "sa.Table(" in path.read_text("utf-8")
        if "migrations" not in path.parts
        for value in vars(import_module(module_of(path))).values()
        if isinstance(value, sa.MetaData)
        for table in value.tables
    }
    assert defined == set(all_tables().tables)


def module_of(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[2:] if parts[0] == "packages" else parts)


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


def test_tables_of_a_feature_follow_its_package(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Created when it is installed, changed once by each later version, kept when it is removed.

    A database that a later version of the package changed is refused, and left unchanged.
    """
    tables = sa.MetaData()
    trial = sa.Table("trial_rows", tables, sa.Column("id", sa.String(8), primary_key=True))
    done: list[str] = []

    def migrate_with(*migrations: Callable[[sa.Connection], object]) -> None:
        feature = Feature(name="trial", tables=lambda: (tables,), migrations=migrations)
        monkeypatch.setattr(database, "installed_features", lambda: (feature,))
        migrate(engine)

    def first(_: sa.Connection) -> None:
        done.append("first")

    def second(connection: sa.Connection) -> None:
        done.append("second")
        connection.execute(sa.insert(trial).values(id="new"))

    migrate(engine)
    migrate_with(first)
    assert (rows_of(engine)["trial_rows"], done) == ([], []), "new tables need no migration"
    for _ in range(2):
        migrate_with(first, second)
    assert (rows_of(engine)["trial_rows"], done) == ([("new",)], ["second"])
    before = rows_of(engine)
    with pytest.raises(IndexRefused, match="trial"):
        migrate_with(first)
    monkeypatch.setattr(database, "installed_features", tuple)
    migrate(engine)
    assert rows_of(engine) == before


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
