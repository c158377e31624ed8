"""What a run is held against: equal weight of the same stocks, the Treasury bill, and itself without its luck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from bursar.adapters.vendors import PriceKind
from bursar.adapters.vendors.wheels import Factors
from bursar.domain.money import ZERO, round_money
from bursar.ports import Panel
from bursar.quant.arrays import FloatArray
from bursar.quant.performance import max_drawdown, sharpe_ratio
from bursar.quant.synthetic.returns import RATE
from bursar.runtime.results import Benchmark, CurvePoint, DayResult, ReportKeys, RoundTrip, WithoutBest

#: Fewer daily returns than this have a Sharpe ratio that is noise alone, and it is not printed.
SHARPE_DAYS_MIN = 5

#: How many of the best names are taken out of the result, to see whether it hangs on them.
BEST_NAMES = 3


def equal_weight(closes: Panel, days: Sequence[date], cash: Decimal, cost_rate: Decimal, kind: PriceKind) -> Benchmark:
    """The same cash in all stocks alike, bought at the close before the first day and then left alone.

    closes     from at least one session before ``days`` until their end
    cost_rate  is paid once, on the purchase, as a fraction of notional
    """
    first = int(np.searchsorted(closes.dates, np.datetime64(days[0], "D")))
    start = closes.values[first - 1]
    growth = (closes.values[first : first + len(days)] / start).mean(axis=1)
    invested = cash / (1 + cost_rate)
    curve = tuple(
        CurvePoint(day=day, equity=round_money(invested * Decimal(repr(float(factor)))))
        for day, factor in zip(days, growth, strict=True)
    )
    return Benchmark(name="equal weight of the same stocks", kind=kind.value, curve=curve)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What the Treasury bill paid each day of a run, (n_days,), fractions; ``held`` where a rate was carried on."""

    daily: FloatArray
    held: bool

    @property
    def total_pct(self) -> float:
        """Over all days, compounded, percent."""
        return float((np.prod(1.0 + self.daily) - 1.0) * 100.0)


def treasury_bill(factors: Factors, days: Sequence[date]) -> Bill:
    """The bill over ``days``."""
    rates = [factors.bill_rate(day) for day in days]
    return Bill(daily=np.array([rate.daily() for rate in rates]), held=any(rate.held for rate in rates))


def made_up_bill(days: Sequence[date]) -> Bill:
    """The bill of a synthetic market, which pays what its companies earn above."""
    return Bill(daily=np.full(len(days), np.expm1(RATE)), held=False)


def daily_returns(days: Sequence[DayResult], first_equity: Decimal) -> FloatArray:
    """Simple returns from close to close, (n_days,); the first is from ``first_equity``."""
    worth = np.array([float(first_equity), *(float(day.equity) for day in days)])
    returns: FloatArray = worth[1:] / worth[:-1] - 1.0
    return returns


def report_keys(
    days: Sequence[DayResult], round_trips: Sequence[RoundTrip], cash: Decimal, positions: int, bill: Bill
) -> ReportKeys:
    """The headline figures; one that the run cannot support is None, with the reason."""
    returns = daily_returns(days, cash)
    missing: dict[str, str] = {}
    win_rate = duration = sharpe = None
    if round_trips:
        win_rate = sum(trip.pnl > 0 for trip in round_trips) / len(round_trips)
        duration = sum(trip.days for trip in round_trips) / len(round_trips)
    else:
        missing["win_rate"] = missing["average_trade_duration_days"] = "no position was closed"
    if len(returns) < SHARPE_DAYS_MIN:
        missing["sharpe_ratio"] = f"{len(returns)} daily returns are too few; {SHARPE_DAYS_MIN} are the least"
    elif np.ptp(returns) == 0.0:
        missing["sharpe_ratio"] = "equity did not move"
    else:
        sharpe = sharpe_ratio(returns, bill.daily)
    return ReportKeys(
        initial_cash=cash,
        current_value=days[-1].equity,
        total_return_pct=float(days[-1].equity / cash - 1) * 100.0,
        total_trades=len({fill.order_id for day in days for fill in day.fills}),
        current_positions=positions,
        cash_balance=days[-1].cash,
        win_rate=win_rate,
        sharpe_ratio=sharpe,
        max_drawdown=max_drawdown(returns),
        average_trade_duration_days=duration,
        missing=missing,
    )


def without_best(pnl_by_symbol: Mapping[str, Decimal], value: Decimal, cash: Decimal) -> WithoutBest:
    """The result had the names that earned most earned nothing.

    pnl_by_symbol  realized and unrealized together, after fees
    """
    earners = sorted((symbol for symbol, pnl in pnl_by_symbol.items() if pnl > 0), key=lambda s: -pnl_by_symbol[s])
    best = tuple(earners[:BEST_NAMES])
    pnl = sum((pnl_by_symbol[symbol] for symbol in best), ZERO)
    return WithoutBest(symbols=best, pnl=pnl, total_return_pct=float((value - pnl) / cash - 1) * 100.0)
