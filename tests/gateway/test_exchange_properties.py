"""What holds for every stream of orders: nothing is created, lost, overfilled or dealt at a price nobody quoted."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.market import Quote
from bursar.gateway.commands import Advance, Cancel, CancelAll, Command, Place
from bursar.gateway.exchange import Exchange
from bursar.gateway.fees import BasisPoints, IbkrFixedUS
from bursar.gateway.notices import ENDED, CommissionReported, Executed, Order, OrderOpened, Refused
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from tests.conftest import Evidence
from tests.gateway.worlds import simulated

ACCOUNTS = ("DU9000001", "DU9000002")
WORLD: World = simulated(symbols=3, days=3, step_minutes=90)
#: Raw prices, so that the fixed plan may be charged on them.
CASH = Decimal(20_000)

#: Stands for the lowest order id that the client may use.
NEXT = 0

prices = st.integers(500_000, 2_000_000).map(lambda ticks: Decimal(ticks) * Decimal("0.0001"))
places = st.builds(
    Place,
    client_id=st.integers(1, 2),
    order_id=st.sampled_from([NEXT, NEXT, NEXT, *range(1, 12)]),
    account=st.sampled_from(ACCOUNTS),
    symbol=st.sampled_from(["S000", "S001", "S002"]),
    action=st.sampled_from(["BUY", "BUY", "SELL"]),
    total_quantity=st.one_of(st.integers(1, 40), st.integers(0, 700)).map(Decimal),
    order_type=st.just("LMT"),
    lmt_price=prices,
    tif=st.sampled_from(["DAY", "GTC"]),
)


def as_market(request: Place) -> Place:
    return replace(request, order_type="MKT", lmt_price=None)


streams: st.SearchStrategy[list[Command]] = st.lists(
    st.one_of(
        places,
        places.map(as_market),
        places.map(as_market),
        st.builds(Cancel, client_id=st.integers(1, 2), order_id=st.integers(1, 12)),
        st.just(CancelAll(client_id=1)),
        st.just(Advance()),
        st.just(Advance()),
    ),
    min_size=10,
    max_size=80,
)
terms = st.builds(
    Terms,
    seed=st.integers(0, 3),
    accounts=st.just(ACCOUNTS),
    cash=st.just(CASH),
    fees=st.sampled_from([BasisPoints(), BasisPoints(rate=Decimal(0)), BasisPoints(rate=Decimal("33.3"))]),
    shorts_allowed=st.booleans(),
    partial_fills=st.booleans(),
)


class Witness:
    """Watches an exchange play a stream and knows the rules by itself."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.market: dict[str, Quote] = {}
        self.asked: dict[int, Place] = {}
        self.ends: dict[int, int] = defaultdict(int)
        self.filled: dict[int, Decimal] = defaultdict(Decimal)
        self.cash = dict.fromkeys(ACCOUNTS, CASH)
        self.shares: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self.street = Decimal(0)
        self.street_shares: dict[str, Decimal] = defaultdict(Decimal)
        self.paid = Decimal(0)
        self.executions: dict[str, Executed] = {}
        self.seen = 0

    def play(self, stream: list[Command]) -> None:
        self.advance()
        for command in stream:
            if isinstance(command, Place) and command.order_id == NEXT:
                command = replace(command, order_id=self.exchange.next_order_id(command.client_id))
            if not (isinstance(command, Advance) and self.exchange.next_instant is None):
                self.market.update({quote.symbol: quote for quote in self.exchange.apply(command)})
                self.read()
        self.finish()

    def advance(self) -> None:
        self.market.update({quote.symbol: quote for quote in self.exchange.advance()})
        self.read()

    def finish(self) -> None:
        """Let the world end: what is for the day ends, what is good till canceled is canceled."""
        while self.exchange.next_instant is not None:
            self.advance()
        self.exchange.cancel_all(CancelAll(client_id=1))
        self.read()

    def read(self) -> None:
        notices, self.seen = self.exchange.notices[self.seen :], len(self.exchange.notices)
        for notice in notices:
            match notice:
                case OrderOpened(order=order):
                    self.note(order)
                case Executed():
                    self.deal(notice)
                case CommissionReported():
                    self.charge(notice)
                case Refused():
                    assert notice.code in {103, 104, 105, 201, 202, 399, 434, 10147, 10148}
        for name, account in self.exchange.accounts.items():
            assert account.cash == self.cash[name]
            if not account.shorts_allowed:
                assert account.cash >= 0
                assert account.settled_cash <= account.cash
                assert all(quantity > 0 for quantity in account.quantities.values())

    def note(self, order: Order) -> None:
        assert not self.ends[order.perm_id], "an order that ended was heard of again"
        self.asked[order.perm_id] = order.request
        assert self.filled[order.perm_id] == order.filled
        assert 0 <= order.filled <= order.request.total_quantity
        assert (order.status == "Filled") == (order.remaining == 0)
        self.ends[order.perm_id] += order.status in ENDED
        assert (order.ended_at is not None) == (order.status in ENDED)

    def deal(self, executed: Executed) -> None:
        request, quote = self.asked[executed.perm_id], self.market[executed.symbol]
        assert executed.exec_id not in self.executions
        assert self.exchange.session.open <= executed.at < self.exchange.session.close
        assert executed.at.microsecond == 0
        # Dealt at the far side of the quote of this very moment, and within the limit.
        assert quote.at == executed.at == self.exchange.now
        buying = executed.side == "BOT"
        assert executed.price == (quote.ask if buying else quote.bid)
        if request.lmt_price is not None:
            assert executed.price <= request.lmt_price if buying else executed.price >= request.lmt_price
        if self.exchange.terms.partial_fills:
            assert executed.shares <= (quote.ask_size if buying else quote.bid_size)
        self.executions[executed.exec_id] = executed
        self.filled[executed.perm_id] += executed.shares
        assert executed.cum_qty == self.filled[executed.perm_id] <= request.total_quantity
        signed = executed.shares if buying else -executed.shares
        self.cash[executed.account] -= signed * executed.price
        self.shares[executed.account, executed.symbol] += signed
        self.street += signed * executed.price
        self.street_shares[executed.symbol] -= signed

    def charge(self, report: CommissionReported) -> None:
        executed = self.executions[report.exec_id]
        assert report.commission >= 0
        self.cash[executed.account] -= report.commission
        self.paid += report.commission

    def judge(self) -> None:
        exchange = self.exchange
        assert exchange.open_orders() == ()
        assert all(count == 1 for count in self.ends.values()), "every order reaches exactly one end"
        assert set(self.ends) == set(self.asked)
        accounts = exchange.accounts.values()
        # Money: what the accounts lost, the street and the broker have.
        assert sum(account.cash for account in accounts) + self.street + self.paid == CASH * len(ACCOUNTS)
        assert sum(account.commissions for account in accounts) == self.paid
        for (name, symbol), quantity in self.shares.items():
            assert exchange.accounts[name].position(symbol).quantity == quantity
        for symbol, quantity in self.street_shares.items():
            held = sum(account.position(symbol).quantity for account in accounts)
            assert held + quantity == 0
        for account in accounts:
            assert account.held_cash() == 0
            assert all(account.available_shares(symbol) >= 0 for symbol in account.positions)


