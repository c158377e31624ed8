"""Simulated days keep to the real closes, to their seed, and to what could be known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.instruments import Instrument
from bursar.errors import InputError
from bursar.gateway.history import History
from bursar.gateway.path import Shape, SimulatedTape
from tests.conftest import Evidence
from tests.gateway.worlds import session, simulated, tape


def day_of(prices: SimulatedTape, row: int) -> date:
    day: date = prices.dates[row].astype(object)
    return day


def logs(prices: SimulatedTape, row: int) -> np.ndarray:
    """Log prints of a day, (prints, symbols)."""
    quotes = prices.quotes(session(day_of(prices, row)))
    return np.log([[float(quote.last or 0) for quote in instant] for instant in quotes if instant])


@given(start=st.floats(0.0003, 50_000), tick=st.sampled_from(["0.0001", "0.01", "0.05"]), seed=st.integers(0, 99))
def test_the_last_print_is_the_official_close_to_the_tick(start: float, tick: str, seed: int) -> None:
    prices = tape(2, 30, seed, tick=tick, start=start, prices_seed=seed)
    closing = prices.quotes(session(day_of(prices, -1)))[-2]
    for column, quote in enumerate(closing):
        instrument = prices.instruments[column]
        official = instrument.on_tick(Decimal(repr(float(prices.closes[-1, column]))))
        assert quote.last == max(official, instrument.tick)


@given(start=st.floats(0.0003, 50_000), seed=st.integers(0, 99))
def test_quotes_stand_around_the_print_on_the_tick(start: float, seed: int) -> None:
    prices = tape(2, 30, seed, tick="0.01", start=start)
    for instant in prices.quotes(session(day_of(prices, -1))):
        for quote in instant:
            assert quote.bid is not None
            assert quote.ask is not None
            assert quote.last is not None
            assert Decimal("0.01") <= quote.bid <= quote.last <= quote.ask
            assert quote.ask - quote.bid >= Decimal("0.01")
            assert not any(price % Decimal("0.01") for price in (quote.bid, quote.ask, quote.last))
            assert quote.bid_size >= 100
            assert quote.ask_size >= 100


def test_the_volume_of_a_quote_is_all_that_was_printed_that_day_until_then() -> None:
    world = simulated()
    history, today = History(world), world.sessions[1]
    for instant in world.tape.quotes(today):
        for quote in instant:
            so_far = history.day(quote.symbol, today, quote.at)
            assert so_far is not None
            assert quote.volume == so_far.volume


def test_time_stops_before_the_bell_at_each_step_and_after_the_close() -> None:
    prices = tape()
    instants = prices.instants(session(day_of(prices, -1)))
    minutes = [(instant - instants[1]) // timedelta(minutes=1) for instant in instants]
    assert minutes == [-30, *range(0, 391, 5), 420]


def test_a_half_day_and_a_step_that_does_not_divide_it_end_at_the_bell() -> None:
    prices = tape(shape=Shape(step_minutes=17))
    short = session(day_of(prices, -1), close_hour=18)
    instants = prices.instants(short)
    assert instants[-2] == short.close
    assert instants[-3] == short.open + timedelta(minutes=17 * 12)
    assert len(prices.quotes(short)) == len(instants)


def test_the_market_is_silent_before_and_after_hours() -> None:
    prices = tape()
    quotes = prices.quotes(session(day_of(prices, -1)))
    assert quotes[0] == quotes[-1] == ()
    assert all(len(instant) == 3 for instant in quotes[1:-1])


def test_the_same_seed_gives_the_same_day_and_another_one_another() -> None:
    today = session(day_of(tape(), -1))
    assert tape(seed=7).quotes(today) == tape(seed=7).quotes(today)
    assert tape(seed=7).quotes(today) != tape(seed=8).quotes(today)


def test_each_day_and_each_symbol_has_its_own_chance() -> None:
    # Closes stand still, so all that moves is chance.
    prices = tape(2, 15, volatility=0.0)
    (first, second), (third, fourth) = logs(prices, 10).T, logs(prices, 11).T
    for one, other in ((first, second), (first, third), (second, fourth)):
        assert abs(np.corrcoef(np.diff(one), np.diff(other))[0, 1]) < 0.5


def test_a_day_does_not_depend_on_which_days_were_made_before_it() -> None:
    prices = tape()
    last, alone = session(day_of(prices, -1)), tape().quotes(session(day_of(prices, -1)))
    for row in (-3, -2):
        prices.quotes(session(day_of(prices, row)))
    assert prices.quotes(last) == alone


def test_a_symbol_does_not_depend_on_its_neighbors() -> None:
    three = tape(3)
    alone = SimulatedTape(
        instruments=three.instruments[1:2], dates=three.dates, closes=three.closes[:, 1:2], seed=three.seed
    )
    today = session(day_of(three, -1))
    assert [instant[1] for instant in three.quotes(today) if instant] == [
        instant[0] for instant in alone.quotes(today) if instant
    ]


def test_nothing_of_a_day_depends_on_later_closes() -> None:
    prices = tape()
    spoiled = prices.closes.copy()
    spoiled[70:] *= 3
    other = replace(prices, closes=spoiled)
    for row in (0, 1, 40, 69):
        assert other.quotes(session(day_of(prices, row))) == prices.quotes(session(day_of(prices, row)))
    assert other.quotes(session(day_of(prices, 70))) != prices.quotes(session(day_of(prices, 70)))


def test_the_prints_of_one_symbol_are_those_of_the_quotes() -> None:
    prices = tape()
    today = session(day_of(prices, -1))
    quoted = [instant[2] for instant in prices.quotes(today) if instant]
    traded = prices.trades("S002", today)
    assert [(quote.at, quote.last) for quote in quoted] == [(trade.at, trade.price) for trade in traded]
    assert all(trade.size >= 1 for trade in traded)


def measured_shares(seeds: range) -> tuple[float, float, float]:
    """Share of the gap in the variance, correlation of gap and rest, and daily volatility, over many walks."""
    gaps, rests = [], []
    for seed in seeds:
        prices = tape(20, 110, seed, prices_seed=seed, shape=Shape(step_minutes=390))
        for row in range(70, 110, 4):
            walk = logs(prices, row)
            gaps.append(walk[0] - np.log(prices.closes[row - 1]))
            rests.append(walk[-1] - walk[0])
    gap, rest = np.concatenate(gaps), np.concatenate(rests)
    return gap.var() / (gap.var() + rest.var()), np.corrcoef(gap, rest)[0, 1], (gap + rest).std()


def test_the_gap_carries_its_part_of_the_variance_and_says_nothing_of_the_rest(
    record_property: Callable[[str, object], None],
) -> None:
    share, correlation, volatility = measured_shares(range(40))
    print(f"gap share {share:.3f}, correlation with the rest {correlation:+.3f}, volatility {volatility:.4f}")
    record_property("gap_share", round(float(share), 4))
    # 8000 walks: the standard error of the share is about 0.008 and that of the correlation 0.011.
    assert 0.30 <= share <= 0.50
    assert share == pytest.approx(0.41, abs=0.03)
    assert abs(correlation) < 0.04
    assert volatility == pytest.approx(0.015, rel=0.03)


@pytest.mark.prove
def test_the_gap_share_holds_over_400_seeds(evidence: Evidence) -> None:
    share, correlation, volatility = measured_shares(range(400))
    evidence(walks=400 * 20 * 10, gap_share=round(share, 4), correlation=round(correlation, 4))
    assert share == pytest.approx(0.41, abs=0.01)
    assert abs(correlation) < 0.0125
    assert volatility == pytest.approx(0.015, rel=0.01)


def test_seen_from_the_open_the_day_is_a_random_walk() -> None:
    # Steps of a random walk have equal variance and do not follow each other.
    steps = []
    for seed in range(40):
        prices = tape(20, 90, seed, prices_seed=seed, shape=Shape(step_minutes=65))
        steps.append(np.diff(logs(prices, 80), axis=0).T)
    moves = np.concatenate(steps)  # (800 walks, 6 steps)
    assert moves.var(axis=0) == pytest.approx(np.full(6, 0.59 * 0.015**2 / 6), rel=0.25)
    assert abs(np.corrcoef(moves[:, :-1].ravel(), moves[:, 1:].ravel())[0, 1]) < 0.06


def test_volatility_comes_from_real_returns_before_the_day() -> None:
    # The day itself moves by nothing, so what is left of the walk is the simulated part alone.
    def spread_of_opens(volatility: float) -> float:
        prices = tape(60, 80, volatility=volatility, shape=Shape(step_minutes=390))
        flat = prices.closes.copy()
        flat[-1] = flat[-2]
        walk = logs(replace(prices, closes=flat), -1)
        return float((walk[0] - np.log(flat[-2])).std())

    # Given a return of zero the gap has variance 0.41 * 0.59 * sigma^2.
    assert spread_of_opens(0.01) == pytest.approx(0.4918 * 0.01, rel=0.25)
    assert spread_of_opens(0.04) == pytest.approx(0.4918 * 0.04, rel=0.25)


def test_a_young_share_has_the_volatility_that_the_shape_says() -> None:
    still = replace(tape(40, 30, volatility=0.0), shape=Shape(volatility_default=0.02, step_minutes=390))
    young, grown = logs(still, 10), logs(still, 25)
    assert young[0].std() == pytest.approx(0.4918 * 0.02, rel=0.3)
    assert grown[0].std() < 1e-5


def test_the_first_day_of_all_opens_around_its_own_close() -> None:
    prices = tape(40, 30, shape=Shape(step_minutes=390))
    gap = logs(prices, 0)[0] - np.log(prices.closes[0])
    assert abs(gap.mean()) < 0.01


def test_a_symbol_without_a_close_does_not_trade_and_opens_next_from_its_last_one() -> None:
    prices = tape(2, 80)
    holey = prices.closes.copy()
    holey[-2, 0] = np.nan
    torn = replace(prices, closes=holey)
    absent, back = session(day_of(prices, -2)), session(day_of(prices, -1))
    assert {quote.symbol for instant in torn.quotes(absent) for quote in instant} == {"S001"}
    assert torn.trades("S000", absent) == ()
    (opening, *_) = torn.trades("S000", back)
    assert abs(np.log(float(opening.price) / holey[-3, 0])) < 0.2
    assert len(torn.trades("S000", back)) == 79


def test_a_day_on_which_nothing_trades_is_silent() -> None:
    prices = tape(2, 40)
    holey = prices.closes.copy()
    holey[-1] = np.nan
    assert not any(replace(prices, closes=holey).quotes(session(day_of(prices, -1))))


def test_the_spread_is_as_wide_as_it_is_said_to_be() -> None:
    prices = tape(50, 80, shape=Shape(spread_basis_points=10, spread_open_factor=3), start=1000)
    instants = [instant for instant in prices.quotes(session(day_of(prices, -1))) if instant]

    def basis_points(number: int) -> float:
        quotes = instants[number]
        return float(np.mean([float((q.ask - q.bid) / q.last) * 1e4 for q in quotes if q.ask and q.bid and q.last]))

    assert basis_points(0) == pytest.approx(30, rel=0.15)
    assert np.mean([basis_points(number) for number in range(40, 70)]) == pytest.approx(10, rel=0.1)


def test_even_without_a_spread_bid_and_ask_do_not_lock() -> None:
    prices = tape(tick="0.01", shape=Shape(spread_basis_points=0.0))
    for instant in prices.quotes(session(day_of(prices, -1))):
        assert all(q.ask and q.bid and q.ask - q.bid == Decimal("0.01") for q in instant)


def test_a_day_outside_the_data_is_refused_with_their_reach() -> None:
    prices = tape()
    with pytest.raises(InputError, match=r"no closes on 2030-01-01; the data reach from 2021-09-01 to"):
        prices.quotes(session(date(2030, 1, 1)))
    with pytest.raises(InputError, match="no closes on 2021-09-04"):
        prices.trades("S000", session(date(2021, 9, 4)))


@pytest.mark.parametrize("bad", [0.0, -3.0, np.inf])
def test_a_close_that_is_no_price_is_refused_by_name(bad: float) -> None:
    prices = tape()
    closes = prices.closes.copy()
    closes[5, 1] = bad
    with pytest.raises(InputError, match=rf"close of S001 on {prices.dates[5]} is {bad}"):
        replace(prices, closes=closes)


def test_closes_must_fit_days_and_instruments() -> None:
    with pytest.raises(InputError, match="do not fit 80 days of 1 instruments"):
        replace(tape(), instruments=(Instrument(symbol="X"),))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("step_minutes", 0),
        ("step_minutes", 391),
        ("gap_share", 1.1),
        ("gap_share", float("nan")),
        ("before_open_minutes", 0),
        ("after_close_minutes", -1),
        ("volatility_days", 0),
        ("notional_daily", 0.0),
        ("spread_basis_points", -1.0),
        ("spread_open_factor", 0.5),
        ("volatility_default", float("nan")),
    ],
)
def test_a_shape_without_sense_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(InputError, match=field):
        replace(Shape(), **{field: value})


def test_the_fingerprint_changes_with_whatever_changes_prices() -> None:
    prices = tape()
    closes = prices.closes.copy()
    closes[0, 0] += 1e-9
    others = [
        replace(prices, seed=8),
        replace(prices, shape=Shape(step_minutes=10)),
        replace(prices, closes=closes),
        replace(prices, instruments=(replace(prices.instruments[0], tick=Decimal("0.01")), *prices.instruments[1:])),
    ]
    assert len({prices.fingerprint, *(other.fingerprint for other in others)}) == 5
    assert tape().fingerprint == prices.fingerprint


def test_times_are_utc_and_whole_seconds() -> None:
    prices = tape()
    for instant in prices.instants(session(day_of(prices, -1))):
        assert instant.tzinfo is UTC
        assert instant == datetime.fromtimestamp(int(instant.timestamp()), UTC)
