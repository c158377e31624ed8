"""What becomes of each way in which books and broker can disagree after a start, a reconnection, or in between.

The first part is the list of situations that NautilusTrader documents for its reconciliation (docs/concepts/live.md),
one test each, in its order. Where it makes up an order to fit the venue's position, Bursar names a Break and trades
nothing on the symbol: the books hold what happened, not what would explain it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bursar.domain.accounts import AccountSnapshot, BrokerExecution, BrokerOrder, BrokerPosition
from bursar.domain.events import (
    AmendRejected,
    AmendRequested,
    BreakExplained,
    BreakFound,
    CancelRequested,
    Event,
    LineChanged,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderExpired,
    OrderFlagged,
    OrderPlaced,
    OrderRejected,
    PositionAdopted,
)
from bursar.domain.orders import Order, OrderStatus, OrderType, TimeInForce
from bursar.trading.agenda import Task
from bursar.trading.breaks import BURSAR, BY_HAND, FLAGGED, OVERFILL
from bursar.trading.engine import Engine, Step
from tests.builders import ACCOUNT, CLOSE, OPEN, filled, order, quote
from tests.trading.test_engine import TRADE_AT, Wants, do, fresh, see

ID = "o-00000001"
TOMORROW = OPEN + timedelta(days=1)
D = Decimal


@dataclass
class TheBroker:
    """What an interrogation answers."""

    cash: str = "100000"
    held: dict[str, int] = field(default_factory=dict)
    orders: Sequence[BrokerOrder] = ()
    executions: Sequence[tuple[str, str]] = ()
    waiting: Sequence[str] = ()

    def snapshot(self, at: datetime = OPEN) -> AccountSnapshot:
        return AccountSnapshot(
            account=ACCOUNT,
            at=at,
            cash={"USD": D(self.cash)},
            positions=tuple(
                BrokerPosition(symbol=symbol, quantity=D(quantity), average_cost=D(100))
                for symbol, quantity in self.held.items()
            ),
            open_orders=tuple(self.orders),
            executions=tuple(
                BrokerExecution(execution_id=execution_id, order_id=order_id, symbol="AAPL")
                for execution_id, order_id in self.executions
            ),
            waiting=frozenset(self.waiting),
        )


def listed(order_id: str = ID, filled: int = 0, remaining: int = 10, permanent_id: int = 77) -> BrokerOrder:
    return BrokerOrder(
        order_id=order_id,
        permanent_id=permanent_id,
        symbol="AAPL",
        status=OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.NEW,
        filled=D(filled),
        remaining=D(remaining),
    )


ACCEPTED = OrderAccepted(event_id=f"{ID}/accepted", at=OPEN, order_id=ID, permanent_id=77, number=1)
CANCEL = CancelRequested(event_id="c-00000001", at=OPEN, order_id=ID, reason="")


def resting(**more: object) -> Order:
    return replace(order(), type=OrderType.LIMIT, limit_price=D(90), **more)  # type: ignore[arg-type]  # an Order's fields


def engine_with(*events: Event, ours: Order | None = None, at: datetime = OPEN) -> Engine:
    """An engine whose journal holds one order, and what became of it."""
    engine = fresh()
    ours = ours or resting()
    for event in (OrderPlaced(event_id=ours.order_id, at=OPEN, order=ours), *events):
        engine.absorb(event)
    see(engine, at, quote("AAPL", "99", "101", at=at), quote("XOM", "50", at=at))
    return engine


PARTNER = resting(order_id="o-00000002", oca_group="oca-1")


def engine_with_a_pair(*events: Event) -> Engine:
    """An engine with two orders of a group, of the first of which four are filled; and what became of them."""
    engine = engine_with(ACCEPTED, ours=resting(oca_group="oca-1"))
    accepted = replace(ACCEPTED, event_id="o-00000002/accepted", order_id=PARTNER.order_id, permanent_id=78)
    placed = OrderPlaced(event_id=PARTNER.order_id, at=OPEN, order=PARTNER)
    for event in (placed, accepted, filled("1", 4, 90), *events):
        engine.absorb(event)
    return engine


def reconcile(engine: Engine, broker: TheBroker, *, fresh: bool = True) -> Step:
    """Interrogate, commit what comes of it, and what a person must see because of that."""
    step = engine.reconcile(broker.snapshot(engine.market.at), fresh=fresh)
    commit(engine, step.events)
    commit(engine, engine.contradictions().events)
    return step


def commit(engine: Engine, events: Sequence[Event]) -> None:
    for event in events:
        engine.absorb(event)


def status(engine: Engine) -> OrderStatus:
    return engine.orders[ID].status


def open_breaks(engine: Engine) -> list[tuple[str, str, str]]:
    return [(each.what, each.ours, each.theirs) for each in engine.breaks.open.values()]


# ---------------------------------------------------------------- the situations that NautilusTrader documents


def test_order_state_discrepancy_the_broker_refused_what_we_think_is_on_its_way() -> None:
    """The missing event comes with the reports of the interrogation, before anything is compared."""
    engine = engine_with()
    engine.absorb(OrderRejected(event_id=f"{ID}/rejected", at=OPEN, order_id=ID, code=201, message="margin"))
    assert reconcile(engine, TheBroker()).events == ()
    assert status(engine) is OrderStatus.REJECTED
    assert engine.resume().orders == ()


def test_missed_fills_are_booked_from_the_executions() -> None:
    engine = engine_with(ACCEPTED)
    engine.absorb(filled("1", 10, 90))
    assert reconcile(engine, TheBroker("99100", {"AAPL": 10}, executions=[("1", ID)])).events == ()
    assert status(engine) is OrderStatus.FILLED


def test_multiple_fills_of_which_we_saw_some_are_completed() -> None:
    engine = engine_with(ACCEPTED, filled("1", 4, 90))
    engine.absorb(filled("2", 3, 90))
    broker = TheBroker("99370", {"AAPL": 7}, [listed(filled=7, remaining=3)], [("1", ID), ("2", ID)])
    assert reconcile(engine, broker).events == ()
    assert (status(engine), engine.orders[ID].remaining) == (OrderStatus.PARTIALLY_FILLED, D(3))


def test_a_fill_that_was_missed_and_is_not_reported_is_a_break_in_all_it_touches() -> None:
    engine = engine_with(ACCEPTED)
    reconcile(engine, TheBroker("99640", {"AAPL": 4}, [listed(filled=4, remaining=6)], [("1", ID)]))
    assert open_breaks(engine) == [
        ("position", "0", "4"),
        ("execution 1", "not booked: never reported", "executed"),
        (f"order {ID}", "new, 10 left, permId 77", "partially_filled, 6 left, permId 77"),
    ]


def test_external_orders_are_named_and_their_symbol_is_left_alone_until_they_are_gone() -> None:
    engine = fresh()
    see(engine, OPEN, quote("AAPL", "100"), quote("XOM", "50"))
    reconcile(engine, TheBroker(orders=[listed("", permanent_id=5)]))
    assert open_breaks(engine) == [("order by hand, permId 5", "none", "new, 10 left, permId 5")]
    assert engine.breaks.symbols == {"AAPL"}
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    assert engine.perform(Task.TRADE).orders == ()
    reconcile(engine, TheBroker(), fresh=False)
    assert engine.breaks.symbols == frozenset()


def test_partially_filled_then_canceled_keeps_its_fill() -> None:
    engine = engine_with(ACCEPTED, filled("1", 4, 90))
    engine.absorb(OrderCanceled(event_id=f"{ID}/canceled", at=OPEN, order_id=ID))
    assert reconcile(engine, TheBroker("99640", {"AAPL": 4}, executions=[("1", ID)])).events == ()
    assert (status(engine), engine.orders[ID].filled) == (OrderStatus.CANCELED, D(4))


def test_different_fill_data_keeps_what_is_booked_and_shows_in_cash() -> None:
    """The broker paid 95 a share for what we booked at 90: the execution is not booked again, and 50 are missing."""
    engine = engine_with(ACCEPTED, filled("1", 10, 90))
    reconcile(engine, TheBroker("99050", {"AAPL": 10}, executions=[("1", ID)]))
    assert open_breaks(engine) == [("cash in USD", "99100", "99050")]
    assert engine.breaks.cash_in_doubt
    # Nothing is bought on an unknown amount of cash; what is held is still watched and sold.
    do(engine, Task.DECIDE)
    see(engine, TRADE_AT)
    assert engine.perform(Task.TRADE).orders == ()
    see(engine, TRADE_AT, quote("AAPL", "80", "81"))
    assert [sent.order.symbol for sent in engine.perform(Task.MONITOR).orders] == ["AAPL"]


def test_filtered_orders_another_account_is_refused_as_a_whole() -> None:
    with pytest.raises(Exception, match="account DU9000002 answered for DU9000001"):
        fresh().reconcile(replace(TheBroker().snapshot(), account="DU9000002"))


def test_duplicate_order_reports_one_name_and_two_numbers_is_a_break() -> None:
    engine = engine_with(ACCEPTED)
    reconcile(engine, TheBroker(orders=[listed(), listed(permanent_id=78)]))
    assert open_breaks(engine) == [(f"order {ID}", "new, 10 left, permId 77", "new, 10 left, permId 78")]


@pytest.mark.parametrize(
    ("theirs", "situation"),
    [
        (15, "position quantity mismatch, long"),
        (-5, "position quantity mismatch, short, and side flip"),
        (4, "position reduction"),
        (0, "position closed"),
    ],
)
def test_position_mismatch_is_named_and_nothing_is_made_up_to_fit_it(theirs: int, situation: str) -> None:
    engine = engine_with(ACCEPTED, filled("1", 10, 90))
    held = {"AAPL": theirs} if theirs else {}
    step = reconcile(engine, TheBroker("99100", held, executions=[("1", ID)]))
    assert [type(event) for event in step.events] == [BreakFound], situation
    assert open_breaks(engine) == [("position", "10", str(theirs))]
    assert engine.portfolio.positions["AAPL"].quantity == 10
    assert engine.breaks.symbols == {"AAPL"}


def test_internal_orders_to_close_a_difference_are_never_sent() -> None:
    engine = engine_with(ACCEPTED, filled("1", 10, 90))
    step = reconcile(engine, TheBroker("99100", {"AAPL": 15}, executions=[("1", ID)]))
    assert (step.orders, step.cancels, engine.resume().orders) == ((), (), ())


# ---------------------------------------------------------------- orders that nobody answered to


def test_an_order_that_never_arrived_is_sent_once_more_after_a_whole_interrogation() -> None:
    engine = engine_with(ours=order(), at=TRADE_AT)
    assert reconcile(engine, TheBroker()).events == ()
    assert [sent.order.order_id for sent in engine.resume().orders] == [ID]


def test_an_order_that_the_broker_lists_is_not_sent_again() -> None:
    """Its acceptance is among the reports; should that be missing, the list alone is enough not to send."""
    engine = engine_with(ACCEPTED, ours=order())
    assert reconcile(engine, TheBroker(orders=[listed()])).events == ()
    assert engine.resume().orders == ()


def test_an_unanswered_order_on_a_position_in_doubt_is_flagged_and_not_sent() -> None:
    engine = engine_with(ours=order())
    step = reconcile(engine, TheBroker("99000", {"AAPL": 10}))
    assert [type(event) for event in step.events] == [BreakFound, BreakFound, OrderFlagged]
    assert (status(engine), engine.resume().orders) == (OrderStatus.FLAGGED, ())
    assert (FLAGGED, f"{ID}: the broker does not know it, and its position is in doubt", "not known") in open_breaks(
        engine
    )


def test_an_unanswered_order_of_another_day_is_ended_and_not_sent() -> None:
    engine = engine_with(ours=order(), at=TOMORROW)
    (ended,) = reconcile(engine, TheBroker()).events
    assert isinstance(ended, OrderCanceled)
    assert ended.reason == "it never reached the broker"
    assert engine.resume().orders == ()


def test_an_unanswered_order_on_a_line_that_holds_is_waited_for_and_then_flagged() -> None:
    engine = engine_with(ours=order())
    assert reconcile(engine, TheBroker(), fresh=False).events == ()
    see(engine, OPEN + timedelta(minutes=2))
    (flagged,) = reconcile(engine, TheBroker(), fresh=False).events
    assert isinstance(flagged, OrderFlagged)
    assert flagged.reason == "the broker never answered to it"


def test_a_cancellation_that_may_not_have_arrived_is_asked_for_again_and_one_of_no_order_ends_it() -> None:
    engine = engine_with(ACCEPTED, CANCEL)
    assert reconcile(engine, TheBroker(orders=[listed()])).cancels == (ID,)
    assert reconcile(engine, TheBroker(orders=[listed()]), fresh=False).cancels == ()
    never = engine_with(CANCEL)
    (ended,) = reconcile(never, TheBroker()).events
    assert isinstance(ended, OrderCanceled)


def test_a_change_that_never_arrived_leaves_the_order_as_it_was() -> None:
    engine = engine_with(ACCEPTED, AmendRequested(event_id="m-1", at=OPEN, order=resting(quantity=D(20))))
    (kept,) = reconcile(engine, TheBroker(orders=[listed()])).events
    assert isinstance(kept, AmendRejected)
    assert (status(engine), engine.orders[ID].order.quantity) == (OrderStatus.NEW, D(10))
    arrived = engine_with(ACCEPTED, AmendRequested(event_id="m-1", at=OPEN, order=resting(quantity=D(20))))
    arrived.absorb(OrderAmended(event_id=f"{ID}/amended/1", at=OPEN, order_id=ID))
    assert reconcile(arrived, TheBroker(orders=[listed(remaining=20)])).events == ()


def test_an_order_that_was_filled_before_its_change_arrived_is_done() -> None:
    """All ten executions of today are told, the order is not listed any more: of the other ten nothing can come."""
    larger = AmendRequested(event_id="m-1", at=OPEN, order=resting(quantity=D(20)))
    engine = engine_with(ACCEPTED, larger, filled("1", 10, 90))
    (kept,) = reconcile(engine, TheBroker("99100", {"AAPL": 10}, executions=[("1", ID)])).events
    assert isinstance(kept, AmendRejected)
    assert status(engine) is OrderStatus.FILLED


def test_a_second_change_that_never_arrived_is_told_apart_from_the_first_though_no_clock_moved() -> None:
    """No event is booked twice: were both named by their second, the second one would be taken for the first."""
    engine, names = engine_with(ACCEPTED), set[str]()
    for number in (1, 2):
        engine.absorb(AmendRequested(event_id=f"m-{number}", at=OPEN, order=resting(quantity=D(20))))
        (kept,) = reconcile(engine, TheBroker(orders=[listed()])).events
        assert isinstance(kept, AmendRejected)
        names.add(kept.event_id)
    assert len(names) == 2


def test_what_comes_of_an_interrogation_is_dated_by_our_time_though_the_broker_told_none_yet() -> None:
    engine = engine_with(ACCEPTED, AmendRequested(event_id="m-1", at=OPEN, order=resting(quantity=D(20))))
    (kept,) = engine.reconcile(TheBroker(orders=[listed()]).snapshot(datetime.fromtimestamp(0, UTC))).events
    assert kept.at == OPEN


# ---------------------------------------------------------------- orders that are gone


def test_an_order_that_is_neither_open_nor_ended_is_flagged_until_it_is_found() -> None:
    engine = engine_with(ACCEPTED)
    (flagged,) = reconcile(engine, TheBroker()).events
    assert isinstance(flagged, OrderFlagged)
    assert flagged.reason == "the broker lists it neither as working nor as ended"
    assert engine.breaks.symbols == {"AAPL"}
    see(engine, OPEN + timedelta(minutes=5))
    (found,) = reconcile(engine, TheBroker(orders=[listed()])).events
    assert isinstance(found, OrderAccepted)
    assert status(engine) is OrderStatus.NEW
    (explained,) = reconcile(engine, TheBroker(orders=[listed()])).events
    assert isinstance(explained, BreakExplained)
    assert (explained.by, engine.breaks.symbols) == (BURSAR, frozenset())


@pytest.mark.parametrize(
    ("tif", "kind"), [(TimeInForce.DAY, OrderExpired), (TimeInForce.GOOD_TILL_CANCELED, OrderCanceled)]
)
def test_an_order_that_ended_before_midnight_is_ended_where_positions_agree(
    tif: TimeInForce, kind: type[Event]
) -> None:
    engine = engine_with(ACCEPTED, ours=resting(time_in_force=tif), at=TOMORROW)
    (ended,) = reconcile(engine, TheBroker()).events
    assert type(ended) is kind


def test_a_gap_past_midnight_blocks_what_does_not_explain_itself_until_a_person_does() -> None:
    """It was filled last night, and of that no broker tells executions any more."""
    engine = engine_with(ACCEPTED, at=TOMORROW)
    step = reconcile(engine, TheBroker("99100", {"AAPL": 10}))
    assert [type(event) for event in step.events] == [BreakFound, BreakFound, OrderFlagged]
    assert [what for what, _, _ in open_breaks(engine)] == ["position", "cash in USD", FLAGGED]
    assert engine.breaks.symbols == {"AAPL"}
    # A statement brings the fill; then both sides agree, and the order is done.
    engine.absorb(filled("1", 10, 90))
    assert status(engine) is OrderStatus.FILLED
    explained = reconcile(engine, TheBroker("99100", {"AAPL": 10})).events
    assert [type(event) for event in explained] == [BreakExplained] * 3
    assert engine.breaks.open == {}


@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_position_that_an_order_of_yesterday_may_have_bought_is_not_adopted(acknowledged: bool) -> None:
    """The first order of new books was filled, and nobody was there until the next day: the ten shares are its."""
    engine = engine_with(*([ACCEPTED] if acknowledged else []), ours=order(), at=TOMORROW)
    broker = TheBroker("99000", {"AAPL": 10})
    assert engine.adopt(broker.snapshot(TOMORROW)).events == ()
    reconcile(engine, broker)
    assert [(what, ours, theirs) for what, ours, theirs in open_breaks(engine) if what != FLAGGED] == [
        ("position", "0", "10"),
        ("cash in USD", "100000", "99000"),
    ]
    assert (status(engine), engine.resume().orders) == (OrderStatus.FLAGGED, ())
    assert engine.breaks.symbols == {"AAPL"}


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ((), "the broker does not know it, and cash is in doubt"),
        ((ACCEPTED,), "it ended before midnight, and cash is in doubt"),
    ],
)
def test_an_order_of_yesterday_is_flagged_where_positions_agree_and_cash_does_not(
    events: Sequence[Event], reason: str
) -> None:
    """Ten bought at 100 and sold again at 98 leave no shares behind, but twenty dollars less."""
    engine = engine_with(*events, ours=order(), at=TOMORROW)
    reconcile(engine, TheBroker("99980"))
    assert (status(engine), engine.resume().orders) == (OrderStatus.FLAGGED, ())
    assert open_breaks(engine) == [
        ("cash in USD", "100000", "99980"),
        (FLAGGED, f"{ID}: {reason}", "not known"),
    ]
    assert engine.breaks.symbols == {"AAPL"}


def test_an_order_of_yesterday_is_flagged_while_an_execution_keeps_cash_from_being_compared() -> None:
    engine = engine_with(ACCEPTED, ours=replace(order(), symbol="XOM"), at=TOMORROW)
    reconcile(engine, TheBroker("99100", {"AAPL": 10}, executions=[("1", "")], waiting=["1"]))
    assert (FLAGGED, f"{ID}: it ended before midnight, and cash is in doubt", "not known") in open_breaks(engine)
    assert engine.breaks.symbols == {"AAPL", "XOM"}


def test_an_order_of_today_that_never_arrived_is_sent_once_more_though_cash_differs() -> None:
    """Of today every execution is told, and none is of this order: the cash is somebody else's."""
    engine = engine_with(ours=order(), at=TRADE_AT)
    reconcile(engine, TheBroker("100500"))
    assert open_breaks(engine) == [("cash in USD", "100000", "100500")]
    assert status(engine) is OrderStatus.PENDING_NEW


