"""Every limit that can be set changes what the gate or the guard says: one account before and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bursar.config import Given, Settings, build
from bursar.domain.events import Approved, Rejected, TradingState, TradingStateChanged
from bursar.domain.orders import Effect, Order, Side
from bursar.errors import InputError
from bursar.risk.limits import RiskLimits
from bursar.risk.rules import Exposure, Sent
from bursar.trading.standing import DRAWDOWN, Standing
from tests.builders import CLOSE, OPEN, instrument, order, quote
from tests.risk.account import EXPOSURE, NOW, verdict
from tests.risk.test_rules import KNOWN, LATER

PASSES = "passes"
Observed = Callable[[RiskLimits], Any]


def says(basket: tuple[Order, ...] = (order(),), seen: Exposure = EXPOSURE) -> Observed:
    """What the gate says of a basket: that it passes, the rule that stops it, or that the broker is to be asked."""

    def observe(limits: RiskLimits) -> str:
        answer = verdict(*basket, exposure=seen, limits=limits)
        if answer.previews:
            return "asks"
        first = answer.events[0]
        return first.rule if isinstance(first, Rejected) else PASSES

    return observe


def warned(rule: str, basket: tuple[Order, ...], seen: Exposure) -> Observed:
    """Whether a soft rule warns."""

    def observe(limits: RiskLimits) -> bool:
        first = verdict(*basket, exposure=seen, limits=limits).events[0]
        assert isinstance(first, Approved)
        return not next(check.passed for check in first.checks if check.rule == rule)

    return observe


def waits(limits: RiskLimits) -> bool:
    """Whether a person must wait after a drawdown in a session that has just begun."""
    standing = Standing()
    standing.apply(
        TradingStateChanged(
            event_id="g-1", at=OPEN, account="DU9", state=TradingState.REDUCING, reason="fell", by=DRAWDOWN
        )
    )
    return bool(standing.refusal(date(2022, 1, 4), limits.drawdown_wait_sessions))


def in_a_wild_market(limits: RiskLimits) -> Decimal:
    """The largest position while the market swings by 20 % a year."""
    return limits.adapted(0.20).position_weight_max


def with_sent(*quantities: int) -> Exposure:
    earlier = tuple(Sent("AAPL", Side.BUY, Decimal(quantity), NOW - timedelta(seconds=90)) for quantity in quantities)
    return replace(EXPOSURE, sent=earlier)


BIG = (order(quantity=190),)
SHORT = (order(side=Side.SELL, effect=Effect.OPEN),)
COVER = (order(side=Side.BUY, effect=Effect.CLOSE, quantity=5),)
OWING = replace(EXPOSURE, quantities={"AAPL": Decimal(-5)})
ABROAD = replace(
    EXPOSURE,
    instruments={**EXPOSURE.instruments, "AAPL": replace(instrument(), currency="CHF")},
    rates={"CHF": Decimal("1.1")},
)
LATE = replace(
    EXPOSURE,
    at=CLOSE - timedelta(minutes=10),
    quotes={"AAPL": quote("AAPL", "100", at=CLOSE - timedelta(minutes=10))},
)
THIN = replace(EXPOSURE, maintenance=Decimal(85_000))
REPORTING = replace(EXPOSURE, earnings={"AAPL": OPEN.date()})
WILD = replace(KNOWN, covariance=4 * np.cov(KNOWN.returns.T) if KNOWN.returns is not None else None)
TWINS = np.column_stack([KNOWN.returns[:, 0], KNOWN.returns[:, 0]]) if KNOWN.returns is not None else np.empty((0, 2))
TOGETHER = replace(KNOWN, returns=TWINS, covariance=np.cov(TWINS.T))
PAIR = (order("o-1", "AAPL", 100), order("o-2", "XOM", 100))
EVENING = replace(KNOWN, next_session=LATER)

#: For each key: a value, what is looked at, and what it says by default and then.
CASES: dict[str, tuple[str, Observed, Any, Any]] = {
    "risk.profiles": ("learner", says((order(quantity=150),)), PASSES, "position_weight"),
    "risk.position_value_max": ("18999", says(BIG), PASSES, "position_value"),
    "risk.leverage_max": ("1.5", says(), PASSES, "asks"),
    "risk.order_value_max": ("18999", says(BIG), PASSES, "order_value"),
    "risk.order_weight_max": ("18%", says(BIG), PASSES, "fat_finger"),
    "risk.notional_per_day_max": ("18999", says(BIG), PASSES, "daily_notional"),
    "risk.repeats_per_day_max": ("2", says(seen=with_sent(1, 2)), PASSES, "repeated"),
    "risk.duplicate_seconds": ("120", says(seen=with_sent(10)), PASSES, "duplicate"),
    "risk.messages_per_minute_max": ("5", says(seen=replace(EXPOSURE, messages=5)), PASSES, "message_rate"),
    "risk.allowed_symbols": ("JPM, XOM", says(), PASSES, "allowed_symbol"),
    "risk.forbidden_sectors": ("technology", says(), PASSES, "allowed_sector"),
    "risk.shorts_allowed": ("true", says(SHORT), "permission", "asks"),
    "risk.covers_allowed": ("true", says(COVER, OWING), "permission", PASSES),
    "risk.collar_max": ("5%", says(seen=replace(EXPOSURE, closes={"AAPL": Decimal(90)})), PASSES, "price_collar"),
    "risk.opening_wait_minutes": ("90", says(), PASSES, "minutes_from_the_bell"),
    "risk.closing_wait_minutes": ("30", says(seen=LATE), PASSES, "minutes_from_the_bell"),
    "risk.quote_age_seconds_max": (
        "3600",
        says(seen=replace(EXPOSURE, at=NOW + timedelta(minutes=30))),
        "quote_fresh",
        PASSES,
    ),
    "risk.foreign_funding": ("borrow", says(seen=ABROAD), "funding", PASSES),
    "risk.preview_weight_min": ("10%", says(BIG), PASSES, "asks"),
    "risk.margin_cushion_warning": ("99%", warned("margin_warning", BIG, EXPOSURE), False, True),
    "risk.margin_cushion_min": ("0.20", says(seen=THIN), PASSES, "margin_cushion"),
    "risk.daily_loss_max": ("0.01", says(seen=replace(EXPOSURE, loss_today=Decimal("0.02"))), PASSES, "daily_loss"),
    "risk.daily_loss_kill": ("0.06", lambda limits: limits.daily_loss_kill, None, Decimal("0.06")),
    "risk.drawdown_max": ("0.10", says(seen=replace(EXPOSURE, drawdown=Decimal("0.15"))), PASSES, "drawdown"),
    "risk.drawdown_wait_sessions": ("0", waits, True, False),
    "risk.volatility_max": ("0.15", says(BIG, WILD), PASSES, "volatility_max"),
    "risk.volatility_reference": ("0.10", in_a_wild_market, Decimal("0.20"), Decimal("0.10")),
    "risk.portfolio_risk_max": ("0.005", says(BIG), PASSES, "portfolio_risk"),
    "risk.var_95_max": ("0.01", says(BIG, KNOWN), PASSES, "var_95"),
    "risk.correlation_max": ("0.5", says(PAIR, TOGETHER), PASSES, "correlation"),
    "risk.overnight_gap_max": ("0.001", warned("overnight_gap", BIG, EVENING), False, True),
    "risk.earnings_blocked": ("false", says(seen=REPORTING), "earnings", PASSES),
}


@pytest.mark.parametrize("key", CASES)
def test_a_changed_limit_changes_what_the_gate_says(key: str) -> None:
    value, observe, before, after = CASES[key]
    assert observe(Settings().risk.limits()) == before
    assert observe(build({key: Given(value, "in a test")}).risk.limits()) == after


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("risk.order_value_max", "0"),
        ("risk.daily_loss_max", "0"),
        ("risk.position_value_max", "-5"),
        ("risk.quote_age_seconds_max", "0"),
        ("risk.profiles", "reckless"),
        ("risk.foreign_funding", "beg"),
    ],
)
def test_a_limit_that_is_zero_or_unknown_is_refused_with_what_is_allowed(key: str, value: str) -> None:
    with pytest.raises(InputError, match=rf"{key} is '{value}' in a test; give"):
        build({key: Given(value, "in a test")})


def test_limits_that_contradict_each_other_are_refused_when_they_are_read() -> None:
    with pytest.raises(InputError, match="lower the first or raise the second"):
        build({"risk.daily_loss_max": Given("0.3", "in a test")})
    # Alone each is fine; the profile brings the other half.
    with pytest.raises(InputError, match="no allowed symbol in common"):
        build({"risk.profiles": Given("service", ""), "risk.allowed_symbols": Given("RRC", "")})


def test_an_empty_line_lifts_a_limit() -> None:
    lifted = build({key: Given("", "in a test") for key in ("risk.daily_loss_max", "risk.drawdown_max")}).risk.limits()
    assert (lifted.daily_loss_max, lifted.drawdown_max) == (None, None)
