"""How a portfolio did: one day after the other, and all days together.

A day ends at an official mark. What came in during the day counts as there from its beginning, and what went out as
there until its end, so that

    return = (equity + went out) / (equity of the day before + came in) - 1

and flows move no return. Days are chained (time-weighted), which judges the manager; the money-weighted return
judges what the owner got, timing of the flows included. Returns hold dividends and all costs: they are total
returns, and only a benchmark of total returns may stand beside them.

Sources: CFA Institute, Global Investment Performance Standards (2020), daily time-weighted returns; Bacon, "Practical
Portfolio Performance Measurement and Attribution" (2008), chapter 2, internal rate of return and average capital.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

import numpy as np

from bursar.domain.events import Event, Marked
from bursar.domain.money import ZERO
from bursar.errors import DataError, InputError
from bursar.ledger.book import Book, Bookkeeper, PortfolioBook
from bursar.ledger.profit import Profit, ProfitKey, Standings, profits, standings, summed, worth_in_kind
from bursar.ledger.valuation import Valuation, rate, value
from bursar.quant.arrays import FloatArray
from bursar.quant.performance import METRIC_NAMES, PERIODS_PER_YEAR, metrics, relative_metrics, rolling_metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day of one portfolio, or of one account, in its base currency.

    opened     equity at the end of the day before; zero on the first
    came_in, went_out  flows of the day, both not negative
    profits    by line; their sum is equity less opened less flows
    doubtful   the part of the positions' value that rests on stale or missing prices, which ``missing`` names
    """

    day: date
    opened: Decimal
    came_in: Decimal
    went_out: Decimal
    equity: Decimal
    profits: Mapping[ProfitKey, Profit]
    doubtful: float = 0.0
    missing: tuple[str, ...] = ()

    @property
    def profit(self) -> Profit:
        """The day's profit, all lines together."""
        return sum(self.profits.values(), Profit())

    @property
    def simple_return(self) -> float | None:
        """The day's return, or None where nothing was there to earn one."""
        capital = self.opened + self.came_in
        return float((self.equity + self.went_out) / capital - 1) if capital > 0 else None


@dataclass(slots=True)
class Close:
    """Where a day ended: equity, every line, the rates, and how many flows of each portfolio are in it."""

    equity: Decimal = ZERO
    lines: Standings = field(default_factory=dict)
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    flows: dict[str, int] = field(default_factory=dict)


class Chronicle:
    """Writes one account, or one portfolio of it, day by day.

    Show it every event that the Bookkeeper has applied. A day that cannot be valued (a currency without a rate)
    is named in ``skipped``, and its profit falls on the next.
    """

    def __init__(self, account: str, portfolio: str | None = None) -> None:
        self.account = account
        self.portfolio = portfolio
        self.skipped: list[tuple[date, str]] = []
        self.closes = 0
        self._days: list[Day] = []
        self._settled: dict[tuple[str, ...], Decimal] = {}
        self._before = Close()
        self._present = Close()
        self._prices: dict[str, Decimal] = {}

    @property
    def days(self) -> tuple[Day, ...]:
        """All days so far, oldest first."""
        return tuple(self._days)

    @property
    def closed(self) -> Close:
        """How things stood at the last close; ``closes`` counts them."""
        return self._present

    @property
    def earlier(self) -> dict[tuple[str, ...], Decimal]:
        """What each line (currency, symbol, strategy) made on all days so far, in the base currency."""
        return _added(self._settled, self._days[-1:])

    def apply(self, event: Event, keeper: Bookkeeper) -> None:
        """Close the day when ``event`` is an official mark; a second one on the same day closes it anew."""
        if not isinstance(event, Marked) or not event.official:
            return
        day = event.at.date()
        if not self._days or day != self._days[-1].day:
            self._before, self._prices = self._present, {}
        self._prices |= event.prices
        book = keeper.book()
        if self.account not in book.accounts:
            return
        try:
            closed, self._present = self._close(day, book)
        except DataError as error:
            self.skipped.append((day, str(error)))
            return
        if self._days and self._days[-1].day == day:
            self._days.pop()
        else:
            self._settled = _added(self._settled, self._days[-1:])
        self._days.append(closed)
        self.closes += 1

    def _close(self, day: date, book: Book) -> tuple[Day, Close]:
        before, prices, rates = self._before, self._prices, book.rates
        base = book.accounts[self.account].base_currency
        name = self.portfolio
        books = book.of_account(self.account) if name is None else (book.portfolio(self.account, name),)
        worth = [value(each, prices, rates, base) for each in books]
        lines: Standings = {}
        for each in books:
            lines |= standings(each, prices, book.instruments)
        present = Close(
            sum((each.net_asset_value for each in worth), ZERO),
            lines,
            dict(rates),
            {each.portfolio: len(each.flows) for each in books},
        )
        came_in, went_out, in_kind = self._flows(book, books, base)
        closed = Day(
            day=day,
            opened=before.equity,
            came_in=came_in,
            went_out=went_out,
            equity=present.equity,
            profits=profits(before.lines, lines, before.rates, rates, base, in_kind),
            doubtful=_doubtful(worth),
            missing=tuple(sorted({symbol for each in worth for symbol in each.missing})),
        )
        return closed, present

    def _flows(
        self, book: Book, books: Iterable[PortfolioBook], base: str
    ) -> tuple[Decimal, Decimal, dict[ProfitKey, Decimal]]:
        """What came in, what went out, and how far lots in kind were worth more than their cost."""
        came_in = went_out = ZERO
        in_kind: dict[ProfitKey, Decimal] = {}
        for each in books:
            for flow in each.flows[self._before.flows.get(each.portfolio, 0) :]:
                local = flow.amount
                if flow.symbol:
                    local = ZERO
                    for symbol, part in worth_in_kind(book, flow, self._prices).items():
                        sector = book.instruments[symbol].sector
                        key = ProfitKey(each.account, flow.portfolio, flow.currency, symbol, flow.strategy, sector)
                        in_kind[key] = in_kind.get(key, ZERO) + part.worth - part.cost
                        local += part.worth
                if self.portfolio is None and not flow.outside:
                    continue
                amount = local * rate(flow.currency, book.rates, base)
                came_in, went_out = came_in + max(amount, ZERO), went_out - min(amount, ZERO)
        return came_in, went_out, in_kind


