"""A template decides: who is chosen, how much of it, what is abstained from, and that nothing comes from the future."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.adapters.history import Facts, MemoryHistory
from bursar.domain.committee import Action, PooledView
from bursar.domain.instruments import Instrument, InstrumentKind, OptionRight
from bursar.domain.views import Evidence, View
from bursar.errors import DataError
from bursar.ports import Panel
from bursar.quant.arrays import FloatArray
from bursar.research import features
from bursar.research.analysts.technical import TechnicalAnalyst
from bursar.research.strategies.blend import Blend
from bursar.research.strategies.shape import Shape
from bursar.research.templates import TemplateStrategy, parse, shipped, template
from bursar.research.templates.books import books
from bursar.trading.strategy import Holdings, fields_read, meant_over_earnings
from bursar.trading.view import MarketView, known_facts
from tests.builders import DAY, OPEN, quote
from tests.real_prices import calendar, stock_facts
from tests.research.markets import CASH, counted, holding, market, sample_market, view, walk

FREE = Shape(weight_max=1.0, sector_max=1.0, headroom=0.0, invested_max=1.0, volatility_max=None, band=0.0)


def strategy(name: str, shape: Shape = FREE) -> TemplateStrategy:
    return TemplateStrategy(template=template(name), shape=shape)


def weights(
    made: TemplateStrategy, seen: MarketView, views: tuple[View, ...] = (), held: Holdings = CASH
) -> dict[str, float]:
    return {target.symbol: target.weight for target in made.decide(seen, views, held).targets}


def with_facts(seen: MarketView, **fields: Mapping[str, FloatArray]) -> MarketView:
    """``seen`` with daily fields beside its closes."""
    symbols = seen.closes.symbols
    facts = {
        name: Panel(seen.closes.dates, symbols, np.column_stack([columns[symbol] for symbol in symbols]))
        for name, columns in fields.items()
    }
    return replace(seen, facts=facts)


# ---------------------------------------------------------------- momentum

RISERS = market({s: walk(drift=0.0004 * place, swing=0.01, seed=place) for place, s in enumerate("ABCDEFG")})


def test_momentum_holds_the_strongest_three_whose_confidence_reaches_seven_tenths() -> None:
    strength = dict(zip(RISERS.closes.symbols, features.momentum(RISERS.closes.values)[-1], strict=True))
    first = sorted(strength, key=lambda symbol: -strength[symbol])
    # Of seven, ranked by price alone, the first two have 6/6 and 5/6; the third has 4/6, which is below 0.7.
    assert set(weights(strategy("momentum"), RISERS)) == set(first[:2])
    # What is held stays among twice three, and needs no confidence for that.
    assert set(weights(strategy("momentum"), RISERS, held=holding(**{first[4]: 0.1}))) == {*first[:2], first[4]}


def test_volume_counts_where_there_is_any_and_its_absence_is_said() -> None:
    (first, *_) = strategy("momentum").decide(RISERS, (), CASH).targets
    assert "without volume_momentum, of which the source has nothing" in first.reason
    falling = {s: np.where(np.diff(RISERS.closes.column(s), prepend=100.0) > 0, 1.0, 9.0) for s in "ABCDEFG"}
    falling["E"] = np.where(np.diff(RISERS.closes.column("E"), prepend=100.0) > 0, 9.0, 1.0)
    seen = with_facts(RISERS, volume=falling)
    made = strategy("momentum").decide(seen, (), CASH)
    # By price alone E is third at 4/6; with the best volume it comes to (2 * 4/6 + 1) / 3 = 0.78.
    assert made.weight("E") > 0.0
    assert "as a part of the volume of 63 days is +" in next(t.reason for t in made.targets if t.symbol == "E")
    assert fields_read(strategy("momentum")) == {"volume"}


def test_a_position_is_so_large_that_two_deviations_over_the_horizon_cost_its_risk() -> None:
    for symbol, weight in weights(strategy("momentum"), RISERS).items():
        column = RISERS.closes.symbols.index(symbol)
        yearly = float(features.volatility(RISERS.closes.values, 63)[-1, column])
        assert weight * 2.0 * yearly * math.sqrt(21 / 252) == pytest.approx(0.02)


def test_a_symbol_with_a_gap_cannot_be_judged_and_is_held_as_it_is() -> None:
    closes = RISERS.closes.values.copy()
    closes[-30, 6] = closes[0, 6] = np.nan
    closes[-253, 6] = np.nan
    seen = replace(RISERS, closes=Panel(RISERS.closes.dates, RISERS.closes.symbols, closes))
    made = strategy("momentum").decide(seen, (), holding(G=0.07))
    assert made.weight("G") == 0.07
    assert next(t.reason for t in made.targets if t.symbol == "G") == "it cannot be judged today; held as it is"


# ---------------------------------------------------------------- mean reversion, trend, quality


def dip(days_ago: int = 0) -> FloatArray:
    """A steady rise that drops 2 % a day for four days, the last of them ``days_ago``, then stands still."""
    steps = 0.001 + 0.002 * np.where(np.arange(300) % 2, 1.0, -1.0)
    end = 300 - days_ago
    steps[end - 4 : end] = -0.02
    steps[end:] = 0.0005
    closes: FloatArray = 100.0 * np.exp(np.cumsum(steps))
    return closes


def test_a_dip_is_bought_without_any_view_and_given_up_after_ten_days() -> None:
    assert set(weights(strategy("mean_reversion"), market({"DIP": dip(), "CALM": walk(drift=0.001)}))) == {"DIP"}
    assert set(weights(strategy("mean_reversion"), market({"DIP": dip(9)}))) == {"DIP"}
    assert weights(strategy("mean_reversion"), market({"DIP": dip(14)})) == {}


def test_a_dip_says_when_it_was_to_be_bought() -> None:
    (made,) = strategy("mean_reversion").decide(market({"DIP": dip(7)}), (), CASH).targets
    assert "to be bought 3 days before it" in made.reason


def test_the_trend_holds_what_rises_the_calmer_the_larger_and_no_more_than_its_swing() -> None:
    seen = market(
        {
            "CALM": walk(drift=0.001, swing=0.005),
            "WILD": walk(drift=0.003, swing=0.02, seed=2),
            "DOWN": walk(drift=-0.001),
        }
    )
    made = weights(strategy("trend"), seen)
    assert set(made) == {"CALM", "WILD"}
    yearly = dict(zip(seen.closes.symbols, features.volatility(seen.closes.values, 63)[-1], strict=True))
    assert made["CALM"] / made["WILD"] == pytest.approx(yearly["WILD"] / yearly["CALM"])
    returns = np.diff(seen.closes.values[-64:], axis=0) / seen.closes.values[-64:-1]
    portfolio = returns[:, [0, 2]] @ np.array([made["CALM"], made["WILD"]])
    assert portfolio.std(ddof=1) * math.sqrt(252) <= 0.12 + 1e-9


def pooled(symbol: str, expected: float, confidence: float) -> PooledView:
    return PooledView(
        view_id=f"m/{symbol}",
        analyst="committee",
        symbol=symbol,
        horizon_days=63,
        expected_excess_return=expected,
        confidence=confidence,
        evidence=(Evidence(statement="a meeting", source="a test"),),
        known_at=OPEN,
        action=Action.BUY,
        weight=0.1,
    )


def test_quality_and_value_follow_the_committee_alone() -> None:
    seen = market({symbol: walk(seed=place) for place, symbol in enumerate("ABCD")})
    views = (pooled("A", 0.02, 0.6), pooled("B", 0.03, 0.52), pooled("C", -0.02, 0.7), view("D", 0.9, 0.99))
    made = strategy("quality_value").decide(seen, views, CASH)
    assert [target.symbol for target in made.targets] == ["A"]  # B is not sure enough, C falls, D is one analyst's
    assert made.targets[0].view_ids == ("m/A",)
    with pytest.raises(DataError, match="quality_value decides on views and there is none"):
        strategy("quality_value").decide(seen, (), CASH)


# ---------------------------------------------------------------- options


def option(symbol: str, right: OptionRight, strike: int, days: int) -> Instrument:
    expiry = DAY + timedelta(days=days)
    return Instrument(
        symbol=f"{symbol:<6}{expiry:%y%m%d}{right.value[0].upper()}{strike * 1000:08d}", kind=InstrumentKind.OPTION,
        multiplier=Decimal(100), underlying=symbol, expiry=expiry, strike=Decimal(strike), right=right,
    )  # fmt: skip


def listed(seen: MarketView, symbol: str, price: int, *, quoted: bool = True) -> MarketView:
    """``seen`` with calls and puts on ``symbol`` at three strikes and three expiries."""
    options = [
        option(symbol, right, price + away, days)
        for right in OptionRight for away in (-5, 0, 5) for days in (10, 60, 200)
    ]  # fmt: skip
    quotes = {symbol: quote(symbol, str(price))} | {each.symbol: quote(each.symbol, "4.90", "5.10") for each in options}
    return replace(
        seen,
        instruments={**seen.instruments, **{each.symbol: each for each in options}},
        quotes=quotes if quoted else {},
    )


UP = market({"UP": walk(drift=0.002, swing=0.005), "DOWN": walk(drift=-0.002, swing=0.005, seed=3)})


def test_a_call_is_bought_on_what_rises_and_a_put_on_what_falls_for_their_risk() -> None:
    (bought,) = strategy("long_call").decide(listed(UP, "UP", 180), (), CASH).targets
    assert bought.symbol == option("UP", OptionRight.CALL, 180, 60).symbol
    assert bought.weight == pytest.approx(0.01)
    assert bought.reason.startswith("a call at 180 until 2022-03-04, for 5.00 a share: place 1 of 2")
    (put,) = strategy("long_put").decide(listed(UP, "DOWN", 60), (), CASH).targets
    assert put.symbol == option("DOWN", OptionRight.PUT, 60, 60).symbol


def test_an_option_that_is_held_and_has_time_left_stays() -> None:
    kept = option("UP", OptionRight.CALL, 175, 60)
    (made,) = strategy("long_call").decide(listed(UP, "UP", 180), (), holding(**{kept.symbol: 0.01})).targets
    assert made.symbol == kept.symbol


def test_without_options_or_without_their_quotes_it_abstains_and_says_why() -> None:
    with pytest.raises(DataError, match="long_call abstains: the source has no option_quotes"):
        strategy("long_call").decide(UP, (), CASH)
    with pytest.raises(DataError, match="no option of 40 to 100 days with a two-sided quote on UP"):
        strategy("long_call").decide(listed(UP, "UP", 180, quoted=False), (), CASH)


def cheap_options(symbol: str = "UP") -> MarketView:
    rank = np.linspace(0.6, 0.2, 300)
    soon, far = np.linspace(310, 12, 300), np.linspace(400, 100, 300)
    return with_facts(
        listed(UP, symbol, 180),
        implied_volatility={"UP": rank, "DOWN": rank[::-1]},
        days_to_report={"UP": soon, "DOWN": far},
    )


def test_a_straddle_is_bought_where_options_are_cheap_before_a_report() -> None:
    made = strategy("volatility_expansion").decide(cheap_options(), (), CASH)
    assert {target.symbol for target in made.targets} == {option("UP", right, 180, 60).symbol for right in OptionRight}
    assert [target.weight for target in made.targets] == pytest.approx([0.015, 0.015])


def test_volatility_expansion_needs_implied_volatility_and_the_day_of_the_report() -> None:
    with pytest.raises(DataError, match="the source has no days_to_report and no implied_volatility"):
        strategy("volatility_expansion").decide(listed(UP, "UP", 180), (), CASH)


# ---------------------------------------------------------------- pairs and books


def together(seed: int = 4, apart: float = 0.0) -> dict[str, FloatArray]:
    """Two that move together, the second of them ``apart`` at the end, and one that has nothing to do with them."""
    chance = np.random.default_rng(seed)
    common = np.cumsum(chance.normal(0.0, 0.01, 300))
    distance = np.zeros(300)
    for day in range(1, 300):
        distance[day] = 0.7 * distance[day - 1] + chance.normal(0.0, 0.005)
    distance[-3:] += apart
    return {"X": 100 * np.exp(common), "Y": 50 * np.exp(common + distance), "Z": walk(seed=seed + 50)}


SAME = {"X": "tech", "Y": "tech", "Z": "tech"}


def test_the_cheap_one_of_a_pair_that_moves_together_is_bought() -> None:
    made = strategy("pairs").decide(market(together(apart=-0.015), sectors=SAME), (), CASH)
    assert [target.symbol for target in made.targets] == ["Y"]
    assert "deviations below what X says of it" in made.targets[0].reason
    assert made.targets[0].reason.endswith("one of 3 tested")
    assert set(weights(strategy("pairs"), market(together(apart=0.03), sectors=SAME))) == {"X"}


def test_a_pair_that_is_together_or_of_two_sectors_or_too_far_apart_is_left_alone() -> None:
    assert weights(strategy("pairs"), market(together(), sectors=SAME)) == {}
    assert weights(strategy("pairs"), market(together(apart=-0.015))) == {}
    assert weights(strategy("pairs"), market(together(apart=-0.20), sectors=SAME)) == {}


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ("ONE", "one of the two is a copy of the other"),
        ("STILL", "one of the two does not move"),
        ("TO_AND_FRO", "goes to and fro alone"),
    ],
)
def test_a_pair_that_cannot_be_told_apart_is_named_and_the_others_are_traded(other: str, reason: str) -> None:
    steps = np.repeat([1.0, 1.01], [174, 126])  # the last 252 closes are halves of the one and of the other
    columns = {
        "ONE": np.tile([50.0, 51.0], 150) if other == "TO_AND_FRO" else 100 * steps,
        "TWO": np.full(300, 50.0) if other == "STILL" else 50 * steps,
    }
    sectors = {"ONE": "oil", "TWO": "oil"} | SAME
    made = strategy("pairs").decide(market(columns | together(apart=-0.015), sectors=sectors), (), CASH)
    assert [target.symbol for target in made.targets] == ["Y"]
    said = {bound.symbol: bound.says for bound in made.bounds}
    for symbol in ("ONE", "TWO"):
        assert said[symbol].startswith("ONE and TWO are not tradable as a pair: ")
        assert reason in said[symbol]


def test_five_books_are_five_portfolios_and_their_mean() -> None:
    (session,) = calendar().sessions(date(2022, 1, 3), date(2022, 1, 3))
    seen = sample_market(session)
    made = books(seen.closes.values)
    assert list(made) == ["equal weight", "inverse volatility", "least variance", "best Sharpe ratio", "strongest five"]
    for name, weight in made.items():
        assert weight.sum() == pytest.approx(1.0), name
        assert weight.min() >= -1e-9, name
    assert made["least variance"].max() <= 0.10 + 1e-6
    assert (made["strongest five"] > 0).sum() == 5
    assert len({tuple(np.round(weight, 6)) for weight in made.values()}) == 5
    found = weights(TemplateStrategy(template=template("five_books")), seen)
    assert sum(found.values()) <= 0.98 + 1e-9


def test_where_nothing_rose_the_best_sharpe_ratio_is_cash() -> None:
    falling = np.column_stack([walk(drift=-0.002, seed=seed) for seed in range(4)])
    assert books(falling)["best Sharpe ratio"].sum() == 0.0


# ---------------------------------------------------------------- all of them

SESSIONS = calendar().sessions(date(2005, 1, 3), date(2022, 12, 28))
ON_CLOSES = [name for name, each in shipped().items() if each.needs <= {"close", "views"} and name != "quality_value"]


def views_on(seen: MarketView) -> tuple[View, ...]:
    return tuple(o for o in TechnicalAnalyst().form(seen, counted()) if isinstance(o, View))


@pytest.mark.parametrize("name", ON_CLOSES)
@settings(max_examples=6)
@given(day=st.integers(0, len(SESSIONS) - 1))
def test_the_future_corrupted_changes_no_decision_before(name: str, day: int) -> None:
    session, facts = SESSIONS[day], stock_facts()
    future = facts.panel.dates >= np.datetime64(session.day)
    values = facts.panel.values.copy()
    values[future] = np.random.default_rng(day).choice([np.nan, 1e-6, 1e6], size=values[future].shape)
    corrupted = MemoryHistory({"close": Facts(Panel(facts.panel.dates, facts.panel.symbols, values), facts.known_at)})
    true, false = sample_market(session), sample_market(session, history=corrupted)
    made, held = TemplateStrategy(template=template(name)), holding(AAPL=0.15, XOM=0.1)
    assert made.decide(true, views_on(true), held) == made.decide(false, views_on(false), held)


@pytest.mark.parametrize("name", ON_CLOSES)
@settings(max_examples=6)
@given(day=st.integers(0, len(SESSIONS) - 1), seed=st.integers(0, 99))
def test_on_any_day_the_targets_keep_the_limits_and_their_number(name: str, day: int, seed: int) -> None:
    seen = sample_market(SESSIONS[day])
    chance = np.random.default_rng(seed)
    owned = chance.dirichlet(np.ones(4)) * chance.random()
    held = holding(**dict(zip(chance.permutation(seen.closes.symbols)[:4].tolist(), owned.tolist(), strict=True)))
    made = TemplateStrategy(template=template(name)).decide(seen, views_on(seen), held)
    assert len(made.targets) <= max(template(name).size.positions, 4)
    assert sum(target.weight for target in made.targets) <= 1.0
    for target in made.targets:
        assert type(target.weight) is float
        assert 0.0 < target.weight <= 0.20 or target.weight == held.weights[target.symbol]
        assert target.reason


@pytest.mark.parametrize("name", [name for name in ON_CLOSES if template(name).form.value in ("select", "books")])
def test_too_little_history_is_no_decision(name: str) -> None:
    with pytest.raises(DataError, match=r"needs \d+ daily closes and has 50; nothing is decided"):
        TemplateStrategy(template=template(name)).decide(market({"A": walk(50)}), (view("A"),), CASH)


def test_a_blend_reads_what_its_parts_read() -> None:
    made = Blend(parts=((strategy("momentum"), 0.5), (strategy("trend"), 0.5)))
    assert fields_read(made) == {"volume"}


def test_a_blend_means_to_hold_over_earnings_as_its_parts_do_and_as_a_whole_where_all_of_them_do() -> None:
    bold, meek = strategy("volatility_expansion"), strategy("trend")
    assert bold.over_earnings == {"volatility_expansion"}
    assert not meek.over_earnings
    mixed = Blend(parts=((bold, 0.5), (meek, 0.5)))
    assert meant_over_earnings(mixed) == {"volatility_expansion"}
    assert meant_over_earnings(Blend(parts=((bold, 1.0),))) == {"volatility_expansion", "blend"}
    namesake = TemplateStrategy(template=replace(bold.template, name="blend"))
    assert meant_over_earnings(Blend(parts=((namesake, 0.5), (meek, 0.5)))) == frozenset()


def test_what_a_source_lacks_is_left_out_of_what_is_known() -> None:
    (session,) = calendar().sessions(date(2022, 1, 3), date(2022, 1, 3))
    history = MemoryHistory({"close": stock_facts()}, frozenset({"volume"}))
    found = known_facts(history, ["AAPL"], ["volume", "close", "days_to_report"], session.open, 5)
    assert list(found) == ["close"]


def test_one_symbol_alone_has_half_a_rank() -> None:
    text = """
    name = "alone"
    kind = "k"
    about = "a"
    source = "s"
    confidence_min = 0.6
    signals.rise = { reads = "momentum", strength = "rank" }
    rank = { by = "confidence" }
    size = { by = "equal", positions = 1 }
    """
    assert weights(TemplateStrategy(template=parse(text), shape=FREE), market({"A": walk(drift=0.01)})) == {}
