"""A tape of daily closes, with nothing made up between them: what a backtest on closing prices plays on.

A session has four instants: the morning's analysis, the opening bell, the last minute before the close, and the
closing bell. The only quotes of the day come in the last minute: around the official close, half a spread to each
side. An order that was sent by then trades at the close; a stop or a target is looked at there and nowhere else,
since nobody knows what was between two closes. A stop that was run over in a crash is so filled where the day
ended, not where it stood.

A session whose close nobody has (a halt, a delisting) has no quote for that symbol.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote, Trade
from bursar.domain.sessions import Session
from bursar.errors import InputError

#: How long before the closing bell the last quotes of the day come.
LAST_MINUTE = timedelta(minutes=1)
#: How long before the opening bell a session begins, for the morning's analysis.
MORNING = timedelta(minutes=30)
#: Sizes on display: a close says nothing of depth, and capacity is judged elsewhere.
DISPLAYED = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DailyTape:
    """See the module; satisfies ``gateway.world.Tape``.

    dates                (n_days,) datetime64[D], rising
    closes               (n_days, n_instruments); NaN where an instrument did not trade
    spread_basis_points  between bid and ask, as a part of the close; 0 quotes both at the close itself
    """

    instruments: tuple[Instrument, ...]
    dates: NDArray[np.datetime64]
    closes: NDArray[np.float64]
    spread_basis_points: Decimal = Decimal(0)
    _rows: dict[date, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.closes.shape != (len(self.dates), len(self.instruments)):
            raise InputError(
                f"{len(self.dates)} days of {len(self.instruments)} instruments have closes of shape "
                f"{self.closes.shape}"
            )
        if not self.spread_basis_points.is_finite() or self.spread_basis_points < 0:
            raise InputError(f"a spread of {self.spread_basis_points} basis points is none; give 0 or more")
        if np.any(self.closes <= 0):
            row, column = np.argwhere(self.closes <= 0)[0]
            raise InputError(
                f"{self.instruments[column].symbol} closed at {self.closes[row, column]} on {self.dates[row]}; "
                "a price is above zero: mend the data, or leave the symbol out"
            )
        object.__setattr__(self, "_rows", {day: row for row, day in enumerate(self.dates.tolist())})

    @property
    def fingerprint(self) -> str:
        parts = (self.instruments, self.spread_basis_points)
        digest = hashlib.sha256(repr(parts).encode())
        digest.update(self.dates.astype("datetime64[D]").astype(np.int64).tobytes())
        digest.update(np.ascontiguousarray(self.closes).tobytes())
        return digest.hexdigest()

    def instants(self, session: Session) -> tuple[datetime, ...]:
        return (session.open - MORNING, session.open, session.close - LAST_MINUTE, session.close)

    def quotes(self, session: Session) -> tuple[tuple[Quote, ...], ...]:
        at = session.close - LAST_MINUTE
        return ((), (), self._quotes(session.day, at, range(len(self.instruments))), ())

    def trades(self, symbol: str, session: Session) -> tuple[Trade, ...]:
        at = session.close
        columns = [column for column, each in enumerate(self.instruments) if each.symbol == symbol]
        return tuple(
            Trade(symbol=symbol, at=at, known_at=at, price=quote.last, size=DISPLAYED)
            for quote in self._quotes(session.day, at, columns)
            if quote.last is not None
        )

    def _quotes(self, day: date, at: datetime, columns: Sequence[int]) -> tuple[Quote, ...]:
        if day not in self._rows:
            raise InputError(f"no closes on {day}; they reach from {self.dates[0]} to {self.dates[-1]}")
        closes = self.closes[self._rows[day]].tolist()
        half = self.spread_basis_points / 20_000
        quotes = []
        for column in columns:
            close = closes[column]
            if close != close:  # NaN: it did not trade
                continue
            instrument = self.instruments[column]
            # From its shortest decimal text: a float must not decide a half tick.
            last = instrument.on_tick(Decimal(repr(close)))
            bid = instrument.on_tick(last * (1 - half)) if half else last
            ask = instrument.on_tick(last * (1 + half)) if half else last
            quotes.append(
                Quote(
                    symbol=instrument.symbol,
                    at=at,
                    known_at=at,
                    bid=bid,
                    ask=ask,
                    bid_size=DISPLAYED,
                    ask_size=DISPLAYED,
                    last=last,
                )
            )
        return tuple(quotes)
