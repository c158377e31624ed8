"""The gate that every route stands behind: it lets a caller in, or says 401 or 403.

A desk without an authenticator lets nobody in. Each route names what it asks for with ``allowed(Role.TRADER)``; the
object that this makes stays readable in the route, so that a test can walk all routes and see what each asks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fastapi.requests import HTTPConnection

from bursar.desk.api.problems import Problem
from bursar.desk.guard.roles import Caller, Role


class Authenticator(Protocol):
    """Knows callers by what they bring."""

    def caller(self, connection: HTTPConnection) -> Caller | None:
        """Who asks, by a session's cookie or a token; None for nobody we know, or one that has expired."""
        ...


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a route asks of its caller; as a dependency it returns the caller, or refuses."""

    role: Role
    step_up: bool = False

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
        if caller.role < self.role:
            raise Problem(403, "not allowed", f"this asks for the role {self.role.word}; you have {caller.role.word}")
        if self.step_up and not caller.stepped_up:
            raise Problem(403, "a second factor is needed", "show your second factor once more, then try again")
        return caller


def allowed(role: Role, *, step_up: bool = False) -> Allowed:
    """What a route depends on that asks for ``role``, and with ``step_up`` for a fresh second factor."""
    return Allowed(role, step_up)
