"""How large a position should be: seven sizers and a rule of five factors, for one signal or a batch of them.

A sizer says what it wants; then the same bounds hold for all, in this order:

    position   a symbol's weight, with what is held of it, stays within `position_weight_max`
    sector     a sector's weight, with what is held of it, stays within `sector_weight_max`
    cash       what is bought is paid from cash, after the reserve
    lot        shares come in whole lots

Where a batch shares a bound (a sector, the cash), each of its members is cut by the same part, so that the answer
does not depend on their order. Every answer lists what bound it. Sizes are magnitudes: the side is the signal's.
All weights are shares of equity as it is now, profits and losses included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bursar.errors import InputError
from bursar.quant import riskparity
from bursar.quant.arrays import BoolArray, FloatArray, covariance, number, vector
from bursar.quant.growth import kelly_fraction, optimal_fractions

# Confidence 0.6 is worth 0.7 of a base position, 0.9 is worth 1.5; between them on a line, outside them no further.
CONFIDENCE_LOW, CONFIDENCE_HIGH = 0.6, 0.9
MULTIPLE_LOW, MULTIPLE_HIGH = 0.7, 1.5
# What a sizer still tells apart from nothing, as a share of equity.
WEIGHT_LEAST = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What is known of each signal. A number stands for every signal; without arrays it is a batch of one.

    price             money a share, above zero
    confidence        that the signal is right, in [0, 1]
    volatility        annualized, above zero
    win_probability   in [0, 1]
    payoff            mean win over mean loss, above zero
    book_correlation  of the asset with the present portfolio, in [-1, 1]
    correlation       (n, n) of the assets with each other
    sector            (n,) number of the sector of each
    held              weight already held of the symbol, zero or more
    """

    price: ArrayLike
    confidence: ArrayLike | None = None
    volatility: ArrayLike | None = None
    win_probability: ArrayLike | None = None
    payoff: ArrayLike | None = None
    book_correlation: ArrayLike | None = None
    correlation: ArrayLike | None = None
    sector: ArrayLike | None = None
    held: ArrayLike = 0.0

    def __post_init__(self) -> None:
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "correlation"}
        count = max((np.size(values) for values in given.values() if values is not None and np.ndim(values)), default=1)
        for name, values in given.items():
            if values is not None:
                spread = np.full(count, values) if np.ndim(values) == 0 else values
                object.__setattr__(self, name, vector(f"signals.{name}", spread, length=count))
        for name, (least, most, open_) in _RANGES.items():
            if (values := getattr(self, name)) is not None:
                _inside(f"signals.{name}", values, least, most, open_)
        if self.correlation is not None:
            table = covariance("signals.correlation", self.correlation, size=count)
            if not np.allclose(table.diagonal(), 1.0, atol=1e-8):
                raise InputError(
                    "signals.correlation has a diagonal other than one; give correlations, not covariances"
                )
            object.__setattr__(self, "correlation", table)

    def __len__(self) -> int:
        return int(np.size(self.price))


