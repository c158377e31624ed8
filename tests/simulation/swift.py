"""What makes a seed cheap and changes nothing that is tested: fewer values told, and words that nobody reads left out.

Our gateway tells some 175 values of an account, as IBKR does, and the desk reads five names of them; the conversation
with all of them is tested elsewhere (tests/gateway, tests/e2e). ib_async spells out every order for its log, and looks
up the fields of its classes anew for each message: nobody reads that log here, and the fields are the same each time.
The collector waits until a run is over, since each message makes it look at everything once more.
"""

from __future__ import annotations

import dataclasses
import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import ib_async
from ib_async import decoder, util

from bursar.gateway import portfolio
from bursar.gateway.answers import accounts
from bursar.gateway.answers.accounts import Values
from bursar.gateway.exchange import Exchange
from tests.simulation.loop import let_the_dead_go

#: What adapters/ib.py reads of an account.
READ = frozenset({"CashBalance", "NetLiquidation", "BuyingPower", "MaintMarginReq", "ExchangeRate"})
#: What ib_async spells out for its log.
SPELLED = (
    ib_async.CommissionReport,
    ib_async.Contract,
    ib_async.Execution,
    ib_async.Fill,
    ib_async.Order,
    ib_async.OrderStatus,
    ib_async.PortfolioItem,
    ib_async.Position,
    ib_async.Trade,
    ib_async.TradeLogEntry,
)

_values: Callable[[Exchange, str], Values] = portfolio.values
_moment = util.parseIBDatetime


def few(exchange: Exchange, account: str) -> Values:
    """The values that somebody reads."""
    return {name: value for name, value in _values(exchange, account).items() if name[0] in READ}


@lru_cache(maxsize=256)
def _fields_of(shape: type) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(shape)


def fields(value: Any) -> tuple[dataclasses.Field[Any], ...]:
    """``dataclasses.fields``, which it makes anew at each call."""
    return _fields_of(value if isinstance(value, type) else type(value))


@lru_cache(maxsize=4096)
def moment(said: str) -> date | datetime:
    """What a time says: the same each time."""
    return _moment(said)


def unspelled(value: object) -> str:
    """What stands in a log that nobody reads."""
    return type(value).__name__


@contextmanager
def swiftly() -> Iterator[None]:
    """Run a world in here; its dead are let go when it is over."""
    with ExitStack() as stack:
        stack.callback(gc.enable if gc.isenabled() else gc.disable)
        gc.disable()
        # The last words of a client that is collected would bring its world back to life.
        stack.enter_context(patch.object(ib_async.IB, "__del__", lambda _: None))
        stack.callback(let_the_dead_go)
        stack.enter_context(patch.object(accounts, "values", few))
        stack.enter_context(patch.object(util, "fields", fields))
        stack.enter_context(patch.object(decoder, "dataclasses", SimpleNamespace(fields=fields)))
        stack.enter_context(patch.object(decoder, "parseIBDatetime", moment))
        for shape in SPELLED:
            stack.enter_context(patch.object(shape, "__repr__", unspelled))
        yield
