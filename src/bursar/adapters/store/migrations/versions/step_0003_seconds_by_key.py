"""Snapshots lie in the order of their key on SQLite: half the size, and a day is read without a search a second."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

COLUMNS = ("portfolio", "at", "equity", "cash", "exposure", "day_profit")


def upgrade() -> None:
    """Lay ``snapshots`` out anew, with what is in it. PostgreSQL has blocks by time already."""
    if op.get_bind().dialect.name != "sqlite":
        return
    op.rename_table("snapshots", "snapshots_before")
    op.create_table(
        "snapshots",
        sa.Column("portfolio", sa.String(length=64), nullable=False),
        *(sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False) for name in COLUMNS[1:]),
        sa.PrimaryKeyConstraint("portfolio", "at"),
        sqlite_with_rowid=False,
    )
    after, before = (sa.table(name, *map(sa.column, COLUMNS)) for name in ("snapshots", "snapshots_before"))
    op.execute(sa.insert(after).from_select(list(COLUMNS), sa.select(before)))
    op.drop_table("snapshots_before")
