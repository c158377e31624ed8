"""What would happen if: ten scenarios, and the other way round, what must happen for a given loss.

A scenario is a set of shocks to twenty-one factors; a portfolio's loss follows from how its assets respond to them.
The ten are not one crash in ten sizes: among them markets rise while momentum collapses, yields fall in one crisis
and rise in the next, and the sector that shelters from one leads the other. A test proves it by the rank of their
matrix.

Factors and the units of their shocks:

    market                          return of the whole market
    the eleven GICS sectors         return beyond the market's
    size, value, momentum           return of small over large, cheap over dear, last year's winners over losers
    rates, credit                   change of the ten-year yield and of the Baa spread, in percentage points
    oil, gold, dollar               return of each
    volatility                      change of the VIX, in points

An asset's response to each is a number: its beta to the market, 1 for its own sector, loadings on the styles, and
return per unit of the rest (a bond of duration 8 has -0.08 to rates). Responses should be estimated together, so that
nothing counts twice; what is not known is zero. The answer is linear: it knows no options and no margin calls.

Sources: returns of market, styles and industries in the historical scenarios are recomputed from Kenneth French's
data library and ten-year yields from the US Treasury's curves (1990 on); the remaining figures are the public
record's. All are rounded: a stress test is not a forecast.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray, covariance, matrix, number, vector

SECTORS = (
    "communication_services",
    "consumer_discretionary",
    "consumer_staples",
    "energy",
    "financials",
    "health_care",
    "industrials",
    "information_technology",
    "materials",
    "real_estate",
    "utilities",
)
FACTORS = (
    "market",
    *SECTORS,
    "size",
    "value",
    "momentum",
    "rates",
    "credit",
    "oil",
    "gold",
    "dollar",
    "volatility",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One thing that could happen, or has.

    shocks  by factor, in its unit; a factor that is not named does not move
    """

    name: str
    kind: Literal["historical", "hypothetical"]
    story: str
    shocks: Mapping[str, float]

    def __post_init__(self) -> None:
        for factor, shock in self.shocks.items():
            if factor not in FACTORS:
                raise InputError(f"scenario {self.name} shocks {factor!r}; the factors are {', '.join(FACTORS)}")
            number(f"shock of {self.name} to {factor}", shock)

    @property
    def vector(self) -> FloatArray:
        """(n_factors,) in the order of FACTORS."""
        return np.array([self.shocks.get(factor, 0.0) for factor in FACTORS])


def _sectors(*shocks: float) -> dict[str, float]:
    return dict(zip(SECTORS, shocks, strict=True))


