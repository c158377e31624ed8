"""What a portfolio is worth, in one currency, and how far that can be relied on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from bursar.domain import events as e
from bursar.errors import DataError, InputError
from bursar.ledger.book import Book
from bursar.ledger.valuation import Valuation, rate, value
from tests.ledger.anything import Story, stories
from tests.ledger.tale import MAIN, Tale, U, dec, decs


def valued(tale: Tale, rates: dict[str, str] | None = None, stale: tuple[str, ...] = (), **prices: Any) -> Valuation:
    given_rates = {currency: dec(each) for currency, each in (rates or {}).items()}
    return value(tale.main(), {s: dec(price) for s, price in prices.items()}, given_rates, "USD", stale=stale)


def test_net_asset_value_is_cash_and_positions_at_their_prices() -> None:
    worth = valued(Tale(cash=10_000).buy(100, 10, fee=1).list("B").buy(50, 20, "B"), A=12, B=18)
    # cash 10,000 - 1001 - 1000 = 7999; positions 1200 + 900
    assert decs(worth.cash, worth.positions_value, worth.net_asset_value) == decs(7999, 2100, 10_099)
    assert worth.unrealized == {"A": dec(199), "B": dec(-100)}
    assert worth.weights == {"A": float(Decimal(1200) / 10_099), "B": float(Decimal(900) / 10_099)}
    assert (worth.stale, worth.missing, worth.doubtful) == ((), (), 0.0)


def test_a_short_is_worth_less_than_nothing_and_options_count_a_hundred() -> None:
    from bursar.domain.instruments import OptionRight

    tale = Tale(shorts=True, cash=1000).sell(10, 50).list_option("O", OptionRight.CALL, 100).buy(1, 2, "O")
    worth = valued(tale, A=40, O=3)
    # cash 1000 + 500 - 200; -400 + 300
    assert decs(worth.cash, worth.positions_value) == decs(1300, -100)
    assert worth.unrealized == {"A": dec(100), "O": dec(100)}
    assert worth.weights["A"] == pytest.approx(-400 / 1200)


def test_other_currencies_are_converted_at_the_rate_given() -> None:
    tale = Tale(cash=1000).list("X", "EUR").deposit(1000, "EUR").buy(10, 50, "X", currency="EUR")
    worth = valued(tale, {"EUR": "1.10"}, X=60)
    # 1000 + 500 x 1.10 + 600 x 1.10
    assert worth.net_asset_value == Decimal("2210.00")
    assert worth.unrealized == {"X": Decimal("110.00")}
    with pytest.raises(DataError, match="no rate from EUR to USD"):
        valued(tale, X=60)


def test_a_currency_of_which_nothing_is_left_needs_no_rate() -> None:
    tale = Tale(cash=1000).deposit(5, "EUR").deposit(-5, "EUR")
    assert valued(tale).net_asset_value == 1000


def test_old_and_missing_prices_are_named_with_the_part_that_rests_on_them() -> None:
    tale = Tale(cash=0).list("B").list("C").deposit(100)
    tale.buy(10, 10).buy(10, 20, "B").mark(B=25)
    tale.add(
        e.PositionAdopted,
        account=U,
        portfolio=MAIN,
        symbol="C",
        quantity=dec(10),
        cost_basis=Tale().deposit(50).events[-1].amount,  # type: ignore[attr-defined]  # 50 USD
    )
    worth = valued(tale, A=10, stale=("A", "B"))
    # A 100 at an old price; B 250 at its last mark, without a price; C 50 at cost, never priced
    assert worth.values == {"A": 100, "B": 250, "C": 50}
    assert (worth.stale, worth.missing, worth.unpriced) == (("A",), ("B", "C"), ("C",))
    assert worth.doubtful == 1.0
    assert valued(tale, A=10, B=25).doubtful == 50 / 400


def test_what_has_no_known_cost_has_no_unrealized_gain() -> None:
    tale = Tale()
    tale.add(e.PositionAdopted, account=U, portfolio=MAIN, symbol="A", quantity=dec(10))
    worth = valued(tale, A=5)
    assert (worth.values, worth.unrealized) == ({"A": dec(50)}, {})


def test_without_equity_there_are_no_weights() -> None:
    worth = valued(Tale(cash=0, shorts=True).sell(1, 10), A=20)
    assert worth.net_asset_value == -10
    assert worth.weights == {}


def test_a_negative_price_is_refused() -> None:
    with pytest.raises(InputError, match="the price of A is -1"):
        valued(Tale().buy(1, 1), A=-1)


def test_a_rate_to_itself_is_one() -> None:
    assert rate("USD", {}, "USD") == 1


def at_marks(book: Book, name: str) -> Valuation:
    rates = {"EUR": Decimal("1.1")} | dict(book.rates)
    return value(book.portfolio(U, name), book.marks, rates, "USD")


@pytest.mark.no_cover
@given(stories())
def test_equity_is_what_was_paid_in_and_every_gain(story: Story) -> None:
    """Net asset value is cash and cost and what is not realized, however it came about."""
    book = story.keeper.book()
    for _, name in book.portfolios:
        held, worth = book.portfolio(U, name), at_marks(book, name)
        rates = {"USD": Decimal(1), "EUR": book.rates.get("EUR", Decimal("1.1"))}
        cost = sum((p.cost * rates[p.currency] for p in held.positions.values() if p.known), Decimal(0))
        unknown = sum((worth.values[s] for s, p in held.positions.items() if not p.known), Decimal(0))
        cash = sum((amount * rates[currency] for currency, amount in held.cash.items()), Decimal(0))
        expected = cash + cost + unknown + sum(worth.unrealized.values(), Decimal(0))
        assert abs(worth.net_asset_value - expected) < Decimal("1e-12")
        if worth.weights:
            assert sum(worth.weights.values()) + float(worth.cash / worth.net_asset_value) == pytest.approx(1.0)
