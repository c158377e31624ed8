"""A day late: the same strategy, which learns of everything a session after the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bursar.domain.targets import Targets
from bursar.domain.views import View
from bursar.ports import Panel
from bursar.runtime.trials import Late
from bursar.trading.strategy import Holdings, fields_read
from bursar.trading.view import MarketView
from tests.research.markets import CASH, market, walk


@dataclass(frozen=True)
class Listening:
    """Keeps what it was shown of its volume."""

    shown: list[MarketView]
    name: str = "listening"
    reads: frozenset[str] = frozenset({"volume"})

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:  # the seam's
        self.shown.append(market)
        return Targets(strategy=self.name, targets=())


def test_who_is_late_reads_the_same_fields_and_all_of_them_a_session_later() -> None:
    stage = market({"AAA": walk(10)})
    volume = Panel(stage.closes.dates, ("AAA",), np.arange(10.0)[:, None])
    shown: list[MarketView] = []
    late = Late(Listening(shown))
    late.decide(replace(stage, facts={"volume": volume}), (), CASH)
    assert fields_read(late) == {"volume"}
    assert shown[0].closes.dates[-1] == shown[0].facts["volume"].dates[-1] == stage.closes.dates[-2]
    assert shown[0].facts["volume"].values[:, 0].tolist() == list(range(9))
