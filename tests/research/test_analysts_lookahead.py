"""Nothing from the future: whatever is filed, printed or traded later changes no opinion of today by a bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.adapters.history import Facts, MemoryHistory
from bursar.adapters.memory import MemoryFundamentals, MemoryNews
from bursar.domain.instruments import Instrument
from bursar.domain.sessions import Session
from bursar.domain.views import Abstention, View
from bursar.ports import Fact, Headline, Panel
from bursar.quant.arrays import FloatArray
from bursar.research.analysts.buffett import BuffettAnalyst
from bursar.research.analysts.dissenter import Dissenter
from bursar.research.analysts.fundamentals import FundamentalsAnalyst
from bursar.research.analysts.sentiment import SentimentAnalyst
from bursar.research.analysts.technical import TechnicalAnalyst
from bursar.research.analysts.valuation import ValuationAnalyst
from bursar.research.committee import Papers, Rules, meet
from bursar.research.minutes import Minutes
from bursar.trading.view import MarketView
from tests.research.companies import company, year
from tests.research.markets import counted, walk

DATES = np.arange("2020-06-01", "2022-06-01", dtype="datetime64[D]")
KNOWN = (DATES + np.timedelta64(21, "h")).astype("datetime64[us]")
SYMBOLS = ("ACME", "REST")
CLOSES: FloatArray = np.column_stack([walk(len(DATES), drift=0.001, seed=i) for i in (1, 2)])
TEXTS = ("Profit rose to a record", "Sales fell on weak demand", "The meeting is on Tuesday", "The loss narrowed")


def headlines() -> list[Headline]:
    return [
        Headline(
            symbols=(SYMBOLS[i % 2],),
            text=f"{TEXTS[i % 4]} ({i})",
            source="a paper",
            known_at=datetime(2021, 3, 1, 12, tzinfo=UTC) + timedelta(days=3 * i),
        )
        for i in range(150)
    ]


def filed() -> list[Fact]:
    """Two companies, one of which restates 2019 and 2020 a year later."""
    facts = [*company("ACME", growth=0.05), *company("REST", growth=-0.02), *year(2021, {"net_income": 9.0}, "REST")]
    later = datetime(2022, 2, 20, tzinfo=UTC)
    restated = [
        replace(fact, value=fact.value * 0.8, known_at=later)
        for fact in facts
        if fact.symbol == "ACME" and fact.at.year in (2019, 2020) and fact.name in ("net_income", "revenue")
    ]
    return [*facts, *restated]


def meeting(
    at: datetime, facts: Sequence[Fact], news: Sequence[Headline], closes: FloatArray
) -> tuple[tuple[View | Abstention, ...], Minutes]:
    """All opinions of ``at``, and the minutes."""
    history = MemoryHistory({name: Facts(Panel(DATES, SYMBOLS, closes), KNOWN) for name in ("close", "raw_close")})
    fundamentals = MemoryFundamentals(facts)
    day = at.date()
    market = MarketView(
        at=at,
        instruments={symbol: Instrument(symbol=symbol) for symbol in SYMBOLS},
        quotes={},
        closes=history.asof(SYMBOLS, "close", at, 440),  # of days, not of sessions
        session=Session(day=day, open=at, close=at + timedelta(hours=6)),
    )
    voices = (
        FundamentalsAnalyst(fundamentals=fundamentals),
        ValuationAnalyst(fundamentals=fundamentals, raw=history),
        BuffettAnalyst(fundamentals=fundamentals, raw=history),
        SentimentAnalyst(news=MemoryNews(news)),
        TechnicalAnalyst(),
    )
    ids = counted()
    formed = [opinion for voice in voices for opinion in voice.form(market, ids)]
    views = [opinion for opinion in formed if isinstance(opinion, View)]
    formed += Dissenter(fundamentals=fundamentals).doubt(market, views, ids)
    return tuple(formed), meet(market, formed, Papers(), Rules(probability_min=0.5, shorts=True))


@settings(max_examples=25)
@given(day=st.dates(date(2021, 9, 1), date(2022, 5, 30)), seed=st.integers(0, 999))
def test_the_future_corrupted_changes_no_opinion_by_a_bit(day: date, seed: int) -> None:
    at = datetime(day.year, day.month, day.day, 13, 30, tzinfo=UTC)
    chance = np.random.default_rng(seed)
    facts = [fact if fact.known_at <= at else replace(fact, value=chance.normal(0, 1e12)) for fact in filed()]
    news = [
        each if each.known_at <= at else replace(each, text="fraud, bankruptcy and collapse " * 3)
        for each in headlines()
    ]
    closes = CLOSES.copy()
    after = np.datetime64(at.replace(tzinfo=None), "us") < KNOWN
    closes[after] = chance.uniform(0.01, 1e6, (int(after.sum()), 2))
    assert meeting(at, facts, news, closes) == meeting(at, filed(), headlines(), CLOSES)


@pytest.mark.parametrize("analyst", ["fundamentals", "valuation", "warren_buffett"])
def test_a_restatement_changes_opinions_from_its_filing_and_not_before(analyst: str) -> None:
    unrestated = [fact for fact in filed() if fact.known_at != datetime(2022, 2, 20, tzinfo=UTC)]

    def opinion(at: datetime, facts: Sequence[Fact]) -> View:
        formed, _ = meeting(at, facts, headlines(), CLOSES)
        (found,) = (each for each in formed if each.analyst == analyst and each.symbol == "ACME")
        assert isinstance(found, View), found
        return found

    before, after = datetime(2022, 2, 19, 23, 59, tzinfo=UTC), datetime(2022, 2, 20, 0, 0, tzinfo=UTC)
    assert opinion(before, filed()) == opinion(before, unrestated)
    assert opinion(after, filed()).evidence != opinion(after, unrestated).evidence


def test_the_committee_of_six_reaches_verdicts_and_differs() -> None:
    _, minutes = meeting(datetime(2022, 1, 3, 14, 30, tzinfo=UTC), filed(), headlines(), CLOSES)
    assert all(verdict.sources >= 3 for verdict in minutes.verdicts)
    assert minutes.verdict("ACME").probability > minutes.verdict("REST").probability
