"""The checks at the door: good arrays pass untouched, bad ones are named to the entry."""

from __future__ import annotations

import numpy as np
import pytest

from bursar.errors import InputError
from bursar.quant import arrays


def test_a_good_array_is_passed_on_without_a_copy() -> None:
    row, table = np.arange(3.0), np.eye(3)
    assert arrays.vector("row", row, length=3) is row
    assert arrays.matrix("table", table, rows=3, columns=3) is table
    assert arrays.covariance("table", table, size=3) is table


def test_lists_and_other_layouts_become_contiguous_floats() -> None:
    assert arrays.vector("row", [1, 2]).dtype == np.float64
    assert arrays.matrix("table", np.asfortranarray(np.ones((2, 3)))).flags.c_contiguous


def test_large_numbers_whose_sum_overflows_are_still_finite() -> None:
    assert arrays.vector("row", [1e308, 1e308])[0] == 1e308


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_named_with_its_place(wrong: float) -> None:
    table = np.zeros((3, 3))
    table[1, 2] = wrong
    with pytest.raises(InputError, match=r"returns\[1, 2\] is (nan|inf|-inf)"):
        arrays.matrix("returns", table)


def test_missing_values_pass_where_they_are_expected_and_infinities_never_do() -> None:
    assert np.isnan(arrays.matrix("returns", [[np.nan, 1.0]], missing=True)[0, 0])
    with pytest.raises(InputError, match=r"returns\[0, 1\] is inf"):
        arrays.matrix("returns", [[np.nan, np.inf]], missing=True)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: arrays.vector("w", [[1.0]]), r"w has shape \(1, 1\); one dimension"),
        (lambda: arrays.vector("w", 1.0), r"w has shape \(\); one dimension"),
        (lambda: arrays.vector("w", [1.0], length=2), "w has 1 entries; 2 are needed"),
        (lambda: arrays.vector("w", ["a"]), "w does not form an array of numbers"),
        (lambda: arrays.matrix("t", [1.0]), "t has shape .*; two dimensions"),
        (lambda: arrays.matrix("t", [[1.0]], rows=2), "t has 1 rows; 2 are needed"),
        (lambda: arrays.matrix("t", [[1.0]], columns=2), "t has 1 columns; 2 are needed"),
        (lambda: arrays.covariance("s", np.ones((2, 3))), "s has shape .*; a covariance is square"),
        (lambda: arrays.covariance("s", np.ones((0, 0))), "s is empty"),
        (lambda: arrays.covariance("s", [[1.0, 0.5], [0.4, 1.0]]), r"s is not symmetric: \[0, 1\] is 0.5 .* 0.4"),
        (lambda: arrays.covariance("s", [[1.0, 0.0], [0.0, -1.0]]), r"s\[1, 1\] is -1; a variance is never"),
        (lambda: arrays.covariance("s", [[1.0, 2.0], [2.0, 1.0]]), "s is not positive semi-definite: .* is -1"),
        (lambda: arrays.number("x", float("nan")), "x is nan; a finite number"),
        (lambda: arrays.number("x", "much"), "x is 'much'; a number"),  # type: ignore[arg-type]  # what a user may do
        (lambda: arrays.number("x", 2.0, least=0.0, most=1.0), "x is 2; a number at least 0 and at most 1"),
        (lambda: arrays.number("x", 0.0, above=0.0, below=1.0), "x is 0; a number above 0 and below 1"),
    ],
)
def test_what_is_wrong_with_an_array_is_said(check: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check()  # type: ignore[operator]  # parametrized as an object, to keep the table readable


def test_rounding_between_the_halves_of_a_covariance_is_smoothed() -> None:
    smoothed = arrays.covariance("s", [[1.0, 0.5], [0.5 + 1e-13, 1.0]])
    assert (smoothed == smoothed.T).all()


def test_a_singular_covariance_is_a_covariance() -> None:
    returns = np.random.default_rng(1).normal(size=(5, 12))
    sample = np.cov(returns.T)
    assert arrays.covariance("s", sample).shape == (12, 12)
    assert arrays.covariance("s", np.zeros((2, 2))).shape == (2, 2)
