"""The gate lets a basket through whole, or stops it whole and says which rule each order breaks."""

from __future__ import annotations

import ast
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

import bursar
from bursar.domain.events import Approved
from bursar.domain.orders import Purpose, Side
from bursar.errors import DataError
from bursar.risk.limits import RiskLimits
from tests.builders import order
from tests.risk.account import EXPOSURE, broken, verdict


def test_an_order_of_exactly_the_position_limit_passes_and_one_share_more_does_not() -> None:
    # 20 % of 100,000 at 100 a share is 200 shares.
    assert len(verdict(order(quantity=200)).approved) == 1
    assert broken(verdict(order(quantity=201))) == ["position_weight"]


def test_two_stocks_of_one_sector_are_counted_together() -> None:
    # 160 + 150 shares at 100 are 31 % of 100,000 in technology; the limit is 30 %.
    basket = (order("o-1", "AAPL", 160), order("o-2", "MSFT", 150))
    assert broken(verdict(*basket)) == ["sector_weight", "sector_weight"]
    assert len(verdict(order("o-1", "AAPL", 150), order("o-2", "MSFT", 150)).approved) == 2


def test_a_basket_is_rejected_whole_and_the_innocent_order_says_why() -> None:
    answer = verdict(order("o-1", "AAPL", 201), order("o-2", "XOM", 10))
    assert broken(answer) == ["position_weight", "basket"]
    assert "another order" in answer.events[1].message  # type: ignore[union-attr]  # broken() made sure


def test_the_eleventh_opening_order_of_a_session_is_stopped() -> None:
    ten = replace(EXPOSURE, opening_orders_today=9)
    assert len(verdict(order(), exposure=ten).approved) == 1
    assert broken(verdict(order(), exposure=replace(EXPOSURE, opening_orders_today=10))) == ["opening_orders"]


def test_children_and_sales_do_not_count_as_opening_orders() -> None:
    full = replace(EXPOSURE, opening_orders_today=10, quantities={"AAPL": Decimal(50)})
    assert len(verdict(order(side=Side.SELL, quantity=50), exposure=full).approved) == 1
    assert len(verdict(order(parent_id="o-9"), exposure=full).approved) == 1


def test_purchases_are_paid_from_settled_cash_with_their_costs() -> None:
    # 100 shares at 100 and five basis points cost 10,005.
    assert len(verdict(order(quantity=100), exposure=replace(EXPOSURE, cash_settled=Decimal(10_005))).approved) == 1
    poor = replace(EXPOSURE, cash_settled=Decimal("10004.99"))
    assert broken(verdict(order(quantity=100), exposure=poor)) == ["settled_cash"]


def test_a_margin_account_pays_for_purchases_with_the_sales_beside_them() -> None:
    # 50 shares sold bring 5,000 less five basis points; with 5,007.50 of cash that is 10,005 for the purchase.
    both = (order("o-1", "MSFT", 50, side=Side.SELL), order("o-2", "AAPL", 100))
    held = replace(EXPOSURE, quantities={"MSFT": Decimal(50)}, cash_settled=Decimal("5007.50"))
    assert "settled_cash" in broken(verdict(*both, exposure=held))
    assert len(verdict(*both, exposure=replace(held, unsettled=True)).approved) == 2
    poorer = replace(held, unsettled=True, cash_settled=Decimal("5007.49"))
    assert "settled_cash" in broken(verdict(*both, exposure=poorer))


def test_nothing_closes_more_than_is_held_not_even_an_exit() -> None:
    holding = replace(EXPOSURE, quantities={"AAPL": Decimal(50)})
    for purpose in (Purpose.REDUCE, Purpose.EXIT, Purpose.KILL):
        sale = order(quantity=51, side=Side.SELL, purpose=purpose)
        assert broken(verdict(sale, exposure=holding)) == ["closes_only_what_is_held"]
    two = (order("o-1", quantity=30, side=Side.SELL), order("o-2", quantity=30, side=Side.SELL))
    assert broken(verdict(*two, exposure=holding)) == ["closes_only_what_is_held"] * 2


def test_nothing_opens_while_the_market_is_shut() -> None:
    assert broken(verdict(order(), exposure=replace(EXPOSURE, session=None))) == ["market_open"]


def test_an_exit_passes_whatever_the_limits_say() -> None:
    hopeless = replace(
        EXPOSURE,
        quantities={"AAPL": Decimal(900)},
        opening_orders_today=99,
        cash_settled=Decimal(-1),
        session=None,
        quotes={},
    )
    sale = order(quantity=900, side=Side.SELL, purpose=Purpose.EXIT)
    assert len(verdict(sale, exposure=hopeless).approved) == 1


def test_a_reduction_passes_although_the_position_stays_too_large() -> None:
    large = replace(EXPOSURE, quantities={"AAPL": Decimal(500)})
    assert len(verdict(order(quantity=100, side=Side.SELL), exposure=large).approved) == 1


def test_high_volatility_warns_and_does_not_block() -> None:
    # 10 % of equity in a stock with 3 % daily deviation: 0.10 * 0.03 * sqrt(252) = 4.76 % a year.
    wild = replace(EXPOSURE, covariance=np.array([[0.0009]]), returns_of=("AAPL",))
    answer = verdict(order(quantity=100), exposure=wild, limits=RiskLimits(volatility_warning=Decimal("0.04")))
    (event,) = answer.events
    assert isinstance(event, Approved)
    (check,) = [check for check in event.checks if check.rule == "portfolio_volatility"]
    assert not check.passed
    assert check.measured == Decimal("0.047624")


def test_volatility_is_not_told_for_a_symbol_without_history() -> None:
    partial = replace(EXPOSURE, covariance=np.array([[0.0009]]), returns_of=("AAPL",))
    (event,) = verdict(order(symbol="XOM"), exposure=partial).events
    assert isinstance(event, Approved)
    assert "portfolio_volatility" not in {check.rule for check in event.checks}


def test_a_holding_without_a_price_stops_what_opens() -> None:
    blind = replace(EXPOSURE, quantities={"OLD": Decimal(5)})
    with pytest.raises(DataError, match="OLD"):
        verdict(order(), exposure=blind)


def test_nothing_is_weighed_against_an_equity_of_zero() -> None:
    with pytest.raises(DataError, match="equity is 0"):
        verdict(order(), exposure=replace(EXPOSURE, equity=Decimal(0)))


def test_approvals_carry_the_decision_and_every_measured_value() -> None:
    (event,) = verdict(order(quantity=100)).events
    assert isinstance(event, Approved)
    assert event.causes == ("d-00000001",)
    measured = {check.rule: (check.measured, check.limit) for check in event.checks}
    assert measured["position_weight"] == (Decimal("0.1"), Decimal("0.20"))
    assert measured["settled_cash"] == (Decimal("10005.0000"), Decimal(100_000))


def test_only_the_gate_makes_an_approved_order() -> None:
    """Read the syntax tree of every module: the name is called in one file alone."""
    makers = set()
    root = Path(bursar.__file__).parent
    for path in root.rglob("*.py"):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if "ApprovedOrder" in text else ():
            assert getattr(node, "asname", None) is None or getattr(node, "name", "") != "ApprovedOrder", path
            called = node.func if isinstance(node, ast.Call) else None
            name = getattr(called, "id", getattr(called, "attr", None))
            if name == "ApprovedOrder":
                makers.add(path.relative_to(root).as_posix())
    assert makers == {"risk/gate.py"}
