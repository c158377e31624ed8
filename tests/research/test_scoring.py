"""From readings to a view, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bursar.domain.views import Abstention, View
from bursar.errors import DataError
from bursar.research.analysts.scoring import (
    Reading,
    Volatilities,
    between,
    confidence,
    coverage,
    opinions,
    score,
    volatility,
)
from tests.research.markets import counted, market, walk


def reading(seen: float, weight: float, name: str = "r") -> Reading:
    return Reading(name=name, score=seen, weight=weight, statement=f"{name} said", value=seen, source="a test")


def test_what_could_not_be_read_weakens_the_score() -> None:
    # 0.6 * 1 + 0.4 * nothing; the weight of the missing one stays in the sum.
    some = (reading(1.0, 0.6), reading(math.nan, 0.4))
    assert (score(some), coverage(some)) == (0.6, 0.6)
    # 0.5 + 0.3 * 0.6 * 0.6
    assert confidence(some) == pytest.approx(0.608)


def test_confidence_counts_what_agrees() -> None:
    # Score 0.5 * 1 - 0.3 * 1 + 0.2 * 0.5 = 0.3; what agrees weighs 0.7: 0.5 + 0.3 * 0.3 * 0.7.
    assert confidence((reading(1.0, 0.5), reading(-1.0, 0.3), reading(0.5, 0.2))) == pytest.approx(0.563)
    assert confidence((reading(1.0, 0.5), reading(-1.0, 0.5))) == 0.5


def test_a_place_between_two_figures() -> None:
    assert [between(x, 0.0, 10.0) for x in (-5.0, 0.0, 5.0, 7.5, 99.0)] == [-1.0, -1.0, 0.0, 0.5, 1.0]
    assert [between(x, 0.9, 0.3) for x in (0.9, 0.6, 0.2)] == pytest.approx([-1.0, 0.0, 1.0])
    assert math.isnan(between(math.nan, 0.0, 1.0))


def test_volatility_is_of_the_last_quarter() -> None:
    # 63 returns that alternate between +1 % and -1 %: sample deviation 1.008 % a day or so, 16 % a year.
    closes = 100.0 * np.cumprod(np.concatenate([[1.0], np.tile([1.01, 0.99], 32)[:63]]))
    assert volatility(market({"A": closes}), "A") == pytest.approx(0.01 * math.sqrt(252), rel=0.01)
    assert volatility(market({"A": np.concatenate([walk(swing=0.2), closes])}), "A") == pytest.approx(0.16, abs=0.002)


@pytest.mark.parametrize(
    ("closes", "why"),
    [
        (walk(63), "needs 64 closes without a gap and has 63"),
        (np.where(np.arange(300) == 290, np.nan, walk(300)), "needs 64 closes without a gap and has 63"),
        (np.full(300, 5.0), "its price did not move"),
    ],
)
def test_a_volatility_that_cannot_be_told_is_none(closes: np.ndarray, why: str) -> None:
    with pytest.raises(DataError, match=why):
        volatility(market({"A": closes}), "A")


def test_a_symbol_in_a_table_has_the_volatility_that_it_has_alone() -> None:
    table = {"A": walk(seed=1), "B": np.where(np.arange(300) == 290, np.nan, walk(seed=2)), "C": walk(seed=3)}
    together = Volatilities.of(market(table))
    for symbol in ("A", "C"):
        assert together[symbol] == volatility(market({symbol: table[symbol]}), symbol)
        returns = np.diff(table[symbol][-64:]) / table[symbol][-64:-1]
        assert together[symbol] == pytest.approx(returns.std(ddof=1) * math.sqrt(252))
    with pytest.raises(DataError, match="has 63"):
        together["B"]


def test_a_symbol_without_closes_has_no_volatility() -> None:
    with pytest.raises(DataError, match="no closes of it"):
        volatility(market({"A": walk()}), "B")


def test_a_view_by_hand() -> None:
    seen = market({"A": walk()})
    (view,) = opinions("me", seen, counted(), horizon_days=63, read=lambda _: (reading(0.5, 1.0),))
    assert isinstance(view, View)
    # A quarter of a year swings half as much as a year, and half a score is half of that.
    assert view.expected_excess_return == pytest.approx(0.05 * volatility(seen, "A") * 0.5 * 0.5)
    assert (view.horizon_days, view.confidence, view.known_at) == (63, 0.65, seen.at)
    assert view.evidence[0].source == "a test"


def test_evidence_that_could_not_be_read_stays_visible_without_a_number() -> None:
    (view,) = opinions(
        "me",
        market({"A": walk()}),
        counted(),
        horizon_days=21,
        read=lambda _: (reading(1.0, 0.6, "seen"), reading(math.nan, 0.4, "unseen")),
    )
    assert isinstance(view, View)
    assert [(each.statement, each.value) for each in view.evidence] == [("seen said", 1.0), ("unseen said", None)]


def test_too_little_to_read_and_missing_facts_are_abstentions_without_an_id() -> None:
    def broken(symbol: str) -> tuple[Reading, ...]:
        raise DataError(f"the file of {symbol} is broken")

    def never() -> str:
        raise AssertionError("an abstention took an id")

    seen = market({"A": walk()})
    (little,) = opinions(
        "me", seen, never, horizon_days=1, read=lambda _: (reading(1.0, 0.4), reading(math.nan, 0.6, "x"))
    )
    assert little == Abstention(analyst="me", symbol="A", reason="could read 40% of what it weighs: x said")
    assert opinions("me", seen, never, horizon_days=1, read=broken) == (
        Abstention(analyst="me", symbol="A", reason="the file of A is broken"),
    )
