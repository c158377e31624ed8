"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass

from bursar.domain.people import Role

__all__ = ["Caller", "Role", "may"]

#: What one who reads needs, and one who acts.
READ, ACT = "read", "act"
#: Begins a scope that names a portfolio: those that do show it, and no other.
PORTFOLIO = "portfolio:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks.

    scopes       what a token is limited to: ``orders:act``, ``*:read``, ``portfolio:ACCOUNT/NAME`` for what it sees;
                 empty for all that the role may
    stepped_up   True where the password was shown again within the last minutes
    must_change  True for one who has to choose a password before anything else
    pass_id      the session or token that they came with
    """

    user: str
    role: Role
    scopes: frozenset[str] = frozenset()
    stepped_up: bool = False
    must_change: bool = False
    pass_id: str = ""


def may(caller: Caller, group: str, verb: str) -> bool:
    """True where the scopes of ``caller`` cover ``verb`` (read, act) on a group of routes. Who may act may read."""
    named = {scope for scope in caller.scopes if not scope.startswith(PORTFOLIO)}
    if not named:
        return True
    verbs = (READ, ACT) if verb == READ else (ACT,)
    return any(f"{name}:{each}" in named for name in (group, "*") for each in verbs)
