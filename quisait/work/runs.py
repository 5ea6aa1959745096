"""A run, of a source or of another task, whose beginning, progress and end are kept."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from connectors.errors import SourceError, SourceRefused
from indexer.errors import DeletionsHeld, IndexerError, IndexRefused, LeaseLost
from indexer.pipeline import CrawlReport
from indexer.state import Progress, State
from quisait.work.leased_parts import Stopped

NOTED_EVERY_S = 3.0


@dataclass(slots=True)
class Run:
    """A run that goes on. `changed` is set by who runs it."""

    state: State
    id: int
    resumed: bool
    changed: int = 0
    expected: int | None = None
    _noted_at: float = field(default_factory=time.monotonic)
    _last: Progress = field(default_factory=Progress)

    def note(self, report: CrawlReport) -> None:
        """Keep how far it is, every few seconds."""
        now = time.monotonic()
        elapsed = now - self._noted_at
        if elapsed < NOTED_EVERY_S:
            return
        self._last = Progress(
            report.seen,
            self.expected,
            (report.seen - self._last.done) / elapsed,
            report.passages,
            (report.passages - self._last.passages) / elapsed,
        )
        self._noted_at = now
        self.state.note(self.id, self._last)

    def conclude(self, report: CrawlReport) -> None:
        """Keep what a finished one did."""
        self.changed = report.changed
        self.state.note(self.id, Progress(report.seen, self.expected, 0.0, report.passages, 0.0))


@contextmanager
def kept_run(state: State, source: str) -> Iterator[Run]:
    """A run from its beginning to its end; what the block raises is kept as its outcome."""
    run = Run(state, *state.start_run(source))
    try:
        yield run
    except BaseException as error:
        state.end_run(run.id, outcome_of(error), run.changed, _told(error))
        raise
    state.end_run(run.id, "done", run.changed)


def outcome_of(error: BaseException) -> str:
    """What a run ended as: `held` and `refused` wait for a person, `failed` may pass by itself."""
    match error:
        case DeletionsHeld():
            return "held"
        case SourceRefused() | IndexRefused():
            return "refused"
        case KeyboardInterrupt() | SystemExit() | Stopped() | LeaseLost():
            return "interrupted"
        case _:
            return "failed"


def _told(error: BaseException) -> str:
    """The sentence of an error that has one; of what nobody foresaw, its kind."""
    return str(error) if isinstance(error, SourceError | IndexerError) else type(error).__name__
