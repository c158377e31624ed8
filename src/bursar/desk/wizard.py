"""The first hour on an account: what was found, what is to be clicked, and the file that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bursar.adapters.survey import Found, Holder
from bursar.errors import InputError

#: What cannot be seen over the wire, and where it is set.
BY_EYE = (
    "Configure > API > Settings > Enable ActiveX and Socket Clients: ticked",
    "Configure > API > Settings > Read-Only API: leave it ticked while Bursar only observes; untick it to let it trade",
    "Configure > API > Settings > Trusted IPs: 127.0.0.1, and Allow connections from localhost only: ticked",
    "Configure > API > Precautions > Bypass Order Precautions for API Orders: ticked, or orders wait for a click",
    "Configure > Lock and Exit > Auto restart: set, and at a time at which no market that you trade is open",
    "Client Portal > Settings > Trading Permissions: the markets that you want traded, and fractions if you want them",
    "Client Portal > Settings > Users: a second user for Bursar, so that your own login does not take its market data",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at. todo: what to click where it is not right; empty where it is."""

    what: str
    found: str
    todo: str = ""


def checks(found: Sequence[Found]) -> tuple[Check, ...]:
    """What was found on each port, and what to do about it."""
    told = [_port(each) for each in found if each.listens]
    if not told:
        silent = ", ".join(str(each.port) for each in found)
        return (
            Check(
                what="a program of IBKR on this machine",
                found=f"nothing listens on {silent}",
                todo="start Trader Workstation or IB Gateway and log in (paper first), or start bursar gateway",
            ),
        )
    for each in found:
        if each.answers:
            told += [_account(each, holder) for holder in each.accounts]
            told.append(
                Check(
                    what=f"live prices at {each.port}",
                    found=each.data or "told",
                    todo="Client Portal > Settings > Market Data Subscriptions" if each.data else "",
                )
            )
    return tuple(told)


def _port(found: Found) -> Check:
    what = f"port {found.port} ({found.program})"
    if found.answers:
        return Check(what=what, found=f"answers, protocol version {found.version}, {found.positions} positions")
    return Check(
        what=what,
        found=f"something listens and does not talk to us: {found.trouble}",
        todo=f"{BY_EYE[0]}; {BY_EYE[2]}",
    )


def _account(found: Found, holder: Holder) -> Check:
    money = "unknown equity" if holder.equity is None else f"{holder.equity:,.2f} {holder.currency}"
    kind = holder.kind or "of a type that it does not tell"
    said = f"{'paper' if holder.paper else 'REAL MONEY'}, {kind}, {money}"
    todo = "" if holder.paper else "begin with the paper account; live is a locked door, and opens by your hand alone"
    return Check(what=f"account {holder.account} at {found.port}", found=said, todo=todo)


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
