"""What ``bursar performance`` says: how an account or a portfolio did, day by day and in all, and why.

Returns are daily, between official marks, and move by no flow. Ratios are in excess of a stated rate and say how many
observations they rest on; what too few of them cannot support is "not enough data", and null in JSON.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from bursar.desk import wording
from bursar.desk.tables import signed_money, table
from bursar.domain.events import Event, RunStarted
from bursar.errors import DataError, InputError
from bursar.ledger.book import Book, Bookkeeper, RoundTrip
from bursar.ledger.performance import (
    Benchmark,
    Chronicle,
    Day,
    Performance,
    ReturnKind,
    daily_returns,
    performance,
    rolling,
)
from bursar.ledger.profit import GROUPS, Profit, grouped
from bursar.quant.arrays import FloatArray
from bursar.quant.performance import PERIODS_PER_YEAR

NOT_ENOUGH = "not enough data"

#: What belongs to no symbol, strategy and so on.
_NONE = {"symbol": "cash", "sector": "none", "strategy": "none", "portfolio": "unallocated"}

#: Metrics that are written as percent; the others are bare ratios.
_PERCENT = frozenset(
    {"total_return", "annualized_return", "volatility", "max_drawdown", "var_95", "es_95", "var_99", "win_rate"}
    | {"alpha", "tracking_error"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a Treasury bill returned on each day, and in words where that is from."""

    returns: Mapping[date, float]
    said: str


BillOf = Callable[[Sequence[date]], Bill]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All that is told.

    portfolio  None for the whole account
    window     returns in the rolling figures
    rolled     each metric at each of the days in ``dates``, NaN where it has too few
    compared   with what, or why with nothing
    skipped    days that could not be valued, and why
    simulated  what in the journal's world is made up, in words
    """

    account: str
    portfolio: str | None
    base: str
    days: tuple[Day, ...]
    whole: Performance
    window: int
    dates: tuple[date, ...]
    rolled: Mapping[str, FloatArray]
    bill: str
    compared: str
    trips: tuple[RoundTrip, ...]
    skipped: tuple[tuple[date, str], ...]
    simulated: tuple[str, ...]


def record(
    events: Iterable[Event],
    bill: BillOf,
    *,
    account: str | None = None,
    portfolio: str | None = None,
    window: int = 20,
    benchmark: Benchmark | None = None,
) -> Record:
    """Read a journal's ``events`` and tell how ``account`` (the first one, unless named) did.

    Raises InputError for an account or portfolio that is not there and for a benchmark of another kind, DataError
    where no day has a return.
    """
    keeper, chronicle = Bookkeeper(), None if account is None else Chronicle(account, portfolio)
    simulated = dict[str, None]()
    for event in events:
        keeper.apply(event)
        if isinstance(event, RunStarted):
            simulated |= dict.fromkeys(event.simulated)
        if chronicle is None and (opened := keeper.book().accounts):
            chronicle = Chronicle(next(iter(opened)), portfolio)
        if chronicle is not None:
            chronicle.apply(event, keeper)
    book = keeper.book()
    _check(book, account, portfolio)
    if chronicle is None:
        raise DataError("the journal opens no account, so there is nothing to tell")
    dates, _ = daily_returns(chronicle.days)
    bills = bill(dates)
    whole = performance(chronicle.days, risk_free=bills.returns, benchmark=benchmark)
    dates, rolled = rolling(chronicle.days, window, risk_free=bills.returns)
    books = [each for each in book.of_account(chronicle.account) if portfolio in (None, each.portfolio)]
    return Record(
        account=chronicle.account,
        portfolio=portfolio,
        base=book.accounts[chronicle.account].base_currency,
        days=chronicle.days,
        whole=whole,
        window=window,
        dates=dates,
        rolled=rolled,
        bill=bills.said,
        compared="" if benchmark is None else benchmark.name,
        trips=tuple(sorted((trip for each in books for trip in each.round_trips), key=lambda trip: trip.closed_at)),
        skipped=tuple(chronicle.skipped),
        simulated=tuple(simulated),
    )


def _check(book: Book, account: str | None, portfolio: str | None) -> None:
    if account is not None and account not in book.accounts:
        raise InputError(f"account {account!r} is not in this journal; it knows {', '.join(book.accounts) or 'none'}")
    names = {name for _, name in book.portfolios}
    if portfolio is not None and portfolio not in names:
        raise InputError(f"portfolio {portfolio!r} is not in this journal; it knows {', '.join(sorted(names))}")


# ---------------------------------------------------------------- what stands beside it


def constant_bill(yearly: float) -> BillOf:
    """A bill that pays the same every day. yearly  as a fraction, compounded."""
    if not -0.5 < yearly < 1:
        raise InputError(f"a risk-free rate of {yearly:g} a year; give a fraction such as 0.03")
    daily = (1 + yearly) ** (1 / PERIODS_PER_YEAR) - 1
    said = f"{wording.percent(yearly, 2)} a year, as asked for"
    return lambda dates: Bill(returns=dict.fromkeys(dates, daily), said=said)


def treasury_bill(dates: Sequence[date]) -> Bill:
    """The one-month Treasury bill of the factors that ship."""
    from bursar.adapters.vendors import wheels  # the factors are read only where nobody gave a rate
    from bursar.runtime import yardstick

    bill = yardstick.treasury_bill(wheels.factors(), dates)
    said = "one-month Treasury bill" + (", the last known one carried on" if bill.held else "")
    return Bill(returns={day: float(paid) for day, paid in zip(dates, bill.daily, strict=True)}, said=said)


def benchmark_file(path: Path, kind: ReturnKind) -> Benchmark:
    """A benchmark from a CSV file with the columns ``day`` and ``return`` (simple, as a fraction)."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        returns = {date.fromisoformat(row["day"]): float(row["return"]) for row in rows}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(f"{path} is not a list of days and returns ({error}); its header is day,return") from error
    if wrong := [day for day, value in returns.items() if not math.isfinite(value) or value <= -1]:
        raise InputError(f"{path} has a return of {returns[wrong[0]]} on {wrong[0]}; give fractions above -1")
    return Benchmark(name=path.stem, kind=kind, returns=returns)


