"""Every table of the store.

Nine are projections of the journal and say nothing that it does not: ``bursar books rebuild`` makes them again.
``journal`` is the journal itself where it is kept in this database; ``snapshots`` holds the recent seconds.

Symbols have room for an option's 21 characters, quantities for fractions, money for all of its digits. An account's
name may be sealed, so it is text of any length.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Date, Float, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bursar.adapters.store.database import Exact, Moment


class Base(DeclarativeBase):
    """What all tables have in common: how the types of Python are kept."""

    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy's own way to say it
        Decimal: Exact,
        datetime: Moment,
        date: Date,
        bool: Boolean,
        float: Float,
        str: Text,
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


Symbol = String(64)
Name = String(64)
EventId = Text()


# ---------------------------------------------------------------- projections


class Projection(Base):
    """How far the tables have followed the journal. Its version is the optimistic lock of whoever writes them."""

    __tablename__ = "projection"

    name: Mapped[str] = mapped_column(Name, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    version: Mapped[int] = mapped_column(Integer, nullable=False)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # SQLAlchemy's own way to say it


class PortfolioRow(Base):
    """A portfolio and what it came to at its last event."""

    __tablename__ = "portfolios"

    account: Mapped[str] = mapped_column(primary_key=True)
    portfolio: Mapped[str] = mapped_column(Name, primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    base_currency: Mapped[str] = mapped_column(String(3))
    lot_method: Mapped[str] = mapped_column(Name)
    opened_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    cash: Mapped[dict[str, Any]]
    realized: Mapped[dict[str, Any]]
    income: Mapped[dict[str, Any]]
    fees: Mapped[dict[str, Any]]


class PositionRow(Base):
    """What a whole account holds of a symbol: what its broker sees."""

    __tablename__ = "positions"

    account: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(Symbol, primary_key=True)
    quantity: Mapped[Decimal]
    cost: Mapped[Decimal | None]
    currency: Mapped[str] = mapped_column(String(3))
    portfolios: Mapped[int] = mapped_column(Integer)


class PortfolioPositionRow(Base):
    """What one portfolio holds of a symbol, lot by lot. Several lots of a symbol are one row with several lots."""

    __tablename__ = "portfolio_positions"

    account: Mapped[str] = mapped_column(primary_key=True)
    portfolio: Mapped[str] = mapped_column(Name, primary_key=True)
    symbol: Mapped[str] = mapped_column(Symbol, primary_key=True)
    quantity: Mapped[Decimal]
    cost: Mapped[Decimal | None]
    average_cost: Mapped[Decimal | None]
    currency: Mapped[str] = mapped_column(String(3))
    sector: Mapped[str]
    multiplier: Mapped[Decimal]
    opened_at: Mapped[datetime]
    hands_off: Mapped[bool]
    mark: Mapped[Decimal | None]
    best: Mapped[Decimal]
    worst: Mapped[Decimal]
    lots: Mapped[list[Any]]

    __table_args__ = (Index("portfolio_positions_by_symbol", "symbol"),)


class TransactionRow(Base):
    """One event that moved money or shares, as it was told. A correction is a row of its own."""

    __tablename__ = "transactions"

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[str] = mapped_column(EventId, unique=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(Name)
    account: Mapped[str]
    portfolio: Mapped[str] = mapped_column(Name)
    strategy: Mapped[str]
    symbol: Mapped[str] = mapped_column(Symbol)
    quantity: Mapped[Decimal | None]
    price: Mapped[Decimal | None]
    amount: Mapped[Decimal | None]
    currency: Mapped[str] = mapped_column(String(3))
    commission: Mapped[Decimal | None]
    order_id: Mapped[str] = mapped_column(EventId)
    execution_id: Mapped[str] = mapped_column(EventId)
    postings: Mapped[list[Any]]

    __table_args__ = (
        Index("transactions_by_portfolio", "account", "portfolio", "at"),
        Index("transactions_by_symbol", "symbol", "at"),
        Index("transactions_by_order", "order_id"),
    )


class OrderRow(Base):
    """An order and where it stands."""

    __tablename__ = "orders"

    order_id: Mapped[str] = mapped_column(EventId, primary_key=True)
    account: Mapped[str]
    portfolio: Mapped[str] = mapped_column(Name)
    strategy: Mapped[str]
    symbol: Mapped[str] = mapped_column(Symbol)
    side: Mapped[str] = mapped_column(Name)
    quantity: Mapped[Decimal]
    filled: Mapped[Decimal]
    order_type: Mapped[str] = mapped_column(Name)
    limit_price: Mapped[Decimal | None]
    stop_price: Mapped[Decimal | None]
    time_in_force: Mapped[str] = mapped_column(Name)
    effect: Mapped[str] = mapped_column(Name)
    purpose: Mapped[str] = mapped_column(Name)
    status: Mapped[str] = mapped_column(Name)
    permanent_id: Mapped[int] = mapped_column(BigInteger)
    placed_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    reason: Mapped[str]

    __table_args__ = (
        Index("orders_by_status", "status", "placed_at"),
        Index("orders_by_portfolio", "account", "portfolio", "placed_at"),
    )


class StrategyExecutionRow(Base):
    """One decision of a strategy, and how many orders came of it."""

    __tablename__ = "strategy_executions"

    event_id: Mapped[str] = mapped_column(EventId, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]
    portfolio: Mapped[str] = mapped_column(Name)
    strategy: Mapped[str]
    equity: Mapped[Decimal]
    targets: Mapped[dict[str, Any]]
    approved: Mapped[int] = mapped_column(Integer)
    rejected: Mapped[int] = mapped_column(Integer)

    __table_args__ = (Index("strategy_executions_by_strategy", "strategy", "at"),)


class PerformanceRow(Base):
    """One day of one portfolio; a portfolio named ``*`` is the whole account. Amounts are in the base currency."""

    __tablename__ = "performance_history"

    account: Mapped[str] = mapped_column(primary_key=True)
    portfolio: Mapped[str] = mapped_column(Name, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    opened: Mapped[Decimal]
    equity: Mapped[Decimal]
    came_in: Mapped[Decimal]
    went_out: Mapped[Decimal]
    price_profit: Mapped[Decimal]
    exchange_profit: Mapped[Decimal]
    income: Mapped[Decimal]
    costs: Mapped[Decimal]
    simple_return: Mapped[float | None]
    doubtful: Mapped[float]


class RiskBudgetRow(Base):
    """How much of a portfolio's risk a part of it may use."""

    __tablename__ = "risk_budgets"

    account: Mapped[str] = mapped_column(primary_key=True)
    portfolio: Mapped[str] = mapped_column(Name, primary_key=True)
    level: Mapped[str] = mapped_column(Name, primary_key=True)
    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    share: Mapped[Decimal]
    method: Mapped[str] = mapped_column(Name)
    set_at: Mapped[datetime]


