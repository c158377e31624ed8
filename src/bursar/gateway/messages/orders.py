"""The three layouts of an order: as it is placed, as it is reported while it is open, and when it is done.

They hold the same attributes in different orders, and each depends on what was said before: an algorithm has
parameters only if there is one. Read from ib_async 2.1.0 (client.py placeOrder, decoder.py openOrder and
completedOrder) and ibapi 9.81.1 (client.py, orderdecoder.py), and tested against both.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bursar.gateway.messages.declare import reply, request
from bursar.gateway.messages.kinds import Text, Whole
from bursar.gateway.messages.layouts import Layout, between, of, optional, rows, when
from bursar.gateway.messages.values import (
    REPORTED,
    REQUESTED,
    ComboLeg,
    Condition,
    Contract,
    DeltaNeutralContract,
    LegPrice,
    Order,
    OrderState,
    TagValue,
)

#: Kinds of condition (``Condition.kind``).
PRICE, TIME, MARGIN, EXECUTION, VOLUME, PERCENT_CHANGE = 1, 3, 4, 5, 6, 7


def given(value: Any) -> bool:
    """True for a text that is not empty."""
    return bool(value)


def positive(value: Decimal | None) -> bool:
    """True for a number above zero."""
    return value is not None and value > 0


def one_of(*values: object) -> Any:
    """A test that one of ``values`` passes."""
    return lambda value: value in values


def _but(*values: object) -> Any:
    return lambda value: value not in values


_infinite = one_of(Decimal("Infinity"))

CONDITION: Layout = (
    *of("", "kind conjunction"),
    *when("kind", _but(EXECUTION), *of("", "is_more value")),
    *when("kind", one_of(PRICE, VOLUME, PERCENT_CHANGE), *of("", "con_id exchange")),
    *when("kind", one_of(PRICE), *of("", "trigger_method")),
    *when("kind", one_of(EXECUTION), *of("", "sec_type exchange symbol")),
)

# ---------------------------------------------------------------- pieces that the layouts share

_COMBO = (
    *rows("contract.combo_legs", ComboLeg),
    *rows("order.order_combo_legs", LegPrice),
    *rows("order.smart_combo_routing_params", TagValue),
)
_TAIL_OF_FA: Layout = between(*of("order", "fa_profile"), until=176)
_SCALE: Layout = (
    *of("order", "scale_init_level_size scale_subs_level_size scale_price_increment"),
    *when(
        "order.scale_price_increment",
        positive,
        *of(
            "order",
            "scale_price_adjust_value scale_price_adjust_interval scale_profit_offset scale_auto_reset",
            "scale_init_position scale_init_fill_qty scale_random_percent",
        ),
    ),
)
_HEDGE: Layout = (*of("order", "hedge_type"), *when("order.hedge_type", given, *of("order", "hedge_param")))
_DELTA_NEUTRAL_CONTRACT: Layout = optional("contract.delta_neutral_contract", DeltaNeutralContract)
_ALGO: Layout = (
    *of("order", "algo_strategy"),
    *when("order.algo_strategy", given, *rows("order.algo_params", TagValue)),
)
_PEG_BENCH: Layout = when(
    "order.order_type",
    one_of("PEG BENCH", "PEGBENCH"),
    *of(
        "order",
        "reference_contract_id is_pegged_change_amount_decrease pegged_change_amount reference_change_amount",
        "reference_exchange_id",
    ),
)
_CONDITIONS: Layout = (
    *rows("order.conditions", Condition, CONDITION),
    *when("order.conditions", given, *of("order", "conditions_ignore_rth conditions_cancel_order")),
)
_PEG_OFFSETS: Layout = of(
    "order", "min_trade_qty min_compete_size compete_against_best_offset mid_offset_at_whole mid_offset_at_half"
)

# ---------------------------------------------------------------- placing


_PLACED: Layout = (
    *of("", "order_id"),
    *of("contract", REQUESTED),
    *of("", "sec_id_type sec_id"),
    *of("order", "action total_quantity order_type lmt_price aux_price tif oca_group account open_close origin"),
    *of("order", "order_ref transmit parent_id block_order sweep_to_fill display_size trigger_method outside_rth"),
    *of("order", "hidden"),
    *when("contract.sec_type", one_of("BAG"), *_COMBO),
    *of("order", "shares_allocation discretionary_amt good_after_time good_till_date fa_group fa_method fa_percentage"),
    *_TAIL_OF_FA,
    *of("order", "model_code short_sale_slot designated_location exempt_code oca_type rule_80a settling_firm"),
    *of("order", "all_or_none min_qty percent_offset e_trade_only firm_quote_only nbbo_price_cap auction_strategy"),
    *of("order", "starting_price stock_ref_price delta stock_range_lower stock_range_upper"),
    *of("order", "override_percentage_constraints volatility volatility_type delta_neutral_order_type"),
    *of("order", "delta_neutral_aux_price"),
    *when(
        "order.delta_neutral_order_type",
        given,
        *of("order", "delta_neutral_con_id delta_neutral_settling_firm delta_neutral_clearing_account"),
        *of("order", "delta_neutral_clearing_intent delta_neutral_open_close delta_neutral_short_sale"),
        *of("order", "delta_neutral_short_sale_slot delta_neutral_designated_location"),
    ),
    *of("order", "continuous_update reference_price_type trail_stop_price trailing_percent"),
    *_SCALE,
    *of("order", "scale_table active_start_time active_stop_time"),
    *_HEDGE,
    *of("order", "opt_out_smart_routing clearing_account clearing_intent not_held"),
    *_DELTA_NEUTRAL_CONTRACT,
    *_ALGO,
    *of("order", "algo_id what_if order_misc_options solicited randomize_size randomize_price"),
    *_PEG_BENCH,
    *_CONDITIONS,
    *of("order", "adjusted_order_type trigger_price lmt_price_offset adjusted_stop_price adjusted_stop_limit_price"),
    *of("order", "adjusted_trailing_amount adjustable_trailing_unit ext_operator"),
    *of("order", "soft_dollar_tier_name soft_dollar_tier_value cash_qty"),
    *of("order", "mifid2_decision_maker mifid2_decision_algo mifid2_execution_trader mifid2_execution_algo"),
    *of("order", "dont_use_auto_price_for_hedge is_oms_container discretionary_up_to_limit_price"),
    *of("order", "use_price_mgmt_algo"),
    *between(*of("order", "duration"), since=158),
    *between(*of("order", "post_to_ats"), since=160),
    *between(*of("order", "auto_cancel_parent"), since=162),
    *between(*of("order", "advanced_error_override"), since=166),
    *between(*of("order", "manual_order_time"), since=169),
    *between(
        *when("contract.exchange", one_of("IBKRATS"), *of("order", "min_trade_qty")),
        *when(
            "order.order_type",
            one_of("PEG BEST", "PEGBEST"),
            *of("order", "min_compete_size compete_against_best_offset"),
            *when(
                "order.compete_against_best_offset", _infinite, *of("order", "mid_offset_at_whole mid_offset_at_half")
            ),
        ),
        *when("order.order_type", one_of("PEG MID", "PEGMID"), *of("order", "mid_offset_at_whole mid_offset_at_half")),
        since=170,
    ),
)


@request(
    3,
    layout=_PLACED,
    lacks="every field is read; an order that asks for what is not imitated is refused with 321",
)
class PlaceOrder:
    """A new order, or under an id that is in use, a change to one."""

    order_id: Whole
    contract: Contract
    sec_id_type: Text = ""
    sec_id: Text = ""
    order: Order


# ---------------------------------------------------------------- reporting


_OPEN: Layout = (
    *of("order", "order_id"),
    *of("contract", REPORTED),
    *of("order", "action total_quantity order_type lmt_price aux_price tif oca_group account open_close origin"),
    *of("order", "order_ref client_id perm_id outside_rth hidden discretionary_amt good_after_time shares_allocation"),
    *of("order", "fa_group fa_method fa_percentage"),
    *_TAIL_OF_FA,
    *of("order", "model_code good_till_date rule_80a percent_offset settling_firm short_sale_slot designated_location"),
    *of("order", "exempt_code auction_strategy starting_price stock_ref_price delta stock_range_lower"),
    *of("order", "stock_range_upper display_size block_order sweep_to_fill all_or_none min_qty oca_type"),
    *of("order", "e_trade_only firm_quote_only nbbo_price_cap parent_id trigger_method volatility volatility_type"),
    *of("order", "delta_neutral_order_type delta_neutral_aux_price"),
    *when(
        "order.delta_neutral_order_type",
        given,
        *of("order", "delta_neutral_con_id delta_neutral_settling_firm delta_neutral_clearing_account"),
        *of("order", "delta_neutral_clearing_intent delta_neutral_open_close delta_neutral_short_sale"),
        *of("order", "delta_neutral_short_sale_slot delta_neutral_designated_location"),
    ),
    *of("order", "continuous_update reference_price_type trail_stop_price trailing_percent basis_points"),
    *of("order", "basis_points_type"),
    *of("contract", "combo_legs_descrip"),
    *_COMBO,
    *_SCALE,
    *_HEDGE,
    *of("order", "opt_out_smart_routing clearing_account clearing_intent not_held"),
    *_DELTA_NEUTRAL_CONTRACT,
    *_ALGO,
    *of("order", "solicited what_if"),
    *of("state", "status init_margin_before maint_margin_before equity_with_loan_before init_margin_change"),
    *of("state", "maint_margin_change equity_with_loan_change init_margin_after maint_margin_after"),
    *of("state", "equity_with_loan_after commission min_commission max_commission commission_currency warning_text"),
    *of("order", "randomize_size randomize_price"),
    *_PEG_BENCH,
    *_CONDITIONS,
    *of("order", "adjusted_order_type trigger_price trail_stop_price lmt_price_offset adjusted_stop_price"),
    *of("order", "adjusted_stop_limit_price adjusted_trailing_amount adjustable_trailing_unit"),
    *of("order", "soft_dollar_tier_name soft_dollar_tier_value soft_dollar_tier_display_name cash_qty"),
    *of("order", "dont_use_auto_price_for_hedge is_oms_container discretionary_up_to_limit_price"),
    *of("order", "use_price_mgmt_algo"),
    *between(*of("order", "duration"), since=159),
    *between(*of("order", "post_to_ats"), since=160),
    *between(*of("order", "auto_cancel_parent"), since=162),
    *between(*_PEG_OFFSETS, since=170),
)


@reply(5, layout=_OPEN)
class OpenOrder:
    """An order as the gateway holds it: after it was placed, when it changed, or because it was asked for."""

    contract: Contract
    order: Order
    state: OrderState


_COMPLETED: Layout = (
    *of("contract", REPORTED),
    *of("order", "action total_quantity order_type lmt_price aux_price tif oca_group account open_close origin"),
    *of("order", "order_ref perm_id outside_rth hidden discretionary_amt good_after_time fa_group fa_method"),
    *of("order", "fa_percentage"),
    *_TAIL_OF_FA,
    *of("order", "model_code good_till_date rule_80a percent_offset settling_firm short_sale_slot designated_location"),
    *of("order", "exempt_code starting_price stock_ref_price delta stock_range_lower stock_range_upper display_size"),
    *of("order", "sweep_to_fill all_or_none min_qty oca_type trigger_method volatility volatility_type"),
    *of("order", "delta_neutral_order_type delta_neutral_aux_price"),
    *when(
        "order.delta_neutral_order_type",
        given,
        *of("order", "delta_neutral_con_id delta_neutral_short_sale delta_neutral_short_sale_slot"),
        *of("order", "delta_neutral_designated_location"),
    ),
    *of("order", "continuous_update reference_price_type trail_stop_price trailing_percent"),
    *of("contract", "combo_legs_descrip"),
    *_COMBO,
    *_SCALE,
    *_HEDGE,
    *of("order", "clearing_account clearing_intent not_held"),
    *_DELTA_NEUTRAL_CONTRACT,
    *_ALGO,
    *of("order", "solicited"),
    *of("state", "status"),
    *of("order", "randomize_size randomize_price"),
    *_PEG_BENCH,
    *_CONDITIONS,
    *of("order", "trail_stop_price lmt_price_offset cash_qty dont_use_auto_price_for_hedge is_oms_container"),
    *of("order", "auto_cancel_date filled_quantity ref_futures_con_id auto_cancel_parent shareholder imbalance_only"),
    *of("order", "route_marketable_to_bbo parent_perm_id"),
    *of("state", "completed_time completed_status"),
    *between(*_PEG_OFFSETS, since=170),
)


@reply(101, layout=_COMPLETED)
class CompletedOrder:
    """An order that is done, as the gateway remembers it until the end of the day."""

    contract: Contract
    order: Order
    state: OrderState


@reply(102)
class CompletedOrdersEnd:
    """All completed orders were sent."""


@reply(53, version=1)
class OpenOrderEnd:
    """All open orders were sent."""
