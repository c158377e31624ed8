"""Coming in and going out, one's own password, second factor and tokens, and who else may come in.

Passwords and codes come in bodies and never in addresses, which logs keep. A secret is answered once, when it is made.
What takes an argon2 hash runs in a thread, so that nobody else waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from pydantic import Field, StringConstraints

from bursar.desk.api.parts import Asked, Flag, IfMatch, Line, TheDesk, Told, Whole, held_still, versioned
from bursar.desk.api.problems import Problem, described
from bursar.desk.api.shapes import people as shapes
from bursar.desk.desk import Desk
from bursar.desk.guard.door import address_of, hand_out, take_back
from bursar.desk.guard.gate import allowed
from bursar.desk.guard.guard import Guard, Refused
from bursar.desk.guard.passwords import LENGTH_MAX
from bursar.desk.guard.roles import Caller, Role
from bursar.desk.guard.shield import slow_down
from bursar.domain.events import Event
from bursar.domain.people import Pass, PassKind, Person

router = APIRouter(tags=["people"])
#: The one route that is open to everybody.
door = APIRouter(tags=["people"])

Result = TypeVar("Result")
Password = Annotated[str, StringConstraints(min_length=1, max_length=LENGTH_MAX)]
Code = Annotated[str, StringConstraints(max_length=32)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
TheName = Annotated[str, Path(min_length=1, max_length=64, description="The person's name.")]
ThePass = Annotated[str, Path(min_length=1, max_length=64, description="The session's or token's public name.")]
RoleWord = Literal["viewer", "analyst", "trader", "admin"]
_PART = "[A-Za-z0-9_.-]{1,64}"
Scope = Annotated[str, StringConstraints(pattern=rf"^((\*|[a-z]{{1,32}}):(read|act)|portfolio:{_PART}/{_PART})$")]

Anyone = Annotated[Caller, Depends(allowed(Role.VIEWER))]
#: Also open to one who has to choose a password first.
Newcomer = Annotated[Caller, Depends(allowed(Role.VIEWER, early=True))]
Sure = Annotated[Caller, Depends(allowed(Role.VIEWER, step_up=True))]
Admin = Annotated[Caller, Depends(allowed(Role.ADMIN))]
SureAdmin = Annotated[Caller, Depends(allowed(Role.ADMIN, step_up=True))]


class SignIn(Asked):
    """Somebody wants to come in."""

    name: Name = Field(examples=["admin"])
    password: Password = Field(examples=["the one that the terminal showed"], repr=False)
    code: Code = Field(default="", description="Of the second factor, where there is one.", repr=False)


class Proof(Asked):
    """Somebody shows again that it is them."""

    password: Password = Field(examples=["your own"], repr=False)
    code: Code = Field(default="", description="Of the second factor, where there is one.", repr=False)


class NewPassword(Asked):
    """Somebody chooses another password."""

    old: Password = Field(examples=["the present one"], repr=False)
    new: Password = Field(examples=["a long sentence"], repr=False)


class FactorCode(Asked):
    """A code of the second factor that was offered."""

    code: Code = Field(examples=["123456"], repr=False)


class NewToken(Asked):
    """A token for a program."""

    label: Line = Field(description="What it is for.", examples=["the notebook"])
    days: Whole = Field(ge=1, le=366, description="How long it is good for.", examples=[90])
    scopes: list[Scope] = Field(
        default=[],
        max_length=32,
        description="What it may: GROUP:read, GROUP:act, *:read, *:act, and portfolio:ACCOUNT/NAME for what it sees. "
        "None means all that you may.",
        examples=[["*:read"]],
    )


class NewPerson(Asked):
    """Somebody else is to be let in."""

    name: Name = Field(examples=["guest"])
    role: RoleWord = Field(examples=["viewer"])


class Change(Asked):
    """Somebody is to get another role, or to be let in no more."""

    role: RoleWord | None = Field(default=None, examples=["analyst"])
    disabled: Flag | None = Field(default=None, examples=[False])


# ---------------------------------------------------------------- coming and going


@door.post("/sign-in", responses=described(tells=shapes.SignedIn))
async def sign_in(asked: SignIn, request: Request, desk: TheDesk) -> Response:
    """Come in. The session is a cookie that no script can read; a program uses a token instead."""
    guard = _guard(desk)
    given = await _done(desk, guard.sign_in, asked.name, asked.password, asked.code, address_of(request))
    caller = await asyncio.to_thread(guard.caller, given.secret)
    if caller is None:  # let go between two lines
        raise Problem(401, "nobody is signed in", "sign in again")
    answer = Told(_caller(caller) | {"expires_at": given.kept.expires_at.isoformat()})
    hand_out(answer, request, given.secret, given.kept.expires_at - given.kept.made_at)
    return answer


@router.post("/sign-out", status_code=204, responses=described())
async def sign_out(request: Request, desk: TheDesk, caller: Newcomer) -> Response:
    """Go out: the session, or the token, that this was asked with ends at once."""
    events = await asyncio.to_thread(_guard(desk).sign_out, caller)
    await desk.keep(events)
    answer = Response(status_code=204)
    take_back(answer, request)
    return answer


# ---------------------------------------------------------------- oneself


@router.get("/me", responses=described(tells=shapes.Me))
async def me(desk: TheDesk, caller: Newcomer) -> Response:
    """Say who asks, and what they may do."""
    person = await asyncio.to_thread(_guard(desk).people.find, caller.user)
    return Told(_caller(caller) | {"second_factor": bool(person and person.seed)})


@router.post("/me/password", status_code=204, responses=described())
async def change_password(asked: NewPassword, request: Request, desk: TheDesk, caller: Newcomer) -> Response:
    """Choose another password; all other sessions end."""
    arguments = (caller, asked.old, asked.new, address_of(request))
    await _journalled(desk, _guard(desk).change_password, *arguments)
    return Response(status_code=204)


@router.post("/me/step-up", responses=described(tells=shapes.SteppedUp))
async def step_up(asked: Proof, request: Request, desk: TheDesk, caller: Anyone) -> Response:
    """Show again that it is you, for the ten minutes in which live, kill and re-arm are open to you."""
    arguments = (caller, asked.password, asked.code, address_of(request))
    until = await _done(desk, _guard(desk).step_up, *arguments)
    return Told({"stepped_up_until": until.isoformat()})


@router.post("/me/factor", responses=described(tells=shapes.Offered))
async def offer_factor(desk: TheDesk, caller: Sure) -> Response:
    """Ask for a second factor: the address that an authenticator reads. It counts once a code of it was given."""
    return Told({"address": await asyncio.to_thread(_guard(desk).offer_factor, caller)})


@router.put("/me/factor", responses=described(tells=shapes.Recovery))
async def confirm_factor(asked: FactorCode, desk: TheDesk, caller: Sure) -> Response:
    """Give a code of the factor that was offered. What comes back is for whoever loses it: write it down."""
    recovery = await _done(desk, _guard(desk).confirm_factor, caller, asked.code)
    return Told({"recovery": list(recovery)})


@router.get("/me/passes", responses=described(tells=shapes.Passes))
async def own_passes(desk: TheDesk, caller: Anyone) -> Response:
    """List your sessions and tokens."""
    given = await asyncio.to_thread(_guard(desk).passes_of, caller.user)
    return Told({"items": [_pass(each, caller) for each in given]})


@router.post("/me/tokens", status_code=201, responses=described(tells=shapes.TokenMade, status=201))
async def make_token(asked: NewToken, desk: TheDesk, caller: Sure) -> Response:
    """Make a token. Its secret is shown this once."""
    made = (caller, asked.label, timedelta(days=asked.days), asked.scopes)
    given = await _done(desk, _guard(desk).make_token, *made)
    return Told(_pass(given.kept, caller) | {"token": given.secret}, 201)


@router.delete("/me/passes/{pass_id}", status_code=204, responses=described(404))
async def revoke_own(pass_id: ThePass, desk: TheDesk, caller: Anyone) -> Response:
    """End one of your sessions or tokens at once."""
    await _revoke(desk, caller, caller.user, pass_id)
    return Response(status_code=204)


# ---------------------------------------------------------------- others


@router.get("/people", responses=described(tells=shapes.People), dependencies=[Depends(allowed(Role.ADMIN))])
async def everybody(desk: TheDesk) -> Response:
    """List who may come in."""
    people = await asyncio.to_thread(_guard(desk).people.all)
    return Told({"items": [_person(each) for each in people]})


@router.post("/people", status_code=201, responses=described(tells=shapes.PersonAdded, status=201))
async def add(asked: NewPerson, desk: TheDesk, caller: SureAdmin) -> Response:
    """Let somebody in, with a password that they use once and then change."""
    guard = _guard(desk)

    def let_in() -> tuple[str, tuple[Event, ...]]:
        return guard.add(asked.name, Role.of(asked.role), by=caller.user)

    once = await _done(desk, let_in)
    found = await _named(desk, asked.name.strip().lower())
    return Told(_person(found) | {"password": once}, 201, {"Location": f"/api/v1/people/{found.name}"})


@router.get("/people/{name}", responses=described(404, tells=shapes.PersonWhole))
async def one(name: TheName, desk: TheDesk, caller: Admin) -> Response:
    """Say who somebody is, and what they come with."""
    person = await _named(desk, name)
    given = await asyncio.to_thread(_guard(desk).passes_of, name)
    said = _person(person) | {"passes": [_pass(each, caller) for each in given]}
    return versioned(said, str(person.version))


@router.patch("/people/{name}", responses=described(404, 412, 428, tells=shapes.PersonTold))
async def change(name: TheName, asked: Change, desk: TheDesk, caller: SureAdmin, if_match: IfMatch = None) -> Response:
    """Give somebody another role, or let them in no more. One admin always remains."""
    guard, person = _guard(desk), await _named(desk, name)
    held_still(str(person.version), if_match)
    role = Role.of(asked.role) if asked.role else None

    def change_them() -> tuple[Person, tuple[Event, ...]]:
        return guard.change(name, by=caller.user, role=role, disabled=asked.disabled)

    kept = await _done(desk, change_them)
    return versioned(_person(kept), str(kept.version))


@router.post("/people/{name}/reset", responses=described(404, tells=shapes.PasswordReset))
async def reset(name: TheName, desk: TheDesk, caller: SureAdmin) -> Response:
    """Give somebody who lost theirs a password to be used once. Their second factor and all their passes end."""
    guard = _guard(desk)
    await _named(desk, name)
    once = await _done(desk, lambda: guard.reset(name, by=caller.user))
    return Told({"name": name, "password": once})


@router.delete("/people/{name}", status_code=204, responses=described(404))
async def remove(name: TheName, desk: TheDesk, caller: SureAdmin) -> Response:
    """Forget somebody, and end what they came with. What they did stays in the journal."""
    guard = _guard(desk)
    await _named(desk, name)
    await _journalled(desk, lambda: guard.remove(name, by=caller.user))
    return Response(status_code=204)


@router.delete("/people/{name}/passes/{pass_id}", status_code=204, responses=described(404))
async def revoke(name: TheName, pass_id: ThePass, desk: TheDesk, caller: SureAdmin) -> Response:
    """End one of somebody's sessions or tokens at once."""
    await _named(desk, name)
    await _revoke(desk, caller, name, pass_id)
    return Response(status_code=204)


