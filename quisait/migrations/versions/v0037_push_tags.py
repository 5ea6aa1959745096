"""Store the tags of documents that applications of La Suite push."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    """Add the table; documents that were pushed before have no tag until they are pushed again."""
    if sa.inspect(op.get_bind()).has_table("push_tags"):
        return
    op.create_table(
        "push_tags",
        sa.Column("source", sa.String(200), primary_key=True),
        sa.Column("tag", sa.String(300), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("record", sa.String(64), nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Index("push_tags_record", "source", "record"),
    )
