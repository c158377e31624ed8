"""The words of the language mean one thing, are valid once built, and say what is wrong when they are not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.accounts import SIMULATED_PREFIX, is_paper
from bursar.domain.instruments import Instrument, InstrumentKind
from bursar.domain.market import Bar, Quote
from bursar.domain.money import CENT, CURRENCIES, MINOR_UNITS, Money, round_money
from bursar.domain.orders import (
    FINAL,
    PRICES_NEEDED,
    TRANSITIONS,
    Effect,
    Order,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
)
from bursar.domain.sessions import Session, session_at, settlement_days
from bursar.domain.targets import Target, Targets
from bursar.errors import BrokerError, BursarError, InputError, LedgerError
from tests.samples import AT, OPTION, ORDER, VIEW

# ---------------------------------------------------------------- money


@pytest.mark.parametrize(
    ("amount", "cents"), [("0.005", "0.01"), ("-0.005", "-0.01"), ("1.004999", "1.00"), ("2.675", "2.68")]
)
def test_half_a_cent_goes_away_from_zero(amount: str, cents: str) -> None:
    assert round_money(Decimal(amount)) == Decimal(cents)


def test_yen_have_no_cents() -> None:
    assert round_money(Decimal("100.5"), "JPY") == Decimal(101)


def test_every_currency_with_a_unit_of_its_own_exists() -> None:
    assert MINOR_UNITS.keys() <= CURRENCIES
    assert {"USD", "EUR", "CHF", "GBP", "JPY", "CNH"} <= CURRENCIES


@given(st.decimals("-1e9", "1e9", places=6))
def test_rounding_moves_money_by_half_a_cent_at_most(amount: Decimal) -> None:
    assert abs(round_money(amount) - amount) <= CENT / 2


def test_money_adds_within_one_currency() -> None:
    one, two = Money(Decimal("1.10")), Money(Decimal("2.20"))
    assert (one + two, two - one, -one) == (Money(Decimal("3.30")), Money(Decimal("1.10")), Money(Decimal("-1.10")))
    assert str(Money(Decimal("-1234.5"), "EUR")) == "-1,234.50 EUR"


@pytest.mark.parametrize("operate", [lambda a, b: a + b, lambda a, b: a - b])
def test_money_of_two_currencies_is_not_added(operate: Any) -> None:
    with pytest.raises(InputError, match="convert one of them first"):
        operate(Money(Decimal(1)), Money(Decimal(1), "EUR"))


@pytest.mark.parametrize("currency", ["usd", "US", "DOLLAR", "", "ZZZ", "US1"])
def test_an_unknown_currency_is_named(currency: str) -> None:
    with pytest.raises(InputError, match=f"unknown currency '{currency}'"):
        Money(Decimal(1), currency)


@pytest.mark.parametrize("amount", ["NaN", "Infinity"])
def test_money_is_finite(amount: str) -> None:
    with pytest.raises(InputError, match="is not money"):
        Money(Decimal(amount))


# ---------------------------------------------------------------- instruments


def test_an_option_needs_its_terms() -> None:
    for name in ("underlying", "expiry", "strike", "right"):
        missing: dict[str, Any] = {name: None}
        with pytest.raises(InputError, match="needs underlying, expiry, strike and right"):
            replace(OPTION, **missing)


@pytest.mark.parametrize("field", ["tick", "lot", "multiplier"])
@pytest.mark.parametrize("value", ["0", "-1", "NaN"])
def test_steps_are_above_zero(field: str, value: str) -> None:
    step: dict[str, Any] = {field: Decimal(value)}
    with pytest.raises(InputError, match=f"{field} is {value}"):
        Instrument(symbol="A", **step)


def test_an_instrument_has_a_symbol() -> None:
    with pytest.raises(InputError, match="needs a symbol"):
        Instrument(symbol="")


def test_quantities_are_cut_to_lots_toward_zero() -> None:
    whole, fractions = Instrument(symbol="A"), Instrument(symbol="B", lot=Decimal("0.01"))
    assert (whole.whole_lots(Decimal("1.99")), whole.whole_lots(Decimal("-1.99"))) == (Decimal(1), Decimal(-1))
    assert fractions.whole_lots(Decimal("1.999")) == Decimal("1.99")


def test_prices_go_to_the_nearest_tick() -> None:
    nickel = Instrument(symbol="A", kind=InstrumentKind.ETF, tick=Decimal("0.05"))
    assert [nickel.on_tick(Decimal(price)) for price in ("1.02", "1.03", "1.075")] == [
        Decimal("1.00"),
        Decimal("1.05"),
        Decimal("1.10"),  # half way: to the even multiple, 22
    ]


# ---------------------------------------------------------------- market

QUOTE = Quote(symbol="A", at=AT, known_at=AT, bid=Decimal(10), ask=Decimal("10.10"))


def test_the_middle_lies_between_bid_and_ask() -> None:
    assert QUOTE.two_sided
    assert QUOTE.mid == Decimal("10.05")
    assert replace(QUOTE, ask=Decimal(10)).two_sided, "locked is not crossed"


@pytest.mark.parametrize("sides", [{"bid": None}, {"ask": None}, {"bid": None, "ask": None}, {"ask": Decimal(9)}])
def test_one_side_or_crossed_sides_have_no_middle(sides: dict[str, Any]) -> None:
    quote = replace(QUOTE, **sides)
    assert not quote.two_sided
    with pytest.raises(InputError, match="have no middle"):
        _ = quote.mid


@pytest.mark.parametrize(("low", "high"), [("10.5", "12"), ("9", "10.5"), ("12", "9")])
def test_a_bar_contains_its_open_and_close(low: str, high: str) -> None:
    with pytest.raises(InputError, match="do not bound"):
        Bar(
            symbol="A",
            day=date(2022, 1, 3),
            at=AT,
            known_at=AT,
            open=Decimal(10),
            close=Decimal(11),
            low=Decimal(low),
            high=Decimal(high),
        )


# ---------------------------------------------------------------- orders


@pytest.mark.parametrize("type_", OrderType)
def test_each_type_of_order_needs_its_prices(type_: OrderType) -> None:
    prices: dict[str, Any] = {name: Decimal(1) for name in PRICES_NEEDED[type_]}
    order = Order(order_id="o", account="U", symbol="A", side=Side.BUY, quantity=Decimal(1), type=type_, **prices)
    for name in prices:
        for wrong in (None, Decimal(0), Decimal(-1), Decimal("NaN")):
            changed: dict[str, Any] = {name: wrong}
            with pytest.raises(InputError, match=f"needs {name} above zero"):
                replace(order, **changed)


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "Infinity"])
def test_an_order_is_for_something(quantity: str) -> None:
    with pytest.raises(InputError, match="must be above zero"):
        replace(ORDER, quantity=Decimal(quantity))


def test_a_date_goes_with_good_till_date_and_only_with_it() -> None:
    with pytest.raises(InputError, match="only with it"):
        replace(ORDER, good_till=None)
    with pytest.raises(InputError, match="only with it"):
        replace(ORDER, time_in_force=TimeInForce.DAY)


def test_the_side_gives_the_sign_and_the_effect_says_what_it_does() -> None:
    assert (ORDER.signed_quantity, ORDER.opens) == (Decimal("-12.5"), False)
    short = replace(ORDER, effect=Effect.OPEN)
    cover = replace(ORDER, side=Side.BUY)
    assert (short.signed_quantity < 0, short.opens) == (True, True)
    assert (cover.signed_quantity > 0, cover.opens) == (True, False)


def test_every_status_has_a_row_and_final_ones_lead_nowhere_new() -> None:
    assert TRANSITIONS.keys() == set(OrderStatus)
    for status in FINAL:
        assert set(TRANSITIONS[status].values()) <= {status, OrderStatus.FLAGGED}


# ---------------------------------------------------------------- sessions

EARLY = Session(
    day=date(2022, 1, 3), open=datetime(2022, 1, 3, 14, 30, tzinfo=UTC), close=datetime(2022, 1, 3, 21, tzinfo=UTC)
)
LATE = Session(
    day=date(2022, 1, 4), open=datetime(2022, 1, 4, 14, 30, tzinfo=UTC), close=datetime(2022, 1, 4, 21, tzinfo=UTC)
)


def test_a_session_holds_its_opening_and_not_its_close() -> None:
    assert EARLY.contains(EARLY.open)
    assert not EARLY.contains(EARLY.close)
    assert [session_at((EARLY, LATE), at) for at in (EARLY.open, EARLY.close, LATE.close - timedelta(seconds=1))] == [
        EARLY,
        None,
        LATE,
    ]
    assert session_at((EARLY, LATE), EARLY.open - timedelta(seconds=1)) is None
    assert session_at((), EARLY.open) is None


def test_a_session_tells_the_exchanges_own_time() -> None:
    assert EARLY.local(EARLY.open).strftime("%H:%M %Z") == "09:30 EST"


def test_a_session_ends_after_it_begins_and_speaks_utc() -> None:
    with pytest.raises(InputError, match="before it opens"):
        replace(EARLY, close=EARLY.open)
    with pytest.raises(InputError, match="it must be in UTC"):
        replace(EARLY, open=EARLY.open.astimezone(timezone(timedelta(hours=-5))))


@pytest.mark.parametrize(
    ("day", "days"),
    [("2017-09-01", 3), ("2017-09-05", 2), ("2024-05-24", 2), ("2024-05-28", 1), ("2030-01-02", 1), ("1999-01-04", 3)],
)
def test_settlement_follows_the_rule_of_the_day(day: str, days: int) -> None:
    # SEC Rule 15c6-1: T+3 until 2017-09-04, T+2 until 2024-05-27, T+1 since.
    assert settlement_days(date.fromisoformat(day)) == days


# ---------------------------------------------------------------- opinions


def test_what_is_not_wanted_has_the_weight_zero() -> None:
    targets = Targets(strategy="s", targets=(Target(symbol="A", weight=0.5, reason="r"),))
    assert (targets.weight("A"), targets.weight("B")) == (0.5, 0.0)


def test_one_symbol_has_one_target() -> None:
    twice = (Target(symbol="A", weight=0.5, reason="r"), Target(symbol="A", weight=0.1, reason="r"))
    with pytest.raises(InputError, match="more than one target for A"):
        Targets(strategy="s", targets=twice)


def test_a_weight_is_finite() -> None:
    with pytest.raises(InputError, match="finite fraction"):
        Target(symbol="A", weight=float("nan"), reason="r")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"confidence": 1.01}, "confidence is 1.01"),
        ({"confidence": -0.01}, "confidence is -0.01"),
        ({"expected_excess_return": float("inf")}, "abstain instead"),
        ({"horizon_days": 0}, "give at least 1"),
        ({"evidence": ()}, "needs evidence"),
    ],
)
def test_a_view_that_says_nothing_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(VIEW, **fields)


# ---------------------------------------------------------------- names and errors


def test_an_accounts_name_says_whether_money_is_real() -> None:
    assert is_paper("DU1234567")
    assert is_paper("DF1234567")
    assert is_paper(f"{SIMULATED_PREFIX}000001")
    assert not is_paper("U1234567")


def test_errors_carry_what_to_do_with_them() -> None:
    assert str(LedgerError("wrong", sequence=7)) == "event 7: wrong"
    assert str(LedgerError("wrong")) == "wrong"
    error = BrokerError("busy", code=100, retryable=True)
    assert (str(error), error.code, error.retryable) == ("busy", 100, True)
    assert isinstance(error, BursarError)
    assert isinstance(InputError("x"), ValueError)
