"""The command line. Each command loads what it needs when it runs, so that ``--help`` is there at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bursar.desk.commands import ADDERS
from bursar.desk.edge import EXIT_INTERRUPTED, guarded
from bursar.desk.options import (
    LOOKING,
    MACHINE,
    TRADING,
    AsJson,
    ConfigFile,
    JournalFile,
    console,
    journal_path,
    records,
    said,
    settings_of,
)
from bursar.errors import InputError, LedgerError

if TYPE_CHECKING:
    from bursar.config import Settings
    from bursar.runtime.request import DemoRequest
    from bursar.runtime.results import DemoResult

WELCOME = """\
Manage a portfolio by rules that you can see. Research software: nothing here is advice.

[bold]Begin with[/]

  bursar demo                  trade twenty days on real closing prices
  bursar why o-00000001        why was the first order sent?
  bursar why-not KO 2022-01-05 why was it not bought that day?
  bursar desk                  open the report of the last demo
  bursar doctor                is this machine fit for it?

Settings come from the command line, the environment, and bursar.toml: see [bold]bursar settings[/].
"""

app = typer.Typer(
    name="bursar",
    help=WELCOME,
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; ``arguments`` default to the process's own."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words  # anywhere, since nobody remembers on which side of the command it belongs
    words = [word for word in words if word != "--debug"]
    return guarded(lambda: _run(words), debug=debug)


def _run(words: list[str]) -> int:
    try:
        code = int(typer.main.get_command(app)(args=words, prog_name="bursar", standalone_mode=False) or 0)
    except typer.TyperException as error:
        raise InputError(_usage(error)) from error
    if code == EXIT_INTERRUPTED:  # Typer swallowed the interruption without a word
        raise KeyboardInterrupt
    return code


def _usage(error: typer.TyperException) -> str:
    """What was wrong with the words, and where help is."""
    said = getattr(error, "format_message", error.__str__)().rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{said}; see {context.command_path if context else 'bursar'} --help"


@app.callback()
def _everywhere(
    debug: Annotated[
        bool, typer.Option("--debug", metavar="", help="Show the traceback when something goes wrong.")
    ] = False,
) -> None:
    """``--debug`` is taken out of the words before they get here; it stands here for the help."""


# ---------------------------------------------------------------- trade


@app.command(rich_help_panel=TRADING)
def demo(
    days: Annotated[str | None, typer.Option("--days", metavar="N", help="Trading days.  [dim]20[/]")] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day.  [dim]2022-01-03[/]")] = None,
    seed: Annotated[
        str | None, typer.Option("--seed", metavar="N", help="Seed of what is simulated.  [dim]7[/]")
    ] = None,
    cash: Annotated[
        str | None, typer.Option("--cash", metavar="AMOUNT", help="Cash to begin with.  [dim]100000[/]")
    ] = None,
    world: Annotated[
        str | None,
        typer.Option("--world", metavar="NAME", help="Where prices come from: sample, bokeh, synthetic, an import."),
    ] = None,
    exchange: Annotated[
        str | None,
        typer.Option(
            "--exchange",
            metavar="CODE",
            help="Whose sessions are traded: XNYS, XASX, XETR, XLON.  [dim]market.exchange[/]",
        ),
    ] = None,
    in_process: Annotated[
        bool, typer.Option("--in-process", metavar="", help="Without the wire between Bursar and the exchange.")
    ] = False,
    take_turns: Annotated[
        bool, typer.Option("--take-turns", metavar="", help="Wait while another process trades the account.")
    ] = False,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Trade some days on real closing prices, in a simulated account, and show what happened.

    The closes are those of twenty stocks; the way between two closes, the spread and the volume are
    simulated from the seed, and the report says so. Nothing leaves this machine. With --world synthetic
    the market itself is made up, which stands on every page.

      bursar demo --days 5
      bursar demo --from 2020-02-18 --cash 25000
      bursar demo --world synthetic
      bursar demo --world synthetic --exchange XASX --from 2022-03-30
      bursar demo --days 5 --json > run.json
    """
    given = said(("demo.days", "--days", days), ("demo.first_day", "--from", first), ("demo.seed", "--seed", seed))
    given |= said(("account.initial_cash", "--cash", cash), ("market.source", "--world", world))
    given |= said(("market.exchange", "--exchange", exchange))
    settings = settings_of(config, given)
    result = _play(_request(settings, in_process=in_process), take_turns=take_turns)
    from bursar.desk import logbook, report

    page = report.write_page(result, result.run_folder)
    report.write_json(result, result.run_folder)
    logbook.write_log(result, result.run_folder / settings.log.file, settings.log.level)
    if settings.committee.show_reasoning:
        from bursar.desk import meeting

        meeting.print_all(records(result.journal_path, settings), sys.stderr)
    if json:
        sys.stdout.write(report.as_json(result))
        return
    from bursar.desk import terminal

    terminal.show(result, console(), page)


