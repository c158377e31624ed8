"""What an event, or a part of the book, looks like as a row. Numbers in JSON are text with all of their digits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from bursar.domain import events as e
from bursar.domain.events import Event
from bursar.domain.money import ZERO
from bursar.domain.orders import Side
from bursar.ledger.book import Book, PortfolioBook, Position
from bursar.ledger.performance import Day
from bursar.ledger.postings import AccountName, Nature
from bursar.ports import Recorded
from bursar.trading.oms import OrderState

Row = dict[str, Any]

#: Kinds that move money or shares: each of them is a row of ``transactions``.
MOVING = (
    e.Filled,
    e.FillCorrected,
    e.Deposited,
    e.CashMoved,
    e.FeeCharged,
    e.InterestPaid,
    e.DividendPaid,
    e.CurrencyConverted,
    e.PositionAdopted,
    e.PositionReleased,
    e.PositionMoved,
    e.Split,
    e.SpunOff,
    e.Merged,
    e.FractionPaid,
    e.SymbolChanged,
    e.OptionEnded,
)


def _texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {name: format(amount, "f") for name, amount in sorted(amounts.items())}


def portfolio(
    book: PortfolioBook, terms: e.AccountOpened, opened: e.PortfolioOpened | None, closed: e.PortfolioClosed | None
) -> Row:
    """One row of ``portfolios``."""
    return {
        "account": book.account,
        "portfolio": book.portfolio,
        "name": opened.name if opened else book.portfolio or "unallocated",
        "description": opened.description if opened else "",
        "base_currency": terms.base_currency,
        "lot_method": terms.lot_method.value,
        "opened_at": opened.at if opened else None,
        "closed_at": closed.at if closed else None,
        "cash": _texts(book.cash),
        "realized": _texts(book.realized),
        "income": _texts(book.income),
        "fees": _texts(book.fees),
    }


def portfolio_position(book: PortfolioBook, position: Position) -> Row:
    """One row of ``portfolio_positions``, with every lot."""
    return {
        "account": book.account,
        "portfolio": book.portfolio,
        "symbol": position.symbol,
        "quantity": position.quantity,
        "cost": position.cost_basis,
        "average_cost": position.average_cost,
        "currency": position.currency,
        "sector": position.sector,
        "multiplier": position.multiplier,
        "opened_at": position.opened_at,
        "hands_off": position.hands_off,
        "mark": position.mark,
        "best": position.best,
        "worst": position.worst,
        "lots": [
            {
                "quantity": format(lot.quantity, "f"),
                "cost": format(lot.cost, "f") if lot.known else None,
                "acquired": lot.acquired.isoformat(),
                "source": lot.source,
                "strategy": lot.strategy,
            }
            for lot in position.lots
        ],
    }


def positions(book: Book) -> Iterator[Row]:
    """The rows of ``positions``: every symbol of every account, over its portfolios."""
    held: dict[tuple[str, str], list[Position]] = {}
    for (account, _), each in sorted(book.portfolios.items()):
        for symbol, position in each.positions.items():
            held.setdefault((account, symbol), []).append(position)
    for (account, symbol), parts in sorted(held.items()):
        yield {
            "account": account,
            "symbol": symbol,
            "quantity": sum((part.quantity for part in parts), ZERO),
            "cost": sum((part.cost for part in parts), ZERO) if all(part.known for part in parts) else None,
            "currency": parts[0].currency,
            "portfolios": len(parts),
        }


def transaction(
    record: Recorded, postings: tuple[tuple[AccountName, Decimal], ...], fills: Mapping[str, e.Filled]
) -> Row | None:
    """The row of ``transactions`` of an event that moves money or shares, and None of others."""
    event = record.event
    if not isinstance(event, MOVING):
        return None
    told = fills.get(event.execution_id, event) if isinstance(event, e.FillCorrected) else event
    cash = [(name.currency, amount) for name, amount in postings if name.nature is Nature.CASH]
    currency = cash[0][0] if cash else _currency(event)
    commission = getattr(event, "commission", None)
    return {
        "sequence": record.sequence,
        "event_id": event.event_id,
        "at": event.at,
        "kind": event.kind,
        "account": getattr(told, "account", ""),
        "portfolio": getattr(told, "portfolio", getattr(told, "to_portfolio", "")),
        "strategy": getattr(told, "strategy", ""),
        "symbol": getattr(told, "symbol", ""),
        "quantity": _quantity(event, told),
        "price": getattr(event, "price", None),
        "amount": sum((amount for each, amount in cash if each == currency), ZERO) if cash else None,
        "currency": currency,
        "commission": commission.amount if commission is not None else None,
        "order_id": getattr(told, "order_id", ""),
        "execution_id": getattr(event, "execution_id", ""),
        "postings": [
            [name.nature.value, name.currency, name.symbol, name.strategy, format(amount, "f")]
            for name, amount in postings
        ],
    }


def _quantity(event: Event, told: Event) -> Decimal | None:
    """Shares that came in, negative for those that went."""
    quantity: Decimal | None = getattr(event, "quantity", None)
    if quantity is not None and isinstance(told, e.Filled) and told.side is Side.SELL:
        return -quantity
    if quantity is not None and isinstance(event, e.PositionReleased):
        return -quantity
    return quantity


def _currency(event: Event) -> str:
    """The currency that an event names, where it moved no cash."""
    for name in ("amount", "cost_basis", "commission", "cash"):
        money = getattr(event, name, None)
        if money is not None:
            return str(money.currency)
    return ""


def order_of(event: Event) -> str:
    """The order that an event is about, or nothing."""
    order = getattr(event, "order", None)
    return str(order.order_id if order is not None else getattr(event, "order_id", ""))


def order(state: OrderState, event: Event) -> Row:
    """The row of ``orders`` of an order as it stands after ``event``."""
    told = state.order
    return {
        "order_id": told.order_id,
        "account": told.account,
        "portfolio": told.portfolio,
        "strategy": told.strategy,
        "symbol": told.symbol,
        "side": told.side.value,
        "quantity": told.quantity,
        "filled": state.filled,
        "order_type": told.type.value,
        "limit_price": told.limit_price,
        "stop_price": told.stop_price,
        "time_in_force": told.time_in_force.value,
        "effect": told.effect.value,
        "purpose": told.purpose.value,
        "status": state.status.value,
        "permanent_id": state.permanent_id,
        "placed_at": state.placed_at,
        "updated_at": event.at,
        "reason": told.reason,
    }


def decision(event: e.Decided, sequence: int) -> Row:
    """The row of ``strategy_executions`` of a decision whose orders are still to come."""
    return {
        "event_id": event.event_id,
        "sequence": sequence,
        "at": event.at,
        "portfolio": event.portfolio,
        "strategy": event.strategy,
        "equity": event.equity,
        "targets": {target.symbol: target.weight for target in event.targets},
        "approved": 0,
        "rejected": 0,
    }


def day(account: str, portfolio_: str, told: Day) -> Row:
    """One row of ``performance_history``."""
    profit = told.profit
    return {
        "account": account,
        "portfolio": portfolio_,
        "day": told.day,
        "opened": told.opened,
        "equity": told.equity,
        "came_in": told.came_in,
        "went_out": told.went_out,
        "price_profit": profit.price,
        "exchange_profit": profit.exchange,
        "income": profit.income,
        "costs": profit.costs,
        "simple_return": told.simple_return,
        "doubtful": told.doubtful,
    }


def risk_budget(event: e.RiskBudgetSet) -> Row:
    """One row of ``risk_budgets``."""
    return {
        "account": event.account,
        "portfolio": event.portfolio,
        "level": event.level,
        "name": event.name,
        "share": event.share,
        "method": event.method,
        "set_at": event.at,
    }


def attribution(event: e.AttributionReported) -> Row:
    """One row of ``attribution_reports``."""
    return {
        "event_id": event.event_id,
        "at": event.at,
        "account": event.account,
        "portfolio": event.portfolio,
        "method": event.method,
        "first": event.first,
        "last": event.last,
        "effects": _texts(event.effects),
    }
