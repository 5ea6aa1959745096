"""Fixtures for all tests: the two databases of the state, with and without tables."""

import gc
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from quisait.application.database import connect, migrate
from tests.model_export import CACHE
from tests.postgres_server import database, postgres_server


@pytest.fixture(scope="session", autouse=True)
def environment_of_the_settings() -> None:
    """`QUISAIT_SHARED` was read; to `quisait check` it would be a setting that does not exist."""
    os.environ.pop("QUISAIT_SHARED", None)
    # The bundled model is prepared once for all folders that tests make.
    os.environ.setdefault("QUISAIT_ENCODER__PREPARED", str(CACHE))


@pytest.fixture(autouse=True)
def folders_in_memory_may_be_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk refuses folders below /dev, where `make test` has those of its tests."""
    if loaded := sys.modules.get("quisait_desk.page_limits"):
        others = tuple(one for one in loaded._SYSTEM if one != "/dev")
        monkeypatch.setattr(loaded, "_SYSTEM", others)


@pytest.fixture(scope="session", autouse=True)
def rare_collections() -> None:
    """Collect garbage rarely, and never read what was imported: that takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 50)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server for the session of tests."""
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables, of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'state.sqlite'}"
        return
    with database(request.getfixturevalue("postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def made_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a database with the tables of this version."""
    file = tmp_path_factory.mktemp("made") / "state.sqlite"
    migrate(connect(f"sqlite:///{file}")).dispose()
    return file


@pytest.fixture(scope="session")
def made_postgres(postgres: str) -> Iterator[str]:
    """The name of a database with the tables of this version."""
    with database(postgres) as url:
        migrate(connect(url)).dispose()
        yield url.rpartition("/")[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of each kind, with the tables of this version and no rows."""
    if request.param == "sqlite":
        file = tmp_path / "state.sqlite"
        shutil.copy(request.getfixturevalue("made_sqlite"), file)
        yield f"sqlite:///{file}"
        return
    made = request.getfixturevalue("made_postgres")
    with database(request.getfixturevalue("postgres"), made) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """A database of each kind, with the tables of this version and no rows."""
    engine = migrate(connect(database_url))
    yield engine
    engine.dispose()


@pytest.fixture
def connected(database_url: str) -> Iterator[Callable[[], sa.Engine]]:
    """Connects to that database as another process would."""
    engines: list[sa.Engine] = []

    def one() -> sa.Engine:
        engines.append(connect(database_url))
        return engines[-1]

    yield one
    for engine in engines:
        engine.dispose()
