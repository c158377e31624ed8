"""Record: what a template's choices came to before, replayed over past closes, and what may be expected of that.

At the end of each horizon the template chooses from what was known at that close. What it chose is bought at the NEXT
close and sold one horizon later, with costs both ways; beside it stands everything that had a price, held alike over
the same days. The periods do not overlap, and count as one observation each, however many symbols they hold: symbols
of one month share its market.

What is expected is drawn towards what everything held alike earned, as if that had been seen in ``PRIOR`` periods more:
a record of a few periods says little, and a long one speaks for itself. The chance of a rise likewise. Neither is a
walk-forward result; whoever wants to believe in it asks ``bursar walkforward``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bursar.domain.money import ZERO
from bursar.errors import DataError
from bursar.quant.arrays import FloatArray
from bursar.quant.performance import PERIODS_PER_YEAR
from bursar.research.generate.ground import Ground
from bursar.research.templates import Template, TemplateStrategy
from bursar.research.templates.grammar import Trades
from bursar.trading.strategy import Holdings

#: Periods of the yardstick that a record is drawn towards.
PRIOR = 24
#: Periods with a choice without which nothing is promised.
PERIODS_MIN = 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """Past choices of a template, one row a period in which it held anything.

    returns    (n_periods,) mean return of what was chosen, after costs
    yardstick  (n_periods,) mean return of everything, over the same days, without costs
    rises      (n_periods,) part of what was chosen that rose after costs
    base_rises (n_periods,) part of everything that rose
    periods    that were looked at, those without a choice among them
    why_not    why there is none, where there is none
    """

    template: Template
    returns: FloatArray
    yardstick: FloatArray
    rises: FloatArray
    base_rises: FloatArray
    periods: int
    why_not: str = ""

    @property
    def held(self) -> int:
        """Periods in which anything was held."""
        return len(self.returns)

    @property
    def expected_return(self) -> float:
        """Of one horizon, after costs, drawn towards the yardstick."""
        return _drawn(self.returns, self.yardstick)

    @property
    def chance(self) -> float:
        """That a choice rises over its horizon after costs, drawn towards the yardstick."""
        return _drawn(self.rises, self.base_rises)

    @property
    def volatility(self) -> float:
        """Standard deviation of a period's return."""
        return float(self.returns.std(ddof=1)) if self.held > 1 else math.nan

    @property
    def excess(self) -> float:
        """Mean return above everything held alike, a period, as it was."""
        return float((self.returns - self.yardstick).mean()) if self.held else math.nan

    @property
    def excess_error(self) -> float:
        """Its standard error; within two of nothing it is not distinguishable from luck."""
        return float((self.returns - self.yardstick).std(ddof=1) / math.sqrt(self.held)) if self.held > 1 else math.nan

    @property
    def worst(self) -> float:
        """The lowest return of a period."""
        return float(self.returns.min()) if self.held else math.nan

    @property
    def yearly_ratio(self) -> float:
        """Expected return by volatility, a year."""
        if not self.volatility > 0.0:
            return math.nan
        return self.expected_return / self.volatility * math.sqrt(PERIODS_PER_YEAR / self.template.horizon_days)


def replay(template: Template, ground: Ground, *, cost_rate: float, periods: int = 120) -> Record:
    """The record of ``template`` before ``ground``.

    cost_rate  of trading once, as a fraction of notional
    periods    at most so many, the latest
    """
    if reason := _unmeasurable(template):
        return _none(template, reason)
    closes, horizon = ground.closes.values, template.horizon_days
    last = len(closes) - 2 - horizon
    rows = range(last, max(last - periods * horizon, 0), -horizon)[::-1] if last > 0 else range(0)
    strategy, cash = TemplateStrategy(template=template), Holdings(equity=ZERO, weights={})
    columns = {symbol: column for column, symbol in enumerate(ground.closes.symbols)}
    found, looked, why = [], 0, "there are too few closes"
    for row in rows:
        try:
            wishes = strategy.wishes(ground.market(row), (), cash)
        except DataError as error:
            why = str(error)
            continue
        looked += 1
        every = closes[row + 1 + horizon] / closes[row + 1] - 1.0
        chosen = every[[columns[wish.symbol] for wish in wishes]] - 2.0 * cost_rate
        chosen, every = chosen[np.isfinite(chosen)], every[np.isfinite(every)]
        if len(chosen):
            found.append((chosen.mean(), every.mean(), (chosen > 0.0).mean(), (every > 0.0).mean()))
    if not looked:
        return _none(template, why)
    table = np.array(found, dtype=np.float64).reshape(-1, 4)
    return Record(
        template=template,
        returns=table[:, 0],
        yardstick=table[:, 1],
        rises=table[:, 2],
        base_rises=table[:, 3],
        periods=looked,
    )


def _unmeasurable(template: Template) -> str:
    if "views" in template.needs:
        return "views of mornings long past are not remembered: measure it with bursar backtest"
    if template.trades is not Trades.SHARES:
        return "no prices of options are kept"
    return ""


def _none(template: Template, why: str) -> Record:
    empty = np.empty(0)
    return Record(
        template=template, returns=empty, yardstick=empty, rises=empty, base_rises=empty, periods=0, why_not=why
    )


def _drawn(own: FloatArray, base: FloatArray) -> float:
    """The mean, drawn towards the base's as if that had been seen in ``PRIOR`` periods more."""
    if not len(own):
        return math.nan
    return float((own.sum() + PRIOR * base.mean()) / (len(own) + PRIOR))
