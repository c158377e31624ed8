"""Worlds to test in: one whose every quote is written down, and one of simulated days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote, Trade
from bursar.domain.sessions import Session
from bursar.gateway.commands import Place
from bursar.gateway.path import Shape, SimulatedTape
from bursar.gateway.world import World

#: Moments of a written day, UTC in winter: before the bell, the bell, two steps, the closing bell, after it.
BEFORE, OPEN, NOON, LATE, CLOSE, AFTER = (14, 0), (14, 30), (17, 0), (20, 0), (21, 0), (21, 30)
MOMENTS = (BEFORE, OPEN, NOON, LATE, CLOSE, AFTER)

#: For each moment in hours of a session: bid and ask of each symbol that changed, and where they are not halfway
#: and 100, its last print and its volume.
Script = Mapping[tuple[int, int], Mapping[str, tuple[str, ...]]]


def session(day: date, close_hour: int = 21) -> Session:
    """A session in New York's winter: 14:30 to 21:00 UTC, or shorter."""
    return Session(
        day=day,
        open=datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC),
        close=datetime(day.year, day.month, day.day, close_hour, tzinfo=UTC),
        half_day=close_hour < 21,
    )


def weekdays(first: date, count: int) -> list[date]:
    """``count`` days from ``first`` on, weekends left out."""
    days = (first + timedelta(days=number) for number in range(2 * count + 7))
    return [day for day in days if day.weekday() < 5][:count]


def order(
    order_id: int,
    action: str = "BUY",
    quantity: str | int = 10,
    symbol: str = "AAA",
    *,
    limit: str | None = None,
    tif: str = "DAY",
    client_id: int = 1,
    account: str = "DU9000001",
    kind: str = "",
    stop: str | None = None,
    **more: Any,
) -> Place:
    """A market order, a limit order where a limit is given, or one of the ``kind``; ``stop`` is its auxPrice."""
    return Place(
        client_id=client_id,
        order_id=order_id,
        account=account,
        symbol=symbol,
        action=action,
        total_quantity=Decimal(quantity),
        order_type=kind or ("MKT" if limit is None else "LMT"),
        lmt_price=None if limit is None else Decimal(limit),
        tif=tif,
        order_ref=f"o-{order_id:08d}",
        aux_price=None if stop is None else Decimal(stop),
        **more,
    )


@dataclass(frozen=True)
class WrittenTape:
    """Quotes as they are written down, with 100 on display and the middle as last print."""

    script: Sequence[Script]
    days: Sequence[date]
    fingerprint: str = "written"
    size: str = "100"

    def instants(self, session: Session) -> tuple[datetime, ...]:
        return tuple(self._at(session.day, moment) for moment in self._moments(session))

    def quotes(self, session: Session) -> tuple[tuple[Quote, ...], ...]:
        written = self.script[self.days.index(session.day)]
        return tuple(
            tuple(
                Quote(
                    symbol=symbol,
                    at=self._at(session.day, moment),
                    known_at=self._at(session.day, moment),
                    bid=Decimal(bid),
                    ask=Decimal(ask),
                    bid_size=Decimal(self.size),
                    ask_size=Decimal(self.size),
                    last=Decimal(more[0]) if more else (Decimal(bid) + Decimal(ask)) / 2,
                )
                for symbol, (bid, ask, *more) in written.get(moment, {}).items()
            )
            for moment in self._moments(session)
        )

    def trades(self, symbol: str, session: Session) -> tuple[Trade, ...]:
        return tuple(
            Trade(symbol=symbol, at=quote.at, known_at=quote.at, price=quote.last, size=self._volume(session, quote))
            for quotes in self.quotes(session)
            for quote in quotes
            if quote.symbol == symbol and quote.last is not None
        )

    def _moments(self, session: Session) -> Sequence[tuple[int, int]]:
        return sorted({*MOMENTS, *self.script[self.days.index(session.day)]})

    def _volume(self, session: Session, quote: Quote) -> Decimal:
        row = self.script[self.days.index(session.day)][quote.at.hour, quote.at.minute][quote.symbol]
        return Decimal(row[3]) if len(row) > 3 else Decimal(100)

    def _at(self, day: date, moment: tuple[int, int]) -> datetime:
        return datetime(day.year, day.month, day.day, *moment, tzinfo=UTC)


#: A quiet day of AAA: 99 x 101 at the bell, a dip, a rise, and a close at 100.
QUIET: Script = {
    OPEN: {"AAA": ("99.00", "101.00")},
    NOON: {"AAA": ("94.00", "95.00")},
    LATE: {"AAA": ("105.00", "106.00")},
    CLOSE: {"AAA": ("99.50", "100.50")},
}


def written(*days: Script, first: date = date(2022, 1, 3), lot: str = "1", size: str = "100") -> World:
    """A world of written days (QUIET ones, if none is given) with AAA and BBB, on raw prices."""
    script = days or (QUIET, QUIET)
    dates = weekdays(first, len(script))
    return World(
        name="written",
        instruments=tuple(Instrument(symbol=symbol, lot=Decimal(lot)) for symbol in ("AAA", "BBB")),
        sessions=tuple(session(day) for day in dates),
        tape=WrittenTape(script=script, days=dates, size=size),
        adjusted=False,
    )


def tape(
    symbols: int = 3,
    days: int = 80,
    seed: int = 7,
    *,
    shape: Shape | None = None,
    tick: str = "0.0001",
    start: float = 100.0,
    prices_seed: int = 1,
    volatility: float = 0.015,
) -> SimulatedTape:
    """A tape over closes that walk at random with a known volatility."""
    rng = np.random.Generator(np.random.PCG64(prices_seed))
    closes = start * np.exp(np.cumsum(volatility * rng.standard_normal((days, symbols)), axis=0))
    return SimulatedTape(
        instruments=tuple(Instrument(symbol=f"S{number:03d}", tick=Decimal(tick)) for number in range(symbols)),
        dates=np.array(weekdays(date(2021, 9, 1), days), dtype="datetime64[D]"),
        closes=closes,
        seed=seed,
        shape=shape or Shape(),
    )


def simulated(symbols: int = 3, days: int = 3, seed: int = 7, *, step_minutes: int = 30) -> World:
    """A world of ``days`` simulated days after two months of past."""
    prices = tape(symbols, 60 + days, seed, shape=Shape(step_minutes=step_minutes))
    sessions = tuple(session(day) for day in prices.dates.astype(object).tolist())
    return World(
        name="simulated", instruments=prices.instruments, sessions=sessions[60:], past=sessions[:60], tape=prices
    )
