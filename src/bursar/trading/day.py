"""The day's own facts: that the session opened, at which prices it closed, and what was left when it was over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from bursar.domain.events import Marked, SessionClosed, SessionOpened
from bursar.domain.market import Quote
from bursar.domain.money import ZERO, round_money
from bursar.domain.sessions import Session
from bursar.ledger.book import PortfolioBook
from bursar.ledger.valuation import value


def opened(session: Session, at: datetime) -> SessionOpened:
    """The bell rang."""
    return SessionOpened(
        event_id=f"session/{session.exchange}/{session.day}/opened", at=at, day=session.day, exchange=session.exchange
    )


def closing_prices(quotes: Mapping[str, Quote]) -> dict[str, Decimal]:
    """The last print of every symbol, which after the bell is the official close."""
    return {symbol: quote.last for symbol, quote in sorted(quotes.items()) if quote.last is not None}


def marked(session: Session, at: datetime, quotes: Mapping[str, Quote]) -> Marked:
    """The official closing prices."""
    return Marked(
        event_id=f"marks/{session.exchange}/{session.day}", at=at, prices=closing_prices(quotes), official=True
    )


def closed(
    session: Session,
    at: datetime,
    quotes: Mapping[str, Quote],
    portfolio: PortfolioBook,
    base_currency: str,
    rates: Mapping[str, Decimal],
) -> SessionClosed:
    """What the portfolio is worth at the close, and what a reader of that must know."""
    worth = value(portfolio, closing_prices(quotes), rates, base_currency)
    return SessionClosed(
        event_id=f"session/{session.exchange}/{session.day}/closed",
        at=at,
        day=session.day,
        exchange=session.exchange,
        equity=round_money(worth.net_asset_value),
        cash=round_money(portfolio.cash.get(base_currency, ZERO)),
        notes=tuple(f"{symbol} has no price; its last one is used" for symbol in worth.missing),
    )
