"""The result of a run in a terminal: what a person wants to know first, in tables that read well."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bursar.desk import tables, wording
from bursar.desk.report import Headline, headline
from bursar.runtime.results import DemoResult, SeedSpread

_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], low: float | None = None, high: float | None = None, width: int = 60) -> str:
    """``values`` as a row of blocks; low and high fix the scale, so that two rows can be compared.

    More values than ``width`` are thinned, the first and the last kept.
    """
    shown = values
    if len(values) > width:
        shown = [values[round(index * (len(values) - 1) / (width - 1))] for index in range(width)]
    least = min(shown) if low is None else low
    spread = (max(shown) if high is None else high) - least
    if not spread > 0:
        return _BLOCKS[0] * len(shown)
    top = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round(min(max((value - least) / spread, 0.0), 1.0) * top)] for value in shown)


def show(result: DemoResult, console: Console, page: Path | None = None) -> None:
    """Print the summary of ``result``; ``page`` is where its report lies."""
    figures = headline(result)
    console.print()
    console.print(_top(result, figures))
    console.print(_curves(result))
    console.print()
    console.print(_days(result))
    console.print()
    console.print(_positions(result))
    console.print()
    console.print(_honest(result, figures))
    console.print(_next(result, page), soft_wrap=True)


def _top(result: DemoResult, figures: Headline) -> RenderableType:
    keys, currency = result.keys, result.currency
    days = wording.count(len(result.days), "trading day")
    table = Table.grid(padding=(0, 2))
    for _ in range(4):
        table.add_column(no_wrap=True)
    cells = [
        ("value now", Text(wording.money(keys.current_value, currency), style="bold")),
        ("total return", tables.signed_percent(figures.total)),
        ("against equal weight", tables.signed_percent(figures.ahead)),
        ("largest drawdown", Text(wording.percent(keys.max_drawdown, 2))),
        ("Sharpe ratio", Text(wording.ratio(keys.sharpe_ratio))),
        ("orders that traded", Text(str(keys.total_trades))),
        ("round trips won", Text(wording.percent(keys.win_rate, 0))),
        ("fees", Text(wording.money(result.book.fees, currency))),
    ]
    for row in range(0, len(cells), 4):
        four = cells[row : row + 4]
        table.add_row(*(Text(name, style="dim") for name, _ in four))
        table.add_row(*(value for _, value in four))
        if row == 0:
            table.add_row()
    market = "[bold red]SYNTHETIC MARKET[/]  " if result.synthetic else ""
    title = f"[bold]Bursar[/]  {market}{days}, {wording.span(result.days[0].day, result.days[-1].day)}"
    return Panel(
        table, title=title, title_align="left", subtitle="[dim]simulated account, no real money[/]",
        subtitle_align="right", padding=(1, 2), expand=False,
    )  # fmt: skip


def _curves(result: DemoResult) -> RenderableType:
    start = float(result.keys.initial_cash)
    ours = [start, *(float(point.equity) for point in result.curve)]
    theirs = [start, *(float(point.equity) for point in result.benchmark.curve)]
    low, high = min(*ours, *theirs), max(*ours, *theirs)
    table = Table.grid(padding=(0, 2))
    table.add_row("  Bursar", Text(sparkline(ours, low, high), style="cyan"), _whole(ours[-1], result.currency))
    table.add_row(
        "  equal weight", Text(sparkline(theirs, low, high), style="yellow"), _whole(theirs[-1], result.currency)
    )
    return table


def _days(result: DemoResult) -> Table:
    table = tables.table("Day by day", "day", numbers=("views", "orders", "fills", "fees", "gain or loss", "at close"))
    for day in result.days:
        table.add_row(
            wording.day(day.day),
            str(len(day.views)),
            str(len(day.orders)),
            str(len(day.fills)),
            wording.money(day.fees, result.currency),
            tables.signed_money(day.pnl, result.currency),
            wording.money(day.equity, result.currency),
        )
    return table


def _positions(result: DemoResult) -> RenderableType:
    book, currency = result.book, result.currency
    if not book.positions:
        return Text(f"  Nothing is held; {wording.money(book.cash, currency)} in cash.")
    table = tables.table(
        "What is held", "symbol", numbers=("shares", "lots", "close", "value", "of equity", "unrealized")
    )
    for line in book.positions:
        table.add_row(
            line.symbol,
            wording.quantity(line.quantity),
            str(len(line.lots)),
            wording.price(line.price, currency),
            wording.money(line.value, currency),
            wording.percent(line.weight),
            tables.signed_money(line.unrealized, currency),
        )
    share = book.cash / result.keys.current_value if result.keys.current_value else Decimal(0)
    table.add_row("cash", "", "", "", wording.money(book.cash, currency), wording.percent(share), "", style="dim")
    return table


def _honest(result: DemoResult, figures: Headline) -> RenderableType:
    """What keeps the figures above from being taken for more than they are."""
    without = result.without_best
    many = "day proves" if len(result.days) == 1 else "days prove"
    chance = (
        f" Luck alone ends them between {wording.percent(-figures.chance, signed=True)} and "
        f"{wording.percent(figures.chance, signed=True)} two times in three."
        if figures.chance is not None
        else ""
    )
    who = "Survivors" if result.universe.survivors else "Stocks"
    rest = wording.points(without.total_return_pct, signed=True)
    lines = [
        f"{wording.spelled(len(result.days)).capitalize()} {many} nothing.{chance}",
        *([_other_seeds(result.spread)] if result.spread else []),
        f"{who}: {result.universe.origin}.",
        *([f"Without {wording.several(without.symbols)} it is {rest}."] if without.symbols else []),
        f"Simulated: {' '.join(result.simulated)}",
        f"Costs: {result.costs}.",
        *(f"No {name.replace('_', ' ')}: {why}." for name, why in sorted(result.keys.missing.items())),
    ]
    return Group(*(Padding(Text(line, style="dim"), (0, 2)) for line in lines))


def _other_seeds(spread: SeedSpread) -> str:
    low, high = wording.points(spread.lowest, signed=True), wording.points(spread.highest, signed=True)
    return f"Under {len(spread.total_return_pct)} seeds of what is simulated they ended between {low} and {high}."


def _next(result: DemoResult, page: Path | None) -> RenderableType:
    first = next((order.order_id for day in result.days for order in day.orders), None)
    lines = [Text("")]
    if page is not None:
        lines.append(Text.assemble("  Report   ", (str(page), "bold"), style="default"))
    lines.append(Text(f"  Journal  {result.journal_path}"))
    if first is not None:
        lines.append(Text.assemble("  Now try  ", (f"bursar why {first}", "bold"), "  and  ", ("bursar audit", "bold")))
    return Group(*lines)


def _whole(amount: float, currency: str) -> str:
    return wording.money(Decimal(repr(amount)), currency)
