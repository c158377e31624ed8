"""What is allowed: the constraints of a portfolio as one frozen value, and as arrays for one set of assets.

Weights are fractions of the portfolio's value. Cash is what they leave: sum(weights) + cash = 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from bursar.errors import InputError
from bursar.quant import arrays
from bursar.quant.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """lower <= loadings @ weights <= upper: a sector, a country, a beta, a factor.

    loadings  (n_assets,): ones and zeros for a group, betas for a factor
    """

    name: str
    loadings: FloatArray
    lower: float = -math.inf
    upper: float = math.inf

    def __post_init__(self) -> None:
        object.__setattr__(self, "loadings", arrays.vector(f"exposure {self.name}", self.loadings))
        if not self.lower <= self.upper:
            raise InputError(f"exposure {self.name}: lower {self.lower} lies above upper {self.upper}, or is no number")


def sectors(
    labels: Sequence[str],
    *,
    lower: float | Mapping[str, float] = -math.inf,
    upper: float | Mapping[str, float] = math.inf,
) -> tuple[Exposure, ...]:
    """Bounds on the total weight of each group of assets, in the order in which the labels first appear.

    labels        one for each asset
    lower, upper  one for all groups, or by label (a label left out is not bounded)
    """
    known = dict.fromkeys(labels)
    for side, limits in (("lower", lower), ("upper", upper)):
        if isinstance(limits, Mapping) and not known.keys() >= limits.keys():
            raise InputError(f"{side} names {sorted(limits.keys() - known.keys())}, which no asset belongs to")
    of_asset = np.asarray(labels)
    return tuple(
        Exposure(
            name=label,
            loadings=(of_asset == label).astype(np.float64),
            lower=lower.get(label, -math.inf) if isinstance(lower, Mapping) else lower,
            upper=upper.get(label, math.inf) if isinstance(upper, Mapping) else upper,
        )
        for label in known
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What trading from the current weights costs, as a fraction of the portfolio.

    linear        for a weight of one traded, one number or (n_assets,): 0.0005 is five basis points
    three_halves  c in c |dw|^1.5, one number or (n_assets,); quant.costs.three_halves_coefficient finds it
    periods       for how many periods the trade will be held: a cost paid once is compared with returns per period
    """

    linear: float | FloatArray = 0.0
    three_halves: float | FloatArray = 0.0
    periods: float = 1.0

    def __post_init__(self) -> None:
        arrays.number("periods", self.periods, above=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """The limits of a portfolio; long-only and fully invested unless told otherwise.

    lower, upper         on each weight, one number or (n_assets,)
    cash                 least and most cash; (0, 0) is fully invested, (1, 1) a long-short book that sums to zero
    exposures            sectors, betas, factors
    gross_max            on sum |w|, leverage: 1.6 is a 130/30 portfolio
    turnover_max         on sum |w - current|, both sides counted
    cost_max             on the costs of the trade, once, as a fraction of the portfolio
    volatility_max       on the volatility per period of the covariance
    tracking_error_max   on the volatility of w - benchmark; needs `benchmark` (n_assets,)
    assets_max           on the number of assets held
    position_min         a weight is zero or at least this
    """

    lower: float | FloatArray = 0.0
    upper: float | FloatArray = 1.0
    cash: tuple[float, float] = (0.0, 0.0)
    exposures: tuple[Exposure, ...] = ()
    gross_max: float = math.inf
    turnover_max: float = math.inf
    cost_max: float = math.inf
    volatility_max: float = math.inf
    tracking_error_max: float = math.inf
    benchmark: FloatArray | None = None
    assets_max: int | None = None
    position_min: float = 0.0
    loadings: FloatArray = field(init=False, repr=False, compare=False)
    exposure_lower: FloatArray = field(init=False, repr=False, compare=False)
    exposure_upper: FloatArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Stacked once here and not in every solve: a value is often used for years of rebalancing.
        object.__setattr__(self, "loadings", _stack(self.exposures))
        object.__setattr__(self, "exposure_lower", np.array([each.lower for each in self.exposures]))
        object.__setattr__(self, "exposure_upper", np.array([each.upper for each in self.exposures]))
        for name in ("gross_max", "turnover_max", "cost_max", "volatility_max", "tracking_error_max"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} is {getattr(self, name)}; it must not be negative")
        least, most = self.cash
        if not (math.isfinite(least) and math.isfinite(most) and least <= most):
            raise InputError(f"cash is {self.cash}; it holds the least and the most, in this order")
        if self.assets_max is not None and self.assets_max < 1:
            raise InputError(f"assets_max is {self.assets_max}; one asset at least must be allowed")
        arrays.number("position_min", self.position_min, least=0.0)
        if self.tracking_error_max < math.inf and self.benchmark is None:
            raise InputError("tracking_error_max is given without a benchmark to track")

    @property
    def counted(self) -> bool:
        """Whether the number or the least size of positions is limited, which takes a search over their names."""
        return self.assets_max is not None or self.position_min > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Constraints, costs and current weights as arrays for n assets, checked; infinite where nothing is asked."""

    lower: FloatArray
    upper: FloatArray
    total_lower: float
    total_upper: float
    exposures: FloatArray  # (n_exposures, n_assets)
    exposure_lower: FloatArray
    exposure_upper: FloatArray
    current: FloatArray
    benchmark: FloatArray
    linear_cost: FloatArray | None
    three_halves_cost: FloatArray | None
    cost_periods: float
    asked: Constraints = field(repr=False)

    @property
    def trades(self) -> bool:
        """Whether |w - current| enters linearly: turnover, or a linear cost."""
        return self.asked.turnover_max < math.inf or self.linear_cost is not None

    @property
    def leveraged(self) -> bool:
        """Whether sum |w| is limited beyond what its bounds imply."""
        most = self.asked.gross_max
        if most == math.inf or (self.long_only and self.total_upper <= most):
            return False
        return bool(np.maximum(np.abs(self.lower), np.abs(self.upper)).sum() > most)

    @property
    def long_only(self) -> bool:
        """Whether no weight may be negative."""
        return bool(self.lower.min() >= 0)


def limits(
    constraints: Constraints, size: int, *, current: ArrayLike | None = None, costs: Costs | None = None
) -> Limits:
    """The arrays behind the constraints of `size` assets.

    Raises InputError for a wrong shape, a NaN, bounds that cross, or bounds whose weights cannot reach the total.
    """
    lower, upper = _bound("lower", constraints.lower, size), _bound("upper", constraints.upper, size)
    if (crossed := lower > upper).any():
        i = int(crossed.argmax())
        raise InputError(f"lower[{i}] is {lower[i]:g}, above upper[{i}], which is {upper[i]:g}")
    total_lower, total_upper = 1.0 - constraints.cash[1], 1.0 - constraints.cash[0]
    _reachable(lower, upper, total_lower, total_upper)
    if constraints.exposures and constraints.loadings.shape[1] != size:
        raise InputError(f"the exposures have {constraints.loadings.shape[1]} loadings each; {size} are needed")
    linear = power = None
    if costs is not None:
        linear, power = _cost("linear", costs.linear, size), _cost("three_halves", costs.three_halves, size)
    if current is None and (linear is not None or power is not None or constraints.turnover_max < math.inf):
        raise InputError("current is missing: turnover and costs are counted from the current weights")
    if costs is None and constraints.cost_max < math.inf:
        raise InputError("costs is missing: cost_max limits what they come to")
    return Limits(
        lower=lower,
        upper=upper,
        total_lower=total_lower,
        total_upper=total_upper,
        exposures=constraints.loadings if constraints.exposures else np.empty((0, size)),
        exposure_lower=constraints.exposure_lower,
        exposure_upper=constraints.exposure_upper,
        current=np.zeros(size) if current is None else arrays.vector("current", current, length=size),
        benchmark=(
            np.zeros(size)
            if constraints.benchmark is None
            else arrays.vector("benchmark", constraints.benchmark, length=size)
        ),
        linear_cost=linear,
        three_halves_cost=power,
        cost_periods=1.0 if costs is None else costs.periods,
        asked=constraints,
    )


def _bound(name: str, value: float | FloatArray, size: int) -> FloatArray:
    if isinstance(value, float | int) and value == value:  # NaN alone differs from itself
        return np.full(size, float(value))
    bound = np.empty(size)
    try:
        bound[:] = value
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} does not fit {size} assets: {error}") from error
    # A minimum is NaN where any entry is.
    if math.isnan(bound.min()):
        raise InputError(f"{name}[{int(np.isnan(bound).argmax())}] is nan; a number is needed")
    return bound


def _reachable(lower: FloatArray, upper: FloatArray, total_lower: float, total_upper: float) -> None:
    slack = 1e-12
    if (most := float(upper.sum())) < total_lower - slack:
        raise InputError(f"upper sums to {most:g} over the assets; the weights must sum to {total_lower:g} at least")
    if (least := float(lower.sum())) > total_upper + slack:
        raise InputError(f"lower sums to {least:g} over the assets; the weights may sum to {total_upper:g} at most")


def _stack(exposures: Sequence[Exposure]) -> FloatArray:
    """(n_exposures, n_assets); (0, 0) without any."""
    if not exposures:
        return np.empty((0, 0))
    size = exposures[0].loadings.size
    for each in exposures:
        if each.loadings.size != size:
            raise InputError(f"exposure {each.name} has {each.loadings.size} loadings; {exposures[0].name} has {size}")
    return np.array([each.loadings for each in exposures])


def _cost(name: str, value: float | FloatArray, size: int) -> FloatArray | None:
    cost = _bound(f"{name} cost", value, size)
    if not np.isfinite(cost).all() or cost.min() < 0:
        i = int((~(np.isfinite(cost) & (cost >= 0))).argmax())
        raise InputError(f"{name} cost[{i}] is {cost[i]:g}; it must be finite and not negative")
    return cost if cost.any() else None
