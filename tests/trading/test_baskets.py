"""One tap: all of it, none of it, or a flag; shown before what it may cost, and never more than was shown."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.events import (
    CancelRequested,
    Event,
    Filled,
    LegRefused,
    LegSent,
    OrderAccepted,
    OrderCanceled,
    OrderFlagged,
    OrderPlaced,
    OrderRejected,
    ProposalEnded,
    ProposalMade,
    ProposalTapped,
)
from bursar.domain.market import Quote
from bursar.domain.money import Money
from bursar.domain.orders import Effect, Order, Purpose, Side
from bursar.domain.proposals import End, Leg, Outlook, Proposal, ProposalState
from bursar.errors import InputError, LedgerError
from bursar.trading.baskets import Move, Sagas, Terms, next_move, outlook, turned
from bursar.trading.oms import Orders
from tests.builders import ACCOUNT, OPEN, quote

TERMS = Terms()
SELL_KO = Leg(symbol="KO", side=Side.SELL, quantity=Decimal(100), effect=Effect.CLOSE, price=Decimal(60))
BUY_PEP = Leg(symbol="PEP", side=Side.BUY, quantity=Decimal(30), effect=Effect.OPEN, price=Decimal(200))
BUY_JNJ = Leg(symbol="JNJ", side=Side.BUY, quantity=Decimal(10), effect=Effect.OPEN, price=Decimal(100))
QUOTES = {
    "KO": quote("KO", "59.99", "60.01"),
    "PEP": quote("PEP", "199.95", "200.05"),
    "JNJ": quote("JNJ", "99.90", "100.10"),
}
NO_OUTLOOK = Outlook(cost=Decimal(0), unwinding_cost=Decimal(0), legging_loss_max=Decimal(0), adverse_move=Decimal(0))


def proposal(*legs: Leg, **more: object) -> Proposal:
    made = Proposal(
        proposal_id="p-00000001",
        account=ACCOUNT,
        portfolio="main",
        strategy="pairs",
        legs=legs or (SELL_KO, BUY_PEP),
        made_at=OPEN,
        expires_at=OPEN + timedelta(hours=1),
        confidence=0.7,
        expected_return=0.01,
        risk_max=0.02,
    )
    return replace(made, **more)  # type: ignore[arg-type]  # fields of it


def shown(made: Proposal, **more: object) -> Outlook:
    told: dict[str, object] = {
        "at": OPEN, "quotes": QUOTES, "held": {"KO": Decimal(100)}, "cash": Decimal(10_000), "terms": TERMS,
    }  # fmt: skip
    return outlook(made, **(told | more))  # type: ignore[arg-type]  # arguments of it


# ---------------------------------------------------------------- what is shown


def test_cost_unwinding_and_the_worst_leg_by_hand() -> None:
    # KO: 100 at 60, spread 0.02: half 1, fees 3 (5 basis points of 6000). PEP: 30 at 200, spread 0.10: 1.50, fees 3.
    # cost 1 + 3 + 1.50 + 3 = 8.50; unwinding 2 + 6 + 3 + 6 = 17; worst 17 + 2 % of 12,000 = 257.
    told = shown(proposal())
    assert told == Outlook(
        cost=Decimal("8.50"),
        unwinding_cost=Decimal("17.00"),
        legging_loss_max=Decimal("257.00"),
        adverse_move=Decimal("0.02"),
        prices={"KO": Decimal(60), "PEP": Decimal(200)},
    )
    assert told.feasible
    assert proposal().notional == 12_000


def test_each_leg_costs_at_least_the_least() -> None:
    # 100 KO at 60 and 30 PEP at 200 are 6,000 each, of which 5 basis points are 3: 6 stands in. Spreads as above.
    told = shown(proposal(), terms=replace(TERMS, cost_minimum=Decimal(6)))
    assert told.cost == Decimal("14.50")  # 1 + 6 + 1.50 + 6
    assert told.unwinding_cost == Decimal("29.00")  # 2 + 12 + 3 + 12
    less = shown(proposal(), terms=replace(TERMS, cost_minimum=Decimal(1)))
    assert less.cost == shown(proposal()).cost


@pytest.mark.parametrize(
    ("made", "more", "says"),
    [
        (proposal(), {"at": OPEN + timedelta(hours=1)}, "it expired at 2022-01-03 15:30 UTC"),
        (proposal(confidence=0.59), {}, r"its confidence is 0\.59; at least 0\.60"),
        (proposal(expected_return=0.0), {}, r"it expects \+0\.00% after costs"),
        (proposal(risk_max=0.051), {}, r"it risks 5\.1% of equity; at most 5\.0%"),
        (proposal(), {"quotes": QUOTES | {"KO": quote("KO", "60.99", "61.01")}}, r"KO has moved 1\.67% from 60"),
        (proposal(), {"quotes": QUOTES | {"PEP": quote("PEP", None)}}, "PEP has no two-sided quote"),
        (proposal(), {"held": {"KO": Decimal(99)}}, "KO: 100 are to be closed and 99 are held"),
        (proposal(), {"held": {"KO": Decimal(-5)}}, "KO: 100 are to be closed and 0 are held"),
        (proposal(), {"cash": Decimal(6000)}, r"its purchases need 6,004\.50, and 6,000\.00 may be spent"),
    ],
)
def test_what_cannot_be_tapped_is_told_in_words(made: Proposal, more: dict[str, object], says: str) -> None:
    told = shown(made, **more)
    assert not told.feasible
    sagas = Sagas()
    sagas.apply(ProposalMade(event_id=made.proposal_id, at=OPEN, proposal=made))
    with pytest.raises(InputError, match=says):
        sagas.tap(made.proposal_id, OPEN, "owner", told)


def test_two_taps_of_one_proposal_are_one() -> None:
    sagas = Sagas()
    with pytest.raises(InputError, match="there is no proposal 'p-00000001', and nothing was sent"):
        sagas.tap("p-00000001", OPEN, "owner", NO_OUTLOOK)
    sagas.apply(ProposalMade(event_id="p-00000001", at=OPEN, proposal=proposal()))
    first = sagas.tap("p-00000001", OPEN, "owner", NO_OUTLOOK)
    again = sagas.tap("p-00000001", OPEN, "owner", NO_OUTLOOK)
    assert first.event_id == again.event_id  # a journal takes the second for the first
    sagas.apply(first)
    with pytest.raises(InputError, match="was tapped already and is executing; nothing is sent again"):
        sagas.tap("p-00000001", OPEN, "owner", NO_OUTLOOK)
    with pytest.raises(InputError, match="two taps must be one"):
        ProposalTapped(event_id="t-2", at=OPEN, proposal_id="p-00000001", by="owner", outlook=NO_OUTLOOK)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (
            lambda: Leg(symbol="A", side=Side.BUY, quantity=Decimal(0), effect=Effect.OPEN, price=Decimal(1)),
            "a leg of 0 A",
        ),
        (lambda: proposal(legs=()), "has no leg"),
        (lambda: proposal(BUY_PEP, BUY_PEP), "has two legs of one symbol"),
        (lambda: proposal(expires_at=OPEN), "before it is made"),
        (lambda: proposal(expected_return=float("nan")), "expected_return of proposal p-00000001 is nan"),
        (lambda: proposal(confidence=1.5), "has confidence 1.5"),
        (lambda: proposal(horizon_days=-1), "has a horizon of -1 days"),
        (lambda: ProposalMade(event_id="p-2", at=OPEN, proposal=proposal()), "is journalled as p-2"),
    ],
)
def test_what_is_no_proposal_is_named(made: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        made()  # type: ignore[operator]  # each is a function without arguments


def test_a_proposal_lives_until_it_expires() -> None:
    assert proposal().lives == timedelta(hours=1)


# ---------------------------------------------------------------- worked against a broker that does what it likes


class Desk:
    """A journal, the folds over it, and a broker that answers as it is told. Every step begins from the journal."""

    def __init__(self, made: Proposal) -> None:
        self.at = OPEN
        self.events: list[Event] = [
            ProposalMade(event_id=made.proposal_id, at=OPEN, proposal=made),
            ProposalTapped(event_id=f"{made.proposal_id}/tapped", at=OPEN, proposal_id=made.proposal_id, by="owner",
                           outlook=shown(made)),
        ]  # fmt: skip
        self.proposal = made
        self.number = 0

    def folded(self) -> tuple[Sagas, Orders]:
        """As after a restart: nothing is remembered but what was journalled."""
        sagas, orders = Sagas(), Orders()
        for event in self.events:
            sagas.apply(event)
            orders.apply(event)
        return sagas, orders

    def next(self) -> Move:
        sagas, orders = self.folded()
        return next_move(sagas[self.proposal.proposal_id], orders, self.at, TERMS)

    @property
    def ended(self) -> ProposalEnded | None:
        return self.folded()[0][self.proposal.proposal_id].ended

    def step(self, refuse: bool = False) -> bool:
        """Do what is next; False where that is to wait."""
        move = self.next()
        if move.send is not None:
            place, leg = move.send
            if refuse:
                self.say(LegRefused, proposal_id=self.proposal.proposal_id, leg=place, reason="too large",
                         compensates=move.compensates)  # fmt: skip
                return True
            self.number += 1
            closes = leg.effect is Effect.CLOSE
            order = Order(
                order_id=f"o-{self.number:08}",
                account=ACCOUNT,
                symbol=leg.symbol,
                side=leg.side,
                quantity=leg.quantity,
                effect=leg.effect,
                purpose=Purpose.EXIT if closes else Purpose.ENTRY,
            )
            self.events.append(OrderPlaced(event_id=order.order_id, at=self.at, order=order))
            self.say(LegSent, proposal_id=self.proposal.proposal_id, leg=place, order_id=order.order_id,
                     compensates=move.compensates)  # fmt: skip
            return True
        for order_id in move.cancel:
            self.say(CancelRequested, order_id=order_id, reason="late")
        if move.end:
            state, end, reason = move.end
            sagas, _ = self.folded()
            loss = sagas.loss(sagas[self.proposal.proposal_id])
            self.say(
                ProposalEnded, proposal_id=self.proposal.proposal_id, state=state, end=end, reason=reason, loss=loss
            )
        return bool(move.cancel or move.end)

    def say(self, shape: type[Event], **fields: object) -> None:
        self.events.append(shape(event_id=f"e-{len(self.events)}", at=self.at, **fields))  # type: ignore[arg-type]  # of it

    def fill(self, order_id: str, quantity: Decimal | int, price: Decimal | str) -> None:
        order = self.folded()[1][order_id].order
        self.say(Filled, order_id=order_id, execution_id=f"x-{len(self.events)}", account=ACCOUNT, portfolio="main",
                 symbol=order.symbol, side=order.side, quantity=Decimal(quantity), price=Decimal(price),
                 commission=Money(Decimal(quantity) * Decimal(price) * TERMS.cost_rate, "USD"))  # fmt: skip

    def net(self) -> dict[str, Decimal]:
        """What was traded of each symbol, signed."""
        traded: dict[str, Decimal] = {}
        for event in self.events:
            if isinstance(event, Filled):
                sign = 1 if event.side is Side.BUY else -1
                traded[event.symbol] = traded.get(event.symbol, Decimal(0)) + sign * event.quantity
        return {symbol: quantity for symbol, quantity in traded.items() if quantity}


def test_legs_go_one_after_another_and_the_end_is_all() -> None:
    desk = Desk(proposal())
    assert desk.step()
    assert desk.next() == Move()  # the second leg waits for the first
    desk.fill("o-00000001", 60, "60")
    assert desk.next() == Move()
    desk.fill("o-00000001", 40, "60")
    assert desk.step()
    desk.fill("o-00000002", 30, "200")
    assert desk.step()
    assert desk.ended is not None
    assert (desk.ended.state, desk.ended.end, desk.ended.loss) == (ProposalState.COMPLETED, End.ALL, Decimal(0))
    assert desk.net() == {"KO": Decimal(-100), "PEP": Decimal(30)}
    with pytest.raises(InputError, match="is completed; only one that was tapped is worked"):
        desk.next()


def test_a_leg_that_fails_halfway_is_traded_back_with_the_ones_before_it_last_first() -> None:
    desk = Desk(proposal(SELL_KO, BUY_PEP, BUY_JNJ))
    desk.step()
    desk.fill("o-00000001", 100, "60")
    desk.step()
    desk.fill("o-00000002", 12, "200")
    desk.say(OrderCanceled, order_id="o-00000002", reason="halted")
    move = desk.next()
    assert move.compensates
    assert move.send == (1, turned(BUY_PEP, Decimal(12)))
    desk.step()
    desk.fill("o-00000003", 12, "199")
    assert desk.next().send == (0, turned(SELL_KO, Decimal(100)))
    desk.step()
    desk.fill("o-00000004", 100, "60.50")
    desk.step()
    assert desk.ended is not None
    assert (desk.ended.state, desk.ended.end) == (ProposalState.ROLLED_BACK, End.NONE)
    assert desk.ended.reason == "PEP was canceled with 12 of 30 filled; what was traded is traded back"
    # PEP lost 12, KO 50; fees of 5 basis points on 6000, 2400, 2388 and 6050: 8.419.
    assert desk.ended.loss == Decimal("70.419")
    assert desk.net() == {}


def test_a_first_leg_that_is_rejected_leaves_nothing_and_sends_nothing_else() -> None:
    desk = Desk(proposal())
    desk.step()
    desk.say(OrderRejected, order_id="o-00000001", code=201, message="no")
    desk.step()
    assert desk.ended is not None
    assert (desk.ended.state, desk.ended.end) == (ProposalState.FAILED, End.NONE)
    assert desk.ended.reason == "KO was rejected with 0 of 100 filled; nothing of it is in the book"


def test_a_leg_that_the_gate_refuses_takes_the_others_back() -> None:
    desk = Desk(proposal())
    desk.step()
    desk.fill("o-00000001", 100, "60")
    desk.step(refuse=True)
    assert desk.next().send == (0, turned(SELL_KO, Decimal(100)))
    desk.step()
    desk.fill("o-00000002", 100, "60")
    desk.step()
    assert desk.ended is not None
    assert desk.ended.reason.startswith("PEP was not let out: too large")


def test_what_cannot_be_traded_back_is_flagged_for_a_person() -> None:
    refused = Desk(proposal())
    refused.step()
    refused.fill("o-00000001", 100, "60")
    refused.step(refuse=True)
    refused.step(refuse=True)
    refused.step()
    assert refused.ended is not None
    assert refused.ended.end is End.FLAGGED
    assert "could not be traded back: too large" in refused.ended.reason
    dead = Desk(proposal())
    dead.step()
    dead.fill("o-00000001", 10, "60")
    dead.say(OrderCanceled, order_id="o-00000001")
    dead.step()
    dead.say(OrderRejected, order_id="o-00000002", code=201, message="no")
    dead.step()
    assert dead.ended is not None
    assert dead.ended.reason == "10 KO could not be traded back (rejected); a person must look"


def test_an_order_of_which_nobody_knows_what_became_stops_everything() -> None:
    desk = Desk(proposal())
    desk.step()
    desk.say(OrderFlagged, order_id="o-00000001", reason="no answer")
    desk.step()
    assert desk.ended is not None
    assert (desk.ended.state, desk.ended.end) == (ProposalState.FAILED, End.FLAGGED)


def test_a_leg_that_takes_too_long_is_canceled_once_and_its_late_fill_counts() -> None:
    desk = Desk(proposal(BUY_PEP))
    desk.step()
    desk.at = OPEN + timedelta(seconds=61)
    assert desk.next() == Move(cancel=("o-00000001",))
    desk.step()
    assert desk.next() == Move()
    desk.fill("o-00000001", 30, "200")  # it was filled while the cancellation was on its way
    desk.step()
    assert desk.ended is not None
    assert desk.ended.end is End.ALL


def test_trading_back_too_much_is_flagged() -> None:
    desk = Desk(proposal(SELL_KO, BUY_PEP))
    desk.step()
    desk.fill("o-00000001", 50, "60")
    desk.say(OrderCanceled, order_id="o-00000001")
    desk.step()
    desk.fill("o-00000002", 60, "60")  # more came back than was asked: the order is flagged by the table
    desk.step()
    assert desk.ended is not None
    assert desk.ended.end is End.FLAGGED


def test_a_leg_of_a_proposal_that_nobody_made_is_a_damaged_journal() -> None:
    sagas = Sagas()
    with pytest.raises(LedgerError, match="no proposal p-9 was ever made"):
        sagas.apply(LegSent(event_id="e", at=OPEN, proposal_id="p-9", leg=0, order_id="o-1"))
    assert sagas.get("p-9") is None
    assert sagas.all() == sagas.executing() == ()


@settings(max_examples=300)
@given(
    seed=st.integers(0, 10**9),
    legs=st.integers(1, 3),
    move=st.decimals("0.001", "0.5", places=3),
)
def test_whatever_the_broker_does_the_end_is_all_none_or_a_flag_and_a_rollback_costs_no_more_than_was_shown(
    seed: int, legs: int, move: Decimal
) -> None:
    chance = random.Random(seed)
    desk = Desk(proposal(*(SELL_KO, BUY_PEP, BUY_JNJ)[:legs]))
    for _ in range(200):
        if desk.ended:
            break
        if desk.step(refuse=chance.random() < 0.05):
            continue
        _answer(desk, chance, move / 2)
    assert desk.ended is not None
    sagas, _ = desk.folded()
    match desk.ended.end:
        case End.ALL:
            assert desk.net() == {
                leg.symbol: leg.quantity if leg.side is Side.BUY else -leg.quantity for leg in desk.proposal.legs
            }
        case End.NONE:
            assert desk.net() == {}
            # Each way prices moved at most half of what is stated beside the worst loss; trading there and back is one.
            worst = shown(desk.proposal, terms=replace(TERMS, adverse_move=move))
            assert desk.ended.loss <= worst.legging_loss_max
            assert worst.adverse_move == move
        case End.FLAGGED:
            assert "must look" in desk.ended.reason
    assert sagas[desk.proposal.proposal_id].state is desk.ended.state
    sent = [event.order_id for event in desk.events if isinstance(event, LegSent)]
    assert len(sent) == len(set(sent))


def _answer(desk: Desk, chance: random.Random, move: Decimal) -> None:
    """The broker says something of an order that works, and time goes on."""
    desk.at += timedelta(seconds=chance.choice((1, 20, 70)))
    working = desk.folded()[1].working()
    if not working:
        return
    state = chance.choice(working)
    order_id, what = state.order.order_id, chance.random()
    if what < 0.15 and not state.acknowledged:
        desk.say(OrderAccepted, order_id=order_id, permanent_id=7)
    elif what < 0.75 and state.remaining:
        part = (
            state.remaining if chance.random() < 0.5 else (state.remaining / 2).to_integral_value() or state.remaining
        )
        desk.fill(order_id, part, _worse(QUOTES[state.order.symbol], state.order.side, chance, move))
    elif what < 0.90:
        desk.say(OrderCanceled, order_id=order_id, reason="chance")
    elif what < 0.93:
        desk.say(OrderFlagged, order_id=order_id, reason="chance")


def _worse(shown_quote: Quote, side: Side, chance: random.Random, move: Decimal) -> Decimal:
    """The far side of the quote, and worse by up to ``move`` of the middle."""
    far = shown_quote.ask if side is Side.BUY else shown_quote.bid
    assert far is not None
    moved = shown_quote.mid * move * Decimal(chance.randrange(0, 100)) / 100
    return far + moved if side is Side.BUY else far - moved
