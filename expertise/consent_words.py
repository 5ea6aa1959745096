"""Whom a question names: by the directory's words, or those of topics they declare here."""

from collections.abc import Sequence

import sqlalchemy as sa

from expertise.consent_tables import wish_words


def named_keys(agent_words: sa.Table, words: Sequence[str]) -> sa.Select[tuple[str]]:
    """Keys of agents of whom each of these words is said."""
    said = sa.union(
        sa.select(agent_words.c.agent_key, agent_words.c.word).where(agent_words.c.word.in_(words)),
        sa.select(wish_words.c.agent_key, wish_words.c.word).where(wish_words.c.word.in_(words)),
    ).subquery()
    counted = sa.select(said.c.agent_key).group_by(said.c.agent_key)
    return counted.having(sa.func.count() == len(words))
