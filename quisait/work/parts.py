"""Read a source in parts: several workers, on one machine or several, share its one run.

Read `read_parts` first. A part is read by who holds its lock, which PostgreSQL releases when its
holder dies or is cut off (`application.locks`); whoever looks next takes it over from its cursor.
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
    stoppable,
    told_waits,
    with_lock,
)

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
"""How often who waits for the end of a run looks for a part that its reader left."""
_WORST_FIRST = ("failed", "refused", "held", "done")


@dataclass(frozen=True, slots=True)
class DividedSource:
    """A source that is read in `of` parts, and where its run is kept. `opened` connects anew.

    `index`: the index that it is read into, which keeps what the cursors describe.
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
    """How a run stands once this worker left it; `outcome` is `running` where others go on.

    `report` is the sum over all parts, `read` counts those that this worker read.
    """

    run_id: int
    read: int
    report: CrawlReport
    outcome: str
    reason: str


@dataclass(slots=True)
class _Joined:
    """The run that this worker takes part in; `resumed` where it began it after a broken one."""

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
    """Join the source's run, or begin one where `may_begin`; read parts until none is left to take.

    The run ends when each part was read, or could not be. `wait`: until then, even where others
    read the last parts. None where there was nothing to join. A part's errors are kept with it;
    raises `RunStopped` and `LockLost`, and `SourceBusy` where something else holds the source,
    or where a run is going on without what is `asked`.
    """
    joined: _Joined | None = None
    with ExitStack() as holding:
        while not asked.stop.is_set():
            with ExitStack() as taken:
                joined, turn = _take(source, asked, joined, may_begin, taken)
                # The next part is held before the last is let go: a run that somebody reads
                # is never seen without a reader.
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
                return _standing(source, joined)
        if joined is not None:
            leave(source)
    raise RunStopped(f"{source.name} : arrêt demandé. La lecture reprendra.")


def has_part_left(source: DividedSource) -> bool:
    """Whether others read the source, and a part of it waits for a reader."""
    rows = source.runs.rows(source.name)
    if all(row.outcome for row in rows) or not source.runs.is_open(rows[0].run_id):
        return False
    read = [_is_read(source, row) for row in rows]
    waits = any(not row.outcome and not held for row, held in zip(rows, read, strict=True))
    return any(read) and waits


def _take(
    source: DividedSource,
    asked: CrawlOptions,
    joined: _Joined | None,
    may_begin: Callable[[], bool],
    taken: ExitStack,
) -> tuple[_Joined | None, tuple[PartTurn, SourceLock] | None]:
    """The run that is joined, and the part that is held in `taken` from now on, if any is left."""
    with hold_turn_lock(source.locks, source.name):
        begun = False
        if joined is None:
            joined, begun = _join(source, asked, may_begin)
        if joined is None:
            return None, None
        for row in _left(source, joined.run_id):
            with suppress(BlockingIOError), ExitStack() as one:
                held = one.enter_context(hold_part_lock(source.locks, source.name, row.part))
                if turn := source.runs.take(source.name, row):
                    taken.push(one.pop_all())
                    return joined, (turn, held)
        if begun:  # something took the whole source meanwhile
            source.runs.end_run(source.name, joined.run_id, "interrupted", "")
            raise _busy(source.name)
        _end_if_read(source, joined.run_id)
    return joined, None


def _join(
    source: DividedSource, asked: CrawlOptions, may_begin: Callable[[], bool]
) -> tuple[_Joined | None, bool]:
    """(the run that is going on or was begun here, whether it was begun here).

    A run that nobody reads is over, as that of a process that died.
    """
    rows = source.runs.rows(source.name)
    if any(_is_read(source, row) for row in rows):
        going_on = rows[0].part.of == source.of and source.runs.is_open(rows[0].run_id)
        if source.index and not source.index.is_described(source.name):
            raise _busy(source.name)
        less = asked.full > rows[0].whole or asked.accept_deletions > rows[0].accept_deletions
        if less or not going_on:
            raise _busy(source.name)
        return _Joined(rows[0].run_id), False
    if not may_begin():
        return None, False
    if source.locks.source_is_held(source.name):
        raise _busy(source.name)
    if source.index:
        source.index.begin(source.name)
    run_id, resumed = source.state.start_run(source.name)
    options = {"whole": asked.full, "accept_deletions": asked.accept_deletions}
    source.runs.begin(source.name, source.of, run_id, **options)
    return _Joined(run_id, resumed, uncounted=True), True


