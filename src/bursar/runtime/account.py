"""An account that is there already, behind TWS, IB Gateway or ``bursar gateway``: what a run on it is made of.

Its journal lies in ``accounts/NAME`` below BURSAR_HOME, and one process at a time works on it. The books begin with
what the broker told when they were begun: its cash, and its positions, which are adopted and never touched. Where the
account is only observed, the broker is sealed (``seal.Sealed``), so that nothing can leave.

The broker's clock counts, not this machine's: our own gateway may stand in another year.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import ib_async

from bursar.adapters import ib
from bursar.adapters.calendars import ExchangeCalendar
from bursar.adapters.clock import WallClock
from bursar.adapters.ib_connection import Address, Connection
from bursar.adapters.signals import SignalBox
from bursar.config import Settings
from bursar.domain.accounts import SIMULATED_PREFIX, AccountSnapshot
from bursar.domain.events import AccountOpened, Deposited, Event, InstrumentListed, LotMethod, Mode, RunStarted
from bursar.domain.instruments import Instrument
from bursar.domain.money import ZERO, Money
from bursar.domain.sessions import Session
from bursar.errors import DataError, InputError
from bursar.ports import Broker, Feed, History, Journal, Panel
from bursar.risk.limits import strictest
from bursar.runtime import build
from bursar.runtime.door import Admitted
from bursar.runtime.grades import require_grades
from bursar.runtime.library import Library, open_library
from bursar.runtime.loop import Loop
from bursar.runtime.models import reasoner
from bursar.runtime.seal import Sealed
from bursar.runtime.shown import shown
from bursar.runtime.stage import HISTORY_DAYS, shelf_of, sleeve
from bursar.runtime.switch import Controls
from bursar.trading.engine import Engine
from bursar.trading.mandate import Mandate
from bursar.trading.view import MarketView

JOURNAL_NAME = "journal.sqlite"
#: Beside the one that trades: whoever asks for the time first.
FIRST_LOOKER = 1_000
#: How far sessions are looked up around the present day.
OUR_GATEWAY = ("This account is simulated: Bursar's own gateway answers behind its port.",)
BEFORE, AFTER = timedelta(days=40), timedelta(days=90)


def folder_of(home: Path, account: str) -> Path:
    """Where the journal of an account lies."""
    return home / "accounts" / account


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an account is, and what the broker said when it was first asked.

    at         its time
    held       what is held of the account, by the broker's contract
    admitted   how the door let it through
    """

    address: Address
    at: datetime
    admitted: Admitted
    held: tuple[ib_async.Contract, ...] = ()


def simulated(account: str) -> tuple[str, ...]:
    """What is made up about an account, in words."""
    return OUR_GATEWAY if account.startswith(SIMULATED_PREFIX) else ()


def moment(said: str, now: datetime, zone: str) -> datetime:
    """The time of day ``said``, such as 16:30, on the day of ``now`` in ``zone``. Raises InputError for none."""
    try:
        at = time.fromisoformat(said)
    except ValueError as error:
        raise InputError(f"{said!r} is no time of day; write it as 16:30") from error
    return datetime.combine(now.astimezone(ZoneInfo(zone)).date(), at, ZoneInfo(zone)).astimezone(UTC)


def address_of(settings: Settings, admitted: Admitted) -> Address:
    """Where the account is that the door let through. Raises InputError where the settings are of another one."""
    if settings.account.account_id != admitted.account:
        raise InputError(f"{admitted.account} was let through, and the settings are of {settings.account.account_id}")
    broker = settings.broker
    return Address(
        account=admitted.account,
        host=broker.host,
        port=broker.port,
        client_id=broker.client_id,
        timeout_seconds=float(broker.data_timeout_seconds),
        live=admitted.mode is Mode.LIVE,
    )


