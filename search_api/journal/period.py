"""The period that goes on: its salt, the pseudonyms that it makes, and when it ends.

A pseudonym is an HMAC under the period's salt and a key that is not in the database. At the
period's end the salt is overwritten: nothing joins two periods, and nobody, not even who
holds both database and key, can make a pseudonym of the former one again.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from search_api.journal.tables import journal_period

ONLY = 1
"""The number of the table's one row."""


@dataclass(frozen=True, slots=True)
class Period:
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


def locked(connection: sa.Connection) -> sa.Row[tuple[object, ...]] | None:
    """The row of the period, with the only right to write the journal until the commit."""
    if connection.dialect.name == "sqlite":
        # Else what is deleted stays readable in the file until its page is used again.
        connection.exec_driver_sql("pragma secure_delete = on")
    mine = journal_period.c.id == ONLY
    connection.execute(sa.update(journal_period).where(mine).values(id=ONLY))
    return connection.execute(sa.select(journal_period).where(mine)).one_or_none()


def going_on(row: sa.Row[tuple[object, ...]], key: bytes, hour: datetime) -> Period | None:
    """The period of the row, None where it has ended or was begun under another key.

    One key more would give everybody a second pseudonym.
    """
    secret = _secret(key, row.salt)
    if has_ended(row, hour) or not hmac.compare_digest(row.key_check, _check(secret)):
        return None
    return Period(utc(row.start), utc(row.until), secret)


def has_ended(row: sa.Row[tuple[object, ...]], hour: datetime) -> bool:
    """Whether the period of the row is over, whoever asks and with whatever key.

    So is one that begins more than its own length after now: a clock that had gone astray
    began it, and it would never end.
    """
    start, until = utc(row.start), utc(row.until)
    return not start - (until - start) <= hour < until


def begin(connection: sa.Connection, key: bytes, hour: datetime, days: int) -> Period:
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
        connection.execute(sa.insert(journal_period).values(id=ONLY, **row))
    return Period(start, start + timedelta(days=days), secret)


def utc(moment: datetime) -> datetime:
    """SQLite forgets the time zone that it was given."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _secret(key: bytes, salt: str) -> bytes:
    return hmac.new(key, bytes.fromhex(salt), hashlib.sha256).digest()


def _check(secret: bytes) -> str:
    return hmac.new(secret, b"check", hashlib.sha256).hexdigest()
