"""The schema of quisait 0.2.0, from which later migrations start.

The migration has no steps: a new database gets the tables of the code and is stamped with `HEAD`,
and an older schema is refused (`quisait.application.database.migrate`).
"""

revision = "0028"
down_revision = None