# ---------------------------------------------------------------- within


def _guard(desk: Desk) -> Guard:
    if desk.guard is None:
        raise Problem(503, "nobody can come in", "this desk was started without people", headers={"Retry-After": "60"})
    return desk.guard


async def _done(desk: Desk, act: Callable[..., tuple[Result, tuple[Event, ...]]], *arguments: Any) -> Result:
    """What ``act`` made, once what it did is journalled; a refusal is journalled as well."""
    try:
        result, events = await asyncio.to_thread(act, *arguments)
    except Refused as refused:
        raise await _refusal(desk, refused) from None
    await desk.keep(events)
    return result


async def _journalled(desk: Desk, act: Callable[..., tuple[Event, ...]], *arguments: Any) -> None:
    """Do what has no result but what is journalled."""
    await _done(desk, lambda: (None, act(*arguments)))


async def _refusal(desk: Desk, refused: Refused) -> Problem:
    if refused.wait_s:
        return slow_down(refused.wait_s)
    if refused.code_next:
        return Problem(401, "a code is wanted", "give the code of your second factor as well")
    await desk.keep(refused.events)
    return Problem(401, "not let in", refused.why)


async def _named(desk: Desk, name: str) -> Person:
    person = await asyncio.to_thread(_guard(desk).people.find, name)
    if person is None:
        raise Problem(404, "not found", "nobody is called so")
    return person


