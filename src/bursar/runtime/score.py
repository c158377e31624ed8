"""The score of a backtest: every figure that a reader is shown, beside what needs no skill.

Sharpe ratios are annual, in excess of the Treasury bill, with the 95 % interval of a block bootstrap. What is shown
beside the strategy (equal weight, buy and hold) traded on its days at its costs. Intervals tell of luck alone: that the
future is another than these days, no interval tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bursar.adapters.vendors import wheels
from bursar.domain.events import Decided, DecisionSkipped, Filled
from bursar.domain.orders import Side
from bursar.domain.venues import HOME, venue
from bursar.errors import DataError, InputError
from bursar.quant.arrays import FloatArray
from bursar.quant.performance import Metrics, drawdowns, metrics, sharpe_ratio
from bursar.quant.statistics import Interval
from bursar.research import regimes
from bursar.research.validate.resampled import Resampled, resample
from bursar.research.validate.yardsticks import Yardstick, buy_and_hold, equal_weight
from bursar.runtime.backtest import BASIS_POINT, Market, Plan, Result, decision_days
from bursar.runtime.results import WithoutBest
from bursar.runtime.yardstick import Bill, made_up_bill, treasury_bill, without_best

#: Resamples behind an interval.
DRAWS = 1_000
#: Fewer returns than this have no figure that is worth its ink.
DAYS_MIN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the table: the strategy, or a yardstick.

    turnover  bought and sold, halved, a year, as a part of the value
    costs     of trading, all days, money
    exposure  part of the value that was in assets at the close, on average
    ahead     Sharpe ratio of the strategy less this one's, with its interval; None for the strategy itself
    """

    name: str
    metrics: Metrics
    sharpe: Interval
    drawdown: Interval
    turnover: float
    costs: float
    orders: int
    exposure: float
    final: float
    ahead: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """The strategy in one state of the market, as it could be known on the day. share: of all days."""

    name: str
    share: float
    annual: float
    sharpe: float
    yardstick_sharpe: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """What one symbol brought. profit: realized and not, after its costs; weight: at the close, on average."""

    symbol: str
    orders: int
    traded: Decimal
    costs: Decimal
    profit: Decimal
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """A calendar year, or the part of it that was tested. returns: by month, 1 to 12, those that there are."""

    year: int
    months: Mapping[int, float]
    total: float
    yardstick: float
    turnover: float
    costs: float
    exposure: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """A line over the days, with the band in which resampled paths lie. All (n_days,)."""

    values: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Score:
    """All of it.

    lines        the strategy, then the yardsticks
    equity       with its band; the others' values stand in ``curves``
    drawdown     (n_days,) part lost since the highest close
    decided      how often was decided, and ``skipped`` why not, by reason
    stopped      orders that the gate stopped, by rule
    notes        what a reader must know beside ``result.assumed``
    """

    name: str
    result: Result
    bill: Bill
    lines: tuple[Line, ...]
    equity: Curve
    curves: Mapping[str, FloatArray]
    drawdown: FloatArray
    years: tuple[Year, ...]
    regimes: tuple[Regime, ...]
    names: tuple[Name, ...]
    without_best: WithoutBest
    decided: int
    skipped: Mapping[str, int]
    stopped: Mapping[str, int]
    in_cash: float
    notes: tuple[str, ...]

    @property
    def ours(self) -> Line:
        """The strategy's row."""
        return self.lines[0]

    @property
    def days(self) -> tuple[date, ...]:
        return tuple(self.result.days.tolist())


def score(name: str, result: Result) -> Score:
    """Score a run. Raises DataError where it is too short to say anything of it."""
    returns = result.returns
    if len(returns) < DAYS_MIN:
        raise DataError(f"{name} was run over {len(returns)} returns; {DAYS_MIN} are the least that say anything")
    bill = bill_over(result.market, result.days)
    sticks = yardsticks(result.plan, result.market, result.days)
    drawn = resample(
        np.column_stack([returns, *(each.returns for each in sticks)]),
        bill.daily,
        np.random.default_rng(result.plan.seed),
        draws=DRAWS,
    )
    others = (_line(number, each, result, bill, drawn) for number, each in enumerate(sticks, start=1))
    lines = (_our_line(name, result, bill, drawn), *others)
    cash = float(result.plan.cash)
    names = by_name(result)
    return Score(
        name=name,
        result=result,
        bill=bill,
        lines=lines,
        equity=_banded(result.equity, drawn),
        curves=MappingProxyType({each.name: _grown(each.returns, cash) for each in sticks}),
        drawdown=np.concatenate([[0.0], drawdowns(returns)]),
        years=_years(result, sticks[0]),
        regimes=_regimes(result, sticks[0], bill),
        names=names,
        without_best=without_best(
            {each.symbol: each.profit for each in names}, Decimal(repr(float(result.equity[-1]))), result.plan.cash
        ),
        decided=sum(isinstance(event, Decided) for event in result.events),
        skipped=_counted(event.reason for event in result.events if isinstance(event, DecisionSkipped)),
        stopped=_counted(event.rule for event in result.rejections),
        in_cash=float((result.weights.sum(axis=1) <= 0.0).mean()),
        notes=_notes(result, bill),
    )


