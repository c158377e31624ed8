"""Pairs: two series that were made to move together are found, and random walks are not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bursar.errors import InputError
from bursar.quant.pairs import critical, fit, half_life


def walks(seed: int, periods: int = 252) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    return np.cumsum(chance.normal(size=periods)), np.cumsum(chance.normal(size=periods))


def planted(seed: int, keep: float = 0.9, periods: int = 252) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    x, distance = np.cumsum(chance.normal(size=periods)), np.zeros(periods)
    for t in range(1, periods):
        distance[t] = keep * distance[t - 1] + chance.normal()
    return 3.0 + 2.0 * x + distance, x


def test_what_was_planted_is_found() -> None:
    pair = fit(*planted(1, 0.8))
    assert pair.slope == pytest.approx(2.0, abs=0.2)
    assert pair.cointegrated(0.01)
    assert pair.half_life == pytest.approx(math.log(0.5) / math.log(0.8), abs=1.5)
    y, x = planted(1, 0.8)
    assert pair.distance == pytest.approx(y - pair.intercept - pair.slope * x)
    assert pair.scores.std(ddof=2) == pytest.approx(1.0)


def test_random_walks_are_taken_for_a_pair_about_as_often_as_the_test_says() -> None:
    found = sum(fit(*walks(seed)).cointegrated() for seed in range(400))
    assert 6 <= found <= 40  # 5 % of 400 is 20; three deviations are 13, and one lag is a little liberal


def test_most_planted_pairs_are_found() -> None:
    assert sum(fit(*planted(seed, 0.8)).cointegrated() for seed in range(100)) >= 95


def test_the_half_life_of_a_decay_is_its_own() -> None:
    assert half_life(0.5 ** (np.arange(40) / 5.0)) == pytest.approx(5.0)
    assert half_life(2.0 ** np.arange(30)) == math.inf
    assert half_life([1.0, -1.0] * 20) == 0.0


def test_critical_values_are_those_of_mackinnon() -> None:
    # -3.33613 - 6.1101 / 100 - 6.823 / 10000
    assert critical(100) == pytest.approx(-3.39791, abs=1e-5)
    assert critical(100, 0.01) < critical(100) < critical(100, 0.10)
    assert critical(10**9, 0.10) == pytest.approx(-3.04445)


@pytest.mark.parametrize(
    ("y", "x", "message"),
    [
        (np.arange(29.0), np.arange(29.0), "30 at least"),
        (np.arange(40.0), np.arange(41.0), "give as many of each"),
        (np.ones(40), np.arange(40.0), "does not move"),
        (np.full(40, 0.1), np.arange(40.0), "does not move"),  # its mean is rounded, and so is off it by a hair
        (np.arange(40.0) % 7, np.arange(40.0) % 7, "is a copy of the other"),
        # To and fro beside two steps that it does not lean on: each change is twice the value, and the other way.
        (np.tile([1.0, -1.0], 20), np.repeat([0.0, 1.0], 20), "to and fro alone"),
        # A sine beside its cosine: each value is 2 cos(step) times the one before, less the one before that.
        (np.sin(np.arange(80) * np.pi / 40), np.cos(np.arange(80) * np.pi / 40), "follows exactly"),
        (2.0 * np.arange(40.0), np.arange(40.0), "is a copy of the other"),
        (np.r_[np.nan, np.arange(39.0)], np.arange(40.0), "nan"),
    ],
)
def test_what_cannot_be_compared_is_refused(y: np.ndarray, x: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit(y, x)


def test_a_distance_that_moves_on_its_last_period_alone_has_no_half_life() -> None:
    for still in ([1.0] * 39 + [2.0], [1.0, 2.0]):
        with pytest.raises(InputError, match="does not move before its last period"):
            half_life(still)


def test_a_test_of_another_size_is_not_known() -> None:
    with pytest.raises(InputError, match=r"a test of size 0.2; give one of 0.01, 0.05, 0.1"):
        critical(100, 0.2)
