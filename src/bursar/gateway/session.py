"""One client's conversation: bytes in, bytes out. No sockets, no clock.

A conversation goes one way: the greeting, the versions, startApi, and then requests. ``receive`` takes bytes in
pieces of any size and returns the answers to them, and for an order its first status; ``take`` returns all else that
is to be sent by now (executions, ticks, positions, account values), and whoever owns the socket calls it after every
event. So nobody waits for an order's acceptance until its executions were written and account values worked out.

Reports are never left out. Ticks of a client that reads too slowly are: as long as nobody takes them, a newer
quote stands in the place of an older one.

The barrier. In stepped time, a reqCurrentTime that comes when the client sent nothing else since its last one was
answered steps the exchange to the next instant, and its answer follows the ticks and reports of that instant.
Otherwise it is answered at the same instant, after all that is to be told. So a client that waits for the answer
knows that there is nothing else to come.

Source of the sequences: ib_async 2.1.0 (ib.py connectAsync, wrapper.py); codes and texts: IBKR's "Message Codes".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from typing import Any, NoReturn

from bursar.domain.market import Quote
from bursar.errors import ProtocolError
from bursar.gateway import codec
from bursar.gateway import reporting as report
from bursar.gateway.answers import Messages
from bursar.gateway.answers.accounts import AccountAnswers
from bursar.gateway.answers.advisers import AdviserAnswers
from bursar.gateway.answers.market import MarketAnswers
from bursar.gateway.answers.orders import OrderAnswers
from bursar.gateway.faults import Line
from bursar.gateway.hub import Hub
from bursar.gateway.messages import ABSENT, REQUESTS, VERSIONS, number_of, read_request, write
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.notices import Notice, StatusReported
from bursar.gateway.pacing import BREACHES_MAX, MessageRate

ALREADY_IN_USE = "Unable to connect as the client id is already in use. Retry with a unique client id."
FARMS_ARE_OK = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefil"),
)
#: What is told instead while IBKR is out of reach.
OUT_OF_REACH = (
    2110,
    "Connectivity between Trader Workstation and server is broken. It will be restored automatically.",
)
#: The option with which a client asks that messages too many wait instead of being refused.
PACED = "+PACEAPI"
#: The number of startApi, before which nothing else is answered.
START_API = 71


class State(Enum):
    """How far a conversation is."""

    GREETING = auto()
    VERSIONS = auto()
    STARTING = auto()
    READY = auto()
    CLOSED = auto()


class Session:
    """See the module. ``closed`` says that the connection is to be closed once all was sent.

    clock  seconds, by which messages are counted where ``Limits`` say so; without it they are not
    """

    def __init__(self, hub: Hub, clock: Callable[[], float] | None = None) -> None:
        self._hub = hub
        self._clock = clock
        self._rate: MessageRate | None = None
        self._paced = False
        self._pause = 0.0
        self.unfinished = False
        self._reader = codec.FrameReader()
        self._greeting = b""
        self._state = State.GREETING
        self._version = 0
        self._client_id = 0
        self._out = bytearray()
        self._orders_told = self._accounts_told = 0
        self._quiet = False
        self._orders = OrderAnswers(hub, 0)
        self._accounts = AccountAnswers(hub)
        self._market = MarketAnswers(hub)
        self._line: Line | None = None
        self._answers: Mapping[type, Callable[[Any], Messages]] = {}

    # ------------------------------------------------------------ bytes

    @property
    def closed(self) -> bool:
        return self._state is State.CLOSED

    def take_stall(self) -> float:
        """For how many seconds nothing is to be taken from the client, nor told to it, once."""
        pause, self._pause = self._pause, 0.0
        return max(pause, self._line.take_stall() if self._line else 0.0)

    def receive(self, data: bytes) -> bytes:
        """Take in ``data``; return the answers.

        After ``Limits.answer_bytes`` of answers the rest waits, so that no list of requests can fill the memory. It
        is then ``unfinished``: call again, with nothing, when what was returned is sent.

        Raises ProtocolError when the client cannot be understood any more; what it is told of that, and all before
        it, is then still to be taken, and the connection to be closed.
        """
        self.unfinished = False
        try:
            payloads = self._reader.feed(self._after_greeting(data))
            for payload in payloads:
                if not (self._rate and self._clock and self._too_many(self._rate, self._clock)):
                    self._take_in(payload)
                elif self._pause:
                    payloads.close()
                    self._reader.put_back(payload)
                    break
                self.unfinished = len(self._out) > self._hub.limits.answer_bytes
                if self.closed or self.unfinished:
                    break
        except ProtocolError as error:
            self._break_off(error)
        return self._written()

    def _too_many(self, rate: MessageRate, clock: Callable[[], float]) -> bool:
        """Whether one more message comes too soon. It is then refused with 100, or waits where the client asked so."""
        now = clock()
        wait = rate.wait(now)
        if not wait:
            rate.count(now)
            return False
        if self._paced:
            self._pause = wait
        else:
            self._say([r.ErrMsg(req_id=r.NO_REQUEST, code=100, text=rate.breach(now))])
            if rate.breaches >= BREACHES_MAX:
                self._state = State.CLOSED
        return True

    def take(self) -> bytes:
        """All that is to be sent by now."""
        if self._state is State.READY:
            self._tell_all()
        return self._written()

    def _written(self) -> bytes:
        out = bytes(self._out)
        self._out.clear()
        return out

    def market_moved(self, quotes: Iterable[Quote]) -> None:
        """Remember what is to be told of ``quotes``."""
        self._market.moved(quotes)

    def leave(self) -> None:
        """The connection is gone."""
        self._state = State.CLOSED
        self._hub.leave(self._client_id, self)

    # ------------------------------------------------------------ the beginning and the end

    def _after_greeting(self, data: bytes) -> bytes:
        """What of ``data`` follows the greeting."""
        if self._state is not State.GREETING:
            return data
        self._greeting += data
        head = self._greeting[: len(codec.GREETING)]
        if not codec.GREETING.startswith(head):
            raise ProtocolError(f"a client begins with {head!r}; {codec.GREETING!r} was expected")
        if len(head) < len(codec.GREETING):
            return b""
        rest, self._greeting = self._greeting[len(head) :], b""
        self._state = State.VERSIONS
        return rest

    def _take_in(self, payload: bytes) -> None:
        if self._state is State.VERSIONS:
            self._agree(codec.decode_versions(payload))
            return
        texts = codec.decode(payload)
        number = number_of(texts)
        if self._state is State.STARTING and number != START_API:
            raise ProtocolError(f"message {number} came before startApi")
        if number in REQUESTS:
            self._perform(read_request(texts, self._version))
        else:
            self._quiet = False
            self._refuse(number, texts)

    def _agree(self, versions: codec.VersionRange) -> None:
        """Answer with the highest version that both speak: the first frame that a client gets, and it comes alone."""
        common = [version for version in VERSIONS if versions.lowest <= version <= versions.highest]
        if not common:
            raise ProtocolError(
                f"a client speaks versions {versions.lowest} to {versions.highest}; here {VERSIONS} are spoken"
            )
        self._version = common[-1]
        self._paced = PACED in versions.options.split()
        self._state = State.STARTING
        self._out += codec.encode((str(self._version), report.moment_text(self._hub.now)))

    def _refusal(self, request: q.StartApi) -> r.ErrMsg | None:
        """Why the client is not let in, and whether it has to go."""
        clients = self._hub.clients
        if self._state is State.READY:
            return r.ErrMsg(req_id=r.NO_REQUEST, code=501, text="Already Connected.")
        if request.client_id in clients:
            self._state = State.CLOSED
            return r.ErrMsg(req_id=r.NO_REQUEST, code=326, text=ALREADY_IN_USE)
        if len(clients) >= self._hub.limits.clients:
            self._state = State.CLOSED
            text = f"At most {self._hub.limits.clients} clients can be connected at once."
            return r.ErrMsg(req_id=r.NO_REQUEST, code=321, text=text)
        return None

    def _let_in(self, client_id: int) -> Messages:
        """Let the client in under its number, and say what it waits for."""
        hub = self._hub
        self._client_id, self._state = client_id, State.READY
        hub.enter(client_id, self)
        if hub.limits.messages_per_second:
            self._rate = MessageRate(hub.limits.messages_per_second)
        if hub.faults:
            self._line = hub.faults.line(client_id, self._market.lines, tuple(hub.exchange.accounts))
        self._orders_told = self._accounts_told = len(hub.exchange.notices)
        self._orders = OrderAnswers(hub, client_id)
        self._answers = {
            q.SetServerLogLevel: _nothing,
            q.ReqCurrentTime: self._time,
            **self._orders.answers,
            **self._accounts.answers,
            **AdviserAnswers(hub).answers,
            **self._market.answers,
        }
        return (
            *self._accounts.managed(q.ReqManagedAccts()),
            *self._orders.next_id(q.ReqIds()),
            *(r.ErrMsg(req_id=r.NO_REQUEST, code=code, text=text) for code, text in self._standing()),
        )

    def _standing(self) -> tuple[tuple[int, str], ...]:
        """How the gateway stands to IBKR, as whoever comes in is told: he was not there when it changed."""
        faults = self._hub.faults
        return (OUT_OF_REACH,) if faults and faults.weather.unreachable else FARMS_ARE_OK

    def _break_off(self, error: ProtocolError) -> NoReturn:
        """Tell a client that knows our version what is wrong, and say no more."""
        if self._state is State.READY:
            text = f"Server error when reading an API client request. {error}"
            self._say([r.ErrMsg(req_id=r.NO_REQUEST, code=320, text=text.replace("\0", " "))])
        self.leave()
        raise error

    # ------------------------------------------------------------ requests

    def _perform(self, request: object) -> None:
        """Answer ``request``, between the reports that were due before it and those that follow from it."""
        if isinstance(request, q.StartApi):
            refusal = self._refusal(request)
            self._say((refusal,) if refusal else self._let_in(request.client_id))
            return
        if not isinstance(request, q.ReqCurrentTime):
            self._quiet = False
        if self._line:
            self._perform_in_trouble(self._line, request)
        else:
            self._act_on(request)

    def _perform_in_trouble(self, line: Line, request: object) -> None:
        """The same under a plan of faults, which may keep the request, or its answers, from where they go."""
        heard = line.hears(request)
        if heard.act:
            for fault in heard.orders:
                self._hub.strike(fault, self._client_id, request.order_id)  # type: ignore[attr-defined]  # it is an order
            self._act_on(request)
        else:
            self._say(heard.say)
        line.answered()
        self._break_where(line)

    def _act_on(self, request: object) -> None:
        self._tell_orders(self._untold())
        self._say(self._answers[type(request)](request))
        notices = self._untold()
        first = next((place for place, each in enumerate(notices, 1) if isinstance(each, StatusReported)), len(notices))
        self._tell_orders(notices[:first])

    def _time(self, request: q.ReqCurrentTime) -> Messages:
        """The barrier: see the module."""
        del request
        if self._quiet and self._hub.stepped:
            self._hub.step()
        self._quiet = True
        self._tell_all()
        yield r.CurrentTime(time=self._hub.now)

    def _refuse(self, number: int, texts: list[str]) -> None:
        """Answer what is not imitated, so that nobody waits for an answer that never comes."""
        if number not in ABSENT:
            text = f"Fatal Error: Unknown message id.{number}"
            self._say([r.ErrMsg(req_id=r.NO_REQUEST, code=505, text=text)])
            return
        name, place = ABSENT[number]
        word = texts[place] if place is not None and place < len(texts) else ""
        req_id = int(word) if word.isascii() and word.isdigit() and len(word) < 12 else r.NO_REQUEST
        text = f"Error validating request.-'bZ' : cause - Not supported by this gateway: {name}"
        self._say([r.ErrMsg(req_id=req_id, code=321, text=text)])

    # ------------------------------------------------------------ saying

    def _tell_all(self) -> None:
        """Everything that is due: ticks first, since reports may follow from them, then what reports lead to."""
        if self._line:
            self._begin_telling(self._line)
        self._say(self._market.ticks())
        self._tell_orders(self._untold())
        notices = self._hub.exchange.notices[self._accounts_told :]
        self._accounts_told += len(notices)
        self._say(self._accounts.told(notices), pushed=True)
        if self._line:
            self._write(self._line.due())
            self._break_where(self._line)

    def _begin_telling(self, line: Line) -> None:
        """Requests that arrive only now come first; lines of market data that are dead say nothing more."""
        line.read_news()
        for symbol in line.take_lost():
            self._market.lose(symbol)
        for request in line.take_requests():
            self._act_on(request)

    def _break_where(self, line: Line) -> None:
        if line.broken:
            self._state = State.CLOSED

    def _untold(self) -> list[Notice]:
        """What happened at the exchange and was not looked at yet for reports of orders."""
        return self._hub.exchange.notices[self._orders_told :]

    def _tell_orders(self, notices: list[Notice]) -> None:
        self._orders_told += len(notices)
        self._say(self._orders.told(notices), pushed=True)

    def _say(self, messages: Messages, *, pushed: bool = False) -> None:
        """Say ``messages``, or what faults leave of them; ``pushed`` are those that answer no request."""
        self._write(self._line.bends(messages, pushed=pushed) if self._line else messages)

    def _write(self, messages: Messages) -> None:
        for message in messages:
            self._out += write(message, self._version)


def _nothing(request: q.SetServerLogLevel) -> Messages:
    """There is no log whose level could be set."""
    del request
    return ()
