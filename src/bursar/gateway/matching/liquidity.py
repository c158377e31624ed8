"""How much can be had, at which price: a made-up book behind the best quote, a queue, and a part of what is traded.

    book     behind the size on display there are more levels, each ``step_ticks`` worse and ``growth`` times as large.
             A large order eats its way through them: that is its impact, and it is gone at the next instant
    queue    a limit order that rests on the best price of its own side stands behind the size that was on display
             there when it came. What is printed at its price first serves those before it
    part     of what is printed at an instant at most ``participation`` is ours, of all orders in a symbol together:
             of prints at a resting order's price or through it, and of both auctions

All of it is simulated, like the sizes and the volume that it is worked out from.

Sources: Almgren, Thum, Hauptmann, Li (2005), "Direct Estimation of Equity Market Impact", for an impact that passes;
Bouchaud, Farmer, Lillo (2009), "How Markets Slowly Digest Changes in Supply and Demand", section 2, for the book.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote
from bursar.domain.money import ZERO
from bursar.errors import InputError
from bursar.gateway.notices import Order

#: A price and how much can be had at it.
Offer = tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidity:
    """How deep the market is. ``levels`` counts the best one; the other words are explained above."""

    levels: int = 5
    step_ticks: int = 1
    growth: Decimal = Decimal("1.5")
    participation: Decimal = Decimal("0.1")

    def __post_init__(self) -> None:
        if self.levels < 1 or self.step_ticks < 1 or self.growth <= 0:
            raise InputError(
                f"levels {self.levels} and step_ticks {self.step_ticks} must be 1 or more, growth {self.growth} above 0"
            )
        if not 0 < self.participation <= 1:
            raise InputError(f"participation is {self.participation}; it is a part of the volume, above 0 and up to 1")


class Depth:
    """What one instant offers. ``begin`` starts the next one; ``volume`` is what was printed at this one."""

    def __init__(self, liquidity: Liquidity, volume: Callable[[str], Decimal]) -> None:
        self._liquidity = liquidity
        self._volume = volume
        self._eaten: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self._taken: dict[str, Decimal] = defaultdict(Decimal)
        self._ahead: dict[int, Decimal] = {}

    def begin(self) -> None:
        """A new instant: the book is whole again."""
        self._eaten.clear()
        self._taken.clear()

    def book(self, order: Order, quote: Quote, limit: Decimal | None, instrument: Instrument) -> tuple[Offer, ...]:
        """What ``order`` can take from the other side, best first, down to ``limit``."""
        request, left = order.request, order.workable
        buying = request.action == "BUY"
        price, size = (quote.ask, quote.ask_size) if buying else (quote.bid, quote.bid_size)
        assert price is not None
        gone = self._eaten[request.symbol, request.action]
        step = self._liquidity.step_ticks * instrument.tick
        offers = []
        for _ in range(self._liquidity.levels):
            if left <= 0 or price <= 0 or (limit is not None and (price > limit if buying else price < limit)):
                break
            shown = instrument.whole_lots(size)
            here = min(max(shown - gone, ZERO), left)
            gone = max(gone - shown, ZERO)
            if here > 0:
                offers.append((price, here))
                left -= here
            price, size = price + step if buying else price - step, size * self._liquidity.growth
        return tuple(offers)

    def queue(self, order: Order, quote: Quote, limit: Decimal, instrument: Instrument) -> Decimal:
        """How much of a resting ``order`` what was printed reaches; nothing while others are served before it."""
        own, shown = (quote.bid, quote.bid_size) if order.request.action == "BUY" else (quote.ask, quote.ask_size)
        last, came_first = quote.last, order.perm_id not in self._ahead
        ahead = self._ahead.setdefault(order.perm_id, shown if own == limit else ZERO)
        if came_first or last is None:
            return ZERO
        printed = self._volume(order.request.symbol)
        through = last < limit if order.request.action == "BUY" else last > limit
        if not through and last != limit:
            return ZERO
        self._ahead[order.perm_id] = ZERO if through else max(ahead - printed, ZERO)
        reached = printed if through else max(printed - ahead, ZERO)
        return instrument.whole_lots(min(reached, self.part(order.request.symbol), order.workable))

    def part(self, symbol: str) -> Decimal:
        """What may still be ours of what is printed at this instant."""
        return max(self._volume(symbol) * self._liquidity.participation - self._taken[symbol], ZERO)

    def eat(self, symbol: str, action: str, quantity: Decimal) -> None:
        """So much of the book is gone."""
        self._eaten[symbol, action] += quantity

    def take(self, symbol: str, quantity: Decimal) -> None:
        """So much of what was printed was ours."""
        self._taken[symbol] += quantity
