"""What two fiscal years say, by hand."""

from __future__ import annotations

import math

import pytest

from bursar.adapters.memory import MemoryFundamentals
from bursar.domain.views import Abstention, View
from bursar.research.analysts import Analyst
from bursar.research.analysts.fundamentals import FundamentalsAnalyst, readings
from bursar.research.statements import Statements
from tests.builders import OPEN
from tests.research.companies import ORDINARY, company
from tests.research.markets import counted, market, walk


def analyst(*companies: tuple[object, ...]) -> Analyst:
    return FundamentalsAnalyst(fundamentals=MemoryFundamentals(fact for each in companies for fact in each))  # type: ignore[misc]  # facts, as the builder returns them


def scores(**changes: object) -> dict[str, float]:
    years = Statements.of("ACME", company(years=2, **changes)).years  # type: ignore[arg-type]  # the builder's words
    return {reading.name: reading.score for reading in readings(*years)}


def test_readings_by_hand() -> None:
    # 2019: revenue 80, income 12, assets 150. 2020: the ordinary year.
    found = scores(only_in={2019: {"revenue": 80.0, "net_income": 12.0}})
    assert found == pytest.approx(
        {
            "profitability": 0.5,  # 15/150 = 10 %: three quarters of the way from -5 % to 15 %
            "margin": 0.0,  # 12/80 = 15 % and 15/100 = 15 %
            "revenue growth": 1.0,  # 25 %
            "income growth": 0.4,  # (15 - 12)/150 = 2 % of 5 %
            "leverage": 0.0,  # 90/150 = 60 %, between 90 % and 30 %
            "liquidity": 0.0,  # 50/40 = 1.25, between 0.5 and 2
            "cash conversion": 0.2,  # (15 - 18)/150 = -2 % of -10 %
        }
    )


@pytest.mark.parametrize(
    ("name", "worse"),
    [
        ("profitability", {"net_income": 5.0}),
        ("margin", {"only_in": {2019: {"net_income": 18.0}}}),
        ("revenue growth", {"growth": -0.1}),
        ("income growth", {"only_in": {2019: {"net_income": 18.0}}}),
        ("leverage", {"liabilities": 120.0}),
        ("liquidity", {"current_liabilities": 50.0}),
        ("cash conversion", {"operating_cash_flow": 10.0}),
    ],
)
def test_each_reading_falls_when_its_figure_worsens(name: str, worse: dict[str, object]) -> None:
    assert scores(**worse)[name] < scores()[name]


def test_a_loss_after_a_loss_is_read_as_well() -> None:
    found = scores(net_income=-5.0, only_in={2019: {"net_income": -10.0}})
    assert found["income growth"] == pytest.approx(5 / 150 / 0.05)
    assert found["profitability"] == pytest.approx((-5 / 150 + 0.05) / 0.10 - 1.0)


def test_the_view_names_its_filing_and_says_what_was_not_reported() -> None:
    (view,) = analyst(company(without=["current_liabilities"])).form(market({"ACME": walk()}), counted())
    assert isinstance(view, View)
    assert (view.analyst, view.horizon_days, view.known_at) == ("fundamentals", 63, OPEN)
    assert {each.source for each in view.evidence} == {"10-K of 2020"}
    assert "net income is 10.0% of assets" in [each.statement for each in view.evidence]
    assert "liquidity cannot be told: its figures were not reported" in [each.statement for each in view.evidence]


def test_a_company_without_statements_is_abstained_on_and_others_are_not() -> None:
    opinions = analyst(company("B")).form(market({"A": walk(), "B": walk(seed=2)}), counted())
    assert opinions[0] == Abstention(analyst="fundamentals", symbol="A", reason="no annual statement of it is known")
    assert isinstance(opinions[1], View)


def test_one_year_alone_is_no_course() -> None:
    (opinion,) = analyst(company(years=1)).form(market({"ACME": walk()}), counted())
    assert isinstance(opinion, Abstention)
    assert opinion.reason == "needs 2 fiscal years in a row and has 1"


def test_a_balance_without_figures_is_too_little() -> None:
    (opinion,) = analyst(company(without=set(ORDINARY) - {"net_income", "revenue"})).form(
        market({"ACME": walk()}), counted()
    )
    assert isinstance(opinion, Abstention)
    assert opinion.reason.startswith("could read 25% of what it weighs: profitability cannot be told")


def test_weights_add_up_to_one() -> None:
    years = Statements.of("ACME", company(years=2)).years
    assert math.fsum(reading.weight for reading in readings(*years)) == pytest.approx(1.0)
