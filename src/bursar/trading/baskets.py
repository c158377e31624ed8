"""One tap: a proposal is worked as a saga, leg by leg, and ends with all of it, none of it, or a flag.

Several orders are never atomic. So the legs go one after another, each only when the one before is filled; when one
fails, what was filled is traded back, last leg first, and that is tracked as orders of its own. Where even that does
not come to an end, or the broker cannot say what became of an order, the saga is flagged and nothing more is sent: a
person looks. A saga is a fold over the journal, so that a restart goes on with the step that is next.

    outlook    what a person is shown before the tap
    Saga       where a tapped proposal stands
    next_move  what is to be done now: send a leg, trade one back, cancel what is late, end, or wait
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from bursar.domain.events import (
    Alerted,
    CommandReceived,
    Event,
    Filled,
    InstrumentListed,
    LegRefused,
    LegSent,
    ProposalEnded,
    ProposalMade,
    ProposalTapped,
)
from bursar.domain.market import Quote
from bursar.domain.money import ZERO
from bursar.domain.orders import Effect, OrderStatus, Side
from bursar.domain.proposals import End, Leg, Outlook, Proposal, ProposalState
from bursar.errors import InputError, LedgerError
from bursar.trading.oms import Orders, OrderState
from bursar.trading.promises import BEHIND_MAX, Promises


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How sagas are worked.

    seconds_max        how long a proposal can be tapped
    leg_seconds_max    how long a leg may take before what is left of it is canceled and all is traded back
    moved_max          how far a price may have moved since the proposal, as a fraction
    adverse_move       of each price, that the worst legging loss assumes; stated beside it, before the tap
    cost_rate          of trading, as a fraction of notional
    cost_minimum       least cost of an order
    confidence_min, risk_max  what a proposal needs to be tapped
    behind_max         how far a completed one may be below what it promised by now, before a person is told
    """

    seconds_max: int = 1800
    leg_seconds_max: int = 60
    moved_max: Decimal = Decimal("0.005")
    adverse_move: Decimal = Decimal("0.02")
    cost_rate: Decimal = Decimal("0.0005")
    cost_minimum: Decimal = ZERO
    confidence_min: float = 0.6
    risk_max: float = 0.05
    behind_max: float = BEHIND_MAX

    def fee(self, notional: Decimal) -> Decimal:
        """What an order of ``notional`` costs."""
        return max(notional * self.cost_rate, self.cost_minimum) if notional else ZERO


def outlook(
    proposal: Proposal,
    at: datetime,
    quotes: Mapping[str, Quote],
    held: Mapping[str, Decimal],
    cash: Decimal,
    terms: Terms,
    multipliers: Mapping[str, Decimal] | None = None,
) -> Outlook:
    """What tapping now would cost, what stopping halfway might, and why it cannot be tapped.

    held  signed shares by symbol; cash  that purchases may use
    """
    sizes = multipliers or {}
    refusals = list(_refusals(proposal, at, terms))
    cost = unwinding = worst = traded = ZERO
    prices: dict[str, Decimal] = {}
    for leg in proposal.legs:
        quote, size = quotes.get(leg.symbol), sizes.get(leg.symbol, Decimal(1))
        if quote is None or quote.bid is None or quote.ask is None or not quote.two_sided:
            refusals.append(f"{leg.symbol} has no two-sided quote; its leg cannot be priced")
            continue
        prices[leg.symbol] = quote.mid
        notional = leg.quantity * quote.mid * size
        spread, fees = leg.quantity * (quote.ask - quote.bid) * size, terms.fee(notional)
        cost += spread / 2 + fees
        unwinding += spread + 2 * fees
        # Every leg up to this one is in the book when the next one fails.
        traded += spread + 2 * fees + notional * terms.adverse_move
        worst = max(worst, traded)
        refusals += _leg_refusals(leg, quote, held.get(leg.symbol, ZERO), terms)
    refusals += _unpaid(proposal, quotes, cash, terms, sizes)
    return Outlook(
        cost=cost,
        unwinding_cost=unwinding,
        legging_loss_max=worst,
        adverse_move=terms.adverse_move,
        refusals=tuple(refusals),
        prices=prices,
    )


def against(proposal: Proposal, at: datetime, quotes: Mapping[str, Quote], terms: Terms) -> tuple[str, ...]:
    """What speaks against a tap by the clock and by prices alone, as far as these are known to whoever asks."""
    known = ((leg, quotes.get(leg.symbol)) for leg in proposal.legs)
    moved = (why for leg, quote in known if quote is not None and quote.two_sided for why in _moved(leg, quote, terms))
    return (*_expired(proposal, at), *moved)


