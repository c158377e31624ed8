"""What would break a thesis, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bursar.adapters.memory import MemoryFundamentals
from bursar.domain.views import Abstention, View
from bursar.quant.arrays import FloatArray
from bursar.research.analysts import Analyst
from bursar.research.analysts.dissenter import Dissenter, thesis
from bursar.research.analysts.technical import TechnicalAnalyst
from bursar.trading.view import MarketView
from tests.builders import OPEN
from tests.research.companies import company
from tests.research.markets import counted, market, view, walk

BULLS = tuple(view("ACME", 0.01, 0.7, analyst) for analyst in ("technical", "valuation", "sentiment"))
BEARS = tuple(view("ACME", -0.01, 0.7, analyst) for analyst in ("technical", "valuation", "sentiment"))
LEVERED = MemoryFundamentals(company(liabilities=142.5))  # 95 % of 150
SOLID = MemoryFundamentals(company(liabilities=30.0))  # 20 %


def doubt(
    heard: tuple[View, ...], closes: FloatArray, fundamentals: MemoryFundamentals | None = None
) -> View | Abstention:
    seen = market({"ACME": closes})
    (opinion,) = Dissenter(fundamentals=fundamentals).doubt(seen, heard, counted())
    return opinion


def dangers(opinion: View | Abstention) -> dict[str, float | None]:
    assert isinstance(opinion, View), opinion
    names = ("drawdown", "crowding", "jumps", "unanimity", "leverage")
    return {name: each.value for name, each in zip(names, opinion.evidence, strict=True)}


def fallen() -> FloatArray:
    """A year that ends 50 % below its high, and quietly."""
    return np.concatenate([walk(100, seed=3), np.linspace(100.0, 200.0, 100), np.linspace(200.0, 100.0, 100)])


def test_the_thesis_is_where_confidence_points() -> None:
    # 0.2 up and 0.1 down: up.
    assert thesis([view("A", 0.01, 0.7), view("A", -0.09, 0.6)]) == 1
    assert thesis([view("A", 0.01, 0.6), view("A", -0.01, 0.7)]) == -1
    assert thesis([view("A", 0.01, 0.6), view("A", -0.01, 0.6)]) == 0
    assert thesis([view("A", 0.01, 0.5), view("A", 0.0, 0.9)]) == 0
    assert thesis([]) == 0


@pytest.mark.parametrize("heard", [BULLS, BEARS])
def test_it_always_speaks_against_the_thesis(heard: tuple[View, ...]) -> None:
    closes = fallen() if heard is BULLS else 1e4 / fallen()
    found = doubt(heard, closes, LEVERED if heard is BULLS else SOLID)
    assert isinstance(found, View)
    assert math.copysign(1.0, found.expected_excess_return) == -thesis(heard)
    assert (found.analyst, found.horizon_days, found.known_at) == ("dissenter", 21, OPEN)


def test_what_it_found_by_hand() -> None:
    closes = fallen()
    found = dangers(doubt(BULLS, closes, LEVERED))
    assert found["drawdown"] == pytest.approx(0.5)  # 100 of 200
    assert found["crowding"] == pytest.approx(closes[-1] / closes[-253] - 1.0)
    returns = closes[-63:] / closes[-64:-1] - 1.0
    assert found["jumps"] == pytest.approx(-returns.min() / returns.std(ddof=1))
    assert found["unanimity"] == 3.0
    assert found["leverage"] == pytest.approx(0.95)


def score(opinion: View | Abstention, closes: FloatArray) -> float:
    assert isinstance(opinion, View), opinion
    returns = closes[-63:] / closes[-64:-1] - 1.0
    return opinion.expected_excess_return / (0.05 * float(returns.std(ddof=1)) * math.sqrt(21))


def test_each_danger_adds_its_weight() -> None:
    closes = fallen()
    full = score(doubt(BULLS, closes, LEVERED), closes)
    # Solid finances take the leverage's 0.20 away, and a voice against takes the unanimity's 0.15.
    assert score(doubt(BULLS, closes, SOLID), closes) == pytest.approx(full + 0.20)
    against = (*BULLS, view("ACME", -0.01, 0.55, "buffett"))
    assert score(doubt(against, closes, LEVERED), closes) == pytest.approx(full + 0.15)


def test_two_who_agree_are_no_crowd() -> None:
    closes = fallen()
    alone = score(doubt(BULLS[:2], closes, LEVERED), closes)
    assert alone == pytest.approx(score(doubt(BULLS, closes, LEVERED), closes) + 0.15)


def test_a_rise_that_is_paid_for_is_a_danger_to_bulls_and_none_to_bears() -> None:
    risen = walk(300, drift=0.004, swing=0.01, seed=5)
    crowded = doubt(BULLS, risen, LEVERED)
    assert isinstance(crowded, View)
    assert "the thesis may be paid for" in crowded.evidence[1].statement
    # To bears the rise is a danger of another kind: it runs from its low.
    bears = doubt(BEARS, risen, SOLID)
    assert isinstance(bears, View)
    assert "from its low of the year" in bears.evidence[0].statement
    assert "its best day" in bears.evidence[2].statement


def test_a_sound_thesis_stands() -> None:
    quiet = 100.0 + np.tile([0.0, 0.1], 150)
    opinion = doubt((BULLS[0],), quiet, SOLID)
    assert opinion == Abstention(
        analyst="dissenter", symbol="ACME", reason="the bullish thesis stands: its dangers sum to 0%, below 25%"
    )
    reason = doubt((BEARS[0],), quiet, LEVERED)
    assert isinstance(reason, Abstention)
    assert reason.reason.startswith("the bearish thesis stands")


def test_without_a_thesis_it_has_nothing_to_doubt() -> None:
    own = view("ACME", 0.01, 0.7, "dissenter")
    for heard in ((), (view("OTHER"),), (own,)):
        assert doubt(heard, fallen()) == Abstention(
            analyst="dissenter", symbol="ACME", reason="nobody has a thesis to doubt"
        )


def test_without_statements_the_leverage_is_not_told() -> None:
    opinion = doubt(BULLS, fallen())
    assert isinstance(opinion, View)
    assert opinion.evidence[-1].statement == "leverage cannot be told: no statements are at hand"
    unknown = doubt(BULLS, fallen(), MemoryFundamentals())
    assert isinstance(unknown, View)
    assert unknown.evidence[-1].statement == "leverage cannot be told: no annual statement of it is known"


def test_with_half_a_year_of_closes_too_little_is_left() -> None:
    opinion = doubt(BULLS, fallen()[-126:])
    assert isinstance(opinion, Abstention)
    assert opinion.reason.startswith("the bullish thesis stands") or opinion.reason.startswith("could read")
    levered = doubt(BULLS, fallen()[-126:], LEVERED)
    assert isinstance(levered, View)
    assert levered.evidence[0].statement == "drawdown cannot be told: needs 253 closes without a gap"


def test_asked_by_itself_it_hears_the_others_first() -> None:
    seen: MarketView = market({"UP": walk(drift=0.004), "DOWN": walk(drift=-0.004, seed=2)})
    others = (TechnicalAnalyst(),)
    alone: Analyst = Dissenter(others=others)
    heard = [each for each in others[0].form(seen, counted()) if isinstance(each, View)]
    ids = counted()
    assert alone.form(seen, ids) == Dissenter().doubt(seen, heard, counted())
    views = [each for each in alone.form(seen, counted()) if isinstance(each, View)]
    assert views
    assert views[0].view_id == "v-00000001"  # the others' views took none of the ids
