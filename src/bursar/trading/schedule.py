"""Schedules: a parent order in pieces over time, instead of all of it at once.

    all at once     the whole of it now
    TWAP            equal parts in equal times
    VWAP            parts as the day's volume usually comes, so that nobody notices
    participation   a fixed part of what really trades
    adaptive        one limit order that begins on the near side and pays more of the spread as time runs out

A schedule says how much should have been sent by now, and never asks for more than is left: a piece that did not
trade is caught up by a later one. It is a function of the parent, the clock and what the market did; what was sent
so far is read from the orders, so that a restart goes on where it stood.

Sources: Almgren and Chriss (2000), "Optimal execution of portfolio transactions", for why to wait at all; Kissell,
"The Science of Algorithmic Trading and Portfolio Management" (2014), chapter 1, for the names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote
from bursar.domain.money import ZERO
from bursar.domain.orders import Side
from bursar.domain.sessions import Session
from bursar.errors import InputError

#: Cumulative share of a day's volume at each eighth of a US session: much at the open, most at the close.
#: The U shape that Jain and Joh (1988), Journal of Financial and Quantitative Analysis 23, found; our rounding.
VOLUME_CURVE = tuple(map(Decimal, ("0", "0.18", "0.30", "0.40", "0.49", "0.58", "0.68", "0.80", "1")))


class Algorithm(StrEnum):
    """How a parent order is worked."""

    AT_ONCE = "at_once"
    TWAP = "twap"
    VWAP = "vwap"
    PARTICIPATION = "participation"
    ADAPTIVE = "adaptive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """What is to be traded, how, and by when.

    begins, ends        between which it is worked; what is left at ``ends`` is sent at once
    every               time between two pieces of TWAP and VWAP
    participation       part of the market's volume that PARTICIPATION takes, 0 to 1
    urgency             0 waits on the near side, 1 pays the whole spread at once; of ADAPTIVE
    """

    symbol: str
    side: Side
    quantity: Decimal
    begins: datetime
    ends: datetime
    algorithm: Algorithm = Algorithm.TWAP
    every: timedelta = timedelta(minutes=5)
    participation: Decimal = Decimal("0.10")
    urgency: Decimal = Decimal("0.25")

    def __post_init__(self) -> None:
        if self.quantity <= 0:
            raise InputError(f"a parent order of {self.quantity} {self.symbol}; give more than none")
        if self.ends <= self.begins or self.every <= timedelta(0):
            raise InputError(
                f"{self.symbol} is worked from {self.begins} to {self.ends} every {self.every}; time must go forward"
            )
        for name in ("participation", "urgency"):
            value: Decimal = getattr(self, name)
            if not 0 <= value <= 1:
                raise InputError(f"{name} of {self.symbol} is {value}; give 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a parent is.

    sent          by pieces that were placed, what of them was cancelled or expired taken off
    filled        of it
    market_volume shares that all others traded since ``begins``; None where nobody knows
    """

    sent: Decimal = ZERO
    filled: Decimal = ZERO
    market_volume: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The next child order. limit_price: None for a market order."""

    quantity: Decimal
    limit_price: Decimal | None = field(default=None)


def next_piece(
    parent: Parent, progress: Progress, at: datetime, session: Session, quote: Quote, instrument: Instrument
) -> Piece | None:
    """What to send now, or None. Raises InputError where the algorithm needs a volume that nobody knows.

    Nothing is sent without a two-sided quote; at or after ``ends`` everything that is left is.
    """
    left = instrument.whole_lots(parent.quantity - progress.sent)
    if left <= 0 or at < parent.begins or not quote.two_sided:
        return None
    if parent.algorithm is Algorithm.ADAPTIVE:
        return Piece(quantity=left, limit_price=adaptive_price(parent, at, quote, instrument))
    due = parent.quantity if at >= parent.ends else instrument.whole_lots(_due(parent, progress, at, session))
    quantity = min(instrument.whole_lots(due - progress.sent), left)
    return Piece(quantity=quantity) if quantity > 0 else None


def _due(parent: Parent, progress: Progress, at: datetime, session: Session) -> Decimal:
    """How much should have been sent by ``at``, before it is cut to lots."""
    match parent.algorithm:
        case Algorithm.TWAP:
            # Multiplied first: a third of 30 is 10, and not a little less.
            begun, pieces = _steps(parent, at)
            return parent.quantity * begun / pieces
        case Algorithm.VWAP:
            step = parent.begins + ((at - parent.begins) // parent.every + 1) * parent.every
            first, last, now = (_traded_by(session, each) for each in (parent.begins, parent.ends, step))
            return (
                parent.quantity * min((now - first) / (last - first), Decimal(1)) if last > first else parent.quantity
            )
        case Algorithm.PARTICIPATION:
            if progress.market_volume is None:
                raise InputError(
                    f"{parent.symbol}: participation needs the market's volume, and this source has none; use TWAP"
                )
            # Of all that trades, ourselves included: x = p (v + x).
            part = parent.participation
            return parent.quantity if part == 1 else min(progress.market_volume * part / (1 - part), parent.quantity)
        case _:
            return parent.quantity


def _steps(parent: Parent, at: datetime) -> tuple[int, int]:
    """How many of TWAP's pieces are due, the first at once, the last before the end; and how many there are."""
    pieces = max(-((parent.begins - parent.ends) // parent.every), 1)
    return min((at - parent.begins) // parent.every + 1, pieces), pieces


def _traded_by(session: Session, at: datetime) -> Decimal:
    """The share of a day's volume that has usually traded by ``at``, along the straight lines of the curve."""
    whole = Decimal(len(VOLUME_CURVE) - 1)
    part = Decimal((at - session.open) // timedelta(seconds=1)) / Decimal(
        (session.close - session.open) // timedelta(seconds=1)
    )
    place = min(max(part, ZERO), Decimal(1)) * whole
    before = min(int(place), int(whole) - 1)
    return VOLUME_CURVE[before] + (place - before) * (VOLUME_CURVE[before + 1] - VOLUME_CURVE[before])


def adaptive_price(parent: Parent, at: datetime, quote: Quote, instrument: Instrument) -> Decimal:
    """The limit of an adaptive order now: from the near side to the far one as time passes, sooner with urgency.

    Raises InputError without a two-sided quote.
    """
    if quote.bid is None or quote.ask is None or not quote.two_sided:
        raise InputError(f"{parent.symbol} has no two-sided quote at {at}; an adaptive order waits for one")
    gone = Decimal((at - parent.begins) // timedelta(seconds=1)) / Decimal(
        max((parent.ends - parent.begins) // timedelta(seconds=1), 1)
    )
    paid = min(max(parent.urgency + (1 - parent.urgency) * gone, ZERO), Decimal(1))
    near, far = (quote.bid, quote.ask) if parent.side is Side.BUY else (quote.ask, quote.bid)
    price = near + (far - near) * paid
    steps = price / instrument.tick
    # To the tick that does not pay more than was meant.
    whole = steps.to_integral_value(rounding=ROUND_DOWN)
    if parent.side is Side.SELL and whole < steps:
        whole += 1
    return whole * instrument.tick
