"""Who may do what: four roles, each of which may do all that the ones below it may."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """What a user may do; a higher one may do all that a lower one may."""

    VIEWER = 1
    ANALYST = 2
    TRADER = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """As people and JSON say it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks.

    scopes      what a token was limited to, by name; empty for a session, which may do all that its role may
    stepped_up  whether the second factor was shown within the last minutes
    """

    user: str
    role: Role
    scopes: frozenset[str] = frozenset()
    stepped_up: bool = False
