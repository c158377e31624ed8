"""Interest and the fee of borrowed shares by hand: what accrues at night, and what a month's posting is.

The plan is IBKR Pro's as published (see ``interest``); benchmarks are made up for the tests.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.gateway.borrow import Lending, Loan, borrow_fee
from bursar.gateway.exchange import Exchange
from bursar.gateway.fees import BasisPoints
from bursar.gateway.interest import Benchmark, InterestPlan, posting_day
from bursar.gateway.margin import MarginRules
from bursar.gateway.notices import Executed, Refused, StatusReported
from bursar.gateway.portfolio import account_values
from bursar.gateway.terms import Terms
from tests.gateway.worlds import OPEN, Script, order, written

ACCOUNT = "DU9000001"
D = Decimal
FREE = BasisPoints(rate=D(0))
DAY = date(2022, 1, 3)
#: 4.5 % since ever, and 5 % from the second half of January 2022.
PLAN = InterestPlan(
    benchmarks=(
        Benchmark(rate=D("4.5")),
        Benchmark(rate=D("5.0"), since=date(2022, 1, 16)),
        Benchmark(rate=D("3.5"), currency="GBP"),
    )
)
FLAT: Script = {OPEN: {"AAA": ("100.00", "100.00"), "BBB": ("100.00", "100.00")}}


# ---------------------------------------------------------------- what a balance earns or costs


@pytest.mark.parametrize(
    ("balance", "equity", "days", "amount"),
    [
        ("10000", "200000", 1, "0"),  # nothing on the first 10,000
        ("46000", "200000", 1, "4"),  # 36,000 at 4 % over 360 days
        ("46000", "50000", 1, "2"),  # half of it at half of the equity
        ("46000", "200000", 3, "12"),  # over a weekend
        ("-36000", "200000", 1, "-6"),  # 36,000 at 6 %
        ("-136000", "200000", 1, "-22.1666666667"),  # 100,000 at 6 % and 36,000 at 5.5 %: 16.6667 + 5.5
    ],
)
def test_what_a_balance_earns_or_costs(balance: str, equity: str, days: int, amount: str) -> None:
    accrued = PLAN.accrued(D(balance), D(equity), "USD", DAY, days)
    assert accrued.quantize(D("1e-10")) == D(amount)


def test_pounds_are_counted_over_365_days_and_an_unknown_currency_earns_nothing() -> None:
    assert PLAN.accrued(D(46_500), D(200_000), "GBP", DAY, 1) == D(36_500) * 3 / 36_500
    assert PLAN.accrued(D(46_500), D(200_000), "CHF", DAY, 1) == 0


def test_the_rate_of_the_day_counts_and_credit_never_costs() -> None:
    assert PLAN.accrued(D(46_000), D(200_000), "USD", date(2022, 1, 16), 1) == D("4.5")
    low = InterestPlan(benchmarks=(Benchmark(rate=D("-0.5")),))
    assert low.accrued(D(46_000), D(200_000), "USD", DAY, 1) == 0
    assert low.accrued(D(-36_000), D(200_000), "USD", DAY, 1) == -1  # -0.5 + 1.5


def test_debt_is_never_cheaper_than_the_floor() -> None:
    low = InterestPlan(benchmarks=(Benchmark(rate=D("-1")),))
    assert low.accrued(D(-36_000), D(200_000), "USD", DAY, 1) == D("-0.75")


@given(balance=st.integers(-300_000_000, 300_000_000), more=st.integers(0, 1_000_000))
def test_more_debt_costs_more_and_more_cash_earns_no_less(balance: int, more: int) -> None:
    less, greater = (PLAN.accrued(D(each), D(10**9), "USD", DAY, 1) for each in (balance, balance + more))
    assert less <= greater


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: Benchmark(rate=D("NaN")), "a benchmark of NaN % a year for USD"),
        (lambda: InterestPlan(benchmarks=(), debit=((D(1), D(1)),)), "must begin at zero and rise"),
        (lambda: InterestPlan(benchmarks=(), debit=()), "must begin at zero and rise"),
        (lambda: Loan(symbol="AAA", fee=D(-1)), "the fee of borrowing AAA is -1 %"),
        (lambda: Loan(symbol="AAA", fee=D(1), shares=D(-1)), "-1 shares of AAA cannot be lent"),
        (lambda: Lending(fee=D("Infinity")), "the usual fee of borrowing is Infinity %"),
    ],
)
def test_terms_that_cannot_be_are_refused(made: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        made()  # type: ignore[operator]


def test_a_month_is_posted_from_its_third_trading_day_on() -> None:
    days = (date(2022, 1, 31), date(2022, 2, 1), date(2022, 2, 2), date(2022, 2, 3), date(2022, 2, 4))
    assert [posting_day(day, days) for day in days] == [False, False, False, True, True]


# ---------------------------------------------------------------- through the nights of an exchange


def through(days: int, terms: Terms, *orders: object, first: date = DAY) -> Exchange:
    """So many flat days; ``orders`` are placed at the first opening bell."""
    exchange = Exchange(written(*([FLAT] * days), first=first), terms)
    exchange.advance()
    for each in orders:
        exchange.place(each)  # type: ignore[arg-type]
    while exchange.session is not exchange.world.sessions[-1] or not exchange.open:
        exchange.advance()
    return exchange


def test_interest_accrues_on_settled_cash_only_and_shows_as_accrued() -> None:
    terms = Terms(cash=D(100_000), fees=FREE, interest=PLAN)
    exchange = through(4, terms, order(1, "BUY", 540))
    # 54,000 leave on Wednesday: two nights on 100,000 earn 10.00 each (90,000 at 4 %), the third 4.00 on 46,000.
    assert exchange.overnight.accrued(ACCOUNT) == {"USD": D(24)}
    told = {(each.tag, each.currency): each.value for each in account_values(exchange, ACCOUNT)}
    assert told["AccruedCash", "USD"] == told["AccruedCash", "BASE"] == told["AccruedCash-S", "USD"] == "24.00"
    assert told["TotalCashValue", "USD"] == "46000.00"


def test_a_weekend_counts_three_days() -> None:
    exchange = through(2, Terms(cash=D(100_000), fees=FREE, interest=PLAN), first=date(2022, 1, 7))
    assert exchange.overnight.accrued(ACCOUNT) == {"USD": D(30)}


def test_a_months_interest_is_posted_to_the_cent_on_the_third_trading_day_of_the_next() -> None:
    terms = Terms(cash=D(100_000), fees=FREE, interest=PLAN)
    exchange = through(2, terms, first=date(2022, 1, 31))
    account = exchange.accounts[ACCOUNT]
    assert (account.cash, exchange.overnight.accrued(ACCOUNT)) == (D(100_000), {"USD": D("11.25")})
    exchange = through(4, terms, first=date(2022, 1, 31))
    account = exchange.accounts[ACCOUNT]
    # January's night was 90,000 at 4.5 %; two of February have accrued since.
    (posted,) = account.entries
    assert (posted.day, posted.kind, posted.amount) == (date(2022, 2, 3), "Broker Interest Received", D("11.25"))
    assert posted.description == "USD CREDIT INT FOR JAN-2022"
    assert account.cash == D("100011.25")
    assert exchange.overnight.accrued(ACCOUNT) == {"USD": D("22.50")}


def test_what_is_owed_costs_interest() -> None:
    terms = Terms(cash=D(100_000), fees=FREE, interest=PLAN, margin=MarginRules())
    exchange = through(4, terms, order(1, "BUY", 1_360), first=date(2022, 1, 26))
    # The debt of 36,000 begins on Friday the 28th: three days at 6.5 % (5 and 1.5).
    assert exchange.accounts[ACCOUNT].cash == -36_000
    assert exchange.overnight.accrued(ACCOUNT)["USD"] == D("11.25") * 2 - 3 * D("6.5")


def test_the_proceeds_of_a_short_earn_nothing_and_its_shares_cost_a_fee() -> None:
    terms = Terms(cash=D(46_000), fees=FREE, interest=PLAN, margin=MarginRules(), lending=Lending(fee=D("3.6")))
    exchange = through(4, terms, order(1, "SELL", 100))
    # Cash 56,000, of which 10,000 are the short's. Two nights on 46,000 before it settles, one after: each 36,000 at
    # 4 % and an equity of 46,000 of 100,000: 1.84. Then 100 shares at 102 and 3.6 %: 1.02.
    assert exchange.overnight.accrued(ACCOUNT)["USD"] == 3 * D("1.84") - D("1.02")


def test_the_fee_of_borrowed_shares_is_on_102_percent_rounded_up_to_a_dollar() -> None:
    # 1,000 shares at 25.10: 25.602 becomes 26; 26,000 at 10 % over 360 days.
    assert borrow_fee(D(1_000), D("25.10"), D(10), 1).quantize(D("0.0001")) == D("7.2222")


# ---------------------------------------------------------------- locates


def short_terms(shares: int | None, *later: Loan) -> Terms:
    loans = (Loan(symbol="AAA", fee=D(5), shares=None if shares is None else D(shares)), *later)
    return Terms(accounts=(ACCOUNT, "DU9000002"), fees=FREE, margin=MarginRules(), lending=Lending(loans=loans))


def standing(exchange: Exchange, order_id: int) -> tuple[str, str]:
    found = exchange.order(1, order_id)
    assert found is not None
    return found.status, found.why_held


def test_a_short_without_shares_to_borrow_is_held_and_filled_once_there_are() -> None:
    terms = short_terms(100, Loan(symbol="AAA", fee=D(9), shares=D(500), since=date(2022, 1, 4)))
    exchange = Exchange(written(FLAT, FLAT), terms)
    exchange.advance()
    exchange.place(order(1, "SELL", 101, tif="GTC"))
    assert standing(exchange, 1) == ("PreSubmitted", "locate")
    (refused,) = [notice for notice in exchange.notices if isinstance(notice, Refused)]
    assert refused.code == 404
    assert "not immediately available for short sale" in refused.text
    held = [notice.order.why_held for notice in exchange.notices if isinstance(notice, StatusReported)]
    assert held == ["locate"]
    while exchange.session is exchange.world.sessions[0]:
        exchange.advance()
    assert standing(exchange, 1)[0] == "PreSubmitted"
    exchange.advance()
    assert standing(exchange, 1) == ("Filled", "")
    assert exchange.accounts[ACCOUNT].quantities == {"AAA": D(-101)}


def test_what_is_lent_is_counted_over_all_accounts_and_with_what_working_orders_were_promised() -> None:
    exchange = Exchange(written(FLAT), short_terms(100))
    exchange.advance()
    exchange.place(order(1, "SELL", 60))
    exchange.place(order(2, "SELL", 30, limit="150.00", account="DU9000002"))
    exchange.place(order(3, "SELL", 11, account="DU9000002"))
    assert standing(exchange, 3) == ("PreSubmitted", "locate")
    exchange.place(order(4, "SELL", 10, account="DU9000002"))
    assert [standing(exchange, number)[0] for number in (1, 2, 4)] == ["Filled", "Submitted", "Filled"]
    # Whoever sells what he holds borrows nothing.
    exchange.place(order(5, "BUY", 60))
    exchange.place(order(6, "BUY", 40))
    exchange.place(order(7, "SELL", 40))
    assert standing(exchange, 7)[0] == "Filled"


def test_a_cash_account_that_may_sell_short_looks_for_shares_too() -> None:
    loans = (Loan(symbol="AAA", fee=D(5), shares=D(0)),)
    exchange = Exchange(written(FLAT), Terms(fees=FREE, shorts_allowed=True, lending=Lending(loans=loans)))
    exchange.advance()
    exchange.place(order(1, "SELL", 1))
    exchange.place(order(2, "SELL", 1, "BBB"))
    assert standing(exchange, 1) == ("PreSubmitted", "locate")
    assert [notice.symbol for notice in exchange.notices if isinstance(notice, Executed)] == ["BBB"]


def test_shares_that_another_order_took_are_waited_for_and_not_dealt() -> None:
    exchange = Exchange(written(FLAT), short_terms(None))
    exchange.advance()
    exchange.place(order(1, "SELL", 1_000))
    assert standing(exchange, 1)[0] == "Filled"
