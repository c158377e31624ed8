"""What is away is said with its beginning and what still works, comes back by itself, and loses nothing."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

import bursar
from bursar.adapters.marks import ReadMarks, SharedMarks
from bursar.adapters.memory import MemoryCommands, MemoryJournal
from bursar.adapters.memory_people import MemoryPasses, MemoryPeople
from bursar.adapters.store.database import connect, migrate, sqlite_url
from bursar.adapters.store.people import StorePasses, StorePeople
from bursar.adapters.store.snapshots import Snapshots
from bursar.desk import heartbeat
from bursar.desk.desk import Desk
from bursar.desk.guard.guard import AWAY_S, KNOWN_S, Guard
from bursar.desk.heartbeat import Heartbeat
from bursar.domain import events as e
from bursar.domain.events import Event
from bursar.domain.market import Quote
from bursar.errors import AwayError, DataError
from bursar.ports import Recorded
from bursar.runtime.switch import Switch
from tests.builders import ACCOUNT, CLOSE, OPEN, instrument
from tests.desk.api.world import NOW, Ask, Known, answer, app_on, desk_on, events, journal_of, send
from tests.desk.guard.test_guard import CHEAP, OWN

FULL = OSError(28, "No space left on device")


class Fails:
    """A journal that may be away, for whoever reads and whoever writes."""

    def __init__(self, made: Sequence[Event] = ()) -> None:
        self.inner = journal_of(iter(made))
        self.away: Exception | None = None

    def read(self, first: int = 1) -> Iterator[Recorded]:
        if self.away is not None:
            raise self.away
        return self.inner.read(first)

    async def append(self, new: Sequence[Event]) -> tuple[Recorded, ...]:
        if self.away is not None:
            raise self.away
        return await self.inner.append(new)


def said(desk: Desk, path: str = "/health") -> Any:
    (answer,) = send(app_on(desk), Ask("GET", path))
    assert answer.status_code == 200, "whoever asks is answered"
    return answer.json()


def beat(desk: Desk, **more: Any) -> None:
    asyncio.run(Heartbeat(desk, lambda: 0.0, **more).beat())


def test_health_says_which_part_since_when_and_what_still_works_and_to_those_inside_why() -> None:
    desk = desk_on()
    desk.degraded["store"] = "the disk\n is full"
    desk.now = desk.degraded.now = lambda: NOW + timedelta(minutes=5)
    desk.degraded["store"] = "it still is"
    (public,) = said(desk)["away"]
    assert public["part"] == "store"
    assert public["since"] == "2022-01-05T15:00:00Z", "of the first time"
    assert "kept in memory" in public["still_works"]
    (inside,) = said(desk, "/api/v1/health")["away"]
    assert inside == public | {"why": "it still is"}
    desk.degraded.back("store")
    assert said(desk) == {"status": "ok", "away": [], "trades": "nowhere", "sequence": desk.past.sequence}
    desk.degraded["store"] = "again"
    assert desk.degraded.told()[0]["since"] == "2022-01-05T15:05:00Z", "it begins anew"


# ---------------------------------------------------------------- journals


def test_a_journal_that_cannot_be_read_is_read_on_when_it_is_back() -> None:
    made = tuple(events())
    journal = Fails(made[:-1])
    desk = Desk(journal=journal, now=lambda: NOW, authenticator=Known())
    journal.away = sqlite3.OperationalError("disk I/O error")
    asyncio.run(desk.tail_once())
    assert desk.degraded == {"journal": "disk I/O error"}
    assert said(desk)["sequence"] == len(made) - 1, "what was read before is shown"
    journal.away = None
    asyncio.run(journal.append(made[-1:]))
    asyncio.run(desk.tail_once())
    assert (desk.degraded, desk.past.sequence) == ({}, len(made))


KILL = Ask(
    "POST", "/api/v1/kill", {"form": "halt", "reason": "a drill"}, {"X-Step": "up", "Idempotency-Key": "kill-it-now"}
)


def test_while_nothing_can_be_written_down_nothing_is_done_but_killed_and_all_of_it_is_told_later(
    tmp_path: Path,
) -> None:
    notes = Fails()
    desk = desk_on(tmp_path)
    desk.notes = notes
    app = app_on(desk)
    notes.away = FULL
    opens = Ask("POST", "/api/v1/portfolios", {"account": ACCOUNT, "portfolio": "new", "name": "New"},
                {"Idempotency-Key": "opens-new-1"})  # fmt: skip
    refused, killed, shown = send(app, opens, KILL, Ask("GET", "/api/v1/portfolios"))
    assert (refused.status_code, "the disk is full" in refused.json()["detail"]) == (503, True)
    assert killed.status_code == 202
    assert Switch(tmp_path).asked() is not None
    assert [each["portfolio"] for each in shown.json()["items"]] == ["main"], "what was refused was not done"
    (away,) = said(desk)["away"]
    assert (away["part"], "the kill switch works" in away["still_works"]) == ("notes", True)
    beat(desk)
    assert "notes" in desk.degraded

    notes.away = None
    beat(desk)
    assert desk.degraded == {}
    told = [each.event for each in notes.read() if isinstance(each.event, e.CommandReceived)]
    assert [(each.command, "refused" in each.arguments) for each in told] == [("portfolio.open", True), ("kill", False)]
    (again,) = send(app, opens)
    assert again.status_code == 201


@pytest.mark.parametrize(
    "error", [FULL, AwayError("see that it is there"), OperationalError("insert", {}, Exception("gone"))]
)
def test_a_kill_goes_on_without_its_inbox(tmp_path: Path, error: Exception) -> None:
    class Full(MemoryCommands):
        def send(self, command: object) -> None:
            raise error

    desk = desk_on(tmp_path)
    desk.commands = Full()
    (killed,) = send(app_on(desk), KILL)
    assert killed.status_code == 202
    assert Switch(tmp_path).asked() is not None


def test_a_kill_waits_for_no_thread_that_others_have(tmp_path: Path) -> None:
    app, free = app_on(desk_on(tmp_path)), threading.Event()

    async def live() -> int:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(threads := ThreadPoolExecutor(1))
        threads.submit(free.wait)  # as a search for a portfolio, or a database that does not answer
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8005") as client:
            killing = asyncio.create_task(answer(client, KILL, "admin"))
            try:
                async with asyncio.timeout(10):
                    while Switch(tmp_path).asked() is None:  # noqa: ASYNC110  # a file
                        await asyncio.sleep(0.01)
            finally:
                free.set()
            return (await killing).status_code

    assert asyncio.run(live()) == 202


# ---------------------------------------------------------------- databases


class Store(MemoryPasses):
    """Passes in a database that may be away."""

    away = False

    def find(self, digest: str) -> Any:
        if self.away:
            raise OperationalError("select", {}, sqlite3.OperationalError("unable to open database file"))
        return super().find(digest)


class People(MemoryPeople):
    """People in a database that may be away."""

    away = False

    def find(self, name: str) -> Any:
        if self.away:
            raise OperationalError("select", {}, sqlite3.OperationalError("unable to open database file"))
        return super().find(name)


def test_while_the_database_is_away_who_is_in_stays_in_and_nobody_comes_in() -> None:
    ticks, passes, people = [0.0], Store(), People()
    guard = Guard(people, passes, lambda: NOW, passwords=CHEAP, ticks=lambda: ticks[0])
    password = (guard.first_password() or ("", ()))[0]
    given, _ = guard.sign_in("admin", password, "", "127.0.0.1")
    other, _ = guard.sign_in("admin", password, "", "127.0.0.1")
    assert guard.caller(given.secret) is not None
    desk = Desk(journal=journal_of(events()), guard=guard, now=lambda: NOW)
    passes.away = people.away = True

    def asks(secret: str) -> int:
        (answer,) = send(
            app_on(desk), Ask("GET", "/api/v1/me", headers={"Cookie": f"bursar_session={secret}"}), role=""
        )
        return answer.status_code

    beat(desk)
    (away,) = said(desk)["away"]
    assert (away["part"], "stays in" in away["still_works"]) == ("people", True)
    ticks[0] = KNOWN_S + 1
    assert guard.caller(given.secret) is not None
    assert asks(other.secret) == 503, "nobody knows yet who that is"
    ticks[0] = AWAY_S + 1
    assert asks(given.secret) == 503
    passes.away = people.away = False
    beat(desk)
    assert desk.degraded == {}
    assert asks(given.secret) == 200


def test_a_store_that_hangs_holds_no_beat_up_and_gets_every_second_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "HANGS_SECONDS", 0.0)
    desk, moments = desk_on(), [NOW]
    desk.now = lambda: moments[0]
    opened, kept = asyncio.Event(), list[object]()

    class Hangs:
        def insert(self, rows: Sequence[dict[str, object]]) -> None:
            kept.extend(row["at"] for row in rows)

    async def hangs(work: Callable[..., Any], *args: Any) -> Any:
        await opened.wait()
        return work(*args)

    async def live() -> None:
        beats = Heartbeat(desk, lambda: 0.0, Hangs())  # type: ignore[arg-type]  # asked for no more
        with monkeypatch.context() as stuck:
            stuck.setattr(asyncio, "to_thread", hangs)
            for second in range(5):
                moments[0] = NOW + timedelta(seconds=second)
                await beats.beat()
            assert (beats.beats, kept) == (5, [])
            opened.set()
            await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not asyncio.current_task()))

    asyncio.run(live())
    assert kept == [int(NOW.timestamp()) + second for second in range(5)]


def test_a_database_that_goes_away_throws_nobody_out_and_calls_no_password_wrong(tmp_path: Path) -> None:
    ticks, path = [0.0], tmp_path / "desk.sqlite"
    engine = connect(sqlite_url(path))
    migrate(engine)
    guard = Guard(StorePeople(engine), StorePasses(engine), lambda: NOW, passwords=CHEAP, ticks=lambda: ticks[0])
    password = (guard.first_password() or ("", ()))[0]
    given, _ = guard.sign_in("admin", password, "", "127.0.0.1")
    caller = guard.caller(given.secret)
    engine.dispose()
    path.rename(tmp_path / "elsewhere")
    path.mkdir()

    ticks[0] = KNOWN_S + 1
    assert guard.caller(given.secret) == caller
    with pytest.raises(AwayError, match="see that it is there"):
        guard.sign_in("admin", password, "", "127.0.0.1")
    desk = Desk(journal=journal_of(events()), guard=guard, now=lambda: NOW)
    said_by = {"name": "admin", "password": password, "code": ""}
    (answer,) = send(app_on(desk), Ask("POST", "/api/v1/sign-in", body=said_by), role="")
    assert (answer.status_code, answer.json()["title"]) == (503, "the database is away")
    path.rmdir()
    (tmp_path / "elsewhere").rename(path)
    assert guard.sign_in("admin", password, "", "127.0.0.1")[0].kept.person == "admin"


def test_two_services_that_share_a_database_keep_one_series_and_neither_takes_the_store_for_away(
    tmp_path: Path,
) -> None:
    engines = [connect(sqlite_url(tmp_path / "desk.sqlite")) for _ in range(2)]
    migrate(engines[0])
    kept = [Snapshots(engine, tmp_path / "seconds") for engine in engines]
    desks, moments = [desk_on(), desk_on()], [NOW]

    async def live() -> None:
        beats = [Heartbeat(desk, lambda: 0.0, each) for desk, each in zip(desks, kept, strict=True)]
        for second in range(5):
            moments[0] = NOW + timedelta(seconds=second)
            for beat in beats:
                await beat.beat()
        assert [list(beat.waits) for beat in beats] == [[], []]

    for desk in desks:
        desk.now = lambda: moments[0]
    asyncio.run(live())
    assert [desk.degraded for desk in desks] == [{}, {}]
    series = kept[0].read("DU9000001/main", NOW, NOW + timedelta(seconds=9))
    assert series["at"].to_list() == [int(NOW.timestamp()) + second for second in range(5)]
    for engine in engines:
        engine.dispose()


def test_a_disk_without_room_is_said_before_it_is_full(tmp_path: Path) -> None:
    desk = desk_on(tmp_path)
    beat(desk, free=lambda folder: 10 << 20)
    assert desk.degraded["disk"] == "10 MiB are left; make room"
    beat(desk)
    assert "disk" not in desk.degraded


# ---------------------------------------------------------------- the broker and prices


def test_a_gateway_that_is_away_is_said_as_the_loop_says_it_and_comes_back() -> None:
    desk = desk_on()
    journal: Any = desk.journal

    def line(number: int, state: str) -> None:
        changed = e.LineChanged(event_id=f"line/{number}", at=CLOSE, state=state, reason="the gateway went away")
        asyncio.run(journal.append([changed]))
        desk.catch_up()

    line(2, "reconnecting")
    assert desk.degraded["gateway"] == "the line to the broker is reconnecting: the gateway went away"
    assert said(desk, "/api/v1/ibkr/status")["state"] == "reconnecting"
    line(3, "up")
    assert desk.degraded == {}
    line(4, "broken")
    desk.journal = MemoryJournal()
    desk.past.records = desk.past.records[:1]
    desk.catch_up()
    assert desk.degraded == {}, "another run has another line"


class World:
    """A desk, and the prices that another process publishes for it."""

    def __init__(self, home: Path) -> None:
        self.ours = NOW
        self.desk = desk_on()
        self.desk.now = self.desk.degraded.now = lambda: self.ours
        self.desk.past.in_session = True
        path = home / "marks.json"
        self.shared = SharedMarks(path, now=lambda: self.ours, ticks=self.ticks)
        self.desk.source = ReadMarks(path)

    def ticks(self) -> float:
        return self.ours.timestamp()

    def tick(self, last: str, at: datetime, symbol: str = "AAPL") -> None:
        price = Decimal(last)
        self.shared.publish([Quote(symbol=symbol, at=at, known_at=at, bid=price, ask=price, last=price)])

    def wait(self, seconds: float) -> None:
        self.ours += timedelta(seconds=seconds)

    def hear(self) -> None:
        asyncio.run(self.desk.hear_once())

    def equity(self) -> float:
        assert self.desk.second is not None
        return float(self.desk.second.seen.equity[0])


def test_a_price_that_moves_is_seen_at_once_and_carries_its_age_by_the_clock_of_its_world(tmp_path: Path) -> None:
    world = World(tmp_path)
    seen: list[float] = []
    world.desk.watchers.append(lambda second: seen.append(float(second.seen.equity[0])))
    then = CLOSE + timedelta(days=2, minutes=1)  # of a world that is years behind
    world.tick("160", then)
    world.hear()
    assert (seen, world.equity()) == ([100_999.0], 100_999.0)  # 84,999 and 100 at 160
    assert world.desk.second is not None
    assert world.desk.second.seen.doubtful[0] == 0, "it is fresh by the clock of its world"
    told = said(world.desk, "/api/v1/ibkr/market-data/AAPL")
    assert (told["last"], told["age_seconds"]) == ("160", 0.0)
    world.hear()
    assert len(seen) == 1, "nothing new, nothing looked at"
    world.wait(90)
    assert said(world.desk, "/api/v1/ibkr/market-data/AAPL")["age_seconds"] == 90.0
    world.desk.look()
    assert world.desk.second.seen.doubtful[0] > 0, "an old price is not relied on"
    assert world.desk.degraded == {}, "and nobody has heard again yet"
    world.hear()
    assert "none came since" in world.desk.degraded["prices"]
    world.tick("161", then + timedelta(seconds=1))
    world.hear()
    assert (world.desk.degraded, world.equity()) == ({}, 101_099.0)


def test_prices_that_cannot_be_read_and_a_cache_that_is_away_are_said(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.shared.path.write_text("{")
    world.hear()
    assert "cannot be read" in world.desk.degraded["prices"]
    assert world.desk.source is not None
    world.desk.source.away = "Redis: connection refused"
    world.tick("160", CLOSE + timedelta(days=2, minutes=1))
    world.hear()
    assert world.desk.degraded == {"cache": "Redis: connection refused"}
    world.desk.source.away = ""
    world.hear()
    assert world.desk.degraded == {}
    world.desk.source = None
    world.hear()


def test_the_desk_hears_as_long_as_it_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bursar.desk.desk.HEAR_SECONDS", 0.0)
    world = World(tmp_path)
    world.tick("160", CLOSE + timedelta(days=2, minutes=1))

    async def live() -> None:
        seen = asyncio.Event()
        world.desk.watchers.append(lambda second: seen.set())
        task = asyncio.create_task(world.desk.hear())
        await asyncio.wait_for(seen.wait(), 10)
        task.cancel()

    asyncio.run(live())
    assert world.equity() == 100_999.0


SPLIT = e.Split(event_id="split", at=CLOSE + timedelta(days=3), symbol="AAPL", new=Decimal(4), old=Decimal(1))


@pytest.mark.parametrize(
    "event",
    [
        SPLIT,
        e.SymbolChanged(event_id="renamed", at=SPLIT.at, symbol="AAPL", new_symbol="APPL"),
        e.SpunOff(
            event_id="spun",
            at=SPLIT.at,
            symbol="AAPL",
            child="KID",
            ratio=Decimal("0.1"),
            basis_fraction=Decimal("0.1"),
        ),
    ],
    ids=lambda event: event.kind,
)
def test_an_event_voids_every_earlier_price_of_its_symbols(event: Event, tmp_path: Path) -> None:
    world = World(tmp_path)
    world.tick("160", CLOSE + timedelta(days=2, minutes=1))
    world.hear()
    child = e.InstrumentListed(event_id="child", at=SPLIT.at, instrument=instrument("KID"))
    asyncio.run(world.desk.journal.append([child, event]))  # type: ignore[attr-defined]  # it is one in memory
    world.desk.catch_up()
    assert world.desk.prices.latest(["AAPL"]) == {}
    with pytest.raises(DataError, match="no price of AAPL"):
        world.desk.prices.fresh("AAPL", world.ours, timedelta(days=9999))
    world.tick("161", CLOSE + timedelta(days=2, minutes=2))
    world.wait(1)
    world.tick("162", CLOSE + timedelta(days=2, minutes=3), "KO")
    world.hear()
    assert world.desk.prices.latest(["AAPL"]) == {}, "nor one of before that comes later"
    world.wait(1)
    world.tick("40", SPLIT.at)
    world.hear()
    assert world.desk.prices.fresh("AAPL", world.ours, timedelta(seconds=9)).last == Decimal(40)


def test_after_a_split_nothing_is_worth_four_times_as_much(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.tick("160", CLOSE + timedelta(days=2, minutes=1))
    world.hear()
    asyncio.run(world.desk.journal.append([SPLIT]))  # type: ignore[attr-defined]  # it is one in memory
    world.desk.catch_up()
    world.desk.look()
    assert world.equity() == 100_399.0  # 400 at a quarter of the last close, 154


def test_nobody_may_rely_on_a_price_that_is_old_or_delayed(tmp_path: Path) -> None:
    world = World(tmp_path)
    prices, age = world.desk.prices, timedelta(seconds=5)
    world.tick("160", CLOSE)
    world.hear()
    assert prices.fresh("AAPL", world.ours, age).last == Decimal(160)
    world.wait(6)
    with pytest.raises(DataError, match="6 seconds old; at most 5"):
        prices.fresh("AAPL", world.ours, age)
    late = Quote(symbol="AAPL", at=CLOSE, known_at=CLOSE, bid=None, ask=None, last=Decimal(1), delayed=True)
    prices.take([late], world.ours - CLOSE, world.ours)
    with pytest.raises(DataError, match="is delayed"):
        prices.fresh("AAPL", world.ours, age)


def test_no_code_that_trades_reads_a_price_that_was_kept() -> None:
    """Orders are priced by the broker's quotes, whose age the gate looks at; what is kept is only written there."""
    root = Path(bursar.__file__).parent
    rooms = ("domain", "quant", "ledger", "risk", "research", "trading", "runtime")
    readers = [
        path
        for room in rooms
        for path in (root / room).rglob("*.py")
        if re.search(r"\.latest\(|ReadMarks|desk\.prices", path.read_text(encoding="utf-8"))
    ]
    assert readers == []
    assert "ReadMarks" in (root / "desk" / "service.py").read_text(encoding="utf-8"), "it is looked for by its name"


def test_who_signs_in_while_nothing_can_be_written_is_refused() -> None:
    notes = Fails()
    guard = Guard(MemoryPeople(), MemoryPasses(), lambda: OPEN, passwords=CHEAP)
    password = (guard.first_password() or ("", ()))[0]
    desk = Desk(guard=guard, now=lambda: OPEN, notes=notes)
    notes.away = FULL
    body = {"name": "admin", "password": password}
    (answer,) = send(app_on(desk), Ask("POST", "/api/v1/sign-in", body), role="")
    assert answer.status_code == 503
    assert "set-cookie" not in answer.headers
    assert OWN not in answer.text
