"""What is answered about portfolios and what they hold."""

from __future__ import annotations

from pydantic import Field

from bursar.desk.api.shapes.words import (
    Account,
    Count,
    Currency,
    Day,
    EventId,
    Fraction,
    Listed,
    Moment,
    Money,
    OrderId,
    Place,
    Portfolio,
    Price,
    Purse,
    Sector,
    Shape,
    Shares,
    Stamped,
    Strategy,
    Symbol,
)


class PortfolioLine(Shape):
    """A portfolio in a line. version: what If-Match names, where it is to be changed."""

    account: Account
    portfolio: Portfolio
    name: str = Field(examples=["Growth"])
    description: str = Field(examples=["Large companies, held long."])
    state: str = Field(description="open or closed.", examples=["open"])
    opened_at: Moment | None
    closed_at: Moment | None = Field(examples=[None])
    base_currency: Currency | None
    net_asset_value: Money | None
    positions: Count
    version: str = Field(examples=["j6"])


class Changed(PortfolioLine, Stamped):
    """A portfolio that was opened, changed or closed."""


class Lot(Shape):
    """Shares that were bought together. cost: null where nobody knows it."""

    quantity: Shares
    cost: Money | None
    acquired: Day
    source: EventId
    strategy: Strategy


class Position(Shape):
    """What is held of a symbol, with its lots. best, worst: of its unrealized gain since it was opened."""

    symbol: Symbol
    currency: Currency
    sector: Sector
    quantity: Shares
    cost: Money | None
    entry_price: Price | None
    mark: Price | None
    value_in_base: Money | None
    unrealized_in_base: Money | None
    weight: Fraction | None
    best: Money
    worst: Money
    opened_at: Moment
    hands_off: bool = Field(description="True for what nothing of ours touches.", examples=[False])
    lots: list[Lot]


class PositionTold(Position, Stamped):
    """One position with its lots."""


class Balance(Shape):
    """What stands in one of a portfolio's ledger accounts."""

    account: str = Field(examples=["cash"])
    currency: Currency
    symbol: str = Field(examples=[""])
    strategy: str = Field(examples=[""])
    balance: Money


class Books(Shape):
    """A portfolio's books whole. problem: why it cannot be valued; portfolio: empty for what belongs to none."""

    account: Account
    portfolio: Portfolio
    base_currency: Currency
    net_asset_value: Money | None
    positions_value: Money | None
    problem: str | None = Field(examples=[None])
    rests_on_doubtful_prices: Fraction | None
    stale_prices: list[Symbol]
    missing_prices: list[Symbol]
    cash: Purse
    settled_cash: Purse
    realized: Purse
    income: Purse
    fees: Purse
    positions: list[Position]
    balances: list[Balance]


class PortfolioTold(Changed):
    """One portfolio with its books; null where nothing was booked yet."""

    books: Books | None


class Cash(Stamped):
    """Cash by currency, what of it is settled, and what it earned and cost."""

    cash: Purse
    settled_cash: Purse
    realized: Purse
    income: Purse
    fees: Purse


class Transaction(Shape):
    """What moved money or shares."""

    sequence: Place
    event_id: EventId
    kind: str = Field(examples=["filled"])
    strategy: Strategy
    symbol: Symbol
    currency: Currency
    order_id: OrderId
    quantity: Shares | None
    price: Price | None
    amount: Money | None
    commission: Money | None
    at: Moment


class RoundTrip(Shape):
    """A position from nothing to nothing. profit: null where nobody knows what it cost."""

    portfolio: Portfolio
    symbol: Symbol
    currency: Currency
    opened_at: Moment
    closed_at: Moment
    days: float = Field(description="By the clock, from the first share to the last.", examples=[2.25])
    profit: Money | None
    best: Money
    worst: Money


class Flow(Shape):
    """What came in or went out. outside: over the account's edge, and not between its portfolios."""

    day: Day
    currency: Currency
    amount: Money
    outside: bool
    symbol: Symbol | None
    quantity: Shares
    cost: Money


class Held(Shape):
    """What an account holds of a symbol over all portfolios."""

    account: Account
    symbol: Symbol
    quantity: Shares
    portfolios: list[Portfolio]


class HeldBy(Position):
    """What one portfolio holds of a symbol."""

    account: Account
    portfolio: Portfolio


class Holders(Listed[HeldBy]):
    """Who holds a symbol."""

    symbol: Symbol


class AccountTerms(Shape):
    """How the books of an account are kept."""

    base_currency: Currency
    lot_method: str = Field(examples=["fifo"])
    net_asset_value: Money | None


class AllBooks(Stamped):
    """The books whole."""

    at: Moment | None
    simulated: list[str] = Field(description="What of their world is made up.", examples=[["prices"]])
    accounts: dict[Account, AccountTerms]
    portfolios: list[Books]
