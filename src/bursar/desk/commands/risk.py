"""What could go wrong, on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bursar.desk.options import LOOKING, AsJson, ConfigFile, JournalFile, console, records, settings_of

if TYPE_CHECKING:
    from datetime import datetime

    from bursar.config import Settings
    from bursar.quant.arrays import FloatArray


def add(app: typer.Typer) -> None:
    """Hang the command on ``app``."""
    app.command(rich_help_panel=LOOKING)(risk)


def risk(
    account: Annotated[
        str | None, typer.Option("--account", metavar="NAME", help="One account, instead of all of them.")
    ] = None,
    portfolio: Annotated[
        str | None, typer.Option("--portfolio", metavar="NAME", help="One portfolio, instead of all of them.")
    ] = None,
    journal: JournalFile = None,
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Say what could go wrong: how much of each limit is used, what could be lost, who carries it, and what if.

    The weights of now go through the closes of the past year, and through ten scenarios: six that
    happened, four that might. Positions stand at the last marks of the journal.

      bursar risk
      bursar risk --portfolio main --json
    """
    from json import dumps

    from bursar.config.accounts import all_accounts
    from bursar.desk import books, risk_page
    from bursar.risk.watch import limits_of

    settings = settings_of(config, {})
    book, simulated = books.opened(recorded.event for recorded in records(journal, settings))
    limits = {each.account_id: each.limits() for each in all_accounts(settings, config).values()}
    found = []
    for page in books.pages(book, account, portfolio):
        returns, why = _returns(settings, risk_page.held(page), book.at)
        of_account = limits_of(limits.get(page.book.account, settings.risk.limits()))
        found.append(risk_page.risked(page, returns=returns, why=why, limits=of_account, simulated=simulated))
    if json:
        typer.echo(dumps({"portfolios": [risk_page.as_plain(each) for each in found]}, indent=2, allow_nan=False))
        return
    if not found:
        console().print("nothing was booked yet, and so nothing is at risk", style="dim")
    for number, each in enumerate(found):
        if number:
            console().print()
        console().print(risk_page.as_page(each))


def _returns(settings: Settings, symbols: tuple[str, ...], at: datetime | None) -> tuple[FloatArray | None, str]:
    """Daily returns of the symbols in the year before ``at``, or why there are none."""
    from bursar.config import home
    from bursar.desk.believed import returns_before
    from bursar.desk.service import history_of
    from bursar.errors import BursarError

    if not symbols or at is None:
        return None, "nothing is held"
    try:
        return returns_before(history_of(settings, home()), symbols, at), ""
    except BursarError as error:
        return None, " ".join(str(error).split())
