"""Writes docs/results.md: every strategy that the data supports on the real stocks, costs in, whatever came of it.

python -m scripts.results [--from 1995] [--to 2022] [NAME ...]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from bursar.config import home, load
from bursar.desk import wording
from bursar.desk.backtest_page import between, told, whole_money
from bursar.errors import BursarError
from bursar.runtime.candidates import candidates
from bursar.runtime.exam import Question, sit
from bursar.runtime.score import Line, Score

PAGE = Path(__file__).parents[1] / "docs" / "results.md"

HEAD = """\
# Results

Every strategy that the data supports, on the real closes of twenty stocks, {first} to {last}, with costs. Written by
`make results`, which prints whatever comes of it; a figure that looks bad is as much a result as one that does not.

**The stocks are survivors.** {origin}. Whatever is bought among them did well afterwards, or it would not be here: all
returns below are too high, those of doing nothing included, and nothing found on them may be promoted to real money.

Each run is the loop, the gate, the books and the exchange that trade live, from {cash} on, in whole shares at the
official close, at {costs} basis points of what is traded and half of a spread of {spread}. Cash earns nothing. Sharpe
ratios are annual, above the Treasury bill (its last rate is held after March 2017). Intervals hold nineteen of twenty
resamples of the days, drawn in blocks. "Less 1/N" is the Sharpe ratio less that of equal weight on the same days; where
its interval holds zero, luck explains the difference. "Without three" is the yearly return had the three best names
earned nothing.

"""


def main(arguments: Sequence[str]) -> int:
    """Run them one after another, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="first", type=int, default=1995)
    parser.add_argument("--to", dest="last", type=int, default=2022)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args(arguments)
    settings = load(None, command_line={})
    scores, refused = list[Score](), dict[str, str]()
    for name in asked.names or candidates():
        sys.stderr.write(f"results: {name}\n")
        question = Question(
            name=name, settings=settings, home=home(), first=date(asked.first, 1, 1), last=date(asked.last, 12, 31)
        )
        try:
            scores.append(sit(question))
        except BursarError as error:
            refused[name] = str(error)
    left = [name for name in candidates() if asked.names and name not in asked.names]
    PAGE.write_text(page(scores, refused, left), encoding="utf-8")
    sys.stdout.write(f"{PAGE}: {len(scores)} strategies, {len(refused)} that the data does not support\n")
    return 0


def page(scores: Sequence[Score], refused: dict[str, str], left: Sequence[str]) -> str:
    """The page as Markdown. left: strategies that were not asked for, which the page says."""
    return "\n".join([*_head(scores), *_table(scores), *_states(scores), *_refused(refused), *_left(left), ""])


def _head(scores: Sequence[Score]) -> Iterator[str]:
    first = scores[0]
    plan = first.result.plan
    yield HEAD.format(
        first=first.days[0],
        last=first.days[-1],
        origin=first.result.market.origin,
        cash=whole_money(plan.cash),
        costs=plan.costs_basis_points,
        spread=plan.spread_basis_points,
    ).rstrip("\n")
    yield ""


def _table(scores: Sequence[Score]) -> Iterator[str]:
    columns = (
        "strategy", "decided", "return a year", "volatility", "Sharpe", "its interval", "less 1/N", "its interval",
        "drawdown", "turnover a year", "costs", "orders", "in stocks", "without three", "ends at",
    )  # fmt: skip
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    monthly = next((each for each in scores if each.result.plan.rhythm.value == "monthly"), scores[0])
    for line in monthly.lines[1:]:
        yield _row(line, "monthly" if line.name.startswith("1/N") else "once", None)
    for score in sorted(scores, key=lambda each: -each.ours.metrics.sharpe):
        yield _row(score.ours, score.result.plan.rhythm.value, score)


def _row(line: Line, decided: str, score: Score | None) -> str:
    ahead = score.lines[1].ahead if score else None
    years = len(score.result.returns) / 252.0 if score else 1.0
    without = None if score is None else max(1 + score.without_best.total_return_pct / 100, 0.0) ** (1 / years) - 1
    cells = (
        line.name.replace("_", " ") if score else f"*{line.name}*",
        decided,
        wording.percent(line.metrics.annualized_return, 2),
        wording.percent(line.metrics.volatility),
        told(line.metrics.sharpe),
        between(line.sharpe),
        "" if ahead is None else told(ahead.estimate),
        "" if ahead is None else between(ahead),
        wording.percent(line.metrics.max_drawdown),
        wording.percent(line.turnover, 0),
        whole_money(line.costs),
        f"{line.orders:,}",
        wording.percent(line.exposure, 0),
        "" if without is None else wording.percent(without, 2),
        whole_money(line.final),
    )
    return f"| {' | '.join(cells)} |"


def _states(scores: Sequence[Score]) -> Iterator[str]:
    yield from ("", "## By the state of the market", "")
    yield (
        "The state as it could be known at the close before, from a hidden Markov chain that is fitted anew each year. "
        "Sharpe ratios; in brackets that of 1/N on the same days."
    )
    names = list(dict.fromkeys(each.name for score in scores for each in score.regimes))
    yield from ("", f"| strategy | {' | '.join(names)} |", f"|---|{'---|' * len(names)}")
    for score in sorted(scores, key=lambda each: -each.ours.metrics.sharpe):
        found = {each.name: f"{told(each.sharpe)} ({told(each.yardstick_sharpe)})" for each in score.regimes}
        yield f"| {score.name.replace('_', ' ')} | {' | '.join(found.get(name, '') for name in names)} |"


def _refused(refused: dict[str, str]) -> Iterator[str]:
    if not refused:
        return
    yield from ("", "## What these prices cannot support", "")
    yield from (f"- **{name.replace('_', ' ')}**: {reason}" for name, reason in refused.items())


def _left(left: Sequence[str]) -> Iterator[str]:
    if left:
        yield from (
            "",
            f"Not asked for when this page was written: {', '.join(name.replace('_', ' ') for name in left)}.",
        )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
