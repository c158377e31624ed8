"""What a broker in IBKR's manner says of our orders, as events: the one translation, for the wire and in process.

A ``Reporter`` is told what we sent and what came back, in plain values, and answers with events that are new.
It makes each of them once: what the journal already holds is taken in by ``recover`` and not said again. It never
trusts a status alone: an order is filled by its executions, and an execution counts once its commission is known.

    accepted   the first status that carries a permId
    amended    the order stands with the terms that we asked for
    canceled   status Cancelled; expired where we did not ask for it and the time of the order was over: the closing
               bell for one that is for the day, its moment for one that is good till then, the open for one of the
               opening auction
    corrected  an execution whose id is a later revision of one that is booked: the same but for its last part
    rejected   an error of REJECTIONS before the order stood, or of REJECTIONS_LATER after, or the status Inactive of
               an order that is told as completed or that the broker never had working
    flagged    status Inactive of an order that worked, which may come back; one orderRef under two permIds

No error but REJECTIONS ends an order: after 10349, 161 or 10148 ("cancelled" to some clients) it works, or was filled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from bursar.adapters import tickets
from bursar.domain.events import (
    AmendRejected,
    AmendRequested,
    CancelRejected,
    CancelRequested,
    Event,
    FillCorrected,
    Filled,
    InstrumentListed,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderExpired,
    OrderFlagged,
    OrderPlaced,
    OrderRejected,
)
from bursar.domain.instruments import Instrument
from bursar.domain.money import Money, round_money
from bursar.domain.orders import (
    Order,
    OrderStatus,
    OrderType,
    Side,
    TimeInForce,
    correction_number,
    execution_root,
)
from bursar.domain.sessions import Session, settles_on
from bursar.domain.venues import HOME

#: Errors that say of an order which the broker never had that it will not have it.
REJECTIONS = frozenset(
    {
        103, 104, 105, 110, 111, 113, 135, 147, 158, 159, 200, 201, 203, 320, 321, 334, 337, 387, 404, 434, 435, 436,
        460, 10243, 10289, 10326, 10341,
    }
)  # fmt: skip
#: Errors that end an order which the broker had.
REJECTIONS_LATER = frozenset({201, 203})
#: Errors that answer a cancellation.
CANCEL_REFUSALS = frozenset({161, 10147, 10148})
#: The error that gives the reason of a cancellation.
CANCELED = 202
#: What a number that is not set looks like in IBKR's protocol; a commission of it is one that is not known yet.
UNSET = Decimal("1e300")

#: IBKR's statuses in our words. Inactive and the pending ones can mean several things, and are left out.
STATUSES: Mapping[str, OrderStatus] = {
    "PreSubmitted": OrderStatus.NEW,
    "Submitted": OrderStatus.NEW,
    "Filled": OrderStatus.FILLED,
    "Cancelled": OrderStatus.CANCELED,
    "ApiCancelled": OrderStatus.CANCELED,
}


@dataclass(slots=True)
class _Known:
    """What we know of one of our orders."""

    order: Order
    accepted: bool = False
    permanent_id: int = 0
    ended: bool = False
    flagged: int = 0
    cancel_asked: bool = False
    amendment: Order | None = None
    reason: str = ""
    cancels_refused: int = 0
    amendments: int = 0
    filled: Decimal = Decimal(0)


class Reporter:
    """See the module. Times that it is given are the broker's, in UTC and whole seconds."""

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        sessions: Sequence[Session],
        *,
        portfolio: str = "main",
        days: Sequence[date] = (),
    ) -> None:
        """``portfolio`` takes what was traded in the account without us. days: by which trades settle, where that are
        more than those of ``sessions``, some of which may be slept through.
        """
        self._instruments = instruments
        self._portfolio = portfolio
        self._days = tuple(days) or tuple(session.day for session in sessions)
        self._sessions = {session.day: session for session in sessions}
        self._exchange = sessions[0].exchange if sessions else HOME
        self._known: dict[str, _Known] = {}
        self._booked: dict[str, str] = {}
        self._waiting: dict[str, _Execution] = {}
        self._listed: set[str] = set(instruments)

    # ------------------------------------------------------------ what we did

    def recover(self, events: Iterable[Event]) -> None:
        """Take in a journal, so that nothing it holds is said again."""
        for event in events:
            match event:
                case OrderPlaced(order=order):
                    self.sent(order)
                case CancelRequested(order_id=order_id):
                    self.cancel_sent(order_id)
                case AmendRequested(order=order):
                    self.amend_sent(order)
                case Filled(execution_id=execution_id, order_id=order_id, quantity=quantity):
                    self._book(execution_id, order_id, quantity)
                case FillCorrected(execution_id=execution_id):
                    self._book(execution_id, "", Decimal(0))
                case InstrumentListed(instrument=instrument):
                    self._listed.add(instrument.symbol)
                case _:
                    self._took(event)

    def sent(self, order: Order) -> None:
        """``order`` is about to leave."""
        self._known.setdefault(order.order_id, _Known(order))

    def cancel_sent(self, order_id: str) -> None:
        """A cancellation is about to leave."""
        if known := self._known.get(order_id):
            known.cancel_asked = True

    def amend_sent(self, order: Order) -> None:
        """A change of a working order into ``order`` is about to leave."""
        if known := self._known.get(order.order_id):
            known.amendment = order

    def filled(self, order_id: str) -> bool:
        """True once all of ``order_id`` was reported as filled."""
        known = self._known.get(order_id)
        return known is not None and known.filled >= known.order.quantity

    def knows(self, order_id: str) -> bool:
        """True for an order of ours that was sent, now or in an earlier life."""
        return order_id in self._known

    # ------------------------------------------------------------ what came back

    def stands(
        self,
        order_id: str,
        *,
        at: datetime,
        status: str,
        permanent_id: int,
        number: int = 0,
        quantity: Decimal | None = None,
        limit_price: Decimal | None = None,
        aux_price: Decimal | None = None,
        completed: bool = False,
    ) -> tuple[Event, ...]:
        """What openOrder (with its terms) or orderStatus (without) says of the order with the orderRef ``order_id``.

        number     under which we sent it; completed  True where the broker lists it among what has ended
        """
        known = self._known.get(order_id)
        if known is None:
            return ()
        if permanent_id and known.permanent_id not in (0, permanent_id):
            if completed:
                return ()  # the list of what has ended does not say whose it was: this one was another client's
            reason = f"the broker has it twice, under the permIds {known.permanent_id} and {permanent_id}"
            return self._said([] if known.flagged else [_flagged(known, at, reason)])
        if known.ended:
            return ()
        events: list[Event] = []
        if permanent_id and not known.accepted and status in ("PreSubmitted", "Submitted", "Filled"):
            accepted = OrderAccepted(
                event_id=f"{order_id}/accepted",
                at=at,
                causes=(order_id,),
                order_id=order_id,
                permanent_id=permanent_id,
                number=number,
            )
            events.append(accepted)
        wish = known.amendment
        if wish and _stands_as(wish, quantity, limit_price, aux_price):
            number = known.amendments + 1
            events.append(
                OrderAmended(event_id=f"{order_id}/amended/{number}", at=at, causes=(order_id,), order_id=order_id)
            )
        if status in ("Cancelled", "ApiCancelled"):
            events.append(self._ended(known, at))
        elif status == "Inactive" and (completed or not known.accepted):
            events.append(_rejected(order_id, at, 0, "The broker holds the order inactive."))
        elif status == "Inactive" and not known.flagged:
            events.append(_flagged(known, at, "the broker holds it inactive: it may work again, or not"))
        return self._said(events)

    def refused(self, order_id: str, *, at: datetime, code: int, text: str) -> tuple[Event, ...]:
        """What errMsg says of the order with the orderRef ``order_id``. What is only a warning gives nothing."""
        known = self._known.get(order_id)
        if known is None:
            return ()
        if code == CANCELED:
            known.reason = text.partition("reason:")[2].strip()
            return ()
        if code in CANCEL_REFUSALS:
            return self._said([_cancel_rejected(known, at, code, text)] if known.cancel_asked else [])
        if known.ended:
            return ()
        if known.amendment and code in REJECTIONS:
            return self._said([_amend_rejected(known, at, code, text)])
        if code in (REJECTIONS_LATER if known.accepted else REJECTIONS):
            return self._said([_rejected(order_id, at, code, text)])
        return ()

    def executed(
        self,
        order_id: str,
        *,
        at: datetime,
        execution_id: str,
        account: str,
        symbol: str,
        side: str,
        quantity: Decimal,
        price: Decimal,
        strange: Instrument | None = None,
    ) -> None:
        """execDetails; ``side`` is BOT or SLD. It becomes an event with its commission.

        strange  what was traded, where it may be none of our instruments: traded by hand it must be listed first

        An execution that was corrected since, or is booked already, is not taken in.
        """
        root = execution_root(execution_id)
        if root in self._booked and correction_number(self._booked[root]) >= correction_number(execution_id):
            return
        self._waiting[execution_id] = _Execution(order_id, at, account, symbol, side, quantity, price, strange)

    @property
    def waiting(self) -> frozenset[str]:
        """Executions whose commission was not told yet: they are not booked."""
        return frozenset(self._waiting)

    def charged(self, execution_id: str, *, amount: Decimal, currency: str) -> tuple[Event, ...]:
        """commissionReport: now the execution is whole. An amount that is not set says that it is not known yet."""
        if execution_id not in self._waiting or not 0 <= amount < UNSET:
            return ()
        execution = self._waiting.pop(execution_id)
        before = self._booked.get(execution_root(execution_id))
        if before is not None and correction_number(before) >= correction_number(execution_id):
            return ()
        known = self._known.get(execution.order_id)
        instrument = self._instruments.get(execution.symbol)
        quantity = exact(execution.quantity, instrument.lot) if instrument else execution.quantity
        price = exact(execution.price, instrument.tick) if instrument else execution.price
        commission = Money(round_money(amount, currency), currency)
        self._book(execution_id, execution.order_id, quantity if before is None else Decimal(0))
        if before is not None:
            corrected = FillCorrected(
                event_id=f"f-{execution_id}",
                at=execution.at,
                causes=(f"f-{before}",),
                execution_id=execution_id,
                corrects=before,
                quantity=quantity,
                price=price,
                commission=commission,
            )
            return (corrected,)
        traded_on = self._exchange_day(execution.at)
        filled = Filled(
            event_id=f"f-{execution_id}",
            at=execution.at,
            causes=(known.order.order_id,) if known else (),
            order_id=known.order.order_id if known else "",
            execution_id=execution_id,
            account=execution.account,
            portfolio=known.order.portfolio if known else self._portfolio,
            symbol=execution.symbol,
            side=Side.BUY if execution.side == "BOT" else Side.SELL,
            quantity=quantity,
            price=price,
            commission=commission,
            settles_on=settles_on(traded_on, self._days, self._exchange),
            strategy=known.order.strategy if known else "",
            traded_on=traded_on,
        )
        return (*self._listing(execution), filled)

    # ------------------------------------------------------------ inside

    def _listing(self, execution: _Execution) -> Iterator[InstrumentListed]:
        """The word that what was traded can be booked, where nobody gave it yet. No book begins again without it."""
        if execution.strange is not None and execution.symbol not in self._listed:
            self._listed.add(execution.symbol)
            name = f"instrument/{execution.symbol}"
            yield InstrumentListed(event_id=name, at=execution.at, instrument=execution.strange)

    def _book(self, execution_id: str, order_id: str, quantity: Decimal) -> None:
        """Remember that an execution, or a revision of one, is in the journal."""
        self._booked[execution_root(execution_id)] = execution_id
        if known := self._known.get(order_id):
            known.filled += quantity

    def _exchange_day(self, at: datetime) -> date:
        session = self._sessions.get(at.date()) or next(iter(self._sessions.values()), None)
        return session.local(at).date() if session else at.date()

    def _ended(self, known: _Known, at: datetime) -> OrderCanceled | OrderExpired:
        order_id = known.order.order_id
        if not known.cancel_asked and self._is_over(known.order, at):
            return OrderExpired(event_id=f"{order_id}/expired", at=at, causes=(order_id,), order_id=order_id)
        return OrderCanceled(
            event_id=f"{order_id}/canceled", at=at, causes=(order_id,), order_id=order_id, reason=known.reason
        )

    def _is_over(self, order: Order, at: datetime) -> bool:
        """True when the time in force of ``order`` was over at ``at``."""
        session = self._sessions.get(self._exchange_day(at))
        match order.time_in_force:
            case TimeInForce.DAY:
                return session is not None and at >= session.close
            case TimeInForce.AT_THE_OPENING:
                return session is not None and at >= session.open
            case TimeInForce.GOOD_TILL_DATE:
                return order.good_till is not None and at >= order.good_till
            case _:
                return False

    def _said(self, events: Sequence[Event]) -> tuple[Event, ...]:
        for event in events:
            self._took(event)
        return tuple(events)

    def _took(self, event: Event) -> None:
        """Remember what an event, said now or found in the journal, means for its order."""
        if not isinstance(event, _Answer):
            return
        known = self._known.get(event.order_id)
        if known is None:
            return  # an order that was adopted, or placed by somebody else
        match event:
            case OrderAccepted(permanent_id=permanent_id):
                known.accepted, known.permanent_id = True, permanent_id
            case OrderAmended() | AmendRejected():
                if isinstance(event, OrderAmended) and known.amendment:
                    known.order = known.amendment
                known.amendment = None
                known.amendments += 1
            case CancelRejected():
                known.cancel_asked = False
                known.cancels_refused += 1
            case OrderFlagged():
                known.flagged += 1
            case OrderRejected() | OrderCanceled() | OrderExpired():
                known.ended = True


