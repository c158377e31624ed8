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
from bursar.adapters.store.database import sqlite_url
from bursar.adapters.store.journal import StoreJournal
from bursar.adapters.store.sealing import MARK, Cipher, new_key, opened, sealed, write_key
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
    with pytest.raises(InputError, match=r"c is encrypted; set store\.key_file"):
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
    for word in (b"DU9000001", b"AAPL", b"momentum", b"100000.00", b"sample"):
        assert word not in raw
    assert verify(path).sequence == len(SAMPLES)


def test_a_sealed_journal_opens_with_its_key_only(path: Path) -> None:
    assert [record.event for record in read(path, cipher=CIPHER)] == list(SAMPLES.values())
    with pytest.raises(InputError, match=r"an event is encrypted; set store\.key_file"):
        next(read(path))
    with pytest.raises(InputError, match="an event does not open"):
        next(read(path, cipher=Cipher.from_text(new_key())))


def test_a_sealed_event_does_not_open_in_anothers_place(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        (data,) = connection.execute("SELECT bytes FROM journal WHERE sequence = 1").fetchone()
        connection.execute("UPDATE journal SET bytes = ? WHERE sequence = 3", (data,))
    with pytest.raises(InputError, match=r"sample/.* does not open"):
        list(read(path, cipher=CIPHER))
    with pytest.raises(LedgerError, match=r"a sealed event in .* was edited") as caught:
        verify(path)
    assert caught.value.sequence == 3


def test_an_id_that_was_changed_does_not_open(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE journal SET event_id = '~abc' WHERE sequence = 2")
    with pytest.raises(InputError, match="an event does not open: '~abc' was changed"):
        list(read(path, cipher=CIPHER))


@pytest.mark.parametrize("cipher", [None, Cipher.from_text(new_key())])
def test_nothing_is_written_into_a_sealed_journal_without_its_key(path: Path, cipher: Cipher | None) -> None:
    with pytest.raises(InputError, match=r"an event (is encrypted|does not open).*; set store\.key_file"):
        SQLiteJournal(path, cipher)
    assert verify(path).sequence == len(SAMPLES)


def test_a_database_journal_that_is_sealed_needs_its_key_too(tmp_path: Path) -> None:
    url, head = sqlite_url(tmp_path / "store.db"), tmp_path / "head"
    with closing(StoreJournal(url, head, CIPHER)) as journal:
        asyncio.run(journal.append(list(SAMPLES.values())))
        assert asyncio.run(journal.append(list(SAMPLES.values()))) == (), "what is held is recognized"
    with pytest.raises(InputError, match=r"an event is encrypted; set store\.key_file"):
        StoreJournal(url, head)
    raw = b"".join(file.read_bytes() for file in tmp_path.glob("store.db*"))
    assert b"sample/" not in raw
    assert b"DU9000001" not in raw


# ---------------------------------------------------------------- the key's file


def test_a_key_is_made_once_and_for_one_pair_of_eyes(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "bursar.key"
    write_key(path)
    before = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert Cipher.from_file(path).open(Cipher.from_file(path).seal(b"x", "c"), "c") == b"x"
    with pytest.raises(InputError, match="exists; what its key sealed would be lost"):
        write_key(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no key at .*bursar.key; name its file in store.key_file, or make a new one with `bursar key "),
        (b"\xff\xfe", "cannot be read: it is not text; name its file in store.key_file"),
        (b"secret!", "bursar.key: the encryption key is not base64; give it as `bursar key` wrote it"),
        (b"c2VjcmV0", "bursar.key: the encryption key has 6 bytes; give 64, as `bursar key` makes them"),
    ],
)
def test_a_file_without_a_key_is_named_and_not_repeated(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "bursar.key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        Cipher.from_file(path)
    assert "\n" not in str(caught.value)
    assert content is None or repr(content)[2:-1] not in str(caught.value)


# ---------------------------------------------------------------- a journal with a beginning in clear text


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
