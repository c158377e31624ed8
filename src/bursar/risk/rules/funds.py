"""Rules of funds: what pays for it, in which currency, and how far off a margin call would be."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from bursar.domain.money import ZERO
from bursar.domain.orders import Order, Side
from bursar.risk.limits import Funding
from bursar.risk.rules.case import ONE, Case, Finding


def _foreign(case: Case, order: Order) -> str:
    """The currency of an order, where it is not the base; else nothing."""
    instrument = case.exposure.instruments.get(order.symbol)
    return instrument.currency if instrument and instrument.currency != case.exposure.base_currency else ""


def funding(case: Case) -> Iterator[Finding]:
    """A foreign purchase is paid as the rule says: not at all, from what was converted before, or on margin.

    What a basket buys in one currency is paid from that currency together.
    """
    rule, exposure = case.limits.foreign_funding, case.exposure
    bought = [(order, _foreign(case, order)) for order in case.opening if order.side is Side.BUY]
    together: dict[str, Decimal] = {}
    for order, currency in bought:
        if currency and rule is not Funding.REFUSE:
            cost = case.notional(order) / exposure.rates[currency] * (ONE + exposure.cost_rate)
            together[currency] = together.get(currency, ZERO) + cost
    for order, currency in bought:
        if not currency:
            continue
        needed, there = together.get(currency, ZERO), exposure.currencies.get(currency, ZERO)
        passed = rule is Funding.BORROW or (rule is Funding.CONVERT and needed <= there)
        yield (
            order.order_id,
            "funding",
            needed,
            there,
            passed,
            True,
            "" if passed else _unfunded(order, currency, rule),
        )


def _unfunded(order: Order, currency: str, rule: Funding) -> str:
    if rule is Funding.REFUSE:
        return f"{order.symbol} trades in {currency}, and no rule says how it would be paid (risk.foreign_funding)"
    return f"{order.symbol}: there is not enough {currency}; convert it first"


def settled_cash(case: Case) -> Iterator[Finding]:
    """Purchases are paid from settled cash, fees included; today's sales pay for nothing yet.

    A margin account may spend what the sales of the same basket bring, less their fees.
    """
    if case.limits.leverage_max > 1:  # on margin, the cushion and the broker's preview bind instead
        return
    bought = [order for order in case.opening if order.side is Side.BUY and not _foreign(case, order)]
    if not bought:
        return
    needed = sum([case.notional(order) for order in bought], ZERO) * (ONE + case.exposure.cost_rate)
    needed += case.exposure.cost_minimum * len(bought)
    there = case.exposure.cash_settled
    if case.exposure.unsettled:
        sold = [order for order in case.basket if order.signed_quantity < 0 and not _foreign(case, order)]
        there += sum((case.notional(order) for order in sold), ZERO) * (ONE - case.exposure.cost_rate)
        there -= case.exposure.cost_minimum * len(sold)
    for order in bought:
        passed = needed <= there
        yield (
            order.order_id,
            "settled_cash",
            needed,
            there,
            passed,
            True,
            "" if passed else f"{order.symbol}: the basket needs {needed:,.2f}, and {there:,.2f} is settled",
        )


def cushion(case: Case) -> Decimal:
    """Equity above maintenance margin once the basket is filled, as a part of equity."""
    required = case.after.required
    if case.exposure.maintenance is not None:
        required = max(required, case.exposure.maintenance)
    return ONE - required / case.exposure.equity


def margin_cushion(case: Case) -> Iterator[Finding]:
    """Nothing opens that would leave a thin margin: IBKR liquidates in real time, without a call."""
    if not case.opening:
        return
    measured, limit = cushion(case), case.limits.margin_cushion_min
    for order in case.opening:
        passed = measured >= limit
        yield (
            order.order_id,
            "margin_cushion",
            measured,
            limit,
            passed,
            True,
            ""
            if passed
            else f"{order.symbol}: only {measured:.1%} of equity would be above maintenance margin; {limit:.1%} stays",
        )


def margin_warning(case: Case) -> Iterator[Finding]:
    """A warning on the way there."""
    if not case.opening:
        return
    measured, limit = cushion(case), case.limits.margin_cushion_warning
    for order in case.opening:
        passed = measured >= limit
        yield (
            order.order_id,
            "margin_warning",
            measured,
            limit,
            passed,
            False,
            "" if passed else f"only {measured:.1%} of equity would be above maintenance margin",
        )


def needs_preview(case: Case) -> tuple[Order, ...]:
    """Opening orders that the broker must be asked of first: on margin, short, and large ones."""
    limits, part = case.limits, case.limits.preview_weight_min
    large = None if part is None else part * case.exposure.equity
    return tuple(
        [
            order
            for order in case.opening
            if order.order_id not in case.exposure.previews
            and (
                limits.leverage_max > 1
                or order.side is Side.SELL
                or (large is not None and case.notional(order) >= large)
            )
        ]
    )


def buying_power(case: Case) -> Iterator[Finding]:
    """What the broker says that an order would do leaves its own margin covered."""
    for order in case.opening:
        preview = case.exposure.previews.get(order.order_id)
        if preview is None:
            continue
        passed = preview.initial_margin_after <= preview.equity_after
        yield (
            order.order_id,
            "buying_power",
            preview.initial_margin_after,
            preview.equity_after,
            passed,
            True,
            ""
            if passed
            else f"{order.symbol}: the broker would require {preview.initial_margin_after:,.2f} of margin, and "
            f"{preview.equity_after:,.2f} of equity would be there",
        )
