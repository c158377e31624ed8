from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import DataError, InputError
from bursar.quant.arrays import FloatArray
from bursar.research import breadth, features, regimes
from tests.real_prices import stock_facts

TRANSITION = np.array([[0.99, 0.01], [0.04, 0.96]])
DEVIATIONS = np.array([0.007, 0.022])
MEANS = np.array([0.0006, -0.0010])
TRUE = regimes.Regimes(means=MEANS, deviations=DEVIATIONS, transition=TRANSITION, log_likelihood=0.0, days=0)


def planted(days: int, seed: int = 3) -> tuple[FloatArray, FloatArray]:
    """Returns of a chain with these figures, and whether each day was turbulent."""
    chance = np.random.default_rng(seed)
    turbulent = np.zeros(days)
    for day in range(1, days):
        before = int(turbulent[day - 1])
        turbulent[day] = float(chance.random() < TRANSITION[before, 1])
    state = turbulent.astype(int)
    return chance.normal(MEANS[state], DEVIATIONS[state]), turbulent


# ---------------------------------------------------------------- by hand


def test_what_a_chain_comes_to_in_the_long_run() -> None:
    # Of 5 days 4 are calm: 0.01 leave calm, 0.04 leave turbulence; 100 and 25 days at a time.
    assert TRUE.long_run == pytest.approx([0.8, 0.2])
    assert TRUE.durations == pytest.approx([100, 25])
    assert TRUE.volatilities == pytest.approx(DEVIATIONS * math.sqrt(252))
    assert TRUE.names == ("calm", "turbulent")


# ---------------------------------------------------------------- what was planted


@pytest.mark.compiled
def test_a_planted_chain_is_found_again() -> None:
    returns, _ = planted(6000)
    found = regimes.fit(returns)
    assert found.deviations == pytest.approx(DEVIATIONS, rel=0.06)
    assert np.diag(found.transition) == pytest.approx(np.diag(TRANSITION), abs=0.015)
    assert found.transition.sum(axis=1) == pytest.approx([1.0, 1.0])
    assert found.means[0] > found.means[1]


@pytest.mark.compiled
def test_probabilities_come_true_as_often_as_they_say() -> None:
    returns, turbulent = planted(20_000)
    told = TRUE.probabilities(returns)[:, 1]
    for low, high in ((0.05, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 0.95)):
        chosen = (told >= low) & (told < high)
        count, expected = int(chosen.sum()), float(told[chosen].mean())
        assert count > 100
        # Neighboring days are alike, so the binomial band is taken four times as wide as independence would.
        assert float(turbulent[chosen].mean()) == pytest.approx(expected, abs=4 * math.sqrt(0.25 / count) + 0.02)


@pytest.mark.compiled
def test_fitted_probabilities_are_nearly_as_good_as_those_of_the_truth() -> None:
    returns, turbulent = planted(6000)
    fitted = regimes.fit(returns).probabilities(returns)[:, 1]
    best = TRUE.probabilities(returns)[:, 1]

    def brier(told: FloatArray) -> float:
        return float(((told - turbulent) ** 2).mean())

    assert brier(best) < brier(fitted) + 1e-3 < brier(best) + 0.005 < 0.16


def test_three_regimes_have_three_names() -> None:
    returns, _ = planted(600)
    found = regimes.fit(returns, 3)
    assert found.names == ("calm", "uneasy", "turbulent")
    assert (np.diff(found.deviations) >= 0).all()
    assert found.long_run.sum() == pytest.approx(1.0)


def test_each_round_explains_the_returns_better(monkeypatch: pytest.MonkeyPatch) -> None:
    returns, _ = planted(600)
    reached = []
    for rounds in (1, 2, 4, 8, 16):
        monkeypatch.setattr(regimes, "ITERATIONS_MAX", rounds)
        reached.append(regimes.fit(returns).log_likelihood)
    assert reached == sorted(reached)
    assert reached[-1] > reached[0]


def test_equal_returns_give_equal_chains() -> None:
    returns, _ = planted(600)
    one, other = regimes.fit(returns), regimes.fit(returns.copy())
    assert one.transition.tobytes() == other.transition.tobytes()
    assert one.log_likelihood == other.log_likelihood


