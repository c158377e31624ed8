"""The books on the command line: what is owned, how it did, and how to keep and move all of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bursar.desk.options import LOOKING, MACHINE, AsJson, JournalFile, cipher_of, console, journal_path, records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bursar.adapters.store.backup import Contents, Place
    from bursar.domain.events import Event

books = typer.Typer(no_args_is_help=True, help="What is owned, what it cost, and what came of it.")

Account = Annotated[
    str | None, typer.Option("--account", metavar="NAME", help="One account, instead of all or the first.")
]
Portfolio = Annotated[
    str | None, typer.Option("--portfolio", metavar="NAME", help="One portfolio, instead of all of them.")
]
Database = Annotated[
    str | None,
    typer.Option(
        "--database", metavar="URL", help="A database, such as postgresql+psycopg://USER@HOST/NAME, or a file."
    ),
]
Snapshots = Annotated[
    Path | None,
    typer.Option("--snapshots", metavar="FOLDER", help="Daily snapshots.  [dim]snapshots beside the journal[/]"),
]
JournalOrHead = Annotated[
    Path | None,
    typer.Option("--journal", metavar="FILE", help="Journal, instead of the last run's; with --database, its head."),
]


def add(app: typer.Typer) -> None:
    """Hang the commands on ``app``."""
    app.add_typer(books, name="books", rich_help_panel=LOOKING)
    app.command(rich_help_panel=LOOKING)(performance)
    app.command(rich_help_panel=LOOKING)(execution)
    app.command(rich_help_panel=MACHINE)(backup)
    app.command(rich_help_panel=MACHINE)(restore)
    app.command(rich_help_panel=MACHINE)(key)


def _events(journal: Path | None) -> Iterator[Event]:
    return (recorded.event for recorded in records(journal))


# ---------------------------------------------------------------- look


@books.command()
def show(
    account: Account = None, portfolio: Portfolio = None, journal: JournalFile = None, json: AsJson = False
) -> None:
    """Show cash, positions and results of every portfolio, at the last marks.

    bursar books show
    bursar books show --portfolio main --json
    """
    from bursar.desk import books as page

    book, simulated = page.opened(_events(journal))
    found = page.pages(book, account, portfolio)
    if json:
        sys.stdout.write(page.as_json(book, found, simulated))
    else:
        console().print(page.as_tables(book, found, simulated))


@books.command()
def rebuild(journal: JournalOrHead = None, database: Database = None, json: AsJson = False) -> None:
    """Make every table anew from the journal: orders, transactions, positions, days.

    The tables go into store.sqlite beside the journal, or into the database that you name. Where that database
    holds a journal, the tables are made from it.

      bursar books rebuild
      bursar books rebuild --database postgresql+psycopg://me@localhost/bursar
    """
    from json import dumps

    from bursar.adapters.store.tables import PROJECTIONS
    from bursar.desk import keeping

    made = keeping.rebuild(journal_path(journal), database, cipher_of())
    if json:
        document = {"events": made.events, "database": made.database, "rows": made.rows, "remark": made.remark or None}
        sys.stdout.write(dumps(document, indent=2) + "\n")
        return
    from bursar.desk.tables import table

    shown = table(f"{len(PROJECTIONS)} tables from {made.events:,} events", "table", numbers=("rows",))
    for name, rows in made.rows.items():
        shown.add_row(name, f"{rows:,}")
    console().print(shown)
    for line in filter(None, (made.database, made.remark)):
        console().print(f"  [dim]{line}[/]", highlight=False, soft_wrap=True)


def performance(
    account: Account = None,
    portfolio: Portfolio = None,
    by: Annotated[
        str,
        typer.Option(
            "--by", metavar="WHAT", help="Split profits by symbol, sector, strategy, currency, portfolio or account."
        ),
    ] = "symbol",
    window: Annotated[int, typer.Option("--window", metavar="N", min=2, help="Returns in the rolling figures.")] = 20,
    risk_free: Annotated[
        float | None,
        typer.Option("--risk-free", metavar="RATE", help="Yearly rate, such as 0.03, instead of the Treasury bill's."),
    ] = None,
    benchmark: Annotated[
        Path | None, typer.Option("--benchmark", metavar="FILE", help="CSV of day,return to compare with.")
    ] = None,
    price_returns: Annotated[
        bool,
        typer.Option(
            "--price-returns", metavar="", help="The benchmark leaves dividends out: it is then not compared."
        ),
    ] = False,
    journal: JournalFile = None,
    json: AsJson = False,
) -> None:
    """Show how an account did: returns, the twelve metrics, and where the profit came from.

    A demo is compared with what it was held against. What the days cannot support is not guessed.

      bursar performance --by strategy
      bursar performance --window 60 --json
    """
    from bursar.desk import track_record
    from bursar.ledger.performance import ReturnKind

    path = journal_path(journal)
    kind = ReturnKind.PRICE if price_returns else ReturnKind.TOTAL
    against = track_record.own_benchmark(path) if benchmark is None else track_record.benchmark_file(benchmark, kind)
    told = track_record.record(
        _events(journal),
        track_record.treasury_bill if risk_free is None else track_record.constant_bill(risk_free),
        account=account,
        portfolio=portfolio,
        window=window,
        benchmark=against,
    )
    if json:
        sys.stdout.write(track_record.as_json(told))
    else:
        console().print(track_record.as_tables(told, by))


def execution(
    by: Annotated[
        str, typer.Option("--by", metavar="WHAT", help="Split costs by symbol, strategy, hour or route.")
    ] = "symbol",
    journal: JournalFile = None,
    json: AsJson = False,
) -> None:
    """Show what trading cost against the moment of each decision: delay, spread, impact, what was missed, fees.

    bursar execution --by route
    bursar execution --json
    """
    from bursar.desk import execution as page

    told = page.report(_events(journal_path(journal)))
    if json:
        sys.stdout.write(page.as_json(told))
    else:
        console().print(page.as_tables(told, by))


# ---------------------------------------------------------------- keep


def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The backup to make, such as bursar.tar.gz.")],
    journal: JournalOrHead = None,
    database: Database = None,
    snapshots: Snapshots = None,
    json: AsJson = False,
) -> None:
    """Put the journal, audited, and all snapshots into one file.

    The journal is the last run's, another file, or the one in a database; then --journal names its head.

      bursar backup bursar.tar.gz
    """
    from bursar.adapters.store import backup as archive

    _say(archive.backup(_place(journal, database, snapshots), target, cipher_of()), f"saved in {target}", json=json)


def restore(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.")],
    journal: Annotated[
        Path, typer.Option("--journal", metavar="FILE", help="Journal to make; with --database, its head.")
    ],
    database: Database = None,
    snapshots: Snapshots = None,
    json: AsJson = False,
) -> None:
    """Bring a backup back, into a place where nothing is yet: another folder, or a database.

    Every file is compared with its hash, and the journal is audited, before anything is put in place.

      bursar restore bursar.tar.gz --journal elsewhere/journal.sqlite
      bursar restore bursar.tar.gz --journal journal.head --database postgresql+psycopg://me@localhost/bursar
    """
    from bursar.adapters.store import backup as archive

    contents = archive.restore(source, _place(journal, database, snapshots), cipher_of())
    _say(contents, f"restored to {database or journal}", json=json)


def _place(journal: Path | None, database: str | None, snapshots: Path | None) -> Place:
    from bursar.adapters.store.backup import Place
    from bursar.runtime.shared import url_of

    path = journal_path(journal)
    return Place(
        journal=path,
        snapshots=snapshots or path.parent / "snapshots",
        database="" if database is None else url_of(database),
    )


def _say(contents: Contents, done: str, *, json: bool) -> None:
    from json import dumps

    head, days = contents.head, contents.days
    if json:
        document = {
            "events": head.sequence,
            "head": head.digest.hex(),
            "snapshot_days": list(days),
            "sealed": contents.sealed,
        }
        sys.stdout.write(dumps(document, indent=2) + "\n")
        return
    said = f"[green]✓[/] {head.sequence:,} events and {len(days)} days of snapshots {done}"
    if contents.sealed:
        said += "\n  sealed: it opens with its key alone, which is not in it"
    console().print(f"{said}\n  [dim]head {head.digest.hex()}[/]", highlight=False, soft_wrap=True)


def key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to put it, such as ~/.bursar.key.")],
) -> None:
    """Make a new key that seals journals, backups, snapshots and accounts' names on disk.

    Name it in the setting store.key_file, and everything that is written from then on is sealed. Keep a copy apart
    from the backups: without it, nothing that it sealed opens again.

      bursar key ~/.bursar.key
    """
    from bursar.adapters.store.sealing import write_key

    path = file.expanduser().absolute()
    write_key(path)
    said = f'[green]✓[/] a new key in {path}, for your eyes alone\n  in bursar.toml: \\[store] key_file = "{path}"'
    console().print(said, highlight=False, soft_wrap=True)
