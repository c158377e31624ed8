"""Charts as inline SVG, drawn by hand: no script, no library, no request.

Colors are left to the page: lines and areas carry classes (``run``, ``yardstick``, ``gain``, ``loss``), so
that light, dark and print decide. Every chart has a title and a sentence for those who cannot see it, and
each day answers to the pointer with its figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape

#: Steps between grid lines, times a power of ten.
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line: its name, its CSS class, and a value a day."""

    name: str
    style: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What lies between two lines: its CSS class, and both a value a day."""

    style: str
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where a chart is drawn, in SVG units, which the page scales; the margins hold the scales."""

    width: float = 720
    height: float = 280
    left: float = 62
    right: float = 16
    top: float = 14
    bottom: float = 26

    def x(self, index: float, count: int) -> float:
        """The middle of day ``index`` of ``count``."""
        room = self.width - self.left - self.right
        return self.left + room * (index / (count - 1) if count > 1 else 0.5)

    def y(self, value: float, low: float, high: float) -> float:
        """How far down ``value`` lies."""
        return self.top + (self.height - self.top - self.bottom) * (high - value) / (high - low)


#: For a screen that is wide, and for a phone: the same chart with fewer words.
BROAD = Frame()
NARROW = Frame(width=360, height=230, left=58, right=10)


def grid_values(low: float, high: float, lines: int = 4) -> tuple[float, ...]:
    """Round values from at or below ``low`` to at or above ``high``, about ``lines`` steps apart."""
    largest = max(abs(low), abs(high))
    # Values that differ by less than a millionth are one value, and one value still needs a scale around it.
    spread = high - low if high - low > 1e-6 * max(largest, 1e-2) else max(largest, 1.0)
    rough = spread / lines
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * nice for nice in _NICE if power * nice >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    return tuple(round(index * step, 12) for index in range(first, last + 1))


