"""A meeting of the committee as people see it: in words, as a table, as JSON, and as a page.

A sitting is a meeting with what it followed from, put together from the events of a journal or of one analysis; all
four forms tell the same. Texts from elsewhere (headlines, a model's words, signals) are shown as text and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, TextIO

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bursar.desk import wording
from bursar.desk.tables import signed_percent, table
from bursar.domain.committee import Action, Resolution, Seating
from bursar.domain.events import Abstained, CommitteeMet, Event, ModelAsked, SignalReceived, ViewFormed
from bursar.domain.record import encode
from bursar.domain.views import View
from bursar.errors import InputError
from bursar.ports import Recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """One meeting, and what was said before it."""

    met: CommitteeMet
    views: tuple[View, ...]
    abstentions: tuple[Abstained, ...]
    questions: tuple[ModelAsked, ...] = ()
    signals: tuple[SignalReceived, ...] = ()

    def views_of(self, symbol: str) -> tuple[View, ...]:
        """What was said of a symbol, by analyst."""
        return tuple(sorted((v for v in self.views if v.symbol == symbol), key=lambda view: view.analyst))

    def silent_on(self, symbol: str) -> dict[str, str]:
        """Who had no opinion of a symbol, and why."""
        return {each.analyst: each.reason for each in self.abstentions if symbol in each.symbols}

    def only(self, symbols: Sequence[str]) -> Sitting:
        """The same meeting, shown for some symbols; all of them where none is named."""
        if not symbols:
            return self
        known = {each.symbol: each for each in self.met.resolutions}
        unknown = sorted(set(symbols) - known.keys())
        if unknown:
            raise InputError(f"the meeting was not about {', '.join(unknown)}; it was about {', '.join(sorted(known))}")
        chosen = tuple(known[symbol] for symbol in dict.fromkeys(symbols))
        return Sitting(
            met=replace(self.met, resolutions=chosen),
            views=tuple(view for view in self.views if view.symbol in symbols),
            abstentions=tuple(each for each in self.abstentions if set(each.symbols) & set(symbols)),
            questions=tuple(each for each in self.questions if each.symbol in symbols),
            signals=tuple(each for each in self.signals if each.signal.symbol in symbols),
        )


def sittings(events: Iterable[Event]) -> tuple[Sitting, ...]:
    """Every meeting of a journal, oldest first, each with what came since the one before."""
    found: list[Sitting] = []
    before: list[Event] = []
    for event in events:
        if isinstance(event, CommitteeMet):
            found.append(
                Sitting(
                    met=event,
                    views=tuple(each.view for each in before if isinstance(each, ViewFormed)),
                    abstentions=tuple(each for each in before if isinstance(each, Abstained)),
                    questions=tuple(each for each in before if isinstance(each, ModelAsked)),
                    signals=tuple(each for each in before if isinstance(each, SignalReceived)),
                )
            )
            before = []
        elif isinstance(event, ViewFormed | Abstained | ModelAsked | SignalReceived):
            before.append(event)
    return tuple(found)


def sitting_on(events: Iterable[Event], day: date | None) -> Sitting:
    """The meeting of a day, or the last one. Raises InputError where there is none."""
    found = sittings(events)
    if not found:
        raise InputError("no committee met in this journal; run bursar demo, or ask for one: bursar analyze")
    if day is None:
        return found[-1]
    for each in found:
        if each.met.at.date() == day:
            return each
    first, last = found[0].met.at.date(), found[-1].met.at.date()
    raise InputError(f"no committee met on {day}; the {len(found)} meetings of this journal are from {first} to {last}")


# ---------------------------------------------------------------- in words


def climate(met: CommitteeMet) -> str:
    """The climate in a sentence; empty where nothing could be told."""
    told = met.climate
    said = []
    if "turbulence" in told:
        said.append(f"turbulence {wording.percent(told['turbulence'], 0)}")
    if "mood" in told:
        said.append(f"fear and greed {told['mood']:.0f} of 100")
    if "breadth" in told:
        said.append(f"{wording.percent(told['breadth'], 0)} of the symbols above their 200-day average")
    return ", ".join(said)


def reasoning(sitting: Sitting) -> str:
    """The meeting whole, to be printed."""
    met = sitting.met
    lines = [f"Committee of {met.at:%Y-%m-%d %H:%M} UTC, quorum {met.quorum} distinct sources"]
    if weather := climate(met):
        lines.append(f"Climate: {weather}")
    for number, step in enumerate(met.steps, 1):
        lines.append(f"{number}. {step.name}: {step.summary}")
        lines += [f"   - {', '.join(symbols)}: {why}" for why, symbols in _by_reason(step.dropped).items()]
    for seat in met.seats:
        lines.append(f"{seat.analyst}: weight {wording.percent(seat.weight)}; {_record(seat)}")
    for each in met.resolutions:
        lines += _resolved(each, sitting)
    return "\n".join("".join(c if c.isprintable() else " " for c in line) for line in lines) + "\n"


def print_all(records: Iterable[Recorded], out: TextIO) -> None:
    """Every meeting of a journal whole, on ``out``."""
    out.writelines(f"{reasoning(sitting)}\n" for sitting in sittings(recorded.event for recorded in records))


def _by_reason(dropped: Mapping[str, str]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for symbol, why in dropped.items():
        reasons.setdefault(why, []).append(symbol)
    return reasons


def _record(seat: Seating) -> str:
    if not seat.votes:
        return "nothing settled yet"
    ranks = "" if seat.rank_ic is None else f", rank IC {wording.number(seat.rank_ic, signed=True)}"
    return (
        f"{wording.count(seat.votes, 'vote')} settled, {wording.percent(seat.hit_rate, 0)} right, "
        f"Brier {wording.ratio(seat.brier, 3)}{ranks}"
    )


def _resolved(each: Resolution, sitting: Sitting) -> list[str]:
    expects = wording.percent(each.expected_excess_return, 2, signed=True)
    covered = f"coverage {wording.percent(each.coverage, 0)}, {wording.count(each.sources, 'distinct source')}"
    lines = [
        f"{each.symbol}: {each.action.upper()}{_quantity(each)}, confidence {each.confidence}; {each.reason}",
        f"   expects {expects} in {each.horizon_days} days, {covered}",
    ]
    for view in sitting.views_of(each.symbol):
        p = each.votes.get(view.analyst)
        mark = "against the others" if view.analyst in each.dissent else _leaning(p)
        chance = "" if p is None else f" {wording.percent(p, 0)} for a rise,"
        lines.append(
            f"   {view.analyst} ({mark}):{chance} expects "
            f"{wording.percent(view.expected_excess_return, 2, signed=True)} in {view.horizon_days} days"
        )
        lines += [f"      {evidence.statement} [{evidence.source}]" for evidence in view.evidence]
    lines += [f"   {analyst} abstains: {why}" for analyst, why in sorted(sitting.silent_on(each.symbol).items())]
    return lines


def _leaning(probability: float | None) -> str:
    if probability is None:
        return "without a seat"
    return "bullish" if probability > 0.5 else "bearish" if probability < 0.5 else "undecided"


def _quantity(each: Resolution) -> str:
    return f" {wording.quantity(each.quantity)}" if each.quantity else ""


# ---------------------------------------------------------------- in a terminal

#: So many symbols are shown with who said what.
FEW = 5
_COLORS = {Action.BUY: "green", Action.COVER: "green", Action.SELL: "red", Action.SHORT: "red", Action.HOLD: "dim"}


def as_table(sitting: Sitting) -> RenderableType:
    """The meeting in a terminal: what was resolved, who voted how, and who said nothing."""
    met = sitting.met
    quorate = len(met.quorate)
    shown = table(
        f"Committee of {wording.day(met.at.date())}",
        "symbol",
        "action",
        numbers=("shares", "confidence", "expects", "coverage", "sources", "up", "down"),
    )
    for each in met.resolutions:
        shown.add_row(
            each.symbol,
            Text(each.action.value, style=_COLORS[each.action]),
            wording.quantity(each.quantity) if each.quantity else "",
            str(each.confidence),
            signed_percent(each.expected_excess_return) if each.sources >= met.quorum else Text(wording.NOTHING),
            wording.percent(each.coverage, 0),
            f"{each.sources} of {met.quorum}",
            *(_tally(each, leaning) for leaning in ("bullish", "bearish")),
        )
    lines = [f"{quorate} of {wording.count(len(met.resolutions), 'symbol')} had a quorum of {met.quorum} sources."]
    if weather := climate(met):
        lines.append(f"Climate: {weather}.")
    lines += [f"{step.name}: {step.summary}." for step in met.steps]
    lines += _silences(sitting)
    lines += costs(sitting.questions)
    notes = [Padding(Text(line, style="dim"), (0, 2)) for line in lines]
    said: list[RenderableType] = [_views(sitting), Text("")] if len(met.resolutions) <= FEW else []
    return Group(shown, Text(""), *said, _seats(met), Text(""), *notes)


def _tally(each: Resolution, leaning: str) -> str:
    count = sum(_leaning(probability) == leaning for probability in each.votes.values())
    return str(count) if count else ""


def _views(sitting: Sitting) -> Table:
    """Who said what, with the first of its evidence."""
    shown = table("What was said", "symbol", "analyst", numbers=("expects", "sure"))
    shown.add_column("above all", overflow="fold")
    for each in sitting.met.resolutions:
        for view in sitting.views_of(each.symbol):
            shown.add_row(
                view.symbol,
                view.analyst,
                signed_percent(view.expected_excess_return),
                wording.percent(view.confidence, 0),
                Text(view.evidence[0].statement),
            )
    return shown


def _seats(met: CommitteeMet) -> Table:
    shown = table("Who sits there", "analyst", "reads", numbers=("weight", "settled", "right", "Brier", "rank IC"))
    shown.columns[1].no_wrap = False
    for seat in met.seats:
        shown.add_row(
            seat.analyst,
            ", ".join(seat.reads) or "the others",
            wording.percent(seat.weight),
            str(seat.votes) if seat.votes else "",
            wording.percent(seat.hit_rate, 0) if seat.hit_rate is not None else "",
            wording.ratio(seat.brier, 3) if seat.brier is not None else "",
            wording.number(seat.rank_ic, signed=True) if seat.rank_ic is not None else "",
        )
    return shown


def _silences(sitting: Sitting) -> list[str]:
    return [
        f"{each.analyst} abstains on {wording.count(len(each.symbols), 'symbol')}: {each.reason}."
        for each in sitting.abstentions
        if len(each.symbols) > 1 or len(sitting.met.resolutions) == 1
    ]


def costs(questions: Sequence[ModelAsked]) -> list[str]:
    """What a language model had to do with it, in a sentence; none where it was not asked."""
    if not questions:
        return []
    cost = sum((each.cost for each in questions), Decimal(0))
    taken = sum(not each.problem for each in questions)
    recorded = sum(each.recorded and not each.problem for each in questions)
    said = (
        f"{taken} of {wording.count(len(questions), 'question')} to a language model answered, {recorded} of them from "
        f"records, for {wording.price(cost)}; a model may know what came after the day that it judges."
    )
    return [said]


# ---------------------------------------------------------------- for machines


def as_json(sitting: Sitting, about: Mapping[str, Any] | None = None) -> str:
    """The meeting as one JSON object: what was resolved, and the events that it followed from, as journalled."""
    met: dict[str, Any] = json.loads(encode(sitting.met))
    document = {
        **(about or {}),
        "at": met["at"],
        "quorum": met["quorum"],
        "quorate": len(sitting.met.quorate),
        "climate": met["climate"],
        "resolutions": met["resolutions"],
        "seats": met["seats"],
        "steps": met["steps"],
        "views": [json.loads(_plain(view)) for view in sitting.views],
        "abstentions": [
            {"analyst": each.analyst, "symbols": list(each.symbols), "reason": each.reason}
            for each in sitting.abstentions
        ],
        "questions": [json.loads(encode(each)) for each in sitting.questions],
        "signals": [json.loads(encode(each)) for each in sitting.signals],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _plain(view: View) -> str:
    return json.dumps(json.loads(encode(ViewFormed(event_id=view.view_id, at=view.known_at, view=view)))["view"])
