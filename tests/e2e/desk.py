"""A desk in a process of its own, to be killed: it trades a demo over the wire and prints the book it ends with.

Usage: python -m tests.e2e.desk HOME DAYS SEED [NAME]

With a NAME it takes turns with others under other names, by a lease in HOME/desk.sqlite that lasts two seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from bursar.adapters.journal import SQLiteJournal
from bursar.adapters.store.database import connect, sqlite_url
from bursar.adapters.store.lease import StoreLease
from bursar.config import Settings
from bursar.config.settings import Broker
from bursar.domain.events import BreakFound, Event, Filled, OrderPlaced
from bursar.domain.orders import Purpose
from bursar.ledger.book import fold
from bursar.runtime import wire
from bursar.runtime.demo import JOURNAL_NAME
from bursar.runtime.request import DemoRequest
from bursar.runtime.stage import Stage, prepare
from bursar.runtime.tenure import Tenure
from bursar.trading.oms import Orders


def stage_of(home: Path, days: int, seed: int) -> Stage:
    return prepare(
        DemoRequest(
            days=days,
            first=date(2022, 1, 3),
            seed=seed,
            cash=Decimal(100_000),
            settings=Settings(broker=Broker(reconnect_delay_seconds=Decimal("0.2"))),
            home=home,
        )
    )


def told(events: Sequence[Event]) -> dict[str, object]:
    """What must not depend on how often anybody died."""
    book = fold(events).portfolio("DU9000001")
    placed = [event.order for event in events if isinstance(event, OrderPlaced)]
    orders = Orders()
    for event in events:
        orders.apply(event)
    resting = [state for state in orders.working() if state.order.purpose is Purpose.PROTECTION]
    return {
        "cash": {currency: str(amount) for currency, amount in book.cash.items()},
        "positions": {symbol: [str(held.quantity), str(held.cost)] for symbol, held in book.positions.items()},
        "fills": sorted(event.execution_id for event in events if isinstance(event, Filled)),
        # A pair of which one half was under way when the desk died is taken back and placed anew, under ids of its
        # own: how many there were depends on the deaths. What was decided does not, nor what rests in the end.
        "decided": sorted(order.order_id for order in placed if order.purpose is not Purpose.PROTECTION),
        "resting": sorted([state.order.symbol, state.order.type, str(state.remaining)] for state in resting),
        "breaks": [event.event_id for event in events if isinstance(event, BreakFound)],
    }


def main() -> None:
    home, days, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    stage = stage_of(home, days, seed)
    folder = home / "runs" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    stage.request.write(folder)
    if len(sys.argv) > 4:
        in_turn(stage, folder, sys.argv[4])
        return
    journal = SQLiteJournal(folder / JOURNAL_NAME)
    asyncio.run(wire.play(stage, journal, folder))
    sys.stdout.write(json.dumps(told([recorded.event for recorded in journal.read()])))
    journal.close()


def in_turn(stage: Stage, folder: Path, name: str) -> None:
    """Wait for the lease, trade under it, and print the book; the journal is opened once the lease is there."""
    lease = StoreLease(connect(sqlite_url(folder.parents[1] / "desk.sqlite")))
    tenure = Tenure(lease=lease, account=stage.mandate.account, holder=name, length=timedelta(seconds=2))
    asyncio.run(tenure.take(lambda: None))
    assert tenure.grant is not None
    sys.stderr.write(f"{tenure.grant.fence}\n")
    sys.stderr.flush()
    journal = SQLiteJournal(folder / JOURNAL_NAME)
    journal.fence(tenure.check)
    asyncio.run(tenure.during(wire.play(stage, journal, folder, tenure=tenure)))
    sys.stdout.write(json.dumps(told([recorded.event for recorded in journal.read()])))
    journal.close()
    tenure.leave()


if __name__ == "__main__":
    main()
