"""Tables that grow with time are laid out for it on PostgreSQL: see ``timescale``."""

from alembic import op

from bursar.adapters.store import timescale

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Lay out ``snapshots`` and ``performance_history`` by time. SQLite has no such thing and needs none."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        timescale.lay_out_by_time(connection)
