"""What an engine may do, and what it hands to whoever does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from bursar.domain.events import Event
from bursar.domain.money import ZERO
from bursar.domain.orders import ApprovedOrder, Order
from bursar.ledger.book import UNALLOCATED
from bursar.risk.limits import RiskLimits
from bursar.trading.agenda import Agenda
from bursar.trading.baskets import Terms

#: How proposals of our own are tapped: what they may risk is said by the limits, and by the person who taps.
TAPS = Terms(confidence_min=0.5, risk_max=1.0)


#: The route by which each order is given its own way.
AUTO = "auto"


class Autonomy(StrEnum):
    """What is done with a decision; see ``trading/proposing.py``. Only a person raises it."""

    OBSERVE = "observe"
    PROPOSE = "propose"
    APPROVE = "approve"
    AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How a rebalance is worked: see ``trading/parents.py``.

    route     the name of an algorithm, or ``auto``: by spread, size and hurry (``trading/route.py``)
    within    how long a parent may take; what is left is sent then
    every     time between two pieces
    urgency   of an adaptive order: 0 waits on the near side, 1 pays the whole spread
    participation  part of all that trades, itself included, that an order of that route takes
    expected  what trading is expected to cost, as a fraction of notional: what is measured is drawn to it, and a symbol
              that costs more must be worth trading by as much more. 0 asks nothing of what was measured
    """

    route: str = "at_once"
    within: timedelta = timedelta(hours=1)
    every: timedelta = timedelta(minutes=5)
    urgency: Decimal = Decimal("0.25")
    participation: Decimal = Decimal("0.10")
    expected: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """What an engine may do with one portfolio of one account.

    stop_loss, take_profit  distances from the entry price at which a position is closed, as fractions
    reentry_wait            how long a symbol that was closed by an exit is not bought again
    cost_rate               of trading, as a fraction of notional
    cost_minimum            least cost of an order, in the base currency
    trade_min               smallest trade worth its cost, as a fraction of equity
    drift_min               nothing is traded while all is nearer to its target, as a fraction of equity
    unsettled               proceeds may be spent before they settle: for margin accounts
    trades_without_quorum   whether strategies go by single analysts where a committee has a quorum on nothing
    autonomy                what is done with a decision
    taps                    how proposals are tapped and worked
    protection_at_broker    stops and targets rest at the broker, instead of being watched from here
    capital                 what may be managed of the account, in the base currency, and what came of it; None for all
    hands_off               symbols that no order may touch
    execution               how a rebalance is worked, and what that is expected to cost
    person_simulated        True where nobody is there to re-arm an account, and one who looks in time is simulated
    """

    account: str
    portfolio: str = "main"
    base_currency: str = "USD"
    limits: RiskLimits = field(default_factory=RiskLimits)
    agenda: Agenda = field(default_factory=Agenda)
    stop_loss: Decimal = Decimal("0.05")
    take_profit: Decimal = Decimal("0.10")
    reentry_wait: timedelta = timedelta(days=5)
    cost_rate: Decimal = ZERO
    cost_minimum: Decimal = ZERO
    trade_min: Decimal = Decimal("0.005")
    drift_min: Decimal = ZERO
    unsettled: bool = False
    trades_without_quorum: bool = True
    autonomy: Autonomy = Autonomy.AUTOMATIC
    taps: Terms = TAPS
    protection_at_broker: bool = False
    capital: Decimal | None = None
    hands_off: frozenset[str] = frozenset()
    execution: Execution = field(default_factory=Execution)
    person_simulated: bool = False

    @property
    def beside(self) -> str:
        """The portfolio that keeps what was there before us, and what is traded by hand: our own, or nobody's."""
        return self.portfolio if self.capital is None else UNALLOCATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A basket that waits for what the broker says that ``orders`` of it would do."""

    basket: tuple[Order, ...]
    orders: tuple[Order, ...]
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a task led to: events to commit together, then cancels, changes and orders to send.

    amends   working orders that the broker is asked to change into these
    cancels  orders that the broker is asked to cancel, before anything else is sent
    ask      what the broker must be asked before more is said: see ``Engine.answer``
    """

    events: tuple[Event, ...] = ()
    orders: tuple[ApprovedOrder, ...] = ()
    cancels: tuple[str, ...] = ()
    amends: tuple[ApprovedOrder, ...] = ()
    ask: Ask | None = None
