"""What a template passed over, and by which figure: told when it decides, for nobody can tell it truly later."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bursar.domain.targets import Bound, Unit
from bursar.quant.arrays import BoolArray, FloatArray
from bursar.research.templates.catalogue import KINDS
from bursar.research.templates.grammar import Condition, Template
from bursar.research.templates.measure import Measured, of_today
from bursar.research.templates.words import SIDES


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """One thing that is asked before a symbol is bought.

    values, met  (n_rows, n_symbols)
    opening      asked of what is not held, and not of what is
    """

    name: str
    values: FloatArray
    met: BoolArray
    than: float
    shown: str
    side: str
    opening: bool

    def bound(self, symbol: str, row: int, column: int, when: str) -> Bound:
        value = float(self.values[row, column])
        asked = f"{self.side} {_shown(self.than, self.shown)} is asked"
        return _bound(symbol, self.name, value, self.than, self.shown, f"{asked}{when}")


def passed_over(seen: Measured, held: frozenset[str], chosen: Sequence[str]) -> tuple[Bound, ...]:
    """Every figure that kept a symbol from being chosen: all of them had to be others.

    Where a template looks back some closes, those of the close at which the fewest were missing, the latest of them.
    """
    template = seen.template
    asked = list(_asked(seen))
    missing = sum((~each.met).astype(np.int64) for each in asked) if asked else np.zeros_like(seen.confidence)
    rows = len(seen.confidence)
    ages = np.arange(rows)[::-1, None]
    nearest = np.argmin(missing * rows + ages, axis=0)
    told: list[Bound] = []
    for symbol in sorted(seen.columns.keys() - set(chosen)):
        column = seen.columns[symbol]
        if not seen.judged[column]:
            told.append(_unknown(seen, symbol))
            continue
        row, kept = int(nearest[column]), symbol in held
        when = "" if template.within_days == 1 else f", {_ago(rows - 1 - row)}"
        lacking = [
            each.bound(symbol, row, column, when)
            for each in asked
            if not (each.met[row, column] or (kept and each.opening))
        ]
        told += lacking or _left(seen, symbol, rows - 1 - row)
    return tuple(told)


def outranked(seen: Measured, bound: Bound, last: str) -> Bound:
    """The bound of a symbol for which no place was left, by the figure of the ranking against that of the ``last``."""
    rank = seen.template.rank
    assert rank is not None, "a template that selects has a ranking"
    shown = "{:.2f}" if rank.by == "confidence" else KINDS[seen.template.signal(rank.by).reads].shown
    own, least = seen.value(bound.symbol, rank.by), seen.value(last, rank.by)
    said = f"{last} has the last of {seen.template.size.positions} places with {_shown(least, shown)}"
    return _bound(bound.symbol, "rank", own, least, shown, said, rank.by)._replace(before=bound.before)


def _asked(seen: Measured) -> Iterator[_Asked]:
    template, shape = seen.template, seen.confidence.shape
    back = template.within_days > 1
    for each in template.enter:
        if each.signal not in seen.values:
            continue
        values, now = seen.values[each.signal], of_today(template, each)
        if now:
            values = np.broadcast_to(values[-1], shape)
        yield _Asked(
            name=each.signal,
            values=values,
            met=each.side.among(values, each.than),
            than=each.than,
            shown=_shape(template, each),
            side=SIDES[each.side],
            opening=each.opening and (now or not back),
        )
    if template.confidence_min > 0.0:
        met = seen.confidence >= template.confidence_min
        yield _Asked(
            name="confidence",
            values=seen.confidence,
            met=met,
            than=template.confidence_min,
            shown="{:.2f}",
            side="at least",
            opening=not back,
        )


def _left(seen: Measured, symbol: str, age: int) -> list[Bound]:
    """Why one that met all that is asked is not held: it met what ends a position, now or since."""
    template, column = seen.template, seen.columns[symbol]
    now = [
        (each, float(seen.values[each.signal][-1, column]))
        for each in template.leave
        if each.signal in seen.values and each.side.holds(float(seen.values[each.signal][-1, column]), each.than)
    ]
    if not now:
        said = f"it was to be bought {_ago(age)}, and met since what ends a position"
        return [Bound(symbol, "leave", None, None, Unit.NUMBER, 0.0, 0.0, said)]
    return [
        _bound(symbol, "leave", value, each.than, _shape(template, each), _sold(template, each), each.signal)
        for each, value in now
    ]


def _sold(template: Template, condition: Condition) -> str:
    return f"{SIDES[condition.side]} {_shown(condition.than, _shape(template, condition))} ends a position"


def _unknown(seen: Measured, symbol: str) -> Bound:
    column = seen.columns[symbol]
    silent = [
        signal.name
        for signal in seen.template.signals
        if not signal.optional and not math.isfinite(seen.values[signal.name][-1, column])
    ]
    return Bound(symbol, "unknown", None, None, Unit.NUMBER, 0.0, 0.0, f"{' and '.join(silent)} cannot be told of it")


def _bound(symbol: str, step: str, value: float, limit: float, shown: str, said: str, name: str = "") -> Bound:
    known = math.isfinite(value)
    says = f"{name or step} is {_shown(value, shown) if known else 'not known'}; {said}"
    unit = Unit.FRACTION if "%" in shown else Unit.NUMBER
    return Bound(symbol, step, value if known else None, limit, unit, 0.0, 0.0, says)


def _shape(template: Template, condition: Condition) -> str:
    return KINDS[template.signal(condition.signal).reads].shown


def _shown(value: float, shown: str) -> str:
    return shown.format(value).lstrip("+")


def _ago(days: int) -> str:
    return "at the last close" if days == 0 else f"{days} {'day' if days == 1 else 'days'} before the last close"
