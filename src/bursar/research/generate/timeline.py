"""Timeline: when each part of an offer would be done, from the tap to the last day of its horizon.

Times follow from the session, its agenda and the schedule of orders (``trading/schedule.py``): a leg that is large for
the market's volume is worked in pieces over the day, the others at once, the largest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bursar.domain.proposals import Leg
from bursar.domain.sessions import Session
from bursar.trading.agenda import Agenda, Task
from bursar.trading.schedule import Algorithm, Parent

#: Part of a day's volume from which an order is worked in pieces.
LARGE = 0.01
#: Legs that are sent at once follow each other by so much: each is seen to work before the next.
APART = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that would happen. until: when it is over, where it takes its time."""

    at: datetime
    what: str
    until: datetime | None = None


def timeline(
    legs: Sequence[Leg],
    participation: Sequence[float],
    sessions: Sequence[Session],
    horizon_days: int,
    agenda: Agenda | None = None,
) -> tuple[Step, ...]:
    """The steps, oldest first.

    participation  part of a day's volume that each leg is; NaN where nobody knows the volume
    sessions       from today's on; where they end before the horizon, the last of them is named as far as known
    """
    session, rules = sessions[0], agenda or Agenda()
    begins = session.open + rules.trade_after_open
    steps = [
        Step(at=rules.times(session)[Task.ANALYZE], what="analysts form their views"),
        Step(at=begins, what="prices are checked again; a tap counts from here on, until the close"),
    ]
    at = begins
    for leg, part in sorted(zip(legs, participation, strict=True), key=lambda pair: -pair[0].quantity * pair[0].price):
        steps.append(_leg(leg, part, at, session))
        at += APART
    steps += [
        Step(at=at, what="stops and targets are placed for what was filled"),
        Step(at=session.close, what="what was not filled is canceled, and the proposal ends"),
    ]
    end = sessions[min(horizon_days, len(sessions) - 1)]
    far = "" if len(sessions) > horizon_days else ", as far as the calendar reaches"
    steps.append(Step(at=end.close, what=f"the horizon of {horizon_days} trading days ends{far}: it is judged"))
    return tuple(steps)


def _leg(leg: Leg, part: float, at: datetime, session: Session) -> Step:
    what = f"{leg.side.value} {leg.quantity:f} {leg.symbol}"
    if not part > LARGE:
        return Step(at=at, what=f"{what}, at once")
    # Worked as a schedule would: the parent says its pieces and its end.
    parent = Parent(
        symbol=leg.symbol,
        side=leg.side,
        quantity=leg.quantity,
        begins=at,
        ends=session.close - timedelta(minutes=15),
        algorithm=Algorithm.VWAP,
    )
    return Step(at=parent.begins, until=parent.ends, what=f"{what}, {part:.1%} of a day's volume, in pieces (VWAP)")
