"""What ib_async, unmodified, reads from our bytes, and what we read from its own.

A client decides what a message means: each field gets a value of its own, and is found under its name in what
ib_async made of the bytes. What ibapi makes of them is looked at in tests/e2e, where it has a room of its own.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import ib_async
import pytest
from ib_async.client import Client
from ib_async.decoder import Decoder

from bursar.gateway.messages import REPLIES, REQUESTS, VERSIONS, PlaceOrder, read_request
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.messages.orders import CompletedOrder, OpenOrder
from bursar.gateway.messages.values import (
    REPORTED,
    ComboLeg,
    Condition,
    Contract,
    DeltaNeutralContract,
    Execution,
    LegPrice,
    Order,
    OrderState,
    TagValue,
)
from tests.gateway.strategies import texts_of

in_version = pytest.mark.parametrize("version", VERSIONS)

# ---------------------------------------------------------------- what ib_async reads


class Heard:
    """Stands where ib_async has its wrapper, and keeps what the decoder calls it with."""

    defaultTimezone = UTC  # noqa: N815 - ib_async's name
    ib = type("IB", (), {"TimezoneTWS": "US/Eastern"})()

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.calls.append((name, arguments))


def heard_by_ib_async(message: object, version: int, caplog: pytest.LogCaptureFixture) -> list[tuple[str, Any]]:
    """What ib_async's own decoder makes of a message. Fails on anything that it complains about."""
    wrapper = Heard()
    caplog.clear()
    with caplog.at_level(logging.ERROR, logger="ib_async"):
        decoder: Any = Decoder(cast("Any", wrapper), version)
        decoder.interpret(texts_of(message, version))
    assert not caplog.records, caplog.text
    return wrapper.calls


#: A number, text or flag for each field that no other field has, so that a swap is seen.
def told_apart(kind: type, seed: int = 0, **given_values: Any) -> Any:
    """A value of ``kind`` in which every plain attribute differs from all others."""
    made: dict[str, Any] = dict(given_values)
    for number, field in enumerate(fields(kind), start=seed + 1):
        if field.name in made:
            continue
        hint = kind.__annotations__[field.name]
        match str(hint):
            case "Flag" | "MaybeFlag":
                made[field.name] = number % 2 == 0
            case "Whole" | "MaybeWhole":
                made[field.name] = 1000 + number
            case "Number" | "MaybeNumber" | "UnsetNumber":
                made[field.name] = Decimal(1000 + number) + Decimal("0.25")
            case "Text":
                made[field.name] = f"text {number}"
    return kind(**made)


COMBO = Contract(
    con_id=11,
    symbol="SYM",
    sec_type="BAG",
    last_trade_date_or_contract_month="20221216",
    strike=Decimal("12.5"),
    right="C",
    multiplier="100",
    exchange="IBKRATS",
    currency="USD",
    local_symbol="LOCAL",
    trading_class="CLASS",
    combo_legs_descrip="described",
    combo_legs=(told_apart(ComboLeg), told_apart(ComboLeg, 50)),
    delta_neutral_contract=DeltaNeutralContract(con_id=5, delta=Decimal("0.5"), price=Decimal("7.25")),
)
CONDITIONS = tuple(
    Condition(
        kind=kind,
        conjunction="o" if kind == 4 else "a",
        is_more=kind % 2 == 0,
        value="20221216 10:00:00" if kind == 3 else str(kind),
        con_id=kind + 1,
        exchange=f"EX{kind}",
        trigger_method=kind + 2,
        sec_type="STK",
        symbol=f"S{kind}",
    )
    for kind in (1, 3, 4, 5, 6, 7)
)
#: An order in which every conditional part is there.
ORDER = told_apart(
    Order,
    order_type="PEG BENCH",
    scale_price_increment=Decimal("0.05"),
    conditions=CONDITIONS,
    algo_params=(TagValue(tag="adaptivePriority", value="Normal"),),
    smart_combo_routing_params=(TagValue(tag="NonGuaranteed", value="1"),),
    order_combo_legs=(LegPrice(price=Decimal("1.25")), LegPrice()),
)
#: Ours is the protocol's name in snake case, but for these.
RENAMED = {"rule_80a": "rule80A", "last_trade_date_or_contract_month": "lastTradeDateOrContractMonth"}


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return RENAMED.get(name, head + "".join(word.title() for word in rest))


