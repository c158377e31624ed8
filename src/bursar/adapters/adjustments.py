"""Splits and dividends, applied when prices are read and never before.

What is kept are prices as they were paid and a list of what companies did to their shares. An adjusted price is a
matter of who looks, and when: seen from the last day that is shown, every older price is multiplied by

    1 / ratio                     for each split since, by its ratio of new shares to old ones
    1 - dividend / close before   for each dividend since, so that returns are total returns

An action counts from its ex-date, and not before it was known. So a price adjusted as of some day cannot tell of an
action after it; its level moves with every action, its returns do not, and the last one is what was paid.

Source: CRSP Data Descriptions Guide, "Factor to Adjust Price"; the same as Yahoo's and IBKR's adjusted closes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bursar.errors import DataError, InputError

FloatArray = NDArray[np.float64]


class Kind(StrEnum):
    """What a series is adjusted for."""

    TOTAL = "total"
    SPLITS = "splits"
    SHARES = "shares"


#: Fields that are made when asked for: from which one, and how it is adjusted.
DERIVED = MappingProxyType(
    {
        "open": ("raw_open", Kind.TOTAL),
        "high": ("raw_high", Kind.TOTAL),
        "low": ("raw_low", Kind.TOTAL),
        "close": ("raw_close", Kind.TOTAL),
        "price_close": ("raw_close", Kind.SPLITS),
        "adjusted_volume": ("volume", Kind.SHARES),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateAction:
    """What a company did to its shares on ``ex_date``.

    split     new shares for each old one, before the opening bell; 1 for none
    dividend  in cash for each share as it is after the split; 0 for none
    known_at  when it was declared
    """

    symbol: str
    ex_date: date
    known_at: datetime
    split: float = 1.0
    dividend: float = 0.0

    def __post_init__(self) -> None:
        if not (0.0 < self.split < np.inf and 0.0 <= self.dividend < np.inf):
            raise InputError(
                f"{self.symbol} {self.ex_date}: {self.split} new shares for an old one and a dividend of "
                f"{self.dividend} are no corporate action; give a ratio above 0 and an amount not below it"
            )


class Adjuster:
    """Factors for the days and symbols of one history.

    days, known_at  (n_days,) as in ``history.Facts``
    closes          (n_days, n_symbols) as paid; a dividend is measured by the last one before its ex-date

    An action of a symbol that is not held is left out. Raises DataError for a dividend that is no smaller than the
    price it was paid from.
    """

    def __init__(
        self,
        days: NDArray[np.datetime64],
        known_at: NDArray[np.datetime64],
        symbols: tuple[str, ...],
        closes: FloatArray,
        actions: Iterable[CorporateAction],
    ) -> None:
        places = {symbol: place for place, symbol in enumerate(symbols)}
        shape = (len(days), len(symbols))
        shares, cash = np.zeros(shape), np.zeros(shape)
        self._late: list[tuple[np.datetime64, int, int, float, float]] = []
        for action in actions:
            column = places.get(action.symbol)
            row = int(np.searchsorted(days, np.datetime64(action.ex_date, "D")))
            if column is None or not 0 < row < len(days):
                continue
            of_shares = -float(np.log(action.split))
            of_cash = _paid_out(action, closes[:row, column])
            known = np.datetime64(action.known_at.replace(tzinfo=None), "us")
            if known > known_at[row]:
                self._late.append((known, row, column, of_shares, of_cash))
            else:
                shares[row, column] += of_shares
                cash[row, column] += of_cash
        self._known_at = known_at
        self._shares = np.cumsum(shares, axis=0)
        self._total = self._shares + np.cumsum(cash, axis=0)

    def factors(self, kind: Kind, first: int, end: int, columns: list[int], known: np.datetime64) -> FloatArray:
        """By what the values of the days ``first`` to before ``end`` are multiplied, seen at ``known``."""
        if end <= first:
            return np.ones((0, len(columns)))
        logs = self._total if kind is Kind.TOTAL else self._shares
        log_factor = logs[end - 1, columns] - logs[first:end, columns]
        for since, row, column, of_shares, of_cash in self._late:
            if since <= known and row < end and column in columns:
                change = of_shares + (of_cash if kind is Kind.TOTAL else 0.0)
                log_factor[: max(row - first, 0), columns.index(column)] += change
        factor: FloatArray = np.exp(-log_factor if kind is Kind.SHARES else log_factor)
        return factor


def _paid_out(action: CorporateAction, before: FloatArray) -> float:
    """Logarithm of what a dividend leaves of the price."""
    if not action.dividend:
        return 0.0
    priced = before[np.isfinite(before)]
    if not len(priced):
        return 0.0
    part = action.dividend * action.split / float(priced[-1])
    if part >= 1.0:
        raise DataError(
            f"{action.symbol} {action.ex_date}: a dividend of {action.dividend:g} was paid from a price of "
            f"{priced[-1]:g}; one of the two is in another unit"
        )
    return float(np.log1p(-part))
