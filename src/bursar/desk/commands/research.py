"""What is thought, on the command line: an analysis of a day, the meetings of a run, and signals from outside."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bursar.desk.options import (
    RESEARCH,
    TRADING,
    AsJson,
    ConfigFile,
    JournalFile,
    console,
    records,
    said,
    settings_of,
)
from bursar.errors import InputError

if TYPE_CHECKING:
    from datetime import date, datetime

    from bursar.desk.meeting import Sitting

SIMULATED = "SYNTHETIC MARKET: nothing in it ever happened, and its companies do not exist"
PageFile = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write the meeting as a page that needs nothing else.")
]
Reasoning = Annotated[
    bool, typer.Option("--reasoning", metavar="", help="Print the meeting whole: every view with its evidence.")
]


def add(app: typer.Typer) -> None:
    """Hang the commands on ``app``."""
    app.command(rich_help_panel=RESEARCH)(analyze)
    app.command(rich_help_panel=RESEARCH)(committee)
    app.command(rich_help_panel=TRADING)(signal)


def analyze(
    symbols: Annotated[
        list[str] | None, typer.Argument(metavar="SYMBOL...", help="What to show; all that the prices hold by default.")
    ] = None,
    day: Annotated[
        str | None, typer.Option("--date", metavar="DAY", help="Morning to analyze.  [dim]the first day of the demo[/]")
    ] = None,
    cash: Annotated[
        str | None, typer.Option("--cash", metavar="AMOUNT", help="Cash that quantities are for.  [dim]100000[/]")
    ] = None,
    agents: Annotated[
        str | None, typer.Option("--agents", metavar="NAMES", help="Analysts to ask, by name, with commas between.")
    ] = None,
    world: Annotated[
        str | None,
        typer.Option("--world", metavar="NAME", help="Where facts come from: sample, bokeh, synthetic, an import."),
    ] = None,
    show_reasoning: Reasoning = False,
    page: PageFile = None,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Ask the analysts and let the committee meet on one morning, with nothing held and nothing sent.

    All symbols are analyzed, since breadth and mood are of the whole market; those that you name are shown.

      bursar analyze AAPL MSFT JPM --date 2012-06-29
      bursar analyze --date 2020-03-16 --reasoning
      bursar analyze --date 2020-03-16 --world synthetic
      bursar analyze AAPL --html meeting.html
    """
    from bursar.config import home
    from bursar.desk import meeting

    given = said(
        ("demo.first_day", "--date", day),
        ("account.initial_cash", "--cash", cash),
        ("models.selected_agents", "--agents", agents),
        ("market.source", "--world", world),
    )
    settings = settings_of(config, given)
    with console(stderr=True).status(f"asking {len(settings.models.selected_agents)} analysts"):
        from bursar.runtime.analysis import analyze as held

        found = held(settings, home(), settings.demo.first_day)
    sitting = meeting.sitting_on(found.events, None).only([symbol.upper() for symbol in symbols or []])
    _show(
        sitting,
        {
            "day": found.day.isoformat(),
            "prices": found.source.title,
            "universe": found.source.origin,
            **({"simulated": SIMULATED} if found.source.simulated else {}),
        },
        show_reasoning=show_reasoning or settings.committee.show_reasoning,
        page=page,
        json=json,
    )


def committee(
    symbols: Annotated[
        list[str] | None, typer.Argument(metavar="SYMBOL...", help="What to show; all that was met about by default.")
    ] = None,
    day: Annotated[
        str | None, typer.Option("--date", metavar="DAY", help="Day of the meeting.  [dim]the last[/]")
    ] = None,
    show_reasoning: Reasoning = False,
    page: PageFile = None,
    journal: JournalFile = None,
    json: AsJson = False,
) -> None:
    """Show a meeting of the committee as the journal kept it: who voted how, with what weight, and what was resolved.

    bursar committee
    bursar committee AAPL --date 2022-01-04 --reasoning
    """
    from bursar.desk import meeting

    wanted = None if day is None else _day(day)
    events = (recorded.event for recorded in records(journal))
    sitting = meeting.sitting_on(events, wanted).only([symbol.upper() for symbol in symbols or []])
    _show(sitting, {}, show_reasoning=show_reasoning, page=page, json=json)


def signal(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="What the signal is about.")],
    expects: Annotated[
        float, typer.Option("--expects", metavar="RETURN", help="Return above cash, such as 0.02 or -0.01.")
    ],
    confidence: Annotated[
        float, typer.Option("--confidence", metavar="P", help="Probability that the direction is right, 0 to 1.")
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in a sentence.")],
    source: Annotated[str, typer.Option("--source", metavar="NAME", help="Who says so.")] = "desk",
    horizon: Annotated[int, typer.Option("--horizon", metavar="DAYS", help="Trading days that it is for.")] = 21,
    issued: Annotated[
        str | None, typer.Option("--issued", metavar="TIME", help="When it was made, in UTC.  [dim]now[/]")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Its id among those of its source.  [dim]counted[/]")
    ] = None,
) -> None:
    """Put an opinion from outside into the box, where the next morning finds it.

    It is heard where signals.sources names its source, counts as one source beside the analysts, and is weighed by
    how the signals of that source came true. It sets no quantity.

      bursar signal AAPL --expects 0.02 --confidence 0.6 --reason "orders are strong" --source desk
    """
    from datetime import UTC, datetime

    from bursar.adapters.signals import SignalBox
    from bursar.config import home
    from bursar.domain.signals import Signal

    at = datetime.now(UTC).replace(microsecond=0) if issued is None else _time(issued)
    sent = Signal(
        signal_id=name or f"{at:%Y-%m-%dT%H:%M:%S}.{symbol.upper()}",
        source=source,
        symbol=symbol.upper(),
        horizon_days=horizon,
        expected_excess_return=expects,
        confidence=confidence,
        issued=at,
        reason=reason,
    )
    path = SignalBox(home() / "signals").send(sent)
    console().print(f"in the box as {path}", highlight=False, soft_wrap=True, markup=False)


def _day(said_day: str) -> date:
    from datetime import date

    try:
        return date.fromisoformat(said_day)
    except ValueError:
        raise InputError(f"--date is {said_day!r}; give a day, such as 2022-01-04") from None


def _time(said_time: str) -> datetime:
    from datetime import UTC, datetime

    try:
        at = datetime.fromisoformat(said_time)
    except ValueError:
        raise InputError(f"--issued is {said_time!r}; give a time, such as 2022-01-03T12:30:00Z") from None
    if at.utcoffset() is None:
        raise InputError(f"--issued is {said_time!r}, which has no zone; end it with Z, or with an offset")
    return at.astimezone(UTC)


def _show(
    sitting: Sitting,
    about: dict[str, str],
    *,
    show_reasoning: bool,
    page: Path | None,
    json: bool,
) -> None:
    from bursar.desk import meeting

    if page is not None:
        from bursar.desk.meeting_page import write_page

        write_page(sitting, page, about)
    if "simulated" in about and not json:
        console().print(f"  [bold yellow]{about['simulated']}.[/]")
    if json:
        sys.stdout.write(meeting.as_json(sitting, about))
    elif show_reasoning:
        sys.stdout.write(meeting.reasoning(sitting))
    else:
        console().print(meeting.as_table(sitting))
    if page is not None and not json:
        console().print(f"  [dim]page {page}[/]", highlight=False, soft_wrap=True)
