"""Which account `bursar run` serves and trades, and how the program that trades it is started.

    one account is set up     that one
    several                   the one that --account names; without it nothing is begun
    none, or --demo           the days of the demo, in a simulated account over the embedded gateway

An account is set up by its table [accounts.NAME] in bursar.toml, or, under the name main, by [account] and [broker]
where they say another account, host or port than those that ship.

Whoever changed accounts (`bursar switch`) finds the change again: at an account that was left, the one that it was left
for is served and traded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bursar.adapters.journal import last
from bursar.adapters.store.sealing import Cipher
from bursar.config import Settings
from bursar.config.accounts import AccountProfile, all_accounts, set_up
from bursar.desk.traded import left_for
from bursar.domain.events import AccountSwitched
from bursar.errors import InputError
from bursar.runtime.account import JOURNAL_NAME, folder_of
from bursar.runtime.door import admit, mode_of

#: Stands in the line that `bursar trade` prints once it trades.
BEGUN = "; stop it with Ctrl-C"
#: What is done with a decision, by the autonomy of the account.
DOING: Mapping[str, str] = {
    "observe": "observes and sends nothing",
    "propose": "proposes and waits for your tap",
    "approve": "waits for a tap for each order",
    "automatic": "trades within its limits",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """An account that is served, by its name in bursar.toml.

    left  the one that was asked for and had been left for this one; empty where it is that one
    """

    name: str
    profile: AccountProfile
    left: str = ""

    @property
    def account(self) -> str:
        """Its name at the broker."""
        return self.profile.account_id

    @property
    def live(self) -> bool:
        """True where real money moves."""
        return mode_of(self.profile) == "live"

    def journal(self, home: Path) -> Path:
        """Where its journal lies."""
        return folder_of(home, self.account) / JOURNAL_NAME


def lines(served: Served | None, settings: Settings) -> Iterator[str]:
    """Who is traded, in words that nobody can misread; None is the demo."""
    if served is None:
        yield "simulated: the days of the demo over the embedded gateway; an account of bursar.toml: --account NAME"
        return
    there, doing = served.profile, DOING[served.profile.settings(settings).strategy.autonomy]
    money = "REAL MONEY" if served.live else "paper"
    yield f"{money}: {served.account} (account {served.name}) behind {there.host}:{there.port} {doing}"
    if served.left:
        yield f"{served.left} was left for {served.name}: bursar switch {served.left} leads back"


def chosen(settings: Settings, config: Path | None, name: str = "", *, demo: bool = False) -> Served | None:
    """The account to serve; None for the demo. Raises InputError where it cannot be told, and as the door does."""
    if name and demo:
        raise InputError("--account names an account and --demo serves none; give one of them")
    if demo:
        return None
    there = all_accounts(settings, config)
    if not name:
        ready = set_up(settings, config)
        if len(ready) > 1:
            listed = ", ".join(f"{each} ({profile.account_id})" for each, profile in ready.items())
            raise InputError(
                f"several accounts are set up: {listed}; say which one is traded first: bursar run --account NAME"
            )
        name = next(iter(ready), "")
    if not name:
        return None
    if name not in there:
        raise InputError(f"there is no account {name!r}; bursar.toml names {', '.join(sorted(there))}")
    admit(name, there[name], looking=True)
    return Served(name=name, profile=there[name])


def traded(asked: Served, accounts: Mapping[str, AccountProfile], home: Path, cipher: Cipher | None) -> Served:
    """The account that is traded where ``asked`` was begun with: that one, or the one that it was left for.

    Raises InputError where it was left for one that bursar.toml does not name any more.
    """
    found, followed = asked, list[AccountSwitched]()
    while (left := _left(found, home, cipher)) is not None and left not in followed:
        followed.append(left)
        found = _left_for(asked, left, accounts)
    if left is None:
        return found
    # Each was left for another, since whoever came back to one died before that knew it: the last change counts.
    return _left_for(asked, max(reversed(followed), key=lambda each: each.at), accounts)


def _left(served: Served, home: Path, cipher: Cipher | None) -> AccountSwitched | None:
    end = last(served.journal(home), cipher)
    return left_for(served.account, end.event) if end else None


def _left_for(asked: Served, left: AccountSwitched, accounts: Mapping[str, AccountProfile]) -> Served:
    names = [name for name, profile in accounts.items() if profile.account_id == left.to]
    if not names:
        raise InputError(
            f"{left.account} was left for {left.to}, which bursar.toml does not name; add it under [accounts.NAME]"
        )
    return Served(name=names[0], profile=accounts[names[0]], left=asked.name if names[0] != asked.name else "")
