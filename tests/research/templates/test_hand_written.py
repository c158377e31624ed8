"""The templates decide what the code that they replaced decided.

``hand_written.json`` was recorded from the strategies that were written in Python before there were templates, on days
and holdings drawn at random from the twenty real stocks; on four hundred other days the two were equal to the bit.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from bursar.domain.views import View
from bursar.research.analysts.technical import TechnicalAnalyst
from bursar.research.strategies.shape import Shape
from bursar.research.templates import TemplateStrategy, template
from tests.real_prices import calendar
from tests.research.markets import counted, holding, sample_market

RECORDED = json.loads((Path(__file__).parent / "hand_written.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda each: str(each["day"]))
def test_a_template_decides_as_the_code_before_it(recorded: dict[str, object]) -> None:
    day = date.fromisoformat(str(recorded["day"]))
    (session,) = calendar().sessions(day, day)
    seen = sample_market(session)
    views = [view for view in TechnicalAnalyst().form(seen, counted()) if isinstance(view, View)]
    held = holding(**recorded["held"])  # type: ignore[arg-type]  # weights by symbol, as they were written
    for name, weights in recorded["decided"].items():  # type: ignore[attr-defined]  # likewise
        strategy = TemplateStrategy(template=template(name), shape=Shape())
        decided = {target.symbol: target.weight for target in strategy.decide(seen, views, held).targets}
        assert decided == pytest.approx(weights, abs=1e-12), name


def test_the_recording_shows_something_of_each() -> None:
    for name in ("confirmed_momentum", "confirmed_dips", "equal_weight"):
        assert sum(len(each["decided"][name]) for each in RECORDED) > 15, name
