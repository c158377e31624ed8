"""Starting is recovering: what our books say held against what the broker says, before anything is decided.

The broker's snapshot is whole or it is an error (``ports.Broker.account``), so what it does not name is not
there. A difference is a Break with a name; trading on its symbol stops until somebody explains it.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from bursar.domain.accounts import AccountSnapshot
from bursar.domain.events import BreakFound
from bursar.domain.money import ZERO
from bursar.errors import BrokerError
from bursar.ledger.book import Book


def compare(book: Book, snapshot: AccountSnapshot, account: str, at: datetime) -> tuple[BreakFound, ...]:
    """The positions on which book and broker disagree, by symbol.

    Raises BrokerError when another account answered: nothing it says is about us.
    """
    if snapshot.account != account:
        raise BrokerError(f"account {snapshot.account} answered for {account}; check the login and account.account_id")
    theirs = {position.symbol: position.quantity for position in snapshot.positions if position.quantity}
    ours: dict[str, Decimal] = {}
    for portfolio in book.of_account(account):
        for symbol, position in portfolio.positions.items():
            ours[symbol] = ours.get(symbol, ZERO) + position.quantity
    return tuple(
        BreakFound(
            event_id=f"break/{account}/{symbol}/{at:%Y-%m-%dT%H:%M:%SZ}",
            at=at,
            account=account,
            symbol=symbol,
            what="position",
            ours=str(ours.get(symbol, ZERO)),
            theirs=str(theirs.get(symbol, ZERO)),
        )
        for symbol in sorted(ours.keys() | theirs.keys())
        if ours.get(symbol, ZERO) != theirs.get(symbol, ZERO)
    )
