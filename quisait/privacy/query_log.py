"""The query log, from the settings: written by a server, closed and pruned by a worker."""

import hashlib
import hmac
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from expertise.builds import SqlBuilds
from expertise.directory import SqlDirectory
from expertise.topics import Topic
from quisait.clock import now
from quisait.settings import Settings
from search_api.query_log.counts import COUNT_FIELDS, QueryCounts, names_of
from search_api.query_log.recording import BackgroundQueryLog
from search_api.query_log.sql import QueryLogRules, SqlQueryLog

_PURPOSE = b"quisait journal"
"""Separates this key from the other uses of the server's key."""


def open_query_log(settings: Settings, database: sa.Engine, book: SqlDirectory) -> SqlQueryLog:
    """The query log in the state's database. Its key is derived from the server's."""
    asked = settings.journal
    rules = QueryLogRules(query_log_key(settings), asked.period_days, asked.keep_days)
    return SqlQueryLog(
        database, lambda: names_of(book.names()), rules, _CurrentTopics(SqlBuilds(database))
    )


def query_log_key(settings: Settings) -> bytes:
    """The key of the query log, derived from the server's."""
    return hmac.new(settings.server.token_key.encode(), _PURPOSE, hashlib.sha256).digest()


class _CurrentTopics:
    """The topics of the current build that a question names."""

    def __init__(self, builds: SqlBuilds) -> None:
        self._builds = builds
        self._known: tuple[str, tuple[Topic, ...]] = ("", ())

    def __call__(self, text: str) -> frozenset[str]:
        stamp = self._builds.current()
        if stamp is None:
            return frozenset()
        if self._known[0] != stamp.id:
            listed = tuple(one.topic for one in self._builds.topics(stamp.id))
            self._known = (stamp.id, listed)
        # Imported here: it imports NumPy, which most commands do not need.
        from expertise.assignment import topics_named

        return topics_named(text, self._known[1])


def background_query_log(stored: SqlQueryLog) -> BackgroundQueryLog:
    """The query log of a server's routes."""
    return BackgroundQueryLog(stored, now)


def frequent_queries(
    counts: Sequence[QueryCounts], order: Callable[[QueryCounts], int], limit: int
) -> list[QueryCounts]:
    """Shown queries that have some of it, most first."""
    shown = [one for one in counts if one.text is not None and order(one)]
    return sorted(shown, key=lambda one: (-order(one), one.text, one.asked_for))[:limit]


def hidden_queries(counts: Sequence[QueryCounts]) -> QueryCounts:
    """All that is not shown, together."""
    some = [one for one in counts if one.text is None]
    return QueryCounts(
        "", None, **{name: sum(getattr(one, name) for one in some) for name in COUNT_FIELDS}
    )