def _is_read(source: DividedSource, row: PartRow) -> bool:
    return source.locks.source_is_held(part_name(source.name, row.part))


def _left(source: DividedSource, run_id: int) -> Sequence[PartRow]:
    """The parts that are still to be read in the run; none once it is over."""
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
    """(the outcome of a run, why): the worst of its parts', with the sentence of the first."""
    for outcome in _WORST_FIRST:
        reasons = [row.reason for row in rows if row.outcome == outcome]
        if reasons:
            more = f" (parties concernées : {len(reasons)} sur {len(rows)})"
            return outcome, reasons[0] + (more if reasons[0] else "")
    return "running", ""


def _standing(source: DividedSource, joined: _Joined) -> PartsRead:
    rows = [row for row in source.runs.rows(source.name) if row.run_id == joined.run_id]
    report = summed((row.report for row in rows), source.name)
    outcome, reason = _conclusion(rows)
    if source.runs.is_open(joined.run_id):
        outcome, reason = "running", ""
    return PartsRead(joined.run_id, joined.read, report, outcome, reason)


def leave(source: DividedSource, *, here: bool = False) -> None:
    """Say that the run was interrupted, unless somebody else still reads a part of it.

    Called by who holds a part, or none, and reads it no more. `here`: only where this process
    holds one.
    """
    with hold_turn_lock(source.locks, source.name):
        rows = source.runs.rows(source.name)
        mine = [source.locks.source_is_held_here(part_name(source.name, row.part)) for row in rows]
        read = [_is_read(source, row) for row in rows]
        elsewhere = any(held and not own for held, own in zip(read, mine, strict=True))
        over = all(row.outcome for row in rows)
        if not over and not elsewhere and (any(mine) or not here):
            source.runs.end_run(source.name, rows[0].run_id, "interrupted", "")


@dataclass(slots=True)
class _PartNotes:
    """Keeps a run's progress with the part that is read."""

    turn: PartTurn
    report: CrawlReport

    def note(self, _run_id: int, progress: Progress) -> None:
        """Keep it."""
        self.turn.note(self.report, progress)


def _read(
    source: DividedSource,
    dependencies: CrawlDependencies,
    asked: CrawlOptions,
    joined: _Joined,
    turn: PartTurn,
    held: SourceLock,
) -> None:
    """Read one part, and keep how that ended. Raises `RunStopped` and `LockLost`."""
    notes = _PartNotes(turn, CrawlReport(source.name))
    run = Run(notes, turn.run_id, joined.resumed or turn.row.tries > 0)
    with _kept_outcome(source, turn, notes):
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
                notes.report = so_far
                advance(so_far.seen, None)
                run.note(so_far)
                if asked.stop.is_set():
                    raise RunStopped(f"{source.name} : arrêt demandé. La lecture reprendra.")

            notes.report = crawl(
                stoppable(connector, asked.stop),
                with_lock(replace(dependencies, cursors=state, failures=state), held, asked.stop),
                accept_deletions=turn.row.accept_deletions,
                guard_share=source.guard_share,
                progress=progress,
                waits=waits,
                part=turn.part,
            )
        notes.report.resumed = run.resumed
        run.conclude(notes.report)


@contextmanager
def _kept_outcome(source: DividedSource, turn: PartTurn, notes: _PartNotes) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        outcome = outcome_of(error)
        fields = {"source": source.name, "part": str(turn.part), "outcome": outcome}
        log.warning("part ended early", extra={**fields, "error": type(error).__name__})
        if outcome == "interrupted":
            turn.release(notes.report)
            if not isinstance(error, LockLost):  # else another may read it by now
                with suppress(sa.exc.SQLAlchemyError):
                    leave(source)
            raise
        turn.end(outcome, notes.report, error_text(error))
        if not isinstance(error, Exception):
            raise
    else:
        turn.end("done", notes.report)


def _count(source: DividedSource, turn: PartTurn) -> None:
    """Keep how many documents the run may read, where the source can tell."""
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
