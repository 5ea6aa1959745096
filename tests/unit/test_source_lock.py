"""Two crawls of one source never run at once, and a dead crawl holds no lock."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.ports import SourceRefused
from indexer.crawl.pipeline import CrawlDependencies
from indexer.errors import LockLost
from indexer.values import Remove, WriteReport
from quisait.application.database import connect
from quisait.application.locks import Locks, SourceBusy, hold_source_lock
from quisait.work.runs import with_lock

pytestmark = pytest.mark.sources

IDLE_S = 1.0
HELD = "held"
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


def hold(url: str, folder: Path, line: Connection) -> None:
    """In a process of its own: hold the source until told to go on, then tell of the lock."""
    with hold_source_lock(Locks(connect(url), folder / "locks", IDLE_S), "wiki") as held:
        line.send(HELD)
        line.recv()
        try:
            held.check()
        except LockLost as lost:
            line.send(str(lost))
        else:
            line.send(HELD)


@dataclass
class Holder:
    """A process that reads the source, and what it says."""

    process: ForkServerProcess
    line: Connection

    def goes_on(self) -> str:
        """Tell it to go on; returns what it says of its lock."""
        self.line.send(None)
        return self.says()

    def says(self) -> str:
        assert self.line.poll(30)
        return str(self.line.recv())

    def end(self) -> None:
        self.process.kill()
        self.process.join()


@pytest.fixture
def opened(connected: Callable[[], sa.Engine], tmp_path: Path) -> Callable[[], Locks]:
    """Opens the locks as another process would."""
    return lambda: Locks(connected(), tmp_path / "locks", IDLE_S)


@contextmanager
def holding(url: str, folder: Path) -> Iterator[Holder]:
    line, other_end = FORKS.Pipe()
    process = FORKS.Process(target=hold, args=(url, folder, other_end))
    process.start()
    holder = Holder(process, line)
    try:
        assert holder.says() == HELD
        yield holder
    finally:
        holder.end()


def test_a_second_crawl_is_told_to_wait_until_the_first_is_gone(
    opened: Callable[[], Locks], database_url: str, tmp_path: Path
) -> None:
    """Even where the first was killed: at once, without asking a clock. Another source is free."""
    locks = opened()
    assert not locks.source_is_held("wiki")
    with holding(database_url, tmp_path) as first:
        assert locks.source_is_held("wiki")
        assert not locks.source_is_held_here("wiki")
        with pytest.raises(SourceRefused, match="en cours"), hold_source_lock(locks, "wiki"):
            pass
        with hold_source_lock(locks, "notes"):
            assert locks.source_is_held_here("notes")
        first.end()
        with hold_source_lock(locks, "wiki", wait_s=5):
            pass
    assert not locks.source_is_held("wiki")


def test_of_many_that_ask_at_once_one_is_served(opened: Callable[[], Locks]) -> None:
    """Of one process too; once it is released, another one."""
    for _ in range(2):
        served: list[str] = []
        ready, leave = threading.Barrier(8), threading.Event()

        def ask(
            served: list[str] = served,
            ready: threading.Barrier = ready,
            leave: threading.Event = leave,
        ) -> None:
            locks = opened()
            ready.wait()
            try:
                with hold_source_lock(locks, "wiki"):
                    served.append("held")
                    leave.wait(20)
            except SourceBusy:
                served.append("busy")

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 20
        while len(served) < 8 and time.monotonic() < deadline:
            time.sleep(0.05)
        leave.set()
        for thread in threads:
            thread.join()
        assert sorted(served) == ["busy"] * 7 + ["held"]


def test_a_lock_lasts_as_long_as_its_crawl(
    opened: Callable[[], Locks], database_url: str, tmp_path: Path
) -> None:
    """However long nothing is written; it is released at the end."""
    locks = opened()
    with holding(database_url, tmp_path) as first:
        # A lock on a file knows no time.
        lasting_s = 0.3 if database_url.startswith("sqlite") else 2.5 * IDLE_S
        deadline = time.monotonic() + lasting_s
        while time.monotonic() < deadline:
            with pytest.raises(SourceBusy), hold_source_lock(locks, "wiki"):
                pass
            time.sleep(0.1)
        assert first.goes_on() == HELD
    with hold_source_lock(locks, "wiki", wait_s=5):
        pass


def test_a_crawl_that_was_paused_never_writes_beside_another(
    opened: Callable[[], Locks], database_url: str, tmp_path: Path
) -> None:
    """On PostgreSQL another takes its place, and it says so; on one machine it keeps its lock."""
    locks = opened()
    with holding(database_url, tmp_path) as first:
        pid = first.process.pid
        assert pid
        os.kill(pid, signal.SIGSTOP)
        if database_url.startswith("sqlite"):
            with pytest.raises(SourceBusy), hold_source_lock(locks, "wiki"):
                pass
            os.kill(pid, signal.SIGCONT)
            assert first.goes_on() == HELD
            return
        time.sleep(2 * IDLE_S)
        with hold_source_lock(locks, "wiki") as mine:
            os.kill(pid, signal.SIGCONT)
            assert first.goes_on()
            mine.check()


class CountedIndex:
    """Counts the batches that reach it."""

    def __init__(self) -> None:
        self.batches = 0

    def write(self, batch: object) -> WriteReport:
        self.batches += 1
        return WriteReport(1)


def test_nothing_is_written_without_the_lock(
    opened: Callable[[], Locks], database_url: str, tmp_path: Path
) -> None:
    """The batch that comes after the loss does not reach the index."""
    locks, counted = opened(), CountedIndex()
    with hold_source_lock(locks, "wiki") as held:
        crawling = CrawlDependencies(None, None, counted, None, None)  # type: ignore[arg-type]
        index = with_lock(crawling, held, threading.Event())
        index.write([Remove("wiki:1")])
        if database_url.startswith("sqlite"):
            (tmp_path / "locks" / "source-wiki.lock").unlink()
        else:
            end_lock_sessions(database_url)
        with hold_source_lock(opened(), "wiki", wait_s=5):
            with pytest.raises(LockLost, match="wiki"):
                index.write([Remove("wiki:2")])
            assert locks.source_is_held("wiki")
    assert counted.batches == 1


def end_lock_sessions(database_url: str) -> None:
    """As a restart of the server does."""
    engine = connect(database_url)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' "
            "and database = (select oid from pg_database where datname = current_database())"
        )
    engine.dispose()


def test_a_wait_ends_with_the_other_crawl(opened: Callable[[], Locks]) -> None:
    """Whoever waits a while has its turn where the other is done in time."""
    leave = threading.Event()

    def hold() -> None:
        with hold_source_lock(opened(), "wiki"):
            inside.set()
            leave.wait(20)

    inside = threading.Event()
    other = threading.Thread(target=hold)
    other.start()
    assert inside.wait(20)
    threading.Timer(0.1, leave.set).start()
    with hold_source_lock(opened(), "wiki", wait_s=10):
        pass
    other.join()
