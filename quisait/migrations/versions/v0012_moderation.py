"""Keep reports of questions, what is hidden, how long an answer holds, and the last use."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "hidden_texts",
        sa.Column("question_id", sa.String(32), primary_key=True),
        sa.Column("answer_id", sa.String(32), primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "text_reports",
        sa.Column("question_id", sa.String(32), primary_key=True),
        sa.Column("answer_id", sa.String(32), primary_key=True),
        sa.Column("agent_key", sa.String(64), primary_key=True),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("decided", _MOMENT),
        if_not_exists=True,
    )
    op.create_index(
        "text_reports_agent", "text_reports", ["agent_key", "created"], if_not_exists=True
    )
    op.create_table(
        "question_uses",
        sa.Column("question_id", sa.String(32), primary_key=True),
        sa.Column("day", sa.Date, nullable=False),
        if_not_exists=True,
    )
    given = sa.inspect(op.get_bind()).get_columns("given_answers")
    if "valid_until" not in {one["name"] for one in given}:
        op.add_column("given_answers", sa.Column("valid_until", sa.Date))
