"""What the sessions of a gateway share: the exchange, who is connected, and the one door for commands.

Every command goes through ``do``, which has it written before it is done; so a gateway that was killed is the
same again once its log was replayed. Connections are not written: nothing that outlives one depends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bursar.domain.market import Quote
from bursar.gateway.commands import Advance, Command, encode
from bursar.gateway.contracts import Contracts
from bursar.gateway.exchange import Exchange
from bursar.gateway.history import History

#: IBKR's allowance of a new account.
MARKET_DATA_LINES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one gateway bears. What goes beyond is refused, in IBKR's words where it has some.

    market_data_lines  subscriptions of one client
    clients            at once
    answer_bytes       after so many bytes of answers a client must read before its next request is looked at
    """

    market_data_lines: int = MARKET_DATA_LINES
    clients: int = 32
    answer_bytes: int = 1 << 20


class Listener(Protocol):
    """A session, as far as the hub knows it."""

    def market_moved(self, quotes: tuple[Quote, ...]) -> None: ...


def _forget(_line: str) -> None:
    """Keep no log: for gateways that are not meant to survive."""


class Hub:
    """See the module.

    record   writes one line of the command log, and returns when it cannot be lost by a kill
    stepped  True lets a client's reqCurrentTime step the exchange (see ``Session``)
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        record: Callable[[str], None] = _forget,
        stepped: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self.exchange = exchange
        self.contracts = Contracts(exchange.world)
        self.history = History(exchange.world)
        self.limits = limits or Limits()
        self.stepped = stepped
        self.clients: dict[int, Listener] = {}
        self._record = record
        self._clock: Callable[[], datetime] | None = None

    @property
    def now(self) -> datetime:
        """The time that clients are told."""
        return self._clock() if self._clock else self.exchange.now

    def flow(self, clock: Callable[[], datetime]) -> None:
        """From now on time is what ``clock`` says, and no client steps it."""
        self._clock, self.stepped = clock, False

    def do(self, command: Command) -> None:
        """Have ``command`` written, then do it, and let every session know what moved."""
        self._record(encode(command))
        quotes = self.exchange.apply(command)
        if quotes:
            for listener in self.clients.values():
                listener.market_moved(quotes)

    def step(self) -> bool:
        """Go on to the next instant; False at the end of the world, where time stands still."""
        if self.exchange.next_instant is None:
            return False
        self.do(Advance())
        return True
