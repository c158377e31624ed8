"""Analysts: each reads what can be known and answers with a view, or says why it has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bursar.domain.views import Abstention, View
from bursar.trading.view import MarketView


class Analyst(Protocol):
    """Forms an opinion on every instrument of a market.

    ``form`` is pure: equal arguments give equal opinions, and nothing outside its arguments is read.
    Symbols are taken in alphabetical order, one opinion each.

    name   under which its views are journalled
    needs  fields of the history without which it abstains, such as "volume"
    """

    @property
    def name(self) -> str: ...

    @property
    def needs(self) -> frozenset[str]: ...

    def form(self, market: MarketView, ids: Callable[[], str]) -> tuple[View | Abstention, ...]:
        """One opinion an instrument; ``ids`` gives the next view's id and is called for views alone."""
        ...
