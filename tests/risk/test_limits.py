"""Limits: what cannot be meant is refused, several bind as the strictest, and volatility only shrinks them."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.risk.limits import Funding, RiskLimits, strictest
from bursar.risk.profiles import PROFILES, profile, under

AMOUNTS = (
    "position_value_max",
    "order_value_max",
    "notional_per_day_max",
    "leverage_max",
    "order_weight_max",
    "volatility_max",
    "volatility_reference",
    "preview_weight_min",
)


@pytest.mark.parametrize("name", AMOUNTS)
def test_a_limit_of_zero_is_refused_because_nothing_could_ever_be_opened(name: str) -> None:
    changed: dict[str, Any] = {name: Decimal(0)}
    with pytest.raises(InputError, match=rf"{name} is 0; nothing could ever be opened"):
        RiskLimits(**changed)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("position_weight_max", Decimal("1.2")),
        ("sector_weight_max", Decimal(0)),
        ("daily_loss_max", Decimal(0)),
        ("opening_orders_per_day_max", 0),
        ("messages_per_minute_max", 0),
        ("closing_wait_minutes", -1),
        ("volatility_warning", Decimal(0)),
        ("cash_reserve", Decimal(1)),
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused_by_name(name: str, value: Any) -> None:
    changed: dict[str, Any] = {name: value}
    with pytest.raises(InputError, match=name):
        RiskLimits(**changed)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"margin_cushion_warning": Decimal("0.05")}, "put the warning above the stop"),
        ({"opening_wait_minutes": 200, "closing_wait_minutes": 190}, "leaves nothing of a day"),
        ({"daily_loss_max": Decimal("0.25")}, "one day may lose 25.0%"),
        ({"daily_loss_kill": Decimal("0.03")}, "everything would be closed at a loss of 3.0%"),
        ({"volatility_max": Decimal("0.10")}, "would never come"),
        ({"leverage_max": Decimal("0.10")}, "a single position may be 20%"),
    ],
)
def test_limits_that_contradict_each_other_are_refused_in_plain_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        RiskLimits(**changes)


def test_the_strictest_of_each_limit_wins() -> None:
    one = RiskLimits(
        position_weight_max=Decimal("0.20"),
        order_value_max=Decimal(50_000),
        allowed_symbols=("AAPL", "JPM", "XOM"),
        forbidden_sectors=("energy",),
        shorts_allowed=True,
        closing_wait_minutes=5,
        foreign_funding=Funding.BORROW,
    )
    other = RiskLimits(
        position_weight_max=Decimal("0.10"),
        allowed_symbols=("JPM", "AAPL"),
        forbidden_sectors=("tobacco",),
        closing_wait_minutes=15,
        foreign_funding=Funding.CONVERT,
    )
    both = strictest([one, other])
    assert both.position_weight_max == Decimal("0.10")
    assert both.order_value_max == Decimal(50_000)
    assert both.allowed_symbols == ("AAPL", "JPM")
    assert both.forbidden_sectors == ("energy", "tobacco")
    assert both.shorts_allowed is False
    assert both.closing_wait_minutes == 15
    assert both.foreign_funding is Funding.CONVERT
    assert strictest([other, one]) == both


def test_profiles_that_leave_nothing_to_trade_are_refused() -> None:
    with pytest.raises(InputError, match="no allowed symbol in common"):
        strictest([RiskLimits(allowed_symbols=("AAPL",)), RiskLimits(allowed_symbols=("JPM",))])
    with pytest.raises(InputError, match="name one profile"):
        strictest([])


def test_the_profiles_that_ship_hold_the_figures_that_were_asked_for() -> None:
    fund, strategies, learner = profile("fund"), profile("strategies"), profile("learner")
    assert (fund.position_weight_max, fund.sector_weight_max) == (Decimal("0.20"), Decimal("0.30"))
    assert (fund.opening_orders_per_day_max, fund.volatility_warning) == (10, Decimal("0.15"))
    assert (strategies.order_value_max, strategies.position_value_max) == (Decimal(50_000), Decimal(10_000))
    assert (strategies.opening_orders_per_day_max, len(strategies.allowed_symbols)) == (100, 9)
    assert (strategies.portfolio_risk_max, strategies.daily_loss_max) == (Decimal("0.05"), Decimal("0.03"))
    assert (learner.position_weight_max, learner.leverage_max) == (Decimal("0.10"), Decimal(1))
    assert (learner.daily_loss_max, learner.drawdown_max) == (Decimal("0.02"), Decimal("0.05"))
    # All of them together: the narrower of each figure.
    every = strictest(list(PROFILES.values()))
    assert (every.position_weight_max, every.daily_loss_max) == (Decimal("0.10"), Decimal("0.02"))
    assert (every.opening_orders_per_day_max, every.order_value_max) == (10, Decimal(25_000))
    with pytest.raises(InputError, match="choose from fund, service, strategies, learner"):
        profile("reckless")


def test_own_limits_and_profiles_bind_together() -> None:
    mine = replace(RiskLimits(), position_weight_max=Decimal("0.05"), order_value_max=Decimal(80_000))
    bound = under(mine, ("strategies",))
    assert (bound.position_weight_max, bound.order_value_max) == (Decimal("0.05"), Decimal(50_000))
    assert under(mine, ()) == mine


def test_a_wild_market_shrinks_limits_in_proportion() -> None:
    # Volatility of 40 % against a reference of 20 % halves them.
    limits = RiskLimits(volatility_reference=Decimal("0.20"), order_value_max=Decimal(50_000))
    half = limits.adapted(0.40)
    assert (half.position_weight_max, half.order_value_max) == (Decimal("0.10"), Decimal(25_000))
    assert half.opening_orders_per_day_max == limits.opening_orders_per_day_max


@given(st.one_of(st.none(), st.floats(0.0, 5.0)))
def test_no_volatility_makes_a_limit_larger(volatility: float | None) -> None:
    limits = replace(PROFILES["strategies"], volatility_reference=Decimal("0.20"))
    after = limits.adapted(volatility)
    for each in fields(RiskLimits):
        before, now = getattr(limits, each.name), getattr(after, each.name)
        assert now == before or now < before, each.name
    assert RiskLimits().adapted(volatility) == RiskLimits()
