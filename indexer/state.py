"""Where each source stands, what failed and how the last runs went: SQLite or PostgreSQL."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

metadata = sa.MetaData()

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    sa.Column("cursor", sa.Text, nullable=False),
)
failures = sa.Table(
    "failures",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    sa.Column("key", sa.String(2500), primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", sa.DateTime(timezone=True), nullable=False),
)
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("source", sa.String(200), nullable=False, index=True),
    sa.Column("started", sa.DateTime(timezone=True), nullable=False),
    sa.Column("ended", sa.DateTime(timezone=True)),
    sa.Column("outcome", sa.String(40), nullable=False, default=""),
    sa.Column("changed", sa.Integer, nullable=False, default=0),
)


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One thing that is missing from the index, and since when."""

    key: str
    kind: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of a source. `ended` None: still running, or interrupted."""

    id: int
    started: datetime
    ended: datetime | None
    outcome: str
    changed: int


class State:
    """Cursors, failures and runs in one database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        metadata.create_all(engine, tables=[cursors, failures, runs])

    def load(self, source: str) -> str | None:
        """The source's cursor, or None where it was never crawled to a checkpoint."""
        query = sa.select(cursors.c.cursor).where(cursors.c.source == source)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none()

    def save(self, source: str, cursor: str) -> None:
        """Replace the source's cursor."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(cursors).where(cursors.c.source == source))
            connection.execute(sa.insert(cursors).values(source=source, cursor=cursor))

    def record(self, source: str, key: str, kind: str, reason: str) -> None:
        """Remember one failure; a known one keeps the moment it was first seen."""
        where = (failures.c.source == source) & (failures.c.key == key)
        with self._engine.begin() as connection:
            changed = connection.execute(
                sa.update(failures).where(where).values(kind=kind, reason=reason)
            )
            if changed.rowcount == 0:
                row = {"source": source, "key": key, "kind": kind, "reason": reason}
                connection.execute(sa.insert(failures).values(**row, since=datetime.now(UTC)))

    def resolve(self, source: str, key: str) -> None:
        """Forget a failure that no longer holds."""
        where = (failures.c.source == source) & (failures.c.key == key)
        with self._engine.begin() as connection:
            connection.execute(sa.delete(failures).where(where))

    def clear(self, source: str) -> None:
        """Forget every failure of a source: it is about to be read whole."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(failures).where(failures.c.source == source))

    def keys(self, source: str) -> frozenset[str]:
        """The keys of all open failures of a source."""
        query = sa.select(failures.c.key).where(failures.c.source == source)
        with self._engine.connect() as connection:
            return frozenset(connection.execute(query).scalars())

    def failures_of(self, source: str) -> tuple[FailureRow, ...]:
        """All open failures of a source, oldest first."""
        columns = (failures.c.key, failures.c.kind, failures.c.reason, failures.c.since)
        query = sa.select(*columns).where(failures.c.source == source)
        query = query.order_by(failures.c.since, failures.c.key)
        with self._engine.connect() as connection:
            return tuple(FailureRow(*row) for row in connection.execute(query))

    def start_run(self, source: str) -> tuple[int, bool]:
        """Open a run; returns its id and whether the last one of the source was interrupted."""
        last = next(self.runs_of(source), None)
        with self._engine.begin() as connection:
            opened = connection.execute(
                sa.insert(runs).values(
                    source=source, started=datetime.now(UTC), outcome="running", changed=0
                )
            )
            key = opened.inserted_primary_key
        assert key is not None  # noqa: S101 - an inserted row has a key
        return int(key[0]), last is not None and last.outcome in ("running", "interrupted")

    def end_run(self, run_id: int, outcome: str, changed: int) -> None:
        """Close a run: how it ended (`done`, `held`, `failed`, `interrupted`), what it changed."""
        values = {"ended": datetime.now(UTC), "outcome": outcome, "changed": changed}
        with self._engine.begin() as connection:
            connection.execute(sa.update(runs).where(runs.c.id == run_id).values(**values))

    def runs_of(self, source: str, limit: int = 10) -> Iterator[RunRow]:
        """The last runs of a source, newest first."""
        columns = (runs.c.id, runs.c.started, runs.c.ended, runs.c.outcome, runs.c.changed)
        query = sa.select(*columns).where(runs.c.source == source)
        query = query.order_by(runs.c.id.desc()).limit(limit)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return iter([RunRow(*row) for row in rows])
