"""What a study and a judgement say, for a terminal and as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from bursar.desk import wording
from bursar.desk.backtest_page import between, told
from bursar.desk.tables import table
from bursar.domain.events import PromotionJudged
from bursar.runtime.belief import Walk
from bursar.runtime.leakage import Leakage
from bursar.runtime.lookahead import Verdict

#: Daily Sharpe ratios of the statistics become annual by this.
ROOT = math.sqrt(252.0)


def walk_json(walk: Walk) -> str:
    """A walk as JSON; what is not known is null."""
    document = asdict(walk) | {"forms": dict(walk.forms), "overfitting": _overfitting(walk)}
    return json.dumps(_plain(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _overfitting(walk: Walk) -> dict[str, float] | None:
    found = walk.overfitting
    if found is None:
        return None
    return {"probability": found.probability, "probability_of_loss": found.probability_of_loss, "slope": found.slope}


def _plain(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case str() | int() | None:
            return value
    return str(value)


def walk_tables(walk: Walk) -> RenderableType:
    """What was chosen when, and what choosing was worth."""
    steps = table(
        f"{walk.name.replace('_', ' ')}: chosen on the years before, judged on the next",
        "from",
        "to",
        "form",
        numbers=("Sharpe", "1/N"),
    )
    for step in walk.steps:
        steps.add_row(str(step.first), str(step.last), step.form, told(step.sharpe), told(step.yardstick))
    deflated = walk.deflated
    summary = table("Out of sample", "", numbers=("",))
    summary.add_row("Sharpe ratio of the walk", f"{told(walk.sharpe.estimate)} ({between(walk.sharpe)})")
    summary.add_row("1/N on the same days", told(walk.yardstick))
    summary.add_row("ahead of it", f"{told(walk.ahead.estimate)} ({between(walk.ahead)})")
    summary.add_row("best form in sample, unknowable", f"{told(walk.in_sample[1])} ({walk.in_sample[0]})")
    low, high = min(walk.histories), max(walk.histories)
    summary.add_row(f"{len(walk.histories)} histories of CPCV", f"{told(low)} to {told(high)}")
    overfitted = walk.overfitting
    summary.add_row(
        "probability of overfitting",
        wording.NOTHING if overfitted is None else wording.percent(_known(overfitted.probability), 0),
    )
    summary.add_row("trials, and effective ones", f"{deflated.trials}, {told(deflated.effective_trials)}")
    summary.add_row("best Sharpe that luck finds among as many", told(deflated.benchmark * ROOT))
    summary.add_row("chance to be above it (deflated Sharpe)", wording.percent(_known(deflated.probability)))
    summary.add_row("  with the effective number", wording.percent(_known(deflated.probability_effective)))
    said = (
        "Not distinguishable from 1/N of the same stocks."
        if walk.ahead.low <= 0 <= walk.ahead.high
        else f"{'Better' if walk.ahead.low > 0 else 'Worse'} than 1/N of the same stocks, by more than luck explains."
    )
    note = f"{walk.embargo} days between choosing and judging are left out. Every trial is in the registry."
    return Group(
        steps,
        Text(""),
        summary,
        Text(""),
        Padding(Text(said, style="bold"), (0, 1)),
        Padding(Text(note, style="dim"), (0, 2)),
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


# ---------------------------------------------------------------- promotion


def judgement_json(event: PromotionJudged) -> str:
    """A judgement as JSON."""
    document = {
        "strategy": event.strategy,
        "to": event.to,
        "passed": event.passed,
        "reasons": list(event.reasons),
        "market": event.market,
        "survivors": event.survivors,
        "first": event.first.isoformat(),
        "last": event.last.isoformat(),
        "numbers": dict(event.numbers),
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def judgement(event: PromotionJudged) -> RenderableType:
    """A judgement for a terminal."""
    figures = table(
        f"What {event.strategy.replace('_', ' ')} was judged by, {event.first} to {event.last}", "", numbers=("",)
    )
    for name, value in event.numbers.items():
        figures.add_row(name.replace("_", " "), _figure(name, value))
    if event.passed:
        answer: list[RenderableType] = [Text(f"Promoted to {event.to}.", style="bold green")]
    else:
        answer = [Text(f"Not promoted to {event.to}:", style="bold"), *(Text(f"- {each}") for each in event.reasons)]
    return Group(figures, Text(""), *(Padding(line, (0, 1)) for line in answer))


def _figure(name: str, value: float) -> str:
    if name in ("days", "trials", "paper_days", "paper_bets"):
        return f"{value:,.0f}"
    shares = ("annualized_return", "max_drawdown", "deflated", "deflated_effective", "overfitting", "random_rank")
    return wording.percent(value) if name in shares else told(value)


# ---------------------------------------------------------------- the future


def verdict_json(name: str, verdict: Verdict) -> str:
    """A search of the future as JSON."""
    document = {
        "strategy": name,
        "clean": verdict.clean,
        "corrupted_after": [day.isoformat() for day in verdict.days],
        "events_compared": verdict.events,
        "peeks": [str(peek) for peek in verdict.peeks],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def verdict_lines(name: str, verdict: Verdict) -> RenderableType:
    """A search of the future for a terminal."""
    days = wording.several(tuple(day.isoformat() for day in verdict.days))
    if verdict.clean:
        said = f"{name}: all facts after {days} were made wrong, and none of {verdict.events:,} events before changed."
        return Padding(Text(said, style="green"), (0, 1))
    return Padding(
        Group(Text(f"{name} reads the future:", style="bold red"), *(Text(f"- {each}") for each in verdict.peeks)),
        (0, 1),
    )


# ---------------------------------------------------------------- leakage


def leakage_json(found: Leakage) -> str:
    """What the meter found, as JSON."""
    document = {
        "subject": found.subject,
        "model": found.model or None,
        "cutoff": None if found.cutoff is None else found.cutoff.isoformat(),
        "clean": found.clean,
        "reads_the_future": found.future,
        "judges_names": found.names,
        "decisions_before_cutoff": found.before,
        "says": list(found.says),
        "decisions": [asdict(each) | {"day": each.day.isoformat()} for each in found.decisions],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def leakage_tables(found: Leakage) -> RenderableType:
    """What the meter found, for a terminal."""
    rows = table(
        f"{found.subject.replace('_', ' ')}: how far each decision is from the one on the facts as they were",
        "decided",
        numbers=("figures", "future wrong", "other names", "the same again"),
    )
    for each in found.decisions:
        apart = (f"{value:.2g}" for value in (each.future, each.names, each.chance))
        rows.add_row(str(each.day), str(each.figures), *apart)
    said = [Text(f"- {line}", style="" if found.clean else "bold") for line in found.says]
    return Group(rows, Text(""), *(Padding(line, (0, 1)) for line in said))
