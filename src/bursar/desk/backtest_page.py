"""The report of a backtest: one page that needs nothing else, the same figures as JSON, and a table for the terminal.

Decades are drawn by their months: a point is the last close of a month, and a drawdown the worst close in it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bursar import __version__
from bursar.desk import charts, wording
from bursar.desk.report import TEMPLATES
from bursar.domain.events import Filled
from bursar.quant.arrays import FloatArray
from bursar.quant.statistics import Interval
from bursar.runtime.score import Line, Score

#: Trades and reasons that a page shows of those that there were.
TRADES_SHOWN = 30
#: A month's return at which its cell has its fullest color.
FULL_COLOR = 0.12
#: Classes of the lines, in the order of the rows.
STYLES = ("run", "yardstick", "second")


# ---------------------------------------------------------------- JSON


def as_json(score: Score) -> str:
    """Every figure: money as text, fractions as numbers, null for what is not known. Equal runs give equal bytes."""
    result, plan = score.result, score.result.plan
    document = {
        "strategy": score.name,
        "first": score.days[0].isoformat(),
        "last": score.days[-1].isoformat(),
        "rhythm": plan.rhythm.value,
        "universe": {
            "prices": result.market.name,
            "origin": result.market.origin,
            "survivors": result.market.survivors,
            "simulated": result.market.simulated,
            "exchange": result.market.instruments[0].exchange,
            "currency": result.market.currency,
            "symbols": list(result.symbols),
        },
        "costs_basis_points": float(plan.costs_basis_points),
        "costs_minimum": format(plan.costs_minimum, "f"),
        "spread_basis_points": float(plan.spread_basis_points),
        "initial_cash": format(plan.cash, "f"),
        "lines": [_line(each) for each in score.lines],
        "decisions": score.decided,
        "skipped": dict(score.skipped),
        "stopped_by_the_gate": dict(score.stopped),
        "share_all_cash": score.in_cash,
        "without_best": {
            "symbols": list(score.without_best.symbols),
            "total_return_pct": score.without_best.total_return_pct,
        },
        "years": [
            {
                "year": year.year,
                "months": {str(month): value for month, value in year.months.items()},
                "total": year.total,
                "equal_weight": year.yardstick,
                "turnover": year.turnover,
                "costs": round(year.costs, 2),
                "exposure": year.exposure,
            }
            for year in score.years
        ],
        "regimes": [
            {
                "name": each.name,
                "share": each.share,
                "annualized_return": each.annual,
                "sharpe": _known(each.sharpe),
                "equal_weight_sharpe": _known(each.yardstick_sharpe),
            }
            for each in score.regimes
        ],
        "names": [
            {
                "symbol": each.symbol,
                "orders": each.orders,
                "traded": format(each.traded, "f"),
                "costs": format(each.costs, "f"),
                "profit": f"{each.profit:.2f}",
                "weight": each.weight,
            }
            for each in score.names
        ],
        "assumed": list(result.assumed),
        "notes": list(score.notes),
        "days": [day.isoformat() for day in score.days],
        "equity": [round(value, 2) for value in result.equity.tolist()],
        "trades": [_trade(fill) for fill in result.fills],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _line(line: Line) -> dict[str, Any]:
    return {
        "name": line.name,
        "final": round(line.final, 2),
        **{name: _known(getattr(line.metrics, name)) for name in line.metrics.__slots__},
        "sharpe_interval": _pair(line.sharpe),
        "drawdown_interval": _pair(line.drawdown),
        "turnover": line.turnover,
        "costs": round(line.costs, 2),
        "orders": line.orders,
        "exposure": line.exposure,
        "sharpe_of_strategy_less_this": None if line.ahead is None else _known(line.ahead.estimate),
        "interval_of_that": None if line.ahead is None else _pair(line.ahead),
    }


def _pair(interval: Interval) -> list[float | None]:
    return [_known(interval.low), _known(interval.high)]


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _trade(fill: Filled) -> dict[str, str]:
    return {
        "day": (fill.traded_on or fill.at.date()).isoformat(),
        "order": fill.order_id,
        "symbol": fill.symbol,
        "side": fill.side.value,
        "quantity": format(fill.quantity, "f"),
        "price": format(fill.price, "f"),
        "commission": format(fill.commission.amount, "f"),
    }


# ---------------------------------------------------------------- the page


def page(score: Score) -> str:
    """The report as one HTML page."""
    import jinja2  # only those who ask for a page wait for it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    currency = score.result.market.currency
    environment.filters |= {
        "money": partial(wording.money, currency=currency),
        "whole": partial(whole_money, currency=currency),
        "percent": wording.percent,
        "points": wording.points,
        "ratio": told,
        "price": partial(wording.price, currency=currency),
        "quantity": wording.quantity,
        "several": wording.several,
        "tone": lambda value: "gain" if value > 0 else "loss" if value < 0 else "even",
        "heat": heat,
        "between": between,
        "begun": lambda text: text[:1].upper() + text[1:],
    }
    environment.globals |= {"count": wording.count}
    return environment.get_template("backtest.html").render(
        score=score,
        result=score.result,
        plan=score.result.plan,
        market=score.result.market,
        ours=score.ours,
        verdict=verdict(score),
        charts=_charts(score),
        trades=tuple(reversed(score.result.fills))[:TRADES_SHOWN],
        styles=STYLES,
        months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        version=__version__,
    )


def write_page(score: Score, path: Path) -> None:
    """Write the page, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(page(score), encoding="utf-8")
    fresh.replace(path)


