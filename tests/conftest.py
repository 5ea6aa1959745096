"""What every test may use: the two databases of the state, each empty."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.model_export import CACHE
from tests.postgres_server import database, postgres_server


@pytest.fixture(scope="session", autouse=True)
def environment_of_the_settings() -> None:
    """`QUISAIT_SHARED` was read; to `quisait check` it would be a setting that does not exist."""
    os.environ.pop("QUISAIT_SHARED", None)
    # The bundled model is prepared once for all folders that tests make.
    os.environ.setdefault("QUISAIT_ENCODER__PREPARED", str(CACHE))


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
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'state.sqlite'}"
        return
    with database(request.getfixturevalue("postgres")) as url:
        yield url
