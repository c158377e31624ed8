"""Charts: scales that hold their values, shapes that say what the numbers say, text that cannot break out."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.desk import charts
from bursar.desk.charts import BROAD, NARROW, Series

DAYS = ("start", "3 Jan", "4 Jan", "5 Jan")
VALUES = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False)


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def whole(value: float) -> str:
    return f"{value:,.0f}"


@given(VALUES, VALUES)
def test_a_grid_holds_its_values_and_has_few_lines(one: float, other: float) -> None:
    low, high = sorted((one, other))
    grid = charts.grid_values(low, high)
    step = grid[1] - grid[0]
    assert grid[0] <= low + 1e-8 * step
    assert grid[-1] >= high - 1e-8 * step
    assert 2 <= len(grid) <= 7


def test_a_grid_is_made_of_round_numbers() -> None:
    assert charts.grid_values(97_600, 100_800) == (97_000, 98_000, 99_000, 100_000, 101_000)
    assert charts.grid_values(0.0, 0.05, lines=2) == (0.0, 0.025, 0.05)
    assert charts.grid_values(0.0, 0.0) == (0.0, 0.25)


def test_a_line_rises_where_its_values_rise_and_ends_in_a_dot() -> None:
    drawn = parsed(
        charts.line_chart("Value", "It rises", DAYS, (Series(name="B", style="run", values=(1, 2, 3, 4)),), whole)
    )
    path = next(part for part in drawn if part.get("class") == "line run")
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path.get("d", ""))]
    assert heights == sorted(heights, reverse=True)  # in SVG down is more
    assert len(heights) == 4
    dot = next(part for part in drawn if part.get("class") == "dot run")
    assert float(dot.get("cy", "")) == heights[-1]


def test_the_first_series_is_drawn_on_top_and_each_day_tells_all_values() -> None:
    both = (Series(name="Ours", style="run", values=(1, 2)), Series(name="Theirs", style="yardstick", values=(3, 4)))
    drawn = parsed(charts.line_chart("Value", "says", ("a", "b"), both, whole, level=2.5))
    lines = [part.get("class") for part in drawn if (part.get("class") or "").startswith("line")]
    assert lines == ["line yardstick", "line run"]
    assert [title.text for title in drawn.iter("title")] == ["a\nOurs: 1\nTheirs: 3", "b\nOurs: 2\nTheirs: 4"]
    assert any(part.get("class") == "level" for part in drawn)


def test_one_day_is_a_dot() -> None:
    drawn = parsed(charts.line_chart("V", "s", ("a",), (Series(name="B", style="run", values=(5,)),), whole))
    assert [part.get("class") for part in drawn if part.tag == "circle"] == ["dot run"]


def test_a_drawdown_hangs_from_zero() -> None:
    drawn = parsed(charts.area_chart("D", "s", DAYS, (0.0, 0.02, 0.01, 0.0), whole, style="loss"))
    path = next(part for part in drawn if part.get("class") == "line loss")
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path.get("d", ""))]
    assert heights[1] == max(heights)
    assert heights[0] == heights[3] == min(heights)


def test_a_run_that_never_fell_still_has_a_scale() -> None:
    assert "NaN" not in charts.area_chart("D", "s", DAYS, (0.0, 0.0, 0.0, 0.0), whole, style="loss").replace(
        "nan", "NaN"
    )


def test_gains_stand_on_zero_and_losses_hang_from_it() -> None:
    drawn = parsed(charts.bar_chart("P", "s", DAYS[1:], (100.0, -50.0, 0.0), whole))
    zero = float(next(part for part in drawn if part.get("class") == "level").get("y1", ""))
    bars = [part for part in drawn if (part.get("class") or "").startswith("bar")]
    assert [bar.get("class") for bar in bars] == ["bar gain", "bar loss", "bar gain"]
    tops = [float(bar.get("y", "")) for bar in bars]
    heights = [float(bar.get("height", "")) for bar in bars]
    assert tops[0] + heights[0] == pytest.approx(zero, abs=0.2)
    assert tops[1] == pytest.approx(zero, abs=0.2)
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.3)


@pytest.mark.parametrize("days", [1, 2, 3, 20, 260])
@pytest.mark.parametrize("frame", [BROAD, NARROW])
def test_day_names_never_crowd_and_end_with_the_last(days: int, frame: charts.Frame) -> None:
    names = [f"d{index}" for index in range(days)]
    drawn = parsed(
        charts.line_chart(
            "V", "s", names, (Series(name="B", style="run", values=tuple(range(days))),), whole, frame=frame
        )
    )
    shown = [part for part in drawn if part.tag == "text" and (part.text or "").startswith("d")]
    assert shown[-1].text == names[-1]
    assert shown[0].text == names[0]
    places = [float(part.get("x", "")) for part in shown]
    assert all(later - earlier > 40 for earlier, later in pairwise(places))


def test_text_from_outside_cannot_become_markup() -> None:
    nasty = '<script>alert("x")</script>'
    drawn = charts.line_chart(nasty, nasty, (nasty,), (Series(name=nasty, style="run", values=(1,)),), lambda _: nasty)
    assert "<script" not in drawn
    parsed(drawn)
