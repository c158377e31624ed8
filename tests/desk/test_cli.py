"""The command line, run as people run it: real days, real files, one line for whatever goes wrong."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bursar.adapters.store.database import connect, sqlite_url
from bursar.adapters.store.lease import StoreLease
from bursar.config.settings import Store
from bursar.desk import cli
from bursar.desk.settings_pages import example_file
from bursar.desk.turns import turn
from bursar.errors import InputError
from bursar.runtime.demo import Turn

BURSAR = Path(sys.executable).with_name("bursar")


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BURSAR_HOME with converted prices, shared by the tests of this file."""
    return tmp_path_factory.mktemp("house")


@pytest.fixture
def run(house: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``bursar`` with these words in this process, in an empty folder."""
    monkeypatch.setenv("BURSAR_HOME", str(house))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name in {"INITIAL_CASH", "OPENAI_API_KEY"}:
            monkeypatch.delenv(name)

    def command(*words: str) -> Said:
        capsys.readouterr()
        code = cli.main(list(words))
        return Said(code, *capsys.readouterr())

    return command


@pytest.fixture
def two_days(run: Run) -> Said:
    """A demo of two days, finished."""
    return run("demo", "--days", "2", "--in-process")


def refused(said: Said) -> str:
    """The one line of a refusal: exit code 2, nothing on standard output."""
    assert said.code == 2, said
    assert said.out == ""
    assert said.err.startswith("bursar: ")
    assert said.err.count("\n") == 1, said.err
    return said.err


# ---------------------------------------------------------------- demo


def test_a_demo_shows_its_days_and_leaves_report_journal_and_log(two_days: Said, house: Path) -> None:
    assert two_days.code == 0
    assert "2 trading days, 3\u00a0Jan to 4\u00a0Jan 2022" in two_days.out
    assert "simulated account, no real money" in two_days.out
    assert [line.split("  ")[0] for line in two_days.err.splitlines()] == ["Mon 3\u00a0Jan 2022", "Tue 4\u00a0Jan 2022"]
    made = {path.name for path in (house / "runs" / "demo").iterdir()}
    assert made >= {"report.html", "report.json", "journal.sqlite", "ibkr_hedge_fund.log"}


def test_a_demo_that_takes_turns_has_the_lease_while_it_runs(
    run: Run, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trades(request: object, observer: object, ours: Turn) -> None:
        asyncio.run(ours.tenure.take(ours.waiting))
        ours.tenure.check()
        ours.tenure.leave()
        raise InputError("that is all")

    monkeypatch.setattr("bursar.runtime.demo.run", trades)
    assert "that is all" in run("demo", "--take-turns").err
    (grant,) = StoreLease(connect(sqlite_url(house / "desk.sqlite"))).holders()
    assert (grant.account, grant.fence, grant.until.year) == ("DU9000001", 1, 1970)
    assert grant.holder.endswith(f"/{os.getpid()}")


def test_a_turn_that_is_told_to_end_ends_as_by_an_exception(house: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    ended = []

    def trades() -> None:
        with turn(house, "DU9000001", Store()):
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                ended.append("in order")

    with pytest.raises(SystemExit, match="143"):
        trades()
    assert ended == ["in order"]
    assert signal.getsignal(signal.SIGTERM) == before


def test_who_has_to_wait_says_so(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with turn(house, "DU9000001", Store()) as ours:
        ours.waiting()
    assert capsys.readouterr().err == (
        "another process trades DU9000001; this one waits, and goes on where that one ends\n"
    )


def test_with_json_standard_output_holds_json_alone_and_the_same_bytes_again(run: Run) -> None:
    first = run("demo", "--days", "2", "--seed", "3", "--json", "--in-process")
    again = run("demo", "--days", "2", "--seed", "3", "--json", "--in-process")
    assert first.out == again.out
    assert json.loads(first.out)["seed"] == 3
    other = run("demo", "--days", "2", "--seed", "4", "--json", "--in-process")
    assert other.out != first.out


def test_the_report_on_disk_is_what_was_printed(run: Run, house: Path) -> None:
    said = run("demo", "--days", "1", "--json", "--in-process")
    assert (house / "runs" / "demo" / "report.json").read_text(encoding="utf-8") == said.out


def test_cash_and_first_day_may_be_said_on_the_command_line(run: Run) -> None:
    said = run("demo", "--days", "1", "--from", "2021-06-01", "--cash", "25000", "--json", "--in-process")
    document = json.loads(said.out)
    assert document["initial_cash"] == 25000.0
    assert document["days"][0]["day"] == "2021-06-01"


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--days", "0"), ("demo.days is '0' on the command line (--days)", "1 to 2,520")),
        (("--days", "many"), ("demo.days is 'many'",)),
        (("--cash", "-5"), ("account.initial_cash is '-5' on the command line (--cash)",)),
        (("--from", "tomorrow"), ("demo.first_day is 'tomorrow' on the command line (--from)",)),
        (("--from", "2030-01-02"), ("2030-01-02",)),
        (("--from", "2022-01-17"), ("2022-01-17",)),
        (("--from", "2022-12-27", "--days", "9"), ("2022-12-28",)),
        (("--config", "nowhere.toml"), ("nowhere.toml cannot be read",)),
    ],
)
def test_what_cannot_be_run_is_one_line(run: Run, words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    line = refused(run("demo", "--in-process", *words))
    for part in parts:
        assert part in line


def test_a_bursar_toml_in_this_folder_is_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bursar.toml").write_text("[risk]\nposition_weight_max = 1.2\n")
    line = refused(run("demo", "--days", "1", "--in-process"))
    assert "risk.position_weight_max is 1.2 in" in line
    assert "at most 1" in line


# ---------------------------------------------------------------- gateway


class Listener(io.StringIO):
    """Standard output that, once told where the gateway listens, connects there and then asks it to end."""

    met = False

    def write(self, text: str) -> int:
        if found := re.search(r"127\.0\.0\.1:(\d+)", text):
            with socket.create_connection(("127.0.0.1", int(found[1])), timeout=10):
                self.met = True
            os.kill(os.getpid(), signal.SIGINT)
        return super().write(text)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_gateway_listens_until_it_is_interrupted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    port, out = free_port(), Listener()
    monkeypatch.setattr(sys, "stdout", out)
    said = run("gateway", "--port", str(port), "--from", "2021-06-01", "--speed", "60")
    assert said.code == 0, said.err
    assert out.met
    assert out.getvalue() == (
        f"listening on 127.0.0.1:{port}, account DU9000001, open since the bell of 2021-06-01, "
        "time flows 60 times as fast; Ctrl-C ends it\n"
    )


def test_a_gateway_never_listens_where_real_money_is_expected(run: Run) -> None:
    assert "broker.port is '7496' on the command line (--port)" in refused(run("gateway", "--port", "7496"))


def test_a_script_of_faults_that_is_none_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "faults.yaml").write_text("faults:\n  - fault: dorp\n")
    said = refused(run("gateway", "--faults", str(tmp_path / "faults.yaml")))
    assert "faults.yaml, line 2: no fault is called 'dorp', did you mean drop?" in said


def test_a_port_in_use_is_one_line(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert f"port {port} is in use" in refused(run("gateway", "--port", str(port)))


# ---------------------------------------------------------------- why, audit, desk


def test_why_walks_from_a_fill_to_the_prices(run: Run, two_days: Said) -> None:
    said = run("why", "1")
    assert said.code == 0
    assert "Why o-00000001" in said.out
    order = [
        said.out.index(word) for word in ("bought", "order to buy", "the gate let it through", "wanted", "expected")
    ]
    assert order == sorted(order)
    assert re.search(r"2021-12-31\]", " ".join(said.out.split()))
    link = json.loads(run("why", "1", "--json").out)[0]
    assert link["event"]["kind"] == "filled"


def test_why_of_an_order_that_never_was_is_one_line(run: Run, two_days: Said) -> None:
    assert "o-9999 is not in this journal; its orders are o-00000001 to" in refused(run("why", "o-9999"))


def test_audit_finds_the_chain_unbroken(run: Run, two_days: Said, house: Path) -> None:
    said = run("audit")
    assert said.code == 0
    assert "the chain is unbroken" in said.out
    document = json.loads(run("audit", "--json").out)
    assert document["sound"] is True
    assert document["events"] > 50
    assert len(document["head"]) == 64


def test_audit_names_the_event_that_was_edited(run: Run, two_days: Said, house: Path, tmp_path: Path) -> None:
    copy = tmp_path / "journal.sqlite"
    for name in ("journal.sqlite", "journal.sqlite.head"):
        shutil.copy(house / "runs" / "demo" / name, tmp_path / name)
    with sqlite3.connect(copy) as connection:
        sequence, event_id, data = connection.execute(
            "SELECT sequence, event_id, bytes FROM journal WHERE event_id LIKE 'f-%' ORDER BY sequence LIMIT 1"
        ).fetchone()
        edited = data.replace(b'"quantity":"', b'"quantity":"1')
        assert edited != data
        connection.execute("UPDATE journal SET bytes = ? WHERE sequence = ?", (edited, sequence))
    connection.close()
    said = run("audit", "--journal", str(copy))
    assert said.code == 6
    assert said.err.count("\n") == 1
    assert f"event {sequence}: {event_id}" in said.err
    found = run("audit", "--journal", str(copy), "--json")
    assert (found.code, json.loads(found.out)["sound"], json.loads(found.out)["event"]) == (6, False, sequence)


def test_without_a_run_there_is_nothing_to_look_at(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path / "empty"))
    assert "no journal at" in refused(run("audit"))
    assert "no journal at" in refused(run("why", "1"))
    assert "run bursar demo first" in refused(run("desk"))
    assert not (tmp_path / "empty").exists()


def test_desk_opens_the_report_of_the_last_demo(
    run: Run, two_days: Said, house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    said = run("desk")
    page = house / "runs" / "demo" / "report.html"
    assert opened == [page.as_uri()]
    assert said.out.strip() == str(page)


# ---------------------------------------------------------------- set up


def test_doctor_answers_for_people_and_for_programs(run: Run) -> None:
    said = run("doctor")
    assert said.code == 0
    assert "Python" in said.out
    assert json.loads(run("doctor", "--json").out)["healthy"] is True


def test_doctor_fails_where_something_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("BURSAR_HOME", str(file))
    said = run("doctor")
    assert said.code == 1
    assert "is a file" in " ".join(said.out.split())
    assert said.err == ""


def test_settings_say_what_is_in_force_and_who_said_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_DAILY_TRADES", "4")
    rows = json.loads(run("settings", "--json").out)
    assert rows["risk.opening_orders_per_day_max"] == {"value": "4", "said": "in the environment (MAX_DAILY_TRADES)"}
    assert rows["risk.stop_loss"] == {"value": "0.05", "said": "by default"}
    assert "risk.opening_orders_per_day_max" in run("settings").out
    assert run("settings", "--example").out == example_file()


# ---------------------------------------------------------------- the edge


def test_help_is_for_newcomers(run: Run) -> None:
    said = run("--help")
    assert said.code == 0
    for part in ("bursar demo", "bursar why o-00000001", "Trade", "Look", "Set up", "--debug"):
        assert part in said.out
    assert run("demo", "-h").code == 0
    assert "bursar demo --days 5" in run("demo", "--help").out


def test_no_words_at_all_show_the_help(run: Run) -> None:
    assert "Begin with" in run().out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("demo", "--cashh", "5"), "bursar: No such option: --cashh"),
        (("dmeo",), "bursar: No such command 'dmeo'"),
        (("why",), "bursar: Missing argument 'ORDER'"),
    ],
)
def test_a_mistyped_command_is_one_line_that_says_where_help_is(run: Run, words: tuple[str, ...], line: str) -> None:
    said = refused(run(*words))
    assert said.startswith(line)
    assert said.rstrip().endswith("--help")


@pytest.mark.parametrize("words", [("--debug", "audit"), ("audit", "--debug")])
def test_debug_shows_the_traceback_wherever_it_stands(
    run: Run, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    with pytest.raises(ValueError, match="no journal at"):
        run(*words)


def test_an_interruption_within_a_command_is_clean(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bursar.runtime.demo.run", interrupted)
    said = run("demo", "--days", "1")
    assert (said.code, said.err) == (130, "bursar: interrupted; what was committed is kept\n")


def test_the_console_script_returns_the_exit_code(house: Path, tmp_path: Path) -> None:
    environment = {"BURSAR_HOME": str(tmp_path / "empty"), "PATH": os.environ["PATH"], "LANG": "C"}
    done = subprocess.run([BURSAR, "audit"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("bursar: no journal at")


def test_help_loads_neither_numpy_nor_pydantic_nor_polars(tmp_path: Path) -> None:
    code = (
        "import sys; from bursar.desk.cli import main; code = main(['--help']); "
        "heavy = {'numpy', 'pydantic', 'polars', 'numba', 'jinja2', 'sqlalchemy'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
