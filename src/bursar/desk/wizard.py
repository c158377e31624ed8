"""The first hour on an account: what was found, what is to be clicked, and the file that follows from it.

Ten things must be right in Trader Workstation or IB Gateway. What a program can see of them is looked at over the wire;
what it cannot see is said, with where to click.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bursar.adapters.survey import COMPETING, Found, Holder
from bursar.errors import InputError


class State(StrEnum):
    """How a thing stands: seen to be right, to be changed, or nothing that a program can see."""

    RIGHT = "right"
    TODO = "to do"
    BY_EYE = "look yourself"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at. todo: what to click where it is not right, or cannot be seen; else empty."""

    what: str
    found: str
    todo: str = ""
    state: State = State.RIGHT


#: Where each of them is set.
SETTINGS = "Configure > API > Settings"
SOCKETS = f"{SETTINGS} > Enable ActiveX and Socket Clients: tick it"
TRUSTED = f"{SETTINGS} > Trusted IPs: add 127.0.0.1, and tick Allow connections from localhost only"
READ_ONLY_ON = f"{SETTINGS} > Read-Only API: leave it ticked while Bursar observes; untick it before it may trade"
READ_ONLY_OFF = f"{SETTINGS} > Read-Only API: tick it while Bursar only observes, for a second lock on the door"
PRECAUTIONS = (
    "Configure > API > Precautions > Bypass Order Precautions for API Orders: tick it, or orders wait for a click"
)
RESTART = "Configure > Lock and Exit > Auto restart: set it, at a time at which no market that you trade is open"
SUBSCRIPTIONS = "Client Portal > Settings > Market Data Subscriptions: subscribe to the markets that you trade"
SESSION = "Client Portal > Settings > Users: add a second user for Bursar, so that your own login keeps its market data"
FRACTIONS = "Client Portal > Settings > Trading Permissions > Stocks: Trade in Fractions, if you want parts of shares"
CURRENCY = "Client Portal > Settings > Base Currency: set it to the currency of the stocks that you trade"


def checks(found: Sequence[Found]) -> tuple[Check, ...]:
    """What was found on each port, and the ten things of each program that answers."""
    there = [each for each in found if each.listens]
    if not there:
        silent = ", ".join(str(each.port) for each in found)
        return (
            Check(
                what="a program of IBKR on this machine",
                found=f"nothing listens on {silent}",
                todo="start Trader Workstation or IB Gateway and log in (paper first), or start bursar gateway",
                state=State.TODO,
            ),
        )
    told: list[Check] = []
    for each in there:
        told.append(_port(each))
        if each.answers:
            told += [_account(each, holder) for holder in each.accounts]
            told += _things(each)
    return tuple(told)


def _port(found: Found) -> Check:
    what = f"port {found.port} ({found.program})"
    if found.answers:
        return Check(what=what, found=f"answers, protocol version {found.version}, {found.positions} positions")
    return Check(
        what=what,
        found=f"something listens and does not talk to us: {found.trouble}",
        todo=f"{SOCKETS}; {TRUSTED}",
        state=State.TODO,
    )


def _account(found: Found, holder: Holder) -> Check:
    money = "unknown equity" if holder.equity is None else f"{holder.equity:,.2f} {holder.currency}"
    what, said = f"account {holder.account} at {found.port}", f"{'paper' if holder.paper else 'REAL MONEY'}, {money}"
    if holder.paper:
        return Check(what=what, found=said)
    return Check(
        what=what,
        found=said,
        todo="begin with the paper account; live is a locked door, and opens by your hand alone",
        state=State.TODO,
    )


