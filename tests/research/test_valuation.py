"""Three methods of valuing a company, by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.memory import MemoryFundamentals
from bursar.domain.views import Abstention, View
from bursar.ports import History
from bursar.research.analysts import Analyst
from bursar.research.analysts.scoring import Reading
from bursar.research.analysts.valuation import (
    Company,
    ValuationAnalyst,
    discounted_cash_flow,
    readings,
    residual_income_value,
)
from bursar.research.statements import Statements
from tests.research.companies import BILLION, company, raw_closes
from tests.research.markets import counted, market, walk


def read(paid: float, peers: tuple[float, ...] = (), **changes: object) -> dict[str, Reading]:
    years = Statements.of("ACME", company(**changes)).last(4)  # type: ignore[arg-type]  # the builder's words
    return {each.name: each for each in readings(Company(years=years, paid=paid * BILLION), peers)}


# ---------------------------------------------------------------- by hand


def test_a_cash_flow_at_the_growth_for_ever_is_gordons_formula() -> None:
    # 100 * 1.025 / (0.09 - 0.025) = 1576.92
    assert discounted_cash_flow(100.0, 0.025) == pytest.approx(102.5 / 0.065)
    assert discounted_cash_flow(100.0, 0.025, 0.10) == pytest.approx(102.5 / 0.075)


def test_two_steps_of_the_fade_by_hand() -> None:
    # Growth 12.5 % fades by a tenth of 10 points a year: 12.5, 11.5, ... 3.5 %. A rate so high that only the first
    # two years count shows them: 112.5/1001 + 112.5 * 1.115/1001^2 + ...
    value = discounted_cash_flow(100.0, 0.125, 1000.0)
    assert value == pytest.approx(112.5 / 1001 + 125.4375 / 1001**2, abs=2e-7)


@given(st.floats(-0.05, 0.15), st.floats(0.001, 0.05))
def test_more_growth_is_worth_more_and_a_higher_rate_less(rate: float, more: float) -> None:
    assert discounted_cash_flow(1.0, rate + more) > discounted_cash_flow(1.0, rate)
    assert discounted_cash_flow(1.0, rate, 0.09 + more) < discounted_cash_flow(1.0, rate)


def test_a_book_that_earns_what_is_asked_is_worth_the_book() -> None:
    assert residual_income_value(60.0, 0.09, 0.5) == pytest.approx(60.0)


def test_residual_income_by_hand_where_all_is_paid_out() -> None:
    # The book stays 100. Excess 10 %, 9 %, ... 1 % of it: sum over t of (11 - t) / 1.09^t.
    expected = 100.0 + sum((11 - t) / 1.09**t for t in range(1, 11))
    assert residual_income_value(100.0, 0.19, 1.0) == pytest.approx(expected)


def test_a_return_on_equity_beyond_thirty_percent_is_not_believed() -> None:
    assert residual_income_value(1.0, 1.5, 0.0) == residual_income_value(1.0, 0.30, 0.0)


def test_multiples_by_hand() -> None:
    # Net income 15. At 16 times it is worth 240: at 240 fair, at 120 fully bullish, at 480 fully bearish.
    assert read(240.0)["multiples"].score == pytest.approx(0.0)
    assert read(120.0)["multiples"].score == pytest.approx(1.0)
    assert read(480.0)["multiples"].score == pytest.approx(-1.0)
    assert read(240.0)["multiples"].statement == "it costs 16.0 times its income; the long mean is 16.0"


def test_five_peers_are_the_measure_and_four_are_none() -> None:
    peers = (10.0, 20.0, 32.0, 40.0, 90.0)
    assert read(480.0, peers)["multiples"].score == pytest.approx(0.0)  # the median is 32
    assert "the median of 5 others is 32.0" in read(480.0, peers)["multiples"].statement
    assert read(480.0, peers[:4])["multiples"].score == pytest.approx(-1.0)


def test_a_price_inside_the_range_counts_half() -> None:
    # No growth in revenue: 12 a year (18 - 6) from the start, growth fading from 0 to 2.5 %.
    worth = discounted_cash_flow(12.0, 0.0)
    paid = worth * 0.95
    assert read(paid)["DCF"].score == pytest.approx(0.5 * math.log(1 / 0.95) / math.log(2))
    assert read(worth / 2)["DCF"].score == pytest.approx(1.0)
    assert read(paid)["DCF"].value == pytest.approx(worth * BILLION)


def test_assumptions_and_range_are_stated() -> None:
    said = read(150.0)["DCF"].statement
    low, high = discounted_cash_flow(12.0, -0.02, 0.10), discounted_cash_flow(12.0, 0.02, 0.08)
    assert f"({low:.1f} to {high:.1f})" in said
    assert "growth fading to 2.5% and 9% asked" in said


def test_growth_is_cut_to_what_can_be_believed() -> None:
    assert read(1.0, growth=0.5)["DCF"].value == pytest.approx(discounted_cash_flow(12.0, 0.15) * BILLION, rel=1e-9)
    assert read(1.0, growth=-0.5)["DCF"].value == pytest.approx(discounted_cash_flow(12.0, -0.05) * BILLION, rel=1e-9)


def test_what_is_paid_out_leaves_the_book() -> None:
    # 6 of 15 were paid out: 40 %; return on equity 15/60.
    assert read(1.0)["residual income"].value == pytest.approx(residual_income_value(60.0, 0.25, 0.4) * BILLION)
    assert read(1.0, without=["dividends"])["residual income"].value == pytest.approx(
        residual_income_value(60.0, 0.25, 0.0) * BILLION
    )


def test_a_method_that_does_not_apply_says_so() -> None:
    found = read(100.0, net_income=-5.0, capital_expenditure=20.0, equity=-1.0)
    assert [found[name].statement for name in ("DCF", "multiples", "residual income")] == [
        "DCF does not apply: free cash flow or revenue is not known or not above zero",
        "multiples does not apply: net income is not above zero",
        "residual income does not apply: equity is not known or not above zero",
    ]


def test_a_book_that_loses_all_is_worth_next_to_nothing_and_not_less() -> None:
    assert read(100.0, net_income=-300.0)["residual income"].score == -1.0


# ---------------------------------------------------------------- views


def form(raw: History | None, *symbols: str, **changes: object) -> dict[str, View | Abstention]:
    facts = [fact for symbol in symbols for fact in company(symbol, **changes)]  # type: ignore[arg-type]  # as above
    analyst: Analyst = ValuationAnalyst(fundamentals=MemoryFundamentals(facts), raw=raw)
    seen = market({symbol: walk(400, seed=i) for i, symbol in enumerate(symbols)})
    return {opinion.symbol: opinion for opinion in analyst.form(seen, counted())}


def expected(opinion: View | Abstention) -> float:
    assert isinstance(opinion, View), opinion
    return opinion.expected_excess_return


def test_cheap_is_bullish_and_dear_bearish() -> None:
    found = form(raw_closes({"CHEAP": 20.0, "DEAR": 2000.0}), "CHEAP", "DEAR")
    assert expected(found["CHEAP"]) > 0 > expected(found["DEAR"])
    view = found["CHEAP"]
    assert isinstance(view, View)
    assert (view.analyst, view.horizon_days, len(view.evidence)) == ("valuation", 252, 3)


def test_peers_are_the_others_and_never_itself() -> None:
    # Six equal companies, five of which cost the same: the sixth is measured by them alone.
    symbols = [f"S{i}" for i in range(6)]
    found = form(raw_closes(dict.fromkeys(symbols, 900.0) | {"S0": 300.0}), *symbols)
    view = found["S0"]
    assert isinstance(view, View)
    assert "the median of 5 others" in view.evidence[1].statement


def test_without_a_price_there_is_no_valuation() -> None:
    assert form(None, "A")["A"] == Abstention(
        analyst="valuation",
        symbol="A",
        reason="no raw close is known, and an adjusted one is not what a share cost",
    )


def test_with_one_method_alone_it_abstains() -> None:
    opinion = form(raw_closes({"A": 50.0}), "A", net_income=-5.0, capital_expenditure=20.0)["A"]
    assert isinstance(opinion, Abstention)
    assert opinion.reason.startswith("could read 30% of what it weighs: DCF does not apply")


def test_three_years_are_too_few_for_a_growth() -> None:
    opinion = form(raw_closes({"A": 50.0}), "A", years=3)["A"]
    assert isinstance(opinion, Abstention)
    assert opinion.reason == "needs 4 fiscal years in a row and has 3"
