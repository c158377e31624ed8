"""Stopping an account, letting it go on, and what became of what was asked for."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from bursar.desk import views
from bursar.desk.api.acting import IdempotencyKey, once_of, send, told
from bursar.desk.api.parts import Asked, Flag, Killer, Line, Rearmer, TheDesk, Told, Viewer, stamped
from bursar.desk.api.problems import Problem, described
from bursar.desk.api.shapes import orders as shapes
from bursar.desk.api.shapes import words
from bursar.domain.events import CommandReceived, Event, KillForm, TradingState
from bursar.runtime.switch import Pulled, Switch

router = APIRouter(tags=["safety"])


class Kill(Asked):
    """Trading is to stop now."""

    form: Literal["halt", "flatten"] = Field(
        description="halt: cancel what would open, keep what protects. flatten: close every position as well.",
        examples=["halt"],
    )
    reason: Line = Field(examples=["the news"])
    everything: Flag = Field(default=False, description="With flatten: positions that are hands-off, too.")


class Rearm(Asked):
    """An account is to trade again."""

    reason: Line = Field(examples=["the quotes were wrong; fixed"])


@router.get("/trading", responses=described(tells=shapes.Trading))
async def trading(desk: TheDesk, caller: Viewer) -> Response:
    """Say what the account may do at the moment, and who or what stopped it."""
    standing, switch = desk.past.standing, Switch(desk.home) if desk.home else None
    asked = switch.asked() if switch else None
    return Told(
        stamped(
            desk,
            state=standing.state.value,
            stopped_by=standing.stopped_by or None,
            kill=None if standing.kill is None else {"form": standing.kill.form.value, "by": standing.kill.by},
            kill_finished=standing.finished,
            kill_asked=None if asked is None else {"form": asked.form.value, "by": asked.by, "reason": asked.reason},
            mode=desk.past.run.mode.value if desk.past.run else None,
            simulated=list(desk.past.simulated),
        )
    )


@router.post("/kill", status_code=202, responses=described(400, 409, tells=words.Sent, status=202))
async def kill(
    asked: Kill, request: Request, desk: TheDesk, caller: Killer, idempotency_key: IdempotencyKey
) -> Response:
    """Stop trading now. It goes by the switch's file, which every run obeys and whoever starts later finds."""

    async def act() -> Response:
        if asked.everything and asked.form != "flatten":
            raise Problem(422, "a value cannot be used", "everything goes with flatten")
        said = {"form": asked.form, "reason": asked.reason, "everything": "yes" if asked.everything else "no"}
        if desk.home is not None:
            # The file is there before anything else can fail: a kill waits for nobody, nor for a thread of theirs.
            pulled = Pulled(form=KillForm(asked.form), reason=asked.reason, by=caller.user, everything=asked.everything)
            Switch(desk.home).pull(pulled)
        return await send(
            desk, caller, "kill", said, f"{caller.user} {idempotency_key}", whatever=desk.home is not None
        )

    return await once_of(request).act(request, desk, caller, idempotency_key, act)


@router.post("/rearm", status_code=202, responses=described(400, 409, tells=words.Sent, status=202))
async def rearm(
    asked: Rearm, request: Request, desk: TheDesk, caller: Rearmer, idempotency_key: IdempotencyKey
) -> Response:
    """Let the account trade again. The loop decides by its written rule whether it may yet, and journals why not."""

    async def act() -> Response:
        if not asked.reason.strip():
            raise Problem(422, "a value cannot be used", "say what happened, and what changed")
        if desk.past.standing.state is TradingState.ACTIVE:
            raise Problem(409, "it is active already", "there is nothing to re-arm")
        return await send(desk, caller, "rearm", {"reason": asked.reason}, f"{caller.user} {idempotency_key}")

    return await once_of(request).act(request, desk, caller, idempotency_key, act)


@router.get("/commands/{command_id}", responses=described(404, tells=shapes.CommandTold))
async def command(
    command_id: Annotated[str, "made from the intention"],
    desk: TheDesk,
    caller: Viewer,
) -> Response:
    """Say how far a command is, and which events it led to."""
    taken = desk.past.commands.get(command_id)
    received = taken.event if taken else None
    noted = next((each.event for each in desk.noted if _names(each.event, command_id)), None)
    event = received or noted
    if not isinstance(event, CommandReceived):
        raise Problem(404, "not found", "no command was ever sent under this id")
    cause = f"command/{command_id}"
    effects = [views.event(each) for each in desk.past.records if taken and cause in each.event.causes]
    return Told(stamped(desk, **told(desk, command_id, event.command, event.by), effects=effects))


def _names(event: Event, command_id: str) -> bool:
    return isinstance(event, CommandReceived) and event.arguments.get("command") == command_id
