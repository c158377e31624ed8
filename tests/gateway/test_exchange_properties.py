"""What holds for every stream of orders: nothing is created, lost, overfilled or dealt at a price nobody quoted."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

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
CASH = Decimal(200_000)

#: What may be answered.
CODES = {103, 104, 105, 110, 111, 113, 135, 161, 201, 202, 321, 399, 434, 10147, 10148, 10326, 10341}
#: Stands for the lowest order id that the client may use.
NEXT = 0

#: Prices as parts of the last one, which they are multiplied with when they are sent: within three percent, mostly.
prices = st.one_of(st.integers(9_700, 10_300), st.integers(5_000, 20_000)).map(lambda part: Decimal(part) / 10_000)
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


def as_stop(request: Place) -> Place:
    return replace(request, order_type="STP", aux_price=request.lmt_price, lmt_price=None)


def as_stop_limit(request: Place) -> Place:
    return replace(request, order_type="STP LMT", aux_price=request.lmt_price)


def as_trail(request: Place) -> Place:
    assert request.lmt_price is not None
    return replace(request, order_type="TRAIL", aux_price=request.lmt_price / 100, lmt_price=None)


def at_the_open(request: Place) -> Place:
    return replace(request, tif="OPG")


def on_close(request: Place) -> Place:
    return replace(as_market(request), order_type="MOC", tif="DAY")


def at_once(request: Place) -> Place:
    return replace(request, tif="IOC" if request.total_quantity % 2 else "FOK")


def grouped(request: Place) -> Place:
    return replace(request, oca_group=f"g{request.account}", oca_type=1, order_id=NEXT)


def bracket(request: Place) -> list[Command]:
    """``request`` as an entry, with a target and a stop one percent to either side."""
    assert request.lmt_price is not None
    many = 3 * request.total_quantity  # more than is on display, so that entries are filled in parts
    entry = replace(request, order_id=NEXT, order_ref=ENTRY, transmit=False, total_quantity=many)
    way = 1 if request.action == "BUY" else -1
    exits = replace(entry, action="SELL" if way > 0 else "BUY", order_ref="", parent_id=NEXT, tif="GTC")
    gap = way * request.lmt_price / 100
    target = replace(exits, lmt_price=request.lmt_price + gap)
    stop = replace(exits, order_type="STP", aux_price=request.lmt_price - gap, lmt_price=None, transmit=True)
    return [entry, target, stop]


ENTRY = "entry"
ALONE = (
    as_market, as_market, as_stop, as_stop_limit, as_trail, at_the_open, on_close, at_once, grouped,
)  # fmt: skip
streams: st.SearchStrategy[list[Command]] = st.lists(
    st.one_of(
        places.map(lambda command: [command]),
        st.tuples(places, st.sampled_from(ALONE)).map(lambda drawn: [drawn[1](drawn[0])]),
        places.map(bracket),
        st.builds(Cancel, client_id=st.integers(1, 2), order_id=st.integers(1, 12)).map(lambda command: [command]),
        st.just([CancelAll(client_id=1)]),
        st.just([Advance()]),
        st.just([Advance()]),
        st.just([Advance()]),
    ),
    min_size=10,
    max_size=60,
).map(lambda pieces: [command for piece in pieces for command in piece])
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
        self.prints: dict[str, list[Decimal]] = defaultdict(list)
        self.began: dict[int, int] = {}
        self.orders: dict[int, Order] = {}
        self.entries: dict[int, int] = {}
        self.spans: dict[int, tuple[int, int]] = {}
        self.seen = 0

    def play(self, stream: list[Command]) -> None:
        self.advance()
        for command in stream:
            if isinstance(command, Place):
                command = self.priced(command)
                command = self.numbered(command) if command.order_id == NEXT else command
            if not (isinstance(command, Advance) and self.exchange.next_instant is None):
                self.see(self.exchange.apply(command))
        self.finish()

    def priced(self, command: Place) -> Place:
        """``command`` with prices where it has parts of the last one."""
        last = self.market[command.symbol].last if command.symbol in self.market else Decimal(100)
        assert last is not None
        told = {
            name: (part * last).quantize(Decimal("0.0001"))
            for name in ("lmt_price", "aux_price")
            if (part := getattr(command, name)) is not None
        }
        return replace(command, **told)

    def numbered(self, command: Place) -> Place:
        """``command`` under the next number of its client; an exit under its entry."""
        number = self.exchange.next_order_id(command.client_id)
        if command.order_ref == ENTRY:
            self.entries[command.client_id] = number
        exits = not command.transmit or command.order_type == "STP"
        if exits and command.order_ref != ENTRY and command.tif == "GTC" and command.client_id in self.entries:
            return replace(command, order_id=number, parent_id=self.entries[command.client_id])
        return replace(command, order_id=number, parent_id=0)

    def see(self, quotes: tuple[Quote, ...]) -> None:
        self.market.update({quote.symbol: quote for quote in quotes})
        for quote in quotes:
            assert quote.last is not None
            self.prints[quote.symbol].append(quote.last)
        self.read()

    def advance(self) -> None:
        self.see(self.exchange.advance())

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
                    assert notice.code in CODES
        for name, account in self.exchange.accounts.items():
            assert account.cash == self.cash[name]
            if not account.shorts_allowed:
                assert account.cash >= 0
                assert account.settled_cash <= account.cash
                assert all(quantity > 0 for quantity in account.quantities.values())

    def note(self, order: Order) -> None:
        assert not self.ends[order.perm_id], "an order that ended was heard of again"
        self.asked[order.perm_id], self.orders[order.perm_id] = order.request, order
        self.began.setdefault(order.perm_id, max(len(self.prints[order.request.symbol]) - 1, 0))
        assert self.filled[order.perm_id] == order.filled
        assert 0 <= order.filled <= order.request.total_quantity
        assert (order.status == "Filled") == (order.remaining == 0)
        self.ends[order.perm_id] += order.status in ENDED
        assert (order.ended_at is not None) == (order.status in ENDED)

    def deal(self, executed: Executed) -> None:
        request, quote = self.asked[executed.perm_id], self.market[executed.symbol]
        assert executed.exec_id not in self.executions
        session, buying = self.exchange.session, executed.side == "BOT"
        assert executed.at.microsecond == 0
        assert quote.at == executed.at == self.exchange.now
        if request.tif == "OPG":
            assert (executed.at, executed.price) == (session.open, quote.last)
        elif request.order_type == "MOC":
            assert (executed.at, executed.price) == (session.close, quote.last)
        else:
            # Dealt at the far side of the quote of this very moment, and within the limit.
            assert session.open <= executed.at < session.close
            assert executed.price == (quote.ask if buying else quote.bid)
        self.keeps_to_its_stop(executed.perm_id)
        if request.lmt_price is not None:
            assert executed.price <= request.lmt_price if buying else executed.price >= request.lmt_price
        if self.exchange.terms.partial_fills and request.tif != "OPG" and request.order_type != "MOC":
            assert executed.shares <= (quote.ask_size if buying else quote.bid_size)
        self.executions[executed.exec_id] = executed
        first, _ = self.spans.get(executed.perm_id, (len(self.executions), 0))
        self.spans[executed.perm_id] = (first, len(self.executions))
        self.filled[executed.perm_id] += executed.shares
        assert executed.cum_qty == self.filled[executed.perm_id] <= request.total_quantity
        signed = executed.shares if buying else -executed.shares
        self.cash[executed.account] -= signed * executed.price
        self.shares[executed.account, executed.symbol] += signed
        self.street += signed * executed.price
        self.street_shares[executed.symbol] -= signed

    def keeps_to_its_stop(self, perm_id: int) -> None:
        """A stop fills once a print since it came reached it: at it or through it."""
        request = self.asked[perm_id]
        if request.order_type in ("STP", "STP LMT") and request.aux_price is not None:
            since = self.prints[request.symbol][self.began[perm_id] :]
            assert min(since) <= request.aux_price if request.action == "SELL" else max(since) >= request.aux_price

    def charge(self, report: CommissionReported) -> None:
        executed = self.executions[report.exec_id]
        assert report.commission >= 0
        self.cash[executed.account] -= report.commission
        self.paid += report.commission

    def judge(self) -> None:
        exchange = self.exchange
        self.families_and_groups()
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

    def families_and_groups(self) -> None:
        """No child did more than its parent, nor both exits more than their entry; one of a group did all."""
        exits: dict[int, Decimal] = defaultdict(Decimal)
        groups: dict[str, set[int]] = defaultdict(set)
        for order in self.orders.values():
            if order.parent:
                parent = self.orders[order.parent]
                assert self.filled[order.perm_id] <= self.filled[parent.perm_id]
                exits[order.parent] += self.filled[order.perm_id]
            if order.oca_type == 1 and order.oca_group and self.filled[order.perm_id]:
                groups[order.oca_group].add(order.perm_id)
        assert all(exited <= self.filled[parent] for parent, exited in exits.items())
        for members in groups.values():
            # A group may be used again once all of it ended; what was filled together was filled one after the other.
            times = sorted(self.spans[perm_id] for perm_id in members)
            assert all(ended <= begun for (_, ended), (begun, _) in pairwise(times))


@pytest.mark.no_cover
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
