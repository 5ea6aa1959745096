"""Keep what authors say of their documents, and what readers mark as outdated."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "verifications",
        sa.Column("document_key", sa.String(64), primary_key=True),
        sa.Column("document_id", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("agent_key", sa.String(64), nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("right", sa.Boolean, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "outdated_marks",
        sa.Column("document_key", sa.String(64), primary_key=True),
        sa.Column("agent_key", sa.String(64), primary_key=True),
        sa.Column("document_id", sa.Text, nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "verification_paces",
        sa.Column("agent_key", sa.String(64), primary_key=True),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("per_month", sa.Integer, nullable=False),
        if_not_exists=True,
    )
    for name, table, columns in (
        ("ix_verifications_agent_key", "verifications", ["agent_key"]),
        ("outdated_marks_agent", "outdated_marks", ["agent_key", "day"]),
    ):
        op.create_index(name, table, columns, if_not_exists=True)
