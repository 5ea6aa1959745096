"""Keep when a source was asked to be read."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "requested_runs",
        sa.Column("source", sa.String(200), primary_key=True),
        sa.Column("moment", sa.DateTime(timezone=True), nullable=False),
        if_not_exists=True,
    )
