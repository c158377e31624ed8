"""Stopping an account, and letting it go on."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from bursar.desk.options import TRADING, AsJson, Meant, ask, console, meant
from bursar.errors import InputError

if TYPE_CHECKING:
    from bursar.runtime.switch import Pulled

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the journal.")]


def add(app: typer.Typer) -> None:
    """Hang the commands on ``app``."""
    app.command(rich_help_panel=TRADING)(kill)
    app.command(rich_help_panel=TRADING)(rearm)


def kill(
    flatten: Annotated[
        bool, typer.Option("--flatten", metavar="", help="Close every position as well, instead of keeping protection.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--everything", metavar="", help="With --flatten: positions that are hands-off, too.")
    ] = False,
    reason: Reason = "no reason given",
    json: AsJson = False,
) -> None:
    """Stop trading now: cancel what would open, and keep what protects. No limit holds it back.

    It leaves the file KILL in BURSAR_HOME, which every run obeys at its next look and whoever starts later
    finds; `touch KILL` does the same. Nothing opens until a person re-arms: `bursar rearm`.

      bursar kill --reason "the news"
      bursar kill --flatten --reason "out"
    """
    from bursar.config import home
    from bursar.domain.events import KillForm
    from bursar.runtime.switch import Pulled, Switch

    if everything and not flatten:
        raise InputError("--everything closes positions, which --flatten asks for; give both, or neither")
    form = KillForm.FLATTEN if flatten else KillForm.HALT
    switch = Switch(home())
    switch.pull(Pulled(form=form, reason=reason, by=getpass.getuser(), everything=everything))
    present = switch.asked()
    if present is None:
        raise InputError(f"{switch.path} was taken away at once; see who re-arms while you stop")
    _say(present, str(switch.path), json=json)


def rearm(reason: Reason = "", account: Meant = "", json: AsJson = False) -> None:
    """Let an account trade again after a kill or a breached limit. A reason is required.

    The running program decides by its written rule whether it may yet: after a day's loss not before the
    next session, after a drawdown not before some sessions have closed, after a kill not before all is closed.

      bursar rearm --reason "the quotes were wrong; fixed"
    """
    from json import dumps

    if not reason.strip():
        raise InputError('re-arming needs a reason: bursar rearm --reason "what happened, and what changed"')
    command = ask("rearm", {"reason": reason.strip()}, account=meant(account))
    if json:
        typer.echo(dumps({"command": command.command_id, "name": command.name, "by": command.by}, indent=2))
        return
    console().print(
        f"asked to re-arm ({command.command_id}); the program takes it at its next look and says in the journal "
        "whether it may",
        highlight=False,
        soft_wrap=True,
    )


def _say(pulled: Pulled, path: str, *, json: bool) -> None:
    from json import dumps

    if json:
        said = {"form": pulled.form.value, "reason": pulled.reason, "by": pulled.by, "everything": pulled.everything}
        typer.echo(dumps(said | {"file": path}, indent=2))
        return
    what = (
        "the program that trades cancels what opens and closes positions at its next look"
        if pulled.form == "flatten"
        else "the program that trades cancels what opens at its next look; protection stays"
    )
    console().print(
        f"[bold red]killed[/] ({pulled.form}, {pulled.reason}): {what}\n"
        f"  [dim]{path} stays until bursar rearm; whoever starts later obeys it, too[/]",
        highlight=False,
        soft_wrap=True,
    )
