"""Whose accounts a name means: of everybody, who wrote and left, or is not to be proposed, too.

What they wrote bears their name for all who may read it; to look for it says nothing more.
Who withdrew is found by the name that the source shows, and not by the directory's.
"""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from connectors.values import Agent
from expertise.consenting import has_withdrawn, has_withdrawn_from
from indexer.french import folded_words
from indexer.state import digest

MOST_ACCOUNTS = 500
"""A first name alone may mean thousands: some of them are then enough."""

_LONGEST_WORD = 200


def author_words(metadata: sa.MetaData) -> sa.Table:
    """The table: each word of each name."""
    return sa.Table(
        "author_words",
        metadata,
        sa.Column("word", sa.String(_LONGEST_WORD), primary_key=True),
        sa.Column("agent_key", sa.String(64), primary_key=True),
    )


def author_rows(people: Iterable[Agent]) -> list[dict[str, str]]:
    """The rows of these agents."""
    return [
        {"word": word, "agent_key": digest(agent.id)}
        for agent in people
        for word in sorted({one[:_LONGEST_WORD] for one in folded_words(agent.name)})
    ]


def accounts_named(
    connection: sa.Connection, authors: sa.Table, accounts: sa.Table, words: Sequence[str]
) -> tuple[str, ...]:
    """Accounts of those whose name has all these folded words, in order."""
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
        ~has_withdrawn(accounts.c.agent_key),
        ~has_withdrawn_from(accounts.c.agent_key, accounts.c.account),
    )
    found = connection.execute(query.order_by(accounts.c.key).limit(MOST_ACCOUNTS)).scalars()
    return tuple(sorted(found))
