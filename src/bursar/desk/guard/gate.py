"""The gate that every route stands behind: it lets a caller in, or says 401 or 403.

A desk without an authenticator lets nobody in. Each route names what it asks for with ``allowed(Role.TRADER)``; the
object that this makes stays readable in the route, so that a test can walk all routes and see what each asks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fastapi.requests import HTTPConnection

from bursar.desk.api.problems import Problem
from bursar.desk.guard.roles import ACT, READ, Caller, Role, may

#: Methods that change nothing.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Authenticator(Protocol):
    """Knows callers by what they bring."""

    def caller(self, connection: HTTPConnection) -> Caller | None:
        """Who asks, by a session's cookie or a token; None for nobody we know, or one that has expired."""
        ...


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a route asks of its caller; as a dependency it returns the caller, or refuses.

    step_up  the password must have been shown again within the last minutes
    early    open even to one who has to choose a password of their own first
    """

    role: Role
    step_up: bool = False
    early: bool = False

    async def __call__(self, connection: HTTPConnection) -> Caller:
        authenticator: Authenticator | None = connection.app.state.desk.authenticator
        caller = authenticator.caller(connection) if authenticator else None
        if caller is None:
            raise Problem(
                401,
                "nobody is signed in",
                "sign in, or send a token as Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if caller.must_change and not self.early:
            raise Problem(403, "choose a password first", "the one that you came in with is to be used once: change it")
        group, verb = _group(connection), READ if connection.scope.get("method", "GET") in SAFE else ACT
        if not may(caller, group, verb):
            raise Problem(403, "not allowed", f"this token lacks the scope {group}:{verb}; make one that has it")
        if caller.role < self.role:
            raise Problem(403, "not allowed", f"this asks for the role {self.role.word}; you have {caller.role.word}")
        if self.step_up and not caller.stepped_up:
            raise Problem(
                403, "show that it is you", "give your password once more (POST /api/v1/me/step-up), then try again"
            )
        return caller


def allowed(role: Role, *, step_up: bool = False, early: bool = False) -> Allowed:
    """What a route depends on that asks for ``role``, and with ``step_up`` for the password once more."""
    return Allowed(role, step_up, early)


def _group(connection: HTTPConnection) -> str:
    """The group that a route belongs to: its first tag, by which scopes are named."""
    tags = getattr(connection.scope.get("route"), "tags", None)
    return str(tags[0]) if tags else "desk"
