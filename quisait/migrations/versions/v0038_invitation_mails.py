"""Store whether an agent wants mail about communities that invite them."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Add the column.

    Its value is false for agents who had unsubscribed from both other kinds of mail.
    """
    inspected = sa.inspect(op.get_bind())
    if not inspected.has_table("mail_preferences"):  # without the package of mail
        return
    if "invited" in {one["name"] for one in inspected.get_columns("mail_preferences")}:
        return
    column = sa.Column("invited", sa.Boolean, nullable=False, server_default=sa.true())
    op.add_column("mail_preferences", column)
    said = sa.table("mail_preferences", *map(sa.column, ("asked", "answered", "invited")))
    ended = sa.update(said).where(sa.not_(sa.or_(said.c.asked, said.c.answered)))
    op.execute(ended.values(invited=sa.false()))
