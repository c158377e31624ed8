"""Portfolios that are best in some sense, plans to get there, and whether constraints can hold together."""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field, model_validator

from bursar.desk import views
from bursar.desk.api.acting import IdempotencyKey, once_of
from bursar.desk.api.parts import Amount, Analyst, Asked, Number, Share, Table, TheDesk, Told, Viewer, stamped
from bursar.desk.api.problems import Problem, described
from bursar.desk.api.shapes import figures as shapes
from bursar.desk.desk import Desk
from bursar.desk.jobs import Job
from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote
from bursar.domain.targets import Target, Targets
from bursar.errors import InputError
from bursar.quant import optimize
from bursar.quant.blacklitterman import Views
from bursar.quant.optimize import constraints as within
from bursar.quant.optimize.diagnose import conflicts
from bursar.quant.optimize.problem import Problem as Portfolio
from bursar.quant.optimize.solution import Solution
from bursar.quant.riskmodel import risk_model
from bursar.trading.rebalance import Sleeve, rebalance

router = APIRouter(prefix="/optimization", tags=["optimization"])

#: Assets that are optimized while the caller waits; more of them are a job.
AT_ONCE_MAX = 200

ObjectiveName = Literal[
    "minimum_variance",
    "mean_variance",
    "maximum_return",
    "maximum_sharpe",
    "maximum_diversification",
    "risk_parity",
    "minimum_cvar",
    "hierarchical_risk_parity",
    "black_litterman",
]

OBJECTIVES: dict[str, Any] = {
    "minimum_variance": optimize.MinimumVariance,
    "mean_variance": optimize.MeanVariance,
    "maximum_return": optimize.MaximumReturn,
    "maximum_sharpe": optimize.MaximumSharpe,
    "maximum_diversification": optimize.MaximumDiversification,
    "risk_parity": optimize.RiskParity,
    "minimum_cvar": optimize.MinimumCVaR,
    "hierarchical_risk_parity": optimize.HierarchicalRiskParity,
    "black_litterman": optimize.BlackLitterman,
}

Bound = Annotated[Number, Field(ge=-10, le=10)]
Small = Annotated[Number, Field(ge=-10, le=10)]
Moments = Annotated[
    list[Annotated[list[Small], Field(min_length=1, max_length=500)]], Field(min_length=1, max_length=500)
]
Means = Annotated[list[Small], Field(min_length=1, max_length=500)]


class Sector(Asked):
    """The least and the most that the assets of one group may weigh together."""

    name: Annotated[str, Field(min_length=1, max_length=64)] = Field(examples=["technology"])
    members: Annotated[list[Annotated[int, Field(ge=0, lt=500, strict=True)]], Field(min_length=1, max_length=500)] = (
        Field(description="Places of the assets.", examples=[[0, 1]])
    )
    lower: Bound | None = None
    upper: Bound | None = Field(default=None, examples=[0.6])


class Constraints(Asked):
    """What is allowed; long-only and fully invested unless told otherwise."""

    lower: Bound | Means = 0.0
    upper: Bound | Means = 1.0
    cash_least: Share = 0.0
    cash_most: Share = 0.0
    sectors: Annotated[list[Sector], Field(max_length=50)] = Field(default=[])
    gross_max: Annotated[Number, Field(gt=0, le=10)] | None = None
    turnover_max: Annotated[Number, Field(ge=0, le=10)] | None = None
    volatility_max: Annotated[Number, Field(gt=0, le=10)] | None = None
    assets_max: Annotated[int, Field(ge=1, le=500, strict=True)] | None = None
    position_min: Share = 0.0

    @model_validator(mode="after")
    def _cash(self) -> Self:
        if self.cash_least > self.cash_most:
            raise ValueError("cash_least lies above cash_most")
        return self

    def of(self, size: int) -> within.Constraints:
        """As the optimizer takes them, for so many assets."""
        exposures = []
        for each in self.sectors:
            if max(each.members) >= size:
                raise InputError(f"sector {each.name} names asset {max(each.members)}; there are {size}")
            loadings = np.zeros(size)
            loadings[each.members] = 1.0
            lower = -math.inf if each.lower is None else each.lower
            upper = math.inf if each.upper is None else each.upper
            exposures.append(within.Exposure(name=each.name, loadings=loadings, lower=lower, upper=upper))
        return within.Constraints(
            lower=self.lower if isinstance(self.lower, float | int) else np.array(self.lower),
            upper=self.upper if isinstance(self.upper, float | int) else np.array(self.upper),
            cash=(self.cash_least, self.cash_most),
            exposures=tuple(exposures),
            gross_max=math.inf if self.gross_max is None else self.gross_max,
            turnover_max=math.inf if self.turnover_max is None else self.turnover_max,
            volatility_max=math.inf if self.volatility_max is None else self.volatility_max,
            assets_max=self.assets_max,
            position_min=self.position_min,
        )


