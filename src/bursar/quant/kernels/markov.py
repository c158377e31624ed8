"""The recursions of a hidden Markov chain: what is known of its state by each day, and in hindsight."""

from __future__ import annotations

import math

from bursar.quant.arrays import FloatArray
from bursar.quant.kernels import kernel, matrix, matrix_out, nothing, real, vector


@kernel(real(matrix, matrix, vector, matrix_out))
def filtered(likelihoods: FloatArray, transition: FloatArray, start: FloatArray, known: FloatArray) -> float:
    """Probability of each state on each day, given the days up to it, into the last argument.

    likelihoods  (n_days, n_states) of each day's observation, up to a factor a day; a day that is impossible in every
                 state that can be reached counts as unobserved, and the chain only moves on
    transition   (n_states, n_states) from the row's state to the column's
    start        (n_states,) before the first day's observation
    Returns the logarithm of the likelihood of all observations, up to those factors.
    """
    days, states = likelihoods.shape
    total = 0.0
    for day in range(days):
        weight = 0.0
        for state in range(states):
            expected = 0.0
            if day == 0:
                expected = start[state]
            else:
                for before in range(states):
                    expected += known[day - 1, before] * transition[before, state]
            known[day, state] = expected * likelihoods[day, state]
            weight += known[day, state]
        if weight > 0.0:
            total += math.log(weight)
            for state in range(states):
                known[day, state] /= weight
        else:
            for state in range(states):
                expected = start[state] if day == 0 else 0.0
                if day > 0:
                    for before in range(states):
                        expected += known[day - 1, before] * transition[before, state]
                known[day, state] = expected
    return total


@kernel(nothing(matrix, matrix, matrix, matrix_out, matrix_out))
def smoothed(
    likelihoods: FloatArray, transition: FloatArray, known: FloatArray, smooth: FloatArray, moves: FloatArray
) -> None:
    """Probability of each state in hindsight, and the expected number of each move, into the last two arguments.

    known  what `filtered` found. Every day must have an observation.
    """
    days, states = likelihoods.shape
    for state in range(states):
        smooth[days - 1, state] = known[days - 1, state]
        for other in range(states):
            moves[state, other] = 0.0
    for day in range(days - 2, -1, -1):
        for state in range(states):
            smooth[day, state] = 0.0
        for after in range(states):
            expected = 0.0
            for state in range(states):
                expected += known[day, state] * transition[state, after]
            if expected <= 0.0:
                continue
            ratio = smooth[day + 1, after] / expected
            for state in range(states):
                share = known[day, state] * transition[state, after] * ratio
                smooth[day, state] += share
                moves[state, after] += share
