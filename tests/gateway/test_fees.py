"""What trades cost, by hand and always."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.gateway.fees import (
    SECTION_31_RATES,
    TRADING_ACTIVITY_FEES,
    BasisPoints,
    FeeSchedule,
    IbkrFixedUS,
    check_fees,
    section_31_fee,
    trading_activity_fee,
)
from tests.gateway.worlds import simulated, written

DAY = date(2022, 1, 3)
SCHEDULES: tuple[FeeSchedule, ...] = (BasisPoints(), BasisPoints(rate=Decimal("12.5")), IbkrFixedUS())


def charge(schedule: FeeSchedule, action: str, quantity: str, price: str, day: date = DAY) -> Decimal:
    return schedule.charge(action, Decimal(quantity), Decimal(quantity) * Decimal(price), day)


@pytest.mark.parametrize(
    ("quantity", "price", "fee"),
    [
        ("100", "50", "1.00"),  # 100 shares at half a cent are 0.50, and the least is 1.00
        ("1000", "50", "5.00"),  # 1000 * 0.005
        ("1000", "0.25", "2.50"),  # 5.00 is more than 1 % of 250
        ("10", "2", "0.20"),  # the ceiling of 1 % rules below the minimum too
        ("301", "50", "1.51"),  # 1.505, halves up
    ],
)
def test_the_fixed_plan_for_a_purchase(quantity: str, price: str, fee: str) -> None:
    assert charge(IbkrFixedUS(), "BUY", quantity, price) == Decimal(fee)


def test_a_sale_in_the_fixed_plan_pays_the_regulators_too() -> None:
    # 1000 * 0.005 = 5.00; SEC 50,000 * 5.10 / 1,000,000 = 0.255; FINRA 1000 * 0.00013 = 0.13: 5.385
    assert charge(IbkrFixedUS(), "SELL", "1000", "50") == Decimal("5.39")


@pytest.mark.parametrize(
    ("day", "fee"),
    [
        (date(2021, 2, 24), "22.10"),
        (date(2021, 2, 25), "5.10"),
        (date(2022, 5, 13), "5.10"),
        (date(2022, 5, 14), "22.90"),
        (date(2023, 2, 27), "8.00"),
        (date(2024, 5, 22), "27.80"),
        (date(2025, 5, 14), "0.00"),
    ],
)
def test_the_sec_takes_the_rate_of_the_day(day: date, fee: str) -> None:
    assert section_31_fee(Decimal(1_000_000), day) == Decimal(fee)


def test_finra_takes_no_more_than_its_most() -> None:
    assert trading_activity_fee(Decimal(1000), DAY) == Decimal("0.13")
    assert trading_activity_fee(Decimal(10_000_000), DAY) == Decimal("6.49")
    assert trading_activity_fee(Decimal(10_000_000), date(2021, 12, 31)) == Decimal("5.95")


def test_before_the_first_known_rate_nothing_is_guessed() -> None:
    with pytest.raises(InputError, match="no SEC fee is known for 2018-05-21; the table begins on 2018-05-22"):
        section_31_fee(Decimal(1), date(2018, 5, 21))
    with pytest.raises(InputError, match="no FINRA fee is known for 2012-06-30"):
        trading_activity_fee(Decimal(1), date(2012, 6, 30))


def test_the_tables_are_in_order_of_time() -> None:
    for days in ([row[0] for row in SECTION_31_RATES], [row[0] for row in TRADING_ACTIVITY_FEES]):
        assert days == sorted(set(days))


def test_basis_points_of_the_money_traded() -> None:
    assert charge(BasisPoints(rate=Decimal(10)), "BUY", "300", "50.05") == Decimal("15.02")  # 15.015, halves up
    assert charge(BasisPoints(rate=Decimal(0)), "SELL", "300", "50.05") == 0


@pytest.mark.parametrize("rate", ["-1", "NaN", "Infinity"])
def test_a_rate_below_zero_or_none_at_all_is_refused(rate: str) -> None:
    with pytest.raises(InputError, match="basis points cannot be charged"):
        BasisPoints(rate=Decimal(rate))


def test_fees_by_the_share_are_refused_on_adjusted_prices() -> None:
    with pytest.raises(InputError, match=r"IbkrFixedUS charges by the share, and the prices of 'simulated' are adj"):
        check_fees(IbkrFixedUS(), simulated())
    check_fees(BasisPoints(), simulated())
    check_fees(IbkrFixedUS(), written())


def test_fees_by_the_share_are_refused_before_they_are_known() -> None:
    with pytest.raises(InputError, match="IbkrFixedUS is known since 2018-05-22, and 'written' begins on 2018-05-21"):
        check_fees(IbkrFixedUS(), written(first=date(2018, 5, 21)))


@given(
    schedule=st.sampled_from(SCHEDULES),
    action=st.sampled_from(["BUY", "SELL"]),
    quantity=st.integers(1, 10**6),
    more=st.integers(0, 10**6),
    cents=st.integers(1, 10**6),
    day=st.dates(date(2018, 5, 22), date(2030, 1, 1)),
)
def test_more_of_the_same_never_costs_less_and_everything_is_in_cents(
    schedule: FeeSchedule, action: str, quantity: int, more: int, cents: int, day: date
) -> None:
    price = Decimal(cents) / 100
    small = schedule.charge(action, Decimal(quantity), quantity * price, day)
    large = schedule.charge(action, Decimal(quantity + more), (quantity + more) * price, day)
    assert 0 <= small <= large
    assert small == small.quantize(Decimal("0.01"))
