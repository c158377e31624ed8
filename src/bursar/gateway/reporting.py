"""From what the exchange says to the messages that carry it: orders, executions, commissions, positions, ticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from bursar.domain.instruments import Instrument, InstrumentKind
from bursar.domain.market import Quote
from bursar.domain.money import ZERO
from bursar.domain.sessions import Session
from bursar.gateway.checks import EXECUTION, IBKR_ZONES
from bursar.gateway.commands import Condition, Place
from bursar.gateway.contracts import SMART, Contracts
from bursar.gateway.exchange import WhatIf
from bursar.gateway.history import DaySoFar, HistoryBar
from bursar.gateway.matching.triggers import limit_of
from bursar.gateway.messages import CompletedOrder, OpenOrder
from bursar.gateway.messages import replies as r
from bursar.gateway.messages.kinds import ZONE
from bursar.gateway.messages.values import Condition as ToldCondition
from bursar.gateway.messages.values import Contract, Execution, Order, OrderState
from bursar.gateway.notices import CommissionReported, Executed, Refused
from bursar.gateway.notices import Order as Held
from bursar.gateway.portfolio import Holding

#: Types of ticks, as they are numbered while the market is live.
BID, ASK, LAST, HIGH, LOW, VOLUME, CLOSE, OPEN, LAST_TIMESTAMP, HALTED = 1, 2, 4, 6, 7, 8, 9, 14, 45, 49
#: What can be asked of an order in a stock, as contract details list it.
ORDER_TYPES = (
    "ACTIVETIM,COND,CONDORDER,DAY,FOK,GAT,GTC,GTD,IOC,LMT,LOC,LOO,MKT,MOC,MOO,OCA,OPG,STP,STPLMT,TRAIL,TRAILLMT,WHATIF"
)
#: What stands for a side of the market that is not there.
NO_PRICE = Decimal(-1)
#: The bit of an attribute mask that says that the price can be dealt at.
AUTO_EXECUTE = 1
#: The name of the map from letters to exchanges; a client can only hand it back.
BBO_EXCHANGE = "9c0001"
#: Added shares to the book, took them from it.
REMOVED_LIQUIDITY = 2


# ---------------------------------------------------------------- orders


def open_order(held: Held, contracts: Contracts) -> OpenOrder:
    """openOrder: what was placed, as it stands."""
    contract = contracts[held.request.symbol]
    commission = held.commission if held.filled else None
    state = OrderState(status=held.status, commission=commission, commission_currency=contract.currency)
    return OpenOrder(contract=contract, order=_told(held, contracts), state=state)


def completed_order(held: Held, contracts: Contracts) -> CompletedOrder:
    """completedOrder: what was placed, and how it ended."""
    ended = held.ended_at or held.placed_at
    word = f"Filled Size: {held.filled}" if held.filled else held.status
    state = OrderState(status=held.status, completed_time=moment_text(ended), completed_status=word)
    order = replace(_told(held, contracts), filled_quantity=held.filled, parent_perm_id=held.parent)
    return CompletedOrder(contract=contracts[held.request.symbol], order=order, state=state)


def what_if_order(held: Held, answer: WhatIf, contracts: Contracts) -> OpenOrder:
    """OpenOrder as the answer to a what-if: margin and commission, and no permId."""
    state = OrderState(
        status="PreSubmitted",
        init_margin_before=answer.margin_before,
        maint_margin_before=answer.maintenance_before,
        equity_with_loan_before=answer.equity_before,
        init_margin_change=answer.margin_after - answer.margin_before,
        maint_margin_change=answer.maintenance_after - answer.maintenance_before,
        equity_with_loan_change=answer.equity_after - answer.equity_before,
        init_margin_after=answer.margin_after,
        maint_margin_after=answer.maintenance_after,
        equity_with_loan_after=answer.equity_after,
        commission=answer.commission,
        commission_currency=answer.currency,
        warning_text=answer.warning,
    )
    order = replace(_told(held, contracts), what_if=True)
    return OpenOrder(contract=contracts[held.request.symbol], order=order, state=state)


def _told(held: Held, contracts: Contracts) -> Order:
    """An order in the protocol's words, with where its stop is now and what it is grouped with."""
    order = _order(held.request, held.perm_id)
    if not held.bound:
        order = replace(order, order_id=0)
    if held.stop_price is not None:
        order = replace(order, trail_stop_price=held.stop_price, lmt_price=limit_of(held) or ZERO)
    if held.oca_group:
        order = replace(order, oca_group=held.oca_group, oca_type=held.oca_type)
    if held.request.conditions:
        order = replace(order, conditions=tuple(_condition(each, contracts) for each in held.request.conditions))
    return order