def test_an_execution_that_waits_for_its_commission_is_no_contradiction_of_positions() -> None:
    engine = engine_with(ACCEPTED)
    broker = TheBroker("99100", {"AAPL": 10}, executions=[("1", ID)], waiting=["1"])
    (found,) = reconcile(engine, broker).events
    assert isinstance(found, BreakFound)
    assert (found.what, found.ours) == ("execution 1", "not booked: its commission is not known")
    engine.absorb(filled("1", 10, 90))
    (explained,) = reconcile(engine, TheBroker("99100", {"AAPL": 10}, executions=[("1", ID)])).events
    assert isinstance(explained, BreakExplained)


def test_an_execution_that_the_broker_takes_back_is_a_break() -> None:
    engine = engine_with(ACCEPTED, filled("1", 4, 90))
    reconcile(engine, TheBroker("100000", {}, [listed()]))
    assert [what for what, _, _ in open_breaks(engine)] == [
        "position",
        "execution 1",
        f"order {ID}",
        "cash in USD",
    ]


def test_the_executions_of_a_correction_are_one() -> None:
    engine = engine_with(ACCEPTED, filled("e.01.02", 10, 90))
    broker = TheBroker("99100", {"AAPL": 10}, executions=[("e.01.01", ID), ("e.01.02", ID)])
    assert reconcile(engine, broker).events == ()


