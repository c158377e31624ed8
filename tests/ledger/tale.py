"""A short way to tell what happened: each method adds an event, and the book is asked for at the end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from bursar.domain import events as e
from bursar.domain.instruments import Instrument, InstrumentKind, OptionRight
from bursar.domain.money import Money
from bursar.domain.orders import Side
from bursar.ledger.book import Book, PortfolioBook, Position, fold

U, MAIN = "DU9000001", "main"
START = datetime(2021, 1, 4, 15, 0, tzinfo=UTC)

Amount = str | int | Decimal


def dec(amount: Amount) -> Decimal:
    return Decimal(amount)


def decs(*amounts: Amount | None) -> tuple[Decimal | None, ...]:
    return tuple(None if amount is None else Decimal(amount) for amount in amounts)


def money(amount: Amount, currency: str = "USD") -> Money:
    return Money(dec(amount), currency)


class Tale:
    """What happened, in the order of the telling; ``on`` moves the calendar."""

    def __init__(
        self, method: e.LotMethod = e.LotMethod.FIFO, *, shorts: bool = False, base: str = "USD", cash: Amount = 100_000
    ) -> None:
        self.events: list[e.Event] = []
        self.at = START
        self._count = 0
        self.add(e.AccountOpened, account=U, base_currency=base, lot_method=method, shorts_allowed=shorts)
        self.list("A")
        if cash:
            self.deposit(cash, base)

    def add(self, shape: type[e.Event], **fields: Any) -> e.Event:
        self._count += 1
        event = shape(**{"event_id": f"e-{self._count}", "at": self.at, **fields})
        self.events.append(event)
        return event

    def on(self, day: str, hour: int = 15) -> Tale:
        self.at = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) + timedelta(hours=hour)
        return self

    # ------------------------------------------------------------ facts

    def list(self, symbol: str, currency: str = "USD", sector: str = "tech", **fields: Any) -> Tale:
        self.add(e.InstrumentListed, instrument=Instrument(symbol=symbol, currency=currency, sector=sector, **fields))
        return self

    def list_option(self, symbol: str, right: OptionRight, strike: Amount, underlying: str = "A") -> Tale:
        terms: dict[str, Any] = {
            "underlying": underlying,
            "expiry": date(2021, 6, 18),
            "strike": dec(strike),
            "right": right,
        }
        return self.list(symbol, kind=InstrumentKind.OPTION, multiplier=Decimal(100), **terms)

    def mark(self, rates: dict[str, Amount] | None = None, *, official: bool = True, **prices: Amount) -> Tale:
        self.add(
            e.Marked,
            prices={symbol: dec(price) for symbol, price in prices.items()},
            rates={currency: dec(rate) for currency, rate in (rates or {}).items()},
            official=official,
        )
        return self

    # ------------------------------------------------------------ cash

    def deposit(self, amount: Amount, currency: str = "USD", portfolio: str = MAIN) -> Tale:
        self.add(e.Deposited, account=U, portfolio=portfolio, amount=money(amount, currency))
        return self

    def dividend(
        self,
        amount: Amount,
        symbol: str = "A",
        *,
        withheld: Amount = 0,
        income: e.Income = e.Income.DIVIDEND,
        currency: str = "USD",
        portfolio: str = MAIN,
    ) -> Tale:
        self.add(
            e.DividendPaid,
            account=U,
            portfolio=portfolio,
            symbol=symbol,
            amount=money(amount, currency),
            withheld=money(withheld, currency),
            income=income,
        )
        return self

    # ------------------------------------------------------------ trades

    def fill(
        self,
        side: Side,
        quantity: Amount,
        price: Amount,
        symbol: str = "A",
        *,
        fee: Amount = 0,
        currency: str = "USD",
        portfolio: str = MAIN,
        strategy: str = "",
        **fields: Any,
    ) -> str:
        """Add a fill and return its execution id."""
        execution = f"x-{self._count + 1}"
        filled = {
            "order_id": "o-1",
            "execution_id": execution,
            "account": U,
            "portfolio": portfolio,
            "symbol": symbol,
            "side": side,
            "quantity": dec(quantity),
            "price": dec(price),
            "commission": money(fee, currency),
            "strategy": strategy,
        }
        self.add(e.Filled, **(filled | fields))
        return execution

    def buy(self, quantity: Amount, price: Amount, symbol: str = "A", **fields: Any) -> Tale:
        self.fill(Side.BUY, quantity, price, symbol, **fields)
        return self

    def sell(self, quantity: Amount, price: Amount, symbol: str = "A", **fields: Any) -> Tale:
        self.fill(Side.SELL, quantity, price, symbol, **fields)
        return self

    # ------------------------------------------------------------ what came of it

    def book(self) -> Book:
        return fold(self.events)

    def main(self, portfolio: str = MAIN) -> PortfolioBook:
        return self.book().portfolio(U, portfolio)

    def held(self, symbol: str = "A") -> Position:
        return self.main().positions[symbol]


def lots(position: Position) -> list[tuple[Decimal, Decimal]]:
    """(quantity, cost) of each lot, oldest first."""
    return [(lot.quantity, lot.cost) for lot in position.lots]


def pairs(*amounts: Amount) -> list[tuple[Decimal, Decimal]]:
    """1, 10, 2, 30 -> [(1, 10), (2, 30)]."""
    return [(dec(a), dec(b)) for a, b in zip(amounts[::2], amounts[1::2], strict=True)]
