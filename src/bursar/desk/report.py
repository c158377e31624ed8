"""The report of a run: one page that needs nothing else, and the same figures as JSON.

The page asks no server for anything and runs no script: its styles and charts are in it, and its policy
forbids the rest. Texts that came from outside (reasons, evidence, names) are escaped by the template.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from bursar import __version__
from bursar.desk import charts, wording
from bursar.runtime.results import DayResult, DemoResult

TEMPLATES = Path(__file__).parent / "templates"


# ---------------------------------------------------------------- the figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What the first screen says. Returns are fractions; drawdowns are fractions lost, a day each.

    chance  the return that luck alone brings about two times in three: the daily spread times the root of
            the number of days; None for fewer than two days
    """

    total: float
    yardstick: float
    drawdowns: tuple[float, ...]
    chance: float | None

    @property
    def ahead(self) -> float:
        """How much more the run made than its yardstick, in fractions of the initial cash."""
        return self.total - self.yardstick


def headline(result: DemoResult) -> Headline:
    """The figures of the first screen, from the closes."""
    initial = result.keys.initial_cash
    values = [initial, *(point.equity for point in result.curve)]
    returns = [float(after / before - 1) for before, after in pairwise(values) if before]
    peaks = [max(values[: index + 1]) for index in range(len(values))]
    return Headline(
        total=float(values[-1] / initial - 1),
        yardstick=float(result.benchmark.curve[-1].equity / initial - 1),
        drawdowns=tuple(float(1 - value / peak) for value, peak in zip(values, peaks, strict=True)),
        chance=_deviation(returns) * math.sqrt(len(returns)) if len(returns) > 1 else None,
    )


def _deviation(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


# ---------------------------------------------------------------- JSON


def as_json(result: DemoResult) -> str:
    """The run as one JSON object: the report keys as numbers on top, then everything else, money as text.

    Equal runs give equal bytes: nothing in it depends on the clock or on where files lie.
    """
    rest = {name: _plain(getattr(result, name)) for name in _names(result) if name not in _NOT_IN_JSON}
    document = {**result.keys.as_json(), "not_enough_data": dict(sorted(result.keys.missing.items())), **rest}
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


#: The keys stand on top already; where files lie is no part of what happened.
_NOT_IN_JSON = frozenset({"keys", "run_folder", "journal_path"})


def _names(value: Any) -> list[str]:
    return [field.name for field in fields(value)]


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case Decimal():
            return format(value, "f")
        case datetime() | date():
            return value.isoformat().replace("+00:00", "Z")
        case tuple():
            return [_plain(item) for item in value]
        case Mapping():
            return {str(_plain(name)): _plain(item) for name, item in sorted(value.items())}
        case _ if is_dataclass(value):
            return {name: _plain(getattr(value, name)) for name in _names(value)}
    return value


# ---------------------------------------------------------------- the page


def page(result: DemoResult) -> str:
    """The report as one HTML page."""
    import jinja2  # only those who ask for a page wait for it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "money": partial(wording.money, currency=result.currency),
        "price": partial(wording.price, currency=result.currency),
        "percent": wording.percent,
        "points": wording.points,
        "ratio": wording.ratio,
        "number": wording.number,
        "quantity": wording.quantity,
        "day": wording.day,
        "short_day": wording.short_day,
        "several": wording.several,
        "tone": _tone,
    }
    environment.globals |= {"count": wording.count, "span": wording.span, "spelled": wording.spelled}
    environment.globals["keys_of"] = lambda mapping: tuple(str(key) for key in sorted(mapping))
    return environment.get_template("report.html").render(
        result=result,
        keys=result.keys,
        headline=headline(result),
        charts=_charts(result),
        version=__version__,
        attention=[_attention(day) for day in result.days],
    )


def write_page(result: DemoResult, folder: Path) -> Path:
    """Write the page into ``folder``, whole or not at all, and return its path."""
    return _write(folder / "report.html", page(result))


def write_json(result: DemoResult, folder: Path) -> Path:
    """Write the JSON into ``folder``, whole or not at all, and return its path."""
    return _write(folder / "report.json", as_json(result))


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
    return path


def _tone(amount: Decimal | float) -> str:
    """The class that colors a gain or a loss; the sign says it too."""
    return "gain" if amount > 0 else "loss" if amount < 0 else "even"


def _attention(day: DayResult) -> bool:
    """True for a day on which something was stopped, refused or skipped."""
    return any(order.outcome_note for order in day.orders) or any(decision.skipped for decision in day.decisions)


def _charts(result: DemoResult) -> dict[str, str]:
    """Each chart twice, for a wide screen and for a phone; the page shows one of them."""
    broad, narrow = _draw(result, charts.BROAD), _draw(result, charts.NARROW)
    return {name: f'<div class="broad">{broad[name]}</div><div class="narrow">{narrow[name]}</div>' for name in broad}


def _draw(result: DemoResult, frame: charts.Frame) -> dict[str, str]:
    initial = float(result.keys.initial_cash)
    figures = headline(result)
    dates = ["start", *(wording.short_day(day.day) for day in result.days)]
    whole = partial(_whole_money, currency=result.currency)
    ours = charts.Series(name="Bursar", style="run", values=(initial, *(float(point.equity) for point in result.curve)))
    theirs = charts.Series(
        name="Equal weight",
        style="yardstick",
        values=(initial, *(float(point.equity) for point in result.benchmark.curve)),
    )
    direction = "more" if figures.ahead >= 0 else "less"
    return {
        "equity": charts.line_chart(
            "Value at each close",
            f"It ends at {whole(ours.values[-1])}, {whole(abs(ours.values[-1] - theirs.values[-1]))} "
            f"{direction} than equal weight of the same stocks",
            dates,
            (ours, theirs),
            whole,
            level=initial,
            frame=frame,
        ),
        "drawdown": charts.area_chart(
            "Drawdown",
            f"At its worst {wording.percent(max(figures.drawdowns), 2)} of the highest value before was lost",
            dates,
            figures.drawdowns,
            partial(wording.percent, places=1),
            style="loss",
            frame=frame,
        ),
        "pnl": charts.bar_chart(
            "Profit and loss of each day",
            f"{sum(1 for day in result.days if day.pnl > 0)} of {len(result.days)} days gained",
            dates[1:],
            tuple(float(day.pnl) for day in result.days),
            whole,
            frame=frame,
        ),
    }


def _whole_money(amount: float, currency: str) -> str:
    return wording.money(Decimal(round(amount)), currency).removesuffix(".00")
