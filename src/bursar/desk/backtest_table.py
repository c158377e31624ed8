"""The score of a backtest for a terminal: the figures beside the yardsticks, and what must be known to read them."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from bursar.desk import wording
from bursar.desk.backtest_page import between, told, verdict, whole_money
from bursar.desk.tables import signed_percent, table
from bursar.runtime.score import Line, Score

ROWS = (
    "return a year",
    "volatility",
    "Sharpe ratio",
    "  its interval",
    "ours less its",
    "  its interval",
    "largest drawdown",
    "turnover a year",
    "costs",
    "orders",
    "in stocks",
    "ends at",
)


def as_tables(score: Score) -> RenderableType:
    """Everything that fits a screen."""
    first, last = score.days[0], score.days[-1]
    title = f"{score.name.replace('_', ' ')}, {first} to {last}, decided {score.result.plan.rhythm.value}"
    beside = table(title, "", numbers=tuple(line.name.replace("_", " ") for line in score.lines))
    for label, *cells in zip(ROWS, *(_cells(line, score.result.market.currency) for line in score.lines), strict=True):
        beside.add_row(label, *cells)
    parts: list[RenderableType] = [beside, Text(""), Padding(Text(verdict(score), style="bold"), (0, 1))]
    if score.regimes:
        states = table(
            "By state of the market, as known the day before",
            "",
            numbers=("days", "a year", "Sharpe", "equal weight's"),
        )
        for each in score.regimes:
            states.add_row(
                each.name,
                wording.percent(each.share, 0),
                signed_percent(each.annual),
                told(each.sharpe),
                told(each.yardstick_sharpe),
            )
        parts += [Text(""), states]
    return Group(*parts, Text(""), *_notes(score))


def _cells(line: Line, currency: str) -> tuple[RenderableType, ...]:
    ahead = line.ahead
    return (
        signed_percent(line.metrics.annualized_return),
        wording.percent(line.metrics.volatility),
        told(line.metrics.sharpe),
        Text(between(line.sharpe), style="dim"),
        "" if ahead is None else told(ahead.estimate),
        Text("" if ahead is None else between(ahead), style="dim"),
        wording.percent(line.metrics.max_drawdown),
        wording.percent(line.turnover, 0),
        whole_money(line.costs, currency),
        f"{line.orders:,}",
        wording.percent(line.exposure, 0),
        whole_money(line.final, currency),
    )


def _notes(score: Score) -> list[RenderableType]:
    market, best = score.result.market, score.without_best
    lines = [
        f"Universe: {market.origin}." + (" They are survivors." if market.survivors else ""),
        (
            f"Had {wording.several(best.symbols)} earned nothing, all of it would have returned "
            f"{wording.points(best.total_return_pct, 1, signed=True)}, not "
            f"{wording.percent(score.ours.metrics.total_return, 1, signed=True)}."
            if best.symbols
            else "No name earned anything."
        ),
        f"All cash on {wording.percent(score.in_cash)} of the days.",
        *(
            f"{wording.count(times, 'decision')} of {times + score.decided} skipped: {reason}."
            for reason, times in score.skipped.items()
        ),
        *(
            f"The gate stopped {wording.count(times, 'order')} ({rule.replace('_', ' ')})."
            for rule, times in score.stopped.items()
        ),
        *score.result.assumed,
        *score.notes,
    ]
    return [Padding(Text(line, style="dim"), (0, 2)) for line in lines]
