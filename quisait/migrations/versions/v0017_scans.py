"""Keep scanned documents with their recognised text, and how many pages were read on a day."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "scans",
        sa.Column("source", sa.String(200), primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("document_id", sa.Text, nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("noted", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("file_pages", sa.Integer),
        sa.Column("confidence", sa.Integer),
        sa.Column("pages", sa.JSON, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "scan_days",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("pages", sa.Integer, nullable=False),
        if_not_exists=True,
    )
