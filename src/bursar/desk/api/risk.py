"""What could go wrong: limits, exposure, contributions, stress, and risk budgets."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import Field

from bursar.desk import views
from bursar.desk.api.ibkr import plain_limits, plain_of
from bursar.desk.api.optimization import Means, Moments, rectangle
from bursar.desk.api.parts import (
    Amount,
    Analyst,
    Asked,
    IfMatch,
    Number,
    Share,
    TheDesk,
    Told,
    Trader,
    Viewer,
    Word,
    held_still,
    may_see,
    stamped,
    versioned,
)
from bursar.desk.api.portfolios import held, key_of, known
from bursar.desk.api.problems import Problem, described
from bursar.desk.api.shapes import figures as shapes
from bursar.desk.api.shapes import words
from bursar.domain.events import RiskBudgetSet
from bursar.errors import DataError, InputError
from bursar.risk import budgets, exposure, stress
from bursar.risk.profiles import PROFILES

router = APIRouter(prefix="/risk", tags=["risk"])

Labels = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(min_length=1, max_length=500)]
LevelName = Literal["strategy", "sector", "symbol", "horizon"]
RuleName = Literal["equal", "volatility", "confidence", "strategy", "sector"]


# ---------------------------------------------------------------- limits


@router.get("/limits", responses=described(tells=shapes.AllLimits))
async def limits(desk: TheDesk, caller: Viewer) -> Response:
    """Show the limits that hold, account by account."""
    found = {name: plain_limits(profile) for name, profile in desk.accounts.items()}
    return Told(stamped(desk, accounts=found))


@router.get("/limits/profiles", responses=described(tells=shapes.LimitProfiles))
async def profiles(desk: TheDesk, caller: Viewer) -> Response:
    """Show the sets of limits that ship, to be named in risk.profiles."""
    return Told({"profiles": {name: plain_of(each) for name, each in PROFILES.items()}})


# ---------------------------------------------------------------- portfolios


@router.get("/portfolios/{account}/{portfolio}/exposure", responses=described(404, 409, tells=shapes.Exposure))
async def exposure_of(account: str, portfolio: str, desk: TheDesk, caller: Viewer) -> Response:
    """Sum what a portfolio holds: long, short, gross, net, by sector, and the largest positions."""
    page = held(desk, caller, account, portfolio)
    if page.worth is None:
        raise DataError(page.problem)
    weights, positions = page.worth.weights, page.book.positions
    sums = exposure.exposure(np.array([weights.get(symbol, 0.0) for symbol in positions]))
    sectors: dict[str, float] = {}
    for symbol, position in positions.items():
        name = position.sector or "unknown"
        sectors[name] = sectors.get(name, 0.0) + weights.get(symbol, 0.0)
    largest = sorted(weights.items(), key=lambda pair: -abs(pair[1]))[:10]
    return Told(
        stamped(
            desk,
            long=sums.long,
            short=sums.short,
            gross=sums.gross,
            net=sums.net,
            sectors=sectors,
            largest=[{"symbol": symbol, "weight": weight} for symbol, weight in largest],
            rests_on_doubtful_prices=page.worth.doubtful,
        )
    )


@router.get("/portfolios/{account}/{portfolio}/stress", responses=described(404, 409, tells=shapes.StressedPortfolio))
async def stress_of(
    account: str,
    portfolio: str,
    desk: TheDesk,
    caller: Viewer,
    beta: Annotated[float, Query(ge=-5, le=5, description="Taken for every share, where none is known.")] = 1.0,
) -> Response:
    """Say what each scenario that ships would do to a portfolio. Sectors are the books', betas are as given."""
    page = held(desk, caller, account, portfolio)
    if page.worth is None:
        raise DataError(page.problem)
    symbols = list(page.book.positions)
    sectors = [stress.sector_of(page.book.positions[symbol].sector) for symbol in symbols]
    table = stress.responses(market=np.full(len(symbols), beta), sectors=sectors)
    found = stress.stress(np.array([page.worth.weights.get(symbol, 0.0) for symbol in symbols]), table)
    desk.tally.stressed.inc()
    return Told(stamped(desk, beta=beta, **_stressed(found, symbols)))


# ---------------------------------------------------------------- what if


class Stress(Asked):
    """A portfolio that is to be stressed."""

    weights: Means = Field(examples=[[0.6, 0.4]])
    betas: Means = Field(examples=[[1.1, 0.7]])
    sectors: Annotated[list[str | None], Field(min_length=1, max_length=500)] | None = Field(
        default=None, examples=[["energy", None]]
    )


class Moving(Asked):
    """Weights and how their assets move."""

    weights: Means = Field(examples=[[0.6, 0.4]])
    covariance: Moments = Field(examples=[[[0.04, 0.006], [0.006, 0.09]]])


