"""The directory's names and places as words: what is being typed, and what was nearly written."""

import re
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from functools import cache

import sqlalchemy as sa

from connectors.areas import DEPARTEMENTS, REGIONS
from connectors.values import Agent
from expertise.showing import may_be_named, shown_rows
from indexer.french import fold, folded_words
from indexer.spelling import NEAR_WORDS, SHORT_LETTERS, NearWord, reach, slips
from indexer.state import digest

LONGEST_WORD = 200

SHORTEST_NAME = 3
"""«Gof» is given a slip too, as no word of a document so short is."""

_TRIED = 20
"""So many near words are looked up with whom they are said of."""

_BEYOND = "\uffff"
"""Stands behind every letter: words with one beginning are a range that ends there."""

_SURFACE = re.compile(r"[^\W\d_]+")


class Said(StrEnum):
    """Whether a word is of somebody's name or of the place of their post."""

    NAME = "name"
    PLACE = "place"


def said_words(metadata: sa.MetaData) -> sa.Table:
    """The table of words; by code points on every database, so that a beginning is a range."""
    by_code_point = sa.String(LONGEST_WORD).with_variant(
        sa.String(LONGEST_WORD, collation="C"), "postgresql"
    )
    return sa.Table(
        "said_words",
        metadata,
        sa.Column("said", sa.String(10), primary_key=True),
        sa.Column("word", by_code_point, primary_key=True),
        sa.Column("agent_key", sa.String(64), primary_key=True),
    )


def said_rows(people: Iterable[Agent]) -> list[dict[str, str]]:
    """The words of those who may be proposed: who is not listed has none."""
    return [
        {"said": said, "word": word, "agent_key": digest(agent.id)}
        for agent in people
        if may_be_named(agent)
        for said, text in ((Said.NAME, agent.name), (Said.PLACE, f"{agent.office} {agent.entity}"))
        for word in sorted({one[:LONGEST_WORD] for one in folded_words(text)})
    ]


def begun_names(
    agents: sa.Table, words: sa.Table, typed: str, today: date
) -> sa.Select[tuple[str]] | None:
    """Present agents with these words in their name, the last of which may be only begun."""
    *whole, beginning = folded_words(typed) or [""]
    if not beginning:
        return None
    query = sa.select(agents).join(words, words.c.agent_key == agents.c.key)
    for number, word in enumerate(dict.fromkeys(whole)):
        other = words.alias(f"whole_{number}")
        same = (other.c.said == Said.NAME, other.c.word == word, other.c.agent_key == agents.c.key)
        query = query.join(other, sa.and_(*same))
    begun = words.c.word.between(beginning, beginning + _BEYOND)
    return query.where(words.c.said == Said.NAME, begun, shown_rows(agents, today))


def near_words_said(
    connection: sa.Connection, agents: sa.Table, words: sa.Table, word: str, today: date
) -> list[tuple[str, str, int]]:
    """(word, one of whom it is said, of how many) within `name_reach`, nearest first.

    The word itself is among them. Only words with its first letter: others would mean
    reading every name there is.
    """
    most, column = name_reach(word), words.c.word
    same_beginning = sa.select(column).where(
        words.c.said.in_(list(Said)),
        column.between(word[:1], word[:1] + _BEYOND),
        sa.func.length(column).between(len(word) - most, len(word) + most),
    )
    known = set(connection.execute(same_beginning.distinct()).scalars())
    near = sorted((slips(word, one, most), one) for one in known)
    wanted = [one for apart, one in near if apart <= most][:_TRIED]
    of_whom = (
        sa.select(column, sa.func.min(agents.c.key), sa.func.count())
        .join(agents, agents.c.key == words.c.agent_key)
        .where(words.c.said.in_(list(Said)), column.in_(wanted), shown_rows(agents, today))
        .group_by(column)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(of_whom)] if wanted else []


def name_reach(word: str) -> int:
    """How many slips a word is given that may be a name or a place: 0, 1 or 2."""
    return 1 if SHORTEST_NAME <= len(word) < SHORT_LETTERS else reach(word)


def near_names(word: str, said: Iterable[tuple[str, Agent, int]]) -> tuple[NearWord, ...]:
    """Those words as they are written, and areas of the official code; the best few."""
    most = name_reach(word)
    found = {
        one: NearWord(written_in(one, f"{agent.name} {agent.office} {agent.entity}"), apart, many)
        for one, agent, many in said
        if (apart := slips(word, one, most)) <= most
    }
    for one, written in _areas().items():
        if one[:1] == word[:1] and (apart := slips(word, one, most)) <= most:
            found.setdefault(one, NearWord(written, apart, 0))
    ranked = sorted(found.values(), key=lambda near: (near.slips, -near.documents, near.written))
    return tuple(ranked[:NEAR_WORDS])


def written_in(word: str, text: str) -> str:
    """A folded word as the text writes it, in lower case; as it is where it does not."""
    written = (match.lower() for match in _SURFACE.findall(text))
    return next((one for one in written if fold(one) == word), word)


@cache
def _areas() -> dict[str, str]:
    """(folded word → as it is written) of the names of départements and regions."""
    names = " ".join((*DEPARTEMENTS.values(), *REGIONS.values()))
    return {fold(one): one for match in _SURFACE.findall(names) if (one := match.lower())}