def _order(request: Place, perm_id: int) -> Order:
    """What was placed, in the protocol's words, remembered: nothing else costs as much to tell, and it is told twice.

    Remembered by identity, not by equality: 50 and 50.00 are equal and are written differently.
    """
    known = _told_before.get(id(request))
    if known is not None and known.perm_id == perm_id:
        return known.order
    if len(_told_before) >= _TOLD_MAX:
        _told_before.clear()
    order = _in_words(request, perm_id)
    _told_before[id(request)] = _ToldBefore(request, perm_id, order)
    return order


class _ToldBefore(NamedTuple):
    """What an order was told as. Holding ``request`` keeps its identity from being another's."""

    request: Place
    perm_id: int
    order: Order


_TOLD_MAX = 1024
_told_before: dict[int, _ToldBefore] = {}


def _in_words(request: Place, perm_id: int) -> Order:
    """TWS writes 0.0 for a price that a market order does not have."""
    return Order(
        order_id=request.order_id,
        client_id=request.client_id,
        perm_id=perm_id,
        action=request.action,
        total_quantity=request.total_quantity,
        order_type=request.order_type,
        lmt_price=request.lmt_price or ZERO,
        aux_price=request.aux_price or ZERO,
        tif=request.tif,
        account=request.account,
        order_ref=request.order_ref,
        parent_id=request.parent_id,
        outside_rth=request.outside_rth,
        good_after_time=request.good_after_time,
        good_till_date=request.good_till_date,
        trail_stop_price=request.trail_stop_price,
        trailing_percent=request.trailing_percent,
        lmt_price_offset=request.lmt_price_offset,
        conditions_ignore_rth=request.conditions_ignore_rth,
        conditions_cancel_order=request.conditions_cancel_order,
        fa_group=request.fa_group,
        fa_method=request.fa_method,
        fa_percentage=request.fa_percentage,
        clearing_intent="IB",
        adjusted_order_type="None",
    )


def _condition(condition: Condition, contracts: Contracts) -> ToldCondition:
    known = condition.symbol != ""
    if condition.kind == EXECUTION and known:
        contract = contracts[condition.symbol]
        return ToldCondition(
            kind=condition.kind,
            conjunction=condition.conjunction,
            sec_type=contract.sec_type,
            exchange=contract.exchange,
            symbol=contract.symbol,
        )
    return ToldCondition(
        kind=condition.kind,
        conjunction=condition.conjunction,
        is_more=condition.is_more,
        value=condition.value,
        con_id=contracts[condition.symbol].con_id if known else 0,
        exchange=SMART if known else "",
    )


def order_status(held: Held) -> r.OrderStatus:
    """OrderStatus."""
    return r.OrderStatus(
        order_id=held.number,
        status=held.status,
        filled=held.filled,
        remaining=held.remaining,
        avg_fill_price=held.avg_fill_price,
        perm_id=held.perm_id,
        parent_id=held.request.parent_id,
        last_fill_price=held.last_fill_price,
        client_id=held.request.client_id,
        why_held=held.why_held,
    )


def order_bound(held: Held) -> r.OrderBound:
    """OrderBound."""
    return r.OrderBound(perm_id=held.perm_id, client_id=held.request.client_id, order_id=held.number)


def exec_details(executed: Executed, contract: Contract, req_id: int = r.NO_REQUEST) -> r.ExecDetails:
    """ExecDetails."""
    execution = Execution(
        exec_id=executed.exec_id,
        time=executed.at,
        acct_number=executed.account,
        exchange=contract.primary_exchange,
        side=executed.side,
        shares=executed.shares,
        price=executed.price,
        perm_id=executed.perm_id,
        client_id=executed.client_id,
        cum_qty=executed.cum_qty,
        avg_price=executed.avg_price,
        order_ref=executed.order_ref,
        liquidation=int(executed.liquidation),
        last_liquidity=REMOVED_LIQUIDITY,
    )
    return r.ExecDetails(req_id=req_id, order_id=executed.order_id, contract=contract, execution=execution)


def commission_report(report: CommissionReported) -> r.CommissionReport:
    """CommissionReport."""
    return r.CommissionReport(
        exec_id=report.exec_id,
        commission=report.commission,
        currency=report.currency,
        realized_pnl=report.realized_pnl,
    )


def error_about(refused: Refused) -> r.ErrMsg:
    """ErrMsg about an order."""
    return r.ErrMsg(req_id=refused.order_id, code=refused.code, text=refused.text)


# ---------------------------------------------------------------- contracts


