"""For which account a command is that somebody types: the one that is traded, or the one that is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bursar.adapters.inbox import FolderCommands
from bursar.adapters.store.lease import StoreLease
from bursar.config.settings import Store
from bursar.desk import cli
from bursar.ports import Command
from bursar.runtime import shared

PRACTICE, SECOND = "DU1234567", "DU2234567"


@pytest.fixture
def home(bursar_home: Path) -> Path:
    (bursar_home / "bursar.toml").write_text(
        f'[accounts.practice]\naccount_id = "{PRACTICE}"\nport = 7497\n'
        f'[accounts.second]\naccount_id = "{SECOND}"\nport = 7497\nclient_id = 2\n'
    )
    return bursar_home


def holds(home: Path, account: str, seconds: float = 60) -> None:
    now = datetime.now(UTC)
    with shared.opened(home, Store()) as engine:
        lease = StoreLease(engine)
        assert lease.acquire(account, f"who trades {account}", now + timedelta(seconds=seconds), now)


def sent(home: Path) -> dict[str, str]:
    """What lies in the inbox: for which account each kind of command is. It is empty afterwards."""
    inbox = FolderCommands(home / shared.COMMANDS_NAME)
    found: tuple[Command, ...] = inbox.take()
    for command in found:
        inbox.done(command)
    return {command.name: command.account for command in found}


def all_typed(more: tuple[str, ...] = (), leaving: tuple[str, ...] = ()) -> list[int]:
    return [
        cli.main(["rearm", "--reason", "calm", *more]),
        cli.main(["explain", "3f2a91c0", "--because", "mine", *more]),
        cli.main(["switch", "second", "--reason", "over", *leaving]),
    ]


def test_a_command_is_for_the_account_that_is_traded_and_of_several_for_the_one_that_is_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert all_typed() == [0, 0, 0]
    assert not (home / shared.STORE_NAME).exists()
    assert sent(home) == {"rearm": "", "explain": "", "switch": ""}, "nobody trades: it is for whoever looks first"

    holds(home, SECOND, seconds=-1)  # it ran out
    holds(home, PRACTICE)
    assert all_typed() == [0, 0, 0]
    assert sent(home) == {"rearm": PRACTICE, "explain": PRACTICE, "switch": PRACTICE}

    holds(home, SECOND)
    capsys.readouterr()
    assert all_typed() == [2, 2, 2]
    assert f"{PRACTICE}, {SECOND}; say which one is meant: --account NAME" in capsys.readouterr().err
    assert sent(home) == {}
    assert all_typed(("--account", "second"), ("--from", "practice")) == [0, 0, 0]
    assert sent(home) == {"rearm": SECOND, "explain": SECOND, "switch": PRACTICE}
    assert all_typed(("--account", "nobody"), ("--from", "nobody")) == [2, 2, 2]
