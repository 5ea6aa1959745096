"""Keep how many readers opened a document on a day."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "document_openings",
        sa.Column("document_key", sa.String(64), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("document_id", sa.Text, nullable=False),
        sa.Column("openings", sa.Integer, nullable=False),
        if_not_exists=True,
    )
