"""One conversation under a plan of faults: what the gateway hears of it, and what it says.

Between the client and the session. ``hears`` looks at each request before it is acted on, ``bends`` takes what is to
be said and gives what goes out instead, ``due`` gives what was kept back until now and what every client is told.
Once the line is ``broken`` nothing more comes through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from bursar.gateway.faults.fault import LOST, Fault
from bursar.gateway.faults.names import TOLD
from bursar.gateway.faults.of_line import (
    ClockOff,
    Delay,
    Drop,
    Duplicate,
    EmptyAnswer,
    EndlessAccount,
    FalseCancel,
    LateCommission,
    Reorder,
    SentinelCommission,
    SlowReader,
    Swallow,
)
from bursar.gateway.faults.of_orders import CorrectExecution, FillAfterCancel, Reject
from bursar.gateway.faults.weather import Bulletin
from bursar.gateway.messages import OpenOrder
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.notices import ENDED

if TYPE_CHECKING:
    from bursar.gateway.faults.state import Faults

#: What ends an answer.
ENDS = frozenset(kind for name, kind in TOLD.items() if name.endswith("End"))
#: What is told of moving prices.
TICKS = (r.TickPrice, r.TickSize, r.TickGeneric, r.TickString)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What becomes of a request.

    act     whether it is acted on
    orders  faults of orders that strike with it
    say     what is answered where it is not acted on
    """

    act: bool = True
    orders: tuple[Fault, ...] = ()
    say: tuple[object, ...] = ()


