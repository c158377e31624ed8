"""Seconds are kept in the table while they are recent and in files afterwards, and are read as one series."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from bursar.adapters.store.database import connect, migrate, sqlite_url
from bursar.adapters.store.sealing import Cipher, new_key
from bursar.adapters.store.snapshots import NUMBERS, SCHEMA, Retention, Snapshot, Snapshots, hundredths, moment
from bursar.adapters.store.tables import SnapshotRow
from bursar.errors import InputError
from tests.conftest import Evidence

FIRST = date(2022, 1, 3)
ALWAYS = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def at(day: int, seconds: int = 0) -> datetime:
    return datetime(2022, 1, 3, 23, 59, 57, tzinfo=UTC) + timedelta(days=day, seconds=seconds)


def snapshot(when: datetime, portfolio: str = "main", equity: str = "100000.00") -> Snapshot:
    return Snapshot(
        portfolio=portfolio,
        at=when,
        equity=Decimal(equity),
        cash=Decimal("1500.25"),
        exposure=Decimal("98499.75"),
        day_profit=Decimal("-12.34"),
    )


@pytest.fixture
def kept(engine: Engine, tmp_path: Path) -> Snapshots:
    return Snapshots(engine, tmp_path / "snapshots", Retention(days_in_database=2, days_kept=5))


def seconds(kept: Snapshots, portfolio: str = "main") -> list[datetime]:
    return [moment(second) for second in kept.read(portfolio, *ALWAYS)["at"]]


def in_table(engine: Engine) -> set[date]:
    with engine.connect() as connection:
        return {moment(second).date() for second in connection.execute(select(SnapshotRow.at)).scalars()}


def fill(kept: Snapshots, days: int) -> list[datetime]:
    """Six seconds about each midnight, for two portfolios."""
    moments = [at(day, second) for day in range(days) for second in range(6)]
    for number, each in enumerate(moments):
        kept.record([snapshot(each, equity=f"{100_000 + number}.5"), snapshot(each, "other")])
    return moments


def test_a_snapshot_comes_back_to_the_hundredth(kept: Snapshots) -> None:
    kept.record([snapshot(at(0), equity="123456.785")])
    row = kept.read("main", at(0), at(0)).to_dicts()
    assert row == [
        {
            "portfolio": "main",
            "at": int(at(0).timestamp()),
            "equity": 12_345_679,
            "cash": 150_025,
            "exposure": 9_849_975,
            "day_profit": -1234,
        }
    ]


def test_nothing_is_read_from_nothing(kept: Snapshots) -> None:
    assert kept.read("main", *ALWAYS).schema == pl.Schema(SCHEMA)
    assert (kept.archived(), kept.archive(FIRST), kept.purge(FIRST)) == ([], [], [])
    kept.record([])


def test_a_second_is_kept_once(kept: Snapshots) -> None:
    kept.record([snapshot(at(0))])
    kept.record([snapshot(at(0), equity="1.00"), snapshot(at(0), "other")])
    assert kept.read("main", *ALWAYS)["equity"].to_list() == [10_000_000], "of two looks the first one counts"
    assert seconds(kept, "other") == [at(0)]


def test_days_that_are_over_move_into_files_and_are_read_as_one_series(kept: Snapshots, engine: Engine) -> None:
    moments = fill(kept, 4)
    before = kept.read("main", *ALWAYS)
    today = at(3, 10).date()
    assert kept.archive(today) == [FIRST, FIRST + timedelta(days=1), FIRST + timedelta(days=2)]
    assert in_table(engine) == {FIRST + timedelta(days=3), FIRST + timedelta(days=4)}
    assert kept.read("main", *ALWAYS).equals(before)
    assert seconds(kept) == seconds(kept, "other") == moments
    assert seconds(kept, "nobody") == []
    assert kept.archive(today) == [], "nothing is left to move"


@pytest.mark.parametrize(("first", "last"), [((0, 0), (3, 5)), ((1, 2), (1, 3)), ((0, 3), (2, 2)), ((3, 4), (3, 4))])
def test_any_window_is_read_across_files_and_table(
    kept: Snapshots, first: tuple[int, int], last: tuple[int, int]
) -> None:
    moments = fill(kept, 4)
    kept.archive(at(3, 10).date())
    low, high = at(*first), at(*last)
    found = [moment(second) for second in kept.read("main", low, high)["at"]]
    assert found == [each for each in moments if low <= each <= high]


def test_a_crash_between_file_and_table_shows_nothing_twice(kept: Snapshots, engine: Engine) -> None:
    moments = fill(kept, 4)
    rows = kept.read("main", *ALWAYS).filter(pl.col("at") < int(at(0, 3).timestamp()))
    kept.write_file(FIRST, rows)  # written, and then the power went
    assert seconds(kept) == moments
    kept.archive(at(3, 10).date())
    assert seconds(kept) == seconds(kept, "other") == moments, "and nobody's seconds were lost with the file"
    assert FIRST not in in_table(engine)


def test_a_late_second_joins_its_day(kept: Snapshots) -> None:
    fill(kept, 4)
    today = at(3, 10).date()
    kept.archive(today)
    late = at(0, -100)
    kept.record([snapshot(late)])
    assert late in seconds(kept)
    assert kept.archive(today) == [FIRST]
    assert seconds(kept)[0] == late


def test_half_a_file_is_no_file(kept: Snapshots, tmp_path: Path) -> None:
    moments = fill(kept, 2)
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "2022-01-03.parquet.part").write_bytes(b"half")
    assert kept.archived() == []
    kept.archive(at(5).date())
    assert seconds(kept) == moments


def test_files_are_kept_as_long_as_the_policy_says(kept: Snapshots) -> None:
    fill(kept, 9)
    today = at(8).date()
    kept.archive(today)
    assert kept.purge(today) == [FIRST, FIRST + timedelta(days=1), FIRST + timedelta(days=2)]
    assert kept.archived()[0] == FIRST + timedelta(days=3)
    assert kept.purge(today) == []
    assert seconds(kept)[0].date() == FIRST + timedelta(days=3)


@pytest.mark.parametrize(("recent", "days"), [(0, 5), (6, 5), (-1, 1)])
def test_a_policy_keeps_something(recent: int, days: int) -> None:
    with pytest.raises(InputError, match=f"stay {recent} days in the database and {days} in all"):
        Retention(days_in_database=recent, days_kept=days)


def test_with_a_key_files_do_not_open_without_it(engine: Engine, tmp_path: Path) -> None:
    cipher = Cipher.from_text(new_key())
    kept = Snapshots(engine, tmp_path / "snapshots", cipher=cipher)
    moments = fill(kept, 2)
    kept.archive(at(9).date())
    assert seconds(kept) == moments
    assert not (tmp_path / "snapshots" / "2022-01-03.parquet").read_bytes().startswith(b"PAR1")
    with pytest.raises(InputError, match=r"2022-01-03.parquet is encrypted; set store\.key_file"):
        seconds(Snapshots(engine, tmp_path / "snapshots"))


def test_files_from_before_there_was_a_key_stay_readable(engine: Engine, tmp_path: Path) -> None:
    moments = fill(Snapshots(engine, tmp_path / "snapshots"), 2)
    Snapshots(engine, tmp_path / "snapshots").archive(at(9).date())
    assert seconds(Snapshots(engine, tmp_path / "snapshots", cipher=Cipher.from_text(new_key()))) == moments


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-(10**15), 10**15)), max_size=30))
def test_a_file_gives_back_every_number(numbers: list[tuple[int, int]]) -> None:
    from tempfile import TemporaryDirectory

    rows = [(f"p{place}", second, n, -n, n // 2, 7) for second, (place, n) in enumerate(numbers)]
    table = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    with TemporaryDirectory() as folder:
        kept = Snapshots(None, Path(folder))  # type: ignore[arg-type]  # files need no database
        kept.write_file(FIRST, table)
        assert kept._read_file(FIRST).equals(table.sort("portfolio", "at"))
        for place in range(3):
            wanted = table.filter(pl.col("portfolio") == f"p{place}")
            assert kept._read_own(FIRST, f"p{place}").equals(wanted.select(NUMBERS))


def test_hundredths_round_half_away_from_zero() -> None:
    assert [hundredths(Decimal(amount)) for amount in ("0.005", "-0.005", "1.004", "12")] == [1, -1, 100, 1200]


def test_a_moment_is_in_utc() -> None:
    assert moment(0) == datetime(1970, 1, 1, tzinfo=UTC)


# ---------------------------------------------------------------- thirty days


@pytest.mark.prove
def test_thirty_days_of_seconds_of_five_portfolios_are_one_series(tmp_path: Path, evidence: Evidence) -> None:
    """Every second of day and night is written, packed by the policy, and read back in any window."""
    engine = connect(sqlite_url(tmp_path / "store.db"))
    migrate(engine)
    kept, names, days = Snapshots(engine, tmp_path / "days", Retention()), [f"p{n}" for n in range(5)], 30
    start = int(datetime(2022, 1, 1, tzinfo=UTC).timestamp())
    for day in range(days):
        for hour in range(24):
            first = start + day * 86_400 + hour * 3_600
            rows = [
                made_row(name, first + second, number) for second in range(3_600) for number, name in enumerate(names)
            ]
            kept.insert(rows)
        kept.archive(date(2022, 1, 1) + timedelta(days=day))
    gaps = wrong = read = 0
    for number, name in enumerate(names):
        series = kept.read(name, *ALWAYS)
        read += len(series)
        gaps += int((series["at"].diff().drop_nulls() != 1).sum())
        expected = [made_row(name, int(second), number)["equity"] for second in series["at"].to_list()]
        wrong += int((series["equity"] != pl.Series(expected)).sum())
    size = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) / 1e6
    engine.dispose()
    evidence(portfolios=5, days=days, rows=read, gaps=gaps, wrong=wrong, megabytes=round(size, 1))
    assert (read, gaps, wrong) == (5 * days * 86_400, 0, 0)


def made_row(name: str, second: int, number: int) -> dict[str, object]:
    """A snapshot whose figures follow from its second, without being smooth."""
    equity = 10_000_000 + second * 7_919 % 100_003 + number
    return {
        "portfolio": name,
        "at": second,
        "equity": equity,
        "cash": 5,
        "exposure": equity - 5,
        "day_profit": -second % 997,
    }
