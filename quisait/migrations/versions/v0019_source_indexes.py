"""Keep which index the cursor of each source describes."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

INDEX_ID = 200


def upgrade() -> None:
    """Create the table; the sources read so far describe the index that is opened first."""
    op.create_table(
        "source_indexes",
        sa.Column("source", sa.String(200), primary_key=True),
        sa.Column("index_id", sa.String(INDEX_ID), primary_key=True),
        sa.Column("whole", sa.Boolean, nullable=False),
        if_not_exists=True,
    )
    connection = op.get_bind()
    rows = sa.table(
        "source_indexes", sa.column("source"), sa.column("index_id"), sa.column("whole")
    )
    if connection.execute(sa.select(rows)).first():
        return
    named = sa.text("select source from cursors union select source from runs")
    sources = {name.partition("@")[0] for name in connection.execute(named).scalars()} - {""}
    if sources:
        values = [{"source": name, "index_id": "", "whole": True} for name in sorted(sources)]
        connection.execute(sa.insert(rows), values)
