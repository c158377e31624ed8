"""From weights to whole lots: the integers nearest to a portfolio that its money can buy.

A mixed-integer linear program for HiGHS, with the gap that its search left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bursar.errors import InputError
from bursar.quant import arrays
from bursar.quant.arrays import FloatArray, IntArray
from bursar.quant.optimize.solvers import silent_highs

GAP = 1e-6
NODES_MAX = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lots:
    """Whole lots near a target.

    quantities  (n_assets,) shares, multiples of the lot sizes; None where nothing was found
    weights     what they come to, as fractions of the capital
    cash        what is left, in money
    distance    sum |weights - target|
    gap         proven relative distance of `distance` from the least possible
    """

    quantities: IntArray | None
    weights: FloatArray | None
    cash: float
    distance: float
    gap: float
    status: Literal["optimal", "inaccurate", "infeasible", "failed"]


def whole_lots(
    weights: ArrayLike,
    prices: ArrayLike,
    capital: float,
    *,
    lot_sizes: ArrayLike | None = None,
    cash_min: float = 0.0,
    cost_fraction: float = 0.0,
    upper: ArrayLike | None = None,
) -> Lots:
    """The whole lots with the least sum |w - target| that leave `cash_min` in cash.

    weights        (n,) target, negative for short
    prices         (n,) a share, above zero
    capital        money; what is not invested stays in cash
    lot_sizes      (n,) shares in a lot, one where None
    cash_min       money that must be left
    cost_fraction  money that a purchase costs, as a fraction of its notional
    upper          (n,) most weight of each, where it is bounded
    """
    target = arrays.vector("weights", weights)
    n = target.size
    price = arrays.vector("prices", prices, length=n)
    size = np.ones(n) if lot_sizes is None else arrays.vector("lot_sizes", lot_sizes, length=n)
    for name, values in (("prices", price), ("lot_sizes", size)):
        if not values.min() > 0:
            i = int(values.argmin())
            raise InputError(f"{name}[{i}] is {values[i]:g}; it must lie above zero")
    if (size != np.round(size)).any():
        i = int((size != np.round(size)).argmax())
        raise InputError(f"lot_sizes[{i}] is {size[i]:g}; a lot holds whole shares")
    money = arrays.number("capital", capital, above=0.0)
    spare = arrays.number("cash_min", cash_min) / money
    cost = arrays.number("cost_fraction", cost_fraction, least=0.0)
    most = np.full(n, np.inf) if upper is None else arrays.vector("upper", upper, length=n)
    lot = price * size / money
    answer, gap, status = _solve(target, lot, spare, cost, most)
    if answer is None:
        return Lots(quantities=None, weights=None, cash=np.nan, distance=np.nan, gap=np.inf, status=status)
    quantities = np.round(answer * size).astype(np.int64)
    reached = quantities * price / money
    paid = float(cost * np.abs(reached).sum())
    return Lots(
        quantities=quantities,
        weights=reached,
        cash=money * (1.0 - float(reached.sum()) - paid),
        distance=float(np.abs(reached - target).sum()),
        gap=gap,
        status=status,
    )


def _solve(
    target: FloatArray, lot: FloatArray, spare: float, cost: float, most: FloatArray
) -> tuple[FloatArray | None, float, Literal["optimal", "inaccurate", "infeasible", "failed"]]:
    """Integer lots k and distances d: minimize sum d with d >= |lot k - target| and the cash kept."""
    import highspy

    n = target.size
    solver = silent_highs()
    solver.setOptionValue("mip_rel_gap", GAP)
    solver.setOptionValue("mip_max_nodes", NODES_MAX)
    infinity = highspy.kHighsInf
    exact = target / lot
    # The two whole numbers around the target, and one lot of slack towards zero for the cash that must be left.
    low, high = np.floor(exact) - (target > 0), np.ceil(exact) + (target < 0)
    low = np.where(target >= 0, np.maximum(np.minimum(low, high), 0.0), low)
    low = np.where(target >= 0, 0.0, low)
    high = np.where(target <= 0, 0.0, high)
    high = np.minimum(high, np.floor(np.minimum(most, 1e9) / lot + 1e-9))
    for i in range(n):
        solver.addVar(float(low[i]), float(max(high[i], low[i])))
        solver.changeColIntegrality(i, highspy.HighsVarType.kInteger)
    for i in range(n):
        solver.addVar(0.0, infinity)
        solver.changeColCost(n + i, 1.0)
    for i in range(n):
        # d + lot k >= target and d - lot k >= -target
        columns = np.array([i, n + i], dtype=np.int32)
        solver.addRow(float(target[i]), infinity, 2, columns, np.array([lot[i], 1.0]))
        solver.addRow(float(-target[i]), infinity, 2, columns, np.array([-lot[i], 1.0]))
    # Cash: 1 - sum(lot k) - cost on what is bought or sold short, kept above `spare`.
    paid = lot * (1.0 + cost * np.sign(target))
    solver.addRow(-infinity, 1.0 - spare, n, np.arange(n, dtype=np.int32), paid)
    solver.run()
    status = solver.getModelStatus()
    if status == highspy.HighsModelStatus.kInfeasible:
        return None, np.inf, "infeasible"
    info = solver.getInfo()
    if info.primal_solution_status != 2:
        return None, np.inf, "failed"
    lots = np.round(np.array(solver.getSolution().col_value)[:n])
    proven = status == highspy.HighsModelStatus.kOptimal
    return lots, float(info.mip_gap) if np.isfinite(info.mip_gap) else 0.0, "optimal" if proven else "inaccurate"
