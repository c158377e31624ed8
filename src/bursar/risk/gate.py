"""The gate: the last word before an order may leave. Only this file makes an ``ApprovedOrder``.

A basket is approved whole or not at all, so that a plan is never left half done by a limit. A basket of
orders that take risk away (exits, protection, kill) meets one rule alone: nothing may close more than is
held, since that would open a position. No limit, and no missing price elsewhere, can hold it back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bursar.domain.events import Approved, Check, Rejected
from bursar.domain.orders import ApprovedOrder, Order
from bursar.risk.limits import RiskLimits
from bursar.risk.rules import EXEMPT, RULES, RULES_FOR_EXEMPT, Exposure, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the gate said of a basket: all of its orders in ``approved``, or none."""

    approved: tuple[ApprovedOrder, ...]
    events: tuple[Approved | Rejected, ...]


def judge(
    basket: tuple[Order, ...],
    exposure: Exposure,
    limits: RiskLimits,
    *,
    at: datetime,
    causes: tuple[str, ...],
    new_id: Callable[[str], str],
) -> Verdict:
    """Approve ``basket`` whole, or reject it whole with the first rule that each order breaks.

    causes  the events that the orders follow from
    new_id  makes ids of approvals ("a") and rejections ("r")
    """
    findings: dict[str, list[Finding]] = {order.order_id: [] for order in basket}
    exempt = all(order.purpose in EXEMPT for order in basket)
    for rule in RULES_FOR_EXEMPT if exempt else RULES:
        for finding in rule(basket, exposure, limits):
            findings[finding.order_id].append(finding)
    if not any(_blocks(finding) for found in findings.values() for finding in found):
        return _approve(basket, findings, at, causes, new_id)
    return Verdict(
        approved=(),
        events=tuple(_rejection(order, findings[order.order_id], at, causes, new_id) for order in basket),
    )


def _blocks(finding: Finding) -> bool:
    return finding.hard and not finding.passed


def _approve(
    basket: tuple[Order, ...],
    findings: dict[str, list[Finding]],
    at: datetime,
    causes: tuple[str, ...],
    new_id: Callable[[str], str],
) -> Verdict:
    events = tuple(
        Approved(
            event_id=new_id("a"),
            at=at,
            causes=causes,
            order_id=order.order_id,
            checks=tuple(
                Check(rule=found.rule, measured=found.measured, limit=found.limit, passed=found.passed)
                for found in findings[order.order_id]
            ),
        )
        for order in basket
    )
    approved = tuple(
        ApprovedOrder(order=order, approval_id=event.event_id) for order, event in zip(basket, events, strict=True)
    )
    return Verdict(approved=approved, events=events)


def _rejection(
    order: Order, findings: list[Finding], at: datetime, causes: tuple[str, ...], new_id: Callable[[str], str]
) -> Rejected:
    broken = next((finding for finding in findings if _blocks(finding)), None)
    if broken is None:
        broken = Finding(
            order_id=order.order_id,
            rule="basket",
            measured=findings[0].measured,
            limit=findings[0].limit,
            passed=False,
            hard=True,
            message=f"{order.symbol}: held back, because another order of its basket was rejected",
        )
    return Rejected(
        event_id=new_id("r"),
        at=at,
        causes=causes,
        order=order,
        rule=broken.rule,
        measured=broken.measured,
        limit=broken.limit,
        message=broken.message,
    )
