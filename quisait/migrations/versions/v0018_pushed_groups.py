"""Keep the groups that applications push, with their members."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "pushed_groups",
        sa.Column("source", sa.String(200), primary_key=True),
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("name_key", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("source", "name_key", name="pushed_groups_name"),
        if_not_exists=True,
    )
    op.create_table(
        "pushed_members",
        sa.Column("source", sa.String(200), primary_key=True),
        sa.Column("group_id", sa.String(100), primary_key=True),
        sa.Column("value_key", sa.String(64), primary_key=True),
        sa.Column("email_key", sa.String(64), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        if_not_exists=True,
    )
    for column in ("value", "email"):
        op.create_index(
            f"pushed_members_{column}",
            "pushed_members",
            ["source", f"{column}_key"],
            if_not_exists=True,
        )
