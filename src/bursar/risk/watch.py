"""Many portfolios at one instant, side by side: worth, profit, risk, and how much of each limit is used.

Between two bookings everything is linear in prices, so that one second of a thousand portfolios is a few sums and two
products of matrices. A *line* is what one portfolio holds of one symbol for one strategy, or held since the last close:

    worth         = units x price
    arrived       = (entered - left) x price       in kind since the last close, which is a flow and no profit
    day's profit  = worth - arrived + fixed        fixed: what was realized and received, less what it stood at before

Sums over lines give each portfolio's, sums over a row of ``weights`` its measures. Figures are floats, to be looked at
and to be warned by; the books themselves are in ``ledger``, to the cent, and a test holds the two together.

Amounts are in the base currency of each portfolio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray, covariance, matrix, vector
from bursar.quant.performance import rolling_metrics
from bursar.risk.limits import RiskLimits

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: What a limit can be set on, by the name of its measure; each is larger the worse it is.
LIMITED = ("position_weight", "sector_weight", "gross", "volatility", "var_95", "day_loss")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What portfolios hold, and what came of it since the last close.

    portfolios, symbols, strategies, sectors   names that the numbers below point into
    owner, asset, strategy  (n_lines,) places in portfolios, symbols and strategies
    sector   (n_symbols,) place in sectors
    currencies, priced_in   of each portfolio's base, and of each symbol's price
    quantity (n_lines,) signed, in shares or contracts
    units    (n_lines,) signed quantity times multiplier times exchange rate; zero for what is closed
    cost     (n_lines,) of what is held; NaN where it is not known
    fixed    (n_lines,) of the day's profit, see above
    earlier  (n_lines,) profit of the days before
    entered, left     (n_lines,) units that came and went in kind since the last close, both not negative for a long
    arrived_cost      (n_lines,) cost of what entered less what left; it is worth that much while it has no price
    cash, cash_profit, cash_earlier   (n_portfolios,) cash, and what it made today (interest, fees, rates) and before
    opened, cash_in, cash_out         (n_portfolios,) equity at the last close, and flows of cash since
    """

    portfolios: tuple[str, ...]
    symbols: tuple[str, ...]
    strategies: tuple[str, ...]
    sectors: tuple[str, ...]
    currencies: tuple[str, ...]
    priced_in: tuple[str, ...]
    owner: IntArray
    asset: IntArray
    strategy: IntArray
    sector: IntArray
    quantity: FloatArray
    units: FloatArray
    cost: FloatArray
    fixed: FloatArray
    earlier: FloatArray
    entered: FloatArray
    left: FloatArray
    arrived_cost: FloatArray
    cash: FloatArray
    cash_profit: FloatArray
    cash_earlier: FloatArray
    opened: FloatArray
    cash_in: FloatArray
    cash_out: FloatArray

    def grouped(self, values: FloatArray, by: str) -> FloatArray:
        """``values`` of lines summed by portfolio and by symbol, sector or strategy, (n_portfolios, n_names)."""
        places = {"symbol": self.asset, "sector": self.sector[self.asset], "strategy": self.strategy}
        names = {"symbol": self.symbols, "sector": self.sectors, "strategy": self.strategies}
        if by not in places:
            raise InputError(f"lines cannot be grouped by {by!r}; give one of {', '.join(places)}")
        width = len(names[by])
        flat = np.asarray(
            np.bincount(self.owner * width + places[by], values, len(self.portfolios) * width), dtype=np.float64
        )
        return flat.reshape(len(self.portfolios), width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is believed of the symbols, in the order of ``Lines.symbols``.

    covariances  (n_symbols, n_symbols) of yearly returns
    history      (n_days, n_symbols) simple daily returns, for the historical tails
    betas        (n_symbols,) on the market
    """

    covariances: FloatArray
    history: FloatArray
    betas: FloatArray

    def __post_init__(self) -> None:
        size = covariance("covariances", self.covariances).shape[0]
        table = matrix("history", self.history)
        vector("betas", self.betas, length=size)
        if table.shape[1] != size:
            raise InputError(f"the history has {table.shape[1]} symbols and the covariances have {size}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen at one instant.

    prices     (n_symbols,) as it was looked at them; NaN for none
    worth, unrealized, day, total    (n_lines,) value, gain above cost (NaN where that is not known), and profit
    equity, long, short, day_profit, total_profit   (n_portfolios,)
    came_in, went_out   (n_portfolios,) since the last close, in cash and in kind
    day_return (n_portfolios,) as the close would have it; NaN without capital
    doubtful   (n_portfolios,) part of the positions' absolute value that rests on old or missing prices
    weights    (n_portfolios, n_symbols) value over equity; zero where that is not above zero
    """

    prices: FloatArray
    worth: FloatArray
    unrealized: FloatArray
    day: FloatArray
    total: FloatArray
    equity: FloatArray
    long: FloatArray
    short: FloatArray
    day_profit: FloatArray
    came_in: FloatArray
    went_out: FloatArray
    day_return: FloatArray
    total_profit: FloatArray
    doubtful: FloatArray
    weights: FloatArray

    @property
    def gross(self) -> FloatArray:
        """Absolute value of all positions, (n_portfolios,)."""
        return self.long + self.short


def look(lines: Lines, prices: FloatArray, old: BoolArray) -> Look:
    """Value every line at ``prices``.

    prices  (n_symbols,); a line without one (NaN) stands at its cost
    old     (n_symbols,) True for a price that is not to be relied on
    """
    count = len(lines.portfolios)
    price = prices[lines.asset]
    blind = np.isnan(price)
    known = np.where(blind, 0.0, price)
    worth = np.where(blind, np.nan_to_num(lines.cost), lines.units * known)
    long, short = (_sum(lines, np.maximum(side * worth, 0.0)) for side in (1.0, -1.0))
    doubted = _sum(lines, np.where(blind | old[lines.asset], np.abs(worth), 0.0))
    equity, gross = lines.cash + long - short, long + short
    arrived = np.where(blind, lines.arrived_cost, (lines.entered - lines.left) * known)
    day = worth - arrived + lines.fixed
    day_profit = _sum(lines, day) + lines.cash_profit
    came_in = lines.cash_in + _flow(
        lines, lines.entered * known, np.where(blind, lines.arrived_cost, -lines.left * known)
    )
    went_out = came_in - (lines.cash_in - lines.cash_out) - _sum(lines, arrived)
    capital = lines.opened + came_in
    with np.errstate(divide="ignore", invalid="ignore"):
        day_return = np.where(capital > 0, (equity + went_out) / capital - 1.0, np.nan)
        doubtful = np.where(gross > 0, doubted / gross, 0.0)
        weights = np.where(equity[:, None] > 0, lines.grouped(worth, "symbol") / equity[:, None], 0.0)
    assert day_return.shape == (count,), "one return a portfolio"
    return Look(
        prices=prices,
        worth=worth,
        unrealized=worth - lines.cost,
        day=day,
        total=day + lines.earlier,
        equity=equity,
        long=long,
        short=short,
        day_profit=day_profit,
        came_in=came_in,
        went_out=went_out,
        day_return=day_return,
        total_profit=day_profit + _sum(lines, lines.earlier) + lines.cash_earlier,
        doubtful=doubtful,
        weights=weights,
    )


def _flow(lines: Lines, *values: FloatArray) -> FloatArray:
    """What came in of ``values``, those above zero, by portfolio."""
    return _sum(lines, sum((np.maximum(each, 0.0) for each in values), np.zeros(len(lines.owner))))


def _sum(lines: Lines, values: FloatArray) -> FloatArray:
    return np.asarray(np.bincount(lines.owner, values, len(lines.portfolios)), dtype=np.float64)


def measures(lines: Lines, seen: Look, model: Model | None) -> dict[str, FloatArray]:
    """How much risk each portfolio carries, (n_portfolios,) by name.

    position_weight, sector_weight   the largest, of equity; sectors netted
    day_loss                         of the capital of the day, zero on a good one
    gross, net, beta_adjusted        exposures over equity
    volatility                       yearly, from the covariances
    var_95, var_99, es_95, drawdown  of the weights of now through the history of the model

    Without a model the last two lines and ``beta_adjusted`` are not there.
    """
    weights = seen.weights
    with np.errstate(divide="ignore", invalid="ignore"):
        by_sector = np.where(seen.equity[:, None] > 0, lines.grouped(seen.worth, "sector") / seen.equity[:, None], 0.0)
    found = {
        "position_weight": np.abs(weights).max(axis=1, initial=0.0),
        "sector_weight": np.abs(by_sector).max(axis=1, initial=0.0),
        "day_loss": np.maximum(-np.nan_to_num(seen.day_return), 0.0),
        "gross": np.abs(weights).sum(axis=1),
        "net": weights.sum(axis=1),
    }
    if model is None:
        return found
    if weights.shape[1] != model.betas.size:
        raise InputError(f"the model has {model.betas.size} symbols and the portfolios have {weights.shape[1]}")
    variance = np.einsum("ij,ij->i", weights @ model.covariances, weights)
    through = np.maximum(model.history @ weights.T, -1.0)
    tails = rolling_metrics(through, len(through))
    return found | {
        "beta_adjusted": weights @ model.betas,
        "volatility": np.sqrt(np.maximum(variance, 0.0)),
        "var_95": tails["var_95"][-1],
        "var_99": tails["var_99"][-1],
        "es_95": tails["es_95"][-1],
        "drawdown": tails["max_drawdown"][-1],
    }


def utilization(measured: Mapping[str, FloatArray], limits: Mapping[str, float]) -> dict[str, FloatArray]:
    """Each measure over its limit, (n_portfolios,) by name: 1 is the limit itself. What is not measured is left out."""
    for name, limit in limits.items():
        if name not in LIMITED or not limit > 0:
            raise InputError(f"a limit of {limit} on {name}; limits above zero can be set on {', '.join(LIMITED)}")
    return {name: measured[name] / limit for name, limit in limits.items() if name in measured}


def limits_of(limits: RiskLimits) -> dict[str, float]:
    """The limits of an account that can be watched, by measure; volatility's is the warning where nothing blocks."""
    named = {
        "position_weight": limits.position_weight_max,
        "sector_weight": limits.sector_weight_max,
        "gross": limits.leverage_max,
        "volatility": limits.volatility_max or limits.volatility_warning,
        "var_95": limits.var_95_max,
        "day_loss": limits.daily_loss_max,
    }
    return {name: float(limit) for name, limit in named.items() if limit is not None}