def verdict(score: Score) -> str:
    """Whether luck explains it, in a sentence."""
    ahead = score.lines[1].ahead
    assert ahead is not None
    if not math.isfinite(ahead.low):
        return "Too short to tell it from luck."
    if ahead.low > 0:
        return "Better than equal weight of the same stocks, by more than its swings explain."
    if ahead.high < 0:
        return "Worse than equal weight of the same stocks, by more than its swings explain."
    return "Not distinguishable from equal weight of the same stocks."


def whole_money(amount: float | Decimal, currency: str = "USD") -> str:
    """Money without cents: decades do not end on one."""
    return wording.money(Decimal(round(amount)), currency).removesuffix(".00")


def told(value: float | None) -> str:
    """A ratio, or a dash where there is none; nothing has no sign."""
    return wording.ratio(None if value is None or not math.isfinite(value) else round(value, 2) + 0.0)


def between(interval: Interval) -> str:
    """``0.48 to 1.16``."""
    return f"{told(interval.low)} to {told(interval.high)}"


def heat(value: float) -> str:
    """How much color a month's cell has, in percent."""
    return f"{min(abs(value) / FULL_COLOR, 1.0) * 62:.0f}%"


def _charts(score: Score) -> Mapping[str, str]:
    broad, narrow = _draw(score, charts.BROAD), _draw(score, charts.NARROW)
    return {name: f'<div class="broad">{broad[name]}</div><div class="narrow">{narrow[name]}</div>' for name in broad}


def _draw(score: Score, frame: charts.Frame) -> dict[str, str]:
    ends = month_ends(score.days)
    said = [f"{wording.short_day(score.days[row]).split(chr(160))[1]} {score.days[row].year}" for row in ends]
    years = [str(year.year) for year in score.years]
    curves = {score.name: score.equity.values, **score.curves}
    lines = tuple(
        charts.Series(name=name, style=style, values=tuple(values[ends].tolist()))
        for (name, values), style in zip(curves.items(), STYLES, strict=True)
    )
    worst = _worst(score.drawdown, ends)
    exposure = score.result.weights.sum(axis=1)[ends]
    percent = partial(wording.percent, places=0)
    whole = partial(whole_money, currency=score.result.market.currency)
    final = whole(score.ours.final)
    return {
        "equity": charts.line_chart(
            "Value at the end of each month, on a scale of equal percentages",
            f"{score.name} ends at {final}, {score.lines[1].name} at {whole(score.lines[1].final)}",
            said,
            lines,
            whole,
            level=float(score.result.plan.cash),
            band=charts.Band(
                style="run", low=tuple(score.equity.low[ends].tolist()), high=tuple(score.equity.high[ends].tolist())
            ),
            log=True,
            frame=frame,
        ),
        "drawdown": charts.area_chart(
            "Drawdown",
            f"At its worst {wording.percent(float(score.drawdown.max()))} of the highest value before was lost",
            said,
            worst,
            percent,
            style="loss",
            frame=frame,
        ),
        "exposure": charts.line_chart(
            "Part of the value that is in stocks",
            f"{wording.percent(score.ours.exposure)} on average",
            said,
            (charts.Series(name="in stocks", style="run", values=tuple(exposure.tolist())),),
            percent,
            level=0.0,
            frame=charts.Frame(**{**_fields(frame), "height": frame.height * 0.62}),
        ),
        "turnover": charts.bar_chart(
            "Turnover of each year",
            f"{wording.percent(score.ours.turnover)} a year on average",
            years,
            tuple(year.turnover for year in score.years),
            percent,
            style="plain",
            frame=frame,
        ),
        "costs": charts.bar_chart(
            "Commissions of each year",
            f"{whole(sum(year.costs for year in score.years))} in all",
            years,
            tuple(year.costs for year in score.years),
            whole,
            style="plain",
            frame=frame,
        ),
    }


def _fields(frame: charts.Frame) -> dict[str, float]:
    return {name: getattr(frame, name) for name in frame.__slots__}


def month_ends(days: Sequence[date]) -> list[int]:
    """The rows of the first day, and of the last one of each month."""
    rows = [row for row, day in enumerate(days) if row + 1 == len(days) or days[row + 1].month != day.month]
    return rows if rows and rows[0] == 0 else [0, *rows]


def _worst(drawdown: FloatArray, ends: Sequence[int]) -> list[float]:
    """The largest drawdown of each stretch that ends with one of ``ends``."""
    starts = [0, *(end + 1 for end in ends[:-1])]
    return [float(np.max(drawdown[start : end + 1])) for start, end in zip(starts, ends, strict=True)]
