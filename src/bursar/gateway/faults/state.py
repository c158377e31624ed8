"""A plan of faults at work: what was counted, what struck, and what the weather is.

It outlives connections, and whoever starts a gateway again may hand it on, as it hands on the log of commands: then
what struck does not strike again. It has no chance of its own: whether a fault with a ``chance`` strikes follows from
the plan's seed, the fault's place in it and how many messages it has seen.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from bursar.gateway.faults.fault import Fault, Trouble
from bursar.gateway.faults.line import Line
from bursar.gateway.faults.of_orders import CorrectExecution, FillWhileAway
from bursar.gateway.faults.plans import Plan
from bursar.gateway.faults.weather import Weather
from bursar.gateway.messages import OpenOrder
from bursar.gateway.messages import replies as r

#: What is told as it happens, and told again to whoever asks.
REPORTS = frozenset(
    {OpenOrder, r.OrderStatus, r.ExecDetails, r.CommissionReport, r.Position, r.AccountValue, r.PortfolioValue}
)


class Faults:
    """See the module.

    weather  what is wrong with the gateway itself
    struck_by_name  how often each kind of fault has struck
    """

    def __init__(self, plan: Plan | None = None) -> None:
        plan = plan or Plan()
        self.seed = plan.seed
        self.weather = Weather()
        self.struck_by_name: Counter[str] = Counter()
        self._faults: list[Fault] = []
        self._seen: list[int] = []
        self._by_kind: dict[type, list[int]] = {}
        self._nights = 0
        self._corrections: list[tuple[int, CorrectExecution, str]] = []
        for fault in plan.faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Arm one more fault; a trouble that does not say when begins at once."""
        place = len(self._faults)
        self._faults.append(fault)
        self._seen.append(0)
        for kind in fault.waits_for:
            self._by_kind.setdefault(kind, []).append(place)
        if isinstance(fault, Trouble) and not (fault.after or fault.at or fault.night):
            self._begin(fault)

    def line(self, client_id: int, lines: Mapping[int, str] | None = None, accounts: tuple[str, ...] = ()) -> Line:
        """The line of a client that has just been let in."""
        return Line(self, client_id, lines, accounts)

    # ------------------------------------------------------------ what happens

    def struck(self, kind: type, client_id: int, *, asked: bool = False) -> tuple[Fault, ...]:
        """The faults of a conversation that strike at one more message of ``kind``. Troubles begin by themselves.

        asked  it answers a request
        """
        places = self._by_kind.get(kind)
        if places is None:
            return ()
        found = []
        for place in places:
            fault = self._faults[place]
            if fault.client not in (None, client_id) or (asked and fault.unasked and kind in REPORTS):
                continue
            if self._strikes(place, fault):
                if isinstance(fault, Trouble):
                    self.weather.begin(fault)
                else:
                    found.append(fault)
        return tuple(found)

    def instant(self, now: datetime, *, night: bool) -> tuple[tuple[CorrectExecution, str], ...]:
        """An instant of the world has come, the first of a session after a ``night``.

        Returns the executions that are to be corrected.
        """
        self.weather.instant()
        self._nights += night
        for place, fault in enumerate(self._faults):
            if isinstance(fault, Trouble) and not self._seen[place]:
                at_last = fault.at is not None and now >= fault.at
                if at_last or (night and fault.night == self._nights):
                    self._seen[place] = 1
                    self._begin(fault)
        due = tuple((fault, exec_id) for when, fault, exec_id in self._corrections if when <= self.weather.instants)
        self._corrections = [each for each in self._corrections if each[0] > self.weather.instants]
        return due

    def left(self, client_id: int) -> tuple[FillWhileAway, ...]:
        """What strikes now that a client is gone."""
        found = []
        for place, fault in enumerate(self._faults):
            if isinstance(fault, FillWhileAway) and fault.client in (None, client_id) and self._strikes(place, fault):
                found.append(fault)
        return tuple(found)

    def correct(self, fault: CorrectExecution, exec_id: str) -> None:
        """Have an execution corrected when its time has come."""
        self._corrections.append((self.weather.instants + fault.instants, fault, exec_id))

    # ------------------------------------------------------------ counting

    def _begin(self, trouble: Trouble) -> None:
        self.struck_by_name[trouble.name] += 1
        self.weather.begin(trouble)

    def _strikes(self, place: int, fault: Fault) -> bool:
        """Count one more chance of a fault, and say whether it takes it."""
        self._seen[place] = seen = self._seen[place] + 1
        if seen < fault.nth or (fault.times and seen >= fault.nth + fault.times):
            return False
        if fault.chance < 1 and drawn(self.seed, place, seen) >= fault.chance:
            return False
        self.struck_by_name[fault.name] += 1
        return True


def drawn(seed: int, place: int, seen: int) -> float:
    """A number from 0 to just below 1 that depends on nothing else."""
    digest = hashlib.blake2b(f"{seed}/{place}/{seen}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
