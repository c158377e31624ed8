"""The made-up market: repeatable, blind to its own future, and coherent from the price to the accounts."""

from __future__ import annotations

from dataclasses import fields
from functools import cache

import numpy as np
import pytest

from bursar.errors import InputError
from bursar.quant.synthetic import Market, Recipe, make
from bursar.quant.synthetic import reports as reporting
from bursar.quant.synthetic.companies import SECTORS

#: Ten years of weekdays.
DAYS = np.arange("2003-01-01", "2013-01-01", dtype="datetime64[D]")
DAYS = DAYS[np.is_busday(DAYS)]


@cache
def market(seed: int = 3, symbols: int = 24, days: int = len(DAYS), signal: float | None = None) -> Market:
    return make(Recipe(days=DAYS[:days], symbols=symbols, seed=seed, signal=signal))


PARTS = ("returns", "prices")


def test_the_same_seed_makes_the_same_market_and_another_one_another() -> None:
    one, again, other = market(), make(Recipe(days=DAYS, symbols=24, seed=3)), market(seed=4)
    for part in (*PARTS, "statements", "reports"):
        for each in fields(getattr(one, part)):
            first, second = (getattr(getattr(m, part), each.name) for m in (one, again))
            assert first.tobytes() == second.tobytes(), f"{part}.{each.name}"
    assert not np.array_equal(one.prices.close, other.prices.close)


@pytest.mark.parametrize("days", [2, 700, 1500, 2001])
def test_a_longer_market_begins_with_the_shorter_one_to_the_bit(days: int) -> None:
    # So nothing in it can come from its own future: whatever is drawn after a day, the days before it stay.
    short, long = market(days=days), market()
    for part in PARTS:
        for each in fields(getattr(short, part)):
            first, second = getattr(getattr(short, part), each.name), getattr(getattr(long, part), each.name)
            assert first.tobytes() == np.ascontiguousarray(second[:days]).tobytes(), f"{part}.{each.name}"
    ended = np.isfinite(short.statements.equity)
    for each in fields(short.statements):
        first, second = getattr(short.statements, each.name), getattr(long.statements, each.name)
        assert first[ended].tobytes() == second[: len(first)][ended].tobytes(), each.name


def test_total_returns_are_price_dividend_and_split_together() -> None:
    m = market()
    p = m.prices
    # What one share of yesterday evening became: its new shares, each with its dividend.
    grown = (p.exact[1:] + p.dividend[1:]) * p.split[1:] / p.exact[:-1]
    assert np.allclose(np.log(grown), m.returns.total[1:], atol=1e-12)
    assert (p.dividend > 0.0).any()
    assert (p.split > 1.0).any()


def test_a_day_is_its_gap_and_its_way() -> None:
    m = market()
    way = np.log(m.prices.close / m.prices.open)
    expected = m.returns.total - m.returns.gap
    # Both prices are rounded to cents: half a cent of each.
    assert np.all(np.abs(way - expected) <= 0.0051 / m.prices.close + 0.0051 / m.prices.open)


def test_prices_are_whole_cents_and_lie_between_low_and_high() -> None:
    p = market().prices
    for price in (p.open, p.high, p.low, p.close):
        assert np.all(price >= 0.01)
        assert np.array_equal(np.round(price, 2), price)
    assert np.all(p.low <= np.minimum(p.open, p.close))
    assert np.all(p.high >= np.maximum(p.open, p.close))
    assert np.all(p.volume >= 100.0)
    assert np.all((p.implied_volatility > 0.03) & (p.implied_volatility < 3.0))


def test_assets_are_liabilities_and_equity_and_cash_is_accounted_for() -> None:
    s = market().statements
    ended = np.isfinite(s.equity)
    assert ended.sum() > 900
    apart = np.abs(s.assets - s.liabilities - s.equity)[ended] / s.assets[ended]
    assert apart.max() < 1e-12
    flow = s.operating_cash_flow - s.capital_expenditure - s.acquisitions - s.dividends - s.buybacks + s.borrowed
    both = ended[1:] & ended[:-1]
    assert np.allclose(np.diff(s.cash, axis=0)[both], flow[1:][both], rtol=1e-9, atol=1.0)
    assert np.all(s.cash[ended] > 0.0)
    assert np.all(s.equity[ended] > 0.0)
    assert np.all(s.cost_of_revenue[ended] > 0.0)
    assert np.allclose(
        (s.operating_income - s.interest_expense - s.income_tax)[ended], s.net_income[ended], rtol=1e-9, atol=1.0
    )


def test_dividends_in_the_accounts_are_those_that_the_price_went_ex() -> None:
    m = market()
    s, p, at = m.statements, m.prices, m.reports.closes_at
    quarter, symbol = 12, int(np.flatnonzero(m.companies.dividend_yield > 0.0)[0])
    first, last = at[quarter - 1, symbol] + 1, at[quarter, symbol] + 1
    paid = (p.dividend * p.shares)[first:last, symbol].sum()
    shares_before = s.shares[quarter - 1, symbol] / p.shares[at[quarter - 1, symbol], symbol]
    assert s.dividends[quarter, symbol] == pytest.approx(paid * shares_before, rel=1e-9)


