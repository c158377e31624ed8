"""From placeOrder to a command of the exchange: every field is read, and none is passed over in silence.

What the exchange does not imitate (algorithms, hedges, scales ...) is refused with 321 when it is asked for: an order
that works in another way than its owner thinks is worse than none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter

from bursar.gateway.checks import ON_CLOSE, PRICES_NEEDED, STOPS, TRAILING, Refusal
from bursar.gateway.commands import Condition, Place
from bursar.gateway.messages.orders import PlaceOrder
from bursar.gateway.messages.values import Condition as ToldCondition
from bursar.gateway.messages.values import Order

#: What a command is made of.
_USED = frozenset(
    {
        "action", "total_quantity", "order_type", "lmt_price", "tif", "account", "order_ref", "what_if", "aux_price",
        "trail_stop_price", "trailing_percent", "lmt_price_offset", "good_after_time", "good_till_date", "parent_id",
        "transmit", "oca_group", "oca_type", "outside_rth", "conditions", "conditions_ignore_rth",
        "conditions_cancel_order", "fa_group", "fa_method", "fa_percentage",
    }
)  # fmt: skip
#: What may be said and changes nothing here: it is about clearing, supervision or display, or is a default of
#: some client that differs from the protocol's.
_WITHOUT_EFFECT = frozenset(
    {
        "order_id", "client_id", "perm_id", "open_close", "origin", "trigger_method", "settling_firm",
        "clearing_account", "clearing_intent", "rule_80a", "short_sale_slot", "designated_location", "exempt_code",
        "order_misc_options", "solicited", "override_percentage_constraints", "opt_out_smart_routing", "ext_operator",
        "model_code", "mifid2_decision_maker", "mifid2_decision_algo", "mifid2_execution_trader",
        "mifid2_execution_algo", "soft_dollar_tier_name", "soft_dollar_tier_value", "soft_dollar_tier_display_name",
        "manual_order_time", "advanced_error_override", "use_price_mgmt_algo", "shares_allocation", "algo_id",
        "auto_cancel_parent", "dont_use_auto_price_for_hedge",
        # Obsolete, and set in every order of ibapi 9.81.
        "e_trade_only", "firm_quote_only",
    }
)  # fmt: skip
#: What is refused when it differs from the default.
NOT_IMITATED: tuple[tuple[str, object], ...] = tuple(
    (field.name, field.default) for field in fields(Order) if field.name not in _USED | _WITHOUT_EFFECT
)
#: What of an order has to be looked at for that, in the same order.
_WANTED: Callable[[Order], tuple[object, ...]] = attrgetter(*(name for name, _ in NOT_IMITATED))
#: Texts that mean nothing, and numbers that say as much as none.
_NOTHING = frozenset({"", "None", "0", Decimal(0), None})

OUTSIDE_RTH_IGNORED: Refusal = (
    2109,
    (
        "Order Event Warning: Attribute 'Outside Regular Trading Hours' is ignored based on the order type and "
        "destination. PlaceOrder is now being processed."
    ),
)


#: The answer to an order without a time in force, where a preset of TWS gives it one.
DAY_BY_PRESET: Refusal = (10349, "Order TIF was set to DAY based on order preset.")

#: Other spellings of types, which TWS takes too.
_SPELLINGS = {"STPLMT": "STP LMT", "TRAILLIMIT": "TRAIL LIMIT", "TRAILLMT": "TRAIL LIMIT", "TRAIL LMT": "TRAIL LIMIT"}


def command_of(
    message: PlaceOrder, client_id: int, symbol: str, account: str, symbol_of: Callable[[ToldCondition], str | None]
) -> Place:
    """The command that ``message`` asks for.

    account    the one to use where the order names none
    symbol_of  the symbol that a condition is about; None for one that is unknown
    """
    order = message.order
    order_type = _SPELLINGS.get(order.order_type, order.order_type)
    trailing = order_type in TRAILING
    # Clients send fields that an order of its type does not have empty, or with whatever was left in them.
    prices = PRICES_NEEDED.get(order_type, ())
    limited = "lmt_price" in prices or order_type == "TRAIL LIMIT"
    offset = order.lmt_price_offset if order_type == "TRAIL LIMIT" else None
    percent = order.trailing_percent if trailing else None
    return Place(
        client_id=client_id,
        order_id=message.order_id,
        account=order.account or account,
        symbol=symbol,
        action=order.action,
        total_quantity=order.total_quantity,
        order_type=order_type,
        # A limit of 0 beside an offset is one that was not set.
        lmt_price=order.lmt_price if limited and (order.lmt_price or offset is None) else None,
        tif=order.tif or "DAY",
        order_ref=order.order_ref,
        aux_price=order.aux_price if order_type in STOPS and percent is None else None,
        trail_stop_price=(order.trail_stop_price or None) if trailing else None,
        trailing_percent=percent,
        lmt_price_offset=offset,
        good_after_time=order.good_after_time,
        good_till_date=order.good_till_date if order.tif == "GTD" else "",
        parent_id=order.parent_id,
        transmit=order.transmit,
        oca_group=order.oca_group,
        oca_type=order.oca_type if order.oca_group else 0,
        outside_rth=order.outside_rth and not ignores_hours(order_type, order.tif),
        conditions=tuple(
            Condition(
                kind=each.kind,
                symbol=symbol_of(each) or "",
                is_more=each.is_more,
                value=each.value,
                conjunction=each.conjunction,
            )
            for each in order.conditions
        ),
        conditions_ignore_rth=order.conditions_ignore_rth,
        conditions_cancel_order=order.conditions_cancel_order,
        fa_group=order.fa_group,
        fa_method=order.fa_method,
        fa_percentage=order.fa_percentage,
    )


def ignores_hours(order_type: str, tif: str) -> bool:
    """True for an order that trades in regular hours alone, whatever else it asks for."""
    return order_type == "MKT" or order_type in ON_CLOSE or tif == "OPG"


def not_imitated(message: PlaceOrder) -> Refusal | None:
    """The refusal of an order that asks for more than this exchange can do, naming what."""
    asked = [*_asked(_WANTED(message.order))]
    if message.contract.combo_legs or message.contract.delta_neutral_contract:
        asked.append("combination")
    if message.sec_id_type or message.sec_id:
        asked.append("sec_id")
    if not asked:
        return None
    return 321, f"Error validating request.-'bW' : cause - Not supported by this gateway: {', '.join(asked)}"


@lru_cache(maxsize=256)
def _asked(wanted: tuple[object, ...]) -> tuple[str, ...]:
    """Names of what is asked for and not imitated; remembered, since whoever trades wants the same every time."""
    pairs = zip(NOT_IMITATED, wanted, strict=True)
    return tuple(name for (name, default), value in pairs if _differs(value, default))


def _differs(value: object, default: object) -> bool:
    return value != default and not (value in _NOTHING and default in _NOTHING)
