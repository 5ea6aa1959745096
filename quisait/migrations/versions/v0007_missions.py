"""Keep the missions of agents, which the next reading of the directory tells."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column, where 0002 has not made the table with it."""
    if "missions" not in {one["name"] for one in sa.inspect(op.get_bind()).get_columns("agents")}:
        column = sa.Column("missions", sa.JSON, nullable=False, server_default="[]")
        op.add_column("agents", column)
