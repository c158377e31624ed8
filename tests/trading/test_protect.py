"""Protection at the broker: one pair a position, shrunk before anything else is sold, never more than is held."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.events import AccountOpened, InstrumentListed
from bursar.domain.orders import Effect, Order, OrderStatus, OrderType, Purpose, Side, TimeInForce
from bursar.errors import InputError
from bursar.ledger.book import fold
from bursar.ledger.position import Position
from bursar.trading.oms import OrderState
from bursar.trading.protect import Cover, Levels, Mend, Wish, as_order, levels, mend, resting, room
from tests.builders import ACCOUNT, OPEN, filled, instrument

AAPL = instrument()
WANTED = Levels(stop=Decimal(95), target=Decimal(110))


def position(quantity: int = 100, price: str = "100", *, side: Side = Side.BUY) -> Position:
    listed = InstrumentListed(event_id="i", at=OPEN, instrument=AAPL)
    opened = AccountOpened(event_id="a", at=OPEN, account=ACCOUNT, base_currency="USD")
    held = fold([opened, listed, filled("e", quantity, price)]).portfolio(ACCOUNT, "main").positions["AAPL"]
    return held if side is Side.BUY else held._replace(quantity=-held.quantity, paid=-held.paid, cost=-held.cost)


def leg(
    kind: OrderType,
    quantity: int = 100,
    *,
    number: int = 1,
    status: OrderStatus = OrderStatus.NEW,
    filled: int = 0,
    group: str | None = "g1",
    side: Side = Side.SELL,
) -> OrderState:
    stop = kind is OrderType.STOP
    wish = Wish(
        symbol="AAPL",
        side=side,
        quantity=Decimal(quantity),
        type=kind,
        price=Decimal("95" if stop else "110"),
    )
    made = as_order(
        wish,
        order_id=f"o-{number:08}",
        account=ACCOUNT,
        portfolio="main",
        strategy="",
        reason="",
        oca_group=group or "",
    )
    order = replace(made, oca_group=group)
    return OrderState(order=order, status=status, placed_at=OPEN, filled=Decimal(filled), acknowledged=True)


def pair(quantity: int = 100, **more: object) -> list[OrderState]:
    stop = leg(OrderType.STOP, quantity, number=1, **more)  # type: ignore[arg-type]  # options of it
    return [stop, leg(OrderType.LIMIT, quantity, number=2, **more)]  # type: ignore[arg-type]  # options of it


def sale(quantity: int, *, number: int = 9, status: OrderStatus = OrderStatus.NEW) -> OrderState:
    order = Order(
        order_id=f"o-{number:08}", account=ACCOUNT, symbol="AAPL", side=Side.SELL, quantity=Decimal(quantity),
        effect=Effect.CLOSE, purpose=Purpose.REDUCE,
    )  # fmt: skip
    return OrderState(order=order, status=status, placed_at=OPEN, acknowledged=True)


def step(quantity: int, working: list[OrderState], wanted: Levels | None = WANTED, kept_back: int = 0) -> Mend:
    return mend("AAPL", Decimal(quantity), wanted, working, kept_back=Decimal(kept_back))


# ---------------------------------------------------------------- levels


def test_levels_by_hand_and_to_the_tick_that_risks_less() -> None:
    # Bought at 33.33: 5 % below is 31.6635, above it lies 31.67; 10 % above is 36.663, below it lies 36.66.
    assert levels(position(3, "33.33"), Decimal("0.05"), Decimal("0.10"), AAPL) == Levels(
        stop=Decimal("31.67"), target=Decimal("36.66")
    )
    # A short at 33.33: stop 34.9965 -> 34.99, target 29.997 -> 30.00.
    assert levels(position(3, "33.33", side=Side.SELL), Decimal("0.05"), Decimal("0.10"), AAPL) == Levels(
        stop=Decimal("34.99"), target=Decimal("30.00")
    )


def test_a_position_whose_cost_nobody_knows_has_no_levels() -> None:
    assert levels(position()._replace(known=False), Decimal("0.05"), Decimal("0.1"), AAPL) is None
    assert levels(position()._replace(quantity=Decimal(0)), Decimal("0.05"), Decimal("0.1"), AAPL) is None
    with pytest.raises(InputError, match="a stop 0% and a target"):
        levels(position(), Decimal(0), Decimal("0.1"), AAPL)


# ---------------------------------------------------------------- what is done next


def test_a_new_position_gets_a_stop_and_a_target_in_one_group_the_stop_first() -> None:
    told = step(100, [])
    assert [(wish.type, wish.side, wish.quantity, wish.price) for wish in told.place] == [
        (OrderType.STOP, Side.SELL, Decimal(100), Decimal(95)),
        (OrderType.LIMIT, Side.SELL, Decimal(100), Decimal(110)),
    ]
    order = as_order(
        told.place[0],
        order_id="o-00000001",
        account=ACCOUNT,
        portfolio="main",
        strategy="m",
        reason="r",
        oca_group="g",
    )
    assert (order.time_in_force, order.purpose, order.effect) == (
        TimeInForce.GOOD_TILL_CANCELED,
        Purpose.PROTECTION,
        Effect.CLOSE,
    )
    assert order.stop_price == 95
    assert step(-100, []).place[0].side is Side.BUY


def test_every_partial_fill_of_an_entry_makes_the_pair_larger() -> None:
    told = step(150, pair(100))
    assert [(order.order_id, order.quantity) for order in told.amend] == [
        ("o-00000001", Decimal(150)),
        ("o-00000002", Decimal(150)),
    ]
    assert told.waits


def test_what_a_leg_has_filled_stays_in_its_quantity() -> None:
    # 40 of the target are filled: 60 are held, and both legs should have 60 left. The target's total stays 100.
    working = [leg(OrderType.STOP, 100, number=1), leg(OrderType.LIMIT, 100, number=2, filled=40)]
    assert [(order.order_id, order.quantity) for order in step(60, working).amend] == [("o-00000001", Decimal(60))]


def test_a_pair_that_is_as_it_should_be_is_left_alone() -> None:
    assert step(100, pair(100)) == Mend()


def test_after_a_split_prices_and_quantities_are_moved() -> None:
    split = Levels(stop=Decimal("47.50"), target=Decimal("55.00"))
    amended = step(200, pair(100), split).amend
    assert [(order.quantity, order.stop_price, order.limit_price) for order in amended] == [
        (Decimal(200), Decimal("47.50"), None),
        (Decimal(200), None, Decimal("55.00")),
    ]


def test_a_pair_of_an_unknown_entry_is_kept_at_its_prices() -> None:
    assert step(100, pair(100), None) == Mend()
    assert [order.quantity for order in step(50, pair(100), None).amend] == [50, 50]
    assert step(100, [], None) == Mend()


def test_while_an_answer_is_awaited_nothing_more_is_asked() -> None:
    for status in (
        OrderStatus.PENDING_NEW,
        OrderStatus.PENDING_CANCEL,
        OrderStatus.PENDING_REPLACE,
        OrderStatus.FLAGGED,
    ):
        assert step(50, pair(100, status=status)) == Mend(waits=True)


@pytest.mark.parametrize(
    "broken",
    [
        [leg(OrderType.STOP)],
        [leg(OrderType.LIMIT)],
        [*pair(), leg(OrderType.STOP, number=3)],
        [leg(OrderType.STOP, number=1, group="a"), leg(OrderType.LIMIT, number=2, group="b")],
        [leg(OrderType.STOP, number=1, group=None), leg(OrderType.LIMIT, number=2, group=None)],
        pair(side=Side.BUY),
    ],
)
def test_what_is_no_pair_is_taken_back_before_a_new_one_is_placed(broken: list[OrderState]) -> None:
    told = step(100, broken)
    assert set(told.cancel) == {state.order.order_id for state in broken}
    assert told.waits
    assert not told.place


def test_without_a_position_nothing_may_rest() -> None:
    assert set(step(0, pair(100)).cancel) == {"o-00000001", "o-00000002"}
    assert step(0, []) == Mend()


def test_before_a_sale_protection_shrinks_and_only_then_there_is_room() -> None:
    working = pair(100)
    assert room(Decimal(100), working) == 0
    told = step(100, working, kept_back=30)
    assert [order.quantity for order in told.amend] == [70, 70]
    asked = [replace(state, status=OrderStatus.PENDING_REPLACE, amended=order)
             for state, order in zip(working, told.amend, strict=True)]  # fmt: skip
    assert room(Decimal(100), asked) == 0  # asked is not confirmed
    confirmed = [replace(state, order=order) for state, order in zip(working, told.amend, strict=True)]
    assert room(Decimal(100), confirmed) == 30
    assert room(Decimal(100), [*confirmed, sale(30)]) == 0
    # And with the sale resting, protection is right as it is.
    assert step(100, [*confirmed, sale(30)]) == Mend()


def test_a_sale_of_everything_takes_protection_away_first() -> None:
    assert set(step(100, pair(100), kept_back=100).cancel) == {"o-00000001", "o-00000002"}


def test_an_amendment_to_more_counts_before_it_is_confirmed() -> None:
    larger = leg(OrderType.STOP, 100)
    asked = replace(larger, amended=replace(larger.order, quantity=Decimal(150)))
    assert resting([asked]) == 150


# ---------------------------------------------------------------- always


class Desk:
    """A position, its orders and a broker that answers when it likes, in the worst order that chance finds."""

    def __init__(self) -> None:
        self.held = 0
        self.working: dict[str, OrderState] = {}
        self.numbers = 0

    def number(self) -> str:
        self.numbers += 1
        return f"o-{self.numbers:08}"

    def ask(self, kept_back: int = 0) -> None:
        working = list(self.working.values())
        told = mend("AAPL", Decimal(self.held), WANTED, working, kept_back=Decimal(kept_back))
        group = f"g{self.numbers}"
        for wish in told.place:
            order = as_order(
                wish,
                order_id=self.number(),
                account=ACCOUNT,
                portfolio="main",
                strategy="",
                reason="",
                oca_group=group,
            )
            self.working[order.order_id] = OrderState(order=order, status=OrderStatus.PENDING_NEW, placed_at=OPEN)
        for order in told.amend:
            state = self.working[order.order_id]
            self.working[order.order_id] = replace(state, status=OrderStatus.PENDING_REPLACE, amended=order)
        for order_id in told.cancel:
            self.working[order_id] = replace(self.working[order_id], status=OrderStatus.PENDING_CANCEL)

    def sell(self, quantity: int) -> None:
        """Somebody wants to sell: protection first, and the sale where there is room."""
        if quantity <= room(Decimal(self.held), list(self.working.values())):
            state = sale(quantity)
            order = replace(state.order, order_id=self.number())
            self.working[order.order_id] = replace(state, order=order)
        else:
            self.ask(kept_back=quantity)

    def answer(self, place: int) -> None:
        """The broker confirms one thing that was asked."""
        unsure = [key for key, state in self.working.items() if state.status.value.startswith("pending")]
        if not unsure:
            return
        key = unsure[place % len(unsure)]
        state = self.working[key]
        if state.status is OrderStatus.PENDING_CANCEL:
            del self.working[key]
        else:
            order = state.amended or state.order
            self.working[key] = replace(state, order=order, amended=None, status=OrderStatus.NEW, acknowledged=True)
            if self.working[key].remaining == 0:
                del self.working[key]

    def fill(self, place: int, quantity: int) -> None:
        """Something that works trades, whether or not it was to be canceled; its OCA partner goes or shrinks."""
        working = [state for state in self.working.values() if state.status is not OrderStatus.PENDING_NEW]
        if not working:
            return
        state = working[place % len(working)]
        traded = min(Decimal(quantity), state.remaining)
        self.held -= int(traded)
        for key, other in list(self.working.items()):
            group = state.order.oca_group is not None and other.order.oca_group == state.order.oca_group
            if key == state.order.order_id:
                self.working[key] = replace(other, filled=other.filled + traded)
            elif group:
                # Reduced with block, as OCA type 2: the partner gets smaller by what traded, at the broker itself.
                amended = other.amended and replace(
                    other.amended, quantity=max(other.amended.quantity - traded, Decimal(1))
                )
                left = other.order.quantity - traded
                if left <= other.filled:
                    del self.working[key]
                    continue
                self.working[key] = replace(other, order=replace(other.order, quantity=left), amended=amended)
            if key in self.working and self.working[key].remaining == 0:
                del self.working[key]

    def lose(self, place: int) -> None:
        """The broker cancels something of its own accord: a corporate action, ninety days without a login."""
        if self.working:
            del self.working[sorted(self.working)[place % len(self.working)]]


moves = st.lists(
    st.tuples(
        st.sampled_from(["buy", "mend", "sell", "answer", "fill", "lose"]), st.integers(0, 7), st.integers(1, 60)
    ),
    max_size=60,
)


@settings(max_examples=300)
@given(moves)
def test_whatever_happens_no_more_rests_than_is_held_and_in_the_end_all_is_protected(
    happenings: list[tuple[str, int, int]],
) -> None:
    desk = Desk()
    for what, place, quantity in happenings:
        match what:
            case "buy":
                desk.held += quantity
            case "mend":
                desk.ask()
            case "sell":
                desk.sell(quantity)
            case "answer":
                desk.answer(place)
            case "fill":
                desk.fill(place, quantity)
            case _:
                desk.lose(place)
        assert resting(desk.working.values()) <= max(desk.held, 0)
    for _ in range(12):
        while any(state.status.value.startswith("pending") for state in desk.working.values()):
            desk.answer(0)
        desk.ask()
    others = resting(state for state in desk.working.values() if state.order.purpose is not Purpose.PROTECTION)
    stops = sum(state.remaining for state in desk.working.values() if state.order.type is OrderType.STOP)
    assert stops + others == max(desk.held, 0)


# ---------------------------------------------------------------- how long it was bare


def test_seconds_without_a_stop_are_counted_for_each_position() -> None:
    cover, held = Cover(), position(100)
    cover.look(OPEN, [held], [])
    assert cover.bare == {"AAPL"}
    placed = [replace(state, acknowledged=False) for state in pair(100)]
    cover.look(OPEN + timedelta(seconds=2), [held], placed)  # on its way is not there
    cover.look(OPEN + timedelta(seconds=5), [held], pair(100))
    assert cover.bare == frozenset()
    cover.look(OPEN + timedelta(hours=1), [held], pair(60))  # forty shares bare
    cover.look(OPEN + timedelta(hours=1, seconds=10), [held], pair(100))
    cover.look(OPEN + timedelta(hours=2), [], [])
    assert cover.unprotected_seconds == {"AAPL": 15.0}


def test_hands_off_positions_are_not_ours_to_protect() -> None:
    cover = Cover()
    cover.look(OPEN, [position(100)._replace(hands_off=True)], [])
    cover.look(OPEN + timedelta(seconds=9), [], [])
    assert cover.unprotected_seconds == {}
