"""The simulated world keeps its own promises: same seed same run, death without last words."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterator

import pytest

from tests.simulation.loop import DeadlockError, VirtualLoop, let_the_dead_go


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
        await writer.drain()
    writer.close()


async def serve(port: int) -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


async def ask(port: int, words: list[str], heard: list[str]) -> None:
    await asyncio.sleep(1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for word in words:
        writer.write(word.encode())
        heard.append((await reader.readexactly(len(word))).decode())
    writer.close()


def conversation(seed: int) -> tuple[list[str], float]:
    heard: list[str] = []
    with VirtualLoop(seed) as loop:
        loop.start("server", serve(4002))
        clients = [loop.start(f"client{n}", ask(4002, [f"{n}{c}" for c in "abc"], heard)) for n in range(3)]
        loop.run_until(lambda: all(client.done() for client in clients))
        assert loop.unhandled == []
        return heard, loop.time()


def test_one_seed_is_one_run_and_another_seed_another() -> None:
    assert conversation(1) == conversation(1)
    assert len({tuple(conversation(seed)[0]) for seed in range(8)}) > 1


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    with VirtualLoop(0) as world:
        yield world


def test_time_jumps_and_nobody_waits(loop: VirtualLoop) -> None:
    task = loop.start("sleeper", asyncio.sleep(86_400))
    loop.run_until(task.done)
    assert loop.time() == pytest.approx(86_400)


def test_each_connection_keeps_its_order() -> None:
    heard, _ = conversation(3)
    for client in "012":
        assert [word for word in heard if word[0] == client] == [f"{client}{letter}" for letter in "abc"]


def test_a_killed_process_has_no_last_words_and_its_peers_see_a_reset(loop: VirtualLoop) -> None:
    last_words: list[str] = []
    seen: list[str] = []

    async def victim() -> None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", 4002)
            writer.write(b"hello")
            await asyncio.sleep(3600)
        finally:
            last_words.append("finally")

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            seen.append((await reader.readexactly(5)).decode())
            await reader.readexactly(1)
        except ConnectionResetError:
            seen.append("reset")

    async def server() -> None:
        async with await asyncio.start_server(listen, "127.0.0.1", 4002) as listening:
            await listening.serve_forever()

    loop.start("server", server())
    loop.run_until(lambda: loop.listens(4002))
    loop.start("victim", victim())
    loop.run_until(lambda: seen == ["hello"])
    loop.kill("victim")
    loop.run_until(lambda: seen == ["hello", "reset"])
    assert last_words == []
    assert not loop.alive("victim")


def test_the_dead_are_let_go_once_their_world_is_over_also_those_that_do_not_want_to() -> None:
    class Hold:
        """What takes memory."""

    last_words: list[str] = []

    async def victim(hold: Hold) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            last_words.append(type(hold).__name__)
            await asyncio.sleep(1)

    hold = Hold()
    held = weakref.ref(hold)
    with VirtualLoop(0) as world:
        world.start("victim", victim(hold))
        world.start("timer", asyncio.sleep(1))
        world.run_until(lambda: world.time() > 0.5)
        world.kill("victim")
    del hold
    assert held() is not None
    assert last_words == []
    let_the_dead_go()
    assert held() is None


def test_a_dead_server_refuses_and_a_new_life_answers_again(loop: VirtualLoop) -> None:
    heard: list[str] = []
    loop.start("server", serve(4002))
    loop.run_until(lambda: loop.listens(4002))
    loop.kill("server")
    refused = loop.start("client", ask(4002, ["a"], heard))
    loop.run_until(refused.done)
    assert isinstance(refused.exception(), ConnectionRefusedError)
    loop.start("server", serve(4002))
    answered = loop.start("client", ask(4002, ["a"], heard))
    loop.run_until(answered.done)
    assert heard == ["a"]


def test_waiting_for_what_never_comes_is_a_deadlock(loop: VirtualLoop) -> None:
    task = loop.start("waiter", asyncio.Event().wait())
    with pytest.raises(DeadlockError):
        loop.run_until(task.done)
