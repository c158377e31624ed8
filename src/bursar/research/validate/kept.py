"""What a strategy did in an account, beside what it was promoted with: kept, or not, in plain words.

A promotion carries the yearly return and swing of a backtest of so many days. Over t years that promises

    a return of  r t,  give or take  1.96 sqrt(s^2 t + (s^2 / T) t^2)

s a year's swing, T the years of the backtest: the first term is the luck of the days, the second that the mean itself
was only estimated. Every session's return since the beginning is held against that band. Returns are logarithms here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from bursar.quant.arrays import FloatArray
from bursar.quant.performance import PERIODS_PER_YEAR
from bursar.research.validate.promotion import Bar, Paper

#: Deviations on both sides of 95 %.
WIDTH = 1.96


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lived:
    """What the books of one account say of a strategy.

    first, last  days of its first decision and of the last session that closed
    returns      (n_sessions,) of the whole account, daily, what came in and went out left out
    bets         positions opened and closed again that did not overlap in one symbol
    measured     spread, impact and fees of its trades, a fraction of what was to be traded; NaN before there are any
    modelled     what the settings reckon with; NaN where they are not on record
    simulated    what is made up in that world, in words
    beside       other strategies of the same account, whose results are in the same returns
    """

    account: str
    mode: str
    first: date
    last: date
    returns: FloatArray
    bets: int
    measured: float
    modelled: float
    simulated: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    @property
    def days(self) -> int:
        """Calendar days, both ends included."""
        return (self.last - self.first).days + 1

    @property
    def total_return(self) -> float:
        return float(np.prod(1.0 + self.returns) - 1.0)

    @property
    def max_drawdown(self) -> float:
        """The deepest fall from a peak, the beginning included; positive."""
        worth = np.cumprod(np.concatenate([[1.0], 1.0 + self.returns]))
        return float((1.0 - worth / np.maximum.accumulate(worth)).max())

    @property
    def slippage_ratio(self) -> float:
        """What trading cost over what the model said; NaN where one of them is not known."""
        return self.measured / self.modelled if self.modelled > 0.0 else math.nan

    def paper(self) -> Paper:
        """As a promotion to live asks for it."""
        return Paper(days=self.days, bets=self.bets, slippage_ratio=self.slippage_ratio, simulated=self.simulated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The verdict. low, high: the promised return up to the last session; below: sessions that ended below the band.

    says  in words, the return first
    """

    low: float
    high: float
    below: int
    above: int
    sessions: int
    says: tuple[str, ...]


def held_against(promised: Mapping[str, float], lived: Lived, bar: Bar | None = None) -> Kept | None:
    """What was lived beside the numbers of a promotion; None where these carry no return, swing or days.

    promised  as ``PromotionJudged.numbers`` has them
    """
    names = ("annualized_return", "volatility", "days", "max_drawdown")
    if not all(name in promised for name in names) or not len(lived.returns):
        return None
    mean, swing, days, deepest = (promised[name] for name in names)
    years = np.arange(1, len(lived.returns) + 1) / PERIODS_PER_YEAR
    middle = math.log1p(mean) * years
    width = WIDTH * swing * np.sqrt(years + years**2 * PERIODS_PER_YEAR / days)
    went = np.cumsum(np.log1p(lived.returns))
    below, above = went < middle - width, went > middle + width
    low, high = (float(math.expm1(each[-1])) for each in (middle - width, middle + width))
    sessions = len(went)
    where = "below" if below[-1] else "above" if above[-1] else "inside"
    went_by = f"{lived.total_return:+.2%} in {sessions} sessions"
    told = [f"{where} the promised interval: {went_by}, and {low:+.2%} to {high:+.2%} were promised"]
    for name, outside in (("below", below), ("above", above)):
        if outside.any():
            told.append(f"{name} it on {int(outside.sum())} of {sessions} sessions")
    deeper = "deeper than" if lived.max_drawdown > deepest else "within"
    told.append(f"its deepest fall is {lived.max_drawdown:.2%}, {deeper} the {deepest:.2%} of its backtest")
    told.append(_slippage(lived, bar or Bar()))
    return Kept(low=low, high=high, below=int(below.sum()), above=int(above.sum()), sessions=sessions, says=tuple(told))


def _slippage(lived: Lived, bar: Bar) -> str:
    ratio = lived.slippage_ratio
    if math.isnan(ratio):
        return "what trading it costs is not measured yet"
    kept = "within" if ratio <= bar.slippage_ratio_max else "above"
    return (
        f"trading it costs {lived.measured:.3%} where {lived.modelled:.3%} were reckoned with: {ratio:.2f} times, "
        f"{kept} the {bar.slippage_ratio_max:g} that are allowed"
    )
