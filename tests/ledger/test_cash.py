"""Cash that moves without a trade: worked by hand, and always balanced."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bursar.domain import events as e
from bursar.errors import LedgerError
from bursar.ledger.book import Bookkeeper
from bursar.ledger.postings import AccountName, Nature
from tests.ledger.tale import MAIN, Tale, U, dec, decs, lots, money, pairs


def test_a_deposit_is_capital_and_a_withdrawal_gives_it_back() -> None:
    main = Tale(cash=1000).deposit(-300).main()
    assert main.cash == {"USD": 700}
    assert main.balances[AccountName(Nature.CAPITAL, "USD")] == -700
    assert [(flow.amount, flow.outside) for flow in main.flows] == [(dec(1000), True), (dec(-300), True)]


def test_cash_that_moves_between_portfolios_is_neither_capital_nor_gain() -> None:
    tale = Tale(cash=1000)
    tale.add(e.CashMoved, account=U, from_portfolio=MAIN, to_portfolio="growth", amount=money(400))
    book = tale.book()
    assert [book.portfolio(U, name).cash["USD"] for name in (MAIN, "growth")] == [600, 400]
    assert book.portfolio(U, "growth").balances[AccountName(Nature.TRANSFER, "USD")] == -400
    assert [(flow.amount, flow.outside) for flow in book.portfolio(U, "growth").flows] == [(dec(400), False)]
    assert book.portfolio(U, "growth").realized == {}


def test_fees_and_rebates_and_interest_either_way() -> None:
    tale = Tale(cash=1000)
    tale.add(e.FeeCharged, account=U, portfolio=MAIN, amount=money("-1.50"), what="market data")
    tale.add(e.FeeCharged, account=U, portfolio=MAIN, amount=money("0.20"), what="rebate", symbol="A")
    tale.add(e.InterestPaid, account=U, portfolio=MAIN, amount=money("2.34"))
    tale.add(e.InterestPaid, account=U, portfolio=MAIN, amount=money("-0.34"))
    main = tale.main()
    assert main.cash == {"USD": dec("1000.70")}
    assert main.fees == {"USD": dec("1.30")}
    assert main.income == {"USD": dec(2)}


def test_a_conversion_moves_both_currencies_and_is_no_gain() -> None:
    tale = Tale(cash=2000)
    tale.add(
        e.CurrencyConverted,
        account=U,
        portfolio=MAIN,
        sold=money(1130),
        bought=money(1000, "EUR"),
        commission=money(2),
    )
    main = tale.main()
    assert main.cash == {"USD": 868, "EUR": 1000}
    assert main.fees == {"USD": 2}
    assert main.realized == {}


@pytest.mark.parametrize(
    ("sold", "bought"), [(("1", "USD"), ("1", "USD")), (("-1", "USD"), ("1", "EUR")), (("1", "USD"), ("0", "EUR"))]
)
def test_a_conversion_has_two_currencies_and_amounts_above_zero(sold: tuple[str, str], bought: tuple[str, str]) -> None:
    tale = Tale()
    tale.add(
        e.CurrencyConverted, account=U, portfolio=MAIN, sold=money(*sold), bought=money(*bought), commission=money(0)
    )
    with pytest.raises(LedgerError, match=r"event 4: .*cannot be exchanged"):
        tale.book()


# ---------------------------------------------------------------- dividends


def test_a_dividend_is_income_before_the_tax_that_was_withheld() -> None:
    main = Tale(cash=1000).buy(100, 5).dividend(22, withheld="3.30").main()
    # 1000 - 500 + 22 - 3.30
    assert main.cash == {"USD": dec("518.70")}
    assert main.balances[AccountName(Nature.DIVIDEND, "USD", "A")] == -22
    assert main.balances[AccountName(Nature.WITHHELD, "USD", "A")] == dec("3.30")
    assert main.income == {"USD": dec("18.70")}
    assert main.positions["A"].cost_basis == 500


def test_tax_that_is_given_back_is_withheld_below_zero() -> None:
    main = Tale(cash=1000).buy(100, 5).dividend(22, withheld="3.30").dividend(0, withheld="-1.10").main()
    assert main.balances[AccountName(Nature.WITHHELD, "USD", "A")] == dec("2.20")


def test_a_payment_in_lieu_has_an_account_of_its_own_because_it_is_taxed_otherwise() -> None:
    main = Tale().buy(100, 5).dividend(22, income=e.Income.PAYMENT_IN_LIEU).main()
    assert main.balances[AccountName(Nature.IN_LIEU, "USD", "A")] == -22


def test_a_short_pays_the_dividend() -> None:
    main = Tale(shorts=True, cash=1000).sell(100, 5).dividend(-22, income=e.Income.PAYMENT_IN_LIEU).main()
    assert main.cash == {"USD": 1478}
    assert main.income == {"USD": -22}


def test_a_dividend_may_be_paid_after_the_shares_were_sold_and_in_another_currency() -> None:
    main = Tale().buy(10, 5).sell(10, 6).dividend(3, currency="EUR").main()
    assert main.cash["EUR"] == 3
    assert main.income == {"EUR": 3}


def test_a_dividend_goes_to_the_strategies_that_hold_the_shares() -> None:
    main = Tale().buy(10, 5, strategy="a").buy(20, 5, strategy="b").dividend("10.00", withheld="1.00").main()
    income = {name.strategy: -balance for name, balance in main.balances.items() if name.nature is Nature.DIVIDEND}
    # one third and two thirds of 10.00; what rounding leaves stays with the last
    assert income == {"a": dec("3.33333333"), "b": dec("6.66666667")}


def test_what_was_never_held_pays_nothing() -> None:
    with pytest.raises(LedgerError, match=r"event 4: .*A was never held in DU9000001 'main'"):
        Tale().dividend(1).book()


# ---------------------------------------------------------------- returns of capital


def test_capital_that_comes_back_lowers_the_cost_and_is_no_income() -> None:
    main = Tale().buy(100, 10).buy(100, 20).dividend(300, income=e.Income.RETURN_OF_CAPITAL).main()
    # 1.50 a share: 1000 - 150, 2000 - 150
    assert lots(main.positions["A"]) == pairs(100, 850, 100, 1850)
    assert main.income == {}
    assert main.realized == {"USD": 0}


def test_what_comes_back_beyond_the_cost_is_a_gain() -> None:
    # IRS Publication 550, "Nondividend Distributions": after the basis has been reduced to zero, a gain.
    main = Tale().buy(100, 1).buy(100, 10).dividend(300, withheld=30, income=e.Income.RETURN_OF_CAPITAL).main()
    assert lots(main.positions["A"]) == pairs(100, 0, 100, 850)
    assert main.realized == {"USD": 50}
    assert main.income == {"USD": -30}


def test_a_short_pays_capital_back_and_raises_its_cost() -> None:
    held = Tale(shorts=True).sell(100, 10).dividend(-150, income=e.Income.RETURN_OF_CAPITAL).held()
    assert lots(held) == pairs(-100, -850)


def test_capital_that_comes_back_after_the_sale_is_a_gain_and_of_unknown_cost_is_neither() -> None:
    assert Tale().buy(1, 10).sell(1, 10).dividend(3, income=e.Income.RETURN_OF_CAPITAL).main().realized == {"USD": 3}
    tale = Tale()
    tale.add(e.PositionAdopted, account=U, portfolio=MAIN, symbol="A", quantity=dec(10))
    main = tale.dividend(3, income=e.Income.RETURN_OF_CAPITAL).main()
    assert main.balances[AccountName(Nature.UNKNOWN_BASIS, "USD", "A")] == -3
    assert main.realized == {}


def test_capital_comes_back_in_the_shares_own_currency() -> None:
    with pytest.raises(LedgerError, match="comes back in EUR, not USD"):
        Tale().buy(1, 10).dividend(3, income=e.Income.RETURN_OF_CAPITAL, currency="EUR").book()


# ---------------------------------------------------------------- postings


def test_what_an_event_was_entered_as_can_be_asked_for() -> None:
    keeper = Bookkeeper()
    entered = []
    for event in Tale(cash=1000).buy(100, 5, fee=1).mark(A=6).sell(50, 6, fee=1).events:
        keeper.apply(event)
        entered.append([(name.nature.value, amount) for name, amount in keeper.postings()])
    assert entered == [
        [],
        [],
        [("cash", dec(1000)), ("capital", dec(-1000))],
        [("cash", dec(-501)), ("cost", dec(501))],
        [],
        # proceeds 299, cost 250.50, gain 48.50
        [("cash", dec(299)), ("cost", dec("-250.5")), ("realized", dec("-48.5"))],
    ]


def test_events_that_move_no_money_change_only_the_place_in_the_journal() -> None:
    keeper = Bookkeeper()
    for event in Tale().events:
        keeper.apply(event)
    before = keeper.book()
    keeper.apply(e.Alerted(event_id="x", at=before.at or Tale().at, severity="info", message="nothing"))
    after = keeper.book()
    assert (after.sequence, after.portfolios, decs(1)) == (before.sequence + 1, before.portfolios, (Decimal(1),))
