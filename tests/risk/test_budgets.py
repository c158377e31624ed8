"""Risk budgets: six rules by hand, trees that add up, and cures that cure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray
from bursar.risk import budgets, exposure
from bursar.risk.budgets import Budget, Facts, Level, Rule, Siblings

STRATEGIES = ["momentum", "momentum", "value", "value", "value"]
SECTORS = ["tech", "energy", "tech", "energy", "energy"]
SYMBOLS = ["A", "B", "C", "D", "E"]
HORIZONS = ["days", "months", "months", "days", "months"]


def one_level(labels: list[str], rule: Rule, **facts: Any) -> FloatArray:
    return budgets.allocate(1.0, [Level(dimension="symbol", labels=labels, rule=rule)], Facts(**facts)).limits[1:]


def random_covariance(seed: int, assets: int) -> FloatArray:
    factor = np.random.default_rng(seed).normal(0.02, 0.1, (assets, assets + 2))
    return factor @ factor.T


# The six rules


def test_equal_gives_the_same_to_each() -> None:
    assert one_level(SYMBOLS, budgets.equal) == pytest.approx([0.2] * 5)


def test_volatility_gives_more_to_the_calm() -> None:
    # 1/.1 : 1/.2 : 1/.4 = 4 : 2 : 1
    found = one_level(["A", "B", "C"], budgets.by_volatility, covariance=np.diag([0.01, 0.04, 0.16]))
    assert found == pytest.approx([4 / 7, 2 / 7, 1 / 7])


def test_the_volatility_of_a_group_is_that_of_what_it_holds() -> None:
    # half and half of two independent assets of 20 % is 14.1 %
    level = Level(dimension="strategy", labels=["a", "a", "b"], rule=budgets.by_volatility)
    found = budgets.allocate(1.0, [level], Facts(covariance=np.diag([0.04, 0.04, 0.04])))
    assert found.limit("a") / found.limit("b") == pytest.approx(math.sqrt(2))
    weighted = budgets.allocate(1.0, [level], Facts(covariance=np.diag([0.04, 0.04, 0.04]), weights=[1.0, 0.0, 1.0]))
    assert weighted.limit("a") == pytest.approx(weighted.limit("b"))


def test_confidence_divides_in_proportion() -> None:
    assert one_level(["A", "B"], budgets.by_confidence, confidence=[0.9, 0.6]) == pytest.approx([0.6, 0.4])
    assert one_level(["A", "B"], budgets.by_confidence, confidence=[0.0, 0.0]) == pytest.approx([0.5, 0.5])


def test_strategies_share_by_merit_within_their_capacity() -> None:
    # merit 3 : 2 : 1, the first holds .3 at most; .7 goes 2 : 1
    facts = {"performance": [1.5, 1.0, 0.5], "capacity": [0.3, 1.0, 1.0]}
    found = one_level(["A", "B", "C"], budgets.by_strategy, **facts)
    assert found == pytest.approx([0.3, 0.7 * 2 / 3, 0.7 / 3])


def test_a_strategy_that_loses_gets_nothing_and_what_none_can_use_stays_unallocated() -> None:
    assert one_level(["A", "B"], budgets.by_strategy, performance=[1.0, -1.0]) == pytest.approx([1.0, 0.0])
    capped = one_level(["A", "B"], budgets.by_strategy, performance=[1.0, 1.0], capacity=[0.2, 0.3])
    assert capped == pytest.approx([0.2, 0.3])
    nobody = one_level(["A", "B"], budgets.by_strategy, performance=[-1.0, -2.0], capacity=[0.2, 5.0])
    assert nobody == pytest.approx([0.2, 0.8])


def test_no_sector_gets_more_than_its_cap() -> None:
    # four of six symbols are tech; an equal share would give tech two thirds
    sector = ["tech"] * 4 + ["energy", "health"]
    found = one_level([*SYMBOLS, "F"], budgets.by_sector(0.4), sector=sector)
    assert found[:4].sum() == pytest.approx(0.4)
    assert found[4:] == pytest.approx([0.3, 0.3])
    few = one_level(["A", "B"], budgets.by_sector(0.3), sector=["tech", "energy"])
    assert few.sum() == pytest.approx(0.6)
    # a group that spans sectors counts as a sector of its own
    level = Level(dimension="strategy", labels=["a", "a", "b"], rule=budgets.by_sector(0.6))
    assert budgets.allocate(1.0, [level], Facts(sector=["x", "y", "x"])).limit("a") == pytest.approx(0.5)


def test_a_custom_rule_is_the_users() -> None:
    def alphabet(siblings: Siblings) -> list[float]:
        return [0.5 if label == "A" else 0.1 for label in siblings.labels]

    assert one_level(["A", "B", "C"], budgets.custom(alphabet)) == pytest.approx([0.5, 0.1, 0.1])


def test_the_six_rules_are_truly_six() -> None:
    facts = Facts(
        covariance=random_covariance(0, 5),
        confidence=[0.6, 0.7, 0.8, 0.9, 0.65],
        performance=[0.5, 1.0, 1.5, 0.2, 0.9],
        capacity=[0.3, 0.3, 0.3, 0.3, 0.3],
        sector=SECTORS,
    )
    rules = [*budgets.RULES.values(), budgets.custom(lambda _: [0.1, 0.2, 0.3, 0.2, 0.2])]
    answers = [budgets.allocate(1.0, [Level(dimension="symbol", labels=SYMBOLS, rule=r)], facts).limits for r in rules]
    assert len(rules) == 6
    for i, first in enumerate(answers):
        assert all(not np.allclose(first, second) for second in answers[:i])


# The tree


def tree(total: float = 0.2) -> Budget:
    return budgets.allocate(
        total,
        [
            Level(dimension="strategy", labels=STRATEGIES, rule=budgets.by_confidence),
            Level(dimension="sector", labels=SECTORS, rule=budgets.equal),
            Level(dimension="symbol", labels=SYMBOLS, rule=budgets.equal),
        ],
        Facts(confidence=[0.9, 0.9, 0.6, 0.6, 0.6]),
    )


def test_a_hierarchy_by_hand() -> None:
    found = tree()
    assert found.limit() == pytest.approx(0.2)
    assert found.limit("momentum") == pytest.approx(0.12)  # .9 to .6
    assert found.limit("value", "energy") == pytest.approx(0.04)
    assert found.limit("value", "energy", "D") == found.limit("value", "energy", "E") == pytest.approx(0.02)
    assert found.dimensions[found.paths.index(("value", "energy"))] == "sector"
    assert found.members[found.paths.index(("value", "energy"))].tolist() == [False, False, False, True, True]
    assert found.paths[found.parents[found.paths.index(("value", "energy", "D"))]] == ("value", "energy")


def test_horizons_make_a_level_like_any_other() -> None:
    found = budgets.allocate(1.0, [Level(dimension="horizon", labels=HORIZONS, rule=budgets.equal)])
    assert found.limit("days") == found.limit("months") == 0.5


@given(st.integers(0, 2**31), st.integers(1, 8))
def test_children_never_get_more_than_their_parent_and_hold_all_that_it_holds(seed: int, assets: int) -> None:
    generator = np.random.default_rng(seed)
    facts = Facts(
        covariance=random_covariance(seed, assets),
        confidence=generator.uniform(0, 1, assets),
        performance=generator.normal(0, 1, assets),
        capacity=generator.uniform(0, 0.5, assets),
        sector=generator.integers(0, 3, assets).tolist(),
    )
    rules = list(budgets.RULES.values())
    levels = [
        Level(
            dimension=f"level {depth}",
            labels=generator.integers(0, 3, assets).tolist(),
            rule=rules[int(generator.integers(len(rules)))],
        )
        for depth in range(3)
    ]
    found = budgets.allocate(0.15, levels, facts)
    for node in range(len(found.paths)):
        children = np.flatnonzero(found.parents == node)
        if children.size:
            assert found.limits[children].sum() <= found.limits[node] + 1e-9
            assert (found.members[children].sum(axis=0) == found.members[node]).all()


# Utilization, violations, trend


def test_utilization_sums_over_members_and_hedges_use_nothing() -> None:
    used = budgets.utilization(tree(), [0.06, -0.02, 0.03, 0.05, 0.0])
    by_path = dict(zip(tree().paths, used.share, strict=True))
    assert by_path[()] == pytest.approx(0.12 / 0.2)
    assert by_path[("momentum",)] == pytest.approx(0.04 / 0.12)
    assert by_path[("momentum", "energy")] == 0.0
    assert by_path[("value", "energy", "D")] == pytest.approx(2.5)


def test_violations_come_the_worst_first_and_warn_before() -> None:
    budget = tree()
    found = budgets.violations(budget, budgets.utilization(budget, [0.06, -0.02, 0.03, 0.05, 0.0]))
    assert [(v.path, v.severity) for v in found[:2]] == [
        (("value", "energy", "D"), "violation"),  # 2.5
        (("value", "energy"), "violation"),  # 1.25
    ]
    # these three use their limits exactly, and the portfolio, at .6, nothing to speak of
    assert {v.path for v in found[2:]} == {("momentum", "tech"), ("momentum", "tech", "A"), ("value",)}
    assert {v.severity for v in found[2:]} == {"warning"}
    worst = found[0]
    assert worst.path == ("value", "energy", "D")
    assert (worst.used, worst.limit, worst.share) == pytest.approx((0.05, 0.02, 2.5))
    assert worst.dimension == "symbol"
    assert budgets.violations(budget, budgets.utilization(budget, np.zeros(5))) == ()


def test_risk_without_a_budget_is_an_infinite_share() -> None:
    level = Level(dimension="symbol", labels=["A", "B"], rule=budgets.custom(lambda _: [1.0, 0.0]))
    budget = budgets.allocate(0.1, [level])
    assert budgets.utilization(budget, [0.05, 0.01]).share[2] == math.inf
    assert budgets.utilization(budget, [0.05, 0.0]).share[2] == 0.0


def test_the_trend_says_when_a_budget_will_be_used_up() -> None:
    history = np.column_stack([[0.5, 0.6, 0.7], [0.5, 0.4, 0.3], [0.9, 1.0, 1.1]])
    found = budgets.trend(history)
    assert found.slope == pytest.approx([0.1, -0.1, 0.1])
    assert found.periods == pytest.approx([3.0, math.inf, 0.0])
    assert np.isnan(budgets.trend(history[:2]).slope).all()


# The cure


@given(st.integers(0, 2**31), st.integers(2, 8), st.floats(0.2, 1.5))
def test_the_cure_keeps_every_limit_and_enlarges_nothing(seed: int, assets: int, tightness: float) -> None:
    generator = np.random.default_rng(seed)
    table = random_covariance(seed, assets)
    weights = generator.uniform(-0.2, 0.5, assets)
    total = exposure.risk_contributions(weights, table).volatility
    levels = [
        Level(dimension="strategy", labels=generator.integers(0, 3, assets).tolist(), rule=budgets.equal),
        Level(dimension="symbol", labels=list(range(assets)), rule=budgets.equal),
    ]
    budget = budgets.allocate(tightness * total, levels)
    contributions_of = budgets.volatility_contributions(table)
    cured = budgets.cure(budget, weights, contributions_of)
    assert budgets.utilization(budget, contributions_of(cured)).share.max() <= 1 + 1e-8
    assert (np.abs(cured) <= np.abs(weights) + 1e-15).all()
    assert (cured * weights >= 0).all()


def test_a_portfolio_within_its_budget_is_left_alone() -> None:
    table = random_covariance(1, 5)
    weights = np.full(5, 0.01)
    assert np.array_equal(budgets.cure(tree(10.0), weights, budgets.volatility_contributions(table)), weights)


def test_one_violator_is_cut_to_its_limit_and_the_others_are_left() -> None:
    table = np.diag([0.04, 0.04])
    budget = budgets.allocate(0.2, [Level(dimension="symbol", labels=["A", "B"], rule=budgets.equal)])
    cured = budgets.cure(budget, [0.9, 0.1], budgets.volatility_contributions(table))
    assert cured[1] == 0.1
    used = budgets.utilization(budget, budgets.volatility_contributions(table)(cured))
    assert used.share[1] == pytest.approx(1.0, abs=1e-8)


def test_a_violation_of_another_measure_is_cured_alike() -> None:
    generator = np.random.default_rng(2)
    returns = generator.standard_t(4, (300, 4)) * 0.02

    def shortfall(weights: FloatArray) -> FloatArray:
        return exposure.contributions("es_95", weights, returns)

    weights = np.array([0.7, 0.1, 0.1, 0.1])
    budget = budgets.allocate(0.03, [Level(dimension="symbol", labels=["A", "B", "C", "D"], rule=budgets.equal)])
    assert budgets.utilization(budget, shortfall(weights)).share.max() > 1
    cured = budgets.cure(budget, weights, shortfall)
    assert budgets.utilization(budget, shortfall(cured)).share.max() <= 1 + 1e-8
    assert cured[0] > 0.1


def test_what_has_no_budget_is_sold() -> None:
    level = Level(dimension="symbol", labels=["A", "B"], rule=budgets.custom(lambda _: [1.0, 0.0]))
    budget = budgets.allocate(1.0, [level])
    cured = budgets.cure(budget, [0.5, 0.5], budgets.volatility_contributions(np.eye(2) * 0.01))
    assert cured == pytest.approx([0.5, 0.0], abs=1e-9)


# Bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: budgets.allocate(0.0, []), "total is 0"),
        (lambda: budgets.allocate(1.0, []), "levels is empty"),
        (lambda: one_level([], budgets.equal), "labels of symbol has 0 entries"),
        (lambda: one_level(["A"], budgets.by_volatility), r"facts\.covariance is missing"),
        (lambda: one_level(["A"], budgets.by_confidence), r"facts\.confidence is missing"),
        (lambda: one_level(["A"], budgets.by_strategy), r"facts\.performance is missing"),
        (lambda: one_level(["A"], budgets.by_confidence, confidence=[1.5]), r"facts\.confidence\[0\] is 1\.5"),
        (lambda: one_level(["A"], budgets.by_confidence, confidence=[0.5, 0.5]), "2 entries; 1 are needed"),
        (lambda: one_level(["A"], budgets.equal, sector=["x", "y"]), r"facts\.sector has 2 entries"),
        (lambda: one_level(["A"], budgets.custom(lambda _: [1.0, 2.0])), "custom has 2 entries|shares of symbol has 2"),
        (lambda: one_level(["A", "B"], budgets.custom(lambda _: [-0.1, 0.2])), "gives A -0.1; a share is not negative"),
        (lambda: one_level(["A", "B"], budgets.custom(lambda _: [0.9, 0.2])), r"gives away 1\.1 of the budget"),
        (lambda: one_level(["A"], budgets.custom(lambda _: [math.nan])), r"custom\[0\] is nan"),
        (lambda: budgets.by_sector(0.0), "sector_most is 0"),
        (lambda: tree().limit("value", "gold"), r"has no \('value', 'gold'\)"),
        (lambda: budgets.utilization(tree(), [0.1]), "contributions has 1 entries; 5 are needed"),
        (lambda: budgets.cure(tree(), np.ones(5), lambda _: np.ones(5)), "do contributions_of shrink"),
    ],
)
def test_what_cannot_be_budgeted_is_named(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
