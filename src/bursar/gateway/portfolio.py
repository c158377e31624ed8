"""An account as IBKR tells of it: its values by tag, its positions valued, its profit of the day.

Values are worked out when they are asked for, at last prints. In a cash account the margin of a position is its
value, so what is available is cash; borrowing values are therefore plain, and none is invented.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bursar.domain.money import CENT, ZERO
from bursar.gateway.exchange import Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountValue:
    """One value of an account, as text; ``currency`` is empty for what is no money."""

    tag: str
    value: str
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A position with its value; ``market_price`` and ``average_cost`` are of one unit, the latter with commissions.

    realized_pnl  of the present trading day
    """

    symbol: str
    position: Decimal
    market_price: Decimal
    market_value: Decimal
    average_cost: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Profit:
    """Profit of an account: since the last close, on what is held, and of the day's closed trades."""

    daily: Decimal
    unrealized: Decimal
    realized: Decimal


def holdings(exchange: Exchange, account: str) -> tuple[Holding, ...]:
    """Positions of ``account`` by symbol, with those that were closed today."""
    held, listed = exchange.accounts[account], exchange.world.listed
    rows = []
    for symbol, position in sorted(held.positions.items()):
        value = exchange.credit.worth({symbol: position.quantity})
        rows.append(
            Holding(
                symbol=symbol,
                position=position.quantity,
                market_price=exchange.credit.price(symbol) / listed[symbol].multiplier,
                market_value=value,
                average_cost=position.avg_cost,
                unrealized_pnl=value - position.cost,
                realized_pnl=position.realized,
            )
        )
    return tuple(rows)


def profit(exchange: Exchange, account: str) -> Profit:
    """The profit of ``account`` at the present instant."""
    held = exchange.accounts[account]
    rows = holdings(exchange, account)
    return Profit(
        daily=exchange.credit.net_liquidation(held) - exchange.equity_before[account],
        unrealized=sum((row.unrealized_pnl for row in rows), ZERO),
        realized=sum((row.realized_pnl for row in rows), ZERO),
    )


def account_values(exchange: Exchange, account: str) -> tuple[AccountValue, ...]:
    """Every value of ``account``: those of a summary first, then what only account updates carry."""
    held, credit = exchange.accounts[account], exchange.credit
    equity, gross = credit.net_liquidation(held), credit.gross(held.quantities)
    available, gained = credit.available_cash(held), profit(exchange, account)
    money = {
        "NetLiquidation": equity,
        "TotalCashValue": held.cash,
        "SettledCash": held.settled_cash,
        "AccruedCash": ZERO,
        "BuyingPower": max(available, ZERO),
        "EquityWithLoanValue": equity,
        "PreviousDayEquityWithLoanValue": exchange.equity_before[account],
        "GrossPositionValue": gross,
        "InitMarginReq": gross,
        "MaintMarginReq": gross,
        "FullInitMarginReq": gross,
        "FullMaintMarginReq": gross,
        "AvailableFunds": available,
        "ExcessLiquidity": available,
        "FullAvailableFunds": available,
        "FullExcessLiquidity": available,
        "CashBalance": held.cash,
        "TotalCashBalance": held.cash,
        "NetLiquidationByCurrency": equity,
        "StockMarketValue": credit.worth(held.quantities),
        "UnrealizedPnL": gained.unrealized,
        "RealizedPnL": gained.realized,
    }
    plain = {
        "AccountType": "INDIVIDUAL",
        "AccountReady": "true",
        "Currency": held.currency,
        "Cushion": f"{available / equity:.4f}" if equity else "0",
        "Leverage": f"{gross / equity:.2f}" if equity else "0",
        "ExchangeRate": "1.00",
    }
    return (
        *(AccountValue(tag=tag, value=value) for tag, value in plain.items()),
        *(AccountValue(tag=tag, value=str(_cents(value)), currency=held.currency) for tag, value in money.items()),
    )


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT)
