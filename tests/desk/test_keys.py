"""The phrase of the locked door: typed anew for each start, by the API or at the terminal, and seen nowhere else."""

from __future__ import annotations

import asyncio
import os
import pty
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TextIO

import pytest

from bursar.config.accounts import AccountProfile
from bursar.desk.keys import Keys
from bursar.desk.programs import Trade
from bursar.desk.serving import Served
from bursar.errors import InputError
from bursar.runtime.keeper import Keeper, Life
from tests.desk.api.world import desk_on

SAVINGS = AccountProfile(account_id="U7654321", mode="live", port=7496, notional_per_day_max=Decimal(1))
SERVED = Served(name="savings", profile=SAVINGS)
PHRASE = "trade real money in U7654321"


def test_a_phrase_is_waited_for_and_said_to_be_until_the_right_one_comes() -> None:
    async def day() -> str:
        away = {"trading": "the program that trades ended with -9"}
        keys = Keys(away)
        waiting = asyncio.create_task(keys.of(SERVED))
        await asyncio.sleep(0)
        assert away["trading"].startswith("U7654321 holds real money and is not traded until a person types the phrase")
        assert away["trading"].endswith("before: the program that trades ended with -9")
        for wrong in ("", PHRASE.upper(), "trade real money in U7654322"):
            with pytest.raises(InputError):
                keys.give("savings", wrong)
        with pytest.raises(InputError, match="waits for no phrase"):
            keys.give("practice", PHRASE)
        assert not waiting.done()
        keys.give("savings", PHRASE)
        typed = await waiting
        assert "is being started" in away["trading"]
        with pytest.raises(InputError, match="waits for no phrase"):
            keys.give("savings", PHRASE)
        assert PHRASE not in repr(keys)
        return typed

    assert asyncio.run(day()) == PHRASE


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal on standard input; what a person types goes into the descriptor."""
    theirs, ours = pty.openpty()
    opened: TextIO = os.fdopen(ours, "r")
    monkeypatch.setattr(sys, "stdin", opened)
    yield theirs
    opened.close()
    os.close(theirs)


def test_at_a_terminal_it_is_asked_for_again_until_it_is_right(
    terminal: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async def day() -> str:
        waiting = asyncio.create_task(Keys().of(SERVED))
        await asyncio.sleep(0)
        os.write(terminal, b"yes\n")
        while "is not the phrase" not in (said := capsys.readouterr().err):
            assert said == "" or "type exactly" in said
            await asyncio.sleep(0.01)
        os.write(terminal, f"{PHRASE}\n".encode())
        return await waiting

    assert asyncio.run(asyncio.wait_for(day(), 10)) == PHRASE


def test_in_the_background_nothing_is_read_at_the_terminal_and_half_a_line_holds_nobody_up(
    terminal: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_front = [os.getpgrp() + 1]
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: in_front[0])
    monkeypatch.setattr("bursar.desk.keys.AGAIN_SECONDS", 0.01)

    async def day() -> str:
        waiting = asyncio.create_task(Keys().of(SERVED))
        await asyncio.sleep(0)
        os.write(terminal, f"{PHRASE}\n".encode())
        await asyncio.sleep(0.1)
        assert not waiting.done(), "it was typed for another program"
        in_front[0] = os.getpgrp()
        assert await waiting == PHRASE

        waiting = asyncio.create_task(Keys().of(SERVED))
        await asyncio.sleep(0)
        for half in (PHRASE[:9], PHRASE[9:] + "\n"):
            os.write(terminal, half.encode() + b"\x04")  # Ctrl-D: what was typed so far is handed over
            await asyncio.sleep(0.05)
        return await waiting

    assert asyncio.run(asyncio.wait_for(day(), 10)) == PHRASE


async def waited(keys: Keys) -> None:
    while not keys.waited:  # noqa: ASYNC110  # what is tested tells nobody
        await asyncio.sleep(0.01)


def test_a_program_that_trades_real_money_is_started_once_for_each_phrase_which_no_list_of_processes_shows(
    tmp_path: Path,
) -> None:
    desk = desk_on(tmp_path)
    desk.accounts = {"savings": SAVINGS}
    trade = Trade(asked=SERVED, desk=desk, home=tmp_path, more=("--every", "1"))
    script = "import sys; print(sys.stdin.readline().strip(), *sys.argv[1:]); sys.exit(9)"
    commands: list[tuple[str, ...]] = []

    async def life() -> Life:
        made = await trade.life()
        commands.append(tuple(made.command))
        assert PHRASE not in repr(made)
        return Life(command=[sys.executable, "-c", script, *made.command[3:]], typed=made.typed)

    async def day() -> None:
        keeper = Keeper(
            life=life,
            log=tmp_path / "log",
            degraded=desk.degraded,
            ticks=lambda: 0.0,
            stays=True,
            pause=lambda _: asyncio.sleep(0),
        )
        keeping = asyncio.create_task(keeper.run())
        for starts in (1, 2):
            await waited(desk.keys)
            assert keeper.starts == starts - 1, "it is not started again without a person"
            desk.keys.give("savings", PHRASE)
        await waited(desk.keys)
        assert "ended with 9" in desk.degraded["trading"]
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    asyncio.run(asyncio.wait_for(day(), 30))
    assert [command[3:] for command in commands] == [
        ("trade", "--account", "savings", "--phrase", "-", "--every", "1")
    ] * 2
    assert (tmp_path / "log").read_text().count(f"{PHRASE} trade --account savings --phrase -") == 2
