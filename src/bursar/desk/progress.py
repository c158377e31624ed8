"""What a person sees while days run: a bar on standard error, never on standard output.

Where standard error is no terminal, one quiet line a day stands in for the bar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bursar.desk import wording
from bursar.domain.events import SessionClosed
from bursar.ports import Recorded


class DayObserver(Protocol):
    """Someone who watches days begin and end."""

    def day_started(self, day: date) -> None: ...

    def day_finished(self, day: date, equity: Decimal) -> None: ...


class Lines:
    """One line a finished day, for logs and pipes."""

    def __init__(self, console: Console, currency: str) -> None:
        self._console = console
        self._currency = currency

    def day_started(self, day: date) -> None:
        """Nothing to say yet."""

    def day_finished(self, day: date, equity: Decimal) -> None:
        line = f"{wording.day(day)}  {wording.money(equity, self._currency)}"
        self._console.print(line, highlight=False, soft_wrap=True)


class Bar:
    """A bar that grows with the days, with the value at the last close."""

    def __init__(self, progress: Progress, days: int, currency: str) -> None:
        self._progress = progress
        self._task = progress.add_task("opening the market", total=days, figure="")
        self._currency = currency

    def day_started(self, day: date) -> None:
        self._progress.update(self._task, description=wording.day(day))

    def day_finished(self, day: date, equity: Decimal) -> None:
        figure = wording.money(equity, self._currency)
        self._progress.update(self._task, advance=1, description=wording.day(day), figure=figure)
        if self._progress.finished:
            self._progress.update(self._task, description="adding it up")


@contextmanager
def watching(days: int, currency: str, console: Console) -> Iterator[DayObserver]:
    """An observer of ``days`` days that draws on ``console``, which should write to standard error."""
    if not console.is_terminal:
        yield Lines(console, currency)
        return
    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figure]:>14}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bar(progress, days, currency)


class Decisions:
    """Watches a backtest: a step for each decision; where nobody looks, a line for each year."""

    def __init__(self, days: Sequence[date], step: Callable[[date], None]) -> None:
        self._days = frozenset(days)
        self._step = step

    def committed(self, recorded: Sequence[Recorded]) -> None:
        for each in recorded:
            if isinstance(each.event, SessionClosed) and each.event.day in self._days:
                self._step(each.event.day)


@contextmanager
def counting(what: str, days: Sequence[date], console: Console) -> Iterator[Decisions]:
    """An observer of a run that decides on ``days``, drawing on ``console``, which should write to standard error."""
    if not console.is_terminal:
        years: set[int] = set()

        def line(day: date) -> None:
            if day.year not in years:
                years.add(day.year)
                console.print(f"{what}  {day.year}", highlight=False, soft_wrap=True)

        yield Decisions(days, line)
        return
    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=len(days))
        yield Decisions(days, lambda day: progress.update(task, advance=1, description=f"{what}  {day:%Y-%m}"))


@contextmanager
def waiting(what: str, console: Console) -> Iterator[Callable[[str], None]]:
    """Something that takes its time: a turning sign with the last word, or a line each where nobody looks."""
    if not console.is_terminal:
        yield lambda said: console.print(said, highlight=False, soft_wrap=True, markup=False)
        return
    with console.status(what, spinner="dots") as status:
        yield lambda said: status.update(escape(said))
