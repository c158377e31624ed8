"""The values that several messages share: a contract, an order, its state, an execution.

The names are the protocol's own, in snake case, with its defaults. None means that the client left it unset.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from bursar.gateway.messages.kinds import (
    Flag,
    MaybeFlag,
    MaybeNumber,
    MaybeWhole,
    Moment,
    Number,
    Text,
    UnsetNumber,
    Whole,
)
from bursar.gateway.messages.layouts import Laid, Since

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagValue:
    """A named parameter of an algorithm or an option."""

    tag: Text
    value: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ComboLeg:
    """One leg of a combination."""

    con_id: Whole = 0
    ratio: Whole = 0
    action: Text = ""
    exchange: Text = ""
    open_close: Whole = 0
    short_sale_slot: Whole = 0
    designated_location: Text = ""
    exempt_code: Whole = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class LegPrice:
    """The price of one leg of a combination, if it has one of its own."""

    price: MaybeNumber = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaNeutralContract:
    """The contract that hedges a volatility trade."""

    con_id: Whole = 0
    delta: Number = ZERO
    price: Number = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What is traded, as clients describe it: by number, or by symbol, kind, exchange and currency."""

    con_id: Whole = 0
    symbol: Text = ""
    sec_type: Text = ""
    last_trade_date_or_contract_month: Text = ""
    strike: Number = ZERO
    right: Text = ""
    multiplier: Text = ""
    exchange: Text = ""
    primary_exchange: Text = ""
    currency: Text = ""
    local_symbol: Text = ""
    trading_class: Text = ""
    combo_legs_descrip: Text = ""
    combo_legs: tuple[ComboLeg, ...] = ()
    delta_neutral_contract: DeltaNeutralContract | None = None


#: The attributes of a contract in requests, and in what is reported, in wire order.
REQUESTED = (
    "con_id symbol sec_type last_trade_date_or_contract_month strike right multiplier exchange primary_exchange "
    "currency local_symbol trading_class"
)
REPORTED = (
    "con_id symbol sec_type last_trade_date_or_contract_month strike right multiplier exchange currency local_symbol "
    "trading_class"
)

