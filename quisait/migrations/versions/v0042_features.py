"""The schemas of features that packages add."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    """Add the table."""
    if not sa.inspect(op.get_bind()).has_table("feature_schemas"):
        op.create_table(
            "feature_schemas",
            sa.Column("name", sa.String(100), primary_key=True),
            sa.Column("migrations", sa.Integer, nullable=False),
        )
