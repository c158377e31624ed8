"""With a key in the settings, what a run leaves on disk tells no account and no symbol, and every command opens it."""

from __future__ import annotations

import ast
import sqlite3
import sys
import tarfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

import bursar
from bursar.adapters.store.database import connect, migrate, sqlite_url
from bursar.adapters.store.sealing import Cipher, write_key
from bursar.adapters.store.snapshots import Retention, Snapshot, Snapshots
from bursar.desk import doctor
from bursar.desk.cli import main
from bursar.desk.doctor import Verdict

Run = Callable[..., tuple[int, str, str]]

ACCOUNT = b"DU9000001"
#: Of those that the demo trades, names so long that no sealed bytes hold one by chance.
SYMBOLS = (b"AAPL", b"MSFT")


@pytest.fixture
def key(bursar_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a new key, which the settings name."""
    path = bursar_home / "bursar.key"
    write_key(path)
    monkeypatch.setenv("BURSAR_STORE_KEY_FILE", str(path))
    return path


@pytest.fixture
def run(bursar_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("COLUMNS", "160")

    def command(*words: str) -> tuple[int, str, str]:
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def tells(raw: bytes) -> list[bytes]:
    """What of the account and its symbols can be read in ``raw``."""
    return [word for word in (ACCOUNT, *SYMBOLS) if word in raw]


def bytes_of(journal: Path) -> bytes:
    return b"".join(path.read_bytes() for path in journal.parent.glob(journal.name + "*"))


def test_a_sealed_demo_is_shown_saved_and_brought_back(
    run: Run, bursar_home: Path, key: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run("demo", "--days", "1", "--in-process")[0] == 0
    journal = bursar_home / "runs" / "demo" / "journal.sqlite"
    assert tells(bytes_of(journal)) == []
    code, shown, _ = run("books", "show")
    assert code == 0
    assert ACCOUNT.decode() in shown
    for words in (("performance",), ("why", "1"), ("proposals",), ("committee",), ("audit",)):
        assert run(*words)[0] == 0, words

    # the tables name symbols, for those who look things up, and no account
    assert run("books", "rebuild")[0] == 0
    assert ACCOUNT not in bytes_of(journal.with_name("store.sqlite"))

    saved, there = tmp_path / "saved.tar.gz", tmp_path / "there" / "journal.sqlite"
    code, out, _ = run("backup", str(saved))
    assert (code, "sealed: it opens with its key alone" in out) == (0, True)
    with tarfile.open(saved) as archive:
        archive.extractall(tmp_path / "opened", filter="data")
    files = [path for path in (tmp_path / "opened").rglob("*") if path.is_file()]
    assert tells(b"".join(path.read_bytes() for path in files)) == []
    assert key.read_bytes().strip() not in b"".join(path.read_bytes() for path in files)
    assert run("restore", str(saved), "--journal", str(there))[0] == 0
    assert run("books", "show", "--journal", str(there)) == (0, shown, "")

    # without the key: sealed, but sound
    monkeypatch.delenv("BURSAR_STORE_KEY_FILE")
    assert run("audit", "--journal", str(there))[0] == 0
    for words in (("books", "show"), ("performance",), ("books", "rebuild"), ("why", "1")):
        code, out, err = run(*words, "--journal", str(there))
        assert (code, out) == (2, ""), words
        assert "is encrypted; set store.key_file to the file of the key that it was sealed with" in err

    # with another one
    write_key(tmp_path / "other.key")
    monkeypatch.setenv("BURSAR_STORE_KEY_FILE", str(tmp_path / "other.key"))
    for words in (("books", "show"), ("books", "rebuild"), ("backup", str(tmp_path / "two.tar.gz"))):
        code, out, err = run(*words, "--journal", str(there))
        assert (code, out) == (2, ""), words
        assert "was sealed with another key" in err
        assert "set store.key_file to the file of its key" in err
    assert not (tmp_path / "two.tar.gz").exists()


#: What opens a journal or a part of the store.
OPENERS = {
    "SQLiteJournal",
    "StoreJournal",
    "JournalFile",
    "_JournalFile",
    "Snapshots",
    "StoreLease",
    "StoreCommands",
    "kept",
}


def test_nobody_opens_a_journal_or_the_store_without_the_settings_key() -> None:
    """``read`` is the one of ``adapters.journal``; what only audits or copies stored bytes needs no key."""
    found, keyless = 0, []
    for room in ("desk", "runtime"):
        for path in sorted((Path(bursar.__file__).parent / room).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            imported = {
                alias.name
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom) and node.module == "bursar.adapters.journal"
                for alias in node.names
            }
            for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
                name = call.func.id if isinstance(call.func, ast.Name) else ""
                if name not in OPENERS and not (name == "read" and "read" in imported):
                    continue
                found += 1
                # Who is handed the settings of the store makes the cipher of them.
                if not any(word in ast.unparse(call) for word in ("cipher", ".store")):
                    keyless.append(f"{path.name}:{call.lineno}")
    assert found >= 6
    assert keyless == []


def test_a_key_that_is_not_there_stops_a_demo_before_it_begins(
    run: Run, bursar_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURSAR_STORE_KEY_FILE", str(bursar_home / "lost.key"))
    code, out, err = run("demo", "--days", "1", "--in-process")
    assert (code, out) == (2, "")
    assert f"no key at {bursar_home}/lost.key; name its file in store.key_file" in err
    assert not (bursar_home / "runs").exists()


def test_the_key_is_in_no_setting_and_no_message(run: Run, bursar_home: Path, key: Path) -> None:
    secret = key.read_text().strip()
    for words in (("settings",), ("settings", "--json"), ("doctor", "--json")):
        _, out, err = run(*words)
        assert secret not in out + err
    assert str(key) in run("settings", "--json")[1]


def test_a_key_is_made_by_a_command(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "new.key"
    code, out, _ = run("key", str(path))
    assert (code, f'[store] key_file = "{path}"' in out) == (0, True)
    assert path.read_text().strip() not in out
    Cipher.from_file(path)
    assert run("key", str(path))[0] == 2


def test_without_the_extra_a_key_is_refused_with_what_to_install(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    code, _, err = run("key", str(tmp_path / "new.key"))
    assert (code, "pip install bursar[encryption]" in err) == (2, True)
    assert not (tmp_path / "new.key").exists()


def test_a_relative_path_is_no_key_file(run: Run, bursar_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURSAR_STORE_KEY_FILE", "bursar.key")
    code, _, err = run("books", "show")
    assert (code, "store.key_file is 'bursar.key' in the environment" in err) == (2, True)


def test_the_doctor_says_whether_anything_is_sealed(bursar_home: Path, key: Path) -> None:
    from bursar.config import Settings, load

    assert "clear text" in doctor.sealing(Settings()).found
    assert doctor.sealing(load()).verdict is Verdict.FINE
    key.chmod(0o644)
    assert doctor.sealing(load()).remedy == f"chmod 600 {key}"
    key.unlink()
    assert doctor.sealing(load()).verdict is Verdict.FAILED


@pytest.mark.parametrize("sealed", [False, True])
def test_a_sealed_day_of_snapshots_tells_no_portfolio(tmp_path: Path, key: Path, sealed: bool) -> None:
    cipher = Cipher.from_file(key) if sealed else None
    engine = connect(sqlite_url(tmp_path / "seconds.db"))
    migrate(engine)
    kept = Snapshots(engine, tmp_path / "days", Retention(days_in_database=1), cipher)
    at, one = datetime(2021, 1, 4, 15, tzinfo=UTC), Decimal(1)
    name = f"{ACCOUNT.decode()} {SYMBOLS[0].decode()}"
    kept.record([Snapshot(portfolio=name, at=at, equity=one, cash=one, exposure=one, day_profit=one)])
    assert kept.archive(date(2021, 1, 6)) == [date(2021, 1, 4)]
    raw = (tmp_path / "days" / "2021-01-04.parquet").read_bytes()
    assert tells(raw) == ([] if sealed else [ACCOUNT, SYMBOLS[0]])
    assert kept.read(name, at, at).height == 1
    with closing(sqlite3.connect(tmp_path / "seconds.db")) as connection:
        assert connection.execute("SELECT count(*) FROM snapshots").fetchone() == (0,)
    engine.dispose()
