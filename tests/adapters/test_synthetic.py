"""The made-up market behind the ports: labelled, causal, and one story in prices, filings and headlines."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache

import numpy as np
import pytest

from bursar.adapters.vendors import PriceKind
from bursar.adapters.vendors.edgar import known_from
from bursar.adapters.vendors.synthetic import SyntheticWorld, make, symbols_of
from bursar.domain.statements import FLOWS, NAMES
from bursar.errors import DataError, InputError
from bursar.research.sentiment import tone
from bursar.research.statements import Statements, market_value
from bursar.trading.view import MarketView
from tests.real_prices import calendar

FIRST, LAST = date(2003, 1, 2), date(2012, 12, 31)
FAR = datetime(2040, 1, 1, tzinfo=UTC)


@cache
def world(last: date = LAST, symbols: int = 22) -> SyntheticWorld:
    return make(calendar().sessions(FIRST, last), symbols=symbols, seed=11)


def test_it_says_that_it_is_synthetic_wherever_it_can_be_seen() -> None:
    w = world()
    assert w.source.simulated
    assert "synthetic" in w.source.title
    assert "do not exist" in w.source.origin
    assert all(each.symbol.startswith("SYN") and each.name.startswith("Synthetic ") for each in w.instruments)
    facts = w.fundamentals.asof("SYN001", NAMES, FAR)
    assert facts
    assert all(fact.source.startswith("synthetic ") for fact in facts)
    headlines = w.news.asof(w.symbols, datetime(2003, 1, 1, tzinfo=UTC), FAR)
    assert headlines
    assert all(each.source.startswith("synthetic") and "Synthetic" in each.text for each in headlines)


def test_it_has_what_it_declares_and_lacks_what_it_says() -> None:
    w = world()
    at_the_end = w.sessions[-1].close
    for field in w.source.fields - {"fundamentals", "news", "earnings_dates", "market_cap"}:
        panel = w.history.asof(w.symbols, field, at_the_end, days=5)
        assert panel.values.shape == (5, 22), field
    assert w.history.lacks() == w.source.lacks
    assert w.source.prices is PriceKind.TOTAL_RETURN
    with pytest.raises(DataError, match="has no 'planted_signal'"):
        w.history.asof(w.symbols, "planted_signal", at_the_end)


def test_sectors_are_numbered_each_for_itself() -> None:
    names = {each.name for each in world().instruments}
    assert len(names) == 22
    assert "Synthetic Energy 2" in names


def test_symbols_are_as_long_as_they_must_be() -> None:
    assert symbols_of(2) == ("SYN001", "SYN002")
    assert symbols_of(1000)[0] == "SYN0001"


def test_adjusted_closes_return_what_the_market_returned() -> None:
    w = world()
    closes = w.history.asof(w.symbols, "close", w.sessions[-1].close).values
    apart = np.abs(np.diff(np.log(closes), axis=0) - w.market.returns.total[1:])
    # Prices are rounded to cents, and dividends measured by rounded prices.
    assert np.median(apart) < 2e-4
    assert apart.max() < 0.02


def test_splits_and_dividends_are_declared_before_they_happen() -> None:
    actions = world().actions
    assert {action.split for action in actions} > {1.0}
    assert any(action.dividend for action in actions)
    assert all(action.known_at.date() < action.ex_date for action in actions)


def test_nothing_known_at_a_moment_depends_on_what_comes_after_it() -> None:
    # The longer world is the shorter one with another future: all that was known must be the same to the bit.
    known_at = datetime(2009, 6, 30, 23, tzinfo=UTC)
    short, long = world(last=date(2009, 6, 30)), world()
    for field in sorted(short.source.fields - {"fundamentals", "news", "earnings_dates", "market_cap"}):
        one, other = (each.history.asof(short.symbols, field, known_at) for each in (short, long))
        assert one.values.tobytes() == other.values.tobytes(), field
    for symbol in short.symbols:
        assert short.fundamentals.asof(symbol, NAMES, known_at) == long.fundamentals.asof(symbol, NAMES, known_at)
    begin = datetime(2003, 1, 1, tzinfo=UTC)
    assert short.news.asof(short.symbols, begin, known_at) == long.news.asof(short.symbols, begin, known_at)


def test_statements_appear_on_the_day_after_their_filing_and_their_balances_add_up() -> None:
    w = world()
    facts = w.fundamentals.asof("SYN003", NAMES, FAR)
    assert {fact.name for fact in facts} == set(NAMES) - {"short_term_debt"}
    for fact in facts:
        filed = date.fromisoformat(fact.source.split("filed ")[1].split(",")[0])
        assert fact.known_at == known_from(filed)
        assert filed >= fact.at
    found = Statements.of("SYN003", facts)
    assert len(found.years) >= 8
    for year in found.years:
        assert year["assets"] == pytest.approx(year["liabilities"] + year["equity"], abs=3.0)
        assert set(FLOWS) <= year.facts.keys()


def test_a_restated_year_is_first_too_good_and_then_as_it_was() -> None:
    w = world(symbols=60)
    restated = 0
    for symbol in w.symbols:
        by_year: dict[date, list[float]] = {}
        for fact in w.fundamentals.asof(symbol, ["net_income"], FAR):
            by_year.setdefault(fact.at, []).append(fact.value)
        for first, *later in by_year.values():
            assert len(later) <= 1
            restated += len(later)
            assert all(first > each for each in later)
    # 60 companies x 8 or 9 years, one in thirty: about 17.
    assert 8 <= restated <= 30


def test_a_company_and_a_moment_that_nobody_knows_have_no_facts() -> None:
    w = world()
    assert w.fundamentals.asof("AAPL", NAMES, FAR) == ()
    assert w.news.asof(["AAPL"], datetime(2003, 1, 1, tzinfo=UTC), FAR) == ()
    assert w.fundamentals.asof("SYN001", NAMES, datetime(2003, 1, 3, tzinfo=UTC)) == ()
    with pytest.raises(InputError, match="not in UTC"):
        w.fundamentals.asof("SYN001", NAMES, datetime(2003, 1, 3))  # noqa: DTZ001  # the mistake under test
    with pytest.raises(InputError, match="not in UTC"):
        w.news.asof(["SYN001"], datetime(2003, 1, 3), FAR)  # noqa: DTZ001  # the mistake under test


def test_the_market_value_is_shares_at_their_price_through_every_split() -> None:
    w = world()
    session = w.sessions[-1]
    known_at = session.close
    market = MarketView(
        at=known_at,
        instruments={each.symbol: each for each in w.instruments},
        quotes={},
        closes=w.history.asof(w.symbols, "close", known_at, 320),
        session=session,
    )
    for column, symbol in enumerate(w.symbols):
        found = Statements.of(symbol, w.fundamentals.asof(symbol, NAMES, known_at))
        value = market_value(found, w.history, market)
        last_quarter = int(np.flatnonzero(w.market.reports.at[:, column] >= 0)[-1])
        base = w.market.statements.shares[last_quarter, column]
        row = w.market.reports.closes_at[last_quarter, column]
        shares_now = base * w.market.prices.shares[-1, column] / w.market.prices.shares[row, column]
        # Dividends since the count are counted in: at most two quarters' yield.
        assert value == pytest.approx(shares_now * w.market.prices.close[-1, column], rel=0.04), symbol


def test_headlines_about_reports_have_the_sign_of_the_surprise_and_come_before_the_market_can_answer() -> None:
    w = world()
    reports, sessions = w.market.reports, w.sessions
    checked = 0
    for column, symbol in enumerate(w.symbols):
        for quarter in np.flatnonzero(reports.at[:, column] >= 0).tolist():
            session, surprise = sessions[reports.at[quarter, column]], reports.surprise[quarter, column]
            told = w.news.asof([symbol], session.close + timedelta(minutes=15), session.close + timedelta(minutes=15))
            tones = [tone(each.text).value for each in told if "split" not in each.text]
            assert len(tones) == 1
            checked += 1
            if abs(surprise) > 0.5:
                assert np.sign(tones[0]) == np.sign(surprise), told
    assert checked > 700


def test_talk_and_moves_and_splits_make_headlines_too() -> None:
    texts = " ".join(each.text for each in world().news.asof(world().symbols, datetime(2003, 1, 1, tzinfo=UTC), FAR))
    assert "declares a share split" in texts
    assert "shares plunge" in texts or "shares tumble" in texts
    assert "shares jump" in texts or "shares surge" in texts
    assert "industry conference" in texts


def test_days_to_the_next_report_count_down_to_it() -> None:
    w = world()
    days = w.history.asof(["SYN001"], "days_to_report", w.sessions[-1].close).values[:, 0]
    assert np.nanmax(days) < 110
    due = w.market.reports.on[:, 0]
    on = int(np.searchsorted(w.market.recipe.days, due[8]))
    assert days[on] == (0 if w.market.recipe.days[on] == due[8] else days[on])
    assert days[on - 1] == (due[8] - w.market.recipe.days[on - 1]).astype(int)


def test_a_planted_signal_is_a_field_of_its_own() -> None:
    w = make(calendar().sessions(FIRST, date(2003, 12, 31)), symbols=3, seed=1, signal=0.5)
    panel = w.history.asof(w.symbols, "planted_signal", w.sessions[-1].close)
    assert panel.values.shape == (len(w.sessions), 3)
    assert "planted_signal" in w.source.fields


def test_a_world_without_sessions_is_refused() -> None:
    with pytest.raises(InputError, match="needs sessions"):
        make([])
