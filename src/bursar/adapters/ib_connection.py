"""A connection to Interactive Brokers, or to what imitates them, through ib_async.

``Connection.hear`` gives every message of a kind as it was decoded, in the order in which it came; what ib_async
makes of it afterwards is not looked at. ``Connection.answered`` asks, within the rate limit and a timeout, and an
answer that does not come is an error. ``Connection.barrier`` asks for the time and returns when it was told: then all
that the gateway had to say is here, since it answers in order. Our own gateway, in stepped time, goes on to its next
instant when it is asked twice in a row.

Only paper accounts: nothing here can reach a live one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import ib_async
from ib_async.ib import StartupFetch

from bursar.adapters.numbers import OrderNumbers
from bursar.adapters.pacing import Priority, RateLimiter
from bursar.domain.accounts import is_paper
from bursar.domain.instruments import Instrument
from bursar.errors import BrokerError, DataError, InputError
from bursar.ports import Clock

# ib_async logs every notice of the broker as an error; without a handler Python would print them to the terminal.
logging.getLogger("ib_async").addHandler(logging.NullHandler())

Answer = TypeVar("Answer")

#: Where IBKR's own programs trade live accounts.
LIVE_PORTS = frozenset({7496, 4001})
#: Error of IBKR: another connection uses our client id.
CLIENT_ID_IN_USE = 326
#: What is asked for when a connection begins: all that may have happened while there was none.
SYNCHRONIZED = StartupFetch.ORDERS_OPEN | StartupFetch.ORDERS_COMPLETE | StartupFetch.EXECUTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the gateway is and who we are there.

    timeout_seconds  how long an answer may take
    live             True where real money is meant, which the locked door alone may say (``runtime/door.py``)
    """

    account: str
    host: str = "127.0.0.1"
    port: int = 4002
    client_id: int = 1
    timeout_seconds: float = 30.0
    live: bool = False

    def __post_init__(self) -> None:
        if is_paper(self.account) == self.live:
            what = "is a paper one (DU, DF)" if self.live else "may be a live one"
            raise InputError(f"account {self.account} {what}; the locked door decides which is traded, and how")
        if (self.port in LIVE_PORTS) != self.live:
            what = "no real money lies" if self.live else "real money lies"
            raise InputError(f"behind port {self.port} {what}; paper is at 4002 and 7497, live at 4001 and 7496")


#: IBKR's names of the exchanges abroad.
PRIMARY = {"XASX": "ASX", "XETR": "IBIS", "XLON": "LSE"}
#: In whose time a gateway tells hours and minutes.
NEW_YORK = ZoneInfo("America/New_York")
#: The request number of what is about no request.
NO_REQUEST = -1
#: Errors about one subscription that say something of the whole line: another login has the market data.
ABOUT_DATA = frozenset({10197})

#: Requests are numbered from here on, far from orders, whose numbers the broker keeps for ever.
FIRST_REQUEST = 1_000_000_000


