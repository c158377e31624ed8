"""Promotion: candidate, paper, live. Each step has a bar, and whoever does not pass it is told why in plain words.

The bar is made to refuse luck. A rule that was found among many must beat what luck finds among as many; it must not
live on its three best names, on costs that are half of what they will be, or on being a day early. Paper trading then
counts time, independent bets and slippage, because a backtest cannot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from bursar.research.validate.evidence import Evidence
from bursar.research.validate.yardsticks import EQUAL_WEIGHT


class Grade(StrEnum):
    """How far a rule has come."""

    CANDIDATE = "candidate"
    PAPER = "paper"
    LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What a step needs.

    deflated_min         chance that the Sharpe ratio is above the best of luck, with the effective number of trials
    overfitting_max      probability of overfitting (PBO)
    random_rank_min      share of random portfolios that must be worse
    ahead_min            by how much the Sharpe ratio must be above that of equal weight (1/N), which needs no rule
    stressed_min         lowest Sharpe ratio under any of the harder conditions
    days_min             days of backtest behind it
    paper_days_min       calendar days in paper
    bets_min             independent bets in paper: positions opened and closed that do not overlap in one symbol
    slippage_ratio_max   slippage in paper over what the model of costs said
    """

    deflated_min: float = 0.95
    overfitting_max: float = 0.5
    random_rank_min: float = 0.5
    ahead_min: float = 0.0
    stressed_min: float = 0.0
    days_min: int = 756
    paper_days_min: int = 90
    bets_min: int = 30
    slippage_ratio_max: float = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What came of it in paper.

    days            calendar days since it was promoted to paper
    slippage_ratio  measured over modelled; NaN before there is any
    simulated       what in that account is made up, in words; empty for a paper account of a broker
    """

    days: int
    bets: int
    slippage_ratio: float
    simulated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """The answer. reasons: why not, in words; empty where it passed."""

    name: str
    to: Grade
    passed: bool
    reasons: tuple[str, ...]


def judge(
    evidence: Evidence, to: Grade, *, survivors: bool, paper: Paper | None = None, bar: Bar | None = None
) -> Promotion:
    """Whether a rule may go on to ``to``.

    survivors  True where the universe was chosen later, of what survived: such a universe promotes nothing to live
    """
    bar = bar or Bar()
    reasons = _of_backtest(evidence, bar)
    if to is Grade.LIVE:
        reasons += _of_paper(paper, bar)
        if survivors:
            reasons.append("its universe was chosen later, of those that survived; test it on one that was known then")
    return Promotion(name=evidence.name, to=to, passed=not reasons, reasons=tuple(reasons))


def _of_backtest(evidence: Evidence, bar: Bar) -> list[str]:
    reasons = []
    if evidence.days < bar.days_min:
        reasons.append(f"{evidence.days} days of backtest are too few; give at least {bar.days_min}")
    deflated = evidence.deflated
    if not deflated.probability_effective >= bar.deflated_min:
        reasons.append(
            f"not distinguishable from luck: among {deflated.trials} trials ({deflated.effective_trials:.0f} "
            f"independent ones) chance alone finds a Sharpe ratio of {_annual(deflated.benchmark_effective)}; its own "
            f"is {_annual(deflated.sharpe)}, above that with probability {_percent(deflated.probability_effective)}, "
            f"and {bar.deflated_min:.0%} are asked"
        )
    overfitted = evidence.overfitting
    if overfitted is not None and not overfitted.probability <= bar.overfitting_max:
        reasons.append(
            f"the best of one half of the days is below the middle in the other in {overfitted.probability:.0%} "
            f"of cases; at most {bar.overfitting_max:.0%} are allowed"
        )
    if evidence.random_rank < bar.random_rank_min:
        reasons.append(
            f"only {evidence.random_rank:.0%} of random portfolios are worse; {bar.random_rank_min:.0%} are asked"
        )
    for name, ahead in evidence.differences.items():
        if name == EQUAL_WEIGHT and not ahead.estimate > bar.ahead_min:
            reasons.append(
                f"equal weight (1/N) needs no rule and does as well: its own Sharpe ratio is {ahead.estimate:+.2f} "
                f"from it ({ahead.low:+.2f} to {ahead.high:+.2f}); above {bar.ahead_min:+.2f} is asked"
            )
    reasons += [
        f"{condition}: its Sharpe ratio falls to {sharpe:.2f}; at least {bar.stressed_min:.2f} is asked"
        for condition, sharpe in evidence.stressed.items()
        if not sharpe >= bar.stressed_min
    ]
    return reasons


def _of_paper(paper: Paper | None, bar: Bar) -> list[str]:
    if paper is None:
        return [f"it was never traded in paper; {bar.paper_days_min} calendar days are asked"]
    reasons = []
    if paper.simulated:
        reasons.append(f"its time in paper was spent in a made-up world, which proves nothing: {paper.simulated[0]}")
    if paper.days < bar.paper_days_min:
        reasons.append(f"{paper.days} calendar days in paper; {bar.paper_days_min} are asked")
    if paper.bets < bar.bets_min:
        reasons.append(f"{paper.bets} independent bets in paper; {bar.bets_min} are asked")
    if not paper.slippage_ratio <= bar.slippage_ratio_max:
        told = (
            "is not known yet"
            if math.isnan(paper.slippage_ratio)
            else f"is {paper.slippage_ratio:.2f} times the model's"
        )
        reasons.append(f"its slippage in paper {told}; at most {bar.slippage_ratio_max:.2f} times is allowed")
    return reasons


def _annual(per_day: float) -> str:
    return "unknown" if math.isnan(per_day) else f"{per_day * math.sqrt(252):.2f} a year"


def _percent(probability: float) -> str:
    return "unknown" if math.isnan(probability) else f"{probability:.0%}"