def test_a_single_wild_day_does_not_become_a_regime_of_its_own() -> None:
    returns, _ = planted(600)
    returns[300] = 5.0
    found = regimes.fit(returns)
    assert np.isfinite(found.log_likelihood)
    assert found.deviations[0] >= math.sqrt(regimes.VARIANCE_LEAST * returns.var())


def test_a_price_that_often_stands_still_does_not_become_a_regime_without_movement() -> None:
    returns, _ = planted(600)
    returns[np.random.default_rng(1).random(600) < 0.6] = 0.0
    found = regimes.fit(returns)
    assert np.isfinite(found.log_likelihood)
    assert found.deviations[0] == pytest.approx(math.sqrt(regimes.VARIANCE_LEAST * returns.var()))


# ---------------------------------------------------------------- causal


@given(today=st.integers(0, 599), seed=st.integers(0, 99))
def test_the_future_changes_not_a_bit_of_what_was_known(today: int, seed: int) -> None:
    returns, _ = planted(600)
    corrupted = returns.copy()
    corrupted[today + 1 :] = np.random.default_rng(seed).choice([np.nan, 0.5, -0.5], 600 - today - 1)
    before = TRUE.probabilities(returns)[: today + 1]
    assert TRUE.probabilities(corrupted)[: today + 1].tobytes() == before.tobytes()


def test_walking_forward_knows_nothing_of_the_future() -> None:
    returns, _ = planted(700)
    told = regimes.walk_forward(returns, refit_days=60)
    for today in (503, 504, 563, 564, 650):
        corrupted = returns.copy()
        corrupted[today + 1 :] = 0.2
        again = regimes.walk_forward(corrupted, refit_days=60)
        assert again[: today + 1].tobytes() == told[: today + 1].tobytes()
        assert today < 504 or not np.array_equal(again[today + 1 :], told[today + 1 :])


def test_walking_forward_needs_two_years_before_it_speaks() -> None:
    returns, _ = planted(700)
    returns[100:110] = np.nan
    told = regimes.walk_forward(returns, refit_days=100)
    assert np.isnan(told[:514]).all()
    assert told[514:].sum(axis=1) == pytest.approx(1.0)
    assert np.isnan(regimes.walk_forward(returns[:400])).all()


def test_a_missing_return_moves_the_probabilities_towards_the_long_run() -> None:
    returns = np.array([0.0, 0.0, 0.08, *[np.nan] * 400])
    told = TRUE.probabilities(returns)[:, 1]
    assert told[2] > 0.99
    assert (np.diff(told[2:]) <= 0).all()
    assert told[-1] == pytest.approx(0.2, abs=1e-6)


# ---------------------------------------------------------------- on the real closes


@pytest.mark.compiled
def test_the_frights_of_the_sample_were_turbulent_and_2017_was_calm() -> None:
    panel = stock_facts().panel
    returns = features.simple_returns(breadth.market_index(panel.values).reshape(-1, 1))[:, 0]
    told = regimes.walk_forward(returns)[:, 1]

    def on(day: str) -> float:
        return float(told[np.searchsorted(panel.dates, np.datetime64(day))])

    assert min(on("1998-08-31"), on("2008-10-10"), on("2020-03-23"), on("2022-06-16")) > 0.9
    assert max(on("2005-06-01"), on("2017-12-29"), on("2020-02-20")) < 0.1


# ---------------------------------------------------------------- bad input


def test_too_little_and_too_uniform_returns_are_refused() -> None:
    with pytest.raises(DataError, match="regimes need 504 daily returns and have 503"):
        regimes.fit(planted(503)[0])
    with pytest.raises(DataError, match="600 equal returns have no regimes"):
        regimes.fit(np.zeros(600))


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InputError, match="4 regimes are not supported; give 2 or 3"):
        regimes.fit(planted(600)[0], 4)
    with pytest.raises(InputError, match="a fit every 0 days is none"):
        regimes.walk_forward(planted(600)[0], refit_days=0)
