"""The service: it stands on the files of a home, keeps the loop that trades alive, and says what is away."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI

from bursar.adapters.history import MemoryHistory
from bursar.adapters.journal import SQLiteJournal
from bursar.adapters.memory_people import MemoryPasses, MemoryPeople
from bursar.adapters.store.database import connect, sqlite_url
from bursar.adapters.store.lease import StoreLease
from bursar.config import Given, Settings, build
from bursar.desk import cli, programs, service
from bursar.desk.api.figures import traders
from bursar.desk.guard.guard import Guard
from bursar.desk.heartbeat import Heartbeat
from bursar.desk.monitor import Monitor
from bursar.desk.serving import Served
from bursar.desk.turns import tenures
from bursar.errors import InputError
from bursar.ports import Command
from bursar.runtime import shared
from bursar.runtime.keeper import Keeper, Life
from tests.databases import DATABASES
from tests.desk.api.world import NOW, desk_on, events
from tests.desk.guard.test_guard import CHEAP, OWN


def test_a_home_is_opened_and_its_admin_is_let_in(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "demo" / "journal.sqlite"
    journal = SQLiteJournal(path)
    asyncio.run(journal.append(tuple(events())))
    journal.close()
    with service.opened(tmp_path, Settings()) as opened:
        assert opened.password
        assert opened.desk.past.sequence == len(tuple(events()))

        async def visit() -> list[int]:
            transport = httpx.ASGITransport(opened.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8005") as client:
                refused = await client.get("/api/v1/portfolios")
                well = await client.get("/health")
                said = {"status": "ok", "away": [], "trades": "nowhere", "sequence": opened.desk.past.sequence}
                assert well.json() == said
                return [refused.status_code, well.status_code]

        assert asyncio.run(visit()) == [401, 200]
    with service.opened(tmp_path, Settings()) as again:
        assert again.password == "", "a second start makes no second admin"


@pytest.mark.parametrize("made", DATABASES)
def test_where_a_database_is_named_the_desk_its_people_the_lease_and_the_inbox_are_in_it(
    made: Callable[[Path], Iterator[str]], tmp_path: Path
) -> None:
    asked = Command(command_id="c-1", name="rearm", arguments={"reason": "calm"}, by="ann", at=NOW)
    for url in made(tmp_path):
        there = settings(store__database=url)
        one, two = tmp_path / "one", tmp_path / "two"
        with service.opened(one, there) as first, service.opened(two, there) as second:
            assert first.password
            assert second.password == "", "the admin is there already"
            with tenures(two, there.store) as tenure:
                theirs = tenure("DU9000001")
                asyncio.run(theirs.claim())
                ((where, (told,)),) = [asyncio.run(traders(first.desk))]
                assert (where, told["holder"]) == ("elsewhere", theirs.holder)
                first.desk.commands.send(asked)
                with closing(shared.inbox(two, there.store, theirs.grant)) as box:
                    assert box.take() == (asked,)
                    box.done(asked)
                theirs.leave()
            assert second.desk.commands.take() == ()
        made_there = {path.name for path in (*one.iterdir(), *two.iterdir())}
        assert not made_there & {"desk.sqlite", "commands"}


def test_risk_is_told_from_the_prices_that_the_settings_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[Path, int]] = []
    source = MemoryHistory({})

    def library(settings: Settings, home: Path, *, seed: int) -> SimpleNamespace:
        opened.append((home, seed))
        return SimpleNamespace(history=lambda: source)

    monkeypatch.setattr("bursar.runtime.library.open_library", library)
    assert service.history_of(settings(demo__seed=11), tmp_path) is source
    assert opened == [(tmp_path, 11)]


def test_a_service_says_whether_its_own_process_trades_or_another_or_none(tmp_path: Path) -> None:
    with service.opened(tmp_path, Settings()) as opened:
        desk = opened.desk
        lease = StoreLease(connect(sqlite_url(tmp_path / "desk.sqlite")))
        told = []
        for holder, seconds in ((f"{desk.name}/1", 60), ("elsewhere/7", -1), ("elsewhere/8", 60)):
            now = desk.now() - timedelta(seconds=1)
            for each in lease.holders():
                lease.release(each)
            lease.acquire("DU9000001", holder, now + timedelta(seconds=seconds + 1), now)
            told.append(asyncio.run(traders(desk)))
        assert [where for where, _ in told] == ["here", "nowhere", "elsewhere"]
        (last,) = told[-1][1]
        assert (last["account"], last["holder"], last["number"], last["holds"]) == ("DU9000001", "elsewhere/8", 3, True)

        def away() -> tuple[()]:
            raise InputError("the database is away")

        desk.traders = away
        assert asyncio.run(traders(desk)) == ("unknown", [])


def test_what_is_worth_a_line_is_logged_with_its_place_in_the_journal(tmp_path: Path) -> None:
    desk = desk_on()
    with service.logging_to(tmp_path / "service.log", "INFO"):
        service.told(desk.past.records)
        logging.getLogger("bursar.desk").warning("careful")
    lines = [json.loads(line) for line in (tmp_path / "service.log").read_text().splitlines()]
    placed = [line for line in lines if line["says"] == "order_placed"]
    assert [line["event"] for line in placed] == ["o-00000001", "o-00000002", "o-00000003"]
    assert [line["sequence"] for line in placed] == [desk.past.places[line["event"]] for line in placed]
    assert lines[-1]["level"] == "warning"


LEASE = StoreLease(connect("sqlite://"))
FOREVER = [sys.executable, "-c", "import signal; signal.pause()"]


def lives(command: Sequence[str], typed: str = "", begun: str = "") -> Callable[[], Awaitable[Life]]:
    async def life() -> Life:
        return Life(command=command, typed=typed, begun=begun)

    return life


def keeps(command: Sequence[str], folder: Path, degraded: dict[str, str], **more: Any) -> Keeper:
    return Keeper(life=lives(command), log=folder / "log", degraded=degraded, ticks=lambda: 0.0, **more)


async def _first(keeper: Keeper) -> Life:
    return await keeper.life()


def _dies(tmp_path: Path, times: int) -> list[str]:
    """A program that fails so many times, and then ends well."""
    said = (
        "import pathlib, sys; p = pathlib.Path(sys.argv[1]); n = len(p.read_text()) if p.exists() else 0; "
        f"p.write_text('x' * (n + 1)); sys.exit(0 if n >= {times} else 3)"
    )
    return [sys.executable, "-c", said, str(tmp_path / "lives")]


def test_a_loop_that_dies_is_started_again_ever_more_seldom(tmp_path: Path) -> None:
    waits: list[float] = []
    away: list[str] = []
    degraded: dict[str, str] = {}

    async def pause(seconds: float) -> None:
        waits.append(seconds)
        away.append(degraded["trading"])

    keeper = keeps(_dies(tmp_path, 3), tmp_path, degraded, pause=pause)
    asyncio.run(keeper.run())
    assert keeper.starts == 4
    assert waits == [1.0, 2.0, 4.0]
    assert "ended with 3" in away[0]
    assert degraded == {}


def test_what_a_program_said_last_is_why_it_is_away_until_another_life_says_that_it_works(tmp_path: Path) -> None:
    said = "import sys; print('a broker is far'); sys.exit('bursar: no gateway answers at 127.0.0.1:9')"
    works = "import signal; print('DU1 trades; stop it with Ctrl-C', flush=True); signal.pause()"
    degraded: dict[str, str] = {}
    away: list[str] = []
    programs_ = iter([said, works])

    async def life() -> Life:
        return Life(command=[sys.executable, "-c", next(programs_)], begun="; stop it")

    async def pause(seconds: float) -> None:
        away.append(degraded["trading"])

    async def day() -> None:
        log = tmp_path / "log"
        keeper = Keeper(life=life, log=log, degraded=degraded, ticks=lambda: 0.0, pause=pause, stays=True)
        keeping = asyncio.create_task(keeper.run())
        while not away or degraded:  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.01)
        assert keeper.starts == 2
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    asyncio.run(asyncio.wait_for(day(), 30))
    assert away == ["the program that trades ended with 1: no gateway answers at 127.0.0.1:9"]


def test_a_program_that_is_to_stay_is_started_again_where_it_ended_well_or_could_not_be_started(tmp_path: Path) -> None:
    lives_ = iter([[sys.executable, "-c", ""], None])
    told: list[str] = []
    degraded: dict[str, str] = {}

    async def life() -> Life:
        command = next(lives_)
        if command is None:
            raise InputError("it was left for DU2, which bursar.toml does not name")
        return Life(command=command)

    async def pause(seconds: float) -> None:
        told.append(degraded["trading"])
        if len(told) == 2:
            raise asyncio.CancelledError

    log = tmp_path / "log"
    keeper = Keeper(life=life, log=log, degraded=degraded, ticks=lambda: 0.0, pause=pause, stays=True)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(keeper.run())
    assert told == [
        f"the program that trades ended with 0: {log} says why",
        "it was left for DU2, which bursar.toml does not name",
    ]


def test_a_program_that_cannot_be_started_for_whatever_reason_is_tried_again_and_leaves_none_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    left: list[int | None] = []
    degraded: dict[str, str] = {}

    async def day() -> None:
        keeper = keeps(FOREVER, tmp_path, degraded, pause=pause, stays=True)
        fails = iter([OSError(28, "No space left on device"), ValueError("odd"), asyncio.CancelledError()])

        async def typing(process: asyncio.subprocess.Process, line: str) -> None:
            left.append(process.pid)
            raise next(fails)

        monkeypatch.setattr("bursar.runtime.keeper._type", typing)
        await keeper.run()

    async def pause(seconds: float) -> None:
        told.append(degraded["trading"])

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(asyncio.wait_for(day(), 30))
    assert ["No space left" in told[0], "odd" in told[1]] == [True, True]
    assert len(left) == 3
    for number in left:
        assert number is not None
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


def test_the_lease_of_a_process_that_is_known_to_be_dead_is_given_back_and_no_other(tmp_path: Path) -> None:
    with service.opened(tmp_path, Settings()) as opened:
        asked = Served(name="main", profile=opened.desk.accounts["main"])
        keeper = programs.of_account(asked, opened.desk, tmp_path, opened.lease, config=None, every=0.5)
        first = asyncio.run(_first(keeper))
        assert tuple(first.command[3:]) == ("trade", "--account", "main", "--every", "0.5")
        assert (first.typed, keeper.stays) == ("", True)
        now = opened.desk.now()
        later = now + timedelta(seconds=60)
        mine = opened.lease.acquire("DU9000001", f"{opened.desk.name}/17", later, now)
        other = opened.lease.acquire("DU9000002", f"{opened.desk.name}/18", later, now)
        assert mine is not None
        assert other is not None
        keeper.ended(17)
        assert [opened.lease.holds(grant, now) for grant in (mine, other)] == [False, True]


def test_a_service_that_ends_takes_its_loop_with_it(tmp_path: Path) -> None:
    keeper = keeps(FOREVER, tmp_path, {})

    async def end() -> int | None:
        task = asyncio.create_task(keeper.run())
        await keeper.started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return keeper.process.returncode if keeper.process else None

    assert asyncio.run(end()) == -15


def test_an_address_that_is_taken_is_said_with_the_way_out_before_anything_is_traded(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = settings(service__port=taken.getsockname()[1])
        keeper = keeps(FOREVER, tmp_path, {})
        with service.opened(tmp_path, where) as opened, pytest.raises(InputError, match="bursar run --port N"):
            asyncio.run(service.serve(opened, keeper))
    assert keeper.starts == 0
    service.check_free(where.service)


def test_what_cannot_go_together_is_refused_before_anything_is_served(bursar_home: Path) -> None:
    journal = str(bursar_home / "old.sqlite")
    for more in (("--account", "nobody"), ("--account", "main", "--demo"), ("--journal", journal, "--account", "main")):
        assert cli.main(["run", *more]) == 2
    assert not (bursar_home / service.LOG_NAME).exists()


def test_the_loop_that_trades_lives_as_long_as_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        where = settings(service__port=free.getsockname()[1])
    with service.opened(tmp_path, where) as opened:
        keeper = programs.of_demo(opened.desk, tmp_path, tmp_path / "bursar.toml")
        first = asyncio.run(_first(keeper))
        assert first.command[-4:] == ("demo", "--take-turns", "--config", str(tmp_path / "bursar.toml"))
        assert dict(keeper.environment) == {"BURSAR_HOME": str(tmp_path), "BURSAR_SERVICE": opened.desk.name}
        keeper.life = lives(FOREVER)

        async def until_it_trades(server: object) -> None:
            await keeper.started.wait()

        monkeypatch.setattr("uvicorn.Server.serve", until_it_trades)
        asyncio.run(service.serve(opened, keeper))
        assert keeper.process is not None
        assert keeper.process.returncode == -15
        with monkeypatch.context() as alone:
            alone.setattr("uvicorn.Server.serve", lambda server: asyncio.sleep(0))
            asyncio.run(service.serve(opened, None))


# ---------------------------------------------------------------- where it is served


def settings(**said: Any) -> Settings:
    return build({key.replace("__", "."): Given(value, "in a test") for key, value in said.items()})


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of this machine, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "desk.test")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "desk.pem", folder / "desk.key"
    files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    files[1].chmod(0o600)
    return files


def test_with_tls_a_session_crosses_no_wire_in_the_clear(tmp_path: Path, tls: tuple[Path, Path]) -> None:
    certificate, key = map(str, tls)
    where = settings(
        service__certificate_file=certificate,
        service__key_file=key,
        service__hosts=["desk.test"],
        service__cache="redis://127.0.0.1:1/0",
        service__port=8006,
    )
    with service.opened(tmp_path, where) as opened, socket.create_server(("127.0.0.1", 0)) as listening:
        assert opened.url == "https://127.0.0.1:8006/"
        server = service.server_of(opened)
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"

        async def visit() -> None:
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=certificate)) as client:
                well = await client.get(f"{url}/health")
                assert well.headers["strict-transport-security"] == "max-age=31536000"
                body = {"name": "admin", "password": opened.password}
                let_in = await client.post(f"{url}/api/v1/sign-in", json=body)
                assert let_in.headers["set-cookie"].startswith("__Host-bursar_session=")
                assert "Secure" in let_in.headers["set-cookie"]
                for host, status in (("desk.test", 200), ("other.test", 421)):
                    assert (await client.get(f"{url}/health", headers={"Host": host})).status_code == status
                with pytest.raises(httpx.RemoteProtocolError):
                    await client.get(url.replace("https", "http"))
            server.should_exit = True
            await serving
            await opened.desk.hear_once()
            assert "Redis" in opened.desk.degraded["cache"], "the cache that was named is asked"

        asyncio.run(visit())


def test_nobody_else_is_served_without_tls_and_an_admin_of_their_own(tls: tuple[Path, Path]) -> None:
    open_to_all = {"service__host": "0.0.0.0"}
    safe = open_to_all | {"service__certificate_file": str(tls[0]), "service__key_file": str(tls[1])}
    guard = Guard(MemoryPeople(), MemoryPasses(), lambda: NOW, passwords=CHEAP)
    with pytest.raises(InputError, match="passwords would cross the network in the clear"):
        service.check(settings(**open_to_all).service, guard)
    password = (guard.first_password() or ("", ()))[0]
    with pytest.raises(InputError, match="no admin has chosen a password yet"):
        service.check(settings(**safe).service, guard)
    given, _ = guard.sign_in("admin", password, "", "127.0.0.1")
    caller = guard.caller(given.secret)
    assert caller is not None
    guard.change_password(caller, password, OWN, "127.0.0.1")
    service.check(settings(**safe).service, guard)


@pytest.mark.parametrize(("host", "alone"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("::", False),
                                             ("desk.test", False)])  # fmt: skip
def test_what_is_this_machine_alone(host: str, alone: bool) -> None:
    where = settings(service__host=host).service
    assert where.on_loopback is alone
    assert ("[" in service.Service(app=FastAPI(), desk=desk_on(), password="", lease=LEASE, where=where).url) == (
        ":" in host
    )


def test_files_that_make_no_tls_are_refused_and_so_is_a_key_that_others_read(
    tmp_path: Path, tls: tuple[Path, Path]
) -> None:
    guard, (certificate, key) = Guard(MemoryPeople(), MemoryPasses(), lambda: NOW), tls
    shared = tmp_path / "desk.key"
    shared.write_bytes(key.read_bytes())
    shared.chmod(0o644)
    for pair, match in (
        ((certificate, ""), "wants both"),
        ((certificate, certificate), "make no TLS"),
        ((certificate, shared), "chmod 600"),
    ):
        where = settings(service__certificate_file=str(pair[0]), service__key_file=str(pair[1])).service
        with pytest.raises(InputError, match=match):
            service.check(where, guard)


def test_a_fault_is_logged_with_where_it_was(tmp_path: Path) -> None:
    with service.logging_to(tmp_path / "service.log", "INFO"):
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            logging.getLogger("bursar.desk").exception("it went wrong")
    (line,) = (json.loads(each) for each in (tmp_path / "service.log").read_text().splitlines())
    assert line["says"] == "it went wrong"
    assert "ZeroDivisionError" in line["trace"]


class Store:
    """Takes seconds, or is away."""

    def __init__(self) -> None:
        self.rows: list[object] = []
        self.away = False

    def insert(self, rows: Sequence[dict[str, object]]) -> None:
        if self.away:
            raise InputError("the database is away")
        self.rows += [row["at"] for row in rows]


def test_a_store_that_is_away_costs_no_second_and_a_clock_that_jumps_is_told() -> None:
    desk, store = desk_on(), Store()
    moments = [NOW]
    desk.now = lambda: moments[0]
    ticks = [0.0]
    beat = Heartbeat(desk, lambda: ticks[0], store)  # type: ignore[arg-type]  # it is asked for no more

    async def pass_by(seconds: float, jump: float = 0.0) -> None:
        ticks[0] += seconds
        moments[0] += timedelta(seconds=seconds + jump)
        await beat.beat()

    async def live() -> None:
        await beat.beat()
        store.away = True
        for _ in range(3):
            await pass_by(1)
        assert desk.degraded == {"store": "the database is away"}
        store.away = False
        await pass_by(1)
        assert desk.degraded == {}
        await pass_by(1, jump=-3)
        assert "jumped by -3.0 seconds" in desk.degraded["clock"]
        await pass_by(61)
        assert desk.degraded == {}

    asyncio.run(live())
    first = int(NOW.timestamp())
    assert store.rows == [first + second for second in (0, 1, 2, 3, 4, 63)]
    assert beat.lost == 0


def test_a_monitor_that_fails_is_told_and_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = desk_on()
    beat = Heartbeat(desk, lambda: 0.0)
    monkeypatch.setattr(Monitor, "second", lambda self, at, behind: 1 / 0)
    asyncio.run(beat.beat())
    assert "division by zero" in desk.degraded["monitor"]
    monkeypatch.undo()
    asyncio.run(beat.beat())
    assert desk.degraded == {}
