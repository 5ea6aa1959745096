"""Count the revocations of each kind of access, to recognise a database that was put back."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0019"


def upgrade() -> None:
    """Create the table; its rows are written when the database is opened."""
    op.create_table(
        "access_marks",
        sa.Column("kind", sa.String(40), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("emptied", sa.DateTime(timezone=True)),
        if_not_exists=True,
    )
