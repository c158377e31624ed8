"""What the desk tells as JSON: money as text with all of its digits, moments in UTC, unknown numbers as null.

One function a noun, for the API, the streams and the commands alike.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from bursar.desk.monitor import Second
from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote
from bursar.domain.money import ZERO
from bursar.domain.orders import Order
from bursar.domain.record import encode
from bursar.ports import Recorded
from bursar.trading.baskets import Saga, Sagas
from bursar.trading.oms import Change, OrderState
from bursar.trading.promises import Promise


def text(amount: Decimal | None) -> str | None:
    """An amount with all of its digits."""
    return None if amount is None else format(amount, "f")


def number(value: float) -> float | None:
    """A number that JSON can tell; None for what is not finite."""
    return float(value) if math.isfinite(value) else None


def numbers(values: Iterable[float]) -> list[float | None]:
    """Numbers that JSON can tell."""
    array = np.asarray(values, dtype=np.float64)
    told: list[float | None] = array.tolist()
    return told if np.isfinite(array).all() else [number(value) for value in array.tolist()]


def moment(at: datetime | None) -> str | None:
    """A moment in UTC."""
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def event(recorded: Recorded) -> dict[str, Any]:
    """An event in its place, as the journal holds it."""
    held: dict[str, Any] = json.loads(encode(recorded.event))
    return {"sequence": recorded.sequence, "digest": recorded.digest.hex(), "event": held}


def quote(each: Quote, age: timedelta) -> dict[str, Any]:
    """A quote and how old it is, in seconds."""
    return {
        "symbol": each.symbol,
        "at": moment(each.at),
        "age_seconds": age.total_seconds(),
        "bid": text(each.bid),
        "ask": text(each.ask),
        "last": text(each.last),
        "delayed": each.delayed,
    }


def instrument(each: Instrument) -> dict[str, Any]:
    """What is known of an instrument."""
    return {
        "symbol": each.symbol,
        "kind": each.kind.value,
        "name": each.name,
        "currency": each.currency,
        "exchange": each.exchange,
        "sector": each.sector,
        "tick": text(each.tick),
        "lot": text(each.lot),
        "multiplier": text(each.multiplier),
    }


def order(state: OrderState) -> dict[str, Any]:
    """An order and where it stands."""
    asked: Order = state.order
    return {
        "order_id": asked.order_id,
        "account": asked.account,
        "portfolio": asked.portfolio,
        "strategy": asked.strategy,
        "symbol": asked.symbol,
        "side": asked.side.value,
        "quantity": text(asked.quantity),
        "filled": text(state.filled),
        "remaining": text(state.remaining if state.working else ZERO),
        "type": asked.type.value,
        "limit_price": text(asked.limit_price),
        "stop_price": text(asked.stop_price),
        "trail": text(asked.trail),
        "time_in_force": asked.time_in_force.value,
        "effect": asked.effect.value,
        "purpose": asked.purpose.value,
        "status": state.status.value,
        "working": state.working,
        "acknowledged": state.acknowledged,
        "placed_at": moment(state.placed_at),
        "parent_id": asked.parent_id,
        "oca_group": asked.oca_group,
        "permanent_id": state.permanent_id or None,
        "reason": asked.reason,
    }


def change(each: Change) -> dict[str, Any]:
    """One line of an order's trail."""
    return {
        "order_id": each.order_id,
        "at": moment(each.at),
        "event": each.event_id,
        "before": each.before.value if each.before else None,
        "after": each.after.value,
        "filled": text(each.filled),
        "quantity": text(each.quantity),
    }


def promise_told(promise: Promise | None) -> dict[str, Any] | None:
    """What a completed proposal did so far, beside what it promised by now; None for one that is not completed."""
    if promise is None:
        return None
    return {
        "state": promise.keeping.value,
        "sessions": promise.sessions,
        "return_pct": promise.earned * 100.0,
        "promised_pct": promise.promised * 100.0,
        "behind_max_pct": promise.behind_max * 100.0,
        "cost": str(promise.cost),
        "cost_promised": str(promise.shown.cost),
        "loss": str(promise.loss),
        "loss_max": str(promise.proposal.loss_max),
    }


