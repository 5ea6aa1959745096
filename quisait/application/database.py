"""The state's database: connection, tables, and Alembic migrations from older versions."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from expertise import build_tables, consent, decisions, directory_tables
from indexer import sql, state
from indexer.errors import IndexRefused
from quisait.application.opening import Opening
from quisait.features import Feature, installed_features
from quisait.privacy import register
from quisait.privacy.accesses import AccessMarks, access_marks, access_tables
from quisait.settings import Settings, beside_file
from quisait.settings.files import (
    RESTORING,
    make_folder,
    private_files,
    require_writable_folder,
)
from search_api.audit import sql as audit_tables
from search_api.communities import storage as community_pages
from search_api.expected import storage as expected
from search_api.favourites import storage as favourites
from search_api.following import storage as following
from search_api.query_log import storage as journal_tables
from search_api.questions import tables as asking_tables
from search_api.sign_on import sessions as sign_on_tables
from search_api.verification import storage as verification

MIGRATIONS = Path(__file__).parents[1] / "migrations"
OF_0_1_0 = "0.1.0"
"""Stands for the schema of quisait 0.1.0, which has no mark of its own."""
TABLES_OF_0_1_0 = ("accounts", "agents", "cursors", "failures", "memberships", "runs")
"""Tables of quisait 0.1.0. The next readings of sources and directory store their content again."""
BASE = "0028"
"""The first migration. It completes the schemas of 0.2.0's development, which have lower marks."""
HEAD = "0045"
"""The last migration in `MIGRATIONS`."""
MARKED_BY_ALEMBIC = 3
"""Value in `schema_version`, for which versions of quisait before Alembic refuse the database."""
WAIT_S = 30
"""Seconds that SQLite waits for another writer, or that connecting to PostgreSQL may take."""

_metadata = sa.MetaData()
schema_version = sa.Table(
    "schema_version",
    _metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
)
feature_schemas = sa.Table(
    "feature_schemas",
    _metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("migrations", sa.Integer, nullable=False),
)
"""Features whose tables exist, and the number of their migrations that the tables went through."""
TABLES: tuple[sa.MetaData, ...] = (
    _metadata,
    state.metadata,
    directory_tables.metadata,
    build_tables.metadata,
    consent.metadata,
    decisions.metadata,
    decisions.community_metadata,
    journal_tables.metadata,
    audit_tables.metadata,
    favourites.metadata,
    following.metadata,
    asking_tables.metadata,
    verification.metadata,
    expected.metadata,
    community_pages.metadata,
    register.metadata,
    access_marks.metadata,
    sign_on_tables.metadata,
    *(tables for feature in installed_features() for tables in feature.tables()),
)
"""Every table of the database, those of installed features included."""
OF_THIS_DATABASE = frozenset({schema_version, feature_schemas, access_marks})
"""Tables that describe this database itself, and are never copied into another."""
NOT_BACKED_UP = frozenset(
    {
        *access_tables(TABLES),
        *OF_THIS_DATABASE,
        sign_on_tables.logout_tokens,
        journal_tables.journal_period,
        journal_tables.journal_askings,
    }
)
"""Tables that a backup leaves out: access that may be revoked after the backup, and the query log's
current period, whose salt must be deleted at its end.
"""
_LOCK = 0x71756973616974
"""Number of our advisory lock in PostgreSQL: « quisait » in ASCII."""


def connect(url: str, password: str = "", *, read_only: bool = False) -> sa.Engine:
    """Return an engine that connects at the first request and logs no parameters of statements.

    With `read_only`, the database refuses every write. Raises `ValueError` if the database is
    neither SQLite nor PostgreSQL, or if the URL's host contains a part of the password, cut at an
    `@`.
    """
    try:
        parsed = sa.make_url(url)
    except (
        sa.exc.ArgumentError,
        ValueError,
    ):  # the error's text may contain a part of the password
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
        # The driver's error would name the host, which is the end of the password here.
        raise ValueError(
            "[database] : la machine de cette URL n'en est pas une. Dans le compte et le mot de "
            "passe, écrivez @ %40, / %2F, : %3A, ? %3F, # %23 et % %25 ; ou donnez le mot de passe "
            "à part (database_password)."
        )
    waits = {"timeout": WAIT_S} if kind == "sqlite" else {"connect_timeout": WAIT_S}
    engine = sa.create_engine(
        parsed,
        hide_parameters=True,
        pool_pre_ping=kind != "sqlite",
        connect_args=waits,
        json_deserializer=_read_json,
    )
    if read_only:
        sa.event.listen(engine, "checkout", _forbid_writing)
    return engine


