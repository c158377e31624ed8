"""Providers in their order: one that times out, lies, knows half or contradicts another, and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from bursar.adapters.vendors.contradictions import of_statements
from bursar.adapters.vendors.providers import Fetched, fetch_prices
from bursar.adapters.vendors.quality import Trouble
from bursar.errors import BrokerError, DataError, InputError
from bursar.ports import Fact
from tests.adapters.vendors import CALENDAR, DAYS, FIRST, LAST, Told, closes

GOOD = Told("good", {"AAA": closes(), "BBB": closes(50.0)})


def fetched(*providers: Told, compared: Told | None = None) -> Fetched:
    return fetch_prices(providers, ["AAA", "BBB"], FIRST, LAST, CALENDAR, compared=compared)


def told(found: Fetched) -> list[tuple[str, bool]]:
    return [(attempt.provider, attempt.taken) for attempt in found.attempts]


def test_the_first_that_knows_everything_is_taken_and_no_other_is_asked() -> None:
    later = Told("later", GOOD.rows)
    found = fetched(replace(GOOD), later)
    assert (found.provider, told(found), later.asked) == ("good", [("good", True)], 0)
    assert found.imported.source.name == "good"
    assert found.imported.facts["close"].panel.values.shape == (len(DAYS), 2)


@pytest.mark.parametrize(
    "failure",
    [
        DataError("it did not answer within 20 s"),
        InputError("it refused us"),
        BrokerError("no gateway answers", retryable=True),
    ],
)
def test_one_that_fails_is_told_and_the_next_one_is_asked(failure: Exception) -> None:
    found = fetched(Told("slow", fails=failure), replace(GOOD))
    assert told(found) == [("slow", False), ("good", True)]
    assert str(failure) in found.attempts[0].said


def test_one_that_knows_half_gives_way_to_one_that_knows_all() -> None:
    found = fetched(Told("half", {"AAA": closes()}), replace(GOOD))
    assert told(found) == [("half", False), ("good", True)]
    assert found.attempts[0].said == "does not know BBB"


def test_where_nobody_knows_all_the_one_that_knows_most_is_taken() -> None:
    found = fetched(Told("none", {}), Told("half", {"AAA": closes()}), Told("other half", {"BBB": closes()}))
    assert told(found) == [("none", False), ("half", True), ("other half", False)]
    assert found.imported.facts["close"].panel.symbols == ("AAA",)


def test_one_that_lies_is_not_believed() -> None:
    rows = [(day, {"close": -row["close"] if number % 3 == 0 else row["close"]}) for number, (day, row) in
            enumerate(closes())]  # fmt: skip
    found = fetched(Told("liar", {"AAA": rows, "BBB": closes()}), replace(GOOD))
    assert told(found) == [("liar", False), ("good", True)]
    assert "is not believed: 7 errors in 40 rows, such as AAA 2022-01-03: close is -100" in found.attempts[0].said


def test_a_symbol_that_nobody_asked_for_is_a_lie_too() -> None:
    found = fetched(Told("odd", {"AAA": closes(), "EVIL": closes()}), replace(GOOD))
    assert "answered with EVIL, which nobody asked for" in found.attempts[0].said


def test_days_that_nobody_asked_for_are_left_out() -> None:
    rows = [*closes(), (date(2022, 3, 1), {"close": 1e9})]
    found = fetched(Told("long", {"AAA": rows, "BBB": closes()}))
    assert str(found.imported.source.last) == "2022-01-28"


def test_where_nobody_has_anything_everybody_s_reason_is_told() -> None:
    slow = Told("slow", fails=DataError("it did not answer"))
    with pytest.raises(DataError, match="slow: it did not answer; empty: the vendor empty has none of AAA, BBB"):
        fetched(slow, Told("empty", {}))


def test_a_second_opinion_that_agrees_is_told() -> None:
    found = fetched(replace(GOOD), compared=Told("second", GOOD.rows))
    assert found.attempts[-1].said == "agrees"
    assert found.imported.quality.findings == ()


def test_a_day_on_which_two_contradict_each_other_is_named_with_both() -> None:
    # The second one says 110 on the day on which the first says 100.5: 9.5 % up, and down again the day after.
    rows = [(day, {"close": 110.0} if number == 5 else row) for number, (day, row) in enumerate(closes())]
    found = fetched(replace(GOOD), compared=Told("second", {"AAA": rows, "BBB": closes(50.0)}))
    contradictions = [each for each in found.imported.quality.findings if each.trouble is Trouble.CONTRADICTION]
    assert [(each.symbol, each.first) for each in contradictions] == [("AAA", DAYS[5]), ("AAA", DAYS[6])]
    assert contradictions[0].message == "the vendor good says +0.1%, the vendor second says +9.6%"
    assert not contradictions[0].error
    assert found.attempts[-1].said == "contradicts it on 2 days"


def test_a_second_opinion_that_cannot_be_had_stops_nothing() -> None:
    found = fetched(replace(GOOD), compared=Told("second", fails=DataError("it did not answer")))
    assert found.attempts[-1].said == "could not be compared with: it did not answer"


def fact(value: float, name: str = "net_income", unit: str = "USD", known: int = 1) -> Fact:
    return Fact(
        symbol="AAA", name=name, value=value, unit=unit, at=date(2020, 12, 31),
        known_at=datetime(2021, 3, known, tzinfo=UTC), source=f"filing {known}",
    )  # fmt: skip


def test_statements_that_contradict_each_other_are_named() -> None:
    ours = [fact(100.0), fact(90.0, known=2), fact(5.0, "assets"), fact(1.0, "cash", "EUR")]
    theirs = [fact(100.0), fact(5.04, "assets"), fact(2.0, "cash"), fact(7.0, "equity")]
    # The last word of ours is 90; assets differ by less than a hundredth; cash is in two currencies.
    (found,) = of_statements(ours, theirs)
    assert found.message == "net_income is 90 by filing 2 and 100 by filing 1"
    assert (found.trouble, found.measured) == (Trouble.CONTRADICTION, -10.0)
