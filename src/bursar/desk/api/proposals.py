"""What waits for a person's tap, and the tap."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from bursar.desk import views
from bursar.desk.api.acting import IdempotencyKey, once_of, send
from bursar.desk.api.parts import Cursor, Limit, TheDesk, Told, Trader, Viewer, by, itself, paged, stamped
from bursar.desk.api.problems import Problem, described
from bursar.desk.api.shapes import orders as shapes
from bursar.desk.api.shapes import words
from bursar.desk.desk import Desk
from bursar.domain.events import Mode
from bursar.domain.proposals import ProposalState
from bursar.errors import InputError
from bursar.trading.baskets import Saga
from bursar.trading.mandate import TAPS

router = APIRouter(prefix="/proposals", tags=["proposals"])


def _saga(desk: Desk, proposal_id: str) -> Saga:
    saga = desk.past.sagas.get(proposal_id)
    if saga is None:
        raise Problem(404, "not found", "there is no such proposal")
    return saga


def _check(desk: Desk, saga: Saga) -> None:
    """See that nothing speaks against a tap that is known here: the same as ``bursar tap`` sees."""
    prices, at = desk.prices, desk.past.records[-1].event.at
    if prices.heard_at is not None:
        at = max(at, prices.heard_at - prices.behind)
    quotes = prices.latest(leg.symbol for leg in saga.proposal.legs)
    try:
        desk.past.sagas.tappable(saga.proposal.proposal_id, at, quotes, TAPS)
    except InputError as error:
        pending = saga.state is ProposalState.PENDING
        raise Problem(409, "it cannot be tapped now" if pending else "it was tapped already", str(error)) from error


@router.get("", responses=described(tells=words.Page[shapes.Proposal]))
async def proposals(
    desk: TheDesk,
    caller: Viewer,
    state: ProposalState | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """List proposals: their orders, what they would cost, what stopping halfway might, and what became of them."""
    sagas = desk.past.sagas
    listed = desk.past.book.instruments
    found = [views.proposal(saga, sagas, listed) for saga in sagas.all() if state in (None, saga.state)]
    about = f"proposals {state}"
    return Told(paged(desk, found, by("proposal"), itself, limit=limit, cursor=cursor, about=about))


@router.get("/{proposal_id}", responses=described(404, tells=shapes.ProposalTold))
async def proposal(proposal_id: str, desk: TheDesk, caller: Viewer) -> Response:
    """Show one proposal."""
    found = _saga(desk, proposal_id)
    return Told(stamped(desk, **views.proposal(found, desk.past.sagas, desk.past.book.instruments)))


@router.post(
    "/{proposal_id}/execute", status_code=202, responses=described(400, 404, 409, tells=words.Sent, status=202)
)
async def execute(
    proposal_id: str, request: Request, desk: TheDesk, caller: Trader, idempotency_key: IdempotencyKey
) -> Response:
    """Say yes to a proposal, once. The loop checks it again and works it leg by leg; two taps send its orders once."""

    async def act() -> Response:
        saga = _saga(desk, proposal_id)
        if desk.past.run is not None and desk.past.run.mode is Mode.LIVE and not caller.stepped_up:
            raise Problem(403, "a second factor is needed", "real money moves: show it once more, then try again")
        _check(desk, saga)
        said = {"proposal": proposal_id, "account": saga.proposal.account}
        # Not of the proposal alone: one whose first tap was refused may be tapped again.
        return await send(desk, caller, "tap", said, f"{caller.user} {proposal_id} {idempotency_key}")

    return await once_of(request).act(request, desk, caller, idempotency_key, act)


@router.get("/{proposal_id}/execution", responses=described(404, tells=shapes.Execution))
async def execution(proposal_id: str, desk: TheDesk, caller: Viewer) -> Response:
    """Tell how far the orders of a proposal are, leg by leg."""
    saga, past = _saga(desk, proposal_id), desk.past
    legs: list[dict[str, Any]] = []
    for place, leg in enumerate(saga.proposal.legs):
        order_id = saga.sent.get(place)
        state = past.orders[order_id] if order_id else None
        legs.append(
            {
                "symbol": leg.symbol,
                "order": views.order(state) if state else None,
                "refused": saga.refused.get(place),
                "returned_by": saga.returned.get(place, []),
            }
        )
    return Told(stamped(desk, proposal=proposal_id, state=saga.state.value, stuck=saga.stuck or None, legs=legs))