def test_what_surprises_in_a_report_moves_the_price_overnight() -> None:
    m = market(symbols=60)
    quarter, symbol = np.nonzero((m.reports.at >= 0) & (m.reports.at + 1 < len(DAYS)))
    gaps = m.returns.gap[m.reports.at[quarter, symbol] + 1, symbol]
    surprise = m.reports.surprise[quarter, symbol]
    # The move is 0.75 surprise and the rest unseen, in a night that has moves of its own: their correlation is
    # below 0.75 and well above what 2,000 reports could show by chance (1/sqrt(2000) = 0.02).
    assert 0.5 < np.corrcoef(gaps, surprise)[0, 1] < 0.75
    assert np.abs(gaps).mean() > 2.0 * np.abs(m.returns.gap).mean()


def test_implied_volatility_expects_the_report_and_forgets_it_the_day_after() -> None:
    m = market(symbols=60)
    quarter, symbol = np.nonzero((m.reports.at > 5) & (m.reports.at + 1 < len(DAYS)))
    at = m.reports.at[quarter, symbol]
    before, after = m.prices.implied_volatility[at, symbol], m.prices.implied_volatility[at + 1, symbol]
    assert np.median(after / before) < 0.95


def test_implied_volatility_lies_above_what_follows_and_goes_with_it() -> None:
    m = market(symbols=60)
    squared = np.cumsum(m.returns.total**2, axis=0)
    realized = np.sqrt((squared[21:] - squared[:-21]) * 12.0)
    implied = m.prices.implied_volatility[:-21]
    assert 1.0 < np.median(implied) / np.median(realized) < 1.35
    assert np.corrcoef(np.log(implied).ravel(), np.log(realized).ravel())[0, 1] > 0.6


@pytest.mark.parametrize(("correlation", "ahead"), [(0.3, 1), (-0.2, 1), (0.5, 5), (0.0, 1)])
def test_a_planted_signal_has_the_correlation_that_was_asked_for(correlation: float, ahead: int) -> None:
    m = make(Recipe(days=DAYS, symbols=60, seed=3, signal=correlation, signal_days=ahead))
    assert m.signal is not None
    expected = np.sqrt(m.returns.ahead)
    summed = np.cumsum(m.returns.total, axis=0)
    coming = (summed[ahead:] - summed[:-ahead]) / expected[:-ahead]
    found = np.corrcoef(m.signal[:-ahead].ravel(), coming.ravel())[0, 1]
    # 60 x 2,600 pairs of which the market makes some thousand independent ones: three times 1/sqrt(10,000).
    assert found == pytest.approx(correlation, abs=0.03)
    assert np.all(np.isnan(m.signal[-ahead:]) | (correlation == 0.0))


def test_planting_a_signal_leaves_the_market_as_it_was() -> None:
    assert np.array_equal(market().prices.close, market(signal=0.4).prices.close)
    assert market().signal is None


def test_few_companies_lie_in_as_many_sectors_as_there_can_be() -> None:
    assert len(set(market(symbols=5).companies.sector)) == 5
    assert len(set(market().companies.sector)) == len(SECTORS)


def test_a_market_of_one_company_can_be_made() -> None:
    alone = make(Recipe(days=DAYS[:300], symbols=1))
    assert alone.prices.close.shape == (300, 1)
    assert np.isfinite(alone.returns.total).all()


def test_reports_come_after_their_quarter_and_filings_after_the_report() -> None:
    r = market().reports
    held = r.at >= 0
    assert np.all(DAYS[r.at[held]] > r.ends[held])
    assert np.all(r.filed[held] >= DAYS[r.at[held]])
    assert np.all(r.filed[held] - r.ends[held] < np.timedelta64(80, "D"))
    assert set(r.final.sum(axis=1).tolist()) == {0, 24}


def test_moves_come_on_the_session_after_the_report_alone() -> None:
    m = market()
    moved = reporting.moves(m.recipe, m.companies, m.reports) != 0.0
    assert moved.sum() == ((m.reports.at >= 0) & (m.reports.at + 1 < len(DAYS))).sum()
    assert not moved[0].any()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"symbols": 0}, "0 symbols cannot be made"),
        ({"symbols": 5001}, "give 1 to 5,000"),
        ({"seed": -1}, "seed is -1"),
        ({"days": DAYS[:1]}, "1 days cannot be made"),
        ({"days": DAYS[[1, 0, 2]]}, "must rise"),
        ({"signal": 1.5}, "correlation 1.5 cannot be planted"),
        ({"signal": 0.1, "signal_days": 0}, "signal_days is 0"),
        ({"signal": 0.1, "signal_days": 10**6}, "signal_days is 1000000"),
    ],
)
def test_a_market_that_cannot_be_is_refused(change: dict[str, object], said: str) -> None:
    asked: dict[str, object] = {"days": DAYS[:300], "symbols": 3, "seed": 1, **change}
    with pytest.raises(InputError, match=said):
        Recipe(**asked)  # type: ignore[arg-type]  # the wrong ones are the point
