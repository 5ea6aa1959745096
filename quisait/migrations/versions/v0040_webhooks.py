"""Tables of webhooks: their receivers and their outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0038"


def upgrade() -> None:
    """Add both tables."""
    moment = sa.DateTime(timezone=True)
    known = sa.inspect(op.get_bind())
    if not known.has_table("webhooks"):
        op.create_table(
            "webhooks",
            sa.Column("name", sa.String(100), primary_key=True),
            sa.Column("since", moment, nullable=False),
            sa.Column("build_id", sa.String(32), nullable=False),
        )
    if not known.has_table("webhook_queue"):
        op.create_table(
            "webhook_queue",
            sa.Column("id", sa.String(32), primary_key=True),
            sa.Column("webhook", sa.String(100), nullable=False),
            sa.Column("kind", sa.String(40), nullable=False),
            sa.Column("subject", sa.String(200), nullable=False),
            sa.Column("happened", moment, nullable=False),
            sa.Column("queued", moment, nullable=False),
            sa.Column("due", moment, nullable=False),
            sa.Column("state", sa.String(20), nullable=False),
            sa.Column("attempts", sa.Integer, nullable=False),
            sa.Column("code", sa.Integer),
            sa.Column("changed", moment, nullable=False),
            sa.Index("webhook_queue_due", "webhook", "state", "happened"),
        )