async def find(settings: Settings, admitted: Admitted) -> Place:
    """Ask the broker that the settings name for its time and for what the account holds; nothing else is asked.

    Raises BrokerError where nobody answers, or the account is not there.
    """
    broker, address = settings.broker, address_of(settings, admitted)
    first = replace(
        address,
        client_id=broker.client_id + FIRST_LOOKER,
        timeout_seconds=float(broker.connect_timeout_seconds),
    )
    connection = Connection(first, WallClock())
    await connection.connect(ib_async.ib.StartupFetch(0))
    try:
        at = await connection.barrier()
        positions = await connection.answered("its positions", connection.ib.reqPositionsAsync)
    finally:
        connection.close()
        await asyncio.sleep(0)  # ib_async closes its socket in the next turn of the loop
    held = [each.contract for each in positions if each.account == address.account and each.position]
    return Place(address=address, at=at, held=tuple(held), admitted=admitted)


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a run on an account is made of, all of it values.

    traded    what may be traded, by the watchlist and the prices that there are
    beside    what else is held: it is booked and quoted, and never traded
    foreign   what is held and cannot be booked (options, futures): it stays a difference, by its name
    sessions  around the present day
    """

    settings: Settings
    home: Path
    place: Place
    library: Library
    history: History
    mandate: Mandate
    traded: tuple[Instrument, ...]
    beside: tuple[Instrument, ...]
    foreign: tuple[str, ...]
    sessions: tuple[Session, ...]

    @property
    def folder(self) -> Path:
        """Where its journal lies."""
        return folder_of(self.home, self.mandate.account)

    @cached_property
    def instruments(self) -> Mapping[str, Instrument]:
        """All that is booked and quoted."""
        return {each.symbol: each for each in (*self.traded, *self.beside)}

    @cached_property
    def before(self) -> Session:
        """The last session that was over when the broker was asked."""
        return next(session for session in reversed(self.sessions) if session.close <= self.place.at)

    def closes(self) -> Panel:
        """Closes of what is traded, as they are known."""
        symbols = tuple(each.symbol for each in self.traded)
        return self.history.asof(symbols, "close", self.place.at, HISTORY_DAYS)

    def require_prices(self) -> None:
        """Raise DataError unless the prices reach up to the last session: nothing is decided on older ones."""
        dates = self.closes().dates
        last = dates[-1].astype(object) if len(dates) else None
        if last is None or last < self.before.day:
            raise DataError(
                f"the prices of {self.settings.market.source} end on {last}, and {self.before.day} is over at the "
                "broker; import newer ones (bursar data import) and name them in market.source"
            )


def prepare(settings: Settings, home: Path, place: Place) -> Account:
    """Everything but the connection. Raises InputError for settings that do not fit together, and for a strategy that
    may not trade such an account by itself.
    """
    require_grades(settings, home, place.admitted)
    library = open_library(settings, home, seed=settings.demo.seed, last=place.at.date())
    day = place.at.date()
    # Whole years, so that the table that is kept is the same one all year round.
    exchange = library.source.exchange
    calendar = ExchangeCalendar(exchange, date(day.year - 1, 1, 1), date(day.year + 1, 12, 31), keep=home / "data")
    sessions = calendar.sessions(day - BEFORE, day + AFTER)
    build.require_clock(settings, sessions)
    chosen = build.universe(settings, library.instruments)
    # Numbers of contracts are the broker's own: what a library made up for ours means nothing elsewhere.
    traded = tuple(replace(each, contract_id=0) for each in chosen)
    known, foreign = _held(place.held, {each.symbol: each for each in traded})
    return Account(
        settings=settings,
        home=home,
        place=place,
        library=library,
        history=library.history(place.at),
        mandate=_mandate(settings, place.admitted),
        traded=traded,
        beside=known,
        foreign=foreign,
        sessions=sessions,
    )


def _mandate(settings: Settings, admitted: Admitted) -> Mandate:
    """What may be done in the account: within the day's budget that the door asked for, too."""
    made = build.mandate(settings)
    budget = admitted.budget
    return made if budget is None else replace(made, limits=strictest([made.limits, made.limits.with_budget(budget)]))


def _held(
    contracts: Sequence[ib_async.Contract], traded: Mapping[str, Instrument]
) -> tuple[tuple[Instrument, ...], tuple[str, ...]]:
    """What is held and not traded: as instruments where it is shares, else by name.

    Raises InputError for shares of another exchange under a symbol that is traded: no book could tell them apart.
    """
    shares: dict[str, Instrument] = {}
    foreign: list[str] = []
    for contract in contracts:
        symbol = contract.symbol.replace(" ", ".")
        if contract.secType != "STK":
            foreign.append(contract.localSymbol or contract.symbol)
        elif symbol in traded and contract.currency != traded[symbol].currency:
            raise InputError(
                f"the account holds {symbol} in {contract.currency}, and {symbol} of {traded[symbol].exchange} in "
                f"{traded[symbol].currency} is to be traded; leave it out of market.watchlist"
            )
        elif symbol not in traded:
            shares[symbol] = Instrument(symbol=symbol, currency=contract.currency, contract_id=contract.conId)
    return tuple(shares[symbol] for symbol in sorted(shares)), tuple(sorted(foreign))


@asynccontextmanager
async def connected(
    account: Account, journal: Sequence[Event], every_seconds: float
) -> AsyncIterator[tuple[ib.IBBroker, ib.IBFeed]]:
    """A broker and a feed over one connection, for as long as the block lasts. The feed looks so often."""
    clock = WallClock()

    async def pace() -> None:
        await clock.sleep_until(clock.now() + timedelta(seconds=every_seconds))

    broker, feed = await ib.connect(
        account.place.address,
        account.instruments,
        account.sessions,
        clock=clock,
        portfolio=account.mandate.beside,
        journal=journal,
        pace=pace,
    )
    try:
        yield broker, feed
    finally:
        broker.connection.close()
        await asyncio.sleep(0)


