"""What a run says at the terminal while it goes on: a line for every event of which its owner would want to hear.

What was thought, and what was merely asked of the broker, is left to ``bursar why`` and ``bursar audit``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from bursar.desk import wording
from bursar.desk.why import says
from bursar.domain.events import (
    AccountSwitched,
    Alerted,
    BreakExplained,
    BreakFound,
    Decided,
    DecisionSkipped,
    Event,
    ExitTriggered,
    Filled,
    KillFinished,
    KillOrdered,
    LegRefused,
    LineChanged,
    OrderCanceled,
    OrderExpired,
    OrderFlagged,
    OrderPlaced,
    OrderRejected,
    PositionAdopted,
    ProposalEnded,
    ProposalMade,
    ProposalTapped,
    RearmRefused,
    Rejected,
    SessionClosed,
    SessionOpened,
    SwitchRefused,
    TradingStateChanged,
)
from bursar.domain.record import encode
from bursar.ports import Recorded

#: What became of orders, and the decisions that led to them: told in the words of ``bursar why``.
_OF_ORDERS = (
    ExitTriggered,
    Filled,
    OrderCanceled,
    OrderExpired,
    OrderFlagged,
    OrderPlaced,
    OrderRejected,
    Rejected,
)


class Narrator:
    """Watches a run (``runtime.loop.Observer``) and says a line for each event that matters.

    say      takes a line
    zone     in whose time the lines are dated
    currency of the account's books
    as_json  True to say each event whole instead, whatever it is: sequence, and the event as it is journalled
    """

    def __init__(self, say: Callable[[str], None], zone: str, *, currency: str = "USD", as_json: bool = False) -> None:
        self._say = say
        self._currency = currency
        self._zone = ZoneInfo(zone)
        self._as_json = as_json

    def committed(self, recorded: Sequence[Recorded]) -> None:
        for each in recorded:
            if self._as_json:
                self._say(json.dumps({"sequence": each.sequence, "event": json.loads(encode(each.event))}))
            elif words := told(each.event, self._currency):
                self._say(f"{each.event.at.astimezone(self._zone):%H:%M:%S %Z}  {words}")


def told(event: Event, currency: str = "USD") -> str:
    """One event in words; nothing for what an owner need not hear of at once."""
    match event:
        case SessionOpened(day=day):
            return f"{wording.day(day)} begins"
        case SessionClosed(day=day, equity=equity):
            return f"{wording.day(day)} ends with {wording.money(equity, currency)}"
        case Decided():
            wanted = wording.count(len(event.targets), "target")
            return f"{event.strategy} decided on {wanted}"
        case DecisionSkipped(reason=reason):
            return f"no decision: {reason}"
        case PositionAdopted(symbol=symbol, quantity=quantity):
            return f"adopted {wording.quantity(quantity)} {symbol}"
        case LineChanged(state=state, reason=reason):
            return f"the line is {state.replace('_', ' ')}: {reason}"
        case BreakFound(what=what, ours=ours, theirs=theirs):
            return f"{event.symbol or 'cash'}: the books and the broker differ on {what}, {ours} against {theirs}"
        case BreakExplained(explanation=explanation, by=by):
            return f"a difference is explained by {by}: {explanation}"
        case Alerted(severity=severity, message=message):
            return f"{severity}: {message}"
    if isinstance(event, _OF_ORDERS):
        order_id = event.event_id if isinstance(event, OrderPlaced) else getattr(event, "order_id", "")
        words = says(event, "", currency)
        return f"{order_id}: {words}" if order_id else words
    return _of_people(event)


def _of_people(event: Event) -> str:
    """What people asked for, or have to decide on."""
    match event:
        case ProposalMade(proposal=proposal):
            legs = wording.count(len(proposal.legs), "leg")
            return f"{proposal.proposal_id} is proposed, with {legs}: bursar proposals"
        case ProposalTapped(proposal_id=proposal_id, by=by):
            return f"{by} tapped {proposal_id}"
        case LegRefused(proposal_id=proposal_id, reason=reason):
            return f"a leg of {proposal_id} was not let out: {reason}"
        case ProposalEnded(proposal_id=proposal_id, end=end, reason=reason):
            return f"{proposal_id} ended with {end.value}: {reason}"
        case KillOrdered(form=form, reason=reason, by=by):
            return f"STOPPED by {by} ({form.value}): {reason}"
        case KillFinished(kept=kept):
            left = f"; kept are {', '.join(kept)}" if kept else ""
            return f"what was to be closed is closed{left}"
        case RearmRefused(reason=reason):
            return f"not re-armed: {reason}"
        case TradingStateChanged(state=state, reason=reason, by=by):
            return f"trading is {state.value} by {by}: {reason}"
        case AccountSwitched(account=account, to=to, reason=reason):
            return f"{account} is left for {to}: {reason}"
        case SwitchRefused(to=to, why=why):
            return f"not switched to {to}: {why}"
    return ""
