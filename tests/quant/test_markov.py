from __future__ import annotations

import math

import numpy as np
import pytest

from bursar.quant.kernels.markov import filtered, smoothed


def test_the_filter_by_hand() -> None:
    # Start half and half; the day is three times as likely in the first state: 3/4 and 1/4.
    # Then (3/4*0.9 + 1/4*0.2, 3/4*0.1 + 1/4*0.8) = (0.725, 0.275), twice as likely in the second: 0.725 and 0.55.
    known = np.empty((2, 2))
    total = filtered(
        np.array([[0.9, 0.3], [0.5, 1.0]]), np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0.5, 0.5]), known
    )
    assert known[0] == pytest.approx([0.75, 0.25])
    assert known[1] == pytest.approx([0.725 / 1.275, 0.55 / 1.275])
    # The likelihood: 0.5*0.9 + 0.5*0.3 = 0.6, then 0.725*0.5 + 0.275*1 = 0.6375.
    assert total == pytest.approx(math.log(0.6) + math.log(0.6375))


def test_hindsight_agrees_with_counting_every_path() -> None:
    likelihoods = np.array([[0.9, 0.3], [0.5, 1.0], [0.7, 0.2]])
    transition, start = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0.6, 0.4])
    weights = np.zeros((2, 2, 2))
    for path in np.ndindex(2, 2, 2):
        weight = start[path[0]] * likelihoods[0, path[0]]
        for day in (1, 2):
            weight *= transition[path[day - 1], path[day]] * likelihoods[day, path[day]]
        weights[path] = weight
    weights /= weights.sum()
    known, smooth, moves = np.empty((3, 2)), np.empty((3, 2)), np.empty((2, 2))
    filtered(likelihoods, transition, start, known)
    smoothed(likelihoods, transition, known, smooth, moves)
    for day, others in enumerate(((1, 2), (0, 2), (0, 1))):
        assert smooth[day] == pytest.approx(weights.sum(axis=others))
    assert moves == pytest.approx(weights.sum(axis=2) + weights.sum(axis=0))


def test_a_day_that_no_state_explains_only_moves_the_chain() -> None:
    transition, start = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0.6, 0.4])
    known = np.empty((2, 2))
    assert filtered(np.zeros((2, 2)), transition, start, known) == 0.0
    assert known[0] == pytest.approx(start)
    assert known[1] == pytest.approx(start @ transition)


def test_a_move_that_cannot_happen_stays_impossible() -> None:
    transition = np.array([[1.0, 0.0], [0.5, 0.5]])
    known, smooth, moves = np.empty((3, 2)), np.empty((3, 2)), np.empty((2, 2))
    filtered(np.ones((3, 2)), transition, np.array([1.0, 0.0]), known)
    smoothed(np.ones((3, 2)), transition, known, smooth, moves)
    assert smooth[:, 0] == pytest.approx(1.0)
    assert moves == pytest.approx(np.array([[2.0, 0.0], [0.0, 0.0]]))
