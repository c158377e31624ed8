"""A command names the account that it is meant for."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Say for which account a command is. What was sent before is for whoever looks at it first, as it was."""
    with op.batch_alter_table("commands") as table:
        table.add_column(sa.Column("account", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("commands") as table:
        table.alter_column("account", existing_type=sa.Text(), server_default=None)