def _forbid_writing(driver: Any, record: Any, _proxy: Any) -> None:
    """Make a connection read-only each time it is taken from the pool (`sql.allow_writing`)."""
    record.info[sql.READ_ONLY] = True
    if hasattr(driver, "read_only"):  # PostgreSQL: every transaction begins READ ONLY
        driver.read_only = True
    else:
        driver.execute("pragma query_only = on")


def _read_json(written: str) -> Any:
    """Parse JSON, with a shortcut for `[]`, the most frequent value."""
    return [] if written == "[]" else json.loads(written)


def migrate(engine: sa.Engine) -> sa.Engine:
    """Create the tables, or upgrade those of an older version; return the engine.

    Tables of 0.1.0 are created anew. All changes are in one transaction; processes that start
    together wait for one another. Raises `IndexRefused` for a database after `HEAD`, and leaves it
    unchanged.
    """
    with engine.begin() as connection:
        _lock_schema(connection)
        found = _revision(connection)
        if found == OF_0_1_0:
            for table in TABLES_OF_0_1_0:
                connection.exec_driver_sql(f"drop table if exists {table}")
        if found in (None, OF_0_1_0):
            _create(connection)
        elif found != HEAD:
            _upgrade(connection, found)
        _upgrade_features(connection)
    return engine


def schema_revision(settings: Settings) -> str | None:
    """Return the revision of the settings' database, without changing it; None for a new one.

    Raises `IndexRefused` like `migrate`, `ValueError` for another kind of database.
    """
    engine = connect(database_url(settings), settings.database_password, read_only=True)
    try:
        _require_content(settings, engine)
        return _revision_of(settings, engine)
    finally:
        engine.dispose()


def database_url(settings: Settings) -> str:
    """Return the URL of the state's database: that of the settings, or SQLite in the folder."""
    return settings.database or f"sqlite:///{beside_file(settings.folder) / 'state.sqlite'}"


def is_new(settings: Settings) -> bool:
    """Return whether the database has no tables yet. Raises like `schema_revision`."""
    return schema_revision(settings) is None


def _revision_of(settings: Settings, engine: sa.Engine) -> str | None:
    """Return the revision like `_revision`, without creating the file of an SQLite database."""
    file = _file_of(engine)
    can_be_made = file and (file.parent.exists() or not settings.database)
    if file and can_be_made and not file.exists():
        return None
    with engine.connect() as connection:
        return _revision(connection)