class Opinions(Asked):
    """Views for Black-Litterman: each picks assets, expects a return, and says how sure it is."""

    picks: Moments = Field(examples=[[[1.0, -1.0]]])
    returns: Means = Field(examples=[[0.02]])
    confidences: Annotated[list[Annotated[Number, Field(gt=0, lt=1)]], Field(min_length=1, max_length=500)] | None = (
        Field(default=None, examples=[[0.6]])
    )


class Optimization(Asked):
    """A portfolio problem; all figures are per period of the inputs."""

    objective: ObjectiveName = Field(examples=["minimum_variance"])
    covariance: Moments | None = Field(default=None, examples=[[[0.04, 0.006], [0.006, 0.09]]])
    expected_returns: Means | None = Field(default=None, examples=[[0.05, 0.08]])
    scenarios: Table | None = None
    constraints: Constraints = Constraints()
    current: Means | None = Field(default=None, description="Weights that are held now.", examples=[[0.5, 0.5]])
    risk_free: Small = 0.0
    risk_aversion: Annotated[Number, Field(gt=0, le=1e6)] | None = None
    confidence: Annotated[Number, Field(gt=0, lt=1)] | None = Field(default=None, description="For minimum_cvar.")
    budgets: Means | None = Field(default=None, description="For risk_parity.")
    market_weights: Means | None = Field(default=None, description="For black_litterman.")
    views: Opinions | None = Field(default=None, description="For black_litterman.")

    @property
    def size(self) -> int:
        """How many assets there are."""
        for table in (self.covariance, self.scenarios):
            if table is not None:
                return len(table[0])
        return len(self.expected_returns or ())


def solved(asked: Optimization) -> dict[str, Any]:
    """The answer to a problem, as JSON has it."""
    terms: dict[str, dict[str, Any]] = {
        "mean_variance": {"risk_aversion": asked.risk_aversion},
        "minimum_cvar": {"confidence": asked.confidence},
        "risk_parity": {"budgets": asked.budgets},
        "black_litterman": {"market_weights": asked.market_weights, "risk_aversion": asked.risk_aversion},
    }
    given = {name: value for name, value in terms.get(asked.objective, {}).items() if value is not None}
    if asked.objective == "black_litterman":
        if asked.market_weights is None:
            raise InputError("market_weights is missing: Black-Litterman starts from the market portfolio")
        if asked.views is not None:
            sure = asked.views.confidences
            given["views"] = Views(
                picks=np.array(rectangle("views.picks", asked.views.picks)),
                returns=np.array(asked.views.returns),
                confidences=None if sure is None else np.array(sure),
            )
    found = optimize.optimize(
        OBJECTIVES[asked.objective](**given),
        None if asked.covariance is None else rectangle("covariance", asked.covariance),
        asked.expected_returns,
        scenarios=None if asked.scenarios is None else rectangle("scenarios", asked.scenarios),
        constraints=asked.constraints.of(asked.size),
        current=asked.current,
        risk_free=asked.risk_free,
    )
    return _told(found)


def _counted(desk: Desk, asked: Optimization) -> dict[str, Any]:
    """The answer, timed and counted."""
    with desk.tally.solving(asked.objective):
        found = solved(asked)
    desk.tally.solved.labels(asked.objective, found["status"]).inc()
    return found


