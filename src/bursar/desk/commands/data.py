"""Facts on the command line: where they come from, taking them in, and what is the matter with them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bursar.desk.options import MACHINE, AsJson, ConfigFile, console, settings_of

if TYPE_CHECKING:
    from rich.table import Table

    from bursar.adapters.vendors.quality import Finding, Quality
    from bursar.runtime.intake import Taken

data = typer.Typer(
    no_args_is_help=True, help="Where prices and other facts come from, and what is the matter with them."
)

#: Findings that a person is shown without asking for all of them.
SHOWN = 20


def add(app: typer.Typer) -> None:
    """Hang the commands on ``app``."""
    app.add_typer(data, name="data", rich_help_panel=MACHINE)


@data.command()
def sources(json: AsJson = False, config: ConfigFile = None) -> None:
    """List every source: what it has, what it lacks, and whether it can be used here; and the watchlists that ship.

    bursar data sources
    """
    from dataclasses import asdict
    from json import dumps

    from bursar.config import home
    from bursar.runtime.sources import every_source, watchlists

    shown = every_source(settings_of(config, {}), home())
    if json:
        lists = {name: {"title": title, "symbols": list(symbols)} for name, title, symbols in watchlists()}
        told: dict[str, Any] = {"sources": [asdict(each) for each in shown], "watchlists": lists}
        sys.stdout.write(dumps(told, indent=2) + "\n")
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "source", "kind", "has", "lacks", "note", box=None, padding=(0, 1), header_style="dim")
    for each in shown:
        mark = "[green]✓[/]" if each.here else "[dim]·[/]"
        told_ = (each.name, each.kind, ", ".join(each.has), ", ".join(each.lacks), each.note)
        table.add_row(mark, *(escape(cell) for cell in told_))
    console().print(table)
    lists_ = Table("watchlist", "what it is", "symbols", box=None, padding=(0, 1), header_style="dim")
    for name, title, symbols in watchlists():
        lists_.add_row(name, title, " ".join(symbols))
    console().print(lists_)


@data.command(name="import")
def import_(
    what: Annotated[
        str, typer.Argument(metavar="FOLDER|SOURCE", help="A folder, a source's name, or the address of a feed.")
    ],
    symbols: Annotated[
        str | None,
        typer.Option("--symbols", metavar="A,B", help="Which ones, of a source; or a watchlist."),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="First day.  [dim]ten years ago[/]")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day.  [dim]today[/]")] = None,
    prices: Annotated[
        str, typer.Option("--prices", metavar="KIND", help="What a folder's closes are: raw, price or total-return.")
    ] = "price",
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Under which it is kept.")] = None,
    compare: Annotated[
        str | None, typer.Option("--compare", metavar="SOURCE", help="Hold the prices against those of another source.")
    ] = None,
    exchange: Annotated[
        str | None,
        typer.Option("--exchange", metavar="CODE", help="Whose sessions they are: XNYS, XASX, XETR or XLON."),
    ] = None,
    currency: Annotated[
        str | None,
        typer.Option("--currency", metavar="CODE", help="Of a folder's prices; GBX for pence.  [dim]the exchange's[/]"),
    ] = None,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Take facts in: a folder of CSV or Parquet files, company facts, saved headlines, or what a source is asked for.

    A folder of prices holds one file a symbol, such as AAPL.csv. What cannot be is left out, and everything
    odd is told. Trade on what was imported with bursar demo --world NAME.

      bursar data import ~/prices --prices raw
      bursar data import ~/sydney --exchange XASX --name sydney
      bursar data import bokeh
      bursar data import auto --symbols starter --from 2015-01-02
    """
    from bursar.config import home
    from bursar.desk.progress import waiting
    from bursar.runtime.intake import Intake, Wanted, moment

    wanted = Wanted(
        what=what,
        symbols=_symbols(symbols),
        lists=_lists(symbols),
        first=moment(first) if first else None,
        last=moment(last) if last else None,
        prices=_kind(prices),
        name=name,
        compare=compare,
        exchange=exchange.upper() if exchange else None,
        currency=currency.upper() if currency else None,
    )
    with waiting(f"importing {what}", console(stderr=True)) as tell:
        taken = Intake(settings_of(config, {}), home(), tell=tell).take(wanted)
    if json:
        sys.stdout.write(_taken_as_json(taken))
        return
    out = console()
    for attempt in taken.attempts:
        mark = "[green]✓[/]" if attempt.taken else "[dim]·[/]"
        out.print(f"{mark} {attempt.provider}: {attempt.said}", highlight=False, soft_wrap=True)
    for line in taken.said:
        out.print(f"[green]✓[/] {taken.name}: {line}", highlight=False, soft_wrap=True)
    if taken.quality is not None:
        _print_quality(taken.quality, everything=False)


