"""A desk in a process of its own, to be killed: it trades a demo over the wire and prints the book it ends with.

Usage: python -m tests.e2e.desk HOME DAYS SEED
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

from bursar.adapters.journal import SQLiteJournal
from bursar.config import Settings
from bursar.config.risk import Risk
from bursar.config.settings import Broker
from bursar.domain.events import BreakFound, Event, Filled, OrderPlaced
from bursar.ledger.book import fold
from bursar.runtime import wire
from bursar.runtime.demo import JOURNAL_NAME
from bursar.runtime.request import DemoRequest
from bursar.runtime.stage import Stage, prepare


def stage_of(home: Path, days: int, seed: int, protection: Literal["watched", "broker"] = "broker") -> Stage:
    return prepare(
        DemoRequest(
            days=days,
            first=date(2022, 1, 3),
            seed=seed,
            cash=Decimal(100_000),
            settings=Settings(broker=Broker(reconnect_delay_seconds=Decimal("0.2")), risk=Risk(protection=protection)),
            home=home,
        )
    )


def told(events: Sequence[Event]) -> dict[str, object]:
    """What must not depend on how often anybody died."""
    book = fold(events).portfolio("DU9000001")
    placed = [event.event_id for event in events if isinstance(event, OrderPlaced)]
    return {
        "cash": {currency: str(amount) for currency, amount in book.cash.items()},
        "positions": {symbol: [str(held.quantity), str(held.cost)] for symbol, held in book.positions.items()},
        "fills": sorted(event.execution_id for event in events if isinstance(event, Filled)),
        "orders": sorted(placed),
        "breaks": [event.event_id for event in events if isinstance(event, BreakFound)],
    }


def main() -> None:
    home, days, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    # With stops that rest at the broker a run that was killed ends with the same cash, positions and fills, and yet
    # with another list of orders; tests/simulation kills runs of that kind. Here the orders have to be the same, too.
    stage = stage_of(home, days, seed, protection="watched")
    folder = home / "runs" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    stage.request.write(folder)
    journal = SQLiteJournal(folder / JOURNAL_NAME)
    asyncio.run(wire.play(stage, journal, folder))
    sys.stdout.write(json.dumps(told([recorded.event for recorded in journal.read()])))
    journal.close()


if __name__ == "__main__":
    main()
