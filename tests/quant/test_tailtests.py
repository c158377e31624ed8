"""Back-tests of risk models: the published tables, worked out again, and what the tests can see."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]  # ships no types

from bursar.errors import InputError
from bursar.quant import tailtests
from tests.conftest import Evidence

# Kupiec


@pytest.mark.parametrize(
    ("rate", "regions"),
    [
        # Kupiec 1995, Jorion 2007, table 6.2, for 255, 510 and 1000 days. The table prints N < 7 for 1 % of 255 days,
        # which would let 0 pass, but the ratio of 0 is 5.13, above the 3.84 of the chi-squared.
        (0.01, [(1, 6), (2, 10), (5, 16)]),
        (0.025, [(3, 11), (7, 20), (16, 35)]),
        (0.05, [(7, 20), (17, 35), (38, 64)]),
        (0.075, [(12, 27), (28, 50), (60, 91)]),
        (0.10, [(17, 35), (39, 64), (82, 119)]),
    ],
)
def test_kupiecs_table_of_counts_that_pass(rate: float, regions: list[tuple[int, int]]) -> None:
    assert [tailtests.kupiec_accepts(days, 1 - rate) for days in (255, 510, 1000)] == regions


def test_kupiecs_ratio_by_hand() -> None:
    # Hull: 600 days at 99 %. 9 exceptions: -2 log(.99^591 .01^9) + 2 log((591/600)^591 (9/600)^9)
    by_hand = -2 * (591 * math.log(0.99) + 9 * math.log(0.01))
    by_hand += 2 * (591 * math.log(591 / 600) + 9 * math.log(9 / 600))
    found = tailtests.kupiec(9, 600, 0.99)
    assert found.statistic == pytest.approx(by_hand, rel=1e-9)
    assert found.statistic == pytest.approx(1.3135, abs=1e-4)
    assert found.p_value == pytest.approx(stats.chi2.sf(1.3135490, 1), rel=1e-6)
    assert tailtests.kupiec(1, 600, 0.99).statistic == pytest.approx(6.4585, abs=1e-4)
    assert tailtests.kupiec(15, 1000, 0.99).statistic == pytest.approx(2.1892, abs=1e-4)
    assert tailtests.kupiec(0, 255, 0.99).statistic == pytest.approx(-2 * 255 * math.log(0.99))


def test_kupiecs_power_is_the_binomials() -> None:
    least, most = tailtests.kupiec_accepts(250, 0.99)
    for actual in (0.01, 0.015, 0.02, 0.04):
        binomial = stats.binom(250, actual)
        expected = 1 - (binomial.cdf(most) - binomial.cdf(least - 1))
        assert tailtests.kupiec_power(250, 0.99, actual) == pytest.approx(expected, abs=1e-12)
    assert tailtests.kupiec_power(250, 0.99, 0.015) < 0.2  # a year cannot see a model that is wrong by half
    assert tailtests.kupiec_power(2500, 0.99, 0.015) > 0.6
    assert tailtests.kupiec_power(250, 0.99, 0.0) == tailtests.kupiec_power(250, 0.99, 1.0) == pytest.approx(1.0)


def test_the_traffic_light_of_the_basel_committee() -> None:
    # 250 days at 99 %: up to 4 exceptions green, 10 and more red (Basel Committee 1996)
    chances = tailtests._binomial(250, 0.01)
    assert chances.sum() == pytest.approx(1.0)
    assert chances[:5].sum() == pytest.approx(0.8922, abs=1e-4)
    assert chances[:10].sum() == pytest.approx(0.9997, abs=1e-4)


# Christoffersen


def test_christoffersens_ratio_by_hand() -> None:
    # 0 0 1 1 0 0 0 0: from none, 5 steps, 1 into an exception; from an exception, 2 steps, 1 into another
    hits = [0, 0, 1, 1, 0, 0, 0, 0]
    chain = 4 * math.log(4 / 5) + math.log(1 / 5) + 2 * math.log(1 / 2)
    alone = 5 * math.log(5 / 7) + 2 * math.log(2 / 7)
    found = tailtests.christoffersen(hits, 0.9)
    assert found.independence.statistic == pytest.approx(2 * (chain - alone))
    assert found.independence.p_value == pytest.approx(stats.chi2.sf(2 * (chain - alone), 1))
    together = 2 * (chain - alone) + tailtests.kupiec(2, 8, 0.9).statistic
    assert found.coverage.statistic == pytest.approx(together)
    assert found.coverage.p_value == pytest.approx(stats.chi2.sf(together, 2))


def test_exceptions_in_a_row_are_seen_and_the_same_number_spread_out_is_not() -> None:
    clustered = np.zeros(500)
    clustered[200:225] = 1
    spread = np.zeros(500)
    spread[::20] = 1
    assert tailtests.christoffersen(clustered, 0.95).independence.p_value < 1e-6
    assert tailtests.christoffersen(spread, 0.95).coverage.p_value > 0.1
    # Kupiec cannot tell them apart
    assert tailtests.kupiec(25, 500, 0.95).p_value == pytest.approx(1.0)


def test_without_exceptions_nothing_is_said_of_clusters() -> None:
    for hits in (np.zeros(100), np.ones(100), np.array([]), np.array([1.0])):
        assert math.isnan(tailtests.christoffersen(hits, 0.95).independence.p_value)
        assert math.isnan(tailtests.christoffersen(hits, 0.95).coverage.p_value)


def test_the_power_against_clusters_grows_with_them_and_with_time() -> None:
    def power(days: int, repeat: float) -> float:
        return tailtests.christoffersen_power(days, 0.95, repeat, np.random.default_rng(1), draws=800)

    assert power(1000, 0.05) < 0.12  # nothing is wrong
    assert power(250, 0.2) < power(1000, 0.2)
    assert power(1000, 0.1) < power(1000, 0.2)
    assert power(1000, 0.2) > 0.8


# Expected shortfall


def test_the_statistic_of_the_shortfall_test_by_hand() -> None:
    # 20 days at 90 %: two exceptions of 3 and 5 against a shortfall of 4: 1 - (3/4 + 5/4) / 2 = 0
    returns = np.zeros(20)
    returns[[4, 9]] = -3.0, -5.0
    found = tailtests.shortfall_test(returns, np.full(20, 2.0), np.full(20, 4.0), 0.9, np.random.default_rng(0))
    assert found.statistic == pytest.approx(0.0)
    assert 0.2 < found.p_value < 0.8


@pytest.mark.parametrize(
    ("degrees", "five_percent", "one_basis_point"),
    [(math.inf, -0.70, -1.8), (100.0, -0.70, -1.8), (10.0, -0.70, -1.9), (3.0, -0.82, -4.4)],
)
def test_the_critical_values_that_acerbi_and_szekely_publish(
    degrees: float, five_percent: float, one_basis_point: float
) -> None:
    # Their table 2 has -0.70 for a normal and -0.82 for a t with 3 degrees, 250 days at 97.5 %; simulated again here
    drawn = tailtests._shortfall_statistics(250, 0.975, degrees, 1.0, np.random.default_rng(2), 30_000)
    assert np.quantile(drawn, 0.05) == pytest.approx(five_percent, abs=0.03)
    assert np.quantile(drawn, 1e-4) == pytest.approx(one_basis_point, rel=0.25)
    assert drawn.mean() == pytest.approx(0.0, abs=0.01)


def test_the_shortfall_test_keeps_its_size_and_sees_a_model_that_forgets_a_third() -> None:
    def power(understated: float) -> float:
        return tailtests.shortfall_power(250, 0.975, understated, np.random.default_rng(3), draws=4000)

    assert power(1.0) == pytest.approx(0.05, abs=0.015)
    assert power(0.8) < 0.01  # too much caution is not rejected
    assert power(1.33) > 0.9


def test_losses_beyond_the_forecast_are_rejected_even_in_the_right_number() -> None:
    # One day in forty loses, as 97.5 % promises, but twice what the shortfall says
    returns = np.zeros(400)
    returns[::40] = -0.10
    var, shortfall = np.full(400, 0.03), np.full(400, 0.05)
    assert tailtests.kupiec(int(tailtests.exceptions(returns, var).sum()), 400, 0.975).p_value > 0.9
    found = tailtests.shortfall_test(returns, var, shortfall, 0.975, np.random.default_rng(4))
    assert found.statistic == pytest.approx(-1.0)
    assert found.p_value < 0.01


def test_no_history_has_no_verdict() -> None:
    assert math.isnan(tailtests.kupiec(0, 0, 0.95).p_value)
    assert math.isnan(tailtests.shortfall_test([], [], [], 0.95, np.random.default_rng(0)).p_value)
    assert tailtests.exceptions([], []).size == 0


def test_what_cannot_be_tested_is_named() -> None:
    generator = np.random.default_rng(0)
    with pytest.raises(InputError, match="count is 5 of 4 periods"):
        tailtests.kupiec(5, 4, 0.95)
    with pytest.raises(InputError, match="periods is 0"):
        tailtests.kupiec_accepts(0, 0.95)
    with pytest.raises(InputError, match="hits holds a number other than 0 and 1"):
        tailtests.christoffersen([0, 2], 0.95)
    with pytest.raises(InputError, match="no chain keeps the promised rate"):
        tailtests.christoffersen_power(100, 0.2, 0.0, generator)
    with pytest.raises(InputError, match=r"expected_shortfall\[1\] is 0"):
        tailtests.shortfall_test([0.1, 0.1], [0.1, 0.1], [0.1, 0.0], 0.95, generator)
    with pytest.raises(InputError, match="value_at_risk has 1 entries; 2 are needed"):
        tailtests.exceptions([0.1, 0.1], [0.1])
    with pytest.raises(InputError, match="periods is 0"):
        tailtests.shortfall_power(0, 0.95, 1.0, generator)


@pytest.mark.prove
def test_the_right_model_passes_as_often_as_promised(evidence: Evidence) -> None:
    generator = np.random.default_rng(10)
    histories, rejected, chance = 20_000, 0, 1 - tailtests.kupiec_power(1000, 0.95, 0.05)
    for _ in range(histories):
        count = int((generator.random(1000) < 0.05).sum())
        rejected += tailtests.kupiec(count, 1000, 0.95).p_value <= 0.05
    evidence(histories=histories, kupiec_rejected=rejected, kupiec_expected=(1 - chance) * histories)
    assert abs(rejected / histories - (1 - chance)) < 4 * math.sqrt(chance * (1 - chance) / histories)
