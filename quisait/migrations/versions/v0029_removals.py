"""Keep who removed an agent from a topic, and why."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Add the columns; wishes of agents themselves leave them empty."""
    known = {one["name"] for one in sa.inspect(op.get_bind()).get_columns("agent_wishes")}
    for name in ("decided_by", "reason"):
        if name not in known:
            op.add_column(
                "agent_wishes", sa.Column(name, sa.Text, nullable=False, server_default="")
            )
