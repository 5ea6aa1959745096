"""Cursors, failures and runs of the sources, in SQLite or PostgreSQL."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from connectors.batches import batches
from connectors.snapshot import SeenItems, without_note
from indexer import sql

metadata = sa.MetaData()

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    sa.Column("cursor", sa.Text, nullable=False),
)
ahead = sa.Table(
    "ahead",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    # SHA-256 of the id, as in `failures`.
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("document_id", sa.Text, nullable=False),
)
"""Documents written since their source's cursor was last saved."""
seen = sa.Table(
    "seen",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    # 16 bytes of the id's SHA-256; empty in the row that has the highest step of the source.
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("document_id", sa.Text, nullable=False),
    sa.Column("version", sa.LargeBinary, nullable=False),
    sa.Column("access", sa.LargeBinary, nullable=False),
    sa.Column("step", sa.BigInteger, nullable=False),
)
"""Documents of listing sources as they were listed when they were read (`indexer.seen`)."""
OF_CURSORS = (cursors, ahead, seen)
"""Tables that tell how far a source was read into an index; they change together."""
source_indexes = sa.Table(
    "source_indexes",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    # Empty in rows of a backup, or older than this table: see `UNNAMED`.
    sa.Column("index_id", sa.String(200), primary_key=True),
    sa.Column("whole", sa.Boolean, nullable=False),
)
"""The index that a source's cursor, failures and documents ahead describe.

`whole` is false while the source still has to be read in full into that index.
"""
failures = sa.Table(
    "failures",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    # SHA-256 of the key: PostgreSQL refuses an index of values beyond some 2 700 bytes.
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", sql.Moment, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
)
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("source", sa.String(200), nullable=False, index=True),
    sa.Column("started", sql.Moment, nullable=False),
    sa.Column("ended", sql.Moment),
    sa.Column("outcome", sa.String(40), nullable=False, default=""),
    sa.Column("changed", sa.Integer, nullable=False, default=0),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("noted", sql.Moment),
    sa.Column("done", sa.Integer, nullable=False, server_default="0"),
    sa.Column("expected", sa.Integer),
    sa.Column("rate", sa.Double, nullable=False, server_default="0"),
    sa.Column("passages", sa.Integer, nullable=False, server_default="0"),
    sa.Column("passage_rate", sa.Double, nullable=False, server_default="0"),
    sa.Column("waiting", sa.String(20), nullable=False, server_default=""),
    sa.Column("waited_s", sa.Integer, nullable=False, server_default="0"),
)

requested_runs = sa.Table(
    "requested_runs",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    sa.Column("moment", sql.Moment, nullable=False),
)
"""When an administrator last requested a run of a source; a later run satisfies the request."""

source_roots = sa.Table(
    "source_roots",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    # As in the settings: a change there chooses other roots.
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("identity", sa.Text, nullable=False),
)
"""Paths and identities of a source's local folders, one a line each (`connectors.roots`)."""

