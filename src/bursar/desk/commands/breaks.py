"""What our books and the broker disagree on, and a person's word on it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bursar.desk.options import TRADING, AsJson, JournalFile, Meant, ask, console, meant, records
from bursar.errors import InputError


def add(app: typer.Typer) -> None:
    """Hang the commands on ``app``."""
    app.command(rich_help_panel=TRADING)(breaks)
    app.command(rich_help_panel=TRADING)(explain)


def breaks(
    everything: Annotated[
        bool, typer.Option("--all", metavar="", help="Those that were explained, too, with who did and why.")
    ] = False,
    journal: JournalFile = None,
    json: AsJson = False,
) -> None:
    """List what stops a symbol, or all purchases: where books and broker differ, flagged orders, trades by hand.

    bursar breaks
    bursar breaks --all --json
    """
    from json import dumps

    from bursar.domain.events import BreakExplained, BreakFound

    found: dict[str, BreakFound] = {}
    ends: dict[str, BreakExplained] = {}
    for recorded in records(journal):
        match recorded.event:
            case BreakFound():
                found[recorded.event.event_id] = recorded.event
            case BreakExplained(break_id=break_id):
                ends[break_id] = recorded.event
            case _:
                pass
    shown = [_plain(each, ends.get(name)) for name, each in found.items() if everything or name not in ends]
    if json:
        typer.echo(dumps(shown, indent=2))
        return
    if not shown:
        console().print("nothing is in doubt: books and broker agree, and no order waits for a person")
        return
    _show(shown)


def explain(
    name: Annotated[str, typer.Argument(metavar="BREAK", help="The short name that `bursar breaks` shows.")],
    because: Annotated[str, typer.Option("--because", metavar="TEXT", help="What it was, for the journal.")] = "",
    take_theirs: Annotated[
        bool,
        typer.Option(
            "--take-theirs",
            metavar="",
            help="The books follow the broker: shares come in hands-off or leave at cost, cash as a deposit.",
        ),
    ] = False,
    account: Meant = "",
    json: AsJson = False,
) -> None:
    """Settle a break, so that its symbol is traded again. A flagged order counts as ended then.

    The running program takes it at its next look and says in the journal whether it may: a difference that
    is still there would be found again, so there the books must follow the broker (--take-theirs).

      bursar explain 3f2a91c0 --because "bought by hand in TWS, mine"
      bursar explain 9d04b7e1 --because "filled at 23:58, see the statement" --take-theirs
    """
    from json import dumps

    if not because.strip():
        raise InputError('an explanation needs a reason: bursar explain BREAK --because "what it was"')
    said = {"break": name, "because": because.strip(), "take_theirs": "yes" if take_theirs else "no"}
    command = ask("explain", said, account=meant(account))
    if json:
        typer.echo(dumps({"command": command.command_id, "break": name, "by": command.by}, indent=2))
        return
    console().print(
        f"explained {name} ({command.command_id}); the program takes it at its next look: bursar breaks",
        highlight=False,
        soft_wrap=True,
    )


def _plain(found: Any, explained: Any) -> dict[str, Any]:
    from bursar.trading.breaks import short

    return {
        "break": short(found),
        "found_at": found.at.isoformat(),
        "account": found.account,
        "symbol": found.symbol,
        "what": found.what,
        "ours": found.ours,
        "theirs": found.theirs,
        "stops": f"trading in {found.symbol}" if found.symbol else "all purchases",
        "explained_by": explained.by if explained else None,
        "explanation": explained.explanation if explained else None,
    }


def _show(shown: list[dict[str, Any]]) -> None:
    page = console()
    for each in shown:
        about = each["symbol"] or "cash"
        page.print(
            f"[bold]{each['break']}[/]  {about}: {each['what']}; our books {each['ours']}, the broker {each['theirs']}",
            highlight=False,
            soft_wrap=True,
        )
        since = f"since {each['found_at'][:16].replace('T', ' ')} UTC"
        rest = f"{each['explained_by']}: {each['explanation']}" if each["explained_by"] else f"stops {each['stops']}"
        page.print(f"          [dim]{since}; {rest}[/]", highlight=False, soft_wrap=True)
    page.print('settle one: bursar explain BREAK --because "what it was"', highlight=False, style="dim")
