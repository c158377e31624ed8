"""What makes a request no order at all, and in which words it is refused.

Each check returns IBKR's code and text, or None where nothing is wrong. They look at the request and at what
is listed; money and shares are looked at afterwards, by the exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from bursar.domain.instruments import Instrument
from bursar.domain.sessions import Session
from bursar.gateway.commands import Condition, Place
from bursar.gateway.messages.kinds import ZONE, moment_of
from bursar.gateway.notices import FILLED, Order

Refusal = tuple[int, str]

#: Kinds of conditions that come true here (``Condition.kind``).
PRICE, TIME, MARGIN, EXECUTION, VOLUME, PERCENT_CHANGE = 1, 3, 4, 5, 6, 7

#: The prices that each type of order needs, besides the distance of a trailing one.
PRICES_NEEDED: dict[str, tuple[str, ...]] = {
    "MKT": (),
    "LMT": ("lmt_price",),
    "STP": ("aux_price",),
    "STP LMT": ("lmt_price", "aux_price"),
    "TRAIL": (),
    "TRAIL LIMIT": (),
    "MOC": (),
    "LOC": ("lmt_price",),
}
TRAILING = frozenset({"TRAIL", "TRAIL LIMIT"})
#: Orders that rest as a trigger until the market reaches a price.
STOPS = frozenset({"STP", "STP LMT", *TRAILING})
#: Orders that trade in the closing auction alone.
ON_CLOSE = frozenset({"MOC", "LOC"})
TIMES_IN_FORCE = frozenset({"DAY", "GTC", "GTD", "IOC", "FOK", "OPG"})
#: Times in force that go with plain orders alone.
AT_ONCE = frozenset({"IOC", "FOK", "OPG"})

#: What a change of a working order must leave as it is, and what is answered otherwise.
FIXED = ("account", "symbol", "action", "order_type", "order_ref", "fa_group", "fa_method", "fa_percentage")

#: The names under which IBKR writes time zones, where they are not the common ones.
IBKR_ZONES = {"America/New_York": "US/Eastern", "America/Chicago": "US/Central"}


def bad_request(
    request: Place, instrument: Instrument | None, accounts: frozenset[str], currencies: tuple[str, ...]
) -> Refusal | None:
    """The first reason for which ``request`` cannot be an order of this exchange, whatever the time."""
    if instrument is None:
        return 200, "No security definition has been found for the request"
    if request.account not in accounts:
        return invalid(f"Invalid account {request.account!r}")
    if instrument.currency not in currencies:
        return invalid(f"The account holds {currencies[0]} and {instrument.symbol} trades in {instrument.currency}")
    if request.action not in ("BUY", "SELL"):
        return invalid(f"Invalid action {request.action!r}")
    if request.order_type not in PRICES_NEEDED:
        return 387, f"Unsupported order type for this exchange and security type: {request.order_type!r}"
    checks: tuple[Callable[[Place, Instrument], Refusal | None], ...] = (
        _bad_time_in_force,
        _bad_size,
        _bad_price,
        _bad_trail,
        _bad_group,
    )
    return next((refusal for check in checks if (refusal := check(request, instrument))), None)


def too_late(request: Place, now: datetime) -> Refusal | None:
    """The refusal of an order whose last moment is over, or whose moments are none."""
    try:
        if request.good_after_time:
            moment(request.good_after_time)
        if request.tif == "GTD" and good_till(request) <= now:
            return 334, "Invalid Good Till Date order"
    except ValueError:
        return 337, (
            "The date, time, or time-zone entered is invalid. The correct format is yyyymmdd hh:mm:ss xxx where "
            "yyyymmdd and xxx are optional."
        )
    return None


def bad_condition(condition: Condition, listed: Callable[[str], bool]) -> Refusal | None:
    """The refusal of a condition on what is not ``listed``, or on what can never be looked at here."""
    if condition.kind not in (PRICE, TIME, MARGIN, EXECUTION, VOLUME, PERCENT_CHANGE):
        return invalid(f"Not supported by this gateway: a condition of kind {condition.kind}")
    if condition.conjunction not in ("a", "o"):
        return invalid(f"Invalid conjunction {condition.conjunction!r}")
    if condition.kind not in (TIME, MARGIN) and not listed(condition.symbol):
        return 147, "The conditional contract info is incomplete."
    if condition.kind == EXECUTION:
        return None
    try:
        fine = bool(moment(condition.value)) if condition.kind == TIME else Decimal(condition.value).is_finite()
    except (ValueError, InvalidOperation):
        fine = False
    return None if fine else invalid(f"Invalid value of a condition {condition.value!r}")


def bad_change(known: Order, request: Place) -> Refusal | None:
    """Why the order that already has this id cannot become ``request``."""
    if known.status == FILLED:
        return 104, "Cannot modify a filled order."
    if known.ended:
        return 103, "Duplicate order id"
    if any(getattr(known.request, name) != getattr(request, name) for name in FIXED):
        return 105, "Order being modified does not match original order."
    if known.request.parent_id != request.parent_id:
        return 10341, "Parent order id cannot be modified."
    if request.oca_group not in (known.request.oca_group, str(known.parent)):
        return 10326, "OCA group revision is not allowed."
    if known.parts and request.total_quantity != known.request.total_quantity:
        return invalid("Not supported by this gateway: another size of an order for a group")
    if request.total_quantity <= known.filled:
        return 105, "Order being modified does not match original order: that much is filled already."
    return None


@lru_cache(maxsize=1024)
def moment(text: str) -> datetime:
    """A moment as orders and conditions write it; ValueError for what is none."""
    return moment_of(text)


@lru_cache(maxsize=1024)
def _last_moment(text: str) -> datetime:
    if len(text) == 8:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=ZONE) + timedelta(days=1)
    return moment(text)


def good_till(request: Place) -> datetime:
    """The moment from which a GTD order works no more: what it says, or the end of the day that it names."""
    return _last_moment(request.good_till_date)


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


def too_late_for_the_auction() -> Refusal:
    """The refusal of an order for an auction that takes no more."""
    return 201, "Order rejected - reason:The exchange takes no more orders for this auction."


def parent_gone() -> Refusal:
    """The refusal of a child whose parent ended before it came."""
    return 201, "Order rejected - reason:Parent order is being cancelled."


def invalid(cause: str) -> Refusal:
    """The refusal of a request that does not hold together."""
    return 321, f"Error validating request.-'bW' : cause - {cause}"


def _bad_time_in_force(request: Place, _instrument: Instrument) -> Refusal | None:
    if request.tif not in TIMES_IN_FORCE:
        return invalid(f"Unsupported time in force {request.tif!r}")
    if request.order_type in ON_CLOSE and request.tif != "DAY":
        return 113, "The Tif option should be set to DAY for MOC and LOC orders."
    if request.tif in AT_ONCE and request.order_type not in ("MKT", "LMT"):
        return 111, "The Time in force (tif type) and the order type are incompatible."
    return None


def _bad_size(request: Place, instrument: Instrument) -> Refusal | None:
    quantity = request.total_quantity
    if not quantity.is_finite() or quantity < 0:
        return invalid(f"The order size {quantity} must be above zero")
    if quantity == 0:
        return 434, "The order size cannot be zero."
    if quantity % instrument.lot:
        return (
            10243,
            f"Fractional-sized order cannot be placed via API: {quantity} is not a multiple of {instrument.lot}",
        )
    return None


def _bad_price(request: Place, instrument: Instrument) -> Refusal | None:
    words = {"lmt_price": "limit", "aux_price": "stop"}
    for name in PRICES_NEEDED[request.order_type]:
        price: Decimal | None = getattr(request, name)
        if price is None or not price.is_finite() or price <= 0:
            return invalid(f"A {words[name]} order needs a {words[name]} price above zero, not {price}")
        if price % instrument.tick:
            return 110, "The price does not conform to the minimum price variation for this contract."
    return None


def _bad_trail(request: Place, instrument: Instrument) -> Refusal | None:
    """A trailing order has a distance, in price or in percent; one with a limit says how far that is off the stop."""
    if request.order_type not in TRAILING:
        return None
    percent, distance = request.trailing_percent, request.aux_price
    if percent is not None and not (percent.is_finite() and 0 < percent < 100):
        return 159, "The percent offset value must be between 0% and 100%."
    if percent is None and (distance is None or not distance.is_finite() or distance <= 0):
        return 158, "You must specify an offset amount or a percent offset value."
    if request.order_type == "TRAIL LIMIT" and request.lmt_price is None and request.lmt_price_offset is None:
        return invalid("A trailing limit order needs a limit price or its offset from the stop")
    for price in (request.trail_stop_price, request.lmt_price):
        if price is not None and (not price.is_finite() or price <= 0):
            return invalid(f"The price {price} must be above zero")
        if price is not None and price % instrument.tick:
            return 110, "The price does not conform to the minimum price variation for this contract."
    return None


def _bad_group(request: Place, _instrument: Instrument) -> Refusal | None:
    return None if 0 <= request.oca_type <= 3 else invalid(f"Invalid OCA type {request.oca_type}")
