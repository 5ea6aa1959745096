"""The words of agents' names and places, for completion, spelling and search by author."""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from enum import StrEnum
from functools import cache
from typing import NamedTuple

import sqlalchemy as sa

from connectors.geography import DEPARTEMENTS, REGIONS
from connectors.values import Agent
from expertise.visibility import has_withdrawn_from, may_be_named, named_rows, shown_rows
from indexer.french.analysis import fold, folded_words
from indexer.state import digest
from indexer.suggestions import NEAR_WORDS, SHORT_LETTERS, NearWord, edit_distance, max_edits

LONGEST_WORD = 200
"""Maximum length of a stored word, in characters."""

SHORTEST_NAME = 3
"""Least length of a name that may have one edit («Gof»); words of documents must be longer."""

_MOST_LOOKED_UP = 20
"""Number of near words for which agents are looked up."""

_AFTER_ANY_LETTER = "\uffff"
"""A character that sorts after every letter: it ends the range of words with a prefix."""

_WRITTEN_WORD = re.compile(r"[^\W\d_]+")


class WordSource(StrEnum):
    """Whether a word belongs to an agent's name or to their place of work."""

    NAME = "name"
    PLACE = "place"


def name_words_table(metadata: sa.MetaData) -> sa.Table:
    """Return the table of words, sorted by code point, so that a prefix is a range."""
    by_code_point = sa.String(LONGEST_WORD).with_variant(
        sa.String(LONGEST_WORD, collation="C"), "postgresql"
    )
    return sa.Table(
        "said_words",
        metadata,
        sa.Column("said", sa.String(10), primary_key=True),
        sa.Column("word", by_code_point, primary_key=True),
        sa.Column("agent_key", sa.String(64), primary_key=True),
        info={"gives_access": "directory"},
    )


def name_word_rows(people: Iterable[Agent]) -> list[dict[str, str]]:
    """Return the rows of these agents; agents who are not listed have no rows."""
    return [
        {"said": word_source, "word": word, "agent_key": digest(agent.id)}
        for agent in people
        if may_be_named(agent)
        for word_source, text in (
            (WordSource.NAME, agent.name),
            (WordSource.PLACE, f"{agent.office} {agent.entity}"),
        )
        for word in sorted({folded[:LONGEST_WORD] for folded in folded_words(text)})
    ]


def names_with_prefix(
    agents: sa.Table, words: sa.Table, typed: str, today: date
) -> sa.Select[tuple[str]] | None:
    """Return the query for agents in post with these words in their name.

    The last word may be a prefix. Returns None if nothing is typed.
    """
    *whole, beginning = folded_words(typed) or [""]
    if not beginning:
        return None
    query = sa.select(agents).join(words, words.c.agent_key == agents.c.key)
    for number, word in enumerate(dict.fromkeys(whole)):
        other = words.alias(f"whole_{number}")
        same = (
            other.c.said == WordSource.NAME,
            other.c.word == word,
            other.c.agent_key == agents.c.key,
        )
        query = query.join(other, sa.and_(*same))
    begun = words.c.word.between(beginning, beginning + _AFTER_ANY_LETTER)
    return query.where(words.c.said == WordSource.NAME, begun, shown_rows(agents, today))


def near_known_words(
    connection: sa.Connection, agents: sa.Table, words: sa.Table, word: str, today: date
) -> list[tuple[str, str, int]]:
    """Return (word, key of one agent, number of agents) within `name_reach`, nearest first.

    The word itself is included. Only words with the same first letter are compared, to read fewer
    names.
    """
    most, column = name_reach(word), words.c.word
    same_beginning = sa.select(column).where(
        words.c.said.in_(list(WordSource)),
        column.between(word[:1], word[:1] + _AFTER_ANY_LETTER),
        sa.func.length(column).between(len(word) - most, len(word) + most),
    )
    known = set(connection.execute(same_beginning.distinct()).scalars())
    near = sorted((edit_distance(word, candidate, most), candidate) for candidate in known)
    wanted = [candidate for apart, candidate in near if apart <= most][:_MOST_LOOKED_UP]
    of_whom = (
        sa.select(column, sa.func.min(agents.c.key), sa.func.count())
        .join(agents, agents.c.key == words.c.agent_key)
        .where(words.c.said.in_(list(WordSource)), column.in_(wanted), shown_rows(agents, today))
        .group_by(column)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(of_whom)] if wanted else []


