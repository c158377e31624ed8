"""Encryption at rest: AES-SIV (RFC 5297), which needs no random numbers and betrays nothing but repetition.

With a key, the journal's stored bytes and ids, the accounts' names and events' ids in the tables, and the files of
snapshots are sealed, and so are all of them in backups. What is sealed is bound to its context (an event's id, a
column's name): it does not open anywhere else. The chain of digests is over the sealed bytes, so that an audit needs
no key.

Without a key nothing is sealed, and what is sealed does not open. The key stands in a file of its own, which the
setting ``store.key_file`` names; it is never in a setting, a journal or a message.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

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
            raise InputError(f"the encryption key has {len(key)} bytes; give 64, as `bursar key` makes them")
        self._cipher = AESSIV(key)

    @classmethod
    def from_text(cls, text: str) -> Cipher:
        """The cipher of a key in base64."""
        try:
            return cls(base64.b64decode(text, validate=True))
        except binascii.Error as error:
            raise InputError("the encryption key is not base64; give it as `bursar key` wrote it") from error

    @classmethod
    def from_file(cls, path: Path) -> Cipher:
        """The cipher of the key in a file. Raises InputError, one line, where there is none that can be used."""
        try:
            text = path.read_text(encoding="ascii").strip()
        except FileNotFoundError as error:
            raise InputError(
                f"no key at {path}; name its file in store.key_file, or make a new one with `bursar key {path}`"
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise InputError(f"the key at {path} cannot be read: {why}; name its file in store.key_file") from error
        try:
            return cls.from_text(text)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def seal(self, data: bytes, context: str) -> bytes:
        """``data`` sealed; the same data in the same context gives the same bytes, so that they can be looked up."""
        return MARK + self._cipher.encrypt(data, [context.encode()])

    def open(self, sealed: bytes, context: str) -> bytes:
        """What was sealed. Raises InputError for another key, another context, or bytes that were changed."""
        from cryptography.exceptions import InvalidTag  # see above

        try:
            return self._cipher.decrypt(sealed[len(MARK) :], [context.encode()])
        except InvalidTag as error:
            raise InputError(
                f"{context} does not open: it was sealed with another key, or changed since; "
                "set store.key_file to the file of its key"
            ) from error


def new_key() -> str:
    """A new key, in base64. Whoever loses it loses what it sealed."""
    return base64.b64encode(os.urandom(64)).decode()


def write_key(path: Path) -> None:
    """Put a new key into a file that nobody else can read. Raises InputError where there is a file already."""
    Cipher.from_text(key := new_key())  # a key is of no use where nothing can be sealed
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key + "\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise InputError(f"{path} exists; what its key sealed would be lost with it, so name another file") from error
    except OSError as error:
        raise InputError(f"the key at {path} cannot be written: {error.strerror}; name another file") from error


def sealed(cipher: Cipher | None, data: bytes, context: str) -> bytes:
    """``data`` as it is kept: sealed where there is a cipher."""
    return data if cipher is None else cipher.seal(data, context)


def opened(cipher: Cipher | None, kept: bytes, context: str) -> bytes:
    """What was kept, opened where it is sealed. Raises InputError where it is and there is no key."""
    if not kept.startswith(MARK):
        return kept
    if cipher is None:
        raise InputError(f"{context} is encrypted; set store.key_file to the file of the key that it was sealed with")
    return cipher.open(kept, context)


#: Contexts of text in columns: accounts' names, and the ids of events, which name accounts and symbols.
ACCOUNT, EVENT = "account", "an event"
#: Begins text that is sealed. No name and no id of ours begins with it.
TEXT_MARK = "~"


def text_sealed(cipher: Cipher | None, text: str, context: str) -> str:
    """A text as it stands in a column: itself, or base64 of what it is sealed to."""
    if cipher is None or not text:
        return text
    return TEXT_MARK + base64.urlsafe_b64encode(sealed(cipher, text.encode(), context)).decode()


def text_opened(cipher: Cipher | None, kept: str, context: str) -> str:
    """The text that ``text_sealed`` kept. Raises InputError where a key is needed."""
    if not kept.startswith(TEXT_MARK):
        return kept
    try:
        data = base64.urlsafe_b64decode(kept[1:])
    except binascii.Error as error:
        raise InputError(f"{context} does not open: {kept!r} was changed since it was sealed") from error
    return opened(cipher, data, context).decode()
