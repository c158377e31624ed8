"""The service in a process of its own, for benchmarks: `python -m benchmarks._served PORTFOLIOS`.

Five hundred symbols, whose quotes change each second, and portfolios of a hundred of them. It prints its port and ends
when its input does. All of it is what ships: the guard's gate, the shield with its limits, the heartbeat, the stream.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from contextlib import suppress
from datetime import UTC, datetime

import numpy as np
import uvicorn
from fastapi.requests import HTTPConnection

from benchmarks.service import SYMBOLS, TOKEN, WINDOW, believed, history, quotes
from bursar.adapters.memory import MemoryJournal
from bursar.desk.app import create_app
from bursar.desk.desk import Desk
from bursar.desk.guard.roles import Caller, Role
from bursar.desk.monitor import Monitor
from bursar.risk.limits import RiskLimits
from bursar.risk.watch import limits_of


class Known:
    """Knows one caller."""

    def caller(self, connection: HTTPConnection) -> Caller | None:
        """Whoever brings the token."""
        if connection.headers.get("authorization") != f"Bearer {TOKEN}":
            return None
        return Caller(user="bench", role=Role.VIEWER)


def desk_of(portfolios: int) -> Desk:
    """A desk that watches so many portfolios of a hundred positions."""
    journal = MemoryJournal()
    asyncio.run(journal.append(history(portfolios)))
    monitor = Monitor(limits=limits_of(RiskLimits()), model_of=believed, window=WINDOW)
    desk = Desk(journal=journal, monitor=monitor, authenticator=Known())
    desk.price(quotes(np.full(SYMBOLS, 50.0).tolist(), datetime.now(UTC)))
    desk.look()
    return desk


async def _moves(desk: Desk) -> None:
    generator = np.random.default_rng(11)
    while True:
        desk.price(quotes(generator.uniform(40, 60, SYMBOLS).tolist(), datetime.now(UTC)))
        await asyncio.sleep(1.0)


async def _serve(desk: Desk, listening: socket.socket) -> None:
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(desk),
            log_level="error",
            access_log=False,
            timeout_keep_alive=120,
            timeout_graceful_shutdown=3,
        )
    )
    serving, moving = (asyncio.create_task(each) for each in (server.serve(sockets=[listening]), _moves(desk)))
    await asyncio.to_thread(sys.stdin.read)
    # The server first, and to its end: the application closes in it, and would be cut off in the middle.
    server.should_exit = True
    await serving
    moving.cancel()
    with suppress(asyncio.CancelledError):
        await moving


def main() -> int:
    """Serve until the input ends."""
    desk = desk_of(int(sys.argv[1]))
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        print(json.dumps({"port": listening.getsockname()[1], "sequence": desk.past.sequence}), flush=True)
        asyncio.run(_serve(desk, listening))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
