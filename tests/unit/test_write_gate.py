"""The gate of an index's writers, on files and on PostgreSQL."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import sqlalchemy as sa

from indexer.errors import IndexRefused
from quisait.application.locks import WriteGate

pytestmark = pytest.mark.sources

SOON_S, LATER_S = 20, 0.3


@pytest.fixture
def opened(connected: Callable[[], sa.Engine], tmp_path: Path) -> Callable[[], WriteGate]:
    """Opens the gate as another process would."""
    return lambda: WriteGate(connected(), tmp_path / "locks")


class Passing(threading.Thread):
    """Somebody who wants through, says so once inside, and stays until told to leave."""

    def __init__(self, way: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__(daemon=True)
        self.way, self.inside, self.leave = way, threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        with self.way():
            self.inside.set()
            self.leave.wait(SOON_S)


def test_writers_go_in_together(opened: Callable[[], WriteGate]) -> None:
    """Sources are crawled side by side."""
    one, other = Passing(opened().writing), Passing(opened().writing)
    assert one.inside.wait(SOON_S)
    assert other.inside.wait(SOON_S)
    for passing in (one, other):
        passing.leave.set()
        passing.join(SOON_S)


def test_who_wants_to_be_alone_is_next(opened: Callable[[], WriteGate]) -> None:
    """It waits for the batch under way, and no later writer goes first."""
    writer = Passing(opened().writing)
    assert writer.inside.wait(SOON_S)
    alone = Passing(opened().alone)
    assert not alone.inside.wait(LATER_S)
    late = Passing(opened().writing)
    assert not late.inside.wait(LATER_S)
    writer.leave.set()
    assert alone.inside.wait(SOON_S)
    assert not late.inside.wait(LATER_S)
    alone.leave.set()
    assert late.inside.wait(SOON_S)
    late.leave.set()
    late.join(SOON_S)


def test_a_second_reindex_is_refused(opened: Callable[[], WriteGate]) -> None:
    """By a sentence, at once; the next one may run when the first has ended."""
    with (
        opened().only_reindex(),
        pytest.raises(IndexRefused, match="en cours"),
        opened().only_reindex(),
    ):
        pass
    with opened().only_reindex():
        pass
