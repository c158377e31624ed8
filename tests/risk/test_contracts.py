"""The named contracts: of a generated strategy, of risk limits, and of the emergency stop."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bursar.errors import InputError
from bursar.quant.performance import value_at_risk
from bursar.risk.contracts import Contract, Promise, kept, promised, require
from bursar.risk.exposure import correlation_risk
from bursar.risk.profiles import profile
from tests.builders import order
from tests.risk.account import EXPOSURE, broken, verdict
from tests.risk.test_rules import KNOWN, SWINGS

GOOD = Promise(name="momentum", confidence=0.6, components=("price",), expected_return=0.01, risk_max=0.05)


def test_strategy_generation() -> None:
    assert promised(GOOD) == ()
    require(GOOD)
    for changes, what in (
        ({"confidence": 0.599}, "confidence"),
        ({"components": ()}, "components"),
        ({"expected_return": 0.0}, "expected return"),
        ({"risk_max": 0.0501}, "maximum risk"),
        ({"confidence": math.nan}, "confidence"),
        ({"risk_max": math.nan}, "maximum risk"),
    ):
        (breach,) = promised(replace(GOOD, **changes))
        assert breach.what == what


def test_a_strategy_that_falls_short_is_not_offered_and_every_figure_is_named() -> None:
    poor = replace(GOOD, confidence=0.5, expected_return=-0.01)
    with pytest.raises(InputError, match=r"confidence is 0\.5, asked is 0\.6; expected return is -0\.01, asked is 0"):
        require(poor)
    require(poor, Contract(confidence_min=0.4, expected_return_above=-0.02))


def test_risk_limits() -> None:
    assert kept(var_95=0.05, position_max=0.1, correlation=0.5) == ()
    assert kept(var_95=0.01, position_max=0.1, correlation=math.nan) == ()
    assert [each.what for each in kept(var_95=0.051, position_max=0.11, correlation=0.51)] == [
        "value at risk",
        "largest position",
        "correlation",
    ]
    assert [each.what for each in kept(var_95=math.nan, position_max=0.1, correlation=0.0)] == ["value at risk"]


def test_what_the_gate_lets_through_under_the_profile_keeps_the_contract() -> None:
    # Two stocks of 10 % each; whatever passes the gate is measured again here, from returns and weights.
    limits = replace(profile("strategies"), allowed_symbols=())
    pair = (order("o-1", "AAPL", 100), order("o-2", "XOM", 100))
    assert len(verdict(*pair, exposure=KNOWN, limits=limits).approved) == 2
    weights = np.array([0.1, 0.1])
    assert (
        kept(
            var_95=value_at_risk(SWINGS @ weights),
            position_max=float(weights.max()),
            correlation=correlation_risk(weights, np.cov(SWINGS.T)).mean_correlation,
        )
        == ()
    )
    too_much = (order("o-1", "AAPL", 101), order("o-2", "XOM", 10))
    assert "position_weight" in broken(verdict(*too_much, exposure=KNOWN, limits=limits))


def test_emergency_stops(tmp_path: Path) -> None:
    """All positions closed, and no new orders allowed: told at length in tests/simulation/test_kill_switch.py."""
    from datetime import date

    from bursar.domain.events import KillForm, TradingState
    from tests.simulation.test_kill_switch import World, check, stage_of

    world = World(stage_of(tmp_path, date(2022, 1, 5)), tmp_path, at=25, form=KillForm.FLATTEN)
    check(world)
    assert world.quantities == {}
    halted = replace(EXPOSURE, state=TradingState.HALTED)
    assert broken(verdict(order(), exposure=halted)) == ["trading_state"]
    assert EXPOSURE.cash_settled == Decimal(100_000)
