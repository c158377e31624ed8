"""Stress: ten scenarios that differ in kind, losses that add up, and the likeliest way to a loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize  # type: ignore[import-untyped]  # ships no types

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray
from bursar.risk import stress
from bursar.risk.stress import FACTORS, SCENARIOS, SECTORS, Scenario


def a_book() -> FloatArray:
    return stress.responses(
        market=[1.3, 0.6, 0.9, 0.0, 1.1],
        sectors=["information_technology", "utilities", "energy", None, "financials"],
        rates=[0.0, -0.02, 0.0, -0.08, 0.01],
        oil=[0.0, 0.0, 0.3, 0.0, 0.0],
        momentum=[0.3, 0.0, -0.1, 0.0, 0.0],
    )


WEIGHTS = np.array([0.3, 0.1, 0.1, 0.3, 0.1])


# The scenarios themselves


def test_there_are_ten_scenarios_historical_and_hypothetical() -> None:
    assert len(SCENARIOS) == len({scenario.name for scenario in SCENARIOS}) == 10
    assert {scenario.kind for scenario in SCENARIOS} == {"historical", "hypothetical"}
    assert all(scenario.story for scenario in SCENARIOS)


def test_no_scenario_is_a_scaling_or_a_mix_of_the_others() -> None:
    shocks = stress.shock_matrix()
    assert np.linalg.matrix_rank(shocks) == 10
    # in units that compare (each factor by its largest shock), well away from dependent, too
    comparable = shocks / np.abs(shocks).max(axis=0)
    comparable /= np.linalg.norm(comparable, axis=1, keepdims=True)
    assert np.linalg.svd(comparable, compute_uv=False).min() > 0.1
    resemblance = comparable @ comparable.T - np.eye(10)
    assert resemblance.max() < 0.9  # of all pairs, 2008 and 2020 resemble each other most


def test_sectors_alone_tell_the_scenarios_apart_for_a_portfolio_of_shares() -> None:
    # What an account of shares feels: market and sectors only, eleven assets of beta one, one in each sector
    shares = stress.responses(market=np.ones(11), sectors=SECTORS)
    returns = stress.shock_matrix() @ shares.T
    assert np.linalg.matrix_rank(returns) == 10


def test_what_shelters_in_one_scenario_suffers_in_another() -> None:
    shocks = stress.shock_matrix()
    for factor in ("market", "rates", "oil", "gold", "dollar", "momentum", "value", "energy", "utilities", "credit"):
        column = shocks[:, FACTORS.index(factor)]
        assert column.min() < 0 < column.max(), factor


@pytest.mark.parametrize(
    ("name", "up", "down"),
    [
        ("black_monday_1987", ["volatility"], ["market"]),
        ("russia_and_ltcm_1998", ["credit"], ["market", "financials", "rates"]),
        ("technology_unwinds_2000", ["value", "utilities"], ["market", "information_technology"]),
        ("banks_fail_2008", ["credit", "dollar"], ["market", "financials", "rates", "oil"]),
        ("pandemic_2020", ["credit", "consumer_staples"], ["market", "energy", "oil", "rates"]),
        ("inflation_2022", ["rates", "energy", "dollar"], ["market", "real_estate"]),
        ("momentum_crash", ["market", "financials"], ["momentum", "credit"]),
        ("oil_embargo", ["oil", "energy", "gold", "rates"], ["market", "consumer_discretionary"]),
        ("rates_jump", ["rates", "financials"], ["market", "utilities", "gold"]),
        ("dollar_loses_trust", ["rates", "gold"], ["market", "dollar", "financials"]),
    ],
)
def test_each_story_is_told_by_its_numbers(name: str, up: list[str], down: list[str]) -> None:
    shocks = next(scenario.shocks for scenario in SCENARIOS if scenario.name == name)
    assert all(shocks[factor] > 0 for factor in up)
    assert all(shocks[factor] < 0 for factor in down)


# What they do


def test_one_scenario_by_hand() -> None:
    scenario = Scenario(
        name="test", kind="hypothetical", story="", shocks={"market": -0.2, "energy": 0.1, "rates": 1.0}
    )
    table = stress.responses(market=[1.5, 0.0], sectors=["energy", None], rates=[0.0, -0.08])
    found = stress.stress([0.6, 0.4], table, [scenario])
    # energy: -.3 + .1; the bond: -.08
    assert found.by_asset[0] == pytest.approx([0.6 * -0.2, 0.4 * -0.08])
    assert found.profit == pytest.approx([-0.152])
    by_factor = dict(zip(FACTORS, found.by_factor[0], strict=True))
    assert by_factor["market"] == pytest.approx(0.6 * 1.5 * -0.2)
    assert by_factor["energy"] == pytest.approx(0.06)
    assert by_factor["rates"] == pytest.approx(-0.032)
    assert found.worst == "test"


def test_a_share_loses_no_more_than_itself() -> None:
    scenario = Scenario(name="end", kind="hypothetical", story="", shocks={"market": -0.8})
    found = stress.stress([0.5, 0.5], stress.responses(market=[2.0, 0.5]), [scenario])
    assert found.by_asset[0] == pytest.approx([-0.5, -0.2])
    assert found.by_factor.sum() == pytest.approx(found.profit[0])


@given(st.integers(0, 2**31), st.integers(1, 12))
def test_losses_add_up_over_assets_and_over_factors(seed: int, assets: int) -> None:
    generator = np.random.default_rng(seed)
    table = generator.normal(0, 0.5, (assets, len(FACTORS)))
    table[:, FACTORS.index("volatility")] *= 0.01
    found = stress.stress(generator.normal(0, 0.4, assets), table)
    assert found.by_asset.sum(axis=1) == pytest.approx(found.profit)
    assert found.by_factor.sum(axis=1) == pytest.approx(found.profit)


def test_different_books_fear_different_scenarios() -> None:
    trend_follower = stress.responses(market=[-0.2], momentum=[1.0])
    oil_buyer = stress.responses(market=[0.5], oil=[-0.5])
    long_bond = stress.responses(market=[0.0], rates=[-0.15], credit=[-0.03])
    worst = {stress.stress([1.0], table).worst for table in (trend_follower, oil_buyer, long_bond)}
    assert worst == {"momentum_crash", "oil_embargo", "inflation_2022"}


def test_a_hedged_book_loses_less_than_an_unhedged_one() -> None:
    alone = stress.stress(WEIGHTS, a_book()).profit.min()
    hedge = np.vstack([a_book(), stress.responses(market=[1.0])])
    assert stress.stress(np.append(WEIGHTS, -0.5), hedge).profit.min() > alone


# The other way round


def factor_covariance(seed: int = 0) -> FloatArray:
    table = np.random.default_rng(seed).normal(size=(len(FACTORS), len(FACTORS) + 5))
    scale = np.where([name in ("rates", "credit") for name in FACTORS], 0.5, 0.1)
    scale[FACTORS.index("volatility")] = 10.0
    return np.asarray(table @ table.T / len(FACTORS) * np.outer(scale, scale))


def test_the_reverse_stress_loses_what_was_asked() -> None:
    found = stress.reverse_stress(WEIGHTS, a_book(), factor_covariance(), 0.10)
    scenario = Scenario(
        name="found", kind="hypothetical", story="", shocks=dict(zip(FACTORS, found.shocks.tolist(), strict=True))
    )
    assert stress.stress(WEIGHTS, a_book(), [scenario]).profit[0] == pytest.approx(-0.10)
    assert found.by_factor.sum() == pytest.approx(-0.10)


def test_no_likelier_shock_loses_as_much() -> None:
    spread = factor_covariance()
    found = stress.reverse_stress(WEIGHTS, a_book(), spread, 0.10)
    inverse = np.linalg.inv(spread)
    assert found.shocks @ inverse @ found.shocks == pytest.approx(found.distance**2)
    sensitivity = a_book().T @ WEIGHTS
    scale = np.sqrt(spread.diagonal())
    searched = optimize.minimize(
        lambda z: (z * scale) @ inverse @ (z * scale),
        found.shocks / scale + 0.1,
        constraints={"type": "eq", "fun": lambda z: sensitivity @ (z * scale) + 0.10},
        options={"maxiter": 500, "ftol": 1e-14},
    )
    assert found.distance**2 <= searched.fun * (1 + 1e-6)
    assert found.distance**2 == pytest.approx(searched.fun, rel=1e-3)


def test_a_larger_loss_is_farther_and_less_likely() -> None:
    small, large = (stress.reverse_stress(WEIGHTS, a_book(), factor_covariance(), loss) for loss in (0.05, 0.10))
    assert large.distance == pytest.approx(2 * small.distance)
    assert large.probability < small.probability
    variance = float(a_book().T @ WEIGHTS @ factor_covariance() @ (a_book().T @ WEIGHTS))
    assert small.probability == pytest.approx(0.5 * math.erfc(0.05 / math.sqrt(2 * variance)))


def test_how_many_times_over_a_scenario_must_happen() -> None:
    result = stress.stress([1.0], stress.responses(market=[1.0]))
    found = dict(zip(result.names, stress.breaking_multiples(result, 0.5), strict=True))
    assert found["black_monday_1987"] == pytest.approx(2.0)
    assert found["momentum_crash"] == math.inf


# Bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Scenario(name="x", kind="hypothetical", story="", shocks={"weather": 1.0}), "shocks 'weather'"),
        (
            lambda: Scenario(name="x", kind="hypothetical", story="", shocks={"oil": math.nan}),
            "shock of x to oil is nan",
        ),
        (lambda: stress.responses(market=[1.0], sectors=["tech"]), r"sectors\[0\] is 'tech'; the sectors are"),
        (lambda: stress.responses(market=[1.0], sectors=[]), "sectors has 0 entries; 1 are needed"),
        (lambda: stress.responses(market=[1.0], weather=[1.0]), "'weather' is no factor"),
        (lambda: stress.responses(market=[1.0], oil=[1.0, 2.0]), "oil has 2 entries; 1 are needed"),
        (lambda: stress.stress([1.0], np.zeros((2, len(FACTORS)))), "response has 2 rows; 1 are needed"),
        (lambda: stress.reverse_stress([0.0] * 5, a_book(), factor_covariance(), 0.1), "no factor risk"),
        (lambda: stress.reverse_stress(WEIGHTS, a_book(), factor_covariance(), -0.1), r"loss is -0\.1"),
    ],
)
def test_what_cannot_be_stressed_is_named(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_a_sector_is_known_however_it_is_written() -> None:
    assert stress.sector_of("Information Technology") == stress.sector_of("information-technology")
    assert {stress.sector_of(name.replace("_", " ").title()) for name in stress.SECTORS} == set(stress.SECTORS)
    assert stress.sector_of("unknown") is stress.sector_of(None) is None
