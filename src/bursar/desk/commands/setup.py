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
        rows = [{"what": each.what, "found": each.found, "todo": each.todo} for each in told]
        typer.echo(dumps({"checks": rows, "by_eye": list(wizard.BY_EYE), "settings": text}, indent=2))
        return
    _show(told, wizard.BY_EYE, write)


def _show(told: tuple[Check, ...], by_eye: tuple[str, ...], written: Path | None) -> None:
    from rich.table import Table

    table = Table("looked at", "found", "to do", box=None, padding=(0, 1), header_style="dim")
    for each in told:
        table.add_row(each.what, each.found, each.todo)
    screen = console()
    screen.print(table)
    screen.print("\nTo be looked at by eye, since no program can see it:")
    for line in by_eye:
        screen.print(f"  · {line}", soft_wrap=True, highlight=False)
    if written is not None:
        screen.print(f"\n[green]✓[/] {written} observes the account and sends nothing", highlight=False)
