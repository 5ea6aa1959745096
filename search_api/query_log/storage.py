"""The query log's tables, and the salted period in which askers have pseudonyms.

A pseudonym is an HMAC with the period's salt and a key that is not in the database. At the period's
end the salt is overwritten: no two periods can be joined, and nobody can compute a pseudonym of an
earlier period again, even with both database and key.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from indexer import sql

metadata = sa.MetaData()

journal_period = sa.Table(
    "journal_period",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("start", sql.Moment, nullable=False),
    sa.Column("until", sql.Moment, nullable=False),
    sa.Column("salt", sa.String(64), nullable=False),
    sa.Column("key_check", sa.String(64), nullable=False),
)
"""The current period. Its row is also the lock under which the log is written."""

journal_askings = sa.Table(
    "journal_askings",
    metadata,
    sa.Column("hour", sql.Moment, primary_key=True),
    sa.Column("asker", sa.String(64), primary_key=True),
    sa.Column("asked_for", sa.String(20), primary_key=True),
    sa.Column("query", sa.String(64), primary_key=True),
    sa.Column("results", sa.Integer),
    sa.Column("further", sa.Boolean, nullable=False),
    sa.Column("followed", sa.Boolean, nullable=False),
    sa.Index("journal_askings_query", "query"),
)
"""Questions of the current period. `asker` and `query` are keyed digests. Their order within an
hour is not stored, only that a `followed` query was followed by another of the same asker.
"""

journal_texts = sa.Table(
    "journal_texts",
    metadata,
    sa.Column("query", sa.String(64), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)
"""Texts of the current period that enough askers have typed, and that may be shown."""

journal_counts = sa.Table(
    "journal_counts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("start", sql.Moment, nullable=False, index=True),
    sa.Column("asked_for", sa.String(20), nullable=False),
    sa.Column("text", sa.Text),
    sa.Column("queries", sa.Integer, nullable=False),
    sa.Column("askings", sa.Integer, nullable=False),
    sa.Column("results", sa.Integer, nullable=False),
    sa.Column("counted", sa.Integer, nullable=False),
    sa.Column("zero", sa.Integer, nullable=False),
    sa.Column("abandoned", sa.Integer, nullable=False),
)
"""Counts of ended periods: a row for each query that may be shown, and a row without a text for all
others together. `results` is the sum over the `counted` askings that have a number of results.
"""

journal_named = sa.Table(
    "journal_named",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("topic_id", sa.String(200), primary_key=True),
    sa.Column("asker", sa.String(64), primary_key=True),
)
"""Agents named in answers of the current period, and the askers. Both are keyed digests."""

journal_named_counts = sa.Table(
    "journal_named_counts",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("topic_id", sa.String(200), primary_key=True),
    sa.Column("start", sql.Moment, primary_key=True),
    sa.Column("askers", sa.Integer, nullable=False),
)
"""Counts of ended periods, from five askers on. `agent_key` differs in each period."""

ALL_TABLES = (
    journal_named,
    journal_named_counts,
    journal_askings,
    journal_texts,
    journal_counts,
    journal_period,
)


PERIOD_ROW_ID = 1
"""The id of the only row of `journal_period`."""


@dataclass(frozen=True, slots=True)
class LogPeriod:
    """A period from `start` to before `until`, in UTC. `secret` is derived from salt and key."""

    start: datetime
    until: datetime
    secret: bytes

    def asker_pseudonym(self, agent_id: str) -> str:
        """Return the pseudonym of an asker in this period."""
        return self._digest(b"asker", agent_id)

    def mention_pseudonym(self, agent_id: str) -> str:
        """Return the asker's pseudonym for mentions, which differs from their other pseudonym."""
        return self._digest(b"bringer", agent_id)

    def query_digest(self, text: str) -> str:
        """Return the digest of a query, stored until enough askers have typed it."""
        return self._digest(b"query", text)

    def _digest(self, kind: bytes, value: str) -> str:
        # An id from a source may hold lone surrogates.
        encoded = value.encode("utf-8", "surrogatepass")
        return hmac.new(self.secret, kind + b"\0" + encoded, hashlib.sha256).hexdigest()


def named_key(key: bytes, start: datetime, agent_id: str) -> str:
    """Return the digest of an agent named in the period that began at `start`."""
    text = f"named\0{start.isoformat()}\0{agent_id}".encode("utf-8", "surrogatepass")
    return hmac.new(key, text, hashlib.sha256).hexdigest()


def hour_of(moment: datetime) -> datetime:
    """Return the hour of a moment, in UTC; minutes are never stored."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def locked_period(connection: sa.Connection) -> sa.Row[tuple[object, ...]] | None:
    """Return the row of the current period, locked until the commit: only one writer at a time."""
    if connection.dialect.name == "sqlite":
        # Without it, deleted rows stay readable in the file until their page is reused.
        connection.exec_driver_sql("pragma secure_delete = on")
    mine = journal_period.c.id == PERIOD_ROW_ID
    connection.execute(sa.update(journal_period).where(mine).values(id=PERIOD_ROW_ID))
    return connection.execute(sa.select(journal_period).where(mine)).one_or_none()


def current_period(row: sa.Row[tuple[object, ...]], key: bytes, hour: datetime) -> LogPeriod | None:
    """Return the period of the row, or None if it has ended or began with another key.

    With two keys, every asker would have two pseudonyms.
    """
    secret = _secret(key, row.salt)
    if period_has_ended(row, hour) or not hmac.compare_digest(row.key_check, _check(secret)):
        return None
    return LogPeriod(row.start, row.until, secret)


def period_has_ended(row: sa.Row[tuple[object, ...]], hour: datetime) -> bool:
    """Return whether the period of the row is over.

    A period whose beginning is more than its own length in the future counts as ended, because a
    wrong clock began it and it would last too long.
    """
    return not row.start - (row.until - row.start) <= hour < row.until


def begin_period(connection: sa.Connection, key: bytes, hour: datetime, days: int) -> LogPeriod:
    """Begin a period of `days` days, counted from 1970; overwrite or insert its row."""
    day = int(hour.timestamp()) // 86400
    start = datetime.fromtimestamp((day - day % days) * 86400, UTC)
    salt = secrets.token_hex(32)
    secret = _secret(key, salt)
    row = {
        "start": start,
        "until": start + timedelta(days=days),
        "salt": salt,
        "key_check": _check(secret),
    }
    changed = connection.execute(sa.update(journal_period).values(**row))
    if changed.rowcount == 0:
        connection.execute(sa.insert(journal_period).values(id=PERIOD_ROW_ID, **row))
    return LogPeriod(start, start + timedelta(days=days), secret)


def _secret(key: bytes, salt: str) -> bytes:
    return hmac.new(key, bytes.fromhex(salt), hashlib.sha256).digest()


def _check(secret: bytes) -> str:
    return hmac.new(secret, b"check", hashlib.sha256).hexdigest()
