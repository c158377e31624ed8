"""What past prices say of the symbols that are held: what value at risk, volatility and beta are told from.

The closes of the year before the moment that the journal has come to, and none after it. They are read in a thread,
once for the same symbols and day, so that nobody waits for a file; until then, and where too few days have a close of
every symbol, these measures are not there, and ``why`` says so. Betas are on the equal weight of what is held.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import numpy as np

from bursar.errors import BursarError, DataError
from bursar.ports import History
from bursar.quant.arrays import FloatArray
from bursar.risk.exposure import betas
from bursar.risk.watch import Model

#: Days of returns, and how many there must be at least.
DAYS, DAYS_MIN = 250, 60
YEAR = 252.0


def _in_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="believed", daemon=True).start()


class Believed:
    """Asked for a model of some symbols, it answers with what it knows by now.

    history  opened at the first question
    now      the moment that the journal has come to; None before there is any
    why      why there is no model; empty where there is one, or none was asked for
    """

    def __init__(
        self,
        history: Callable[[], History],
        now: Callable[[], datetime | None],
        begin: Callable[[Callable[[], None]], None] = _in_a_thread,
    ) -> None:
        self._open, self._now, self._begin = history, now, begin
        self._history: History | None = None
        self._asked: object = None
        self._known: tuple[tuple[str, ...], Model] | None = None
        self.why = ""

    def __call__(self, symbols: tuple[str, ...]) -> Model | None:
        """The model of ``symbols``; None where there is none, or none yet."""
        at = self._now()
        if at is not None and symbols and self._asked != (symbols, at.date()):
            self._asked = symbols, at.date()
            self._begin(lambda: self._read(symbols, at))
        known = self._known
        return known[1] if known is not None and known[0] == symbols else None

    def _read(self, symbols: tuple[str, ...], at: datetime) -> None:
        try:
            if self._history is None:
                self._history = self._open()
            returns = returns_before(self._history, symbols, at)
        except (BursarError, OSError) as error:
            self.why = " ".join(str(error).split())
            return
        self._known, self.why = (symbols, model_of(returns)), ""


def returns_before(history: History, symbols: tuple[str, ...], at: datetime) -> FloatArray:
    """Simple daily returns, (n_days, n_symbols), of the days before ``at`` on which all have a close.

    Raises DataError where they are too few.
    """
    closes = history.asof(symbols, "close", at, DAYS + 1).values
    with np.errstate(invalid="ignore"):
        returns = closes[1:] / closes[:-1] - 1.0
    whole: FloatArray = returns[np.isfinite(returns).all(axis=1)]
    if len(whole) < DAYS_MIN:
        raise DataError(f"not enough data: {len(whole)} days have a close of all {len(symbols)}, and {DAYS_MIN} must")
    return whole


def model_of(returns: FloatArray) -> Model:
    """What (n_days, n_symbols) simple daily returns say."""
    return Model(
        covariances=np.atleast_2d(np.cov(returns.T)) * YEAR,
        history=returns,
        betas=np.nan_to_num(betas(returns, returns.mean(axis=1)), nan=1.0),
    )