def rectangle(name: str, rows: list[list[float]]) -> list[list[float]]:
    """``rows``, or InputError where they are of different lengths."""
    if len({len(row) for row in rows}) != 1:
        raise InputError(f"the rows of {name} are of different lengths")
    return rows


def _told(found: Solution) -> dict[str, Any]:
    weights = found.weights
    return {
        "status": found.status,
        "weights": None if weights is None else views.numbers(weights),
        "cash": None if weights is None else views.number(found.cash),
        "solver": found.solver or None,
        "objective": views.number(found.objective),
        "gap": views.number(found.gap),
        "violation": views.number(found.violation),
        "binding": [] if weights is None else list(found.active),
        "conflicts": list(found.conflicts),
        "note": found.note or None,
    }


@router.get("/objectives", responses=described(tells=shapes.Objectives))
async def objectives(desk: TheDesk, caller: Viewer) -> Response:
    """List what a portfolio can be best at, and the figure that is told of it."""
    found = [
        {"objective": name, "says": (each.__doc__ or "").strip().splitlines()[0]} for name, each in OBJECTIVES.items()
    ]
    return Told({"items": found})


@router.post("", responses=described(400, 409, tells=shapes.SolvedNow))
async def optimize_now(asked: Optimization, desk: TheDesk, caller: Analyst) -> Response:
    """Find a portfolio at once. An infeasible problem is answered, too: with the constraints that conflict."""
    if asked.size > AT_ONCE_MAX:
        raise Problem(422, "too many assets to wait for", f"{AT_ONCE_MAX} at most; POST /api/v1/optimization/jobs")
    return Told(stamped(desk, **await asyncio.to_thread(_counted, desk, asked)))


def _job(job: Job) -> dict[str, Any]:
    return {
        "job": job.job_id,
        "kind": job.kind,
        "by": job.by,
        "asked_at": views.moment(job.asked_at),
        "state": job.state.value,
        "problem": job.problem or None,
        "result": job.result,
    }


@router.post("/jobs", status_code=202, responses=described(400, 409, tells=shapes.JobTold, status=202))
async def submit(
    asked: Optimization, request: Request, desk: TheDesk, caller: Analyst, idempotency_key: IdempotencyKey
) -> Response:
    """Find a portfolio as a job, whose result is asked for later."""

    async def act() -> Response:
        job = desk.jobs.submit("optimization", caller.user, desk.now(), lambda: _counted(desk, asked))
        return Told(_job(job), 202, {"Location": f"/api/v1/optimization/jobs/{job.job_id}"})

    return await once_of(request).act(request, desk, caller, idempotency_key, act)


@router.get("/jobs", responses=described(tells=shapes.Jobs))
async def jobs(desk: TheDesk, caller: Analyst) -> Response:
    """List the jobs that are remembered, oldest first."""
    return Told({"items": [_job(job) | {"result": None} for job in desk.jobs.jobs.values() if job.by == caller.user]})


def _mine(desk: Desk, caller: Any, job_id: str) -> Job:
    job = desk.jobs.jobs.get(job_id)
    if job is None or job.by != caller.user:
        raise Problem(404, "not found", "there is no such job of yours")
    return job


@router.get("/jobs/{job_id}", responses=described(404, tells=shapes.JobTold))
async def job(job_id: str, desk: TheDesk, caller: Analyst) -> Response:
    """Show a job, and its result once it is done."""
    return Told(_job(_mine(desk, caller, job_id)))


@router.delete("/jobs/{job_id}", responses=described(404, tells=shapes.JobTold))
async def cancel(job_id: str, desk: TheDesk, caller: Analyst) -> Response:
    """Do a job no more."""
    found = _mine(desk, caller, job_id)
    desk.jobs.cancel(found)
    return Told(_job(found))


