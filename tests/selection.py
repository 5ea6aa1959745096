"""Marks and selects the tests of the repository: a plugin of the root's conftest.

`make test` draws the same examples every time, `make soak` draws new ones. The last line of a run
names what was not tested.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Generator
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import needs
from tests.shared_files import what_is_missing
from tests.soak_parts import PARTS

# A slow machine is no fault of what is tested: timings belong in benchmarks.
_PATIENT: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("repeatable", derandomize=True, **_PATIENT)
settings.register_profile("drawn", derandomize=False, print_blob=True, **_PATIENT)
settings.load_profile("drawn" if os.environ.get(needs.PART_VARIABLE) in PARTS else "repeatable")


MEMORY = Path("/dev/shm")  # noqa: S108 - where a folder of our own is made
ENOUGH_BYTES = 4 * 1024**3


def examples(few: int, many: int) -> settings:
    """Have a property tried on so many examples in `make test`, and in `make soak`."""
    return settings(max_examples=many if os.environ.get(needs.PART_VARIABLE) in PARTS else few)


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get(needs.PART_VARIABLE) in set(needs.Part):
        _write_in_memory()
    for name, meaning in needs.MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def _write_in_memory() -> None:
    """Put the temporary folders of `make test` in memory: it waited for the disk half of its time.

    `make soak` writes to the disk. Child processes keep the system's folder: servers may outlive
    this one.
    """
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ENOUGH_BYTES:
        return
    folder = tempfile.mkdtemp(prefix="quisait-tests-", dir=MEMORY)
    Path(folder).chmod(0o755)  # another account may be let in, as into the system's
    tempfile.tempdir = folder
    # In this process alone, after the folder of `multiprocessing` in it (-100).
    Finalize(None, shutil.rmtree, (folder, True), exitpriority=-200)


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
