"""What a decision passed over is told with the figure that was missing, when it decides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bursar.domain.targets import Bound, Targets, Unit
from bursar.ports import Panel
from bursar.research.strategies.blend import Blend
from bursar.research.strategies.shape import Shape
from bursar.research.templates import TemplateStrategy, template
from bursar.trading.view import MarketView
from tests.research.markets import CASH, holding, market, view, walk
from tests.research.templates.test_strategy import FREE, RISERS, dip, strategy


def bounds(made: Targets, symbol: str) -> list[Bound]:
    return [bound for bound in made.bounds if bound.symbol == symbol]


def only(made: Targets, symbol: str) -> Bound:
    (bound,) = bounds(made, symbol)
    return bound


def test_every_condition_that_was_not_met_is_told_with_its_figure() -> None:
    seen = replace(RISERS, closes=Panel(RISERS.closes.dates, RISERS.closes.symbols, RISERS.closes.values[::-1].copy()))
    made = strategy("momentum").decide(seen, (), CASH)
    # Turned round, what rose most fell most: G lacks a rise, and is last of seven by strength.
    risen, sure = bounds(made, "G")
    assert (risen.step, risen.limit, risen.unit) == ("price_momentum", 0.0, Unit.FRACTION)
    assert risen.measured is not None
    assert risen.measured < 0.0
    assert risen.says == f"price_momentum is {risen.measured:.1%}; above 0.0% is asked"
    assert (sure.step, sure.limit) == ("confidence", 0.7)
    assert "confidence is" in sure.says


def test_what_is_held_is_not_asked_what_only_an_opening_is() -> None:
    first = strategy("momentum").decide(RISERS, (), CASH)
    third = next(bound.symbol for bound in first.bounds if bound.measured == pytest.approx(4 / 6))
    assert only(first, third).says == "confidence is 0.67; at least 0.70 is asked"
    assert bounds(strategy("momentum").decide(RISERS, (), holding(**{third: 0.1})), third) == []


def test_one_without_a_place_is_held_against_the_last_that_has_one() -> None:
    few = replace(template("momentum"), confidence_min=0.0, size=replace(template("momentum").size, positions=2))
    made = TemplateStrategy(template=few, shape=FREE).decide(RISERS, (), CASH)
    placed = [target.symbol for target in made.targets]
    told = next(bound for bound in made.bounds if bound.step == "rank")
    assert told.symbol not in placed
    assert told.before > told.after == 0.0
    # Seven ranked: the second has 5/6, and the third 4/6.
    assert told.measured == pytest.approx(4 / 6)
    assert told.limit == pytest.approx(5 / 6)
    assert told.says.startswith("confidence is 0.67; ")
    assert told.says.endswith("has the last of 2 places with 0.83")


def test_where_it_looks_back_the_nearest_close_speaks() -> None:
    seen = market({"DIP": dip(4), "NEVER": walk(drift=0.002, seed=3)})
    made = strategy("mean_reversion").decide(seen, (), CASH)
    told = bounds(made, "NEVER")
    assert told
    assert {bound.step for bound in told} <= {"oversold_rsi", "bollinger_lower", "long_average", "confidence"}
    assert all(bound.says.endswith("the last close") for bound in told)


def recovered(rise: float) -> MarketView:
    """A dip of six days ago, and then a rise that ends the position."""
    closes = dip(6)
    closes[-5:] = closes[-6] * np.cumprod(np.full(5, 1.0 + rise))
    return market({"DIP": closes})


def test_what_was_sold_says_at_which_figure_it_ended() -> None:
    told = only(strategy("mean_reversion").decide(recovered(0.015), (), CASH), "DIP")
    assert (told.step, told.limit) == ("leave", 55.0)
    assert told.measured is not None
    assert told.measured >= 55.0
    assert told.says.endswith("at least 55 ends a position")
    # Fallen again since, so that today alone would not end it.
    closes = recovered(0.015).closes.column("DIP").copy()
    closes[-1] = closes[-2] * 0.97
    told = only(strategy("mean_reversion").decide(market({"DIP": closes}), (), CASH), "DIP")
    assert (told.step, told.measured) == ("leave", None)
    assert "met since what ends a position" in told.says


def test_a_figure_that_cannot_be_told_says_so() -> None:
    closes = RISERS.closes.values.copy()
    closes[-253, 6] = np.nan
    seen = replace(RISERS, closes=Panel(RISERS.closes.dates, RISERS.closes.symbols, closes))
    told = only(strategy("momentum").decide(seen, (), CASH), "G")
    assert (told.step, told.measured, told.says) == ("unknown", None, "price_momentum cannot be told of it")


def test_views_are_asked_of_today() -> None:
    views = tuple(view(symbol, expected=0.01 if symbol == "G" else -0.01) for symbol in "ABCDEFG")
    made = strategy("confirmed_momentum").decide(RISERS, views, CASH)
    assert {bound.step for bound in bounds(made, "F")} >= {"views"}
    dips = strategy("confirmed_dips").decide(market({"DIP": dip()}), (view("DIP", -0.01, 0.9),), CASH)
    assert [(b.step, b.measured, b.limit) for b in bounds(dips, "DIP")] == [("warning", 0.9, 0.65)]


def test_what_does_not_move_has_no_size() -> None:
    still = np.full(300, 100.0)
    made = TemplateStrategy(template=replace(template("momentum"), enter=(), confidence_min=0.0), shape=FREE).decide(
        market({"A": walk(seed=2), "STILL": still}), (), CASH
    )
    assert only(made, "STILL").step == "size"


def test_pairs_tell_how_far_the_nearest_one_came() -> None:
    chance = np.random.default_rng(5)
    base = walk(300, seed=5)
    near = base * np.exp(chance.normal(0.0, 0.01, 300))
    seen = market(
        {
            "ONE": base,
            "TWO": near,
            "AWAY": walk(300, seed=9),
            "STILL": np.full(300, 100.0),
            "DOWN": 1e4 / near * (near / base) ** 3,
        },
        sectors=dict.fromkeys(("ONE", "TWO", "AWAY", "STILL", "DOWN"), "tech"),
    )
    made = strategy("pairs").decide(seen, (), CASH)
    told = only(made, "ONE")
    assert (told.step, told.limit) == ("apart", 2.0)
    assert "ONE and TWO are" in told.says
    assert only(made, "AWAY").step == "together"
    assert only(made, "STILL").step == "alike"


def test_the_dear_one_of_a_pair_and_one_that_comes_back_too_slowly_are_told() -> None:
    chance = np.random.default_rng(5)
    base = walk(300, seed=5)
    near = base * np.exp(chance.normal(0.0, 0.01, 300))
    near[-3:] = base[-3:] * 0.965
    seen = market({"ONE": base, "TWO": near}, sectors={"ONE": "tech", "TWO": "tech"})
    made = strategy("pairs").decide(seen, (), CASH)
    assert [target.symbol for target in made.targets] == ["TWO"]
    assert only(made, "ONE").says == "it is the dear one beside TWO, and only the cheap one is bought"
    terms = template("pairs").pairs
    assert terms is not None
    hasty = replace(template("pairs"), pairs=replace(terms, half_life_max=1.0))
    slow = chance.normal(0.0, 0.01, 300)
    for day in range(1, 300):
        slow[day] += 0.8 * slow[day - 1]
    seen = market({"ONE": base, "TWO": base * np.exp(slow)}, sectors={"ONE": "tech", "TWO": "tech"})
    told = only(TemplateStrategy(template=hasty, shape=FREE).decide(seen, (), CASH), "ONE")
    assert (told.step, told.limit) == ("half_life", 1.0)


def test_a_blend_says_of_which_part_it_speaks() -> None:
    made = Blend(parts=((strategy("momentum"), 0.6), (strategy("trend"), 0.4)), shape=FREE).decide(RISERS, (), CASH)
    told = next(bound for bound in made.bounds if bound.step == "confidence")
    assert told.says.startswith("momentum: confidence is ")


def test_the_limits_of_a_portfolio_say_which_of_them_cut() -> None:
    shape = Shape(
        weight_max=0.2, sector_max=0.3, headroom=0.0, invested_max=0.5, volatility_max=0.01, band=0.02, weight_min=0.05
    )
    tech = dict.fromkeys("ABC", "tech")
    seen = market({symbol: walk(seed=place) for place, symbol in enumerate("ABCDEF")}, sectors=tech)
    every = template("equal_weight")
    wishes = TemplateStrategy(template=every).wishes(seen, (), CASH)
    large = [replace(wish, weight=0.25) for wish in wishes]
    made = shape.targets("test", large, seen, CASH)
    steps = {symbol: [bound.step for bound in bounds(made, symbol)] for symbol in "ABCDEF"}
    # 20 % of A, 10 % of B fill the sector; D has 20 %, and then nothing is left of the half.
    assert steps == {
        "A": ["position", "calm"],
        "B": ["sector", "calm"],
        "C": ["sector", "smallest"],
        "D": ["position", "calm"],
        "E": ["invested", "smallest"],
        "F": ["invested", "smallest"],
    }
    cut = bounds(made, "B")[0]
    assert cut.before == 0.25
    assert cut.after == pytest.approx(0.1)
    assert "10.0% are left of tech" in cut.says
    calm = bounds(made, "A")[1]
    assert calm.limit == 0.01
    assert calm.after == pytest.approx(made.weight("A"))


def test_what_is_nearly_right_and_what_is_put_off_say_so() -> None:
    seen = market({symbol: walk(seed=place) for place, symbol in enumerate("ABC")})
    shape = replace(FREE, band=0.05, purchases_max=1)
    wishes = TemplateStrategy(template=template("equal_weight"), shape=FREE).wishes(seen, (), CASH)
    made = shape.targets("test", wishes, seen, holding(A=0.3))
    near = only(made, "A")
    assert (near.step, near.limit, near.after) == ("near", 0.05, 0.3)
    put_off = only(made, "C")
    assert (put_off.step, put_off.measured, put_off.limit) == ("pace", 2.0, 1.0)
    assert made.weight("C") == 0.0
