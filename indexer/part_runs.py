"""State of each part of a source in the current run, and the number of its current reader.

A part is read by the holder of its lock. Each new holder gets the next `turn`: a reader that lost
its lock without noticing can no longer save a cursor, whoever holds the lock by then.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from connectors.parts import Part, parts
from indexer import sql
from indexer.crawl.pipeline import CrawlReport
from indexer.errors import LockLost
from indexer.state import OF_CURSORS, Progress, State, failures, metadata, rows_of, runs, storable

source_parts = sa.Table(
    "source_parts",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("of", sa.Integer, nullable=False),
    sa.Column("run_id", sa.Integer, nullable=False),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("outcome", sa.String(40), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("report", sa.Text, nullable=False),
    sa.Column("rate", sa.Double, nullable=False),
    sa.Column("passage_rate", sa.Double, nullable=False),
    sa.Column("whole", sa.Boolean, nullable=False),
    sa.Column("accept_deletions", sa.Boolean, nullable=False),
)
"""`outcome` is empty until the part was read in the run; `report` is a `CrawlReport` in JSON."""

MOST_TRIES = 3
"""Number of times that the reader of a part may die in one run; then the part waits for the next
run.
"""


@dataclass(frozen=True, slots=True)
class PartRow:
    """State of a part in the run `run_id`.

    `outcome` is as in `RunRow`, or empty until it is read.
    """

    part: Part
    run_id: int
    turn: int
    tries: int
    outcome: str
    reason: str
    report: CrawlReport
    whole: bool
    accept_deletions: bool


class PartRuns:
    """The rows of `source_parts`, in the database of `state`."""

    def __init__(self, engine: sa.Engine, state: State) -> None:
        self._engine, self._state = engine, state

    def rows(self, source: str) -> tuple[PartRow, ...]:
        """Return the source's parts in order; empty if the source is not divided."""
        query = sa.select(source_parts).where(source_parts.c.source == source)
        found = sql.mappings(self._engine, query.order_by(source_parts.c.number))
        return tuple(
            sql.value(
                PartRow, row, part=Part(row["number"], row["of"]), report=_read(row["report"])
            )
            for row in found
        )

    def is_open(self, run_id: int) -> bool:
        """Return whether the run has not ended."""
        query = sa.select(runs.c.id).where(runs.c.id == run_id, runs.c.ended.is_(None))
        return sql.first(self._engine, query) is not None

    def expect(self, run_id: int, documents: int | None) -> None:
        """Store the largest number of documents the run may read; None if unknown."""
        with self._engine.begin() as connection:
            mine = sa.update(runs).where(runs.c.id == run_id)
            connection.execute(mine.values(expected=documents))

    def begin(
        self, source: str, of: int, run_id: int, *, whole: bool, accept_deletions: bool
    ) -> None:
        """Queue all parts for this run; readers of a former run lose their parts.

        If the division differs, cursors and failures are deleted: the source is read in full once,
        in parts. With `whole`, the source is also read in full if the division is the same.
        """
        mine = source_parts.c.source == source
        former = self.rows(source)
        turn = max((row.turn for row in former), default=0) + 1
        options = {"whole": whole, "accept_deletions": accept_deletions}
        with self._engine.begin() as connection:
            if whole or {row.part for row in former} != set(parts(of)):
                for table in OF_CURSORS:
                    connection.execute(sa.delete(table).where(rows_of(table, source)))
            if {row.part for row in former} != set(parts(of)):
                connection.execute(sa.delete(failures).where(rows_of(failures, source)))
            for table in (*OF_CURSORS, failures):  # left by a reindex, which reads it undivided
                connection.execute(sa.delete(table).where(table.c.source == source))
            connection.execute(sa.delete(source_parts).where(mine))
            connection.execute(
                sa.insert(source_parts),
                [
                    {
                        "source": source,
                        "number": part.number,
                        "of": of,
                        "run_id": run_id,
                        "turn": turn,
                        "tries": 0,
                        "outcome": "",
                        "reason": "",
                        "report": _written(CrawlReport(source)),
                        "rate": 0.0,
                        "passage_rate": 0.0,
                        **options,
                    }
                    for part in parts(of)
                ],
            )

    def end_division(self, source: str) -> None:
        """End the division: the source is read undivided from now on, and in full once."""
        if self.rows(source):
            with self._engine.begin() as connection:
                for table in (*OF_CURSORS, failures):
                    connection.execute(sa.delete(table).where(rows_of(table, source)))
                connection.execute(sa.delete(source_parts).where(source_parts.c.source == source))

    def take(self, source: str, row: PartRow) -> "PartTurn | None":
        """Return the part for the holder of its lock.

        Returns None if the part was given up, or no longer has to be read.
        """
        if row.tries >= MOST_TRIES:
            gave_up = (
                f"{source} : la partie {row.part} a interrompu {row.tries} lectures de suite ; le "
                "reste est lu. Voyez le journal des lecteurs (mémoire ?), elle sera réessayée."
            )
            self._change(source, row.part, row.run_id, row.turn, outcome="failed", reason=gave_up)
            return None
        turn = PartTurn(self, source, row.part, row.run_id, row.turn + 1, row)
        values = {"turn": turn.turn, "tries": row.tries + 1}
        return turn if self._change(source, row.part, row.run_id, row.turn, **values) else None

    def _change(self, source: str, part: Part, run_id: int, turn: int, /, **values: object) -> bool:
        with self._engine.begin() as connection:
            mine = _of_turn(source, part, run_id, turn)
            return (
                connection.execute(sa.update(source_parts).where(mine).values(**values)).rowcount
                == 1
            )

    def end_run(self, source: str, run_id: int, outcome: str, reason: str) -> bool:
        """Close the run with the changes of its parts; return False if it was already closed."""
        reports = [row.report for row in self.rows(source) if row.run_id == run_id]
        values = {"ended": datetime.now(UTC), "outcome": outcome, "reason": storable(reason)}
        values |= {"changed": sum(report.changed for report in reports)}
        still_open = (runs.c.id == run_id) & runs.c.ended.is_(None)
        with self._engine.begin() as connection:
            ended = connection.execute(sa.update(runs).where(still_open).values(**values))
        return ended.rowcount == 1

    def forget(self, source: str) -> None:
        """Delete the parts of a source that is no longer read."""
        sql.execute(self._engine, sa.delete(source_parts).where(source_parts.c.source == source))


