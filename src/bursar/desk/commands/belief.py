"""What a strategy is worth, on the command line: a walk forward, a judgement, and a search for peeking."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bursar.desk.commands.backtest import Costs, Every, Fractions, From, To, World, day, question_of
from bursar.desk.options import RESEARCH, AsJson, ConfigFile, cipher_of, console, said, settings_of
from bursar.errors import InputError

if TYPE_CHECKING:
    from bursar.ports import Workers
    from bursar.runtime.exam import Question
    from bursar.runtime.trials import Ledger

Name = Annotated[str, typer.Argument(metavar="NAME", help="A strategy, such as momentum or crossover.")]

research = typer.Typer(help="Doubt what was found.", no_args_is_help=True)


def add(app: typer.Typer) -> None:
    """Hang the commands on ``app``."""
    app.command(rich_help_panel=RESEARCH)(walkforward)
    app.command(rich_help_panel=RESEARCH)(promote)
    research.command()(lookahead)
    research.command()(leakage)
    app.add_typer(research, name="research", rich_help_panel=RESEARCH)


def walkforward(
    name: Name,
    first: From = None,
    last: To = None,
    every: Every = None,
    costs: Costs = None,
    fractions: Fractions = False,
    choose: Annotated[int, typer.Option("--choose", metavar="YEARS", min=1, help="Years that choose a form.")] = 5,
    judge: Annotated[int, typer.Option("--judge", metavar="YEARS", min=1, help="Years that it is then judged on.")] = 1,
    embargo: Annotated[int, typer.Option("--embargo", metavar="DAYS", min=0, help="Days left out between.")] = 21,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Processes that run the forms.")] = 1,
    cluster: Annotated[
        str | None, typer.Option("--cluster", metavar="ADDRESS", help="Dask scheduler, such as tcp://10.0.0.5:8786.")
    ] = None,
    world: World = None,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Choose among a strategy's forms on some years, judge the choice on the next, and move on.

    Beside it: CPCV, the probability of overfitting, and the Sharpe ratio deflated by every trial that was ever run.
    What was run before is read from the registry, so that a study that was cut off goes on where it stood.

      bursar walkforward crossover --from 1995 --to 2022
      bursar walkforward momentum --from 2000 --workers 2 --json
    """
    from bursar.desk import belief_tables
    from bursar.desk.progress import waiting
    from bursar.runtime.belief import YEAR, Windows, walk

    question = _asked(name, first, last, every, costs, world, config, fractions=fractions)
    with waiting(f"running the forms of {name}", console(stderr=True)) as tell:
        ledger = _ledger(question, tell)
        windows = Windows(choose=choose * YEAR, judge=judge * YEAR, embargo=embargo)
        found = walk(ledger, windows, _workers(workers, cluster), pieces=workers if cluster is None else 2 * workers)
    if json:
        sys.stdout.write(belief_tables.walk_json(found))
    else:
        console().print(belief_tables.walk_tables(found))


