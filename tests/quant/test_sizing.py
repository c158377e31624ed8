"""Sizes by hand, bounds that always hold, and answers that say what bound them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.quant import sizing
from bursar.quant.arrays import FloatArray
from bursar.quant.riskparity import risk_contributions
from bursar.quant.sizing import Account, Signals, SizeLimits, Sizes

ACCOUNT = Account(equity=100_000, cash=100_000)
ROOMY = SizeLimits(position_weight_max=10, sector_weight_max=10, cash_reserve=0, lot=0)


def one(**known: Any) -> Signals:
    return Signals(price=50.0, **known)


def weight(sizes: Sizes) -> float:
    return float(sizes.weight[0])


# Confidence


@pytest.mark.parametrize(
    ("confidence", "multiple"), [(0.6, 0.7), (0.9, 1.5), (0.75, 1.1), (0.675, 0.9), (0.3, 0.7), (0.99, 1.5)]
)
def test_confidence_scales_from_seven_tenths_to_one_and_a_half(confidence: float, multiple: float) -> None:
    found = sizing.confidence_weighted(one(confidence=confidence), ACCOUNT, SizeLimits(lot=0), base_weight=0.05)
    assert weight(found) == pytest.approx(0.05 * multiple)
    assert found.bound_by() == ()


def test_each_risk_adjustment_of_the_confidence_sizer_by_hand() -> None:
    account = Account(equity=100_000, cash=100_000, volatility=0.20, sector_weights=[0.0, 0.24], turbulence=0.4)
    found = sizing.confidence_weighted(one(confidence=0.9, sector=1), account, SizeLimits(lot=0), base_weight=0.04)
    # volatility .15 / .20; the sector is 80 % full, so 2 x (1 - .8); turbulence .4 cuts a fifth
    assert {name: float(values[0]) for name, values in found.factors.items()} == pytest.approx(
        {"confidence": 1.5, "volatility": 0.75, "concentration": 0.4, "regime": 0.8}
    )
    assert weight(found) == pytest.approx(0.04 * 1.5 * 0.75 * 0.4 * 0.8)


@pytest.mark.parametrize(
    ("calm", "risky"),
    [
        ({"volatility": 0.10}, {"volatility": 0.30}),
        ({"turbulence": 0.0}, {"turbulence": 1.0}),
        ({"sector_weights": [0.0]}, {"sector_weights": [0.2]}),
    ],
)
def test_each_risk_makes_the_confidence_sizer_smaller(calm: dict[str, Any], risky: dict[str, Any]) -> None:
    sizes = [
        weight(sizing.confidence_weighted(one(confidence=0.8, sector=0), Account(equity=1e5, cash=1e5, **book), ROOMY))
        for book in (calm, {"sector_weights": [6.0]} if "sector_weights" in risky else risky)
    ]
    assert sizes[1] < sizes[0]


# The other six


def test_half_kelly_by_hand() -> None:
    found = sizing.kelly(one(win_probability=0.55, payoff=1.5), ACCOUNT, ROOMY, fraction=0.5)
    assert weight(found) == pytest.approx(0.5 * (1.5 * 0.55 - 0.45) / 1.5)
    assert found.factors["kelly"] == pytest.approx([0.25])


def test_kelly_takes_no_bet_without_an_edge() -> None:
    found = sizing.kelly(one(win_probability=0.4, payoff=1.0), ACCOUNT, SizeLimits())
    assert found.shares[0] == 0
    assert found.bound_by() == ("no edge",)


def test_risk_parity_shares_risk_equally_and_heeds_correlation() -> None:
    volatility = np.array([0.1, 0.2, 0.2])
    correlation = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.8], [0.0, 0.8, 1.0]])
    signals = Signals(price=[10, 20, 30], volatility=volatility, correlation=correlation)
    found = sizing.risk_parity(signals, ACCOUNT, ROOMY, invested=0.9)
    contributions = risk_contributions(correlation * np.outer(volatility, volatility), found.weight)
    assert contributions == pytest.approx(np.full(3, contributions.mean()), rel=1e-9)
    assert found.weight.sum() == pytest.approx(0.9)
    inverse = 1 / volatility / (1 / volatility).sum() * 0.9
    assert found.weight[1] < 0.9 * inverse[1]  # inverse volatility alone would not see that the two move together


def test_one_signal_gets_the_whole_of_risk_parity() -> None:
    assert weight(sizing.risk_parity(one(volatility=0.3), ACCOUNT, ROOMY, invested=0.1)) == pytest.approx(0.1)


def test_volatility_adjusted_positions_move_equity_alike() -> None:
    signals = Signals(price=[10, 20], volatility=[0.1, 0.4])
    found = sizing.volatility_adjusted(signals, ACCOUNT, ROOMY, position_volatility=0.02)
    assert found.weight == pytest.approx([0.2, 0.05])


def test_optimal_f_reads_the_whole_distribution_of_trades() -> None:
    even = [0.02, -0.01] * 15
    tailed = [0.02] * 15 + [-0.005] * 14 + [-0.08]  # the same chance, mean win and mean loss
    found = sizing.optimal_f(Signals(price=[10, 10]), ACCOUNT, ROOMY, trades=[even, tailed])
    assert found.factors["optimal f"][0] == pytest.approx(0.25)
    assert found.wanted[0] == pytest.approx(0.25 / 0.01)
    assert found.wanted[1] < found.wanted[0] / 2
    kelly = [
        sizing.kelly(
            one(win_probability=0.5, payoff=np.mean([t for t in row if t > 0]) / -np.mean([t for t in row if t < 0])),
            ACCOUNT,
            ROOMY,
        )
        for row in (even, tailed)
    ]
    assert weight(kelly[0]) == pytest.approx(weight(kelly[1]))


def test_optimal_f_gives_no_number_where_the_trades_say_nothing() -> None:
    trades = [[0.1, -0.1] * 5, [0.1] * 30, [-0.1, 0.05] * 15, [0.2, -0.1] * 15]
    found = sizing.optimal_f(Signals(price=[10.0] * 4), ACCOUNT, ROOMY, trades=trades)
    assert [found.bound_by(i)[:1] for i in range(4)] == [
        ("too few trades",),
        ("no loss seen",),
        ("no edge",),
        ("cash",),
    ]
    assert (found.shares[:3] == 0).all()
    assert found.shares[3] > 0


def test_fixed_sizes_are_fixed() -> None:
    signals = Signals(price=[10, 40])
    assert sizing.fixed_dollar(signals, ACCOUNT, SizeLimits(), amount=5_000).shares == pytest.approx([500, 125])
    assert sizing.fixed_percent(signals, ACCOUNT, SizeLimits(), weight=0.10).amount == pytest.approx([10_000, 10_000])


# The five factors


def test_the_five_factors_by_hand() -> None:
    signals = one(confidence=0.8, volatility=0.50, book_correlation=0.6)
    found = sizing.five_factors(signals, ACCOUNT, SizeLimits(lot=0))
    # .20 of equity x .8 x (.25 / .50) x (1 - .5 x .6)
    assert weight(found) == pytest.approx(0.20 * 0.8 * 0.5 * 0.7)
    assert set(found.factors) == {"confidence", "volatility", "correlation"}


def test_the_five_factors_size_on_equity_as_it_is_now() -> None:
    signals = one(confidence=1.0, volatility=0.1, book_correlation=-0.5)
    for equity in (5_000, 20_000):
        found = sizing.five_factors(signals, Account(equity=equity, cash=equity), SizeLimits())
        assert found.amount[0] == pytest.approx(0.20 * equity)


def test_the_cap_and_the_cash_bind_the_five_factors() -> None:
    signals = one(confidence=1.0, volatility=0.1, book_correlation=0.0, held=0.15)
    capped = sizing.five_factors(signals, ACCOUNT, SizeLimits())
    assert capped.amount[0] == pytest.approx(5_000)
    assert capped.bound_by() == ("position",)
    poor = sizing.five_factors(signals, Account(equity=100_000, cash=2_500), SizeLimits())
    assert poor.amount[0] == pytest.approx(2_000)  # half a percent of equity stays in reserve
    assert poor.bound_by() == ("position", "cash")


# The bounds


def test_a_full_sector_is_shared_and_a_lot_too_large_is_left() -> None:
    signals = Signals(price=[100, 100, 30_000], sector=[0, 0, 1], confidence=0.9)
    account = Account(equity=100_000, cash=100_000, sector_weights=[0.2])
    found = sizing.fixed_percent(signals, account, SizeLimits(), weight=0.15)
    assert found.weight == pytest.approx([0.05, 0.05, 0.0])  # .10 of room for two; 15,000 buys no share at 30,000
    assert [found.bound_by(i) for i in range(3)] == [("sector",), ("sector",), ("lot",)]


def test_rounding_of_a_division_costs_no_share() -> None:
    # 0.07 x 100,000 / 7 is 1000.0000000000001 or 999.9999999999999, depending on the order of the operations
    found = sizing.fixed_percent(Signals(price=[7.0, 0.7, 0.07]), ACCOUNT, SizeLimits(), weight=0.07)
    assert found.shares == pytest.approx([1_000, 10_000, 100_000], abs=0)


def test_an_account_without_cash_buys_nothing() -> None:
    found = sizing.fixed_percent(one(), Account(equity=100_000, cash=-500), SizeLimits(), weight=0.1)
    assert found.shares[0] == 0
    assert found.bound_by() == ("cash",)


Sizer = Callable[[Signals, Account, SizeLimits], Sizes]
SIZERS: dict[str, Sizer] = {
    "confidence_weighted": sizing.confidence_weighted,
    "kelly": sizing.kelly,
    "risk_parity": sizing.risk_parity,
    "volatility_adjusted": sizing.volatility_adjusted,
    "optimal_f": lambda signals, account, limits: sizing.optimal_f(
        signals,
        account,
        limits,
        trades=list(np.random.default_rng(0).normal(0.003, 0.02, (len(signals), 40))),
    ),
    "fixed_dollar": lambda signals, account, limits: sizing.fixed_dollar(signals, account, limits, amount=9_000),
    "fixed_percent": lambda signals, account, limits: sizing.fixed_percent(signals, account, limits, weight=0.08),
    "five_factors": sizing.five_factors,
}


def batch(generator: np.random.Generator, count: int) -> dict[str, FloatArray]:
    factor = generator.normal(size=(count, count + 3))
    covariance = factor @ factor.T
    deviation = np.sqrt(covariance.diagonal())
    return {
        "price": generator.uniform(5, 500, count),
        "confidence": generator.uniform(0, 1, count),
        "volatility": generator.uniform(0.05, 0.9, count),
        "win_probability": generator.uniform(0.3, 0.7, count),
        "payoff": generator.uniform(0.5, 3, count),
        "book_correlation": generator.uniform(-1, 1, count),
        "correlation": covariance / np.outer(deviation, deviation),
        "sector": generator.integers(0, 4, count).astype(float),
        "held": generator.uniform(0, 0.25, count),
    }


@pytest.mark.parametrize("name", SIZERS)
@given(st.integers(0, 2**31), st.integers(1, 12))
def test_no_size_breaks_a_bound_and_every_cut_is_named(name: str, seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    signals = Signals(**batch(generator, count))
    account = Account(
        equity=100_000,
        cash=float(generator.uniform(-5_000, 100_000)),
        volatility=0.2,
        sector_weights=generator.uniform(0, 0.4, 4),
        turbulence=0.3,
    )
    limits = SizeLimits()
    found = SIZERS[name](signals, account, limits)
    assert (found.weight >= 0).all()
    assert (found.weight <= np.maximum(limits.position_weight_max - np.asarray(signals.held), 0) + 1e-9).all()
    added = np.bincount(np.asarray(signals.sector).astype(int), weights=found.weight, minlength=4)
    room = np.maximum(limits.sector_weight_max - np.asarray(account.sector_weights), 0)
    assert (added <= room + 1e-9).all()
    assert found.amount.sum() <= max(account.cash - 500, 0) + 1e-6
    assert found.shares == pytest.approx(np.floor(found.shares))
    for i in range(count):
        shortfall = found.wanted[i] * 100_000 - found.amount[i]
        assert shortfall >= -1e-6
        if not found.bound_by(i):
            assert shortfall < np.asarray(signals.price)[i]  # less than the one share that did not fit


@pytest.mark.parametrize("name", [name for name in SIZERS if name != "optimal_f"])  # its trades are not in the batch
def test_the_order_of_a_batch_does_not_matter(name: str) -> None:
    known = batch(np.random.default_rng(5), 8)
    account = Account(equity=100_000, cash=30_000, sector_weights=[0.1, 0.1])
    order = np.random.default_rng(6).permutation(8)
    shuffled = {
        key: values[np.ix_(order, order)] if key == "correlation" else values[order] for key, values in known.items()
    }
    first = SIZERS[name](Signals(**known), account, ROOMY).weight
    second = SIZERS[name](Signals(**shuffled), account, ROOMY).weight
    assert second == pytest.approx(first[order], rel=1e-9)


@pytest.mark.parametrize("name", [name for name in SIZERS if name not in ("risk_parity", "optimal_f")])
def test_a_batch_in_which_nothing_is_shared_is_its_signals_one_by_one(name: str) -> None:
    known = batch(np.random.default_rng(7), 6)
    del known["correlation"], known["sector"]
    rich = Account(equity=100_000, cash=10_000_000, volatility=0.3)
    together = SIZERS[name](Signals(**known), rich, SizeLimits())
    for i in range(6):
        alone = SIZERS[name](Signals(**{key: values[i] for key, values in known.items()}), rich, SizeLimits())
        assert alone.shares[0] == together.shares[i]
        assert alone.bound_by() == together.bound_by(i)


def test_the_seven_sizers_are_truly_seven() -> None:
    known = batch(np.random.default_rng(8), 5)
    rich = Account(equity=100_000, cash=1e9)
    answers = [SIZERS[name](Signals(**known), rich, ROOMY).weight for name in SIZERS]
    for i, first in enumerate(answers):
        for second in answers[:i]:
            assert not np.allclose(first, second, rtol=1e-3)


@pytest.mark.parametrize("name", SIZERS)
def test_an_empty_batch_has_an_empty_answer(name: str) -> None:
    known: dict[str, list[float]] = {key: [] for key in batch(np.random.default_rng(0), 1) if key != "correlation"}
    assert SIZERS[name](Signals(**known), ACCOUNT, SizeLimits()).shares.size == 0


# Bad input


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"price": [10, 0]}, r"signals\.price\[1\] is 0; a number above 0 is needed"),
        ({"price": 10, "confidence": 1.2}, r"signals\.confidence\[0\] is 1\.2; a number at least 0 and at most 1"),
        ({"price": 10, "volatility": math.nan}, r"signals\.volatility\[0\] is nan"),
        ({"price": [10, 20], "confidence": [0.5]}, r"signals\.confidence has 1 entries; 2 are needed"),
        ({"price": 10, "book_correlation": -2}, r"signals\.book_correlation\[0\] is -2"),
        ({"price": [10, 20], "correlation": [[1, 2], [2, 1]]}, r"signals\.correlation is not positive semi-definite"),
        ({"price": [10, 20], "correlation": [[4, 0], [0, 4]]}, "diagonal other than one"),
        ({"price": 10, "held": -0.1}, r"signals\.held\[0\] is -0\.1"),
    ],
)
def test_a_signal_that_cannot_be_is_named(known: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Signals(**known)


def test_what_a_sizer_lacks_is_named() -> None:
    with pytest.raises(InputError, match=r"signals\.confidence is missing"):
        sizing.confidence_weighted(one(), ACCOUNT, SizeLimits())
    with pytest.raises(InputError, match=r"signals\.correlation is missing"):
        sizing.risk_parity(Signals(price=[1, 2], volatility=0.2), ACCOUNT, SizeLimits())
    with pytest.raises(InputError, match="trades has 0 entries; 1 are needed"):
        sizing.optimal_f(one(), ACCOUNT, SizeLimits(), trades=[])
    with pytest.raises(InputError, match=r"trades\[0\]\[1\] is nan"):
        sizing.optimal_f(one(), ACCOUNT, SizeLimits(), trades=[[0.1, math.nan]])
    with pytest.raises(InputError, match="fraction is 2"):
        sizing.kelly(one(win_probability=0.5, payoff=1), ACCOUNT, SizeLimits(), fraction=2)
    with pytest.raises(InputError, match="equity is 0"):
        Account(equity=0, cash=0)
    with pytest.raises(InputError, match="cash_reserve is 1"):
        SizeLimits(cash_reserve=1)
