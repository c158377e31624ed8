"""Why an order was sent: the chain of causes, from its fills back to the prices and views behind it.

Every event names the events that it follows from. The walk starts where an order ended (its fills, or what
stopped it) and follows them to where nothing caused them any more. It reads the journal and nothing else,
so that the answer is what was known then, not what is known now.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from bursar.desk import wording
from bursar.domain.events import (
    Abstained,
    AccountOpened,
    Approved,
    Check,
    CommitteeMet,
    Decided,
    Event,
    ExitTriggered,
    Filled,
    ModelAsked,
    OrderCanceled,
    OrderExpired,
    OrderFlagged,
    OrderPlaced,
    OrderRejected,
    Rejected,
    SignalReceived,
    ViewFormed,
)
from bursar.domain.orders import Order, Side
from bursar.domain.record import encode
from bursar.domain.views import Evidence
from bursar.errors import InputError
from bursar.ports import Recorded

#: How an order can end; the walk begins at these.
_ENDS = (Filled, OrderRejected, OrderCanceled, OrderExpired, OrderFlagged)

#: Rules of the gate that measure money.
IN_MONEY = frozenset({"settled_cash", "order_value", "position_value", "daily_notional", "funding"})
#: How the measures of its other rules are written; the rest are plain numbers.
MEASURES: Mapping[str, Callable[[Decimal], str]] = dict.fromkeys(
    ("market_open", "trading_state", "permission", "allowed_symbol", "allowed_sector"),
    lambda measured: "yes" if measured else "no",
) | {
    **dict.fromkeys(
        (
            "position_weight",
            "sector_weight",
            "fat_finger",
            "price_collar",
            "margin_cushion",
            "margin_warning",
            "daily_loss",
            "drawdown",
            "portfolio_risk",
            "portfolio_volatility",
            "volatility_max",
            "var_95",
            "overnight_gap",
            "holiday",
        ),
        wording.percent,
    ),
    "leverage": wording.number,
    "correlation": wording.number,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One event in the chain, and what it follows from.

    says      the event in words; details what it rested on
    repeated  True where it stood above already, and its causes are not told again
    recorded  None for an id that this journal does not hold
    """

    event_id: str
    says: str
    details: tuple[str, ...] = ()
    causes: tuple[Link, ...] = ()
    repeated: bool = False
    recorded: Recorded | None = None


def written(rule: str, currency: str) -> Callable[[Decimal], str]:
    """How what a rule of the gate measures is written, of an account that is kept in ``currency``."""
    return partial(wording.money, currency=currency) if rule in IN_MONEY else MEASURES.get(rule, wording.quantity)


def currency_of(events: Iterable[Event]) -> str:
    """In which a journal's account is kept."""
    return next((event.base_currency for event in events if isinstance(event, AccountOpened)), "USD")


def explain(journal: Iterable[Recorded], wanted: str) -> tuple[Link, ...]:
    """The chains that end in ``wanted``: an order (``o-00000001``, or ``1``), or any event by its id.

    Raises InputError when the journal does not hold it.
    """
    held = {recorded.event.event_id: recorded for recorded in journal}
    name = full_id(wanted)
    ends = [each for each in held.values() if isinstance(each.event, _ENDS) and each.event.order_id == name]
    stopped = [each for each in held.values() if isinstance(each.event, Rejected) and each.event.order.order_id == name]
    if not (ends or stopped) and name in held:
        ends = [held[name]]
    roots = [*ends, *stopped]
    if not roots:
        raise InputError(f"{wanted} is not in this journal; {_orders_of(held)}")
    told: set[str] = set()
    walk = _Walk(held, currency_of(each.event for each in held.values()), told)
    return tuple(walk.link(root.event.event_id, _symbol(root.event)) for root in roots)


def full_id(wanted: str) -> str:
    """``1`` and ``o-1`` are short for ``o-00000001``."""
    found = re.fullmatch(r"(?:([a-z])-)?(\d{1,8})", wanted.strip())
    return f"{found[1] or 'o'}-{int(found[2]):08d}" if found else wanted


def _orders_of(held: Mapping[str, Recorded]) -> str:
    orders = sorted(each.event.event_id for each in held.values() if isinstance(each.event, OrderPlaced))
    if not orders:
        return "it holds no orders"
    return f"its orders are {orders[0]} to {orders[-1]}"


