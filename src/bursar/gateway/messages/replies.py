"""What the gateway sends, in groups. Orders are in ``orders.py``; the handshake's answer is no message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from bursar.gateway.messages.declare import reply
from bursar.gateway.messages.kinds import (
    BarTime,
    Epoch,
    MaybeWhole,
    Name,
    Number,
    Size,
    Text,
    UnsetNumber,
    Whole,
)
from bursar.gateway.messages.layouts import Layout, Since, between, of, rows
from bursar.gateway.messages.values import (
    EXECUTION,
    REPORTED,
    ZERO,
    Contract,
    Execution,
    ReportedContract,
    TagValue,
)

#: Reports that answer no request carry this number.
NO_REQUEST = -1

# ---------------------------------------------------------------- the session


@reply(4, version=2)
class ErrMsg:
    """An error or a notice; ``req_id`` is the request or order that it is about, or -1."""

    req_id: Whole
    code: Whole
    text: Text
    advanced_order_reject_json: Annotated[Text, Since(166)] = ""


@reply(9, version=1)
class NextValidId:
    """The lowest order id that this client may use."""

    order_id: Whole


@reply(15, version=1)
class ManagedAccounts:
    """The accounts, separated by commas."""

    accounts: Text


@reply(16, version=1)
class ReceiveFA:
    """An adviser's groups or aliases, as XML."""

    fa_data_type: Whole
    xml: Text


@reply(103)
class ReplaceFAEnd:
    """An adviser's groups or aliases were replaced."""

    req_id: Whole
    text: Text


@reply(49, version=1)
class CurrentTime:
    """The time, in whole seconds."""

    time: Epoch


# ---------------------------------------------------------------- the account


@reply(6, version=2)
class AccountValue:
    """One value of an account."""

    key: Text
    value: Text
    currency: Text
    account: Text


_PORTFOLIO: Layout = (
    *of("contract", "con_id symbol sec_type last_trade_date_or_contract_month strike right multiplier"),
    *of("contract", "primary_exchange currency local_symbol trading_class"),
    *of("", "position market_price market_value average_cost unrealized_pnl realized_pnl account"),
)


@reply(7, version=8, layout=_PORTFOLIO)
class PortfolioValue:
    """One position of an account, valued."""

    contract: Contract
    position: Number
    market_price: Number
    market_value: Number
    average_cost: Number
    unrealized_pnl: Number
    realized_pnl: Number
    account: Text


@reply(8, version=1)
class AccountUpdateTime:
    """When the account's values were last worked out, as HH:MM."""

    time: Text


@reply(54, version=1)
class AccountDownloadEnd:
    """All values and positions of an account were sent."""

    account: Text


@reply(61, version=3)
class Position:
    """One position of an account; zero once it is gone."""

    account: Text
    contract: ReportedContract
    position: Number
    avg_cost: Number


@reply(62, version=1)
class PositionEnd:
    """All positions were sent."""


@reply(63, version=1)
class AccountSummary:
    """One value of an account summary."""

    req_id: Whole
    account: Text
    tag: Text
    value: Text
    currency: Text


@reply(64, version=1)
class AccountSummaryEnd:
    """All values of an account summary were sent."""

    req_id: Whole


@reply(73, version=1)
class AccountUpdateMulti:
    """One value of an account, under a request's number."""

    req_id: Whole
    account: Text
    model_code: Text
    key: Text
    value: Text
    currency: Text


@reply(74, version=1)
class AccountUpdateMultiEnd:
    """All values under a request's number were sent."""

    req_id: Whole


@reply(71, version=1)
class PositionMulti:
    """One position under a request's number, with its average cost."""

    req_id: Whole
    account: Text
    contract: ReportedContract
    position: Number
    avg_cost: Number
    model_code: Text = ""


@reply(72, version=1)
class PositionMultiEnd:
    """All positions under a request's number were sent."""

    req_id: Whole


@reply(94, unconfirmed="how often a real TWS tells a profit that changes; here after each instant and each execution")
class PnL:
    """The profit of an account: of the day, on what is held, and of what was closed today."""

    req_id: Whole
    daily_pnl: UnsetNumber
    unrealized_pnl: UnsetNumber
    realized_pnl: UnsetNumber


@reply(95, unconfirmed="whether fractions of a share are told; ib_async 2.1.0 reads whole positions only")
class PnLSingle:
    """The profit of one position, and its size and value."""

    req_id: Whole
    position: Size
    daily_pnl: UnsetNumber
    unrealized_pnl: UnsetNumber
    realized_pnl: UnsetNumber
    value: UnsetNumber


# ---------------------------------------------------------------- contracts

_DETAILS: Layout = (
    *of("", "req_id"),
    *of("contract", "symbol sec_type last_trade_date_or_contract_month strike right exchange currency local_symbol"),
    *of("", "market_name"),
    *of("contract", "trading_class con_id"),
    *of("", "min_tick"),
    *between(*of("", "md_size_multiplier"), until=163),
    *of("contract", "multiplier"),
    *of("", "order_types valid_exchanges price_magnifier under_con_id long_name"),
    *of("contract", "primary_exchange"),
    *of("", "contract_month industry category subcategory time_zone_id trading_hours liquid_hours ev_rule"),
    *of("", "ev_multiplier"),
    *rows("sec_id_list", TagValue),
    *of("", "agg_group under_symbol under_sec_type market_rule_ids real_expiration_date stock_type"),
    *between(*of("", "min_size size_increment suggested_size_increment"), since=164),
)


