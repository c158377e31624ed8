"""Encryption at rest: AES-SIV (RFC 5297), which needs no random numbers and betrays nothing but repetition.

With a key, the journal's stored bytes, the accounts' names in the tables, the files of snapshots and backups are
sealed. What is sealed is bound to its context (an event's id, a column's name): it does not open anywhere else. The
chain of digests is over the sealed bytes, so that an audit needs no key.

Without a key nothing is sealed, and what is sealed does not open.
"""

from __future__ import annotations

import base64
import binascii

from bursar.errors import InputError

#: Begins everything that is sealed. No JSON and no text of ours begins with it.
MARK = b"\x01"


class Cipher:
    """Seals and opens with one key of 64 bytes. Needs the ``encryption`` extra."""

    def __init__(self, key: bytes) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # an extra: not every installation has it
        except ModuleNotFoundError as error:
            raise InputError("encryption needs `pip install bursar[encryption]`") from error
        if len(key) != 64:
            raise InputError(f"the encryption key has {len(key)} bytes; give 64, as `new_key` makes them")
        self._cipher = AESSIV(key)

    @classmethod
    def from_text(cls, text: str) -> Cipher:
        """The cipher of a key in base64, as it stands in a secret or in the environment."""
        try:
            return cls(base64.b64decode(text, validate=True))
        except binascii.Error as error:
            raise InputError("the encryption key is not base64; give it as `new_key` printed it") from error

    def seal(self, data: bytes, context: str) -> bytes:
        """``data`` sealed; the same data in the same context gives the same bytes, so that they can be looked up."""
        return MARK + self._cipher.encrypt(data, [context.encode()])

    def open(self, sealed: bytes, context: str) -> bytes:
        """What was sealed. Raises InputError for another key, another context, or bytes that were changed."""
        from cryptography.exceptions import InvalidTag  # see above

        try:
            return self._cipher.decrypt(sealed[len(MARK) :], [context.encode()])
        except InvalidTag as error:
            raise InputError(f"{context} does not open: it was sealed with another key, or changed since") from error


def new_key() -> str:
    """A new key, in base64. Whoever loses it loses what it sealed."""
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # an extra: not every installation has it

    return base64.b64encode(AESSIV.generate_key(512)).decode()


def sealed(cipher: Cipher | None, data: bytes, context: str) -> bytes:
    """``data`` as it is kept: sealed where there is a cipher."""
    return data if cipher is None else cipher.seal(data, context)


def opened(cipher: Cipher | None, kept: bytes, context: str) -> bytes:
    """What was kept, opened where it is sealed. Raises InputError where it is and there is no key."""
    if not kept.startswith(MARK):
        return kept
    if cipher is None:
        raise InputError(f"{context} is encrypted; give the key that it was sealed with")
    return cipher.open(kept, context)


def account_sealed(cipher: Cipher | None, account: str) -> str:
    """An account's name as it stands in a column: itself, or base64 of what it is sealed to."""
    if cipher is None or not account:
        return account
    return "~" + base64.urlsafe_b64encode(sealed(cipher, account.encode(), "account")).decode()


def account_opened(cipher: Cipher | None, kept: str) -> str:
    """The account's name that ``account_sealed`` kept. Raises InputError where a key is needed."""
    if not kept.startswith("~"):
        return kept
    data = base64.urlsafe_b64decode(kept[1:])
    assert data.startswith(MARK), "what begins with a tilde is sealed"
    return opened(cipher, data, "account").decode()
