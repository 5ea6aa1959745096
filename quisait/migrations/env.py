"""Run the migrations on the connection of `quisait.application.database.migrate`."""

from alembic import context

# In the transaction of the connection: whole or not at all.
context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