@reply(
    10,
    version=8,
    version_until=163,
    layout=_DETAILS,
    unconfirmed="which order types and exchanges a real TWS lists for a stock",
)
class ContractData:
    """All that is known of one contract."""

    req_id: Whole
    contract: Contract
    market_name: Text
    min_tick: Number
    md_size_multiplier: Whole = 0
    order_types: Text = ""
    valid_exchanges: Text = ""
    price_magnifier: Whole = 1
    under_con_id: Whole = 0
    long_name: Name = ""
    contract_month: Text = ""
    industry: Text = ""
    category: Text = ""
    subcategory: Text = ""
    time_zone_id: Text = ""
    trading_hours: Text = ""
    liquid_hours: Text = ""
    ev_rule: Text = ""
    ev_multiplier: MaybeWhole = None
    sec_id_list: tuple[TagValue, ...] = ()
    agg_group: MaybeWhole = None
    under_symbol: Text = ""
    under_sec_type: Text = ""
    market_rule_ids: Text = ""
    real_expiration_date: Text = ""
    stock_type: Text = ""
    min_size: Number = ZERO
    size_increment: Number = ZERO
    suggested_size_increment: Number = ZERO


@reply(52, version=1)
class ContractDataEnd:
    """All contracts that fit were sent."""

    req_id: Whole


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSample:
    """One contract that looks like what was asked for."""

    con_id: Whole
    symbol: Text
    sec_type: Text
    primary_exchange: Text
    currency: Text
    derivative_sec_types: tuple[str, ...] = ()
    description: Annotated[Text, Since(176)] = ""
    issuer_id: Annotated[Text, Since(176)] = ""


@reply(79)
class SymbolSamples:
    """The contracts that look like what was asked for, at most sixteen."""

    req_id: Whole
    samples: tuple[SymbolSample, ...]


# ---------------------------------------------------------------- market data


@reply(1, version=6)
class TickPrice:
    """A price, and its size. attr_mask: 1 can be executed automatically, 2 beyond a limit, 4 before the opening."""

    req_id: Whole
    tick_type: Whole
    price: Number
    size: Size = ZERO
    attr_mask: Whole = 0


@reply(2, version=6)
class TickSize:
    """A size."""

    req_id: Whole
    tick_type: Whole
    size: Size


@reply(45, version=6)
class TickGeneric:
    """A number that is neither price nor size, such as whether trading is halted."""

    req_id: Whole
    tick_type: Whole
    value: Number


@reply(46, version=6)
class TickString:
    """A value as text, such as the time of the last trade."""

    req_id: Whole
    tick_type: Whole
    value: Text


@reply(57, version=1)
class TickSnapshotEnd:
    """The snapshot is complete."""

    req_id: Whole


@reply(58, version=1)
class MarketDataType:
    """Which prices follow under a request's number: 1 live, 2 frozen, 3 delayed, 4 delayed and frozen."""

    req_id: Whole
    market_data_type: Whole


@reply(81, unconfirmed="the name of the exchange map, which a client can only hand back")
class TickReqParams:
    """What to know before the first tick: the smallest step of the price."""

    req_id: Whole
    min_tick: Number
    bbo_exchange: Text
    snapshot_permissions: Whole


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalBar:
    """One bar; ``time`` is when it began."""

    time: BarTime
    open: Number
    high: Number
    low: Number
    close: Number
    volume: Size
    wap: Number
    count: Whole = -1


@reply(17)
class HistoricalData:
    """The bars that were asked for, all at once, and the moments between which they lie."""

    req_id: Whole
    start: Text
    end: Text
    bars: tuple[HistoricalBar, ...]


# ---------------------------------------------------------------- orders


@reply(3)
class OrderStatus:
    """Where an order stands. why_held: "trigger" or "child" while it waits for one."""

    order_id: Whole
    status: Text
    filled: Number
    remaining: Number
    avg_fill_price: Number
    perm_id: Whole
    parent_id: Whole
    last_fill_price: Number
    client_id: Whole
    why_held: Text = ""
    mkt_cap_price: Number = ZERO


@reply(100)
class OrderBound:
    """An order that was made by hand has a number of the API from now on: it is client 0's."""

    perm_id: Whole
    client_id: Whole
    order_id: Whole


_EXECUTED: Layout = (
    *of("", "req_id order_id"),
    *of("contract", REPORTED),
    *of("execution", EXECUTION),
    *between(*of("execution", "pending_price_revision"), since=178),
)


@reply(11, layout=_EXECUTED)
class ExecDetails:
    """One execution: as it happens, with the number -1, or because it was asked for."""

    req_id: Whole
    order_id: Whole
    contract: Contract
    execution: Execution


@reply(55, version=1)
class ExecDetailsEnd:
    """All executions were sent."""

    req_id: Whole


@reply(59, version=1)
class CommissionReport:
    """What an execution cost, after the execution itself; ``realized_pnl`` only when it closed something."""

    exec_id: Text
    commission: UnsetNumber
    currency: Text
    realized_pnl: UnsetNumber = None
    yield_: UnsetNumber = None
    yield_redemption_date: MaybeWhole = None
