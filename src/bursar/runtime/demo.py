"""The demo: automated trading days on real closing prices, from price to report.

Everything that a run is made of follows from its request, so equal requests give equal journals. The run
lives in its own folder below BURSAR_HOME; a finished one is kept, for ``bursar why``, until the next.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from bursar.adapters.journal import SQLiteJournal
from bursar.adapters.memory import MemoryJournal
from bursar.adapters.simulated import SimulatedBroker, SimulatedFeed
from bursar.adapters.store.sealing import Cipher
from bursar.adapters.vendors import wheels
from bursar.config import Settings
from bursar.domain.events import Event, SessionClosed
from bursar.domain.venues import HOME, venue
from bursar.ports import Journal
from bursar.runtime import wire
from bursar.runtime.alone import alone
from bursar.runtime.models import reasoner
from bursar.runtime.request import DemoRequest
from bursar.runtime.results import DayResult, DemoResult, SeedSpread, Universe
from bursar.runtime.stage import Progress, Stage, Teller, exchange, loop, prepare
from bursar.runtime.summary import Summary
from bursar.runtime.switch import Controls
from bursar.runtime.tenure import Tenure
from bursar.runtime.yardstick import Bill, equal_weight, made_up_bill, report_keys, treasury_bill, without_best

__all__ = ["DemoRequest", "DemoResult", "Progress", "play", "run", "spread", "tell"]

JOURNAL_NAME = "journal.sqlite"

#: How many other seeds the days are run under, and how many seeds there are.
OTHER_SEEDS = 4
SEEDS = 2**32

HELD_BILL = (
    "The sample has no Treasury bill rate after March 2017; the last one, 0.03 % a month, stands in, "
    "so the Sharpe ratio is a little too high where bills paid more."
)
NO_BILL = "No other bill ships: the Sharpe ratio is in excess of the Treasury bill of the United States."


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Where processes take turns: the right to trade, and whom to tell that another has it."""

    tenure: Tenure
    waiting: Callable[[], None]


def run(request: DemoRequest, progress: Progress | None = None, turn: Turn | None = None) -> DemoResult:
    """Run the demo, then its days again under other seeds, and tell what came of it.

    Over the wire, an unfinished run with an equal request goes on where it stood.
    Raises InputError for a request that cannot be run, before anything is written.

    turn  where several processes may want to trade: the right to, for which this one waits before it touches anything
    """
    stage = prepare(request)
    reasoner(request.settings, request.home)
    cipher = request.settings.store.cipher()
    folder = request.home / "runs" / "demo"
    if turn is None:
        with alone(folder, "another demo is running"):
            return _run(stage, folder, progress, cipher)
    waited = asyncio.run(turn.tenure.take(turn.waiting))
    try:
        with alone(folder, "another demo is running"):
            if waited and _is_finished(stage, folder, cipher):
                return _told(stage, folder, cipher)
            return _run(stage, folder, progress, cipher, turn.tenure)
    finally:
        turn.tenure.leave()


def _told(stage: Stage, folder: Path, cipher: Cipher | None) -> DemoResult:
    """What came of a run that is there, under its own seed and others."""
    with closing(SQLiteJournal(folder / JOURNAL_NAME, cipher)) as journal:
        result = tell(stage, [recorded.event for recorded in journal.read()], folder)
    return replace(result, spread=spread(stage, result.keys.total_return_pct))


def _run(
    stage: Stage, folder: Path, progress: Progress | None, cipher: Cipher | None, tenure: Tenure | None = None
) -> DemoResult:
    request = stage.request
    if not _is_unfinished(stage, folder, cipher):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        request.write(folder)
    with closing(SQLiteJournal(folder / JOURNAL_NAME, cipher)) as journal:
        if progress:
            Teller(progress).committed(tuple(journal.read()))
        playing = (
            play(
                stage,
                journal,
                progress,
                Controls.of(request.home, folder, request.settings, tenure.grant if tenure else None),
            )
            if request.in_process
            else wire.play(stage, journal, folder, progress, tenure=tenure)
        )
        if tenure is not None:
            journal.fence(tenure.check)
            playing = tenure.during(playing)
        asyncio.run(playing)
    return _told(stage, folder, cipher)


def _is_unfinished(stage: Stage, folder: Path, cipher: Cipher | None) -> bool:
    """True when ``folder`` holds the beginning of this very run, with an exchange that is still there.

    An exchange in process ended with its process, so such a run begins anew.
    """
    return not stage.request.in_process and _is_finished(stage, folder, cipher) is False


def _is_finished(stage: Stage, folder: Path, cipher: Cipher | None) -> bool | None:
    """Whether this very run, which ``folder`` holds, came to the end of its last day; None where it holds another."""
    path = folder / JOURNAL_NAME
    if not stage.request.is_kept_in(folder) or not path.is_file():
        return None
    with closing(SQLiteJournal(path, cipher)) as journal:
        return any(
            isinstance(each.event, SessionClosed) and each.event.day == stage.days[-1] for each in journal.read()
        )


