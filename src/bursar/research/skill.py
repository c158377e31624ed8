"""Who has been right? Votes are scored once their time has passed, and the scores become weights.

A vote is a view's sign with its confidence; it is settled by the return over the view's own horizon, in excess
of cash. From settled votes follow, for each analyst,

    hit rate   share of votes whose sign came true
    Brier      mean squared distance of confidence and outcome: 0.25 is what always saying one half costs
    rank IC    the mean over days of the rank correlation of expected and realized returns across symbols

and the weights of a committee, in four steps:

    skill       r, the mean of edge * outcome over the edge's root mean square: edge is 2 p - 1 for a probability p
                of a rise, outcome is 1 or -1. It is 2 h - 1 for one who is right h of the time, always equally sure
    error       of r, summed over blocks of one horizon: votes of the same weeks share the market and each other
    shrinkage   r is drawn to the mean of all, the more the less their spread exceeds their errors (random
                effects): without evidence that they differ, all are equal. The mean is drawn to zero in turn
    weight      (0.05 + shrunk r, at least 0.01) * uniqueness. Uniqueness is one over the sum of squared
                likenesses to all analysts, itself among them: a copy and its original share one vote

An analyst with fewer than four blocks counts as average. Nothing here looks at returns that the closes do not hold.

Sources: Brier (1950); Grinold and Kahn, Active Portfolio Management (2000), on the information coefficient;
DerSimonian and Laird (1986), "Meta-Analysis in Clinical Trials", Controlled Clinical Trials 7; Liang and Zeger
(1986), Biometrika 73, for errors by clusters.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from functools import cached_property, lru_cache

import numpy as np

from bursar.domain.views import View
from bursar.errors import InputError
from bursar.ports import Panel
from bursar.quant.arrays import FloatArray
from bursar.quant.calibration import PlattMap, brier_score, fit_platt
from bursar.quant.performance import PERIODS_PER_YEAR

#: Skill that everybody is credited with: what a good analyst of shares may hope for.
CREDIT = 0.05
#: What is left of the credit to one who was wrong throughout: a fifth.
CREDIT_MIN = 0.01
#: So many settled votes of one analyst before its confidence is corrected by what came of it.
CALIBRATION_MIN = 200
#: So many horizons of votes before an analyst is told from the average: their spread has to be seen.
BLOCKS_MIN = 4
#: So many common votes before two analysts are compared.
COMMON_MIN = 20
#: So many symbols on one day before they are ranked.
RANKED_MIN = 3
#: A year of 365.25 days has 252 sessions.
CALENDAR_DAYS = 365.25 / PERIODS_PER_YEAR
#: Confidence is kept this far from certainty before its odds are taken.
CERTAIN = 1e-6


# Without slots: a vote counts anew in each of the hundred weeks after it was settled, and what follows from it alone
# is worked out once.
@dataclass(frozen=True, kw_only=True)
class Vote:
    """A view whose time has passed.

    day         on which it could be known
    confidence  that its sign is right
    expected    excess return over the horizon; not zero, for zero is no vote
    realized    what came of it; not zero, for zero has no sign
    """

    analyst: str
    symbol: str
    day: date
    horizon_days: int
    confidence: float
    expected: float
    realized: float

    def __post_init__(self) -> None:
        for name, value in (("expected", self.expected), ("realized", self.realized)):
            if not math.isfinite(value) or value == 0.0:
                raise InputError(
                    f"{self.analyst} on {self.symbol}: {name} is {value}; a vote has a sign, and is settled"
                )

    @cached_property
    def right(self) -> bool:
        """Whether the sign came true."""
        return self.expected * self.realized > 0.0

    @cached_property
    def edge(self) -> float:
        """2 p - 1, for its probability p of a rise: -1 to 1."""
        return math.copysign(1.0, self.expected) * (2.0 * self.confidence - 1.0)

    @cached_property
    def gain(self) -> float:
        """Its edge if the price rose, and the opposite if it fell."""
        return self.edge * math.copysign(1.0, self.realized)

    @cached_property
    def odds(self) -> float:
        """Log odds of its confidence."""
        return log_odds(self.confidence)

    @cached_property
    def block(self) -> int:
        """Number of the stretch of one horizon that its day lies in."""
        return int(self.day.toordinal() / (self.horizon_days * CALENDAR_DAYS))

    @cached_property
    def matter(self) -> tuple[str, date]:
        """What it is about, and when: votes of two analysts on one matter can be compared."""
        return self.symbol, self.day


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """What an analyst's settled votes amount to. rank_ic: NaN where no day had symbols enough."""

    analyst: str
    votes: int
    hit_rate: float
    brier: float
    rank_ic: float
    rank_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An analyst's weight, and why. skill, error: as found; NaN where too little is settled. shrunk: as used."""

    weight: float
    skill: float
    error: float
    shrunk: float
    uniqueness: float


