"""Headlines about companies that do not exist: reports, large moves, splits, and talk that means nothing.

A headline says what has happened by then. A report is told a quarter of an hour after the close behind which it came,
so before its market can answer; a large move half an hour after the close of its day. Talk is drawn on its own and
knows nothing: whoever finds a signal in it has found chance.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

import numpy as np

from bursar.domain.instruments import Instrument
from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.ports import Headline
from bursar.quant.synthetic import Market
from bursar.quant.synthetic.prices import SPLIT_AFTER

SOURCE = "synthetic wire"
REPORT_AFTER, MOVE_AFTER = timedelta(minutes=15), timedelta(minutes=30)
#: Deviations from which a surprise is one, and a move is news.
NOTED, LARGE_MOVE = 0.5, 4.5
#: Talk a day and company.
TALK_CHANCE = 6.0 / 252.0

BEATS = (
    "{name} beats expectations as quarterly profit rises",
    "{name} posts strong quarter, profit tops forecasts",
    "{name} reports record demand, earnings exceed expectations",
)
MISSES = (
    "{name} misses expectations as quarterly profit falls",
    "{name} disappoints: weak quarter, profit below forecasts",
    "{name} reports slow demand, earnings fall short",
)
IN_LINE = ("{name} reports quarterly results in line with expectations", "{name} publishes its quarterly report")
RISES = ("{name} shares jump {move:.0%} in heavy trading", "{name} shares surge {move:.0%}")
FALLS = ("{name} shares plunge {move:.0%} in heavy trading", "{name} shares tumble {move:.0%}")
TALK = (
    "{name} to speak at an industry conference",
    "{name} names a new head of operations",
    "{name} opens an office",
    "Analysts at a broker repeat their view of {name}",
    "{name} is said to look at a partnership",
    "{name} faces questions about its supply chain",
    "Ten things to know about {name}",
)


class SyntheticNews:
    """The headlines of a market; a company's are written when it is first asked for."""

    def __init__(self, market: Market, instruments: Sequence[Instrument], sessions: Sequence[Session]) -> None:
        self._market = market
        self._instruments = {instrument.symbol: (column, instrument) for column, instrument in enumerate(instruments)}
        self._sessions = sessions
        self._headlines: dict[str, tuple[Headline, ...]] = {}
        talk = market.recipe.chance("talk")
        self._talks = talk.random(market.recipe.shape) < TALK_CHANCE
        self._choices = market.recipe.chance("words").integers(0, 2**31, market.recipe.shape)

    def asof(self, symbols: Sequence[str], since: datetime, known_at: datetime) -> tuple[Headline, ...]:
        """Headlines about any of ``symbols``, oldest first; see ``ports.News``."""
        for moment in (since, known_at):
            if moment.utcoffset() != timedelta(0):
                raise InputError(f"{moment} is not in UTC; convert it at the edge")
        found: list[Headline] = []
        for symbol in dict.fromkeys(symbols):
            written = self._of(symbol)
            first = bisect_left(written, since, key=attrgetter("known_at"))
            found += written[first : bisect_right(written, known_at, lo=first, key=attrgetter("known_at"))]
        return tuple(sorted(found, key=attrgetter("known_at", "symbols")))

    def _of(self, symbol: str) -> tuple[Headline, ...]:
        if symbol not in self._instruments:
            return ()
        if symbol not in self._headlines:
            column, instrument = self._instruments[symbol]
            written = sorted(self._written(column, instrument), key=attrgetter("known_at"))
            self._headlines[symbol] = tuple(written)
        return self._headlines[symbol]

    def _written(self, column: int, instrument: Instrument) -> Iterator[Headline]:
        market, reports = self._market, self._market.reports
        for quarter in np.flatnonzero(reports.at[:, column] >= 0).tolist():
            surprise, row = float(reports.surprise[quarter, column]), int(reports.at[quarter, column])
            texts = BEATS if surprise > NOTED else MISSES if surprise < -NOTED else IN_LINE
            yield self._told(instrument, texts, row, column, REPORT_AFTER)
        for row in np.flatnonzero(market.prices.split[:, column] != 1.0).tolist():
            ratio = market.prices.split[row, column]
            said = f"{ratio:g} for 1" if ratio > 1.0 else f"1 for {1.0 / ratio:g}"
            text = "{name} declares a share split, " + said
            yield self._told(instrument, (text,), row - SPLIT_AFTER, column, REPORT_AFTER)
        sizes = np.abs(market.returns.total[:, column]) / np.sqrt(market.returns.day_variance[:, column])
        for row in np.flatnonzero(sizes > LARGE_MOVE).tolist():
            move = float(np.expm1(market.returns.total[row, column]))
            yield self._told(instrument, RISES if move > 0.0 else FALLS, row, column, MOVE_AFTER, abs(move))
        for row in np.flatnonzero(self._talks[:, column]).tolist():
            yield self._told(instrument, TALK, row, column, timedelta(0))

    def _told(
        self, instrument: Instrument, texts: Sequence[str], row: int, column: int, after: timedelta, move: float = 0.0
    ) -> Headline:
        text = texts[int(self._choices[row, column]) % len(texts)]
        return Headline(
            symbols=(instrument.symbol,),
            text=text.format(name=instrument.name, move=move),
            source=SOURCE,
            known_at=self._sessions[row].close + after,
        )
