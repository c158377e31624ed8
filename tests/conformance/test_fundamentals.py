"""What every source of company statements promises."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bursar.adapters.memory import MemoryFundamentals
from bursar.adapters.vendors.edgar import TAGS, EdgarFundamentals, known_from
from bursar.adapters.vendors.kept import read_facts, write_facts
from bursar.ports import Fact, Fundamentals

#: Name, value, end of the fiscal year, day of filing: 2018 is restated with the report of 2019.
Filed = tuple[str, float, date, date]
FILED: tuple[Filed, ...] = (
    ("net_income", 100.0, date(2018, 12, 31), date(2019, 2, 1)),
    ("assets", 900.0, date(2018, 12, 31), date(2019, 2, 1)),
    ("net_income", 90.0, date(2018, 12, 31), date(2020, 2, 3)),
    ("net_income", 120.0, date(2019, 12, 31), date(2020, 2, 3)),
)
NAMES = ("net_income", "assets")
FAR = datetime(2040, 1, 1, tzinfo=UTC)

Make = Callable[[Sequence[Filed]], Fundamentals]


def in_memory(filed: Sequence[Filed]) -> Fundamentals:
    return MemoryFundamentals(
        Fact(symbol="ACME", name=name, value=value, unit="USD", at=end, known_at=known_from(day), source="a filing")
        for name, value, end, day in filed
    )


def kept(folder: Path, filed: Sequence[Filed]) -> Fundamentals:
    facts = (
        Fact(symbol="ACME", name=name, value=value, unit="USD", at=end, known_at=known_from(day), source="a filing")
        for name, value, end, day in filed
    )
    write_facts(folder / "kept.parquet", facts)
    return read_facts(folder / "kept.parquet")


def on_disk(folder: Path, filed: Sequence[Filed]) -> Fundamentals:
    tags: dict[str, list[dict[str, object]]] = {}
    for name, value, end, day in filed:
        row: dict[str, object] = {"end": str(end), "val": value, "accn": str(day), "form": "10-K", "filed": str(day)}
        if name == "net_income":
            row["start"] = f"{end.year}-01-01"
        tags.setdefault(TAGS[name][0].partition(":")[2], []).append(row)
    facts = {"us-gaap": {tag: {"units": {"USD": rows}} for tag, rows in tags.items()}}
    path = folder / "CIK0000000001.json"
    path.write_text(json.dumps({"cik": 1, "entityName": "Acme", "facts": facts}))
    return EdgarFundamentals({"ACME": path})


@pytest.fixture(params=["memory", "edgar", "kept"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Return a function from filings to a source that holds them."""
    if request.param == "memory":
        return in_memory
    write = on_disk if request.param == "edgar" else kept
    return lambda filed: write(tmp_path, filed)


def told(facts: Sequence[Fact]) -> list[tuple[str, float, date]]:
    return [(fact.name, fact.value, fact.at) for fact in facts]


def test_a_fact_is_there_from_its_filing(make: Make) -> None:
    source, filing = make(FILED), known_from(date(2019, 2, 1))
    assert source.asof("ACME", NAMES, filing - timedelta(microseconds=1)) == ()
    assert sorted(told(source.asof("ACME", NAMES, filing))) == [
        ("assets", 900.0, date(2018, 12, 31)),
        ("net_income", 100.0, date(2018, 12, 31)),
    ]


def test_a_restatement_stands_beside_what_it_restates_in_the_order_of_filing(make: Make) -> None:
    facts = make(FILED).asof("ACME", ["net_income"], FAR)
    assert [fact.value for fact in facts] == [100.0, 90.0, 120.0]
    assert [fact.known_at for fact in facts] == sorted(fact.known_at for fact in facts)


def test_only_what_is_asked_for_is_given(make: Make) -> None:
    source = make(FILED)
    assert {fact.name for fact in source.asof("ACME", ["assets"], FAR)} == {"assets"}
    assert source.asof("ACME", [], FAR) == source.asof("ACME", ["unheard of"], FAR) == ()


def test_an_unknown_company_has_no_facts(make: Make) -> None:
    assert make(FILED).asof("OTHER", NAMES, FAR) == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(day=st.dates(date(2019, 1, 1), date(2020, 12, 31)), value=st.floats(-1e15, 1e15))
def test_filings_of_the_future_corrupted_change_nothing_before(make: Make, day: date, value: float) -> None:
    known_at = datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)
    honest = make(FILED).asof("ACME", NAMES, known_at)
    later = [
        (n, value, end, filed) if known_from(filed) > known_at else (n, v, end, filed) for n, v, end, filed in FILED
    ]
    assert make(later).asof("ACME", NAMES, known_at) == honest
