"""The runs of a source or of a task: when the next one is due, and how it is recorded and stopped.

A run writes only while it holds its lock.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from threading import Event, Thread
from typing import Protocol, Self, runtime_checkable
from zlib import crc32

import numpy as np
import sqlalchemy as sa

from connectors.ports import Change, Connector, SourceError, SourceRefused, SupportsRefetch
from connectors.snapshot import SeenItems, remembering
from indexer.crawl.pipeline import CrawlDependencies, CrawlReport, Wait
from indexer.errors import DeletionsHeld, IndexerError, IndexRefused, LockLost
from indexer.ports import Cursors, Encoder, Flushable, IndexWriter
from indexer.state import Progress, RunRow, State
from indexer.values import IndexEntry, Vectors, Write, WriteReport
from quisait.application.locks import SourceLock
from quisait.application.progress import Advance, rough
from quisait.settings import Settings
from quisait.settings.sources import SourceSettings
from quisait.settings.types import NEVER, seconds_of

IMMEDIATELY = datetime.fromtimestamp(0, UTC)
"""A time in the past, at which sources that were never read are due."""
DEFAULT_PACE = "1 h"
DEFAULT_PUSH_PACE = "1 min"
"""Short, since reading pushed documents costs no other server anything."""
BACKUP = "@sauvegarde"
"""Name of the backups' runs, which no source can have."""
RUNS_CONSIDERED = 20
"""Number of last runs considered: after as many failures the wait is the longest."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between runs; `every_s` None: only by hand. `jitter` is a share of the wait."""

    every_s: float | None
    retry_s: float = 60.0
    retry_most_s: float = 3600.0
    jitter: float = 0.1


def pace_of(settings: Settings, written: str) -> Pace:
    """Return the pace of a setting `every`."""
    every_s = None if written == NEVER else seconds_of(written)
    run = settings.run
    return Pace(every_s, seconds_of(run.retry), seconds_of(run.retry_most), run.jitter)


def source_pace(settings: Settings, source: SourceSettings) -> Pace:
    """Return the pace of a source, by its kind if its settings give none."""
    ordinary = DEFAULT_PUSH_PACE if source.kind == "push" else DEFAULT_PACE
    return pace_of(settings, source.every or ordinary)


def next_run(source: str, runs: Sequence[RunRow], pace: Pace, now: datetime) -> datetime | None:
    """Return when a source is due; None for never.

    `runs` are its last runs, newest first, none in progress. After a run that ended well, or that
    waits for a person (`held`, `refused`), the next is due after the ordinary time. A run that
    failed or died is tried again after `retry_s`, doubled with each failure in a row up to
    `retry_most_s`; a stopped run, at once.
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


def _failed(run: RunRow) -> bool:
    """Return whether a run failed or, if still `running` although none is, died."""
    return run.outcome in ("failed", "running")


def _jittered(source: str, run_id: int, jitter: float) -> float:
    """Return a factor between 1 - jitter and 1 + jitter, the same for every worker."""
    return 1 + jitter * (crc32(f"{source}:{run_id}".encode()) / 2**31 - 1)


ENCODED_CHARACTERS = 6_000
"""Characters, with padding, that are encoded between two checks of whether to stop: about four
passages, which take a few seconds on a slow machine. Short texts stay together, since they cost
more one by one.
"""


@dataclass(frozen=True, slots=True)
class CrawlOptions:
    """Options of a crawl; `stop`, once set, ends it after the current batch."""

    full: bool = False
    accept_deletions: bool = False
    quiet: bool = False
    stop: Event = field(default_factory=Event)


class RunStopped(SourceError):
    """The worker was asked to stop: encoded documents are written, the rest is read again."""


def with_lock(
    dependencies: CrawlDependencies,
    held: SourceLock,
    stop: Event,
) -> CrawlDependencies:
    """Return dependencies that write only while the lock is held, and encode until stopped."""
    return replace(
        dependencies,
        encoder=StoppableEncoder(dependencies.encoder, stop),
        index=LockedIndex(dependencies.index, held),
        cursors=LockedCursors(dependencies.cursors, held),
    )


@dataclass(frozen=True, slots=True)
class LockedIndex:
    """The index of a crawl. `write` raises `LockLost` before it writes anything.

    With PostgreSQL, a process that is suspended for longer than `Locks.idle_s` between the check of
    the lock and the write writes once without the lock.
    """

    index: IndexWriter
    held: SourceLock

    def write(self, batch: Sequence[Write]) -> WriteReport:
        """Write to the wrapped index if the lock is still held."""
        self.held.check()
        return self.index.write(batch)

    def flush(self) -> None:
        """Flush the wrapped index if it has pending writes."""
        if isinstance(self.index, Flushable):
            self.index.flush()

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        """Return the entries of the wrapped index."""
        return self.index.kept(document_ids)

    def count(self, source: str) -> int:
        """Return the count of the wrapped index."""
        return self.index.count(source)

    def scan(self, source: str) -> Iterator[IndexEntry]:
        """Yield the entries of the wrapped index."""
        return self.index.scan(source)


@dataclass(frozen=True, slots=True)
class LockedCursors:
    """The cursors of a crawl. `save` raises `LockLost` before it saves."""

    cursors: Cursors
    held: SourceLock

    def load(self, source: str) -> str | None:
        """See `Cursors.load`."""
        return self.cursors.load(source)

    def save(self, source: str, cursor: str, still_ahead: Collection[str] = ()) -> None:
        """Save the cursor, like `Cursors.save`, if the lock is still held."""
        self.held.check()
        self.cursors.save(source, cursor, still_ahead)

    def note_ahead(self, source: str, document_ids: Collection[str]) -> None:
        """See `Cursors.note_ahead`."""
        self.cursors.note_ahead(source, document_ids)

    def ahead(self, source: str) -> frozenset[str]:
        """See `Cursors.ahead`."""
        return self.cursors.ahead(source)

    def seen(self, source: str, check: Callable[[], None] = lambda: None) -> SeenItems:
        """Return the rows of the wrapped cursors, which are stored only while the lock is held."""

        def held() -> None:
            self.held.check()
            check()

        return self.cursors.seen(source, held)


@dataclass(frozen=True, slots=True)
class StoppableEncoder:
    """An encoder that a worker can stop within a batch, between two slices."""

    encoder: Encoder
    stop: Event

    @property
    def name(self) -> str:
        """The wrapped encoder's name."""
        return self.encoder.name

    @property
    def dimension(self) -> int:
        """The wrapped encoder's dimension."""
        return self.encoder.dimension

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Encode in slices. Raises `RunStopped` between two of them once asked to stop."""
        # Similar lengths together: an encoder pads each batch to its longest text.
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for some in _slices(order, [len(text) for text in texts]):
            if self.stop.is_set():
                raise RunStopped("Arrêt demandé. La lecture reprendra.")
            vectors[some] = self.encoder.passages([texts[place] for place in some])
        return vectors

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Encode queries with the wrapped encoder."""
        return self.encoder.queries(texts)

    def beginning(self, text: str) -> str:
        """See `Encoder.beginning`."""
        return self.encoder.beginning(text)


