"""Keep what agents want by mail, and the queue of what is sent to them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "mail_preferences",
        sa.Column("agent_key", sa.String(64), primary_key=True),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("asked", sa.Boolean, nullable=False),
        sa.Column("answered", sa.Boolean, nullable=False),
        sa.Column("digest", sa.String(20), nullable=False),
        sa.Column("chosen", _MOMENT, nullable=False),
        sa.Column("digested", _MOMENT, nullable=False),
        sa.Column("refused", _MOMENT),
        sa.Column("refused_key", sa.String(64), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "mail_queue",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("agent_key", sa.String(64), nullable=False),
        sa.Column("agent_id", sa.Text, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("queued", _MOMENT, nullable=False),
        sa.Column("begins", _MOMENT),
        sa.Column("due", _MOMENT, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("lease", _MOMENT),
        sa.Column("holder", sa.String(32), nullable=False),
        sa.Column("code", sa.Integer),
        sa.Column("changed", _MOMENT, nullable=False),
        sa.UniqueConstraint("agent_key", "kind", "subject", name="mail_queue_once"),
        if_not_exists=True,
    )
    op.create_index("mail_queue_due", "mail_queue", ["state", "due"], if_not_exists=True)
