"""Clients of others, unmodified, trade a day at our gateway: each in a process, and its environment, of its own.

A field that a client does not expect, or misses, ends it; so each of these days is a proof of the layouts as well.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bursar.gateway import faults as f
from bursar.gateway.commands import ByHand
from bursar.gateway.faults import Plan
from bursar.gateway.permissions import Permissions
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.testing import RunningGateway, running_gateway, sample_world
from scripts import chores
from tests.conftest import Evidence
from tests.e2e.client_matrix import CAPABILITIES, CLIENTS, Client, words
from tests.gateway.test_currencies import world as abroad

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"


def day_of(script: str, gateway: RunningGateway, python: str = sys.executable) -> dict[str, Any]:
    """What a script of tests/e2e/foreign printed of its day with ``python``."""
    command = [python, "-W", "error", str(HERE / "foreign" / script), str(gateway.port), "MSFT"]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=HERE)
    assert finished.returncode == 0, finished.stderr[-3000:]
    told: dict[str, Any] = json.loads(finished.stdout)
    return told


def afternoon() -> Any:
    """A gateway on its first afternoon: bars lie behind it, and the market is open."""
    return running_gateway(sample_world(days=2))


def an_ib_async_day(python: str = sys.executable) -> dict[str, Any]:
    with afternoon() as gateway:
        gateway.step(40)
        quote = gateway.quote("MSFT")
        told = day_of("ib_async_day.py", gateway, python)
    assert quote is not None
    assert told["complaints"] == []
    assert (told["server_version"], told["accounts"]) == (178, ["DU9000001"])
    assert told["net_liquidation"] == ["100000.00", "100000.00"]
    assert len(set(told["con_ids"])) == 1
    assert told["tick"] == [float(quote.bid or 0), float(quote.ask or 0), float(quote.last or 0)]
    assert told["snapshot"] == told["tick"][:2]
    assert told["daily_bars"] == 5
    assert told["intraday_bars"][:2] == ["2022-01-03 14:30:00+00:00", "2022-01-03 15:00:00+00:00"]
    assert told["fills"] == [[10, float(quote.ask or 0), "foreign"]]
    assert told["commissions"] == [told["preview_commission"]]
    assert told["statuses"] == ["Filled", "Cancelled"]
    assert told["was_working"]
    assert sorted(told["completed"]) == ["Cancelled", "Filled"]
    assert told["executions"] == 1
    assert told["positions"] == told["portfolio"] == [["MSFT", 10]]
    return told


def test_ib_async_trades_a_day() -> None:
    an_ib_async_day()


def test_somebody_elses_bot_is_tested_with_the_fixture() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLES)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert finished.returncode == 0, finished.stdout[-3000:]
    assert finished.stdout.startswith("..")


@pytest.mark.prove
def test_ib_async_alone_in_its_environment_trades_a_day(evidence: Evidence) -> None:
    chores.set_up_peer("ib-async")
    python = chores.PEERS / "ib-async" / "bin" / "python"
    assert "bursar" not in installed(python)
    told = an_ib_async_day(str(python))
    evidence(client="ib_async 2.1.0", version=told["server_version"], fills=len(told["fills"]))


@pytest.mark.prove
def test_ibapi_alone_in_its_environment_trades_a_day(evidence: Evidence) -> None:
    chores.set_up_peer("ibapi")
    python = chores.PEERS / "ibapi" / "bin" / "python"
    with afternoon() as gateway:
        gateway.step(40)
        quote = gateway.quote("MSFT")
        told = day_of("ibapi_day.py", gateway, str(python))
    assert quote is not None
    assert (told["server_version"], told["accounts"], told["net_liquidation"]) == (157, "DU9000001", "100000.00")
    assert told["samples"] == ["MSFT"]
    assert told["long_name"] == "MSFT, made up"
    assert {1, 2, 4, 6, 7, 9, 14} <= set(told["ticks"])
    assert told["daily_bars"] == 5
    reference, shares, price, time = told["fill"]
    assert (reference, shares, price) == ("foreign", 10, float(quote.ask or 0))
    # Two blanks and no zone: what clients of that time expect.
    assert time == f"{quote.at.astimezone(ZoneInfo('America/New_York')):%Y%m%d  %H:%M:%S}"
    assert told["order"] == ["BUY", 10, "MKT", "foreign", "DAY"]
    assert told["preview"][0] == told["commission"] > 0
    assert told["statuses"][-2:] == ["Submitted", "Cancelled"]
    assert sorted(status for status, _ in told["completed"]) == ["Cancelled", "Filled"]
    assert told["positions"] == [["MSFT", 10]]
    assert told["portfolio"] == [["MSFT", 10]]
    assert set(told["errors"]) == {2104, 2106, 2158, 202}
    evidence(client="ibapi 9.81.1.post1", version=told["server_version"], fills=1)


# ---------------------------------------------------------------- every client by every capability

#: What the second gateway does wrong, to each of the numbers under which the scripts connect to it.
FAULTS = (
    f.Drop(client=33, after="placeOrder"),
    f.Duplicate(client=34, message="execDetails", times=0),
    f.SentinelCommission(client=35, times=0, instants=1),
    f.ConnectivityLost(client=36, after="reqIds", instants=1),
    f.CorrectExecution(client=37, instants=1),
)
#: What a person entered at the third.
BY_HAND = ByHand(
    client_id=0,
    order_id=0,
    account="DU9000001",
    symbol="AAA",
    action="BUY",
    total_quantity=Decimal(1),
    order_type="LMT",
    lmt_price=Decimal("40.00"),
    tif="GTC",
)


def divisible(symbol: str) -> World:
    """The sample world, in which one symbol trades by fractions of a share."""
    world = sample_world(days=2)
    lots = {symbol: Decimal("0.0001")}
    return replace(
        world, instruments=tuple(replace(each, lot=lots.get(each.symbol, each.lot)) for each in world.instruments)
    )


def marks_of(client: Client) -> dict[str, list[str]]:
    """What a client's script says to each capability: works, cannot or fails, and a note."""
    chores.set_up_peer(client.environment)
    python = chores.PEERS / client.environment / "bin" / "python"
    assert "bursar" not in installed(python)
    terms = Terms(accounts=("DU9000001", "DU9000002"))
    permissions = Permissions(live=frozenset({"AAPL", "MSFT"}))
    with (
        running_gateway(divisible("AAPL"), terms, permissions=permissions) as gateway,
        running_gateway(sample_world(days=2), Terms(), speed=300, faults=Plan(faults=FAULTS)) as faulty,
        running_gateway(abroad(), replace(terms, adviser="DF9000001")) as advised,
    ):
        gateway.step(40)
        advised.step()
        advised._ask(lambda: advised._server.hub.do(BY_HAND))
        ports = (str(each.port) for each in (gateway, faulty, advised))
        command = [str(python), str(HERE / "foreign" / client.script), *ports]
        finished = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, cwd=HERE)
    assert finished.returncode == 0, finished.stderr[-3000:]
    marks: dict[str, list[str]] = json.loads(finished.stdout.splitlines()[-1])
    return marks


