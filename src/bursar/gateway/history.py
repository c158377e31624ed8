"""Bars and the day's running numbers, made from the prints of the tape and from nothing after them.

A bar begins at its time and reaches to the next one: it opens at the print with which it begins and closes at
the last print up to its end, so that bars lie seamlessly and none is whole before its end has come. Prints after
``now`` do not exist. Daily bars carry the day; their closes are official, all else in them is as simulated as
the path that they come from.

Only trades are kept: bars of bids, asks and midpoints are refused, as are bars shorter than the step of the tape.

Source of durations and sizes: IBKR, "TWS API: Historical Bars".
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from bursar.domain.market import Trade
from bursar.domain.money import ZERO
from bursar.domain.sessions import Session
from bursar.gateway.checks import IBKR_ZONES
from bursar.gateway.world import World

#: Bar sizes by their names; a day is a session, however long.
BAR_SIZES: dict[str, timedelta] = {
    **{f"{number} secs": timedelta(seconds=number) for number in (1, 5, 10, 15, 30)},
    "1 min": timedelta(minutes=1),
    **{f"{number} mins": timedelta(minutes=number) for number in (2, 3, 5, 10, 15, 20, 30)},
    "1 hour": timedelta(hours=1),
    **{f"{number} hours": timedelta(hours=number) for number in (2, 3, 4, 8)},
    "1 day": timedelta(days=1),
}
DAY = BAR_SIZES["1 day"]
#: What is served of ``whatToShow``.
SHOWN = frozenset({"TRADES", "ADJUSTED_LAST"})
#: No answer holds more bars than this.
BARS_MAX = 10_000

_DURATION = re.compile(r"(\d{1,6}) ([SDWMY])")
_END = re.compile(r"(\d{8})[ -]+(\d\d:\d\d:\d\d)(?: ([\w/+-]+))?")
_ZONES = {name: zone for zone, name in IBKR_ZONES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryBar:
    """One bar. ``day`` is its session, ``begin`` its first moment; wap is the average price, by volume."""

    day: date
    begin: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    wap: Decimal
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoBars:
    """Why there are none: IBKR's code and text."""

    code: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySoFar:
    """A symbol's session up to one print; ``previous_close`` is the official one before it, if there is any."""

    open: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    last_size: Decimal
    volume: Decimal
    previous_close: Decimal | None


