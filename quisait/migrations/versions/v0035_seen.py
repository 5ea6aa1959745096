"""Store which documents of listing sources were read, and in which version."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0032"


def upgrade() -> None:
    """Add the table; a source that has a cursor of another form is read in full once."""
    if sa.inspect(op.get_bind()).has_table("seen"):
        return
    op.create_table(
        "seen",
        sa.Column("source", sa.String(200), primary_key=True),
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("document_id", sa.Text, nullable=False),
        sa.Column("version", sa.LargeBinary, nullable=False),
        sa.Column("access", sa.LargeBinary, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
    )
