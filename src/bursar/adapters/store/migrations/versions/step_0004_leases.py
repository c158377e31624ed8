"""Leases, and the operator's inbox."""

import sqlalchemy as sa
from alembic import op

from bursar.adapters.store.database import Moment

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make ``leases`` and ``commands``."""
    op.create_table(
        "leases",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("until", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "commands",
        # SQLite counts by itself only what it calls an INTEGER.
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("arguments", sa.LargeBinary(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("taken", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("command_id"),
    )
    op.create_index("commands_waiting", "commands", ["taken"])
