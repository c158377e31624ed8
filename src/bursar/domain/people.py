"""Who may come in, and what as: people, and the passes (sessions and tokens) that they come with.

Nothing here is a secret in clear: of passwords and passes only digests are kept. The one secret that must be readable,
the seed of a second factor, hides itself from whoever prints it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from bursar.errors import InputError

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


class Role(IntEnum):
    """What a person may do; each may do all that those before may.

    VIEWER looks, ANALYST asks for calculations and hands in signals, TRADER acts on an account, ADMIN lets people in.
    """

    VIEWER = 1
    ANALYST = 2
    TRADER = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """As it is written outside."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Role:
        """The role of that name. Raises InputError for another word."""
        try:
            return cls[word.upper()]
        except KeyError:
            known = ", ".join(role.word for role in cls)
            raise InputError(f"no role is called {word!r}; give one of {known}") from None


class PassKind(StrEnum):
    """A session belongs to a browser, a token to a program."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105  # a kind, no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who may sign in.

    name           lower case, unique
    password       its argon2 hash
    must_change    True while the password is one that somebody else gave
    seed           of the second factor, base32; empty without one
    seed_offered   one that was offered and not confirmed by a code yet
    step           the last time step whose code was taken: no code is taken twice
    recovery       digests of the codes that stand in for a lost second factor, each once
    disabled       True for one who may not sign in
    version        rises with every change; what was read must be what is changed
    """

    name: str
    role: Role
    password: str = field(repr=False)
    made_at: datetime
    must_change: bool = False
    seed: str = field(default="", repr=False)
    seed_offered: str = field(default="", repr=False)
    step: int = 0
    recovery: tuple[str, ...] = field(default=(), repr=False)
    disabled: bool = False
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What a caller shows to be let in, as it is kept: by the digest of its secret.

    pass_id     its public name, by which it is listed and revoked
    label       what it is for, in its owner's words; of a session, where it was begun
    scopes      what a token is limited to; a session is limited by its owner's role alone
    stepped_up  until when its holder may do what needs the password again; None for not at all
    """

    pass_id: str
    kind: PassKind
    person: str
    digest: str = field(repr=False)
    made_at: datetime
    expires_at: datetime
    label: str = ""
    scopes: tuple[str, ...] = ()
    stepped_up: datetime | None = None
    revoked_at: datetime | None = None

    def valid(self, now: datetime) -> bool:
        """True while it lets its holder in."""
        return self.revoked_at is None and now < self.expires_at


def person_name(text: str) -> str:
    """``text`` as a person's name. Raises InputError for what cannot be one."""
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{text[:80]!r} cannot be a person's name; give 1 to 64 letters, digits or .-_@, and begin with a letter "
            "or digit"
        )
    return name
