"""`bursar run` on an account: real processes serve it and trade it behind our own gateway, and each of them dies."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bursar.adapters.journal import head_path, read, verify
from bursar.desk.client import Client
from bursar.domain.events import AccountSwitched, Event, Filled, LineChanged, OrderPlaced, SessionOpened
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from bursar.runtime import stage as stages
from bursar.runtime.gateway_process import Child, Gateway, spawn
from bursar.runtime.keeper import COMMAND
from tests.e2e.desk import stage_of
from tests.e2e.person import ADDED

ACCOUNT, SECOND = "DU9000001", "DU9000002"
#: How long anything may take; each of them takes a second or two.
PATIENCE_SECONDS = 60.0
OWN = "a password of my own"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def two_accounts(folder: str, home: str) -> tuple[World, Terms]:
    """What the gateway of a house is made by."""
    world, terms = stages.gateway_recipe(folder, home)
    return world, replace(terms, accounts=(ACCOUNT, SECOND))


@dataclass
class House:
    """A home with one paper account, the gateway behind it, and `bursar run`.

    port  where it serves
    at    where the gateway listens, or would
    two   whether a second account is set up
    """

    home: Path
    port: int = field(default_factory=free_port)
    at: int = field(default_factory=free_port)
    two: bool = False
    gateway: Child | None = None
    service: subprocess.Popen[bytes] | None = None

    @property
    def toml(self) -> str:
        return str(self.home / "bursar.toml")

    def settle(self, data: Path) -> None:
        self.home.mkdir(exist_ok=True)
        (self.home / "data").symlink_to(data)
        (self.home / "bursar.toml").write_text(
            f'{ADDED}[strategy]\nautonomy = "automatic"\n'
            f"[broker]\nreconnect_delay_seconds = 0.2\ndata_timeout_seconds = 5\n"
            f"[accounts.practice]\nport = {self.at}\n"
            + (f'[accounts.second]\naccount_id = "{SECOND}"\nport = {self.at}\nclient_id = 2\n' if self.two else "")
        )
        folder = self.home / "broker"
        folder.mkdir()
        stage_of(self.home, days=10, seed=7).request.write(folder)

    def open_gateway(self) -> None:
        """The broker of the account; it goes on where it was killed."""
        folder = str(self.home / "broker")
        self.gateway = spawn(
            Gateway(
                recipe=f"{__name__}:two_accounts",
                arguments={"folder": folder, "home": str(self.home)},
                port=self.at,
                log=self.home / "broker" / "gateway.log",
            )
        )

    def run(self, *more: str) -> None:
        with (self.home / "run.out").open("wb") as out:
            self.service = subprocess.Popen(
                [*COMMAND, "run", "--port", str(self.port), "--every", "0.05", "--config", self.toml, *more],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "BURSAR_HOME": str(self.home), "COLUMNS": "200"},
            )

    def types(self, *words: str) -> str:
        """What is printed for a command."""
        ran = subprocess.run(
            [*COMMAND, *words, "--config", self.toml],
            env={**os.environ, "BURSAR_HOME": str(self.home), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def ends(self) -> None:
        """Ctrl-C at the terminal: the service ends, and what it kept."""
        assert self.service is not None
        kept = _children(self.service.pid)
        self.service.send_signal(signal.SIGINT)
        assert self.service.wait(30) in (0, 130), self.said()
        assert not any(Path(f"/proc/{number}").exists() for number in kept)

    def said(self) -> str:
        logs = [self.home / name for name in ("run.out", f"accounts/{ACCOUNT}/trading.log")]
        return "\n".join(path.read_text() for path in logs if path.is_file())

    @property
    def journal(self) -> Path:
        return self.home / "accounts" / ACCOUNT / "journal.sqlite"

    def events(self) -> list[Event]:
        return [each.event for each in read(self.journal)] if head_path(self.journal).is_file() else []


@pytest.fixture
def house(stage: tuple[World, Terms, Path], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    made = House(tmp_path, two=getattr(request, "param", False))
    made.settle(stage[2] / "data")
    yield made
    if made.gateway is not None:
        made.gateway.kill()
    if made.service is not None:
        for number in _children(made.service.pid):
            os.kill(number, signal.SIGKILL)
        made.service.kill()
        made.service.wait()


async def until(house: House, true: Callable[[], Awaitable[Any]]) -> Any:
    """What ``true`` says as soon as it says anything."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = await true()
        if found:
            return found
        assert time.monotonic() < deadline, house.said()
        assert house.service is None or house.service.poll() is None, house.said()
        await asyncio.sleep(0.05)


async def signed_in(house: House) -> Client:
    async def printed() -> re.Match[str] | None:
        return re.search(r"used once, is (\S+)", house.said())

    password = (await until(house, printed)).group(1)
    desk = Client(f"http://127.0.0.1:{house.port}")

    await until(house, lambda: _listens(house.port))
    await desk.sign_in("admin", password)
    await desk.post("me/password", {"old": password, "new": OWN})
    return desk


