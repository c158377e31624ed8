"""What the small ports promise, shown on their doubles in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from bursar import ports
from bursar.adapters.memory import (
    InlineWorkers,
    MemoryFundamentals,
    MemoryMarks,
    MemoryMeter,
    MemoryNews,
    MemorySignals,
    RecordedModel,
)
from bursar.domain.market import Quote
from bursar.domain.signals import Signal
from bursar.ports import Fact, Headline
from tests.samples import AT

HOUR = timedelta(hours=1)


def quote(symbol: str, bid: int) -> Quote:
    return Quote(symbol=symbol, at=AT, known_at=AT, bid=Decimal(bid), ask=Decimal(bid + 1))


def test_marks_show_the_latest_of_what_is_asked_for_and_invent_nothing() -> None:
    marks = MemoryMarks()
    marks.publish([quote("A", 1), quote("B", 2)])
    marks.publish([quote("A", 3)])
    assert marks.latest(["A", "C"]) == {"A": quote("A", 3)}


def test_workers_answer_in_the_order_of_the_items() -> None:
    assert list(InlineWorkers().map(lambda item: item * item, [3, 1, 2])) == [9, 1, 4]


def test_a_meter_counts_and_measures_by_labels() -> None:
    meter = MemoryMeter()
    meter.count("fills", account="U1")
    meter.count("fills", 2.5, account="U1")
    meter.count("fills", account="U2")
    meter.gauge("equity", Decimal("1.5"), account="U1", portfolio="main")
    meter.gauge("equity", 2, portfolio="main", account="U1")
    assert meter.counts["fills", (("account", "U1"),)] == 3.5
    assert meter.counts["fills", (("account", "U2"),)] == 1
    assert meter.levels["equity", (("account", "U1"), ("portfolio", "main"))] == 2.0


FILED = Fact(
    symbol="A",
    name="revenue",
    value=1.0,
    unit="USD",
    at=date(2021, 9, 30),
    known_at=AT,
    source="10-Q",
)


def test_a_restatement_does_not_exist_before_its_own_filing() -> None:
    restated = replace(FILED, value=2.0, known_at=AT + HOUR)
    facts = MemoryFundamentals([restated, FILED, replace(FILED, symbol="B"), replace(FILED, name="income")])
    assert facts.asof("A", ["revenue"], AT - HOUR) == ()
    assert facts.asof("A", ["revenue"], AT) == (FILED,)
    assert facts.asof("A", ["revenue"], AT + HOUR) == (FILED, restated)


def test_news_are_what_was_published_between_two_moments() -> None:
    early, late = (
        Headline(symbols=("A", "B"), text="x", source="wire", known_at=AT + delay) for delay in (0 * HOUR, HOUR)
    )
    news = MemoryNews([late, early])
    assert news.asof(["A"], AT, AT + HOUR) == (early, late)
    assert news.asof(["B"], AT, AT + HOUR / 2) == (early,)
    assert news.asof(["B"], AT + HOUR / 2, AT + HOUR) == (late,)
    assert news.asof(["C"], AT, AT + HOUR) == ()


@dataclass
class Said:
    action: str


def test_a_recorded_model_repeats_and_never_invents() -> None:
    model = RecordedModel({"known": {"action": "hold"}, "odd": {"mood": "fine"}})
    model.begin()

    def asked(prompt: str, complaint: str = "") -> ports.Answer[Said]:
        return asyncio.run(model.ask(prompt, Said, lambda _: complaint))

    assert asked("known").value == Said("hold")
    assert asked("known").cost == 0
    assert asked("unknown").value is None
    assert asked("unknown").problem == "no answer was recorded to this prompt"
    assert "is no Said" in asked("odd").problem
    refused = asked("known", "it names 7, which is not in evidence 1")
    assert (refused.value, refused.problem) == (None, "it names 7, which is not in evidence 1")


def signal(number: int, issued: datetime) -> Signal:
    return Signal(
        signal_id=str(number),
        source="desk",
        symbol="AAPL",
        horizon_days=5,
        expected_excess_return=0.01,
        confidence=0.6,
        issued=issued,
        reason="a hunch",
    )


def test_signals_are_known_from_the_moment_they_were_issued_oldest_first() -> None:
    held = MemorySignals([signal(2, AT), signal(1, AT - HOUR), signal(3, AT + HOUR)])
    assert [each.signal_id for each in held.asof(AT - HOUR, AT)] == ["1", "2"]
    assert [each.signal_id for each in held.asof(AT, AT)] == ["2"]