def _expired(proposal: Proposal, at: datetime) -> Sequence[str]:
    if at < proposal.expires_at:
        return []
    return [f"it expired at {proposal.expires_at:%Y-%m-%d %H:%M} UTC; ask for a new one"]


def _moved(leg: Leg, quote: Quote, terms: Terms) -> Sequence[str]:
    moved = abs(quote.mid / leg.price - 1)
    if moved <= terms.moved_max:
        return []
    return [f"{leg.symbol} has moved {moved:.2%} from {leg.price} since it was proposed; at most {terms.moved_max:.2%}"]


def _refusals(proposal: Proposal, at: datetime, terms: Terms) -> Sequence[str]:
    found = list(_expired(proposal, at))
    if not any(leg.effect is Effect.OPEN for leg in proposal.legs):
        return found  # what only takes risk away needs no belief
    if proposal.confidence < terms.confidence_min:
        found.append(f"its confidence is {proposal.confidence:.2f}; at least {terms.confidence_min:.2f} is needed")
    if proposal.expected_return <= 0:
        found.append(f"it expects {proposal.expected_return:+.2%} after costs; nothing is traded for no gain")
    if proposal.risk_max > terms.risk_max:
        found.append(f"it risks {proposal.risk_max:.1%} of equity; at most {terms.risk_max:.1%} is allowed")
    return found


def _leg_refusals(leg: Leg, quote: Quote, held: Decimal, terms: Terms) -> Sequence[str]:
    found = list(_moved(leg, quote, terms))
    if leg.effect is Effect.CLOSE:
        closable = held if leg.side is Side.SELL else -held
        if leg.quantity > closable:
            found.append(f"{leg.symbol}: {leg.quantity} are to be closed and {max(closable, ZERO)} are held")
    return found


def _unpaid(
    proposal: Proposal,
    quotes: Mapping[str, Quote],
    cash: Decimal,
    terms: Terms,
    sizes: Mapping[str, Decimal],
) -> Sequence[str]:
    needed = sum(
        (
            leg.quantity * quote.ask * sizes.get(leg.symbol, Decimal(1)) * (1 + terms.cost_rate) + terms.cost_minimum
            for leg in proposal.legs
            if leg.side is Side.BUY and (quote := quotes.get(leg.symbol)) and quote.ask is not None
        ),
        ZERO,
    )
    return [] if needed <= cash else [f"its purchases need {needed:,.2f}, and {cash:,.2f} may be spent"]


# ---------------------------------------------------------------- where it stands


@dataclass(slots=True)
class Saga:
    """One proposal that was made, and what became of it: kept in step with the journal by ``Sagas``.

    shown     what tapping at once would have meant when it was made
    sent      the order of each leg that was sent, by its place
    returned  the orders that trade a leg back, by its place, oldest first
    refused   why the gate would not let a leg out, by its place
    stuck     why what would trade a leg back was not let out; nothing where it was
    warned    why the last tap did not count; nothing where none was refused
    """

    proposal: Proposal
    shown: Outlook | None = None
    tapped: ProposalTapped | None = None
    ended: ProposalEnded | None = None
    sent: dict[int, str] = field(default_factory=dict)
    returned: dict[int, list[str]] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    stuck: str = ""
    warned: str = ""

    @property
    def state(self) -> ProposalState:
        """In the words of ``domain/proposals.py``."""
        if self.ended is not None:
            return self.ended.state
        return ProposalState.EXECUTING if self.tapped else ProposalState.PENDING


