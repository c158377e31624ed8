"""Frozen views of lists that only grow: what a book shows of what was, without a copy of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeVar, overload

from bursar.ledger.lots import Closing, Sale, closings_of, reached

_Item_co = TypeVar("_Item_co", covariant=True)


class Log(Sequence[_Item_co]):
    """What a list that only grows holds by now: a frozen view that costs nothing to take."""

    __slots__ = ("_items", "_length")

    def __init__(self, items: Sequence[_Item_co]) -> None:
        self._items = items
        self._length = len(items)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> _Item_co: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[_Item_co]: ...
    def __getitem__(self, index: int | slice) -> _Item_co | Sequence[_Item_co]:
        if isinstance(index, slice):
            return [self._at(place) for place in range(*index.indices(self._length))]
        return self._at(range(self._length)[index])

    def _at(self, place: int) -> _Item_co:
        return self._items[place]

    def __iter__(self) -> Iterator[_Item_co]:
        return islice(self._items, self._length)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Sequence)
            and len(self) == len(other)
            and all(a == b for a, b in zip(self, other, strict=True))
        )

    def __repr__(self) -> str:
        return f"Log of {self._length}"

    __hash__ = None  # type: ignore[assignment]  # as unhashable as the list that it shows


class Closings(Log[Closing]):
    """What sales closed, lot by lot. Most of it nobody ever looks at, so it is worked out for whoever does."""

    __slots__ = ("_sales",)

    def __init__(self, sales: Sequence[Sale]) -> None:
        self._sales = Log(sales)
        self._length = reached(sales[-1]) if sales else 0

    def _at(self, place: int) -> Closing:
        sale = self._sales[bisect_right(self._sales, place, key=reached)]
        return closings_of(sale)[place - reached(sale)]

    def __iter__(self) -> Iterator[Closing]:
        return (closing for sale in self._sales for closing in closings_of(sale))
