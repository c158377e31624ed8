"""Backtests on the command line."""

from __future__ import annotations

import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bursar.desk.options import RESEARCH, AsJson, ConfigFile, console, said, settings_of
from bursar.errors import InputError

if TYPE_CHECKING:
    from datetime import date

    from bursar.config import Settings
    from bursar.runtime.exam import Question
    from bursar.runtime.score import Score

From = Annotated[
    str | None,
    typer.Option("--from", metavar="DAY", help="First day, month or year.  [dim]after a year of prices[/]"),
]
To = Annotated[
    str | None, typer.Option("--to", metavar="DAY", help="Last day, month or year.  [dim]where prices end[/]")
]
Cash = Annotated[str | None, typer.Option("--cash", metavar="AMOUNT", help="Cash to begin with.  [dim]100000[/]")]
World = Annotated[
    str | None,
    typer.Option("--world", metavar="NAME", help="Where prices come from: sample, bokeh, synthetic, an import."),
]
Market = Annotated[
    str | None,
    typer.Option(
        "--exchange", metavar="CODE", help="Whose sessions are traded: XNYS, XASX, XETR, XLON.  [dim]market.exchange[/]"
    ),
]
Costs = Annotated[
    str | None, typer.Option("--costs", metavar="POINTS", help="Commission in basis points of what is traded.")
]
Every = Annotated[
    str | None,
    typer.Option("--every", metavar="PERIOD", help="How often to decide: daily, weekly, monthly, quarterly, annually."),
]
Fractions = Annotated[bool, typer.Option("--fractions", metavar="", help="Trade fractions of shares.")]
AsPaid = Annotated[
    bool,
    typer.Option(
        "--as-paid",
        metavar="",
        help="Trade at prices as they were paid, with splits and dividends, where the source has them.",
    ),
]
CashRate = Annotated[
    float | None,
    typer.Option("--cash-rate", metavar="PERCENT", help="What cash earns in a year.  [dim]nothing[/]"),
]
PageFile = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write a page with pictures that needs nothing else.")
]


def add(app: typer.Typer) -> None:
    """Hang the commands on ``app``."""
    app.command(rich_help_panel=RESEARCH)(backtest)


def backtest(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A strategy, such as momentum or equal_weight.")],
    first: From = None,
    last: To = None,
    every: Every = None,
    cash: Cash = None,
    costs: Costs = None,
    fractions: Fractions = False,
    as_paid: AsPaid = False,
    cash_rate: CashRate = None,
    world: World = None,
    exchange: Market = None,
    page: PageFile = None,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Trade a strategy over past closes, on the loop, the gate and the books that trade live, at a cost.

    Beside it stand equal weight of the same stocks and buying them once, and intervals that tell luck from skill.

      bursar backtest momentum --from 1995 --to 2022
      bursar backtest equal_weight --from 2008-09-15 --to 2009 --html crisis.html
      bursar backtest committee --world synthetic --from 2010 --to 2015
      bursar backtest momentum --world sydney --exchange XASX
    """
    from bursar.desk import backtest_page
    from bursar.desk.backtest_table import as_tables

    settings = settings_of(
        config,
        said(
            ("account.initial_cash", "--cash", cash),
            ("market.source", "--world", world),
            ("market.exchange", "--exchange", exchange),
            ("costs.commission_basis_points", "--costs", costs),
        ),
    )
    asked = question_of(name, settings, first, last, every, fractions=fractions)
    rate = None if cash_rate is None else Decimal(str(cash_rate))
    score = _sit(replace(asked, as_paid=as_paid, cash_rate=rate))
    if page is not None:
        backtest_page.write_page(score, page)
    if json:
        sys.stdout.write(backtest_page.as_json(score))
        return
    out = console()
    out.print(as_tables(score))
    if page is not None:
        out.print(f"  [dim]page {page}[/]", highlight=False, soft_wrap=True)


def question_of(
    name: str, settings: Settings, first: str | None, last: str | None, every: str | None, *, fractions: bool
) -> Question:
    """What was asked on the command line. Raises InputError for words that mean nothing."""
    from bursar.config import home
    from bursar.runtime.exam import Question
    from bursar.trading.agenda import Rhythm

    rhythms = {each.value: each for each in Rhythm}
    if every is not None and every not in rhythms:
        raise InputError(f"--every is {every!r}; give one of {', '.join(rhythms)}")
    return Question(
        name=name,
        settings=settings,
        home=home(),
        first=None if first is None else day("--from", first, end=False),
        last=None if last is None else day("--to", last, end=True),
        rhythm=None if every is None else rhythms[every],
        fractions=fractions,
    )


def _sit(question: Question) -> Score:
    from dataclasses import replace

    from bursar.adapters.registry import FileRegistry
    from bursar.desk.progress import counting
    from bursar.runtime.backtest import decision_days, run
    from bursar.runtime.exam import prepare
    from bursar.runtime.score import score
    from bursar.runtime.trials import Bench, Ledger, registry_path

    plan, market = prepare(question)
    with counting(question.name, decision_days(plan, market), console(stderr=True)) as observer:
        result = run(plan, market, observer)
    # Whoever looks at many and keeps the best must answer for all of them: each single test is a trial as well.
    known = replace(question, first=plan.first, last=plan.last)
    bench = Bench(question=known, market=market)
    Ledger(bench=bench, registry=FileRegistry(registry_path(question.home))).keep(result)
    return score(question.name, result)


def day(option: str, text: str, *, end: bool) -> date:
    """A day, or the first or last one of a month or a year: ``1995``, ``1995-06``, ``1995-06-30``."""
    from calendar import monthrange
    from datetime import date

    try:
        parts = [int(part) for part in text.split("-")]
        year = parts[0]
        month = parts[1] if len(parts) > 1 else 12 if end else 1
        number = parts[2] if len(parts) > 2 else monthrange(year, month)[1] if end else 1
        if len(parts) > 3 or len(text.split("-", maxsplit=1)[0]) != 4:
            raise ValueError(text)
        return date(year, month, number)
    except (ValueError, IndexError):
        raise InputError(f"{option} is {text!r}; give a day, a month or a year, such as 1995-06-30 or 1995") from None
