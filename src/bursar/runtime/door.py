"""The locked door: what must agree before an order can reach an account, and before real money above all.

    profile   says that it is live, or paper
    port      is one behind which real money lies (7496, 4001), or is not
    prefix    of the account's name says so too: U for real money, DU and DF for paper
    phrase    typed by a person, that names the account; for a live account, and for no other
    budget    what a session's opening orders may come to; no live account is without one

All of them say live, or all of them say paper; whatever disagrees is fatal, and nothing is sent. This is the one place
that reads an account's mode.

Who only looks (``bursar observe``, ``bursar dryrun``) types no phrase and needs no budget: everything else must agree
all the same, and what was let through so is sealed, so that nothing can be sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bursar.config.accounts import AccountProfile
from bursar.config.kinds import LIVE_PORTS
from bursar.domain.accounts import is_paper
from bursar.domain.events import Mode
from bursar.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """An account that may be reached.

    budget  of a session's opening orders, or None where there is none
    sealed  True where it may only be looked at
    """

    name: str
    account: str
    mode: Mode
    budget: Decimal | None
    sealed: bool = False


def phrase_for(profile: AccountProfile) -> str:
    """What a person must type to let orders reach a live account."""
    return f"trade real money in {profile.account_id}"


def mode_of(profile: AccountProfile) -> str:
    """The mode that is set, for those who show it; what follows from it is decided in ``admit`` alone."""
    return profile.mode


def admit(name: str, profile: AccountProfile, typed: str = "", *, looking: bool = False) -> Admitted:
    """Let an account through, or raise InputError, in words that the owner of the money understands.

    looking  True where nothing is to be sent
    """
    live, account, port = profile.mode == "live", profile.account_id, profile.port
    if is_paper(account) == live:
        said, is_ = ("live", "a paper account") if live else ("paper", "an account with real money")
        raise InputError(f"accounts.{name} says {said}, and {account} is {is_}; nothing is sent until both agree")
    if (port in LIVE_PORTS) != live:
        said, behind = ("live", "no real money lies") if live else ("paper", "real money lies")
        raise InputError(
            f"accounts.{name} says {said}, and behind port {port} {behind}; live ports are 7496 and 4001, "
            "paper ports 7497 and 4002. Nothing is sent until both agree"
        )
    if not live:
        if typed:
            raise InputError(
                f"a phrase was typed, and accounts.{name} is a paper account, which needs none; which is it?"
            )
        return Admitted(
            name=name, account=account, mode=Mode.PAPER, budget=profile.notional_per_day_max, sealed=looking
        )
    if looking:
        return Admitted(name=name, account=account, mode=Mode.LIVE, budget=profile.notional_per_day_max, sealed=True)
    if profile.notional_per_day_max is None:
        raise InputError(
            f"accounts.{name} moves real money and has no daily budget; set notional_per_day_max to what one day's "
            "purchases may come to"
        )
    if typed != phrase_for(profile):
        differs = f"what was typed, {typed!r}, is not the phrase; " if typed else ""
        raise InputError(
            f"{account} holds real money; {differs}to let orders reach it, type exactly: {phrase_for(profile)}"
        )
    return Admitted(name=name, account=account, mode=Mode.LIVE, budget=profile.notional_per_day_max)
