"""An account that is traded in Sydney: its days over the wire, and by the commands that a person types.

The prices are made up (``tests/runtime/test_markets.py`` has the days, and backtests on them).
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from bursar.adapters.clock import WallClock
from bursar.adapters.ib_connection import Address
from bursar.adapters.memory import MemoryJournal
from bursar.adapters.vendors.ibkr import Ibkr
from bursar.desk import cli
from bursar.domain.events import Decided, Filled, InstrumentListed, OrderPlaced, OrderRejected, TaskFinished
from bursar.domain.record import encode
from bursar.runtime import demo, wire
from bursar.runtime.request import DemoRequest
from bursar.runtime.stage import Stage, prepare, terms
from bursar.testing import running_gateway
from tests.e2e.person import Person
from tests.runtime.test_markets import NAME, imported, moments, settings_of, utc

LAST, FIRST = date(2022, 4, 29), date(2022, 2, 1)
FRIDAY, MONDAY = date(2022, 4, 1), date(2022, 4, 4)


def stage_of(home: Path, days: int, first: date) -> Stage:
    settings = settings_of(market__source=NAME, market__exchange="XASX", strategy__names="equal_weight")
    return prepare(DemoRequest(days=days, first=first, seed=7, cash=Decimal(100_000), settings=settings, home=home))


def test_a_day_in_sydney_over_the_wire_is_the_day_in_process(tmp_path: Path) -> None:
    imported(tmp_path, "XASX", [("BHP", "50 51"), ("CBA", "90")], first=FIRST, last=LAST)
    stage = stage_of(tmp_path, 2, FRIDAY)
    folder = tmp_path / "run"
    folder.mkdir()
    stage.request.write(folder)
    over_tcp, in_process = MemoryJournal(), MemoryJournal()
    asyncio.run(wire.play(stage, over_tcp, folder))
    asyncio.run(demo.play(stage, in_process))
    expected = [encode(recorded.event) for recorded in in_process.read()]
    assert [encode(recorded.event) for recorded in over_tcp.read()] == expected
    assert sum(b'"kind":"filled"' in line for line in expected) >= 2


@pytest.fixture
def person(bursar_home: Path, capsys: pytest.CaptureFixture[str]) -> Person:
    imported(bursar_home, "XASX", [("BHP", "50 51"), ("CBA", "90")], first=FIRST, last=LAST)
    return Person(capsys, bursar_home, [])


def test_an_account_is_traded_on_the_sessions_of_sydney_across_its_clock_change(person: Person) -> None:
    stage = stage_of(person.home, 3, FRIDAY)
    with running_gateway(stage.world, terms(stage), stepped_by_clients=True) as gateway:
        (person.home / "bursar.toml").write_text(
            f'[market]\nexchange = "XASX"\nsource = "{NAME}"\n[strategy]\nnames = ["equal_weight"]\n'
            f"[broker]\nport = {gateway.port}\n"
        )
        assert gateway.now == utc(3, 31, 22)  # 09:00 of Friday in Sydney
        assert "2022 ends with AUD\N{NO-BREAK SPACE}100," in person.trades("16:40")
        assert gateway.now >= utc(4, 1, 5, 30)
        while gateway.now < utc(4, 3, 23):
            gateway.step()
        person.trades("16:40")
        told = person.reads("observe", "--config", str(person.home / "bursar.toml"), "--every", "0")
    assert (told["equal"], told["currency"]) == (True, "AUD")
    why = person.types("why", "o-00000001", "--journal", str(person.journal))
    assert "price then: AUD\N{NO-BREAK SPACE}50." in why
    assert "$" not in why
    events = person.events()
    done = {(event.day, event.task): event.at for event in events if isinstance(event, TaskFinished)}
    assert {task: at for (day, task), at in done.items() if day == FRIDAY} == {
        "analyze": utc(3, 31, 22),
        "open": utc(3, 31, 23),
        "decide": utc(3, 31, 23),
        "trade": utc(3, 31, 23, 5),
        "close": utc(4, 1, 5),
        "review": utc(4, 1, 5, 30),
    }
    assert {task: at for (day, task), at in done.items() if day == MONDAY} == {
        "analyze": utc(4, 3, 23),
        "open": utc(4, 4, 0),
        "decide": utc(4, 4, 0),
        "trade": utc(4, 4, 0, 5),
        "close": utc(4, 4, 6),
        "review": utc(4, 4, 6, 30),
    }
    assert moments(events, Decided) == [utc(3, 31, 23), utc(4, 4, 0)]
    fills = [event for event in events if isinstance(event, Filled)]
    assert {fill.symbol for fill in fills} == {"BHP", "CBA"}
    assert {fill.traded_on for fill in fills} == {FRIDAY}
    assert {fill.settles_on for fill in fills} == {date(2022, 4, 5)}
    assert {fill.commission.currency for fill in fills} == {"AUD"}
    assert {event.instrument.exchange for event in events if isinstance(event, InstrumentListed)} == {"XASX"}


def test_stops_and_targets_stand_on_the_brokers_ticks(person: Person) -> None:
    stage = stage_of(person.home, 2, FRIDAY)
    listed = tuple(replace(each, tick=Decimal("0.01")) for each in stage.world.instruments)
    with running_gateway(replace(stage.world, instruments=listed), terms(stage), stepped_by_clients=True) as gateway:
        (person.home / "bursar.toml").write_text(
            f'[market]\nexchange = "XASX"\nsource = "{NAME}"\n[strategy]\nnames = ["equal_weight"]\n'
            f'[broker]\nport = {gateway.port}\n[risk]\nprotection = "broker"\n'
        )
        person.trades("10:30")
    events = person.events()
    assert not [event for event in events if isinstance(event, OrderRejected)]
    orders = [event.order for event in events if isinstance(event, OrderPlaced)]
    prices = [each for order in orders for each in (order.stop_price, order.limit_price) if each is not None]
    assert len(prices) == 4  # a stop and a target for each of the two
    assert all(price % Decimal("0.01") == 0 for price in prices)


def test_a_backtest_by_command_says_its_exchange_its_currency_and_its_costs(person: Person) -> None:
    page = person.home / "page.html"
    asked = ("backtest", "equal_weight", "--world", NAME, "--from", "2022-03-21")
    assert cli.main(asked) == 2
    assert 'set market.exchange = "XASX"' in person.capsys.readouterr().err
    told = json.loads(person.types(*asked, "--exchange", "XASX", "--html", str(page), "--json"))
    assert (told["universe"]["exchange"], told["universe"]["currency"]) == ("XASX", "AUD")
    assert (told["costs_basis_points"], told["costs_minimum"]) == (8, "6")
    assert any("bill in AUD" in note for note in told["notes"])
    shown = page.read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "AUD 100,000 became" in shown
    assert "8 basis points, at least AUD 6.00 an order" in shown
    assert "$" not in shown


def test_the_history_of_a_share_in_sydney_is_asked_for_in_its_own_day(person: Person) -> None:
    stage = stage_of(person.home, 3, FRIDAY)
    with running_gateway(stage.world, terms(stage)) as gateway:
        while gateway.now < utc(4, 4, 23):
            gateway.step()
        asked = Ibkr(Address(account="DU9000001", port=gateway.port, client_id=7), WallClock(), "XASX")
        told = asked.prices(["BHP"], date(2022, 3, 28), date(2022, 4, 5))
    # It is Tuesday morning in Sydney, and Monday still in UTC: Monday's bar is finished.
    assert [day for day, _ in told.rows["BHP"]][-1] == MONDAY
