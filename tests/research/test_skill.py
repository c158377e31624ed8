"""Who has been right, by hand; and in simulation the weights find out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.history import Facts, MemoryHistory, closes_known_at
from bursar.domain.views import View
from bursar.errors import InputError
from bursar.ports import Panel
from bursar.research.record import Record
from bursar.research.skill import (
    CREDIT,
    Standing,
    Vote,
    calibrated,
    calibrations,
    rank_correlation,
    scorecards,
    settle,
    standings,
)
from tests.research.markets import view

FIRST = date(2000, 1, 3)


def vote(
    expected: float,
    realized: float,
    *,
    analyst: str = "a",
    symbol: str = "X",
    day: int = 0,
    confidence: float = 0.6,
    horizon_days: int = 1,
) -> Vote:
    return Vote(
        analyst=analyst,
        symbol=symbol,
        day=FIRST + timedelta(days=day),
        horizon_days=horizon_days,
        confidence=confidence,
        expected=expected,
        realized=realized,
    )


# ---------------------------------------------------------------- settling

DATES = np.arange("2022-01-01", "2022-01-11", dtype="datetime64[D]")
CLOSES = Panel(DATES, ("ACME",), np.array([[100.0], [110.0], [121.0], [100.0], [100.0], *[[100.0]] * 5]))


def formed(day: int, expected: float = 0.01, horizon: int = 2, symbol: str = "ACME") -> View:
    at = datetime(2022, 1, day, 14, 30, tzinfo=UTC)
    return replace(view(symbol, expected), known_at=at, horizon_days=horizon)


def test_a_view_is_settled_from_the_close_before_its_day() -> None:
    # Formed on the 2nd: from the close of the 1st, 100, two sessions on to the 3rd, 121.
    (found,) = settle([formed(2)], CLOSES)
    assert found.realized == pytest.approx(0.21)
    assert (found.day, found.confidence, found.right) == (date(2022, 1, 2), 0.6, True)


def test_a_morning_in_sydney_is_settled_from_the_close_before_it_and_not_from_one_that_was_over() -> None:
    # 09:00 of the 3rd in Sydney is 22:00 of the 2nd in UTC. The close of the 2nd, 110, is known by then: two sessions
    # on stands 100. From the close of the 1st it would be +21 %, of which 10 % had been made when it was formed.
    morning = replace(formed(2), known_at=datetime(2022, 1, 2, 22, 0, tzinfo=UTC))
    (found,) = settle([morning], CLOSES, zone=ZoneInfo("Australia/Sydney"))
    assert found.realized == pytest.approx(100 / 110 - 1)
    assert found.day == date(2022, 1, 3)


def test_a_record_settles_by_the_days_of_its_exchange() -> None:
    sydney, kept = ZoneInfo("Australia/Sydney"), Record()
    morning = replace(formed(2), known_at=datetime(2022, 1, 2, 22, 0, tzinfo=UTC))
    kept.note(morning)
    known_at = closes_known_at([datetime(2022, 1, day, 6, 0, tzinfo=UTC) for day in range(1, 11)])
    history = MemoryHistory({"close": Facts(CLOSES, known_at)})
    found = kept.learned(history, ("ACME",), (morning.analyst,), datetime(2022, 1, 10, tzinfo=UTC), sydney)
    assert found.scorecards[morning.analyst].votes == 1
    assert found.scorecards[morning.analyst].hit_rate == 0.0, "from 110 to 100; by the days of UTC, from 100 to 121"


def test_cash_is_taken_off() -> None:
    (found,) = settle([formed(2)], CLOSES, cash_rate=0.0252)
    assert found.realized == pytest.approx(0.21 - 0.0002)  # 2 of 252 days


def test_what_cannot_be_settled_waits() -> None:
    late, early, unknown = formed(10), formed(1), formed(2, symbol="OTHER")
    assert settle([late, early, unknown, formed(2, expected=0.0)], CLOSES) == ()
    assert settle([formed(6)], CLOSES) == ()  # from 100 to 100: a return of zero has no sign
    gap = Panel(DATES, ("ACME",), np.where(DATES[:, None] == DATES[2], np.nan, CLOSES.values))
    assert settle([formed(2)], gap) == ()


@given(st.integers(0, 99))
def test_closes_after_the_horizon_change_nothing(seed: int) -> None:
    values = CLOSES.values.copy()
    values[3:] = np.random.default_rng(seed).uniform(1, 1e6, (7, 1))
    assert settle([formed(2)], Panel(DATES, ("ACME",), values)) == settle([formed(2)], CLOSES)


@pytest.mark.parametrize("field", ["expected", "realized"])
@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_a_vote_has_a_sign_and_an_outcome(field: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{field} is {value}"):
        vote(value, 1.0) if field == "expected" else vote(1.0, value)


# ---------------------------------------------------------------- scores


def test_a_scorecard_by_hand() -> None:
    votes = [
        vote(0.03, 0.01, symbol="A", confidence=0.8),
        vote(0.02, 0.02, symbol="B", confidence=0.6),
        vote(0.01, -0.03, symbol="C", confidence=0.7),
        vote(-0.01, -0.01, day=1, confidence=0.5),
    ]
    (card,) = scorecards(votes).values()
    assert (card.analyst, card.votes, card.hit_rate) == ("a", 4, 0.75)
    # (0.2^2 + 0.4^2 + 0.7^2 + 0.5^2) / 4 = (0.04 + 0.16 + 0.49 + 0.25) / 4
    assert card.brier == pytest.approx(0.235)
    # Ranks 3, 2, 1 against 2, 3, 1: 1 - 6 * (1 + 1 + 0) / (3 * 8) = 0.5; the second day has one symbol only.
    assert card.rank_ic == pytest.approx(0.5)
    assert card.rank_days == 1


def test_without_a_day_of_three_symbols_there_is_no_rank() -> None:
    card = scorecards([vote(0.01, 0.02)])["a"]
    assert math.isnan(card.rank_ic)
    assert card.rank_days == 0
    level = [vote(0.01, 0.02 + i, symbol=str(i)) for i in range(3)]
    assert math.isnan(scorecards(level)["a"].rank_ic)


def test_rank_correlation_shares_ranks_among_equals() -> None:
    # Ranks 1.5, 1.5, 3 against 1, 2, 3: covariance 0.75, deviations sqrt(0.75) and 1.
    assert rank_correlation((5.0, 5.0, 9.0), (1.0, 2.0, 3.0)) == pytest.approx(0.75 / math.sqrt(0.75))
    assert rank_correlation((1.0, 10.0, 100.0), (3.0, 2.0, 1.0)) == pytest.approx(-1.0)


# ---------------------------------------------------------------- calibration


def stated(analyst: str, confidence: float, right: int, wrong: int) -> list[Vote]:
    return [
        vote(0.01, 0.01 if i < right else -0.01, analyst=analyst, day=i, confidence=confidence)
        for i in range(right + wrong)
    ]


def test_confidence_is_corrected_by_what_came_true() -> None:
    # 90 % came true 60 times of 100, and 60 % came true 50 times of 100.
    maps = calibrations([*stated("bold", 0.9, 60, 40), *stated("bold", 0.6, 50, 50)])
    assert calibrated(0.9, maps["bold"]) == pytest.approx(0.60, abs=0.01)
    assert calibrated(0.6, maps["bold"]) == pytest.approx(0.50, abs=0.01)


def test_few_votes_or_one_kind_of_outcome_correct_nothing() -> None:
    assert calibrations(stated("new", 0.9, 100, 99)) == {}
    assert calibrations(stated("lucky", 0.9, 300, 0)) == {}
    assert calibrated(0.7, None) == 0.7
    assert calibrated(0.4, None) == 0.5


def test_one_who_is_wrong_is_not_believed_in_reverse() -> None:
    maps = calibrations([*stated("wrong", 0.9, 30, 170), *stated("wrong", 0.6, 40, 60)])
    assert calibrated(0.9, maps["wrong"]) == 0.5


def test_planted_probabilities_are_recovered_within_the_binomial_band() -> None:
    # True odds are half of the stated log odds: 0.8 comes true 2 times in 3. 4000 votes: an error of 0.0075.
    chance = np.random.default_rng(5)
    confidences = chance.choice([0.6, 0.7, 0.8, 0.9], 4000)
    true = 1.0 / (1.0 + np.sqrt((1.0 - confidences) / confidences))
    right = chance.random(4000) < true
    votes = [
        vote(0.01, 0.01 if hit else -0.01, day=i, confidence=float(c))
        for i, (c, hit) in enumerate(zip(confidences, right, strict=True))
    ]
    curve = calibrations(votes)["a"]
    for stated_at, came in ((0.6, 0.5505), (0.7, 0.6044), (0.8, 2 / 3), (0.9, 0.75)):
        assert calibrated(stated_at, curve) == pytest.approx(came, abs=0.03)


# ---------------------------------------------------------------- weights


def simulated(
    accuracy: Mapping[str, float], days: int, seed: int, copies: Mapping[str, str] | None = None
) -> list[Vote]:
    """One vote a day of each, right so often, independently; a copy votes as its original does."""
    chance = np.random.default_rng(seed)
    votes = []
    for day in range(days):
        realized = float(chance.choice([-0.01, 0.01]))
        right = {name: bool(chance.random() < often) for name, often in accuracy.items()}
        right |= {copy: right[original] for copy, original in (copies or {}).items()}
        votes += [vote(realized if hit else -realized, realized, analyst=name, day=day) for name, hit in right.items()]
    return votes


PLANTED = {"noise": 0.50, "noise too": 0.50, "some": 0.55, "best": 0.60}
SEEDS = range(30)


def weights(found: Mapping[str, Standing]) -> dict[str, float]:
    return {name: standing.weight for name, standing in found.items()}


@pytest.mark.no_cover
def test_planted_skill_leads_after_five_hundred_votes_and_is_in_order_after_a_thousand() -> None:
    led = ordered = 0
    for seed in SEEDS:
        after = weights(standings(simulated(PLANTED, 500, seed), list(PLANTED)))
        led += max(after, key=after.__getitem__) == "best"
        after = weights(standings(simulated(PLANTED, 1000, seed), list(PLANTED)))
        ordered += max(after["noise"], after["noise too"]) < after["some"] < after["best"]
    assert led >= 27  # nine of ten
    assert ordered >= 27


@pytest.mark.prove
def test_planted_skill_is_recovered_over_many_seeds(evidence: Callable[..., None]) -> None:
    """Nine of ten at least, with the upper binomial band of three deviations to spare: 300 seeds, 270 less 16."""
    seeds, led, ordered, equal = 300, 0, 0, 0
    nobody = dict.fromkeys(PLANTED, 0.5)
    for seed in range(1000, 1000 + seeds):
        after = weights(standings(simulated(PLANTED, 500, seed), list(PLANTED)))
        led += max(after, key=after.__getitem__) == "best"
        after = weights(standings(simulated(PLANTED, 1000, seed), list(PLANTED)))
        ordered += max(after["noise"], after["noise too"]) < after["some"] < after["best"]
        after = weights(standings(simulated(nobody, 1000, seed), list(nobody)))
        equal += max(abs(weight - 0.25) for weight in after.values()) < 0.15
    evidence(seeds=seeds, led_after_500=led, ordered_after_1000=ordered, equal_without_skill=equal)
    assert min(led, ordered, equal) >= 254


def farthest(days: int) -> float:
    """How far the weights of four without skill lie from one quarter, on average over the seeds."""
    nobody = dict.fromkeys(PLANTED, 0.5)
    found = [weights(standings(simulated(nobody, days, seed), list(nobody))) for seed in SEEDS]
    return float(np.mean([max(abs(weight - 0.25) for weight in each.values()) for each in found]))


@pytest.mark.no_cover
def test_without_skill_the_weights_converge_to_equal() -> None:
    assert farthest(1000) < farthest(100)
    assert farthest(1000) < 0.06


def test_a_copy_and_its_original_share_one_vote() -> None:
    votes = simulated({"a": 0.55, "b": 0.55}, 1000, 1, copies={"copy of a": "a"})
    found = weights(standings(votes, ["a", "b", "copy of a"]))
    alone = weights(standings([each for each in votes if each.analyst != "copy of a"], ["a", "b"]))
    assert found["a"] == pytest.approx(found["copy of a"])
    assert found["a"] + found["copy of a"] == pytest.approx(alone["a"], abs=0.06)


def test_a_copy_of_nobody_in_particular_gains_nothing_either() -> None:
    votes = simulated({"a": 0.5, "b": 0.5}, 400, 3, copies={"copy of a": "a"})
    unique = {name: each.uniqueness for name, each in standings(votes, ["a", "b", "copy of a"]).items()}
    assert unique == pytest.approx({"a": 0.5, "b": 1.0, "copy of a": 0.5}, abs=0.02)


def test_before_anything_is_settled_all_are_equal() -> None:
    found = standings([], ["a", "b"])
    assert weights(found) == {"a": 0.5, "b": 0.5}
    assert math.isnan(found["a"].skill)
    assert found["a"].error == math.inf


def test_a_newcomer_counts_as_average() -> None:
    found = standings(simulated({"a": 0.6, "b": 0.6}, 1000, 1), ["a", "b", "new"])
    assert found["new"].shrunk == pytest.approx((found["a"].shrunk + found["b"].shrunk) / 2, abs=0.01)
    assert found["new"].shrunk > CREDIT


def test_one_who_is_always_wrong_keeps_a_fifth_of_the_credit() -> None:
    found = standings(simulated({"a": 0.05, "b": 0.5, "c": 0.5}, 500, 1), ["a", "b", "c"])
    assert found["a"].skill < -0.8
    assert 0.0 < found["a"].weight < 0.15


def test_skill_by_hand() -> None:
    # Three of four right, equally sure: 2 * 0.75 - 1. Each day is a block of its own.
    votes = [vote(0.01, 0.01, day=day) for day in (0, 2, 4)] + [vote(0.01, -0.01, day=6)]
    found = standings(votes, ["a"])["a"]
    assert found.skill == pytest.approx(0.5)
    # Blocks of 0.5, 0.5, 0.5 and -1.5 about the mean: (0.75 + 2.25) / 16 * 4/3 = 0.25.
    assert found.error == pytest.approx(0.5)


def test_twenty_symbols_of_one_day_are_no_twenty_votes() -> None:
    # The market rose on half of the days, and all symbols with it: right on all, or wrong on all.
    votes = [vote(0.01, 0.01 if day % 2 else -0.01, day=2 * day, symbol=str(i)) for day in range(50) for i in range(20)]
    assert standings(votes, ["a"])["a"].error == pytest.approx(1 / math.sqrt(50), rel=0.02)


def test_a_view_that_is_repeated_within_its_horizon_is_said_once() -> None:
    """Right every day for four months, about four months of one symbol: five horizons of 21 days, not 80 votes."""
    daily = [vote(0.01, 0.01, day=day, horizon_days=21) for day in range(120)]
    found = standings(daily, ["a"])["a"]
    blocks = len({int(each.day.toordinal() / (21 * 365.25 / 252)) for each in daily})
    assert blocks in (4, 5)
    assert found.error == pytest.approx(math.sqrt(0.01 / blocks))  # 1 - 0.99, the most skill that is believed


def test_three_horizons_are_too_few_to_tell_anybody_apart() -> None:
    votes = [vote(0.01, 0.01, day=day, horizon_days=21) for day in range(0, 61, 5)]
    votes += [replace(each, analyst="b", realized=-0.01) for each in votes]
    found = standings(votes, ["a", "b"])
    assert found["a"].weight == found["b"].weight == 0.5


def test_an_analyst_that_is_never_sure_has_no_skill() -> None:
    votes = [vote(0.01, 0.01, day=2 * day, confidence=0.5) for day in range(30)]
    votes += [replace(each, analyst="b", confidence=0.6) for each in votes]
    found = standings(votes, ["a", "b"])
    assert found["a"].skill == 0.0
    assert found["a"].uniqueness == 1.0


def test_weights_are_for_distinct_analysts() -> None:
    with pytest.raises(InputError, match="these are none"):
        standings([], [])
    with pytest.raises(InputError, match="distinct analysts; these are a, a"):
        standings([], ["a", "a"])


@given(st.integers(1, 5), st.integers(0, 60), st.integers(0, 99))
def test_weights_are_shares_whatever_was_voted(analysts: int, days: int, seed: int) -> None:
    names = [f"a{i}" for i in range(analysts)]
    found = standings(simulated(dict.fromkeys(names, 0.5), days, seed), names)
    assert math.fsum(each.weight for each in found.values()) == pytest.approx(1.0)
    assert all(each.weight > 0.0 for each in found.values())
