"""The broker's own books: average cost, settled cash, and what working orders hold back."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.gateway.account import Account, Position

MONDAY, WEDNESDAY = date(2022, 1, 3), date(2022, 1, 5)
D = Decimal


def account(cash: str = "10000") -> Account:
    return Account(name="DU9000001", cash=D(cash))


def book(held: Account, quantity: int, price: str, commission: str = "0") -> Decimal | None:
    notional = abs(quantity) * D(price)
    return held.book("AAA", D(quantity), notional, D(commission), WEDNESDAY)


def test_average_cost_includes_commissions() -> None:
    held = account()
    assert book(held, 100, "10", "1.00") is None
    assert book(held, 100, "12", "1.00") is None
    # 1000 + 1 + 1200 + 1, over 200 shares
    assert held.position("AAA").avg_cost == D("11.01")
    assert held.cash == D("7798.00")
    assert held.commissions == D("2.00")


def test_selling_a_part_realizes_against_average_cost() -> None:
    held = account()
    book(held, 100, "10", "1.00")
    book(held, 100, "12", "1.00")
    # 50 * 15 - 1 - 50 * 11.01
    assert book(held, -50, "15", "1.00") == D("198.50")
    assert held.position("AAA") == Position(quantity=D(150), cost=D("1651.50"), realized=D("198.50"))


def test_a_third_of_a_cost_that_does_not_divide_leaves_nothing_behind() -> None:
    held = account()
    book(held, 3, "10", "0.01")
    for _ in range(3):
        book(held, -1, "10", "0.00")
    assert held.position("AAA") == Position(realized=D("-0.01"))


def test_selling_more_than_is_held_turns_into_a_short_at_the_new_price() -> None:
    held = account()
    book(held, 10, "10")
    # 10 shares close at a profit of 20; 5 are short at 12, less their third of the commission of 0.30
    assert book(held, -15, "12", "0.30") == D("19.80")
    assert held.position("AAA").quantity == -5
    assert held.position("AAA").cost == D("-59.90")
    assert held.position("AAA").avg_cost == D("11.98")


def test_covering_a_short_realizes_what_it_was_sold_for_less_what_it_cost() -> None:
    held = account()
    book(held, -10, "12", "1")
    assert book(held, 4, "10", "1") == D("6.60")  # 4 * 11.90 - 41
    assert held.position("AAA").quantity == -6


def test_proceeds_settle_on_their_day_and_purchases_at_once() -> None:
    held = account("1000")
    book(held, 10, "50")
    book(held, -10, "60", "1")
    assert (held.cash, held.settled_cash) == (D(1099), D(500))
    held.begin_day(date(2022, 1, 4))
    assert held.settled_cash == 500
    held.begin_day(WEDNESDAY)
    assert held.settled_cash == 1099


def test_a_new_day_counts_profit_from_zero_and_forgets_what_is_gone() -> None:
    held = account()
    book(held, 10, "10")
    book(held, -5, "11")
    assert held.position("AAA").realized == 5
    held.begin_day(WEDNESDAY)
    assert held.position("AAA") == Position(quantity=D(5), cost=D(50))
    book(held, -5, "11")
    assert held.quantities == {}
    held.begin_day(date(2022, 1, 6))
    assert held.positions == {}


def test_what_orders_hold_back_is_not_available_and_comes_back() -> None:
    held = account()
    book(held, 100, "10")
    held.hold(1, cash=D(500))
    held.hold(2, symbol="AAA", shares=D(60))
    held.hold(3, symbol="BBB", shares=D(7))
    assert (held.held_cash(), held.held_cash(besides=1)) == (D(500), D(0))
    assert (held.available_shares("AAA"), held.available_shares("AAA", besides=2)) == (D(40), D(100))
    held.hold(1, cash=D(200))
    assert held.held_cash() == 200
    held.release(1)
    held.release(2)
    held.release(99)
    assert (held.held_cash(), held.available_shares("AAA")) == (D(0), D(100))


@pytest.mark.parametrize("cash", ["-0.01", "NaN", "Infinity"])
def test_an_account_cannot_begin_in_debt(cash: str) -> None:
    with pytest.raises(InputError, match="account DU9000001 cannot begin with"):
        account(cash)


TRADES = st.lists(
    st.tuples(st.integers(-50, 50).filter(bool), st.integers(1, 10_000), st.integers(0, 300)), max_size=30
)


@given(trades=TRADES)
def test_cash_cost_and_profit_balance_to_the_cent_for_any_trades(trades: list[tuple[int, int, int]]) -> None:
    held = account()
    profit, cash = D(0), D(10_000)
    for quantity, cents, fee in trades:
        price, commission = D(cents) / 100, D(fee) / 100
        profit += held.book("AAA", D(quantity), abs(quantity) * price, commission, WEDNESDAY) or D(0)
        cash -= quantity * price + commission
    assert held.cash == cash
    assert held.position("AAA").quantity == sum(quantity for quantity, _, _ in trades)
    # What came in is what was realized, less what is still tied up in the position.
    assert held.cash - 10_000 == profit - held.position("AAA").cost
    assert held.position("AAA").realized == profit
    assert held.quantities.get("AAA", D(0)) == held.position("AAA").quantity
    if not held.position("AAA").quantity:
        assert held.position("AAA").cost == 0


def test_what_is_owed_is_known_until_it_is_covered() -> None:
    held = account()
    book(held, 10, "10")
    book(held, -15, "12")
    assert held.shorts == {"AAA": D(5)}
    held.restate("AAA", Position(quantity=D(-10), cost=D(-60)), into="BBB")  # a split of 2 for 1 with a new name
    assert held.shorts == {"BBB": D(10)}
    held.restate("BBB", Position(), into="AAA")
    book(held, 1, "6")
    assert held.shorts == {}