class Historical(Asked):
    """Weights and what their assets went through, one row a period, with the market beside it."""

    weights: Means = Field(examples=[[0.6, 0.4]])
    returns: Annotated[list[Means], Field(min_length=1, max_length=2_000)] = Field(
        examples=[[[0.01, -0.02], [-0.005, 0.01], [0.002, 0.003]]]
    )
    market: Annotated[list[Annotated[Number, Field(ge=-1, le=10)]], Field(min_length=1, max_length=2_000)] = Field(
        examples=[[0.004, 0.001, 0.002]]
    )


@router.get("/scenarios", responses=described(tells=shapes.Scenarios))
async def scenarios(desk: TheDesk, caller: Viewer) -> Response:
    """List the scenarios that ship: what happened, or might, and by which shocks."""
    found = [
        {"name": each.name, "kind": each.kind, "story": each.story, "shocks": dict(each.shocks)}
        for each in stress.SCENARIOS
    ]
    return Told({"items": found, "factors": list(stress.FACTORS)})


@router.post("/stress", responses=described(400, tells=shapes.Stressed))
async def stress_weights(asked: Stress, desk: TheDesk, caller: Analyst) -> Response:
    """Say what each scenario would do to weights that are given."""
    table = stress.responses(market=asked.betas, sectors=asked.sectors)
    found = stress.stress(asked.weights, table)
    desk.tally.stressed.inc()
    return Told(stamped(desk, **_stressed(found, [str(place) for place in range(len(asked.weights))])))


def _stressed(found: stress.StressResult, names: list[str]) -> dict[str, Any]:
    return {
        "worst": found.worst,
        "items": [
            {
                "scenario": name,
                "profit": views.number(found.profit[place]),
                "by_asset": dict(zip(names, views.numbers(found.by_asset[place]), strict=True)),
                "by_factor": dict(zip(stress.FACTORS, views.numbers(found.by_factor[place]), strict=True)),
            }
            for place, name in enumerate(found.names)
        ],
    }


@router.post("/contributions", responses=described(400, tells=shapes.Contributions))
async def contributions(asked: Moving, desk: TheDesk, caller: Analyst) -> Response:
    """Say who carries the volatility."""
    found = exposure.risk_contributions(asked.weights, rectangle("covariance", asked.covariance))
    return Told(
        stamped(
            desk,
            volatility=views.number(found.volatility),
            marginal=views.numbers(found.marginal),
            component=views.numbers(found.component),
            share=views.numbers(found.share),
        )
    )


@router.post("/correlation", responses=described(400, tells=shapes.Correlation))
async def correlation(asked: Moving, desk: TheDesk, caller: Analyst) -> Response:
    """Say how much of the volatility comes from assets moving together."""
    found = exposure.correlation_risk(asked.weights, rectangle("covariance", asked.covariance))
    return Told(stamped(desk, **{name: views.number(getattr(found, name)) for name in found.__dataclass_fields__}))


@router.post("/measures", responses=described(400, tells=shapes.Measures))
async def measures(asked: Historical, desk: TheDesk, caller: Analyst) -> Response:
    """Tell the six measures of weights through a history; null where it is too short for one."""
    found = exposure.measures(asked.weights, rectangle("returns", asked.returns), asked.market)
    return Told(stamped(desk, **{name: views.number(value) for name, value in found.items()}))


# ---------------------------------------------------------------- budgets


class Level(Asked):
    """One dimension of a budget."""

    dimension: LevelName = Field(examples=["sector"])
    labels: Labels = Field(description="The label of each asset.", examples=[["energy", "technology"]])
    rule: RuleName = Field(examples=["equal"])


class Budget(Asked):
    """Risk that is to be divided."""

    total: Annotated[Number, Field(gt=0, le=100)] = Field(examples=[0.15])
    levels: Annotated[list[Level], Field(min_length=1, max_length=4)]
    covariance: Moments | None = Field(default=None, description="For the rule volatility.")
    weights: Means | None = None
    confidence: Annotated[list[Share], Field(min_length=1, max_length=500)] | None = None
    performance: Means | None = None
    capacity: Means | None = None
    sector: Labels | None = None


class Used(Asked):
    """A budget, and what is carried of it."""

    budget: Budget
    contributions: Means = Field(description="Of each asset to the risk.", examples=[[0.05, 0.04]])
    warning: Annotated[Number, Field(gt=0, le=1)] = 0.8


class NewShare(Asked):
    """How much of a portfolio's risk a part of it may use."""

    share: Amount = Field(description="From 0 to 1.", examples=["0.25"])
    method: Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")] = Field(default="custom", examples=["equal"])


