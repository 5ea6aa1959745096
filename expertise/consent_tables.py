"""Agents' own wishes: apart from the directory's tables, which are replaced whole."""

import sqlalchemy as sa

metadata = sa.MetaData()

wishes = sa.Table(
    "agent_wishes",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(20), primary_key=True),
    sa.Column("subject", sa.String(200), primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("said", sa.JSON, nullable=False),
    sa.Column("since", sa.DateTime(timezone=True), nullable=False),
)

wish_words = sa.Table(
    "agent_wish_words",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("subject", sa.String(200), primary_key=True),
    sa.Column("word", sa.String(200), primary_key=True),
    sa.Index("agent_wish_words_word", "word"),
)
"""The words of declared topics, by which a question may name who declares them."""

missing = sa.Table(
    "agents_missing",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("since", sa.Date, nullable=False),
)
"""Since when the directory no longer knows somebody whose wishes are kept."""