def _things(found: Found) -> Iterator[Check]:
    """The ten things of one program, in the order in which a person comes by them."""
    yield Check(what="1 socket clients", found="on: it talks to us")
    yield Check(what="2 trusted address", found="this machine is let in")
    on = found.read_only
    yield Check(
        what="3 read-only API",
        found="on: no order can pass" if on else "off: an order could pass, if strategy.autonomy let it",
        todo=READ_ONLY_ON if on else READ_ONLY_OFF,
    )
    yield Check(what="4 precautions", found="not to be seen", todo=PRECAUTIONS, state=State.BY_EYE)
    yield Check(what="5 auto restart", found="not to be seen", todo=RESTART, state=State.BY_EYE)
    live = not found.data
    yield Check(
        what="6 market data",
        found="live prices are told" if live else found.data,
        todo="" if live else SUBSCRIPTIONS,
        state=State.RIGHT if live else State.TODO,
    )
    competing = found.data == COMPETING
    yield Check(
        what="7 one session a user",
        found="another login of this user is active" if competing else "no other login is in the way now",
        todo=SESSION,
        state=State.TODO if competing else State.BY_EYE,
    )
    for holder in found.accounts:
        yield from _holder(holder)
    fractions = found.size_step is not None and found.size_step < 1
    yield Check(
        what="9 fractions",
        found="not told" if found.size_step is None else f"AAPL trades in steps of {found.size_step.normalize():f}",
        todo="" if fractions else FRACTIONS,
        state=State.RIGHT if fractions else State.BY_EYE,
    )
    for holder in found.accounts:
        yield Check(
            what=f"10 base currency of {holder.account}",
            found=holder.currency or "not told",
            todo="" if holder.currency == "USD" else CURRENCY,
            state=State.RIGHT if holder.currency == "USD" else State.BY_EYE,
        )


def _holder(holder: Holder) -> Iterator[Check]:
    kind = holder.kind or "not told"
    if holder.power is None or holder.equity is None:
        yield Check(what=f"8 account type of {holder.account}", found=kind)
        return
    margin = holder.power > holder.equity
    yield Check(
        what=f"8 account type of {holder.account}",
        found=f"{kind}, {'margin' if margin else 'cash'}: it may buy for {holder.power:,.2f}",
        todo="risk.leverage_max is 1 unless you raise it: what was lent is not used" if margin else "",
    )


def chosen(found: Sequence[Found], account: str | None) -> tuple[Found, Holder]:
    """The paper account that is set up: the one that was named, or the only one. Raises InputError otherwise."""
    there = [(each, holder) for each in found for holder in each.accounts]
    paper = [(each, holder) for each, holder in there if holder.paper]
    if account is not None:
        named = [(each, holder) for each, holder in there if holder.account == account]
        if not named:
            known = ", ".join(holder.account for _, holder in there) or "none"
            raise InputError(f"account {account} is behind none of the ports; what is there: {known}")
        if not named[0][1].paper:
            raise InputError(f"{account} holds real money; set up a paper account first, and watch it for a while")
        return named[0]
    if not paper:
        raise InputError("no paper account answers; log in to Trader Workstation or IB Gateway with the paper user")
    if len(paper) > 1:
        names = ", ".join(f"{holder.account} at {each.port}" for each, holder in paper)
        raise InputError(f"more than one paper account answers ({names}); name one with --account")
    return paper[0]


def settings_file(found: Found, holder: Holder, host: str) -> str:
    """A ``bursar.toml`` that only observes."""
    lines = [
        "# Written by bursar setup. It only observes: positions and cash are read, nothing is sent.",
        "# Raise strategy.autonomy yourself, to propose, approve or automatic, when you have watched it for a while.",
        '# To manage a part alone: [sleeve] with capital = 50000, and hands_off = ["AAPL"] for what is never touched.',
        "",
        "[broker]",
        f'host = "{host}"',
        f"port = {found.port}",
        "",
        "[account]",
        f'account_id = "{holder.account}"',
    ]
    if holder.currency:
        lines.append(f'base_currency = "{holder.currency}"')
    return "\n".join([*lines, "", "[strategy]", 'autonomy = "observe"', "", "[risk]", 'protection = "broker"', ""])


def write(path: Path, text: str, *, replace: bool) -> None:
    """Write the file. Raises InputError where one is there and was not to be replaced."""
    if path.exists() and not replace:
        raise InputError(f"{path} is there already; move it away, or say --replace")
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