#: What can be said of an order, fills aside.
_Answer = (
    OrderAccepted
    | OrderAmended
    | AmendRejected
    | CancelRejected
    | OrderRejected
    | OrderCanceled
    | OrderExpired
    | OrderFlagged
)


@dataclass(frozen=True, slots=True)
class _Execution:
    """An execution that waits for its commission."""

    order_id: str
    at: datetime
    account: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    strange: Instrument | None = None


def _stands_as(wish: Order, quantity: Decimal | None, limit_price: Decimal | None, aux_price: Decimal | None) -> bool:
    """True when an order with these terms is what was wished. The limit of a trailing order moves with the market."""
    same_limit = wish.type is OrderType.TRAIL_LIMIT or limit_price == tickets.limit_price(wish)
    return quantity == wish.quantity and same_limit and aux_price == tickets.aux_price(wish)


def exact(value: Decimal, step: Decimal) -> Decimal:
    """``value`` with the decimals of ``step``, or as it is where it has more of them.

    A price that came as a float over a wire so has the same digits as one that never left the process.
    """
    try:
        written = value.quantize(step)
    except InvalidOperation:
        return value  # more digits than a Decimal keeps: a broker's number for "none"
    return written if written == value else value


def _flagged(known: _Known, at: datetime, reason: str) -> OrderFlagged:
    order_id = known.order.order_id
    event_id = f"{order_id}/flagged/{known.flagged + 1}"
    return OrderFlagged(event_id=event_id, at=at, causes=(order_id,), order_id=order_id, reason=reason)


def _rejected(order_id: str, at: datetime, code: int, text: str) -> OrderRejected:
    return OrderRejected(
        event_id=f"{order_id}/rejected", at=at, causes=(order_id,), order_id=order_id, code=code, message=text
    )


def _cancel_rejected(known: _Known, at: datetime, code: int, text: str) -> CancelRejected:
    order_id = known.order.order_id
    return CancelRejected(
        event_id=f"{order_id}/cancel_rejected/{known.cancels_refused + 1}",
        at=at,
        causes=(order_id,),
        order_id=order_id,
        code=code,
        message=text,
    )


def _amend_rejected(known: _Known, at: datetime, code: int, text: str) -> AmendRejected:
    order_id = known.order.order_id
    return AmendRejected(
        event_id=f"{order_id}/amend_rejected/{known.amendments + 1}",
        at=at,
        causes=(order_id,),
        order_id=order_id,
        code=code,
        message=text,
    )