def name_reach(word: str) -> int:
    """Return the edit distance allowed for a word that may be a name or a place: 0, 1 or 2."""
    return 1 if SHORTEST_NAME <= len(word) < SHORT_LETTERS else max_edits(word)


def near_names(word: str, names: Iterable[tuple[str, Agent, int]]) -> tuple[NearWord, ...]:
    """Return the best of these words and of the names of départements and regions, as written."""
    most = name_reach(word)
    matches = {
        name: NearWord(written_in(name, f"{agent.name} {agent.office} {agent.entity}"), apart, many)
        for name, agent, many in names
        if (apart := edit_distance(word, name, most)) <= most
    }
    for name, written in _areas().items():
        if name[:1] == word[:1] and (apart := edit_distance(word, name, most)) <= most:
            matches.setdefault(name, NearWord(written, apart, 0))
    ranked = sorted(matches.values(), key=lambda near: (near.slips, -near.documents, near.written))
    return tuple(ranked[:NEAR_WORDS])


def written_in(word: str, text: str) -> str:
    """Return a folded word in the text's spelling, in lower case; unchanged if it is not there."""
    written = (match.lower() for match in _WRITTEN_WORD.findall(text))
    return next((candidate for candidate in written if fold(candidate) == word), word)


@cache
def _areas() -> dict[str, str]:
    """Return the written word for each folded word of the names of départements and regions."""
    names = " ".join((*DEPARTEMENTS.values(), *REGIONS.values()))
    return {fold(word): word for match in _WRITTEN_WORD.findall(names) if (word := match.lower())}


MOST_ACCOUNTS = 500
"""Maximum number of accounts that a name matches: a first name alone may match thousands."""


class AuthorTables(NamedTuple):
    """Three tables: the words of names, the accounts of agents, and the agents."""

    authors: sa.Table
    accounts: sa.Table
    agents: sa.Table


def author_words_table(metadata: sa.MetaData) -> sa.Table:
    """Return the table of the words of each name."""
    return sa.Table(
        "author_words",
        metadata,
        sa.Column("word", sa.String(LONGEST_WORD), primary_key=True),
        sa.Column("agent_key", sa.String(64), primary_key=True),
        info={"gives_access": "directory"},
    )


def author_rows(people: Iterable[Agent]) -> list[dict[str, str]]:
    """Return the rows of the agents who may be named."""
    return [
        {"word": word, "agent_key": digest(agent.id)}
        for agent in people
        if may_be_named(agent)
        for word in sorted({folded[:LONGEST_WORD] for folded in folded_words(agent.name)})
    ]


def accounts_named(
    connection: sa.Connection, tables: AuthorTables, words: Sequence[str]
) -> tuple[str, ...]:
    """Return accounts of agents whose name has all these folded words, sorted.

    Only agents who may be named are considered, without the sources from which they withdrew.
    """
    authors, accounts, agents = tables.authors, tables.accounts, tables.agents
    wanted = sorted({word[:LONGEST_WORD] for word in words})
    column = authors.c.agent_key
    matching = (
        sa.select(column)
        .where(authors.c.word.in_(wanted))
        .group_by(column)
        .having(sa.func.count() == len(wanted))
    )
    query = sa.select(accounts.c.account).where(
        accounts.c.agent_key.in_(matching),
        accounts.c.agent_key.in_(sa.select(agents.c.key).where(named_rows(agents))),
        ~has_withdrawn_from(accounts.c.agent_key, accounts.c.account),
    )
    keys = connection.execute(query.order_by(accounts.c.key).limit(MOST_ACCOUNTS)).scalars()
    return tuple(sorted(keys))