# ---------------------------------------------------------------- by hand, too much, and unknown


def test_a_trade_by_hand_is_booked_and_its_symbol_waits_for_a_person() -> None:
    engine = fresh()
    see(engine, OPEN, quote("AAPL", "80", "81"))
    engine.absorb(filled("1", 10, 100, order_id=""))
    (found,) = engine.contradictions().events
    assert (found.what, found.ours, found.theirs) == (BY_HAND, "no order of ours", "buy 10")  # type: ignore[attr-defined]
    engine.absorb(found)
    assert engine.contradictions().events == ()
    assert engine.portfolio.positions["AAPL"].quantity == 10
    assert engine.perform(Task.MONITOR).orders == ()
    # That both sides agree explains nothing: nobody knows yet whose it is.
    assert reconcile(engine, TheBroker("99000", {"AAPL": 10}, executions=[("1", "")])).events == ()
    engine.absorb(
        BreakExplained(event_id="b-00000001", at=OPEN, break_id=found.event_id, explanation="mine", by="the owner")
    )
    assert len(engine.perform(Task.MONITOR).orders) == 1


def test_an_overfill_is_booked_and_waits_for_a_person() -> None:
    engine = engine_with(ACCEPTED, filled("1", 12, 90))
    (found,) = engine.contradictions().events
    engine.absorb(found)
    assert (found.what, found.ours, found.theirs) == (OVERFILL, f"{ID} for 10", "12 filled")  # type: ignore[attr-defined]
    assert reconcile(engine, TheBroker("98920", {"AAPL": 12}, executions=[("1", ID)])).events == ()
    assert engine.breaks.symbols == {"AAPL"}