def differences(ours: Any, theirs: Any, names: Iterator[str]) -> dict[str, tuple[Any, Any]]:
    """The attributes in which their object does not say what ours does."""
    found = {}
    for name in names:
        mine, their = getattr(ours, name), getattr(theirs, camel(name))
        if isinstance(mine, Decimal):
            their = Decimal(str(their))
        if their != mine and str(their) != str(mine):
            found[name] = (mine, their)
    return found


#: Attributes that are compared by their own words below, or that a layout does not have.
PARTS = {"conditions", "algo_params", "smart_combo_routing_params", "order_combo_legs"}
TIERS = {"soft_dollar_tier_name", "soft_dollar_tier_value", "soft_dollar_tier_display_name"}


def plain_names(kind: type, without: set[str]) -> Iterator[str]:
    return (field.name for field in fields(kind) if field.name not in without)


NOT_IN_OPEN = {
    "transmit", "override_percentage_constraints", "scale_table", "active_start_time", "active_stop_time", "algo_id",
    "order_misc_options", "ext_operator", "mifid2_decision_maker", "mifid2_decision_algo", "mifid2_execution_trader",
    "mifid2_execution_algo", "advanced_error_override", "manual_order_time", "auto_cancel_date", "filled_quantity",
    "ref_futures_con_id", "shareholder", "imbalance_only", "route_marketable_to_bbo", "parent_perm_id",
    "shares_allocation",
}  # fmt: skip
SINCE_159 = {"duration", "post_to_ats", "auto_cancel_parent"}
SINCE_170 = {
    "min_trade_qty", "min_compete_size", "compete_against_best_offset", "mid_offset_at_whole", "mid_offset_at_half",
}  # fmt: skip


@in_version
def test_ib_async_finds_every_field_of_an_open_order(version: int, caplog: pytest.LogCaptureFixture) -> None:
    state = told_apart(OrderState, status="PreSubmitted")
    message = OpenOrder(contract=COMBO, order=ORDER, state=state)
    ((name, (order_id, contract, order, order_state)),) = heard_by_ib_async(message, version, caplog)
    assert (name, order_id) == ("openOrder", ORDER.order_id)
    late = SINCE_159 | SINCE_170 if version == 157 else set()
    faded = {"fa_profile"} if version == 178 else set()
    names = plain_names(Order, PARTS | TIERS | NOT_IN_OPEN | late | faded)
    assert differences(ORDER, order, names) == {}
    assert differences(state, order_state, plain_names(OrderState, {"completed_time", "completed_status"})) == {}
    tier = order.softDollarTier
    assert [tier.name, tier.val, tier.displayName] == [getattr(ORDER, name) for name in sorted(TIERS, key=len)[:1]] + [
        ORDER.soft_dollar_tier_value,
        ORDER.soft_dollar_tier_display_name,
    ]
    assert_same_parts(contract, order)


@in_version
def test_ib_async_finds_every_field_of_a_completed_order(version: int, caplog: pytest.LogCaptureFixture) -> None:
    state = told_apart(OrderState, status="Filled")
    message = CompletedOrder(contract=COMBO, order=ORDER, state=state)
    ((name, (contract, order, order_state)),) = heard_by_ib_async(message, version, caplog)
    assert name == "completedOrder"
    absent = {
        "order_id", "client_id", "parent_id", "auction_strategy", "block_order", "e_trade_only", "firm_quote_only",
        "nbbo_price_cap", "basis_points", "basis_points_type", "opt_out_smart_routing", "what_if",
        "adjusted_order_type", "trigger_price", "adjusted_stop_price", "adjusted_stop_limit_price",
        "adjusted_trailing_amount", "adjustable_trailing_unit", "discretionary_up_to_limit_price",
        "use_price_mgmt_algo", "duration", "post_to_ats", "delta_neutral_settling_firm",
        "delta_neutral_clearing_account", "delta_neutral_clearing_intent", "delta_neutral_open_close",
    }  # fmt: skip
    there = {
        "auto_cancel_date", "filled_quantity", "ref_futures_con_id", "shareholder", "imbalance_only",
        "route_marketable_to_bbo", "parent_perm_id",
    }  # fmt: skip
    late = SINCE_170 if version == 157 else set()
    faded = {"fa_profile"} if version == 178 else set()
    names = plain_names(Order, PARTS | TIERS | (NOT_IN_OPEN - there) | absent | late | faded)
    assert differences(ORDER, order, names) == {}
    assert differences(state, order_state, iter(["status", "completed_time", "completed_status"])) == {}
    assert_same_parts(contract, order)