def _symbol(event: Event) -> str:
    match event:
        case Filled(symbol=symbol) | ExitTriggered(symbol=symbol):
            return symbol
        case OrderPlaced(order=order) | Rejected(order=order):
            return order.symbol
        case ViewFormed(view=view):
            return view.symbol
    return ""


@dataclass(frozen=True, slots=True)
class _Walk:
    """From an event to what it follows from, in a journal whose account is kept in ``currency``."""

    held: Mapping[str, Recorded]
    currency: str
    told: set[str]

    def link(self, event_id: str, symbol: str) -> Link:
        recorded = self.held.get(event_id)
        if recorded is None:
            return Link(event_id=event_id, says="is not in this journal")
        event = recorded.event
        symbol = symbol or _symbol(event)
        words = says(event, symbol, self.currency)
        if event_id in self.told:
            return Link(event_id=event_id, says=words, repeated=True, recorded=recorded)
        self.told.add(event_id)
        relevant, others = _relevant(event, self.held, symbol)
        rested = _details(event, symbol, self.currency)
        details = (*rested, *((f"and {others} of other stocks",) if others else ()))
        causes = tuple(self.link(cause, symbol) for cause in relevant)
        return Link(event_id=event_id, says=words, details=details, causes=causes, recorded=recorded)


def _relevant(event: Event, held: Mapping[str, Recorded], symbol: str) -> tuple[tuple[str, ...], str]:
    """The causes worth following for ``symbol``, and how many views of other stocks are left out, in words."""
    if not isinstance(event, Decided | CommitteeMet) or not symbol:
        return event.causes, ""
    ours, others = [], 0
    for cause in event.causes:
        recorded = held.get(cause)
        if recorded and isinstance(recorded.event, ViewFormed) and recorded.event.view.symbol != symbol:
            others += 1
        elif recorded and isinstance(recorded.event, Abstained) and symbol not in recorded.event.symbols:
            continue
        else:
            ours.append(cause)
    return tuple(ours), wording.count(others, "view") if others else ""


# ---------------------------------------------------------------- in words


def says(event: Event, symbol: str, currency: str = "USD") -> str:
    """An event in words; of a decision what it wanted of ``symbol``, or of each target where that is empty.

    currency  in which the account is kept, and so its prices are
    """
    match event:
        case Filled():
            verb = "bought" if event.side is Side.BUY else "sold"
            return (
                f"{verb} {wording.quantity(event.quantity)} {event.symbol} at "
                f"{wording.price(event.price, event.commission.currency)}, "
                f"fee {wording.money(event.commission.amount, event.commission.currency)}"
            )
        case OrderPlaced(order=order):
            return f"order to {_order(order)}"
        case Rejected(order=order, message=message):
            return f"the gate stopped the order to {_order(order)}: {message}"
        case Approved(checks=checks):
            return f"the gate let it through after {wording.count(len(checks), 'check')}"
        case Decided():
            return _decided(event, symbol, currency)
        case ExitTriggered():
            return (
                f"{event.symbol} reached its {event.reason}: the bid was {wording.price(event.observed, currency)}, "
                f"the level {wording.price(event.level, currency)}"
            )
        case OrderRejected(code=code, message=message):
            return f"the broker refused the order: {message} ({code})"
        case OrderCanceled(reason=reason):
            return f"the order was canceled{f': {reason}' if reason else ''}"
        case OrderExpired():
            return "the order's time ran out"
        case OrderFlagged(reason=reason):
            return f"the order waits for a person: {reason}"
    return _opined(event, symbol)


def _opined(event: Event, symbol: str) -> str:
    match event:
        case ViewFormed(view=view):
            return (
                f"{view.analyst} expected {wording.percent(view.expected_excess_return, 2, signed=True)} of "
                f"{view.symbol} above cash in {view.horizon_days} days, {wording.percent(view.confidence, 0)} sure"
            )
        case Abstained(analyst=analyst, reason=reason):
            return f"{analyst} had no opinion: {reason}"
        case CommitteeMet():
            return _met(event, symbol)
        case ModelAsked(model=model, analyst=analyst):
            again = "repeated what it had said" if event.recorded else "was asked"
            return f"{model} {again} for {analyst} on {event.symbol}" + (f": {event.problem}" if event.problem else "")
        case SignalReceived(signal=signal):
            return f"{signal.source} sent a signal on {signal.symbol}" + (f": {event.refused}" if event.refused else "")
    return event.kind.replace("_", " ")