def test_positions_that_were_there_before_us_are_adopted_and_never_sold() -> None:
    engine = fresh(Wants(weights=()))
    see(engine, OPEN, quote("AAPL", "10"))
    step = engine.adopt(TheBroker(held={"AAPL": 7, "ZZZ": 3}).snapshot())
    (adopted,) = step.events
    assert isinstance(adopted, PositionAdopted)
    assert (adopted.symbol, adopted.quantity, adopted.hands_off) == ("AAPL", D(7), True)
    assert adopted.cost_basis is not None
    assert adopted.cost_basis.amount == 700  # seven at the broker's average cost of 100
    commit(engine, step.events)
    assert engine.perform(Task.MONITOR).orders == ()
    # ZZZ is nothing that we trade: it stays a difference with a name.
    reconcile(engine, TheBroker(held={"AAPL": 7, "ZZZ": 3}))
    assert open_breaks(engine) == [("position", "0", "3")]
    assert engine.adopt(TheBroker(held={"AAPL": 7, "XOM": 1}).snapshot()).events == ()


def test_an_order_of_a_journal_that_was_lost_is_named_and_its_id_is_not_used_again() -> None:
    engine = fresh()
    see(engine, OPEN)
    reconcile(engine, TheBroker(orders=[listed("o-00000007")], executions=[("1", "o-00000009")]))
    assert ("order o-00000007", "never placed", "new, 10 left, permId 77") in open_breaks(engine)
    assert engine.ids.new("o") == "o-00000010"


