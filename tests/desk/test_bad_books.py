"""A journal that contradicts itself: the command names the event and its place, and leaves the tables as they were."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bursar.adapters.journal import SQLiteJournal
from bursar.adapters.store.database import connect, sqlite_url
from bursar.adapters.store.projections import contents
from bursar.adapters.store.tables import PROJECTIONS
from bursar.desk.cli import main
from bursar.domain import events as e
from bursar.errors import LedgerError
from bursar.ledger import book
from bursar.ledger.book import Bookkeeper
from bursar.ledger.state import Books
from tests.ledger.tale import MAIN, Tale, U, dec, money


def _half(books: Books, event: e.FeeCharged) -> None:
    """A fee as a careless program would enter it: cash goes, and nobody gets it."""
    owner = books.portfolio(event.account, event.portfolio)
    books.enter((owner.cash_in("USD"), event.amount.amount))


#: What is wrong with the next event, and what is said of it.
BAD: dict[str, tuple[Callable[[Tale], Any], str]] = {
    "it does not balance": (
        lambda tale: tale.add(e.FeeCharged, account=U, portfolio=MAIN, amount=money(-5), what="data"),
        "the event does not balance: -5 USD came from nowhere",
    ),
    "more is sold than held": (lambda tale: tale.sell(11, 10), "11 A were sold, but only 10 are held"),
    "a split of what is not held": (
        lambda tale: tale.add(e.Split, symbol="B", new=dec(2), old=dec(1)),
        "B is held nowhere, so nothing can happen to it",
    ),
    "a currency that is none": (lambda tale: tale.list("C", "XYZ"), "unknown currency 'XYZ'"),
    "a price below zero": (lambda tale: tale.mark(A=-1), "the mark of A is -1; a price is not negative"),
}


@pytest.fixture(params=list(BAD))
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[list[e.Event], str]:
    """A sound journal of six events whose seventh is bad, and what is said of that."""
    tale = Tale(cash=1000).list("B").buy(10, 50).mark(A=51)
    assert len(tale.events) == 6
    make, said = BAD[request.param]
    make(tale)
    if request.param == "it does not balance":
        monkeypatch.setitem(book.HANDLERS, e.FeeCharged, _half)
    return tale.events, said


def test_the_books_name_it_and_are_as_they_were(case: tuple[list[e.Event], str]) -> None:
    events, said = case
    keeper = Bookkeeper()
    for event in events[:-1]:
        keeper.apply(event)
    before = keeper.book()
    with pytest.raises(LedgerError) as caught:
        keeper.apply(events[-1])
    assert caught.value.sequence == 7
    assert str(caught.value).startswith(f"event 7: {events[-1].event_id}: ")
    assert said in str(caught.value)
    assert keeper.book() == before


def test_the_commands_name_it_and_no_table_is_touched(
    case: tuple[list[e.Event], str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events, said = case
    path = tmp_path / "journal.sqlite"
    with closing(SQLiteJournal(path)) as journal:
        asyncio.run(journal.append(events[:-1]))
        assert main(["books", "rebuild", "--journal", str(path)]) == 0
        engine = connect(sqlite_url(tmp_path / "store.sqlite"))
        before = [contents(engine, shape) for shape in PROJECTIONS]
        asyncio.run(journal.append(events[-1:]))
    for words in (["books", "show"], ["performance"], ["books", "rebuild"]):
        capsys.readouterr()
        assert main([*words, "--journal", str(path)]) == 6
        out, err = capsys.readouterr()
        assert out == ""
        assert f"bursar: event 7: {events[-1].event_id}: {said}" in err
        assert len(err.splitlines()) == 1
    assert [contents(engine, shape) for shape in PROJECTIONS] == before
    engine.dispose()
