"""Momentum and dips that analysts confirm, equal weight, and a blend: what each wants, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.adapters.history import Facts, MemoryHistory
from bursar.domain.targets import Targets
from bursar.domain.views import View
from bursar.errors import DataError, InputError
from bursar.ports import Panel
from bursar.quant.arrays import FloatArray
from bursar.research import features
from bursar.research.analysts.technical import TechnicalAnalyst
from bursar.research.strategies import opinions
from bursar.research.strategies.blend import Blend
from bursar.research.strategies.crossover import Crossover
from bursar.research.strategies.shape import Shape
from bursar.research.templates import TemplateStrategy, template, varied
from bursar.trading.strategy import Holdings, Strategy
from bursar.trading.view import MarketView
from tests.builders import quote
from tests.real_prices import calendar, stock_facts
from tests.research.markets import CASH, counted, holding, market, sample_market, view, walk

PLAIN = Shape(headroom=0.0, invested_max=1.0, volatility_max=None, band=0.0)
MOMENTUM, DIPS, EQUAL = (
    TemplateStrategy(template=template(name)) for name in ("confirmed_momentum", "confirmed_dips", "equal_weight")
)
BLEND = Blend(parts=((MOMENTUM, 0.6), (DIPS, 0.4)))
STRATEGIES: dict[str, Strategy] = {each.name: each for each in (MOMENTUM, DIPS, EQUAL, BLEND)}


def weights(targets: Targets) -> dict[str, float]:
    return {target.symbol: target.weight for target in targets.targets}


# ---------------------------------------------------------------- what views say together


def test_views_of_one_symbol_are_pooled() -> None:
    pooled = opinions([view("KO", 0.03, 0.6, "a"), view("XOM", 0.01, 0.7, "a"), view("KO", -0.01, 0.8, "b")])
    # KO: the mean is +1 %; the second view is against it, so it counts 1 - 0.8: (0.6 + 0.2) / 2.
    assert pooled["KO"].expected_excess_return == pytest.approx(0.01)
    assert pooled["KO"].confidence == pytest.approx(0.4)
    assert pooled["KO"].view_ids == ("v-a-KO", "v-b-KO")
    assert pooled["XOM"].confidence == 0.7
    assert list(pooled) == ["KO", "XOM"]


# ---------------------------------------------------------------- momentum


def rising(days: int = 300, **drifts: float) -> MarketView:
    """Symbols that rise by so much a day, without any noise but a ripple."""
    ripple = 1.0 + 0.001 * np.sin(np.arange(days))
    return market({symbol: 100.0 * np.exp(drift * np.arange(days)) * ripple for symbol, drift in drifts.items()})


SEEN = rising(A=0.001, B=0.003, C=0.002, D=-0.001, E=0.0005)
ALL = [view(symbol) for symbol in "ABCDE"]


def momentum(positions: int = 2) -> TemplateStrategy:
    return TemplateStrategy(template=varied(template("confirmed_momentum"), positions=positions), shape=PLAIN)


def test_the_strongest_are_held_in_equal_parts() -> None:
    targets = momentum().decide(SEEN, ALL, CASH)
    assert weights(targets) == {"B": 0.20, "C": 0.20}
    assert targets.strategy == "confirmed_momentum"


def test_a_target_names_its_reason_and_its_views() -> None:
    (b, _) = momentum().decide(SEEN, ALL, CASH).targets
    strength = features.momentum(SEEN.closes.values)[-1, 1]
    assert b.reason == (
        f"place 1 of 5: the return of 252 days without the last 21 is {strength:+.1%}; what views together expect "
        "above cash is +1.00%; the confidence of views together is 0.60"
    )
    assert (b.view_ids, b.strategy) == (("v-technical-B",), "confirmed_momentum")


def test_a_symbol_that_fell_is_not_held_however_few_there_are() -> None:
    assert "D" not in weights(momentum(positions=5).decide(SEEN, ALL, CASH))


def test_a_symbol_that_the_analysts_dislike_is_not_held() -> None:
    views = [view("B", -0.01), *[view(symbol) for symbol in "ACDE"]]
    assert weights(momentum().decide(SEEN, views, CASH)) == {"A": 0.20, "C": 0.20}


def test_a_view_that_nobody_believes_opens_no_position_but_closes_none() -> None:
    views = [view("B", confidence=0.54), *[view(symbol, confidence=0.55) for symbol in "ACDE"]]
    assert weights(momentum().decide(SEEN, views, CASH)) == {"A": 0.20, "C": 0.20}
    assert weights(momentum().decide(SEEN, views, holding(B=0.20))) == {"B": 0.20, "C": 0.20}


def test_a_position_stays_while_it_is_among_twice_as_many() -> None:
    # The order is B C A E. With two positions, A (third) stays when it is held; with one, it does not.
    assert weights(momentum(2).decide(SEEN, ALL, holding(A=0.20))) == {"A": 0.20, "B": 0.20}
    assert weights(momentum(1).decide(SEEN, ALL, holding(A=0.20))) == {"B": 0.20}


def test_equal_strength_is_decided_by_the_alphabet() -> None:
    seen = rising(Z=0.001, M=0.001, B=0.001)
    assert list(weights(momentum().decide(seen, [view(symbol) for symbol in "ZMB"], CASH))) == ["B", "M"]


def test_nothing_that_qualifies_means_cash() -> None:
    targets = momentum().decide(SEEN, [view(symbol, -0.01) for symbol in "ABCDE"], holding(B=0.2))
    assert targets.targets == ()
    # And each says what it lacked.
    assert {bound.symbol for bound in targets.bounds if bound.step == "views"} == set("ABCDE")


def test_what_nobody_could_judge_today_is_held_as_it_is_and_never_bought() -> None:
    views = [view(symbol) for symbol in "ACDE"]  # nobody has a view of B
    assert weights(momentum().decide(SEEN, views, CASH)) == {"A": 0.20, "C": 0.20}
    targets = momentum().decide(SEEN, views, holding(B=0.13))
    assert weights(targets) == {"B": 0.13, "C": 0.20}
    assert targets.targets[0].reason == "it cannot be judged today; held as it is"


def test_a_gap_in_the_closes_is_no_momentum() -> None:
    closes = SEEN.closes.values.copy()
    closes[-253, 1] = np.nan  # B, a year ago
    seen = replace(SEEN, closes=Panel(SEEN.closes.dates, SEEN.closes.symbols, closes))
    assert weights(momentum().decide(seen, ALL, CASH)) == {"A": 0.20, "C": 0.20}


def test_a_view_of_something_that_is_not_traded_is_ignored() -> None:
    assert weights(momentum().decide(SEEN, [*ALL, view("TSLA")], CASH)) == {"B": 0.20, "C": 0.20}


# ---------------------------------------------------------------- mean reversion


def dip(days_ago: int = 0, recovered: float = 0.0, *, drift: float = 0.001) -> FloatArray:
    """A steady rise that drops 2 % a day for four days, the last of them ``days_ago``, then gains a bit each day."""
    steps = np.full(300, drift) + 0.002 * np.where(np.arange(300) % 2, 1.0, -1.0)
    end = 300 - days_ago
    steps[end - 4 : end] = -0.02
    steps[end:] = recovered
    closes: FloatArray = 100.0 * np.exp(np.cumsum(steps))
    return closes


def reversion(**changes: Any) -> TemplateStrategy:
    return TemplateStrategy(template=varied(template("confirmed_dips"), **changes), shape=PLAIN)


def decided(
    columns: dict[str, FloatArray], strategy: TemplateStrategy | None = None, **views: View
) -> dict[str, float]:
    beliefs = [views.get(symbol, view(symbol)) for symbol in columns]
    return weights((strategy or reversion()).decide(market(columns), beliefs, CASH))


def test_a_dip_in_a_rising_market_is_bought() -> None:
    assert decided({"DIP": dip(), "CALM": walk(swing=0.001, drift=0.001)}) == {"DIP": 0.20}


@pytest.mark.parametrize(
    ("days_ago", "when"),
    [(0, "at the last close"), (1, "1 day before it"), (2, "2 days before it")],
)
def test_a_dip_target_says_when_and_what_sells(days_ago: int, when: str) -> None:
    strategy = reversion(enter={"band": -0.1})
    (target,) = strategy.decide(market({"A": dip(days_ago, 0.012)}), [view("A")], CASH).targets
    assert target.reason.startswith(f"place 1 of 1, to be bought {when}: the 14-day RSI is ")


def test_a_fall_below_the_long_average_is_no_dip() -> None:
    assert decided({"FALL": dip(drift=-0.001)}) == {}


def test_a_dip_is_held_until_its_rsi_has_recovered() -> None:
    slow, fast = dip(5, 0.002), dip(5, 0.03)
    assert features.rsi(slow.reshape(-1, 1))[-1, 0] < 55 < features.rsi(fast.reshape(-1, 1))[-1, 0]
    assert decided({"FAST": fast, "SLOW": slow}) == {"SLOW": 0.20}


def test_a_dip_that_does_not_recover_is_given_up_after_some_days() -> None:
    strategy = reversion(enter={"band": -0.1}, leave={"rsi": 60})
    assert decided({"A": dip(9, 0.005)}, strategy) == {"A": 0.20}
    assert decided({"A": dip(10, 0.005)}, strategy) == {}


def test_the_most_oversold_come_first() -> None:
    deep = dip()
    deep[-1] *= 0.97
    assert decided({"A": dip(), "B": deep}, reversion(positions=1)) == {"B": 0.20}


def test_a_believed_warning_forbids_the_purchase() -> None:
    assert decided({"A": dip()}, A=view("A", -0.01, 0.65)) == {}
    assert decided({"A": dip()}, A=view("A", -0.01, 0.64)) == {"A": 0.20}
    assert decided({"A": dip()}, A=view("A", +0.01, 0.90)) == {"A": 0.20}


def test_a_dip_without_a_view_is_not_bought_and_a_position_without_one_is_kept() -> None:
    seen = market({"A": dip(), "B": dip()})
    assert weights(reversion().decide(seen, [view("B")], CASH)) == {"B": 0.20}
    assert weights(reversion().decide(seen, [view("B")], holding(A=0.07))) == {"A": 0.07, "B": 0.20}


# ---------------------------------------------------------------- equal weight


def test_equal_weight_holds_everything_that_has_a_price() -> None:
    gone = walk()
    gone[-1] = np.nan
    seen = market({symbol: walk() for symbol in "ABCDEFGHIJ"} | {"GONE": gone}, unpriced=("NEW",))
    targets = EQUAL.decide(seen, (), CASH)
    assert weights(targets) == pytest.approx(dict.fromkeys("ABCDEFGHIJ", 0.098))
    assert targets.targets[0].reason == "one of 10 equal parts"


def test_equal_weight_builds_up_within_the_purchases_of_a_day() -> None:
    (session,) = calendar().sessions(date(2022, 1, 3), date(2022, 1, 3))
    seen = sample_market(session)
    first = weights(EQUAL.decide(seen, (), CASH))
    second = weights(EQUAL.decide(seen, (), holding(**first)))
    assert (len(first), len(second)) == (10, 20)
    assert second == pytest.approx(dict.fromkeys(second, 0.049))


def test_equal_weight_keeps_a_position_whose_price_is_missing() -> None:
    gone = walk()
    gone[-1] = np.nan
    targets = EQUAL.decide(market({"A": walk(), "GONE": gone}), (), holding(GONE=0.1))
    assert weights(targets)["GONE"] == 0.1


def test_equal_weight_of_nothing_is_no_decision() -> None:
    with pytest.raises(DataError, match="finds no close of any symbol"):
        EQUAL.decide(market({"A": np.full(3, np.nan)}), (), CASH)


# ---------------------------------------------------------------- blend


def blend(**settings: Any) -> Blend:
    return Blend(parts=((momentum(5), 0.6), (reversion(), 0.4)), shape=PLAIN, **settings)


def test_a_blend_gives_each_part_its_fraction() -> None:
    seen = market({"DIP": dip(drift=0.0003), "UP": walk(drift=0.002, swing=0.001)})
    assert features.momentum(seen.closes.values)[-1].min() > 0
    targets = blend().decide(seen, [view("DIP"), view("UP")], CASH)
    # UP: 60 % of 20 %. DIP: wanted by both, 60 % and 40 % of 20 %.
    assert weights(targets) == pytest.approx({"DIP": 0.20, "UP": 0.12})
    both, up = targets.targets
    assert (both.strategy, up.strategy) == ("confirmed_momentum+confirmed_dips", "confirmed_momentum")
    assert both.view_ids == ("v-technical-DIP",)
    assert both.reason.startswith("confirmed_momentum: place ")
    assert "; confirmed_dips: place 1 of 2, to be bought 3 days before it" in both.reason


def test_a_position_that_no_part_can_judge_stays_whole() -> None:
    seen = market({"A": walk(drift=0.001), "B": walk(seed=2)})
    assert weights(blend().decide(seen, [view("A")], holding(B=0.1)))["B"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((), "is made of nothing"),
        (((MOMENTUM, 0.6),), "is made of confirmed_momentum 60%; give parts above 0 % that add up to 100 %"),
        (((MOMENTUM, 1.5), (DIPS, -0.5)), "confirmed_momentum 150%, confirmed_dips -50%"),
        (((MOMENTUM, 0.5), (MOMENTUM, 0.5)), "give each part a name of its own"),
    ],
)
def test_parts_that_make_no_whole_are_refused(parts: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Blend(parts=parts)


# ---------------------------------------------------------------- what is missing, what makes no sense


@pytest.mark.parametrize("strategy", [momentum(), reversion(), blend()], ids=lambda each: each.name)
def test_without_any_view_nothing_is_decided(strategy: Strategy) -> None:
    with pytest.raises(DataError, match="decides on views and there is none; nothing is decided"):
        strategy.decide(SEEN, (), holding(B=0.2))


@pytest.mark.parametrize(
    ("strategy", "needed"),
    [(momentum(), 253), (reversion(), 209), (blend(), 253)],
    ids=["momentum", "reversion", "blend"],
)
def test_too_little_history_is_no_decision(strategy: Strategy, needed: int) -> None:
    with pytest.raises(DataError, match=f"needs {needed} daily closes and has 150"):
        strategy.decide(market({"A": walk(150)}), [view("A")], CASH)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": 0}, "0 positions; give 1 to 1000"),
        ({"confidence_min": 1.1}, "confidence_min is 1.1; give 0 to 1"),
        ({"enter": {"rsi": float("nan")}}, "the condition on rsi is against nan"),
        ({"leave": {"band": 1.0}}, "no condition is called band. There are: rsi"),
    ],
)
def test_a_variant_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        varied(template("confirmed_dips"), **changes)


# ---------------------------------------------------------------- on the real closes

SESSIONS = calendar().sessions(date(2020, 1, 2), date(2022, 12, 28))


def views_on(seen: MarketView) -> Sequence[View]:
    return [opinion for opinion in TechnicalAnalyst().form(seen, counted()) if isinstance(opinion, View)]


@pytest.mark.no_cover
@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=50)
@given(day=st.integers(0, len(SESSIONS) - 1), seed=st.integers(0, 99))
def test_on_any_day_the_targets_keep_the_limits_of_the_gate(name: str, day: int, seed: int) -> None:
    seen = sample_market(SESSIONS[day])
    chance = np.random.default_rng(seed)
    owned = chance.dirichlet(np.ones(6)) * chance.random()
    held = holding(**dict(zip(chance.permutation(seen.closes.symbols)[:6].tolist(), owned.tolist(), strict=True)))
    views = views_on(seen)
    targets = STRATEGIES[name].decide(seen, views, held)
    sectors: dict[str, float] = defaultdict(float)
    for target in targets.targets:
        assert type(target.weight) is float
        assert 0.0 < target.weight <= 0.20 or target.weight == held.weights[target.symbol]
        sectors[seen.instruments[target.symbol].sector] += target.weight
        assert target.reason
    bought = {t.symbol for t in targets.targets if t.weight > held.weights.get(t.symbol, 0.0)}
    for symbol in bought:
        assert sectors[seen.instruments[symbol].sector] <= 0.30
    assert sum(weights(targets).values()) <= 1.0
    assert len(bought) <= 10
    assert STRATEGIES[name].decide(seen, views, held) == targets


@pytest.mark.no_cover
@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=30)
@given(day=st.integers(0, len(SESSIONS) - 1))
def test_the_future_corrupted_changes_no_decision_before(name: str, day: int) -> None:
    session, facts = SESSIONS[day], stock_facts()
    future = facts.panel.dates >= np.datetime64(session.day)
    values = facts.panel.values.copy()
    values[future] = np.random.default_rng(day).choice([np.nan, 1e-6, 1e6], size=values[future].shape)
    corrupted = MemoryHistory({"close": Facts(Panel(facts.panel.dates, facts.panel.symbols, values), facts.known_at)})
    true, false = sample_market(session), sample_market(session, history=corrupted)
    views = views_on(true)
    assert views_on(false) == views
    held = holding(AAPL=0.15, XOM=0.1)
    assert STRATEGIES[name].decide(true, views, held) == STRATEGIES[name].decide(false, views, held)


def test_a_quiet_portfolio_trades_little() -> None:
    """Twenty days of the momentum strategy, prices moving and weights with them: most days change little."""
    held: Holdings = CASH
    turnover = []
    closes = stock_facts().panel
    for session in SESSIONS[-21:-1]:
        seen = sample_market(session)
        wanted = weights(MOMENTUM.decide(seen, views_on(seen), held))
        before = held.weights
        changed = {s: wanted.get(s, 0.0) - before.get(s, 0.0) for s in wanted.keys() | before.keys()}
        turnover.append(sum(abs(change) for change in changed.values()) / 2)
        row = int(np.searchsorted(closes.dates, np.datetime64(session.day)))
        grown = {s: w * float(closes.column(s)[row + 1] / closes.column(s)[row]) for s, w in wanted.items()}
        total = 1.0 - sum(wanted.values()) + sum(grown.values())
        held = holding(**{symbol: weight / total for symbol, weight in grown.items()})
    assert turnover[0] > 0.2  # the first day buys
    assert sum(day == 0.0 for day in turnover) >= 10
    assert sum(turnover[1:]) < 0.5


# ---------------------------------------------------------------- crossover


def test_a_crossover_keeps_to_the_limits_of_its_shape_and_the_textbook_one_to_none() -> None:
    rising = {symbol: walk(30, drift=0.002, swing=0.001, seed=place) for place, symbol in enumerate("ABCD")}
    stage = market(rising, sectors={"A": "energy", "B": "energy", "C": "energy"})
    stage = replace(stage, quotes={name: quote(name, f"{each[-1]:.2f}", last=f"{each[-1]:.2f}") for name, each in
                                   rising.items()})  # fmt: skip
    shape = replace(PLAIN, weight_max=0.2, sector_max=0.3)
    assert weights(Crossover(fast=5, slow=20).decide(stage, (), CASH)) == dict.fromkeys("ABCD", 0.25)
    # No position above a fifth; three tenths of energy are A and half of B.
    kept = weights(Crossover(fast=5, slow=20, shape=shape).decide(stage, (), CASH))
    assert kept == pytest.approx({"A": 0.2, "B": 0.1, "D": 0.2})
