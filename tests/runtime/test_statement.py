"""The broker's own statement of the demo's days, held against our books to the cent.

Two arithmetics that share no code: the gateway's accounts, from its executions, and the ledger's fold over the journal.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bursar.adapters.memory import MemoryJournal
from bursar.adapters.simulated import SimulatedBroker, SimulatedFeed
from bursar.config import Settings
from bursar.domain.events import Event, SessionClosed
from bursar.domain.money import CENT
from bursar.gateway.exchange import Exchange
from bursar.gateway.statement import statement
from bursar.ledger.book import fold
from bursar.ledger.valuation import value
from bursar.runtime import stage as stages
from bursar.runtime.request import DemoRequest

D = Decimal


def played(home: Path, **changes: object) -> tuple[Exchange, list[Event]]:
    """Days of the demo, in process: the exchange as it is left, and our journal."""
    usual = DemoRequest(
        days=8, first=date(2022, 1, 24), seed=7, cash=D(100_000), settings=Settings(), home=home, in_process=True
    )
    stage = stages.prepare(replace(usual, **changes))  # type: ignore[arg-type]  # the fields are the request's own
    exchange, journal = stages.exchange(stage), MemoryJournal()
    broker = SimulatedBroker(exchange)
    asyncio.run(stages.loop(stage, SimulatedFeed(exchange, broker), broker, journal).run())
    return exchange, [recorded.event for recorded in journal.read()]


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", [7, 8])
def test_the_brokers_statement_of_the_demo_and_our_books_agree_to_the_cent(tmp_path: Path, seed: int) -> None:
    exchange, events = played(tmp_path, seed=seed)
    book = fold(events)
    ((account, _), held), *others = book.portfolios.items()
    assert others == []
    report = ET.fromstring(statement(exchange, account))
    # Positions, and what they cost.
    rows = {
        row.attrib["symbol"]: row.attrib
        for row in report.iter("OpenPosition")
        if row.attrib["levelOfDetail"] == "SUMMARY"
    }
    assert {symbol: D(row["position"]) for symbol, row in rows.items()} == {
        symbol.replace(".", " "): position.quantity for symbol, position in held.positions.items()
    }
    assert rows
    for symbol, position in held.positions.items():
        row = rows[symbol.replace(".", " ")]
        assert D(row["costBasisMoney"]).quantize(CENT) == position.cost.quantize(CENT)
        assert D(row["markPrice"]) == book.marks[symbol]
    # Cash.
    cash = {row.attrib["currency"]: row.attrib for row in report.iter("CashReportCurrency")}
    assert D(cash["USD"]["endingCash"]) == held.cash["USD"]
    assert D(cash["USD"]["endingCash"]) == D(cash["BASE_SUMMARY"]["endingCash"])
    assert -D(cash["USD"]["commissions"]) == held.commissions["USD"]
    # Realized profit, trade by trade and together.
    trades = [row.attrib for row in report.iter("Trade")]
    assert len(trades) > 10
    realized = sum((D(row["fifoPnlRealized"]) for row in trades), D(0))
    assert realized.quantize(CENT) == held.realized["USD"].quantize(CENT) != 0
    assert len([row for row in trades if D(row["fifoPnlRealized"])]) == len({each.closed_by for each in held.closings})
    # What all of it is worth.
    worth = value(held, book.marks, book.rates, "USD")
    (*_, last) = [row.attrib for row in report.iter("EquitySummaryByReportDateInBase")]
    assert D(last["total"]).quantize(CENT) == worth.net_asset_value.quantize(CENT)


def test_each_day_of_a_statement_is_worth_what_the_day_was_closed_at(tmp_path: Path) -> None:
    exchange, events = played(tmp_path)
    report = ET.fromstring(statement(exchange, "DU9000001"))
    told = {row.attrib["reportDate"]: D(row.attrib["total"]) for row in report.iter("EquitySummaryByReportDateInBase")}
    closed = {f"{event.day:%Y%m%d}": event.equity for event in events if isinstance(event, SessionClosed)}
    assert {day: total.quantize(CENT) for day, total in told.items()} == closed