@router.post("/constraints/check", responses=described(400, 409, tells=shapes.Feasible))
async def check(asked: Optimization, desk: TheDesk, caller: Analyst) -> Response:
    """Say whether constraints can hold together and, where they cannot, which of them conflict."""

    def checked() -> dict[str, Any]:
        size = asked.size
        if not size:
            raise InputError("covariance, scenarios and expected_returns are all missing: there are no assets")
        limits = within.limits(asked.constraints.of(size), size, current=asked.current)
        model = None if asked.covariance is None else risk_model(rectangle("covariance", asked.covariance))
        found = conflicts(Portfolio(size=size, limits=limits, model=model))
        return {"feasible": not found, "conflicts": list(found)}

    found = await asyncio.to_thread(checked)
    desk.tally.checked.labels("yes" if found["feasible"] else "no").inc()
    return Told(stamped(desk, **found))


# ---------------------------------------------------------------- plans


class Wish(Asked):
    """What is to be held of a symbol."""

    symbol: Annotated[str, Field(min_length=1, max_length=64)] = Field(examples=["AAPL"])
    weight: Annotated[Number, Field(ge=0, le=1)] = Field(description="Of the equity.", examples=[0.4])
    held: Amount = Field(default=Decimal(0), description="Shares that are held now.", examples=["10"])
    bid: Amount = Field(examples=["149.99"])
    ask: Amount = Field(examples=["150.01"])


class Plan(Asked):
    """A portfolio that is to be brought to weights."""

    equity: Amount = Field(examples=["100000.00"])
    cash_settled: Amount = Field(examples=["98500.00"])
    cash_reserve: Amount = Field(default=Decimal(0), description="Part of equity that stays.", examples=["0.005"])
    cost_rate: Amount = Field(default=Decimal(0), description="Of notional.", examples=["0.0005"])
    trade_min: Amount = Field(default=Decimal(0), description="Smallest trade, of equity.", examples=["0.005"])
    wishes: Annotated[list[Wish], Field(min_length=1, max_length=500)]


@router.post("/rebalancing-plan", responses=described(400, 409, tells=shapes.Planned))
async def plan(asked: Plan, desk: TheDesk, caller: Analyst) -> Response:
    """Make the orders that bring a portfolio to weights: sales first, whole lots, and never more than cash allows.

    It is the rule by which the loop itself rebalances. Nothing is sent.
    """
    if asked.equity <= 0:
        raise InputError(f"equity is {asked.equity}; give an amount above zero")
    for name in ("cash_reserve", "cost_rate", "trade_min"):
        if not 0 <= getattr(asked, name) < 1:
            raise InputError(f"{name} is {getattr(asked, name)}; give a fraction from 0 to below 1")
    symbols = [wish.symbol for wish in asked.wishes]
    if len(set(symbols)) != len(symbols):
        raise InputError("a symbol is wished for twice; name each of them once")
    for wish in asked.wishes:
        if wish.bid <= 0 or wish.ask < wish.bid or wish.held < 0:
            raise InputError(f"{wish.symbol} is held {wish.held} at {wish.bid} to {wish.ask}; see its numbers")
    at, known = desk.now(), desk.past.book.instruments
    targets = Targets(
        strategy="desk",
        targets=tuple(
            Target(symbol=wish.symbol, weight=wish.weight, reason="wished for")
            for wish in asked.wishes
            if wish.weight > 0
        ),
    )
    drafts = rebalance(
        targets,
        Sleeve(
            equity=asked.equity,
            quantities={wish.symbol: wish.held for wish in asked.wishes},
            cash_settled=asked.cash_settled,
            cash_reserve=asked.cash_reserve,
            cost_rate=asked.cost_rate,
            trade_min=asked.trade_min,
        ),
        {w.symbol: Quote(symbol=w.symbol, at=at, known_at=at, bid=w.bid, ask=w.ask) for w in asked.wishes},
        {symbol: known.get(symbol, Instrument(symbol=symbol)) for symbol in symbols},
    )
    legs = [
        {
            "symbol": draft.symbol,
            "side": draft.side.value,
            "quantity": views.text(draft.quantity),
            "effect": draft.effect.value,
            "reason": draft.reason,
        }
        for draft in drafts
    ]
    desk.tally.planned.inc()
    desk.tally.planned_orders.inc(len(legs))
    return Told(stamped(desk, orders=legs))
