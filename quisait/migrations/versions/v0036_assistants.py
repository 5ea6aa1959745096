"""Tokens of assistants, limited to sources and spaces."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Add the limits of tokens; the package `quisait-mcp` makes the table of calls itself."""
    known = sa.inspect(op.get_bind())
    if "assistant" not in {one["name"] for one in known.get_columns("personal_tokens")}:
        with op.batch_alter_table("personal_tokens") as table:
            table.add_column(
                sa.Column("assistant", sa.Boolean, nullable=False, server_default=sa.false())
            )
            table.add_column(sa.Column("sources", sa.JSON))
            table.add_column(sa.Column("spaces", sa.JSON))
