"""The runs of a source or of a task: when the next run is due, how runs are recorded and stopped.

A run only writes while it holds its lock.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import takewhile
from threading import Event, Thread
from zlib import crc32

import sqlalchemy as sa

from connectors.installed import load_kind
from connectors.ports import SourceError, SourceRefused
from indexer.crawl.pipeline import CrawlDependencies, CrawlReport, Wait
from indexer.errors import DeletionsHeld, IndexerError, IndexRefused, LockLost
from indexer.state import Progress, RunRow, State
from quisait.application.locks import Locks, SourceLock
from quisait.application.progress import Advance, rough
from quisait.settings import Settings
from quisait.settings.sources import SourceSettings
from quisait.settings.types import NEVER, seconds_of

IMMEDIATELY = datetime.fromtimestamp(0, UTC)
"""A time in the past, at which sources that were never read are due."""
DEFAULT_PACE = "1 h"
BACKUP = "@sauvegarde"
"""Name of the backups' runs, which no source can have."""
RUNS_CONSIDERED = 20
"""Number of last runs that are considered; after as many failures, the wait is at its maximum."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between runs. If `every_s` is None, runs are only started by hand.

    `jitter` is a share of the wait.
    """

    every_s: float | None
    retry_s: float = 60.0
    retry_most_s: float = 3600.0
    jitter: float = 0.1


def pace_of(settings: Settings, written: str) -> Pace:
    """Return the pace of a setting `every`."""
    every_s = None if written == NEVER else seconds_of(written)
    run = settings.run
    return Pace(every_s, seconds_of(run.retry), seconds_of(run.retry_most), run.jitter)


@cache
def usual_pace(kind: str) -> str:
    """Return how often a kind of source is read unless the settings say otherwise."""
    try:
        return load_kind(kind).every
    except SourceRefused:  # its crawl will say that it is not installed
        return DEFAULT_PACE


def source_pace(settings: Settings, source: SourceSettings) -> Pace:
    """Return the pace of a source, from its settings or by its kind."""
    return pace_of(settings, source.every or usual_pace(source.kind))


def next_run(source: str, runs: Sequence[RunRow], pace: Pace, now: datetime) -> datetime | None:
    """Return when a source is due; None for never.

    `runs` are its last runs, newest first, none in progress. After a run that ended well, or that
    waits for a person (`held`, `refused`), the next is due after the ordinary time. A run that
    failed or died is tried again after `retry_s`, doubled with each failure in a row up to
    `retry_most_s`. A stopped run is tried again at once.
    """
    if pace.every_s is None:
        return None
    if not runs or runs[0].outcome == "interrupted":
        return IMMEDIATELY
    last = runs[0]
    failures = sum(1 for _ in takewhile(_failed, runs))
    wait_s = pace.every_s
    if failures:
        # Bound the exponent: a float overflows at 2 ** 1024.
        wait_s = min(pace.retry_s * 2 ** min(failures - 1, 40), pace.retry_most_s)
    ended = last.ended or last.noted or last.started
    if ended > now + timedelta(seconds=1):  # the clock was set back since: do not wait
        return IMMEDIATELY
    return ended + timedelta(seconds=wait_s * _jittered(source, last.id, pace.jitter))


def next_due(
    state: State, name: str, pace: Pace, now: datetime, *, unread: bool = False
) -> datetime | None:
    """Return when a source or a task is due, None for never. A requested run is due at once.

    `unread`: the index does not have the documents that the cursor of the last complete run
    describes, so that the source is due again.
    """
    if state.run_is_requested(name):
        return IMMEDIATELY
    runs = list(state.runs_of(name, RUNS_CONSIDERED))
    if unread and pace.every_s and runs and runs[0].outcome == "done":
        return IMMEDIATELY
    return next_run(name, runs, pace, now)


def observed_run(state: State, locks: Locks, name: str) -> RunRow | None:
    """Return the last run of a source or task like `observed_runs`, or None if it never ran."""
    return next(iter(observed_runs(state, locks, name, 1)), None)


def observed_runs(state: State, locks: Locks, name: str, limit: int) -> list[RunRow]:
    """Return the last runs of a source or task, newest first, as they are shown to people.

    The run of a process that died has the outcome `interrupted`: nobody holds its lock any more.
    `next_run` reads the stored outcome instead, so that this run is not tried again at once.
    """
    before = next(state.runs_of(name, 1), None)
    held = locks.source_is_held(name)
    # Read again: the run may have ended, or another one begun, before the lock was checked.
    runs = list(state.runs_of(name, limit))
    goes_on = held or (bool(runs) and (before is None or runs[0].id != before.id))
    return [
        replace(run, outcome="interrupted")
        if run.outcome == "running" and not (goes_on and run is runs[0])
        else run
        for run in runs
    ]


def _failed(run: RunRow) -> bool:
    """Return whether a run failed or died. A dead run is still marked as `running`."""
    return run.outcome in ("failed", "running")


def _jittered(source: str, run_id: int, jitter: float) -> float:
    """Return a factor between 1 - jitter and 1 + jitter, the same for every worker."""
    return 1 + jitter * (crc32(f"{source}:{run_id}".encode()) / 2**31 - 1)


