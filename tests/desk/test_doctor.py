"""The doctor: each fault is named with its remedy, and looking changes nothing."""

from __future__ import annotations

import asyncio
import importlib.metadata
import io
import json
import shutil
import socket
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from bursar.adapters.journal import SQLiteJournal
from bursar.adapters.vendors import wheels
from bursar.config import Given, Settings, build
from bursar.desk import doctor
from bursar.desk.doctor import Verdict
from bursar.domain.events import SessionOpened
from tests.real_prices import calendar

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_this_machine_is_fit_and_looking_changes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    findings = doctor.examine(home, Settings(), NOW)
    assert doctor.healthy(findings), [finding for finding in findings if finding.verdict is Verdict.FAILED]
    assert not home.exists()
    named = [finding.what for finding in findings]
    for what in ("Python", "packages", "home folder", "disk", "clock", "journal", "port 4002", "port 7497"):
        assert what in named


@pytest.mark.parametrize(
    ("version", "verdict"), [((3, 10), "failed"), ((3, 11), "fine"), ((3, 14), "fine"), ((3, 15), "failed")]
)
def test_python_must_be_one_that_is_supported(version: tuple[int, int], verdict: str) -> None:
    finding = doctor.python(version)
    assert finding.verdict == verdict
    assert finding.found.startswith(f"{version[0]}.{version[1]} ")


def test_a_package_that_is_missing_or_too_old_is_named() -> None:
    def version_of(name: str) -> str:
        if name == "numpy":
            raise importlib.metadata.PackageNotFoundError(name)
        return "0.0.1" if name == "rich" else importlib.metadata.version(name)

    finding = doctor.packages(version_of)
    assert finding.verdict is Verdict.FAILED
    assert "numpy" in finding.found
    assert "rich" in finding.found
    assert "typer" not in finding.found
    assert finding.remedy == "make setup"


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert doctor.folder(file).found == f"{file} is a file"
    assert doctor.folder(tmp_path).verdict is Verdict.FINE
    assert doctor.folder(tmp_path / "new").found == f"{tmp_path / 'new'}, to be made"
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere, so that no mode bit would do
    assert doctor.folder(tmp_path).found == f"{tmp_path} cannot be written"


def test_too_little_room_is_a_failure(tmp_path: Path) -> None:
    finding = doctor.space(tmp_path / "new", lambda _: (10, 10, 1_000_000))
    assert finding.verdict is Verdict.FAILED
    assert finding.found == "0.0 GB free"
    assert "200 MB are needed" in finding.remedy


def test_a_clock_of_another_age_is_a_warning() -> None:
    assert doctor.clock(datetime(1999, 1, 1, tzinfo=UTC)).verdict is Verdict.WARNING
    assert doctor.clock(datetime(2099, 1, 1, tzinfo=UTC)).verdict is Verdict.WARNING
    assert doctor.clock(NOW).verdict is Verdict.FINE


def test_a_damaged_file_of_prices_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = wheels.WheelFile(package="skfolio", path=wheels.STOCKS_FILE.path, sha256="0" * 64)
    monkeypatch.setattr(wheels, "STOCKS_FILE", wrong)
    first = next(doctor.prices(tmp_path))
    assert first.verdict is Verdict.FAILED
    assert "run make setup" in first.found


def test_converted_prices_are_checked_by_their_hashes(tmp_path: Path) -> None:
    wheels.stocks(tmp_path, calendar())
    assert list(doctor.prices(tmp_path))[-1].found == "sample_stocks: hashes match"
    parquet = next((tmp_path / "data" / "sample_stocks").glob("*.parquet"))
    parquet.write_bytes(parquet.read_bytes()[:-1] + b"x")
    assert list(doctor.prices(tmp_path))[-1].verdict is Verdict.FAILED


def test_the_journal_of_the_last_run_is_verified(tmp_path: Path) -> None:
    assert doctor.journal(tmp_path).verdict is Verdict.NOTE
    path = tmp_path / "runs" / "demo" / "journal.sqlite"
    held = SQLiteJournal(path)
    opened = SessionOpened(event_id="session", at=NOW, day=date(2022, 1, 3), exchange="XNYS")
    asyncio.run(held.append([opened]))
    held.close()
    assert doctor.journal(tmp_path).found == "1 events, chain unbroken"
    shutil.copy(path, tmp_path / "copy")
    (path.parent / "journal.sqlite.head").unlink()
    finding = doctor.journal(tmp_path)
    assert finding.verdict is Verdict.FAILED
    assert "has no head beside it" in finding.found


def test_a_port_where_somebody_listens_is_noted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert doctor._listens("127.0.0.1", port)
    assert not doctor._listens("127.0.0.1", port)
    said = list(doctor.ports("127.0.0.1", lambda _, port: port == 7497))
    assert [finding.found.split(";")[0].split(":")[0] for finding in said] == ["free", "something listens"]


def test_a_model_without_a_key_is_noted_by_its_name() -> None:
    assert "gpt-4o-mini has no key" in doctor.keys(Settings()).found
    settings = build({"models.openai_api_key": Given("sk", ""), "models.primary_model": Given("another", "")})
    assert doctor.keys(settings).found == "another, with a key; models.reasoning is off"


def test_findings_are_told_as_a_table_and_as_json() -> None:
    findings = (
        doctor.python((3, 10)),
        doctor.clock(datetime(1999, 1, 1, tzinfo=UTC)),
        doctor.keys(Settings()),
        doctor.space(Path("/"), lambda _: (0, 0, 10**12)),
    )
    out = io.StringIO()
    Console(file=out, width=100).print(doctor.as_table(findings))
    text = out.getvalue()
    assert [text.splitlines()[row].split()[0] for row in (0, 2, 4, 5)] == ["✗", "!", "·", "✓"]
    assert "use Python 3.11 to 3.14" in text
    document = json.loads(doctor.as_json(findings))
    assert document["healthy"] is False
    assert document["findings"][0]["verdict"] == "failed"
    assert Decimal(document["findings"][3]["found"].split()[0].replace(",", "")) == 1000
