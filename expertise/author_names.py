"""Whose accounts a name means: of those who may be named, in post or gone.

What they wrote bears the directory's name for all who may read it; to look for it says nothing
more. Who withdrew, or is not listed, is found by the name that the source shows, and not by the
directory's.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from connectors.values import Agent
from expertise.consenting import has_withdrawn_from
from expertise.showing import may_be_named, named_rows
from indexer.french import folded_words
from indexer.state import digest

MOST_ACCOUNTS = 500
"""A first name alone may mean thousands: some of them are then enough."""

_LONGEST_WORD = 200


class Tables(NamedTuple):
    """The words of names, the accounts of agents, and the agents."""

    authors: sa.Table
    accounts: sa.Table
    agents: sa.Table


def author_words(metadata: sa.MetaData) -> sa.Table:
    """The table: each word of each name."""
    return sa.Table(
        "author_words",
        metadata,
        sa.Column("word", sa.String(_LONGEST_WORD), primary_key=True),
        sa.Column("agent_key", sa.String(64), primary_key=True),
    )


def author_rows(people: Iterable[Agent]) -> list[dict[str, str]]:
    """The rows of those of these agents who may be named."""
    return [
        {"word": word, "agent_key": digest(agent.id)}
        for agent in people
        if may_be_named(agent)
        for word in sorted({one[:_LONGEST_WORD] for one in folded_words(agent.name)})
    ]


def accounts_named(
    connection: sa.Connection, tables: Tables, words: Sequence[str]
) -> tuple[str, ...]:
    """Accounts of those who may be named and whose name has all these folded words, in order."""
    authors, accounts, agents = tables.authors, tables.accounts, tables.agents
    wanted = sorted({word[:_LONGEST_WORD] for word in words})
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
    found = connection.execute(query.order_by(accounts.c.key).limit(MOST_ACCOUNTS)).scalars()
    return tuple(sorted(found))