@dataclass(frozen=True, slots=True)
class CrawlOptions:
    """Options of a crawl; `stop`, once set, ends it after the current batch."""

    full: bool = False
    accept_deletions: bool = False
    quiet: bool = False
    stop: Event = field(default_factory=Event)


class RunStopped(SourceError):
    """The worker was asked to stop: encoded documents are written, others are read again."""


def with_lock(dependencies: CrawlDependencies, held: SourceLock, stop: Event) -> CrawlDependencies:
    """Return dependencies that write only while the lock is held, and end once `stop` is set.

    With PostgreSQL there is one exception: a process that is suspended for longer than
    `Locks.idle_s` between the check of the lock and the write, writes once without the lock.
    """

    def check_stop() -> None:
        if stop.is_set():
            raise RunStopped(f"{held.source} : arrêt demandé. La lecture reprendra.")

    return replace(dependencies, check_lock=held.check, check_stop=check_stop)


_WAITS = {
    Wait.SOURCE: "attend la source",
    Wait.EXTRACTION: "attend le texte d'un fichier",
    Wait.ENCODING: "attend l'encodage des passages",
    Wait.INDEX: "attend l'index",
}


def wait_text(waiting: str, waited_s: float) -> str:
    """Return in French what a run waits for, and for how long; empty if it does not wait."""
    return f"{_WAITS[Wait(waiting)]} depuis {rough(waited_s)}" if waiting else ""


@contextmanager
def told_waits(advance: Advance, run: "Run") -> Iterator[Callable[[Wait], None]]:
    """Show and store what a crawl waits for, every `WAIT_TOLD_EVERY_S` during the block.

    Yields the function that the crawl calls at each step.
    """
    over = Event()
    waiting: list[tuple[Wait, float]] = [(Wait.SOURCE, time.monotonic())]

    def waits(what: Wait) -> None:
        waiting[0] = what, time.monotonic()

    def tell() -> None:
        while not over.wait(WAIT_TOLD_EVERY_S):
            what, since = waiting[0]
            waited_s = time.monotonic() - since
            advance.waits(wait_text(what, waited_s))
            # Another process may lock the database for a moment.
            with suppress(sa.exc.SQLAlchemyError):
                run.waits(what, waited_s)

    teller = Thread(target=tell, name="waiting", daemon=True)
    teller.start()
    try:
        yield waits
    finally:
        over.set()
        teller.join()


PROGRESS_EVERY_S = 3.0
WAIT_TOLD_EVERY_S = 30.0
RATE_OVER_S = 60.0
"""Period over which a rate is measured, in seconds; a batch is written every few seconds."""


@dataclass(slots=True)
class Run:
    """A run in progress. The caller sets `changed`.

    `store` stores the progress of a run by its id.
    """

    store: Callable[[int, Progress], None]
    id: int
    resumed: bool
    changed: int = 0
    expected: int | None = None
    _noted_at: float = field(default_factory=time.monotonic)
    _last: Progress = field(default_factory=Progress)
    _counts: deque[tuple[float, int, int]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._counts.append((self._noted_at, 0, 0))

    def note(self, report: CrawlReport) -> None:
        """Store how far the run is, at most every `PROGRESS_EVERY_S`."""
        now = time.monotonic()
        if now - self._noted_at < PROGRESS_EVERY_S:
            return
        self._counts.append((now, report.seen, report.passages))
        while len(self._counts) > 2 and self._counts[1][0] < now - RATE_OVER_S:
            self._counts.popleft()
        since, seen, passages = self._counts[0]
        self._last = Progress(
            report.seen,
            self.expected,
            (report.seen - seen) / (now - since),
            report.passages,
            (report.passages - passages) / (now - since),
        )
        self._noted_at = now
        self.store(self.id, self._last)

    def waits(self, what: Wait, waited_s: float) -> None:
        """Store what the run waits for, and for how long."""
        self.store(self.id, replace(self._last, waiting=what, waited_s=round(waited_s)))

    def conclude(self, report: CrawlReport) -> None:
        """Store the result of a finished run."""
        self.changed = report.changed
        self.store(self.id, Progress(report.seen, self.expected, 0.0, report.passages, 0.0))


@contextmanager
def recorded_run(state: State, source: str) -> Iterator[Run]:
    """Record a run from beginning to end; an error in the block is stored as its outcome."""
    run = Run(state.note, *state.start_run(source))
    try:
        yield run
    except BaseException as error:
        state.end_run(run.id, outcome_of(error), run.changed, error_text(error))
        raise
    state.end_run(run.id, "done", run.changed)


def outcome_of(error: BaseException) -> str:
    """Return a failed run's outcome: `held` and `refused` wait for a person, `failed` may pass."""
    match error:
        case DeletionsHeld():
            return "held"
        case SourceRefused() | IndexRefused():
            return "refused"
        case KeyboardInterrupt() | SystemExit() | RunStopped() | LockLost():
            return "interrupted"
        case _:
            return "failed"


def error_text(error: BaseException) -> str:
    """Return the error's sentence, or the class of an unexpected error."""
    return str(error) if isinstance(error, SourceError | IndexerError) else type(error).__name__
