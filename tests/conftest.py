"""What every test may use: the two databases of the state, each empty; how Hypothesis draws.

`make test` draws the same examples every time, `make soak` draws anew.

Each test is marked by the servers that it needs; the last line names what was not tested.
"""

import json
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import needs
from tests.model_export import CACHE
from tests.postgres_server import database, postgres_server
from tests.shared_files import what_is_missing
from tests.soak_parts import PARTS

# A slow machine is no fault of what is tested: timings belong in benchmarks.
_PATIENT: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("repeatable", derandomize=True, **_PATIENT)
settings.register_profile("drawn", derandomize=False, print_blob=True, **_PATIENT)
settings.load_profile("drawn" if os.environ.get(needs.PART_VARIABLE) in PARTS else "repeatable")


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in needs.MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    needs.mark(items)
    if part := os.environ.get(needs.PART_VARIABLE):
        chosen = [item for item in items if part in needs.parts_of(item)]
        others = set(items) - set(chosen)
        items[:] = chosen
        config.hook.pytest_deselected(items=list(others))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Refuse servers to a test without the marker of one, in the parts of `make test`."""
    if os.environ.get(needs.PART_VARIABLE) not in set(needs.Part):
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        if item.get_closest_marker(needs.SERVER):
            patch.delenv(needs.NO_SERVERS, raising=False)
        else:
            patch.setenv(needs.NO_SERVERS, "1")
        return (yield)


def pytest_collection_finish(session: pytest.Session) -> None:
    if told := os.environ.get(needs.UNITS_VARIABLE):
        units = {
            (part, item.nodeid.partition("::")[0])
            for item in session.items
            for part in needs.parts_of(item)
        }
        Path(told).write_text(json.dumps(sorted(units)), "utf-8")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if line := what_is_missing():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def environment_of_the_settings() -> None:
    """`QUISAIT_SHARED` was read; to `quisait check` it would be a setting that does not exist."""
    os.environ.pop("QUISAIT_SHARED", None)
    # The bundled model is prepared once for all folders that tests make.
    os.environ.setdefault("QUISAIT_ENCODER__PREPARED", str(CACHE))


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