class History:
    """The past of a world, as it can be known at some moment. Holds the present day's prints, to be quick."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sessions = (*world.past, *world.sessions)
        self._opens = [session.open for session in self._sessions]
        self._running_day: date | None = None
        self._running: dict[str, tuple[list[datetime], list[DaySoFar]]] = {}

    def bars(
        self, symbol: str, *, now: datetime, end: str, duration: str, bar_size: str, what_to_show: str = "TRADES"
    ) -> tuple[HistoryBar, ...] | NoBars:
        """Bars of ``symbol``, oldest first, that end at ``end`` (empty: now) and reach back for ``duration``.

        The three texts are IBKR's: "20220103 16:00:00 US/Eastern", "5 D", "1 hour".
        """
        size, reach = BAR_SIZES.get(bar_size), _DURATION.fullmatch(duration)
        last = now if not end else _moment(end, self._sessions[0].zone)
        if size is None:
            legal = ", ".join(BAR_SIZES)
            return _invalid(f"Historical data bar size setting is invalid. Legal ones are: {legal}")
        if reach is None or not int(reach[1]):
            return _invalid(f"Historical data request for duration {duration!r} is invalid, expected \\d+ [S,D,W,M,Y]")
        if last is None:
            return NoBars(code=10314, text="End Date/Time: The date, time, or time-zone entered is invalid.")
        if what_to_show not in SHOWN:
            return _no_data(f"{symbol} {what_to_show}")
        first, sessions = self._reach(min(last, now), int(reach[1]), reach[2])
        # A day of trading is never longer than 24 hours, so this bounds the answer from above.
        if len(sessions) * max(timedelta(days=1) // size, 1) > BARS_MAX:
            return _failed("invalid step: ask for longer bars or fewer days")
        return self._bars(symbol, sessions, size, first, min(last, now))

    def day(self, symbol: str, session: Session, now: datetime) -> DaySoFar | None:
        """The numbers of the last print up to ``now`` of ``session``; None before the first."""
        if self._running_day != session.day:
            self._running_day, self._running = session.day, {}
        if symbol not in self._running:
            trades = self._world.trades(symbol, session)
            days = _running(trades, self.previous_close(symbol, session))
            self._running[symbol] = ([trade.at for trade in trades], days)
        instants, days = self._running[symbol]
        index = bisect_right(instants, now)
        return days[index - 1] if index else None

    def printed(self, symbol: str, session: Session, now: datetime) -> Decimal:
        """How much was printed at the instant ``now``."""
        day = self.day(symbol, session, now)
        instants, _ = self._running.get(symbol, ([], []))
        index = bisect_right(instants, now)
        return day.last_size if day and instants[index - 1] == now else ZERO

    def previous_close(self, symbol: str, session: Session) -> Decimal | None:
        """The last print of the session before; of an earlier one where it did not trade."""
        for earlier in reversed(self._sessions[: bisect_left(self._opens, session.open)][-5:]):
            if trades := self._world.trades(symbol, earlier):
                shares = self._world.split_since(symbol, earlier.day, session.day)
                return (
                    trades[-1].price if shares == 1 else self._world.listed[symbol].on_tick(trades[-1].price / shares)
                )
        return None

    def _since_split(self, symbol: str, session: Session, last: datetime) -> list[Trade]:
        """The prints of ``session`` up to ``last``, as prices and shares are after the splits since then."""
        trades = [trade for trade in self._world.trades(symbol, session) if trade.at <= last]
        shares = self._world.split_since(symbol, session.day, session.local(last).date())
        return trades if shares == 1 else [_split(trade, shares) for trade in trades]

    def _reach(self, last: datetime, count: int, unit: str) -> tuple[datetime, Sequence[Session]]:
        """The moment from which bars are wanted, and the sessions that began since and before ``last``."""
        begun = bisect_left(self._opens, last)
        if unit == "D":
            sessions = self._sessions[max(begun - count, 0) : begun]
            return (sessions[0].open if sessions else last), sessions
        days = {"W": 7, "M": 30.4375, "Y": 365.25}
        back = timedelta(seconds=count) if unit == "S" else timedelta(days=min(count, 1000) * days[unit])
        first = last - back
        return first, [session for session in self._sessions[:begun] if session.close > first]

    def _bars(
        self, symbol: str, sessions: Sequence[Session], size: timedelta, first: datetime, last: datetime
    ) -> tuple[HistoryBar, ...] | NoBars:
        bars: list[HistoryBar] = []
        for session in sessions:
            trades = self._since_split(symbol, session, last)
            step = max((later.at - earlier.at for earlier, later in pairwise(trades)), default=timedelta(0))
            if size < DAY and step > size:
                return _failed(f"invalid step: prints are {step} apart here")
            width = session.close - session.open if size == DAY else size
            bars.extend(bar for bar in _cut(trades, session, width) if size == DAY or bar.begin >= first)
        return tuple(bars) or _no_data(symbol)


def _split(trade: Trade, shares: Decimal) -> Trade:
    return replace(trade, price=trade.price / shares, size=trade.size * shares)


def _cut(trades: Sequence[Trade], session: Session, width: timedelta) -> list[HistoryBar]:
    """The prints of one session as bars of ``width`` from its opening bell on."""
    instants = [trade.at for trade in trades]
    bars, begin = [], session.open
    while begin < session.close and trades and begin < instants[-1]:
        low, high = bisect_left(instants, begin), bisect_right(instants, begin + width)
        # What was traded at the moment that two bars share belongs to the earlier one, the opening to the first.
        traded = trades[low if begin == session.open else bisect_right(instants, begin) : high]
        bars.append(_bar(trades[low:high], traded, session, begin))
        begin += width
    return bars


def _bar(shown: Sequence[Trade], traded: Sequence[Trade], session: Session, begin: datetime) -> HistoryBar:
    prices, volume = [trade.price for trade in shown], sum((trade.size for trade in traded), ZERO)
    return HistoryBar(
        day=session.day,
        begin=begin,
        open=prices[0],
        high=max(prices),
        low=min(prices),
        close=prices[-1],
        volume=volume,
        wap=(sum((trade.price * trade.size for trade in traded), ZERO) / volume).quantize(Decimal("1e-6")),
        count=len(traded),
    )


def _running(trades: Sequence[Trade], previous_close: Decimal | None) -> list[DaySoFar]:
    days: list[DaySoFar] = []
    for trade in trades:
        before = days[-1] if days else None
        days.append(
            DaySoFar(
                open=before.open if before else trade.price,
                high=max(before.high, trade.price) if before else trade.price,
                low=min(before.low, trade.price) if before else trade.price,
                last=trade.price,
                last_size=trade.size,
                volume=(before.volume if before else ZERO) + trade.size,
                previous_close=previous_close,
            )
        )
    return days


def _moment(text: str, zone: str) -> datetime | None:
    """A moment as clients write it, in ``zone`` where none is named (in UTC after a dash); None if it is none."""
    found = _END.fullmatch(text)
    if found is None:
        return None
    name = found[3] or ("UTC" if "-" in text[:10] else zone)
    try:
        local = datetime.strptime(f"{found[1]} {found[2]}", "%Y%m%d %H:%M:%S").replace(
            tzinfo=ZoneInfo(_ZONES.get(name, name))
        )
    except (ValueError, KeyError, OSError):
        return None
    return local.astimezone(UTC)


def _invalid(cause: str) -> NoBars:
    return NoBars(code=321, text=f"Error validating request.-'bT' : cause - {cause}")


def _no_data(what: str) -> NoBars:
    return _failed(f"HMDS query returned no data: {what}")


def _failed(why: str) -> NoBars:
    return NoBars(code=162, text=f"Historical Market Data Service error message:{why}")
