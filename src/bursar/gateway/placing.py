"""From placeOrder to a command of the exchange: every field is read, and none is passed over in silence.

What the exchange does not imitate (brackets, algorithms, conditions ...) is refused with 321 when it is asked for:
an order that works in another way than its owner thinks is worse than none.
"""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal

from bursar.gateway.checks import Refusal
from bursar.gateway.commands import Place
from bursar.gateway.messages.orders import PlaceOrder
from bursar.gateway.messages.values import Order

#: What a command is made of.
_USED = frozenset({"action", "total_quantity", "order_type", "lmt_price", "tif", "account", "order_ref", "what_if"})
#: What may be said and changes nothing here: it is about clearing, supervision or display, or is a default of
#: some client that differs from the protocol's.
_WITHOUT_EFFECT = frozenset(
    {
        "order_id", "client_id", "perm_id", "open_close", "origin", "trigger_method", "outside_rth", "aux_price",
        "settling_firm", "clearing_account", "clearing_intent", "rule_80a", "short_sale_slot", "designated_location",
        "exempt_code", "order_misc_options", "solicited", "override_percentage_constraints", "opt_out_smart_routing",
        "oca_type", "ext_operator", "model_code", "mifid2_decision_maker", "mifid2_decision_algo",
        "mifid2_execution_trader", "mifid2_execution_algo", "soft_dollar_tier_name", "soft_dollar_tier_value",
        "soft_dollar_tier_display_name", "manual_order_time", "advanced_error_override", "use_price_mgmt_algo",
        "shares_allocation", "algo_id", "auto_cancel_parent", "dont_use_auto_price_for_hedge",
        # Obsolete, and set in every order of ibapi 9.81.
        "e_trade_only", "firm_quote_only",
    }
)  # fmt: skip
#: What is refused when it differs from the default.
NOT_IMITATED: tuple[tuple[str, object], ...] = tuple(
    (field.name, field.default) for field in fields(Order) if field.name not in _USED | _WITHOUT_EFFECT
)
#: Texts that mean nothing, and numbers that say as much as none.
_NOTHING = frozenset({"", "None", "0", Decimal(0), None})

OUTSIDE_RTH_IGNORED: Refusal = (
    2109,
    (
        "Order Event Warning: Attribute 'Outside Regular Trading Hours' is ignored based on the order type and "
        "destination. PlaceOrder is now being processed."
    ),
)


def command_of(message: PlaceOrder, client_id: int, symbol: str, account: str) -> Place:
    """The command that ``message`` asks for; ``account`` is the one to use where the order names none."""
    order = message.order
    return Place(
        client_id=client_id,
        order_id=message.order_id,
        account=order.account or account,
        symbol=symbol,
        action=order.action,
        total_quantity=order.total_quantity,
        order_type=order.order_type,
        # Both clients send the price field of a market order empty, or with whatever was left in it.
        lmt_price=order.lmt_price if order.order_type != "MKT" else None,
        tif=order.tif or "DAY",
        order_ref=order.order_ref,
    )


def not_imitated(message: PlaceOrder) -> Refusal | None:
    """The refusal of an order that asks for more than this exchange can do, naming what."""
    order = message.order
    asked = [name for name, default in NOT_IMITATED if _differs(getattr(order, name), default)]
    if message.contract.combo_legs or message.contract.delta_neutral_contract:
        asked.append("combination")
    if message.sec_id_type or message.sec_id:
        asked.append("sec_id")
    if not asked:
        return None
    return 321, f"Error validating request.-'bW' : cause - Not supported by this gateway: {', '.join(asked)}"


def _differs(value: object, default: object) -> bool:
    return value != default and not (value in _NOTHING and default in _NOTHING)
