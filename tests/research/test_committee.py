"""Five steps to a verdict, by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.history import Facts, MemoryHistory
from bursar.domain.committee import Action
from bursar.domain.views import Abstention, Evidence, View
from bursar.errors import InputError
from bursar.ports import Panel
from bursar.quant.calibration import PlattMap
from bursar.research.committee import SEATS, Papers, Rules, Seat, distinct_sources, meet, turnover
from bursar.research.minutes import Minutes
from bursar.research.skill import Standing, standings
from bursar.trading.view import MarketView
from tests.builders import OPEN
from tests.research.markets import market, view, walk

THREE = (
    Seat(analyst="technical", reads=frozenset({"prices"})),
    Seat(analyst="fundamentals", reads=frozenset({"statements"})),
    Seat(analyst="sentiment", reads=frozenset({"news"})),
)
RULES = Rules(shorts=True)
SYMBOLS = ("A", "B", "C", "D")


def seen(**columns: np.ndarray) -> MarketView:
    return market(columns or {symbol: walk(seed=i) for i, symbol in enumerate(SYMBOLS)})


def unanimous(symbol: str, expected: float = 0.01, confidence: float = 0.7) -> list[View]:
    return [view(symbol, expected, confidence, seat.analyst) for seat in THREE]


def held(
    opinions: list[View | Abstention] | list[View],
    rules: Rules = RULES,
    at: MarketView | None = None,
    **papers: Mapping[str, float] | None,
) -> Minutes:
    return meet(at or seen(), opinions, Papers(**papers), rules, THREE)  # type: ignore[arg-type]  # its own words


def action(minutes: Minutes, symbol: str) -> Action:
    return minutes.verdict(symbol).action


# ---------------------------------------------------------------- what is done


@pytest.mark.parametrize(
    ("expected", "position", "done"),
    [
        (0.01, 0.0, Action.BUY),
        (0.01, 5.0, Action.HOLD),
        (0.01, -5.0, Action.COVER),
        (-0.01, 0.0, Action.SHORT),
        (-0.01, 5.0, Action.SELL),
        (-0.01, -5.0, Action.HOLD),
    ],
)
def test_what_is_done_depends_on_what_is_held(expected: float, position: float, done: Action) -> None:
    minutes = held(unanimous("A", expected), positions={"A": position})
    assert action(minutes, "A") is done
    assert {action(minutes, symbol) for symbol in "BCD"} == {Action.HOLD}


def test_a_short_position_is_not_opened_where_it_is_not_allowed_and_is_covered_all_the_same() -> None:
    rules = replace(RULES, shorts=False)
    refused = held(unanimous("A", -0.01), rules).verdict("A")
    assert refused.action is Action.HOLD
    assert refused.reason == "bearish, but not opened: short positions are not allowed"
    assert action(held(unanimous("A", 0.01), rules, positions={"A": -1.0}), "A") is Action.COVER


# ---------------------------------------------------------------- pooling


def test_three_equal_votes_pool_to_their_own_probability() -> None:
    verdict = held(unanimous("A", confidence=0.7)).verdict("A")
    assert verdict.probability == pytest.approx(0.7)
    assert (verdict.confidence, verdict.sources) == (70, 3)
    assert verdict.coverage == pytest.approx(1.0)
    assert verdict.expected_excess_return == pytest.approx(0.01)
    assert verdict.view_ids == ("v-technical-A", "v-fundamentals-A", "v-sentiment-A")


def test_the_pool_by_hand() -> None:
    # 80 % and 70 % for a rise, 60 % for a fall: odds 4, 7/3 and 2/3, the cube root of 56/9 is 1.8393.
    opinions = [
        view("A", 0.03, 0.8, "technical"),
        view("A", 0.01, 0.7, "fundamentals"),
        view("A", -0.01, 0.6, "sentiment"),
    ]
    verdict = held(opinions).verdict("A")
    odds = (56 / 9) ** (1 / 3)
    assert verdict.probability == pytest.approx(odds / (1 + odds))
    assert verdict.confidence == 65
    assert verdict.expected_excess_return == pytest.approx(0.01)  # (3 + 1 - 1) / 3 percent
    assert [voice.analyst for voice in verdict.dissent] == ["sentiment"]


def test_horizons_are_brought_together() -> None:
    opinions = [replace(each, horizon_days=63) for each in unanimous("A", 0.03)]
    assert held(opinions).verdict("A").expected_excess_return == pytest.approx(0.01)  # a third of the time


def test_weights_follow_the_standings() -> None:
    shares = {"technical": 0.6, "fundamentals": 0.2, "sentiment": 0.2}
    known = {
        name: Standing(weight=share, skill=0.0, error=0.1, shrunk=0.0, uniqueness=1.0) for name, share in shares.items()
    }
    opinions = [view("A", 0.01, 0.7, "technical"), *(view("A", -0.01, 0.7, n) for n in ("fundamentals", "sentiment"))]
    minutes = meet(seen(), opinions, Papers(standings=known), RULES, THREE)
    # 0.6 - 0.2 - 0.2 = 0.2 of the log odds of 70 %.
    assert math.log(minutes.verdict("A").probability / (1 - minutes.verdict("A").probability)) == pytest.approx(
        0.2 * math.log(7 / 3)
    )


def test_votes_are_calibrated_before_they_are_pooled() -> None:
    half = PlattMap(slope=0.5, intercept=0.0)  # half the log odds
    papers = Papers(calibrations={seat.analyst: half for seat in THREE})
    verdict = meet(seen(), unanimous("A", confidence=0.8), papers, RULES, THREE).verdict("A")
    assert verdict.probability == pytest.approx(2 / 3)  # odds 4 become 2
    assert all(voice.calibrated for voice in verdict.voices)


def test_who_is_absent_weakens_conviction() -> None:
    four = (*THREE, Seat(analyst="valuation", reads=frozenset({"market value"})))
    whole = meet(seen(), [*unanimous("A"), view("A", 0.01, 0.7, "valuation")], Papers(), RULES, four).verdict("A")
    absent = Abstention(analyst="valuation", symbol="A", reason="no statements")
    three = meet(seen(), [*unanimous("A"), absent], Papers(), RULES, four).verdict("A")
    assert whole.coverage == pytest.approx(1.0)
    assert three.coverage == pytest.approx(0.75)
    assert 0.5 < three.probability < whole.probability
    assert three.expected_excess_return < whole.expected_excess_return


def test_a_view_without_a_direction_is_a_coin() -> None:
    opinions = [*unanimous("A")[:2], view("A", 0.0, 0.9, "sentiment")]
    assert held(opinions).verdict("A").voices[2].probability == 0.5


def test_what_is_too_close_to_call_is_held() -> None:
    verdict = held(unanimous("A", confidence=0.52)).verdict("A")
    assert (verdict.action, verdict.confidence, verdict.reason) == (Action.HOLD, 52, "too close to call at 52.0%")
    coin = held(unanimous("A", confidence=0.5), replace(RULES, probability_min=0.5)).verdict("A")
    assert coin.reason == "too close to call at 50.0%"


def test_how_often_and_how_much_must_point_the_same_way() -> None:
    opinions = [
        view("A", 0.001, 0.7, "technical"),
        view("A", 0.001, 0.7, "fundamentals"),
        view("A", -0.05, 0.55, "sentiment"),
    ]
    verdict = held(opinions).verdict("A")
    assert verdict.action is Action.HOLD
    assert verdict.reason == "how often and how much point apart"


# ---------------------------------------------------------------- quorum


def test_two_sources_are_no_quorum_and_never_a_silent_hold() -> None:
    verdict = held(unanimous("A")[:2]).verdict("A")
    assert (verdict.action, verdict.confidence, verdict.probability) == (Action.HOLD, 0, 0.5)
    assert verdict.reason == "2 of 3 distinct sources"


def test_an_abstention_is_no_vote() -> None:
    opinions: list[View | Abstention] = [
        *unanimous("A")[:2],
        Abstention(analyst="sentiment", symbol="A", reason="no headline"),
    ]
    assert held(opinions).verdict("A").reason == "2 of 3 distinct sources"


def test_three_who_read_the_same_statements_are_one_source() -> None:
    same = tuple(Seat(analyst=seat.analyst, reads=frozenset({"statements"})) for seat in THREE)
    verdict = meet(seen(), unanimous("A"), Papers(), RULES, same).verdict("A")
    assert (verdict.sources, verdict.action) == (1, Action.HOLD)


@pytest.mark.parametrize(
    ("reads", "count"),
    [
        ([], 0),
        ([set()], 0),
        ([{"a"}, {"a"}], 1),
        ([{"a", "b"}, {"a"}], 2),  # the first one makes room
        ([{"a"}, {"a", "b"}, {"b", "c"}, {"c"}], 3),
        ([{"a", "b"}, {"b", "c"}, {"a"}, {"b"}], 3),
    ],
)
def test_each_source_counts_once(reads: list[set[str]], count: int) -> None:
    assert distinct_sources([frozenset(each) for each in reads]) == count


def test_the_house_reaches_a_quorum_without_news_and_the_dissenter_adds_nothing_to_it() -> None:
    reads = {seat.analyst: seat.reads for seat in SEATS}
    assert distinct_sources([reads[name] for name in ("technical", "fundamentals", "valuation", "dissenter")]) == 3
    assert distinct_sources([reads[name] for name in ("technical", "fundamentals", "dissenter")]) == 2


# ---------------------------------------------------------------- screen


def test_a_screen_without_facts_abstains_and_says_so() -> None:
    minutes = held(unanimous("A"))
    assert minutes.steps[0].summary == (
        "abstains from turnover, which the sources lack; abstains from market value, which the sources lack"
    )
    assert minutes.steps[0].kept == SYMBOLS
    assert action(minutes, "A") is Action.BUY


def test_what_is_small_illiquid_or_unknown_is_not_opened_and_can_be_ended() -> None:
    opinions = [each for symbol in "ABC" for each in unanimous(symbol)] + unanimous("D", -0.01)
    minutes = held(
        opinions,
        turnover={"A": 1e6, "B": 9e6, "C": 9e6, "D": 1.0},
        market_value={"A": 9e9, "B": 1e8, "D": 1.0},
        positions={"D": 1.0},
    )
    assert minutes.steps[0].dropped == {
        "A": "its turnover is 1.0 million",
        "D": "its turnover is 0.0 million",
        "B": "its market value is 100.0 million",
        "C": "its market value is not known",
    }
    assert [action(minutes, symbol) for symbol in SYMBOLS] == [Action.HOLD, Action.HOLD, Action.HOLD, Action.SELL]
    assert minutes.verdict("A").reason == "bullish, but not opened: screened out: its turnover is 1.0 million"


def traded(volume: list[float], lacks: frozenset[str] = frozenset()) -> MemoryHistory:
    dates = np.arange(len(volume)).astype("timedelta64[D]") + np.datetime64("2021-10-01")
    known = (dates + np.timedelta64(21, "h")).astype("datetime64[us]")
    fields = {"raw_close": np.full(len(volume), 10.0), "volume": np.array(volume)}
    facts = {name: Facts(Panel(dates, ("A",), column[:, None]), known) for name, column in fields.items()}
    return MemoryHistory({name: each for name, each in facts.items() if name not in lacks}, lacks)


def test_turnover_is_the_median_day() -> None:
    assert turnover(traded([100.0] * 40 + [1e9] * 23), ["A"], seen()) == {"A": 1000.0}
    gaps = turnover(traded([math.nan] * 40 + [5.0] * 23), ["A"], seen())
    assert gaps is not None
    assert math.isnan(gaps["A"])
    assert turnover(traded([1.0] * 63, frozenset({"volume"})), ["A"], seen()) is None


# ---------------------------------------------------------------- ranking and diversification


def test_the_best_return_for_its_risk_comes_first() -> None:
    # The same expectation at three times the volatility is a third as good.
    at = seen(CALM=walk(swing=0.01, seed=1), WILD=walk(swing=0.03, seed=2))
    minutes = held([*unanimous("WILD"), *unanimous("CALM")], replace(RULES, positions_max=1), at)
    assert minutes.steps[3].kept == ("CALM", "WILD")
    assert [action(minutes, symbol) for symbol in ("CALM", "WILD")] == [Action.BUY, Action.HOLD]
    assert minutes.verdict("WILD").reason == "bullish, but not opened: 1 positions are all that may be held"


def test_a_risk_that_cannot_be_told_is_not_taken() -> None:
    at = seen(A=walk(), FLAT=np.full(300, 5.0))
    verdict = held([*unanimous("FLAT"), *unanimous("A")], at=at).verdict("FLAT")
    assert verdict.reason == "bullish, but not opened: its risk cannot be told: its price did not move"


def test_twins_are_not_bought_twice_but_may_hedge_each_other() -> None:
    first = walk(seed=1)
    at = seen(A=first, TWIN=first * 2.0, OTHER=walk(seed=5))
    both = held([*unanimous("A", 0.02), *unanimous("TWIN"), *unanimous("OTHER")], at=at)
    assert [action(both, symbol) for symbol in ("A", "TWIN", "OTHER")] == [Action.BUY, Action.HOLD, Action.BUY]
    assert both.verdict("TWIN").reason == "bullish, but not opened: it moves with A: their correlation is 1.00"
    hedged = held([*unanimous("A", 0.02), *unanimous("TWIN", -0.01)], at=at)
    assert action(hedged, "TWIN") is Action.SHORT


def test_a_position_that_stays_counts_and_one_that_is_ended_does_not() -> None:
    first = walk(seed=1)
    at = seen(A=first, TWIN=first * 2.0)
    assert action(held(unanimous("TWIN"), at=at, positions={"A": 1.0}), "TWIN") is Action.HOLD
    switching = held([*unanimous("A", -0.01), *unanimous("TWIN")], at=at, positions={"A": 1.0})
    assert [action(switching, symbol) for symbol in ("A", "TWIN")] == [Action.SELL, Action.BUY]


def test_a_sector_that_is_full_takes_no_more() -> None:
    at = market({s: walk(seed=i) for i, s in enumerate(SYMBOLS)}, sectors=dict.fromkeys(SYMBOLS, "Energy"))
    minutes = held([each for s in SYMBOLS for each in unanimous(s)], replace(RULES, sector_positions_max=2), at)
    bought = [symbol for symbol in SYMBOLS if action(minutes, symbol) is Action.BUY]
    assert len(bought) == 2
    assert set(minutes.steps[4].dropped.values()) == {"Energy has 2 positions already"}


def test_positions_outside_the_market_count_as_well() -> None:
    minutes = held(unanimous("A"), replace(RULES, positions_max=1), positions={"ELSEWHERE": 3.0})
    assert action(minutes, "A") is Action.HOLD
    assert action(held(unanimous("A"), positions={"ELSEWHERE": 3.0}), "A") is Action.BUY


def test_beside_a_position_with_hardly_a_price_the_other_limits_decide() -> None:
    first = walk(seed=1)
    rare = np.where(np.arange(300) % 3 == 0, first, np.nan)
    assert action(held(unanimous("A"), at=seen(A=first, RARE=rare), positions={"RARE": 1.0}), "A") is Action.BUY


# ---------------------------------------------------------------- the minutes


def test_five_steps_are_visible_and_the_meeting_can_be_printed() -> None:
    opinions: list[View | Abstention] = [
        view("A", 0.01, 0.7, "technical"),
        view("A", 0.01, 0.7, "fundamentals"),
        view("A", -0.005, 0.6, "sentiment"),
        Abstention(analyst="technical", symbol="B", reason="no closes"),
    ]
    minutes = held(opinions)
    assert [step.name for step in minutes.steps] == ["Screen", "Views", "Pooling", "Ranking", "Diversification"]
    said = minutes.reasoning().splitlines()
    assert said[0] == "Committee of 2022-01-03 14:30 UTC"
    assert "2. Views: 1 of 4 symbols have 3 distinct sources" in said
    assert "   - B: 0 of 3 distinct sources" in said
    assert "A: BUY, confidence 61; bullish" in said
    assert "   expects +0.50%, coverage 100%, 3 sources" in said
    assert "   technical (33%, for): 70% for a rise, not calibrated, expects +1.00% in 21 days" in said
    assert "   sentiment (33%, against): 40% for a rise, not calibrated, expects -0.50% in 21 days" in said
    assert "      because [a test]" in said
    assert "   technical (33%, absent): abstains, no closes" in said
    assert "   sentiment (33%, absent): was not heard" in said


def test_a_calibrated_vote_is_not_called_uncalibrated() -> None:
    papers = Papers(calibrations={"technical": PlattMap(slope=1.0, intercept=0.0)})
    said = meet(seen(), unanimous("A"), papers, RULES, THREE).reasoning()
    assert "technical (33%, for): 70% for a rise, expects" in said


def test_words_from_elsewhere_cannot_control_a_terminal() -> None:
    hostile = Evidence(statement="\x1b[2Jall is well\nA: SELL, confidence 100", source="\u202efile")
    opinions = [replace(each, evidence=(hostile,)) for each in unanimous("A")]
    said = held(opinions).reasoning().splitlines()
    assert all(line.isprintable() for line in said)
    assert [line for line in said if line.startswith("A:")] == ["A: BUY, confidence 70; bullish"]


def test_a_voice_without_a_seat_is_not_heard_and_is_named() -> None:
    minutes = held([*unanimous("A"), view("A", -0.5, 1.0, "a tip")])
    assert minutes.verdict("A").probability == pytest.approx(0.7)
    assert minutes.steps[1].summary.endswith("; without a seat: a tip")


def test_the_last_word_of_an_analyst_counts() -> None:
    opinions = [*unanimous("A"), view("A", -0.01, 0.6, "technical")]
    assert [voice.analyst for voice in held(opinions).verdict("A").dissent] == ["technical"]


def test_a_universe_of_one_is_judged() -> None:
    assert action(held(unanimous("A"), at=seen(A=walk())), "A") is Action.BUY


def test_a_view_of_the_future_is_refused() -> None:
    late = replace(view("A"), known_at=OPEN + timedelta(seconds=1))
    with pytest.raises(InputError, match="technical on A is known at"):
        held([late])


def test_all_seats_need_a_standing() -> None:
    with pytest.raises(InputError, match="no standing of sentiment"):
        meet(seen(), [], Papers(standings=standings([], ["technical", "fundamentals"])), RULES, THREE)


@pytest.mark.parametrize(
    ("name", "value"),
    [("quorum", 0), ("horizon_days", 0), ("positions_max", 0), ("probability_min", 0.4), ("correlation_max", 0.0)],
)
def test_rules_that_decide_nothing_are_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=name):
        Rules(**{name: value})  # type: ignore[arg-type]  # each name with a wrong number


@given(
    st.lists(
        st.tuples(
            st.sampled_from(SYMBOLS),
            st.sampled_from([seat.analyst for seat in THREE]),
            st.floats(-0.1, 0.1),
            st.floats(0.0, 1.0),
        ),
        max_size=12,
    ),
    st.dictionaries(st.sampled_from(SYMBOLS), st.sampled_from([-1.0, 0.0, 1.0])),
    st.booleans(),
)
def test_whatever_is_said_no_action_contradicts_the_position(
    said: list[tuple[str, str, float, float]], positions: dict[str, float], shorts: bool
) -> None:
    opinions = [view(symbol, expected, sure, analyst) for symbol, analyst, expected, sure in said]
    minutes = held(opinions, replace(RULES, shorts=shorts), positions=positions)
    assert len(minutes.verdicts) == len(SYMBOLS)
    for verdict in minutes.verdicts:
        position = positions.get(verdict.symbol, 0.0)
        assert 0 <= verdict.confidence <= 100
        assert verdict.reason
        match verdict.action:
            case Action.BUY:
                assert position == 0.0
                assert verdict.direction > 0
            case Action.SHORT:
                assert position == 0.0
                assert verdict.direction < 0
                assert shorts
            case Action.SELL:
                assert position > 0.0
            case Action.COVER:
                assert position < 0.0
            case Action.HOLD:
                pass
    assert minutes == held(opinions, replace(RULES, shorts=shorts), positions=positions)
    assert minutes.reasoning()
