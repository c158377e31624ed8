"""What every registry of trials promises: all of them, in order, whole, for ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bursar.adapters.memory import MemoryRegistry
from bursar.adapters.registry import FileRegistry
from bursar.errors import InputError
from bursar.ports import Registry


def memory(_folder: Path) -> Registry:
    return MemoryRegistry()


def file(folder: Path) -> Registry:
    return FileRegistry(folder / "registry.sqlite")


@pytest.fixture(params=[memory, file], ids=lambda made: made.__name__)
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    made: Callable[[Path], Registry] = request.param
    return made(tmp_path)


def test_trials_are_numbered_and_kept_by_study_in_their_order(registry: Registry) -> None:
    numbers = [registry.record({"study": study, "x": x}) for study, x in (("s", 1), ("t", 2), ("s", 3))]
    assert numbers == [1, 2, 3]
    assert [trial["x"] for trial in registry.trials("s")] == [1, 3]
    assert registry.trials("u") == ()


def test_a_series_comes_back_to_the_last_digit(registry: Registry) -> None:
    series = np.random.default_rng(1).normal(size=500)
    registry.record({"study": "s", "returns": series})
    assert np.array_equal(registry.trials("s")[0]["returns"], series)


def test_a_trial_without_a_study_is_refused(registry: Registry) -> None:
    with pytest.raises(InputError, match="a trial names its study"):
        registry.record({"x": 1})


def test_what_was_recorded_does_not_change_with_its_maker(registry: Registry) -> None:
    trial = {"study": "s", "x": 1}
    registry.record(trial)
    trial["x"] = 2
    assert registry.trials("s")[0]["x"] == 1


# ---------------------------------------------------------------- the file


def test_a_file_is_read_again_by_whoever_opens_it(tmp_path: Path) -> None:
    FileRegistry(tmp_path / "r.sqlite").record({"study": "s", "parameters": {"fast": 50}, "returns": np.arange(3.0)})
    again = FileRegistry(tmp_path / "r.sqlite")
    (trial,) = again.trials("s")
    assert trial["parameters"] == {"fast": 50}
    assert trial["returns"].tolist() == [0.0, 1.0, 2.0]
    assert again.studies() == {"s": 1}


def test_many_at_once_lose_no_trial(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    FileRegistry(path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda x: FileRegistry(path).record({"study": "s", "x": x}), range(40)))
    assert sorted(trial["x"] for trial in FileRegistry(path).trials("s")) == list(range(40))


@pytest.mark.parametrize(
    ("trial", "says"),
    [
        ({"study": "s", "x": object()}, "a trial of s cannot be kept"),
        ({"study": "s", "x": float("nan")}, "a trial of s cannot be kept"),
        ({"study": "s", "x": np.zeros((2, 2))}, "x is an array of float64 in 2 dimensions"),
        ({"study": "s", "x": np.array(["a"])}, "x is an array of <U1"),
    ],
)
def test_what_cannot_be_kept_leaves_nothing_behind(tmp_path: Path, trial: dict[str, object], says: str) -> None:
    registry = FileRegistry(tmp_path / "r.sqlite")
    with pytest.raises(InputError, match=says):
        registry.record(trial)
    assert registry.trials("s") == ()


def test_a_registry_of_another_version_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    FileRegistry(path).record({"study": "s"})
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=9")
    connection.close()
    with pytest.raises(InputError, match="a registry of layout 9, and this Bursar reads 1"):
        FileRegistry(path)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    text, other = tmp_path / "text", tmp_path / "other.sqlite"
    text.write_text("certainly no database, and long enough to be looked at as one " * 20)
    with pytest.raises(InputError, match="does not open as a registry of trials"):
        FileRegistry(text)
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    with pytest.raises(InputError, match="is no registry of trials"):
        FileRegistry(other)
