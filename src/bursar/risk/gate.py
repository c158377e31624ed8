"""The gate: the last word before an order may leave. Only this file makes an ``ApprovedOrder``.

A basket is approved whole or not at all, so that a plan is never left half done by a limit. Orders of it that take
risk away (exits, protection, kill) are judged apart and meet one rule alone: nothing may close more than is held,
since that would open a position. No limit, and no missing price elsewhere, can hold them back.

Where the broker must be asked first what an order would do, the answer is neither yes nor no: the verdict names the
orders to ask about, and the basket is judged again with what the broker said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import repeat
from operator import itemgetter

from bursar.domain.events import Approved, Check, Rejected
from bursar.domain.money import ZERO
from bursar.domain.orders import ApprovedOrder, Order
from bursar.errors import DataError
from bursar.risk.limits import RiskLimits
from bursar.risk.rules import EXEMPT, RULES, RULES_FOR_EXEMPT, Case, Exposure, Finding, Rule
from bursar.risk.rules.conduct import closing
from bursar.risk.rules.funds import needs_preview


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the gate said of a basket: all of its orders in ``approved``, or none but those that take risk away.

    previews  orders that the broker must be asked about before anything is said; then there are no events yet
    """

    approved: tuple[ApprovedOrder, ...]
    events: tuple[Approved | Rejected, ...]
    previews: tuple[Order, ...] = ()


#: The four fields of a check: a finding begins with its order and goes on as its check does.
_fields = itemgetter(slice(1, 5))
#: Makes a check of its fields, in half of the time of the named tuple's own call.
_check: Callable[[type[Check], Iterable[object]], Check] = tuple.__new__


@dataclass(slots=True, kw_only=True)
class _Clerk:
    """Writes down what was found: when, why, and under which numbers."""

    at: datetime
    causes: tuple[str, ...]
    new_id: Callable[[str], str]
    whole: Mapping[str, Order]

    def approve(self, judged: Order, findings: list[Finding]) -> tuple[ApprovedOrder, Approved]:
        order = self.whole[judged.order_id]
        checks = tuple(map(_check, repeat(Check), map(_fields, findings)))
        event = Approved(
            event_id=self.new_id("a"), at=self.at, causes=self.causes, order_id=order.order_id, checks=checks
        )
        return ApprovedOrder(order=order, approval_id=event.event_id), event

    def reject(self, judged: Order, findings: list[Finding], first: Finding) -> Rejected:
        """Say which rule the order broke, or that it is held back for ``first``, which another one broke."""
        order = self.whole[judged.order_id]
        broken = next((finding for finding in findings if _blocks(finding)), None)
        _, rule, measured, limit, _, _, message = broken or first
        if broken is None:
            rule = "basket"
            message = f"{order.symbol}: held back, because another order of its basket was rejected ({message})"
        return Rejected(
            event_id=self.new_id("r"),
            at=self.at,
            causes=self.causes,
            order=order,
            rule=rule,
            measured=measured,
            limit=limit,
            message=message,
        )


def judge(
    basket: tuple[Order, ...],
    exposure: Exposure,
    limits: RiskLimits,
    *,
    causes: tuple[str, ...],
    new_id: Callable[[str], str],
    done: Mapping[str, Decimal] | None = None,
) -> Verdict:
    """Approve ``basket`` whole, or reject it whole with the first rule that each order breaks.

    causes  the events that the orders follow from
    new_id  makes ids of approvals ("a") and rejections ("r")
    done    what of orders that are to be changed is filled: it is in the positions already, and only the rest is judged
    """
    clerk = _Clerk(at=exposure.at, causes=causes, new_id=new_id, whole={order.order_id: order for order in basket})
    basket = tuple(_rest(order, (done or {}).get(order.order_id, ZERO)) for order in basket)
    exempt = tuple([order for order in basket if is_exempt(order)])
    if not exempt:
        return _ruled(Case(basket, exposure, limits), RULES, clerk)
    freed = _ruled(Case(exempt, exposure, limits), RULES_FOR_EXEMPT, clerk)
    if len(exempt) == len(basket):
        return freed
    rest = tuple(order for order in basket if not is_exempt(order))
    judged = _ruled(Case(rest, _beside(exposure, exempt, freed), limits), RULES, clerk)
    return Verdict(
        approved=freed.approved + judged.approved, events=freed.events + judged.events, previews=judged.previews
    )


def _beside(exposure: Exposure, exempt: tuple[Order, ...], freed: Verdict) -> Exposure:
    """What the rest of a basket meets: what of it takes risk away and was let out rests already."""
    if not freed.approved:
        return exposure
    resting = dict(exposure.resting)
    for symbol, quantity in closing(exempt).items():
        resting[symbol] = resting.get(symbol, ZERO) + quantity
    return replace(exposure, resting=resting)


def is_exempt(order: Order) -> bool:
    """True for an order that takes risk away and that no limit may block. One that opens never is, whatever it says."""
    return order.purpose in EXEMPT and not order.opens


def _ruled(case: Case, rules: tuple[Rule, ...], clerk: _Clerk) -> Verdict:
    findings: dict[str, list[Finding]] = {order.order_id: [] for order in case.basket}
    first: Finding | None = None
    for rule in rules:
        try:
            for finding in rule(case):
                order_id, _, _, _, passed, hard, _ = finding
                findings[order_id].append(finding)
                if hard and not passed and first is None:
                    first = finding
        except DataError:
            # What is missing cannot be measured, and need not be where the basket is refused already.
            if first is None:
                raise
            break
    if first is not None:
        events = tuple(clerk.reject(order, findings[order.order_id], first) for order in case.basket)
        return Verdict(approved=(), events=events)
    if rules is RULES and (asked := needs_preview(case)):
        return Verdict(approved=(), events=(), previews=tuple(clerk.whole[order.order_id] for order in asked))
    written = [clerk.approve(order, findings[order.order_id]) for order in case.basket]
    return Verdict(approved=tuple(order for order, _ in written), events=tuple(event for _, event in written))


def _rest(order: Order, done: Decimal) -> Order:
    return replace(order, quantity=order.quantity - done) if 0 < done < order.quantity else order


def _blocks(finding: Finding) -> bool:
    _, _, _, _, passed, hard, _ = finding
    return hard and not passed
