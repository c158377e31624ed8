"""What the tables of a terminal have in common: how they are framed, and how a gain and a loss look."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich.table import Table
from rich.text import Text

from bursar.desk import wording


def table(title: str, *columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """A table without lines; ``numbers`` are columns that stand to the right, behind ``columns``."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1), header_style="dim")
    for name in columns:
        made.add_column(name, no_wrap=True)
    for name in numbers:
        made.add_column(name, justify="right", no_wrap=True)
    return made


def listing(title: str, *columns: str, right: Sequence[str] = ()) -> Table:
    """An empty table with its columns in this order; those of ``right`` hold numbers, and long words are wrapped."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1), header_style="dim")
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", no_wrap=name in right)
    return made


def signed_percent(fraction: float | None) -> Text:
    """A gain in green, a loss in red, and a dash for what is not known."""
    return Text(wording.percent(fraction, 2, signed=True), style=style(fraction or 0))


def signed_money(amount: Decimal | None, currency: str) -> Text:
    """Likewise for money."""
    return Text(wording.money(amount, currency, signed=True), style=style(amount or 0))


def style(amount: float | Decimal) -> str:
    """Green above nothing, red below it."""
    return "green" if amount > 0 else "red" if amount < 0 else "dim"
