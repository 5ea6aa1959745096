"""The journal's tables: one period in detail without texts or names, then counts alone."""

import sqlalchemy as sa

metadata = sa.MetaData()

journal_period = sa.Table(
    "journal_period",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("start", sa.DateTime(timezone=True), nullable=False),
    sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    sa.Column("salt", sa.String(64), nullable=False),
    sa.Column("key_check", sa.String(64), nullable=False),
)
"""The one period that goes on. Its row is also the lock under which the journal is written."""

journal_askings = sa.Table(
    "journal_askings",
    metadata,
    sa.Column("hour", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("asker", sa.String(64), primary_key=True),
    sa.Column("asked_for", sa.String(20), primary_key=True),
    sa.Column("query", sa.String(64), primary_key=True),
    sa.Column("results", sa.Integer),
    sa.Column("further", sa.Boolean, nullable=False),
    sa.Column("followed", sa.Boolean, nullable=False),
    sa.Index("journal_askings_query", "query"),
)
"""Of this period alone. `asker` and `query` are keyed digests; nothing tells their order within
an hour, but that `followed` queries were followed by another one of the same asker."""

journal_texts = sa.Table(
    "journal_texts",
    metadata,
    sa.Column("query", sa.String(64), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)
"""Of this period's queries that enough askers have asked, and that may be shown."""

journal_counts = sa.Table(
    "journal_counts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("start", sa.DateTime(timezone=True), nullable=False, index=True),
    sa.Column("asked_for", sa.String(20), nullable=False),
    sa.Column("text", sa.Text),
    sa.Column("queries", sa.Integer, nullable=False),
    sa.Column("askings", sa.Integer, nullable=False),
    sa.Column("results", sa.Integer, nullable=False),
    sa.Column("counted", sa.Integer, nullable=False),
    sa.Column("zero", sa.Integer, nullable=False),
    sa.Column("abandoned", sa.Integer, nullable=False),
)
"""Of the periods that ended: a row for each query that may be shown, and one, without a text,
for all the others together. `counted` askings told a number of results, `results` is its sum."""

FORMER = ("journal_brought", "journal_brought_counts")
"""Tables that named who was brought up by a digest that a list of agents could be held against."""

journal_brought = sa.Table(
    "journal_named",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("topic_id", sa.String(200), primary_key=True),
    sa.Column("asker", sa.String(64), primary_key=True),
)
"""Of this period alone: who was named in answers, by pseudonyms of who asked. Both are keyed."""

journal_brought_counts = sa.Table(
    "journal_named_counts",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("topic_id", sa.String(200), primary_key=True),
    sa.Column("start", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("askers", sa.Integer, nullable=False),
)
"""Of the periods that ended: five askers or more. `agent_key` is another one in each period."""

ALL = (
    journal_brought,
    journal_brought_counts,
    journal_askings,
    journal_texts,
    journal_counts,
    journal_period,
)
