"""Keep how many accesses of each kind were revoked, to tell a database that was put back."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0019"


def upgrade() -> None:
    """Create the table; its rows come when the database is opened."""
    op.create_table(
        "access_marks",
        sa.Column("kind", sa.String(40), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("emptied", sa.DateTime(timezone=True)),
        if_not_exists=True,
    )
