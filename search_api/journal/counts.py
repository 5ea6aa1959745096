"""Askings become counts: a query that may be shown has its own, the others share one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from search_api.journal.tables import journal_askings, journal_texts
from search_api.journal.words import Names, may_be_shown

ENOUGH_ASKERS = 5
"""So many distinct askers within one period before a query's text is kept and shown."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was asked of one kind. `text` is None for queries that are not shown.

    An asking is one query of one asker within one hour, however often repeated. `results`
    is the sum over the `counted` askings that told a number; `zero` of them had none.
    `abandoned` were followed by another query of the same asker within the same hour,
    and their answers never looked further into.
    """

    asked_for: str
    text: str | None
    queries: int = 0
    askings: int = 0
    results: int = 0
    counted: int = 0
    zero: int = 0
    abandoned: int = 0


NUMBERS = ("queries", "askings", "results", "counted", "zero", "abandoned")


def live_counts(connection: sa.Connection, names: Names) -> list[Counts]:
    """The counts of the period that goes on."""
    asked = journal_askings.c
    query = (
        sa.select(
            asked.asked_for,
            journal_texts.c.text,
            sa.literal(1).label("queries"),
            sa.func.count().label("askings"),
            sa.func.coalesce(sa.func.sum(asked.results), 0).label("results"),
            sa.func.count(asked.results).label("counted"),
            _how_many(asked.results == 0).label("zero"),
            _how_many(asked.followed & ~asked.further).label("abandoned"),
        )
        .outerjoin_from(journal_askings, journal_texts, journal_texts.c.query == asked.query)
        .group_by(asked.asked_for, asked.query, journal_texts.c.text)
    )
    found = [Counts(**row) for row in connection.execute(query).mappings()]
    return summed(found, names)


def summed(found: Iterable[Counts], names: Names) -> list[Counts]:
    """One each for a kind and text; what may not be shown, today, is among the others."""
    totals: Mapping[tuple[str, str | None], dict[str, int]] = defaultdict(
        lambda: dict.fromkeys(NUMBERS, 0)
    )
    for one in found:
        shown = one.text is not None and may_be_shown(one.text, names)
        total = totals[one.asked_for, one.text if shown else None]
        for name in NUMBERS:
            total[name] += getattr(one, name)
    return [Counts(kind, text, **numbers) for (kind, text), numbers in totals.items()]


def askers_of(connection: sa.Connection, query: str) -> int:
    """How many distinct askers have asked a query in this period."""
    column = journal_askings.c.asker
    counted = sa.select(sa.func.count(sa.distinct(column))).where(journal_askings.c.query == query)
    return connection.execute(counted).scalar_one()


def _how_many(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((condition, 1), else_=0))
