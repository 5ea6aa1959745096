"""Count queries and the agents named in answers, and decide which query texts may be shown.

A text with a digit or a name of the directory is counted but never shown; all texts that are not
shown share one count. The rule is strict on purpose: hiding too much costs a line of a report,
showing too much exposes a person.

The number of askers to whom an agent was named is shown to that agent alone, from five askers on.
Askers are stored as a pseudonym that cannot be joined with the rest of the log. The named agent is
stored as an HMAC of their id and the period's first day, with a key that is not in the database.
Without the key, not even a list of all agents reveals somebody's counts, and no two periods can be
joined.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from expertise.names import STOP_WORDS, singular
from indexer.french.analysis import folded_words
from search_api.query_log.storage import (
    LogPeriod,
    journal_askings,
    journal_named,
    journal_named_counts,
    journal_period,
    journal_texts,
    named_key,
)

MAX_CHARACTERS = 200
"""A longer text was pasted, and may contain anything."""
_MIN_NAME_CHARS = 2
_MIN_PART_CHARS = 3
"""Shortest part of a login that is compared with names."""


def normal_text(typed: str) -> str:
    """Return the form in which a query is counted and shown, empty without words.

    The form consists of the words without accents, case and punctuation. So everybody whose query
    has this form typed the words that are shown.
    """
    return " ".join(folded_words(typed))


@dataclass(frozen=True, slots=True)
class DirectoryNames:
    """Names of the directory, folded: each of their words, and each name as one word.

    If it is empty, the names are unknown, and no text is shown.
    """

    words: frozenset[str] = frozenset()

    def named_in(self, text: str) -> bool:
        """Return whether a normal text contains a name, written in one to three words."""
        words = text.split()
        pairs = [one + other for one, other in pairwise(words)]
        triples = [a + b + c for a, b, c in zip(words, words[1:], words[2:], strict=False)]
        return any(self._is_name(word) for word in (*words, *pairs, *triples))

    def _is_name(self, word: str) -> bool:
        known = self.words
        if word in known or singular(word) in known:
            return True
        # A login: an initial and a name, or two names.
        parted = (word[1:], word[:-1]) if len(word) > _MIN_PART_CHARS else ()
        if any(part in known for part in parted):
            return True
        cuts = range(_MIN_PART_CHARS, len(word) - _MIN_PART_CHARS + 1)
        return any(word[:cut] in known and word[cut:] in known for cut in cuts)


def names_of(people: Iterable[tuple[str, str]]) -> DirectoryNames:
    """Return the names of (given name, family name) pairs."""
    found: set[str] = set()
    for name in {name for pair in people for name in pair}:
        words = folded_words(name)
        found.add("".join(words))
        found.update(words)
    kept = {word for word in found if len(word) >= _MIN_NAME_CHARS and word not in STOP_WORDS}
    return DirectoryNames(frozenset(kept | {singular(word) for word in kept}))


def may_be_shown(typed: str, names: DirectoryNames) -> bool:
    """Return whether a query, or its normal text, may be shown, however many have asked it."""
    if len(typed) > MAX_CHARACTERS or not names.words or "@" in typed:
        return False
    # As typed and in compatibility form: «Ⅳ» is a number, «②» contains one.
    letters = typed + unicodedata.normalize("NFKC", typed)
    if any(unicodedata.category(letter).startswith("N") for letter in letters):
        return False
    return not names.named_in(normal_text(typed))


MIN_ASKERS = 5
"""Minimum number of distinct askers in one period for which a query's text, or a mention, is stored
and shown.
"""


@dataclass(frozen=True, slots=True)
class QueryCounts:
    """Counts of one query, or of all queries that are not shown (`text` is None).

    An asking is one query of one asker within one hour, however often repeated. `results` is the
    sum over the `counted` askings with a known number of results; `zero` of these had no results.
    `abandoned` askings were followed by another query of the same asker within the hour, without a
    further look at their answers.
    """

    asked_for: str
    text: str | None
    queries: int = 0
    askings: int = 0
    results: int = 0
    counted: int = 0
    zero: int = 0
    abandoned: int = 0


COUNT_FIELDS = ("queries", "askings", "results", "counted", "zero", "abandoned")


def live_counts(connection: sa.Connection, names: DirectoryNames) -> list[QueryCounts]:
    """Return the counts of the current period."""
    asked = journal_askings.c
    query = (
        sa.select(
            asked.asked_for,
            journal_texts.c.text,
            sa.literal(1).label("queries"),
            sa.func.count().label("askings"),
            sa.func.coalesce(sa.func.sum(asked.results), 0).label("results"),
            sa.func.count(asked.results).label("counted"),
            sa.func.count().filter(asked.results == 0).label("zero"),
            sa.func.count().filter(asked.followed & ~asked.further).label("abandoned"),
        )
        .outerjoin_from(journal_askings, journal_texts, journal_texts.c.query == asked.query)
        .group_by(asked.asked_for, asked.query, journal_texts.c.text)
    )
    counts = [QueryCounts(**row) for row in connection.execute(query).mappings()]
    return summed_counts(counts, names)


def summed_counts(counts: Iterable[QueryCounts], names: DirectoryNames) -> list[QueryCounts]:
    """Return one count per kind and text; texts that may not be shown today are summed."""
    totals: Mapping[tuple[str, str | None], dict[str, int]] = defaultdict(
        lambda: dict.fromkeys(COUNT_FIELDS, 0)
    )
    for one in counts:
        shown = one.text is not None and may_be_shown(one.text, names)
        total = totals[one.asked_for, one.text if shown else None]
        for name in COUNT_FIELDS:
            total[name] += getattr(one, name)
    return [QueryCounts(kind, text, **numbers) for (kind, text), numbers in totals.items()]


def askers_of(connection: sa.Connection, query: str) -> int:
    """Return the number of distinct askers of a query in this period."""
    column = journal_askings.c.asker
    counted = sa.select(sa.func.count(sa.distinct(column))).where(journal_askings.c.query == query)
    return connection.execute(counted).scalar_one()


OTHER_TOPICS = ""
"""The topic of questions that name no topic of the list."""


@dataclass(frozen=True, slots=True)
class MentionCount:
    """Number of askers to whom an agent was named on a topic, in the period from `start` on."""

    topic_id: str
    start: date
    askers: int


def record_mentions(
    connection: sa.Connection,
    key: bytes,
    period: LogPeriod,
    asker: str,
    named: Sequence[str],
    topics: Collection[str],
) -> None:
    """Insert a row for each agent named in an answer and each topic of the question."""
    table, pseudonym = journal_named, period.mention_pseudonym(asker)
    for agent_id in dict.fromkeys(named):
        for topic in sorted(topics) or [OTHER_TOPICS]:
            row = {
                "agent_key": named_key(key, period.start, agent_id),
                "topic_id": topic,
                "asker": pseudonym,
            }
            same = sa.and_(*(table.c[name] == value for name, value in row.items()))
            if connection.execute(sa.select(table.c.asker).where(same)).first() is None:
                connection.execute(sa.insert(table).values(row))


def close_mentions(connection: sa.Connection, start: datetime) -> None:
    """Replace the mentions of a period by the counts that are large enough."""
    rows = connection.execute(_enough()).all()
    kept = [
        {"agent_key": key, "topic_id": topic, "start": start, "askers": askers}
        for key, topic, askers in rows
    ]
    if kept:
        connection.execute(sa.insert(journal_named_counts), kept)
    connection.execute(sa.delete(journal_named))


def mention_counts(
    engine: sa.Engine, key: bytes, agent_id: str, today: date
) -> tuple[MentionCount, ...]:
    """Return the counts of one agent, newest first, including the current period."""
    counts = journal_named_counts.c
    query = sa.select(counts.topic_id, counts.start, counts.askers)
    with engine.connect() as connection:
        keys = _keys_of(connection, key, agent_id)
        live = connection.execute(_enough().where(journal_named.c.agent_key.in_(keys))).all()
        closed = connection.execute(query.where(counts.agent_key.in_(keys))).all()
    found = [MentionCount(topic, today, askers) for _, topic, askers in live]
    found += [MentionCount(topic, start.date(), askers) for topic, start, askers in closed]
    return tuple(sorted(found, key=lambda one: (-one.start.toordinal(), one.topic_id)))


def forget_mentions(connection: sa.Connection, key: bytes, agent_id: str) -> int:
    """Delete the mentions of one agent, and return the number of rows."""
    keys = _keys_of(connection, key, agent_id)
    return sum(
        connection.execute(sa.delete(table).where(table.c.agent_key.in_(keys))).rowcount
        for table in (journal_named, journal_named_counts)
    )


def _keys_of(connection: sa.Connection, key: bytes, agent_id: str) -> list[str]:
    """Return the digests of one agent in each stored period."""
    asked = (
        sa.select(table.c.start).distinct() for table in (journal_period, journal_named_counts)
    )
    starts = {start for one in asked for start in connection.execute(one).scalars()}
    return [named_key(key, start, agent_id) for start in sorted(starts)]


def _enough() -> sa.Select[Any]:
    table = journal_named.c
    askers = sa.func.count()
    grouped = sa.select(table.agent_key, table.topic_id, askers)
    return grouped.group_by(table.agent_key, table.topic_id).having(askers >= MIN_ASKERS)
