"""Add columns for the remark of a reader who marks a document or an answer as outdated."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0029"


def upgrade() -> None:
    """Add the columns, which stay empty for earlier marks."""
    inspected = sa.inspect(op.get_bind())
    for table, column in (
        ("outdated_marks", sa.Column("note", sa.Text, nullable=False, server_default="")),
        (
            "text_reports",
            sa.Column("outdated", sa.Boolean, nullable=False, server_default=sa.false()),
        ),
    ):
        if column.name not in {one["name"] for one in inspected.get_columns(table)}:
            op.add_column(table, column)