class Sagas:
    """Every proposal of a journal. Fills are kept by order, so that the loss of a rollback can be told to the cent.

    behind_max  as ``Terms`` say
    """

    def __init__(self, behind_max: float = BEHIND_MAX) -> None:
        self._sagas: dict[str, Saga] = {}
        self._of_order: set[str] = set()
        self._fills: dict[str, list[Filled]] = {}
        self._sizes: dict[str, Decimal] = {}
        self._asked: dict[str, Saga] = {}
        self.promises = Promises(behind_max)

    def apply(self, event: Event) -> None:
        """Take one committed event. Raises LedgerError for a leg or an end of a proposal that nobody made."""
        match event:
            case ProposalMade(proposal=proposal, outlook=shown):
                self._sagas[proposal.proposal_id] = Saga(proposal, shown)
            case ProposalTapped(proposal_id=proposal_id):
                self[proposal_id].tapped = event
            case LegSent(proposal_id=proposal_id, leg=leg, order_id=order_id, compensates=compensates):
                saga = self[proposal_id]
                self._of_order.add(order_id)
                if compensates:
                    saga.returned.setdefault(leg, []).append(order_id)
                else:
                    saga.sent[leg] = order_id
            case LegRefused(proposal_id=proposal_id, leg=leg, reason=reason, compensates=compensates):
                if compensates:
                    self[proposal_id].stuck = reason
                else:
                    self[proposal_id].refused[leg] = reason
            case ProposalEnded(proposal_id=proposal_id):
                self._ended(self[proposal_id], event)
            case InstrumentListed(instrument=instrument):
                self._sizes[instrument.symbol] = instrument.multiplier
            case Filled(order_id=order_id) if order_id in self._of_order:
                self._fills.setdefault(order_id, []).append(event)
            case _:
                pass
        self._hear(event)
        self.promises.apply(event)

    def _hear(self, event: Event) -> None:
        """Keep why a tap did not count: who taps is told beside the proposal, and not in the journal alone."""
        if isinstance(event, CommandReceived) and event.command == "tap":
            asked = self._sagas.get(event.arguments.get("proposal", ""))
            if asked is not None and event.arguments.get("account", asked.proposal.account) == asked.proposal.account:
                self._asked[event.event_id] = asked
        elif isinstance(event, Alerted):
            for cause in event.causes:
                if cause in self._asked:
                    self._asked.pop(cause).warned = event.message

    def _ended(self, saga: Saga, ended: ProposalEnded) -> None:
        saga.ended = ended
        if ended.state is ProposalState.COMPLETED and saga.tapped is not None:
            fills = {place: tuple(self._fills.get(order_id, ())) for place, order_id in saga.sent.items()}
            self.promises.begin(saga.proposal, saga.tapped.outlook, fills, self._sizes)

    def __getitem__(self, proposal_id: str) -> Saga:
        if proposal_id not in self._sagas:
            raise LedgerError(f"no proposal {proposal_id} was ever made; the journal is damaged, or the name mistyped")
        return self._sagas[proposal_id]

    def get(self, proposal_id: str) -> Saga | None:
        """The saga of a proposal, or None where there is none."""
        return self._sagas.get(proposal_id)

    def all(self) -> tuple[Saga, ...]:
        """Every proposal, oldest first."""
        return tuple(self._sagas.values())

    def executing(self) -> tuple[Saga, ...]:
        """Those that were tapped and have not ended, oldest first."""
        return tuple(saga for saga in self._sagas.values() if saga.state is ProposalState.EXECUTING)

    def pending(self, proposal_id: str) -> Saga:
        """A proposal that waits for a tap. Raises InputError, in words, where none of that name does."""
        saga = self._sagas.get(proposal_id)
        if saga is None:
            waiting = [name for name, each in self._sagas.items() if each.state is ProposalState.PENDING]
            listed = f"these wait for a tap: {', '.join(waiting)}" if waiting else "none waits for a tap"
            raise InputError(f"there is no proposal {proposal_id!r}, and nothing was sent; {listed}")
        if saga.state is not ProposalState.PENDING:
            raise InputError(
                f"proposal {proposal_id} was tapped already and is {saga.state.value}; nothing is sent again "
                "(bursar proposals shows what became of it)"
            )
        return saga

    def tappable(self, proposal_id: str, at: datetime, quotes: Mapping[str, Quote], terms: Terms) -> Saga:
        """A proposal that waits for a tap, and of which its sender can see nothing that speaks against one.

        at, quotes  the latest that the sender knows; the loop that takes the tap knows later ones, and looks again
        Raises InputError, in words, where there is none.
        """
        saga = self.pending(proposal_id)
        if refusals := against(saga.proposal, at, quotes, terms):
            raise _untapped(proposal_id, refusals)
        return saga

    def tap(self, proposal_id: str, at: datetime, by: str, shown: Outlook) -> ProposalTapped:
        """The tap of a person. Raises InputError, in words, where it cannot count."""
        self.pending(proposal_id)
        if not shown.feasible:
            raise _untapped(proposal_id, shown.refusals)
        return ProposalTapped(
            event_id=f"{proposal_id}/tapped",
            at=at,
            causes=(proposal_id,),
            proposal_id=proposal_id,
            by=by,
            outlook=shown,
        )

    def loss(self, saga: Saga) -> Decimal:
        """What the legs that were traded back cost: what was paid less what was received, fees included."""
        spent = ZERO
        for leg, back in saga.returned.items():
            for order_id in (saga.sent[leg], *back):
                for fill in self._fills.get(order_id, ()):
                    sign = 1 if fill.side is Side.BUY else -1
                    size = self._sizes.get(fill.symbol, Decimal(1))
                    spent += sign * fill.quantity * fill.price * size + fill.commission.amount
        return spent


