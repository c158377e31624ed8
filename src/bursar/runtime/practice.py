"""What a strategy did in an account: its sessions, bets and costs, as a fold over the account's journal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np

from bursar.adapters.journal import read
from bursar.adapters.store.sealing import Cipher
from bursar.domain.events import Decided, Event, Filled, OrderPlaced, RunStarted, SessionClosed
from bursar.domain.money import ZERO
from bursar.domain.orders import Side
from bursar.ledger.book import Bookkeeper
from bursar.research.validate.kept import Lived
from bursar.trading.measuring import Measured
from bursar.trading.standing import Standing

BASIS_POINT = 0.0001


def lived(events: Iterable[Event], strategy: str) -> Lived | None:
    """What the journal of one account says of ``strategy``; None where it decided nothing there, or no session closed.

    A strategy that is a part of a blend is found by its orders; the returns are of the whole account, and say so.
    """
    fold = _Fold(strategy)
    for event in events:
        fold.apply(event)
    return fold.told()


def journals(home: Path) -> tuple[Path, ...]:
    """The journals of accounts, in the order of their names; the demo is no account."""
    return tuple(sorted(home.glob("accounts/*/journal.sqlite")))


def lived_in(paths: Iterable[Path], strategy: str, cipher: Cipher | None = None) -> tuple[Lived, ...]:
    """What each of these journals says of it, where one does."""
    found = (lived((recorded.event for recorded in read(path, cipher=cipher)), strategy) for path in paths)
    return tuple(each for each in found if each is not None)


class _Fold:
    def __init__(self, strategy: str) -> None:
        self.strategy = strategy
        self.keeper, self.standing, self.measured = Bookkeeper(), Standing(), Measured()
        self.run: RunStarted | None = None
        self.simulated: dict[str, None] = {}
        self.portfolio = "main"
        self.first: date | None = None
        self.last: date | None = None
        self.returns: list[float] = []
        self.names: set[str] = set()
        self.ours: set[str] = set()
        self.held: dict[str, Decimal] = {}
        self.bets = 0

    def apply(self, event: Event) -> None:
        self.keeper.apply(event)
        self.measured.apply(event)
        portfolio = None
        match event:
            case RunStarted():
                self.run = event
                self.simulated |= dict.fromkeys(event.simulated)
            case Decided(portfolio=name):
                self.portfolio = name
                self.names |= {event.strategy, *(target.strategy for target in event.targets)} - {""}
                if self.first is None and self.strategy in self.names:
                    self.first = event.at.date()
            case OrderPlaced(order=order) if order.strategy == self.strategy:
                self.ours.add(order.order_id)
            case Filled():
                self._filled(event)
            case SessionClosed() if self.run is not None:
                portfolio = self.keeper.book().portfolio(self.run.account, self.portfolio)
                if self.first is not None:
                    loss = self.standing.loss(event.equity, portfolio, self.standing.closes)
                    self.returns.append(-float(loss))
                    self.last = event.day
        self.standing.apply(event, portfolio)

    def _filled(self, event: Filled) -> None:
        """A bet is over when what its strategy opened is closed again, by whatever order."""
        symbol, before = event.symbol, self.held.get(event.symbol, ZERO)
        if event.order_id not in self.ours and not before:
            return
        after = before + (event.quantity if event.side is Side.BUY else -event.quantity)
        self.bets += bool(before) and after <= 0
        self.held[symbol] = max(after, ZERO)

    def told(self) -> Lived | None:
        if self.run is None or self.first is None or self.last is None:
            return None
        costs = [
            float((each.spread + each.impact + each.fees) / each.notional)
            for each in self.measured.all
            if each.strategy == self.strategy
        ]
        return Lived(
            account=self.run.account,
            mode=self.run.mode.value,
            first=self.first,
            last=self.last,
            returns=np.array(self.returns),
            bets=self.bets,
            measured=float(np.mean(costs)) if costs else math.nan,
            modelled=_modelled(self.run.settings),
            simulated=tuple(self.simulated),
            beside=tuple(sorted(self.names - {self.strategy})),
        )


def _modelled(settings: str) -> float:
    """The cost of trading once that the journalled settings reckon with, as a fraction; NaN where they do not say."""
    said = dict(line.split(" = ", 1) for line in settings.splitlines() if " = " in line)
    try:
        commission, spread = (float(said[f"costs.{name}_basis_points"]) for name in ("commission", "spread"))
    except KeyError:
        return math.nan
    return BASIS_POINT * (commission + spread / 2.0)
