"""Keep questions to those who know: whom they were asked, their answers, and preferences."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "asked_questions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("agent_key", sa.String(64), nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("topic_id", sa.String(200), nullable=False),
        sa.Column("scope", sa.String(20), nullable=False),
        sa.Column("scope_id", sa.Text, nullable=False),
        sa.Column("named", sa.Boolean, nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("until", _MOMENT),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("modified", _MOMENT, nullable=False),
        sa.Column("missing", sa.Text, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "asked_agents",
        sa.Column("question_id", sa.String(32), primary_key=True),
        sa.Column("agent_key", sa.String(64), primary_key=True),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("asked", _MOMENT, nullable=False),
        sa.Column("until", _MOMENT, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "given_answers",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("question_id", sa.String(32), nullable=False),
        sa.Column("agent_key", sa.String(64), nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("corrected", sa.JSON, nullable=False),
        sa.Column("accepted", sa.Boolean, nullable=False),
        sa.Column("thanked", sa.Boolean, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "asking_preferences",
        sa.Column("agent_key", sa.String(64), primary_key=True),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("receives", sa.Boolean, nullable=False),
        sa.Column("topics", sa.JSON, nullable=False),
        sa.Column("per_week", sa.Integer),
        sa.Column("absent_until", sa.Date),
        if_not_exists=True,
    )
    op.create_table(
        "answered_before",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "asking_sequence",
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last", sa.Integer, nullable=False),
        if_not_exists=True,
    )
    for table, columns in (
        ("asked_questions", ["seq"]),
        ("asked_questions", ["agent_key"]),
        ("given_answers", ["question_id"]),
        ("given_answers", ["agent_key"]),
    ):
        op.create_index(f"ix_{table}_{columns[0]}", table, columns, if_not_exists=True)
    op.create_index(
        "asked_agents_agent", "asked_agents", ["agent_key", "asked"], if_not_exists=True
    )