def _tree(asked: Budget) -> budgets.Budget:
    facts = budgets.Facts(
        covariance=None if asked.covariance is None else rectangle("covariance", asked.covariance),
        weights=asked.weights,
        confidence=asked.confidence,
        performance=asked.performance,
        capacity=asked.capacity,
        sector=asked.sector,
    )
    levels = [
        budgets.Level(dimension=each.dimension, labels=each.labels, rule=budgets.RULES[each.rule])
        for each in asked.levels
    ]
    return budgets.allocate(asked.total, levels, facts)


@router.post("/budgets/allocate", responses=described(400, tells=shapes.Allocated))
async def allocate(asked: Budget, desk: TheDesk, caller: Analyst) -> Response:
    """Divide a risk down a tree of strategies, sectors, symbols or horizons."""
    tree = _tree(asked)
    nodes = [
        {"path": list(path), "dimension": dimension, "limit": views.number(limit)}
        for path, dimension, limit in zip(tree.paths, tree.dimensions, tree.limits, strict=True)
    ]
    desk.tally.allocated.inc()
    return Told(stamped(desk, nodes=nodes))


@router.post("/budgets/utilization", responses=described(400, tells=shapes.UsedBudget))
async def utilization(asked: Used, desk: TheDesk, caller: Analyst) -> Response:
    """Say what each node carries of what it may, and which are beyond, the worst first."""
    tree = _tree(asked.budget)
    used = budgets.utilization(tree, asked.contributions)
    nodes = [
        {"path": list(path), "used": views.number(used.used[node]), "share": views.number(used.share[node])}
        for node, path in enumerate(tree.paths)
    ]
    found = [
        {
            "path": list(each.path),
            "dimension": each.dimension,
            "used": views.number(each.used),
            "limit": views.number(each.limit),
            "share": views.number(each.share),
            "severity": each.severity,
        }
        for each in budgets.violations(tree, used, warning=asked.warning)
    ]
    desk.tally.held_against.inc()
    for each in found:
        desk.tally.violated.labels(each["severity"]).inc()
    return Told(stamped(desk, nodes=nodes, violations=found))


def _share(version: str, told: RiskBudgetSet) -> dict[str, Any]:
    return {
        "account": told.account,
        "portfolio": told.portfolio,
        "level": told.level,
        "name": told.name,
        "share": views.text(told.share),
        "method": told.method,
        "set_at": views.moment(told.at),
        "version": version,
    }


@router.get("/budgets", responses=described(tells=words.Listed[shapes.RiskShare]))
async def all_budgets(desk: TheDesk, caller: Viewer) -> Response:
    """List the shares of risk that were set."""
    found = [_share(*each) for key, each in sorted(desk.register.budgets.items()) if may_see(caller, key[0], key[1])]
    return Told(stamped(desk, items=found))


@router.get("/budgets/{account}/{portfolio}", responses=described(404, tells=shapes.RiskShares))
async def budgets_of(account: str, portfolio: str, desk: TheDesk, caller: Viewer) -> Response:
    """List the shares of risk that were set in one portfolio, and what is left of each level."""
    known(desk, caller, account, portfolio)
    key = key_of(account, portfolio)
    found = [each for name, each in sorted(desk.register.budgets.items()) if name[:2] == key]
    left: dict[str, Decimal] = {}
    for _, told in found:
        left[told.level] = left.get(told.level, Decimal(1)) - told.share
    said = {level: views.text(share) for level, share in left.items()}
    return Told(stamped(desk, items=[_share(*each) for each in found], left=said))


@router.put(
    "/budgets/{account}/{portfolio}/{level}/{name}", responses=described(400, 404, 412, 428, tells=shapes.RiskShareTold)
)
async def set_share(
    account: str,
    portfolio: str,
    level: LevelName,
    name: Word,
    asked: NewShare,
    desk: TheDesk,
    caller: Trader,
    if_match: IfMatch = None,
) -> Response:
    """Set how much of a portfolio's risk a part of it may use. The shares of a level come to one at most."""
    known(desk, caller, account, portfolio)
    key = (*key_of(account, portfolio), level, name)
    present = desk.register.budgets.get(key)
    if present is not None:
        held_still(present[0], if_match)
    if not 0 <= asked.share <= 1:
        raise InputError(f"the share of {name} is {asked.share}; give 0 to 1")
    others = [
        told.share for each, (_, told) in desk.register.budgets.items() if each[:3] == key[:3] and each[3] != name
    ]
    if sum(others, Decimal(0)) + asked.share > 1:
        raise Problem(422, "a value cannot be used", f"the other shares leave {1 - sum(others, Decimal(0))}")
    told = RiskBudgetSet(
        event_id=f"desk/budget/{desk.number()}",
        at=desk.now(),
        account=key[0],
        portfolio=key[1],
        level=level,
        name=name,
        share=asked.share,
        method=asked.method,
    )
    await desk.note(caller.user, "budget.set", {"level": level, "name": name, "share": str(asked.share)}, [told])
    version, told = desk.register.budgets[key]
    return versioned(stamped(desk, **_share(version, told)), version)
