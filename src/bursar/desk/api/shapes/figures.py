"""What is answered about sizes, optimal portfolios, risk, and the budgets of risk."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bursar.desk.api.shapes.orders import Limits
from bursar.desk.api.shapes.words import (
    Account,
    Amount,
    Effect,
    Figures,
    Fraction,
    Listed,
    Moment,
    Number,
    Part,
    Person,
    Portfolio,
    Reason,
    Sector,
    Shape,
    Shares,
    Side,
    Stamped,
    Symbol,
)

Says = Annotated[str, Field(examples=["The least variance that the constraints allow."])]
Names = Annotated[str, Field(examples=["main"])]
Branch = Annotated[list[str], Field(description="From the root down.", examples=[["technology", "AAPL"]])]

# ---------------------------------------------------------------- sizing


class MethodTold(Shape):
    """A sizer. terms: what it takes beside the signals, and whether it cannot do without."""

    method: str = Field(examples=["kelly"])
    says: Says
    terms: dict[Annotated[str, Field(examples=["fraction"])], bool]


class Methods(Shape):
    """The sizers."""

    items: list[MethodTold]


class Size(Shape):
    """How large a position should be. wanted: before any bound; bound_by: what made it smaller."""

    symbol: str = Field(examples=["AAPL"])
    method: str = Field(examples=["kelly"])
    wanted: Fraction | None
    weight: Fraction | None
    amount: Amount | None
    shares: float | None = Field(examples=[58.0])
    factors: Figures
    bound_by: list[str] = Field(examples=[["position_weight_max"]])


class SizeTold(Size, Stamped):
    """How large one position should be."""


# ---------------------------------------------------------------- optimization


class ObjectiveTold(Shape):
    """What a portfolio can be best at."""

    objective: str = Field(examples=["minimum_variance"])
    says: Says


class Objectives(Shape):
    """What a portfolio can be best at."""

    items: list[ObjectiveTold]


class Solved(Shape):
    """A portfolio that is best in some sense, or the constraints that leave none."""

    status: str = Field(examples=["optimal"])
    weights: list[Fraction | None] | None
    cash: Fraction | None
    solver: str | None = Field(examples=["active set"])
    objective: Number | None
    gap: Number | None
    violation: Number | None
    binding: list[str] = Field(examples=[["upper bound of asset 0"]])
    conflicts: list[str] = Field(examples=[[]])
    note: str | None = Field(examples=[None])


class SolvedNow(Solved, Stamped):
    """A portfolio that was found at once."""


class JobTold(Shape):
    """A job, and its result once it is done."""

    job: str = Field(examples=["job-00000001"])
    kind: str = Field(examples=["optimization"])
    by: Person
    asked_at: Moment
    state: str = Field(examples=["done"])
    problem: str | None = Field(examples=[None])
    result: Solved | None


class Jobs(Shape):
    """The jobs that are remembered; their results are told one by one."""

    items: list[JobTold]


class Feasible(Stamped):
    """Whether constraints can hold together, and which conflict."""

    feasible: bool
    conflicts: list[str] = Field(examples=[[]])


class PlannedOrder(Shape):
    """An order that would lead to the wished weights."""

    symbol: Symbol
    side: Side
    quantity: Shares
    effect: Effect
    reason: Reason


class Planned(Stamped):
    """The orders that bring a portfolio to weights, in their order."""

    orders: list[PlannedOrder]


# ---------------------------------------------------------------- risk


class AllLimits(Stamped):
    """The limits that hold, account by account."""

    accounts: dict[Names, Limits]  # type: ignore[valid-type]  # made of the fields of RiskLimits


class LimitProfiles(Shape):
    """The sets of limits that ship."""

    profiles: dict[Annotated[str, Field(examples=["fund"])], Limits]  # type: ignore[valid-type]  # likewise


class Weight(Shape):
    """What a symbol weighs."""

    symbol: Symbol
    weight: Fraction


class Exposure(Stamped):
    """What a portfolio holds, as fractions of its equity."""

    long: Fraction
    short: Fraction
    gross: Fraction
    net: Fraction
    sectors: dict[Sector, Fraction]
    largest: list[Weight]
    rests_on_doubtful_prices: Fraction


class Shock(Shape):
    """What one scenario would do, as fractions of equity."""

    scenario: str = Field(examples=["black_monday_1987"])
    profit: Fraction | None
    by_asset: dict[Symbol, Fraction | None]
    by_factor: dict[Annotated[str, Field(examples=["market"])], Fraction | None]


class Stressed(Listed[Shock]):
    """What scenarios would do to weights."""

    worst: str = Field(examples=["black_monday_1987"])


class StressedPortfolio(Stressed):
    """What scenarios would do to a portfolio. beta: taken for every share."""

    beta: Number


class Scenario(Shape):
    """A scenario that ships."""

    name: str = Field(examples=["black_monday_1987"])
    kind: str = Field(examples=["historical"])
    story: str = Field(examples=["14 to 19 October 1987: a quarter of the market in four sessions"])
    shocks: dict[Annotated[str, Field(examples=["market"])], Number]


class Scenarios(Shape):
    """The scenarios that ship, and the factors that they shock."""

    items: list[Scenario]
    factors: list[str] = Field(examples=[["market", "energy"]])


class Contributions(Stamped):
    """Who carries the volatility, asset by asset."""

    volatility: Fraction | None
    marginal: list[Fraction | None]
    component: list[Fraction | None]
    share: list[Fraction | None]


class Correlation(Stamped):
    """How much of the volatility comes from assets moving together."""

    volatility: Fraction | None
    volatility_if_none: Fraction | None
    volatility_if_one: Fraction | None
    mean_correlation: Fraction | None
    diversification: Number | None
    effective_bets: Number | None


class Measures(Stamped):
    """Measures of weights through a history; null where it is too short for one."""

    volatility: Fraction | None
    var_95: Fraction | None
    var_99: Fraction | None
    es_95: Fraction | None
    max_drawdown: Fraction | None
    beta_adjusted_exposure: Number | None


# ---------------------------------------------------------------- budgets


class BudgetNode(Shape):
    """What one part of a tree may carry."""

    path: Branch
    dimension: str = Field(examples=["sector"])
    limit: Fraction | None


class Allocated(Stamped):
    """A risk that was divided."""

    nodes: list[BudgetNode]


class UsedNode(Shape):
    """What one part of a tree carries. share: of what it may."""

    path: Branch
    used: Fraction | None
    share: Fraction | None


class Beyond(UsedNode):
    """A part that carries more than it may, or nearly."""

    dimension: str = Field(examples=["sector"])
    limit: Fraction | None
    severity: str = Field(examples=["warning"])


class UsedBudget(Stamped):
    """What each part carries of what it may; violations, the worst first."""

    nodes: list[UsedNode]
    violations: list[Beyond]


class RiskShare(Shape):
    """How much of a portfolio's risk a part of it may use. version: what If-Match names, to change it."""

    account: Account
    portfolio: Portfolio
    level: str = Field(examples=["sector"])
    name: str = Field(examples=["technology"])
    share: Part
    method: str = Field(examples=["equal"])
    set_at: Moment
    version: str = Field(examples=["n2"])


class RiskShareTold(RiskShare, Stamped):
    """A share of risk that was set."""


class RiskShares(Listed[RiskShare]):
    """The shares of risk that were set in a portfolio, and what is left of each level."""

    left: dict[Annotated[str, Field(examples=["sector"])], Part]
