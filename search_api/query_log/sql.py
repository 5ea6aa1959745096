"""The query log in the state's database. Read `write` first, then `_close`."""

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from search_api.query_log.counts import (
    MIN_ASKERS,
    DirectoryNames,
    MentionCount,
    QueryCounts,
    askers_of,
    close_mentions,
    drop_old_tables,
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
    metadata,
    period_has_ended,
    utc,
)


@dataclass(frozen=True, slots=True)
class QueryLogRules:
    """What the organisation decides. `key` is kept elsewhere than the database."""

    key: bytes
    period_days: int = 1
    keep_days: int = 90


class SqlQueryLog:
    """Writes, closes periods, forgets, and counts. Moments are given, in any time zone."""

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
        metadata.create_all(engine)
        drop_old_tables(engine)

    def write(self, asking: AskedQuery, moment: datetime) -> None:
        """Keep one asking: digests of who and what, and the text once enough have asked it.

        Raises `sqlalchemy.exc.SQLAlchemyError`. Whoever comes first after a period's end
        closes it.
        """
        text, hour = normal_text(asking.text), hour_of(moment)
        if not text or not asking.agent_id:
            return
        names = self._names_in(hour)
        try:
            self._write(asking, text, hour, names)
        except sa.exc.IntegrityError:  # another server began the first period meanwhile
            self._write(asking, text, hour, names)

    def _write(self, asking: AskedQuery, text: str, hour: datetime, names: DirectoryNames) -> None:
        topics = self._topics(asking.text) if asking.named else ()
        with self._engine.begin() as connection:
            period = self._period(connection, hour, names)
            asker, query = period.asker(asking.agent_id), period.query(text)
            _record(connection, asking, {"hour": hour, "asker": asker, "query": query})
            record_mentions(
                connection, self._rules.key, period, asking.agent_id, asking.named, topics
            )
            if askers_of(connection, query) < MIN_ASKERS:
                return
            if may_be_shown(asking.text, names) and may_be_shown(text, names):
                _keep_text(connection, query, text)

    def turn(self, moment: datetime) -> int:
        """Close a period that has ended and forget what is too old: how many rows are gone."""
        hour = hour_of(moment)
        oldest = hour - timedelta(days=self._rules.keep_days)
        with self._engine.begin() as connection:
            row, gone = locked_period(connection), 0
            if row is not None and period_has_ended(row, hour):
                gone = _close(connection, utc(row.start), self._names_in(hour))
                connection.execute(sa.delete(journal_period))
            too_old = sa.delete(journal_counts).where(journal_counts.c.start < oldest)
            gone += connection.execute(too_old).rowcount
            older = journal_named_counts.c.start < oldest
            return gone + connection.execute(sa.delete(journal_named_counts).where(older)).rowcount

    def brought_up(self, agent_id: str, today: date) -> tuple[MentionCount, ...]:
        """How often an agent was brought up: for their own eyes."""
        return mention_counts(self._engine, self._rules.key, agent_id, today)

    def counts(self, moment: datetime, days: int) -> list[QueryCounts]:
        """What was asked in the last so many days, the period that goes on included."""
        self.turn(moment)
        since = hour_of(moment) - timedelta(days=days)
        columns = [journal_counts.c[name] for name in QueryCounts.__dataclass_fields__]
        query = sa.select(*columns).where(journal_counts.c.start >= since)
        names = self._names()
        with self._engine.connect() as connection:
            closed = [QueryCounts(**row) for row in connection.execute(query).mappings()]
            return summed_counts([*closed, *live_counts(connection, names)], names)

    def purge(self) -> int:
        """Delete everything, the salt first of all: how many rows are gone."""
        with self._engine.begin() as connection:
            locked_period(connection)
            return sum(connection.execute(sa.delete(table)).rowcount for table in ALL_TABLES)

    def is_kept(self) -> bool:
        """Whether there is anything to close or to forget."""
        with self._engine.connect() as connection:
            asked = (sa.select(sa.exists().select_from(table)) for table in ALL_TABLES)
            return any(connection.execute(one).scalar() for one in asked)

    def _period(
        self, connection: sa.Connection, hour: datetime, names: DirectoryNames
    ) -> LogPeriod:
        row = locked_period(connection)
        period = current_period(row, self._rules.key, hour) if row is not None else None
        if period is not None:
            return period
        if row is not None:
            _close(connection, utc(row.start), names)
        return begin_period(connection, self._rules.key, hour, self._rules.period_days)

    def _names_in(self, hour: datetime) -> DirectoryNames:
        """Read once an hour: who arrived since is looked for again before anything is shown."""
        if self._known[0] != hour:
            self._known = (hour, self._names())
        return self._known[1]


def _record(connection: sa.Connection, asking: AskedQuery, key: dict[str, object]) -> None:
    """One row for a query of an asker within an hour; it is now the last one they asked."""
    asked, table = journal_askings.c, journal_askings
    theirs = (asked.hour == key["hour"]) & (asked.asker == key["asker"])
    this = theirs & (asked.query == key["query"])
    own, other = (asked.asked_for == asking.asked_for), (asked.asked_for != asking.asked_for)
    left_behind = sa.update(table).where(theirs, asked.query != key["query"])
    connection.execute(left_behind.values(followed=True))
    # Who asks both for documents and for those who know looks further into one question.
    beside = sa.update(table).where(this, other).values(followed=False, further=True)
    further = connection.execute(beside).rowcount > 0 or asking.further
    values: dict[str, object] = {"followed": False}
    if further:
        values["further"] = True
    if not asking.further:
        values["results"] = asking.results
    if connection.execute(sa.update(table).where(this, own).values(values)).rowcount == 0:
        row = {**key, "asked_for": asking.asked_for.value, "further": False, **values}
        connection.execute(sa.insert(table).values(row))


def _keep_text(connection: sa.Connection, query: str, text: str) -> None:
    known = sa.select(journal_texts.c.query).where(journal_texts.c.query == query)
    if connection.execute(known).first() is None:
        connection.execute(sa.insert(journal_texts).values(query=query, text=text))


def _close(connection: sa.Connection, start: datetime, names: DirectoryNames) -> int:
    """A period becomes counts; pseudonyms, digests and the texts' rows go."""
    rows = [{"start": start, **asdict(one)} for one in live_counts(connection, names)]
    if rows:
        connection.execute(sa.insert(journal_counts), rows)
    close_mentions(connection, start)
    gone = connection.execute(sa.delete(journal_askings)).rowcount
    connection.execute(sa.delete(journal_texts))
    return gone
