"""One trader, several accounts: which of them is traded can be changed while it runs.

An account is a seat: a loop with its own broker, journal and limits, made by whoever knows how. Changing seats is

    1. validated    the door lets the new account through; the broker answers for that account and no other; it has
                    equity; what its limits allow (margin, shorts), the account can do
    2. journalled   in both accounts, with who and why; a change that is refused is journalled in the old one
    3. carried out  what opens in the old account is canceled and the broker confirms it; what protects or closes stays
                    at work there; the old account is left halted. Only then does the new one begin

Who comes back finds the account as it was left, and it may trade again, unless something else had stopped it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

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

#: How the reason begins for which an account was left halted.
LEAVING = "leaving for "


@dataclass(slots=True, kw_only=True)
class Seat:
    """One account's loop. Its ``commands`` are its operators' inbox, which every seat has."""

    name: str
    profile: AccountProfile
    loop: Loop


Sit = Callable[[str, AccountProfile], Awaitable[Seat]]


class Trader:
    """Trades one account at a time.

    profiles  the accounts by name
    sit       opens a seat: connects, and makes a loop over the account's own journal
    """

    def __init__(self, profiles: Mapping[str, AccountProfile], sit: Sit) -> None:
        self._profiles = profiles
        self._sit = sit
        self._next: tuple[Seat, AccountSwitched] | None = None
        self.seat: Seat | None = None

    async def run(self, name: str, typed: str = "") -> None:
        """Trade account ``name`` until its loop ends, and then whichever account was changed to."""
        profile = self._profile(name)
        admit(name, profile, typed)
        self.seat = await self._sit(name, profile)
        while self.seat is not None:
            await self.seat.loop.run()
            if self._next is None:
                return
            following, switched = self._next
            await self.seat.loop.commit([switched])
            await _take_up(following, switched)
            self.seat, self._next = following, None

    async def change(self, name: str, *, by: str, reason: str, typed: str = "") -> None:
        """Trade in another account from now on.

        Raises InputError or BrokerError, journalled as SwitchRefused, where anything does not agree; then nothing
        changes.
        """
        old = self.seat
        if old is None:
            raise InputError("no account is traded yet; start with one before changing to another")
        try:
            following, admitted = await self._validated(old, name, reason, typed)
        except BursarError as error:
            await old.loop.commit([_refused(old, name, str(error), by)])
            raise
        at = old.loop.engine.market.at
        switched = AccountSwitched(
            event_id=f"switch/{old.profile.account_id}/{admitted.account}/{at:%Y-%m-%dT%H:%M:%SZ}",
            at=at,
            account=old.profile.account_id,
            to=admitted.account,
            mode=admitted.mode,
            reason=reason,
            by=by,
        )
        self._next = following, switched
        _leave(old, f"{LEAVING}{name}: {reason}", by, switched.event_id)

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
        admitted = admit(name, profile, typed)
        seat = await self._sit(name, profile)
        _capable(profile, await seat.loop.broker.account())
        return seat, admitted


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


def _leave(old: Seat, reason: str, by: str, cause: str) -> None:
    """Halt the old account, and let its loop end once nothing that opens works there any more."""
    loop, engine = old.loop, old.loop.engine
    assert loop.commands is not None, "every seat has an inbox"
    arguments = {"form": KillForm.HALT.value, "reason": reason}
    loop.commands.send(Command(command_id=cause, name="kill", arguments=arguments, by=by, at=engine.market.at))
    loop.finished = lambda: engine.standing.kill is not None and engine.standing.finished


async def _take_up(seat: Seat, switched: AccountSwitched) -> None:
    """Journal the change in the new account, and let it trade again where only a change had stopped it."""
    loop, left = seat.loop, False
    begun = False
    for recorded in loop.journal.read():
        begun, left = True, _left(recorded.event, left)
    if begun:
        await loop.journal.append([switched])
    else:
        beginning = loop.beginning
        loop.beginning = lambda: (*beginning(), switched)
    if left:
        assert loop.commands is not None, "every seat has an inbox"
        said = {"reason": f"taken up again: {switched.reason}"}
        name = f"{switched.event_id}/rearm"
        loop.commands.send(Command(command_id=name, name="rearm", arguments=said, by=switched.by, at=switched.at))


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