@dataclass(frozen=True, slots=True)
class PartTurn:
    """A part that the holder of its lock reads.

    Once another reader took it over, methods change nothing.
    """

    kept: PartRuns
    source: str
    part: Part
    run_id: int
    turn: int
    row: PartRow

    def fence(self, connection: sa.Connection) -> None:
        """Raise `LockLost` if the part was taken over; else nobody can take it until the commit."""
        mine = _of_turn(self.source, self.part, self.run_id, self.turn)
        # An update locks the row: it waits for a process that takes the part over, or blocks it.
        held = connection.execute(sa.update(source_parts).where(mine).values(turn=self.turn))
        if held.rowcount != 1:
            raise LockLost(
                f"{self.source} : la partie {self.part} a été reprise par un autre lecteur pendant "
                "cette lecture. Rien de plus n'a été écrit."
            )

    def state(self) -> State:
        """Return the state with the part's cursor and failures."""
        return self.kept._state.of_part(str(self.part), self.fence)

    def note(self, report: CrawlReport, progress: Progress) -> None:
        """Store the part's progress, and the sum over all parts as the run's progress."""
        self._change(
            report=_written(report), rate=progress.rate, passage_rate=progress.passage_rate
        )
        columns = source_parts.c
        query = sa.select(columns.report, columns.rate, columns.passage_rate).where(
            columns.source == self.source, columns.run_id == self.run_id
        )
        with self.kept._engine.begin() as connection:
            rows = connection.execute(query).all()
            reports = [_read(row.report) for row in rows]
            values = {
                "noted": datetime.now(UTC),
                "done": sum(one.seen for one in reports),
                "passages": sum(one.passages for one in reports),
                "rate": sum(row.rate for row in rows),
                "passage_rate": sum(row.passage_rate for row in rows),
            }
            connection.execute(sa.update(runs).where(runs.c.id == self.run_id).values(**values))

    def end(self, outcome: str, report: CrawlReport, reason: str = "") -> None:
        """Store the outcome of the part in this run, read or failed."""
        told = {"outcome": outcome, "reason": storable(reason), "report": _written(report)}
        self._change(**told, rate=0.0, passage_rate=0.0)

    def release(self, report: CrawlReport) -> None:
        """Return the part unread, because its reader was asked to stop."""
        self._change(tries=self.row.tries, report=_written(report), rate=0.0, passage_rate=0.0)

    def _change(self, **values: object) -> None:
        self.kept._change(self.source, self.part, self.run_id, self.turn, **values)


def summed(reports: Iterable[CrawlReport], source: str) -> CrawlReport:
    """Return the sum of the parts' reports."""
    total = CrawlReport(source)
    for report in reports:
        for name in CrawlReport.__slots__:
            if name not in ("source", "resumed"):
                setattr(total, name, getattr(total, name) + getattr(report, name))
        total.resumed = total.resumed or report.resumed
    return total


def _of_turn(source: str, part: Part, run_id: int, turn: int) -> sa.ColumnElement[bool]:
    columns = source_parts.c
    return (
        (columns.source == source)
        & (columns.number == part.number)
        & (columns.of == part.of)
        & (columns.run_id == run_id)
        & (columns.turn == turn)
    )


def _written(report: CrawlReport) -> str:
    return json.dumps(asdict(report))


def _read(report: str) -> CrawlReport:
    return CrawlReport(**json.loads(report))