async def _revoke(desk: Desk, caller: Caller, whose: str, pass_id: str) -> None:
    guard = _guard(desk)
    if not any(each.pass_id == pass_id for each in await asyncio.to_thread(guard.passes_of, whose)):
        raise Problem(404, "not found", "no session or token that still counts is called so")
    await _journalled(desk, guard.revoke, caller, whose, pass_id)


def _caller(caller: Caller) -> dict[str, Any]:
    return {
        "user": caller.user,
        "role": caller.role.word,
        "scopes": sorted(caller.scopes),
        "stepped_up": caller.stepped_up,
        "must_change": caller.must_change,
    }


def _person(person: Person) -> dict[str, Any]:
    return {
        "name": person.name,
        "role": person.role.word,
        "made_at": person.made_at.isoformat(),
        "must_change": person.must_change,
        "second_factor": bool(person.seed),
        "disabled": person.disabled,
    }


def _pass(given: Pass, caller: Caller) -> dict[str, Any]:
    return {
        "id": given.pass_id,
        "kind": given.kind.value,
        "label": given.label,
        "scopes": list(given.scopes),
        "made_at": given.made_at.isoformat(),
        "expires_at": given.expires_at.isoformat(),
        "current": given.pass_id == caller.pass_id and given.kind is PassKind.SESSION,
    }
