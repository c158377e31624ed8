"""The journal's events as rows, for those who look things up.

A Projector follows the journal: it folds the same events into the same books, and writes what changed. All rows of
a stretch of the journal are written in one transaction together with how far it goes, so that the tables always show
one moment. Two projectors on one database cannot overtake each other: how far the tables go has a version, and who
finds it changed gives up.

Nothing here is kept by anybody: whatever is doubted is deleted and made again (``rebuild``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Table, and_, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from bursar.adapters.store import rows as made
from bursar.adapters.store.database import explained, for_writing
from bursar.adapters.store.sealing import ACCOUNT, EVENT, Cipher, text_opened, text_sealed
from bursar.adapters.store.tables import PROJECTIONS, Base, Projection
from bursar.domain import events as e
from bursar.errors import DataError, LedgerError
from bursar.ledger.book import Bookkeeper
from bursar.ledger.performance import Chronicle
from bursar.ports import Recorded
from bursar.trading.oms import Orders

#: Events that are written in one transaction.
STRETCH = 2_000
#: The name under which it is kept how far the tables go.
NAME = "journal"

Row = dict[str, Any]
Key = tuple[Any, ...]


class Readable(Protocol):
    """What a projector needs of a journal."""

    def read(self, first: int = 1) -> Iterator[Recorded]: ...


class Projector:
    """Follows one journal into one database."""

    def __init__(self, engine: Engine, cipher: Cipher | None = None) -> None:
        self._engine = engine
        self._cipher = cipher
        self._tables = _Tables(cipher)
        self._sequence, self._digest = 0, b""

    @property
    def sequence(self) -> int:
        """Of the last event that is in the tables."""
        return self._sequence

    def catch_up(self, journal: Readable) -> int:
        """Write what is new in ``journal``, and return how many events were.

        The first time, what is in the tables already is read again without being written. Raises LedgerError when the
        tables were made from another journal, and DataError when another projector was faster.
        """
        if not self._sequence:
            self._resume(journal)
        new = 0
        records = journal.read(max(self._sequence, 1))
        if self._sequence:
            self._meet(next(records, None))
        while stretch := list(islice(records, STRETCH)):
            for record in stretch:
                self._tables.take(record)
            self._write(stretch[-1])
            new += len(stretch)
        return new

    def _resume(self, journal: Readable) -> None:
        with explained(self._engine), Session(self._engine) as session:
            reached = session.get(Projection, NAME)
        if reached is None:
            return
        record = None
        for record in islice(journal.read(), reached.sequence):
            self._tables.take(record)
        self._sequence, self._digest = reached.sequence, bytes(reached.digest)
        self._meet(record)
        self._tables.changes()

    def _meet(self, record: Recorded | None) -> None:
        """See that the journal has at our place what the tables were made from."""
        if record is None or (record.sequence, record.digest) != (self._sequence, self._digest):
            self._forget()
            raise LedgerError("the tables were made from another journal; make them again with `bursar books rebuild`")

    def _write(self, record: Recorded) -> None:
        try:
            with explained(self._engine), Session(for_writing(self._engine)) as session, session.begin():
                _reach(session, self._sequence, record)
                for table, changes in self._tables.changes().items():
                    _apply(session.connection(), table, changes)
        except StaleDataError as error:
            self._forget()
            raise DataError("another process has written the tables meanwhile; catch up again") from error
        except BaseException:
            self._forget()
            raise
        self._sequence, self._digest = record.sequence, record.digest

    def _forget(self) -> None:
        """What was to be written is lost; the next time everything is read again."""
        self._tables, self._sequence, self._digest = _Tables(self._cipher), 0, b""


def rebuild(engine: Engine, journal: Readable, cipher: Cipher | None = None) -> int:
    """Make every projection anew, in one transaction, and return how many events they were made from."""
    tables, record = _Tables(cipher), None
    for record in journal.read():
        tables.take(record)
    with explained(engine), Session(for_writing(engine)) as session, session.begin():
        for shape in PROJECTIONS:
            session.execute(delete(shape))
        session.execute(delete(Projection))
        if record is None:
            return 0
        _reach(session, 0, record)
        for table, changes in tables.changes().items():
            _apply(session.connection(), table, changes)
        return record.sequence


def contents(engine: Engine, shape: type[Base], cipher: Cipher | None = None) -> list[Row]:
    """Every row of one table, in the order of its key, with what is sealed opened."""
    table = table_of(shape)
    with explained(engine), engine.connect() as connection:
        found = [dict(row) for row in connection.execute(select(table)).mappings()]
    found = [_each(text_opened, cipher, row) for row in found]
    return sorted(found, key=lambda row: [row[column.name] for column in table.primary_key])


# ---------------------------------------------------------------- writing


class Changes:
    """What has to be done to one table."""

    def __init__(self) -> None:
        self.added: list[Row] = []
        self.changed: list[Row] = []
        self.gone: list[Key] = []


def _reach(session: Session, before: int, record: Recorded) -> None:
    """Note how far the tables go, from ``before`` on; StaleDataError where they do not stand there any more."""
    reached = session.get(Projection, NAME)
    if reached is None and before == 0:
        session.add(Projection(name=NAME, sequence=record.sequence, digest=record.digest))
        session.flush()
        return
    if reached is None or reached.sequence != before:
        raise StaleDataError(f"the tables stand at {reached.sequence if reached else 0}, not at {before}")
    reached.sequence, reached.digest = record.sequence, record.digest
    session.flush()


def _apply(connection: Connection, table: Table, changes: Changes) -> None:
    keys = [column.name for column in table.primary_key]
    if changes.gone:
        gone = delete(table).where(and_(*(table.c[key] == bindparam(f"key_{key}") for key in keys)))
        connection.execute(
            gone, [{f"key_{key}": part for key, part in zip(keys, each, strict=True)} for each in changes.gone]
        )
    if changes.changed:
        others = [column.name for column in table.columns if column.name not in keys]
        changed = update(table).where(and_(*(table.c[key] == bindparam(f"key_{key}") for key in keys)))
        changed = changed.values({name: bindparam(f"new_{name}") for name in others})
        connection.execute(
            changed,
            [
                {f"key_{k}": row[k] for k in keys} | {f"new_{name}": row[name] for name in others}
                for row in changes.changed
            ],
        )
    if changes.added:
        connection.execute(insert(table), changes.added)


# ---------------------------------------------------------------- from events to rows


class _Tables:
    """What the tables should hold, and what of it is not written yet.

    Rows of the present (portfolios and positions) are made from the whole book and compared with what was written;
    the others are put one by one as events come.
    """

    def __init__(self, cipher: Cipher | None) -> None:
        self._cipher = cipher
        self._keeper = Bookkeeper()
        self._orders = Orders()
        self._chronicles: dict[tuple[str, str], Chronicle] = {}
        self._opened: dict[tuple[str, str], e.PortfolioOpened] = {}
        self._closed: dict[tuple[str, str], e.PortfolioClosed] = {}
        self._fills: dict[str, e.Filled] = {}
        self._decisions: dict[str, Row] = {}
        self._put: dict[str, dict[Key, Row]] = {name: {} for name in _KEYS}
        self._known: dict[str, set[Key]] = {name: set() for name in _KEYS}
        self._written: dict[str, dict[Key, Row]] = {name: {} for name in PRESENT}

    def take(self, record: Recorded) -> None:
        """Take in one event."""
        event = record.event
        self._keeper.apply(event)
        self._orders.apply(event)
        match event:
            case e.Marked(official=True):
                self._close_day(event)
            case e.PortfolioOpened():
                self._opened[event.account, event.portfolio] = event
                self._closed.pop((event.account, event.portfolio), None)
            case e.PortfolioClosed():
                self._closed[event.account, event.portfolio] = event
            case e.RiskBudgetSet():
                self._keep("risk_budgets", made.risk_budget(event))
            case e.AttributionReported():
                self._keep("attribution_reports", made.attribution(event))
            case e.Decided():
                self._decide(made.decision(event, record.sequence))
            case e.Approved() | e.Rejected():
                self._count(event)
            case e.Filled():
                self._fills[event.execution_id] = event
            case e.FillCorrected():
                self._fills[event.execution_id] = self._fills[event.corrects]
            case _:
                pass
        if transaction := made.transaction(record, self._keeper.postings(), self._fills):
            self._keep("transactions", transaction)
        if (order_id := made.order_of(event)) in self._orders:
            self._keep("orders", made.order(self._orders[order_id], event))

    def changes(self) -> dict[Table, Changes]:
        """What is not written yet; from now on it counts as written."""
        self._look_at_books()
        found: dict[Table, Changes] = {}
        for shape in PROJECTIONS:
            name, changes = shape.__tablename__, Changes()
            known, written = self._known[name], self._written.get(name, {})
            for key, row in self._put[name].items():
                if key not in known:
                    changes.added.append(row)
                elif written.get(key) != row:
                    changes.changed.append(row)
            if name in PRESENT:
                changes.gone = [key for key in known if key not in self._put[name]]
                self._written[name] = self._put[name]
                known.intersection_update(self._put[name])
            known.update(self._put[name])
            self._put[name] = {}
            found[table_of(shape)] = changes
        return found

    def _keep(self, name: str, row: Row) -> None:
        kept = _each(text_sealed, self._cipher, row)
        self._put[name][tuple(kept[column] for column in _KEYS[name])] = kept

    def _decide(self, row: Row) -> None:
        self._decisions[row["event_id"]] = row
        self._keep("strategy_executions", row)

    def _count(self, event: e.Approved | e.Rejected) -> None:
        """An order came of a decision, or did not."""
        counted = "approved" if isinstance(event, e.Approved) else "rejected"
        for cause in event.causes:
            if row := self._decisions.get(cause):
                self._decide(row | {counted: row[counted] + 1})

    def _close_day(self, event: e.Marked) -> None:
        book = self._keeper.book()
        for account, portfolio in [(account, WHOLE) for account in book.accounts] + list(book.portfolios):
            chronicle = self._chronicles.get((account, portfolio))
            if chronicle is None:
                chronicle = Chronicle(account, None if portfolio == WHOLE else portfolio)
                self._chronicles[account, portfolio] = chronicle
            chronicle.apply(event, self._keeper)
            if chronicle.days and chronicle.days[-1].day == event.at.date():
                self._keep("performance_history", made.day(account, portfolio, chronicle.days[-1]))

    def _look_at_books(self) -> None:
        """The rows of the present, from the book as it is."""
        book = self._keeper.book()
        for key in book.portfolios.keys() | {key for key in self._opened if key[0] in book.accounts}:
            held = book.portfolio(*key)
            terms = book.accounts[key[0]]
            self._keep("portfolios", made.portfolio(held, terms, self._opened.get(key), self._closed.get(key)))
            for position in held.positions.values():
                self._keep("portfolio_positions", made.portfolio_position(held, position))
        for row in made.positions(book):
            self._keep("positions", row)


def _each(change: Callable[[Cipher | None, str, str], str], cipher: Cipher | None, row: Row) -> Row:
    """``row`` with the columns that name accounts sealed, or opened: ids of events do, and so do sources of lots."""
    changed: Row = {name: change(cipher, row[name], context) for name, context in SEALED.items() if name in row}
    if "lots" in row:
        changed["lots"] = [lot | {"source": change(cipher, lot["source"], EVENT)} for lot in row["lots"]]
    return row | changed


def table_of(shape: type[Base]) -> Table:
    """The table of a model."""
    table = shape.__table__
    assert isinstance(table, Table), f"{shape} is kept in a table"
    return table


#: The name under which ``performance_history`` keeps a whole account.
WHOLE = "*"
#: Columns that are sealed where there is a key, and the context of each.
SEALED = {"account": ACCOUNT, "event_id": EVENT}
#: Tables that show how things stand: their rows come and go.
PRESENT = frozenset({"portfolios", "positions", "portfolio_positions"})
_KEYS: dict[str, tuple[str, ...]] = {
    shape.__tablename__: tuple(column.name for column in table_of(shape).primary_key) for shape in PROJECTIONS
}
