"""The two databases that the state is kept in; each test gets an empty one of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres_server import database, postgres_server


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
