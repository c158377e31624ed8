"""Belief: what a backtest is worth, said by somebody who would rather say "luck".

    folds      days to choose on and days to be judged on: walk-forward with an embargo, CPCV
    study      a table of trials, each a series of returns, and what choosing among them brings out of sample
    evidence   one chosen series held against luck, costs, time, regimes, its best names and honest yardsticks
    promotion  candidate, paper, live: what each step needs, and the reasons in words when it is refused

A candidate is run once over all days and then cut into folds. That is right because it reads only what was known on
each day, which ``runtime/lookahead.py`` proves by corrupting the future; a learner that is fitted on a fold is run
for each fold instead.
"""

from bursar.research.validate.evidence import Evidence, Trialled, examine
from bursar.research.validate.folds import Fold, Path, combinatorial, walk_forward
from bursar.research.validate.kept import Kept, Lived, held_against
from bursar.research.validate.promotion import Bar, Grade, Paper, Promotion, judge
from bursar.research.validate.study import Study, chosen_by_fold, paths

__all__ = [
    "Bar",
    "Evidence",
    "Fold",
    "Grade",
    "Kept",
    "Lived",
    "Paper",
    "Path",
    "Promotion",
    "Study",
    "Trialled",
    "chosen_by_fold",
    "combinatorial",
    "examine",
    "held_against",
    "judge",
    "paths",
    "walk_forward",
]
