"""Keep the agents that an administrator cut by hand."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0023"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "cut_agents",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("day", sa.Date, nullable=False),
        if_not_exists=True,
    )
