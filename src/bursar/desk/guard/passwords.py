"""Passwords: kept as argon2id hashes, asked to be long, and no quicker to refuse for a name that nobody has.

Source: RFC 9106 (argon2), NIST SP 800-63B (length instead of kinds of letters, no forced change).
"""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bursar.errors import InputError

LENGTH_MIN = 12
#: Longer ones would only make hashing slow.
LENGTH_MAX = 256
#: Enough letters that a password of one or two of them repeated is refused.
_DIFFERENT_MIN = 5


class Passwords:
    """Hashes and checks. ``hasher`` is made cheap in tests and nowhere else."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        # What a wrong name is checked against, so that it takes as long as a wrong password.
        self._nobodys = self._hasher.hash(secrets.token_urlsafe(16))

    def hashed(self, password: str) -> str:
        """What is kept of ``password``: it differs each time."""
        return self._hasher.hash(password)

    def match(self, kept: str | None, password: str) -> bool:
        """True where ``kept`` was made of ``password``; None stands for somebody who does not exist."""
        try:
            self._hasher.verify(kept or self._nobodys, password[: LENGTH_MAX + 1])
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None

    def weak(self, kept: str) -> bool:
        """True where ``kept`` was made with less effort than one would be today, and is to be made again."""
        return self._hasher.check_needs_rehash(kept)


def new_password() -> str:
    """A password to be used once: easy to read out, and with 80 bits hard to guess."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def check_password(password: str, name: str) -> None:
    """Raise InputError, which never repeats it, for a password that is too easy."""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise InputError(f"the password has {len(password)} characters; give {LENGTH_MIN} to {LENGTH_MAX}")
    if len(set(password)) < _DIFFERENT_MIN:
        raise InputError(f"the password is made of {len(set(password))} different characters; give a less regular one")
    if name in password.lower():
        raise InputError("the password contains the name; give one that does not")
