"""The dissenter: given what the others believe, what would break it?

It has no opinion of its own. It takes the direction in which the other views of a symbol point together (the
sum of their confidence above one half, signed) and looks for dangers to exactly that, each from 0 to 1:

                   to a bullish thesis                            to a bearish thesis
    drawdown       it lies below the year's high: 10 % to 40 %    it has risen from the year's low: 10 % to 40 %
    crowding       it rose in the year by up to one and a half    it fell by as much: the fall has been sold
                   times its volatility: it is paid for
    unanimity      all of three or more agree; nobody is left to be convinced
    leverage       liabilities are 50 % to 95 % of assets         only 50 % down to 20 %: it can wait
    jumps          its worst day of the quarter was 2 to 6        its best day was
                   daily deviations

Its score is the weighted sum, against the thesis. A thesis whose dangers sum to less than a quarter stands, and
the dissenter abstains: dissent that is always there says nothing. It must not count as a source of its own in a
quorum, since it reads what others have read.

Sources: Daniel and Moskowitz (2016), "Momentum Crashes", Journal of Financial Economics 122; Campbell, Hilscher and
Szilagyi (2008), "In Search of Distress Risk", Journal of Finance 63; Janis (1972), Victims of Groupthink.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import ClassVar

import numpy as np

from bursar.domain.views import Abstention, View
from bursar.errors import DataError
from bursar.ports import Fundamentals
from bursar.quant.arrays import FloatArray
from bursar.research import features
from bursar.research.analysts import Analyst
from bursar.research.analysts.scoring import Ids, Reading, Volatilities, opinions
from bursar.research.statements import ratio, read_statements
from bursar.trading.view import MarketView

HORIZON_DAYS = 21
QUARTER = 63
DANGER_MIN = 0.25
#: So few views agree by chance.
UNANIMOUS_MIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Dissenter:
    """Doubts the views of others.

    others        whose views it doubts when it is asked by itself; a committee hands it the views instead
    fundamentals  where the leverage is read; without it that danger is not told
    """

    name: ClassVar[str] = "dissenter"
    needs: ClassVar[frozenset[str]] = frozenset({"close"})

    others: Sequence[Analyst] = ()
    fundamentals: Fundamentals | None = None

    def form(self, market: MarketView, ids: Ids) -> tuple[View | Abstention, ...]:
        numbers = count(1)
        formed = [each for analyst in self.others for each in analyst.form(market, lambda: f"heard-{next(numbers)}")]
        return self.doubt(market, [view for view in formed if isinstance(view, View)], ids)

    def doubt(self, market: MarketView, views: Iterable[View], ids: Ids) -> tuple[View | Abstention, ...]:
        """One opinion an instrument on what ``views`` say of it."""
        by_symbol: dict[str, list[View]] = {symbol: [] for symbol in sorted(market.instruments)}
        for view in views:
            if view.symbol in by_symbol and view.analyst != self.name:
                by_symbol[view.symbol].append(view)
        swings = Volatilities.of(market)

        def read(symbol: str) -> tuple[Reading, ...]:
            heard = by_symbol[symbol]
            direction = thesis(heard)
            if not direction:
                raise DataError("nobody has a thesis to doubt")
            found = self._dangers(symbol, direction, heard, market, swings[symbol])
            danger = math.fsum(each.weight * abs(each.score) for each in found if each.read)
            if danger < DANGER_MIN:
                way = "bullish" if direction > 0 else "bearish"
                raise DataError(f"the {way} thesis stands: its dangers sum to {danger:.0%}, below {DANGER_MIN:.0%}")
            return found

        return opinions(self.name, market, ids, horizon_days=HORIZON_DAYS, read=read)

    def _dangers(
        self, symbol: str, direction: int, heard: Sequence[View], market: MarketView, swing: float
    ) -> tuple[Reading, ...]:
        closes = market.closes.column(symbol)
        source = f"closes to {market.closes.dates[-1]}"
        return (
            *_of_prices(closes, swing, direction, source),
            _unanimity(heard, direction),
            self._leverage(symbol, direction, market),
        )

    def _leverage(self, symbol: str, direction: int, market: MarketView) -> Reading:
        try:
            if self.fundamentals is None:
                raise DataError("no statements are at hand")
            last = read_statements(self.fundamentals, symbol, market.at).years[-1]
        except DataError as error:
            return Reading(
                name="leverage",
                score=math.nan,
                weight=0.20,
                statement=f"leverage cannot be told: {error}",
                value=math.nan,
                source="statements",
            )
        share = ratio(last.liabilities, last["assets"])
        danger = _danger(share, 0.50, 0.95) if direction > 0 else _danger(share, 0.50, 0.20)
        said = f"liabilities are {share:.0%} of assets"
        return Reading(
            name="leverage", score=-direction * danger, weight=0.20, statement=said, value=share, source=last.source
        )


def thesis(heard: Iterable[View]) -> int:
    """The direction of views together: 1, -1, or 0 where there is none or they cancel out."""
    total = math.fsum(
        math.copysign(view.confidence - 0.5, view.expected_excess_return)
        for view in heard
        if view.confidence > 0.5 and view.expected_excess_return
    )
    return (total > 1e-12) - (total < -1e-12)


def _of_prices(closes: FloatArray, swing: float, direction: int, source: str) -> tuple[Reading, ...]:
    year = closes[-features.YEAR - 1 :]
    whole = len(year) > features.YEAR and bool(np.isfinite(year).all())
    extreme = year.max() if direction > 0 else year.min()
    away = abs(float(closes[-1] / extreme - 1.0)) if whole else math.nan
    gone = float(closes[-1] / year[0] - 1.0) if whole else math.nan
    quarter = closes[-QUARTER - 1 :]
    returns = quarter[1:] / quarter[:-1] - 1.0
    against = float(-direction * returns[int(np.argmin(direction * returns))])
    deviations = against / float(returns.std(ddof=1))
    unread = f"cannot be told: needs {features.YEAR + 1} closes without a gap"
    end, worst = ("high", "worst") if direction > 0 else ("low", "best")

    def reading(name: str, weight: float, danger: float, value: float, said: str) -> Reading:
        statement = f"{name} {unread}" if math.isnan(danger) else said
        return Reading(
            name=name, score=-direction * danger, weight=weight, statement=statement, value=value, source=source
        )

    return (
        reading("drawdown", 0.25, _danger(away, 0.10, 0.40), away, f"it lies {away:.0%} from its {end} of the year"),
        reading(
            "crowding",
            0.25,
            _danger(direction * gone, 0.0, 1.5 * swing),
            gone,
            f"it moved by {gone:+.0%} in the year at {swing:.0%} volatility: the thesis may be paid for",
        ),
        reading(
            "jumps",
            0.15,
            _danger(deviations, 2.0, 6.0),
            deviations,
            f"its {worst} day of the quarter was {deviations:.1f} daily deviations against the thesis",
        ),
    )


def _unanimity(heard: Sequence[View], direction: int) -> Reading:
    agreeing = sum(view.expected_excess_return * direction > 0.0 for view in heard)
    all_agree = len(heard) >= UNANIMOUS_MIN and agreeing == len(heard)
    return Reading(
        name="unanimity",
        score=-direction * (1.0 if all_agree else 0.0),
        weight=0.15,
        statement=f"{agreeing} of {len(heard)} agree",
        value=float(agreeing),
        source="the views of " + ", ".join(sorted({view.analyst for view in heard})),
    )


def _danger(value: float, none: float, full: float) -> float:
    """Where ``value`` lies from ``none`` (0) to ``full`` (1), cut to them; NaN stays NaN."""
    place = (value - none) / (full - none)
    return place if math.isnan(place) else max(0.0, min(1.0, place))
