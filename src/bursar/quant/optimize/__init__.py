"""Portfolios that are best in a stated sense, under stated constraints.

    objectives    what is best: a value for each of nine
    constraints   what is allowed: bounds, exposures, leverage, turnover, costs, risk
    portfolio     optimize(): from inputs to a Solution, through every file below
    problem       the inputs, checked, and what any weights come to in them
    program       the convex program that a portfolio problem becomes, and its homogeneous twin
    build, forms  the blocks of that program (trades, leverage, costs, factors, cones), and one for each objective
    solvers       PIQP, HiGHS, Clarabel, called directly
    stepwise      a ratio raised step by step, where a solver stalls on the homogeneous form
    chain         one solver after another until one answers, and an explanation where none can
    activeset     which constraints bind, found and proven without a solver, from nothing or from a start
    ratios, filling, screening    shorter ways: the plain ratio, the most return by hand, fewer purchases
    diagnose      which constraints conflict
    cardinality   few names: branch and bound with its gap;  lots: whole lots, with HiGHS
    hierarchy, custom    HRP; constraints written in CVXPY

Moments, scenarios and rates are per period of the inputs, and so are the figures that come out.
"""

from bursar.quant.optimize.constraints import Constraints, Costs, Exposure, sectors
from bursar.quant.optimize.lots import Lots, whole_lots
from bursar.quant.optimize.objectives import (
    BlackLitterman,
    HierarchicalRiskParity,
    MaximumDiversification,
    MaximumReturn,
    MaximumSharpe,
    MeanVariance,
    MinimumCVaR,
    MinimumVariance,
    Objective,
    RiskParity,
)
from bursar.quant.optimize.portfolio import optimize
from bursar.quant.optimize.solution import Solution

__all__ = [
    "BlackLitterman",
    "Constraints",
    "Costs",
    "Exposure",
    "HierarchicalRiskParity",
    "Lots",
    "MaximumDiversification",
    "MaximumReturn",
    "MaximumSharpe",
    "MeanVariance",
    "MinimumCVaR",
    "MinimumVariance",
    "Objective",
    "RiskParity",
    "Solution",
    "optimize",
    "sectors",
    "whole_lots",
]
