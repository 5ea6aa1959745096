"""Tables of questions to experts in the state's database: SQLite or PostgreSQL."""

import sqlalchemy as sa

from indexer import sql
from indexer.state import digest

metadata = sa.MetaData()

asked_questions = sa.Table(
    "asked_questions",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False, index=True),
    sa.Column("agent_key", sa.String(64), nullable=False, index=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("topic_id", sa.String(200), nullable=False),
    sa.Column("scope", sa.String(20), nullable=False),
    sa.Column("scope_id", sa.Text, nullable=False),
    sa.Column("named", sa.Boolean, nullable=False),
    sa.Column("stage", sa.String(20), nullable=False),
    sa.Column("until", sql.Moment),
    sa.Column("created", sql.Moment, nullable=False),
    sa.Column("modified", sql.Moment, nullable=False),
    sa.Column("missing", sa.Text, nullable=False),
    sa.Column("deleted", sa.Boolean, nullable=False),
    sa.Column("corrected", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("readers_chosen", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("asked_questions_stage", "stage", "created", "id"),
    sa.Index("asked_questions_topic", "topic_id", "stage", "created", "id"),
    sa.Index("asked_questions_modified", "modified"),
    info={sql.KEPT_UNNAMED: True},
)
"""A deleted question keeps its id and number, so that its document is deleted too; it keeps
`agent_key` for a while, so that it still counts for its asker's limits.
"""

asked_agents = sa.Table(
    "asked_agents",
    metadata,
    sa.Column("question_id", sa.String(32), primary_key=True),
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("asked", sql.Moment, nullable=False),
    sa.Column("until", sql.Moment, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("decided", sql.Moment),
    sa.Index("asked_agents_agent", "agent_key", "asked"),
)

question_recipients = sa.Table(
    "question_recipients",
    metadata,
    sa.Column("question_id", sa.String(32), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("agent_key", sa.String(64), nullable=False, index=True),
    sa.Column("agent_id", sa.Text, nullable=False),
)
"""Agents who may be asked a question, in that order, chosen when it was asked.

The row at `CHOSEN_BY_NAME` only says whom the asker chose by name: who is asked is in the others.
"""
CHOSEN_BY_NAME = -1

question_readers = sa.Table(
    "question_readers",
    metadata,
    sa.Column("question_id", sa.String(32), primary_key=True),
    sa.Column("agent_key", sa.String(64), primary_key=True, index=True),
    sa.Column("agent_id", sa.Text, nullable=False),
)
"""Members of a community when a question limited to it was asked."""

given_answers = sa.Table(
    "given_answers",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("question_id", sa.String(32), nullable=False, index=True),
    sa.Column("agent_key", sa.String(64), nullable=False, index=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created", sql.Moment, nullable=False),
    sa.Column("corrected", sa.JSON, nullable=False),
    sa.Column("accepted", sa.Boolean, nullable=False),
    sa.Column("thanked", sa.Boolean, nullable=False),
    sa.Column("valid_until", sa.Date),
    info={sql.KEPT_UNNAMED: True},
)

asking_preferences = sa.Table(
    "asking_preferences",
    metadata,
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("receives", sa.Boolean, nullable=False),
    sa.Column("topics", sa.JSON, nullable=False),
    sa.Column("per_week", sa.Integer),
    sa.Column("absent_until", sa.Date),
)

answered_before, questions_found_again = (
    sa.Table(
        name,
        metadata,
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )
    for name in ("answered_before", "questions_found_again")
)
"""Daily counts, without names: how often «Cela répond» ended a question being written; and, of
these, how often a question open to everybody was the answer.
"""

hidden_texts = sa.Table(
    "hidden_texts",
    metadata,
    sa.Column("question_id", sa.String(32), primary_key=True),
    sa.Column("answer_id", sa.String(32), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", sql.Moment, nullable=False),
    sa.Column("outdated", sa.Boolean, nullable=False, server_default=sa.false()),
)
"""Texts hidden by the animator of their topic: the question with all its answers if `answer_id` is
empty. `outdated`: nobody hid it, it is a former text from a restored database.
"""

question_uses = sa.Table(
    "question_uses",
    metadata,
    sa.Column("question_id", sa.String(32), primary_key=True),
    sa.Column("day", sa.Date, nullable=False),
)
"""Last day on which an agent other than its asker and answerers opened a question; no name."""

text_reports = sa.Table(
    "text_reports",
    metadata,
    sa.Column("question_id", sa.String(32), primary_key=True),
    sa.Column("answer_id", sa.String(32), primary_key=True),
    sa.Column("agent_key", sa.String(64), primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("created", sql.Moment, nullable=False),
    sa.Column("decided", sql.Moment),
    sa.Column("outdated", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("text_reports_agent", "agent_key", "created"),
)

asking_sequence = sa.Table(
    "asking_sequence",
    metadata,
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("last", sa.Integer, nullable=False),
)

QUESTION_PARTS = (
    given_answers,
    hidden_texts,
    text_reports,
    question_uses,
    question_recipients,
    question_readers,
)
"""Tables whose rows are deleted with their question."""


def renumber_texts_of(connection: sa.Connection, agent_id: str) -> None:
    """Give the next number to questions with texts of an agent who is about to be erased.

    Their documents are then indexed again, without the agent's name.
    """
    mine = digest(agent_id)
    connection.execute(sa.update(asking_sequence).values(last=asking_sequence.c.last + 1))
    seq = sa.select(asking_sequence.c.last).scalar_subquery()
    answered = sa.select(given_answers.c.question_id).where(given_answers.c.agent_key == mine)
    touched = (asked_questions.c.agent_key == mine) | asked_questions.c.id.in_(answered)
    connection.execute(sa.update(asked_questions).where(touched).values(seq=seq))


def forget_every_question(connection: sa.Connection) -> None:
    """Erase all questions, answers and requests; preferences stay.

    The number of the last change stays too, so that later numbers are above those in the index.
    """
    for table in (asked_questions, asked_agents, *QUESTION_PARTS):
        connection.execute(sa.delete(table))
