"""What history says after a basket: moved along from what it said before, and the same as worked out anew."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bursar.errors import InputError
from bursar.quant.performance import loss_at, value_at_risk
from bursar.risk.exposure import correlation_risk
from bursar.risk.rules.past import Past


def test_moving_a_few_weights_tells_what_working_it_all_out_again_tells() -> None:
    chance = np.random.default_rng(5)
    for _ in range(200):
        assets = int(chance.integers(1, 12))
        returns = chance.normal(0.0, 0.02, (40, assets)) @ chance.normal(0.0, 1.0, (assets, assets))
        covariance = np.atleast_2d(np.cov(returns, rowvar=False))
        weights = chance.normal(0.0, 0.3, assets) * (chance.random(assets) < 0.7)
        moved = chance.choice(assets, size=int(chance.integers(0, assets + 1)), replace=False)
        moves = {int(place): float(chance.choice([-weights[place], chance.normal(0.0, 0.2)])) for place in moved}
        after = weights.copy()
        for place, move in moves.items():
            after[place] += move
        past = Past(returns, covariance, weights)
        assert past.deviation(moves) == pytest.approx(math.sqrt(max(float(after @ covariance @ after), 0.0)), abs=1e-8)
        assert past.profits(moves) == pytest.approx(list(returns @ after), abs=1e-12)
        if np.count_nonzero(after) < 2:
            assert past.correlation(moves, past.deviation(moves)) is None
        else:
            expected = correlation_risk(after, covariance).mean_correlation
            assert past.correlation(moves, past.deviation(moves)) == pytest.approx(expected, abs=1e-6)


def test_what_is_not_known_is_not_told() -> None:
    nothing = Past(None, None, np.array([0.5, 0.5]))
    assert nothing.deviation({0: 0.1}) is None
    assert nothing.correlation({0: 0.1}, None) is None
    assert nothing.profits({0: 0.1}) == []


def test_a_hole_in_history_is_named_and_is_no_risk_of_zero() -> None:
    with pytest.raises(InputError, match=r"returns\[1, 0\] is nan"):
        Past(np.array([[0.01, 0.02], [math.nan, 0.01]]), None, np.array([0.5, 0.5]))
    with pytest.raises(InputError, match="covariance times weights"):
        Past(None, np.array([[math.nan, 0.0], [0.0, 0.01]]), np.array([0.5, 0.5]))


def test_the_loss_at_a_level_is_the_value_at_risk_of_what_is_in_order() -> None:
    returns = np.random.default_rng(1).normal(0.0, 0.01, 63)
    assert loss_at(sorted(returns.tolist()), 0.95) == value_at_risk(returns, 0.95)