def _order(order: Order) -> str:
    manner = [order.type.value.replace("_", " "), order.purpose.value, *([order.strategy] if order.strategy else [])]
    return f"{order.side.value} {wording.quantity(order.quantity)} {order.symbol} ({', '.join(manner)})"


def _decided(event: Decided, symbol: str, currency: str) -> str:
    target = next((target for target in event.targets if target.symbol == symbol), None)
    weight = wording.percent(target.weight if target else 0.0)
    of = wording.money(event.equity, currency)
    return f"{event.strategy} wanted {weight} of equity in {symbol or 'each target'}, of {of}"


def _met(event: CommitteeMet, symbol: str) -> str:
    found = next((each for each in event.resolutions if each.symbol == symbol), None)
    if found is None:
        return f"the committee met on {wording.count(len(event.resolutions), 'symbol')}"
    return (
        f"the committee resolved: {found.action.value} {symbol}, confidence {found.confidence}, from "
        f"{wording.count(found.sources, 'distinct source')}; {found.reason}"
    )


def _details(event: Event, symbol: str, currency: str) -> tuple[str, ...]:
    match event:
        case OrderPlaced(order=order) if order.reason:
            return (f"because: {order.reason}",)
        case Approved(checks=checks):
            return tuple(_check(check, currency) for check in checks)
        case Decided():
            target = next((target for target in event.targets if target.symbol == symbol), None)
            price = event.prices.get(symbol)
            return (
                *((f"because: {target.reason}",) if target else ("no target wants it any more",)),
                *((f"price then: {wording.price(price, currency)}",) if price is not None else ()),
            )
        case ViewFormed(view=view):
            return tuple(_evidence(each) for each in view.evidence)
        case CommitteeMet():
            found = next((each for each in event.resolutions if each.symbol == symbol), None)
            return () if found is None else tuple(_vote(analyst, p, event) for analyst, p in found.votes.items())
        case SignalReceived(signal=signal):
            return (f"because: {signal.reason}",)
    return ()


def _check(check: Check, currency: str) -> str:
    name, write = check.rule.replace("_", " "), written(check.rule, currency)
    limit = "" if write(Decimal(1)) == "yes" else f", limit {write(check.limit)}"
    return f"{name}: {write(check.measured)}{limit}{'' if check.passed else ', a warning'}"


def _vote(analyst: str, probability: float, event: CommitteeMet) -> str:
    weight = next(seat.weight for seat in event.seats if seat.analyst == analyst)
    return f"{analyst}: {wording.percent(probability, 0)} for a rise, with {wording.percent(weight, 0)} of the weight"


def _evidence(evidence: Evidence) -> str:
    return f"{evidence.statement} [{evidence.source}]"


# ---------------------------------------------------------------- shown


def as_tree(links: Iterable[Link], title: str) -> RenderableType:
    """The chains for a terminal, one tree each. In a tree every line follows from the one below it on the same
    level; where an event follows from several, each has a branch of its own.
    """
    return Group(Text(title, style="bold"), *(_tree(link) for link in links))


def _tree(link: Link) -> Tree:
    tree = Tree(_line(link), guide_style="dim")
    _hang(tree, tree, link)
    return tree


def _hang(level: Tree, node: Tree, link: Link) -> None:
    """Add what ``link`` rested on below ``node``, and its cause on the same ``level``, so that chains stay flat."""
    for detail in link.details:
        node.add(Text(detail, style="dim"))
    for cause in link.causes:
        branch = level if len(link.causes) == 1 else node
        _hang(branch, branch.add(_line(cause)), cause)


def _line(link: Link) -> Text:
    line = Text()
    if link.recorded is not None:
        line.append(f"{link.recorded.event.at:%Y-%m-%d %H:%M:%S}  ", style="dim")
    line.append(link.says)
    line.append(f"  {link.event_id}", style="dim cyan")
    if link.repeated:
        line.append("  (above)", style="dim")
    return line


def as_json(links: Iterable[Link]) -> str:
    """The chains as JSON; each event is there whole, as the journal keeps it."""
    return json.dumps([_plain(link) for link in links], indent=2, ensure_ascii=False) + "\n"


def _plain(link: Link) -> dict[str, Any]:
    recorded = link.recorded
    return {
        "event_id": link.event_id,
        "sequence": recorded.sequence if recorded else None,
        "says": link.says,
        "details": list(link.details),
        "repeated": link.repeated,
        "event": json.loads(encode(recorded.event)) if recorded and not link.repeated else None,
        "causes": [_plain(cause) for cause in link.causes],
    }
