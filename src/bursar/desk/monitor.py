"""The monitor: each second, what every portfolio is worth, what it made, and how near it is to its limits.

It is told every committed event and every quote, and asked once a second. Between bookings it works on arrays over all
portfolios at once (``risk/watch``); a portfolio's lines are made anew when its books have changed. What it sees is kept
as one series by ``adapters/store/snapshots``. Nothing is decided here: the monitor shows and warns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

import numpy as np

from bursar.adapters.store.snapshots import Snapshots
from bursar.desk.lines import Part, assemble, part_of
from bursar.domain.events import Event, Marked, Merged, Split, SpunOff, SymbolChanged
from bursar.domain.market import Quote
from bursar.errors import DataError
from bursar.ledger.book import Book, Bookkeeper
from bursar.ledger.performance import Chronicle
from bursar.quant.arrays import FloatArray
from bursar.quant.performance import METRIC_NAMES, rolling_metrics
from bursar.risk.watch import BoolArray, Lines, Look, Model, look, measures, utilization

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """What was seen at one second; arrays are in the order of ``lines.portfolios``, named ACCOUNT/PORTFOLIO.

    measured, used  risk by name, and each limited measure over its limit
    rolling         the twelve metrics over the last returns, today's so far among them; NaN where there are too few
    best, worst     (n_lines,) highest and lowest unrealized gain that was seen since the line was opened
    """

    at: datetime
    lines: Lines
    seen: Look
    measured: Mapping[str, FloatArray]
    used: Mapping[str, FloatArray]
    rolling: Mapping[str, FloatArray]
    best: FloatArray
    worst: FloatArray


@dataclass(slots=True)
class _Watched:
    """All portfolios side by side, and what was seen of them so far."""

    parts: tuple[Part, ...]
    lines: Lines
    days: int
    model: Model | None
    best: FloatArray
    worst: FloatArray
    sequence: int
    marks: dict[str, tuple[float, datetime]]


@dataclass(slots=True, kw_only=True)
class Monitor:
    """Watches every portfolio of a journal.

    limits       by measure, as fractions: see ``risk/watch.limits_of``
    model_of     what is believed of some symbols, asked when they change, when a day has closed, and until it knows
    window       returns in the rolling metrics, today's among them
    stale_after  a price older than that is not relied on
    snapshots    where the seconds are kept; None keeps none
    """

    limits: Mapping[str, float] = field(default_factory=dict)
    model_of: Callable[[tuple[str, ...]], Model | None] | None = None
    window: int = 60
    stale_after: timedelta = timedelta(seconds=60)
    snapshots: Snapshots | None = None
    unvalued: dict[str, str] = field(default_factory=dict)
    _keeper: Bookkeeper = field(default_factory=Bookkeeper)
    _chronicles: dict[Key, Chronicle] = field(default_factory=dict)
    _quotes: dict[str, tuple[float, datetime]] = field(default_factory=dict)
    _parts: dict[Key, Part] = field(default_factory=dict)
    _watched: _Watched | None = None

    def absorb(self, event: Event) -> None:
        """Take one committed event, in the journal's order."""
        self._keeper.apply(event)
        for symbol in voided(event):
            self._quotes.pop(symbol, None)
        if isinstance(event, Marked) and event.official:
            for key in self._keeper.book().portfolios:
                self._chronicles.setdefault(key, Chronicle(*key)).apply(event, self._keeper)

    def afresh(self) -> Monitor:
        """One that watches another journal in the same way."""
        return Monitor(
            limits=self.limits,
            model_of=self.model_of,
            window=self.window,
            stale_after=self.stale_after,
            snapshots=self.snapshots,
        )

    def quote(self, quotes: Iterable[Quote]) -> None:
        """Take prices: the middle of a two-sided quote, or else the last trade."""
        for each in quotes:
            price = each.mid if each.two_sided else each.last
            if price is not None:
                self._quotes[each.symbol] = float(price), each.at

    def second(self, at: datetime, behind: timedelta = timedelta(0)) -> Second | None:
        """Look at everything, keep it, and return it; None where there is no portfolio yet.

        behind  how far the clock that prices are stamped by is behind that of ``at``
        A portfolio in a currency without a rate is left out, and named in ``unvalued`` with the reason.
        """
        watched = self._refreshed()
        if watched is None:
            return None
        if watched.model is None and self.model_of is not None:
            watched.model = self.model_of(watched.lines.symbols)
        prices, old = self._prices(watched, at - behind)
        seen = look(watched.lines, prices, old)
        measured = measures(watched.lines, seen, watched.model)
        held = watched.lines.units != 0
        watched.best = np.where(held, np.fmax(watched.best, seen.unrealized), watched.best)
        watched.worst = np.where(held, np.fmin(watched.worst, seen.unrealized), watched.worst)
        told = Second(
            at=at,
            lines=watched.lines,
            seen=seen,
            measured=measured,
            used=utilization(measured, self.limits),
            rolling=_rolling([part.returns for part in watched.parts], seen.day_return, self.window),
            best=watched.best,
            worst=watched.worst,
        )
        if self.snapshots is not None:
            self.snapshots.insert(rows_of(told))
        return told

    # ------------------------------------------------------------ what is watched

    def _refreshed(self) -> _Watched | None:
        """Everything side by side, with the portfolios whose books have changed made anew."""
        book = self._keeper.book()
        parts: dict[Key, Part] = {}
        self.unvalued = {}
        for key, held in book.portfolios.items():
            chronicle = self._chronicles.get(key)
            part = self._parts.get(key)
            if part is None or not part.shows(held, chronicle, book.rates):
                try:
                    part = part_of(book, held, chronicle, self.window - 1)
                except DataError as error:
                    self.unvalued["/".join(key)] = str(error)
                    continue
            parts[key] = part
        if not parts:
            return None
        unchanged = self._watched is not None and list(parts.values()) == list(self._watched.parts)
        self._parts = parts
        if not unchanged:
            self._watched = self._side_by_side(book, tuple(parts.values()), self._watched)
        elif self._watched is not None and self._watched.sequence != book.sequence:
            self._watched.sequence, self._watched.marks = book.sequence, _marks(book, self._watched.lines.symbols)
        return self._watched

    def _side_by_side(self, book: Book, parts: tuple[Part, ...], before: _Watched | None) -> _Watched:
        lines = assemble(parts, book.instruments)
        best, worst = (np.full(len(lines.owner), np.nan) for _ in range(2))
        if before is not None:
            seen = {name: place for place, name in enumerate(_names(before.parts))}
            for place, name in enumerate(_names(parts)):
                if (former := seen.get(name)) is not None:
                    best[place], worst[place] = before.best[former], before.worst[former]
        days = max((part.days for part in parts), default=0)
        if before is not None and before.lines.symbols == lines.symbols and before.days == days:
            model = before.model
        else:
            model = None
        marks = _marks(book, lines.symbols)
        return _Watched(
            parts=parts,
            lines=lines,
            days=days,
            model=model,
            best=best,
            worst=worst,
            sequence=book.sequence,
            marks=marks,
        )

    def _prices(self, watched: _Watched, at: datetime) -> tuple[FloatArray, BoolArray]:
        """The latest price of each symbol, of a quote or a mark, and whether it is too old."""
        symbols, since = watched.lines.symbols, at - self.stale_after
        prices, old = np.full(len(symbols), np.nan), np.zeros(len(symbols), dtype=np.bool_)
        for place, symbol in enumerate(symbols):
            known = self._quotes.get(symbol)
            marked = watched.marks.get(symbol)
            if marked is not None and (known is None or marked[1] > known[1]):
                known = marked
            if known is not None:
                prices[place], old[place] = known[0], known[1] < since
        return prices, old