def promote(
    name: Name,
    to: Annotated[str, typer.Argument(metavar="GRADE", help="Where it is to go: paper or live.")] = "paper",
    first: From = None,
    last: To = None,
    every: Every = None,
    costs: Costs = None,
    world: World = None,
    history: Annotated[bool, typer.Option("--history", metavar="", help="Show what was judged before.")] = False,
    journal: Annotated[
        Path | None,
        typer.Option("--journal", metavar="FILE", help="Of the paper account.  [dim]those of all accounts[/]"),
    ] = None,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Judge whether a strategy may go on from candidate to paper to live, and say why not.

    It must beat what luck finds among as many trials, live at three times the costs, a day late and without its three
    best names. For live, calendar days, independent bets and slippage are read from the journal of a paper account. The
    judgement is kept with all its numbers. Exit code 1 is a no.

      bursar promote crossover paper --from 1995
      bursar promote momentum --history
    """
    from bursar.config import home
    from bursar.desk import belief_tables
    from bursar.desk.progress import waiting
    from bursar.research.validate import Grade
    from bursar.runtime import belief, grades, practice

    if history:
        events = grades.judgements(home(), name, cipher_of())
        if not events:
            raise InputError(f"{name} was never judged; leave out --history to judge it now")
    else:
        if to not in (Grade.PAPER, Grade.LIVE):
            raise InputError(f"a strategy goes on to paper or live, not to {to!r}")
        question = _asked(name, first, last, every, costs, world, config, fractions=False)
        with waiting(f"judging {name}", console(stderr=True)) as tell:
            ledger = _ledger(question, tell)
            at = datetime.now(UTC).replace(microsecond=0)
            paths = practice.journals(home()) if journal is None else (journal,)
            paper = grades.practiced(home(), name, paths, cipher_of()) if to == Grade.LIVE else None
            events = (belief.promote(ledger, Grade(to), home(), at, paper, cipher=cipher_of()),)
    for event in events:
        if json:
            sys.stdout.write(belief_tables.judgement_json(event))
        else:
            console().print(belief_tables.judgement(event))
    if not events[-1].passed:
        raise typer.Exit(1)


def lookahead(
    name: Name,
    first: From = None,
    last: To = None,
    every: Every = None,
    world: World = None,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Make every fact after some days wrong, run again, and see that nothing before them changes.

    Exit code 1 where something does: the strategy reads the future.

      bursar research lookahead momentum --from 2015
    """
    from dataclasses import replace

    from bursar.desk import belief_tables
    from bursar.desk.progress import waiting
    from bursar.runtime.exam import planned, prepare
    from bursar.runtime.lookahead import search

    question = _asked(name, first, last, every, None, world, config, fractions=False)
    with waiting(f"running {name} on the facts as they are", console(stderr=True)) as tell:
        plan, market = prepare(question)
        known = replace(question, first=plan.first, last=plan.last)
        verdict = search(
            lambda stage: planned(known, stage), market, told=lambda day: tell(f"all facts after {day} are wrong")
        )
    if json:
        sys.stdout.write(belief_tables.verdict_json(name, verdict))
    else:
        console().print(belief_tables.verdict_lines(name, verdict))
    if not verdict.clean:
        raise typer.Exit(1)


def leakage(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A strategy such as momentum, or an analyst such as technical_analyst."),
    ],
    first: From = None,
    last: To = None,
    decisions: Annotated[int, typer.Option("--decisions", metavar="N", min=1, help="How many, over the range.")] = 6,
    cutoff: Annotated[
        str | None,
        typer.Option("--cutoff", metavar="DAY", help="Until when the model was trained.  [dim]what its maker says[/]"),
    ] = None,
    world: World = None,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Make the same decisions on real, on future-scrambled and on anonymized facts, and hold them against each other.

    A rule must decide alike on all of them. Where models.reasoning lets a language model judge an analyst's evidence,
    its training cut-off is stated: what it says of the days before may be memory. Exit code 1 where anything differs.

      bursar research leakage momentum --from 2015
      bursar research leakage technical_analyst --json
    """
    from bursar.desk import belief_tables
    from bursar.desk.progress import waiting
    from bursar.runtime.leakage import metered

    until = None if cutoff is None else day("--cutoff", cutoff, end=True)
    question = _asked(name, first, last, None, None, world, config, fractions=False)
    with waiting(f"deciding as {name}", console(stderr=True)) as tell:
        found = metered(question, decisions, until, told=lambda each: tell(f"the decision of {each}"))
    if json:
        sys.stdout.write(belief_tables.leakage_json(found))
    else:
        console().print(belief_tables.leakage_tables(found))
    if not found.clean:
        raise typer.Exit(1)


def _asked(
    name: str,
    first: str | None,
    last: str | None,
    every: str | None,
    costs: str | None,
    world: str | None,
    config: ConfigFile,
    *,
    fractions: bool,
) -> Question:
    given = said(("market.source", "--world", world), ("costs.commission_basis_points", "--costs", costs))
    return question_of(name, settings_of(config, given), first, last, every, fractions=fractions)


def _ledger(question: Question, tell: object) -> Ledger:
    from bursar.adapters.registry import FileRegistry
    from bursar.runtime.trials import Bench, Ledger, registry_path

    assert callable(tell)
    return Ledger(bench=Bench.of(question), registry=FileRegistry(registry_path(question.home)), told=tell)


def _workers(processes: int, cluster: str | None) -> Workers | None:
    from bursar.adapters.workers import ClusterWorkers, ProcessWorkers

    if cluster is not None:
        return ClusterWorkers(cluster)
    return ProcessWorkers(processes) if processes > 1 else None
