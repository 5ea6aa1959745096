"""Keep what animators set on the pages of communities: pins, and which ones are closed."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "community_pins",
        sa.Column("topic_id", sa.String(200), primary_key=True),
        sa.Column("document_key", sa.String(64), primary_key=True),
        sa.Column("document_id", sa.Text, nullable=False),
        sa.Column("pinned", sa.DateTime(timezone=True), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "closed_communities",
        sa.Column("topic_id", sa.String(200), primary_key=True),
        sa.Column("closed", sa.DateTime(timezone=True), nullable=False),
        if_not_exists=True,
    )