@data.command()
def quality(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME|FILE", help="An import, or a Parquet file of option chains.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", metavar="", help="Every finding, not the first twenty.")] = False,
    json: AsJson = False,
) -> None:
    """Say what is wrong, or asks for an explanation, in what was imported.

    An error cannot be: a price below zero, a low above its high. A question can be and should be looked at: a
    jump like a split nobody told us of, a price that stood still, missing sessions, a ticker with two lives.
    A file of option chains is read and looked at, and not kept.

      bursar data quality
      bursar data quality folder_prices --all
    """
    from json import dumps, loads

    from bursar.config import home
    from bursar.runtime.intake import chain_quality, kept_quality

    place = home()
    if name and name.endswith(".parquet"):
        found = {name: chain_quality(Path(name))}
    else:
        names = [name] if name else sorted(path.parent.name for path in (place / "data").glob("*/quality.json"))
        found = {each: kept_quality(place, each) for each in names}
    if json:
        sys.stdout.write(dumps({each: loads(told.as_json()) for each, told in found.items()}, indent=2) + "\n")
        return
    if not found:
        console().print("Nothing was imported yet; bursar data import takes in a folder or asks a source.")
    for each, told in found.items():
        console().print(f"[bold]{each}[/]", highlight=False)
        _print_quality(told, everything=everything)


def _names(said: str | None) -> list[str]:
    return [name.strip() for name in (said or "").split(",") if name.strip()]


def _lists(said: str | None) -> tuple[str, ...]:
    from bursar.adapters.vendors.listings import WATCHLISTS

    return tuple(name for name in _names(said) if name in WATCHLISTS)


def _symbols(said: str | None) -> tuple[str, ...]:
    from bursar.adapters.vendors.listings import WATCHLISTS

    names = _names(said)
    chosen = [WATCHLISTS[name].symbols if name in WATCHLISTS else (name.upper(),) for name in names]
    return tuple(dict.fromkeys(symbol for symbols in chosen for symbol in symbols))


def _kind(said: str) -> Any:
    from bursar.adapters.vendors import PriceKind
    from bursar.errors import InputError

    try:
        return PriceKind(said.replace("-", " "))
    except ValueError as error:
        kinds = ", ".join(kind.value.replace(" ", "-") for kind in PriceKind)
        raise InputError(f"--prices is {said!r}; choose from {kinds}") from error


def _taken_as_json(taken: Taken) -> str:
    from dataclasses import asdict
    from json import dumps, loads

    told: dict[str, Any] = {
        "name": taken.name,
        "said": list(taken.said),
        "attempts": [asdict(attempt) for attempt in taken.attempts],
        "quality": None if taken.quality is None else loads(taken.quality.as_json()),
    }
    return dumps(told, indent=2) + "\n"


def _print_quality(found: Quality, *, everything: bool) -> None:
    out = console()
    out.print(f"  {found.summary()}", highlight=False)
    ordered = sorted(found.findings, key=lambda each: (not each.error, each.symbol, each.first))
    shown = ordered if everything else ordered[:SHOWN]
    if shown:
        out.print(_findings(shown))
    if len(ordered) > len(shown):
        out.print(f"  [dim]and {len(ordered) - len(shown)} more; bursar data quality --all shows them[/]")


def _findings(shown: list[Finding]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "symbol", "days", "trouble", "what it is", box=None, padding=(0, 1), header_style="dim")
    for each in shown:
        days = str(each.first) if each.first == each.last else f"{each.first} to {each.last}"
        mark = "[red]error[/]" if each.error else "[yellow]?[/]"
        table.add_row(mark, escape(each.symbol), days, each.trouble.value, escape(each.message))
    return table
