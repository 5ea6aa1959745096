"""The audit log in the state database: append-only rows, chained by digests.

The database itself refuses updates and early deletions. The owner of the table can drop these
triggers; the chain of digests then shows which entry was changed, and a head stored elsewhere shows
that entries at the end were removed.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from indexer import sql
from indexer.state import storable
from search_api.audit.port import (
    Audit,
    AuditEntry,
    AuditIntegrity,
    AuditUnwritable,
    PrivilegedAccess,
)

metadata = sa.MetaData()

YOUNGEST_GOING_DAYS = 365
"""The database refuses to delete entries younger than this number of days."""

audit_entries = sa.Table(
    "audit_entries",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    # In UTC, in ISO 8601 format, since the digest covers this text.
    sa.Column("moment", sa.String(32), nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("reading", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
)

_REFUSED = "the audit is append-only"

_SQLITE = (
    f"""create trigger audit_entries_kept before update on audit_entries
    begin select raise(abort, '{_REFUSED}'); end""",
    f"""create trigger audit_entries_not_deleted before delete on audit_entries
    when old.moment > strftime('%Y-%m-%dT%H:%M:%S', 'now', '-{YOUNGEST_GOING_DAYS} days')
    begin select raise(abort, '{_REFUSED}'); end""",
)
_POSTGRESQL = (
    f"""create function audit_entries_kept() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' and old.moment <= to_char(
        (now() at time zone 'utc') - interval '{YOUNGEST_GOING_DAYS} days',
        'YYYY-MM-DD"T"HH24:MI:SS') then
        return old;
      end if;
      raise exception '{_REFUSED}';
    end $$""",
    """create trigger audit_entries_kept before update or delete on audit_entries
    for each row execute function audit_entries_kept()""",
    """create trigger audit_entries_not_emptied before truncate on audit_entries
    for each statement execute function audit_entries_kept()""",
)


def _guard(_table: sa.Table, connection: sa.Connection, **_: object) -> None:
    if connection.dialect.name == "sqlite":
        statements: tuple[str, ...] = _SQLITE
    else:
        connection.exec_driver_sql("drop function if exists audit_entries_kept() cascade")
        statements = _POSTGRESQL
    for statement in statements:
        connection.exec_driver_sql(statement)


sa.event.listen(audit_entries, "after_create", _guard)


log = logging.getLogger(__name__)

_LOCK = 0x7175695F617564
"""Key of the PostgreSQL advisory lock (« qui_aud » in ASCII)."""
_READ_AT_ONCE = 1_000


class SqlAudit(Audit):
    """The `Audit` in an SQL database. Entries are stored for `keep_days`, at least a year."""

    def __init__(
        self, engine: sa.Engine, now: Callable[[], datetime], keep_days: int = YOUNGEST_GOING_DAYS
    ) -> None:
        self._engine, self._now = engine, now
        self._keep_days = max(keep_days, YOUNGEST_GOING_DAYS)

    def write(self, reading: PrivilegedAccess) -> None:
        """See `Audit`.

        The entry's number and digest are also written to the process log, as a second copy.
        """
        try:
            with self._engine.begin() as connection:
                entry = _chained(_last(connection), reading, self._now())
                connection.execute(sa.insert(audit_entries).values(_row(entry)))
        except sa.exc.SQLAlchemyError as error:
            log.error("audit not written", extra={"error": type(error).__name__})
            raise AuditUnwritable from error
        log.info("audit", extra={"number": entry.number, "digest": entry.digest})

    def newest(self, limit: int, before: int | None = None) -> Sequence[AuditEntry]:
        """See `Audit`."""
        query = sa.select(audit_entries).order_by(audit_entries.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(audit_entries.c.number < before)
        return tuple(map(_entry, sql.mappings(self._engine, query)))

    def verify(self) -> AuditIntegrity:
        """See `Audit`. Entries that were deleted with age do not break the chain."""
        query = sa.select(audit_entries).order_by(audit_entries.c.number)
        before: AuditEntry | None = None
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
        return AuditIntegrity(count, last, head, broken)

    def holds(self, number: int, digest: str) -> bool:
        """Return whether an entry noted elsewhere is still stored, or was deleted with age."""
        table = audit_entries.c
        query = sa.select(table.digest).where(table.number == number)
        first = sa.select(sa.func.min(table.number))
        with self._engine.connect() as connection:
            found = connection.execute(query).scalar()
            oldest = connection.execute(first).scalar()
        return found == digest if found else oldest is not None and number < oldest

    def forget(self) -> int:
        """Delete entries older than `keep_days`, and return their number.

        An entry that records the deletion is written first.
        """
        table, now = audit_entries.c, self._now()
        old = table.moment < _iso(now - timedelta(days=self._keep_days))
        query = sa.select(audit_entries).where(old).order_by(table.number.desc()).limit(1)
        with self._engine.begin() as connection:
            last = _last(connection)
            row = connection.execute(query).mappings().first()
            if row is None:
                return 0
            said = PrivilegedAccess(
                "system:quisait", "", FORGOTTEN, _forgotten_up_to(row["number"], row["digest"])
            )
            connection.execute(sa.insert(audit_entries).values(_row(_chained(last, said, now))))
            gone = sa.delete(audit_entries).where(table.number <= row["number"])
            return connection.execute(gone).rowcount


FORGOTTEN = "audit forgotten"
"""The `reading` of an entry that records which entries were deleted with age."""


def _forgotten_up_to(number: int, digest: str) -> str:
    return f"{number} {digest}"


def _forgotten(connection: sa.Connection) -> frozenset[str]:
    """Return the last entries, with their digests, of the deletions that the log records."""
    query = sa.select(audit_entries.c.subject).where(audit_entries.c.reading == FORGOTTEN)
    return frozenset(connection.execute(query).scalars())


def _last(connection: sa.Connection) -> AuditEntry | None:
    """Return the newest entry, and lock the log so that only this transaction adds the next."""
    sql.allow_writing(connection)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("begin immediate")
    else:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    query = sa.select(audit_entries).order_by(audit_entries.c.number.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return _entry(row) if row else None


def _chained(last: AuditEntry | None, reading: PrivilegedAccess, moment: datetime) -> AuditEntry:
    said = (storable(reading.actor), reading.role, reading.reading, storable(reading.subject))
    number, previous = (last.number + 1, last.digest) if last else (1, "")
    moment = moment.astimezone(UTC).replace(microsecond=0)
    return AuditEntry(number, moment, *said, previous, _digest(number, moment, *said, previous))


def _digest(number: int, moment: datetime, *said: str) -> str:
    return hashlib.sha256(json.dumps([number, _iso(moment), *said]).encode()).hexdigest()


def _follows(entry: AuditEntry, before: AuditEntry | None, forgotten: frozenset[str]) -> bool:
    """Return whether an entry is unchanged and directly follows the entry before it.

    The first stored entry must be number 1, or follow an entry that was deleted with age.
    """
    said = (entry.actor, entry.role, entry.reading, entry.subject, entry.previous)
    if entry.digest != _digest(entry.number, entry.moment, *said):
        return False
    if before is not None:
        return (entry.number, entry.previous) == (before.number + 1, before.digest)
    return entry.number == 1 or _forgotten_up_to(entry.number - 1, entry.previous) in forgotten


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _row(entry: AuditEntry) -> dict[str, object]:
    names = ("number", "actor", "role", "reading", "subject", "previous", "digest")
    return {name: getattr(entry, name) for name in names} | {"moment": _iso(entry.moment)}


def _entry(row: sa.RowMapping) -> AuditEntry:
    moment = datetime.fromisoformat(row["moment"]).replace(tzinfo=UTC)
    return AuditEntry(**dict(row) | {"moment": moment})
