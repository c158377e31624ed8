"""Whether a person may have one order canceled, and what to do instead where not.

What opens may always be canceled: it only leaves less to come. So may what reduces a position by choice. What protects
or closes out of need may not, while there is anything that it is for: a person who cancels a stop has a position that
nobody watches, and who cancels the loop's exit has one that the loop has given up.

The loop decides by this, and the desk says it beforehand, by the same words.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from decimal import Decimal

from bursar.domain.money import ZERO
from bursar.domain.orders import Order, OrderStatus, Purpose, Side
from bursar.ledger.book import Book
from bursar.trading.oms import Orders


def objection(orders: Orders, order_id: str, book: Book, hands_off: AbstractSet[str]) -> str:
    """Why an order may not be canceled, with the remedy, to be read after its id; empty where it may.

    hands_off  symbols that were named as such; what was adopted, the book knows
    """
    if order_id not in orders:
        return "was never placed here; name one of the orders that work"
    state = orders[order_id]
    if not state.working:
        return f"is {state.status} already, and nothing of it is left to cancel"
    if state.status is OrderStatus.PENDING_CANCEL:
        return "is being canceled already; wait for the broker's answer"
    order = state.order
    if order.opens:
        return ""
    if order.symbol in hands_off or _adopted(book, order):
        return f"closes {order.symbol}, which is hands-off: nothing of ours touches it; cancel it at the broker by hand"
    match order.purpose:
        case Purpose.PROTECTION:
            return _of_protection(orders, order, _held(book, order))
        case Purpose.EXIT:
            return (
                f"closes {order.symbol}, since a stop or a target was reached or a proposal is traded back; "
                "let it work, or stop the account with a kill"
            )
        case Purpose.KILL:
            return f"closes {order.symbol} for a kill; let it work, and re-arm the account when all is closed"
        case _:
            return ""


def _of_protection(orders: Orders, order: Order, held: Decimal) -> str:
    parent = orders[order.parent_id] if order.parent_id and order.parent_id in orders else None
    if parent is not None and parent.working:
        return f"protects what {order.parent_id} opens; cancel that one instead"
    if not _closes(order, held):
        return ""
    return (
        f"protects {abs(held):f} {order.symbol}, which would be left unprotected; close the position, "
        "and what protects it goes with it, or stop the account with a kill that flattens"
    )


def _held(book: Book, order: Order) -> Decimal:
    """The signed quantity of an order's symbol in its portfolio."""
    portfolio = book.portfolios.get((order.account, order.portfolio))
    position = portfolio.positions.get(order.symbol) if portfolio else None
    return position.quantity if position else ZERO


def _adopted(book: Book, order: Order) -> bool:
    """Whether a position of an order's symbol was there before Bursar, in whichever portfolio of the account."""
    held = (portfolio.positions.get(order.symbol) for portfolio in book.of_account(order.account))
    return any(position is not None and position.hands_off for position in held)


def _closes(order: Order, held: Decimal) -> bool:
    """Whether there is anything that the order could close."""
    return held > ZERO if order.side is Side.SELL else held < ZERO