def _untapped(proposal_id: str, refusals: Sequence[str]) -> InputError:
    return InputError(f"proposal {proposal_id} cannot be tapped: {'; '.join(refusals)}; nothing was sent")


# ---------------------------------------------------------------- what is next


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What is to be done now. All fields empty: wait.

    send    the place of the leg to send, and the leg as it is to be sent: turned round where it trades back
    cancel  orders that took too long
    end     the end, with its reason
    """

    send: tuple[int, Leg] | None = None
    compensates: bool = False
    cancel: tuple[str, ...] = ()
    end: tuple[ProposalState, End, str] | None = None


def next_move(saga: Saga, orders: Orders, at: datetime, terms: Terms) -> Move:
    """The next step of a tapped proposal. Raises InputError where it was not tapped, or has ended."""
    if saga.state is not ProposalState.EXECUTING:
        raise InputError(f"proposal {saga.proposal.proposal_id} is {saga.state}; only one that was tapped is worked")
    unsure = [
        order_id
        for order_id in (*saga.sent.values(), *(name for back in saga.returned.values() for name in back))
        if orders[order_id].status is OrderStatus.FLAGGED
    ]
    if unsure:
        return _flag(f"what became of {', '.join(unsure)} cannot be known; a person must look")
    if saga.stuck:
        return _flag(f"what was traded could not be traded back: {saga.stuck}; a person must look")
    for place, leg in enumerate(saga.proposal.legs):
        order_id = saga.sent.get(place)
        if order_id is None:
            failing = saga.returned or place in saga.refused
            return _go_back(saga, orders) if failing else Move(send=(place, leg))
        state = orders[order_id]
        if state.status is OrderStatus.FILLED and not saga.returned:
            continue
        if state.working:
            return _late(state, at, terms)
        return _go_back(saga, orders)
    return Move(end=(ProposalState.COMPLETED, End.ALL, "every leg is filled"))


def _late(state: OrderState, at: datetime, terms: Terms) -> Move:
    """Wait for a working leg, or cancel what took too long, once."""
    over = at - state.placed_at > timedelta(seconds=terms.leg_seconds_max)
    asked = state.status is OrderStatus.PENDING_CANCEL
    return Move(cancel=(state.order.order_id,)) if over and not asked else Move()


def _go_back(saga: Saga, orders: Orders) -> Move:
    """Trade back what was filled, the last leg first, one at a time."""
    for place in sorted(saga.sent, reverse=True):
        leg, back = saga.proposal.legs[place], saga.returned.get(place, [])
        if any(orders[name].working for name in back):
            return Move()
        left = orders[saga.sent[place]].filled - sum((orders[name].filled for name in back), ZERO)
        if left < 0:
            return _flag(f"more of {leg.symbol} was traded back than had been traded; a person must look")
        if left and back and not orders[back[-1]].filled:
            ended = orders[back[-1]].status
            return _flag(f"{left} {leg.symbol} could not be traded back ({ended}); a person must look")
        if left:
            return Move(send=(place, turned(leg, left)), compensates=True)
    why = _why(saga, orders)
    if not saga.returned:
        return Move(end=(ProposalState.FAILED, End.NONE, f"{why}; nothing of it is in the book"))
    return Move(end=(ProposalState.ROLLED_BACK, End.NONE, f"{why}; what was traded is traded back"))


def _why(saga: Saga, orders: Orders) -> str:
    """Which leg failed, and how."""
    for place, leg in enumerate(saga.proposal.legs):
        if place in saga.refused:
            return f"{leg.symbol} was not let out: {saga.refused[place]}"
        state = orders[saga.sent[place]]
        if state.status is not OrderStatus.FILLED:
            return f"{leg.symbol} was {state.status} with {state.filled} of {state.order.quantity} filled"
    raise LedgerError(f"proposal {saga.proposal.proposal_id} goes back, though every leg of it is filled")


def _flag(reason: str) -> Move:
    return Move(end=(ProposalState.FAILED, End.FLAGGED, reason))


def turned(leg: Leg, quantity: Decimal) -> Leg:
    """The leg that undoes ``quantity`` of another: what opened is closed, and what closed is opened again."""
    return Leg(
        symbol=leg.symbol,
        side=Side.SELL if leg.side is Side.BUY else Side.BUY,
        quantity=quantity,
        effect=Effect.CLOSE if leg.effect is Effect.OPEN else Effect.OPEN,
        price=leg.price,
        reason=f"trades back: {leg.reason}",
    )
