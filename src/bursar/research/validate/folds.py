"""Folds: which days choose, which days judge, and the gap between them.

Walk-forward: choose on the past, be judged on what follows, move on. CPCV: cut the days into groups, hold out each
combination of some of them, choose on the rest; from the many held-out groups whole histories are put together.

An embargo is left out around what is held out, because a view of one day is settled over the next ones: without it
the days that choose would know something of the days that judge.

Source: Lopez de Prado, "Advances in Financial Machine Learning" (2018), chapters 7 and 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from bursar.errors import InputError
from bursar.quant.arrays import IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Rows of days, rising, none in both. chooses: where the best is looked for; judges: where it must hold."""

    chooses: IntArray
    judges: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """One whole history out of held-out groups: for each group, the fold that judges it in this history."""

    folds: tuple[int, ...]
    groups: tuple[IntArray, ...]


def walk_forward(days: int, *, choose: int, judge: int, embargo: int = 21, anchored: bool = False) -> tuple[Fold, ...]:
    """Folds one after another; together their ``judges`` are all days from the first judged one on, each once.

    choose    days that choose; with ``anchored``, the fewest: then every earlier day chooses
    judge     days that are judged before it is chosen anew; the last fold takes what is left
    embargo   days left out between them
    Raises InputError where not even one day would be judged.
    """
    for name, value, least in (("choose", choose, 1), ("judge", judge, 1), ("embargo", embargo, 0)):
        if value < least:
            raise InputError(f"{name} is {value} days; give at least {least}")
    first = choose + embargo
    if first >= days:
        raise InputError(
            f"{days} days are too few to choose on {choose}, leave {embargo} out, and judge any; "
            f"give at least {first + 1}"
        )
    return tuple(
        Fold(
            chooses=np.arange(0 if anchored else begin - embargo - choose, begin - embargo),
            judges=np.arange(begin, min(begin + judge, days)),
        )
        for begin in range(first, days, judge)
    )


def combinatorial(
    days: int, *, groups: int = 6, held_out: int = 2, embargo: int = 21
) -> tuple[tuple[Fold, ...], tuple[Path, ...]]:
    """Every way to hold out ``held_out`` of ``groups`` equal stretches of days, and the histories made of them.

    Of N groups with k held out there are C(N, k) folds, and each group is held out in C(N - 1, k - 1) of them: so many
    histories there are. Days within ``embargo`` of a held-out group choose nothing.
    """
    if not 1 <= held_out < groups:
        raise InputError(f"{held_out} of {groups} groups are held out; give at least 1, and fewer than all")
    if days < 2 * groups or embargo < 0:
        raise InputError(
            f"{days} days in {groups} groups with an embargo of {embargo}: give more days, or fewer groups"
        )
    stretches = np.array_split(np.arange(days), groups)
    folds, held_in = [], [list[int]() for _ in range(groups)]
    for number, out in enumerate(combinations(range(groups), held_out)):
        usable = np.ones(days, dtype=np.bool_)
        for group in out:
            usable[max(int(stretches[group][0]) - embargo, 0) : int(stretches[group][-1]) + 1 + embargo] = False
            held_in[group].append(number)
        if not usable.any():
            raise InputError(f"an embargo of {embargo} days leaves none of {days} to choose on; make it shorter")
        folds.append(Fold(chooses=np.flatnonzero(usable), judges=np.concatenate([stretches[group] for group in out])))
    histories = tuple(
        Path(folds=tuple(held[place] for held in held_in), groups=tuple(stretches))
        for place in range(comb(groups - 1, held_out - 1))
    )
    return tuple(folds), histories
