"""The stream: it goes on where it was left, waits for nobody, and lets no stranger listen."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from bursar.adapters.memory import MemoryJournal
from bursar.desk.api import streams
from bursar.desk.desk import Desk
from bursar.desk.guard.roles import Caller, Role
from bursar.desk.stream import Stream
from tests.desk.api.world import Ask, app_on, desk_on, events, send
from tests.samples import SAMPLES

ANN = Caller(user="ann", role=Role.VIEWER)
TOKEN = {"Authorization": "Bearer viewer", "Host": "127.0.0.1"}


def test_server_sent_events_go_on_from_a_number() -> None:
    app = app_on(desk_on())
    whole, later, again = send(
        app,
        Ask("GET", "/api/v1/stream/events?until=5"),
        Ask("GET", "/api/v1/stream/events?after=3&until=5"),
        Ask("GET", "/api/v1/stream/events?until=5", headers={"Last-Event-ID": "4"}),
    )
    assert whole.headers["content-type"].startswith("text/event-stream")
    ids = [line for line in whole.text.splitlines() if line.startswith("id:")]
    assert ids == [f"id: {number}" for number in range(1, 6)]
    assert later.text == whole.text[whole.text.index("id: 4") :]
    assert again.text == whole.text[whole.text.index("id: 5") :]
    told = json.loads(again.text.split("data: ")[1].splitlines()[0])
    assert (told["type"], told["sequence"], told["event"]["kind"]) == ("event", 5, "instrument_listed")


def test_a_web_socket_tells_events_and_then_seconds() -> None:
    desk = desk_on()
    app = app_on(desk)
    client = TestClient(app, base_url="http://127.0.0.1:8005", headers=TOKEN)
    reached = desk.past.sequence
    with client, client.websocket_connect(f"/api/v1/stream?after={reached - 1}") as socket:
        first = socket.receive_json()
        assert (first["type"], first["sequence"]) == ("event", reached)
        second = socket.receive_json()
        assert second["type"] == "second"
        (item,) = second["items"]
        assert (item["portfolio"], item["equity"]) == ("DU9000001/main", 100_399.0)  # 84,999 and 100 at 154


@pytest.mark.parametrize("token", ["", "expired"])
def test_a_stranger_hears_nothing(token: str) -> None:
    client = TestClient(app_on(desk_on()), base_url="http://127.0.0.1:8005")
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/api/v1/stream", headers={"Authorization": f"Bearer {token}"}),
    ):
        pass


def test_a_reader_of_another_journal_is_sent_to_the_beginning() -> None:
    desk = desk_on()
    stream = Stream(desk)

    async def listen() -> list[str]:
        said = []
        async for each in stream.follow(ANN, desk.past.sequence - 1):
            said.append(each.kind)
            if len(said) == 1:
                other = MemoryJournal()
                await other.append([replace(SAMPLES["run_started"], event_id="another")])
                desk.journal = other
                desk.catch_up()
        desk.catch_up()
        return said

    assert asyncio.run(listen()) == ["event", "restart"]
    assert desk.past.sequence == 1
    assert not stream.readers


def test_a_reader_that_is_behind_misses_seconds_and_no_event() -> None:
    desk = Desk(journal=MemoryJournal(), now=desk_on().now)
    stream = Stream(desk)

    async def listen() -> list[tuple[str, int | None]]:
        said: list[tuple[str, int | None]] = []
        reader = stream.follow(ANN, 0)
        made = list(events())
        for event in made:
            await desk.journal.append([event])  # type: ignore[attr-defined]  # it is one in memory
            desk.catch_up()
        first = await anext(reader)
        for _ in range(5):
            desk.look()
        said.append((first.kind, first.sequence))
        for _ in range(len(made)):
            each = await anext(reader)
            said.append((each.kind, each.sequence))
        await reader.aclose()
        return said

    said = asyncio.run(listen())
    reached = desk.past.sequence
    assert said == [("event", number) for number in range(1, reached + 1)] + [("second", None)]


def test_a_web_socket_that_never_reads_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PATIENCE_SECONDS", 0.01)
    stream = Stream(desk_on())

    class Stuck:
        async def send_text(self, text: str) -> None:
            await asyncio.Event().wait()

    code, _ = asyncio.run(streams.tell(Stuck(), stream, ANN, 0))  # type: ignore[arg-type]  # it cannot do more
    assert code == streams.SLOW
    assert stream.dropped == 1
    assert not stream.readers


class Line:
    """A WebSocket on which everything arrives."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.headers: dict[str, str] = {}

    async def send_text(self, text: str) -> None:
        self.heard.append(json.loads(text)["type"])


def test_who_is_signed_in_no_more_hears_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "ASKED_EVERY_SECONDS", -1.0)
    stream, line = Stream(desk_on()), Line()
    told = asyncio.run(streams.tell(line, stream, ANN, 0))  # type: ignore[arg-type]  # it brings no token
    assert (told[0], line.heard) == (streams.EXPIRED, ["event"])
    app = app_on(desk_on())
    (answer,) = send(app, Ask("GET", "/api/v1/stream/events?until=3"))
    assert answer.text.count("id: ") == 3, "who is still known goes on"
    request = Line()
    request.headers = {}

    async def read() -> list[str]:
        return [each async for each in streams.lines(request, stream, ANN, 0, None)]  # type: ignore[arg-type]  # no token

    assert len(asyncio.run(read())) == 1


def test_who_asks_for_what_was_told_already_is_not_kept_waiting() -> None:
    reached = desk_on().past.sequence
    app = app_on(desk_on())
    (answer,) = send(app, Ask("GET", f"/api/v1/stream/events?after={reached}&until=3"))
    assert (answer.status_code, answer.text) == (200, "")


def test_who_comes_back_from_another_journal_is_told_to_begin_again() -> None:
    stream, line = Stream(desk_on()), Line()
    told = asyncio.run(streams.tell(line, stream, ANN, 10_000))  # type: ignore[arg-type]  # it cannot do more
    assert (told[0], line.heard) == (streams.RESTARTED, ["restart"])


def test_one_reader_too_many_is_asked_to_come_back_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "READERS_MAX", 0)
    app = app_on(desk_on())
    (answer,) = send(app, Ask("GET", "/api/v1/stream/events"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    client = TestClient(app, base_url="http://127.0.0.1:8005", headers=TOKEN)
    with client.websocket_connect("/api/v1/stream") as socket, pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    assert closed.value.code == streams.FULL


def test_a_web_socket_that_is_closed_by_us_says_why() -> None:
    desk = desk_on()
    client = TestClient(app_on(desk), base_url="http://127.0.0.1:8005", headers=TOKEN)
    with client.websocket_connect("/api/v1/stream?after=10000") as socket:
        socket.send_text("whatever is said to it is not looked at")
        assert socket.receive_json()["type"] == "restart"
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert (closed.value.code, closed.value.reason) == (streams.RESTARTED, "the journal is another one")


def test_who_may_see_one_portfolio_hears_of_no_other() -> None:
    desk = desk_on()
    other = replace(ANN, scopes=frozenset({"portfolio:DU9000001/other"}))
    stream = Stream(desk)

    async def first() -> str:
        reader = stream.follow(other, 0)
        waits = asyncio.ensure_future(anext(reader))
        await asyncio.sleep(0)
        desk.look()
        said = await waits
        await reader.aclose()
        return said.text

    told = json.loads(asyncio.run(first()))
    assert (told["type"], told["items"]) == ("second", [])
