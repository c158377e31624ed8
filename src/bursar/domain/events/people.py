"""People: who came in, who was turned away, and what was changed about whom."""

from __future__ import annotations

from dataclasses import dataclass

from bursar.domain.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn(Event, kind="signed_in"):
    """Somebody came in.

    address   where from
    factors   what they showed: password, code, recovery
    """

    person: str
    address: str
    factors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRefused(Event, kind="sign_in_refused"):
    """Somebody was turned away.

    person   empty where nobody is called so: what was typed there may have been a password
    """

    person: str
    address: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessChanged(Event, kind="access_changed"):
    """What somebody may do, or by what they are known, was changed.

    what   password, second_factor, role, disabled, enabled, person_added, person_removed, token_made, pass_revoked,
           stepped_up, signed_out
    whom   whose access it is; ``by`` is who changed it
    detail the new role, the token's label, ... : never a secret
    """

    what: str
    whom: str
    by: str
    detail: str = ""