def _slices(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield slices of `order`, shortest text first, of at most `ENCODED_CHARACTERS` or one text."""
    some: list[int] = []
    for place in order:
        if some and (len(some) + 1) * lengths[place] > ENCODED_CHARACTERS:
            yield some
            some = []
        some.append(place)
    if some:
        yield some


@runtime_checkable
class RereadableConnector(Connector, SupportsRefetch, Protocol):
    """A connector that can fetch single documents again."""


@dataclass(frozen=True, slots=True)
class Stoppable:
    """A connector that a worker can stop between two changes."""

    connector: Connector
    stop: Event

    @property
    def source(self) -> str:
        """The wrapped connector's source."""
        return self.connector.source

    def remembering(self, seen: SeenItems) -> Self:
        """Return the connector, compared with these rows if it lists what it has."""
        return replace(self, connector=remembering(self.connector, seen))

    def changes(self, since: str | None) -> Iterator[Change]:
        """Yield the connector's changes. Raises `RunStopped` once asked to stop."""
        return self._until_told(self.connector.changes(since))

    def _until_told(self, changes: Iterator[Change]) -> Iterator[Change]:
        for change in changes:
            if self.stop.is_set():
                raise RunStopped(f"{self.source} : arrêt demandé. La lecture reprendra.")
            yield change


@dataclass(frozen=True, slots=True)
class StoppableRereadable(Stoppable):
    """A stoppable connector that can fetch single documents again."""

    connector: RereadableConnector

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        """Yield the documents again. Raises `RunStopped` once asked to stop."""
        return self._until_told(self.connector.refetch(document_ids))


def stoppable(connector: Connector, stop: Event) -> Stoppable:
    """Return a stoppable connector with the same abilities."""
    if isinstance(connector, RereadableConnector):
        return StoppableRereadable(connector, stop)
    return Stoppable(connector, stop)


_WAITS = {
    Wait.SOURCE: "attend la source",
    Wait.EXTRACTION: "attend le texte d'un fichier",
    Wait.ENCODING: "attend l'encodage des passages",
    Wait.INDEX: "attend l'index",
}


def wait_text(waiting: str, waited_s: float) -> str:
    """Return in French what a run waits for and for how long; empty if it does not wait."""
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
"""Seconds over which a rate is measured; a batch is written every few seconds."""


class ProgressNotes(Protocol):
    """Stores a run's progress: in the state, or with the part that is read."""

    def note(self, run_id: int, progress: Progress, /) -> None:
        """Store how far the run is."""
        ...


@dataclass(slots=True)
class Run:
    """A run in progress. Its user sets `changed`."""

    notes: ProgressNotes
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
        self.notes.note(self.id, self._last)

    def waits(self, what: Wait, waited_s: float) -> None:
        """Store what the run waits for, and for how long."""
        self.notes.note(self.id, replace(self._last, waiting=what, waited_s=round(waited_s)))

    def conclude(self, report: CrawlReport) -> None:
        """Store the result of a finished run."""
        self.changed = report.changed
        self.notes.note(self.id, Progress(report.seen, self.expected, 0.0, report.passages, 0.0))


@contextmanager
def recorded_run(state: State, source: str) -> Iterator[Run]:
    """Record a run from beginning to end; an error in the block is stored as its outcome."""
    run = Run(state, *state.start_run(source))
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
