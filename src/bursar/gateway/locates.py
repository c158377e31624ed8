"""Shares to sell short: what is lent already, what working orders were promised, and whether more can be had."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from bursar.domain.money import ZERO
from bursar.gateway.account import Account
from bursar.gateway.borrow import Lending
from bursar.gateway.checks import Refusal

#: IBKR's word for why an order waits for shares.
LOCATE = "locate"
NOT_LOCATED: Refusal = (
    404,
    (
        "Shares for this order are not immediately available for short sale. The order will be held while we attempt "
        "to locate the shares."
    ),
)


class Locates:
    """See the module. Without ``lending`` everything can be had."""

    def __init__(self, lending: Lending | None, accounts: Mapping[str, Account]) -> None:
        self._lending = lending
        self._accounts = accounts
        self._promised: dict[int, tuple[str, Decimal]] = {}

    def refusal(self, symbol: str, shares: Decimal, day: date, besides: int) -> Refusal | None:
        """Why ``shares`` more cannot be borrowed, besides what the order with permId ``besides`` was promised."""
        most = None if self._lending is None else self._lending.loan(symbol, day).shares
        if most is None:
            return None
        lent = sum((max(-each.position(symbol).quantity, ZERO) for each in self._accounts.values()), ZERO)
        promised = (
            quantity for perm_id, (of, quantity) in self._promised.items() if of == symbol and perm_id != besides
        )
        return NOT_LOCATED if lent + sum(promised, ZERO) + shares > most else None

    def promise(self, perm_id: int, symbol: str, shares: Decimal) -> None:
        """Keep ``shares`` for a working order, in place of what was kept for it before."""
        self._promised.pop(perm_id, None)
        if self._lending is not None and shares > 0:
            self._promised[perm_id] = (symbol, shares)