def assert_same_parts(contract: ib_async.Contract, order: ib_async.Order) -> None:
    """The rows of an order and its contract, as ib_async holds them."""
    assert differences(COMBO, contract, (name for name in REPORTED_NAMES)) == {}
    for ours, theirs in zip(COMBO.combo_legs, contract.comboLegs, strict=True):
        assert differences(ours, theirs, plain_names(ComboLeg, set())) == {}
    hedge = contract.deltaNeutralContract
    assert hedge is not None
    assert (hedge.conId, hedge.delta, hedge.price) == (5, 0.5, 7.25)
    assert [leg.price for leg in order.orderComboLegs] == [1.25, ib_async.util.UNSET_DOUBLE]
    assert [(each.tag, each.value) for each in order.algoParams] == [("adaptivePriority", "Normal")]
    assert [(each.tag, each.value) for each in order.smartComboRoutingParams] == [("NonGuaranteed", "1")]
    assert [cond.conjunction for cond in order.conditions] == ["a", "a", "o", "a", "a", "a"]
    conditions: list[Any] = list(order.conditions)
    price, time, margin, execution, volume, change = conditions
    assert (price.price, price.conId, price.exch, price.triggerMethod, price.isMore) == (1.0, 2, "EX1", 3, False)
    assert (time.time, margin.percent, margin.isMore) == ("20221216 10:00:00", 4, True)
    assert (execution.secType, execution.exch, execution.symbol) == ("STK", "EX5", "S5")
    assert (volume.volume, volume.conId, change.changePercent, change.exch) == (6, 7, 7.0, "EX7")


REPORTED_NAMES = (*REPORTED.split(), "combo_legs_descrip")

STOCK = Contract(
    con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    exchange="SMART",
    primary_exchange="NASDAQ",
    currency="USD",
    local_symbol="AAPL",
    trading_class="NMS",
)
AT = datetime(2022, 1, 3, 14, 30, 5, tzinfo=UTC)
EXECUTION = Execution(
    exec_id="0000e0d5.61d2a1b3.01.01",
    time=AT,
    acct_number="DU9000001",
    exchange="ISLAND",
    side="BOT",
    shares=Decimal(40),
    price=Decimal("180.25"),
    perm_id=77,
    client_id=3,
    cum_qty=Decimal(60),
    avg_price=Decimal("180.2"),
    order_ref="o-00000001",
    last_liquidity=2,
    pending_price_revision=True,
)


@in_version
def test_ib_async_reads_an_execution(version: int, caplog: pytest.LogCaptureFixture) -> None:
    message = r.ExecDetails(req_id=-1, order_id=9, contract=STOCK, execution=EXECUTION)
    ((name, (req_id, contract, theirs)),) = heard_by_ib_async(message, version, caplog)
    assert (name, req_id, contract.conId, theirs.orderId) == ("execDetails", -1, 265598, 9)
    names = plain_names(Execution, {"ev_multiplier", "pending_price_revision"})
    assert differences(EXECUTION, theirs, names) == {}
    assert theirs.pendingPriceRevision == (version >= 178)


DETAILS = r.ContractData(
    req_id=7,
    contract=STOCK,
    market_name="NMS",
    min_tick=Decimal("0.01"),
    order_types="LMT,MKT",
    valid_exchanges="SMART,NASDAQ",
    long_name="CAFÉ ÖL AG",
    industry="Technology",
    category="Computers",
    subcategory="Phones",
    time_zone_id="US/Eastern",
    trading_hours="20220103:0400-20220103:2000",
    liquid_hours="20220103:0930-20220103:1600",
    sec_id_list=(TagValue(tag="ISIN", value="US0378331005"),),
    agg_group=1,
    market_rule_ids="26",
    stock_type="COMMON",
    min_size=Decimal(1),
    size_increment=Decimal("0.0001"),
    suggested_size_increment=Decimal(100),
)


