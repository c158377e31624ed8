"""A meeting as one page that needs nothing else: no server, no script, light and dark, on a phone as well.

Every word in it that came from elsewhere is escaped by the template; the votes are drawn as SVG, with a sentence for
those who cannot see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path

from bursar import __version__
from bursar.desk import meeting, wording
from bursar.desk.meeting import Sitting
from bursar.desk.report import TEMPLATES
from bursar.domain.committee import Action, Resolution, Seating

#: Probabilities of a rise that a strip of votes shows, left to right.
STRIP_LOW, STRIP_HIGH = 0.25, 0.75
STRIP_WIDTH, STRIP_HEIGHT = 220.0, 26.0

_TONES = {Action.BUY: "gain", Action.COVER: "gain", Action.SELL: "loss", Action.SHORT: "loss", Action.HOLD: "even"}


def page(sitting: Sitting, about: Mapping[str, str] | None = None) -> str:
    """The meeting as HTML."""
    import jinja2  # only those who ask for a page wait for it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": wording.percent,
        "ratio": wording.ratio,
        "number": wording.number,
        "quantity": wording.quantity,
        "day": wording.day,
        "several": wording.several,
        "strip": strip,
        "begun": lambda text: text[:1].upper() + text[1:],
        "tone": lambda action: _TONES[action],
        "sign": lambda value: "gain" if value > 0 else "loss" if value < 0 else "even",
    }
    environment.globals |= {"count": wording.count, "spelled": wording.spelled}
    met = sitting.met
    return environment.get_template("meeting.html").render(
        sitting=sitting,
        met=met,
        about=about or {},
        acting=tuple(each for each in met.resolutions if each.action is not Action.HOLD),
        coverage=_mean([each.coverage for each in met.resolutions]),
        climate=meeting.climate(met),
        costs=meeting.costs(sitting.questions),
        settled=sum(seat.votes for seat in met.seats),
        version=__version__,
    )


def write_page(sitting: Sitting, path: Path, about: Mapping[str, str] | None = None) -> Path:
    """Write the page, whole or not at all."""
    text = page(sitting, about)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
    return path


def strip(each: Resolution, seats: tuple[Seating, ...]) -> str:
    """The votes from bearish to bullish: a dot for each, as large as its weight, and a bar where they pool."""
    weights = {seat.analyst: seat.weight for seat in seats}
    middle = STRIP_HEIGHT / 2
    parts = [
        f'<line class="grid" x1="6" x2="{STRIP_WIDTH - 6:g}" y1="{middle:g}" y2="{middle:g}"/>',
        f'<line class="level" x1="{_x(0.5):.1f}" x2="{_x(0.5):.1f}" y1="3" y2="{STRIP_HEIGHT - 3:g}"/>',
    ]
    for analyst, probability in each.votes.items():
        radius = 2.5 + 8.0 * weights.get(analyst, 0.0)
        tone = "against" if analyst in each.dissent else "with"
        said = escape(f"{analyst}: {wording.percent(probability, 0)} for a rise")
        parts.append(
            f'<circle class="vote {tone}" cx="{_x(probability):.1f}" cy="{middle:g}" r="{radius:.1f}">'
            f"<title>{said}</title></circle>"
        )
    if each.confidence:
        x = _x(each.probability)
        parts.append(f'<line class="pooled" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{STRIP_HEIGHT - 4:g}"/>')
    told = ", ".join(f"{name} {wording.percent(p, 0)}" for name, p in each.votes.items()) or "nobody voted"
    says = escape(f"Votes on {each.symbol}, probability of a rise: {told}")
    return (
        f'<svg class="chart strip" viewBox="0 0 {STRIP_WIDTH:g} {STRIP_HEIGHT:g}" role="img" aria-label="{says}">'
        f"{''.join(parts)}</svg>"
    )


def _x(probability: float) -> float:
    part = (min(max(probability, STRIP_LOW), STRIP_HIGH) - STRIP_LOW) / (STRIP_HIGH - STRIP_LOW)
    return 6.0 + (STRIP_WIDTH - 12.0) * part


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
