"""Keep, by day of a build, the topics that one agent alone held."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table; it fills from the next build on."""
    op.create_table(
        "expertise_alone_topics",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("topic_id", sa.String(200), primary_key=True),
        if_not_exists=True,
    )