def _lock_schema(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        # Python's driver begins no transaction before the tables are created.
        connection.exec_driver_sql("begin immediate")
    else:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _revision(connection: sa.Connection) -> str | None:
    """Return the revision of the schema, or None for a database without tables.

    Raises `IndexRefused` for the schema of a later version.
    """
    tables = sa.inspect(connection).get_table_names()
    if "alembic_version" in tables:
        mark = sa.text("select version_num from alembic_version")
        found = str(connection.execute(mark).scalar() or "")
    elif schema_version.name in tables:
        found = ""  # of the development of 0.2.0, before it had Alembic's mark
    else:
        return OF_0_1_0 if state.runs.name in tables else None
    if found > HEAD:
        raise IndexRefused(
            f"La base d'état est d'une version plus récente de quisait (schéma {found}, celle-ci "
            f"connaît {HEAD}). Rien n'a été changé : mettez quisait à jour, ou donnez une autre "
            "base à « database »."
        )
    return found


def _create(connection: sa.Connection) -> None:
    """Create every table and Alembic's mark, without importing Alembic, which takes a moment."""
    for tables in TABLES:
        tables.create_all(connection)
    connection.execute(sa.insert(schema_version).values(version=MARKED_BY_ALEMBIC))
    connection.exec_driver_sql(
        "create table alembic_version (version_num varchar(32) not null, "
        "constraint alembic_version_pkc primary key (version_num))"
    )
    connection.execute(sa.text("insert into alembic_version values (:head)"), {"head": HEAD})
    rows = [{"name": one.name, "migrations": len(one.migrations)} for one in installed_features()]
    if rows:
        connection.execute(sa.insert(feature_schemas), rows)


def _upgrade_features(connection: sa.Connection) -> None:
    """Create the tables of new features, and upgrade those of features that were updated.

    Raises `IndexRefused` for a feature of a later version.
    """
    schemas = feature_schemas.c
    for feature, done in _outdated_features(connection):
        if done is None:
            for tables in feature.tables():
                tables.create_all(connection)
        else:
            for change in feature.migrations[done:]:
                change(connection)
        connection.execute(sa.delete(feature_schemas).where(schemas.name == feature.name))
        row = {"name": feature.name, "migrations": len(feature.migrations)}
        connection.execute(sa.insert(feature_schemas).values(row))


def _outdated_features(connection: sa.Connection) -> list[tuple[Feature, int | None]]:
    """Return the features whose tables are to be upgraded, with the migrations done so far.

    The number is None for tables that do not exist yet. Raises `IndexRefused` for a feature of a
    later version.
    """
    rows = connection.execute(sa.select(feature_schemas)).all()
    done = {row.name: int(row.migrations) for row in rows}
    outdated = []
    for feature in installed_features():
        known = done.get(feature.name)
        if known is not None and known > len(feature.migrations):
            raise IndexRefused(
                f"La base d'état connaît une version plus récente de « {feature.name} ». Rien n'a "
                "été changé : mettez son paquet à jour, ou donnez une autre base à « database »."
            )
        if known != len(feature.migrations):
            outdated.append((feature, known))
    return outdated


def _upgrade(connection: sa.Connection, found: str) -> None:
    # Imported here: loading takes a moment, and an up-to-date database does not need it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes |= {"connection": connection, "tables": TABLES}
    if found < BASE:
        command.stamp(config, "base", purge=True)
    command.upgrade(config, HEAD)


def open_database(settings: Settings, folder: Path, opening: Opening = Opening.SERVE) -> sa.Engine:
    """Open and migrate the state's database: SQLite in the folder, or the URL of the settings.

    If the database was restored from a copy, access that may have been revoked since is deleted
    first. Raises `ValueError` for another kind of database, `IndexRefused` if it is of a later
    version, if the file of the access marks cannot be read, or if something would have to be
    deleted that this opening may not delete (`AccessMarks.enforce`).
    """
    url = settings.database or f"sqlite:///{folder / 'state.sqlite'}"
    engine = connect(url, settings.database_password)
    _require_content(settings, engine)
    migrate(engine)
    marks = open_access_marks(settings, engine)
    marks.enforce(may_empty=opening is Opening.SERVE)
    marks.follow()
    return engine


def _file_of(engine: sa.Engine) -> Path | None:
    """Return the file of an SQLite database; None for another database."""
    is_file = engine.dialect.name == "sqlite" and engine.url.database
    return Path(str(engine.url.database)) if is_file else None


def _require_content(settings: Settings, engine: sa.Engine) -> None:
    """Raise `IndexRefused` if the database's file was emptied; it would be taken for a new one."""
    file = _file_of(engine)
    if file is None or not file.exists() or file.stat().st_size:
        return
    if open_access_marks(settings, engine).path.exists():
        raise IndexRefused(
            f"{file}, la base d'état, est vide (disque plein, copie interrompue). Rien n'a été "
            "changé : arrêtez quisait, puis remettez sa dernière copie ou restaurez une sauvegarde "
            "(docs/que-faire.md) ; pour repartir de rien, effacez ce fichier."
        )


def open_access_marks(settings: Settings, database: sa.Engine) -> AccessMarks:
    """Return the marks of revoked access, which are in the database and beside the register."""
    return AccessMarks(database, beside_file(settings.privacy.register_file), TABLES)


@contextmanager
def opened_database(settings: Settings, opening: Opening) -> Iterator[sa.Engine]:
    """Open the state's database during the block, without the application.

    Files made in the block are closed to other accounts. To write, the folder is made first. Raises
    `ValueError` if the folder cannot be made or written, or while a restoration is unfinished.
    """
    with private_files():
        reads = opening is Opening.READ
        folder = beside_file(settings.folder) if reads else make_folder(settings)
        if (folder / RESTORING).exists():
            raise ValueError(
                "Une restauration est en cours, ou a été interrompue : rien ne répond avant sa "
                "fin. Relancez « quisait restore » comme vous l'aviez lancé."
            )
        if reads:
            if not folder.exists():
                require_writable_folder(settings)
            with _read_only_database(settings) as database:
                yield database
            return
        database = open_database(settings, folder, opening)
        try:
            yield database
        finally:
            database.dispose()


def _has_outdated_features(database: sa.Engine) -> bool:
    with database.connect() as connection:
        return bool(_outdated_features(connection))


@contextmanager
def _read_only_database(settings: Settings) -> Iterator[sa.Engine]:
    """Open the database without a right to write; a new one is read as an empty temporary one.

    Raises `IndexRefused` for a schema of another version, which is not upgraded.
    """
    database = connect(database_url(settings), settings.database_password, read_only=True)
    try:
        _require_content(settings, database)
        revision = _revision_of(settings, database)
        if revision == HEAD and not _has_outdated_features(database):
            yield database
            return
    finally:
        database.dispose()
    if revision is not None:
        raise IndexRefused(
            f"La base d'état est d'une version antérieure de quisait (schéma {revision}, celle-ci "
            f"connaît {HEAD}) : « quisait upgrade » la met à niveau. Rien n'a été changé."
        )
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/state.sqlite"
        migrate(connect(url)).dispose()
        empty = connect(url, read_only=True)
        try:
            yield empty
        finally:
            empty.dispose()