def yardsticks(plan: Plan, market: Market, days: NDArray[np.datetime64]) -> tuple[Yardstick, ...]:
    """Equal weight, made equal again when the plan decides, and buy and hold from its first decision on."""
    decided = np.isin(days, np.array(decision_days(plan, market), dtype="datetime64[D]"))
    values = market.closes.values[np.searchsorted(market.closes.dates, days)]
    rate = cost_rate(plan)
    return equal_weight(values, decided, cost_rate=rate), buy_and_hold(values, decided, cost_rate=rate)


def cost_rate(plan: Plan) -> float:
    """What trading costs, commission and half of the spread, as a fraction of what is traded."""
    return float((plan.costs_basis_points + plan.spread_basis_points / 2) * BASIS_POINT)


# ---------------------------------------------------------------- rows


def bill_over(market: Market, days: NDArray[np.datetime64]) -> Bill:
    """What a Treasury bill paid over each return's day, (n_days - 1,)."""
    later = days.tolist()[1:]
    return made_up_bill(later) if market.simulated else treasury_bill(wheels.factors(), later)


def _our_line(name: str, result: Result, bill: Bill, drawn: Resampled) -> Line:
    notional = sum(float(fill.quantity * fill.price) for fill in result.fills)
    years = len(result.returns) / 252.0
    spread = notional * float(result.plan.spread_basis_points * BASIS_POINT) / 2
    returns = result.returns
    return Line(
        name=name,
        metrics=metrics(returns, risk_free=bill.daily),
        sharpe=drawn.sharpe[0],
        drawdown=drawn.drawdown[0],
        turnover=float((_traded(result) / result.equity).sum()) / 2 / years,
        costs=float(result.costs) + spread,
        orders=len({fill.order_id for fill in result.fills}),
        exposure=float(result.weights.sum(axis=1).mean()),
        final=float(result.equity[-1]),
    )


def _line(number: int, stick: Yardstick, result: Result, bill: Bill, drawn: Resampled) -> Line:
    worth = _grown(stick.returns, float(result.plan.cash))
    return Line(
        name=stick.name,
        metrics=metrics(stick.returns, risk_free=bill.daily),
        sharpe=drawn.sharpe[number],
        drawdown=drawn.drawdown[number],
        turnover=float(stick.turnover.sum()) / 2 / (len(stick.returns) / 252.0),
        costs=float(stick.costs @ worth[:-1]),
        orders=stick.orders,
        exposure=float(stick.invested.mean()),
        final=float(worth[-1]),
        ahead=drawn.ahead[number],
    )


def _grown(returns: FloatArray, cash: float) -> FloatArray:
    grown: FloatArray = cash * np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    return grown


def _banded(equity: FloatArray, drawn: Resampled) -> Curve:
    """The curve, and where its paths lie when its days are drawn again."""
    low, high = (equity[0] * np.concatenate([[1.0], side]) for side in (drawn.low, drawn.high))
    return Curve(values=equity, low=low, high=high)


# ---------------------------------------------------------------- by year, by state, by name


def _years(result: Result, stick: Yardstick) -> tuple[Year, ...]:
    days = result.days[1:]
    year_of, month_of = days.astype("datetime64[Y]"), days.astype("datetime64[M]")
    exposure = result.weights.sum(axis=1)[1:]
    traded = _traded(result)[1:]
    found = []
    for year in np.unique(year_of):
        rows = year_of == year
        months = {
            int(month.astype(int)) % 12 + 1: float(np.prod(1.0 + result.returns[month_of == month]) - 1.0)
            for month in np.unique(month_of[rows])
        }
        number = int(year.astype(int)) + 1970
        found.append(
            Year(
                year=number,
                months=MappingProxyType(months),
                total=float(np.prod(1.0 + result.returns[rows]) - 1.0),
                yardstick=float(np.prod(1.0 + stick.returns[rows]) - 1.0),
                turnover=float((traded[rows] / result.equity[1:][rows]).sum()) / 2,
                costs=sum(
                    float(fill.commission.amount)
                    for fill in result.fills
                    if (fill.traded_on or fill.at.date()).year == number
                ),
                exposure=float(exposure[rows].mean()),
            )
        )
    return tuple(found)


