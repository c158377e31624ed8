"""What holds for every stream of orders in hard times: a thin book, halts, corporate actions, and margin that runs out.

The same witness counts cash and shares from what the exchange says. What actions do to shares it works out by itself.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.gateway.actions import Action, Dividend, SpinOff, Split
from bursar.gateway.commands import CancelAll, Place
from bursar.gateway.exchange import Exchange
from bursar.gateway.fees import BasisPoints
from bursar.gateway.matching.liquidity import Liquidity
from bursar.gateway.notices import Executed
from bursar.gateway.terms import Terms
from bursar.gateway.world import Halt, World
from tests.conftest import Evidence
from tests.gateway.test_money_properties import ACCOUNTS, CASH, RULES, Teller, wild

D = Decimal
SYMBOLS = ("S000", "S001", "S002")


def hard() -> World:
    """Wild days, of which one is halted in part, with a split, a spin-off and a dividend between them."""
    calm = wild()
    days = [session.day for session in calm.sessions]
    bell = calm.sessions[1].open
    # A price that is divided by 1.25 or by 2 ends, so that sums are equal to the last digit.
    actions: tuple[Action, ...] = (
        Split(symbol="S001", ex_day=days[2], new=D(5), old=D(4)),
        SpinOff(symbol="S000", ex_day=days[3], into="S002", shares=D("0.4"), part=D("0.2")),
        Dividend(symbol="S002", ex_day=days[4], pay_day=days[6], amount=D("0.37")),
    )
    return World(
        name="hard",
        instruments=calm.instruments,
        sessions=calm.sessions,
        past=calm.past,
        tape=calm.tape,
        adjusted=False,
        halts=(Halt(symbol="S002", begin=bell + timedelta(hours=1), end=bell + timedelta(hours=4)),),
        actions=actions,
    )


WORLD = hard()
#: Whose order, its side, size, symbol, type and price as hundredths of the last, and by how many instants time goes on.
Step = tuple[str, str, int, str, str, int, int]
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.sampled_from(ACCOUNTS),
        st.sampled_from(["BUY", "SELL"]),
        st.one_of(st.integers(1, 60), st.integers(100, 900)),
        st.sampled_from(SYMBOLS),
        st.sampled_from(["MKT", "MKT", "LMT", "STP", "TRAIL", "MOC"]),
        st.integers(90, 110),
        st.sampled_from([0, 0, 1, 2, 4, 8]),
    ),
    min_size=3,
    max_size=30,
)
terms = st.builds(
    Terms,
    accounts=st.just(ACCOUNTS),
    cash=st.just(CASH),
    fees=st.sampled_from([BasisPoints(), BasisPoints(rate=D("33.3"))]),
    margin=st.sampled_from([RULES, RULES, None]),
    # What cannot be had is not had: whoever has no margin left may not be able to sell.
    partial_fills=st.just(True),
    liquidity=st.sampled_from([Liquidity(), Liquidity(levels=2, growth=D(1), participation=D("0.02"))]),
)


class HardTimes(Teller):
    """Knows what actions do, and that nothing that is halted is dealt in."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self.owed: dict[str, Decimal] = defaultdict(Decimal)
        self.fractions: dict[str, int] = defaultdict(int)
        self.acted = 0

    def play_hard(self, stream: list[Step]) -> None:
        self.advance(2)
        for number, (account, action, quantity, symbol, kind, part, ahead) in enumerate(stream, 1):
            quote = self.exchange.quote(symbol)
            assert quote is not None
            assert quote.last is not None
            price = max((quote.last * part / 100).quantize(D("0.01")), D("0.01"))
            self.exchange.place(
                Place(
                    client_id=1,
                    order_id=number,
                    account=account,
                    symbol=symbol,
                    action=action,
                    total_quantity=D(quantity),
                    order_type=kind,
                    lmt_price=price if kind == "LMT" else None,
                    aux_price={"STP": price, "TRAIL": D("0.50")}.get(kind),
                    tif="DAY" if kind == "MOC" else "GTC",
                )
            )
            self.look()
            self.advance(ahead)
        self.advance(10_000)
        self.exchange.cancel_all(CancelAll(client_id=1))
        self.look()

    def advance(self, count: int) -> None:
        for _ in range(count):
            if self.exchange.next_instant is None:
                return
            before = self.exchange.session.day
            self.exchange.advance()
            for action in self.exchange.world.actions:
                if before < action.ex_day <= self.exchange.session.day:
                    self.act(action, self.exchange.session.day)
            self.look(moved=True)

    def act(self, action: Action, day: date) -> None:
        """Change what is held as the action does; orders that rested on it are gone."""
        self.acted += 1
        for account in ACCOUNTS:
            held = self.shares[account, action.symbol]
            match action:
                case Split():
                    self.shares[account, action.symbol] = D(int(held * 5 / 4))
                    self.fractions[account] += held % 4 != 0
                case SpinOff():
                    self.shares[account, action.into] += D(int(held * 4 / 10))
                    self.fractions[account] += held * 4 % 10 != 0
                case Dividend():
                    self.owed[account] += (held * action.amount).quantize(D("0.01"), ROUND_HALF_EVEN)
        if not isinstance(action, Dividend):
            opened = self.exchange.world.sessions[[each.day for each in self.exchange.world.sessions].index(day)].open
            assert not [
                order
                for order in self.exchange.open_orders()
                if order.request.symbol == action.symbol and order.placed_at < opened - timedelta(hours=12)
            ]

    def look(self, *, moved: bool = False) -> None:
        for notice in self.exchange.notices[self.seen :]:
            if isinstance(notice, Executed):
                assert not self.exchange.world.halted(notice.symbol, notice.at)
                assert notice.shares > 0
        super().look(moved=moved)

    def close_hard(self) -> None:
        """Every order came to one end and no further than it asked; dividends are what was held, to the cent."""
        exchange = self.exchange
        assert exchange.open_orders() == ()
        assert self.acted == len(exchange.world.actions)
        for order in exchange.orders.all:
            assert order.ended
            assert 0 <= order.filled <= order.request.total_quantity
            dealt = [executed for executed, _ in exchange.deals.all if executed.perm_id == order.perm_id]
            assert sum((each.shares for each in dealt), D(0)) == order.filled
            assert sum((each.shares * each.price for each in dealt), D(0)) == order.filled_value
        for name, account in exchange.accounts.items():
            paid = [each.amount for each in account.entries if "ividend" in each.kind]
            assert sum(paid, D(0)) == self.owed[name]
            assert sum(each.kind == "Cash In Lieu" for each in account.entries) == self.fractions[name]
            assert account.held_cash() == 0
        charged = sum((report.commission for _, report in exchange.deals.all), D(0))
        assert charged == sum(account.commissions for account in exchange.accounts.values())


