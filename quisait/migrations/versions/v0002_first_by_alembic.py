"""Take over a database that Alembic did not make: create what it lacks, drop `leases`.

Until then tables were created where they were missing, at each start. `leases` is replaced by
locks of the database and of files. `schema_version` stays, for a quisait of before Alembic: it
refuses a database whose version it does not know.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0002"
down_revision = "0001"

BY_ALEMBIC = 3
"""The version of every database that Alembic migrates."""


def upgrade() -> None:
    """Create the missing tables, as they are defined when this runs."""
    for tables in context.config.attributes["tables"]:
        tables.create_all(op.get_bind())
    op.drop_table("leases", if_exists=True)
    version = sa.table("schema_version", sa.column("version", sa.Integer))
    op.execute(sa.delete(version))
    op.execute(sa.insert(version).values(version=BY_ALEMBIC))