@settings(max_examples=150)
@given(stream=streams, on=terms)
def test_money_and_shares_are_neither_made_nor_lost(stream: list[Command], on: Terms) -> None:
    witness = Witness(Exchange(WORLD, on))
    witness.play(stream)
    witness.judge()


@settings(max_examples=30)
@given(stream=streams, on=terms)
def test_the_same_seed_and_stream_give_the_same_bytes(stream: list[Command], on: Terms) -> None:
    first, second = Exchange(WORLD, on), Exchange(WORLD, on)
    Witness(first).play(stream)
    Witness(second).play(stream)
    assert repr(first.notices) == repr(second.notices)
    assert repr(first.accounts) == repr(second.accounts)


@settings(max_examples=40)
@given(stream=streams)
def test_an_order_costs_the_same_in_one_fill_or_in_many(stream: list[Command]) -> None:
    # The fixed plan has a minimum and a maximum for an order, so pieces must not be charged one by one.
    raw = World(
        name="raw",
        instruments=WORLD.instruments,
        sessions=WORLD.sessions,
        past=WORLD.past,
        tape=WORLD.tape,
        adjusted=False,
    )
    fees = IbkrFixedUS()
    exchange = Exchange(raw, Terms(accounts=ACCOUNTS, cash=CASH, fees=fees, partial_fills=True))
    Witness(exchange).play(stream)
    # An order that fills over several days pays the rate of its last one; these days share their rates.
    day = WORLD.sessions[0].day
    for order in exchange.orders.all:
        if order.filled:
            whole = fees.charge(order.request.action, order.filled, order.filled_value, day)
            assert order.commission == whole


@pytest.mark.prove
def test_nothing_is_made_or_lost_over_many_streams(evidence: Evidence) -> None:
    counts: dict[str, int] = defaultdict(int)

    @settings(max_examples=5000)
    @given(stream=streams, on=terms)
    def play(stream: list[Command], on: Terms) -> None:
        witness = Witness(Exchange(WORLD, on))
        witness.play(stream)
        witness.judge()
        counts["streams"] += 1
        counts["orders"] += len(witness.asked)
        counts["executions"] += len(witness.executions)

    play()
    evidence(**counts)
    assert counts["executions"] > 5_000