def own_benchmark(journal: Path) -> Benchmark | None:
    """What the demo held its days against: the report beside its journal, or None where there is none."""
    try:
        report = json.loads((journal.parent / "report.json").read_text(encoding="utf-8"))
        told, before = report["benchmark"], float(report["initial_cash"])
        curve = [(date.fromisoformat(point["day"]), float(point["equity"])) for point in told["curve"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # another journal than a demo's
    returns = {}
    for day, equity in curve:
        returns[day], before = equity / before - 1, equity
    kind = ReturnKind.TOTAL if told["kind"] == "total return" else ReturnKind.PRICE
    return Benchmark(name=told["name"], kind=kind, returns=returns)


# ---------------------------------------------------------------- JSON


def as_json(told: Record) -> str:
    """Everything as JSON: money as text, fractions as numbers, null for what there is not enough data for."""
    whole = told.whole
    document = {
        "account": told.account,
        "portfolio": told.portfolio,
        "base_currency": told.base,
        "first": whole.first.isoformat(),
        "last": whole.last.isoformat(),
        "observations": whole.observations,
        "periods_per_year": whole.periods_per_year,
        "equity": _text(whole.equity),
        "came_in": _text(whole.came_in),
        "went_out": _text(whole.went_out),
        "money_weighted_return": whole.money_weighted,
        "metrics": dict(whole.metrics),
        "not_enough_data": [name for name, value in (*whole.metrics.items(), *whole.relative.items()) if value is None],
        "simulated": list(told.simulated),
        "risk_free": told.bill,
        "benchmark": told.compared or None,
        "relative": dict(whole.relative),
        "profit": profit_sources(sum(whole.profits.values(), Profit())),
        "profit_by": {by: profit_groups(whole.profits.items(), by) for by in GROUPS},
        "rolling": {
            "window": told.window,
            "days": [day.isoformat() for day in told.dates],
            "metrics": {name: [_known(value) for value in values] for name, values in told.rolled.items()},
        },
        "days": [plain_day(day) for day in told.days],
        "skipped": [{"day": day.isoformat(), "because": why} for day, why in told.skipped],
        "round_trips": [plain_trip(trip) for trip in told.trips],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain_day(day: Day) -> dict[str, Any]:
    """One day as JSON has it."""
    return {
        "day": day.day.isoformat(),
        "opened": _text(day.opened),
        "came_in": _text(day.came_in),
        "went_out": _text(day.went_out),
        "equity": _text(day.equity),
        "return": day.simple_return,
        "profit": profit_sources(day.profit),
        "profit_by": {by: profit_groups(day.profits.items(), by) for by in GROUPS},
        "rests_on_doubtful_prices": day.doubtful,
        "missing_prices": list(day.missing),
    }


def plain_trip(trip: RoundTrip) -> dict[str, Any]:
    """One round trip as JSON has it."""
    return {
        "portfolio": trip.portfolio,
        "symbol": trip.symbol,
        "currency": trip.currency,
        "opened_at": _moment(trip.opened_at),
        "closed_at": _moment(trip.closed_at),
        "days": trip.days,
        "profit": _text(trip.profit) if trip.known else None,
        "best": _text(trip.best),
        "worst": _text(trip.worst),
    }


def profit_groups(lines: Iterable[tuple[Any, Profit]], by: str) -> dict[str, dict[str, str]]:
    """Profits by one of GROUPS, each with its sources."""
    return {name: profit_sources(profit) for name, profit in grouped(lines, by).items()}


def profit_sources(profit: Profit) -> dict[str, str]:
    """A profit and where it came from."""
    return {name: _text(getattr(profit, name)) for name in ("total", "price", "exchange", "income", "costs")}


def _text(amount: Decimal) -> str:
    return format(amount, "f")


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _moment(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


# ---------------------------------------------------------------- for people


def as_tables(told: Record, by: str) -> RenderableType:
    """The record for a terminal. by  what the profits are split by, one of GROUPS."""
    if by not in GROUPS:
        raise InputError(f"profits cannot be split by {by!r}; give one of {', '.join(GROUPS)}")
    parts = [_top(told), Text(""), _metrics(told), Text(""), _profits(told, by)]
    if told.trips:
        parts += [Text(""), _trips(told)]
    return Group(*parts, *_notes(told))


def _top(told: Record) -> RenderableType:
    whole = told.whole
    what = told.account if told.portfolio is None else f"{told.portfolio or 'unallocated'} of {told.account}"
    made = table(f"{what}, {wording.span(whole.first, whole.last)}", "", numbers=("",))
    made.add_row("net asset value", wording.money(whole.equity, told.base))
    made.add_row("paid in", wording.money(whole.came_in, told.base))
    made.add_row("taken out", wording.money(whole.went_out, told.base))
    made.add_row("profit", signed_money(sum(whole.profits.values(), Profit()).total, told.base))
    made.add_row("profit of the last day", signed_money(told.days[-1].profit.total, told.base))
    made.add_row("return, time-weighted", _figure("total_return", whole.metrics["total_return"]))
    made.add_row("return a year, money-weighted", _figure("total_return", whole.money_weighted))
    return made


def _metrics(told: Record) -> RenderableType:
    whole, last = told.whole, {name: _known(values[-1]) for name, values in told.rolled.items()}
    columns = (f"all {whole.observations} returns", f"last {told.window}")
    made = table("Measured", "", numbers=columns)
    for name, value in whole.metrics.items():
        made.add_row(_said(name), _figure(name, value), _figure(name, last[name]))
    for name, value in whole.relative.items():
        made.add_row(_said(name), _figure(name, value), "")
    return made


def _profits(told: Record, by: str) -> RenderableType:
    made = table(
        f"Profit by {by}", by, numbers=("last day", "since the beginning", "price", "exchange", "income", "costs")
    )
    lines, today = grouped(told.whole.profits.items(), by), grouped(told.days[-1].profits.items(), by)
    for name, profit in lines.items():
        _profit_row(made, name or _NONE[by], today.get(name, Profit()), profit, told.base)
    whole = sum(lines.values(), Profit())
    _profit_row(made, "all", told.days[-1].profit, whole, told.base)
    return made


def _profit_row(made: Any, name: str, today: Profit, profit: Profit, base: str) -> None:
    amounts = (today.total, profit.total, profit.price, profit.exchange, profit.income, profit.costs)
    made.add_row(name, *(signed_money(amount, base) for amount in amounts))


def _trips(told: Record, most: int = 20) -> RenderableType:
    shown = told.trips[-most:]
    more = f", the last {most} of {len(told.trips)}" if len(told.trips) > most else ""
    made = table(f"Closed positions{more}", "symbol", "closed", numbers=("days", "profit", "best", "worst"))
    for trip in shown:
        made.add_row(
            trip.symbol,
            wording.day(trip.closed_at.date()),
            f"{trip.days:.1f}",
            signed_money(trip.profit if trip.known else None, trip.currency),
            signed_money(trip.best, trip.currency),
            signed_money(trip.worst, trip.currency),
        )
    return made


def _notes(told: Record) -> list[RenderableType]:
    whole = told.whole
    short = whole.observations < whole.periods_per_year
    few = f", and these are {whole.observations}: yearly figures are extrapolated" if short else ""
    lines = [
        f"A year has {whole.periods_per_year:g} returns{few}.",
        f"Ratios are in excess of: {told.bill}.",
        *([f"Beta to information ratio: against {told.compared}, in total returns."] if told.compared else []),
        *(f"{day} could not be valued and counts with the next day: {why}." for day, why in told.skipped),
    ]
    doubted = [day for day in told.days if day.doubtful]
    if doubted:
        worst = max(doubted, key=lambda day: day.doubtful)
        lines.append(
            f"{wording.count(len(doubted), 'day')} rested on missing prices, at most {wording.percent(worst.doubtful)} "
            f"of the positions' value, on {worst.day}: {wording.several(worst.missing)}."
        )
    if told.simulated:
        lines.append(f"Simulated: {' '.join(told.simulated)}")
    return [Padding(Text(line, style="dim"), (0, 2)) for line in lines]


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return NOT_ENOUGH
    return wording.percent(value, 2) if name in _PERCENT else wording.ratio(value)


def _said(name: str) -> str:
    words = {
        "var_95": "VaR 95",
        "var_99": "VaR 99",
        "es_95": "ES 95",
        "sharpe": "Sharpe ratio",
        "sortino": "Sortino ratio",
        "calmar": "Calmar ratio",
        "skew": "skewness",
    }
    return words.get(name, name.replace("_", " "))
