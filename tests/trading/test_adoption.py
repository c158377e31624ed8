"""Lots that their owner brings take the place of the broker's average, and change nothing else."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from bursar.desk import adopting
from bursar.domain.events import Alerted, PositionAdopted
from bursar.errors import InputError
from bursar.ledger.book import UNALLOCATED
from bursar.ports import Command
from bursar.trading.adoption import OpeningLot, as_text, check, from_text
from bursar.trading.engine import Engine
from bursar.trading.operator import obey
from tests.builders import ACCOUNT, OPEN, filled, money, quote
from tests.trading.test_engine import fresh, see

D = Decimal
LOTS = (
    OpeningLot(symbol="AAPL", quantity=D(60), acquired=date(2019, 5, 6), cost=D("2900.50")),
    OpeningLot(symbol="AAPL", quantity=D(40), acquired=date(2012, 1, 9)),
)


def holding(quantity: int = 100, portfolio: str = UNALLOCATED) -> Engine:
    engine = fresh()
    engine.absorb(
        PositionAdopted(
            event_id="adopted/AAPL",
            at=OPEN,
            account=ACCOUNT,
            portfolio=portfolio,
            symbol="AAPL",
            quantity=D(quantity),
            cost_basis=money(50 * quantity),
            hands_off=True,
        )
    )
    see(engine, OPEN, quote("AAPL", "120"), quote("XOM", "50"))
    return engine


def brought(engine: Engine, text: str) -> tuple[object, ...]:
    """What bringing lots leads to, committed."""
    step = obey(engine, Command(command_id="c1", name="adopt", arguments={"lots": text}, by="ann", at=OPEN))
    for event in step.events:
        engine.absorb(event)
    return step.events[1:]


@pytest.mark.parametrize("portfolio", [UNALLOCATED, "main"])
def test_lots_replace_the_average_and_one_without_a_cost_is_named(portfolio: str) -> None:
    engine = holding(portfolio=portfolio)
    brought(engine, as_text(LOTS))
    position = engine.book.portfolio(ACCOUNT, portfolio).positions["AAPL"]
    assert [(lot.quantity, lot.acquired, lot.known) for lot in position.lots] == [
        (D(40), date(2012, 1, 9), False),
        (D(60), date(2019, 5, 6), True),
    ]
    assert position.quantity == 100
    assert position.hands_off
    assert position.cost_basis is None  # of a part of it nobody knows it
    assert position.lots[1].cost == D("2900.50")
    assert engine.sight().loss_today(engine.valuation().net_asset_value) == 0


def test_lots_of_a_short_have_its_sign() -> None:
    engine = holding(-10)
    brought(engine, as_text([OpeningLot(symbol="AAPL", quantity=D(-10), acquired=date(2021, 1, 4), cost=D(700))]))
    assert engine.book.portfolio(ACCOUNT, UNALLOCATED).positions["AAPL"].cost_basis == -700


def test_what_does_not_come_to_what_is_held_is_refused_in_words() -> None:
    engine = holding()
    (alert,) = brought(engine, as_text(LOTS[:1]))
    assert isinstance(alert, Alerted)
    assert "the lots come to 60, and 100 are held" in alert.message
    assert "these are no lots" in brought(holding(), "{")[0].message  # type: ignore[attr-defined]
    book = engine.book
    with pytest.raises(InputError, match="there is no lot in it"):
        check(book, ACCOUNT, (), date(2022, 1, 3))
    future = OpeningLot(symbol="AAPL", quantity=D(100), acquired=date(2022, 1, 4))
    with pytest.raises(InputError, match="from the future"):
        check(book, ACCOUNT, (future,), date(2022, 1, 3))
    both = (
        OpeningLot(symbol="AAPL", quantity=D(110), acquired=date(2021, 1, 4)),
        OpeningLot(symbol="AAPL", quantity=D(-10), acquired=date(2021, 1, 4)),
    )
    with pytest.raises(InputError, match="one or the other"):
        check(book, ACCOUNT, both, date(2022, 1, 3))
    engine.absorb(filled("e1", 10, 100, symbol="XOM"))
    with pytest.raises(InputError, match="XOM was not adopted"):
        check(engine.book, ACCOUNT, (OpeningLot(symbol="XOM", quantity=D(10), acquired=OPEN.date()),), OPEN.date())


def test_a_file_of_lots_is_read_and_a_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lots.csv"
    path.write_text('Symbol,Acquired,Quantity,Cost\naapl,2019-05-06,60,"2,900.50"\n\nAAPL,2012-01-09,40,\n')
    assert adopting.read(path) == LOTS
    assert from_text(as_text(LOTS)) == LOTS
    assert json.loads(as_text(LOTS))[1]["cost"] is None
    for line, said in (
        ("AAPL,2012-01-09,forty,", "line 2 of .*forty"),
        ("AAPL,yesterday,40,1", "write it as"),
        ("AAPL,2012-01-09,0,1", "line 2 of .*a lot of 0 shares"),
        ("AAPL,2012-01-09,1,-5", "a lot that cost -5"),
    ):
        path.write_text(f"symbol,acquired,quantity,cost\n{line}\n")
        with pytest.raises(InputError, match=said):
            adopting.read(path)
    path.write_text("symbol,shares\nAAPL,40\n")
    with pytest.raises(InputError, match="no column quantity, acquired, cost"):
        adopting.read(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no text in UTF-8"):
        adopting.read(path)
