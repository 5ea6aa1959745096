"""Keep what an unfinished run is waiting for."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Add the columns; a database may have been created with them."""
    if "waiting" not in {one["name"] for one in sa.inspect(op.get_bind()).get_columns("runs")}:
        op.add_column(
            "runs", sa.Column("waiting", sa.String(20), nullable=False, server_default="")
        )
        op.add_column("runs", sa.Column("waited_s", sa.Integer, nullable=False, server_default="0"))