class AttributionRow(Base):
    """An explanation of a return."""

    __tablename__ = "attribution_reports"

    event_id: Mapped[str] = mapped_column(EventId, primary_key=True)
    at: Mapped[datetime]
    account: Mapped[str]
    portfolio: Mapped[str] = mapped_column(Name)
    method: Mapped[str] = mapped_column(Name)
    first: Mapped[date]
    last: Mapped[date]
    effects: Mapped[dict[str, Any]]

    __table_args__ = (Index("attribution_reports_by_portfolio", "account", "portfolio", "last"),)


#: The nine tables that are made from the journal, and nothing else is.
PROJECTIONS: tuple[type[Base], ...] = (
    PortfolioRow,
    PositionRow,
    TransactionRow,
    PerformanceRow,
    RiskBudgetRow,
    AttributionRow,
    StrategyExecutionRow,
    OrderRow,
    PortfolioPositionRow,
)


# ---------------------------------------------------------------- the journal, and the seconds


class JournalRow(Base):
    """An event in its place; see ``adapters/journal.py``."""

    __tablename__ = "journal"

    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[str] = mapped_column(EventId, unique=True)
    data: Mapped[bytes] = mapped_column("bytes", LargeBinary)
    digest: Mapped[bytes] = mapped_column(LargeBinary)


class SnapshotRow(Base):
    """What a portfolio was worth at one second. Amounts are whole hundredths of the base currency.

    at  seconds since 1970, UTC
    """

    __tablename__ = "snapshots"

    portfolio: Mapped[str] = mapped_column(Name, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    equity: Mapped[int] = mapped_column(BigInteger)
    cash: Mapped[int] = mapped_column(BigInteger)
    exposure: Mapped[int] = mapped_column(BigInteger)
    day_profit: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012  # SQLAlchemy's own way to say it


# ---------------------------------------------------------------- processes and people


class LeaseRow(Base):
    """Who may trade an account, until when, and as the how-manieth holder."""

    __tablename__ = "leases"

    account: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    fence: Mapped[int] = mapped_column(BigInteger)
    until: Mapped[datetime]


class CommandRow(Base):
    """What somebody asked for, who is at it, and when it was done. The arguments are JSON, sealed where there is a key.

    fence    of the lease under which it was claimed, 0 for none
    account  that it is meant for, empty for any
    """

    __tablename__ = "commands"

    number: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    command_id: Mapped[str] = mapped_column(EventId, unique=True)
    name: Mapped[str] = mapped_column(Name)
    arguments: Mapped[bytes] = mapped_column(LargeBinary)
    sender: Mapped[str]
    at: Mapped[datetime]
    claimed_by: Mapped[str | None]
    fence: Mapped[int] = mapped_column(BigInteger)
    claimed_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    account: Mapped[str]

    __table_args__ = (Index("commands_waiting", "done_at"),)


class PersonRow(Base):
    """Somebody who may sign in. The seeds are sealed where there is a key."""

    __tablename__ = "people"

    name: Mapped[str] = mapped_column(Name, primary_key=True)
    role: Mapped[str] = mapped_column(Name)
    password: Mapped[str]
    made_at: Mapped[datetime]
    must_change: Mapped[bool]
    seed: Mapped[bytes] = mapped_column(LargeBinary)
    seed_offered: Mapped[bytes] = mapped_column(LargeBinary)
    step: Mapped[int] = mapped_column(BigInteger)
    recovery: Mapped[list[Any]]
    disabled: Mapped[bool]
    version: Mapped[int] = mapped_column(Integer)


class PassRow(Base):
    """A session or a token, by the digest of its secret."""

    __tablename__ = "passes"

    pass_id: Mapped[str] = mapped_column(Name, primary_key=True)
    kind: Mapped[str] = mapped_column(Name)
    person: Mapped[str] = mapped_column(Name, index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    label: Mapped[str]
    scopes: Mapped[list[Any]]
    stepped_up: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
