"""What can be dealt at now: the live quotes, and what earlier orders left of the sizes on display."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote
from bursar.gateway.commands import Place
from bursar.gateway.matching.liquidity import Depth, Offer
from bursar.gateway.notices import Order

#: An order to buy takes from the one, an order to sell from the other.
BUY, SELL = "BUY", "SELL"


class Market:
    """See the module. ``latest`` has the last quote of each symbol, however old, live or not.

    display_only  no more can be had than what is on display
    depth         what lies behind the best quote; None for all that is wanted
    """

    def __init__(self, *, display_only: bool, depth: Depth | None = None) -> None:
        self.latest: dict[str, Quote] = {}
        self._display_only = display_only
        self._depth = depth
        self._live: dict[str, Quote] = {}
        self._displayed: dict[tuple[str, str], Decimal] = {}

    def see(self, quotes: Iterable[Quote]) -> None:
        """Remember quotes that nobody can deal at."""
        self.latest.update((quote.symbol, quote) for quote in quotes)

    def take(self, quotes: Iterable[Quote]) -> None:
        """Let ``quotes`` become the market, with their whole sizes on display."""
        if self._depth:
            self._depth.begin()
        for quote in quotes:
            self.latest[quote.symbol] = self._live[quote.symbol] = quote
            self._displayed[quote.symbol, BUY] = quote.ask_size
            self._displayed[quote.symbol, SELL] = quote.bid_size

    def shut(self) -> None:
        """Nothing can be dealt at any more."""
        self._live.clear()

    def restate(self, symbol: str, factor: Decimal, into: str) -> None:
        """Let the last quote of ``symbol``, times ``factor``, be that of ``into``: nobody can deal at it."""
        quote = self.latest.get(symbol)
        if quote is not None:
            bid, ask, last = (None if price is None else price * factor for price in (quote.bid, quote.ask, quote.last))
            self.latest[into] = replace(quote, symbol=into, bid=bid, ask=ask, last=last)

    def halt(self, symbols: Iterable[str]) -> None:
        """Nothing of ``symbols`` can be dealt at until their next quotes."""
        for symbol in symbols:
            self._live.pop(symbol, None)

    def last(self, symbol: str) -> Decimal | None:
        """The last print of what trades now; None where it does not."""
        quote = self._live.get(symbol)
        return quote.last if quote else None

    def offers(self, order: Order, limit: Decimal | None, instrument: Instrument) -> tuple[Offer, ...]:
        """What ``order`` could have at once, best first, down to ``limit``."""
        request = order.request
        price = self.price(request)
        if price is None:
            return ()
        reaches = limit is None or within(price, limit, request.action)
        if self._depth:
            quote = self._live[request.symbol]
            if reaches:
                return self._depth.book(order, quote, limit, instrument)
            assert limit is not None, "an order without a limit reaches any price"
            passive = self._depth.queue(order, quote, limit, instrument)
            return ((limit, passive),) if passive > 0 else ()
        if not reaches:
            return ()
        quantity = order.workable
        if self._display_only:
            quantity = instrument.whole_lots(min(quantity, self.displayed(request)))
        return ((price, quantity),) if quantity > 0 else ()

    def at_auction(self, order: Order, instrument: Instrument) -> Decimal:
        """How much of ``order`` an auction has room for."""
        if self._depth is None:
            return order.workable
        return instrument.whole_lots(min(order.workable, self._depth.part(order.request.symbol)))

    def price(self, request: Place) -> Decimal | None:
        """What ``request`` would deal at: the far side of a live, two-sided quote; None where there is none."""
        quote = self._live.get(request.symbol)
        if quote is None or not quote.two_sided:
            return None
        return quote.ask if request.action == BUY else quote.bid

    def reaches(self, request: Place) -> bool:
        """False where ``request``, which has a limit, can have nothing now."""
        quote = self._live.get(request.symbol)
        if quote is None or self._depth is not None:
            return quote is not None
        price = quote.ask if request.action == BUY else quote.bid
        return price is not None and request.lmt_price is not None and within(price, request.lmt_price, request.action)

    def displayed(self, request: Place) -> Decimal:
        """What is left of the size that ``request`` would take from."""
        return self._displayed[request.symbol, request.action]

    def deal(self, request: Place, quantity: Decimal, price: Decimal) -> None:
        """So much of what is on display is gone, or of what was printed where the price was not the far side's."""
        side = (request.symbol, request.action)
        if side in self._displayed:
            self._displayed[side] -= quantity
        if self._depth:
            far = self.price(request)
            if far is not None and not within(far, price, request.action):
                self._depth.take(request.symbol, quantity)
            else:
                self._depth.eat(*side, quantity)

    def dealt_at_auction(self, symbol: str, quantity: Decimal) -> None:
        """So much of what was printed in an auction was ours."""
        if self._depth:
            self._depth.take(symbol, quantity)


def within(price: Decimal, limit: Decimal, action: str) -> bool:
    """True when ``price`` is no worse than ``limit`` for whoever does ``action``."""
    return price <= limit if action == BUY else price >= limit
