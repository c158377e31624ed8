"""Rules of the market: when it is open, what it quotes, and what is about to happen in it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from bursar.domain.market import Quote
from bursar.domain.orders import Order
from bursar.risk.rules.case import ONE, Case, Finding, minutes


def market_open(case: Case) -> Iterator[Finding]:
    """Opening orders go out while the market is open."""
    passed = case.exposure.market_open
    for order in case.opening:
        yield (
            order.order_id,
            "market_open",
            Decimal(passed),
            ONE,
            passed,
            True,
            "" if passed else f"{order.symbol}: the market is shut; opening orders wait for the session",
        )


def minutes_from_the_bell(case: Case) -> Iterator[Finding]:
    """Nothing opens in the first and last minutes, when prices are found and spreads are wide."""
    session = case.exposure.session
    if session is None:
        return
    since, left = minutes(case.exposure.at - session.open), minutes(session.close - case.exposure.at)
    early = since < case.limits.opening_wait_minutes
    measured, limit = (since, case.limits.opening_wait_minutes) if early else (left, case.limits.closing_wait_minutes)
    passed = measured >= limit
    where = "after the opening bell" if early else "before the closing bell"
    for order in case.opening:
        yield (
            order.order_id,
            "minutes_from_the_bell",
            measured,
            Decimal(limit),
            passed,
            True,
            "" if passed else f"{order.symbol}: it is {measured} minutes {where}; nothing opens within {limit}",
        )


def quote_fresh(case: Case) -> Iterator[Finding]:
    """An opening order rests on a live, two-sided, uncrossed quote of a moment ago; delayed data can only propose."""
    limit = case.limits.quote_age_seconds_max
    for order in case.opening:
        quote = case.exposure.quotes.get(order.symbol)
        age = Decimal(int((case.exposure.at - quote.at).total_seconds())) if quote else Decimal(-1)
        wrong = _wrong(order, quote, age, limit)
        yield (order.order_id, "quote_fresh", age, Decimal(limit), not wrong, True, wrong)


def _wrong(order: Order, quote: Quote | None, age: Decimal, limit: int) -> str:
    if quote is None or not quote.two_sided:
        return f"{order.symbol}: there is no bid below an ask; nothing opens on it"
    if quote.delayed:
        return f"{order.symbol}: its quote is delayed; delayed prices can propose and never trade"
    if age < 0:
        return f"{order.symbol}: its quote is of {-age} seconds from now; one of two clocks is wrong"
    if age > limit:
        return f"{order.symbol}: its quote is {age} seconds old; at most {limit}"
    return ""


def price_collar(case: Case) -> Iterator[Finding]:
    """No price far from the last close, nor a limit far from the market: one of the two would be a mistake.

    Without a last close there is nothing to hold a price against, and nothing opens within any collar below the whole.
    """
    limit = case.limits.collar_max
    for order in case.opening:
        quote = case.exposure.quotes.get(order.symbol)
        if quote is None or not quote.two_sided:
            continue  # quote_fresh says so
        middle, close = quote.mid, case.exposure.closes.get(order.symbol)
        measured = abs(middle / close - 1) if close else ONE
        for price in (order.limit_price, order.stop_price):
            if price is not None and middle:
                measured = max(measured, abs(price / middle - 1))
        if not middle:
            measured = max(measured, ONE)
        passed = measured <= limit
        yield (
            order.order_id,
            "price_collar",
            measured,
            limit,
            passed,
            True,
            "" if passed else _far(order, measured, limit, close),
        )


def _far(order: Order, measured: Decimal, limit: Decimal, close: Decimal | None) -> str:
    if not close:
        return (
            f"{order.symbol}: no last close of it is known, and nothing opens at a price that nothing is held against"
        )
    return f"{order.symbol}: its price is {measured:.1%} from the market or the last close; at most {limit:.1%}"


def earnings(case: Case) -> Iterator[Finding]:
    """Nothing opens that would be held over earnings, unless its strategy means to. Unknown dates are not asked."""
    exposure = case.exposure
    if not exposure.earnings or not case.limits.earnings_blocked:
        return
    today = exposure.session.day if exposure.session else exposure.at.date()
    until = exposure.next_session.day if exposure.next_session else today
    for order in case.opening:
        instrument = exposure.instruments.get(order.symbol)
        company = instrument.company if instrument else order.symbol
        day = exposure.earnings.get(company)
        if day is None or day < today:
            continue
        passed = day > until or order.strategy in exposure.earnings_meant
        yield (
            order.order_id,
            "earnings",
            Decimal((day - today).days),
            Decimal((until - today).days + 1),
            passed,
            True,
            "" if passed else f"{company} reports on {day}; {order.strategy or 'nobody'} did not say to hold over it",
        )