# Sector shocks stand in the order of SECTORS:
# communication, discretionary, staples, energy, financials, health, industrials, technology, materials, real estate,
# utilities.
SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="black_monday_1987",
        kind="historical",
        story="14 to 19 October 1987: a quarter of the market in four sessions; small shares follow only later",
        shocks={
            "market": -0.25,
            **_sectors(0.10, -0.06, 0.01, 0.04, 0.01, 0.02, -0.07, -0.04, -0.03, 0.0, 0.15),
            "size": 0.09,
            "value": 0.03,
            "momentum": -0.08,
            "rates": 0.2,
            "credit": 0.3,
            "oil": -0.01,
            "gold": 0.03,
            "dollar": -0.02,
            "volatility": 100.0,
        },
    ),
    Scenario(
        name="russia_and_ltcm_1998",
        kind="historical",
        story="17 July to 31 August 1998: a default abroad and a fund too large to unwind; banks suffer most",
        shocks={
            "market": -0.21,
            **_sectors(0.09, -0.01, 0.0, 0.01, -0.06, 0.05, -0.03, 0.0, -0.01, -0.03, 0.14),
            "size": -0.09,
            "value": 0.05,
            "momentum": 0.04,
            "rates": -0.46,
            "credit": 0.5,
            "oil": -0.08,
            "gold": -0.05,
            "dollar": -0.01,
            "volatility": 28.0,
        },
    ),
    Scenario(
        name="technology_unwinds_2000",
        kind="historical",
        story="1 September 2000 to 4 April 2001: dear technology halves while the rest of the market stands or rises",
        shocks={
            "market": -0.30,
            **_sectors(-0.03, 0.27, 0.34, 0.33, 0.21, 0.16, 0.15, -0.31, 0.24, 0.25, 0.40),
            "size": 0.10,
            "value": 0.45,
            "momentum": 0.15,
            "rates": -0.74,
            "credit": 0.4,
            "oil": -0.18,
            "gold": -0.07,
            "dollar": 0.04,
            "volatility": 17.0,
        },
    ),
    Scenario(
        name="banks_fail_2008",
        kind="historical",
        story="29 August to 20 November 2008: credit stops, everything that owes is sold, government bonds rise",
        shocks={
            "market": -0.42,
            **_sectors(0.04, -0.03, 0.11, 0.02, -0.08, 0.09, -0.10, -0.05, -0.04, -0.18, 0.09),
            "size": -0.09,
            "value": -0.07,
            "momentum": 0.36,
            "rates": -0.73,
            "credit": 3.0,
            "oil": -0.57,
            "gold": -0.10,
            "dollar": 0.13,
            "volatility": 60.0,
        },
    ),
    Scenario(
        name="pandemic_2020",
        kind="historical",
        story="19 February to 23 March 2020: the fastest fall on record; travel, oil and property stop",
        shocks={
            "market": -0.34,
            **_sectors(0.03, -0.12, 0.10, -0.26, -0.09, 0.04, -0.06, 0.01, -0.05, -0.08, -0.03),
            "size": -0.08,
            "value": -0.18,
            "momentum": 0.08,
            "rates": -0.80,
            "credit": 2.3,
            "oil": -0.57,
            "gold": -0.04,
            "dollar": 0.03,
            "volatility": 47.0,
        },
    ),
    Scenario(
        name="inflation_2022",
        kind="historical",
        story="3 January to 12 October 2022: yields rise by two points, bonds fall with shares, energy gains",
        shocks={
            "market": -0.25,
            **_sectors(-0.08, -0.05, 0.19, 0.65, 0.06, 0.05, 0.04, -0.08, 0.04, -0.06, 0.13),
            "size": 0.01,
            "value": 0.21,
            "momentum": 0.14,
            "rates": 2.3,
            "credit": 0.5,
            "oil": 0.15,
            "gold": -0.07,
            "dollar": 0.18,
            "volatility": 17.0,
        },
    ),
    Scenario(
        name="momentum_crash",
        kind="hypothetical",
        story="the market turns up and last year's losers lead, as in spring 2009: gains for most, ruin for trends",
        shocks={
            "market": 0.15,
            **_sectors(0.0, 0.10, -0.12, -0.02, 0.25, -0.12, 0.06, 0.02, 0.08, 0.20, -0.12),
            "size": 0.08,
            "value": 0.12,
            "momentum": -0.40,
            "rates": 0.4,
            "credit": -1.0,
            "oil": 0.20,
            "dollar": -0.05,
            "volatility": -10.0,
        },
    ),
    Scenario(
        name="oil_embargo",
        kind="hypothetical",
        story="supply stops: oil doubles, whoever burns it suffers, gold and whoever pumps it gain, growth slows",
        shocks={
            "market": -0.15,
            **_sectors(0.0, -0.12, 0.02, 0.35, -0.04, 0.03, -0.10, -0.03, -0.06, -0.05, 0.03),
            "value": 0.06,
            "rates": 0.8,
            "credit": 0.5,
            "oil": 1.00,
            "gold": 0.20,
            "dollar": 0.04,
            "volatility": 12.0,
        },
    ),
    Scenario(
        name="rates_jump",
        kind="hypothetical",
        story="two points on all yields within a quarter with no recession: long bonds, property and utilities pay",
        shocks={
            "market": -0.08,
            **_sectors(-0.02, 0.01, -0.04, 0.05, 0.10, -0.01, 0.03, -0.05, 0.03, -0.18, -0.14),
            "value": 0.08,
            "rates": 2.0,
            "gold": -0.12,
            "dollar": 0.08,
            "volatility": 6.0,
        },
    ),
    Scenario(
        name="dollar_loses_trust",
        kind="hypothetical",
        story="buyers of government bonds strike: the dollar falls while yields rise, gold and exporters gain",
        shocks={
            "market": -0.12,
            **_sectors(-0.02, -0.04, 0.04, 0.08, -0.12, 0.02, 0.05, 0.04, 0.12, -0.08, -0.05),
            "size": -0.06,
            "rates": 1.5,
            "credit": 0.8,
            "oil": 0.25,
            "gold": 0.35,
            "dollar": -0.20,
            "volatility": 15.0,
        },
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StressResult:
    """What scenarios do to a portfolio. Profits are shares of equity: negative is a loss.

    names       (n_scenarios,)
    profit      (n_scenarios,) of the portfolio
    by_asset    (n_scenarios, n_assets) weight x response x shock; they sum to the profit
    by_factor   (n_scenarios, n_factors) likewise
    """

    names: tuple[str, ...]
    profit: FloatArray
    by_asset: FloatArray
    by_factor: FloatArray

    @property
    def worst(self) -> str:
        """The name of the scenario that costs most."""
        return self.names[int(self.profit.argmin())]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseStress:
    """The likeliest way to lose a given amount.

    shocks       (n_factors,) that together lose it; of all that do, the least far from nothing happening
    distance     how far, in standard deviations of the portfolio's factor risk
    probability  that factors move so far or farther in that direction, were they normal: a floor, as tails are fat
    by_factor    (n_factors,) what each shock costs; they sum to minus the loss
    """

    shocks: FloatArray
    distance: float
    probability: float
    by_factor: FloatArray


def responses(
    *,
    market: ArrayLike,
    sectors: Sequence[str | None] | None = None,
    **others: ArrayLike,
) -> FloatArray:
    """The table (n_assets, n_factors) that `stress` asks for, from what is known.

    market   (n_assets,) betas
    sectors  the sector of each, None for none (a bond, a broad fund)
    others   by factor, (n_assets,) responses; what is left out is zero
    """
    betas = vector("market", market)
    table = np.zeros((betas.size, len(FACTORS)))
    table[:, 0] = betas
    if sectors is not None:
        if len(sectors) != betas.size:
            raise InputError(f"sectors has {len(sectors)} entries; {betas.size} are needed")
        for asset, sector in enumerate(sectors):
            if sector is not None:
                if sector not in SECTORS:
                    raise InputError(f"sectors[{asset}] is {sector!r}; the sectors are {', '.join(SECTORS)}")
                table[asset, FACTORS.index(sector)] = 1.0
    for factor, values in others.items():
        if factor not in FACTORS:
            raise InputError(f"{factor!r} is no factor; the factors are {', '.join(FACTORS)}")
        table[:, FACTORS.index(factor)] = vector(factor, values, length=betas.size)
    return table


def sector_of(name: str | None) -> str | None:
    """The sector's factor, however its name is written: ``Health Care`` is health_care. None where it is no sector."""
    found = "_".join((name or "").lower().replace("-", " ").replace("_", " ").split())
    return found if found in SECTORS else None


def shock_matrix(scenarios: Sequence[Scenario] = SCENARIOS) -> FloatArray:
    """(n_scenarios, n_factors), in the order of the scenarios and of FACTORS."""
    return np.array([scenario.vector for scenario in scenarios]).reshape(-1, len(FACTORS))


def stress(weights: ArrayLike, response: ArrayLike, scenarios: Sequence[Scenario] = SCENARIOS) -> StressResult:
    """What each scenario does to a portfolio.

    weights    (n_assets,) shares of equity, negative for shorts
    response   (n_assets, n_factors), as `responses` makes it
    """
    held = vector("weights", weights)
    table = matrix("response", response, rows=held.size, columns=len(FACTORS))
    shocks = shock_matrix(scenarios)
    asset_returns = shocks @ table.T
    # A share cannot lose more than itself, whatever the sum of its responses says.
    kept = np.maximum(asset_returns, -1.0)
    by_asset = kept * held
    scale = np.divide(kept, asset_returns, out=np.ones_like(kept), where=asset_returns < -1.0)
    by_factor = np.einsum("sa,a,af,sf->sf", scale, held, table, shocks)
    return StressResult(
        names=tuple(scenario.name for scenario in scenarios),
        profit=by_asset.sum(axis=1),
        by_asset=by_asset,
        by_factor=by_factor,
    )


def reverse_stress(weights: ArrayLike, response: ArrayLike, factor_covariance: ArrayLike, loss: float) -> ReverseStress:
    """The likeliest factor shocks that lose `loss` (a positive share of equity): the point of the plane of all losses
    so large that lies nearest to zero, measured by the factors' own covariance.

    factor_covariance  (n_factors, n_factors) of the shocks, in their units, over the horizon that is asked about

    Raises InputError where the portfolio has no factor risk at all: nothing that the factors do can lose it.
    """
    held = vector("weights", weights)
    table = matrix("response", response, rows=held.size, columns=len(FACTORS))
    spread = covariance("factor_covariance", factor_covariance, size=len(FACTORS))
    lost = number("loss", loss, above=0.0)
    sensitivity = table.T @ held
    toward = spread @ sensitivity
    variance = float(sensitivity @ toward)
    if variance <= 0.0:
        raise InputError("weights carry no factor risk; no move of the factors loses anything")
    shocks = -lost * toward / variance
    distance = lost / math.sqrt(variance)
    return ReverseStress(
        shocks=shocks,
        distance=distance,
        probability=0.5 * math.erfc(distance / math.sqrt(2.0)),
        by_factor=sensitivity * shocks,
    )


def breaking_multiples(result: StressResult, loss: float) -> FloatArray:
    """(n_scenarios,) how many times over each scenario would have to happen to lose `loss`; infinite if it never does.

    Below one, the scenario as it stands already loses more.
    """
    lost = number("loss", loss, above=0.0)
    multiples = np.full(result.profit.size, np.inf)
    np.divide(lost, -result.profit, out=multiples, where=result.profit < 0.0)
    return multiples