def proposal(saga: Saga, sagas: Sagas, instruments: Mapping[str, Instrument]) -> dict[str, Any]:
    """A proposal, what it would cost, and what became of it."""
    made, shown = saga.proposal, saga.tapped.outlook if saga.tapped else saga.shown
    return {
        "proposal": made.proposal_id,
        "state": saga.state.value,
        "end": saga.ended.end.value if saga.ended else None,
        "reason": saga.ended.reason if saga.ended else None,
        "strategy": made.strategy,
        "made_at": made.made_at.isoformat(),
        "expires_at": made.expires_at.isoformat(),
        "confidence": made.confidence,
        "expected_return_pct": made.expected_return * 100.0,
        "horizon_days": made.horizon_days,
        "risk_max_pct": made.risk_max * 100.0,
        "loss_max": str(made.loss_max),
        "cost": None if shown is None else str(shown.cost),
        "unwinding_cost": None if shown is None else str(shown.unwinding_cost),
        "legging_loss_max": None if shown is None else str(shown.legging_loss_max),
        "adverse_move_pct": None if shown is None else float(shown.adverse_move) * 100.0,
        "refusals": [] if shown is None else list(shown.refusals),
        "tap_refused": saga.warned or None if saga.tapped is None else None,
        "tapped_by": saga.tapped.by if saga.tapped else None,
        "loss": str(sagas.loss(saga)),
        "kept": promise_told(sagas.promises.get(made.proposal_id)),
        "legs": [
            {
                "symbol": leg.symbol,
                "side": leg.side.value,
                "quantity": str(leg.quantity),
                "effect": leg.effect.value,
                "price": str(leg.price),
                "currency": instruments[leg.symbol].currency if leg.symbol in instruments else None,
                "order": saga.sent.get(place),
                "reason": leg.reason,
            }
            for place, leg in enumerate(made.legs)
        ],
    }


def second(told: Second, place: int) -> dict[str, Any]:
    """What the monitor saw of the portfolio at ``place`` at one second; as floats, since nothing is booked by it."""
    return seconds(told, [place])[0]


def seconds(told: Second, places: Sequence[int]) -> list[dict[str, Any]]:
    """What the monitor saw of the portfolios at ``places``."""
    seen, lines, at = told.seen, told.lines, moment(told.at)
    wanted = np.isin(lines.owner, places) if len(places) < len(lines.portfolios) else np.ones(len(lines.owner), bool)
    mine = np.flatnonzero(wanted & (lines.units != 0))
    owners, assets = lines.owner[mine], lines.asset[mine]
    # Column by column, since one number after the other out of an array takes ten times as long.
    positions: dict[int, list[dict[str, Any]]] = {place: [] for place in places}
    for owner, asset, strategy, quantity, price, worth, weight, unrealized, day, total, best, worst in zip(
        owners.tolist(),
        assets.tolist(),
        lines.strategy[mine].tolist(),
        numbers(lines.quantity[mine]),
        numbers(seen.prices[assets]),
        numbers(seen.worth[mine]),
        numbers(seen.weights[owners, assets]),
        numbers(seen.unrealized[mine]),
        numbers(seen.day[mine]),
        numbers(seen.total[mine]),
        numbers(told.best[mine]),
        numbers(told.worst[mine]),
        strict=True,
    ):
        positions[owner].append(
            {
                "symbol": lines.symbols[asset],
                "strategy": lines.strategies[strategy],
                "quantity": quantity,
                "price": price,
                "currency": lines.priced_in[asset],
                "worth": worth,
                "weight": weight,
                "unrealized": unrealized,
                "day_profit": day,
                "total_profit": total,
                "best": best,
                "worst": worst,
            }
        )
    whole = {
        "equity": seen.equity,
        "cash": lines.cash,
        "long": seen.long,
        "short": seen.short,
        "day_profit": seen.day_profit,
        "total_profit": seen.total_profit,
        "day_return": seen.day_return,
        "doubtful": seen.doubtful,
    }
    return [
        {
            "portfolio": lines.portfolios[place],
            "at": at,
            "currency": lines.currencies[place],
            **_at(whole, place),
            "risk": _at(told.measured, place),
            "limits_used": _at(told.used, place),
            "rolling": _at(told.rolling, place),
            "positions": positions[place],
        }
        for place in places
    ]


def _at(arrays: Mapping[str, Any], place: int) -> dict[str, float | None]:
    return {name: number(values[place]) for name, values in arrays.items()}
