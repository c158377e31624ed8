"""Settings become the parts that they describe."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from bursar.adapters.store.sealing import new_key
from bursar.config import Given, Settings, build
from bursar.domain.sessions import Session
from bursar.research.strategies.blend import Blend
from bursar.research.templates import TemplateStrategy
from bursar.runtime.build import mandate, shape, strategy, universe
from bursar.trading.agenda import Missed, Rhythm
from bursar.trading.mandate import TAPS, Execution
from tests.builders import instrument

MONDAY = Session(
    day=date(2022, 1, 3),
    open=datetime(2022, 1, 3, 14, 30, tzinfo=UTC),
    close=datetime(2022, 1, 3, 21, 0, tzinfo=UTC),
)


def settings(**values: object) -> Settings:
    return build({key.replace("__", "."): Given(value, "a test") for key, value in values.items()})


def test_the_mandate_takes_limits_costs_and_times() -> None:
    made = mandate(
        settings(
            risk__stop_loss="7%",
            risk__position_weight_max=Decimal("0.1"),
            risk__reentry_wait_days=2,
            costs__commission_basis_points=3,
            schedule__trade_after_open_minutes=15,
            market__timezone="Europe/London",
            execution__route="adaptive",
            execution__within_minutes=45,
            execution__every_minutes=15,
            execution__urgency="40%",
            execution__participation="5%",
            execution__adverse_move="3%",
            execution__behind_max="4%",
            sleeve__capital=50_000,
            sleeve__hands_off=["KO"],
        )
    )
    assert made.execution == Execution(
        route="adaptive",
        within=timedelta(minutes=45),
        every=timedelta(minutes=15),
        urgency=Decimal("0.4"),
        participation=Decimal("0.05"),
        expected=Decimal("0.0005"),
    )
    assert made.stop_loss == Decimal("0.07")
    assert made.limits.position_weight_max == Decimal("0.1")
    assert made.reentry_wait == timedelta(days=2)
    assert made.cost_rate == Decimal("0.0003")
    assert made.taps == replace(
        TAPS, cost_rate=made.cost_rate, adverse_move=Decimal("0.03"), behind_max=0.04
    )  # a tap is shown what sizes are reckoned with
    assert made.agenda.trade_after_open == timedelta(minutes=15)
    assert made.agenda.zone == "Europe/London"
    assert made.capital == 50_000
    assert made.hands_off == frozenset({"KO"})


def test_the_mandate_is_told_how_often_to_rebalance_and_what_becomes_of_what_was_missed() -> None:
    usual = mandate(settings())
    assert (usual.agenda.rhythm, usual.agenda.missed, usual.drift_min) == (Rhythm.DAILY, Missed.CATCH_UP, Decimal(0))
    made = mandate(settings(schedule__rebalance="weekly", schedule__missed="skip", schedule__late_minutes_max=20))
    assert (made.agenda.rhythm, made.agenda.missed, made.drift_min) == (Rhythm.WEEKLY, Missed.SKIP, Decimal(0))
    assert made.agenda.late_max == timedelta(minutes=20)
    by_threshold = mandate(settings(schedule__rebalance="threshold", schedule__drift_min="3%"))
    assert (by_threshold.agenda.rhythm, by_threshold.drift_min) == (Rhythm.DAILY, Decimal("0.03"))


def test_the_store_is_sealed_with_the_key_that_is_named_and_with_none_by_default(tmp_path: Path) -> None:
    assert settings().store.cipher() is None
    key = tmp_path / "bursar.key"
    key.write_text(new_key())
    cipher = settings(store__key_file=str(key)).store.cipher()
    assert cipher is not None
    assert cipher.open(cipher.seal(b"DU9000001", "account"), "account") == b"DU9000001"


def test_the_days_have_the_spread_and_the_steps_that_were_asked_for() -> None:
    made = shape(settings(costs__spread_basis_points=12, schedule__monitor_minutes=10), MONDAY)
    assert (made.spread_basis_points, made.step_minutes) == (12.0, 10)


def test_the_days_begin_with_the_analysis_and_never_after_the_bell() -> None:
    def before(pre_market: str, zone: str = "America/New_York") -> int:
        asked = settings(schedule__pre_market=pre_market, schedule__analysis="15:00", market__timezone=zone)
        return shape(asked, MONDAY).before_open_minutes

    assert before("09:00") == 30
    assert before("08:15") == 75
    assert before("08:15", "America/Chicago") == 15  # 09:15 in New York
    assert before("09:30") == before("11:00") == 1


def test_strategies_share_the_equity_and_one_alone_has_it_all() -> None:
    both = strategy(settings(strategy__names="momentum, mean_reversion"))
    assert isinstance(both, Blend)
    assert [fraction for _, fraction in both.parts] == [0.5, 0.5]
    alone = strategy(settings(strategy__names="momentum", risk__sector_weight_max="25%"))
    assert isinstance(alone, TemplateStrategy)
    assert alone.template.name == "momentum"
    assert alone.shape is not None
    assert alone.shape.sector_max == 0.25


def test_the_watchlist_chooses_and_orders_the_universe() -> None:
    listed = (instrument("AAPL"), instrument("JPM"), instrument("XOM"))
    assert universe(settings(), listed) == listed
    assert [each.symbol for each in universe(settings(market__watchlist="XOM, AAPL"), listed)] == ["XOM", "AAPL"]
