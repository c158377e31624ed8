"""What Alembic runs: the steps, on the connection that ``database.migrate`` hands over, in its transaction."""

from alembic import context

from bursar.adapters.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
    transaction_per_migration=False,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
