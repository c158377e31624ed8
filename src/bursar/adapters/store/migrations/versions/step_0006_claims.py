"""Commands are claimed and then done, instead of taken and gone."""

import sqlalchemy as sa
from alembic import op

from bursar.adapters.store.database import Moment

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Say who claimed a command, under which number, and when it was done. What was taken before counts as done."""
    op.drop_index("commands_waiting", "commands")
    with op.batch_alter_table("commands") as table:
        table.add_column(sa.Column("claimed_by", sa.Text(), nullable=True))
        table.add_column(sa.Column("fence", sa.BigInteger(), nullable=False, server_default="0"))
        table.add_column(sa.Column("claimed_at", Moment(), nullable=True))
        table.add_column(sa.Column("done_at", Moment(), nullable=True))
    op.execute("UPDATE commands SET done_at = at WHERE taken")
    with op.batch_alter_table("commands") as table:
        table.drop_column("taken")
        table.alter_column("fence", existing_type=sa.BigInteger(), server_default=None)
    op.create_index("commands_waiting", "commands", ["done_at"])
