"""The audit in the state's database: a chain in which each row covers the one before."""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from indexer.state import storable
from search_api.audit.port import AuditUnwritable, Entry, Reading, Soundness
from search_api.audit.tables import YOUNGEST_GOING_DAYS, audit_entries, metadata

log = logging.getLogger(__name__)

_LOCK = 0x7175695F617564
"""A number of ours (« qui_aud ») among PostgreSQL's advisory locks."""
_READ_AT_ONCE = 1_000


class SqlAudit:
    """Writes and reads; `keep_days` is how long entries stay, a year at least."""

    def __init__(
        self, engine: sa.Engine, now: Callable[[], datetime], keep_days: int = YOUNGEST_GOING_DAYS
    ) -> None:
        self._engine, self._now = engine, now
        self._keep_days = max(keep_days, YOUNGEST_GOING_DAYS)
        metadata.create_all(engine)

    def write(self, reading: Reading) -> None:
        """See `Audit`. Number and digest go to the log too, which is kept elsewhere."""
        try:
            with self._engine.begin() as connection:
                entry = _chained(_last(connection), reading, self._now())
                connection.execute(sa.insert(audit_entries).values(_row(entry)))
        except sa.exc.SQLAlchemyError as error:
            log.error("audit not written", extra={"error": type(error).__name__})
            raise AuditUnwritable from error
        log.info("audit", extra={"number": entry.number, "digest": entry.digest})

    def newest(self, limit: int, before: int | None = None) -> Sequence[Entry]:
        """See `Audit`."""
        query = sa.select(audit_entries).order_by(audit_entries.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(audit_entries.c.number < before)
        with self._engine.connect() as connection:
            return tuple(map(_entry, connection.execute(query).mappings()))

    def soundness(self) -> Soundness:
        """See `Audit`. Entries that were let go with age are no break."""
        query = sa.select(audit_entries).order_by(audit_entries.c.number)
        before: Entry | None = None
        count, broken = 0, None
        with self._engine.connect() as connection:
            forgotten = _forgotten(connection)
            rows = connection.execution_options(yield_per=_READ_AT_ONCE).execute(query)
            for row in rows.mappings():
                entry, count = _entry(row), count + 1
                if broken is None and not _follows(entry, before, forgotten):
                    broken = entry.number
                before = entry
        last, head = (before.number, before.digest) if before else (0, "")
        return Soundness(count, last, head, broken)

    def holds(self, number: int, digest: str) -> bool:
        """Whether an entry that was noted elsewhere is there still, or let go with age."""
        table = audit_entries.c
        query = sa.select(table.digest).where(table.number == number)
        first = sa.select(sa.func.min(table.number))
        with self._engine.connect() as connection:
            found = connection.execute(query).scalar()
            oldest = connection.execute(first).scalar()
        return found == digest if found else oldest is not None and number < oldest

    def forget(self) -> int:
        """Let go of entries older than `keep_days`: how many. That is written down first."""
        table, now = audit_entries.c, self._now()
        old = table.moment < _iso(now - timedelta(days=self._keep_days))
        query = sa.select(audit_entries).where(old).order_by(table.number.desc()).limit(1)
        with self._engine.begin() as connection:
            last = _last(connection)
            row = connection.execute(query).mappings().first()
            if row is None:
                return 0
            said = Reading("system:quisait", "", FORGOTTEN, _cut(row["number"], row["digest"]))
            connection.execute(sa.insert(audit_entries).values(_row(_chained(last, said, now))))
            gone = sa.delete(audit_entries).where(table.number <= row["number"])
            return connection.execute(gone).rowcount


FORGOTTEN = "audit forgotten"
"""The reading of the entry that says which entries were let go with age."""


def _cut(number: int, digest: str) -> str:
    return f"{number} {digest}"


def _forgotten(connection: sa.Connection) -> frozenset[str]:
    """Up to which entries, with their digests, the audit says that it let go."""
    query = sa.select(audit_entries.c.subject).where(audit_entries.c.reading == FORGOTTEN)
    return frozenset(connection.execute(query).scalars())


def _last(connection: sa.Connection) -> Entry | None:
    """The newest entry, with the only right to write the next until the commit."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("begin immediate")
    else:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    query = sa.select(audit_entries).order_by(audit_entries.c.number.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return _entry(row) if row else None


def _chained(last: Entry | None, reading: Reading, moment: datetime) -> Entry:
    said = (storable(reading.actor), reading.role, reading.reading, storable(reading.subject))
    number, previous = (last.number + 1, last.digest) if last else (1, "")
    moment = moment.astimezone(UTC).replace(microsecond=0)
    return Entry(number, moment, *said, previous, _digest(number, moment, *said, previous))


def _digest(number: int, moment: datetime, *said: str) -> str:
    return hashlib.sha256(json.dumps([number, _iso(moment), *said]).encode()).hexdigest()


def _follows(entry: Entry, before: Entry | None, forgotten: frozenset[str]) -> bool:
    """Whether an entry is as it was written, right after the one before.

    The first that is kept is the very first, or follows one that the audit let go.
    """
    said = (entry.actor, entry.role, entry.reading, entry.subject, entry.previous)
    if entry.digest != _digest(entry.number, entry.moment, *said):
        return False
    if before is not None:
        return (entry.number, entry.previous) == (before.number + 1, before.digest)
    return entry.number == 1 or _cut(entry.number - 1, entry.previous) in forgotten


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _row(entry: Entry) -> dict[str, object]:
    names = ("number", "actor", "role", "reading", "subject", "previous", "digest")
    return {name: getattr(entry, name) for name in names} | {"moment": _iso(entry.moment)}


def _entry(row: sa.RowMapping) -> Entry:
    moment = datetime.fromisoformat(row["moment"]).replace(tzinfo=UTC)
    return Entry(**dict(row) | {"moment": moment})
