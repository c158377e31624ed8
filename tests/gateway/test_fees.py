"""What trades cost, by hand and always."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.venues import venue
from bursar.errors import InputError
from bursar.gateway.exchange import Exchange
from bursar.gateway.fees import (
    SECTION_31_RATES,
    TRADING_ACTIVITY_FEES,
    BasisPoints,
    FeeSchedule,
    IbkrFixedUS,
    IbkrTieredUS,
    by_value,
    check_fees,
    section_31_fee,
    trading_activity_fee,
)
from bursar.gateway.terms import Terms
from tests.gateway.worlds import QUIET, order, simulated, written

DAY = date(2022, 1, 3)
SCHEDULES: tuple[FeeSchedule, ...] = (
    BasisPoints(),
    BasisPoints(rate=Decimal("12.5")),
    by_value(Decimal(8), Decimal(6)),
    IbkrFixedUS(),
    IbkrTieredUS(),
)


def charge(schedule: FeeSchedule, action: str, quantity: str, price: str, day: date = DAY) -> Decimal:
    return schedule.charge(action, Decimal(quantity), Decimal(quantity) * Decimal(price), day)


@pytest.mark.parametrize(
    ("exchange", "quantity", "price", "fee"),
    [
        ("XASX", "400", "50", "16.00"),  # 400 * 50 * 0.0008: the example that IBKR publishes
        ("XASX", "100", "50", "6.00"),  # 4.00, and the least is 6.00
        ("XETR", "1000", "20", "10.00"),  # 20,000 * 0.0005
        ("XETR", "100", "40", "3.00"),  # 2.00, and the least is 3.00
    ],
)
def test_the_fixed_plans_of_sydney_and_frankfurt(exchange: str, quantity: str, price: str, fee: str) -> None:
    published = venue(exchange).commission
    assert published is not None
    schedule = by_value(published.basis_points, published.minimum)
    assert not schedule.by_share
    for action in ("BUY", "SELL"):
        assert charge(schedule, action, quantity, price) == Decimal(fee)


def test_without_a_least_the_basis_points_are_all() -> None:
    assert by_value(Decimal(8), Decimal(0)) == BasisPoints(rate=Decimal(8))
    with pytest.raises(InputError, match="a least fee of -1 cannot be charged"):
        by_value(Decimal(8), Decimal(-1))


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
    ("quantity", "traded", "price", "fee"),
    [
        # 1000 * 0.0035 = 3.50, and 0.0026 passed through; clearing 0.20, the exchange 3.00
        ("1000", "0", "50", "6.70"),
        ("10", "0", "50", "0.38"),  # at least 0.35; clearing 0.002, the exchange 0.03
        ("1000", "300000", "50", "5.20"),  # 2.00 in the second tier
        ("1000", "299900", "50", "5.35"),  # 100 * 0.0035 + 900 * 0.0020 = 2.15
        ("1000", "200000000", "50", "3.70"),  # 0.50 in the last one
        ("10", "0", "2", "0.23"),  # 1 % of 20 rules over the minimum; 0.002 and 0.03
    ],
)
def test_the_tiered_plan_for_a_purchase(quantity: str, traded: str, price: str, fee: str) -> None:
    shares = Decimal(quantity)
    assert IbkrTieredUS().charge("BUY", shares, shares * Decimal(price), DAY, Decimal(traded)) == Decimal(fee)


def test_a_sale_in_the_tiered_plan_pays_the_regulators_too() -> None:
    # 6.70 as above (6.7025725); SEC 0.255 and FINRA 0.13
    assert charge(IbkrTieredUS(), "SELL", "1000", "50") == Decimal("7.09")


def test_the_tiers_of_a_month_are_reached_by_all_orders_of_an_account_and_begin_anew() -> None:
    plan = IbkrTieredUS(tiers=((Decimal(0), Decimal("0.01")), (Decimal(100), Decimal("0.002"))))
    exchange = Exchange(written(QUIET, QUIET, first=date(2022, 1, 31)), Terms(fees=plan, cash=Decimal(10**6)))
    exchange.advance()
    for number, quantity in enumerate((80, 40, 40), 1):
        exchange.place(order(number, "BUY", quantity))
    # 80 at a cent; 20 at a cent and 20 at 0.2; 40 at 0.2, of which 0.35 is the least
    shares = [Decimal(80), Decimal(40), Decimal(40)]
    others = [each * Decimal("0.0032") for each in shares]
    expected = [
        (amount * Decimal("1.000735") + other).quantize(Decimal("0.01"))
        for amount, other in zip((Decimal("0.80"), Decimal("0.35"), Decimal("0.35")), others, strict=True)
    ]
    assert [report.commission for _, report in exchange.deals.all] == expected
    while exchange.session is exchange.world.sessions[0] or not exchange.open:
        exchange.advance()
    exchange.place(order(4, "BUY", 80))
    assert exchange.deals.all[-1][1].commission == expected[0]


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
