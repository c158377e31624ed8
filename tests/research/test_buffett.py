"""Moat, owner earnings and margin of safety, by hand."""

from __future__ import annotations

import math

import pytest

from bursar.adapters.memory import MemoryFundamentals
from bursar.domain.views import Abstention, View
from bursar.ports import History
from bursar.research.analysts import Analyst
from bursar.research.analysts.buffett import (
    BuffettAnalyst,
    intrinsic_value,
    owner_earnings,
    readings,
    return_on_capital,
)
from bursar.research.statements import Statements
from tests.research.companies import BILLION, ORDINARY, company, raw_closes
from tests.research.markets import counted, market, walk


def years(**changes: object) -> tuple:  # type: ignore[type-arg]  # of Year
    return Statements.of("ACME", company(**changes)).last(5)  # type: ignore[arg-type]  # the builder's words


def scores(paid: float = math.nan, **changes: object) -> dict[str, float]:
    return {reading.name: reading.score for reading in readings(years(**changes), paid * BILLION)}


def test_owner_earnings_by_hand() -> None:
    assert owner_earnings(years()[-1]) == 13 * BILLION  # 15 + 4 - 6


def test_return_on_capital_by_hand() -> None:
    # 20 * (1 - 5/20) = 15, on 60 + 30 - 10 = 80.
    assert return_on_capital(years()[-1]) == pytest.approx(15 / 80)


def test_a_loss_is_not_taxed_and_capital_below_zero_has_no_return() -> None:
    assert return_on_capital(years(net_income=-15.0, operating_income=-8.0)[-1]) == pytest.approx(math.nan, nan_ok=True)
    assert return_on_capital(years(income_tax=-1.0)[-1]) == pytest.approx(20 / 80)
    assert math.isnan(return_on_capital(years(cash=95.0)[-1]))


def test_intrinsic_value_by_hand() -> None:
    # 13 * 1.03 / (0.10 - 0.03) = 191.286
    assert intrinsic_value(13.0) == pytest.approx(191.2857, abs=1e-4)
    assert math.isnan(intrinsic_value(-1.0))


def test_readings_by_hand() -> None:
    found = scores(paid=191.2857, growth=0.0)
    assert found["returns"] == pytest.approx((0.1875 - 0.05) / 0.075 - 1.0)  # 18.75 %, between 5 % and 20 %
    assert found["moat"] == 1.0  # the margin never moved
    assert found["owner earnings"] == -1.0  # they never grew
    assert found["safety"] == pytest.approx(0.0, abs=1e-6)  # at its value there is no margin
    assert scores(growth=0.05)["owner earnings"] == 1.0  # they grew in four years of four
    assert scores(paid=191.2857 * 0.8)["safety"] == pytest.approx(0.2 * 3)  # a fifth below its value, of a third


def test_a_margin_that_swings_is_no_moat() -> None:
    # Margins of 10, 30, 10, 30 and 20 %: mean 20 %, sample deviation 10 %, half of the mean: beyond 40 %.
    swinging = {2016 + i: {"operating_income": income} for i, income in enumerate((10.0, 30.0, 10.0, 30.0))}
    assert scores(only_in=swinging)["moat"] == -1.0
    assert scores(operating_income=-1.0)["moat"] == -1.0


def test_owner_earnings_below_zero_are_never_safe() -> None:
    assert scores(paid=1.0, only_in={2020: {"net_income": -9.0}})["safety"] == -1.0
    assert scores(paid=1.0, net_income=-9.0)["safety"] == -1.0
    assert math.isnan(scores(net_income=-9.0)["safety"])


def test_growing_out_of_a_loss_counts_from_zero() -> None:
    # 2016 -9 + 4 - 6 = -11, then 13 four times: one rise.
    assert scores(only_in={2016: {"net_income": -9.0}})["owner earnings"] == -1.0
    # -11, -6, 13, 14, 15: the step from -11 to -6 is no growth, three are.
    steps = {2016: -9.0, 2017: -4.0, 2018: 15.0, 2019: 16.0, 2020: 17.0}
    found = scores(only_in={fiscal: {"net_income": income} for fiscal, income in steps.items()})
    assert found["owner earnings"] == pytest.approx(1 / 3)


def form(raw: History | None, **changes: object) -> View | Abstention:
    facts = company(**changes)  # type: ignore[arg-type]  # the builder's words
    buffett: Analyst = BuffettAnalyst(fundamentals=MemoryFundamentals(facts), raw=raw)
    (opinion,) = buffett.form(market({"ACME": walk(400)}), counted())
    return opinion


def test_a_lower_price_is_a_better_offer() -> None:
    cheap, dear = form(raw_closes({"ACME": 20.0})), form(raw_closes({"ACME": 900.0}))
    assert isinstance(cheap, View)
    assert isinstance(dear, View)
    assert cheap.analyst == "warren_buffett"
    assert cheap.expected_excess_return > dear.expected_excess_return
    assert "a margin of" in cheap.evidence[-1].statement


def test_without_a_price_the_business_alone_is_judged_and_said_so() -> None:
    view = form(None, growth=0.05)
    assert isinstance(view, View)
    assert view.evidence[-1].value is None
    assert view.evidence[-1].statement == (
        "safety cannot be told: no raw close is known, and an adjusted one is not what a share cost"
    )
    assert view.evidence[0].source == "2016 to 2020, last 10-K of 2020"


def test_four_years_are_too_few() -> None:
    assert form(None, years=4) == Abstention(
        analyst="warren_buffett", symbol="ACME", reason="needs 5 fiscal years in a row and has 4"
    )


def test_too_few_figures_are_no_opinion() -> None:
    opinion = form(None, without=["income_tax", "depreciation"])
    assert isinstance(opinion, Abstention)
    assert opinion.reason.startswith("could read 20% of what it weighs: returns cannot be told")


def test_weights_add_up_to_one() -> None:
    assert math.fsum(reading.weight for reading in readings(years(), 1.0)) == pytest.approx(1.0)
    assert set(ORDINARY) >= {"depreciation", "capital_expenditure"}
