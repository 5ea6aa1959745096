"""Store who removed an agent from a topic, and the reason."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Add the columns, which stay empty for wishes of agents themselves."""
    known = {one["name"] for one in sa.inspect(op.get_bind()).get_columns("agent_wishes")}
    for name in ("decided_by", "reason"):
        if name not in known:
            op.add_column(
                "agent_wishes", sa.Column(name, sa.Text, nullable=False, server_default="")
            )