scans = sa.Table(
    "scans",
    metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    # SHA-256 of the id, as in `failures`.
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("document_id", sa.Text, nullable=False),
    # SHA-256 of the file's bytes: a text belongs to this version alone.
    sa.Column("content", sa.String(64), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("noted", sql.Moment, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("file_pages", sa.Integer),
    sa.Column("confidence", sa.Integer),
    # A list in page order: [text, confidence, letters], or null for a failed page.
    sa.Column("pages", sa.JSON, nullable=False),
)
"""Scanned documents, with their recognised text (`indexer.scans`)."""
scan_days = sa.Table(
    "scan_days",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("pages", sa.Integer, nullable=False),
)
"""Number of pages whose recognition was tried on a day, successful or not."""

_BESIDE = "@reindex:"
"""Prefix of source names in rows that describe an index being filled by a reindex."""
_KEYS_AT_ONCE = 500
"""Number of keys in one statement: below the parameter limit of every database."""
KEPT_RUNS = 200
"""Number of runs stored for each source; the last successful one is stored too."""


@dataclass(frozen=True, slots=True)
class FailureRow:
    """A document or record that is missing from the index, and since when."""

    key: str
    kind: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a run: documents seen of at most `expected`, passages encoded; rates per second.

    `waiting` is the `indexer.crawl.pipeline.Wait` that takes long, or empty.
    """

    done: int = 0
    expected: int | None = None
    rate: float = 0.0
    passages: int = 0
    passage_rate: float = 0.0
    waiting: str = ""
    waited_s: int = 0


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run of a source. `ended` is None while it runs, or if it was interrupted.

    `outcome` is `running`, `done`, `held`, `refused`, `failed` or `interrupted`; `reason` is a
    sentence for the administrator. `noted` is when `progress` was last updated.
    """

    id: int
    started: datetime
    ended: datetime | None
    outcome: str
    changed: int
    reason: str = ""
    noted: datetime | None = None
    progress: Progress = Progress()


class State:
    """Cursors, failures and runs in one database. Times are in UTC.

    Rows with a `prefix` are separate from all other rows.
    """

    def __init__(self, engine: sa.Engine, prefix: str = "") -> None:
        self._engine, self._prefix = engine, prefix

    def _row_of(self, source: str) -> str:
        """Return the name under which the rows of a source are stored."""
        return self._prefix + source

    def beside(self, index: str) -> "State":
        """Return the state of the index of that name, which a reindex fills."""
        return State(self._engine, f"{_BESIDE}{index}:")

    def forget_beside(self) -> None:
        """Delete cursors and failures of all indexes that a reindex fills."""
        with self._engine.begin() as connection:
            for table in (*OF_CURSORS, failures):
                theirs = table.c.source.startswith(_BESIDE, autoescape=True)
                connection.execute(sa.delete(table).where(theirs))

    def forget_cursors(self, sources: Collection[str]) -> None:
        """Delete the cursors of these sources, so that their next runs read them in full."""
        with self._engine.begin() as connection:
            for table in OF_CURSORS:
                for source in sources:
                    connection.execute(sa.delete(table).where(rows_of(table, source)))

    def read_again(self, source: str, root: str) -> int:
        """Forget that the documents at or below a root were read; return their number.

        The next run lists the whole source, and reads these documents anew. Readers are not
        changed. Returns 0 for a source that does not list its documents.
        """
        named, mine = seen.c.document_id, rows_of(seen, source)
        root, folders = storable(root), named.endswith("/")
        below = (named == root) | named.startswith(f"{root}/", autoescape=True)
        with self._engine.begin() as connection:
            gone = connection.execute(sa.delete(seen).where(mine & below & ~folders)).rowcount
            if not gone:
                return 0
            # The source's fingerprint, the folders' tags and the cursor's note may say that
            # nothing changed. A folder's row stays: without it, what is below would be hidden.
            connection.execute(sa.delete(seen).where(mine & (named == "") & (seen.c.key != b"")))
            connection.execute(sa.update(seen).where(mine & folders).values(access=b""))
            stored = connection.execute(sa.select(cursors).where(rows_of(cursors, source))).all()
            for row in stored:
                anew = sa.update(cursors).where(cursors.c.source == row.source)
                connection.execute(anew.values(cursor=without_note(row.cursor)))
        return gone

    def adopt(self, beside: "State", sources: Collection[str]) -> None:
        """Replace cursors and failures of these sources with another state's, all at once."""
        with self._engine.begin() as connection:
            for table in (*OF_CURSORS, failures):
                for source in sources:
                    connection.execute(sa.delete(table).where(rows_of(table, source)))
                    theirs = sa.update(table).where(table.c.source == beside._prefix + source)
                    connection.execute(theirs.values(source=source))

    def seen(self, source: str, check: Callable[[], None] = lambda: None) -> SeenItems:
        """Return the rows that belong to the cursor of a source that lists its documents.

        `check` is called before rows are stored, and raises if they must not be.
        """
        from indexer.seen import SqlSeen  # imported here, because it uses these tables

        return SqlSeen(self._engine, self._row_of(source), check)

    def load(self, source: str) -> str | None:
        """Return the source's cursor, or None if no checkpoint was saved."""
        source = self._row_of(source)
        query = sa.select(cursors.c.cursor).where(cursors.c.source == source)
        return sql.scalar(self._engine, query)

    def save(self, source: str, cursor: str, still_ahead: Collection[str] = ()) -> None:
        """Save the cursor, once all writes before the checkpoint were acknowledged.

        Of the documents noted as ahead of the cursor, only those in `still_ahead` remain noted.
        """
        source = self._row_of(source)
        with self._engine.begin() as connection:
            for table in (cursors, ahead):
                connection.execute(sa.delete(table).where(table.c.source == source))
            connection.execute(sa.insert(cursors).values(source=source, cursor=cursor))
            _note_ahead(connection, source, still_ahead)

    def note_ahead(self, source: str, document_ids: Collection[str]) -> None:
        """Note documents that are about to be written, before a saved cursor covers them."""
        with self._engine.begin() as connection:
            _note_ahead(connection, self._row_of(source), document_ids)

    def ahead(self, source: str) -> frozenset[str]:
        """Return the documents written since the source's cursor was last saved."""
        source = self._row_of(source)
        query = sa.select(ahead.c.document_id).where(ahead.c.source == source)
        return frozenset(sql.scalars(self._engine, query))

    def record(self, source: str, key: str, kind: str, reason: str) -> None:
        """Store a failure; a known failure keeps the time at which it was first seen."""
        self.change_failures(source, {key: (kind, reason)})

    def resolve(self, source: str, key: str) -> None:
        """Delete a failure that was resolved."""
        self.change_failures(source, {key: None})

    def change_failures(self, source: str, changes: Mapping[str, tuple[str, str] | None]) -> None:
        """Store the kind and reason of failures, and delete resolved ones (None), in one step.

        A known failure keeps its retries and the time at which it was first seen.
        """
        source = self._row_of(source)
        new = {"since": datetime.now(UTC), "tries": 0}
        with self._engine.begin() as connection:
            for batch in batches(changes.items(), _CHANGED_AT_ONCE):
                by_digest = {digest(key): (key, failure) for key, failure in batch}
                stored = (failures.c.source == source) & failures.c.digest.in_(by_digest.keys())
                former = {
                    row["digest"]: {"since": row["since"], "tries": row["tries"]}
                    for row in connection.execute(sa.select(failures).where(stored)).mappings()
                }
                connection.execute(sa.delete(failures).where(stored))
                rows: list[dict[str, object]] = [
                    {
                        "source": source,
                        "digest": key_digest,
                        "key": storable(key),
                        "kind": failure[0],
                        "reason": storable(failure[1]),
                        **former.get(key_digest, new),
                    }
                    for key_digest, (key, failure) in by_digest.items()
                    if failure
                ]
                if rows:
                    connection.execute(sa.insert(failures), rows)

    def forget(self, source: str) -> None:
        """Delete all data of a source that is no longer read: cursor, failures, runs and scans."""
        with self._engine.begin() as connection:
            overwrite_deleted(connection)
            for table in (*OF_CURSORS, failures, runs, scans, source_roots, source_indexes):
                connection.execute(sa.delete(table).where(rows_of(table, source)))

    def root_of(self, source: str, path: str) -> str:
        """Return the identity of the root that was read at this path of the settings, or ""."""
        noted = source_roots.c
        query = sa.select(noted.identity).where(noted.source == source, noted.path == path)
        return sql.scalar(self._engine, query) or ""

    def note_root(self, source: str, path: str, identity: str) -> None:
        """Replace the identity of the source's root."""
        row = {"source": source, "path": path, "identity": identity}
        with self._engine.begin() as connection:
            connection.execute(sa.delete(source_roots).where(source_roots.c.source == source))
            connection.execute(sa.insert(source_roots), row)

    def keys(self, source: str) -> frozenset[str]:
        """Return the keys of all open failures of a source."""
        source = self._row_of(source)
        query = sa.select(failures.c.key).where(failures.c.source == source)
        return frozenset(sql.scalars(self._engine, query))

    def due(self, source: str, kinds: Sequence[str], tries: int) -> frozenset[str]:
        """Return the keys of failures of these kinds with fewer than `tries` retries."""
        source = self._row_of(source)
        columns = failures.c
        due = (columns.source == source) & columns.kind.in_(kinds) & (columns.tries < tries)
        return frozenset(sql.scalars(self._engine, sa.select(columns.key).where(due)))

    def count_try(self, source: str, keys: Collection[str]) -> None:
        """Add 1 to the number of retries of each of these failures."""
        source = self._row_of(source)
        with self._engine.begin() as connection:
            for key in sorted(keys):
                more = sa.update(failures).where(_of(source, key))
                connection.execute(more.values(tries=failures.c.tries + 1))

    def begin_anew(self, source: str, key: str) -> None:
        """Set the number of retries of this failure to 0."""
        source = self._row_of(source)
        sql.execute(self._engine, sa.update(failures).where(_of(source, key)).values(tries=0))

    def failures_of(self, source: str) -> tuple[FailureRow, ...]:
        """Return the open failures of a source, oldest first."""
        columns = (failures.c.key, failures.c.kind, failures.c.reason, failures.c.since)
        query = sa.select(*columns).where(rows_of(failures, source))
        query = query.order_by(failures.c.since, failures.c.key)
        return tuple(sql.value(FailureRow, row) for row in sql.mappings(self._engine, query))

    def failure_counts(self, source: str) -> dict[str, int]:
        """Return the number of open failures of a source, by kind."""
        query = sa.select(failures.c.kind, sa.func.count()).where(rows_of(failures, source))
        counts = sql.rows(self._engine, query.group_by(failures.c.kind))
        return dict(sorted((kind, count) for kind, count in counts))

    def start_run(self, source: str) -> tuple[int, bool]:
        """Start a run; return its id and whether the source's last run was interrupted."""
        last = next(self.runs_of(source, 1), None)
        with self._engine.begin() as connection:
            opened = connection.execute(
                sa.insert(runs).values(
                    source=source, started=datetime.now(UTC), outcome="running", changed=0
                )
            )
            key = opened.inserted_primary_key
            _forget_old(connection, source)
        assert key is not None  # noqa: S101 - an inserted row has a key
        return int(key[0]), last is not None and last.outcome in ("running", "interrupted")

    def note(self, run_id: int, progress: Progress) -> None:
        """Store the progress of a run."""
        values = {name: getattr(progress, name) for name in Progress.__slots__}
        self._change(run_id, noted=datetime.now(UTC), **values)

    def end_run(self, run_id: int, outcome: str, changed: int, reason: str = "") -> None:
        """Close a run with its outcome, number of changes and, if it failed, a sentence."""
        ended = datetime.now(UTC)
        self._change(run_id, ended=ended, outcome=outcome, changed=changed, reason=storable(reason))

    def _change(self, run_id: int, **values: Any) -> None:
        sql.execute(self._engine, sa.update(runs).where(runs.c.id == run_id).values(**values))

    def runs_of(self, source: str, limit: int = 10) -> Iterator[RunRow]:
        """Return the last runs of a source, newest first."""
        query = sa.select(runs).where(runs.c.source == source)
        return iter(self._runs(query.order_by(runs.c.id.desc()).limit(limit)))

    def request_run(self, source: str) -> None:
        """Request a run of a source as soon as a worker is free."""
        row = {"source": source, "moment": datetime.now(UTC)}
        sql.put_alone(self._engine, requested_runs, row)

    def run_requested_at(self, source: str) -> datetime | None:
        """Return when a run was last requested, or None."""
        mine = requested_runs.c.source == source
        return sql.scalar(self._engine, sa.select(requested_runs.c.moment).where(mine))

    def run_is_requested(self, source: str) -> bool:
        """Return whether a run was requested and none has started since."""
        requested, last = self.run_requested_at(source), next(self.runs_of(source, 1), None)
        return requested is not None and (last is None or last.started < requested)

    def last_done(self, source: str) -> RunRow | None:
        """Return the last run of a source that finished, or None."""
        query = sa.select(runs).where(runs.c.source == source, runs.c.outcome == "done")
        return next(iter(self._runs(query.order_by(runs.c.id.desc()).limit(1))), None)

    def _runs(self, query: sa.Select[Any]) -> list[RunRow]:
        rows = sql.mappings(self._engine, query)
        return [sql.value(RunRow, row, progress=sql.value(Progress, row)) for row in rows]


def digest(key: str) -> str:
    """Return the SHA-256 of a key in hexadecimal, because database indexes only take short keys."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


_CHANGED_AT_ONCE = 500


REFERENCE_CHARS = 12


def reference_of(key: str) -> str:
    """Return a reference to a document for logs: its id may contain a file's or a person's name.

    `quisait sources NAME` shows the reference beside the failure.
    """
    return digest(key)[:REFERENCE_CHARS]


def storable(text: str) -> str:
    """Return a text that both databases accept: without NUL (PostgreSQL) or lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def row_of(table: sa.Table, value: object, **others: object) -> dict[str, object]:
    """Return a value as a row: each column is from the attribute of its name, or from `others`.

    The column `agent_key` is the digest of `agent_id`.
    """
    names = [column.name for column in table.c]
    row = {name: getattr(value, name) for name in names if hasattr(value, name)} | others
    if "agent_key" in names:
        row["agent_key"] = digest(str(row["agent_id"]))
    return {name: storable(cell) if isinstance(cell, str) else cell for name, cell in row.items()}


def _note_ahead(connection: sa.Connection, source: str, document_ids: Collection[str]) -> None:
    rows = {digest(document_id): storable(document_id) for document_id in document_ids}
    for page in batches(sorted(rows), _KEYS_AT_ONCE):
        of_them = (ahead.c.source == source) & ahead.c.digest.in_(page)
        known = set(connection.execute(sa.select(ahead.c.digest).where(of_them)).scalars())
        added = [
            {"source": source, "digest": key, "document_id": rows[key]}
            for key in page
            if key not in known
        ]
        if added:
            connection.execute(sa.insert(ahead), added)


def overwrite_deleted(connection: sa.Connection) -> None:
    """Make SQLite overwrite in its file what this connection deletes or replaces."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("pragma secure_delete = on")


def rows_of(table: sa.Table, source: str) -> sa.ColumnElement[bool]:
    """Return the condition for the rows of a source."""
    return table.c.source == source


def _of(source: str, key: str) -> sa.ColumnElement[bool]:
    return (failures.c.source == source) & (failures.c.digest == digest(key))


def _forget_old(connection: sa.Connection, source: str) -> None:
    mine = runs.c.source == source
    newest = sa.select(runs.c.id).where(mine).order_by(runs.c.id.desc()).limit(KEPT_RUNS)
    good = sa.select(sa.func.max(runs.c.id)).where(mine, runs.c.outcome == "done")
    newest_runs = {*connection.execute(newest).scalars(), connection.execute(good).scalar()} - {
        None
    }
    if len(newest_runs) >= KEPT_RUNS:
        connection.execute(sa.delete(runs).where(mine, runs.c.id.not_in(newest_runs)))