@in_version
def test_ib_async_reads_contract_details(version: int, caplog: pytest.LogCaptureFixture) -> None:
    ((name, (req_id, theirs)),) = heard_by_ib_async(DETAILS, version, caplog)
    assert (name, req_id) == ("contractDetails", 7)
    sizes = {"min_size", "size_increment", "suggested_size_increment"}
    without = {"req_id", "contract", "md_size_multiplier", "sec_id_list", "ev_multiplier"}
    assert (
        differences(DETAILS, theirs, plain_names(r.ContractData, without | (sizes if version == 157 else set()))) == {}
    )
    assert theirs.secIdList[0].value == "US0378331005"
    assert theirs.contract is not None
    asked = iter(["con_id", "symbol", "exchange", "primary_exchange", "currency", "local_symbol", "trading_class"])
    assert differences(STOCK, theirs.contract, asked) == {}


#: For each other message, what ib_async's decoder calls its wrapper with.
PLAIN: list[tuple[object, str, tuple[Any, ...]]] = [
    (r.ErrMsg(req_id=5, code=201, text="Order rejected"), "error", (5, 201, "Order rejected", "")),
    (r.NextValidId(order_id=31), "nextValidId", (31,)),
    (r.OrderBound(perm_id=77, client_id=3, order_id=-5), "orderBound", (77, 3, -5)),
    (r.ManagedAccounts(accounts="DU9000001,DU9000002"), "managedAccounts", ("DU9000001,DU9000002",)),
    (r.ReceiveFA(fa_data_type=1, xml="<a/>"), "receiveFA", (1, "<a/>")),
    (r.ReplaceFAEnd(req_id=5, text="success"), "replaceFAEnd", (5, "success")),
    (r.CurrentTime(time=AT), "currentTime", (int(AT.timestamp()),)),
    (
        r.AccountValue(key="NetLiquidation", value="1.00", currency="USD", account="DU9000001"),
        "updateAccountValue",
        ("NetLiquidation", "1.00", "USD", "DU9000001"),
    ),
    (r.AccountUpdateTime(time="09:30"), "updateAccountTime", ("09:30",)),
    (r.AccountDownloadEnd(account="DU9000001"), "accountDownloadEnd", ("DU9000001",)),
    (r.PositionEnd(), "positionEnd", ()),
    (
        r.AccountSummary(req_id=4, account="A", tag="T", value="V", currency="USD"),
        "accountSummary",
        (4, "A", "T", "V", "USD"),
    ),
    (r.AccountSummaryEnd(req_id=4), "accountSummaryEnd", (4,)),
    (
        r.AccountUpdateMulti(req_id=4, account="A", model_code="M", key="K", value="V", currency="USD"),
        "accountUpdateMulti",
        (4, "A", "M", "K", "V", "USD"),
    ),
    (r.AccountUpdateMultiEnd(req_id=4), "accountUpdateMultiEnd", (4,)),
    (r.PositionMultiEnd(req_id=4), "positionMultiEnd", (4,)),
    (
        r.PnL(req_id=4, daily_pnl=Decimal("-1.5"), unrealized_pnl=Decimal(2), realized_pnl=Decimal(3)),
        "pnl",
        (4, -1.5, 2.0, 3.0),
    ),
    (
        r.PnLSingle(
            req_id=4,
            position=Decimal(-7),
            daily_pnl=Decimal("1.5"),
            unrealized_pnl=Decimal(2),
            realized_pnl=None,
            value=Decimal(-70),
        ),
        "pnlSingle",
        (4, -7, 1.5, 2.0, ib_async.util.UNSET_DOUBLE, -70.0),
    ),
    (r.ContractDataEnd(req_id=4), "contractDetailsEnd", (4,)),
    (
        r.TickPrice(req_id=4, tick_type=1, price=Decimal("10.25"), size=Decimal(300), attr_mask=1),
        "priceSizeTick",
        (4, 1, 10.25, 300.0),
    ),
    (r.TickSize(req_id=4, tick_type=8, size=Decimal(12)), "tickSize", (4, 8, 12.0)),
    (r.TickGeneric(req_id=4, tick_type=49, value=Decimal(0)), "tickGeneric", (4, 49, 0.0)),
    (r.TickString(req_id=4, tick_type=45, value="1641220205"), "tickString", (4, 45, "1641220205")),
    (r.TickSnapshotEnd(req_id=4), "tickSnapshotEnd", (4,)),
    (r.MarketDataType(req_id=4, market_data_type=3), "marketDataType", (4, 3)),
    (
        r.TickReqParams(req_id=4, min_tick=Decimal("0.01"), bbo_exchange="9c0001", snapshot_permissions=3),
        "tickReqParams",
        (4, 0.01, "9c0001", 3),
    ),
    (
        r.OrderStatus(
            order_id=9,
            status="Submitted",
            filled=Decimal(1),
            remaining=Decimal(2),
            avg_fill_price=Decimal("3.5"),
            perm_id=4,
            parent_id=5,
            last_fill_price=Decimal("6.5"),
            client_id=7,
            why_held="trigger",
            mkt_cap_price=Decimal("8.5"),
        ),
        "orderStatus",
        (9, "Submitted", 1.0, 2.0, 3.5, 4, 5, 6.5, 7, "trigger", 8.5),
    ),
    (r.ExecDetailsEnd(req_id=4), "execDetailsEnd", (4,)),
]


