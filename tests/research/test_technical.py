from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.history import Facts, MemoryHistory
from bursar.domain.views import Abstention, View
from bursar.ports import Panel
from bursar.research.analysts import Analyst
from bursar.research.analysts.technical import (
    DAYS_MIN,
    WEIGHTS,
    Reading,
    Signals,
    TechnicalAnalyst,
    confidence,
    expected_return,
    shapes,
)
from bursar.research.patterns import Charts
from bursar.trading.view import MarketView
from tests.builders import OPEN
from tests.real_prices import calendar
from tests.research.markets import counted, market, sample_market, walk
from tests.research.test_patterns import DOUBLE_TOP, drawn, mirrored

ANALYST: Analyst = TechnicalAnalyst(source="adjusted close, a test")


def form(seen: MarketView) -> dict[str, View | Abstention]:
    return {opinion.symbol: opinion for opinion in ANALYST.form(seen, counted())}


def the_view(seen: MarketView, symbol: str) -> View:
    opinion = form(seen)[symbol]
    assert isinstance(opinion, View), opinion
    return opinion


def readings(**scores: float) -> tuple[Reading, ...]:
    return tuple(Reading(name=name, score=score, statement="", value=score) for name, score in scores.items())


# ---------------------------------------------------------------- by hand


def test_grinolds_rule_by_hand() -> None:
    # 0.05 * 30 % * sqrt(21/252) * 1 = 0.05 * 0.30 * 0.288675 = 0.433 %
    assert expected_return(1.0, 0.30) == pytest.approx(0.00433, abs=5e-6)
    assert expected_return(-0.5, 0.30) == pytest.approx(-0.00433 / 2, abs=5e-6)


def test_confidence_counts_only_the_readings_that_agree() -> None:
    # Score 0.20*1 + 0.28*1 - 0.08*1 = 0.40; what agrees weighs 0.20 + 0.28: 0.5 + 0.3 * 0.40 * 0.48.
    some = readings(trend=1.0, momentum=1.0, rsi=0.0, bollinger=-1.0, volatility=0.0, levels=math.nan)
    assert confidence(some) == pytest.approx(0.5 + 0.3 * 0.40 * 0.48)
    assert confidence(readings(**dict.fromkeys(WEIGHTS, 1.0))) == pytest.approx(0.8)
    assert confidence(readings(**dict.fromkeys(WEIGHTS, 0.0))) == 0.5


def test_the_weights_add_up_to_one() -> None:
    assert math.fsum(WEIGHTS.values()) == pytest.approx(1.0)


def test_readings_by_hand() -> None:
    def one(value: float) -> np.ndarray:
        return np.array([value])

    found, volatility = Signals(
        average_50=one(105.0),
        average_200=one(100.0),
        momentum=one(0.30),
        rsi=one(26.0),
        bollinger=one(0.25),
        volatility_month=one(0.36),
        volatility_year=one(0.30),
    ).read(0)
    assert volatility == 0.30
    assert {reading.name: reading.score for reading in found} == pytest.approx(
        {
            "trend": 0.5,  # 5 % apart of 10 %
            "momentum": 0.5,  # 30 % of twice 30 %
            "rsi": 0.8,  # 24 below 50, of 30
            "bollinger": 0.5,  # halfway from the middle to the lower band
            "volatility": -0.2,  # a fifth higher than in the year
        }
    )
    assert [reading.statement for reading in found] == [
        "the 50-day average is 5.0% above the 200-day average",
        "twelve months without the last returned +30.0% at 30% volatility",
        "the 14-day RSI is 26, oversold",
        "the close lies 25% of the way from the lower to the upper 20-day band",
        "volatility was 36% in the last month against 30% in the year",
    ]


def test_readings_stay_within_minus_one_and_one() -> None:
    wild = np.array([1e6])
    found, _ = Signals(
        average_50=wild,
        average_200=np.array([1.0]),
        momentum=-wild,
        rsi=np.array([99.0]),
        bollinger=wild,
        volatility_month=wild,
        volatility_year=np.array([0.1]),
    ).read(0)
    assert [reading.score for reading in found] == [1.0, -1.0, -1.0, -1.0, -1.0]
    assert "overbought" in found[2].statement


