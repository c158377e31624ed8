"""What makes a request no order at all, and in which words it is refused.

Each check returns IBKR's code and text, or None where nothing is wrong. They look at the request and at what
is listed; money and shares are looked at afterwards, by the exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from bursar.domain.instruments import Instrument
from bursar.domain.sessions import Session
from bursar.gateway.commands import Place
from bursar.gateway.notices import FILLED, Order

Refusal = tuple[int, str]

#: What a change of a working order must leave as it is.
FIXED = ("account", "symbol", "action", "order_type", "order_ref")

#: The names under which IBKR writes time zones, where they are not the common ones.
IBKR_ZONES = {"America/New_York": "US/Eastern", "America/Chicago": "US/Central"}


def bad_request(
    request: Place, instrument: Instrument | None, accounts: frozenset[str], currency: str
) -> Refusal | None:
    """The first reason for which ``request`` cannot be an order of this exchange."""
    if instrument is None:
        return 200, "No security definition has been found for the request"
    if request.account not in accounts:
        return _invalid(f"Invalid account {request.account!r}")
    if instrument.currency != currency:
        return _invalid(f"The account holds {currency} and {instrument.symbol} trades in {instrument.currency}")
    if request.action not in ("BUY", "SELL"):
        return _invalid(f"Invalid action {request.action!r}")
    if request.order_type not in ("MKT", "LMT"):
        return 387, f"Unsupported order type for this exchange and security type: {request.order_type!r}"
    if request.tif not in ("DAY", "GTC"):
        return _invalid(f"Unsupported time in force {request.tif!r}")
    checks: tuple[Callable[[Place, Instrument], Refusal | None], ...] = (_bad_size, _bad_price)
    return next((refusal for check in checks if (refusal := check(request, instrument))), None)


def bad_change(known: Order, request: Place) -> Refusal | None:
    """Why the order that already has this id cannot become ``request``."""
    if known.status == FILLED:
        return 104, "Cannot modify a filled order."
    if known.ended:
        return 103, "Duplicate order id"
    if any(getattr(known.request, name) != getattr(request, name) for name in FIXED):
        return 105, "Order being modified does not match original order."
    if request.total_quantity <= known.filled:
        return 105, "Order being modified does not match original order: that much is filled already."
    return None


def waits_until(request: Place, session: Session | None) -> Refusal:
    """The warning that an order entered outside hours is answered with; ``session`` is the next to open."""
    when = "the next session"
    if session is not None:
        when = f"{session.local(session.open):%Y-%m-%d %H:%M:%S} {IBKR_ZONES.get(session.zone, session.zone)}"
    return 399, (
        f"Order Message:\n{request.action} {request.total_quantity} {request.symbol}\n"
        f"Warning: Your order will not be placed at the exchange until {when}."
    )


def no_money(available: Decimal, needed: Decimal, currency: str) -> Refusal:
    """The refusal of what an account cannot pay for."""
    return 201, (
        "Order rejected - reason:Your order is not accepted: it needs "
        f"{needed:.2f} {currency}, and {available:.2f} {currency} is available."
    )


def no_shares() -> Refusal:
    """The refusal of a sale of what the account does not have."""
    return 201, "Order rejected - reason:The account holds too few shares, and it may not sell short."


def _bad_size(request: Place, instrument: Instrument) -> Refusal | None:
    quantity = request.total_quantity
    if not quantity.is_finite() or quantity < 0:
        return _invalid(f"The order size {quantity} must be above zero")
    if quantity == 0:
        return 434, "The order size cannot be zero."
    if quantity % instrument.lot:
        return (
            10243,
            f"Fractional-sized order cannot be placed via API: {quantity} is not a multiple of {instrument.lot}",
        )
    return None


def _bad_price(request: Place, instrument: Instrument) -> Refusal | None:
    price = request.lmt_price
    if request.order_type == "MKT":
        return None
    if price is None or not price.is_finite() or price <= 0:
        return _invalid(f"A limit order needs a limit price above zero, not {price}")
    if price % instrument.tick:
        return 110, "The price does not conform to the minimum price variation for this contract."
    return None


def _invalid(cause: str) -> Refusal:
    return 321, f"Error validating request.-'bW' : cause - {cause}"
