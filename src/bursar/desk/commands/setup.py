"""The first hour: find what is there, say what to click, and write a file that only observes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bursar.desk.options import MACHINE, AsJson, console
from bursar.errors import InputError

if TYPE_CHECKING:
    from bursar.desk.wizard import Check


def add(app: typer.Typer) -> None:
    """Hang the command on ``app``."""
    app.command(rich_help_panel=MACHINE)(setup)


def setup(
    account: Annotated[
        str | None, typer.Option("--account", metavar="NAME", help="Paper account, where several answer.")
    ] = None,
    host: Annotated[str, typer.Option("--host", metavar="NAME", help="Where to look.")] = "127.0.0.1",
    port: Annotated[
        list[int] | None, typer.Option("--port", metavar="N", help="Look there instead of at IBKR's four ports.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="Write the settings there, to observe the account.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", metavar="", help="Replace the file that is there.")] = False,
    json: AsJson = False,
) -> None:
    """Find Trader Workstation or IB Gateway, check what can be checked, and say what to click for the rest.

    Nothing is sent that could change an account. With --write it leaves a bursar.toml that only observes:
    positions and cash are read, and no order leaves until you raise the autonomy yourself.

      bursar setup
      bursar setup --write bursar.toml
    """
    import asyncio
    from json import dumps

    from bursar.adapters.survey import PORTS, survey
    from bursar.desk import wizard

    for number in port or ():
        if not 1 <= number <= 65_535:
            raise InputError(f"port {number} is none; give 1 to 65535")
    found = asyncio.run(survey(host, tuple(port or PORTS)))
    told = wizard.checks(found)
    text = ""
    if write is not None:
        text = wizard.settings_file(*wizard.chosen(found, account), host)
        wizard.write(write, text, replace=replace)
    if json:
        rows = [{"what": each.what, "state": each.state.value, "found": each.found, "todo": each.todo} for each in told]
        typer.echo(dumps({"checks": rows, "settings": text}, indent=2))
        return
    _show(told, write)


def _show(told: tuple[Check, ...], written: Path | None) -> None:
    from rich.text import Text

    screen = console()
    for each in told:
        mark, style = _MARKS[each.state.value]
        screen.print(Text.assemble((f"{mark} ", style), (each.what, "bold"), f": {each.found}"), soft_wrap=True)
        if each.todo:
            screen.print(Text(f"    {each.todo}", style="dim"), soft_wrap=True)
    screen.print(Text("✓ seen to be right   ✗ to be changed   ? nothing that a program can see", style="dim"))
    if written is not None:
        screen.print(f"\n[green]✓[/] {written} observes the account and sends nothing", highlight=False)


_MARKS = {"right": ("✓", "green"), "to do": ("✗", "bold red"), "look yourself": ("?", "yellow")}
