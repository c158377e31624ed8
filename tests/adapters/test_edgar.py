"""Company facts from the Commission's files, each from the day of its filing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bursar.adapters.vendors.edgar import TAGS, EdgarFundamentals, known_from, read_company
from bursar.domain.statements import NAMES
from bursar.errors import DataError, InputError
from bursar.ports import Fact, Fundamentals

FAR = datetime(2040, 1, 1, tzinfo=UTC)
CIK = 1234567


def row(
    value: object,
    filed: str,
    *,
    start: str | None = "2018-01-01",
    end: str = "2018-12-31",
    form: str = "10-K",
    **more: str,
) -> dict[str, Any]:
    period = {"end": end} if start is None else {"start": start, "end": end}
    return {**period, "val": value, "accn": f"a-{filed}", "fy": 2099, "fp": "FY", "form": form, "filed": filed, **more}


def company(tags: Mapping[str, object], cik: int = CIK) -> dict[str, Any]:
    """A document with these rows under their tags, in dollars unless a unit is given."""
    facts: dict[str, Any] = {}
    for tag, rows in tags.items():
        taxonomy, _, word = tag.partition(":")
        facts.setdefault(taxonomy, {})[word] = {"units": rows if isinstance(rows, dict) else {"USD": rows}}
    return {"cik": cik, "entityName": "A test", "facts": facts}


def written(folder: Path, tags: Mapping[str, object], name: str = f"CIK{CIK:010d}.json", cik: int = CIK) -> Path:
    path = folder / name
    content = json.dumps(company(tags, cik)).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def read(folder: Path, tags: Mapping[str, object]) -> tuple[Fact, ...]:
    return read_company(written(folder, tags), "ACME", CIK)


def values(facts: tuple[Fact, ...]) -> list[float]:
    return [fact.value for fact in facts]


INCOME = "us-gaap:NetIncomeLoss"


# ---------------------------------------------------------------- when it is known


def test_a_fact_is_known_from_the_midnight_that_ends_the_day_of_its_filing(tmp_path: Path) -> None:
    # New York is five hours behind UTC in winter and four in summer.
    assert known_from(date(2019, 2, 1)) == datetime(2019, 2, 2, 5, tzinfo=UTC)
    assert known_from(date(2019, 7, 1)) == datetime(2019, 7, 2, 4, tzinfo=UTC)
    files: Fundamentals = EdgarFundamentals({"ACME": written(tmp_path, {INCOME: [row(100, "2019-02-01")]})})
    moment = datetime(2019, 2, 2, 5, tzinfo=UTC)
    assert files.asof("ACME", ["net_income"], moment - timedelta(microseconds=1)) == ()
    (fact,) = files.asof("ACME", ["net_income"], moment)
    assert fact == Fact(
        symbol="ACME",
        name="net_income",
        value=100.0,
        unit="USD",
        at=date(2018, 12, 31),
        known_at=moment,
        source="SEC 10-K a-2019-02-01, filed 2019-02-01",
    )


def test_a_restatement_is_a_second_fact_from_its_own_filing(tmp_path: Path) -> None:
    rows = [row(90, "2020-02-03"), row(100, "2019-02-01")]
    files = EdgarFundamentals({"ACME": written(tmp_path, {INCOME: rows})})
    assert values(files.asof("ACME", ["net_income"], datetime(2020, 2, 3, tzinfo=UTC))) == [100.0]
    assert values(files.asof("ACME", ["net_income"], datetime(2020, 2, 5, tzinfo=UTC))) == [100.0, 90.0]


def test_what_is_filed_after_a_day_changes_nothing_that_was_known_on_it(tmp_path: Path) -> None:
    rows = [row(100, "2019-02-01"), row(110, "2020-02-03", start="2019-01-01", end="2019-12-31")]
    corrupted = [rows[0], {**rows[1], "val": -1e300}, row(7, "2021-01-01"), row(8, "2020-02-03")]
    then = datetime(2020, 2, 4, 4, 59, tzinfo=UTC)
    honest = EdgarFundamentals({"ACME": written(tmp_path, {INCOME: rows}, "honest.json")})
    other = EdgarFundamentals({"ACME": written(tmp_path, {INCOME: corrupted}, "other.json")})
    assert honest.asof("ACME", NAMES, then) == other.asof("ACME", NAMES, then) != ()


def test_a_filing_dated_before_the_end_of_its_period_is_known_at_that_end(tmp_path: Path) -> None:
    (fact,) = read(tmp_path, {INCOME: [row(100, "2018-02-01")]})
    assert fact.known_at == datetime(2019, 1, 1, 5, tzinfo=UTC)


# ---------------------------------------------------------------- what it is


def test_only_whole_fiscal_years_of_annual_reports_are_flows(tmp_path: Path) -> None:
    rows = [
        row(1, "2019-02-01", start="2018-10-01"),  # a quarter
        row(2, "2019-02-01", start="2017-07-01"),  # eighteen months
        row(3, "2019-02-01", form="10-Q"),  # twelve months to a quarter's end
        row(4, "2019-02-01", form="DEF 14A"),
        row(5, "2019-02-01", start=None),  # a level under a flow's tag
        row(53, "2019-02-01", start="2017-12-25", end="2018-12-30"),  # 53 weeks: 371 days
        row(52, "2019-02-01", start="2018-01-01", end="2018-12-29"),  # 52 weeks, less two days
    ]
    assert sorted(values(read(tmp_path, {INCOME: rows}))) == [52.0, 53.0]


def test_levels_come_from_any_report_of_accounts_and_have_no_period(tmp_path: Path) -> None:
    rows = [
        row(1, "2019-05-01", start=None, form="10-Q", end="2019-03-31"),
        row(2, "2019-05-01", form="10-Q"),
        row(3, "2019-05-01", start=None, form="S-1"),
    ]
    assert values(read(tmp_path, {"us-gaap:Assets": rows})) == [1.0]


def test_a_worse_tag_never_restates_what_a_better_one_reported(tmp_path: Path) -> None:
    better, worse = TAGS["revenue"][:2]
    facts = read(tmp_path, {better: [row(100, "2019-02-01")], worse: [row(97, "2019-02-01"), row(96, "2020-02-03")]})
    assert values(facts) == [100.0]


def test_a_worse_tag_serves_until_a_better_one_is_reported(tmp_path: Path) -> None:
    better, worse = TAGS["revenue"][:2]
    facts = read(tmp_path, {worse: [row(96, "2019-02-01")], better: [row(100, "2020-02-03")]})
    assert values(facts) == [96.0, 100.0]


def test_two_currencies_never_meet(tmp_path: Path) -> None:
    both = {"EUR": [row(90, "2019-02-01")], "USD": [row(100, "2019-02-01")]}
    assert [(fact.value, fact.unit) for fact in read(tmp_path, {INCOME: both})] == [(100.0, "USD")]
    only = {"EUR": [row(90, "2019-02-01")]}
    assert [(fact.value, fact.unit) for fact in read(tmp_path, {INCOME: only})] == [(90.0, "EUR")]


def test_facts_come_in_the_order_in_which_they_became_known(tmp_path: Path) -> None:
    facts = read(
        tmp_path,
        {
            INCOME: [row(2, "2020-02-03", start="2019-01-01", end="2019-12-31"), row(1, "2019-02-01")],
            "us-gaap:Assets": [row(3, "2019-02-01", start=None)],
        },
    )
    assert [(fact.name, fact.value) for fact in facts] == [("assets", 3.0), ("net_income", 1.0), ("net_income", 2.0)]


def test_every_name_of_the_vocabulary_has_tags() -> None:
    assert set(TAGS) == set(NAMES)


# ---------------------------------------------------------------- where it is


def test_files_are_found_by_the_companys_number_plain_or_zipped(tmp_path: Path) -> None:
    written(tmp_path, {INCOME: [row(1, "2019-02-01")]})
    written(tmp_path, {INCOME: [row(2, "2019-02-01")]}, "facts_BETA_CIK0000000042.json.gz", cik=42)
    (tmp_path / "CIK0000000042.json.txt").write_text("a note")
    files = EdgarFundamentals.in_folder(tmp_path, {"ACME": CIK, "BETA": 42, "NONE": 43})
    assert values(files.asof("ACME", ["net_income"], FAR)) == [1.0]
    assert values(files.asof("BETA", ["net_income"], FAR)) == [2.0]
    assert files.asof("NONE", ["net_income"], FAR) == files.asof("NEVER", ["net_income"], FAR) == ()


def test_a_file_is_read_once(tmp_path: Path) -> None:
    path = written(tmp_path, {INCOME: [row(1, "2019-02-01")]})
    files = EdgarFundamentals({"ACME": path})
    first = files.asof("ACME", ["net_income"], FAR)
    path.unlink()
    assert files.asof("ACME", ["net_income", "assets"], FAR) == first


def test_two_files_of_one_company_are_refused(tmp_path: Path) -> None:
    written(tmp_path, {})
    written(tmp_path, {}, f"old_CIK{CIK:010d}.json.gz")
    with pytest.raises(InputError, match="ACME has 2 files in"):
        EdgarFundamentals.in_folder(tmp_path, {"ACME": CIK})


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no folder .*nowhere"):
        EdgarFundamentals.in_folder(tmp_path / "nowhere", {})


def test_a_time_without_a_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not in UTC"):
        EdgarFundamentals({}).asof("ACME", ["net_income"], FAR.replace(tzinfo=None))


def test_another_companys_facts_are_not_read(tmp_path: Path) -> None:
    path = written(tmp_path, {INCOME: [row(1, "2019-02-01")]}, cik=99)
    with pytest.raises(DataError, match="holds company 99, and ACME is 1234567"):
        EdgarFundamentals({"ACME": path}, {"ACME": CIK}).asof("ACME", ["net_income"], FAR)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"cik": 1}', b'{"cik": "x", "facts": {}}', b"\xff\xfe"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.json is no file of company facts"):
        read_company(path, "ACME")


def test_a_file_that_was_cut_short_or_is_gone_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, {INCOME: [row(1, "2019-02-01")]}, "short.json.gz")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match="is no file of company facts"):
        read_company(path, "ACME")
    with pytest.raises(DataError, match="is no file of company facts"):
        read_company(tmp_path / "gone.json", "ACME")


@pytest.mark.parametrize(
    "wrong",
    [
        row("12", "2019-02-01"),
        row(None, "2019-02-01"),
        row(True, "2019-02-01"),
        row(float("inf"), "2019-02-01"),
        row(1, "1 Feb 2019"),
        {"val": 1, "end": "2019-12-31"},
        "a word",
    ],
)
def test_a_fact_that_cannot_be_read_is_an_error_and_never_a_guess(tmp_path: Path, wrong: object) -> None:
    with pytest.raises(DataError, match="holds a fact that cannot be read"):
        read(tmp_path, {INCOME: [wrong]})


# ---------------------------------------------------------------- two real companies


@pytest.fixture(scope="module")
def real(test_data: Path) -> EdgarFundamentals:
    return EdgarFundamentals.in_folder(test_data / "fundamentals", {"AAPL": 320193, "GOOGL": 1652044})


def income(real: EdgarFundamentals, symbol: str, end: date, known: datetime) -> list[float]:
    return [fact.value for fact in real.asof(symbol, ["net_income"], known) if fact.at == end]


def test_apples_restatement_of_2009_was_not_known_before_it_was_filed(real: EdgarFundamentals) -> None:
    # On 2010-01-25 Apple restated for new rules on revenue: net income of fiscal 2009 rose from 5.704 to 8.235 billion.
    end = date(2009, 9, 26)
    assert income(real, "AAPL", end, datetime(2010, 1, 26, 4, 59, tzinfo=UTC)) == [5.704e9]
    assert income(real, "AAPL", end, datetime(2010, 1, 26, 5, 0, tzinfo=UTC)) == [5.704e9, 8.235e9]


def test_known_results_of_two_companies(real: EdgarFundamentals) -> None:
    # Apple's and Alphabet's annual reports for 2022.
    assert income(real, "AAPL", date(2022, 9, 24), FAR)[-1] == 99.803e9
    assert income(real, "GOOGL", date(2022, 12, 31), FAR)[-1] == 59.972e9
    revenue = {fact.at: fact.value for fact in real.asof("AAPL", ["revenue"], FAR)}
    assert (revenue[date(2022, 9, 24)], revenue[date(2012, 9, 29)]) == (394.328e9, 156.508e9)


def test_fiscal_years_have_no_holes(real: EdgarFundamentals) -> None:
    for symbol in ("AAPL", "GOOGL"):
        for name in ("revenue", "net_income", "operating_income", "operating_cash_flow", "capital_expenditure"):
            ends = sorted({fact.at for fact in real.asof(symbol, [name], FAR)})
            gaps = {(later - earlier).days for earlier, later in pairwise(ends)}
            assert gaps <= {363, 364, 365, 366, 371}, (symbol, name, gaps)
