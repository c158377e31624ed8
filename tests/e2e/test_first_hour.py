"""The first hour on an account, by the commands that a person types, over the wire: nothing is sent before it may be.

Every message that leaves for the gateway is written down, and those that could change the account are counted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from bursar.adapters.inbox import FolderCommands
from bursar.desk import cli
from bursar.domain.events import (
    KillFinished,
    LineChanged,
    OrderPlaced,
    RearmRefused,
    TradingState,
    TradingStateChanged,
)
from bursar.gateway import faults as f
from bursar.gateway.commands import Place
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.ports import Command
from bursar.testing import RunningGateway, running_gateway
from tests.e2e.person import ADDED, CHANGING, Person


def the_day_after_a_purchase(gateway: RunningGateway) -> None:
    """Somebody bought 100 PFE by hand; the night has passed since."""
    gateway.open_market()
    bought = Place(
        client_id=99,
        order_id=1,
        account="DU9000001",
        symbol="PFE",
        action="BUY",
        total_quantity=Decimal(100),
        order_type="MKT",
    )
    gateway._ask(lambda: gateway._server.hub.exchange.place(bought))
    day = gateway.step().date()
    while gateway.step().date() == day:
        pass


def test_from_the_wizard_to_a_tap_and_a_kill_and_back(stage: tuple[World, Terms, Path], person: Person) -> None:
    world, terms, _ = stage
    with running_gateway(world, terms, stepped_by_clients=True) as gateway:
        the_day_after_a_purchase(gateway)
        toml = str(person.home / "bursar.toml")
        person.types("setup", "--port", str(gateway.port), "--write", toml)
        Path(toml).write_text(Path(toml).read_text() + ADDED + "[sleeve]\ncapital = 50000\n")

        # Look: equal to the share and the cent, and what was there is not ours.
        seen = person.reads("observe", "--config", toml, "--every", "0")
        assert seen["equal"]
        assert [(line["what"], line["books"], line["hands_off"]) for line in seen["positions"]] == [
            ("PFE", "100", True)
        ]
        assert [line["difference"] for line in seen["cash"]] == ["0.00"]

        # Half of it is to be managed; what was there before came in two lots, and nobody knows what one of them cost.
        lots = person.home / "lots.csv"
        lots.write_text("symbol,quantity,acquired,cost\nPFE,99,2019-05-06,4000\nPFE,2,2012-01-09,\n")
        assert cli.main(["adopt", "--lots", str(lots), "--config", toml]) == 2
        lots.write_text("symbol,quantity,acquired,cost\nPFE,98,2019-05-06,4000\nPFE,2,2012-01-09,\n")
        assert person.reads("adopt", "--lots", str(lots), "--config", toml)["cost_not_known"] == ["PFE"]
        assert person.reads("observe", "--config", toml, "--every", "0")["equal"]
        books = {book["portfolio"]: book for book in person.reads("books", "show")["portfolios"]}
        assert Decimal(books["main"]["net_asset_value"]) == 50_000
        (kept,) = books[""]["positions"]
        assert [(lot["quantity"], lot["cost"]) for lot in kept["lots"]] == [("2", None), ("98", "4000")]

        # Rehearse: orders, reasons, costs, limits; and the journal is as it was.
        before = person.events()
        dry = person.reads("dryrun", "--config", toml, "--every", "0")
        assert person.events() == before
        assert dry["orders"]
        assert Decimal(dry["equity"]) == 50_000
        assert sum(Decimal(order["notional"]) for order in dry["orders"]) < 50_000
        assert "PFE" not in {order["symbol"] for order in dry["orders"]}
        assert dry["left_out"] == [{"symbol": "PFE", "why": "100 were there before Bursar and are hands-off"}]
        assert all(order["reason"] and Decimal(order["cost"]) > 0 and order["checks"] for order in dry["orders"])
        assert {"settled_cash", "position_weight", "order_value_max"} & {limit["rule"] for limit in dry["limits"]}
        assert "nothing was sent" in person.types("dryrun", "--config", toml, "--every", "0")

        # Watch it decide: nothing leaves, and it says what it would have been.
        person.trades("09:45")
        assert any("nothing is sent; it would have been" in getattr(each, "reason", "") for each in person.events())
        assert person.changing == []

        # The next morning it may propose, and a tap works the proposal.
        person.sets('autonomy = "observe"', 'autonomy = "propose"')
        person.trades("16:45")
        gateway.step()
        person.trades("09:45")
        assert person.changing == []
        (proposal,) = person.reads("proposals")
        assert proposal["state"] == "pending"
        rehearsed = {(order["symbol"], order["side"]) for order in dry["orders"]}
        assert rehearsed & {(leg["symbol"], leg["side"]) for leg in proposal["legs"]}
        person.types("tap", proposal["proposal"])
        said = person.trades("10:15")
        assert f"tapped {proposal['proposal']}" in said
        assert f"bought {proposal['legs'][0]['quantity']} {proposal['legs'][0]['symbol']} at $" in said
        (worked,) = person.reads("proposals")
        assert (worked["state"], worked["end"]) == ("completed", "all")
        assert person.reads("observe", "--config", toml, "--every", "0")["equal"]

        # Kill: all that is ours goes, what was there stays.
        person.types("kill", "--flatten", "--reason", "enough for today")
        assert ": enough for today" in person.trades("10:45")
        finished = [event for event in person.events() if isinstance(event, KillFinished)]
        seen = person.reads("observe", "--config", toml, "--every", "0")
        assert seen["equal"]
        assert [line["what"] for line in seen["positions"]] == ["PFE"]
        assert finished

        # And back, by a person with a reason.
        person.types("rearm", code=2)
        person.types("rearm", "--reason", "looked at it; it was a drill")
        person.trades("11:00")
        states = [event.state for event in person.events() if isinstance(event, TradingStateChanged)]
        assert states == [TradingState.HALTED, TradingState.ACTIVE]
        assert not any(isinstance(event, RearmRefused) for event in person.events())
        assert not any(isinstance(event, OrderPlaced) and event.order.symbol == "PFE" for event in person.events())
        assert "equal to the share and the cent" in person.types("observe", "--config", toml, "--every", "0")


def test_nothing_that_could_change_an_observed_account_leaves_whatever_happens(
    stage: tuple[World, Terms, Path], person: Person
) -> None:
    """It holds positions of ours with protection, is killed and tapped, and everything goes wrong at once."""
    world, terms, _ = stage
    with running_gateway(world, terms, stepped_by_clients=True) as gateway:
        toml = person.home / "bursar.toml"
        person.types("setup", "--port", str(gateway.port), "--write", str(toml))
        broker = "[broker]\nreconnect_delay_seconds = 0\nreconnect_attempts_max = 50\ndata_timeout_seconds = 1\n"
        toml.write_text(toml.read_text().replace("[broker]\n", broker) + ADDED)
        person.sets('autonomy = "observe"', 'autonomy = "automatic"')
        gateway.open_market()
        person.trades("10:15")
        assert person.changing.count("placeOrder") > 2  # purchases, and what protects them
        # Nor does a rehearsal send anything where orders would be sent without asking.
        person.sent.clear()
        person.types("dryrun", "--config", str(toml), "--every", "0")
        assert person.changing == []

        person.sets('autonomy = "automatic"', 'autonomy = "observe"')
        person.sent.clear()
        held = person.reads("observe", "--config", str(toml), "--every", "0")["positions"]
        assert held
        person.types("tap", "p-00000001", code=2)  # there is none; one that is sent all the same does nothing
        FolderCommands(person.home / "commands").send(
            Command(command_id="c-1", name="tap", arguments={"proposal": "p-00000001"}, by="ann", at=datetime.now(UTC))
        )
        person.types("kill", "--flatten", "--everything", "--reason", "all of it")
        for message in ("positionEnd", "openOrderEnd", "accountDownloadEnd", "currentTime"):
            gateway.strike(f.Drop(after=message))
        gateway.strike(f.EmptyAnswer(request="reqPositions", times=2))
        gateway.strike(f.Duplicate(message="execDetails", times=0))
        gateway.strike(f.ConnectivityLost(instants=2, data="lost"))
        person.tries("11:30")
        person.types("rearm", "--reason", "only looking")
        person.trades("12:00")
        # Not even a fall through every stop is answered.
        gateway.strike(f.FillWhileAway())
        person.tries("12:30")
        assert {name for name in person.sent if name in CHANGING} == set()
        assert any(isinstance(event, KillFinished) for event in person.events())
        lines = [event.state for event in person.events() if isinstance(event, LineChanged)]
        assert len(set(lines)) > 1  # it did go wrong