@pytest.mark.prove
@pytest.mark.parametrize("client", CLIENTS, ids=[client.environment for client in CLIENTS])
def test_a_foreign_client_does_all_that_it_can(client: Client, evidence: Evidence) -> None:
    marks = marks_of(client)
    assert list(marks) == list(CAPABILITIES)
    assert {name: note for name, (mark, note) in marks.items() if mark == "fails"} == {}
    assert marks["connecting"] == ["works", str(client.version)]
    marks["connecting"][1] = ""
    evidence(**{name: f"{mark}: {note}" if note else mark for name, (mark, note) in marks.items()})


def test_the_page_about_foreign_clients_has_each_client_and_each_capability() -> None:
    text = (HERE.parents[1] / "docs" / "clients.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert rows[0][1:] == [*(client.name for client in CLIENTS[:-1]), f"{CLIENTS[-1].name} |"]
    assert [row[0].removeprefix("| ") for row in rows[3:]] == [words(name) for name in CAPABILITIES]
    cells = [cell.removesuffix(" |") for row in rows[3:] for cell in row[1:]]
    assert set(cells) <= {"works", "cannot"}


def installed(python: Path) -> str:
    """The names of the packages in an environment."""
    listed = subprocess.run([str(python), "-m", "pip", "list"], capture_output=True, text=True, check=True)
    return listed.stdout.lower()
