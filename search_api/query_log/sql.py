"""The query log in the state database. Read `write` first, then `_close`."""

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from indexer import sql
from search_api.query_log.counts import (
    MIN_ASKERS,
    DirectoryNames,
    MentionCount,
    QueryCounts,
    askers_of,
    close_mentions,
    live_counts,
    may_be_shown,
    mention_counts,
    normal_text,
    record_mentions,
    summed_counts,
)
from search_api.query_log.recording import AskedQuery
from search_api.query_log.storage import (
    ALL_TABLES,
    LogPeriod,
    begin_period,
    current_period,
    hour_of,
    journal_askings,
    journal_counts,
    journal_named_counts,
    journal_period,
    journal_texts,
    locked_period,
    period_has_ended,
)


@dataclass(frozen=True, slots=True)
class QueryLogRules:
    """The organisation's settings of the log. `key` is not stored in the database."""

    key: bytes
    period_days: int = 1
    keep_days: int = 90


class SqlQueryLog:
    """Writes, counts and deletes the log, and closes its periods.

    Moments may have any time zone.
    """

    def __init__(
        self,
        engine: sa.Engine,
        names: Callable[[], DirectoryNames],
        rules: QueryLogRules,
        topics: Callable[[str], Collection[str]] = lambda _text: (),
    ) -> None:
        self._engine, self._names, self._rules = engine, names, rules
        self._topics = topics
        self._known: tuple[datetime | None, DirectoryNames] = (None, DirectoryNames())

    def write(self, query: AskedQuery, moment: datetime) -> None:
        """Store digests of the asker and the text, and the text itself once enough askers typed it.

        The first question after a period's end closes the period. Raises
        `sqlalchemy.exc.SQLAlchemyError`.
        """
        text, hour = normal_text(query.text), hour_of(moment)
        if not text or not query.agent_id:
            return
        names = self._names_in(hour)
        try:
            self._write(query, text, hour, names)
        except sa.exc.IntegrityError:  # another server began the first period meanwhile
            self._write(query, text, hour, names)

    def _write(self, query: AskedQuery, text: str, hour: datetime, names: DirectoryNames) -> None:
        topics = self._topics(query.text) if query.named else ()
        with self._engine.begin() as connection:
            period = self._period(connection, hour, names)
            asker, digest = period.asker_pseudonym(query.agent_id), period.query_digest(text)
            _record(connection, query, {"hour": hour, "asker": asker, "query": digest})
            record_mentions(
                connection, self._rules.key, period, query.agent_id, query.named, topics
            )
            if askers_of(connection, digest) < MIN_ASKERS:
                return
            if may_be_shown(query.text, names) and may_be_shown(text, names):
                _keep_text(connection, digest, text)

    def close_ended(self, moment: datetime) -> int:
        """Close an ended period, delete old counts, and return the number of deleted rows."""
        hour = hour_of(moment)
        oldest = hour - timedelta(days=self._rules.keep_days)
        with self._engine.begin() as connection:
            row, gone = locked_period(connection), 0
            if row is not None and period_has_ended(row, hour):
                gone = _close(connection, row.start, self._names_in(hour))
                connection.execute(sa.delete(journal_period))
            too_old = sa.delete(journal_counts).where(journal_counts.c.start < oldest)
            gone += connection.execute(too_old).rowcount
            older = journal_named_counts.c.start < oldest
            return gone + connection.execute(sa.delete(journal_named_counts).where(older)).rowcount

    def mention_counts(self, agent_id: str, today: date) -> tuple[MentionCount, ...]:
        """Return how often answers named an agent; show it to that agent alone."""
        return mention_counts(self._engine, self._rules.key, agent_id, today)

    def counts(self, moment: datetime, days: int, *, close: bool = True) -> list[QueryCounts]:
        """Return the counts of the last `days` days, including the current period.

        First close an ended period, unless `close` is false: then nothing is written.
        """
        if close:
            self.close_ended(moment)
        since = hour_of(moment) - timedelta(days=days)
        columns = [journal_counts.c[name] for name in QueryCounts.__dataclass_fields__]
        query = sa.select(*columns).where(journal_counts.c.start >= since)
        names = self._names()
        with self._engine.connect() as connection:
            closed = [QueryCounts(**row) for row in connection.execute(query).mappings()]
            return summed_counts([*closed, *live_counts(connection, names)], names)

    def purge(self) -> int:
        """Delete the whole log, and return the number of deleted rows."""
        with self._engine.begin() as connection:
            locked_period(connection)
            return sum(connection.execute(sa.delete(table)).rowcount for table in ALL_TABLES)

    def is_kept(self) -> bool:
        """Return whether anything is stored."""
        asked = (sa.select(sa.exists().select_from(table)) for table in ALL_TABLES)
        return any(sql.scalar(self._engine, one) for one in asked)

    def _period(
        self, connection: sa.Connection, hour: datetime, names: DirectoryNames
    ) -> LogPeriod:
        row = locked_period(connection)
        period = current_period(row, self._rules.key, hour) if row is not None else None
        if period is not None:
            return period
        if row is not None:
            _close(connection, row.start, names)
        return begin_period(connection, self._rules.key, hour, self._rules.period_days)

    def _names_in(self, hour: datetime) -> DirectoryNames:
        """Return the names of the directory, read once an hour; `counts` reads them each time."""
        if self._known[0] != hour:
            self._known = (hour, self._names())
        return self._known[1]


def _record(connection: sa.Connection, query: AskedQuery, key: dict[str, object]) -> None:
    """Insert or update the row of an asker's query within an hour; it is now their last query."""
    asked, table = journal_askings.c, journal_askings
    theirs = (asked.hour == key["hour"]) & (asked.asker == key["asker"])
    this = theirs & (asked.query == key["query"])
    own, other = (asked.asked_for == query.asked_for), (asked.asked_for != query.asked_for)
    left_behind = sa.update(table).where(theirs, asked.query != key["query"])
    connection.execute(left_behind.values(followed=True))
    # Asking the same text for documents and for people counts as looking further into it.
    beside = sa.update(table).where(this, other).values(followed=False, further=True)
    further = connection.execute(beside).rowcount > 0 or query.further
    values: dict[str, object] = {"followed": False}
    if further:
        values["further"] = True
    if not query.further:
        values["results"] = query.results
    if connection.execute(sa.update(table).where(this, own).values(values)).rowcount == 0:
        row = {**key, "asked_for": query.asked_for.value, "further": False, **values}
        connection.execute(sa.insert(table).values(row))


def _keep_text(connection: sa.Connection, query: str, text: str) -> None:
    known = sa.select(journal_texts.c.query).where(journal_texts.c.query == query)
    if connection.execute(known).first() is None:
        connection.execute(sa.insert(journal_texts).values(query=query, text=text))


def _close(connection: sa.Connection, start: datetime, names: DirectoryNames) -> int:
    """Replace the rows of a period by counts; its pseudonyms and digests are deleted."""
    rows = [{"start": start, **asdict(one)} for one in live_counts(connection, names)]
    if rows:
        connection.execute(sa.insert(journal_counts), rows)
    close_mentions(connection, start)
    gone = connection.execute(sa.delete(journal_askings)).rowcount
    connection.execute(sa.delete(journal_texts))
    return gone
