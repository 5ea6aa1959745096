"""A source is no longer read in parts: one that was is read in full once."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"

OF_PARTS = ("cursors", "ahead", "seen", "failures")
"""Tables that have rows of a source's parts, whose names are `SOURCE@NUMBER/PARTS`."""


def upgrade() -> None:
    """Delete the rows of parts, then drop the table of parts."""
    inspected = sa.inspect(op.get_bind())
    if not inspected.has_table("source_parts"):
        return
    divided = op.get_bind().execute(sa.text("SELECT DISTINCT source FROM source_parts")).scalars()
    for source in divided.all():
        for name in OF_PARTS:
            column = sa.column("source", sa.String)
            of_parts = column.startswith(f"{source}@", autoescape=True)
            op.execute(sa.delete(sa.table(name, column)).where(of_parts))
    op.drop_table("source_parts")