def shape(name: str, closes: np.ndarray, balance: float = math.nan) -> Reading:
    return next(reading for reading in shapes(Charts.of(closes[:, None]), 0, balance) if reading.name == name)


def test_a_completed_pattern_is_read_in_its_direction() -> None:
    top, bottom = shape("patterns", DOUBLE_TOP), shape("patterns", mirrored(DOUBLE_TOP))
    assert (top.score, bottom.score) == (-1.0, 1.0)
    assert "double top" in top.statement
    none = shape("patterns", np.full(300, 50.0) + np.arange(300) * 0.01)
    assert none.score == 0.0 or none.statement.startswith("completed: ")


def test_levels_are_read_from_support_to_resistance() -> None:
    # A market that turned at 100 and at 80, twice each, and now stands at 90.
    closes = drawn((0, 80), (20, 100), (40, 80), (60, 100), (80, 80), (90, 90))
    read = shape("levels", closes)
    # ln(90/80) / ln(100/80) = 52.8 % of the way; 1 - 2 * 0.528 is a little bearish.
    assert read.value == pytest.approx(0.528, abs=0.03)
    assert read.score == pytest.approx(1.0 - 2.0 * read.value)
    assert "of the way from its support of" in read.statement
    unread = shape("levels", np.linspace(50.0, 100.0, 300))
    assert math.isnan(unread.score)
    assert unread.statement == "no price at which it turned twice lies on both sides of it"


def test_volume_is_read_where_there_is_any() -> None:
    assert shape("volume", walk(), 0.25).score == 0.5
    assert shape("volume", walk(), -0.9).score == -1.0
    assert math.isnan(shape("volume", walk()).score)


def with_volume(volume: np.ndarray, *, late: int = 0) -> MemoryHistory:
    dates = np.arange(300).astype("timedelta64[D]") + np.datetime64("2022-01-02") - 299 + late
    known = (dates + np.timedelta64(8, "h")).astype("datetime64[us]")
    return MemoryHistory({"volume": Facts(Panel(dates, ("UP",), volume[:, None]), known)})


def test_volume_on_rising_days_is_bullish_and_a_source_that_lags_is_not_read() -> None:
    closes = walk(drift=0.001)
    rising = np.r_[False, np.diff(closes) > 0]
    seen = market({"UP": closes})

    def balance(history: MemoryHistory | None) -> float | None:
        (opinion,) = TechnicalAnalyst(source="a test", history=history).form(seen, counted())
        assert isinstance(opinion, View)
        return opinion.evidence[-1].value

    assert balance(with_volume(np.where(rising, 200.0, 100.0))) > 0  # type: ignore[operator]  # it is read here
    assert balance(with_volume(np.where(rising, 100.0, 900.0))) < 0  # type: ignore[operator]  # likewise
    assert balance(None) is None
    assert balance(with_volume(np.full(300, 100.0), late=-1)) is None
    assert balance(MemoryHistory({})) is None
    assert balance(MemoryHistory({}, frozenset({"volume"}))) is None


# ---------------------------------------------------------------- views


def test_a_steady_rise_is_bullish_and_a_steady_fall_bearish() -> None:
    seen = market({"DOWN": walk(drift=-0.002), "UP": walk(drift=0.002)})
    up, down = the_view(seen, "UP"), the_view(seen, "DOWN")
    assert up.expected_excess_return > 0 > down.expected_excess_return
    assert min(up.confidence, down.confidence) > 0.55


def test_a_view_can_be_traced_to_its_data() -> None:
    view = the_view(market({"UP": walk(drift=0.002)}), "UP")
    assert (view.view_id, view.analyst, view.horizon_days, view.known_at) == ("v-00000001", "technical", 21, OPEN)
    assert len(view.evidence) == len(WEIGHTS)
    assert {evidence.source for evidence in view.evidence} == {"adjusted close, a test, 2022-01-02"}
    assert all(evidence.statement for evidence in view.evidence)
    untold = [evidence.statement for evidence in view.evidence if evidence.value is None]
    assert "volume cannot be told: there is none" in untold
    assert len(untold) <= 2


