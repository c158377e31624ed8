"""A study: everything that was tried on one question, and what choosing the best of it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bursar.errors import InputError
from bursar.quant.arrays import FloatArray, IntArray, matrix
from bursar.quant.statistics import DeflatedSharpe, Overfitting, deflated_sharpe, overfitting
from bursar.research.validate.folds import Fold, Path

#: Blocks into which CSCV cuts the days: 12,870 ways to halve 16 of them.
CSCV_BLOCKS = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Study:
    """Trials and their daily excess returns.

    names    one each
    returns  (n_days, n_trials), above the Treasury bill
    others   trials of the same question whose returns were not kept: they count, in full
    """

    names: tuple[str, ...]
    returns: FloatArray
    others: int = 0

    def __post_init__(self) -> None:
        table = matrix("returns", self.returns)
        if table.shape[1] != len(self.names) or not self.names:
            raise InputError(f"{len(self.names)} trials have returns of shape {table.shape}")
        if len(set(self.names)) != len(self.names):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise InputError(f"more than one trial is named {', '.join(twice)}; name each by what differs")

    def index(self, name: str) -> int:
        """The column of a trial. Raises InputError where there is none."""
        if name not in self.names:
            raise InputError(f"no trial {name!r} in this study; there are {', '.join(self.names[:20])}")
        return self.names.index(name)

    def deflated(self, name: str | None = None) -> DeflatedSharpe:
        """One trial (the best, where none is named) against the best that luck gives in as many."""
        return deflated_sharpe(self.returns, trial=None if name is None else self.index(name), others=self.others)

    def overfitting(self) -> Overfitting | None:
        """How often the best of one half of the days is below the middle in the other; None with a single trial."""
        if len(self.names) < 2:
            return None
        blocks = min(CSCV_BLOCKS, len(self.returns) // 2 // 2 * 2)
        return overfitting(self.returns, blocks=blocks) if blocks >= 2 else None


def best(returns: FloatArray, rows: IntArray) -> int:
    """The column with the highest Sharpe ratio over ``rows``; the first of equals, and never a constant one."""
    chosen = returns[rows]
    deviation = chosen.std(axis=0, ddof=1) if len(rows) > 1 else np.zeros(returns.shape[1])
    ratio = np.where(deviation > 0.0, chosen.mean(axis=0) / np.where(deviation > 0.0, deviation, 1.0), -np.inf)
    return int(np.argmax(ratio))


def chosen_by_fold(study: Study, folds: Sequence[Fold]) -> tuple[tuple[str, ...], FloatArray]:
    """The trial that each fold chose, and the returns of the judged days, in the order of the folds."""
    columns = [best(study.returns, fold.chooses) for fold in folds]
    judged = np.concatenate([study.returns[fold.judges, column] for fold, column in zip(folds, columns, strict=True)])
    return tuple(study.names[column] for column in columns), judged


def paths(study: Study, folds: Sequence[Fold], histories: Sequence[Path]) -> FloatArray:
    """(n_histories, n_days): each whole history, every day of it judged by a fold that did not choose on it."""
    columns = [best(study.returns, fold.chooses) for fold in folds]
    return np.array(
        [
            np.concatenate(
                [study.returns[group, columns[fold]] for fold, group in zip(path.folds, path.groups, strict=True)]
            )
            for path in histories
        ]
    )
