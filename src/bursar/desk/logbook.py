"""The log of a run, for people who read logs: one line an order, a fill, a warning, and the state at each close.

Lines carry the time of the run, not of the machine: a day of 2022 is logged in 2022. The journal is the
record; this file may be removed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from datetime import time as clock
from pathlib import Path

from bursar.desk import wording
from bursar.runtime.results import DayResult, DemoResult, OrderOutcome, TargetLine

FORMAT = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
NAME = "bursar"

#: What is logged of a close is logged as of this time, UTC: after the close of New York all year round.
_AFTER_CLOSE = clock(22, 0)

Line = tuple[datetime, int, str]


def write_log(result: DemoResult, path: Path, level: str = "INFO") -> Path:
    """Write the log of ``result`` to ``path``, replacing what was there; ``level`` is the least that is kept."""
    formatter = logging.Formatter(FORMAT)
    formatter.converter = time.gmtime
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    try:
        handler.setFormatter(formatter)
        handler.setLevel(level)
        for at, severity, message in lines(result):
            record = logging.LogRecord(NAME, severity, "", 0, message, None, None)
            record.created, record.msecs = at.timestamp(), 0.0
            if severity >= handler.level:
                handler.handle(record)
    finally:
        handler.close()
    return path


def lines(result: DemoResult) -> Iterator[Line]:
    """Every line: when, how severe, and what."""
    for day in result.days:
        yield from _day(day, result.currency)
    last = _close(result.days[-1])
    for line in result.book.positions:
        value = wording.money(line.value, result.currency)
        average = wording.price(line.cost / line.quantity, result.currency)
        yield last, logging.INFO, f"position {line.symbol}: {line.quantity:f} shares at {average}, worth {value}"


def _day(day: DayResult, currency: str) -> Iterator[Line]:
    close = _close(day)
    for decision in day.decisions:
        if decision.skipped:
            yield decision.at, logging.WARNING, f"no decision: {decision.skipped}"
        else:
            wants = _targets(decision.targets)
            yield decision.at, logging.INFO, f"{decision.decision_id} {decision.strategy} wants {wants}"
    for fill in day.fills:
        price, fee = wording.price(fill.price, currency), wording.money(fill.fee, currency)
        message = f"{fill.order_id} {fill.side.value} {fill.quantity:f} {fill.symbol} at {price}, fee {fee}"
        yield fill.at, logging.INFO, message
    for order in day.orders:
        if order.outcome is not OrderOutcome.FILLED:
            note = f": {order.outcome_note}" if order.outcome_note else ""
            yield close, logging.WARNING, f"{order.order_id} {order.symbol} {order.outcome.value}{note}"
        for warning in order.warnings:
            yield close, logging.WARNING, f"{order.order_id} {order.symbol} {warning}"
    for view in day.views:
        yield close, logging.DEBUG, f"{view.view_id} {view.analyst} on {view.symbol}"
    worth, cash = wording.money(day.equity, currency), wording.money(day.cash, currency)
    change = wording.money(day.pnl, currency, signed=True)
    yield close, logging.INFO, f"portfolio at the close of {day.day}: value {worth}, cash {cash}, day {change}"


def _targets(targets: tuple[TargetLine, ...]) -> str:
    return ", ".join(f"{target.symbol} {wording.percent(target.weight)}" for target in targets) or "nothing"


def _close(day: DayResult) -> datetime:
    return datetime.combine(day.day, _AFTER_CLOSE, UTC)
