"""What every test can rely on: a home of its own, repeatable chance, and data that may be absent.

`pytest -m prove --evidence FILE` runs the large counts and writes what each of them counted. What plays the same lines
hundreds of times is marked `no_cover`: measuring it would tell nothing new, and take twice as long.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

Count = int | float | str | bool
Evidence = Callable[..., None]

# The same examples on every machine and in every run: a failure that comes and goes teaches nobody.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
# For a search by hand: HYPOTHESIS_PROFILE=search pytest ...
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--evidence", metavar="FILE", type=Path, help="write what the tests marked `prove` counted, as JSON"
    )


def pytest_configure(config: pytest.Config) -> None:
    path: Path | None = config.getoption("--evidence")
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(EvidenceFile(path), "evidence-file")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test marked `prove` that would leave no evidence."""
    for item in items:
        if item.get_closest_marker("prove") and "evidence" not in getattr(item, "fixturenames", ()):
            raise pytest.UsageError(f"{item.nodeid} is marked `prove` and must take the fixture `evidence`")


class EvidenceFile:
    """Collects each proof's outcome and counts (from all workers) and writes them when the run ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.proofs: dict[str, dict[str, object]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        counted = {name: value for name, value in report.user_properties if name.startswith("evidence:")}
        if report.when == "call" or report.outcome != "passed":
            self.proofs[report.nodeid] = {
                "outcome": report.outcome,
                "seconds": round(report.duration, 3),
                "counts": {name.removeprefix("evidence:"): value for name, value in counted.items()},
            }

    def pytest_sessionfinish(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.proofs, indent=2, sort_keys=True) + "\n")


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Iterator[Evidence]:
    """Return a function that records what a proof counted: `evidence(orders=100_000, breaches=0)`.

    A proof that passes without having counted anything fails.
    """
    properties = request.node.user_properties

    def record(**counts: Count) -> None:
        # Workers hand plain values over alone; numpy's know their plain value as ``item``.
        plain = {name: getattr(value, "item", lambda value=value: value)() for name, value in counts.items()}
        properties.extend((f"evidence:{name}", value) for name, value in plain.items())

    yield record
    if not properties:
        pytest.fail("this proof recorded no counts: call evidence(...)")


@pytest.fixture(autouse=True)
def bursar_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a BURSAR_HOME of its own, and none of the settings of whoever runs it."""
    for name in os.environ:
        if name.startswith("BURSAR_") and name != "BURSAR_TEST_DATA":
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("BURSAR_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Return the folder of optional data, or skip: its files are larger than a repository should be."""
    folder = os.environ.get("BURSAR_TEST_DATA")
    if not folder:
        pytest.skip("BURSAR_TEST_DATA names no folder with the optional test data")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"BURSAR_TEST_DATA is {folder}, and there is no such folder")
    return path
