"""Questions that documents answer, in agents' own words."""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"


def upgrade() -> None:
    """Add the table."""
    if not sa.inspect(op.get_bind()).has_table("expected_questions"):
        op.create_table(
            "expected_questions",
            sa.Column("document_key", sa.String(64), primary_key=True),
            sa.Column("question_key", sa.String(64), primary_key=True),
            sa.Column("document_id", sa.Text, nullable=False),
            sa.Column("question", sa.Text, nullable=False),
            sa.Column("origin", sa.String(20), nullable=False),
            sa.Column("day", sa.Date, nullable=False),
            sa.Column("content_hash", sa.Text, nullable=False),
            sa.Column("removed", sa.Boolean, nullable=False),
            sa.Column("applied", sa.Boolean, nullable=False),
            sa.Index("expected_questions_applied", "applied"),
        )