RequestedContract = Annotated[Contract, Laid(REQUESTED)]
ReportedContract = Annotated[Contract, Laid(REPORTED)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What must come true before an order works; which attributes count depends on ``kind``.

    kind         1 price, 3 time, 4 margin cushion, 5 execution, 6 volume, 7 percent change
    conjunction  "a" and the next one, "o" or the next one
    value        the price, volume or percentage, or the time as text, to be reached
    """

    kind: Whole
    conjunction: Text = "a"
    is_more: Flag = False
    value: Text = ""
    con_id: Whole = 0
    exchange: Text = ""
    trigger_method: Whole = 0
    sec_type: Text = ""
    symbol: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Everything that a client can say about an order, in the protocol's words and with its defaults."""

    order_id: Whole = 0
    client_id: Whole = 0
    perm_id: Whole = 0
    action: Text = ""
    total_quantity: Number = ZERO
    order_type: Text = ""
    lmt_price: MaybeNumber = None
    aux_price: MaybeNumber = None
    tif: Text = ""
    oca_group: Text = ""
    account: Text = ""
    open_close: Text = ""
    origin: Whole = 0
    order_ref: Text = ""
    transmit: Flag = True
    parent_id: Whole = 0
    block_order: Flag = False
    sweep_to_fill: Flag = False
    display_size: MaybeWhole = 0
    trigger_method: Whole = 0
    outside_rth: Flag = False
    hidden: Flag = False
    order_combo_legs: tuple[LegPrice, ...] = ()
    smart_combo_routing_params: tuple[TagValue, ...] = ()
    shares_allocation: Text = ""
    discretionary_amt: Number = ZERO
    good_after_time: Text = ""
    good_till_date: Text = ""
    fa_group: Text = ""
    fa_method: Text = ""
    fa_percentage: Text = ""
    fa_profile: Text = ""
    model_code: Text = ""
    short_sale_slot: Whole = 0
    designated_location: Text = ""
    exempt_code: Whole = -1
    oca_type: Whole = 0
    rule_80a: Text = ""
    settling_firm: Text = ""
    all_or_none: Flag = False
    min_qty: MaybeWhole = None
    percent_offset: MaybeNumber = None
    e_trade_only: Flag = False
    firm_quote_only: Flag = False
    nbbo_price_cap: MaybeNumber = None
    auction_strategy: Whole = 0
    starting_price: MaybeNumber = None
    stock_ref_price: MaybeNumber = None
    delta: MaybeNumber = None
    stock_range_lower: MaybeNumber = None
    stock_range_upper: MaybeNumber = None
    override_percentage_constraints: Flag = False
    volatility: MaybeNumber = None
    volatility_type: MaybeWhole = None
    delta_neutral_order_type: Text = ""
    delta_neutral_aux_price: MaybeNumber = None
    delta_neutral_con_id: Whole = 0
    delta_neutral_settling_firm: Text = ""
    delta_neutral_clearing_account: Text = ""
    delta_neutral_clearing_intent: Text = ""
    delta_neutral_open_close: Text = ""
    delta_neutral_short_sale: Flag = False
    delta_neutral_short_sale_slot: Whole = 0
    delta_neutral_designated_location: Text = ""
    continuous_update: Flag = False
    reference_price_type: MaybeWhole = None
    trail_stop_price: MaybeNumber = None
    trailing_percent: MaybeNumber = None
    basis_points: MaybeNumber = None
    basis_points_type: MaybeWhole = None
    scale_init_level_size: MaybeWhole = None
    scale_subs_level_size: MaybeWhole = None
    scale_price_increment: MaybeNumber = None
    scale_price_adjust_value: MaybeNumber = None
    scale_price_adjust_interval: MaybeWhole = None
    scale_profit_offset: MaybeNumber = None
    scale_auto_reset: Flag = False
    scale_init_position: MaybeWhole = None
    scale_init_fill_qty: MaybeWhole = None
    scale_random_percent: Flag = False
    scale_table: Text = ""
    active_start_time: Text = ""
    active_stop_time: Text = ""
    hedge_type: Text = ""
    hedge_param: Text = ""
    opt_out_smart_routing: Flag = False
    clearing_account: Text = ""
    clearing_intent: Text = ""
    not_held: Flag = False
    algo_strategy: Text = ""
    algo_params: tuple[TagValue, ...] = ()
    algo_id: Text = ""
    what_if: Flag = False
    order_misc_options: Text = ""
    solicited: Flag = False
    randomize_size: Flag = False
    randomize_price: Flag = False
    reference_contract_id: Whole = 0
    is_pegged_change_amount_decrease: Flag = False
    pegged_change_amount: Number = ZERO
    reference_change_amount: Number = ZERO
    reference_exchange_id: Text = ""
    conditions: tuple[Condition, ...] = ()
    conditions_ignore_rth: Flag = False
    conditions_cancel_order: Flag = False
    adjusted_order_type: Text = ""
    trigger_price: MaybeNumber = None
    lmt_price_offset: MaybeNumber = None
    adjusted_stop_price: MaybeNumber = None
    adjusted_stop_limit_price: MaybeNumber = None
    adjusted_trailing_amount: MaybeNumber = None
    adjustable_trailing_unit: Whole = 0
    ext_operator: Text = ""
    soft_dollar_tier_name: Text = ""
    soft_dollar_tier_value: Text = ""
    soft_dollar_tier_display_name: Text = ""
    cash_qty: MaybeNumber = None
    mifid2_decision_maker: Text = ""
    mifid2_decision_algo: Text = ""
    mifid2_execution_trader: Text = ""
    mifid2_execution_algo: Text = ""
    dont_use_auto_price_for_hedge: Flag = False
    is_oms_container: Flag = False
    discretionary_up_to_limit_price: Flag = False
    use_price_mgmt_algo: MaybeFlag = None
    duration: MaybeWhole = None
    post_to_ats: MaybeWhole = None
    auto_cancel_parent: Flag = False
    advanced_error_override: Text = ""
    manual_order_time: Text = ""
    min_trade_qty: MaybeWhole = None
    min_compete_size: MaybeWhole = None
    compete_against_best_offset: MaybeNumber = None
    mid_offset_at_whole: MaybeNumber = None
    mid_offset_at_half: MaybeNumber = None
    auto_cancel_date: Text = ""
    filled_quantity: MaybeNumber = None
    ref_futures_con_id: Whole = 0
    shareholder: Text = ""
    imbalance_only: Flag = False
    route_marketable_to_bbo: Flag = False
    parent_perm_id: Whole = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """Where an order stands, and for a what-if, what it would do to the account's margin."""

    status: Text = ""
    init_margin_before: UnsetNumber = None
    maint_margin_before: UnsetNumber = None
    equity_with_loan_before: UnsetNumber = None
    init_margin_change: UnsetNumber = None
    maint_margin_change: UnsetNumber = None
    equity_with_loan_change: UnsetNumber = None
    init_margin_after: UnsetNumber = None
    maint_margin_after: UnsetNumber = None
    equity_with_loan_after: UnsetNumber = None
    commission: UnsetNumber = None
    min_commission: UnsetNumber = None
    max_commission: UnsetNumber = None
    commission_currency: Text = ""
    warning_text: Text = ""
    completed_time: Text = ""
    completed_status: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One trade of an order. side: BOT or SLD; last_liquidity: 1 added, 2 removed, 3 routed."""

    exec_id: Text
    time: Moment
    acct_number: Text
    exchange: Text
    side: Text
    shares: Number
    price: Number
    perm_id: Whole
    client_id: Whole
    liquidation: Whole = 0
    cum_qty: Number = ZERO
    avg_price: Number = ZERO
    order_ref: Text = ""
    ev_rule: Text = ""
    ev_multiplier: MaybeNumber = None
    model_code: Text = ""
    last_liquidity: Whole = 0
    pending_price_revision: Annotated[Flag, Since(178)] = False


EXECUTION = (
    "exec_id time acct_number exchange side shares price perm_id client_id liquidation cum_qty avg_price order_ref "
    "ev_rule ev_multiplier model_code last_liquidity"
)