def _added(totals: Mapping[tuple[str, ...], Decimal], days: Iterable[Day]) -> dict[tuple[str, ...], Decimal]:
    added = dict(totals)
    for day in days:
        for key, profit in day.profits.items():
            added[key[2:5]] = added.get(key[2:5], ZERO) + profit.total
    return added


def _doubtful(worth: Sequence[Valuation]) -> float:
    gross = [float(sum(map(abs, each.values.values()), ZERO)) for each in worth]
    total = sum(gross)
    return sum(each.doubtful * part for each, part in zip(worth, gross, strict=True)) / total if total else 0.0


def chronicle(events: Iterable[Event], account: str, portfolio: str | None = None) -> tuple[Day, ...]:
    """The days of one account, or of one portfolio of it, from a journal's events."""
    keeper, written = Bookkeeper(), Chronicle(account, portfolio)
    for event in events:
        keeper.apply(event)
        written.apply(event, keeper)
    return written.days


# ---------------------------------------------------------------- all days together


class ReturnKind(StrEnum):
    """What a series of returns holds."""

    PRICE = "price"
    TOTAL = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """Something to compare with. returns  simple daily returns by day."""

    name: str
    kind: ReturnKind
    returns: Mapping[date, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What a stretch of days came to.

    observations   days that had a return; annualized figures take ``periods_per_year`` of them for a year
    money_weighted the yearly rate at which the flows grew into the equity, or None where there is none, or several
    metrics        the twelve of ``quant.performance`` by name, and VaR 99; None is "not enough data"
    relative       against the benchmark, likewise; empty without one
    """

    first: date
    last: date
    observations: int
    periods_per_year: float
    equity: Decimal
    came_in: Decimal
    went_out: Decimal
    profits: Mapping[ProfitKey, Profit]
    money_weighted: float | None
    metrics: Mapping[str, float | None]
    relative: Mapping[str, float | None]


def performance(
    days: Sequence[Day],
    *,
    risk_free: Mapping[date, float] | float = 0.0,
    benchmark: Benchmark | None = None,
    periods_per_year: float = PERIODS_PER_YEAR,
) -> Performance:
    """The whole of ``days``, oldest first.

    risk_free  what a bill returned, per day: one number, or a number for each day that has a return

    Raises DataError where no day has a return, or where bill or benchmark lack one of the days, and InputError for a
    benchmark of price returns.
    """
    dates, series = daily_returns(days)
    if not dates:
        raise DataError("no day has a return yet; a return needs an official mark and equity before it")
    bill = _bill(risk_free, dates)
    relative = {}
    if benchmark is not None:
        against = relative_metrics(
            series, _compared(benchmark, dates), risk_free=bill, periods_per_year=periods_per_year
        )
        relative = {name: _enough(getattr(against, name)) for name in type(against).__slots__}
    whole = metrics(series, risk_free=bill, periods_per_year=periods_per_year)
    return Performance(
        first=days[0].day,
        last=days[-1].day,
        observations=len(dates),
        periods_per_year=periods_per_year,
        equity=days[-1].equity,
        came_in=sum((day.came_in for day in days), ZERO),
        went_out=sum((day.went_out for day in days), ZERO),
        profits=summed([day.profits for day in days]),
        money_weighted=money_weighted(days),
        metrics={name: _enough(getattr(whole, name)) for name in METRIC_NAMES},
        relative=relative,
    )


def rolling(
    days: Sequence[Day],
    window: int,
    *,
    risk_free: Mapping[date, float] | float = 0.0,
    periods_per_year: float = PERIODS_PER_YEAR,
) -> tuple[tuple[date, ...], dict[str, FloatArray]]:
    """Every metric over the last ``window`` returns, at each day that has one; NaN where there are too few."""
    dates, series = daily_returns(days)
    table = rolling_metrics(series, window, risk_free=_bill(risk_free, dates), periods_per_year=periods_per_year)
    return dates, table


def daily_returns(days: Iterable[Day]) -> tuple[tuple[date, ...], FloatArray]:
    """The days that have a return, and the returns, (n_days,)."""
    pairs = [(day.day, day.simple_return) for day in days]
    kept = [(day, value) for day, value in pairs if value is not None]
    return tuple(day for day, _ in kept), np.array([value for _, value in kept], dtype=np.float64)


def _bill(risk_free: Mapping[date, float] | float, dates: Sequence[date]) -> FloatArray | float:
    if not isinstance(risk_free, Mapping):
        return risk_free
    return _on("the bill", risk_free, dates)


def _compared(benchmark: Benchmark, dates: Sequence[date]) -> FloatArray:
    if benchmark.kind is not ReturnKind.TOTAL:
        raise InputError(
            f"{benchmark.name} holds {benchmark.kind} returns and the portfolio total returns; dividends would be "
            "taken for skill, so give a total return index"
        )
    return _on(benchmark.name, benchmark.returns, dates)


def _on(name: str, series: Mapping[date, float], dates: Sequence[date]) -> FloatArray:
    lacking = [day for day in dates if day not in series]
    if lacking:
        raise DataError(f"{name} has no return on {lacking[0]} and {len(lacking) - 1} other days of the portfolio")
    return np.array([series[day] for day in dates], dtype=np.float64)


def _enough(value: float) -> float | None:
    """``value``, or None for what too few observations leave undefined."""
    return None if math.isnan(value) else float(value)


# ---------------------------------------------------------------- the owner's return


def money_weighted(days: Sequence[Day]) -> float | None:
    """The yearly rate at which every flow grows into the last equity: the internal rate of return.

    None on the first day, where nothing flowed, and where no rate or more than one between -99.9 % and 100,000 % fits.
    """
    last = days[-1].day
    flows = [(float(day.came_in - day.went_out), (last - day.day).days / 365) for day in days]
    if days[0].opened:
        flows.insert(0, (float(days[0].opened), ((last - days[0].day).days + 1) / 365))
    flows = [(amount, years) for amount, years in flows if amount]
    if not flows or max(years for _, years in flows) == 0:
        return None
    equity = float(days[-1].equity)

    def shortfall(logarithm: float) -> float:
        return math.fsum(amount * math.exp(logarithm * years) for amount, years in flows) - equity

    grid = np.linspace(math.log(0.001), math.log(1001), 561)
    enough = np.array([shortfall(float(point)) >= 0 for point in grid])
    changes = np.flatnonzero(enough[:-1] != enough[1:])
    if len(changes) != 1:
        return None
    low, high = float(grid[changes[0]]), float(grid[changes[0] + 1])
    return math.expm1(_root(shortfall, low, high))


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    rising = function(high) > function(low)
    for _ in range(100):
        middle = (low + high) / 2
        if (function(middle) >= 0) == rising:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def average_capital(invested: Sequence[tuple[date, Decimal]], until: date) -> Decimal:
    """What was invested on average, each amount weighted by the days until the next one.

    invested  (day, amount invested from that day on), oldest first; days with nothing invested do not count
    """
    ends = [day for day, _ in invested[1:]] + [until]
    spans = [(amount, (end - day).days) for (day, amount), end in zip(invested, ends, strict=True) if amount]
    days = sum(length for _, length in spans)
    if not days:
        raise DataError("nothing was invested for a whole day, so there is no average to take")
    return sum((amount * length for amount, length in spans), ZERO) / days
