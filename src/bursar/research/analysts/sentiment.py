"""The sentiment analyst: what is being said of a company, and the mood that it is said in.

Three readings:

    news        the tone of the last 30 days' headlines (``research/sentiment.py``), each counting half as much
                for every 5 days of its age. n headlines are believed n / (n + 3): one alone says little
    turn        the tone of the last week less that of the weeks before, 1 apart is full; news that turns moves
                a price more than news that goes on
    psychology  fear and greed of the market (``research/breadth.py``), against the grain, times the symbol's
                correlation with the market over a quarter: the crowd's mood is about what moves with the crowd

A headline that says the same as an earlier one is a copy and does not count. Without a headline of the symbol
it abstains, since prices have analysts of their own. What a headline asks for changes nothing: its words are
counted, and it is quoted as evidence with whatever could control a terminal taken out.

Sources: Tetlock (2007), "Giving Content to Investor Sentiment", Journal of Finance 62; Baker and Wurgler (2006),
"Investor Sentiment and the Cross-Section of Stock Returns", Journal of Finance 61.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np

from bursar.domain.views import Abstention, View
from bursar.errors import DataError
from bursar.ports import Headline, News
from bursar.research import breadth, features
from bursar.research.analysts.scoring import Ids, Reading, opinions
from bursar.research.sentiment import tone
from bursar.trading.view import MarketView

HORIZON_DAYS = 5
WINDOW = timedelta(days=30)
WEEK = timedelta(days=7)
HALF_LIFE = timedelta(days=5)
#: So many headlines are believed half.
HEADLINES_HALF = 3
#: The first day on which every part of the mood can be read, and the fewest days that it is ranked among.
MOOD_FIRST, MOOD_DAYS_MIN = features.YEAR + features.MONTH + 1, 21
CORRELATION_DAYS = 63
QUOTE_LENGTH = 120


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crowd:
    """The market as a whole, on one morning.

    mood      fear and greed, 0 to 100; NaN where the closes reach back too short
    days      among how many it is ranked
    together  of each symbol, the correlation of its daily returns with the whole market's over a quarter; NaN where
              gaps leave nothing to compare
    """

    mood: float
    days: int
    together: Mapping[str, float]

    @classmethod
    def of(cls, market: MarketView) -> Crowd:
        mood, days = _mood(market)
        return cls(mood=mood, days=days, together=_correlations(market))


@dataclass(frozen=True, slots=True, kw_only=True)
class SentimentAnalyst:
    """Forms views from headlines and from the market's mood."""

    name: ClassVar[str] = "sentiment"
    needs: ClassVar[frozenset[str]] = frozenset()

    news: News

    def form(self, market: MarketView, ids: Ids) -> tuple[View | Abstention, ...]:
        crowd = Crowd.of(market)

        def read(symbol: str) -> tuple[Reading, ...]:
            headlines = distinct(self.news.asof([symbol], market.at - WINDOW, market.at))
            if not headlines:
                raise DataError(f"no headline of it in {WINDOW.days} days")
            return (*told(headlines, market.at), psychology(symbol, market, crowd))

        return opinions(self.name, market, ids, horizon_days=HORIZON_DAYS, read=read)


def distinct(headlines: Sequence[Headline]) -> tuple[Headline, ...]:
    """The first of each text, whatever its spaces and capitals."""
    first: dict[str, Headline] = {}
    for headline in headlines:
        first.setdefault(" ".join(headline.text.lower().split()), headline)
    return tuple(first.values())


def told(headlines: Sequence[Headline], at: datetime) -> tuple[Reading, Reading]:
    """The tone of the news, and how it turned."""
    tones = np.array([tone(headline.text).value for headline in headlines])
    ages = np.array([(at - headline.known_at) / HALF_LIFE for headline in headlines])
    weights = 0.5**ages
    level = float(tones @ weights / weights.sum())
    believed = len(headlines) / (len(headlines) + HEADLINES_HALF)
    strongest = headlines[int(np.argmax(np.abs(tones) * weights))]
    recent = np.array([at - headline.known_at <= WEEK for headline in headlines])
    both = bool(recent.any() and not recent.all())
    turned = float(tones[recent].mean() - tones[~recent].mean()) if both else math.nan
    many = "1 headline" if len(headlines) == 1 else f"{len(headlines)} headlines"
    source = f"{many} to {headlines[-1].known_at:%Y-%m-%d}, last by {quoted(headlines[-1].source)}"
    return (
        Reading(
            name="news",
            score=level * believed,
            weight=0.60,
            statement=f"the tone of {many} is {level:+.2f}, above all {quoted(strongest.text)}",
            value=level,
            source=source,
        ),
        Reading(
            name="turn",
            score=max(-1.0, min(1.0, turned)) if both else math.nan,
            weight=0.15,
            statement=f"the tone of the last week is {turned:+.2f} from the weeks before"
            if both
            else "turn cannot be told: there is no news both of the last week and of before",
            value=turned,
            source=source,
        ),
    )


def psychology(symbol: str, market: MarketView, crowd: Crowd) -> Reading:
    """The market's mood against the grain, as far as the symbol moves with the market."""
    together, mood = crowd.together.get(symbol, math.nan), crowd.mood
    readable = math.isfinite(mood) and math.isfinite(together)
    said = f"fear and greed stands at {mood:.0f} of 100 among {crowd.days} days, its correlation at {together:.2f}"
    return Reading(
        name="psychology",
        score=(50.0 - mood) / 50.0 * max(together, 0.0),
        weight=0.25,
        statement=said if readable else "psychology cannot be told: the closes reach back too short or have gaps",
        value=mood,
        source=f"closes of {len(market.closes.symbols)} symbols",
    )


def quoted(text: str) -> str:
    """A stranger's words on one line: cut, in quotes, without what could control a terminal or end the quote."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split()).replace('"', "'")
    return f'"{plain}"' if len(plain) <= QUOTE_LENGTH else f'"{plain[:QUOTE_LENGTH]}..."'


def _mood(market: MarketView) -> tuple[float, int]:
    """Fear and greed, 0 to 100 or NaN, and among how many days it is ranked."""
    days = min(breadth.MOOD_DAYS, len(market.closes.dates) - MOOD_FIRST)
    if days < MOOD_DAYS_MIN:
        return math.nan, 0
    return float(breadth.fear_and_greed(market.closes.values, days).values[-1]), days


def _correlations(market: MarketView) -> dict[str, float]:
    closes = market.closes.values[-CORRELATION_DAYS - 1 :]
    index = breadth.market_index(closes)
    whole = index[1:] / index[:-1] - 1.0
    own = features.simple_returns(closes)[1:].T
    if len(whole) < 2 or not np.isfinite(whole).all() or not whole.std() > 0.0:
        return {}
    told = np.isfinite(own).all(axis=1) & (own.std(axis=1) > 0.0)
    return {
        symbol: float(np.corrcoef(own[place], whole)[0, 1])
        for place, symbol in enumerate(market.closes.symbols)
        if told[place]
    }