async def loop(
    account: Account, feed: Feed, broker: Broker, journal: Journal, controls: Controls | None = None
) -> Loop:
    """The loop of a run on the account, on from what ``journal`` holds; an empty one begins with what is there now."""
    account = on_ticks(account, feed.ticks if isinstance(feed, ib.IBFeed) else {})
    fresh = engine(account)
    begun = {recorded.event.event_id for recorded in journal.read()}
    first = () if begun else beginning(account, fresh, await broker.account())
    if begun:
        await journal.append([event for event in _listed(account) if event.event_id not in begun])
    settings = account.settings
    return Loop(
        engine=fresh,
        feed=shown(feed, controls),
        broker=broker,
        journal=journal,
        history=account.history,
        morning=build.morning(
            settings,
            shelf_of(account.library, account.history),
            SignalBox(account.home / "signals"),
            reasoner(settings, account.home),
        ),
        history_days=HISTORY_DAYS,
        beginning=lambda: first,
        commands=controls.commands if controls else None,
        switch=controls.switch if controls else None,
        reserve=controls.reserve if controls else None,
        patient=controls is not None,
    )


def on_ticks(account: Account, ticks: Mapping[str, Decimal]) -> Account:
    """The account with prices in the broker's steps: a stop on a step of adjusted prices would be refused there.

    Never in smaller steps than the prices have. Where the steps grow with the price, the broker tells the smallest.
    """
    traded = tuple(replace(each, tick=max(each.tick, ticks.get(each.symbol, each.tick))) for each in account.traded)
    return replace(account, traded=traded)


def engine(account: Account) -> Engine:
    """The engine of an account of which nothing is known yet."""
    at = account.place.at
    session = next((each for each in account.sessions if each.close > at), account.sessions[-1])
    market = MarketView(
        at=at,
        instruments={each.symbol: each for each in account.traded},
        quotes={},
        closes=account.closes(),
        session=session,
        lacks=account.history.lacks(),
    )
    return Engine(account.mandate, build.strategy(account.settings), market, account.sessions)


def beginning(account: Account, fresh: Engine, first: AccountSnapshot) -> tuple[Event, ...]:
    """What the journal of an account begins with: what can be held, and the cash that the broker told, in its parts.

    Raises InputError on a day on which the account has traded already: its executions would be booked beside the cash
    that they left.
    """
    mandate, at, base = account.mandate, account.place.at, account.mandate.base_currency
    if first.executions:
        raise InputError(
            f"account {mandate.account} has traded today ({len(first.executions)} executions), and books begin with "
            "what a day begins with; come back before the next session"
        )
    cash = first.cash.get(base, ZERO)
    if mandate.capital is not None and mandate.capital > cash:
        raise InputError(
            f"sleeve.capital is {mandate.capital:,.2f} {base}, and {cash:,.2f} are there; give at most that"
        )
    started = RunStarted(
        event_id=fresh.ids.new("u"),
        at=at,
        run_id=mandate.account,
        mode=account.place.admitted.mode,
        account=mandate.account,
        seed=0,
        settings=account.settings.text(),
        simulated=simulated(mandate.account),
    )
    opened = AccountOpened(
        event_id=f"account/{mandate.account}",
        at=at,
        account=mandate.account,
        base_currency=base,
        lot_method=LotMethod(account.settings.account.lot_method),
    )
    deposited = (
        Deposited(
            event_id=f"deposit/{mandate.account}/{currency}",
            at=at,
            account=mandate.account,
            portfolio=mandate.beside,
            amount=Money(amount, currency),
        )
        for currency, amount in sorted(first.cash.items())
        if amount
    )
    return started, opened, *_listed(account), *deposited, *sleeve(mandate, at)


def _listed(account: Account) -> Iterator[InstrumentListed]:
    for symbol, instrument in account.instruments.items():
        yield InstrumentListed(event_id=f"instrument/{symbol}", at=account.place.at, instrument=instrument)


# ------------------------------------------------------------ looking, and until when


async def observe(account: Account, journal: Journal, every_seconds: float) -> AccountSnapshot:
    """Begin the books, or hold them against the broker, with everything sealed; what the broker told last."""
    held = [recorded.event for recorded in journal.read()]
    async with connected(account, held, every_seconds) as (broker, feed):
        sealed = Sealed(broker)
        looking = await loop(
            account, feed, sealed, journal, Controls.of(account.home, account.folder, account.settings)
        )
        looking.finished = lambda: looking.reconciled
        await looking.run()
        return await sealed.account()


class Until:
    """Whether a run is over; asked before the tasks of each instant, of which those of a morning need its prices."""

    def __init__(self, account: Account, engine: Engine, until: datetime | None) -> None:
        self._account, self._engine, self._until = account, engine, until
        self._looked: date | None = None

    def __call__(self) -> bool:
        at, session = self._engine.market.at, self._engine.session
        if self._until is not None and at >= self._until:
            return True
        if session is not None and session.day != self._looked and at < session.close:
            replace(self._account, place=replace(self._account.place, at=at)).require_prices()
            self._looked = session.day
        return False
