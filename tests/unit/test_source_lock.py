"""Two crawls of one source never run at once, and a dead one holds nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from connectors.ports import SourceRefused
from indexer.errors import LeaseLost
from indexer.leases import Leases
from indexer.values import Remove, WriteReport
from quisait.application.database import connect, migrate
from quisait.application.locks import has_ended, hold_source_lease, is_mine, new_owner
from quisait.work.runs import LeasedIndex

pytestmark = pytest.mark.sources

HOLD = """
import sys, time
from indexer.errors import LeaseLost
from indexer.leases import Leases
from quisait.application.database import connect
from quisait.application.locks import has_ended
from quisait.application.locks import hold_source_lease
leases = Leases(connect(sys.argv[1]), has_ended, float(sys.argv[2]))
with hold_source_lease(leases, "wiki") as held:
    print("held", flush=True)
    sys.stdin.readline()
    try:
        held.check()
    except LeaseLost as lost:
        print(lost, flush=True)
    else:
        print("still held", flush=True)
"""


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = migrate(connect(database_url))
    yield engine
    engine.dispose()


@contextmanager
def holding(url: str, lease_s: float) -> Iterator[subprocess.Popen[str]]:
    """A process that reads the source, until it is told to go on."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, url, str(lease_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def told(process: subprocess.Popen[str]) -> str:
    """What the process says of its lease when it goes on."""
    output, _ = process.communicate("\n", timeout=30)
    return output


def test_a_second_crawl_is_told_to_wait_until_the_first_is_gone(
    engine: sa.Engine, database_url: str
) -> None:
    """Even where the first was killed: at once on its machine. Another source is free."""
    leases = Leases(engine, has_ended)
    with holding(database_url, 60) as first:
        with pytest.raises(SourceRefused, match="en cours"), hold_source_lease(leases, "wiki"):
            pass
        with hold_source_lease(leases, "notes"):
            pass
        first.kill()
        first.wait()
        with hold_source_lease(leases, "wiki"):
            pass


def test_a_lease_lasts_as_long_as_its_crawl(engine: sa.Engine, database_url: str) -> None:
    """It is renewed meanwhile, and given back at the end."""
    leases = Leases(engine, lease_s=0.8)
    with holding(database_url, 0.8) as first:
        deadline = time.monotonic() + 2.5
        while time.monotonic() < deadline:
            assert not leases.take("wiki", "another")
            time.sleep(0.1)
        assert told(first) == "still held\n"
    assert leases.take("wiki", "another")


def test_a_crawl_that_was_paused_too_long_stops_before_it_writes(
    engine: sa.Engine, database_url: str
) -> None:
    """Another one took its place meanwhile: it says so, and leaves the other its lease."""
    leases = Leases(engine, lease_s=0.8)
    with holding(database_url, 0.8) as first:
        os.kill(first.pid, signal.SIGSTOP)
        time.sleep(1.2)
        with hold_source_lease(leases, "wiki") as mine:
            os.kill(first.pid, signal.SIGCONT)
            assert "trop longtemps" in told(first)
            mine.check()


class CountedIndex:
    """Counts the batches that reach it."""

    def __init__(self) -> None:
        self.batches = 0

    def write(self, batch: object) -> WriteReport:
        self.batches += 1
        return WriteReport(1)


def test_nothing_is_written_without_the_lease(engine: sa.Engine) -> None:
    """The batch that comes after the loss does not reach the index."""
    leases, counted = Leases(engine), CountedIndex()
    with hold_source_lease(leases, "wiki") as held:
        index = LeasedIndex(counted, held)  # type: ignore[arg-type]
        index.write([Remove("wiki:1")])
        leases.release("wiki", held.owner)
        assert leases.take("wiki", "another")
        with pytest.raises(LeaseLost, match="wiki"):
            index.write([Remove("wiki:2")])
    assert counted.batches == 1
    assert leases.holder("wiki") == "another"


def test_a_wait_ends_with_the_other_crawl(engine: sa.Engine) -> None:
    """Whoever asks for some patience has its turn where the other is done in time."""
    leases = Leases(engine, lease_s=0.5)
    assert leases.take("wiki", "another")
    with hold_source_lease(leases, "wiki", wait_s=10):
        pass


def test_owners_know_the_living_from_the_dead() -> None:
    """This process lives; one that was waited for does not; of another machine nothing is known."""
    mine = new_owner()
    assert is_mine(mine)
    assert not has_ended(mine)
    machine, pid, born, unique = mine.rsplit("/", 3)
    assert has_ended(f"{machine}/{pid}/1/{unique}")
    assert not is_mine(f"{machine}/{int(pid) + 1}/{born}/{unique}")
    assert not has_ended(f"elsewhere/{pid}/1/{unique}")
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    assert has_ended(f"{machine}/{ended.pid}/{born}/{unique}")
