"""Every failure on the operator's page happens here, and every property holds in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.failures import SCENARIOS, Scenario, page
from tests.simulation.schedule import DRAWN, run

PAGE = Path(__file__).parents[2] / "docs" / "failures.md"
#: How many seeds may pass until a fault has struck and its state of the line was seen.
SEEDS = 12


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[each.fault for each in SCENARIOS])
def test_the_failure_happens_and_every_property_holds(scenario: Scenario) -> None:
    for seed in range(SEEDS):
        outcome = run(seed, kinds=(scenario.fault,))
        if outcome.struck[scenario.fault] and (not scenario.line or outcome.line[scenario.line]):
            return
    raise AssertionError(f"{scenario.fault} did not show itself in {SEEDS} seeds")


def test_every_fault_that_is_drawn_is_on_the_page() -> None:
    assert {each.fault for each in SCENARIOS} == set(DRAWN)


def test_the_page_is_made_from_the_scenarios() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python scripts/failures.py"
