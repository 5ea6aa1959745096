"""Migrations of the state's database, by Alembic: `env` runs them, `versions` holds them.

A change of a table is a new file in `versions`, after the last one, and the new
`quisait.application.database.HEAD`; tests/unit/test_database.py fails until both exist.
`alembic.sqlalchemy.org/en/latest/ops.html` lists the operations. A new database is created from the
tables of the code and stamped with `HEAD`, so it runs no migration.
"""
