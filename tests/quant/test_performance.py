"""The metrics: by hand, against empyrical and scipy, over windows, and where they do not exist."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]  # ships no types

from bursar.errors import InputError
from bursar.quant import performance
from bursar.quant.arrays import FloatArray
from bursar.quant.performance import METRIC_NAMES, metrics, relative_metrics, rolling_metrics

UP_DOWN_UP = np.array([0.10, -0.20, 0.05, 0.10])


def random_returns(seed: int, periods: int, scale: float = 0.01) -> FloatArray:
    draws = np.random.default_rng(seed).standard_t(4, periods) * scale
    return np.maximum(draws, -0.9)


# By hand


def test_growth_and_drawdown_of_four_periods_by_hand() -> None:
    # 1.1 x 0.8 x 1.05 x 1.1 = 1.0164; wealth 1.1, 0.88, 0.924, 1.0164; the fall from 1.1 to 0.88 is a fifth
    assert performance.total_return(UP_DOWN_UP) == pytest.approx(0.0164)
    assert performance.annualized_return(UP_DOWN_UP, periods_per_year=4) == pytest.approx(0.0164)
    assert performance.annualized_return(UP_DOWN_UP, periods_per_year=8) == pytest.approx(1.0164**2 - 1)
    assert performance.drawdowns(UP_DOWN_UP) == pytest.approx([0, 0.2, 0.16, 0.076])
    assert performance.max_drawdown(UP_DOWN_UP) == pytest.approx(0.2)
    assert performance.calmar_ratio(UP_DOWN_UP, periods_per_year=4) == pytest.approx(0.0164 / 0.2)


def test_ratios_of_four_periods_by_hand() -> None:
    # mean 0.0125; squared deviations .0875^2 + .2125^2 + .0375^2 + .0875^2 = .061875; over 3 = .020625
    assert performance.volatility(UP_DOWN_UP, periods_per_year=1) == pytest.approx(math.sqrt(0.020625))
    assert performance.volatility(UP_DOWN_UP, periods_per_year=4) == pytest.approx(2 * math.sqrt(0.020625))
    assert performance.sharpe_ratio(UP_DOWN_UP, periods_per_year=1) == pytest.approx(0.0125 / math.sqrt(0.020625))
    # only -0.2 lies below zero: sqrt(0.04 / 4) = 0.1
    assert performance.downside_deviation(UP_DOWN_UP, periods_per_year=1) == pytest.approx(0.1)
    assert performance.sortino_ratio(UP_DOWN_UP, periods_per_year=4) == pytest.approx(0.0125 / 0.1 * 2)
    assert performance.win_rate(UP_DOWN_UP) == 0.75
    assert performance.win_rate(np.array([12.5, 0.0, -3.0])) == pytest.approx(1 / 3)


def test_the_sharpe_ratio_is_in_excess_of_the_bill_of_the_same_period() -> None:
    bill = np.array([0.001, 0.002, 0.003, 0.004])
    assert performance.sharpe_ratio(UP_DOWN_UP, bill) == performance.sharpe_ratio(UP_DOWN_UP - bill)
    assert performance.sortino_ratio(UP_DOWN_UP, 0.001) == performance.sortino_ratio(UP_DOWN_UP - 0.001)


def test_the_tail_of_twenty_and_of_thirty_observations_by_hand() -> None:
    returns = np.arange(-20, 0) / 100.0  # -0.20 ... -0.01
    # type 7: position 19 x 0.05 = 0.95 between -0.20 and -0.19; the tail is one whole observation
    assert performance.value_at_risk(returns) == pytest.approx(0.1905)
    assert performance.expected_shortfall(returns) == pytest.approx(0.20)
    returns = np.arange(-30, 0) / 100.0
    # the tail holds 1.5 observations: (0.30 + 0.29 / 2) / 1.5
    assert performance.expected_shortfall(returns) == pytest.approx((0.30 + 0.145) / 1.5)


def test_a_series_that_follows_its_benchmark_doubled_has_beta_two_and_no_alpha() -> None:
    market = random_returns(1, 300)
    found = relative_metrics(2 * market, market)
    assert found.beta == pytest.approx(2.0)
    assert found.alpha == pytest.approx(0.0, abs=1e-12)
    assert found.tracking_error == pytest.approx(performance.volatility(market))
    assert found.information_ratio == pytest.approx(performance.sharpe_ratio(market))


def test_alpha_is_what_beta_leaves_a_year() -> None:
    market, bill = random_returns(2, 300), np.full(300, 0.0001)
    series = bill + 0.5 * (market - bill) + 0.0002
    found = relative_metrics(series, market, risk_free=bill)
    assert found.beta == pytest.approx(0.5)
    assert found.alpha == pytest.approx(0.0002 * 252)


# Against others


@pytest.mark.parametrize("seed", range(60))
def test_the_metrics_agree_with_empyrical_and_scipy(seed: int) -> None:
    import empyrical  # type: ignore[import-untyped]  # ships no types

    generator = np.random.default_rng(seed)
    periods = 20 * int(generator.integers(1, 60))  # whole observations in the tail, where empyrical's ES is ours
    returns = random_returns(seed, periods, scale=float(generator.uniform(0.001, 0.05)))
    bill, market = generator.normal(1e-4, 1e-5, periods), random_returns(seed + 1000, periods)
    found = metrics(returns, risk_free=bill)
    expected = {
        "total_return": empyrical.cum_returns_final(returns),
        "annualized_return": empyrical.annual_return(returns),
        "volatility": empyrical.annual_volatility(returns),
        "sharpe": empyrical.sharpe_ratio(returns, risk_free=bill),
        "sortino": empyrical.sortino_ratio(returns, required_return=bill),
        "calmar": empyrical.calmar_ratio(returns),
        "max_drawdown": -empyrical.max_drawdown(returns),
        "var_95": -empyrical.value_at_risk(returns, 0.05),
        "es_95": -empyrical.conditional_value_at_risk(returns, 0.05),
        "skew": stats.skew(returns),
        "kurtosis": stats.kurtosis(returns),
        "win_rate": float((returns > 0).mean()),
        "var_99": -empyrical.value_at_risk(returns, 0.01) if periods >= 100 else math.nan,
    }
    assert asdict(found) == pytest.approx(expected, rel=1e-9, abs=1e-12, nan_ok=True)
    # empyrical takes beta from plain returns, whatever the bill paid: it is given the excess returns
    relative = relative_metrics(returns, market, risk_free=bill)
    assert relative.beta == pytest.approx(empyrical.beta_aligned(returns - bill, market - bill), rel=1e-9)
    compounded = empyrical.alpha_aligned(returns - bill, market - bill)
    assert (1 + relative.alpha / 252) ** 252 - 1 == pytest.approx(compounded, rel=1e-6, abs=1e-9)
    assert relative.information_ratio == pytest.approx(
        empyrical.excess_sharpe(returns, market) * math.sqrt(252), rel=1e-9
    )


@given(st.integers(20, 90), st.integers(0, 2**31), st.sampled_from([0.9, 0.95]))
@settings(max_examples=60, deadline=None)
def test_expected_shortfall_is_the_least_value_of_rockafellar_and_uryasevs_program(
    periods: int, seed: int, level: float
) -> None:
    returns = random_returns(seed, periods)
    # minimize  c + sum(u) / (n (1 - level))  over c and u >= max(loss - c, 0); the least lies at one of the losses
    losses = -returns
    values = [c + np.maximum(losses - c, 0).sum() / (periods * (1 - level)) for c in losses]
    assert performance.expected_shortfall(returns, level) == pytest.approx(min(values), rel=1e-9)


@given(st.lists(st.floats(-0.5, 0.5), min_size=20, max_size=80))
def test_expected_shortfall_is_never_below_value_at_risk_and_never_above_the_worst_loss(values: list[float]) -> None:
    returns = np.array(values)
    shortfall = performance.expected_shortfall(returns)
    assert shortfall >= performance.value_at_risk(returns) - 1e-12
    assert shortfall <= -returns.min() + 1e-12


@given(st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=60))
def test_a_drawdown_is_a_share_and_a_gain_to_recover_undoes_it(values: list[float]) -> None:
    returns = np.array(values)
    worst = performance.max_drawdown(returns)
    assert 0.0 <= worst < 1.0
    current = performance.drawdowns(returns)[-1]
    recovered = performance.drawdowns(np.append(returns, 1 / (1 - current) - 1))
    assert recovered[-1] == pytest.approx(0.0, abs=1e-12)


@given(st.integers(0, 2**31), st.floats(0.1, 10))
def test_ratios_do_not_change_with_leverage_but_risk_does(seed: int, leverage: float) -> None:
    returns = random_returns(seed, 60) / 100
    once, levered = metrics(returns), metrics(leverage * returns)
    assert levered.sharpe == pytest.approx(once.sharpe)
    assert levered.sortino == pytest.approx(once.sortino)
    assert levered.skew == pytest.approx(once.skew)
    assert levered.volatility == pytest.approx(leverage * once.volatility)
    assert levered.es_95 == pytest.approx(leverage * once.es_95)


# Over windows


def brute_force(returns: FloatArray, window: int, bill: FloatArray, name: str) -> FloatArray:
    result = np.full(returns.size, np.nan)
    for t in range(window - 1, returns.size):
        span = slice(t - window + 1, t + 1)
        result[t] = getattr(metrics(returns[span], risk_free=bill[span]), name)
    return result


@pytest.mark.parametrize("window", [1, 2, 3, 4, 19, 20, 50, 100, 130])
def test_each_window_has_the_metrics_of_its_own_periods(window: int) -> None:
    returns = random_returns(window, 130)
    returns[40:62] = 0.001  # constant for longer than some windows
    returns[90] = 8.0  # an outlier that must leave no trace once it is out
    returns[110] = -1.0  # ruin
    bill = np.random.default_rng(5).normal(0, 1e-4, 130)
    bill[40:62] = 0.0
    rolled = rolling_metrics(returns, window, risk_free=bill)
    for name in METRIC_NAMES:
        expected = brute_force(returns, window, bill, name)
        assert rolled[name] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True), name


def test_windows_of_a_table_are_windows_of_its_columns() -> None:
    table = np.column_stack([random_returns(seed, 70) for seed in range(3)])
    rolled = rolling_metrics(table, 30)
    for name in METRIC_NAMES:
        assert rolled[name].shape == (70, 3)
        for column in range(3):
            alone = rolling_metrics(table[:, column], 30)[name]
            assert np.array_equal(rolled[name][:, column], alone, equal_nan=True)


def test_a_window_that_only_rises_has_no_sortino_and_no_calmar() -> None:
    rolled = rolling_metrics(np.linspace(0.01, 0.02, 40), 10)
    assert np.isnan(rolled["sortino"]).all()
    assert np.isnan(rolled["calmar"]).all()
    assert (rolled["max_drawdown"][9:] == 0).all()


def test_a_level_that_changes_leaves_no_rounding_behind() -> None:
    generator = np.random.default_rng(0)
    returns = np.concatenate([0.5 + generator.normal(0, 1e-6, 150), generator.normal(0, 1e-6, 150)])
    rolled = rolling_metrics(returns, 100)
    expected = brute_force(returns, 100, np.zeros(300), "kurtosis")
    assert rolled["kurtosis"][-40:] == pytest.approx(expected[-40:], rel=1e-6)
    assert rolled["sharpe"][-40:] == pytest.approx(brute_force(returns, 100, np.zeros(300), "sharpe")[-40:], rel=1e-9)


def test_a_window_longer_than_the_series_is_nan_throughout() -> None:
    assert all(np.isnan(values).all() for values in rolling_metrics(random_returns(0, 10), 11).values())


def test_a_gain_beyond_floats_is_infinite_in_a_window_as_in_a_whole() -> None:
    returns = np.array([1e6, 0.1])
    assert metrics(returns).annualized_return == math.inf
    assert rolling_metrics(returns, 2)["annualized_return"][-1] == math.inf


# Where there is nothing to say


def test_nothing_is_known_of_no_returns() -> None:
    empty = np.array([])
    assert all(math.isnan(value) for value in asdict(metrics(empty)).values())
    assert all(math.isnan(value) for value in asdict(relative_metrics(empty, empty)).values())
    assert performance.drawdowns(empty).size == 0


def test_one_return_has_growth_but_no_spread() -> None:
    found = metrics(np.array([-0.1]))
    assert found.total_return == pytest.approx(-0.1)
    assert found.max_drawdown == pytest.approx(0.1)
    for name in ("volatility", "sharpe", "sortino", "var_95", "es_95", "var_99", "skew", "kurtosis"):
        assert math.isnan(getattr(found, name)), name


def test_a_constant_series_has_no_volatility_and_no_sharpe_ratio_rather_than_a_huge_one() -> None:
    found = metrics(np.full(50, 0.01))
    assert found.volatility == 0.0
    assert math.isnan(found.sharpe)
    assert math.isnan(found.sortino)
    assert math.isnan(found.skew)
    assert math.isnan(relative_metrics(UP_DOWN_UP, np.full(4, 0.1)).beta)


def test_ruin_is_minus_one_and_a_whole_drawdown() -> None:
    found = metrics(np.array([0.1, -1.0, 0.3]))
    assert found.total_return == found.annualized_return == -1.0
    assert found.max_drawdown == 1.0
    assert found.calmar == -1.0


def test_tails_wait_for_enough_observations() -> None:
    assert math.isnan(metrics(random_returns(0, 19)).var_95)
    assert not math.isnan(metrics(random_returns(0, 20)).var_95)
    assert math.isnan(metrics(random_returns(0, 99)).var_99)
    assert not math.isnan(metrics(random_returns(0, 100)).var_99)


def test_tiny_returns_keep_their_shape() -> None:
    returns = random_returns(3, 50)
    assert performance.kurtosis(returns * 1e-150) == pytest.approx(performance.kurtosis(returns))


# Bad input


@pytest.mark.parametrize(
    ("returns", "message"),
    [
        (np.array([0.1, np.nan]), r"returns\[1\] is nan"),
        (np.array([np.inf, 0.1]), r"returns\[0\] is inf"),
        (np.array([0.1, -1.5]), r"returns\[1\] is -1.5; a simple return is never below -1"),
        (np.zeros((2, 2)), "one dimension"),
        (np.array(["a"]), "returns does not form an array of numbers"),
    ],
)
def test_bad_returns_are_named(returns: FloatArray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        metrics(returns)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(InputError, match="risk_free has 3 entries; 4 are needed"):
        metrics(UP_DOWN_UP, risk_free=np.zeros(3))
    with pytest.raises(InputError, match="risk_free is nan"):
        metrics(UP_DOWN_UP, risk_free=math.nan)
    with pytest.raises(InputError, match="periods_per_year is 0"):
        metrics(UP_DOWN_UP, periods_per_year=0)
    with pytest.raises(InputError, match="level is 95"):
        performance.value_at_risk(UP_DOWN_UP, 95)
    with pytest.raises(InputError, match="benchmark has 3 entries; 4 are needed"):
        relative_metrics(UP_DOWN_UP, np.zeros(3))
    with pytest.raises(InputError, match=r"returns\[1, 0\] is -2"):
        rolling_metrics(np.array([[0.0], [-2.0]]), 1)
    with pytest.raises(InputError, match="window is 0"):
        rolling_metrics(UP_DOWN_UP, 0)
    with pytest.raises(InputError, match=r"window is 2\.5"):
        rolling_metrics(UP_DOWN_UP, 2.5)  # type: ignore[arg-type]  # what a caller without types may send
    with pytest.raises(InputError, match="two dimensions"):
        rolling_metrics(np.zeros((2, 2, 2)), 1)
