"""How large a position should be: every sizer of ``quant/sizing``, for one signal or a batch of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import Field

from bursar.desk import views
from bursar.desk.api.parts import Analyst, Asked, Number, Share, Table, TheDesk, Told, Vector, Viewer, Whole, stamped
from bursar.desk.api.problems import described
from bursar.desk.api.shapes import figures as shapes
from bursar.desk.api.shapes import words
from bursar.desk.desk import Desk
from bursar.errors import InputError
from bursar.quant import sizing

router = APIRouter(prefix="/sizing", tags=["sizing"])

Method = Literal[
    "confidence_weighted",
    "kelly",
    "risk_parity",
    "volatility_adjusted",
    "optimal_f",
    "fixed_dollar",
    "fixed_percent",
    "five_factors",
]

SIZERS: Mapping[str, Callable[..., sizing.Sizes]] = {
    "confidence_weighted": sizing.confidence_weighted,
    "kelly": sizing.kelly,
    "risk_parity": sizing.risk_parity,
    "volatility_adjusted": sizing.volatility_adjusted,
    "optimal_f": sizing.optimal_f,
    "fixed_dollar": sizing.fixed_dollar,
    "fixed_percent": sizing.fixed_percent,
    "five_factors": sizing.five_factors,
}

#: What each sizer takes beside the signals, and whether it cannot do without.
TERMS: Mapping[str, Mapping[str, bool]] = {
    "confidence_weighted": {"base_weight": False, "volatility_target": False, "turbulence_cut": False},
    "kelly": {"fraction": False},
    "risk_parity": {"invested": False},
    "volatility_adjusted": {"position_volatility": False},
    "optimal_f": {"trades": True, "fraction": False, "trades_least": False},
    "fixed_dollar": {"amount": True},
    "fixed_percent": {"weight": True},
    "five_factors": {"reference_volatility": False, "correlation_cut": False},
}

Positive = Annotated[Number, Field(gt=0, le=1e12)]


class Signal(Asked):
    """What is known of one signal."""

    symbol: Annotated[str, Field(max_length=64)] = Field(default="", examples=["AAPL"])
    price: Annotated[Number, Field(ge=1e-6, le=1e12)] = Field(examples=[150.0])
    confidence: Share | None = Field(default=None, examples=[0.7])
    volatility: Positive | None = Field(default=None, description="Annualized.", examples=[0.3])
    win_probability: Share | None = Field(default=None, examples=[0.55])
    payoff: Positive | None = Field(default=None, description="Mean win over mean loss.", examples=[1.2])
    book_correlation: Annotated[Number, Field(ge=-1, le=1)] | None = Field(default=None, examples=[0.4])
    sector: Annotated[Whole, Field(ge=0, le=100)] | None = Field(default=None, examples=[0])
    held: Annotated[Number, Field(ge=0, le=10)] = Field(default=0.0, description="Weight that is held already.")


class Account(Asked):
    """Who buys."""

    equity: Positive = Field(examples=[100_000.0])
    cash: Annotated[Number, Field(ge=-1e12, le=1e12)] = Field(examples=[40_000.0])
    volatility: Annotated[Number, Field(ge=0, le=10)] = 0.0
    sector_weights: Annotated[list[Share], Field(max_length=100)] = Field(default=[])
    turbulence: Share = 0.0


class Limits(Asked):
    """Bounds on every answer."""

    position_weight_max: Annotated[Number, Field(gt=0, le=10)] = 0.2
    sector_weight_max: Annotated[Number, Field(gt=0, le=10)] = 0.3
    cash_reserve: Annotated[Number, Field(ge=0, lt=1)] = 0.005
    lot: Annotated[Number, Field(ge=0, le=1e6)] = 1.0


class Terms(Asked):
    """What a sizer takes beside the signals; GET /api/v1/sizing/methods says which takes what."""

    base_weight: Annotated[Number, Field(gt=0, le=10)] | None = None
    volatility_target: Positive | None = None
    turbulence_cut: Share | None = None
    fraction: Annotated[Number, Field(gt=0, le=1)] | None = None
    invested: Annotated[Number, Field(gt=0, le=10)] | None = None
    position_volatility: Annotated[Number, Field(gt=0, le=10)] | None = None
    trades: Annotated[list[Vector], Field(min_length=1, max_length=500)] | None = None
    trades_least: Annotated[Whole, Field(ge=1, le=10_000)] | None = None
    amount: Positive | None = None
    weight: Annotated[Number, Field(gt=0, le=10)] | None = None
    reference_volatility: Positive | None = None
    correlation_cut: Share | None = None


class Sizing(Asked):
    """One signal to be sized."""

    method: Method = Field(default="confidence_weighted", examples=["kelly"])
    signal: Signal
    account: Account
    limits: Limits = Limits()
    terms: Terms = Terms()


class Batch(Asked):
    """Signals to be sized together: where they share a bound, each is cut by the same part."""

    method: Method = Field(default="confidence_weighted", examples=["volatility_adjusted"])
    signals: Annotated[list[Signal], Field(min_length=1, max_length=500)]
    correlation: Table | None = Field(default=None, description="Of the assets with each other; for risk_parity.")
    account: Account
    limits: Limits = Limits()
    terms: Terms = Terms()


@router.get("/methods", responses=described(tells=shapes.Methods))
async def methods(desk: TheDesk, caller: Viewer) -> Response:
    """List the sizers, and what each of them takes."""
    found = [
        {"method": name, "says": (sizer.__doc__ or "").strip().splitlines()[0], "terms": dict(TERMS[name])}
        for name, sizer in SIZERS.items()
    ]
    return Told({"items": found})


@router.post("", responses=described(400, tells=shapes.SizeTold))
async def size(asked: Sizing, desk: TheDesk, caller: Analyst) -> Response:
    """Size one signal, and say what bound the answer."""
    return Told(stamped(desk, **_sized(desk, asked.method, [asked.signal], None, asked)[0]))


@router.post("/batch", responses=described(400, tells=words.Listed[shapes.Size]))
async def batch(asked: Batch, desk: TheDesk, caller: Analyst) -> Response:
    """Size signals together; the answer does not depend on their order."""
    return Told(stamped(desk, items=_sized(desk, asked.method, asked.signals, asked.correlation, asked)))


def _sized(
    desk: Desk, method: str, signals: list[Signal], correlation: list[list[float]] | None, asked: Sizing | Batch
) -> list[dict[str, Any]]:
    with desk.tally.sizing(method):
        found = _sizes(method, signals, correlation, asked)
    desk.tally.sized.labels(method).inc(len(signals))
    for weight in found.weight.tolist():
        desk.tally.sizing_weight.labels(method).observe(abs(weight))
    return [
        {
            "symbol": each.symbol,
            "method": method,
            "wanted": views.number(found.wanted[place]),
            "weight": views.number(found.weight[place]),
            "amount": views.number(found.amount[place]),
            "shares": views.number(found.shares[place]),
            "factors": {name: views.number(values[place]) for name, values in found.factors.items()},
            "bound_by": list(found.bound_by(place)),
        }
        for place, each in enumerate(signals)
    ]


def _sizes(
    method: str, signals: list[Signal], correlation: list[list[float]] | None, asked: Sizing | Batch
) -> sizing.Sizes:
    terms = {name: value for name, value in asked.terms.model_dump().items() if value is not None}
    unused = sorted(terms.keys() - TERMS[method].keys())
    missing = sorted(name for name, needed in TERMS[method].items() if needed and name not in terms)
    if unused or missing:
        said = f"{method} does not take {', '.join(unused)}" if unused else f"{method} needs {', '.join(missing)}"
        raise InputError(f"{said}; GET /api/v1/sizing/methods says which takes what")
    names = [name for name in Signal.model_fields if name != "symbol"]
    columns = {name: [getattr(each, name) for each in signals] for name in names}
    if partly := [name for name, values in columns.items() if None in values and any(v is not None for v in values)]:
        raise InputError(f"{partly[0]} is given for some signals alone; give it for all of them, or for none")
    known = {name: values for name, values in columns.items() if None not in values}
    return SIZERS[method](
        sizing.Signals(**known, correlation=correlation),
        sizing.Account(**asked.account.model_dump()),
        sizing.SizeLimits(**asked.limits.model_dump()),
        **terms,
    )
