"""The tables of the store, as they were first laid out."""

import sqlalchemy as sa
from alembic import op

from bursar.adapters.store.database import Exact, Moment

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table, the nine projections among them."""
    op.create_table(
        "attribution_reports",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("portfolio", sa.String(length=64), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("effects", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index(
        "attribution_reports_by_portfolio", "attribution_reports", ["account", "portfolio", "last"], unique=False
    )
    op.create_table(
        "journal",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_table(
        "orders",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("portfolio", sa.String(length=64), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("symbol", sa.String(length=64), nullable=False),
        sa.Column("side", sa.String(length=64), nullable=False),
        sa.Column("quantity", Exact(), nullable=False),
        sa.Column("filled", Exact(), nullable=False),
        sa.Column("order_type", sa.String(length=64), nullable=False),
        sa.Column("limit_price", Exact(), nullable=True),
        sa.Column("stop_price", Exact(), nullable=True),
        sa.Column("time_in_force", sa.String(length=64), nullable=False),
        sa.Column("effect", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("permanent_id", sa.BigInteger(), nullable=False),
        sa.Column("placed_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_index("orders_by_portfolio", "orders", ["account", "portfolio", "placed_at"], unique=False)
    op.create_index("orders_by_status", "orders", ["status", "placed_at"], unique=False)
    op.create_table(
        "performance_history",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("portfolio", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("opened", Exact(), nullable=False),
        sa.Column("equity", Exact(), nullable=False),
        sa.Column("came_in", Exact(), nullable=False),
        sa.Column("went_out", Exact(), nullable=False),
        sa.Column("price_profit", Exact(), nullable=False),
        sa.Column("exchange_profit", Exact(), nullable=False),
        sa.Column("income", Exact(), nullable=False),
        sa.Column("costs", Exact(), nullable=False),
        sa.Column("simple_return", sa.Float(), nullable=True),
        sa.Column("doubtful", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("account", "portfolio", "day"),
    )
    op.create_table(
        "portfolio_positions",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("portfolio", sa.String(length=64), nullable=False),
        sa.Column("symbol", sa.String(length=64), nullable=False),
        sa.Column("quantity", Exact(), nullable=False),
        sa.Column("cost", Exact(), nullable=True),
        sa.Column("average_cost", Exact(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("sector", sa.Text(), nullable=False),
        sa.Column("multiplier", Exact(), nullable=False),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("hands_off", sa.Boolean(), nullable=False),
        sa.Column("mark", Exact(), nullable=True),
        sa.Column("best", Exact(), nullable=False),
        sa.Column("worst", Exact(), nullable=False),
        sa.Column("lots", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("account", "portfolio", "symbol"),
    )
    op.create_index("portfolio_positions_by_symbol", "portfolio_positions", ["symbol"], unique=False)
    op.create_table(
        "portfolios",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("portfolio", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("base_currency", sa.String(length=3), nullable=False),
        sa.Column("lot_method", sa.String(length=64), nullable=False),
        sa.Column("opened_at", Moment(), nullable=True),
        sa.Column("closed_at", Moment(), nullable=True),
        sa.Column("cash", sa.JSON(), nullable=False),
        sa.Column("realized", sa.JSON(), nullable=False),
        sa.Column("income", sa.JSON(), nullable=False),
        sa.Column("fees", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("account", "portfolio"),
    )
    op.create_table(
        "positions",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("symbol", sa.String(length=64), nullable=False),
        sa.Column("quantity", Exact(), nullable=False),
        sa.Column("cost", Exact(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("portfolios", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account", "symbol"),
    )
    op.create_table(
        "projection",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "risk_budgets",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("portfolio", sa.String(length=64), nullable=False),
        sa.Column("level", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("share", Exact(), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("set_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("account", "portfolio", "level", "name"),
    )
    op.create_table(
        "snapshots",
        sa.Column("portfolio", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("equity", sa.BigInteger(), nullable=False),
        sa.Column("cash", sa.BigInteger(), nullable=False),
        sa.Column("exposure", sa.BigInteger(), nullable=False),
        sa.Column("day_profit", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("portfolio", "at"),
    )
    op.create_table(
        "strategy_executions",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("portfolio", sa.String(length=64), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("equity", Exact(), nullable=False),
        sa.Column("targets", sa.JSON(), nullable=False),
        sa.Column("approved", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("strategy_executions_by_strategy", "strategy_executions", ["strategy", "at"], unique=False)
    op.create_table(
        "transactions",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("portfolio", sa.String(length=64), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("symbol", sa.String(length=64), nullable=False),
        sa.Column("quantity", Exact(), nullable=True),
        sa.Column("price", Exact(), nullable=True),
        sa.Column("amount", Exact(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("commission", Exact(), nullable=True),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("postings", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_index("transactions_by_order", "transactions", ["order_id"], unique=False)
    op.create_index("transactions_by_portfolio", "transactions", ["account", "portfolio", "at"], unique=False)
    op.create_index("transactions_by_symbol", "transactions", ["symbol", "at"], unique=False)