class Connection:
    """One connection, which a broker and a feed share.

    now      the time that the gateway told at the last barrier
    skew     how far that was ahead of the time that stood on the account's values, told since the barrier before; None
             where none was told
    numbers  for new orders
    is_new   True until somebody asked for the account: what had ended was told on the way in
    """

    def __init__(self, address: Address, clock: Clock) -> None:
        self.address = address
        self.now = datetime.fromtimestamp(0, UTC)
        self.ib = ib_async.IB()
        self.ib.RaiseRequestErrors = True
        self.ib.TimezoneTWS = "US/Eastern"  # what an old gateway, which names no zone, means
        self.ib.client.MaxRequests = 0  # its queue would let orders wait behind data; ours does not
        self.limiter = RateLimiter(clock)
        self._sent_by_barrier = 0
        self._at_barrier: list[Callable[[datetime], None]] = []
        self._refused: asyncio.Future[str] | None = None
        self._lost: asyncio.Future[None] | None = None
        self.numbers = OrderNumbers()
        self.is_new = False
        self._notices: list[tuple[int, str]] = []
        self.skew: timedelta | None = None
        self._account_time = ""
        self.ib.disconnectedEvent += self._on_lost
        self.hear("error", self._on_error)
        self.hear("nextValidId", self.numbers.next_valid)
        self.hear("updateAccountTime", self._on_account_time)

    async def connect(self, fetch: StartupFetch = SYNCHRONIZED) -> None:
        """Connect, and fetch what happened while we were away. Raises BrokerError, retryable."""
        address = self.address
        self._refused = asyncio.get_running_loop().create_future()
        self._lost = asyncio.get_running_loop().create_future()
        connecting = asyncio.ensure_future(
            self.ib.connectAsync(
                address.host,
                address.port,
                address.client_id,
                timeout=address.timeout_seconds,
                account=address.account,
                raiseSyncErrors=True,
                fetchFields=fetch,
            )
        )
        # ib_async would wait out its timeout after a refusal or a loss, so both are waited for beside it.
        await asyncio.wait({connecting, self._refused, self._lost}, return_when=asyncio.FIRST_COMPLETED)
        if not connecting.done():
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            if self._refused.done():
                # Perhaps by ourselves: a gateway learns of a broken line a little later than we do.
                raise BrokerError(self._refused.result(), code=CLIENT_ID_IN_USE, retryable=True)
            raise BrokerError(f"the gateway at {address.host}:{address.port} hung up", retryable=True)
        try:
            await connecting
        except (OSError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            raise BrokerError(
                f"no gateway answers at {address.host}:{address.port} ({why}); start one with `bursar gateway`, or TWS "
                "with its API enabled",
                retryable=True,
            ) from error
        if self._lost.done():  # what it told us went with the line
            raise BrokerError(f"the gateway at {address.host}:{address.port} hung up", retryable=True)
        if address.account not in self.ib.managedAccounts():
            held = ", ".join(self.ib.managedAccounts())
            self.close()
            raise BrokerError(
                f"the gateway does not hold account {address.account}; it holds {held}; log in there as the user of "
                "the one that is meant, or name the right one in bursar.toml (account_id)"
            )
        self.client.updateReqId(FIRST_REQUEST)
        self.is_new = bool(fetch & StartupFetch.ORDERS_COMPLETE)

    @property
    def client(self) -> Any:
        """What sends the messages; ib_async leaves it without types."""
        return self.ib.client

    def close(self) -> None:
        """Hang up. Orders that work go on working."""
        self.ib.disconnect()

    @property
    def asked(self) -> bool:
        """True when anything was sent since the last barrier."""
        return self.ib.client.conn.numMsgSent != self._sent_by_barrier

    async def barrier(self) -> datetime:
        """The gateway's time, once all that it had to say is heard. Steps a gateway in stepped time: see the module."""
        at = (await self.answered("the time", self.ib.reqCurrentTimeAsync)).astimezone(UTC)
        self._sent_by_barrier = self.ib.client.conn.numMsgSent
        self.now, self._account_time, told = at, "", self._account_time
        self.skew = apart(at, told) if told else None
        for settle in self._at_barrier:
            settle(at)
        return at

    def at_barrier(self, settle: Callable[[datetime], None]) -> None:
        """Have ``settle`` called with the time at each barrier, before whoever waits for it goes on."""
        self._at_barrier.append(settle)

    def hear(self, name: str, listener: Callable[..., None]) -> None:
        """Have ``listener`` called with every message of one kind, as decoded, after ib_async has dealt with it."""
        original: Callable[..., None] = getattr(self.ib.wrapper, name)

        def both(*arguments: Any) -> None:
            original(*arguments)
            listener(*arguments)

        setattr(self.ib.wrapper, name, both)

    async def answered(
        self, what: str, ask: Callable[[], Awaitable[Answer]], priority: Priority = Priority.ACCOUNT
    ) -> Answer:
        """The answer to a request. Raises BrokerError when it did not come: unknown is not empty."""
        await self.limiter.turn(priority)
        self.require()
        try:
            return await asyncio.wait_for(self._unless_lost(ask()), self.address.timeout_seconds)
        except TimeoutError as error:
            raise BrokerError(
                f"the gateway did not tell {what} in {self.address.timeout_seconds:g} s", retryable=True
            ) from error
        except ConnectionError as error:
            raise BrokerError(f"the connection broke while {what} was asked for", retryable=True) from error
        except ib_async.wrapper.RequestError as error:
            raise BrokerError(f"the broker refused to tell {what}: {error.message}", code=error.code) from error

    async def _unless_lost(self, asked: Awaitable[Answer]) -> Answer:
        """What was ``asked``, or ConnectionError as soon as the line is gone: ib_async would go on waiting."""
        assert self._lost is not None, "connect first"
        answer = asyncio.ensure_future(asked)
        try:
            waiting: set[asyncio.Future[Any]] = {answer, self._lost}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise ConnectionError("the line is gone")
            return answer.result()
        finally:
            answer.cancel()

    def _on_account_time(self, told: str) -> None:
        self._account_time = told

    def _on_lost(self) -> None:
        if self._lost and not self._lost.done():
            self._lost.set_result(None)

    def notices(self) -> tuple[tuple[int, str], ...]:
        """What was said of the line since the last call: codes and texts, oldest first."""
        notices, self._notices = tuple(self._notices), []
        return notices

    def require(self) -> None:
        """Raise BrokerError, retryable, unless we are connected."""
        if not self.ib.isConnected():
            raise BrokerError("there is no connection to the gateway", retryable=True)

    def _on_error(self, req_id: int, code: int, text: str, _json: str) -> None:
        if req_id == NO_REQUEST or code in ABOUT_DATA:
            self._notices.append((code, text))
        if code == CLIENT_ID_IN_USE and self._refused and not self._refused.done():
            self._refused.set_result(f"client {self.address.client_id} at port {self.address.port}: {text}")


def apart(at: datetime, told: str) -> timedelta | None:
    """How far ``at`` is ahead of ``told``, hours and minutes in New York, the shorter way round the clock.

    None for what is no time of day. Seconds are left out, since none were told.
    """
    try:
        wall = datetime.strptime(told, "%H:%M")  # noqa: DTZ007  a time of day has no zone of its own
    except ValueError:
        return None
    local = at.astimezone(NEW_YORK)
    minutes = (local.hour - wall.hour) * 60 + local.minute - wall.minute
    return timedelta(minutes=(minutes + 720) % 1440 - 720)


def _require_whole(symbol: str, details: Sequence[ib_async.ContractDetails]) -> None:
    """Raise DataError for what is priced in parts of its currency, as London's shares are in pence at IBKR."""
    magnifier = details[0].priceMagnifier
    if magnifier > 1:
        currency = details[0].contract.currency if details[0].contract else ""
        raise DataError(
            f"the broker tells prices of {symbol} in {magnifier} parts of one {currency}, in which nothing is traded "
            "here; leave it out of market.watchlist"
        )


class Contracts:
    """Our instruments as the broker numbers them.

    ticks  the smallest step of each price, as the broker tells it; none where it does not
    """

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self.instruments = instruments
        self.ticks: dict[str, Decimal] = {}
        self._contracts: dict[str, ib_async.Contract] = {}
        self._symbols: dict[int, str] = {}

    async def look_up(self, connection: Connection) -> None:
        """Ask the broker for the numbers. Raises DataError for an instrument that it does not know."""
        found = await asyncio.gather(*(self._details(connection, each) for each in self.instruments.values()))
        for symbol, contract in zip(self.instruments, found, strict=True):
            self._contracts[symbol] = contract
            self._symbols[contract.conId] = symbol

    async def _details(self, connection: Connection, instrument: Instrument) -> ib_async.Contract:
        symbol = instrument.symbol
        # A class of shares has a blank at IBKR: BRK.B is BRK B.
        asked = ib_async.Stock(
            symbol.replace(".", " "),
            "SMART",
            instrument.currency,
            conId=instrument.contract_id,
            # Which of the American exchanges lists a stock we do not know, and a symbol is one company there.
            primaryExchange=PRIMARY.get(instrument.exchange, ""),
        )
        try:
            details = await connection.answered(
                f"the contract of {symbol}", lambda: connection.ib.reqContractDetailsAsync(asked), Priority.DATA
            )
        except BrokerError as error:
            if error.retryable:
                raise
            raise DataError(f"the broker knows no stock {symbol} in {instrument.currency}: {error}") from error
        contracts = [each.contract for each in details if each.contract]
        if len(contracts) != 1:
            raise DataError(f"{symbol} is {len(contracts)} contracts at the broker; give its contract_id")
        _require_whole(symbol, details)
        if details[0].minTick > 0:
            self.ticks[symbol] = Decimal(str(details[0].minTick))
        contracts[0].exchange = "SMART"
        return contracts[0]

    def __getitem__(self, symbol: str) -> ib_async.Contract:
        if symbol not in self._contracts:
            raise BrokerError(f"{symbol} is not among the instruments that were looked up at the broker")
        return self._contracts[symbol]

    def symbol(self, contract: ib_async.Contract) -> str:
        """Our symbol for what the broker names; its own words for what we do not trade.

        A share abroad that is called like one of ours is not ours: its prices are in other money.
        """
        if contract.conId in self._symbols:
            return self._symbols[contract.conId]
        name = contract.localSymbol or contract.symbol
        ours = self.instruments.get(name)
        return f"{name} in {contract.currency}" if ours and contract.currency not in ("", ours.currency) else name