def test_an_account_is_served_and_traded_whatever_dies_and_no_order_is_sent_twice(house: House) -> None:
    house.run()
    asyncio.run(_lives_through(house))
    assert house.service is not None
    assert len(_children(house.service.pid)) == 1
    house.ends()
    assert "paper: DU9000001 (account practice) behind 127.0.0.1" in house.said()

    # What was sent is in the journal, once; the broker knows no other order and no other fill.
    verify(house.journal)
    events = house.events()
    placed = Counter(event.order.order_id for event in events if isinstance(event, OrderPlaced))
    assert placed
    assert set(placed.values()) == {1}
    assert set(Counter(event.execution_id for event in events if isinstance(event, Filled)).values()) == {1}
    assert "equal to the share and the cent" in house.types("observe", "--account", "practice", "--every", "0")


async def _lives_through(house: House) -> None:
    desk = await signed_in(house)

    async def well() -> dict[str, Any]:
        said: dict[str, Any] = await desk.get("health")
        return said

    async def away(part: str) -> str:
        return next((each["why"] for each in (await well())["away"] if each["part"] == part), "")

    # Nobody listens at the account's port: the desk is served, and says what to do.
    why = await until(house, lambda: away("trading"))
    assert f"no gateway answers at 127.0.0.1:{house.at}" in why
    assert "bursar gateway" in why

    # It comes, and the account is traded by itself.
    house.open_gateway()

    def trades() -> Awaitable[dict[str, Any] | None]:
        return traded(desk)

    first = await until(house, trades)

    async def holds() -> list[Any]:
        return [each for each in await desk.portfolios() if each["positions"]]

    (held,) = await until(house, holds)
    assert held["account"] == ACCOUNT
    assert (await desk.status())["account"] == ACCOUNT
    assert [each["account"] for each in await desk.orders()][:1] == [ACCOUNT]
    (shown,) = [each for each in (await desk.get("ibkr/accounts"))["items"] if each["traded"]]
    assert (shown["name"], shown["mode"], shown["port"]) == ("practice", "paper", house.at)

    # The program that trades is killed: another one goes on.
    ((account, number),) = traders_of(first).items()
    assert account == ACCOUNT
    os.kill(number, signal.SIGKILL)
    began = time.monotonic()

    async def another() -> bool:
        said = await trades()
        return said is not None and traders_of(said)[ACCOUNT] != number

    await until(house, another)
    assert time.monotonic() - began < 20, "the lease of a process that is known to be dead is not waited for"
    await _goes_on(house, desk)

    # The gateway is killed, and comes back where it was.
    assert house.gateway is not None
    house.gateway.kill()
    assert "the line to the broker is" in await until(house, lambda: away("gateway"))
    house.open_gateway()
    await until(house, trades)
    await _goes_on(house, desk)
    states = [event.state for event in house.events() if isinstance(event, LineChanged)]
    assert states[-1] == "up"

    # And it lasts: through a night at least, whatever happened on the way.
    async def nights() -> bool:
        days = {event.day for event in house.events() if isinstance(event, SessionOpened)}
        return len(days) > 1 and await trades() is not None

    await until(house, nights)
    await desk.close()


async def traded(desk: Client) -> dict[str, Any] | None:
    """How the service is, once it trades and nothing is away."""
    said: dict[str, Any] = await desk.get("health")
    return said if said["trades"] == "here" and not said["away"] else None


def traders_of(said: dict[str, Any]) -> dict[str, int]:
    """The accounts that are traded, with the number of the process that does: two while they are changed."""
    return {each["account"]: int(each["holder"].rsplit("/", 1)[1]) for each in said["traders"] if each["holds"]}


async def _goes_on(house: House, desk: Client) -> None:
    """See that more is journalled, and shown."""
    before = (await desk.get("health"))["sequence"]

    async def more() -> bool:
        return bool((await desk.get("health"))["sequence"] > before)

    await until(house, more)


def _children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(each) for each in found.stdout.split()]


@pytest.mark.parametrize("house", [True], indirect=True)
def test_a_change_of_accounts_stays_when_the_program_that_trades_dies_and_when_the_service_is_started_again(
    house: House,
) -> None:
    house.open_gateway()
    house.run("--account", "practice")
    asyncio.run(_changes(house))
    house.ends()

    house.run("--account", "practice", "--no-trading")
    asyncio.run(_finds(house))
    house.ends()
    assert "paper: DU9000002 (account second)" in house.said()
    assert "practice was left for second: bursar switch practice leads back" in house.said()
    assert len({event.event_id for event in house.events() if isinstance(event, AccountSwitched)}) == 1


async def _changes(house: House) -> None:
    desk = await signed_in(house)
    await until(house, lambda: traded(desk))
    house.types("switch", "second", "--reason", "the week is over")

    def second() -> Awaitable[int]:
        return changed(desk)

    number = await until(house, second)
    os.kill(number, signal.SIGKILL)

    async def another() -> bool:
        return await second() not in (0, number)

    await until(house, another)
    await desk.close()


async def changed(desk: Client) -> int:
    """The number of the process that trades the second account, once that one alone is traded and shown."""
    said = await traded(desk)
    held = traders_of(said) if said else {}
    return held[SECOND] if set(held) == {SECOND} and (await desk.status())["account"] == SECOND else 0


async def _finds(house: House) -> None:
    desk = Client(f"http://127.0.0.1:{house.port}")
    await until(house, lambda: _listens(house.port))
    await desk.sign_in("admin", OWN)

    assert (await desk.status())["account"] == SECOND
    await desk.close()


async def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
