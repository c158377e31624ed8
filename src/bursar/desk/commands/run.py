"""The service on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from bursar.desk.options import TRADING, ConfigFile, JournalFile, console, said, settings_of
from bursar.errors import InputError


def add(app: typer.Typer) -> None:
    """Hang the command on ``app``."""
    app.command(rich_help_panel=TRADING)(run)


def run(
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", min=1, max=65535, help="Where to serve, instead of service.port."),
    ] = None,
    account: Annotated[
        str, typer.Option("--account", metavar="NAME", help="The account of bursar.toml that is served and traded.")
    ] = "",
    demo: Annotated[bool, typer.Option("--demo", metavar="", help="The demo's days, whatever is set up.")] = False,
    trading: Annotated[bool, typer.Option("--trading/--no-trading", help="Trade beside it, or serve alone.")] = True,
    every: Annotated[
        float, typer.Option("--every", metavar="SECONDS", min=0, max=60, help="How often an account's market is seen.")
    ] = 1.0,
    journal: JournalFile = None,
    config: ConfigFile = None,
) -> None:
    """Serve the desk on this machine, and trade beside it: the page, the API and the streams on one port.

    The account that bursar.toml sets up is traded, by bursar trade in a process of its own, which is started again
    when it dies; of several you name one. Where none is set up it trades the days of the demo, in a simulated
    account. Real money waits until you type the phrase, and does so again after each start of that process.

    The first start makes one admin and prints a password, to be used once. Ctrl-C ends all of it.

      bursar run
      bursar run --account practice
      bursar run --no-trading --journal old.sqlite
    """
    import asyncio

    from rich.markup import escape

    from bursar.config import home
    from bursar.config.accounts import all_accounts
    from bursar.desk import diary, programs, service, serving
    from bursar.desk.web.mount import mount

    if journal and (account or demo):
        raise InputError("--journal shows a journal and trades nothing; leave --account and --demo away with it")
    settings, place = settings_of(config, said(("service.port", "--port", None if port is None else str(port)))), home()
    accounts = all_accounts(settings, config)
    asked = None if journal else serving.chosen(settings, config, account, demo=demo)
    served = asked and serving.traded(asked, accounts, place, settings.store.cipher())
    place.mkdir(parents=True, exist_ok=True)
    with (
        service.logging_to(place / service.LOG_NAME, settings.log.level),
        service.opened(place, settings, journal, accounts, served) as opened,
    ):
        mount(opened.app)
        _begun(opened.password, opened.says)
        if opened.opening is not None:
            opened.opening.tell = lambda begun: _begun(begun.password, begun.says)
            _say(f"[bold red]{escape(opened.opening.there.away)}[/]")
            _say("nobody can sign in and nothing is traded until it is; it is tried again by itself")
        for line in serving.lines(served, settings) if not journal else ():
            style = "bold red" if served and served.live else "bold"
            console().print(line, style=style, markup=False, highlight=False, soft_wrap=True)
        console().print(f"{opened.url}  [dim]log {place / service.LOG_NAME}[/]", highlight=False)
        for line in diary.lines(settings, opened.desk.past, opened.desk.now(), place / "data"):
            console().print(line, style="dim", highlight=False, soft_wrap=True)
        keeper = None
        if trading and asked:
            keeper = programs.of_account(asked, opened.desk, place, opened.lease, config=config, every=every)
        elif trading and not journal:
            keeper = programs.of_demo(opened.desk, place, config)
        asyncio.run(service.serve(opened, keeper))


def _begun(password: str, says: Iterable[str]) -> None:
    """Say who may come in from here on."""
    for line in says:
        _say(line)
    if password:
        _say(f"the first start made the admin [bold]admin[/], whose password, to be used once, is [bold]{password}[/]")


def _say(line: str) -> None:
    console().print(line, highlight=False, soft_wrap=True)