@app.command(rich_help_panel=TRADING)
def gateway(
    port: Annotated[str | None, typer.Option("--port", metavar="N", help="Where to listen.  [dim]4002[/]")] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day.  [dim]2022-01-03[/]")] = None,
    days: Annotated[str | None, typer.Option("--days", metavar="N", help="Trading days.  [dim]20[/]")] = None,
    seed: Annotated[
        str | None, typer.Option("--seed", metavar="N", help="Seed of what is simulated.  [dim]7[/]")
    ] = None,
    cash: Annotated[
        str | None, typer.Option("--cash", metavar="AMOUNT", help="Cash in the account.  [dim]100000[/]")
    ] = None,
    speed: Annotated[
        float, typer.Option("--speed", metavar="TIMES", help="How fast time flows: 60 is a minute a second.")
    ] = 1.0,
    faults: Annotated[
        Path | None, typer.Option("--faults", metavar="FILE", help="A script of what is to go wrong.")
    ] = None,
    statements: Annotated[
        Path | None, typer.Option("--statements", metavar="FOLDER", help="Write each day's statement there.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Imitate IB Gateway on this machine: connect any client of the TWS API and trade with nobody's money.

    The market opens at the opening bell of the first day. Ctrl-C ends it, and all that was traded with it. A script
    of faults makes it lose lines, orders and data when you say so: see docs/faults.md. Statements have the shape of
    a Flex report, and come from the imitation's own books: see docs/gateway-money.md.

      bursar gateway --port 4002 --speed 60
      bursar gateway --faults faults.yaml
      bursar gateway --statements statements
    """
    given = said(
        ("broker.port", "--port", port),
        ("demo.first_day", "--from", first),
        ("demo.days", "--days", days),
        ("demo.seed", "--seed", seed),
        ("account.initial_cash", "--cash", cash),
    )
    request = _request(settings_of(config, given))
    _serve(request, speed, faults, statements)


def _serve(request: DemoRequest, speed: float, faults: Path | None, statements: Path | None) -> None:
    from bursar.gateway.server import Server
    from bursar.runtime.gateway_process import Gateway, run

    folder = request.home / "runs" / "gateway"
    folder.mkdir(parents=True, exist_ok=True)
    request.write(folder)

    def ready(server: Server) -> None:
        account = request.settings.account.account_id
        sys.stdout.write(
            f"listening on 127.0.0.1:{server.port}, account {account}, open since the bell of {request.first}, "
            f"time flows {speed:g} times as fast; Ctrl-C ends it\n"
        )
        sys.stdout.flush()

    arguments = {"folder": str(folder), "home": str(request.home)}
    run(
        Gateway(
            recipe="bursar.runtime.stage:gateway_recipe",
            arguments=arguments,
            port=request.settings.broker.port,
            speed=speed,
            faults=faults,
            statements=statements,
        ),
        ready,
    )


def _request(settings: Settings, *, in_process: bool = False) -> DemoRequest:
    from bursar.config import home
    from bursar.runtime.request import DemoRequest

    return DemoRequest(
        days=settings.demo.days,
        first=settings.demo.first_day,
        seed=settings.demo.seed,
        cash=settings.account.initial_cash,
        settings=settings,
        home=home(),
        in_process=in_process,
    )


def _play(request: DemoRequest, *, take_turns: bool = False) -> DemoResult:
    from bursar.desk.progress import watching
    from bursar.runtime.demo import run

    account = request.settings.account
    with watching(request.days, account.base_currency, console(stderr=True)) as observer:
        if not take_turns:
            return run(request, observer)
        from bursar.desk.turns import turn

        with turn(request.home, account.account_id, request.settings.store) as ours:
            return run(request, observer, ours)


# ---------------------------------------------------------------- look


@app.command(rich_help_panel=LOOKING)
def why(
    order: Annotated[
        str, typer.Argument(metavar="ORDER", help="An order such as o-00000001, or just 1; or any event.")
    ],
    journal: JournalFile = None,
    json: AsJson = False,
) -> None:
    """Say why an order was sent: from its fills back to the decision, the views and the prices.

    It reads the journal of the last demo, or another one, and nothing else: what it tells is what was
    known at the time.

      bursar why o-00000001
      bursar why 12 --json
    """
    from bursar.desk import why as chain

    links = chain.explain(records(journal), order)
    if json:
        sys.stdout.write(chain.as_json(links))
    else:
        console().print(chain.as_tree(links, f"Why {chain.full_id(order)}"))


@app.command("why-not", rich_help_panel=LOOKING)
def why_not(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Such as AAPL.")],
    day: Annotated[str, typer.Argument(metavar="DATE", help="A session of the journal, such as 2022-01-03.")],
    journal: JournalFile = None,
    json: AsJson = False,
) -> None:
    """Say why a symbol was not traded on a day, or why its target was what it was, and what would have changed that.

    It reads the journal of the last demo, or another one, and computes nothing again: each figure is the one that
    bound on that day.

      bursar why-not KO 2022-01-05
      bursar why-not KO 2022-01-05 --json
    """
    from json import dumps

    from bursar.desk import why_not as steps

    answer = steps.explain(records(journal), symbol, steps.day_of(day))
    if json:
        sys.stdout.write(dumps(answer.as_json(), indent=2, ensure_ascii=False) + "\n")
    else:
        console().print(steps.as_text(answer))


@app.command(rich_help_panel=LOOKING)
def audit(journal: JournalFile = None, json: AsJson = False) -> None:
    """See that nobody touched the journal: every event's hash, its chain, and the end that is kept outside.

    An event that was edited, removed or inserted is named, and the exit code is 6.
    """
    from json import dumps

    from bursar.adapters.journal import verify

    path = journal_path(journal)
    try:
        head = verify(path)
    except LedgerError as error:
        if json:
            sys.stdout.write(dumps({"sound": False, "event": error.sequence, "problem": str(error)}, indent=2) + "\n")
        raise
    if json:
        sys.stdout.write(dumps({"sound": True, "events": head.sequence, "head": head.digest.hex()}, indent=2) + "\n")
        return
    said = f"[green]✓[/] {head.sequence:,} events, the chain is unbroken"
    console().print(f"{said}\n  [dim]head {head.digest.hex()}[/]\n  [dim]{path}[/]", highlight=False, soft_wrap=True)


@app.command(rich_help_panel=LOOKING)
def desk() -> None:
    """Open the report of the last demo in a browser."""
    import webbrowser

    from bursar.config import home

    page = home() / "runs" / "demo" / "report.html"
    if not page.is_file():
        raise InputError(f"there is no report at {page}; run bursar demo first")
    webbrowser.open(page.as_uri())
    console().print(str(page), highlight=False, soft_wrap=True)


# ---------------------------------------------------------------- set up


@app.command(rich_help_panel=MACHINE)
def doctor(
    json: AsJson = False,
    config: ConfigFile = None,
    watch: Annotated[
        bool, typer.Option("--watch", metavar="", help="Watch the line to the broker, and tell each change of it.")
    ] = False,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0, help="How long to watch; 0 is until you interrupt it.")
    ] = 0,
) -> None:
    """Look whether this machine is fit for Bursar, and say what to do where it is not. Changes nothing."""
    from bursar.config import home
    from bursar.desk import doctor as checks

    if watch:
        from bursar.desk import linewatch

        linewatch.show(settings_of(config, {}), console(), seconds=seconds, json=json)
        return
    findings = checks.examine(home(), settings_of(config, {}))
    if json:
        sys.stdout.write(checks.as_json(findings))
    else:
        console().print(checks.as_table(findings))
    if not checks.healthy(findings):
        raise typer.Exit(1)


@app.command(rich_help_panel=MACHINE)
def settings(
    config: ConfigFile = None,
    example: Annotated[
        bool, typer.Option("--example", metavar="", help="Print a bursar.toml with every default instead.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show every setting, what it is now, and where that was said.

    bursar settings --example > bursar.toml
    """
    from json import dumps

    from bursar.config import build, entries, gather

    if example:
        from bursar.desk.settings_pages import example_file

        sys.stdout.write(example_file())
        return
    given = gather(config)
    values = build(given)
    rows = [
        (entry.key, entry.shown(values), given[entry.key].where if entry.key in given else "by default")
        for entry in entries()
    ]
    if json:
        sys.stdout.write(dumps({key: {"value": value, "said": where} for key, value, where in rows}, indent=2) + "\n")
        return
    from rich.table import Table

    table = Table("setting", "value", "said", box=None, padding=(0, 1), header_style="dim")
    for key, value, where in rows:
        table.add_row(key, value, where, style="" if where == "by default" else "bold")
    console().print(table)


for _add in ADDERS:
    _add(app)
