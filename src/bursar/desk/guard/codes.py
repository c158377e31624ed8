"""Second factors: a code of six digits that changes each half minute, and codes for whoever lost what makes them.

Source: RFC 6238 (time-based codes), which also says that no code is to be taken twice.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from hmac import compare_digest

import pyotp

#: How long a code is good for, and how many before and after ours are taken, since clocks differ.
STEP_S = 30
_STEPS_OFF = 1
_RECOVERY_CODES = 8


def new_seed() -> str:
    """160 random bits in base32, to be kept and never shown again."""
    return pyotp.random_base32()


def address(seed: str, name: str) -> str:
    """The address that an authenticator reads from a picture."""
    return pyotp.TOTP(seed).provisioning_uri(name=name, issuer_name="Bursar")


def step_of(seed: str, code: str, now: datetime, last: int) -> int | None:
    """The time step whose code was given, or None for a wrong code and for one not later than ``last``."""
    maker = pyotp.TOTP(seed, interval=STEP_S)
    present = int(now.timestamp()) // STEP_S
    given = code.replace(" ", "").encode()
    steps = range(present - _STEPS_OFF, present + _STEPS_OFF + 1)
    found = [step for step in steps if compare_digest(maker.at(step * STEP_S).encode(), given)]
    return next((step for step in found if step > last), None)


def new_recovery() -> tuple[str, ...]:
    """Codes to be written down, each good once in place of a second factor."""
    return tuple(f"{secrets.token_hex(5)}-{secrets.token_hex(5)}" for _ in range(_RECOVERY_CODES))


def without(kept: Sequence[str], code: str) -> tuple[str, ...] | None:
    """The digests that are left once ``code`` was used, or None where it is none of them."""
    given = digest(code.strip().lower())
    left = tuple(each for each in kept if not compare_digest(each, given))
    return left if len(left) < len(kept) else None


def digest(secret: str) -> str:
    """What is kept of a secret that is random enough to need no slow hash: SHA-256, in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()
