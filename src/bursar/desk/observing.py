"""An account beside its books: each position to the share, each currency to the cent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from bursar.desk.tables import listing
from bursar.domain.accounts import AccountSnapshot
from bursar.domain.events import Event
from bursar.domain.money import CENT, ZERO, round_money
from bursar.ledger.book import fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One position or one currency. basis_known: whether the books know what was paid for all of it."""

    what: str
    broker: Decimal
    books: Decimal
    hands_off: bool = False
    basis_known: bool = True

    @property
    def difference(self) -> Decimal:
        """What the broker has more than the books."""
        return self.broker - self.books


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """An account as the broker tells it, and as the books have it.

    currency  in which the broker tells its equity
    foreign   what the books cannot hold
    """

    account: str
    currency: str
    equity: Decimal | None
    positions: tuple[Line, ...]
    cash: tuple[Line, ...]
    foreign: tuple[str, ...]
    simulated: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """True when nothing differs.

        The broker tells cash in cents, and rounded it when the books began as well: the two may come to one cent.
        """
        shares = any(line.difference for line in self.positions)
        return not shares and not any(abs(line.difference) > CENT for line in self.cash) and not self.foreign


def observed(
    snapshot: AccountSnapshot,
    events: Iterable[Event],
    currency: str,
    foreign: tuple[str, ...],
    simulated: tuple[str, ...],
) -> Observed:
    """Hold what the broker told last against what the events come to."""
    portfolios = fold(events).of_account(snapshot.account)
    held: dict[str, Decimal] = {}
    cash: dict[str, Decimal] = {}
    kept, unknown = set[str](), set[str]()
    for portfolio in portfolios:
        for symbol, position in portfolio.positions.items():
            held[symbol] = held.get(symbol, ZERO) + position.quantity
            kept |= {symbol} if position.hands_off else set()
            unknown |= set() if position.known else {symbol}
        for each, amount in portfolio.cash.items():
            cash[each] = cash.get(each, ZERO) + amount
    theirs = {position.symbol: position.quantity for position in snapshot.positions if position.quantity}
    return Observed(
        account=snapshot.account,
        currency=snapshot.base or currency,
        equity=snapshot.equity,
        positions=tuple(
            Line(
                what=symbol,
                broker=theirs.get(symbol, ZERO),
                books=held.get(symbol, ZERO),
                hands_off=symbol in kept,
                basis_known=symbol not in unknown,
            )
            for symbol in sorted({symbol for symbol in held if held[symbol]} | theirs.keys())
        ),
        cash=tuple(
            Line(what=each, broker=round_money(snapshot.cash.get(each, ZERO)), books=round_money(cash.get(each, ZERO)))
            for each in sorted(cash.keys() | snapshot.cash.keys())
        ),
        foreign=foreign,
        simulated=simulated,
    )


def as_plain(found: Observed) -> dict[str, Any]:
    """For JSON: amounts and quantities as strings."""

    def plain(line: Line) -> dict[str, Any]:
        said = asdict(line) | {"difference": line.difference}
        return {key: str(value) if isinstance(value, Decimal) else value for key, value in said.items()}

    return {
        "account": found.account,
        "currency": found.currency,
        "equity": None if found.equity is None else str(found.equity),
        "equal": found.equal,
        "positions": [plain(line) for line in found.positions],
        "cash": [plain(line) for line in found.cash],
        "not_booked": list(found.foreign),
        "simulated": list(found.simulated),
    }


def as_page(found: Observed) -> RenderableType:
    """For people."""
    worth = "" if found.equity is None else f", worth {found.equity:,.2f} {found.currency} by the broker"
    shown = listing(f"{found.account}{worth}", "", *_NUMBERS, " ", right=_NUMBERS)
    for line in found.positions:
        remarks = [*(["hands off"] if line.hands_off else []), *([] if line.basis_known else ["cost not known"])]
        shown.add_row(
            line.what,
            f"{line.broker:f}",
            f"{line.books:f}",
            _difference(line, f"{line.difference:+f}"),
            ", ".join(remarks),
        )
    for line in found.cash:
        shown.add_row(
            f"cash {line.what}",
            f"{line.broker:,.2f}",
            f"{line.books:,.2f}",
            _difference(line, f"{line.difference:+,.2f}"),
            "",
        )
    said = [Text(each, style="dim") for each in found.simulated]
    if found.foreign:
        names = ", ".join(found.foreign)
        said.append(Text(f"The books hold shares alone; these are left to you: {names}", style="yellow"))
    verdict = (
        Text("✓ equal to the share and the cent; nothing was sent", style="green")
        if found.equal
        else Text("✗ they differ; nothing is traded on what differs until that is explained", style="bold red")
    )
    return Group(shown, *said, verdict)


_NUMBERS = ("at the broker", "in the books", "difference")


def _difference(line: Line, text: str) -> Text:
    return Text(text, style="bold red") if line.difference else Text("0", style="dim")