@settings(max_examples=40)
@given(stream=steps, on=terms)
def test_nothing_is_made_or_lost_in_hard_times(stream: list[Step], on: Terms) -> None:
    teller = HardTimes(Exchange(WORLD, on))
    teller.play_hard(stream)
    teller.close_hard()


def test_times_are_hard_enough_for_all_of_it() -> None:
    # Bought on margin before a thin market falls; part of it is sold by the broker, the rest meets the actions.
    stream: list[Step] = [
        (ACCOUNTS[0], "SELL", 500, "S002", "MKT", 100, 0),
        (ACCOUNTS[1], "BUY", 301, "S001", "MKT", 100, 0),
        (ACCOUNTS[1], "BUY", 101, "S000", "MKT", 100, 0),
        (ACCOUNTS[1], "SELL", 100, "S001", "LMT", 110, 0),
    ]
    exchange = Exchange(
        WORLD, Terms(accounts=ACCOUNTS, cash=CASH, margin=RULES, partial_fills=True, liquidity=Liquidity())
    )
    teller = HardTimes(exchange)
    teller.play_hard(stream)
    teller.close_hard()
    assert teller.liquidations > 0
    assert {entry.kind for account in exchange.accounts.values() for entry in account.entries} >= {
        "Dividends",
        "Cash In Lieu",
    }


@pytest.mark.prove
def test_nothing_is_made_or_lost_in_many_hard_times(evidence: Evidence) -> None:
    counts: dict[str, int] = defaultdict(int)

    @settings(max_examples=2_000)
    @given(stream=steps, on=terms)
    def play(stream: list[Step], on: Terms) -> None:
        teller = HardTimes(Exchange(WORLD, on))
        teller.play_hard(stream)
        teller.close_hard()
        counts["streams"] += 1
        counts["executions"] += len(teller.exchange.deals.all)
        counts["liquidations"] += teller.liquidations

    play()
    evidence(**counts)
    assert counts["liquidations"] > 50
