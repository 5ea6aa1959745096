"""Keep opinions on documents and proposed people, and favourites."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "agent_feedback",
        sa.Column("agent_key", sa.String(64), primary_key=True),
        sa.Column("aspect", sa.String(20), primary_key=True),
        sa.Column("subject_kind", sa.String(20), primary_key=True),
        sa.Column("subject_key", sa.String(64), primary_key=True),
        sa.Column("topic_id", sa.String(200), primary_key=True),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("useful", sa.Boolean),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        if_not_exists=True,
    )
    op.create_index(
        "agent_feedback_subject",
        "agent_feedback",
        ["aspect", "subject_kind", "subject_key"],
        if_not_exists=True,
    )
