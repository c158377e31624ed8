"""The folder that facts are kept in, and what becomes of it when it is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bursar.adapters import history
from bursar.adapters.history import MANIFEST, Facts, MemoryHistory, ParquetHistory, read_manifest, write_history
from bursar.errors import DataError, InputError
from bursar.ports import Panel
from tests.conformance.test_history import CLOSES_AT, DAYS, SYMBOLS, VALUES, at, facts


def write(folder: Path) -> ParquetHistory:
    write_history(folder, {"close": facts(VALUES)}, source="a test", lacks=frozenset({"volume"}), made_from={"a": "b"})
    return ParquetHistory(folder)


def test_a_folder_tells_what_it_was_made_from(tmp_path: Path) -> None:
    told = write(tmp_path).manifest
    assert told == read_manifest(tmp_path)
    assert (told.source, told.made_from) == ("a test", {"a": "b"})
    assert told.files["close"].rows == 10


def test_a_folder_without_a_manifest_is_a_conversion_that_did_not_finish(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(InputError, match="holds no converted facts; run make setup"):
        ParquetHistory(tmp_path)


def test_writing_again_leaves_nothing_of_the_last_time(tmp_path: Path) -> None:
    write(tmp_path)
    write_history(tmp_path, {"close": facts(VALUES + 1)}, source="newer", lacks=frozenset(), made_from={})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["close.parquet", MANIFEST]
    assert ParquetHistory(tmp_path).asof(["AAPL"], "close", at(31, 0)).values[0, 0] == 101.0


def test_a_conversion_that_was_cut_off_is_not_taken_for_a_finished_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)

    def full(path: Path, facts: Facts) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(history, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path)
    with pytest.raises(InputError, match="holds no converted facts"):
        ParquetHistory(tmp_path)


def test_an_edited_file_is_named_with_both_hashes(tmp_path: Path) -> None:
    stored = write(tmp_path)
    path = tmp_path / "close.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(
        InputError, match=r"close\.parquet is damaged: its SHA-256 should be [0-9a-f]{64} and is [0-9a-f]"
    ):
        stored.asof(SYMBOLS, "close", at(31, 0))


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    stored = write(tmp_path)
    (tmp_path / "close.parquet").unlink()
    with pytest.raises(
        InputError, match=r"close\.parquet is damaged.*is no file; delete its folder and run make setup"
    ):
        stored.asof(SYMBOLS, "close", at(31, 0))


def test_a_manifest_that_counts_other_rows_is_not_believed(tmp_path: Path) -> None:
    write(tmp_path)
    told = json.loads((tmp_path / MANIFEST).read_text())
    told["files"]["close"]["rows"] = 11
    (tmp_path / MANIFEST).write_text(json.dumps(told))
    with pytest.raises(InputError, match="has 10 rows, its manifest says 11"):
        ParquetHistory(tmp_path).asof(SYMBOLS, "close", at(31, 0))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 1, "files": 3}', "\x00"])
def test_a_manifest_that_does_not_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json does not read"):
        read_manifest(tmp_path)


def test_a_folder_of_another_format_asks_for_a_new_conversion(tmp_path: Path) -> None:
    write(tmp_path)
    told = json.loads((tmp_path / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps(told | {"format": 99}))
    with pytest.raises(InputError, match="has format 99, this Bursar reads 1"):
        read_manifest(tmp_path)


def test_a_file_is_read_once(tmp_path: Path) -> None:
    stored = write(tmp_path)
    first = stored.facts("close")
    (tmp_path / "close.parquet").unlink()
    assert stored.facts("close") is first


def test_a_field_that_was_never_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a test has no 'open'; it has close"):
        write(tmp_path).facts("open")


def test_facts_need_an_instant_for_each_day() -> None:
    with pytest.raises(InputError, match="10 days of facts have 9 instants"):
        Facts(Panel(DAYS, SYMBOLS, VALUES), CLOSES_AT[:-1])


def test_days_must_rise() -> None:
    twice = DAYS.copy()
    twice[1] = twice[0]
    with pytest.raises(InputError, match="must rise"):
        Facts(Panel(twice, SYMBOLS, VALUES), CLOSES_AT)


def test_a_later_day_known_earlier_is_refused_because_the_cut_would_be_wrong() -> None:
    odd = CLOSES_AT.copy()
    odd[5] = odd[3] - np.timedelta64(1, "s")
    with pytest.raises(InputError, match="another order"):
        Facts(Panel(DAYS, SYMBOLS, VALUES), odd)


def test_a_history_cannot_have_what_it_lacks() -> None:
    with pytest.raises(InputError, match="cannot both have and lack close"):
        MemoryHistory({"close": facts(VALUES)}, frozenset({"close"}))


def test_an_empty_history_says_that_it_has_nothing() -> None:
    with pytest.raises(DataError, match="memory has no 'close'; it has nothing"):
        MemoryHistory({}).asof(["AAPL"], "close", at(31, 0))
