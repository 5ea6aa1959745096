"""Read a source in parts: several workers, on one or several machines, share one run.

Read `read_parts` first. The holder of a part's lock reads the part. PostgreSQL releases the lock if
the holder dies or is cut off (`application.locks`); the next worker that looks continues from the
part's cursor.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace

import sqlalchemy as sa

from connectors.parts import Divisible
from connectors.ports import SupportsCount
from indexer.crawl.pipeline import CrawlDependencies, CrawlReport, crawl
from indexer.errors import LockLost
from indexer.live_index import LiveIndex
from indexer.part_runs import PartRow, PartRuns, PartTurn, summed
from indexer.state import Progress, State
from quisait.application.locks import (
    Locks,
    SourceBusy,
    SourceLock,
    hold_part_lock,
    hold_turn_lock,
    part_name,
)
from quisait.application.progress import shown_progress
from quisait.work.runs import (
    CrawlOptions,
    Run,
    RunStopped,
    error_text,
    outcome_of,
    told_waits,
    with_lock,
)

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
"""Interval at which a worker that waits for the run's end looks for abandoned parts, in seconds."""
_WORST_FIRST = ("failed", "refused", "held", "done")


@dataclass(frozen=True, slots=True)
class DividedSource:
    """A source that is read in `of` parts, and the stores of its run.

    `opened` opens a new connector. `index` is the index into which the source is read; it stores
    which index the cursors describe.
    """

    name: str
    of: int
    opened: Callable[[], Divisible]
    state: State
    runs: PartRuns
    locks: Locks
    guard_share: float
    index: LiveIndex | None = None


@dataclass(frozen=True, slots=True)
class PartsRead:
    """The state of a run when this worker leaves it.

    `outcome` is `running` if other workers continue. `report` is the sum over all parts; `read`
    counts the parts that this worker read.
    """

    run_id: int
    read: int
    report: CrawlReport
    outcome: str
    reason: str


@dataclass(slots=True)
class _JoinedRun:
    """The run in which this worker takes part; `resumed` is true if it follows a broken run."""

    run_id: int
    resumed: bool = False
    uncounted: bool = False
    read: int = 0


def read_parts(
    source: DividedSource,
    dependencies: CrawlDependencies,
    asked: CrawlOptions,
    *,
    may_begin: Callable[[], bool] = lambda: True,
    wait: bool = False,
) -> PartsRead | None:
    """Join the source's run, or begin one if `may_begin`; read parts until none is left.

    The run ends when every part was read or failed. With `wait`, return only at the end of the run,
    even if other workers read the last parts. Returns None if there was no run to join. A part's
    errors are stored with it. Raises `RunStopped` and `LockLost`. Raises `SourceBusy` if another
    process holds the source, or if the current run does not have an option that is `asked`.
    """
    joined: _JoinedRun | None = None
    with ExitStack() as holding:
        while not asked.stop.is_set():
            with ExitStack() as taken:
                joined, turn = _take(source, asked, joined, may_begin, taken)
                # Hold the next part before releasing the last, so that a run with readers
                # never seems to have none.
                holding.close()
                if turn is not None:
                    holding.push(taken.pop_all())
            if joined is None:
                return None
            if turn is not None:
                _read(source, dependencies, asked, joined, *turn)
                joined.read += 1
            elif wait and source.runs.is_open(joined.run_id):
                asked.stop.wait(LOOK_EVERY_S)
            else:
                return _state_of(source, joined)
        if joined is not None:
            leave(source)
    raise RunStopped(f"{source.name} : arrêt demandé. La lecture reprendra.")


def has_part_left(source: DividedSource) -> bool:
    """Return whether others are reading the source, and one of its parts has no reader."""
    rows = source.runs.rows(source.name)
    if all(row.outcome for row in rows) or not source.runs.is_open(rows[0].run_id):
        return False
    read = [_is_read(source, row) for row in rows]
    waits = any(not row.outcome and not held for row, held in zip(rows, read, strict=True))
    return any(read) and waits


def _take(
    source: DividedSource,
    asked: CrawlOptions,
    joined: _JoinedRun | None,
    may_begin: Callable[[], bool],
    taken: ExitStack,
) -> tuple[_JoinedRun | None, tuple[PartTurn, SourceLock] | None]:
    """Return the joined run, and the part that is now held in `taken`, if a part was left."""
    with hold_turn_lock(source.locks, source.name):
        begun = False
        if joined is None:
            joined, begun = _join(source, asked, may_begin)
        if joined is None:
            return None, None
        for row in _unread_parts(source, joined.run_id):
            with suppress(BlockingIOError), ExitStack() as one:
                held = one.enter_context(hold_part_lock(source.locks, source.name, row.part))
                if turn := source.runs.take(source.name, row):
                    taken.push(one.pop_all())
                    return joined, (turn, held)
        if begun:  # another process took the whole source meanwhile
            source.runs.end_run(source.name, joined.run_id, "interrupted", "")
            raise _busy(source.name)
        _end_if_read(source, joined.run_id)
    return joined, None


def _join(
    source: DividedSource, asked: CrawlOptions, may_begin: Callable[[], bool]
) -> tuple[_JoinedRun | None, bool]:
    """Return (the run, whether this worker began it); the run is None if no run can be joined.

    A run without any reader counts as ended, because its process died.
    """
    rows = source.runs.rows(source.name)
    if any(_is_read(source, row) for row in rows):
        going_on = rows[0].part.of == source.of and source.runs.is_open(rows[0].run_id)
        if source.index and not source.index.is_described(source.name):
            raise _busy(source.name)
        less = asked.full > rows[0].whole or asked.accept_deletions > rows[0].accept_deletions
        if less or not going_on:
            raise _busy(source.name)
        return _JoinedRun(rows[0].run_id), False
    if not may_begin():
        return None, False
    if source.locks.source_is_held(source.name):
        raise _busy(source.name)
    if source.index:
        source.index.begin(source.name)
    run_id, resumed = source.state.start_run(source.name)
    options = {"whole": asked.full, "accept_deletions": asked.accept_deletions}
    source.runs.begin(source.name, source.of, run_id, **options)
    return _JoinedRun(run_id, resumed, uncounted=True), True


