"""One trader, several accounts: which of them is traded can be changed while it runs.

An account is a seat: a loop with its own broker, journal and limits, made by whoever knows how. Changing seats is

    1. validated    nobody has pulled the kill switch; the door lets the new account through; the broker answers for
                    that account and no other; it has equity; what its limits allow (margin, shorts), the account can do
    2. journalled   in both accounts, with who and why; a change that is refused is journalled in the old one
    3. carried out  what opens in the old account is canceled and the broker confirms it; what protects or closes stays
                    at work there; the old account is left halted. Only then does the new one begin

What becomes of orders that open is a rule of the settings (``account.open_orders``): they are canceled, or as long as
one works the change is refused. Who comes back finds the account as it was left, and it may trade again, unless
something else had stopped it. While a new account is asked, the old one is not looked at: as long at most as a
connection and an answer may take (``broker.connect_timeout_seconds``, ``broker.data_timeout_seconds``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from bursar.config.accounts import AccountProfile
from bursar.domain.accounts import AccountSnapshot
from bursar.domain.events import (
    AccountSwitched,
    Event,
    KillForm,
    KillOrdered,
    SwitchRefused,
    TradingState,
    TradingStateChanged,
)
from bursar.errors import BrokerError, BursarError, InputError
from bursar.ports import Command
from bursar.runtime.door import Admitted, admit
from bursar.runtime.loop import Loop
from bursar.trading.engine import Engine
from bursar.trading.mandate import Autonomy

#: A change that was asked for longer ago is not what a person wants now: nobody traded when it was asked for.
ASKED_LATELY = timedelta(minutes=10)
#: How the reason begins for which an account was left halted.
LEAVING = "leaving for "


@dataclass(slots=True, kw_only=True)
class Seat:
    """One account's place: its loop, and what that must be told whenever it begins.

    change   what becomes of the command to trade in another account
    arrived  the change that led here, where one did
    leaving  the order to stop, once another account is to be traded
    """

    name: str
    profile: AccountProfile
    loop: Loop
    change: Callable[[Command], Awaitable[object]] | None = None
    arrived: AccountSwitched | None = None
    leaving: Command | None = None

    async def prepare(self) -> None:
        """Tell the loop, before it runs, what it must know. It is told nothing twice."""
        self.loop.change = self.change
        if self.arrived is not None:
            await _take_up(self.loop, self.arrived)
        if self.leaving is not None:
            self.leave(self.leaving)

    def leave(self, command: Command) -> None:
        """Halt the account, and let its loop end once nothing that opens works there any more."""
        self.leaving, loop, before = command, self.loop, self.loop.finished
        loop.hand(command)
        loop.finished = lambda: self.left or before()

    @property
    def left(self) -> bool:
        """True once the account stands as it is left: nothing opens or is halfway, and what is held is protected."""
        engine = self.loop.engine
        standing = engine.standing
        if self.leaving is None or standing.kill is None or not standing.finished:
            return False
        return not _bare(engine) and not engine.sagas.executing()

    async def run(self) -> None:
        """Trade until the loop ends."""
        await self.prepare()
        await self.loop.run()

    async def close(self) -> None:
        """Give back what the seat holds."""


Sit = Callable[[Admitted, AccountProfile], Awaitable[Seat]]
#: What becomes of orders that open in an account that is left.
OpenOrders = Literal["cancel", "refuse"]


class Trader:
    """Trades one account at a time.

    profiles     the accounts by name
    sit          opens a seat: connects, and makes a loop over the account's own journal
    open_orders  what becomes of orders that open in an account that is left
    now          the time by which commands are sent, whatever the broker's is; None takes them however old they are
    """

    def __init__(
        self,
        profiles: Mapping[str, AccountProfile],
        sit: Sit,
        open_orders: OpenOrders = "cancel",
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._now = now
        self._profiles = profiles
        self._sit = sit
        self._open_orders = open_orders
        self._next: tuple[Seat, AccountSwitched] | None = None
        self.seat: Seat | None = None

    async def run(self, name: str, typed: str = "") -> None:
        """Trade account ``name`` until its loop ends, and then whichever account was changed to."""
        profile = self._profile(name)
        self.seat = await self._sit(admit(name, profile, typed), profile)
        try:
            while True:
                self.seat.change = self.obey
                await self.seat.run()
                if self._next is None or not self.seat.left:
                    return
                following, switched = self._next
                await self.seat.loop.commit([switched])
                await self.seat.close()
                following.arrived = switched
                self.seat, self._next = following, None
        finally:
            if self._next is not None:
                await self._next[0].close()
            await self.seat.close()

    async def obey(self, command: Command) -> AccountSwitched | SwitchRefused:
        """Do what was asked for by ``bursar switch`` or over the API; it is asked again until that is journalled."""
        said, cause = command.arguments, f"command/{command.command_id}"
        if self._next is not None and cause in self._next[1].causes:
            return self._next[1]
        return await self.change(
            said.get("account", ""),
            by=command.by,
            reason=said.get("reason", ""),
            typed=said.get("phrase", ""),
            asked_at=command.at,
            causes=(cause,),
        )

    async def change(
        self,
        name: str,
        *,
        by: str,
        reason: str,
        typed: str = "",
        asked_at: datetime | None = None,
        causes: tuple[str, ...] = (),
    ) -> AccountSwitched | SwitchRefused:
        """Trade in another account from now on: what both journals will say of it.

        Where anything does not agree it is refused, which the old journal says; then nothing changes.
        """
        old = self.seat
        if old is None:
            raise InputError("no account is traded yet; start with one before changing to another")
        at = old.loop.engine.market.at
        try:
            self._check_age(asked_at)
            following, admitted = await self._validated(old, name, reason, typed)
        except BursarError as error:
            refused = replace(_refused(old, name, str(error), by), causes=causes)
            await old.loop.commit([refused])
            return refused
        switched = AccountSwitched(
            event_id=f"switch/{old.profile.account_id}/{admitted.account}/{at:%Y-%m-%dT%H:%M:%SZ}",
            at=at,
            causes=causes,
            account=old.profile.account_id,
            to=admitted.account,
            mode=admitted.mode,
            reason=reason,
            by=by,
        )
        self._next = following, switched
        arguments = {"form": KillForm.HALT.value, "reason": f"{LEAVING}{name}: {reason}"}
        old.leave(Command(command_id=switched.event_id, name="kill", arguments=arguments, by=by, at=at))
        return switched

    def _check_age(self, asked_at: datetime | None) -> None:
        """See that it was asked for lately."""
        if self._now is not None and asked_at is not None and self._now() - asked_at > ASKED_LATELY:
            raise InputError(
                f"it was asked for at {asked_at:%Y-%m-%d %H:%M} UTC, while nothing was traded; ask again if it is meant"
            )

    def _profile(self, name: str) -> AccountProfile:
        if name not in self._profiles:
            raise InputError(f"there is no account {name!r}; bursar.toml names {', '.join(sorted(self._profiles))}")
        return self._profiles[name]

    async def _validated(self, old: Seat, name: str, reason: str, typed: str) -> tuple[Seat, Admitted]:
        profile = self._profile(name)
        if not reason.strip():
            raise InputError("say why another account is to be traded; both journals keep it")
        if name == old.name or self._next is not None:
            raise InputError(f"{name} cannot be changed to: it is traded already, or another change is under way")
        self._check_left(old)
        admitted = admit(name, profile, typed)
        seat = await self._sit(admitted, profile)
        try:
            _capable(profile, await seat.loop.broker.account())
        except BursarError:
            await seat.close()
            raise
        return seat, admitted

    def _check_left(self, old: Seat) -> None:
        """See that the old account may be left."""
        loop = old.loop
        if loop.switch is not None and loop.switch.asked() is not None:
            raise InputError("the kill switch is pulled, and no way leads around it; re-arm before you change accounts")
        if not loop.engine.mandate.protection_at_broker and loop.engine.ours:
            raise InputError(
                f"the stops of {', '.join(sorted(loop.engine.ours))} are watched by this program and rest nowhere; "
                "set risk.protection to broker before you leave the account, or close what it holds"
            )
        opening = [state.order.order_id for state in loop.engine.orders.working() if state.order.opens]
        if opening and self._open_orders == "refuse":
            raise InputError(
                f"{', '.join(opening)} would open in {old.profile.account_id} and account.open_orders is refuse; "
                "wait until they are filled, cancel them, or set it to cancel"
            )


def _bare(engine: Engine) -> AbstractSet[str]:
    """What is held without a stop at the broker, where one could be placed now: an order filled at the last moment."""
    session = engine.session
    able = engine.mandate.autonomy is not Autonomy.OBSERVE and session and session.contains(engine.market.at)
    return engine.cover.bare - engine.breaks.symbols if able else frozenset()


def _capable(profile: AccountProfile, snapshot: AccountSnapshot) -> None:
    """See that the account is the one that was named, and can do what its limits allow."""
    if snapshot.account != profile.account_id:
        raise BrokerError(
            f"account {snapshot.account} answered behind port {profile.port}, and {profile.account_id} was named; "
            "log in to the right one"
        )
    if snapshot.equity is None or snapshot.equity <= 0:
        raise BrokerError(f"account {profile.account_id} tells no equity; there is nothing to trade with")
    limits = profile.limits()
    on_margin = limits.leverage_max > Decimal(1) or limits.shorts_allowed
    if on_margin and (snapshot.buying_power is None or snapshot.buying_power <= snapshot.equity):
        raise InputError(
            f"the limits of {profile.account_id} allow margin or shorts, and its buying power is no more than its "
            "equity: a cash account; lower risk.leverage_max to 1 and set risk.shorts_allowed to false"
        )


async def _take_up(loop: Loop, switched: AccountSwitched) -> None:
    """Journal the change in the new account, and let it trade again where only a change had stopped it."""
    begun = left = False
    for recorded in loop.journal.read():
        begun, left = True, _left(recorded.event, left)
    if begun:
        await loop.journal.append([switched])
    else:
        beginning = loop.beginning
        loop.beginning = lambda: (*beginning(), switched)
    # Re-arming takes the kill switch back; a change of accounts must never do that for a person.
    if left and (loop.switch is None or loop.switch.asked() is None):
        said = {"reason": f"taken up again: {switched.reason}"}
        name = f"{switched.event_id}/rearm"
        loop.hand(Command(command_id=name, name="rearm", arguments=said, by=switched.by, at=switched.at))


def _left(event: Event, before: bool) -> bool:
    """Whether the account stands as it was left, given one more event."""
    match event:
        case KillOrdered(reason=reason):
            return reason.startswith(LEAVING)
        case TradingStateChanged(state=TradingState.ACTIVE):
            return False
        case _:
            return before


def _refused(old: Seat, name: str, why: str, by: str) -> SwitchRefused:
    at = old.loop.engine.market.at
    account = old.profile.account_id
    return SwitchRefused(event_id=old.loop.engine.ids.new("g"), at=at, account=account, to=name, why=why, by=by)
