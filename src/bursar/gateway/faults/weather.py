"""What is wrong with the gateway itself at the moment, and what every client is told of it.

Troubles begin and end with instants of the world. Each client reads the bulletins at its own pace, from the place that
it has reached; so one that connects in the middle is told what holds, by what comes next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bursar.gateway.faults.fault import LOST, Trouble
from bursar.gateway.faults.of_gateway import (
    CompetingSession,
    ConnectivityLost,
    FarmBroken,
    FarmInactive,
    Restart,
    SilentData,
    WeeklyLogin,
)
from bursar.gateway.messages import PlaceOrder
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q

CONNECTIVITY_LOST: Final = (1100, "Connectivity between IBKR and Trader Workstation has been lost.")
RESTORED: Final = {
    True: (
        1101,
        (
            "Connectivity between IBKR and Trader Workstation has been restored - data lost. Market and account data "
            "subscription requests must be resubmitted."
        ),
    ),
    False: (1102, "Connectivity between IBKR and Trader Workstation has been restored - data maintained."),
}
#: Of each farm: what is said when it breaks, and when it is there again.
FARMS: Final = {
    "market": (
        (2103, "Market data farm connection is broken:usfarm"),
        (2104, "Market data farm connection is OK:usfarm"),
    ),
    "history": (
        (2105, "HMDS data farm connection is broken:ushmds"),
        (2106, "HMDS data farm connection is OK:ushmds"),
    ),
    "contracts": (
        (2157, "Sec-def data farm connection is broken:secdefil"),
        (2158, "Sec-def data farm connection is OK:secdefil"),
    ),
}
INACTIVE: Final = {
    "market": (2108, "Market data farm connection is inactive but should be available upon demand.usfarm"),
    "history": (2107, "HMDS data farm connection is inactive but should be available upon demand.ushmds"),
}
COMPETING: Final = (10197, "No market data during competing live session")
NO_HISTORY: Final = (162, "Historical Market Data Service error message:HMDS server disconnect occurred.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulletin:
    """What every client is told once.

    said      code and text, under no request's number
    of_lines  code and text, under the number of each line of market data
    lines     "kept", or "lost": they are dead until they are asked for again
    symbol    whose lines; all without it
    """

    said: tuple[int, str] | None = None
    of_lines: tuple[int, str] | None = None
    lines_lost: bool = False
    symbol: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """The port is shut: for some seconds, or until a person has logged in."""

    seconds: float = 0.0
    person: bool = False


class Weather:
    """See the module.

    instants     how many instants of the world have passed
    bulletins    all that was ever told, oldest first; keep your own place in it
    outage       what whoever owns the port is still to do
    restarts     how often every connection was reset
    unreachable  the loss of connectivity that lasts, if any
    """

    def __init__(self) -> None:
        self.instants = 0
        self.bulletins: list[Bulletin] = []
        self.outage: Outage | None = None
        self.restarts = 0
        self._ids_lost = False
        self.unreachable: ConnectivityLost | None = None
        self._broken: dict[str, int] = {}
        self._silent: dict[str, int] = {}
        self._competing = 0
        self._ends: list[tuple[int, Callable[[], None]]] = []

    # ------------------------------------------------------------ coming and going

    def begin(self, trouble: Trouble) -> None:
        """Let it come."""
        match trouble:
            case ConnectivityLost():
                self._lose_connectivity(trouble)
            case FarmBroken():
                self._break(trouble)
            case FarmInactive(farm=farm):
                self.bulletins.append(Bulletin(said=INACTIVE[farm]))
            case SilentData(symbol=symbol, instants=0):
                self.bulletins.append(Bulletin(lines_lost=True, symbol=symbol))
            case SilentData(symbol=symbol):
                self._count(self._silent, symbol, trouble.instants)
            case CompetingSession():
                self._competing += 1
                self.bulletins.append(Bulletin(of_lines=COMPETING))
                self._end_after(trouble.instants, self._end_competition)
            case Restart():
                self._restart(trouble.ids, Outage(seconds=trouble.seconds))
            case WeeklyLogin():
                self._restart(trouble.ids, Outage(person=True))

    def instant(self) -> None:
        """An instant of the world has come."""
        self.instants += 1
        due = [end for when, end in self._ends if when <= self.instants]
        self._ends = [(when, end) for when, end in self._ends if when > self.instants]
        for end in due:
            end()
        if self.unreachable:  # TWS says it again every few seconds
            self.bulletins.append(Bulletin(said=CONNECTIVITY_LOST))

    def _end_after(self, instants: int, end: Callable[[], None]) -> None:
        self._ends.append((self.instants + instants, end))

    def _count(self, what: dict[str, int], name: str, instants: int, after: Callable[[], None] | None = None) -> None:
        """Count one more of ``what`` for some instants; ``after`` is called when none is left."""
        what[name] = what.get(name, 0) + 1

        def end() -> None:
            what[name] -= 1
            if not what[name]:
                del what[name]
                if after:
                    after()

        self._end_after(instants, end)

    # ------------------------------------------------------------ what each does

    def _lose_connectivity(self, trouble: ConnectivityLost) -> None:
        if self.unreachable:
            return
        self.unreachable = trouble
        self.bulletins.append(Bulletin(said=CONNECTIVITY_LOST))

        def restore() -> None:
            lost = trouble.data == LOST
            self.unreachable = None
            self.bulletins.append(Bulletin(said=RESTORED[lost], lines_lost=lost))

        self._end_after(trouble.instants, restore)

    def _break(self, trouble: FarmBroken) -> None:
        broken, whole = FARMS[trouble.farm]
        lost = trouble.farm == "market" and trouble.data == LOST
        self.bulletins.append(Bulletin(said=broken, lines_lost=lost))
        self._count(self._broken, trouble.farm, trouble.instants, lambda: self.bulletins.append(Bulletin(said=whole)))

    def _end_competition(self) -> None:
        self._competing -= 1

    def _restart(self, ids: str, outage: Outage) -> None:
        self.restarts += 1
        self._ids_lost = self._ids_lost or ids == LOST
        self.outage = outage
        self.unreachable = None
        self._ends.clear()
        self._broken.clear()
        self._silent.clear()
        self._competing = 0

    # ------------------------------------------------------------ asked

    def take_outage(self) -> Outage | None:
        """What whoever owns the port is to do, once."""
        outage, self.outage = self.outage, None
        return outage

    def take_ids_lost(self) -> bool:
        """Whether the numbers of orders that ended are to be given once more before anybody is let in again, once."""
        lost, self._ids_lost = self._ids_lost, False
        return lost

    def silent(self, symbol: str) -> bool:
        """True while no tick of ``symbol`` is told."""
        quiet = self._competing or self.unreachable or "market" in self._broken
        return bool(quiet or "" in self._silent or symbol in self._silent)

    def answer(self, request: object) -> tuple[object, ...] | None:
        """What ``request`` is answered with while something is wrong, or None where it is answered as ever."""
        match request:
            case PlaceOrder(order_id=number) | q.CancelOrder(order_id=number) if self.unreachable:
                return (_error(number, CONNECTIVITY_LOST),)
            case q.ReqGlobalCancel() if self.unreachable:
                return (_error(r.NO_REQUEST, CONNECTIVITY_LOST),)
            case q.ReqHistoricalData(req_id=number) if self.unreachable or "history" in self._broken:
                return (_error(number, NO_HISTORY),)
            case q.ReqContractDetails() if "contracts" in self._broken:
                return ()
            case q.ReqMktData(req_id=number) if self._competing:
                return (_error(number, COMPETING),)
            case _:
                return None


def _error(number: int, what: tuple[int, str]) -> r.ErrMsg:
    return r.ErrMsg(req_id=number, code=what[0], text=what[1])
