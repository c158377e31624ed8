"""Contracts: what a strategy must promise, and a portfolio keep, before anybody is asked to put money into it.

A strategy's promise is its confidence, the parts that it is made of, the return that it expects and the most that it
may lose, as a fraction of equity. A portfolio is held to its value at risk, its largest position and the correlation
of its positions. Each figure is measured against its limit and named; nothing is rounded into compliance, and what is
not a number keeps nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bursar.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a strategy says of itself. components: the signals or legs that it is made of."""

    name: str
    confidence: float
    components: Sequence[str]
    expected_return: float
    risk_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What is asked of it. The expected return must lie above its bound, the others may equal theirs."""

    confidence_min: float = 0.6
    components_min: int = 1
    expected_return_above: float = 0.0
    risk_max: float = 0.05
    var_95_max: float = 0.05
    position_max: float = 0.1
    correlation_max: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One figure that does not keep its bound."""

    what: str
    measured: float
    bound: float


def promised(promise: Promise, contract: Contract | None = None) -> tuple[Breach, ...]:
    """Where a strategy's promise falls short of the contract; nothing where it holds."""
    asked = contract or Contract()
    return _breaches(
        ("confidence", promise.confidence, asked.confidence_min, promise.confidence >= asked.confidence_min),
        ("components", len(promise.components), asked.components_min, len(promise.components) >= asked.components_min),
        (
            "expected return",
            promise.expected_return,
            asked.expected_return_above,
            promise.expected_return > asked.expected_return_above,
        ),
        ("maximum risk", promise.risk_max, asked.risk_max, promise.risk_max <= asked.risk_max),
    )


def kept(
    *, var_95: float, position_max: float, correlation: float, contract: Contract | None = None
) -> tuple[Breach, ...]:
    """Where a portfolio breaks the contract. correlation: NaN where there are fewer than two positions to correlate."""
    asked = contract or Contract()
    alone = math.isnan(correlation)
    return _breaches(
        ("value at risk", var_95, asked.var_95_max, var_95 <= asked.var_95_max),
        ("largest position", position_max, asked.position_max, position_max <= asked.position_max),
        ("correlation", correlation, asked.correlation_max, alone or correlation <= asked.correlation_max),
    )


def require(promise: Promise, contract: Contract | None = None) -> None:
    """Raise InputError, naming every figure that falls short."""
    if wrong := promised(promise, contract):
        said = "; ".join(f"{each.what} is {each.measured:g}, asked is {each.bound:g}" for each in wrong)
        raise InputError(f"{promise.name} is not offered: {said}")


def _breaches(*figures: tuple[str, float, float, bool]) -> tuple[Breach, ...]:
    return tuple(
        Breach(what=what, measured=float(measured), bound=float(bound))
        for what, measured, bound, holds in figures
        if not holds
    )
