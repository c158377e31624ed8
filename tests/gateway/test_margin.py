"""Margin by hand: what positions need, what may be opened, and what is closed without a call.

Figures follow 12 CFR 220.12 (initial 50 % long, 150 % short) and FINRA Rule 4210(c) (25 % long; 30 % short, more for
cheap shares), told against equity: the proceeds of a short lie in cash, so that its 150 % are 50 % here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.gateway.commands import Condition
from bursar.gateway.exchange import Exchange
from bursar.gateway.fees import BasisPoints
from bursar.gateway.margin import MarginRules, Requirement, Standing, requirement, requirement_of
from bursar.gateway.notices import Executed, Refused, StatusReported, WhatIf
from bursar.gateway.portfolio import account_values
from bursar.gateway.terms import Terms
from tests.gateway.worlds import LATE, NOON, OPEN, Script, order, written

ACCOUNT = "DU9000001"
D = Decimal
FREE = BasisPoints(rate=D(0))

#: AAA and BBB at 100 flat: nothing is lost by crossing.
FLAT: Script = {OPEN: {"AAA": ("100.00", "100.00"), "BBB": ("100.00", "100.00")}}


def exchange_of(day: Script, cash: str = "10000", **more: Any) -> Exchange:
    """A margin account at the opening bell."""
    terms = Terms(cash=D(cash), fees=FREE, margin=more.pop("margin", MarginRules()), **more)
    exchange = Exchange(written({**day}, size="1000000"), terms)
    exchange.advance()
    return exchange


def standing(exchange: Exchange) -> Standing:
    return exchange.credit.standing(exchange.accounts[ACCOUNT])


def codes(exchange: Exchange) -> list[int]:
    return [notice.code for notice in exchange.notices if isinstance(notice, Refused)]


def held(exchange: Exchange) -> dict[str, int]:
    return {symbol: int(quantity) for symbol, quantity in exchange.accounts[ACCOUNT].quantities.items()}


def test_a_condition_on_the_cushion_waits_for_it_to_shrink() -> None:
    # 150 at 100 of 10,000: 5,000 are owed, 3,750 must stay, 6,250 are spare: 62.5 %. At 80 the equity is 7,000, 3,000
    # must stay, and 4,000 of 7,000 are 57 %.
    day: Script = {**FLAT, NOON: {"AAA": ("80.00", "80.00")}}
    exchange = exchange_of(day)
    exchange.place(order(1, "BUY", 150))
    low = Condition(kind=4, value="60", is_more=False)
    exchange.place(order(2, "SELL", 50, conditions=(low,)))
    assert held(exchange) == {"AAA": 150}
    while exchange.now < exchange.session.close:
        exchange.advance()
    assert held(exchange) == {"AAA": 100}


# ---------------------------------------------------------------- requirements


@pytest.mark.parametrize(
    ("quantity", "price", "initial", "maintenance"),
    [
        ("100", "50", "2500", "1250"),  # 5,000 long: half, and a quarter
        ("-100", "50", "2500", "1500"),  # 5,000 short: half beyond the proceeds, and 30 %
        ("-100", "10", "500", "500"),  # $5 a share is more than 30 % of 10, and as much as half of it
        ("-100", "8", "500", "500"),  # and more than half of 8
        ("-100", "4", "400", "400"),  # below $5 all of it
        ("-100", "2", "250", "250"),  # and at least $2.50 a share
        ("0", "50", "0", "0"),
    ],
)
def test_what_one_position_needs(quantity: str, price: str, initial: str, maintenance: str) -> None:
    needs = requirement_of(MarginRules(), D(quantity), D(price))
    assert needs == Requirement(initial=D(initial), maintenance=D(maintenance))


def test_what_two_positions_need_adds_up_and_a_short_does_not_cover_a_long() -> None:
    needs = requirement(MarginRules(), [(D(100), D(50)), (D(-100), D(50))])
    assert needs == Requirement(initial=D(5000), maintenance=D(2750))


@given(
    quantity=st.integers(-1000, 1000).map(D),
    price=st.decimals("0.01", "500", places=2),
)
def test_keeping_never_needs_more_than_opening(quantity: Decimal, price: Decimal) -> None:
    needs = requirement_of(MarginRules(), quantity, price)
    assert 0 <= needs.maintenance <= needs.initial


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"initial_long": D("0")}, "initial_long is 0; give more than zero"),
        ({"maintenance_short": D("1.3")}, "maintenance_short is 1.3; give more than zero and at most 1"),
        ({"initial_long": D("0.2")}, "maintenance_long is 0.25 and initial_long 0.2"),
        ({"equity_min": D("NaN")}, "equity_min is NaN"),
    ],
)
def test_rules_that_cannot_be_are_refused(rules: dict[str, Decimal], words: str) -> None:
    with pytest.raises(InputError, match=words):
        MarginRules(**rules)


# ---------------------------------------------------------------- buying power


def test_ten_thousand_dollars_buy_stock_for_twenty_thousand() -> None:
    exchange = exchange_of(FLAT)
    assert standing(exchange).power == 20_000
    exchange.place(order(1, "BUY", 200))
    # Equity 10,000; 20,000 of stock need 10,000 to open and 5,000 to keep; 10,000 are owed.
    assert standing(exchange) == Standing(
        equity=D(10_000),
        gross=D(20_000),
        initial=D(10_000),
        maintenance=D(5_000),
        held=D(0),
        available=D(0),
        excess=D(5_000),
        power=D(0),
    )
    assert exchange.accounts[ACCOUNT].cash == -10_000
    exchange.place(order(2, "BUY", 1))
    assert codes(exchange) == [201]


def test_the_refusal_names_equity_and_the_margin_that_is_asked_for() -> None:
    exchange = exchange_of(FLAT)
    exchange.place(order(1, "BUY", 201))
    (refused,) = [notice for notice in exchange.notices if isinstance(notice, Refused)]
    assert refused.text.endswith(
        "YOUR EQUITY WITH LOAN VALUE [10000.00 USD] MUST EXCEED THE INITIAL MARGIN [10050.00 USD]"
    )


def test_a_short_for_twenty_thousand_needs_ten_of_equity_and_leaves_its_proceeds_in_cash() -> None:
    exchange = exchange_of(FLAT)
    exchange.place(order(1, "SELL", 200))
    assert exchange.accounts[ACCOUNT].cash == 30_000
    now = standing(exchange)
    assert (now.equity, now.initial, now.maintenance) == (D(10_000), D(10_000), D(6_000))
    assert (now.available, now.excess) == (D(0), D(4_000))
    exchange.place(order(2, "SELL", 1))
    assert codes(exchange) == [201]


def test_working_orders_hold_back_margin_and_give_it_back() -> None:
    exchange = exchange_of(FLAT)
    exchange.place(order(1, "BUY", 120, limit="90.00", tif="GTC"))
    # 120 shares would need half of their value at the last print, 6,000.
    assert (standing(exchange).held, standing(exchange).available) == (D(6_000), D(4_000))
    exchange.place(order(2, "BUY", 90))
    assert codes(exchange) == [201]
    exchange.place(order(3, "BUY", 80))
    assert held(exchange) == {"AAA": 80}


def test_two_sales_of_one_position_are_looked_at_as_a_sale_and_a_short() -> None:
    exchange = exchange_of(FLAT)
    exchange.place(order(1, "BUY", 200))
    exchange.place(order(2, "SELL", 200, limit="110.00"))
    assert standing(exchange).held == 0  # it only closes
    exchange.place(order(3, "SELL", 200, limit="110.00"))
    assert codes(exchange) == [201]  # and this one would open a short for 20,000


def test_whoever_makes_a_position_smaller_may_always_do_so() -> None:
    day: Script = {**FLAT, NOON: {"AAA": ("60.00", "60.00")}}
    exchange = exchange_of(day)
    exchange.place(order(1, "BUY", 200))
    exchange.advance()
    # Equity 2,000 and initial 6,000: nothing may be opened, but the rest may be sold.
    assert standing(exchange).available < 0
    before = held(exchange)["AAA"]
    exchange.place(order(2, "SELL", 10))
    assert held(exchange)["AAA"] == before - 10


def test_an_account_below_two_thousand_may_neither_borrow_nor_sell_short() -> None:
    exchange = exchange_of(FLAT, cash="1900")
    assert standing(exchange).power == 1_900
    exchange.place(order(1, "BUY", 20))
    exchange.place(order(2, "SELL", 1))
    assert codes(exchange) == [201, 201]
    refused = [notice.text for notice in exchange.notices if isinstance(notice, Refused)]
    assert all("MINIMUM OF 2000 USD" in text for text in refused)
    exchange.place(order(3, "BUY", 19))
    assert held(exchange) == {"AAA": 19}


def test_turning_a_long_into_a_short_needs_margin_for_the_short_alone() -> None:
    exchange = exchange_of(FLAT)
    exchange.place(order(1, "BUY", 200))
    exchange.place(order(2, "SELL", 400))
    assert held(exchange) == {"AAA": -200}
    assert standing(exchange).available == 0


# ---------------------------------------------------------------- what-if


def test_a_what_if_tells_initial_and_maintenance_margin_and_changes_nothing() -> None:
    exchange = exchange_of(FLAT)
    exchange.place(order(1, "BUY", 100))
    answer = exchange.what_if(order(2, "SELL", 250))
    # 10,000 long need 5,000 and 2,500; 15,000 short would need 7,500 and 4,500.
    assert answer == WhatIf(
        commission=D("0.00"),
        currency="USD",
        margin_before=D(5_000),
        margin_after=D(7_500),
        maintenance_before=D(2_500),
        maintenance_after=D(4_500),
        equity_before=D(10_000),
        equity_after=D(10_000),
    )
    assert held(exchange) == {"AAA": 100}
    refused = exchange.what_if(order(2, "BUY", 250))
    assert isinstance(refused, Refused)
    assert refused.code == 201


# ---------------------------------------------------------------- liquidation


def test_a_long_is_sold_as_soon_as_equity_does_not_cover_its_maintenance_and_only_as_far() -> None:
    # 200 shares at 100 with 10,000 owed. At 66 equity is 3,200 and maintenance 3,300: 100 are missing, and each
    # share that is sold sets 16.50 free: 7 shares (6.06 are enough, in whole lots).
    exchange = exchange_of({**FLAT, NOON: {"AAA": ("67.00", "67.00")}, LATE: {"AAA": ("66.00", "66.00")}})
    exchange.place(order(1, "BUY", 200))
    exchange.advance()
    assert (held(exchange), standing(exchange).excess) == ({"AAA": 200}, D("50"))
    exchange.advance()
    assert held(exchange) == {"AAA": 193}
    assert standing(exchange).excess == D("3200") - 193 * D("16.5")
    (closing,) = [notice for notice in exchange.notices if isinstance(notice, Executed) and notice.liquidation]
    assert (closing.client_id, closing.order_id, closing.order_ref) == (0, -1, "LIQUIDATION")
    assert (closing.side, closing.shares, closing.price) == ("SLD", D(7), D("66.00"))
    assert exchange.next_order_id(0) == 1


def test_a_short_is_bought_back_when_it_rises() -> None:
    # Short 200 at 100: cash 30,000. At 125 equity is 5,000 and 25,000 short need 7,500: 2,500 are missing, and
    # each share sets 37.50 free: 67 shares (66.7).
    exchange = exchange_of({**FLAT, NOON: {"AAA": ("125.00", "125.00")}})
    exchange.place(order(1, "SELL", 200))
    exchange.advance()
    assert held(exchange) == {"AAA": -133}
    assert standing(exchange).excess == 5_000 - 133 * D("37.5")


def test_selling_below_the_last_print_costs_equity_and_so_more_is_sold() -> None:
    # Quotes 65 x 67, last 66: a share sets 16.50 free and loses 1.00. 100 / 15.50 = 6.45: 7 shares.
    exchange = exchange_of({**FLAT, NOON: {"AAA": ("65.00", "67.00")}})
    exchange.place(order(1, "BUY", 200))
    exchange.advance()
    assert held(exchange) == {"AAA": 193}
    assert standing(exchange).excess == D("3200") - 7 - 193 * D("16.5")


def test_the_position_that_needs_the_most_goes_first_and_all_orders_are_canceled() -> None:
    day: Script = {**FLAT, NOON: {"AAA": ("50.00", "50.00"), "BBB": ("95.00", "95.00")}}
    exchange = exchange_of(day)
    exchange.place(order(1, "BUY", 90))
    exchange.place(order(2, "BUY", 100, "BBB"))
    exchange.place(order(3, "BUY", 1, limit="1.00", tif="GTC"))
    exchange.advance()
    # Debt 9,000. Equity 4,500 + 9,500 - 9,000 = 5,000; maintenance 1,125 + 2,375 = 3,500: nothing happens.
    assert held(exchange) == {"AAA": 90, "BBB": 100}
    assert len(exchange.open_orders()) == 1
    deeper: Script = {**FLAT, NOON: {"AAA": ("20.00", "20.00"), "BBB": ("95.00", "95.00")}}
    exchange = exchange_of(deeper)
    exchange.place(order(1, "BUY", 90))
    exchange.place(order(2, "BUY", 100, "BBB"))
    exchange.place(order(3, "BUY", 1, limit="1.00", tif="GTC"))
    exchange.advance()
    # Equity 1,800 + 9,500 - 9,000 = 2,300; maintenance 450 + 2,375 = 2,825: 525 are missing; BBB needs the most,
    # 23.75 a share: 23 shares (22.1).
    assert held(exchange) == {"AAA": 90, "BBB": 77}
    assert exchange.open_orders() == ()
    ends = [notice.order for notice in exchange.notices if isinstance(notice, StatusReported) and notice.order.ended]
    assert [each.status for each in ends if each.request.order_id == 3] == ["Cancelled"]


def test_an_account_that_is_under_water_is_sold_out_and_owes_the_rest() -> None:
    exchange = exchange_of({**FLAT, NOON: {"AAA": ("40.00", "40.00")}})
    exchange.place(order(1, "BUY", 200))
    exchange.advance()
    assert held(exchange) == {}
    assert exchange.accounts[ACCOUNT].cash == -2_000
    now = standing(exchange)
    assert (now.excess, now.cushion, now.leverage, now.power) == (D(-2_000), D(0), D(0), D(0))


def test_no_more_is_closed_at_once_than_is_on_display() -> None:
    flat = {"AAA": ("100.00", "100.00"), "BBB": ("100.00", "100.00")}
    crash = {"AAA": ("10.00", "10.00"), "BBB": ("100.00", "100.00")}
    terms = Terms(cash=D(10_000), fees=FREE, margin=MarginRules(), partial_fills=True)
    exchange = Exchange(written({OPEN: flat, NOON: flat, LATE: crash}, size="60"), terms)
    exchange.advance()
    exchange.place(order(1, "BUY", 120))
    exchange.place(order(2, "BUY", 60, "BBB"))
    exchange.advance()
    assert held(exchange) == {"AAA": 120, "BBB": 60}
    exchange.advance()
    # 8,000 are owed and 7,200 are left: everything must go, and 60 of each can.
    assert held(exchange) == {"AAA": 60}


def test_a_cash_account_is_never_liquidated() -> None:
    exchange = Exchange(written({**FLAT, NOON: {"AAA": ("1.00", "1.00")}}), Terms(cash=D(10_000), fees=FREE))
    exchange.advance()
    exchange.place(order(1, "BUY", 100))
    exchange.advance()
    assert held(exchange) == {"AAA": 100}


# ---------------------------------------------------------------- values


def test_the_values_of_a_margin_account_are_those_of_its_standing() -> None:
    exchange = exchange_of({**FLAT, NOON: {"AAA": ("120.00", "120.00")}})
    exchange.place(order(1, "BUY", 150))
    exchange.advance()
    told = {each.tag: each.value for each in account_values(exchange, ACCOUNT) if each.currency != "BASE"}
    # Cash 10,000 - 15,000; stock 18,000: equity 13,000, initial 9,000, maintenance 4,500.
    assert told["TotalCashValue"] == "-5000.00"
    assert told["NetLiquidation"] == told["EquityWithLoanValue"] == told["EquityWithLoanValue-S"] == "13000.00"
    assert told["InitMarginReq"] == told["FullInitMarginReq-S"] == told["LookAheadInitMarginReq"] == "9000.00"
    assert told["MaintMarginReq"] == told["RegTMargin"].replace("9000", "4500") == "4500.00"
    assert told["AvailableFunds"] == told["SMA"] == "4000.00"
    assert told["ExcessLiquidity"] == "8500.00"
    assert told["BuyingPower"] == "8000.00"
    assert told["Cushion"] == "0.653846"  # 8,500 / 13,000
    assert told["Leverage-S"] == "1.38"  # 18,000 / 13,000
