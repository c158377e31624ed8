"""Several accounts by the commands that a person types, over the wire: changed while running, and the locked door."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bursar.adapters import ib_connection
from bursar.adapters.inbox import FolderCommands
from bursar.adapters.journal import SQLiteJournal, read
from bursar.config import Settings
from bursar.desk import cli, service
from bursar.desk.desk import Desk
from bursar.domain.events import (
    AccountSwitched,
    CommandReceived,
    Event,
    KillFinished,
    Mode,
    OrderPlaced,
    RunStarted,
    SwitchRefused,
    TradingState,
    TradingStateChanged,
)
from bursar.domain.orders import Purpose
from bursar.gateway import terms as gateway_terms
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.ports import Command
from bursar.runtime import door
from bursar.testing import RunningGateway, running_gateway
from bursar.trading.oms import Orders
from tests.e2e.person import ADDED, Person
from tests.runtime.test_grades import promoted

LIVE = "U7654321"
PHRASE = f"trade real money in {LIVE}"


def journal(person: Person, account: str) -> list[Event]:
    path = person.home / "accounts" / account / "journal.sqlite"
    return [recorded.event for recorded in read(path)] if path.is_file() else []


def only(events: list[Event], kind: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def orders_of(events: list[Event]) -> Orders:
    orders = Orders()
    for event in events:
        orders.apply(event)
    return orders


def asks(person: Person, account: str, reason: str, phrase: str = "") -> None:
    """What the route of the API leaves in the inbox."""
    said = {"account": account, "reason": reason, "phrase": phrase}
    number = len(list((person.home / "commands").glob("*"))) + sum(map(len, (account, reason)))
    FolderCommands(person.home / "commands").send(
        Command(command_id=f"c-{number}-{account}", name="switch", arguments=said, by="ann", at=datetime.now(UTC))
    )


def trades(person: Person, name: str, until: str, *more: str) -> None:
    toml = str(person.home / "bursar.toml")
    person.types("trade", "--account", name, "--config", toml, "--every", "0", "--until", until, *more)


def test_accounts_are_changed_while_running_and_every_refusal_changes_nothing(
    stage: tuple[World, Terms, Path], person: Person
) -> None:
    world, terms, _ = stage
    both = replace(terms, accounts=("DU9000001", "DU9000002", "DU9000003"))
    with running_gateway(world, both, stepped_by_clients=True) as gateway:
        toml = person.home / "bursar.toml"
        toml.write_text(
            ADDED
            + '[strategy]\nautonomy = "automatic"\n[execution]\nroute = "adaptive"\nurgency = 0\n'
            + '[account]\nopen_orders = "cancel"\n'
            + f"[accounts.practice]\nport = {gateway.port}\n"
            + f'[accounts.second]\naccount_id = "DU9000002"\nport = {gateway.port}\nclient_id = 2\n'
            + f'[accounts.stranger]\naccount_id = "DU9000007"\nport = {gateway.port}\nclient_id = 3\n'
            + f'[accounts.margin]\naccount_id = "DU9000003"\nport = {gateway.port}\nclient_id = 4\n'
            + "[accounts.margin.risk]\nleverage_max = 2\n"
            + f'[accounts.savings]\naccount_id = "{LIVE}"\nmode = "live"\nport = 7496\nnotional_per_day_max = 1\n'
        )
        gateway.open_market()
        trades(person, "practice", "09:40")
        before = journal(person, "DU9000001")
        opening = [state.order.order_id for state in orders_of(before).working() if state.order.opens]
        assert opening  # they wait on the near side of the market

        # What does not agree is refused where it is asked for, and again where it would be done.
        for words, code in (
            (("nobody", "--reason", "why not"), 2),
            (("second",), 2),
            (("savings", "--reason", "for real"), 2),
            (("second", "--reason", "more", "--phrase", PHRASE), 2),
        ):
            assert cli.main(["switch", *words, "--config", str(toml)]) == code
        assert cli.main(["observe", "--account", "nobody", "--config", str(toml)]) == 2
        assert not list((person.home / "commands").glob("*"))
        asks(person, "savings", "for real", PHRASE)  # no such gateway listens
        asks(person, "stranger", "try it")  # not behind this one
        asks(person, "margin", "more of it")  # a cash account, whose limits allow to borrow
        trades(person, "practice", "09:45")
        person.sets('open_orders = "cancel"', 'open_orders = "refuse"')
        asks(person, "second", "while orders open")
        trades(person, "practice", "09:50")
        now = journal(person, "DU9000001")
        whys = {event.to: event.why for event in now if isinstance(event, SwitchRefused)}
        assert list(whys) == ["savings", "stranger", "margin", "second"]
        assert "DU9000007" in whys["stranger"]
        assert "a cash account" in whys["margin"]
        assert opening[0] in whys["second"]
        assert "account.open_orders is refuse" in whys["second"]
        assert not only(now, TradingStateChanged)
        assert not any("phrase" in event.arguments for event in now if isinstance(event, CommandReceived))
        assert [name for name in ("DU9000002", "DU9000003", "DU9000007", LIVE) if journal(person, name)] == []
        assert [state.order.order_id for state in orders_of(now).working() if state.order.opens]

        # The rule is to cancel: what opens goes, what protects stays, and the other account trades.
        person.sets('open_orders = "refuse"', 'open_orders = "cancel"')
        told = person.reads("switch", "second", "--reason", "the practice is over", "--config", str(toml))
        assert (told["account"], told["mode"], told["open_orders"]) == ("DU9000002", "paper", "cancel")
        trades(person, "practice", "10:30")
        old, new = journal(person, "DU9000001"), journal(person, "DU9000002")
        assert only(old, AccountSwitched) == only(new, AccountSwitched) != []
        assert only(old, KillFinished)
        rest = [state.order for state in orders_of(old).working()]
        assert {order.purpose for order in rest} <= {Purpose.PROTECTION}
        placed = [event.order for event in new if isinstance(event, OrderPlaced)]
        assert placed
        assert {order.account for order in placed} == {"DU9000002"}
        assert person.reads("observe", "--account", "practice", "--config", str(toml), "--every", "0")["equal"]

        # Whoever serves the desk over the old account's journal is shown the account that is traded.
        with service.opened(person.home, Settings(), person.journal) as opened:
            assert asyncio.run(_shown(opened.desk)) == "DU9000002"

        # And back, as it was left.
        person.types("switch", "practice", "--reason", "back again", "--config", str(toml))
        trades(person, "second", "11:00")
        states = [event.state for event in journal(person, "DU9000001") if isinstance(event, TradingStateChanged)]
        assert states == [TradingState.HALTED, TradingState.ACTIVE]

        # Whoever dies between the two journals leaves the change to whoever takes up the other account.
        (last,) = only(journal(person, "DU9000001"), AccountSwitched)[-1:]
        assert isinstance(last, AccountSwitched)
        half = replace(last, event_id="switch/half", account="DU9000001", to="DU9000002", causes=())
        with closing(SQLiteJournal(person.journal)) as kept:
            asyncio.run(kept.append([half]))
        trades(person, "second", "11:10")
        other = journal(person, "DU9000002")
        assert only(other, AccountSwitched)[-1] == half
        states = [event.state for event in other if isinstance(event, TradingStateChanged)]
        assert states == [TradingState.HALTED, TradingState.ACTIVE]
        with service.opened(person.home, Settings(), person.journal) as opened:
            assert asyncio.run(_shown(opened.desk)) == "DU9000002"


async def _shown(desk: Desk) -> str:
    """The account that a desk shows once it has looked."""
    for _ in range(3):
        await desk.tail_once()
    assert desk.past.run is not None
    return desk.past.run.account


# ---------------------------------------------------------------- real money


@contextmanager
def a_live_gateway(stage: tuple[World, Terms, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningGateway]:
    """Our gateway in the place of a live one: an account with real money's name, behind what is taken for its port."""
    world, terms, _ = stage
    monkeypatch.setattr(gateway_terms, "ACCOUNT_PREFIX", ("DU9", "U"))
    with running_gateway(world, replace(terms, accounts=(LIVE, "DU9000001")), stepped_by_clients=True) as gateway:
        for module in (door, ib_connection):
            monkeypatch.setattr(module, "LIVE_PORTS", frozenset({gateway.port}))
        yield gateway


