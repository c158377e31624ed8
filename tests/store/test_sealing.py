"""What is sealed opens with its key, in its place, unchanged, and not otherwise."""

from __future__ import annotations

import asyncio
import builtins
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.journal import SQLiteJournal, read, verify
from bursar.adapters.store.sealing import MARK, Cipher, new_key, opened, sealed
from bursar.errors import InputError, LedgerError
from tests.samples import SAMPLES

KEY = new_key()
CIPHER = Cipher.from_text(KEY)


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_was_sealed_opens(data: bytes, context: str) -> None:
    kept = CIPHER.seal(data, context)
    assert kept.startswith(MARK)
    assert CIPHER.open(kept, context) == data
    assert len(data) < 8 or data not in kept


def test_the_same_seals_alike_in_the_same_place_only() -> None:
    assert CIPHER.seal(b"x", "a") == CIPHER.seal(b"x", "a") == Cipher.from_text(KEY).seal(b"x", "a")
    assert CIPHER.seal(b"x", "a") != CIPHER.seal(b"x", "b")


def test_the_cipher_is_the_one_of_the_standard() -> None:
    # RFC 5297, appendix A.1, with its 32-byte key: the same construction that we use with 64 bytes.
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    key = bytes.fromhex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    associated = bytes.fromhex("101112131415161718191a1b1c1d1e1f2021222324252627")
    plain = bytes.fromhex("112233445566778899aabbccddee")
    expected = "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"
    assert AESSIV(key).encrypt(plain, [associated]).hex() == expected


@pytest.mark.parametrize("place", range(-1, 25, 5))
def test_a_changed_byte_is_noticed(place: int) -> None:
    kept = bytearray(CIPHER.seal(b"one hundred dollars", "context"))
    kept[place] ^= 1
    if place == 0:
        kept[1] ^= 1  # the mark itself is not secret
    with pytest.raises(InputError, match="context does not open"):
        CIPHER.open(bytes(kept), "context")


def test_another_key_or_another_place_does_not_open_it() -> None:
    kept = CIPHER.seal(b"x", "context")
    for cipher, context in ((Cipher.from_text(new_key()), "context"), (CIPHER, "elsewhere")):
        with pytest.raises(InputError, match="sealed with another key, or changed since"):
            cipher.open(kept, context)


def test_without_a_key_nothing_is_sealed_and_what_is_sealed_does_not_open() -> None:
    assert sealed(None, b"{}", "c") == opened(None, b"{}", "c") == opened(CIPHER, b"{}", "c") == b"{}"
    with pytest.raises(InputError, match="c is encrypted; give the key"):
        opened(None, sealed(CIPHER, b"{}", "c"), "c")


@pytest.mark.parametrize("text", ["", "AAAA", "not base64!"])
def test_a_key_that_is_none_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InputError, match="the encryption key") as caught:
        Cipher.from_text(text)
    assert not text or text not in str(caught.value)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *arguments: Any) -> Any:
        if name.startswith("cryptography"):
            raise ModuleNotFoundError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(InputError, match=r"pip install bursar\[encryption\]"):
        Cipher(bytes(64))


# ---------------------------------------------------------------- the journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    journal = SQLiteJournal(path, CIPHER)
    asyncio.run(journal.append(list(SAMPLES.values())))
    journal.close()
    return path


def test_a_sealed_journal_tells_nothing_and_is_audited_without_its_key(path: Path) -> None:
    raw = b"".join(file.read_bytes() for file in path.parent.iterdir())
    for word in (b"DU9000001", b"AAPL", b"momentum", b"100000.00"):
        assert word not in raw
    assert verify(path).sequence == len(SAMPLES)


def test_a_sealed_journal_opens_with_its_key_only(path: Path) -> None:
    assert [record.event for record in read(path, cipher=CIPHER)] == list(SAMPLES.values())
    with pytest.raises(InputError, match="sample/run_started is encrypted; give the key"):
        next(read(path))
    with pytest.raises(InputError, match="sample/run_started does not open"):
        next(read(path, cipher=Cipher.from_text(new_key())))


def test_a_sealed_event_does_not_open_in_anothers_place(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        (data,) = connection.execute("SELECT bytes FROM journal WHERE event_id = 'sample/deposited'").fetchone()
        connection.execute("UPDATE journal SET bytes = ? WHERE event_id = 'sample/cash_moved'", (data,))
    with pytest.raises(InputError, match="sample/cash_moved does not open"):
        list(read(path, cipher=CIPHER))
    with pytest.raises(LedgerError, match=r"sample/cash_moved .* was edited"):
        verify(path)


def test_a_journal_that_was_begun_without_a_key_goes_on_with_one(tmp_path: Path) -> None:
    first, second = list(SAMPLES.values())[:2]
    path = tmp_path / "journal.db"
    for cipher, event in ((None, first), (CIPHER, second)):
        journal = SQLiteJournal(path, cipher)
        asyncio.run(journal.append([event]))
        assert asyncio.run(journal.append([first])) == (), "what is held is recognized, sealed or not"
        journal.close()
    assert [record.event for record in read(path, cipher=CIPHER)] == [first, second]
    assert verify(path).sequence == 2
