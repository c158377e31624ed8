"""A day's prices between two real closes: a gap overnight, then a walk that ends at the official close.

Known are daily closes alone. What a day looked like is simulated, seeded by (seed, symbol, day), so that
any day can be made without the days before it and the same seed gives the same day:

    the open      log(open / previous close) is drawn given the day's real return r: its mean is
                  share * r and its variance share * (1 - share) * sigma^2. Where real returns have variance
                  sigma^2 the gap so carries ``share`` of it, and says nothing about the way to the close.
    the way       a Brownian bridge in log price from the open to the real close, with the rest of the
                  variance: seen from the open it is a plain random walk
    sigma         root mean square of the last ``volatility_days`` real daily log returns before the day
    the spread    around the walk, in basis points, wider in the first minutes; sizes and volumes are
                  drawn too and mean nothing

The last print is the official close, rounded to the tick and otherwise untouched. Share 0.41 is the median
of 15 large US stocks 2010 to 2024.

Source of the bridge: Glasserman (2003), "Monte Carlo Methods in Financial Engineering", section 3.1.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote, Trade
from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.gateway.bars import Bars, shared, touching

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Fewer real returns than this say nothing about volatility; ``Shape.volatility_default`` stands in.
VOLATILITY_DAYS_MIN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How simulated days look.

    step_minutes          between two prints
    before_open_minutes   how long before the bell the day's first instant lies, without quotes
    after_close_minutes   how long after the closing bell its last one lies
    gap_share             part of the daily variance that falls overnight
    volatility_default    daily, where fewer than VOLATILITY_DAYS_MIN real returns precede the day
    spread_basis_points   in the quiet of the day; at the open it is ``spread_open_factor`` times that
    notional_daily        money that changes hands in a day, from which the volume is drawn
    """

    step_minutes: int = 5
    before_open_minutes: int = 30
    after_close_minutes: int = 30
    gap_share: float = 0.41
    volatility_days: int = 63
    volatility_default: float = 0.02
    spread_basis_points: float = 2.0
    spread_open_factor: float = 3.0
    notional_daily: float = 5e8

    def __post_init__(self) -> None:
        if not 1 <= self.step_minutes <= 390:
            raise InputError(f"step_minutes is {self.step_minutes}; give 1 to 390")
        if not 0 <= self.gap_share <= 1:
            raise InputError(f"gap_share is {self.gap_share}; it is a part of the variance, 0 to 1")
        for name in ("before_open_minutes", "after_close_minutes", "volatility_days", "notional_daily"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} is {getattr(self, name)}; it must be above zero")
        if self.spread_basis_points < 0 or self.spread_open_factor < 1 or not self.volatility_default >= 0:
            raise InputError(
                f"spread_basis_points {self.spread_basis_points} and volatility_default {self.volatility_default} "
                f"must not be negative, nor spread_open_factor {self.spread_open_factor} below 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Some symbols' day in numbers: rows are prints from the bell to the close, columns are symbols.

    last, bid, ask  in ticks
    """

    symbols: tuple[Instrument, ...]
    instants: tuple[datetime, ...]
    last: IntArray
    bid: IntArray
    ask: IntArray
    bid_size: IntArray
    ask_size: IntArray
    volume: IntArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedTape:
    """Satisfies ``Tape`` with days simulated between real closes.

    dates   (n_days,) datetime64[D], rising
    closes  (n_days, n_instruments) official closes; NaN where there was none, and then no quotes that day
    bars    of the same days, where they are known: the way then keeps to them
    steps   (n_days, n_instruments) what corporate actions alone move each price by on their day, in logarithms
            (``actions.steps``); None where prices are adjusted, or nothing was split
    """

    instruments: tuple[Instrument, ...]
    dates: NDArray[np.datetime64]
    closes: FloatArray
    seed: int
    shape: Shape = Shape()
    steps: FloatArray | None = None
    bars: Bars | None = None

    def __post_init__(self) -> None:
        if self.bars is not None and self.bars.open.shape != self.closes.shape:
            raise InputError(f"bars of shape {self.bars.open.shape} do not fit closes of shape {self.closes.shape}")
        if self.closes.shape != (len(self.dates), len(self.instruments)):
            raise InputError(
                f"closes of shape {self.closes.shape} do not fit {len(self.dates)} days of "
                f"{len(self.instruments)} instruments"
            )
        if self.steps is not None and self.steps.shape != self.closes.shape:
            raise InputError(f"steps of shape {self.steps.shape} do not fit closes of shape {self.closes.shape}")
        bad = np.argwhere(~(np.isnan(self.closes) | ((self.closes > 0) & np.isfinite(self.closes))))
        if len(bad):
            row, column = bad[0]
            raise InputError(
                f"the close of {self.instruments[column].symbol} on {self.dates[row]} is {self.closes[row, column]}; "
                "it must be above zero, or NaN where there is none"
            )

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(repr((self.instruments, self.seed, self.shape)).encode())
        digest.update(self.dates.astype("datetime64[D]").astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(self.closes, dtype="<f8").tobytes())
        if self.steps is not None:
            digest.update(np.ascontiguousarray(self.steps, dtype="<f8").tobytes())
        if self.bars is not None:
            for each in (self.bars.open, self.bars.high, self.bars.low, self.bars.volume):
                digest.update(b"" if each is None else np.ascontiguousarray(each, dtype="<f8").tobytes())
        return digest.hexdigest()

    def instants(self, session: Session) -> tuple[datetime, ...]:
        """Before the bell, each step from the opening bell to the closing one, and after it."""
        before = session.open - timedelta(minutes=self.shape.before_open_minutes)
        after = session.close + timedelta(minutes=self.shape.after_close_minutes)
        return (before, *self._prints(session), after)

    def quotes(self, session: Session) -> tuple[tuple[Quote, ...], ...]:
        walk = self._walk(session, range(len(self.instruments)))
        return ((), *_as_quotes(walk), ())

    def trades(self, symbol: str, session: Session) -> tuple[Trade, ...]:
        columns = [number for number, each in enumerate(self.instruments) if each.symbol == symbol]
        walk = self._walk(session, columns)
        return _as_trades(walk) if walk.symbols else ()

    def _prints(self, session: Session) -> tuple[datetime, ...]:
        step = timedelta(minutes=self.shape.step_minutes)
        whole = -((session.open - session.close) // step)  # steps begun before the close, rounded up
        return (*(session.open + number * step for number in range(whole)), session.close)

    def _walk(self, session: Session, columns: range | list[int]) -> Walk:
        """The day of the instruments in ``columns`` that have a close on it."""
        row = self._row(session.day)
        traded = [column for column in columns if not np.isnan(self.closes[row, column])]
        symbols = tuple(self.instruments[column] for column in traded)
        instants = self._prints(session)
        elapsed = np.array([(instant - session.open).total_seconds() for instant in instants])
        normals = self._normals(symbols, session.day, len(instants))
        prices = self._prices(row, traded, elapsed / elapsed[-1], normals)
        ticks = np.array([float(instrument.tick) for instrument in symbols])
        last = np.maximum(np.rint(prices / ticks), 1)
        last[-1] = [
            _close_in_ticks(each, self.closes[row, column]) for each, column in zip(symbols, traded, strict=True)
        ]
        bid, ask = self._spread(last * ticks, last, ticks, elapsed, normals[2])
        volume = self._volume(row, traded, prices, normals[5])
        return Walk(
            symbols=symbols,
            instants=instants,
            last=last.astype(np.int64),
            bid=bid,
            ask=ask,
            bid_size=_displayed(normals[3]),
            ask_size=_displayed(normals[4]),
            volume=np.maximum(np.rint(volume), 1).astype(np.int64),
        )

    def _row(self, day: date) -> int:
        row = int(np.searchsorted(self.dates, np.datetime64(day, "D")))
        if row == len(self.dates) or self.dates[row] != np.datetime64(day, "D"):
            raise InputError(f"no closes on {day}; the data reach from {self.dates[0]} to {self.dates[-1]}")
        return row

    def _normals(self, symbols: tuple[Instrument, ...], day: date, prints: int) -> FloatArray:
        """Standard normals, (6, prints, n_symbols), each symbol's from its own generator of that day."""
        drawn = [_generator(self.seed, each.symbol, day).standard_normal((6, prints)) for each in symbols]
        return np.stack(drawn, axis=2) if drawn else np.empty((6, prints, 0))

    def _prices(self, row: int, columns: list[int], part: FloatArray, normals: FloatArray) -> FloatArray:
        """The walk, (prints, n_symbols); ``part`` is how much of the session has gone by, 0 to 1."""
        share = self.shape.gap_share
        close = np.log(self.closes[row, columns])
        previous, sigma = self._before(row, columns, close)
        gap = share * (close - previous) + np.sqrt(share * (1 - share)) * sigma * normals[0, 0]
        steps = np.sqrt(np.diff(part, prepend=0.0))[:, None] * normals[1]
        motion = np.cumsum(steps, axis=0)
        bridge = motion - part[:, None] * motion[-1]
        opening = previous + gap
        if self.bars is not None:
            known = np.log(self.bars.open[row, columns])
            opening = np.where(np.isnan(known), opening, known)
        log_price = opening + part[:, None] * (close - opening) + np.sqrt(1 - share) * sigma * bridge
        if self.bars is not None:
            log_price = touching(log_price, np.log(self.bars.high[row, columns]), np.log(self.bars.low[row, columns]))
        prices: FloatArray = np.exp(log_price)
        return prices

    def _volume(self, row: int, columns: list[int], prices: FloatArray, normals: FloatArray) -> FloatArray:
        """Shares at each print: the bar's, shared out, where it is known, and drawn where it is not."""
        weights = np.exp(0.5 * normals)
        drawn: FloatArray = weights * self.shape.notional_daily / (prices * len(prices))
        if self.bars is None or self.bars.volume is None:
            return drawn
        known = self.bars.volume[row, columns]
        return np.where(known > 0.0, shared(known, weights), drawn)

    def _before(self, row: int, columns: list[int], close: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log of the previous close (of the day's own where there is none) and sigma, from earlier days alone."""
        first = max(row - self.shape.volatility_days - 1, 0)
        logs = np.log(self.closes[first:row, columns])
        if self.steps is not None:
            # What was closed at before a split, as it would have been after it.
            moved = np.cumsum(self.steps[first : row + 1, columns], axis=0)
            logs += moved[-1] - moved[:-1]
        previous = close.copy()
        for earlier in logs:
            previous = np.where(np.isnan(earlier), previous, earlier)
        returns = np.diff(logs, axis=0)
        known = np.isfinite(returns)
        count = known.sum(axis=0)
        squares = np.where(known, returns, 0.0) ** 2
        sigma = np.sqrt(squares.sum(axis=0) / np.maximum(count, 1))
        return previous, np.where(count >= VOLATILITY_DAYS_MIN, sigma, self.shape.volatility_default)

    def _spread(
        self, prices: FloatArray, last: FloatArray, ticks: FloatArray, elapsed: FloatArray, normals: FloatArray
    ) -> tuple[IntArray, IntArray]:
        """Bid and ask in ticks, around the last print, at least one tick apart and never below one tick."""
        shape = self.shape
        settling = 1 + (shape.spread_open_factor - 1) * np.exp(-elapsed / 1200)
        # The factor has mean one: a lognormal with this drift.
        noise = np.exp(0.3 * normals - 0.045)
        half = prices * (shape.spread_basis_points / 20_000) * settling[:, None] * noise
        bid = np.maximum(np.floor(last - half / ticks), 1)
        ask = np.maximum(np.ceil(last + half / ticks), bid + 1)
        return bid.astype(np.int64), ask.astype(np.int64)


def _generator(seed: int, symbol: str, day: date) -> np.random.Generator:
    digest = hashlib.blake2b(f"{seed}/{symbol}/{day}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def _close_in_ticks(instrument: Instrument, close: float) -> int:
    """The official close, rounded from its shortest decimal text: floats never decide a half tick."""
    return max(int(instrument.on_tick(Decimal(repr(float(close)))) / instrument.tick), 1)


def _displayed(normals: FloatArray) -> IntArray:
    """Sizes on display, in shares: whole round lots of a hundred."""
    return 100 * (1 + np.floor(np.exp(1 + 0.8 * normals))).astype(np.int64)


def _as_quotes(walk: Walk) -> tuple[tuple[Quote, ...], ...]:
    columns = (walk.last, walk.bid, walk.ask, walk.bid_size, walk.ask_size, walk.volume.cumsum(axis=0))
    rows = zip(walk.instants, *(column.tolist() for column in columns), strict=True)
    return tuple(
        tuple(
            Quote(
                symbol=instrument.symbol,
                at=at,
                known_at=at,
                bid=bid * instrument.tick,
                ask=ask * instrument.tick,
                bid_size=Decimal(bid_size),
                ask_size=Decimal(ask_size),
                last=last * instrument.tick,
                volume=Decimal(volume),
            )
            for instrument, last, bid, ask, bid_size, ask_size, volume in zip(walk.symbols, *row, strict=True)
        )
        for at, *row in rows
    )


def _as_trades(walk: Walk) -> tuple[Trade, ...]:
    """The prints of a walk of one symbol."""
    (instrument,) = walk.symbols
    rows = zip(walk.instants, walk.last[:, 0].tolist(), walk.volume[:, 0].tolist(), strict=True)
    return tuple(
        Trade(symbol=instrument.symbol, at=at, known_at=at, price=last * instrument.tick, size=Decimal(volume))
        for at, last, volume in rows
    )
