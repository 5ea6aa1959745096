"""Expected questions can be pinned: who types one gets its document first."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    """Add the column and its index."""
    columns = sa.inspect(op.get_bind()).get_columns("expected_questions")
    if "pinned" not in {column["name"] for column in columns}:
        pinned = sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false())
        op.add_column("expected_questions", pinned)
        op.create_index("expected_questions_pinned", "expected_questions", ["pinned"])