def log_grid_values(low: float, high: float) -> tuple[float, ...]:
    """Ones, twos and fives of powers of ten around ``low`` to ``high``, above 0; powers alone, where there are many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    digits = (1.0, 2.0, 5.0) if math.log10(high / low) < 2.5 else (1.0,)
    values = [digit * 10.0**power for power in range(first, last + 1) for digit in digits]
    start = max((value for value in values if value <= low * (1 + 1e-9)), default=values[0])
    end = min((value for value in values if value >= high * (1 - 1e-9)), default=values[-1])
    shown = tuple(value for value in values if start <= value <= end)
    return shown if len(shown) > 1 else (shown[0], shown[0] * 10.0)


def line_chart(
    title: str,
    says: str,
    days: Sequence[str],
    series: Sequence[Series],
    label: Callable[[float], str],
    *,
    level: float | None = None,
    band: Band | None = None,
    log: bool = False,
    frame: Frame = BROAD,
) -> str:
    """Lines over days, the first of ``series`` on top, each day with a tooltip of all values.

    says   what the chart shows, in a sentence
    label  how values are written
    level  a value at which a quiet line is drawn across, such as the cash at the start
    band   drawn behind the lines
    log    on a scale of equal percentages; all values are then above zero
    """
    at: Callable[[float], float] = math.log10 if log else float
    every = [value for line in series for value in line.values] + ([] if level is None else [level])
    every += [*band.low, *band.high] if band else []
    grid = log_grid_values(min(every), max(every)) if log else grid_values(min(every), max(every))
    low, high = at(grid[0]), at(grid[-1])
    parts = [part for value in grid for part in _grid_line(frame.y(at(value), low, high), label(value), frame)]
    parts.extend(_days(days, frame))
    if band is not None:
        above, below = (_points([at(value) for value in side], frame, low, high) for side in (band.high, band.low))
        parts.append(f'<path class="band {band.style}" d="{_path([*above, *reversed(below)])}Z"/>')
    if level is not None:
        y = frame.y(at(level), low, high)
        parts.append(f'<line class="level" x1="{frame.left}" x2="{_n(frame.width - frame.right)}" {_at_y(y)}/>')
    for line in reversed(series):
        points = _points([at(value) for value in line.values], frame, low, high)
        if len(points) == 1:
            parts.append(f'<circle class="dot {line.style}" cx="{_n(points[0][0])}" cy="{_n(points[0][1])}" r="4"/>')
        else:
            parts.append(f'<path class="line {line.style}" d="{_path(points)}"/>')
            parts.append(
                f'<circle class="dot {line.style}" cx="{_n(points[-1][0])}" cy="{_n(points[-1][1])}" r="3.5"/>'
            )
    tips = [
        "\n".join([day, *(f"{line.name}: {label(line.values[index])}" for line in series)])
        for index, day in enumerate(days)
    ]
    parts.extend(_tooltips(tips, frame))
    return _svg(title, says, frame, parts)


def area_chart(
    title: str,
    says: str,
    days: Sequence[str],
    values: Sequence[float],
    label: Callable[[float], str],
    *,
    style: str,
    frame: Frame = BROAD,
) -> str:
    """An area that hangs from zero: values are not negative and are drawn downward, as a drawdown is."""
    frame = replace(frame, height=frame.height * 0.55)
    grid = grid_values(0.0, max(*values, 1e-4), lines=3)
    high = grid[-1]

    def down(value: float) -> float:
        return frame.y(-value, -high, 0.0)

    parts = [part for value in grid for part in _grid_line(down(value), label(value), frame)]
    parts.extend(_days(days, frame))
    points = [(frame.x(index, len(values)), down(value)) for index, value in enumerate(values)]
    top = down(0.0)
    around = [(points[0][0], top), *points, (points[-1][0], top)]
    parts.append(f'<path class="area {style}" d="{_path(around)}Z"/>')
    parts.append(f'<path class="line {style}" d="{_path(points)}"/>')
    parts.extend(_tooltips([f"{day}\n{label(value)}" for day, value in zip(days, values, strict=True)], frame))
    return _svg(title, says, frame, parts)


def bar_chart(
    title: str,
    says: str,
    days: Sequence[str],
    values: Sequence[float],
    label: Callable[[float], str],
    *,
    style: str | None = None,
    frame: Frame = BROAD,
) -> str:
    """One bar a day from zero, gains up and losses down; ``style`` is for values that are neither."""
    frame = replace(frame, height=frame.height * 0.62)
    grid = grid_values(min(*values, 0.0), max(*values, 0.0), lines=3)
    low, high = grid[0], grid[-1]
    zero = frame.y(0.0, low, high)
    room = (frame.width - frame.left - frame.right) / max(len(values), 1)
    inset = replace(frame, left=frame.left + room / 2, right=frame.right + room / 2)
    parts = [*_grid(grid, frame, label), *_days(days, inset)]
    parts.append(f'<line class="level" x1="{frame.left}" x2="{_n(frame.width - frame.right)}" {_at_y(zero)}/>')
    wide = min(room * 0.68, 28.0)
    for index, value in enumerate(values):
        y = frame.y(value, low, high)
        tone = style or ("gain" if value >= 0 else "loss")
        x = inset.x(index, len(values)) - wide / 2
        parts.append(
            f'<rect class="bar {tone}" x="{_n(x)}" y="{_n(min(y, zero))}" width="{_n(wide)}" '
            f'height="{_n(max(abs(y - zero), 0.75))}" rx="1.5"/>'
        )
    parts.extend(_tooltips([f"{day}\n{label(value)}" for day, value in zip(days, values, strict=True)], inset))
    return _svg(title, says, frame, parts)


# ---------------------------------------------------------------- parts of every chart


def _svg(title: str, says: str, frame: Frame, parts: Sequence[str]) -> str:
    body = "".join(parts)
    return (
        f'<svg class="chart" viewBox="0 0 {_n(frame.width)} {_n(frame.height)}" role="img" '
        f'aria-label="{escape(title)}. {escape(says)}">{body}</svg>'
    )


def _grid(values: Sequence[float], frame: Frame, label: Callable[[float], str]) -> list[str]:
    low, high = values[0], values[-1]
    return [part for value in values for part in _grid_line(frame.y(value, low, high), label(value), frame)]


def _grid_line(y: float, text: str, frame: Frame) -> tuple[str, str]:
    return (
        f'<line class="grid" x1="{frame.left}" x2="{_n(frame.width - frame.right)}" {_at_y(y)}/>',
        f'<text class="scale" x="{_n(frame.left - 8)}" y="{_n(y + 4)}" text-anchor="end">{escape(text)}</text>',
    )


def _days(days: Sequence[str], frame: Frame) -> list[str]:
    """Names below the chart: the first, the last, and as many between as fit."""
    count = len(days)
    room = max(1, int((frame.width - frame.left - frame.right) / 95))
    step = max(1, math.ceil((count - 1) / room))
    shown = [index for index in range(0, count, step) if count - 1 - index >= step * 0.6 or index == count - 1]
    if shown[-1] != count - 1:
        shown.append(count - 1)
    anchors = {0: "start", count - 1: "end"} if count > 1 else {}
    return [
        f'<text class="scale" x="{_n(frame.x(index, count))}" y="{_n(frame.height - 6)}" '
        f'text-anchor="{anchors.get(index, "middle")}">{escape(days[index])}</text>'
        for index in shown
    ]


def _tooltips(texts: Sequence[str], frame: Frame) -> list[str]:
    """An unseen column a day that answers to the pointer."""
    count = len(texts)
    wide = (frame.width - frame.left - frame.right) / max(count - 1, 1)
    return [
        f'<rect class="touch" x="{_n(frame.x(index, count) - wide / 2)}" y="0" width="{_n(wide)}" '
        f'height="{_n(frame.height)}"><title>{escape(text)}</title></rect>'
        for index, text in enumerate(texts)
    ]


def _points(values: Sequence[float], frame: Frame, low: float, high: float) -> list[tuple[float, float]]:
    return [(frame.x(index, len(values)), frame.y(value, low, high)) for index, value in enumerate(values)]


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points)


def _at_y(y: float) -> str:
    return f'y1="{_n(y)}" y2="{_n(y)}"'


def _n(value: float) -> str:
    """A coordinate, short and the same on every machine."""
    return f"{value:.1f}".removesuffix(".0")
