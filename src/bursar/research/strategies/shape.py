"""Shape: how wishes become a portfolio that the gate will hardly object to.

Four steps, in this order. Fit: positions and sectors are cut to their limits, the most wanted first. Calm:
where the portfolio would swing more than is wished, all of it is scaled down and the rest is cash. Damp: a
weight that is nearly right stays as it is, for trading costs money. Pace: only so many purchases at once.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bursar.domain.instruments import Instrument
from bursar.domain.targets import Bound, Target, Targets, Unit
from bursar.errors import InputError
from bursar.ports import Panel
from bursar.quant.performance import PERIODS_PER_YEAR
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView

#: Days of returns from which the volatility of the portfolio is told.
VOLATILITY_DAYS = 63
#: What rounding may leave of a limit that is used up.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Limits of a portfolio, as fractions of equity.

    weight_max      largest position
    sector_max      largest sector
    headroom        part of each limit that is left free, since prices move between decision and order
    invested_max    largest sum of all positions; the rest is cash
    volatility_max  annualized volatility above which everything is scaled down; None leaves it alone
    band            a change of weight below this is not worth trading
    weight_min      smallest position worth opening
    purchases_max   symbols that are bought at one decision
    """

    weight_max: float = 0.20
    sector_max: float = 0.30
    headroom: float = 0.05
    invested_max: float = 0.98
    volatility_max: float | None = 0.15
    band: float = 0.02
    weight_min: float = 0.01
    purchases_max: int = 10

    def __post_init__(self) -> None:
        for name in ("weight_max", "sector_max", "invested_max"):
            value: float = getattr(self, name)
            if not 0.0 < value <= 1.0:
                raise InputError(f"{name} is {value:.0%}; give more than 0 % and at most 100 %")
        for name in ("headroom", "band", "weight_min"):
            value = getattr(self, name)
            if not 0.0 <= value < 1.0:
                raise InputError(f"{name} is {value:.0%}; give 0 % to less than 100 %")
        if self.volatility_max is not None and not self.volatility_max > 0.0:
            raise InputError(f"volatility_max is {self.volatility_max:.0%}; give more than 0 %, or nothing")
        if self.purchases_max < 1:
            raise InputError(f"purchases_max is {self.purchases_max}; give at least 1")

    def fit(
        self,
        wishes: Iterable[Target],
        instruments: Mapping[str, Instrument],
        positions: int | None = None,
        told: list[Bound] | None = None,
    ) -> tuple[Target, ...]:
        """``wishes`` cut to the limits, the first ones first, and at most so many ``positions``.

        told  what was cut, and by which limit, is added to it
        """
        told = [] if told is None else told
        free = self.invested_max
        sectors: dict[str, float] = defaultdict(lambda: self.sector_max * (1.0 - self.headroom))
        fitted: list[Target] = []
        for place, wish in enumerate(wishes, start=1):
            sector = sector_of(wish.symbol, instruments)
            weight = min(wish.weight, self.weight_max * (1.0 - self.headroom), sectors[sector], free)
            if len(fitted) == positions:
                said = f"it comes in place {place}, and there are {positions} positions"
                told.append(
                    Bound(wish.symbol, "rank", float(place), float(positions), Unit.NUMBER, wish.weight, 0.0, said)
                )
                continue
            if weight < wish.weight - ROUNDING:
                told.append(self._cut(wish, weight, sector, sectors[sector]))
            if weight < max(self.weight_min, ROUNDING):
                said = f"{weight:.2%} is less than the smallest position, {self.weight_min:.1%}"
                told.append(Bound(wish.symbol, "smallest", weight, self.weight_min, Unit.FRACTION, weight, 0.0, said))
                continue
            free -= weight
            sectors[sector] -= weight
            fitted.append(replace(wish, weight=weight))
        return tuple(fitted)

    def _cut(self, wish: Target, weight: float, sector: str, left: float) -> Bound:
        """Which of the limits left ``weight`` of a wish; the narrowest of them did."""
        position = self.weight_max * (1.0 - self.headroom)
        if weight == position:
            step, said = "position", f"no position is wanted above {position:.1%}"
        elif weight == left:
            step, said = "sector", f"{left:.1%} are left of {sector}, of which {self.sector_max:.0%} at most are wanted"
        else:
            step, said = "invested", f"{weight:.1%} are left of the {self.invested_max:.0%} that are invested at most"
        return Bound(wish.symbol, step, wish.weight, weight, Unit.FRACTION, wish.weight, weight, said)

    def targets(
        self,
        strategy: str,
        wishes: Sequence[Target],
        market: MarketView,
        holdings: Holdings,
        told: Sequence[Bound] = (),
    ) -> Targets:
        """What to hold from now on. Symbols without a wish are wanted at zero; no wishes at all mean cash.

        told  what stood in the way before these wishes; what does here is added
        """
        bounds = list(told)
        fitted = self._calm(self.fit(wishes, market.instruments, told=bounds), market.closes, bounds)
        wanted = {target.symbol: target.weight for target in fitted}
        damped = self._damp(wanted, market.instruments, holdings)
        for symbol, weight in damped.items():
            if weight != wanted[symbol]:
                said = f"{wanted[symbol]:.2%} is nearer than {self.band:.1%} to the {weight:.2%} that are held"
                off = abs(wanted[symbol] - weight)
                bounds.append(Bound(symbol, "near", off, self.band, Unit.FRACTION, wanted[symbol], weight, said))
        weights = self._pace(wanted, damped, holdings, bounds)
        kept = [replace(target, weight=weights[target.symbol]) for target in fitted if weights[target.symbol] > 0.0]
        return Targets(
            strategy=strategy,
            targets=tuple(sorted(kept, key=lambda target: target.symbol)),
            bounds=tuple(bounds),
        )

    def _calm(self, targets: tuple[Target, ...], closes: Panel, told: list[Bound]) -> tuple[Target, ...]:
        if self.volatility_max is None:
            return targets
        measured = volatility({target.symbol: target.weight for target in targets}, closes)
        scale = self.volatility_max * (1.0 - self.headroom) / measured if measured > 0.0 else 1.0
        if scale >= 1.0:
            return targets
        limit = self.volatility_max * (1.0 - self.headroom)
        said = f"; all scaled by {scale:.2f} to swing {limit:.1%} a year"
        for each in targets:
            why = f"all together swung {measured:.1%} a year, and {limit:.1%} is the most"
            after = each.weight * scale
            told.append(Bound(each.symbol, "calm", measured, limit, Unit.FRACTION, each.weight, after, why))
        return tuple(replace(each, weight=each.weight * scale, reason=each.reason + said) for each in targets)

    def _damp(
        self, wanted: Mapping[str, float], instruments: Mapping[str, Instrument], holdings: Holdings
    ) -> dict[str, float]:
        damped = {}
        for symbol, weight in wanted.items():
            held = holdings.weights.get(symbol, 0.0)
            near = 0.0 < held <= self.weight_max and abs(weight - held) < self.band
            damped[symbol] = held if near else weight
        # What was kept may have grown together beyond a limit: there, what was wanted counts.
        sectors: dict[str, float] = defaultdict(float)
        for symbol, weight in damped.items():
            sectors[sector_of(symbol, instruments)] += weight
        if math.fsum(damped.values()) > self.invested_max:
            return dict(wanted)
        full = {sector for sector, weight in sectors.items() if weight > self.sector_max * (1.0 - self.headroom)}
        return {
            symbol: wanted[symbol] if sector_of(symbol, instruments) in full else weight
            for symbol, weight in damped.items()
        }

    def _pace(
        self, wanted: Mapping[str, float], damped: Mapping[str, float], holdings: Holdings, told: list[Bound]
    ) -> dict[str, float]:
        """``damped``, in the order of ``wanted``, with the purchases beyond the last allowed one put off."""
        paced, purchases = {}, 0
        for symbol in wanted:
            held = max(holdings.weights.get(symbol, 0.0), 0.0)
            buys = damped[symbol] > held
            purchases += buys
            paced[symbol] = damped[symbol]
            if buys and purchases > self.purchases_max:
                paced[symbol] = held
                said = f"it is purchase {purchases} of this decision, and {self.purchases_max} are made at most"
                figures = float(purchases), float(self.purchases_max), Unit.NUMBER, damped[symbol], held
                told.append(Bound(symbol, "pace", *figures, said))
        return paced


def sector_of(symbol: str, instruments: Mapping[str, Instrument]) -> str:
    """The sector of ``symbol``; "unknown" is a sector of its own."""
    instrument = instruments.get(symbol)
    return instrument.sector if instrument else "unknown"


def volatility(weights: Mapping[str, float], closes: Panel) -> float:
    """Annualized volatility of a portfolio that had held ``weights`` through the last days; NaN if untold.

    Days on which a price is missing are left out, and with fewer than two left there is nothing to tell.
    """
    held = [symbol for symbol in weights if symbol in closes.symbols]
    if not held:
        return math.nan
    values = closes.values[-VOLATILITY_DAYS - 1 :, [closes.symbols.index(symbol) for symbol in held]]
    returns = values[1:] / values[:-1] - 1.0
    portfolio = returns[np.isfinite(returns).all(axis=1)] @ np.array([weights[symbol] for symbol in held])
    if len(portfolio) < 2:
        return math.nan
    return float(portfolio.std(ddof=1) * math.sqrt(PERIODS_PER_YEAR))
