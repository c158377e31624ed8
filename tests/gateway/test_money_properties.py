"""What holds of money for every stream of orders: in margin accounts, short, overnight, with interest and dividends.

A witness counts cash and shares from what the exchange says alone, and knows the requirements by itself.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.gateway.account import CashEntry
from bursar.gateway.borrow import Lending, Loan
from bursar.gateway.commands import Place
from bursar.gateway.exchange import Exchange
from bursar.gateway.fees import BasisPoints
from bursar.gateway.interest import Benchmark, InterestPlan
from bursar.gateway.margin import MarginRules
from bursar.gateway.notices import CommissionReported, Executed
from bursar.gateway.path import Shape
from bursar.gateway.portfolio import holdings, profit, values
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from tests.conftest import Evidence
from tests.gateway.worlds import session, tape, weekdays

D = Decimal
ACCOUNTS = ("DU9000001", "DU9000002")
CASH = D(20_000)
RULES = MarginRules()


def wild() -> World:
    """Three symbols whose days are as wild as months, over the turn of one, so that margin runs out."""
    prices = tape(3, 68, volatility=0.12, prices_seed=5, shape=Shape(step_minutes=90))
    sessions = tuple(session(day) for day in weekdays(date(2021, 9, 1), 68))
    return World(name="wild", instruments=prices.instruments, sessions=sessions[60:], past=sessions[:60], tape=prices)


WORLD = wild()
#: An order, and by how many instants time goes on after it; a number in its place is a dividend in cents a share.
Step = tuple[str, str, int, str, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(ACCOUNTS),
        st.sampled_from(["BUY", "SELL", "SELL", "DIVIDEND"]),
        st.one_of(st.integers(1, 60), st.integers(100, 900)),
        st.sampled_from(["S000", "S001", "S002"]),
        st.sampled_from([0, 0, 1, 3, 9, 20]),
    ),
    min_size=3,
    max_size=30,
)
terms = st.builds(
    Terms,
    accounts=st.just(ACCOUNTS),
    cash=st.just(CASH),
    fees=st.sampled_from([BasisPoints(), BasisPoints(rate=D(0)), BasisPoints(rate=D("33.3"))]),
    margin=st.sampled_from([RULES, RULES, RULES, None]),
    partial_fills=st.booleans(),
    interest=st.sampled_from([None, InterestPlan(benchmarks=(Benchmark(rate=D("5.33")),))]),
    lending=st.sampled_from([None, Lending(loans=(Loan(symbol="S001", fee=D(40), shares=D(50)),))]),
)


class Teller:
    """Counts cash and shares from executions, commissions and postings."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.cash = dict.fromkeys(ACCOUNTS, CASH)
        self.shares: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self.at: dict[str, str] = {}
        self.seen = 0
        self.posted = dict.fromkeys(ACCOUNTS, 0)
        self.liquidations = 0

    def play(self, stream: list[Step]) -> None:
        exchange = self.exchange
        self.advance(2)
        for number, (account, action, quantity, symbol, ahead) in enumerate(stream, 1):
            if action == "DIVIDEND":
                self.dividend(symbol, D(quantity) / 100)
            else:
                request = Place(
                    client_id=1,
                    order_id=number,
                    account=account,
                    symbol=symbol,
                    action=action,
                    total_quantity=D(quantity),
                    tif="GTC",
                )
                exchange.place(request)
            self.look()
            self.advance(ahead)
        self.advance(10_000)

    def dividend(self, symbol: str, each: Decimal) -> None:
        """Who is long is paid, who is short pays."""
        for account in self.exchange.accounts.values():
            amount = account.position(symbol).quantity * each
            if amount:
                kind = "Dividends" if amount > 0 else "Payment In Lieu Of Dividends"
                account.post(CashEntry(day=self.exchange.session.day, kind=kind, amount=amount, symbol=symbol))

    def advance(self, count: int) -> None:
        for _ in range(count):
            if self.exchange.next_instant is None:
                return
            self.exchange.advance()
            self.look(moved=True)

    def look(self, *, moved: bool = False) -> None:
        """Take in what was said; after prices ``moved`` nobody may be left without margin."""
        notices, self.seen = self.exchange.notices[self.seen :], len(self.exchange.notices)
        for notice in notices:
            if isinstance(notice, Executed):
                signed = notice.shares if notice.side == "BOT" else -notice.shares
                self.cash[notice.account] -= signed * notice.price
                self.shares[notice.account, notice.symbol] += signed
                self.at[notice.exec_id] = notice.account
                self.liquidations += notice.liquidation
            elif isinstance(notice, CommissionReported):
                self.cash[self.at[notice.exec_id]] -= notice.commission
        for name, account in self.exchange.accounts.items():
            for entry in account.entries[self.posted[name] :]:
                self.cash[name] += entry.amount
            self.posted[name] = len(account.entries)
            self.judge(name, moved=moved)

    def judge(self, name: str, *, moved: bool) -> None:
        exchange, account = self.exchange, self.exchange.accounts[name]
        held = {symbol: quantity for (of, symbol), quantity in self.shares.items() if of == name and quantity}
        assert account.cash == self.cash[name]
        assert account.quantities == held
        # Equity is cash and shares at last prints, and nothing else.
        prices = {symbol: exchange.quote(symbol).last for symbol in held}  # type: ignore[union-attr]
        worth = {symbol: quantity * (prices[symbol] or D(0)) for symbol, quantity in held.items()}
        equity = account.cash + sum(worth.values(), D(0))
        standing = exchange.credit.standing(account)
        assert standing.equity == exchange.credit.net_liquidation(account) == equity
        if account.margin is None:
            assert all(quantity > 0 for quantity in held.values())
            assert standing.maintenance == standing.initial == sum(worth.values(), D(0))
            return
        assert standing.initial >= standing.maintenance >= sum(map(abs, worth.values()), D(0)) / 4
        assert standing.excess == equity - standing.maintenance
        assert standing.available == equity - standing.initial - standing.held
        if moved and standing.excess < 0 and exchange.open and not exchange.terms.partial_fills:
            assert not held, "whoever has no margin left and could be dealt with is sold out"

    def close(self) -> None:
        """What was made and lost in the end is what was realized, is unrealized, or was posted."""
        exchange = self.exchange
        for name, account in exchange.accounts.items():
            posted = sum((entry.amount for entry in account.entries), D(0))
            open_profit = sum((row.unrealized_pnl for row in holdings(exchange, name)), D(0))
            closed = sum(
                (report.realized_pnl or D(0) for each, report in exchange.deals.all if each.account == name), D(0)
            )
            equity = exchange.credit.net_liquidation(account)
            assert abs(equity - CASH - posted - closed - open_profit) < D("1e-6")
            assert profit(exchange, name).unrealized == open_profit
            told = values(exchange, name)
            assert D(told["NetLiquidation", "USD"]) == D(told["NetLiquidationByCurrency", "BASE"])
            if lending := exchange.terms.lending:
                assert lending.loan("S001", exchange.session.day).shares == 50
        if exchange.terms.lending:
            assert sum(max(-each.position("S001").quantity, D(0)) for each in exchange.accounts.values()) <= 50


