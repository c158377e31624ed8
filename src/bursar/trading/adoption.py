"""What adopted positions were bought for: lots that their owner brings, in place of the broker's average.

A broker's API tells an average cost and no lots. Whoever has them (an activity statement lists them) brings them as
``quantity, acquired, cost`` by symbol. They replace what was adopted only where they come to exactly what is held; a
lot without a cost stays one of which nobody knows it, by name. Nothing is bought or sold by that: the shares leave the
books and come back as their lots.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from bursar.domain.events import Event, PositionAdopted, PositionReleased
from bursar.domain.money import ZERO, Money
from bursar.errors import InputError
from bursar.ledger.book import Book
from bursar.ledger.position import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningLot:
    """Shares that were bought together. cost: of all of them, with commission, not negative; None where not known."""

    symbol: str
    quantity: Decimal
    acquired: date
    cost: Decimal | None = None

    def __post_init__(self) -> None:
        if not self.quantity.is_finite() or not self.quantity:
            raise InputError(f"{self.symbol}: a lot of {self.quantity} shares is none")
        if self.cost is not None and not (self.cost.is_finite() and self.cost >= 0):
            raise InputError(f"{self.symbol}: a lot that cost {self.cost}; give what was paid, or leave it empty")


def as_text(lots: Iterable[OpeningLot]) -> str:
    """The lots as a command carries them."""
    return json.dumps(
        [
            {
                "symbol": lot.symbol,
                "quantity": str(lot.quantity),
                "acquired": lot.acquired.isoformat(),
                "cost": None if lot.cost is None else str(lot.cost),
            }
            for lot in lots
        ]
    )


def from_text(text: str) -> tuple[OpeningLot, ...]:
    """What ``as_text`` wrote. Raises InputError for anything else."""
    try:
        return tuple(
            OpeningLot(
                symbol=str(said["symbol"]),
                quantity=Decimal(said["quantity"]),
                acquired=date.fromisoformat(said["acquired"]),
                cost=None if said["cost"] is None else Decimal(said["cost"]),
            )
            for said in json.loads(text)
        )
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, InvalidOperation) as error:
        raise InputError(f"these are no lots ({error!r}); give a file to bursar adopt") from error


def check(book: Book, account: str, lots: Sequence[OpeningLot], today: date) -> Mapping[str, str]:
    """The portfolio in which each symbol of ``lots`` is held.

    Raises InputError where they do not come to what was adopted, or were bought on a day that is not over.
    """
    if not lots:
        raise InputError("there is no lot in it; give one a line: symbol, quantity, acquired, cost")
    places: dict[str, str] = {}
    for symbol in dict.fromkeys(lot.symbol for lot in lots):
        own = [lot for lot in lots if lot.symbol == symbol]
        name, position = _adopted(book, account, symbol)
        total = sum((lot.quantity for lot in own), ZERO)
        if total != position.quantity:
            raise InputError(
                f"{symbol}: the lots come to {total:f}, and {position.quantity:f} are held; bring all of them"
            )
        if any(lot.quantity * total < 0 for lot in own):
            raise InputError(f"{symbol}: lots of shares and of shorts at once; a position is one or the other")
        late = max(lot.acquired for lot in own)
        if late > today:
            raise InputError(f"{symbol}: a lot acquired on {late} is from the future; today is {today}")
        places[symbol] = name
    return places


def _adopted(book: Book, account: str, symbol: str) -> tuple[str, Position]:
    for portfolio in book.of_account(account):
        position = portfolio.positions.get(symbol)
        if position is not None and position.hands_off:
            return portfolio.portfolio, position
    raise InputError(f"{symbol} was not adopted in {account}; what Bursar bought has its lots already")


def replaced(
    book: Book, account: str, lots: Sequence[OpeningLot], at: datetime, cause: str, today: date
) -> tuple[Event, ...]:
    """The events by which adopted positions become their lots. Raises InputError as ``check`` does."""
    places = check(book, account, lots, today)
    events: list[Event] = []
    for symbol, portfolio in places.items():
        own = sorted((lot for lot in lots if lot.symbol == symbol), key=lambda lot: lot.acquired)
        currency = book.instruments[symbol].currency
        events.append(
            PositionReleased(
                event_id=f"{cause}/{symbol}/released",
                at=at,
                causes=(cause,),
                account=account,
                portfolio=portfolio,
                symbol=symbol,
                quantity=abs(sum((lot.quantity for lot in own), ZERO)),
            )
        )
        events += [
            PositionAdopted(
                event_id=f"{cause}/{symbol}/{number}",
                at=at,
                causes=(cause,),
                account=account,
                portfolio=portfolio,
                symbol=symbol,
                quantity=lot.quantity,
                cost_basis=None if lot.cost is None else Money(lot.cost.copy_sign(lot.quantity), currency),
                acquired=lot.acquired,
                hands_off=True,
            )
            for number, lot in enumerate(own, start=1)
        ]
    return tuple(events)
