"""Proposals under seeded schedules of taps, faults, kills and deaths: every end is ALL, NONE or FLAGGED."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from unittest.mock import patch

import pytest

from bursar.domain.proposals import End, ProposalState
from bursar.trading import tapping
from bursar.trading.baskets import Move, Sagas, next_move
from tests.conftest import Evidence
from tests.simulation import sagas
from tests.simulation.sagas import Outcome, run
from tests.simulation.schedule import ViolatedError

#: The same lines many times over: other tests are measured, these are not.
pytestmark = pytest.mark.no_cover

#: Seeds that found a fault of the product, with what it was.
FAILED_ONCE = (
    50,  # a kill closed what a rollback meant to trade back, and the rollback waited for its room for ever
)


def played(first: int, count: int) -> Outcome:
    total = Outcome()
    for seed in range(first, first + count):
        outcome = run(seed)
        total.ends += outcome.ends
        total.troubles += outcome.troubles
        total.refused += outcome.refused
        total.loss_share_max = max(total.loss_share_max, outcome.loss_share_max)
    return total


def test_every_end_is_all_none_or_flagged_and_no_rollback_costs_more_than_was_shown() -> None:
    total = played(40, 14)
    assert total.ends["all"] > 5
    assert total.ends["none"] > 1
    assert total.ends["flagged"] >= 1
    assert total.refused > 5, "some taps came twice, late, or after prices had moved"
    assert total.troubles["kill"] > 1
    assert 0.0 < total.loss_share_max <= 1.0


@pytest.mark.parametrize("seed", FAILED_ONCE)
def test_a_seed_that_failed_once_holds(seed: int) -> None:
    assert run(seed).ends["flagged"] == 1


def test_a_seed_replays_exactly() -> None:
    assert run(38) == run(38)


def gives_up(*arguments: object) -> Move:
    """Ends where it should go back."""
    move = next_move(*arguments)  # type: ignore[arg-type]  # handed on
    return Move(end=(ProposalState.FAILED, End.NONE, "tired")) if move.compensates else move


def calls_it_all(*arguments: object) -> Move:
    """Takes the first leg for all of it."""
    move = next_move(*arguments)  # type: ignore[arg-type]  # handed on
    late = move.send is not None and move.send[0] > 0 and not move.compensates
    return Move(end=(ProposalState.COMPLETED, End.ALL, "enough")) if late else move


@pytest.mark.parametrize("bug", [gives_up, calls_it_all])
def test_a_planted_bug_is_found(bug: Callable[..., Move]) -> None:
    with patch.object(tapping, "next_move", bug), pytest.raises(ViolatedError, match="is in the book"):
        played(2, 12)


def test_a_loss_that_is_told_wrong_is_found() -> None:
    with patch.object(Sagas, "loss", lambda self, saga: 0), pytest.raises(ViolatedError, match="executions say"):
        played(2, 12)


@pytest.mark.prove
def test_two_thousand_schedules_of_taps(evidence: Evidence) -> None:
    total = played(10_000, 2_000)
    assert set(total.ends) == {end.value for end in End}
    evidence(
        proposals=total.ends.total(),
        ends=dict(Counter(total.ends)),
        troubles=total.troubles.total(),
        taps_refused=total.refused,
        loss_of_what_was_shown_at_most=round(total.loss_share_max, 3),
        stages=len(sagas.FIRST_DAYS),
    )