def test_an_order_that_ended_with_us_and_works_at_the_broker_is_a_break() -> None:
    engine = engine_with(ACCEPTED)
    engine.absorb(OrderCanceled(event_id=f"{ID}/canceled", at=OPEN, order_id=ID))
    reconcile(engine, TheBroker(orders=[listed()]))
    assert open_breaks(engine) == [(f"order {ID}", "canceled, 10 left, permId 77", "new, 10 left, permId 77")]


@pytest.mark.parametrize(("left", "breaks"), [(10, 0), (6, 0), (5, 1), (11, 1)])
def test_the_partner_of_a_filled_order_may_be_smaller_by_what_was_filled_and_by_no_more(left: int, breaks: int) -> None:
    """Four of the stop are filled: the broker reduces the target from ten to six, before we ask for it."""
    engine = engine_with_a_pair()
    orders = [listed(filled=4, remaining=6), listed(PARTNER.order_id, remaining=left, permanent_id=78)]
    reconcile(engine, TheBroker("99640", {"AAPL": 4}, orders, executions=[("1", ID)]))
    assert len(engine.breaks.open) == breaks


@pytest.mark.parametrize(("left", "breaks"), [(10, 0), (6, 0), (5, 1), (20, 0), (16, 0)])
def test_the_partner_of_a_filled_order_may_be_smaller_than_it_was_before_a_change_that_is_under_way(
    left: int, breaks: int
) -> None:
    """Ten, to become twenty; four of its partner are filled: six to ten are left before the change, then sixteen on."""
    engine = engine_with_a_pair(AmendRequested(event_id="m-1", at=OPEN, order=replace(PARTNER, quantity=D(20))))
    orders = [listed(filled=4, remaining=6), listed(PARTNER.order_id, remaining=left, permanent_id=78)]
    reconcile(engine, TheBroker("99640", {"AAPL": 4}, orders, executions=[("1", ID)]), fresh=False)
    assert len(engine.breaks.open) == breaks