class Line:
    """See the module.

    lines     symbols of the client's lines of market data, by their number, as they are now
    accounts  all of them, the first one first
    broken    the connection is to be closed, once what was said is sent
    """

    def __init__(
        self, faults: Faults, client_id: int, lines: Mapping[int, str] | None = None, accounts: tuple[str, ...] = ()
    ) -> None:
        self._faults = faults
        self._weather = faults.weather
        self._client_id = client_id
        self._lines = {} if lines is None else lines
        self._accounts = accounts
        self._restarts = self._weather.restarts
        self._bulletins = len(self._weather.bulletins)
        self._unreachable = self._weather.unreachable
        self._mute = self._empty = False
        self._kept: list[object] = []
        self._late: list[tuple[int, object]] = []
        self._held_requests: list[tuple[int, object]] = []
        self._overtaken: list[tuple[int, int, object]] = []
        self._multi: dict[int, str] = {}
        self._stall = 0.0
        self._lost: list[str] = []
        self._news: list[Bulletin] = []
        self.broken = False

    # ------------------------------------------------------------ heard

    def hears(self, request: object) -> Heard:
        """What becomes of ``request``, which has just come in."""
        if isinstance(request, q.ReqAccountUpdatesMulti):
            self._multi[request.req_id] = request.account
        answer = self._weather.answer(request)
        act, orders = answer is None, []
        for fault in self._faults.struck(type(request), self._client_id):
            match fault:
                case Drop(before=before):
                    self._mute = self.broken = True
                    act = act and not before
                case Swallow():
                    act, answer = False, ()
                case Delay(instants=instants):
                    act, answer = False, ()
                    self._held_requests.append((self._weather.instants + instants, request))
                case EmptyAnswer():
                    self._empty = True
                case SlowReader(seconds=seconds):
                    self._stall = seconds
                case Reject() | FillAfterCancel():
                    orders.append(fault)
                case _:
                    pass
        return Heard(act=act, orders=tuple(orders) if act else (), say=answer or ())

    @property
    def looks_empty(self) -> bool:
        """Whether the answer to the last request looks empty."""
        return self._empty

    def answered(self) -> None:
        """The answers to the last request were given."""
        self._empty = False

    # ------------------------------------------------------------ taken, once

    def take_stall(self) -> float:
        """For how many seconds the client does not read from now on."""
        stall, self._stall = self._stall, 0.0
        return stall

    def take_lost(self) -> list[str]:
        """Symbols whose lines of market data are dead until they are asked for again; an empty one is all."""
        lost, self._lost = self._lost, []
        return lost

    def take_requests(self) -> list[object]:
        """Requests that arrive only now."""
        now = self._weather.instants
        due = [request for when, request in self._held_requests if when <= now]
        self._held_requests = [each for each in self._held_requests if each[0] > now]
        return due

    # ------------------------------------------------------------ said

    def bends(self, messages: Iterable[object], *, pushed: bool = False) -> Iterator[object]:
        """What goes out in place of ``messages``; ``pushed`` are those that answer no request.

        All of ``messages`` is taken, even where none goes out: what they stand for has happened.
        """
        for message in messages:
            if self._mute or (self._empty and type(message) not in ENDS and not pushed):
                continue
            # What happened until the line was restored is kept or lost, even where it is looked at only now.
            self._unreachable = self._weather.unreachable or self._unreachable
            if pushed and self._unreachable:
                if self._unreachable.reports != LOST:
                    self._kept.append(message)
                continue
            if isinstance(message, TICKS) and self._weather.silent(self._lines.get(message.req_id, "")):
                continue
            for bent in self._bent(message, asked=not pushed):
                yield bent
                yield from self._overtook()

    def read_news(self) -> None:
        """Read the bulletins that are new; ``take_lost`` then knows which lines of market data they end."""
        weather = self._weather
        if weather.restarts != self._restarts:
            self.broken = self._mute = True
        news, self._bulletins = weather.bulletins[self._bulletins :], len(weather.bulletins)
        self._lost += [bulletin.symbol for bulletin in news if bulletin.lines_lost]
        self._news += news

    def due(self) -> Iterator[object]:
        """What is told without anything having happened: bulletins, and what was kept back until now."""
        news, self._news = self._news, []
        if self._mute:
            return
        for bulletin in news:
            if bulletin.said:
                yield r.ErrMsg(req_id=r.NO_REQUEST, code=bulletin.said[0], text=bulletin.said[1])
            if bulletin.of_lines:
                for number in tuple(self._lines):
                    yield r.ErrMsg(req_id=number, code=bulletin.of_lines[0], text=bulletin.of_lines[1])
        self._unreachable = self._weather.unreachable
        if not self._unreachable:
            kept, self._kept = self._kept, []
            yield from kept
        yield from self._late_until(self._weather.instants)

    def _late_until(self, now: int) -> Iterator[object]:
        late = [message for when, message in self._late if when <= now]
        self._late = [each for each in self._late if each[0] > now]
        yield from late
        overtaken = [message for when, _, message in self._overtaken if when < now]
        self._overtaken = [each for each in self._overtaken if each[0] >= now]
        yield from overtaken

    def _overtook(self) -> Iterator[object]:
        """What was overtaken by so many messages as it was to be."""
        counted = [(when, left - 1, message) for when, left, message in self._overtaken]
        self._overtaken = [each for each in counted if each[1] > 0]
        yield from (message for _, left, message in counted if left <= 0)

    def _bent(self, message: object, *, asked: bool) -> Iterator[object]:  # noqa: C901 - one branch for each kind of fault
        now, copies, after = self._weather.instants, 1, []
        for fault in self._faults.struck(type(message), self._client_id, asked=asked):
            match fault:
                case Drop(before=before):
                    self.broken = self._mute = True
                    copies = 0 if before else copies
                case Swallow():
                    copies = 0
                case EndlessAccount(account=account):
                    copies = 0 if self._ends(message, account) else copies
                case Delay(instants=instants) | LateCommission(instants=instants):
                    copies = 0
                    self._late.append((now + instants, message))
                case Reorder(behind=behind):
                    copies = 0
                    self._overtaken.append((now, behind, message))
                case Duplicate():
                    copies += 1
                case SlowReader(seconds=seconds):
                    self._stall = seconds
                case ClockOff(minutes=minutes) if isinstance(message, r.CurrentTime):
                    message = replace(message, time=message.time + timedelta(minutes=minutes))
                case SentinelCommission(sentinel=sentinel, instants=instants) if isinstance(
                    message, r.CommissionReport
                ):
                    if instants:
                        self._late.append((now + instants, message))
                    nothing = None if sentinel == "unset" else Decimal(-1)
                    message = replace(message, commission=nothing, realized_pnl=None)
                case FalseCancel(code=code, text=text) if isinstance(message, OpenOrder):
                    if message.state.status not in ENDED and not message.order.what_if:
                        after.append(r.ErrMsg(req_id=message.order.order_id, code=code, text=text))
                case CorrectExecution() if isinstance(message, r.ExecDetails):
                    self._faults.correct(fault, message.execution.exec_id)
                case _:
                    pass
        for _ in range(copies):
            yield message
        if copies:
            yield from after

    def _ends(self, message: object, account: str) -> bool:
        """Whether ``message`` ends the values of ``account``, or without a name, of any but the first."""
        if isinstance(message, r.AccountDownloadEnd):
            ended = message.account
        elif isinstance(message, r.AccountUpdateMultiEnd):
            ended = self._multi.get(message.req_id, "")
        else:
            return False
        return ended == account if account else ended in self._accounts[1:]
