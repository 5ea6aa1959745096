"""Keep what agents follow, and until when they have seen what is new of it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "follows",
        sa.Column("agent_key", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(20), primary_key=True),
        sa.Column("subject_key", sa.String(64), primary_key=True),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "news_seen",
        sa.Column("agent_key", sa.String(64), primary_key=True),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("seen", _MOMENT, nullable=False),
        if_not_exists=True,
    )
