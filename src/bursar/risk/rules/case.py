"""What a rule is given and what it answers with: the account at one instant, the basket, and findings.

A rule looks at the whole basket and at the account as it would be afterwards, and answers with a ``Finding`` an order
that it concerns: the value that it measured, the limit, and whether that blocks. ``Case`` works out once what several
rules ask of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, TypeAlias

import numpy as np

from bursar.domain.accounts import Preview
from bursar.domain.events import TradingState
from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote
from bursar.domain.money import ZERO
from bursar.domain.orders import Order, Purpose, Side
from bursar.domain.sessions import Session
from bursar.errors import DataError, InputError
from bursar.quant.arrays import FloatArray
from bursar.risk.limits import RiskLimits
from bursar.risk.rules.past import Past

#: Purposes that no limit may block: they take risk away.
EXEMPT = frozenset({Purpose.EXIT, Purpose.PROTECTION, Purpose.KILL})

ONE = Decimal(1)
MINUTE = timedelta(minutes=1)

#: Maintenance margin of shares: 25 % of longs and 30 % of shorts (FINRA Rule 4210(c)).
MAINTENANCE_LONG, MAINTENANCE_SHORT = Decimal("0.25"), Decimal("0.30")


class Sent(NamedTuple):
    """An opening order that was sent before, as far as the rules of conduct care."""

    symbol: str
    side: Side
    quantity: Decimal
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """The account as the gate sees it, at one instant, in the base currency.

    session, next_session  of the exchange's present day, open or not, None on a holiday; and the one after it
    quantities     signed shares by symbol, what already works at the broker counted as if filled, protection not
    held           signed shares by symbol, as they are; None where nothing works that could change them
    resting        signed shares that working orders would close, by symbol; orders that cancel each other count once
    quotes         the latest of each symbol
    closes         the last official close of each symbol, where there is one
    cash_settled   what purchases may use
    unsettled      True where the sales of a basket pay for its purchases, as a margin account lets one
    currencies     cash in other currencies than the base
    cost_rate      what trading costs, as a fraction of notional
    cost_minimum   the least that an order costs; where it binds the rate does not, so both together are an upper bound
    stop_loss      distance from a price to the stop below it, as a fraction
    opening_orders_today, notional_today  accepted opening parent orders of this session so far
    sent           opening orders of this session, oldest first
    messages       sent to the broker in the last sixty seconds
    state          what the account may do
    loss_today     since the previous official close, flows left out, as a fraction; negative for a gain
    drawdown       from the highest close since the last re-arming, likewise
    maintenance    margin that the broker said it requires, or None: then the exchange's minimum is taken
    returns        (n_days, n) daily returns of ``returns_of``, or None where unknown
    covariance     (n, n) of daily returns of ``returns_of``, or None where unknown
    earnings       the next day of earnings of each symbol, as far as it is known
    earnings_meant strategies that mean to hold over earnings
    rates          units of the base currency for one of each other
    hands_off      symbols that no order may touch
    previews       what the broker said that an order would do, by order
    """

    at: datetime
    equity: Decimal
    quantities: Mapping[str, Decimal]
    quotes: Mapping[str, Quote]
    instruments: Mapping[str, Instrument]
    cash_settled: Decimal
    base_currency: str = "USD"
    unsettled: bool = False
    session: Session | None = None
    next_session: Session | None = None
    held: Mapping[str, Decimal] | None = None
    resting: Mapping[str, Decimal] = field(default_factory=dict)
    closes: Mapping[str, Decimal] = field(default_factory=dict)
    currencies: Mapping[str, Decimal] = field(default_factory=dict)
    cost_rate: Decimal = ZERO
    cost_minimum: Decimal = ZERO
    stop_loss: Decimal = Decimal("0.05")
    opening_orders_today: int = 0
    notional_today: Decimal = ZERO
    sent: tuple[Sent, ...] = ()
    messages: int = 0
    state: TradingState = TradingState.ACTIVE
    loss_today: Decimal = ZERO
    drawdown: Decimal = ZERO
    maintenance: Decimal | None = None
    returns: FloatArray | None = None
    covariance: FloatArray | None = None
    returns_of: tuple[str, ...] = ()
    earnings: Mapping[str, date] = field(default_factory=dict)
    earnings_meant: frozenset[str] = frozenset()
    previews: Mapping[str, Preview] = field(default_factory=dict)
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    hands_off: frozenset[str] = frozenset()
    _weighed: list[Weighed] = field(init=False, default_factory=list, repr=False, compare=False)
    _past: list[Past] = field(init=False, default_factory=list, repr=False, compare=False)

    def weighed(self) -> Weighed:
        """What the account weighs as it is, worked out when it is first asked for."""
        if not self._weighed:
            self._weighed.append(Weighed(self))
        return self._weighed[0]

    def past(self) -> Past | None:
        """What history says of the account as it is; None where it does not cover every position.

        Raises DataError where it has holes: what cannot be measured is not traded on.
        """
        weights = self.weighed().weights
        if weights is None:
            return None
        if not self._past:
            try:
                self._past.append(Past(self.returns, self.covariance, np.array(weights)))
            except InputError as error:
                raise DataError(f"the last sessions have holes, and nothing opens on them: {error}") from error
        return self._past[0]

    @property
    def market_open(self) -> bool:
        """True from the opening bell until just before the closing one."""
        return self.session is not None and self.session.contains(self.at)

    def price(self, symbol: str) -> Decimal | None:
        """The middle of the latest quote times the multiplier, in the base currency.

        None where it is not two-sided, or nobody knows what its currency is worth.
        """
        quote = self.quotes.get(symbol)
        if quote is None or not quote.two_sided:
            return None
        instrument = self.instruments.get(symbol)
        return quote.mid if instrument is None else self.in_base(quote.mid * instrument.multiplier, instrument)

    def in_base(self, money: Decimal, instrument: Instrument) -> Decimal | None:
        """``money`` in the currency of ``instrument``, in the base currency; None where there is no rate."""
        if instrument.currency == self.base_currency:
            return money
        rate = self.rates.get(instrument.currency)
        return None if rate is None else money * rate

    def sector(self, symbol: str) -> str:
        """The sector of a symbol; "unknown" is one of its own."""
        instrument = self.instruments.get(symbol)
        return instrument.sector if instrument else "unknown"


#: What a rule measured for one order: the order's id, the rule, the value measured, the limit, whether that keeps it
#: (``passed``), whether breaking it blocks the order or is a warning (``hard``), and then the words that say so.
#: A plain tuple, because an order meets some twenty, and nothing is built faster.
Finding: TypeAlias = tuple[str, str, Decimal, Decimal, bool, bool, str]


class Weighed:
    """What an account weighs before any basket: worked out once, however many baskets it is asked about.

    values     signed money by symbol; ``unpriced`` what has none
    required   maintenance margin by the exchange's minimum
    weights    in the order of ``Exposure.returns_of``; None where history does not cover every position
    """

    __slots__ = ("gross", "places", "required", "sectors", "unpriced", "values", "weights")

    def __init__(self, exposure: Exposure) -> None:
        self.values: dict[str, Decimal] = {}
        self.sectors: dict[str, Decimal] = defaultdict(Decimal)
        self.gross = self.required = ZERO
        self.unpriced: set[str] = set()
        self.places = {symbol: place for place, symbol in enumerate(exposure.returns_of)}
        self.weights: list[float] | None = [0.0] * len(self.places)
        for symbol, quantity in exposure.quantities.items():
            price = exposure.price(symbol) if quantity else None
            if price is not None:
                self.put(exposure, symbol, quantity * price)
            elif quantity:
                self.unpriced.add(symbol)

    def put(self, exposure: Exposure, symbol: str, value: Decimal) -> None:
        """Let a position become worth ``value``."""
        before = self.values.get(symbol, ZERO)
        self.values[symbol] = value
        grown = abs(value) - abs(before)
        self.gross += grown
        self.sectors[exposure.sector(symbol)] += grown
        self.required += _required(value) - _required(before)
        if self.weights is None or (place := self.places.get(symbol)) is None:
            self.weights = None
        else:
            self.weights[place] = float(value) / (float(exposure.equity) or 1.0)

    def copy(self) -> Weighed:
        """Another one to try a basket on."""
        other = Weighed.__new__(Weighed)
        other.values, other.sectors = dict(self.values), self.sectors.copy()
        other.gross, other.required, other.unpriced = self.gross, self.required, set(self.unpriced)
        other.places = self.places
        other.weights = None if self.weights is None else self.weights.copy()
        return other


def _required(value: Decimal) -> Decimal:
    return value * MAINTENANCE_LONG if value > 0 else -value * MAINTENANCE_SHORT


class Case:
    """A basket before the gate: what it would do to the account, worked out once.

    opening  orders that add exposure
    """

    __slots__ = ("_after", "_deviation", "_moves", "_notionals", "_prices", "basket", "exposure", "limits", "opening")

    def __init__(self, basket: tuple[Order, ...], exposure: Exposure, limits: RiskLimits) -> None:
        self.basket, self.exposure, self.limits = basket, exposure, limits
        self.opening = tuple([order for order in basket if order.opens])
        self._after: Weighed | None = None
        self._notionals: dict[str, Decimal] = {}
        self._prices: dict[str, Decimal | None] = {}
        self._deviation: float | None = None
        self._moves: dict[int, float] | None = None

    @property
    def after(self) -> Weighed:
        """The account once every order is filled.

        Raises DataError where there is no equity to weigh against, or something held has no price.
        """
        if self._after is None:
            self._after = self._filled()
        return self._after

    def weight(self, symbol: str) -> Decimal:
        """Fraction of equity in a symbol afterwards, long or short alike."""
        return abs(self.after.values.get(symbol, ZERO)) / self.exposure.equity

    def part(self, money: Decimal) -> Decimal:
        """``money`` as a fraction of equity. Raises DataError where there is none to weigh against."""
        self._weighable()
        return money / self.exposure.equity

    def _weighable(self) -> None:
        if self.exposure.equity <= 0:
            raise DataError(
                f"equity is {self.exposure.equity:,.2f}; no weight of it can be told, and nothing is traded on it"
            )

    def moves(self) -> dict[int, float] | None:
        """By how much the weights of the basket's symbols change, by place; None where history lacks one."""
        if self._moves is None:
            before, after = self.exposure.weighed(), self.after
            if before.weights is None or after.weights is None:
                return None
            places = {after.places[order.symbol] for order in self.basket if order.symbol in after.places}
            self._moves = {place: after.weights[place] - before.weights[place] for place in sorted(places)}
        return self._moves

    def deviation(self) -> float | None:
        """Of a day's return afterwards; None where it cannot be told."""
        if self._deviation is None:
            moves, past = self.moves(), self.exposure.past()
            if moves is None or past is None:
                return None
            self._deviation = past.deviation(moves)
        return self._deviation

    def correlation(self) -> float | None:
        """Between the positions afterwards; None where it cannot be told, and of a single one."""
        moves, past = self.moves(), self.exposure.past()
        return None if moves is None or past is None else past.correlation(moves, self.deviation())

    def profits(self) -> list[float]:
        """What the account would have earned on each of the last days; none where that cannot be told."""
        moves, past = self.moves(), self.exposure.past()
        return [] if moves is None or past is None else past.profits(moves)

    def notional(self, order: Order) -> Decimal:
        """Money that an order moves: at its limit where it has one, else at the middle of the market."""
        found = self._notionals.get(order.order_id)
        if found is None:
            found = self._notionals[order.order_id] = order.quantity * self._price(order)
        return found

    def price(self, symbol: str) -> Decimal | None:
        """As ``Exposure.price`` says."""
        if symbol not in self._prices:
            self._prices[symbol] = self.exposure.price(symbol)
        return self._prices[symbol]

    def _price(self, order: Order) -> Decimal:
        price = self.price(order.symbol)
        if order.limit_price is not None:
            instrument = self.exposure.instruments.get(order.symbol)
            limit = order.limit_price
            stated = limit if instrument is None else self.exposure.in_base(limit * instrument.multiplier, instrument)
            price = stated if price is None or stated is None else max(price, stated)
        if price is None:
            raise _unpriced((order.symbol,))
        return price

    def _filled(self) -> Weighed:
        exposure = self.exposure
        self._weighable()
        after = exposure.weighed().copy()
        quantities: dict[str, Decimal] = {}
        for order in self.basket:
            before = quantities.get(order.symbol, exposure.quantities.get(order.symbol, ZERO))
            quantities[order.symbol] = before + order.signed_quantity
        for symbol, quantity in quantities.items():
            price = self.price(symbol)
            if price is not None:
                after.put(exposure, symbol, quantity * price)
            elif quantity:
                after.unpriced.add(symbol)
            else:
                after.unpriced.discard(symbol)
        if after.unpriced:
            raise _unpriced(tuple(sorted(after.unpriced)))
        return after


Rule = Callable[[Case], Iterable[Finding]]


def _unpriced(symbols: tuple[str, ...]) -> DataError:
    return DataError(
        f"no two-sided quote for {', '.join(symbols)}, or no rate of exchange; nothing opens until there is one"
    )


def minutes(span: timedelta) -> Decimal:
    """A span in whole minutes, cut down."""
    return Decimal(span // MINUTE)
