"""Risk budgets: who may carry how much risk, who does, and which weights would mend a violation.

A budget is a tree. Its levels are dimensions of the portfolio in the order that the caller chooses (strategies, then
sectors within each, then symbols; or horizons first), and each level divides what its parent was given by a rule:

    equal       the same to each
    volatility  inversely to each one's own volatility
    confidence  in proportion to the confidence in it
    strategy    in proportion to its risk-adjusted return, none beyond its capacity
    sector      the same to each, but no sector beyond a cap
    custom      a function of the user's: any `Rule`

An asset here is any position that is told apart: a symbol that two strategies hold may be two of them.

Risk is any measure whose contributions sum to it (`exposure.contributions`): volatility, value at risk, shortfall,
drawdown, beta-adjusted exposure. Limits are in its unit. A negative contribution is a hedge and uses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from bursar.errors import InputError
from bursar.quant.arrays import BoolArray, FloatArray, IntArray, covariance, matrix, number, vector

WARNING_SHARE = 0.8
# A limit counts as kept up to this share of it: what is left by halving an interval until it no longer matters.
TOLERANCE = 1e-9
ROUNDS_MOST = 1_000

Path: TypeAlias = tuple[Hashable, ...]
ContributionsOf: TypeAlias = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Siblings:
    """Those among whom a rule divides a budget: arrays with one entry each.

    labels       what each is called
    volatility   of what each holds, its weights scaled to sum to one
    confidence   mean over what each holds, in [0, 1]
    performance  risk-adjusted return, mean over what each holds
    capacity     the largest share of the whole portfolio's risk that each can use, summed over what it holds
    sector       the sector that each belongs to; a number of its own where it spans several
    """

    labels: tuple[Hashable, ...]
    volatility: FloatArray
    confidence: FloatArray
    performance: FloatArray
    capacity: FloatArray
    sector: IntArray

    def __len__(self) -> int:
        return len(self.labels)


Rule: TypeAlias = Callable[[Siblings], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the rules may ask of each asset: arrays with one entry each. Facts that no rule asks for may be left out.

    covariance   (n_assets, n_assets); for the rule `volatility`
    weights      by which what a group holds is averaged; equal where absent or where the group holds nothing
    sector       a label each; for the rule `sector`
    """

    covariance: ArrayLike | None = None
    weights: ArrayLike | None = None
    confidence: ArrayLike | None = None
    performance: ArrayLike | None = None
    capacity: ArrayLike | None = None
    sector: Sequence[Hashable] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One dimension of the tree: its name, the label of each asset in it, and how a parent's budget is divided."""

    dimension: str
    labels: Sequence[Hashable]
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The tree, parents before children; node 0 is the whole portfolio.

    paths       what each node is called: the labels from the top down; () is the whole
    dimensions  the dimension of each node; "portfolio" for the whole
    parents     (n_nodes,) -1 for the whole
    members     (n_nodes, n_assets) True where the node holds the asset
    limits      (n_nodes,) risk that each may carry
    """

    paths: tuple[Path, ...]
    dimensions: tuple[str, ...]
    parents: IntArray
    members: BoolArray
    limits: FloatArray

    def limit(self, *path: Hashable) -> float:
        """What one node may carry, by its path."""
        if path not in self.paths:
            raise InputError(f"the budget has no {path}; it has {', '.join(map(str, self.paths))}")
        return float(self.limits[self.paths.index(path)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Utilization:
    """What each node of a budget carries. Arrays (n_nodes,).

    used   its contribution to the portfolio's risk
    share  used over limit; infinite where risk is carried without a budget, never below zero
    """

    used: FloatArray
    share: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A node that carries more than it may, or nearly as much."""

    path: Path
    dimension: str
    used: float
    limit: float
    share: float
    severity: Literal["warning", "violation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Where utilization is heading. Arrays (n_nodes,).

    slope    change of the share a period, by least squares; NaN with fewer than three periods
    periods  until the share reaches one at that slope: 0 where it already has, infinite where it is not rising
    """

    slope: FloatArray
    periods: FloatArray


# The rules


def equal(siblings: Siblings) -> FloatArray:
    """The same to each."""
    return np.full(len(siblings), 1.0 / len(siblings))


def by_volatility(siblings: Siblings) -> FloatArray:
    """Inversely to volatility: the calm may carry more. One without any volatility needs no budget and gets none."""
    volatility = _given("covariance", siblings.volatility)
    calm = np.divide(1.0, volatility, out=np.zeros(len(siblings)), where=volatility > 0.0)
    return _proportional(calm)


def by_confidence(siblings: Siblings) -> FloatArray:
    """In proportion to confidence."""
    return _proportional(_given("confidence", siblings.confidence))


def by_strategy(siblings: Siblings) -> FloatArray:
    """In proportion to risk-adjusted return where that is positive, none beyond its capacity.

    What one cannot use goes to the others in their proportion; what none can use stays unallocated. Where nobody has
    earned anything, capacity alone divides.
    """
    merit = np.maximum(_given("performance", siblings.performance), 0.0)
    return _filled(merit if merit.any() else np.ones(len(siblings)), siblings.capacity)


def by_sector(sector_most: float = 0.3) -> Rule:
    """The same to each, but no sector beyond `sector_most`; what is over goes to the other sectors.

    Where the sectors are too few to use all of it under the cap, the rest stays unallocated.
    """
    most = number("sector_most", sector_most, above=0.0, most=1.0)

    def rule(siblings: Siblings) -> FloatArray:
        _, place = np.unique(siblings.sector, return_inverse=True)
        counts = np.bincount(place)
        return np.asarray((_filled(counts.astype(np.float64), np.full(counts.size, most)) / counts)[place])

    return rule


def custom(function: Callable[[Siblings], ArrayLike]) -> Rule:
    """A user's own rule. Its answer is checked as every rule's is: a share each, none negative, at most one in all."""

    def rule(siblings: Siblings) -> FloatArray:
        return vector("custom", function(siblings))

    return rule


RULES: Mapping[str, Rule] = {
    "equal": equal,
    "volatility": by_volatility,
    "confidence": by_confidence,
    "strategy": by_strategy,
    "sector": by_sector(),
}


# The tree


def allocate(total: float, levels: Sequence[Level], facts: Facts | None = None) -> Budget:
    """Divide a total risk down the levels.

    total   risk that the whole portfolio may carry, above zero, in the unit of the measure it is held to
    levels  from the top down; one at least

    Raises InputError where a rule needs a fact that is missing, or answers with shares that are none.
    """
    number("total", total, above=0.0)
    if not levels:
        raise InputError("levels is empty; give one dimension at least")
    count = len(levels[0].labels)
    for level in levels:
        if len(level.labels) != count or count == 0:
            raise InputError(
                f"labels of {level.dimension} has {len(level.labels)} entries; {count or 'some'} are needed"
            )
    known = _Known.of(facts or Facts(), count)
    paths: list[Path] = [()]
    dimensions, parents, members, limits = ["portfolio"], [-1], [np.ones(count, dtype=np.bool_)], [float(total)]
    above = [0]
    for level in levels:
        below = []
        for parent in above:
            groups = _groups(level.labels, members[parent])
            siblings = known.siblings(groups)
            shares = _checked(level, siblings, level.rule(siblings))
            for (label, held), share in zip(groups.items(), shares, strict=True):
                below.append(len(paths))
                paths.append((*paths[parent], label))
                dimensions.append(level.dimension)
                parents.append(parent)
                members.append(held)
                limits.append(limits[parent] * float(share))
        above = below
    return Budget(
        paths=tuple(paths),
        dimensions=tuple(dimensions),
        parents=np.array(parents),
        members=np.array(members),
        limits=np.array(limits),
    )


def utilization(budget: Budget, contributions: ArrayLike) -> Utilization:
    """What each node carries, from the (n_assets,) contributions of the assets."""
    parts = vector("contributions", contributions, length=budget.members.shape[1])
    used = budget.members @ parts
    share = np.divide(used, budget.limits, out=np.where(used > 0.0, np.inf, 0.0), where=budget.limits > 0.0)
    return Utilization(used=used, share=np.maximum(share, 0.0))


def violations(budget: Budget, used: Utilization, *, warning: float = WARNING_SHARE) -> tuple[Violation, ...]:
    """Nodes beyond their limit, and those beyond `warning` of it, the worst first."""
    number("warning", warning, above=0.0, most=1.0)
    found = [
        Violation(
            path=budget.paths[node],
            dimension=budget.dimensions[node],
            used=float(used.used[node]),
            limit=float(budget.limits[node]),
            share=float(used.share[node]),
            severity="violation" if used.share[node] > 1.0 + TOLERANCE else "warning",
        )
        for node in np.flatnonzero(used.share >= warning)
    ]
    return tuple(sorted(found, key=lambda violation: -violation.share))


def trend(shares: ArrayLike) -> Trend:
    """Where utilization is heading, from its history (n_periods, n_nodes), oldest first."""
    table = matrix("shares", shares)
    periods, nodes = table.shape
    if periods < 3:
        return Trend(slope=np.full(nodes, np.nan), periods=np.full(nodes, np.nan))
    time = np.arange(periods) - 0.5 * (periods - 1)
    slope = time @ table / (time @ time)
    room = 1.0 - table[-1]
    ahead = np.divide(room, slope, out=np.full(nodes, np.inf), where=slope > 0.0)
    return Trend(slope=slope, periods=np.where(room <= 0.0, 0.0, ahead))


def cure(budget: Budget, weights: ArrayLike, contributions_of: ContributionsOf) -> FloatArray:
    """Weights that keep every limit, none larger than before: violators are cut, and only they.

    weights           (n_assets,) as they are; what is freed goes to cash
    contributions_of  from weights to the assets' contributions, such as `volatility_contributions(covariance)`

    A node is scaled down as far as its own contribution needs; that moves the others' contributions, so the nodes
    take turns, the worst first, until none is over. Weights only fall, so they settle.
    Raises InputError where even the smallest weights violate: contributions that do not shrink with the weights.
    """
    held = vector("weights", weights, length=budget.members.shape[1]).copy()
    for _ in range(ROUNDS_MOST):
        used = utilization(budget, contributions_of(held))
        worst = int(np.argmax(used.share))
        if used.share[worst] <= 1.0 + TOLERANCE:
            return held
        held = _cut(budget.members[worst], float(budget.limits[worst]), held, contributions_of)
    raise InputError(
        f"no weights keep the budget after {ROUNDS_MOST} cuts; do contributions_of shrink with the weights?"
    )


def volatility_contributions(covariances: ArrayLike) -> ContributionsOf:
    """The function from weights to contributions to volatility, for `cure`."""
    table = covariance("covariances", covariances)  # proved once, where `exposure.risk_contributions` proves each time

    def contributions(weights: FloatArray) -> FloatArray:
        together = table @ weights
        variance = float(weights @ together)
        return weights * together / math.sqrt(variance) if variance > 0.0 else np.zeros(weights.size)

    return contributions


def _cut(members: BoolArray, limit: float, held: FloatArray, contributions_of: ContributionsOf) -> FloatArray:
    """Scale the members by the largest part, found by halving, at which they keep the limit."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        carried = float(contributions_of(np.where(members, middle * held, held))[members].sum())
        low, high = (middle, high) if carried <= limit else (low, middle)
        if high - low <= 0.25 * TOLERANCE * high:
            break
    return np.where(members, low * held, held)


def _filled(merit: FloatArray, most: FloatArray) -> FloatArray:
    """Shares in proportion to merit, none above its most; what is cut off goes to the rest in their proportion."""
    shares = np.zeros(merit.size)
    open_ = merit > 0.0
    left = 1.0
    while open_.any() and left > 1e-15:
        wished = left * np.where(open_, merit, 0.0) / merit[open_].sum()
        full = open_ & (shares + wished >= most)
        if not full.any():
            return np.asarray(shares + wished)
        # Those who reach their most are settled first; the rest begin anew with what is left.
        shares[full] = most[full]
        open_ &= ~full
        left = 1.0 - float(shares.sum())
    return shares


def _between(name: str, values: FloatArray, most: float) -> FloatArray:
    wrong = (values < 0.0) | (values > most)
    if wrong.any():
        i = int(wrong.argmax())
        raise InputError(f"facts.{name}[{i}] is {values[i]:g}; a number from 0 to {most:g} is needed")
    return values


def _given(name: str, values: FloatArray) -> FloatArray:
    if np.isnan(values).any():
        raise InputError(f"facts.{name} is missing; the rule of this level needs it")
    return values


def _proportional(merit: FloatArray) -> FloatArray:
    total = float(merit.sum())
    return merit / total if total > 0.0 else np.full(merit.size, 1.0 / merit.size)


def _groups(labels: Sequence[Hashable], within: BoolArray) -> dict[Hashable, BoolArray]:
    """The members of each label among those within, in the order in which labels first appear."""
    groups: dict[Hashable, BoolArray] = {}
    for asset in np.flatnonzero(within):
        groups.setdefault(labels[int(asset)], np.zeros(within.size, dtype=np.bool_))[asset] = True
    return groups


def _checked(level: Level, siblings: Siblings, shares: FloatArray) -> FloatArray:
    row = vector(f"shares of {level.dimension}", shares, length=len(siblings))
    if row.min() < 0.0:
        i = int(row.argmin())
        raise InputError(
            f"the rule of {level.dimension} gives {siblings.labels[i]} {row[i]:g}; a share is not negative"
        )
    if row.sum() > 1.0 + TOLERANCE:
        raise InputError(f"the rule of {level.dimension} gives away {row.sum():g} of the budget; 1 is the most")
    return row


@dataclass(frozen=True, slots=True)
class _Known:
    """The facts, checked; NaN marks what is missing."""

    covariance: FloatArray | None
    weights: FloatArray
    confidence: FloatArray
    performance: FloatArray
    capacity: FloatArray
    sector: IntArray | None

    @classmethod
    def of(cls, facts: Facts, count: int) -> _Known:
        def row(name: str, absent: float) -> FloatArray:
            values = getattr(facts, name)
            return np.full(count, absent) if values is None else vector(f"facts.{name}", values, length=count)

        sector = None
        if facts.sector is not None:
            if len(facts.sector) != count:
                raise InputError(f"facts.sector has {len(facts.sector)} entries; {count} are needed")
            numbers = {label: i for i, label in enumerate(dict.fromkeys(facts.sector))}
            sector = np.array([numbers[label] for label in facts.sector])
        table = None if facts.covariance is None else covariance("facts.covariance", facts.covariance, size=count)
        return cls(
            covariance=table,
            weights=np.abs(row("weights", 1.0)),
            confidence=_between("confidence", row("confidence", math.nan), 1.0),
            performance=row("performance", math.nan),
            capacity=_between("capacity", row("capacity", math.inf), math.inf),
            sector=sector,
        )

    def siblings(self, groups: Mapping[Hashable, BoolArray]) -> Siblings:
        mixes = np.array([self._mix(held) for held in groups.values()])
        if self.covariance is None:
            volatility = np.full(len(groups), np.nan)
        else:
            volatility = np.sqrt(np.maximum(np.einsum("gi,ij,gj->g", mixes, self.covariance, mixes), 0.0))
        return Siblings(
            labels=tuple(groups),
            volatility=volatility,
            confidence=mixes @ self.confidence,
            performance=mixes @ self.performance,
            capacity=np.array([self.capacity[held].sum() for held in groups.values()]),
            sector=np.array([self._sector(number, held) for number, held in enumerate(groups.values())]),
        )

    def _mix(self, held: BoolArray) -> FloatArray:
        chosen = np.where(held, self.weights, 0.0)
        total = float(chosen.sum())
        return chosen / total if total > 0.0 else held / held.sum()

    def _sector(self, number_: int, held: BoolArray) -> int:
        """The one sector of the members, or a number below zero of the group's own."""
        found = set() if self.sector is None else set(self.sector[held].tolist())
        return int(found.pop()) if len(found) == 1 else -1 - number_
