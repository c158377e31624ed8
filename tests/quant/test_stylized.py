"""Stylized facts: measured by hand on series that have them or have not, and the made-up market beside the real one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bursar.errors import InputError
from bursar.quant.synthetic import Recipe, make
from bursar.quant.synthetic.stylized import Spread, autocorrelation, gap_share, measure
from tests.real_prices import stock_facts


def noise(days: int = 5040, stocks: int = 20, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((days, stocks)) * 0.01


def test_noise_has_none_of_them() -> None:
    told = measure(noise())
    # Errors of 5,040 days: 1/sqrt(5040) = 0.014 a stock for correlations, sqrt(24/5040) = 0.07 for the kurtosis.
    assert told["volatility a year"].median == pytest.approx(0.01 * 252**0.5, rel=0.01)
    for name in ("excess kurtosis of days", "skewness"):
        assert abs(told[name].median) < 0.07
    for name in ("autocorrelation of returns, 1 day", "of absolute returns, 21 days", "correlation of two stocks"):
        assert abs(told[name].median) < 0.015
    # The four largest of 252 squares of normals are 12 % of their sum on average.
    assert told["share of the four largest days in a year's variance"].median == pytest.approx(0.12, abs=0.01)


def test_what_was_put_in_is_found() -> None:
    chance = np.random.default_rng(2)
    common = chance.standard_normal((5040, 1))
    calm = np.repeat(np.tile([[0.5], [2.0]], (40, 1)), 63, axis=0)
    told = measure(0.01 * calm * (0.6 * common + 0.8 * chance.standard_normal((5040, 20))))
    # Of two stocks 0.36 of the variance is shared; volatility that changes each quarter clusters and has fat tails.
    assert told["correlation of two stocks"].median == pytest.approx(0.36, abs=0.03)
    assert told["of absolute returns, 1 day"].median > 0.2
    # Half the days at variance 0.25 and half at 4: kurtosis 3 (0.0625 + 16) / 2 / 2.125^2 = 5.34, a normal's is 3.
    assert told["excess kurtosis of days"].median == pytest.approx(2.34, abs=0.4)


def test_an_alternating_series_answers_itself() -> None:
    up_and_down = np.tile([[1.0], [-1.0]], (500, 1))
    assert autocorrelation(up_and_down, 1) == pytest.approx([-1.0])
    assert autocorrelation(up_and_down, 2) == pytest.approx([1.0])


def test_a_fall_that_wakes_the_market_is_leverage() -> None:
    values = noise(seed=3)
    awake = np.ones_like(values)
    for day in range(1, len(values)):
        awake[day] = np.where(values[day - 1] < -0.012, 2.5, 1.0)
    told = measure(values * awake)
    assert told["a return and the size of the next ten (leverage)"].median < -0.01


def test_the_gap_is_a_part_of_the_variance() -> None:
    chance = np.random.default_rng(4)
    gaps, ways = 0.006 * chance.standard_normal((4000, 2)), 0.008 * chance.standard_normal((4000, 2))
    closes = np.exp(np.cumsum(gaps + ways, axis=0))
    # Variances of 36 and 64 parts.
    assert gap_share(closes * np.exp(-ways), closes) == pytest.approx([0.36, 0.36], abs=0.02)


def test_too_little_has_no_facts() -> None:
    with pytest.raises(InputError, match="100 days of 20 stocks have no stylized facts"):
        measure(noise(100))
    with pytest.raises(InputError, match="of 1 stocks"):
        measure(noise(stocks=1))


@cache
def both() -> tuple[Mapping[str, Spread], list[Mapping[str, Spread]]]:
    panel = stock_facts().panel
    markets = [make(Recipe(days=panel.dates, symbols=44, seed=seed)) for seed in (1, 2, 3)]
    real = measure(np.diff(np.log(panel.values), axis=0))
    return real, [measure(market.returns.total[1:]) for market in markets]


@pytest.mark.parametrize(
    "name",
    [
        "volatility a year",
        "excess kurtosis of days",
        "excess kurtosis of months",
        "skewness",
        "share of the four largest days in a year's variance",
        "autocorrelation of returns, 1 day",
        "of squared returns, 1 day",
        "of squared returns, 5 days",
        "of squared returns, 21 days",
        "of absolute returns, 1 day",
        "of absolute returns, 21 days",
        "a return and the size of the next ten (leverage)",
        "correlation of two stocks",
        "correlation of their sizes",
    ],
)
def test_the_made_up_market_lies_among_the_real_stocks(name: str) -> None:
    real, markets = both()
    ours = float(np.median([market[name].median for market in markets]))
    assert real[name].holds(ours), f"{ours:.3f} is not among {real[name]}"


def test_what_it_reports_overnight_is_the_share_that_was_measured() -> None:
    market = make(Recipe(days=stock_facts().panel.dates, symbols=44, seed=1))
    gaps, ways = market.returns.gap, market.returns.total - market.returns.gap
    share = np.median(gaps.var(axis=0) / (gaps.var(axis=0) + ways.var(axis=0)))
    # Rules of the house: 30 to 50 % of the variance comes overnight; 41 % is the median of fifteen real stocks.
    assert share == pytest.approx(0.41, abs=0.03)


def test_the_page_shows_every_fact_beside_the_real_one() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "synthetic.md").read_text(encoding="utf-8")
    for name, spread in both()[0].items():
        row = next(line for line in page.splitlines() if line.startswith(f"| {name} |"))
        assert f"| {spread.median:.3g} (" in row, f"{row}: write it again, python -m scripts.synthetic_page"
    assert "Nothing in this market ever happened" in page
