"""No number is given twice, whatever a gateway that was started again says."""

from __future__ import annotations

from bursar.adapters.numbers import OrderNumbers
from bursar.domain.events import Approved, Event, OrderAccepted
from tests.builders import OPEN


def approved(number: int) -> Event:
    return Approved(event_id=f"a-{number}", at=OPEN, order_id=f"o-{number}", checks=())


def accepted(number: int, under: int) -> Event:
    return OrderAccepted(event_id=f"o-{number}/accepted", at=OPEN, order_id=f"o-{number}", permanent_id=7, number=under)


def numbers(*journal: Event, broker: int) -> OrderNumbers:
    counted = OrderNumbers()
    counted.recover(journal)
    counted.next_valid(broker)
    return counted


def test_the_higher_of_journal_and_broker_counts() -> None:
    assert numbers(approved(1), accepted(1, 38103), broker=38099).new() == 38104
    assert numbers(approved(1), accepted(1, 4), broker=90).new() == 90


def test_an_order_that_may_have_left_unanswered_keeps_the_number_that_it_may_have_taken() -> None:
    assert numbers(approved(1), accepted(1, 10), approved(2), approved(3), broker=1).new() == 13
    assert numbers(approved(1), approved(2), broker=1).new() == 3
