"""What stands before every route, seen from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from functools import cache

import httpx
import pytest
from fastapi import FastAPI, Request, WebSocket
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from bursar.desk.app import create_app
from bursar.desk.guard.shield import Limits, Shield
from bursar.desk.guard.throttle import Rate
from tests.desk.api.world import UNHURRIED


@cache
def app() -> FastAPI:
    made = create_app(limits=UNHURRIED)

    @made.post("/api/v1/echo")
    async def _echo(request: Request) -> int:
        return len(await request.body())

    @made.websocket("/api/v1/echo")
    async def _listen(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    return made


def asked(method: str = "POST", url: str = "http://127.0.0.1/api/v1/echo", **more: object) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.request(method, url, **more)  # type: ignore[arg-type]

    return asyncio.run(ask())


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8005", "[::1]:8005", "LOCALHOST:8005"])
def test_the_desk_answers_to_its_own_names(host: str) -> None:
    assert asked(headers={"host": host}, content=b"abc").json() == 3


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8005", ""])
def test_a_name_that_is_not_ours_is_refused(host: str) -> None:
    answer = asked(headers={"host": host})
    assert (answer.status_code, answer.headers["content-type"]) == (421, "application/problem+json")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1"}, 200),
        ({"origin": "http://127.0.0.1:9000"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_what_acts_is_not_asked_for_by_another_sites_page(headers: Mapping[str, str], status: int) -> None:
    assert asked(headers=headers).status_code == status


def test_another_sites_page_opens_no_stream() -> None:
    client = TestClient(app(), base_url="http://127.0.0.1")
    with client.websocket_connect("ws://127.0.0.1/api/v1/echo", headers={"origin": "http://127.0.0.1"}):
        pass
    with (
        pytest.raises(WebSocketDisconnect) as caught,
        client.websocket_connect("ws://127.0.0.1/api/v1/echo", headers={"origin": "https://evil.example"}),
    ):
        pass
    assert caught.value.code == 1008


@pytest.mark.parametrize("length", [(1 << 20) + 1, 1 << 40])
def test_a_body_that_says_it_is_too_large_is_not_read(length: int) -> None:
    assert asked(headers={"content-length": str(length)}, content=b"").status_code == 413


def test_a_body_that_grows_too_large_is_let_go_in_the_middle() -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(64):
            sent += 1 << 16
            yield bytes(1 << 16)

    answer = asked(content=chunks())
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


@pytest.mark.parametrize("length", ["-1", "1e9", "²"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    assert asked(headers=[(b"content-length", length.encode("latin-1"))], content=b"").status_code == 400


def test_every_answer_carries_what_keeps_a_browser_careful() -> None:
    api, page = asked("GET"), asked("GET", "http://127.0.0.1/nowhere")
    for answer in (api, page):
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "strict-transport-security" not in answer.headers, "not without TLS"
    assert api.headers["cache-control"] == "no-store"
    assert "strict-transport-security" in asked("GET", "https://127.0.0.1/api/v1/echo").headers
    refused = asked(headers={"host": "evil.example"})
    assert refused.headers["x-frame-options"] == "DENY", "also what is refused"


def test_who_asks_too_often_waits_and_nobody_else_does() -> None:
    async def answers(secrets: list[str]) -> list[httpx.Response]:
        shielded = Shield(
            app(), limits=Limits(per_second=1.0, burst=2.0, strangers_per_second=1.0, strangers_burst=1.0)
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(shielded), base_url="http://127.0.0.1") as client:
            return [
                await client.get("/api/v1/echo", headers={"authorization": f"Bearer {secret}"} if secret else {})
                for secret in secrets
            ]

    told = asyncio.run(answers(["bursar_a", "bursar_a", "bursar_a", "bursar_b", "", ""]))
    assert [answer.status_code for answer in told] == [405, 405, 429, 405, 405, 429]
    assert int(told[2].headers["retry-after"]) >= 1


def test_a_bucket_fills_evenly_and_never_over_its_brim() -> None:
    rate = Rate(per_second=2.0, burst=3.0)
    assert [rate.wait("a", 0.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert [rate.wait("a", 0.5), rate.wait("a", 0.5)] == [0, 0.5]
    assert [rate.wait("a", 100.0) for _ in range(4)] == [0, 0, 0, 0.5]