def settle(views: Iterable[View], closes: Panel, cash_rate: float = 0.0, zone: tzinfo = UTC) -> tuple[Vote, ...]:
    """The votes among ``views`` whose horizon lies within ``closes``; the others wait.

    The return runs from the last close before the view's day to the close ``horizon_days`` later, less
    ``cash_rate`` (a year, as a fraction) over that time. A view without a sign, a missing close, or a return of
    exactly zero settles nothing.

    zone  of the exchange, whose days the closes are of: a morning in Sydney is an evening in UTC, of the day before
    """
    votes = []
    places = {symbol: place for place, symbol in enumerate(closes.symbols)}
    lasts: dict[date, int] = {}
    for view in views:
        day, place = view.known_at.astimezone(zone).date(), places.get(view.symbol)
        if place is None or view.expected_excess_return == 0.0:
            continue
        if day not in lasts:
            lasts[day] = int(np.searchsorted(closes.dates, np.datetime64(day), side="left")) - 1
        last = lasts[day]
        end = last + view.horizon_days
        if last < 0 or end >= len(closes.dates):
            continue
        cash = cash_rate * view.horizon_days / PERIODS_PER_YEAR
        realized = float(closes.values[end, place] / closes.values[last, place]) - 1.0 - cash
        if math.isfinite(realized) and realized:
            votes.append(
                Vote(
                    analyst=view.analyst,
                    symbol=view.symbol,
                    day=day,
                    horizon_days=view.horizon_days,
                    confidence=view.confidence,
                    expected=view.expected_excess_return,
                    realized=realized,
                )
            )
    return tuple(votes)


# ---------------------------------------------------------------- scores


def scorecards(votes: Iterable[Vote]) -> dict[str, Scorecard]:
    """One for each analyst, by name."""
    return {analyst: _scorecard(analyst, own) for analyst, own in _by_analyst(votes).items()}


def _scorecard(analyst: str, votes: Sequence[Vote]) -> Scorecard:
    expected, realized = defaultdict[date, list[float]](list), defaultdict[date, list[float]](list)
    for vote in votes:
        expected[vote.day].append(vote.expected)
        realized[vote.day].append(vote.realized)
    ranked = [
        rank_correlation(tuple(told), tuple(realized[day])) for day, told in expected.items() if len(told) >= RANKED_MIN
    ]
    told = [each for each in ranked if math.isfinite(each)]
    right = [float(vote.right) for vote in votes]
    return Scorecard(
        analyst=analyst,
        votes=len(votes),
        hit_rate=float(np.mean(right)),
        brier=brier_score([vote.confidence for vote in votes], right),
        rank_ic=float(np.mean(told)) if told else math.nan,
        rank_days=len(told),
    )


# A day's votes are ranked anew in each of the hundred weeks in which they count.
@lru_cache(maxsize=8192)
def rank_correlation(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Spearman's: the correlation of ranks, equal values sharing theirs; NaN where all are equal."""
    a, b = _ranks(one), _ranks(other)
    if not a.std() * b.std() > 0.0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])


def _ranks(values: Sequence[float]) -> FloatArray:
    _, place, counts = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True, return_counts=True)
    ranks: FloatArray = (np.cumsum(counts) - (counts - 1) / 2.0)[place]
    return ranks


def calibrations(votes: Iterable[Vote]) -> dict[str, PlattMap]:
    """For each analyst with settled votes enough, of both outcomes: from the log odds stated to what came true."""
    maps = {}
    for analyst, own in _by_analyst(votes).items():
        right = [float(vote.right) for vote in own]
        if len(own) >= CALIBRATION_MIN and 0.0 < sum(right) < len(right):
            maps[analyst] = fit_platt([vote.odds for vote in own], right)
    return maps


def calibrated(confidence: float, curve: PlattMap | None) -> float:
    """``confidence`` as it has come true, or as it is without a ``curve``; never below one half.

    An analyst that is wrong more often than not is not believed in reverse: it says nothing.
    """
    if curve is None:
        return max(confidence, 0.5)
    return max(curve.of(log_odds(confidence)), 0.5)


def log_odds(probability: float) -> float:
    """ln(p / (1 - p)), certainty cut."""
    cut = min(max(probability, CERTAIN), 1.0 - CERTAIN)
    return math.log(cut / (1.0 - cut))


# ---------------------------------------------------------------- weights


