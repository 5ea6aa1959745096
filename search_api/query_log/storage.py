"""The query log's tables, and the salted period under which askers are pseudonyms.

A pseudonym is an HMAC under the period's salt and a key that is not in the database. At the
period's end the salt is overwritten: nothing joins two periods, and nobody, not even who
holds both database and key, can compute a pseudonym of an earlier one again.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

metadata = sa.MetaData()

journal_period = sa.Table(
    "journal_period",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("start", sa.DateTime(timezone=True), nullable=False),
    sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    sa.Column("salt", sa.String(64), nullable=False),
    sa.Column("key_check", sa.String(64), nullable=False),
)
"""The one period that goes on. Its row is also the lock under which the journal is written."""

journal_askings = sa.Table(
    "journal_askings",
    metadata,
    sa.Column("hour", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("asker", sa.String(64), primary_key=True),
    sa.Column("asked_for", sa.String(20), primary_key=True),
    sa.Column("query", sa.String(64), primary_key=True),
    sa.Column("results", sa.Integer),
    sa.Column("further", sa.Boolean, nullable=False),
    sa.Column("followed", sa.Boolean, nullable=False),
    sa.Index("journal_askings_query", "query"),
)
"""Of this period alone. `asker` and `query` are keyed digests; nothing tells their order within
an hour, but that `followed` queries were followed by another one of the same asker."""

journal_texts = sa.Table(
    "journal_texts",
    metadata,
    sa.Column("query", sa.String(64), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)
"""Of this period's queries that enough askers have asked, and that may be shown."""

journal_counts = sa.Table(
    "journal_counts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("start", sa.DateTime(timezone=True), nullable=False, index=True),
    sa.Column("asked_for", sa.String(20), nullable=False),
    sa.Column("text", sa.Text),
    sa.Column("queries", sa.Integer, nullable=False),
    sa.Column("askings", sa.Integer, nullable=False),
    sa.Column("results", sa.Integer, nullable=False),
    sa.Column("counted", sa.Integer, nullable=False),
    sa.Column("zero", sa.Integer, nullable=False),
    sa.Column("abandoned", sa.Integer, nullable=False),
)
"""Of the periods that ended: a row for each query that may be shown, and one, without a text,
for all the others together. `counted` askings told a number of results, `results` is its sum."""

OLD_TABLES = ("journal_brought", "journal_brought_counts")
"""Tables that named who was brought up by a digest that a list of agents could be held against."""

journal_named = sa.Table(
    "journal_named",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("topic_id", sa.String(200), primary_key=True),
    sa.Column("asker", sa.String(64), primary_key=True),
)
"""Of this period alone: who was named in answers, by pseudonyms of who asked. Both are keyed."""

journal_named_counts = sa.Table(
    "journal_named_counts",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("topic_id", sa.String(200), primary_key=True),
    sa.Column("start", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("askers", sa.Integer, nullable=False),
)
"""Of the periods that ended: five askers or more. `agent_key` is another one in each period."""

ALL_TABLES = (
    journal_named,
    journal_named_counts,
    journal_askings,
    journal_texts,
    journal_counts,
    journal_period,
)


PERIOD_ROW_ID = 1
"""The number of the table's one row."""


@dataclass(frozen=True, slots=True)
class LogPeriod:
    """From `start` until `until`, in UTC. Its secret is made of the salt and the key."""

    start: datetime
    until: datetime
    secret: bytes

    def asker(self, agent_id: str) -> str:
        """The pseudonym of an agent within this period."""
        return self._digest(b"asker", agent_id)

    def bringer(self, agent_id: str) -> str:
        """Another pseudonym of theirs, which does not join the first."""
        return self._digest(b"bringer", agent_id)

    def query(self, text: str) -> str:
        """What stands for a query until enough askers have asked it."""
        return self._digest(b"query", text)

    def _digest(self, kind: bytes, value: str) -> str:
        # An id from a source may hold lone surrogates.
        said = value.encode("utf-8", "surrogatepass")
        return hmac.new(self.secret, kind + b"\0" + said, hashlib.sha256).hexdigest()


def named_key(key: bytes, start: datetime, agent_id: str) -> str:
    """What stands for an agent who is named in the period that began then."""
    said = f"named\0{utc(start).isoformat()}\0{agent_id}".encode("utf-8", "surrogatepass")
    return hmac.new(key, said, hashlib.sha256).hexdigest()


def hour_of(moment: datetime) -> datetime:
    """The hour that a moment is in, in UTC: nothing finer is kept."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def locked_period(connection: sa.Connection) -> sa.Row[tuple[object, ...]] | None:
    """The row of the period, with the only right to write the journal until the commit."""
    if connection.dialect.name == "sqlite":
        # Else what is deleted stays readable in the file until its page is used again.
        connection.exec_driver_sql("pragma secure_delete = on")
    mine = journal_period.c.id == PERIOD_ROW_ID
    connection.execute(sa.update(journal_period).where(mine).values(id=PERIOD_ROW_ID))
    return connection.execute(sa.select(journal_period).where(mine)).one_or_none()


def current_period(row: sa.Row[tuple[object, ...]], key: bytes, hour: datetime) -> LogPeriod | None:
    """The period of the row, None where it has ended or was begun under another key.

    One key more would give everybody a second pseudonym.
    """
    secret = _secret(key, row.salt)
    if period_has_ended(row, hour) or not hmac.compare_digest(row.key_check, _check(secret)):
        return None
    return LogPeriod(utc(row.start), utc(row.until), secret)


def period_has_ended(row: sa.Row[tuple[object, ...]], hour: datetime) -> bool:
    """Whether the period of the row is over, whoever asks and with whatever key.

    So is one that begins more than its own length after now: a clock that had gone astray
    began it, and it would never end.
    """
    start, until = utc(row.start), utc(row.until)
    return not start - (until - start) <= hour < until


def begin_period(connection: sa.Connection, key: bytes, hour: datetime, days: int) -> LogPeriod:
    """Overwrite the row, or make it. Periods of so many days are counted from 1970."""
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


def utc(moment: datetime) -> datetime:
    """SQLite forgets the time zone that it was given."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _secret(key: bytes, salt: str) -> bytes:
    return hmac.new(key, bytes.fromhex(salt), hashlib.sha256).digest()


def _check(secret: bytes) -> str:
    return hmac.new(secret, b"check", hashlib.sha256).hexdigest()
