"""What is answered about the worth of portfolios, by the second and by the day, and about where it came from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bursar.desk.api.shapes.words import (
    Account,
    Amount,
    Count,
    Currency,
    Day,
    Figures,
    Fraction,
    Moment,
    Money,
    Number,
    Place,
    Reason,
    Shape,
    Stamped,
    Strategy,
    Symbol,
)

FullName = Annotated[str, Field(description="ACCOUNT/PORTFOLIO.", examples=["DU9000001/main"])]
Made = Annotated[str, Field(description="An amount with all of its digits.", examples=["399.00"])]
Cents = Annotated[int, Field(description="Whole hundredths of the base currency.", examples=[10_039_900])]
GroupName = Annotated[str, Field(examples=["technology"])]


class SeenPosition(Shape):
    """A position as it was seen at one second. best, worst: of its unrealized gain since it was opened."""

    symbol: Symbol
    strategy: Strategy
    quantity: Number | None
    price: Number | None = Field(description="At which it was looked at, in its own currency; null for none.")
    currency: Currency
    worth: Amount | None
    weight: Fraction | None
    unrealized: Amount | None
    day_profit: Amount | None
    total_profit: Amount | None
    best: Amount | None
    worst: Amount | None


class Seen(Shape):
    """A portfolio as it was seen at one second. doubtful: the part of it that rests on old prices."""

    portfolio: FullName
    at: Moment
    currency: Currency = Field(description="Of every amount but the prices.")
    equity: Amount | None
    cash: Amount | None
    long: Amount | None
    short: Amount | None
    day_profit: Amount | None
    total_profit: Amount | None
    day_return: Fraction | None
    doubtful: Fraction | None
    risk: Figures
    limits_used: Figures = Field(description="Each limited measure over its limit: 1 is the limit itself.")
    rolling: Figures
    positions: list[SeenPosition]


class SeenNow(Seen, Stamped):
    """One portfolio as it was seen at the last second."""


class Snapshot(Stamped):
    """Every portfolio as it was seen at the last second."""

    at: Moment
    items: list[Seen]
    unvalued: dict[FullName, Reason] = Field(description="Portfolios that have no value, and why.")


class Utilization(Stamped):
    """How much of each limit is used."""

    at: Moment
    risk: Figures
    limits: Figures
    used: Figures


class Tick(Shape):
    """One second that was kept."""

    at: Moment
    equity: Cents
    cash: Cents
    exposure: Cents
    day_profit: Cents


class Series(Stamped):
    """Seconds that were kept, oldest first."""

    unit: str = Field(examples=["hundredths"])
    items: list[Tick]


class Profit(Shape):
    """What was made, and by what."""

    total: Made
    price: Made
    exchange: Made
    income: Made
    costs: Made


class Performance(Stamped):
    """How a portfolio did: the metrics, and what they rest on."""

    first: Day
    last: Day
    observations: Count
    equity: Money
    came_in: Money
    went_out: Money
    money_weighted_return: Fraction | None
    metrics: Figures
    profit: Profit
    simulated: list[str] = Field(description="What of its world is made up.", examples=[["prices"]])


class Rolling(Stamped):
    """Metrics over a window of days that moves."""

    window: int = Field(examples=[20])
    days: list[Day]
    metrics: dict[str, list[Number | None]] = Field(examples=[{"sharpe": [1.25]}])


class PlainDay(Shape):
    """One day of a portfolio."""

    day: Day
    opened: Money
    came_in: Money
    went_out: Money
    equity: Money
    simple_return: Fraction | None = Field(alias="return")
    profit: Profit
    profit_by: dict[Annotated[str, Field(examples=["sector"])], dict[GroupName, Profit]]
    rests_on_doubtful_prices: Fraction
    missing_prices: list[Symbol]


class Profits(Stamped):
    """What was made by each of a group."""

    group: str = Field(examples=["sector"])
    items: dict[GroupName, Profit]
    total: Profit


class Alert(Shape):
    """What a person should know."""

    sequence: Place
    at: Moment
    severity: str = Field(examples=["warning"])
    message: str = Field(examples=["the line to the broker is down"])


# ---------------------------------------------------------------- attribution


class NamedProfit(Profit):
    """What one of a group made."""

    name: GroupName


class Contribution(NamedProfit):
    """What one of a group made, and its share of the capital of the first day."""

    contribution: Fraction | None


class Attribution(Stamped):
    """What a portfolio made, split with nothing left over."""

    first: Day
    last: Day
    group: str = Field(examples=["sector"])
    items: list[Contribution]
    total: Profit


class Contributors(Stamped):
    """What contributed most, and what cost most."""

    group: str = Field(examples=["symbol"])
    contributors: list[NamedProfit]
    detractors: list[NamedProfit]


# ---------------------------------------------------------------- the day's tasks


class Due(Shape):
    """A task of today. state: ahead, due, done or over."""

    task: str = Field(examples=["analyze"])
    at: Moment
    local: str = Field(examples=["09:00"])
    state: str = Field(examples=["due"])


class Next(Shape):
    """The task that comes next."""

    task: str = Field(examples=["review"])
    at: Moment
    local: str = Field(examples=["Wed 05 Jan 16:30"])


class Market(Shape):
    """One market's day on its own clock."""

    market: str = Field(examples=["US"])
    exchange: str = Field(examples=["XNYS"])
    zone: str = Field(examples=["America/New_York"])
    traded: bool
    at: Moment
    open: bool
    half_day: bool
    today: list[Due]
    next: Next | None


class AgendaTold(Stamped):
    """What is due when, in each market."""

    rebalance: str = Field(examples=["daily"])
    missed: str = Field(examples=["catch_up"])
    items: list[Market]


# ---------------------------------------------------------------- the service


class Away(Shape):
    """A part of the service that is away."""

    part: str = Field(examples=["gateway"])
    since: Moment
    why: Reason
    still_works: str = Field(examples=["books and prices are shown as last known; nothing is sent"])


class Trader(Shape):
    """Who was granted the right to trade an account last."""

    account: Account
    holder: str = Field(examples=["desk-1/4711"])
    number: Count
    until: Moment
    holds: bool


class Health(Stamped):
    """Whether the service is well, and what is away. trades: here, elsewhere, nowhere or unknown."""

    status: str = Field(examples=["ok"])
    away: list[Away]
    trades: str = Field(examples=["here"])
    traders: list[Trader]
    line: str | None = Field(examples=["up"])
    trading: str = Field(examples=["active"])
    seen_at: Moment | None
    prices_age_seconds: Number | None
    readers: Count
    readers_dropped: Count


class FiveFigures(Stamped):
    """How the account that is traded did."""

    account: Account
    simulated: list[str] = Field(examples=[["prices"]])
    sharpe_ratio: Number | None
    max_drawdown: Fraction | None
    annual_return: Fraction | None
    volatility: Fraction | None
    win_rate: Fraction | None
