"""The numbers under which orders are sent: above all that the broker or the journal has ever seen of us.

The broker says on the way in which number is valid next, and that number can go back when a gateway is started again.
An order that is sent under a number of one that still works would change that one, and what is told by number alone of
one that ended would be laid at another's door. So the journal's numbers count too; and where it holds an approval to
send and not the number that came of it, because we died in between, that may have been the next one.
"""

from __future__ import annotations

from collections.abc import Iterable

from bursar.domain.events import Approved, Event, OrderAccepted


class OrderNumbers:
    """Counts on from the highest number that anybody knows."""

    def __init__(self) -> None:
        self._next = 1

    def recover(self, events: Iterable[Event]) -> None:
        """Take in a journal."""
        for event in events:
            match event:
                case Approved():
                    self.used(self._next)
                case OrderAccepted(number=number):
                    self.used(number)
                case _:
                    pass

    def next_valid(self, number: int) -> None:
        """The broker takes ``number`` and those above it; what is below what we used is no news."""
        self._next = max(self._next, number)

    def used(self, number: int) -> None:
        """An order has ``number``."""
        self.next_valid(number + 1)

    def new(self) -> int:
        """The next number."""
        self._next += 1
        return self._next - 1