def test_the_evidence_says_what_the_closes_say() -> None:
    closes = walk(drift=0.001)
    view = the_view(market({"UP": closes}), "UP")
    trend, momentum, *_ = view.evidence
    assert trend.value == pytest.approx(closes[-50:].mean() / closes[-200:].mean() - 1)
    assert momentum.value == pytest.approx(closes[-22] / closes[-253] - 1)


def test_opinions_come_in_alphabetical_order_and_only_views_take_an_id() -> None:
    seen = market({"B": walk(seed=2), "A": np.full(300, 50.0), "C": walk(seed=3)})
    opinions = ANALYST.form(seen, counted())
    assert [opinion.symbol for opinion in opinions] == ["A", "B", "C"]
    assert [o.view_id for o in opinions if isinstance(o, View)] == ["v-00000001", "v-00000002"]


@given(seed=st.integers(0, 9999), drift=st.floats(-0.01, 0.01), swing=st.floats(0.001, 0.05))
def test_expectations_stay_modest(seed: int, drift: float, swing: float) -> None:
    view = the_view(market({"X": walk(seed=seed, drift=drift, swing=swing)}), "X")
    annual = swing * math.sqrt(252)
    assert abs(view.expected_excess_return) <= 0.05 * annual * 1.05 * math.sqrt(21 / 252)
    assert 0.5 <= view.confidence <= 0.8


# ---------------------------------------------------------------- abstaining


def reason(opinion: View | Abstention) -> str:
    assert isinstance(opinion, Abstention), opinion
    assert opinion.analyst == "technical"
    return opinion.reason


def test_with_too_little_history_it_says_how_much_it_needs() -> None:
    opinions = form(market({"A": walk(DAYS_MIN - 1), "B": walk(DAYS_MIN - 1)}))
    assert {reason(opinion) for opinion in opinions.values()} == {"needs 253 daily closes and has 252"}
    assert isinstance(form(market({"A": walk(DAYS_MIN)}))["A"], View)


@pytest.mark.parametrize("gap", [-1, -10, -100, -253])
def test_a_gap_in_the_closes_is_not_filled(gap: int) -> None:
    closes = walk()
    closes[gap] = np.nan
    opinions = form(market({"GAP": closes, "WHOLE": walk(seed=2)}))
    assert reason(opinions["GAP"]).startswith("1 of its last 253 closes are missing: no ")
    assert isinstance(opinions["WHOLE"], View)


def test_a_price_that_never_moved_gives_no_opinion() -> None:
    assert reason(form(market({"A": np.full(300, 10.0)}))["A"]).startswith("its price did not move: no ")


def test_a_stock_without_prices_gives_no_opinion() -> None:
    opinions = form(market({"A": walk()}, unpriced=("NEW",)))
    assert reason(opinions["NEW"]) == "the data has no closes of it"


def test_data_that_lacks_closes_gives_no_opinion_of_anything() -> None:
    opinions = form(market({"A": walk()}, lacks=frozenset({"close", "volume"})))
    assert reason(opinions["A"]) == "the data lacks close"


# ---------------------------------------------------------------- on the real closes


def test_every_sample_stock_gets_a_view_on_an_ordinary_day() -> None:
    (session,) = calendar().sessions(date(2022, 1, 3), date(2022, 1, 3))
    opinions = form(sample_market(session))
    assert len(opinions) == 20
    assert all(isinstance(opinion, View) for opinion in opinions.values())


def test_equal_markets_give_equal_opinions() -> None:
    (session,) = calendar().sessions(date(2022, 1, 3), date(2022, 1, 3))
    assert ANALYST.form(sample_market(session), counted()) == ANALYST.form(sample_market(session), counted())
