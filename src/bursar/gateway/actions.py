"""Corporate actions that a world has in store, on raw prices: dividends, splits, new names, spin-offs and delistings.

Each is known by its ex-day, the first day on which whoever buys has no part in it. Prices on the tape are those that
were paid, so that they fall on that day; positions and cash make up for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from bursar.domain.instruments import Instrument
from bursar.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Dividend:
    """Cash for each share that is held over the night before ``ex_day``; shorts owe it. In the share's currency."""

    symbol: str
    ex_day: date
    pay_day: date
    amount: Decimal

    def __post_init__(self) -> None:
        if not self.amount.is_finite() or self.amount <= 0 or self.pay_day < self.ex_day:
            raise InputError(
                f"a dividend of {self.symbol}: {self.amount} must be above zero, and its day of payment {self.pay_day} "
                f"not before {self.ex_day}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """``new`` shares for each ``old``: 2 for 1 halves the price, 1 for 10 makes it ten times as high."""

    symbol: str
    ex_day: date
    new: Decimal
    old: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if not (self.new.is_finite() and self.old.is_finite()) or self.new <= 0 or self.old <= 0:
            raise InputError(f"a split of {self.symbol}: {self.new} for {self.old}; both must be above zero")

    @property
    def factor(self) -> Decimal:
        """Shares after for each share before."""
        return self.new / self.old


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolChange:
    """What was called ``symbol`` is called ``into``, which the world lists too."""

    symbol: str
    ex_day: date
    into: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpinOff:
    """``shares`` of ``into`` for each share of ``symbol``, which is worth so much less.

    part  of what the shares cost that goes with what was spun off, 0 to 1
    """

    symbol: str
    ex_day: date
    into: str
    shares: Decimal
    part: Decimal

    def __post_init__(self) -> None:
        if not self.shares.is_finite() or self.shares <= 0 or not 0 < self.part < 1:
            raise InputError(
                f"a spin-off of {self.symbol}: {self.shares} shares must be above zero, and the part {self.part} "
                "between 0 and 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delisting:
    """The shares are taken off the market for ``amount`` of cash each, before the opening bell of ``ex_day``."""

    symbol: str
    ex_day: date
    amount: Decimal

    def __post_init__(self) -> None:
        if not self.amount.is_finite() or self.amount <= 0:
            raise InputError(
                f"a delisting of {self.symbol} pays {self.amount} for a share; give more than zero, if it is a cent"
            )


Action = Dividend | Split | SymbolChange | SpinOff | Delisting


def steps(
    actions: Iterable[Action],
    instruments: Sequence[Instrument],
    dates: NDArray[np.datetime64],
    closes: NDArray[np.float64],
) -> NDArray[np.float64]:
    """By how much actions alone move each price on its ex-day, in logarithms, (n_days, n_instruments).

    A path that knows it takes a split for no fall: a split of 2 for 1 is log(1/2), a dividend of 1 on a close of 100
    log(99/100), and a spin-off of a tenth log(0.9). An action on or before the first day, or after the last, moves
    nothing.
    """
    moved = np.zeros(closes.shape)
    columns = {each.symbol: column for column, each in enumerate(instruments)}
    for action in actions:
        row = int(np.searchsorted(dates, np.datetime64(action.ex_day, "D")))
        column = columns.get(action.symbol)
        if column is None or not 0 < row < len(dates):
            continue
        match action:
            case Dividend(amount=amount):
                before = closes[row - 1, column]
                if np.isfinite(before) and before > float(amount):
                    moved[row, column] += np.log1p(-float(amount) / before)
            case Split():
                moved[row, column] -= np.log(float(action.factor))
            case SpinOff(part=part):
                moved[row, column] += np.log1p(-float(part))
            case SymbolChange() | Delisting():
                pass
    return moved
