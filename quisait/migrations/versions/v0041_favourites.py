"""Favourites get a table of their own; opinions («utile», «pas utile») are deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    """Copy the favourites, then drop the table that also had the opinions."""
    inspected = sa.inspect(op.get_bind())
    if not inspected.has_table("favourites"):
        op.create_table(
            "favourites",
            sa.Column("agent_key", sa.String(64), primary_key=True),
            sa.Column("subject_kind", sa.String(20), primary_key=True),
            sa.Column("subject_key", sa.String(64), primary_key=True),
            sa.Column("agent_id", sa.Text, nullable=False),
            sa.Column("subject", sa.Text, nullable=False),
            sa.Column("since", sa.DateTime(timezone=True), nullable=False),
            sa.Index("favourites_subject", "subject_kind", "subject_key"),
        )
    if inspected.has_table("agent_feedback"):
        columns = "agent_key, subject_kind, subject_key, agent_id, subject, since"
        op.execute(
            f"INSERT INTO favourites ({columns}) SELECT {columns} FROM agent_feedback "  # noqa: S608
            "WHERE aspect = 'favourite'"
        )
        op.drop_table("agent_feedback")
