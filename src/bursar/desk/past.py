"""Everything that the desk knows of the journal that trades, kept in step with it.

The same folds as the loop's own: books, orders, proposals, standing, chronicles. The loop is not asked and not waited
for; what it has committed is read after it, and each answer says up to which sequence number it knows.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from bursar.adapters.store import rows
from bursar.domain import events as e
from bursar.domain.events import Event
from bursar.ledger.book import Book, Bookkeeper
from bursar.ledger.performance import Chronicle
from bursar.ports import Recorded
from bursar.trading.baskets import Sagas
from bursar.trading.oms import Change, Orders
from bursar.trading.standing import Standing

#: Alerts that are kept at hand; the journal has all of them.
ALERTS_MAX = 1_000

Key = tuple[str, str]


class Readable(Protocol):
    """A journal that is only looked at."""

    def read(self, first: int = 1) -> Iterator[Recorded]: ...


class Past:
    """One journal, folded. ``take`` its records one after the other.

    trails        every change of every order
    transactions  what moved money or shares, oldest first, as rows
    decisions     what strategies decided
    kinds         how many events there were of each kind
    """

    def __init__(self) -> None:
        self.records: list[Recorded] = []
        self.keeper = Bookkeeper()
        self.orders = Orders()
        self.sagas = Sagas()
        self.standing = Standing()
        self.chronicles: dict[Key, Chronicle] = {}
        self.trails: dict[str, list[Change]] = {}
        self.transactions: list[dict[str, Any]] = []
        self.fills: dict[str, e.Filled] = {}
        self.decisions: list[tuple[int, e.Decided]] = []
        self.views: dict[str, Recorded] = {}
        self.alerts: deque[Recorded] = deque(maxlen=ALERTS_MAX)
        self.commands: dict[str, Recorded] = {}
        self.signals: list[Recorded] = []
        self.attributions: list[Recorded] = []
        self.simulated: dict[str, None] = {}
        self.run: e.RunStarted | None = None
        self.line: e.LineChanged | None = None
        self.in_session = False
        self.places: dict[str, int] = {}
        self.kinds: Counter[str] = Counter()

    @property
    def sequence(self) -> int:
        """Of the last event that is known."""
        return len(self.records)

    @property
    def book(self) -> Book:
        """The books as they are."""
        return self.keeper.book()

    @property
    def events(self) -> Iterator[Event]:
        """Every event, oldest first."""
        return (recorded.event for recorded in self.records)

    def unread(self, journal: Readable) -> tuple[Recorded, ...] | None:
        """What is new in ``journal``; None where it is another journal by now: a run that began anew."""
        if not self.records:
            return tuple(journal.read())
        last, *new = tuple(journal.read(self.sequence)) or (None,)
        return tuple(new) if last is not None and last.digest == self.records[-1].digest else None

    def take(self, new: Iterable[Recorded]) -> None:
        """Take records that follow on the last one."""
        for recorded in new:
            self._take(recorded)

    def _take(self, recorded: Recorded) -> None:
        event = recorded.event
        self.keeper.apply(event)
        self.kinds[event.kind] += 1
        self.places[event.event_id] = recorded.sequence
        if changed := self.orders.apply(event):
            self.trails.setdefault(changed.order_id, []).append(changed)
        self.sagas.apply(event)
        self._stand(event)
        self._keep(recorded)
        if row := rows.transaction(recorded, self.keeper.postings(), self.fills):
            self.transactions.append(row)
        self.records.append(recorded)

    def _stand(self, event: Event) -> None:
        portfolio = None
        if isinstance(event, e.SessionClosed) and self.run is not None and self.run.account in self.book.accounts:
            portfolio = self.book.portfolio(self.run.account)
        self.standing.apply(event, portfolio)
        if isinstance(event, e.Marked) and event.official:
            book = self.book
            for key in [(account, "*") for account in book.accounts] + list(book.portfolios):
                chronicle = self.chronicles.get(key)
                if chronicle is None:
                    chronicle = self.chronicles[key] = Chronicle(key[0], None if key[1] == "*" else key[1])
                chronicle.apply(event, self.keeper)

    def _keep(self, recorded: Recorded) -> None:
        match recorded.event:
            case e.Filled() as fill:
                self.fills[fill.execution_id] = fill
            case e.FillCorrected(execution_id=execution_id, corrects=corrects):
                self.fills[execution_id] = self.fills[corrects]
            case e.Decided() as decided:
                self.decisions.append((recorded.sequence, decided))
            case e.ViewFormed(view=view):
                self.views[view.view_id] = recorded
            case e.Alerted():
                self.alerts.append(recorded)
            case e.CommandReceived():
                self.commands[recorded.event.event_id.removeprefix("command/")] = recorded
            case e.SignalReceived():
                self.signals.append(recorded)
            case e.AttributionReported():
                self.attributions.append(recorded)
            case e.RunStarted() as run:
                self.run, self.simulated = run, self.simulated | dict.fromkeys(run.simulated)
            case e.LineChanged() as line:
                self.line = line
            case e.SessionOpened() | e.SessionClosed():
                self.in_session = isinstance(recorded.event, e.SessionOpened)
            case _:
                pass
