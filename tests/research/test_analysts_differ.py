"""Six analysts, not one under six names: on the same inputs no score is a function of another one.

For each ordered pair there is a change of the inputs that leaves the one exactly where it was and moves the
other. A function could not do that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import permutations

import numpy as np
import pytest

from bursar.adapters.memory import MemoryFundamentals, MemoryNews
from bursar.domain.views import View
from bursar.ports import Fact, Headline
from bursar.quant.arrays import FloatArray
from bursar.research.analysts import Analyst
from bursar.research.analysts.buffett import BuffettAnalyst
from bursar.research.analysts.dissenter import Dissenter
from bursar.research.analysts.fundamentals import FundamentalsAnalyst
from bursar.research.analysts.sentiment import SentimentAnalyst
from bursar.research.analysts.technical import TechnicalAnalyst
from bursar.research.analysts.valuation import ValuationAnalyst
from tests.builders import OPEN
from tests.research.companies import company, raw_closes
from tests.research.markets import counted, market, walk

NAMES = ("fundamentals", "valuation", "warren_buffett", "sentiment", "technical", "dissenter")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Everything that anybody reads of one company."""

    closes: FloatArray
    raw: float = 90.0
    facts: tuple[Fact, ...] = ()
    headlines: tuple[Headline, ...] = ()


def headline(text: str) -> Headline:
    return Headline(symbols=("ACME",), text=text, source="a paper", known_at=OPEN - timedelta(days=1))


def changed(**numbers: float) -> tuple[Fact, ...]:
    return company(growth=0.05, **numbers)  # type: ignore[arg-type]  # the builder's numbers, and not its other words


def scores(inputs: Inputs) -> Mapping[str, tuple[float, float]]:
    """Of each analyst the expected return and the confidence."""
    facts, raw = MemoryFundamentals(inputs.facts), raw_closes({"ACME": inputs.raw})
    voices: tuple[Analyst, ...] = (
        FundamentalsAnalyst(fundamentals=facts),
        ValuationAnalyst(fundamentals=facts, raw=raw),
        BuffettAnalyst(fundamentals=facts, raw=raw),
        SentimentAnalyst(news=MemoryNews(inputs.headlines)),
        TechnicalAnalyst(),
    )
    analysts = (*voices, Dissenter(others=voices, fundamentals=facts))
    seen = market({"ACME": inputs.closes, "REST": walk(400, seed=9)})
    found = [opinion for analyst in analysts for opinion in analyst.form(seen, counted())]
    views = [view for view in found if isinstance(view, View) and view.symbol == "ACME"]
    return {view.analyst: (view.expected_excess_return, view.confidence) for view in views}


def early(closes: FloatArray) -> FloatArray:
    """Closes with other highs before the last quarter: the same volatility, and another year."""
    other = closes.copy()
    other[-200:-80] *= 1.0 + 0.6 * np.hanning(120)
    return other


def touched(closes: FloatArray) -> FloatArray:
    """Closes of which one, half a year ago, was a little higher: an average moves, and no rank and no extreme."""
    other = closes.copy()
    other[-150] *= 1.0005
    return other


BASE = Inputs(
    closes=walk(400, drift=0.002),
    facts=changed(),
    headlines=(headline("Profit rose to a record"), headline("The company is based in Helsinki")),
)
#: What is changed, one thing at a time.
CHANGES: Mapping[str, Inputs] = {
    "good news turns bad": replace(BASE, headlines=(headline("Profit fell on weak demand"), BASE.headlines[1])),
    "good news gets better": replace(BASE, headlines=(*BASE.headlines, headline("Sales rose as well"))),
    "the share costs less": replace(BASE, raw=80.0),
    "the balance is less liquid": replace(BASE, facts=changed(current_liabilities=60.0)),
    "the debt is higher": replace(BASE, facts=changed(liabilities=120.0)),
    "depreciation is higher": replace(BASE, facts=changed(depreciation=5.5)),
    "the dividend is lower": replace(BASE, facts=changed(dividends=1.0)),
    "last year's highs were others": replace(BASE, closes=early(BASE.closes)),
    "one close was a little higher": replace(BASE, closes=touched(BASE.closes)),
    "five years ago all was smaller": replace(
        BASE, facts=tuple(f if f.at.year != 2016 else replace(f, value=f.value * 0.9) for f in BASE.facts)
    ),
}


@pytest.fixture(scope="module")
def found() -> Mapping[str, Mapping[str, tuple[float, float]]]:
    return {"as it is": scores(BASE)} | {name: scores(inputs) for name, inputs in CHANGES.items()}


def test_all_of_them_have_a_view_of_it(found: Mapping[str, Mapping[str, tuple[float, float]]]) -> None:
    for name, each in found.items():
        assert set(each) == set(NAMES), name


@pytest.mark.parametrize(("one", "other"), list(permutations(NAMES, 2)))
def test_no_score_is_a_function_of_another(
    one: str, other: str, found: Mapping[str, Mapping[str, tuple[float, float]]]
) -> None:
    base = found["as it is"]
    apart = [
        name for name, changed in found.items() if changed[one] == base[one] and changed[other][0] != base[other][0]
    ]
    assert apart, f"whatever leaves {one} where it was leaves {other} there as well"