def _traded(result: Result) -> FloatArray:
    """What was bought and sold on each day, money, (n_days,)."""
    place = {day: row for row, day in enumerate(result.days.tolist())}
    traded = np.zeros(len(result.days))
    for fill in result.fills:
        traded[place[fill.traded_on or fill.at.date()]] += float(fill.quantity * fill.price)
    return traded


def market_states(market: Market, days: NDArray[np.datetime64]) -> NDArray[np.str_]:
    """The state of the market at each close but the last, (n_days - 1,), told from closes up to it.

    "not told yet" until there are two years of returns to tell it from.
    """
    closes = market.closes
    with np.errstate(invalid="ignore"):
        moves = closes.values[1:] / closes.values[:-1] - 1.0
    known = np.isfinite(moves).any(axis=1)
    mean = np.full(len(moves), np.nan)
    mean[known] = np.nanmean(moves[known], axis=1)
    chances = regimes.walk_forward(mean)
    names = np.array([*regimes.NAMES[chances.shape[1]], "not told yet"])
    state = np.where(np.isnan(chances[:, 0]), chances.shape[1], np.nan_to_num(chances).argmax(axis=1))
    rows = np.searchsorted(closes.dates[1:], days[:-1])
    told: NDArray[np.str_] = names[np.where(closes.dates[1:][rows] == days[:-1], state[rows], chances.shape[1])]
    return told


def _regimes(result: Result, stick: Yardstick, bill: Bill) -> tuple[Regime, ...]:
    try:
        states = market_states(result.market, result.days)
    except (DataError, InputError):
        return ()
    found = []
    for name in (*regimes.NAMES[2], "not told yet"):
        rows = states == name
        if rows.sum() < DAYS_MIN:
            continue
        ours = result.returns[rows]
        found.append(
            Regime(
                name=str(name),
                share=float(rows.mean()),
                annual=float(np.prod(1.0 + ours) ** (252.0 / len(ours)) - 1.0),
                sharpe=sharpe_ratio(ours, bill.daily[rows]),
                yardstick_sharpe=sharpe_ratio(stick.returns[rows], bill.daily[rows]),
            )
        )
    return tuple(found)


def by_name(result: Result) -> tuple[Name, ...]:
    """The symbols that were traded, the most profitable first."""
    fills: dict[str, list[Filled]] = {}
    for fill in result.fills:
        fills.setdefault(fill.symbol, []).append(fill)
    column = {symbol: number for number, symbol in enumerate(result.symbols)}
    found = []
    for symbol, trades in fills.items():
        paid = sum(
            ((1 if fill.side is Side.BUY else -1) * fill.quantity * fill.price for fill in trades), start=Decimal(0)
        )
        costs = sum((fill.commission.amount for fill in trades), start=Decimal(0))
        held = Decimal(repr(float(result.weights[-1, column[symbol]] * result.equity[-1])))
        found.append(
            Name(
                symbol=symbol,
                orders=len({fill.order_id for fill in trades}),
                traded=sum((fill.quantity * fill.price for fill in trades), start=Decimal(0)),
                costs=costs,
                profit=held - paid - costs,
                weight=float(result.weights[:, column[symbol]].mean()),
            )
        )
    return tuple(sorted(found, key=lambda each: (-each.profit, each.symbol)))


# ---------------------------------------------------------------- in words


def _counted(words: Iterable[str]) -> Mapping[str, int]:
    return MappingProxyType(dict(Counter(words).most_common()))


def _notes(result: Result, bill: Bill) -> tuple[str, ...]:
    notes = []
    if result.plan.interest is None:
        notes.append("Cash earned nothing, while the Sharpe ratio is in excess of what a Treasury bill paid.")
    if bill.held:
        notes.append(
            "There is no Treasury bill rate after March 2017; the last one, 0.03 % a month, stands in, which is too "
            "little from 2018 on and in 2022, so that the Sharpe ratio is a little too high there."
        )
    if result.market.currency != venue(HOME).currency and not result.market.simulated:
        notes.append(
            f"No rate of a bill in {result.market.currency} ships: the Sharpe ratio is in excess of the Treasury bill "
            "of the United States."
        )
    if result.market.simulated:
        notes.append("SYNTHETIC MARKET: nothing in it ever happened. These figures say nothing of any other.")
    return tuple(notes)
