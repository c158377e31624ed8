"""Troubles of the gateway itself, which strike all its clients alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from bursar.gateway.faults.fault import KEPT, LOST, Trouble, bounded, one_of, seconds_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectivityLost(Trouble):
    """1100: the gateway stands and IBKR is out of its reach. Orders are refused, nothing is told. Then 1101 or 1102.

    1101 ends all market data: it has to be asked for again. What happened to orders in between is told at the end, or
    never: then only reqExecutions and reqOpenOrders find it.
    """

    name: ClassVar[str] = "connectivity_lost"
    instants: Annotated[int, "how long"] = 1
    data: Annotated[str, "what becomes of market data: kept (1102) or lost (1101)"] = KEPT
    reports: Annotated[str, "what becomes of reports of orders: kept or lost"] = KEPT

    def __post_init__(self) -> None:
        Trouble.__post_init__(self)
        bounded(self, "instants", 1)
        one_of(self, "data", (KEPT, LOST))
        one_of(self, "reports", (KEPT, LOST))


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmBroken(Trouble):
    """2103, 2105 or 2157: a data farm is gone, and comes back with 2104, 2106 or 2158.

    Without the market farm ticks cease, without the history farm bars are refused (162), without the contract farm
    contract details are never answered.
    """

    name: ClassVar[str] = "farm_broken"
    farm: Annotated[str, "market, history or contracts"] = "market"
    instants: Annotated[int, "how long"] = 1
    data: Annotated[str, "whether ticks come again by themselves (kept) or have to be asked for again (lost)"] = KEPT

    def __post_init__(self) -> None:
        Trouble.__post_init__(self)
        bounded(self, "instants", 1)
        one_of(self, "farm", ("market", "history", "contracts"))
        one_of(self, "data", (KEPT, LOST))


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmInactive(Trouble):
    """2108 or 2107: a farm sleeps until it is needed. Nothing is wrong."""

    name: ClassVar[str] = "farm_inactive"
    farm: Annotated[str, "market or history"] = "market"

    def __post_init__(self) -> None:
        Trouble.__post_init__(self)
        one_of(self, "farm", ("market", "history"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SilentData(Trouble):
    """Ticks cease without a word."""

    name: ClassVar[str] = "silent_data"
    symbol: Annotated[str, "of one symbol; of all without it"] = ""
    instants: Annotated[int, "how long; 0 is until asked for again"] = 1

    def __post_init__(self) -> None:
        Trouble.__post_init__(self)
        bounded(self, "instants", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompetingSession(Trouble):
    """10197: somebody logged in elsewhere, and market data goes there."""

    name: ClassVar[str] = "competing_session"
    instants: Annotated[int, "how long"] = 1

    def __post_init__(self) -> None:
        Trouble.__post_init__(self)
        bounded(self, "instants", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart(Trouble):
    """The nightly restart: every connection is reset without warning, and the port refuses new ones for a while.

    Orders go on. The next order id may have gone back: one whose order ended is then given once more.
    """

    name: ClassVar[str] = "restart"
    seconds: Annotated[float, "of our time that the port is shut"] = 60.0
    ids: Annotated[str, "whether the numbers of orders that ended are kept, or lost and given once more"] = LOST

    def __post_init__(self) -> None:
        Trouble.__post_init__(self)
        seconds_of(self.seconds)
        one_of(self, "ids", (KEPT, LOST))


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyLogin(Trouble):
    """The weekly re-login: as the nightly restart, but the port stays shut until a person has logged in."""

    name: ClassVar[str] = "weekly_login"
    ids: Annotated[str, "whether the numbers of orders that ended are kept, or lost and given once more"] = KEPT

    def __post_init__(self) -> None:
        Trouble.__post_init__(self)
        one_of(self, "ids", (KEPT, LOST))
