"""Keep when a question was corrected, as of an answer."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the column; of earlier corrections nothing is known."""
    asked = sa.inspect(op.get_bind()).get_columns("asked_questions")
    if "corrected" not in {one["name"] for one in asked}:
        op.add_column(
            "asked_questions",
            sa.Column("corrected", sa.JSON, nullable=False, server_default="[]"),
        )