def _is_read(source: DividedSource, row: PartRow) -> bool:
    return source.locks.source_is_held(part_name(source.name, row.part))


def _unread_parts(source: DividedSource, run_id: int) -> Sequence[PartRow]:
    """Return the parts of the run that are not read yet; empty once the run has ended."""
    rows = source.runs.rows(source.name)
    if not rows or rows[0].run_id != run_id or not source.runs.is_open(run_id):
        return ()
    return [row for row in rows if not row.outcome]


def _end_if_read(source: DividedSource, run_id: int) -> None:
    rows = source.runs.rows(source.name)
    if rows and rows[0].run_id == run_id and all(row.outcome for row in rows):
        outcome, reason = _conclusion(rows)
        if outcome == "done" and source.index:
            source.index.finish(source.name)
        source.runs.end_run(source.name, run_id, outcome, reason)


def _conclusion(rows: Sequence[PartRow]) -> tuple[str, str]:
    """Return (outcome, reason) of a run: the worst outcome of its parts, and its first reason."""
    for outcome in _WORST_FIRST:
        reasons = [row.reason for row in rows if row.outcome == outcome]
        if reasons:
            more = f" (parties concernées : {len(reasons)} sur {len(rows)})"
            return outcome, reasons[0] + (more if reasons[0] else "")
    return "running", ""


def _state_of(source: DividedSource, joined: _JoinedRun) -> PartsRead:
    rows = [row for row in source.runs.rows(source.name) if row.run_id == joined.run_id]
    report = summed((row.report for row in rows), source.name)
    outcome, reason = _conclusion(rows)
    if source.runs.is_open(joined.run_id):
        outcome, reason = "running", ""
    return PartsRead(joined.run_id, joined.read, report, outcome, reason)


def leave(source: DividedSource, *, here: bool = False) -> None:
    """Mark the run as interrupted, unless another process still reads one of its parts.

    This is called by a process that stops reading parts. With `here`, nothing is done unless this
    process holds a part.
    """
    with hold_turn_lock(source.locks, source.name):
        rows = source.runs.rows(source.name)
        mine = [source.locks.source_is_held_here(part_name(source.name, row.part)) for row in rows]
        read = [_is_read(source, row) for row in rows]
        elsewhere = any(held and not own for held, own in zip(read, mine, strict=True))
        over = all(row.outcome for row in rows)
        if not over and not elsewhere and (any(mine) or not here):
            source.runs.end_run(source.name, rows[0].run_id, "interrupted", "")


def _read(
    source: DividedSource,
    dependencies: CrawlDependencies,
    asked: CrawlOptions,
    joined: _JoinedRun,
    turn: PartTurn,
    held: SourceLock,
) -> None:
    """Read one part and store its outcome. Raises `RunStopped` and `LockLost`."""
    report = CrawlReport(source.name)

    def store(_run_id: int, progress: Progress) -> None:
        turn.note(report, progress)

    run = Run(store, turn.run_id, joined.resumed or turn.row.tries > 0)
    with _stored_outcome(source, turn, lambda: report):
        connector = source.opened().of_part(turn.part)
        if joined.uncounted:
            joined.uncounted = False
            _count(source, turn)
        state = turn.state()
        with (
            shown_progress(f"{source.name} {turn.part}", "documents", asked.quiet) as advance,
            told_waits(advance, run) as waits,
        ):

            def progress(so_far: CrawlReport) -> None:
                nonlocal report
                report = so_far
                advance(so_far.seen, None)
                run.note(so_far)

            report = crawl(
                connector,
                with_lock(replace(dependencies, cursors=state, failures=state), held, asked.stop),
                accept_deletions=turn.row.accept_deletions,
                guard_share=source.guard_share,
                progress=progress,
                waits=waits,
                part=turn.part,
            )
        report.resumed = run.resumed
        run.conclude(report)


@contextmanager
def _stored_outcome(
    source: DividedSource, turn: PartTurn, report: Callable[[], CrawlReport]
) -> Iterator[None]:
    """Store the outcome of a part's reading, with the report up to that moment."""
    try:
        yield
    except BaseException as error:
        outcome = outcome_of(error)
        fields = {"source": source.name, "part": str(turn.part), "outcome": outcome}
        log.warning("part ended early", extra={**fields, "error": type(error).__name__})
        if outcome == "interrupted":
            turn.release(report())
            if not isinstance(error, LockLost):  # after `LockLost` another may read it by now
                with suppress(sa.exc.SQLAlchemyError):
                    leave(source)
            raise
        turn.end(outcome, report(), error_text(error))
        if not isinstance(error, Exception):
            raise
    else:
        turn.end("done", report())


def _count(source: DividedSource, turn: PartTurn) -> None:
    """Store how many documents the run is expected to read, if the source can tell."""
    connector = source.opened()
    if isinstance(connector, SupportsCount):
        since = turn.state().load(source.name)
        source.runs.expect(turn.run_id, connector.count_pending(since))


def _busy(source: str) -> SourceBusy:
    return SourceBusy(
        f"{source} : une autre lecture de cette source est en cours, sans les mêmes options, sans "
        "les mêmes parties ou dans un autre index. Attendez sa fin (« quisait sources » la "
        "montre), puis relancez."
    )