_RANGES: Mapping[str, tuple[float, float, bool]] = {  # least, most, and whether the least itself is excluded
    "price": (0.0, np.inf, True),
    "confidence": (0.0, 1.0, False),
    "volatility": (0.0, np.inf, True),
    "win_probability": (0.0, 1.0, False),
    "payoff": (0.0, np.inf, True),
    "book_correlation": (-1.0, 1.0, False),
    "sector": (0.0, np.inf, False),
    "held": (0.0, np.inf, False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who buys, and what the rest of the book looks like.

    equity          money, positions and cash together, above zero
    cash            money that may be spent; none below zero is spent
    volatility      of the present portfolio, annualized
    sector_weights  (n_sectors,) what each sector weighs now
    turbulence      the probability that the market is in its turbulent regime, in [0, 1]
    """

    equity: float
    cash: float
    volatility: float = 0.0
    sector_weights: ArrayLike = ()
    turbulence: float = 0.0

    def __post_init__(self) -> None:
        number("account.equity", self.equity, above=0.0)
        number("account.cash", self.cash)
        number("account.volatility", self.volatility, least=0.0)
        number("account.turbulence", self.turbulence, least=0.0, most=1.0)
        object.__setattr__(self, "sector_weights", vector("account.sector_weights", self.sector_weights))


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeLimits:
    """Bounds on every answer.

    position_weight_max  of one symbol
    sector_weight_max    of one sector; held against it only where signals name their sectors
    cash_reserve         share of equity that purchases leave untouched
    lot                  shares come in multiples of it; 0 where fractions are traded
    """

    position_weight_max: float = 0.20
    sector_weight_max: float = 0.30
    cash_reserve: float = 0.005
    lot: float = 1.0

    def __post_init__(self) -> None:
        number("limits.position_weight_max", self.position_weight_max, above=0.0)
        number("limits.sector_weight_max", self.sector_weight_max, above=0.0)
        number("limits.cash_reserve", self.cash_reserve, least=0.0, below=1.0)
        number("limits.lot", self.lot, least=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The answer: arrays with one entry for each signal.

    wanted   weight before the bounds
    weight   after them, whole lots included
    amount   money
    shares   number of shares
    factors  what multiplied into `wanted`, by name
    binding  by name, where it made the answer smaller (or zero)
    """

    wanted: FloatArray
    weight: FloatArray
    amount: FloatArray
    shares: FloatArray
    factors: Mapping[str, FloatArray]
    binding: Mapping[str, BoolArray]

    def bound_by(self, signal: int = 0) -> tuple[str, ...]:
        """Name what bound one signal, in the order in which it was applied; nothing when it got what it wanted."""
        return tuple(name for name, where in self.binding.items() if where[signal])


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a sizer wants before the bounds, and how it came about."""

    weight: FloatArray
    factors: dict[str, FloatArray] = field(default_factory=dict)
    binding: dict[str, BoolArray] = field(default_factory=dict)


# The seven


def confidence_weighted(
    signals: Signals,
    account: Account,
    limits: SizeLimits,
    *,
    base_weight: float = 0.05,
    volatility_target: float = 0.15,
    turbulence_cut: float = 0.5,
) -> Sizes:
    """The default: a base position times 0.7 at confidence 0.6 up to 1.5 at 0.9, cut where the book is at risk.

    volatility     the portfolio's target over what it has, where it has more
    concentration  1 while the sector is at most half full, falling on a line to 0 where it is full
    regime         1 - turbulence_cut x probability of turbulence
    """
    base = number("base_weight", base_weight, above=0.0)
    target = number("volatility_target", volatility_target, above=0.0)
    cut = number("turbulence_cut", turbulence_cut, least=0.0, most=1.0)
    confidence = _needed(signals, "confidence")
    multiples = np.interp(confidence, (CONFIDENCE_LOW, CONFIDENCE_HIGH), (MULTIPLE_LOW, MULTIPLE_HIGH))
    filled = _sector_held(signals, account) / limits.sector_weight_max
    factors = {
        "confidence": multiples,
        "volatility": np.full(len(signals), min(1.0, target / max(account.volatility, WEIGHT_LEAST))),
        "concentration": np.clip(2.0 * (1.0 - filled), 0.0, 1.0),
        "regime": np.full(len(signals), 1.0 - cut * account.turbulence),
    }
    return _sized(signals, account, limits, _product(base, factors))


def kelly(signals: Signals, account: Account, limits: SizeLimits, *, fraction: float = 0.5) -> Sizes:
    """A part of Kelly's (b p - q) / b of each signal, as if it were the only bet.

    `growth.kelly_portfolio` sizes bets that are open at once by their joint outcomes.
    """
    part = number("fraction", fraction, above=0.0, most=1.0)
    full = kelly_fraction(_needed(signals, "win_probability"), _needed(signals, "payoff"))
    wish = _Wish(np.maximum(full, 0.0) * part, {"kelly": full}, {"no edge": full <= 0.0})
    return _sized(signals, account, limits, wish)


def risk_parity(signals: Signals, account: Account, limits: SizeLimits, *, invested: float = 1.0) -> Sizes:
    """Each position adds the same to the risk of the batch, correlation taken into account.

    invested  weight of the batch together, before the bounds; where a bound binds, risks are no longer equal
    """
    total = number("invested", invested, above=0.0)
    volatility = _needed(signals, "volatility")
    correlation = _needed(signals, "correlation") if len(signals) > 1 else 1.0
    parts = riskparity.risk_parity(correlation * np.outer(volatility, volatility)) if len(signals) else np.empty(0)
    return _sized(signals, account, limits, _Wish(total * parts))


def volatility_adjusted(
    signals: Signals, account: Account, limits: SizeLimits, *, position_volatility: float = 0.02
) -> Sizes:
    """Inversely to volatility: held alone, each position would move equity by `position_volatility` a year."""
    target = number("position_volatility", position_volatility, above=0.0)
    return _sized(signals, account, limits, _Wish(target / _needed(signals, "volatility")))


def optimal_f(
    signals: Signals,
    account: Account,
    limits: SizeLimits,
    *,
    trades: Sequence[ArrayLike],
    fraction: float = 1.0,
    trades_least: int = 20,
) -> Sizes:
    """Vince's optimal f of the strategy behind each signal, from the whole distribution of its past trades.

    trades        for each signal, the returns of its strategy's closed trades, as fractions of the position
    fraction      the part of f that is used
    trades_least  with fewer, or without a loss among them, there is no answer and no position

    A position of weight w loses w x |worst| in a repetition of the worst trade, so w = f / |worst|.
    """
    part = number("fraction", fraction, above=0.0, most=1.0)
    if len(trades) != len(signals):
        raise InputError(f"trades has {len(trades)} entries; {len(signals)} are needed, one for each signal")
    rows = [vector(f"trades[{i}]", row) for i, row in enumerate(trades)]
    few = np.array([row.size < trades_least for row in rows], dtype=np.bool_)
    worst = np.array([-row.min(initial=0.0) for row in rows])
    best = optimal_fractions(rows)
    usable = ~few & (best > 0.0)
    weight = part * np.divide(best, worst, out=np.zeros(len(rows)), where=usable)
    why = {"too few trades": few, "no loss seen": ~few & np.isnan(best), "no edge": ~few & (best == 0.0)}
    return _sized(signals, account, limits, _Wish(weight, {"optimal f": best}, why))


def fixed_dollar(signals: Signals, account: Account, limits: SizeLimits, *, amount: float) -> Sizes:
    """The same amount of money for each signal."""
    money = number("amount", amount, above=0.0)
    return _sized(signals, account, limits, _Wish(np.full(len(signals), money / account.equity)))


def fixed_percent(signals: Signals, account: Account, limits: SizeLimits, *, weight: float) -> Sizes:
    """The same share of equity for each signal."""
    share = number("weight", weight, above=0.0)
    return _sized(signals, account, limits, _Wish(np.full(len(signals), share)))


# The rule of five factors


def five_factors(
    signals: Signals,
    account: Account,
    limits: SizeLimits,
    *,
    reference_volatility: float = 0.25,
    correlation_cut: float = 0.5,
) -> Sizes:
    """The largest position allowed, times confidence, volatility and correlation; capped, and what cash affords.

    confidence   as it is, from 0 to 1
    volatility   the reference over the asset's, where the asset has more
    correlation  1 - correlation_cut x correlation with the book, where that is positive
    """
    reference = number("reference_volatility", reference_volatility, above=0.0)
    cut = number("correlation_cut", correlation_cut, least=0.0, most=1.0)
    factors = {
        "confidence": _needed(signals, "confidence"),
        "volatility": np.minimum(1.0, reference / _needed(signals, "volatility")),
        "correlation": 1.0 - cut * np.maximum(_needed(signals, "book_correlation"), 0.0),
    }
    return _sized(signals, account, limits, _product(limits.position_weight_max, factors))


# The bounds


def _sized(signals: Signals, account: Account, limits: SizeLimits, wish: _Wish) -> Sizes:
    binding = dict(wish.binding)
    price: FloatArray = np.asarray(signals.price)
    weight = _cut(binding, "position", wish.weight, np.maximum(limits.position_weight_max - _held(signals), 0.0))
    weight = _cut(binding, "sector", weight, weight * _sector_part(signals, account, limits, weight))
    spendable = max(account.cash / account.equity - limits.cash_reserve, 0.0)
    wanted = float(weight.sum())
    weight = _cut(binding, "cash", weight, weight * min(1.0, spendable / wanted) if wanted > 0.0 else weight)
    shares = weight * account.equity / price
    if limits.lot > 0.0:
        # Just under a whole number of lots is rounding of the division, not a smaller wish.
        lots = np.floor(shares / limits.lot * (1.0 + 1e-12))
        binding["lot"] = (lots == 0.0) & (shares > 0.0)
        shares = lots * limits.lot
    amount = shares * price
    return Sizes(
        wanted=wish.weight,
        weight=amount / account.equity,
        amount=amount,
        shares=shares,
        factors=wish.factors,
        binding=binding,
    )


def _cut(binding: dict[str, BoolArray], name: str, weight: FloatArray, most: FloatArray) -> FloatArray:
    binding[name] = weight > most + WEIGHT_LEAST
    return np.minimum(weight, most)


def _sector_part(signals: Signals, account: Account, limits: SizeLimits, weight: FloatArray) -> FloatArray:
    """By what part each signal's sector must be cut so that it stays within its limit."""
    if signals.sector is None:
        return np.ones(len(signals))
    sector = _sectors(signals)
    asked = np.bincount(sector, weights=weight)
    held = _padded(account, asked.size)[: asked.size]
    room = np.maximum(limits.sector_weight_max - held, 0.0)
    part = np.divide(room, asked, out=np.ones(asked.size), where=asked > room)
    return np.asarray(part[sector])


def _sector_held(signals: Signals, account: Account) -> FloatArray:
    if signals.sector is None:
        return np.zeros(len(signals))
    sector = _sectors(signals)
    return np.asarray(_padded(account, int(sector.max(initial=-1)) + 1)[sector])


def _padded(account: Account, count: int) -> FloatArray:
    held: FloatArray = np.asarray(account.sector_weights)
    return np.concatenate([held, np.zeros(max(count - held.size, 0))])


def _sectors(signals: Signals) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.asarray(signals.sector).astype(np.int64)


def _held(signals: Signals) -> FloatArray:
    return np.asarray(signals.held)


def _product(base: float, factors: dict[str, FloatArray]) -> _Wish:
    weight = np.full(next(iter(factors.values())).size, base)
    for factor in factors.values():
        weight = weight * factor
    return _Wish(weight, factors)


def _needed(signals: Signals, name: str) -> FloatArray:
    values: Any = getattr(signals, name)
    if values is None:
        raise InputError(f"signals.{name} is missing; this sizer needs it")
    return np.asarray(values)


def _inside(name: str, values: FloatArray, least: float, most: float, open_: bool) -> None:
    wrong = (values <= least if open_ else values < least) | (values > most)
    if wrong.any():
        i = int(wrong.argmax())
        low = f"above {least:g}" if open_ else f"at least {least:g}"
        high = "" if most == np.inf else f" and at most {most:g}"
        raise InputError(f"{name}[{i}] is {values[i]:g}; a number {low}{high} is needed")