def spread(stage: Stage, total_return_pct: float) -> SeedSpread:
    """What the next seeds make of the same days: nothing in a result may hang on the path that was made up."""
    request, settings = stage.request, stage.request.settings
    if settings.models.reasoning == "live":
        # What the run has asked is recorded by now, and a path that was made up is no reason to ask anew.
        recorded = settings.models.model_copy(update={"reasoning": "recorded"})
        request = replace(request, settings=settings.model_copy(update={"models": recorded}))
    shared = replace(stage, request=request, heard={})
    found = {request.seed: total_return_pct}
    for seed in range(request.seed + 1, request.seed + 1 + OTHER_SEEDS):
        other = replace(request, seed=seed % SEEDS)
        journal = MemoryJournal()
        asyncio.run(play(replace(shared, request=other), journal))
        closed = [each.event.equity for each in journal.read() if isinstance(each.event, SessionClosed)]
        found[other.seed] = float(closed[-1] / stage.managed - 1) * 100.0
    return SeedSpread(total_return_pct=MappingProxyType(found))


async def play(
    stage: Stage, journal: Journal, progress: Progress | None = None, controls: Controls | None = None
) -> None:
    """Trade every day of ``stage`` in this process, into ``journal``, as operators allow through ``controls``."""
    market = exchange(stage)
    broker = SimulatedBroker(market)
    run = loop(stage, SimulatedFeed(market, broker), broker, journal, progress, controls)
    with controls.switch.listening() if controls else nullcontext():
        await run.run()


def _without_quorum(days: Sequence[DayResult]) -> tuple[str, ...]:
    """What to say where the committee met and never had a quorum."""
    meetings = [day.meeting for day in days if day.meeting is not None]
    if not meetings or any(meeting.quorate for meeting in meetings):
        return ()
    voted = max(resolution.sources for meeting in meetings for resolution in meeting.resolutions)
    said = (
        f"No committee stands behind it: these prices support {voted} of the {meetings[0].quorum} distinct "
        "sources that a verdict needs, so each morning's meeting resolved nothing and single analysts were followed."
    )
    return (said,)


def tell(stage: Stage, events: Sequence[Event], folder: Path) -> DemoResult:
    """What the journal of a run says of it."""
    request, mandate, source = stage.request, stage.mandate, stage.library.source
    summary = Summary(mandate.account, mandate.portfolio, lambda at: stage.sessions[0].local(at).date())
    summary.read(events)
    days = summary.days(stage.managed)
    book = summary.book()
    bill = made_up_bill(stage.days) if source.simulated else treasury_bill(wheels.factors(), stage.days)
    invested = [1.0 - float(day.cash / day.equity) if day.equity else 0.0 for day in days]
    return DemoResult(
        run_folder=folder,
        journal_path=folder / JOURNAL_NAME,
        seed=request.seed,
        currency=mandate.base_currency,
        in_process=request.in_process,
        strategy=" and ".join(request.settings.strategy.names),
        costs=_costs(request.settings, mandate.base_currency),
        days=days,
        benchmark=equal_weight(stage.closes, stage.days, stage.managed, mandate.cost_rate, source.prices),
        book=book,
        keys=report_keys(days, book.round_trips, stage.managed, len(book.positions), bill),
        universe=Universe(
            origin=source.origin,
            symbols=tuple(instrument.symbol for instrument in stage.instruments),
            survivors=source.survivors,
            digest=stage.library.digest,
        ),
        without_best=without_best(summary.profit_by_symbol(), days[-1].equity, stage.managed),
        simulated=stage.world.simulated,
        share_all_cash=sum(part <= 0.0 for part in invested) / len(days),
        cash_weight=1.0 - sum(invested) / len(days),
        bill_return_pct=bill.total_pct,
        notes=(*_notes(stage, bill), *_without_quorum(days)),
        synthetic=source.simulated,
    )


def _notes(stage: Stage, bill: Bill) -> tuple[str, ...]:
    """What a reader must know beside the figures."""
    notes = [HELD_BILL] if bill.held else []
    if stage.mandate.base_currency != venue(HOME).currency and not stage.library.source.simulated:
        notes.append(NO_BILL)
    if stage.library.source.simulated:
        notes.append("The market is synthetic, and so is its bill of 3 % a year: the figures say nothing of any other.")
    if stage.left_out:
        notes.append(f"Left out, without a price on every day: {', '.join(stage.left_out)}.")
    return tuple(notes)


def _costs(settings: Settings, currency: str) -> str:
    costs = settings.costs
    least = f", at least {costs.commission_minimum} {currency} an order," if costs.commission_minimum else ","
    return f"{costs.commission_basis_points} basis points of notional{least} and the spread"
