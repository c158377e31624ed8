"""What is best: one frozen value for each objective, with the condition under which its convex form is exact.

All figures are per period of the inputs: daily moments give a daily Sharpe ratio. `Solution.objective` holds the
figure named with each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bursar.quant import arrays
from bursar.quant.arrays import FloatArray
from bursar.quant.blacklitterman import Views


@dataclass(frozen=True, slots=True)
class MinimumVariance:
    """The least w'Sw. Figure: the variance. Always convex."""


@dataclass(frozen=True, slots=True)
class MeanVariance:
    """The greatest r'w + cash x risk_free - costs - risk_aversion / 2 x w'Sw. Figure: that utility."""

    risk_aversion: float = 1.0

    def __post_init__(self) -> None:
        arrays.number("risk_aversion", self.risk_aversion, above=0.0)


@dataclass(frozen=True, slots=True)
class MaximumReturn:
    """The greatest r'w + cash x risk_free - costs. Figure: that return.

    With `Constraints(volatility_max=...)` it is the volatility target: the most return for so much risk.
    """


@dataclass(frozen=True, slots=True)
class MaximumSharpe:
    """The greatest (net return - risk_free) / volatility. Figure: the ratio.

    Exact where some feasible portfolio earns more than risk_free, with positive variance; otherwise the answer is
    "infeasible" and says so.
    """


@dataclass(frozen=True, slots=True)
class MaximumDiversification:
    """The greatest s'w / volatility, s the assets' own volatilities. Figure: the ratio.

    Exact where some feasible portfolio has s'w above zero, as every long-only one has.
    Source: Choueifaty and Coignard (2008), "Toward Maximum Diversification", Journal of Portfolio Management 35.
    """


@dataclass(frozen=True, slots=True)
class RiskParity:
    """Contributions to variance in proportion to `budgets` (equal where None). Figure: the largest deviation.

    Long-only. Where caps or other constraints bind, no feasible portfolio meets the budgets: the answer is then the
    feasible portfolio with the least log(volatility) - sum(budget log w), whose optimum without constraints is
    risk parity, and the achieved contributions are in `Solution.risk_contributions`.
    Source: Roncalli (2013), "Introduction to Risk Parity and Budgeting"; Richard and Roncalli (2019), "Constrained
    Risk Budgeting Portfolios".
    """

    budgets: Sequence[float] | FloatArray | None = None


@dataclass(frozen=True, slots=True)
class MinimumCVaR:
    """The least expected shortfall of the scenarios' losses. Figure: the shortfall, positive for a loss.

    confidence  0.95 means the mean of the worst 5 % of scenarios
    Source: Rockafellar and Uryasev (2000), "Optimization of Conditional Value-at-Risk", Journal of Risk 2.
    """

    confidence: float = 0.95

    def __post_init__(self) -> None:
        arrays.number("confidence", self.confidence, above=0.0, below=1.0)


@dataclass(frozen=True, slots=True)
class HierarchicalRiskParity:
    """Lopez de Prado's tree: cluster by correlation, then split risk from the top. Figure: the variance.

    Constraints are no part of the method: where its weights break them, the answer is the feasible portfolio
    nearest to them in tracking variance.
    Source: Lopez de Prado (2016), "Building Diversified Portfolios that Outperform Out of Sample".
    """

    linkage: Literal["single", "complete", "average", "ward"] = "single"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlackLitterman:
    """The greatest Sharpe ratio under the posterior of the market's equilibrium and the views. Figure: that ratio.

    market_weights  (n_assets,) of the market portfolio, whose equilibrium is the prior
    risk_aversion   of the market as a whole;  tau  how uncertain the equilibrium is (blacklitterman.py)
    """

    market_weights: Sequence[float] | FloatArray
    views: Views | None = None
    risk_aversion: float = 2.5
    tau: float = 0.05


Objective: TypeAlias = (
    MinimumVariance
    | MeanVariance
    | MaximumReturn
    | MaximumSharpe
    | MaximumDiversification
    | RiskParity
    | MinimumCVaR
    | HierarchicalRiskParity
)
