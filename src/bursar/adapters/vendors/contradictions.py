"""Where two sources say different things of the same: prices day by day, statements number by number.

Levels are not compared, since adjusting moves them; returns are. Two sources that adjust for different things differ on
ex-dates by the dividend, so a return may differ by a little. What is left is somebody's mistake, and it cannot be told
from here whose: it is shown, and whoever decides on such a day knows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

import numpy as np

from bursar.adapters.history import MemoryHistory
from bursar.adapters.vendors.quality import Finding, Trouble
from bursar.adapters.vendors.tables import Imported
from bursar.ports import Fact, Panel

#: How far the returns of a day, or two numbers of a statement as a part of the larger, may lie apart.
RETURNS_APART, NUMBERS_APART = 0.01, 0.01


def between(one: Imported, other: Imported) -> list[Finding]:
    """Days on which the returns of two imports differ by more than RETURNS_APART, a finding each."""
    first, second = _closes(one), _closes(other)
    days, ours, theirs = np.intersect1d(first.dates, second.dates, return_indices=True)
    found = []
    for symbol in sorted(set(first.symbols) & set(second.symbols)):
        with np.errstate(invalid="ignore", divide="ignore"):
            mine = np.diff(np.log(first.column(symbol)[ours]))
            yours = np.diff(np.log(second.column(symbol)[theirs]))
        for row in np.flatnonzero(np.abs(mine - yours) > RETURNS_APART).tolist():
            day = days[row + 1].item()
            found.append(
                Finding(
                    symbol=symbol,
                    trouble=Trouble.CONTRADICTION,
                    first=day,
                    last=day,
                    measured=float(mine[row] - yours[row]),
                    message=f"{one.source.title} says {np.expm1(mine[row]):+.1%}, {other.source.title} says "
                    f"{np.expm1(yours[row]):+.1%}",
                )
            )
    return found


def _closes(imported: Imported) -> Panel:
    history = MemoryHistory(imported.facts, actions=imported.actions)
    field = "raw_close" if "raw_close" in imported.facts and imported.actions is None else "close"
    symbols = next(iter(imported.facts.values())).panel.symbols
    return history.asof(symbols, field, datetime(9999, 1, 1, tzinfo=UTC))


def of_statements(one: Iterable[Fact], other: Iterable[Fact]) -> list[Finding]:
    """Numbers that two sources of statements give differently for one company, name and period: the last of each."""
    latest: dict[tuple[str, str, date], Fact] = {}
    for fact in sorted(one, key=lambda fact: fact.known_at):
        latest[fact.symbol, fact.name, fact.at] = fact
    theirs = {(fact.symbol, fact.name, fact.at): fact for fact in sorted(other, key=lambda fact: fact.known_at)}
    found = []
    for key in sorted(latest.keys() & theirs.keys()):
        mine, yours = latest[key], theirs[key]
        larger = max(abs(mine.value), abs(yours.value))
        if mine.unit == yours.unit and abs(mine.value - yours.value) > NUMBERS_APART * larger:
            symbol, name, at = key
            found.append(
                Finding(
                    symbol=symbol,
                    trouble=Trouble.CONTRADICTION,
                    first=at,
                    last=at,
                    measured=mine.value - yours.value,
                    message=f"{name} is {mine.value:,.0f} by {mine.source} and {yours.value:,.0f} by {yours.source}",
                )
            )
    return found