def contract_data(
    req_id: int, instrument: Instrument, contract: Contract, sessions: tuple[Session, ...]
) -> r.ContractData:
    """contractDetails; ``sessions`` are those whose hours are told."""
    hours = ";".join(f"{each.local(each.open):%Y%m%d:%H%M}-{each.local(each.close):%Y%m%d:%H%M}" for each in sessions)
    zone = sessions[0].zone if sessions else ""
    return r.ContractData(
        req_id=req_id,
        contract=contract,
        market_name=contract.trading_class,
        min_tick=instrument.tick,
        md_size_multiplier=1,
        order_types=ORDER_TYPES,
        valid_exchanges=f"{SMART},{contract.primary_exchange}",
        long_name=instrument.name,
        industry="" if instrument.sector == "unknown" else instrument.sector,
        time_zone_id=IBKR_ZONES.get(zone, zone),
        trading_hours=hours,
        liquid_hours=hours,
        market_rule_ids="26,26",
        stock_type="ETF" if instrument.kind is InstrumentKind.ETF else "COMMON",
        min_size=instrument.lot,
        size_increment=instrument.lot,
        suggested_size_increment=Decimal(100),
    )


# ---------------------------------------------------------------- market data


def quote_ticks(req_id: int, quote: Quote) -> tuple[object, ...]:
    """A quote as ticks: both sides, -1 with a size of 0 where there is none, the last price and its time."""
    bid, ask = quote.bid, quote.ask
    ticks: tuple[object, ...] = (
        r.TickPrice(
            req_id=req_id,
            tick_type=BID,
            price=NO_PRICE if bid is None else bid,
            size=ZERO if bid is None else quote.bid_size,
            attr_mask=AUTO_EXECUTE,
        ),
        r.TickPrice(
            req_id=req_id,
            tick_type=ASK,
            price=NO_PRICE if ask is None else ask,
            size=ZERO if ask is None else quote.ask_size,
            attr_mask=AUTO_EXECUTE,
        ),
    )
    if quote.last is not None:
        ticks += (r.TickPrice(req_id=req_id, tick_type=LAST, price=quote.last),)
    return (*ticks, r.TickString(req_id=req_id, tick_type=LAST_TIMESTAMP, value=_seconds_text(quote.at)))


def volume_tick(req_id: int, quote: Quote) -> tuple[object, ...]:
    """How much has traded this day, as it grows; nothing where nobody counts it."""
    return () if quote.volume is None else (r.TickSize(req_id=req_id, tick_type=VOLUME, size=quote.volume),)


@lru_cache(maxsize=64)
def _seconds_text(at: datetime) -> str:
    """Seconds since 1970: quotes of all symbols come at the same moments."""
    return str(int(at.timestamp()))


def day_ticks(req_id: int, day: DaySoFar) -> tuple[object, ...]:
    """The day so far as ticks, which a client is told when it begins to listen."""
    prices = ((OPEN, day.open), (HIGH, day.high), (LOW, day.low), (CLOSE, day.previous_close))
    ticks = (r.TickPrice(req_id=req_id, tick_type=kind, price=price) for kind, price in prices if price is not None)
    return (
        *ticks,
        r.TickSize(req_id=req_id, tick_type=VOLUME, size=day.volume),
        r.TickGeneric(req_id=req_id, tick_type=HALTED, value=ZERO),
    )


def historical_data(req_id: int, bars: Sequence[HistoryBar], *, daily: bool, epoch: bool) -> r.HistoricalData:
    """historicalData: daily bars carry their day, others the moment or the second at which they began."""
    rows = tuple(
        r.HistoricalBar(
            time=bar.day if daily else int(bar.begin.timestamp()) if epoch else bar.begin,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume,
            wap=bar.wap,
            count=bar.count,
        )
        for bar in bars
    )
    return r.HistoricalData(req_id=req_id, start=moment_text(bars[0].begin), end=moment_text(bars[-1].begin), bars=rows)


# ---------------------------------------------------------------- accounts


def portfolio_value(held: Holding, contract: Contract, account: str) -> r.PortfolioValue:
    """UpdatePortfolio."""
    return r.PortfolioValue(
        contract=contract,
        position=held.position,
        market_price=held.market_price,
        market_value=held.market_value,
        average_cost=held.average_cost,
        unrealized_pnl=held.unrealized_pnl,
        realized_pnl=held.realized_pnl,
        account=account,
    )


# ---------------------------------------------------------------- times


def clock_text(at: datetime) -> str:
    """The time of day, to the minute."""
    return f"{at.astimezone(ZONE):%H:%M}"


def moment_text(at: datetime) -> str:
    """A moment as text inside of other text: date, time of day and zone."""
    return f"{at.astimezone(ZONE):%Y%m%d %H:%M:%S} US/Eastern"