@in_version
@pytest.mark.parametrize(("message", "name", "arguments"), PLAIN, ids=lambda value: type(value).__name__)
def test_ib_async_reads_what_was_meant(
    message: object, name: str, arguments: tuple[Any, ...], version: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert heard_by_ib_async(message, version, caplog) == [(name, arguments)]


@in_version
def test_ib_async_reads_positions(version: int, caplog: pytest.LogCaptureFixture) -> None:
    message = r.Position(account="A", contract=STOCK, position=Decimal(-5), avg_cost=Decimal("10.5"))
    ((name, (account, contract, size, cost)),) = heard_by_ib_async(message, version, caplog)
    assert (name, account, contract.tradingClass, size, cost) == ("position", "A", "NMS", -5.0, 10.5)


@in_version
def test_ib_async_reads_positions_under_a_number(version: int, caplog: pytest.LogCaptureFixture) -> None:
    numbers = {"position": Decimal(-5), "avg_cost": Decimal("10.5")}
    message = r.PositionMulti(req_id=4, account="A", contract=STOCK, model_code="M", **numbers)
    ((name, (number, account, model, contract, size, cost)),) = heard_by_ib_async(message, version, caplog)
    assert (name, number, account, model) == ("positionMulti", 4, "A", "M")
    assert (contract.tradingClass, size, cost) == ("NMS", -5.0, 10.5)


@in_version
def test_ib_async_reads_a_portfolio(version: int, caplog: pytest.LogCaptureFixture) -> None:
    numbers = dict(zip(PORTFOLIO_NUMBERS, map(Decimal, range(1, 7)), strict=True))
    message = r.PortfolioValue(contract=STOCK, account="A", **numbers)
    ((name, (contract, *told, account)),) = heard_by_ib_async(message, version, caplog)
    assert (name, contract.primaryExchange, account) == ("updatePortfolio", "NASDAQ", "A")
    assert told == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


PORTFOLIO_NUMBERS = ("position", "market_price", "market_value", "average_cost", "unrealized_pnl", "realized_pnl")


@in_version
def test_ib_async_reads_a_commission(version: int, caplog: pytest.LogCaptureFixture) -> None:
    message = r.CommissionReport(exec_id="x", commission=Decimal("1.05"), currency="USD", realized_pnl=Decimal("-7.5"))
    ((name, (report,)),) = heard_by_ib_async(message, version, caplog)
    assert (name, report.execId, report.commission, report.realizedPNL) == ("commissionReport", "x", 1.05, -7.5)


@in_version
def test_ib_async_reads_bars(version: int, caplog: pytest.LogCaptureFixture) -> None:
    bar = r.HistoricalBar(
        time=date(2022, 1, 3),
        open=Decimal(1),
        high=Decimal(4),
        low=Decimal("0.5"),
        close=Decimal(2),
        volume=Decimal(1000),
        wap=Decimal("1.5"),
        count=12,
    )
    message = r.HistoricalData(req_id=4, start="20220102 00:00:00", end="20220103 00:00:00", bars=(bar, bar))
    *bars, end = heard_by_ib_async(message, version, caplog)
    assert end == ("historicalDataEnd", (4, message.start, message.end))
    assert len(bars) == 2
    (_, (_, theirs)) = bars[0]
    assert (theirs.date, theirs.open, theirs.high, theirs.low, theirs.close) == ("20220103", 1.0, 4.0, 0.5, 2.0)
    assert (theirs.volume, theirs.average, theirs.barCount) == (1000.0, 1.5, 12)


@in_version
def test_ib_async_reads_symbol_samples(version: int, caplog: pytest.LogCaptureFixture) -> None:
    sample = r.SymbolSample(
        con_id=1, symbol="A", sec_type="STK", primary_exchange="N", currency="USD", derivative_sec_types=("OPT", "CFD"),
        description="A CORP",
    )  # fmt: skip
    message = r.SymbolSamples(req_id=4, samples=(sample, sample))
    ((name, (req_id, (first, _))),) = heard_by_ib_async(message, version, caplog)
    assert (name, req_id, first.contract.symbol) == ("symbolSamples", 4, "A")
    assert first.derivativeSecTypes == ["OPT", "CFD"]
    assert first.contract.description == ("A CORP" if version >= 176 else "")


# ---------------------------------------------------------------- what ib_async sends


class Sent(Client):
    """ib_async's client without a socket: keeps the texts of what it would send."""

    def __init__(self, version: int) -> None:
        super().__init__(Heard())  # type: ignore[no-untyped-call]  # ib_async has no annotations here
        self.connState, self._serverVersion, self.sent = Client.CONNECTED, version, list[list[str]]()

    def sendMsg(self, msg: str) -> None:  # noqa: N802 - ib_async's name
        self.sent.append(msg.split("\0")[:-1])


def sent_by_ib_async(version: int, ask: Any) -> Any:
    """What our reader makes of what ib_async's own client sends for ``ask``."""
    client = Sent(version)
    ask(client)
    (texts,) = client.sent
    return read_request(texts, version)


def their_contract() -> ib_async.Contract:
    theirs = ib_async.Contract(
        secType="BAG",
        conId=11,
        symbol="SYM",
        lastTradeDateOrContractMonth="20221216",
        strike=12.5,
        right="C",
        multiplier="100",
        exchange="IBKRATS",
        primaryExchange="PRIMARY",
        currency="USD",
        localSymbol="LOCAL",
        tradingClass="CLASS",
        secIdType="ISIN",
        secId="US0378331005",
    )
    theirs.comboLegs = [
        ib_async.ComboLeg(**{camel(field.name): plain(getattr(leg, field.name)) for field in fields(ComboLeg)})
        for leg in COMBO.combo_legs
    ]
    theirs.deltaNeutralContract = ib_async.DeltaNeutralContract(5, 0.5, 7.25)
    return theirs


def plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def their_order(order: Order) -> ib_async.Order:
    """An order of ib_async's that says what ``order`` does."""
    known: Mapping[str, Any] = {field.name: field for field in fields(ib_async.Order)}
    said = {
        camel(field.name): plain(getattr(order, field.name))
        for field in fields(Order)
        if field.name not in PARTS and camel(field.name) in known
    }
    theirs = ib_async.Order(**said)
    theirs.softDollarTier = ib_async.objects.SoftDollarTier(order.soft_dollar_tier_name, order.soft_dollar_tier_value)
    theirs.algoParams = [ib_async.TagValue(each.tag, each.value) for each in order.algo_params]
    theirs.smartComboRoutingParams = [ib_async.TagValue(p.tag, p.value) for p in order.smart_combo_routing_params]
    theirs.orderComboLegs = [
        ib_async.OrderComboLeg(ib_async.util.UNSET_DOUBLE if leg.price is None else float(leg.price))
        for leg in order.order_combo_legs
    ]
    theirs.orderMiscOptions = []
    theirs.conditions = [
        ib_async.PriceCondition(1, "a", False, 1.0, 2, "EX1", 3),
        ib_async.TimeCondition(3, "a", False, "20221216 10:00:00"),
        ib_async.MarginCondition(4, "o", True, 4),
        ib_async.ExecutionCondition(5, "a", "STK", "EX5", "S5"),
        ib_async.VolumeCondition(6, "a", True, 6, 7, "EX6"),
        ib_async.PercentChangeCondition(7, "a", False, 7.0, 8, "EX7"),
    ]
    return theirs


#: What placing does not say, and what is compared by its own words.
NOT_PLACED = {
    "order_id", "client_id", "perm_id", "basis_points", "basis_points_type", "soft_dollar_tier_display_name",
    "auto_cancel_date", "filled_quantity", "ref_futures_con_id", "shareholder", "imbalance_only",
    "route_marketable_to_bbo", "parent_perm_id", "shares_allocation", "order_misc_options", "conditions",
    # ib_async never sends a volatility with an order that is not priced in it.
    "volatility",
}  # fmt: skip


@in_version
@pytest.mark.parametrize("order_type", ["PEG BENCH", "PEG BEST", "PEG MID"])
def test_every_field_of_an_order_from_ib_async_is_read(version: int, order_type: str) -> None:
    best = order_type == "PEG BEST"
    order = replace(ORDER, order_type=order_type)
    if best:
        order = replace(order, compete_against_best_offset=Decimal("Infinity"))
    placed = sent_by_ib_async(version, lambda client: client.placeOrder(42, their_contract(), their_order(order)))
    assert (placed.order_id, placed.sec_id_type, placed.sec_id) == (42, "ISIN", "US0378331005")
    assert placed.contract == replace(COMBO, primary_exchange="PRIMARY", combo_legs_descrip="")
    absent = NOT_PLACED | (SINCE_170 if version == 157 else set())
    absent |= {"advanced_error_override", "manual_order_time"} | SINCE_159 if version == 157 else set()
    absent |= {"fa_profile"} if version == 178 else set()
    if order_type != "PEG BENCH":
        absent |= {name for name in ORDER_NAMES if "reference_" in name or "pegged" in name} - {"reference_price_type"}
    absent |= {"min_compete_size", "compete_against_best_offset"} if not best else set()
    absent |= {"mid_offset_at_whole", "mid_offset_at_half"} if order_type == "PEG BENCH" else set()
    for name in ORDER_NAMES - absent:
        assert getattr(placed.order, name) == getattr(order, name), name
    assert placed.order.conditions == PLACED_CONDITIONS


PLACED_CONDITIONS = (
    Condition(kind=1, is_more=False, value="1.0", con_id=2, exchange="EX1", trigger_method=3),
    Condition(kind=3, is_more=False, value="20221216 10:00:00"),
    Condition(kind=4, conjunction="o", is_more=True, value="4"),
    Condition(kind=5, sec_type="STK", exchange="EX5", symbol="S5"),
    Condition(kind=6, is_more=True, value="6", con_id=7, exchange="EX6"),
    Condition(kind=7, is_more=False, value="7.0", con_id=8, exchange="EX7"),
)
ORDER_NAMES = {field.name for field in fields(Order)}

THEIR_STOCK = ib_async.Stock("AAPL", "SMART", "USD", conId=265598, primaryExchange="NASDAQ")
REQUESTED_STOCK = Contract(
    con_id=265598, symbol="AAPL", sec_type="STK", exchange="SMART", primary_exchange="NASDAQ", currency="USD"
)

#: What ib_async's client is asked to send, and what we must read from it.
ASKED: list[tuple[Any, Any]] = [
    (lambda c: c.startApi(), q.StartApi(client_id=-1)),
    (lambda c: c.reqIds(1), q.ReqIds(num_ids=1)),
    (lambda c: c.setServerLogLevel(2), q.SetServerLogLevel(log_level=2)),
    (lambda c: c.reqManagedAccts(), q.ReqManagedAccts()),
    (lambda c: c.requestFA(3), q.RequestFA(fa_data_type=3)),
    (lambda c: c.replaceFA(5, 1, "<a/>"), q.ReplaceFA(fa_data_type=1, xml="<a/>", req_id=5)),
    (lambda c: c.reqCurrentTime(), q.ReqCurrentTime()),
    (lambda c: c.reqAccountUpdates(True, "A"), q.ReqAccountUpdates(subscribe=True, acct_code="A")),
    (lambda c: c.reqPositions(), q.ReqPositions()),
    (lambda c: c.cancelPositions(), q.CancelPositions()),
    (
        lambda c: c.reqAccountSummary(3, "All", "NetLiquidation,$LEDGER"),
        q.ReqAccountSummary(req_id=3, group_name="All", tags="NetLiquidation,$LEDGER"),
    ),
    (lambda c: c.cancelAccountSummary(3), q.CancelAccountSummary(req_id=3)),
    (lambda c: c.reqAccountUpdatesMulti(3, "A", "M", True), q.ReqAccountUpdatesMulti(
        req_id=3, account="A", model_code="M", ledger_and_nlv=True)),
    (lambda c: c.cancelAccountUpdatesMulti(3), q.CancelAccountUpdatesMulti(req_id=3)),
    (lambda c: c.reqPositionsMulti(3, "A", "M"), q.ReqPositionsMulti(req_id=3, account="A", model_code="M")),
    (lambda c: c.cancelPositionsMulti(3), q.CancelPositionsMulti(req_id=3)),
    (lambda c: c.reqPnL(3, "A", "M"), q.ReqPnL(req_id=3, account="A", model_code="M")),
    (lambda c: c.cancelPnL(3), q.CancelPnL(req_id=3)),
    (
        lambda c: c.reqPnLSingle(3, "A", "M", 265598),
        q.ReqPnLSingle(req_id=3, account="A", model_code="M", con_id=265598),
    ),
    (lambda c: c.cancelPnLSingle(3), q.CancelPnLSingle(req_id=3)),
    (lambda c: c.reqContractDetails(3, THEIR_STOCK), q.ReqContractDetails(req_id=3, contract=REQUESTED_STOCK)),
    (lambda c: c.reqMatchingSymbols(3, "AAP"), q.ReqMatchingSymbols(req_id=3, pattern="AAP")),
    (
        lambda c: c.reqMktData(3, THEIR_STOCK, "233", True, False, []),
        q.ReqMktData(req_id=3, contract=REQUESTED_STOCK, generic_tick_list="233", snapshot=True),
    ),
    (lambda c: c.cancelMktData(3), q.CancelMktData(req_id=3)),
    (lambda c: c.reqMarketDataType(4), q.ReqMarketDataType(market_data_type=4)),
    (
        lambda c: c.reqHistoricalData(3, THEIR_STOCK, "", "1 Y", "1 day", "TRADES", True, 2, False, []),
        q.ReqHistoricalData(
            req_id=3, contract=REQUESTED_STOCK, bar_size_setting="1 day", duration_str="1 Y", format_date=2),
    ),
    (lambda c: c.cancelHistoricalData(3), q.CancelHistoricalData(req_id=3)),
    (lambda c: c.cancelOrder(3), q.CancelOrder(order_id=3)),
    (lambda c: c.reqOpenOrders(), q.ReqOpenOrders()),
    (lambda c: c.reqAutoOpenOrders(True), q.ReqAutoOpenOrders(auto_bind=True)),
    (lambda c: c.reqAllOpenOrders(), q.ReqAllOpenOrders()),
    (lambda c: c.reqGlobalCancel(), q.ReqGlobalCancel()),
    (lambda c: c.reqCompletedOrders(True), q.ReqCompletedOrders(api_only=True)),
    (
        lambda c: c.reqExecutions(3, ib_async.ExecutionFilter(1, "A", "20220103 09:30:00", "S", "STK", "SMART", "BUY")),
        q.ReqExecutions(
            req_id=3, client_id=1, acct_code="A", time="20220103 09:30:00", symbol="S", sec_type="STK",
            exchange="SMART", side="BUY"),
    ),
]  # fmt: skip


@in_version
@pytest.mark.parametrize(("ask", "request_"), ASKED, ids=lambda value: type(value).__name__)
def test_what_ib_async_asks_is_read(ask: Any, request_: Any, version: int) -> None:
    assert sent_by_ib_async(version, ask) == request_


def test_every_request_is_compared_with_ib_async() -> None:
    compared = {type(request) for _, request in ASKED} | {PlaceOrder}
    assert {declaration.kind for declaration in REQUESTS.values()} == compared


def test_every_reply_is_compared_with_ib_async() -> None:
    named = set(re.findall(r"\br\.(\w+)\(", Path(__file__).read_text())) | {"OpenOrder", "CompletedOrder"}
    ends = {"OpenOrderEnd", "CompletedOrdersEnd"}
    assert {declaration.kind.__name__ for declaration in REPLIES.values()} - named - ends == set()
    assert all(is_dataclass(declaration.kind) for declaration in REPLIES.values())


@in_version
@pytest.mark.parametrize(("number", "name"), [(53, "openOrderEnd"), (102, "completedOrdersEnd")])
def test_ib_async_reads_the_ends_of_orders(
    number: int, name: str, version: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert heard_by_ib_async(REPLIES[number].kind(), version, caplog) == [(name, ())]
