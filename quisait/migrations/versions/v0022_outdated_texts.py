"""Mark the hidden texts that a restored database brought back in a former version."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Add the column; every text that is hidden so far was hidden by somebody."""
    hidden = sa.inspect(op.get_bind()).get_columns("hidden_texts")
    if "outdated" not in {one["name"] for one in hidden}:
        op.add_column(
            "hidden_texts",
            sa.Column("outdated", sa.Boolean, nullable=False, server_default=sa.false()),
        )
