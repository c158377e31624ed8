"""Bursar: an automated portfolio manager for Interactive Brokers.

The names that a notebook needs, each loaded when it is first used:

    >>> import bursar
    >>> bursar.optimize            # doctest: +ELLIPSIS
    <function optimize at ...>

Everything else lives in the room that is named for it: ``domain`` names it, ``quant`` calculates it, the
``ledger`` remembers it, ``risk`` doubts it, ``research`` believes it, ``trading`` does it, ``adapters`` reach
the world, the ``gateway`` imitates it, the ``desk`` shows it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bursar.config import Settings, load
    from bursar.domain.instruments import Instrument
    from bursar.domain.money import Money
    from bursar.domain.orders import Order
    from bursar.domain.targets import Targets
    from bursar.domain.views import View
    from bursar.errors import BursarError
    from bursar.ledger.book import Book, fold
    from bursar.quant.optimize import Constraints, optimize
    from bursar.quant.performance import metrics

__version__ = "0.1.0"

_HOMES = {
    "Book": "bursar.ledger.book",
    "BursarError": "bursar.errors",
    "Constraints": "bursar.quant.optimize",
    "Instrument": "bursar.domain.instruments",
    "Money": "bursar.domain.money",
    "Order": "bursar.domain.orders",
    "Settings": "bursar.config",
    "Targets": "bursar.domain.targets",
    "View": "bursar.domain.views",
    "fold": "bursar.ledger.book",
    "load": "bursar.config",
    "metrics": "bursar.quant.performance",
    "optimize": "bursar.quant.optimize",
}

__all__ = [
    "Book",
    "BursarError",
    "Constraints",
    "Instrument",
    "Money",
    "Order",
    "Settings",
    "Targets",
    "View",
    "fold",
    "load",
    "metrics",
    "optimize",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'bursar' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
