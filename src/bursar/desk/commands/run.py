"""The service on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from bursar.desk.options import TRADING, ConfigFile, JournalFile, console, said, settings_of


def add(app: typer.Typer) -> None:
    """Hang the command on ``app``."""
    app.command(rich_help_panel=TRADING)(run)


def run(
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", min=1, max=65535, help="Where to serve, instead of service.port."),
    ] = None,
    trading: Annotated[
        bool, typer.Option("--trading/--no-trading", help="Trade the demo's days beside it, or serve alone.")
    ] = True,
    journal: JournalFile = None,
    config: ConfigFile = None,
) -> None:
    """Serve the desk on this machine, and trade beside it: the page, the API and the streams on one port.

    The days of the demo are traded over the wire in a process of its own, which is started again when it dies.
    The first start makes one admin and prints a password, to be used once. Ctrl-C ends both.

      bursar run
      bursar run --no-trading --journal old.sqlite
    """
    import asyncio

    from bursar.config import home
    from bursar.desk import diary, service
    from bursar.desk.web.mount import mount

    settings, place = settings_of(config, said(("service.port", "--port", None if port is None else str(port)))), home()
    place.mkdir(parents=True, exist_ok=True)
    with (
        service.logging_to(place / service.LOG_NAME, settings.log.level),
        service.opened(place, settings, journal) as opened,
    ):
        mount(opened.app)
        if opened.password:
            console().print(
                f"the first start made the admin [bold]admin[/], whose password, to be used once, is "
                f"[bold]{opened.password}[/]",
                highlight=False,
                soft_wrap=True,
            )
        console().print(f"{opened.url}  [dim]log {place / service.LOG_NAME}[/]", highlight=False)
        for line in diary.lines(settings, opened.desk.past, opened.desk.now(), place / "data"):
            console().print(line, style="dim", highlight=False, soft_wrap=True)
        keeper = service.keeper_of(opened.desk, place, config) if trading and journal is None else None
        asyncio.run(service.serve(opened, keeper))