def standings(votes: Iterable[Vote], analysts: Sequence[str]) -> dict[str, Standing]:
    """The weights of ``analysts``, which sum to one; those who never voted among them.

    Raises InputError without an analyst, or where one is named twice.
    """
    if not analysts or len(set(analysts)) != len(analysts):
        raise InputError(f"weights are for distinct analysts; these are {', '.join(analysts) or 'none'}")
    asked = set(analysts)
    own = _by_analyst(vote for vote in votes if vote.analyst in asked)
    found = {analyst: _skill(own.get(analyst, ())) for analyst in analysts}
    shrunk = _shrunk(found)
    unique = _uniqueness(own, analysts)
    raw = {analyst: max(CREDIT + shrunk[analyst], CREDIT_MIN) * unique[analyst] for analyst in analysts}
    total = math.fsum(raw.values())
    return {
        analyst: Standing(
            weight=raw[analyst] / total,
            skill=found[analyst][0],
            error=math.sqrt(found[analyst][1]),
            shrunk=shrunk[analyst],
            uniqueness=unique[analyst],
        )
        for analyst in analysts
    }


def _skill(votes: Sequence[Vote]) -> tuple[float, float]:
    """Skill and the square of its error; NaN and infinity where too few blocks are settled."""
    names, place = np.unique([vote.block for vote in votes], return_inverse=True)
    if len(names) < BLOCKS_MIN:
        return math.nan, math.inf
    gains = np.array([vote.gain for vote in votes])
    gains /= float(np.sqrt(np.mean(gains**2))) or 1.0
    skill = float(gains.mean())
    sums = np.bincount(place, gains - skill)
    clustered = float(sums @ sums) / len(votes) ** 2 * len(names) / (len(names) - 1)
    # Blocks that agree by chance must not claim more than independent votes could, and what one analyst says of one
    # symbol again and again within a horizon is said once.
    independent = len({(vote.block, vote.symbol) for vote in votes})
    return skill, max(clustered, (1.0 - min(skill**2, 0.99)) / independent)


def _shrunk(found: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Each skill drawn to the mean of all by how far chance alone explains that they differ."""
    told = [(skill, variance) for skill, variance in found.values() if math.isfinite(variance)]
    if not told:
        return dict.fromkeys(found, 0.0)
    skills, variances = (np.array(column) for column in zip(*told, strict=True))
    trust = 1.0 / variances
    fixed = float(trust @ skills / trust.sum())
    spread = trust.sum() - (trust**2).sum() / trust.sum()
    excess = float(trust @ (skills - fixed) ** 2) - (len(told) - 1)
    between = max(excess / float(spread), 0.0) if spread > 0.0 else 0.0
    # With a spread of their own, the mean weighs analysts more evenly than votes.
    even = 1.0 / (variances + between)
    mean = float(even @ skills / even.sum())
    mean *= CREDIT**2 / (CREDIT**2 + 1.0 / float(even.sum()))
    return {
        name: mean if not math.isfinite(variance) else mean + between / (between + variance) * (skill - mean)
        for name, (skill, variance) in found.items()
    }


def _uniqueness(votes: Mapping[str, Sequence[Vote]], analysts: Sequence[str]) -> dict[str, float]:
    """One over the sum of squared likenesses to all analysts, itself among them: 1 alone, 1/2 with one copy."""
    matters = sorted({vote.matter for own in votes.values() for vote in own})
    place = {matter: number for number, matter in enumerate(matters)}
    edges = {analyst: np.full(len(matters), np.nan) for analyst in analysts}
    for analyst, own in votes.items():
        edges[analyst][[place[vote.matter] for vote in own]] = [vote.edge for vote in own]
    likeness = {
        (one, other): _likeness(edges[one], edges[other])
        for i, one in enumerate(analysts)
        for other in analysts[i + 1 :]
    }
    return {
        analyst: 1.0 / (1.0 + math.fsum(value for pair, value in likeness.items() if analyst in pair))
        for analyst in analysts
    }


def _likeness(one: FloatArray, other: FloatArray) -> float:
    """The squared cosine of two analysts' edges where both voted, less what chance would give; 0 where they oppose.

    one, other  (n_matters,) edges; NaN where there was no vote
    """
    both = np.isfinite(one) & np.isfinite(other)
    common = int(both.sum())
    if common < COMMON_MIN:
        return 0.0
    a, b = one[both], other[both]
    length = float(np.sqrt(a @ a) * np.sqrt(b @ b))
    cosine = float(a @ b) / length if length > 0.0 else 0.0
    by_chance = 1.0 / common
    return max((cosine**2 - by_chance) / (1.0 - by_chance), 0.0) if cosine > 0.0 else 0.0


def _by_analyst(votes: Iterable[Vote]) -> dict[str, list[Vote]]:
    found: dict[str, list[Vote]] = {}
    for vote in votes:
        found.setdefault(vote.analyst, []).append(vote)
    return dict(sorted(found.items()))