@pytest.mark.no_cover
@settings(max_examples=50)
@given(stream=steps, on=terms)
def test_cash_shares_and_equity_are_what_was_told_for_any_stream(stream: list[Step], on: Terms) -> None:
    teller = Teller(Exchange(WORLD, on))
    teller.play(stream)
    teller.close()


@settings(max_examples=10)
@given(stream=steps, on=terms)
def test_the_same_stream_gives_the_same_bytes_with_margin_too(stream: list[Step], on: Terms) -> None:
    first, second = Teller(Exchange(WORLD, on)), Teller(Exchange(WORLD, on))
    first.play(stream)
    second.play(stream)
    assert repr(first.exchange.notices) == repr(second.exchange.notices)
    assert repr(first.exchange.accounts) == repr(second.exchange.accounts)


def test_margin_runs_out_in_this_world_so_that_liquidation_is_among_what_is_looked_at() -> None:
    # S002 goes from 32 to 60.
    stream: list[Step] = [(ACCOUNTS[0], "SELL", 800, "S002", 0), (ACCOUNTS[1], "BUY", 300, "S002", 0)]
    teller = Teller(Exchange(WORLD, Terms(accounts=ACCOUNTS, cash=CASH, margin=RULES)))
    teller.play(stream)
    assert teller.liquidations > 0


@pytest.mark.prove
def test_money_adds_up_over_many_streams(evidence: Evidence) -> None:
    counts: dict[str, int] = defaultdict(int)

    @settings(max_examples=2_000)
    @given(stream=steps, on=terms)
    def play(stream: list[Step], on: Terms) -> None:
        teller = Teller(Exchange(WORLD, on))
        teller.play(stream)
        teller.close()
        counts["streams"] += 1
        counts["executions"] += len(teller.exchange.deals.all)
        counts["liquidations"] += teller.liquidations

    play()
    evidence(**counts)
    assert counts["liquidations"] > 100