@pytest.mark.parametrize(("filled_of_partner", "kind"), [(6, OrderCanceled), (5, OrderFlagged)])
def test_an_order_whose_partners_fill_made_it_smaller_is_done_once_the_rest_is_filled(
    filled_of_partner: int, kind: type[Event]
) -> None:
    """Ten less the four of its partner are six. With five filled something is missing, and a person must look."""
    bought = 4 + filled_of_partner
    engine = engine_with_a_pair(filled("2", filled_of_partner, 90, order_id=PARTNER.order_id))
    executions = [("1", ID), ("2", PARTNER.order_id)]
    broker = TheBroker(str(100_000 - 90 * bought), {"AAPL": bought}, [listed(filled=4, remaining=6)], executions)
    (ended,) = reconcile(engine, broker).events
    assert isinstance(ended, kind)


def test_a_break_that_changes_is_explained_and_named_anew_and_one_that_stays_is_not_repeated() -> None:
    engine = engine_with(ACCEPTED, filled("1", 10, 90))
    broker = TheBroker("99100", {"AAPL": 15}, executions=[("1", ID)])
    reconcile(engine, broker)
    assert reconcile(engine, broker, fresh=False).events == ()
    broker.held = {"AAPL": 16}
    explained, found = reconcile(engine, broker, fresh=False).events
    assert isinstance(explained, BreakExplained)
    assert explained.explanation == "it became 10 against 16"
    assert isinstance(found, BreakFound)
    assert len(engine.breaks.open) == 1


# ---------------------------------------------------------------- the line


def test_on_a_line_that_is_not_up_nothing_is_decided_and_reports_go_on() -> None:
    engine = fresh()
    see(engine, OPEN, quote("AAPL", "100"))
    engine.absorb(LineChanged(event_id="l-00000001", at=OPEN, state="server_down", reason="1100"))
    assert engine.due() == (Task.ANALYZE, Task.OPEN)
    engine.absorb(LineChanged(event_id="l-00000002", at=OPEN, state="up", reason="1102"))
    assert engine.due() == (Task.ANALYZE, Task.OPEN, Task.DECIDE, Task.MONITOR)
    engine.absorb(LineChanged(event_id="l-00000003", at=CLOSE, state="socket_down", reason="reset"))
    see(engine, CLOSE + timedelta(minutes=30))
    assert Task.REVIEW in engine.due()
