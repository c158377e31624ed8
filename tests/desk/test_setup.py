"""The wizard finds what is there, says what to click, and leaves a file that sends nothing."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bursar.adapters.survey import COMPETING, Found, Holder, survey
from bursar.config import load
from bursar.desk import cli, wizard
from bursar.errors import InputError
from bursar.gateway.permissions import Permissions
from bursar.testing import RunningGateway, gateway, running_gateway

__all__ = ["gateway"]

PAPER = Holder(account="DU1", paper=True, kind="INDIVIDUAL", currency="USD", equity=Decimal(5), cash=Decimal(5))
REAL = Holder(account="U1", paper=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_gateway_is_found_with_its_account_and_its_money(gateway: RunningGateway) -> None:
    (found,) = asyncio.run(survey(ports=(gateway.port,)))
    assert found.answers
    assert found.version == 178
    assert found.data == ""
    assert not found.read_only
    assert found.size_step == 1
    (holder,) = found.accounts
    assert holder.paper
    assert holder.equity == holder.cash == Decimal(100_000)


def test_a_port_where_nobody_is_and_one_where_somebody_else_is_are_told_apart() -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen(8)
        strange = stranger.getsockname()[1]
        silent, deaf = asyncio.run(survey(ports=(free_port(), strange), timeout_seconds=0.5))
    assert not silent.listens
    assert deaf.listens
    assert not deaf.answers
    assert "Enable ActiveX and Socket Clients" in wizard.checks([deaf])[0].todo


def test_from_the_command_line_a_file_is_written_that_only_observes(
    gateway: RunningGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bursar.toml"
    assert cli.main(["setup", "--port", str(gateway.port), "--write", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["settings"] == path.read_text()
    assert any("paper" in row["found"] for row in told["checks"])
    ten = [row for row in told["checks"] if row["what"][0].isdigit()]
    assert [int(row["what"].split()[0]) for row in ten] == list(range(1, 11))
    assert {row["state"] for row in ten} == {"right", "look yourself"}
    assert all(row["todo"] for row in ten if row["state"] != "right")
    settings = load(path, command_line={})
    assert settings.strategy.autonomy == "observe"
    assert settings.risk.protection == "broker"
    assert settings.broker.port == gateway.port
    assert cli.main(["setup", "--port", str(gateway.port), "--write", str(path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert cli.main(["setup", "--port", str(gateway.port), "--write", str(path), "--replace"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "observes the account and sends nothing" in shown
    assert "Read-Only API" in shown


def test_with_nothing_there_it_says_what_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    assert cli.main(["setup", "--port", str(port)]) == 0
    assert f"nothing listens on {port}" in " ".join(capsys.readouterr().out.split())
    assert cli.main(["setup", "--port", "70000"]) == 2
    assert "port 70000 is none" in capsys.readouterr().err


def test_delayed_prices_are_named() -> None:
    with running_gateway(permissions=Permissions(live=frozenset())) as limited:
        (found,) = asyncio.run(survey(ports=(limited.port,)))
    assert found.data
    assert any(check.todo.startswith("Client Portal") for check in wizard.checks([found]))


def test_each_of_the_ten_things_says_what_to_click_where_it_is_not_right() -> None:
    held = Holder(account="DU2", paper=True, kind="INDIVIDUAL", currency="EUR", equity=Decimal(100), power=Decimal(400))
    seen = Found(port=7497, program="", listens=True, answers=True, accounts=(held,), data=COMPETING, read_only=True)
    told = {check.what: check for check in wizard.checks([seen])}
    assert told["3 read-only API"].state is wizard.State.RIGHT
    assert "untick it before it may trade" in told["3 read-only API"].todo
    assert (told["6 market data"].state, told["6 market data"].found) == (wizard.State.TODO, COMPETING)
    assert "second user" in told["7 one session a user"].todo
    assert told["7 one session a user"].state is wizard.State.TODO
    assert told["8 account type of DU2"].found == "INDIVIDUAL, margin: it may buy for 400.00"
    assert "Trade in Fractions" in told["9 fractions"].todo
    assert "Base Currency" in told["10 base currency of DU2"].todo
    other = replace(seen, read_only=False, size_step=Decimal("0.1"))
    open_door = {check.what: check for check in wizard.checks([other])}
    assert "second lock" in open_door["3 read-only API"].todo
    assert open_door["9 fractions"].todo == ""


def test_a_real_account_is_shown_as_real_money_and_never_set_up() -> None:
    live = Found(port=7496, program="Trader Workstation, live", listens=True, answers=True, accounts=(REAL,))
    told = wizard.checks([live])
    assert any("REAL MONEY" in check.found and "locked door" in check.todo for check in told)
    with pytest.raises(InputError, match="no paper account answers"):
        wizard.chosen([live], None)
    with pytest.raises(InputError, match="U1 holds real money"):
        wizard.chosen([live], "U1")


def test_among_several_paper_accounts_one_must_be_named() -> None:
    both = Found(port=7497, program="", listens=True, answers=True, accounts=(PAPER, Holder(account="DU2", paper=True)))
    with pytest.raises(InputError, match=r"more than one paper account answers \(DU1 at 7497, DU2 at 7497\)"):
        wizard.chosen([both], None)
    assert wizard.chosen([both], "DU2")[1].account == "DU2"
    with pytest.raises(InputError, match="account DU3 is behind none of the ports"):
        wizard.chosen([both], "DU3")
    assert "base_currency" not in wizard.settings_file(both, both.accounts[1], "127.0.0.1")
