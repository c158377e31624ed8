"""Plots of growth and the page that shows them, drawn from one run: `python -m benchmarks.mathematics --docs`.

Lines are SVG written by hand: logarithmic on both axes, a name at the end of each line, light and dark by the
reader's own setting. The page is written anew between its two marks, so that no figure on it is typed.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks._harness import ROOT, Result, clock

PAGE = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "performance"
BEGIN, END = "<!-- figures: written by python -m benchmarks.{name} --docs -->", "<!-- end of the figures -->"

WIDTH, HEIGHT = 560, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 40, 44
COLORS = ("#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626", "#0891b2")
STYLE = (
    "text{font:12px sans-serif;fill:#334155}.title{font-weight:600;font-size:14px}.grid{stroke:#cbd5e1;stroke-width:.5}"
    "@media(prefers-color-scheme:dark){text{fill:#cbd5e1}.grid{stroke:#475569}}"
)

Series = Mapping[str, Sequence[tuple[float, float]]]


def growth_plot(title: str, x_label: str, y_label: str, series: Series) -> str:
    """An SVG of lines over two logarithmic axes."""
    points = [point for line in series.values() for point in line]
    x_low, x_high = min(x for x, _ in points), max(x for x, _ in points)
    y_low = 10.0 ** math.floor(math.log10(min(y for _, y in points)))
    y_high = 10.0 ** math.ceil(math.log10(max(y for _, y in points)))

    def at(x: float, y: float) -> tuple[float, float]:
        across = math.log(x / x_low) / math.log(x_high / x_low)
        up = math.log(y / y_low) / math.log(y_high / y_low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{title}</title><style>{STYLE}</style>",
        f'<text class="title" x="{LEFT}" y="20">{title}</text>',
        f'<text x="{LEFT}" y="{HEIGHT - 8}">{x_label}</text><text x="8" y="{TOP - 6}">{y_label}</text>',
    ]
    decade = y_low
    while decade <= y_high * 1.0001:
        _, y = at(x_low, decade)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{decade:g}</text>')
        decade *= 10
    for x_value in sorted({x for x, _ in points}):
        x, _ = at(x_value, y_low)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x_value:g}</text>')
    ends = _apart([(at(*line[-1])[1], name) for name, line in series.items()])
    for color, (name, line) in zip(COLORS * len(series), series.items(), strict=False):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in line))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 6}" y="{ends[name] + 4:.1f}" style="fill:{color}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _apart(wanted: Sequence[tuple[float, str]]) -> dict[str, float]:
    """Heights for the names at the ends of lines, moved down where they would cover each other."""
    placed: dict[str, float] = {}
    lowest = -math.inf
    for height, name in sorted(wanted):
        lowest = max(height, lowest + 14)
        placed[name] = lowest
    return placed


def write_page(results: Sequence[Result]) -> None:
    """Draw the plots and write the figures into docs/performance.md."""
    PLOTS.mkdir(parents=True, exist_ok=True)
    shown = []
    for result in results:
        if not result.name.startswith("growth of ") or not result.more:
            continue
        name = result.name.removeprefix("growth of ")
        series: dict[str, list[tuple[float, float]]] = {}
        for key, milliseconds in result.more.items():
            who, _, size = key.rpartition(" ms at ")
            series.setdefault(who, []).append((float(size), milliseconds))
        path = PLOTS / f"{name.lower().replace(' ', '-')}.svg"
        path.write_text(growth_plot(name, "assets", "milliseconds, from returns to weights", series))
        shown.append(f"![{name}: time over the number of assets](performance/{path.name})")
    write_section("mathematics", results, shown)


def write_section(name: str, results: Sequence[Result], plots: Sequence[str] = (), *, every: bool = False) -> None:
    """Write the figures of one benchmark between its marks in docs/performance.md; the others stay.

    every  lines without goal and peer too
    """
    begin = BEGIN.format(name=name)
    body = "\n".join(
        [begin, "", _machine(), "", *_table(results, every=every), "", *plots, *([""] if plots else []), END]
    )
    before, mark, rest = PAGE.read_text().partition(begin)
    if not mark:
        raise SystemExit(f"docs/performance.md has no place for the figures of {name}: it needs {begin}")
    PAGE.write_text(before + body + rest.partition(END)[2])


def _machine() -> str:
    described = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in described if line.startswith("model name")]
    cpu = models[0] if models else platform.processor()
    kind = "processor time" if clock is time.process_time else "wall-clock time"
    return f"Measured with Python {platform.python_version()} on {cpu}, one thread, {kind}."


def _table(results: Sequence[Result], *, every: bool) -> list[str]:
    rows = ["| work | ours | peer | ratio | goal | |", "|---|---|---|---|---|---|"]
    for each in results:
        if each.goal is None and each.ratio is None and not every:
            continue
        peer = "" if each.peer is None else f"{each.peer:.3g} {each.unit} ({each.peer_name})"
        ratio = "" if each.ratio is None else f"{each.ratio:.3g}"
        verdict = {True: "met", False: "**missed**", None: ""}[each.met]
        rows.append(f"| {each.name} | {each.ours:.3g} {each.unit} | {peer} | {ratio} | {each.goal or ''} | {verdict} |")
    return rows