def test_the_locked_door_is_the_only_obstacle_and_every_wrong_key_is_fatal(
    stage: tuple[World, Terms, Path], person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_live_gateway(stage, monkeypatch) as gateway:
        toml = person.home / "bursar.toml"
        right = {
            "account_id": f'"{LIVE}"',
            "mode": '"live"',
            "port": f"{gateway.port}",
            "client_id": "1",
            "notional_per_day_max": "90000",
            "autonomy": '"automatic"',
        }
        gateway.open_market()

        def attempt(phrase: str = PHRASE, **changed: str | None) -> int:
            said = {key: value for key, value in {**right, **changed}.items() if value is not None}
            lines = "\n".join(f"{key} = {value}" for key, value in said.items())
            toml.write_text(f"{ADDED}[accounts.savings]\n{lines}\n")
            words = ["trade", "--account", "savings", "--config", str(toml), "--every", "0", "--until", "09:45"]
            return cli.main([*words, "--phrase", phrase] if phrase else words)

        wrong: list[tuple[str, dict[str, str | None]]] = [
            ("", {}),
            (PHRASE.upper(), {}),
            ("trade real money in U7654322", {}),
            (PHRASE, {"notional_per_day_max": None}),
            (PHRASE, {"mode": '"paper"'}),
            ("", {"mode": '"paper"'}),
            (PHRASE, {"port": "7497"}),
            (PHRASE, {"account_id": '"DU9000001"'}),
            ("", {"account_id": '"DU9000001"'}),
            ("", {"account_id": '"DU9000001"', "mode": '"paper"'}),
        ]
        assert [attempt(phrase, **changed) for phrase, changed in wrong] == [2] * len(wrong)
        assert person.sent == []
        assert not (person.home / "accounts").exists()

        # Looking needs no phrase, and nothing can leave.
        assert attempt("") == 2
        assert person.reads("observe", "--account", "savings", "--config", str(toml), "--every", "0")["equal"]
        assert person.changing == []

        # The right key alone is not enough: nobody has promoted these strategies to live.
        assert attempt() == 2
        assert person.changing == []
        for name in Settings().strategy.names:
            promoted(person.home, name, "paper", "live")

        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PHRASE.upper()}\n{PHRASE}\n"))
        assert [attempt("-"), attempt("-")] == [2, 0]  # as it is typed where no list of processes shows it
        events = journal(person, LIVE)
        assert [event.mode for event in events if isinstance(event, RunStarted)] == [Mode.LIVE]
        bought = [event.order for event in events if isinstance(event, OrderPlaced) and event.order.opens]
        assert bought
        assert {order.account for order in bought} == {LIVE}
        assert "placeOrder" in person.changing
