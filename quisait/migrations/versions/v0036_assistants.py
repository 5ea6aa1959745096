"""Tokens of assistants, limited to sources and spaces, and the calls made with them."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Add the limits of tokens, and the table of calls."""
    known = sa.inspect(op.get_bind())
    if "assistant" not in {one["name"] for one in known.get_columns("personal_tokens")}:
        with op.batch_alter_table("personal_tokens") as table:
            table.add_column(
                sa.Column("assistant", sa.Boolean, nullable=False, server_default=sa.false())
            )
            table.add_column(sa.Column("sources", sa.JSON))
            table.add_column(sa.Column("spaces", sa.JSON))
    if not known.has_table("assistant_calls"):
        op.create_table(
            "assistant_calls",
            sa.Column("id", sa.String(32), primary_key=True),
            sa.Column("agent_key", sa.String(64), nullable=False, index=True),
            sa.Column("agent_id", sa.Text, nullable=False),
            sa.Column("moment_s", sa.BigInteger, nullable=False, index=True),
            sa.Column("tool", sa.String(40), nullable=False),
            sa.Column("label", sa.Text, nullable=False),
        )