def _names(parts: Sequence[Part]) -> Iterable[tuple[object, ...]]:
    """What tells a line apart, also from one of the same symbol that was closed before it was opened again."""
    return chain.from_iterable(part.names for part in parts)


def _marks(book: Book, symbols: Sequence[str]) -> dict[str, tuple[float, datetime]]:
    """The last price of each symbol that the books know: of a mark, or of an own trade where there is none."""
    known = {symbol: (float(book.marks[symbol]), book.marked_at[symbol]) for symbol in symbols if symbol in book.marks}
    for symbol in (symbol for symbol in symbols if symbol not in known):
        for held in book.portfolios.values():
            position = held.positions.get(symbol)
            if position is not None and position.mark is not None:
                known[symbol] = float(position.mark), position.opened_at
    return known


def _rolling(before: Sequence[FloatArray], today: FloatArray, window: int) -> dict[str, FloatArray]:
    """Each metric over the last ``window`` returns of each portfolio, today's among them."""
    enough = [place for place, series in enumerate(before) if len(series) == window - 1 and np.isfinite(today[place])]
    found = {name: np.full(len(before), np.nan) for name in METRIC_NAMES}
    if enough:
        table = np.array([[*before[place], max(today[place], -1.0)] for place in enough]).T
        for name, values in rolling_metrics(table, window).items():
            found[name][enough] = values[-1]
    return found


def voided(event: Event) -> tuple[str, ...]:
    """The symbols whose earlier prices are worth nothing after an event: a share is another thing from there on."""
    match event:
        case Split(symbol=symbol):
            return (symbol,)
        case SpunOff(symbol=symbol, child=other) | Merged(symbol=symbol, into=other):
            return symbol, other
        case SymbolChanged(symbol=symbol, new_symbol=other):
            return symbol, other
        case _:
            return ()


def rows_of(told: Second) -> list[dict[str, object]]:
    """The second as the store keeps it: whole hundredths."""
    seen, seconds = told.seen, int(told.at.timestamp())
    amounts = np.stack([seen.equity, told.lines.cash, seen.gross, seen.day_profit], axis=1)
    hundredths = np.rint(amounts * 100).astype(np.int64).tolist()
    return [
        {"portfolio": name, "at": seconds, "equity": row[0], "cash": row[1], "exposure": row[2], "day_profit": row[3]}
        for name, row in zip(told.lines.portfolios, hundredths, strict=True)
    ]
