"""Portfolios side by side: each figure by hand, and the measures against those of one portfolio alone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from bursar.errors import InputError
from bursar.quant import performance
from bursar.risk.exposure import exposure, risk_contributions
from bursar.risk.limits import RiskLimits
from bursar.risk.watch import Lines, Look, Model, limits_of, look, measures, utilization

NO = np.zeros(3, dtype=np.bool_)
PRICES = np.array([10.0, 50.0, 20.0])


def lines() -> Lines:
    """First: 10 A and 2 B for momentum, 3 C short. Second: nothing but cash. Third: 1 A whose cost nobody knows."""
    return Lines(
        portfolios=("first", "second", "third"),
        symbols=("A", "B", "C"),
        strategies=("", "momentum"),
        sectors=("energy", "tech"),
        currencies=("USD", "USD", "USD"),
        priced_in=("USD", "USD", "USD"),
        owner=np.array([0, 0, 0, 2]),
        asset=np.array([0, 1, 2, 0]),
        strategy=np.array([1, 1, 0, 0]),
        sector=np.array([1, 0, 1]),
        quantity=np.array([10.0, 2.0, -3.0, 1.0]),
        units=np.array([10.0, 2.0, -3.0, 1.0]),
        cost=np.array([90.0, 110.0, -45.0, np.nan]),
        fixed=np.array([-95.0, -104.0, 63.0, -9.0]),
        earlier=np.array([5.0, -6.0, 0.0, 1.0]),
        entered=np.zeros(4),
        left=np.zeros(4),
        arrived_cost=np.zeros(4),
        cash=np.array([60.0, 40.0, 0.0]),
        cash_profit=np.array([-1.0, 0.0, 0.0]),
        cash_earlier=np.array([0.0, 2.0, 0.0]),
        opened=np.array([196.0, 0.0, 9.0]),
        cash_in=np.array([0.0, 40.0, 0.0]),
        cash_out=np.array([0.0, 0.0, 0.0]),
    )


def seen(prices: np.ndarray = PRICES, old: np.ndarray = NO) -> Look:
    return look(lines(), prices, old)


def test_worth_and_profit_by_hand() -> None:
    told = seen()
    assert told.worth.tolist() == [100, 100, -60, 10]
    assert told.unrealized.tolist()[:3] == [10, -10, -15]
    assert np.isnan(told.unrealized[3])
    assert told.equity.tolist() == [60 + 200 - 60, 40, 10]
    assert (told.long.tolist(), told.short.tolist(), told.gross.tolist()) == ([200, 0, 10], [60, 0, 0], [260, 0, 10])
    assert told.day.tolist() == [5, -4, 3, 1]
    assert told.day_profit.tolist() == [5 - 4 + 3 - 1, 0, 1]
    assert told.total.tolist() == [10, -10, 3, 2]
    assert told.total_profit.tolist() == [3 - 1, 2, 2]
    # the fixture's equity and profit need not agree; the books' own do, see tests/desk/test_monitor.py
    assert told.day_return.tolist() == pytest.approx([200 / 196 - 1, 0.0, 10 / 9 - 1])
    assert told.weights.tolist() == [[0.5, 0.5, -0.3], [0, 0, 0], [1, 0, 0]]


def test_lines_are_summed_by_whatever_is_asked_for() -> None:
    told = seen()
    assert lines().grouped(told.day, "symbol").tolist() == [[5, -4, 3], [0, 0, 0], [1, 0, 0]]
    assert lines().grouped(told.day, "sector").tolist() == [[-4, 8], [0, 0], [0, 1]]
    assert lines().grouped(told.day, "strategy").tolist() == [[3, 1], [0, 0], [1, 0]]
    with pytest.raises(InputError, match="lines cannot be grouped by 'luck'; give one of symbol, sector, strategy"):
        lines().grouped(told.day, "luck")


def test_what_rests_on_old_and_missing_prices_is_told() -> None:
    told = seen(np.array([10.0, np.nan, 20.0]), np.array([False, False, True]))
    assert told.worth.tolist() == [100, 110, -60, 10]  # B stands at its cost
    assert told.doubtful.tolist() == pytest.approx([170 / 270, 0, 0])
    blind = seen(np.array([np.nan, 50.0, 20.0]))
    assert blind.worth[3] == 0  # neither price nor cost


def test_what_came_and_went_in_kind_is_a_flow_at_the_price_of_now() -> None:
    moved = replace(
        lines(),
        entered=np.array([4.0, 0.0, 0.0, 1.0]),
        left=np.array([0.0, 1.0, 2.0, 0.0]),
        arrived_cost=np.array([30.0, -40.0, -25.0, 0.0]),
    )
    told = look(moved, PRICES, NO)
    # 4 A at 10 came in; 1 B at 50 and 2 C at 20 went out (shorts that came in are money owed)
    assert told.day.tolist() == [5 - 40, -4 + 50, 3 + 40, 1 - 10]
    assert (told.came_in.tolist(), told.went_out.tolist()) == ([40, 40, 10], [90, 0, 0])
    assert told.day_return.tolist() == pytest.approx([290 / 236 - 1, 0, 10 / 19 - 1])
    blind = look(moved, np.array([np.nan, 50.0, 20.0]), NO)
    assert (blind.came_in.tolist(), blind.went_out.tolist()) == ([30, 40, 0], [90, 0, 0])


def test_without_equity_there_are_no_weights_and_no_return() -> None:
    ruined = replace(lines(), cash=np.array([-500.0, 0.0, -20.0]), opened=np.zeros(3), cash_in=np.zeros(3))
    told = look(ruined, PRICES, NO)
    assert not told.weights.any()
    assert np.isnan(told.day_return).all()
    measured = measures(ruined, told, None)
    assert measured["day_loss"].tolist() == [0, 0, 0]
    assert measured["sector_weight"].tolist() == [0, 0, 0]


def model(days: int = 120) -> Model:
    history = np.random.default_rng(3).normal(0, 0.02, (days, 3))
    return Model(covariances=np.cov(history.T) * 252, history=history, betas=np.array([1.1, 0.4, 0.9]))


def test_each_measure_is_the_one_of_a_portfolio_alone() -> None:
    told, believed = seen(), model()
    measured = measures(lines(), told, believed)
    for place in range(3):
        weights = told.weights[place]
        alone = exposure(weights, believed.betas)
        assert measured["gross"][place] == pytest.approx(alone.gross)
        assert measured["net"][place] == pytest.approx(alone.net)
        assert measured["beta_adjusted"][place] == pytest.approx(alone.beta_adjusted)
        assert measured["volatility"][place] == pytest.approx(
            risk_contributions(weights, believed.covariances).volatility, abs=1e-12
        )
        through = believed.history @ weights
        assert measured["var_95"][place] == pytest.approx(performance.value_at_risk(through), abs=1e-12)
        assert measured["var_99"][place] == pytest.approx(performance.value_at_risk(through, 0.99), abs=1e-12)
        assert measured["es_95"][place] == pytest.approx(performance.expected_shortfall(through), abs=1e-12)
        assert measured["drawdown"][place] == pytest.approx(performance.max_drawdown(through), abs=1e-12)
    assert measured["position_weight"].tolist() == [0.5, 0, 1]
    assert measured["sector_weight"].tolist() == pytest.approx([0.5, 0, 1])  # energy 0.5, tech 0.5 - 0.3


def test_without_a_model_the_rest_is_measured() -> None:
    assert set(measures(lines(), seen(), None)) == {"position_weight", "sector_weight", "day_loss", "gross", "net"}


def test_a_model_fits_its_symbols() -> None:
    believed = model()
    with pytest.raises(InputError, match="the history has 2 symbols and the covariances have 3"):
        replace(believed, history=believed.history[:, :2])
    two = replace(
        believed,
        covariances=believed.covariances[:2, :2].copy(),
        history=believed.history[:, :2].copy(),
        betas=believed.betas[:2],
    )
    with pytest.raises(InputError, match="the model has 2 symbols and the portfolios have 3"):
        measures(lines(), seen(), two)


def test_a_limit_is_used_as_far_as_its_measure_goes() -> None:
    measured = measures(lines(), seen(np.array([9.0, 50.0, 20.0])), None)
    used = utilization(measured, {"position_weight": 0.25, "day_loss": 0.1, "volatility": 0.2})
    assert set(used) == {"position_weight", "day_loss"}, "volatility is not measured without a model"
    assert used["position_weight"].tolist() == pytest.approx([100 / 190 / 0.25, 0, 4])
    assert used["day_loss"].tolist() == pytest.approx([(1 - 190 / 196) / 0.1, 0, 0])
    for wrong in ({"luck": 0.1}, {"day_loss": 0.0}):
        with pytest.raises(InputError, match="limits above zero can be set on position_weight, sector_weight, gross"):
            utilization(measured, wrong)


def test_the_limits_of_an_account_are_watched_by_measure() -> None:
    watched = limits_of(RiskLimits(volatility_max=Decimal("0.4"), daily_loss_max=None))
    assert watched == {"position_weight": 0.2, "sector_weight": 0.3, "gross": 1.0, "volatility": 0.4, "var_95": 0.05}
    assert limits_of(RiskLimits())["volatility"] == 0.15
