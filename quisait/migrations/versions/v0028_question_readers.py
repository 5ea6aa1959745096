"""Keep who was a member of a community when a question that is limited to it was asked."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Create the table; the readers of older questions are chosen at the next step of time."""
    op.create_table(
        "question_readers",
        sa.Column("question_id", sa.String(32), primary_key=True),
        sa.Column("agent_key", sa.String(64), primary_key=True),
        sa.Column("agent_id", sa.Text, nullable=False),
        if_not_exists=True,
    )
    op.create_index(
        "ix_question_readers_agent_key", "question_readers", ["agent_key"], if_not_exists=True
    )
    asked = sa.inspect(op.get_bind()).get_columns("asked_questions")
    if "readers_chosen" not in {one["name"] for one in asked}:
        op.add_column(
            "asked_questions",
            sa.Column("readers_chosen", sa.Boolean, nullable=False, server_default=sa.false()),
        )
