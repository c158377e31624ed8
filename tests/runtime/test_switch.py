"""The switch, the inbox and the reserve: how a kill reaches a run, and where it is written when the journal is away."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bursar.adapters.inbox import FolderCommands
from bursar.adapters.memory import MemoryJournal
from bursar.config import home
from bursar.desk import cli
from bursar.domain.events import Alerted, Event, KillForm
from bursar.errors import InputError, LedgerError
from bursar.ports import Command, Recorded
from bursar.runtime.reserve import JournalAwayError, Reserve
from bursar.runtime.switch import Pulled, Switch

AT = datetime(2022, 1, 3, 15, 0, tzinfo=UTC)


# ---------------------------------------------------------------- the switch


def test_an_empty_file_halts_and_a_word_flattens(tmp_path: Path) -> None:
    switch = Switch(tmp_path)
    assert switch.asked() is None
    (tmp_path / "KILL").touch()
    pulled = switch.asked()
    assert pulled is not None
    assert (pulled.form, pulled.reason) == (KillForm.HALT, "the file is there")
    (tmp_path / "KILL").write_text("please FLATTEN, it burns\n")
    pulled = switch.asked()
    assert pulled is not None
    assert (pulled.form, pulled.reason) == (KillForm.FLATTEN, "please FLATTEN, it burns")
    (tmp_path / "KILL").write_bytes(b"\xff\xfe")
    pulled = switch.asked()
    assert pulled is not None
    assert (pulled.form, "cannot be read" in pulled.reason) == (KillForm.HALT, True)


def test_of_a_file_and_signals_the_one_that_closes_more_is_obeyed(tmp_path: Path) -> None:
    switch = Switch(tmp_path)
    (tmp_path / "KILL").touch()
    switch.signaled(KillForm.FLATTEN)
    switch.signaled(KillForm.HALT)
    pulled = switch.asked()
    assert pulled is not None
    assert (pulled.form, pulled.by) == (KillForm.FLATTEN, "a signal")
    switch.pull(Pulled(form=KillForm.FLATTEN, reason="out", by="ann", everything=True))
    pulled = switch.asked()
    assert pulled is not None
    assert (pulled.by, [path.name for path in tmp_path.iterdir()]) == ("ann", ["KILL"])
    switch.clear()
    assert switch.asked() is None


def test_where_nothing_can_be_written_the_file_alone_halts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(Path, "write_text", full)
    switch = Switch(tmp_path)
    switch.pull(Pulled(form=KillForm.FLATTEN, reason="out", by="ann"))
    pulled = switch.asked()
    assert pulled is not None
    assert pulled.form is KillForm.HALT


def test_what_was_pulled_is_read_again_and_is_not_weakened(tmp_path: Path) -> None:
    switch = Switch(tmp_path / "new")
    hard = Pulled(form=KillForm.FLATTEN, reason="out", by="ann", everything=True)
    switch.pull(hard)
    assert switch.asked() == hard
    switch.pull(Pulled(form=KillForm.HALT, reason="less", by="bob"))
    assert switch.asked() == hard
    switch.pull(Pulled(form=KillForm.FLATTEN, reason="not all", by="bob"))
    assert switch.asked() == hard
    switch.clear()
    assert switch.asked() is None
    switch.pull(Pulled(form=KillForm.HALT, reason="less", by="bob"))
    switch.pull(hard)
    assert switch.asked() == hard


def test_whoever_re_arms_one_account_leaves_the_kill_to_every_other_one_until_that_is_re_armed(tmp_path: Path) -> None:
    one, other = (tmp_path / "accounts" / name for name in ("DU1", "DU2"))
    for folder in (one, other):
        folder.mkdir(parents=True)
    Switch(tmp_path).pull(pulled := Pulled(form=KillForm.FLATTEN, reason="out", by="ann"))
    os.utime(tmp_path / "KILL", (1e9, 1e9))
    Switch(tmp_path, one).clear()
    assert Switch(tmp_path, one).asked() is None
    found = Switch(tmp_path, other).asked()
    assert found == pulled, "its program did not run meanwhile, and finds it when it starts"
    assert found.at == datetime.fromtimestamp(1e9, UTC)
    (tmp_path / "KILL").touch()
    Switch(tmp_path, one).clear()
    assert Switch(tmp_path, other).asked() == pulled, "the harder one stays"
    Switch(tmp_path, other).clear()
    assert Switch(tmp_path, other).asked() is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_weaker_pull_does_not_weaken_and_counts_as_asked_for_anew(tmp_path: Path) -> None:
    switch, long_ago = Switch(tmp_path), datetime(2001, 1, 1, tzinfo=UTC)
    assert not switch.since(long_ago), "nobody pulled it"
    switch.pull(Pulled(form=KillForm.FLATTEN, reason="out", by="ann"))
    os.utime(switch.path, (long_ago.timestamp(), long_ago.timestamp()))
    assert not switch.since(long_ago + timedelta(seconds=1))
    switch.pull(Pulled(form=KillForm.HALT, reason="less", by="bob"))
    assert switch.since(long_ago + timedelta(seconds=1))
    pulled = switch.asked()
    assert pulled is not None
    assert pulled.form is KillForm.FLATTEN
    switch.clear()
    switch.signaled(KillForm.FLATTEN)
    asked = datetime.now(UTC)
    assert not switch.since(asked)
    switch.signaled(KillForm.HALT)
    assert switch.since(asked)


@pytest.mark.parametrize(("number", "form"), [(signal.SIGUSR1, KillForm.HALT), (signal.SIGUSR2, KillForm.FLATTEN)])
def test_a_signal_pulls_it_for_the_process_that_gets_it(tmp_path: Path, number: int, form: KillForm) -> None:
    switch = Switch(tmp_path)

    async def listen() -> Pulled | None:
        with switch.listening():
            os.kill(os.getpid(), number)
            for _ in range(100):
                await asyncio.sleep(0)
                if switch.asked():
                    break
        return switch.asked()

    pulled = asyncio.run(listen())
    assert pulled is not None
    assert pulled.form is form
    assert not switch.path.exists()


def test_a_thread_beside_the_main_one_hears_no_signals_and_runs(tmp_path: Path) -> None:
    async def listen() -> None:
        with Switch(tmp_path).listening():
            await asyncio.sleep(0)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(listen())).result()


# ---------------------------------------------------------------- the inbox


def sent(number: str) -> Command:
    return Command(command_id=number, name="rearm", arguments={"reason": "ok"}, by="ann", at=AT)


def test_a_command_is_found_again_until_it_is_done(tmp_path: Path) -> None:
    FolderCommands(tmp_path / "commands").send(sent("1"))
    FolderCommands(tmp_path / "commands").send(replace(sent("1"), at=AT + timedelta(seconds=1)))
    inbox = FolderCommands(tmp_path / "commands")
    assert inbox.take() == (sent("1"),)
    inbox.send(sent("2"))
    assert FolderCommands(tmp_path / "commands").take() == (sent("1"), sent("2"))
    inbox.done(sent("1"))
    assert inbox.take() == (sent("2"),)
    (tmp_path / "commands" / "by hand.json").write_text(next((tmp_path / "commands").iterdir()).read_text())
    (tmp_path / "commands" / "nonsense.json").write_text("?")
    inbox.done(sent("2"))
    assert inbox.take() == ()
    assert [path.name for path in (tmp_path / "commands").iterdir()] == ["nonsense.refused"]


def test_a_folder_that_is_not_there_holds_no_commands_and_nonsense_is_put_aside(tmp_path: Path) -> None:
    inbox = FolderCommands(tmp_path / "commands")
    assert inbox.take() == ()
    (tmp_path / "commands").mkdir()
    (tmp_path / "commands" / "1.json").write_text("rm -rf")
    (tmp_path / "commands" / "2.json").write_text('{"command_id": "2", "name": "x", "arguments": 7}')
    assert inbox.take() == ()
    assert sorted(path.name for path in (tmp_path / "commands").iterdir()) == ["1.refused", "2.refused"]


def test_a_command_that_another_program_does_meanwhile_is_gone_and_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = FolderCommands(tmp_path / "commands")
    theirs = replace(sent("1"), account="DU2")
    inbox.send(theirs)
    inbox.send(sent("2"))
    read = Path.read_text
    taken: list[Path] = []

    def gone(path: Path, **more: str) -> str:
        if not taken and theirs.command_id in path.name:
            taken.append(path)
            path.unlink()  # between the list of files and the look into this one
        return read(path, **more)

    monkeypatch.setattr(Path, "read_text", gone)
    assert inbox.take("DU1") == (sent("2"),)
    assert taken


def test_a_command_that_cannot_be_read_for_a_moment_is_not_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = FolderCommands(tmp_path / "commands")
    inbox.send(sent("1"))
    with monkeypatch.context() as busy:

        def none_left(*_: object, **__: object) -> str:
            raise OSError(errno.EMFILE, "too many open files")

        busy.setattr(Path, "read_text", none_left)
        assert inbox.take() == ()
    assert inbox.take() == (sent("1"),)


# ---------------------------------------------------------------- the reserve


class Away(MemoryJournal):
    error: Exception | None = None

    async def append(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
        if self.error:
            raise self.error
        return await super().append(events)


def alert(number: int) -> Alerted:
    return Alerted(event_id=f"g-{number:08d}", at=AT, severity="info", message=str(number))


def ids(journal: Reserve | MemoryJournal) -> list[tuple[int, str]]:
    return [(recorded.sequence, recorded.event.event_id) for recorded in journal.read()]


def test_events_wait_in_a_file_and_move_into_the_journal_in_their_order(tmp_path: Path) -> None:
    inner, path = Away(), tmp_path / "reserve.jsonl"
    reserve = Reserve(inner, path, lambda: True)

    async def story() -> None:
        await reserve.append([alert(1)])
        inner.error = InputError("gone")
        assert [recorded.sequence for recorded in await reserve.append([alert(2)])] == [2]
        assert [recorded.sequence for recorded in await reserve.append([alert(2), alert(3)])] == [3]
        assert reserve.away
        # Whoever starts now reads both, under the numbers that they will have.
        assert ids(Reserve(inner, path, lambda: True)) == [(1, "g-00000001"), (2, "g-00000002"), (3, "g-00000003")]
        inner.error = LedgerError("damaged")  # a kill goes on whatever is wrong with it
        await reserve.append([alert(4)])
        inner.error = None
        assert [recorded.sequence for recorded in await reserve.append([alert(5)])] == [5]

    asyncio.run(story())
    assert not reserve.away
    assert not path.exists()
    assert ids(inner) == [(number, f"g-{number:08d}") for number in range(1, 6)]
    assert ids(reserve) == ids(inner)


def test_what_waited_moves_once_even_when_the_move_was_cut_off(tmp_path: Path) -> None:
    inner, path = Away(), tmp_path / "reserve.jsonl"

    async def story() -> None:
        inner.error = OSError("gone")
        await Reserve(inner, path, lambda: True).append([alert(1)])
        inner.error = None
        await inner.append([alert(1)])  # moved, and power failed before the file was taken away
        await Reserve(inner, path, lambda: False).append([alert(2)])

    asyncio.run(story())
    assert ids(inner) == [(1, "g-00000001"), (2, "g-00000002")]


def test_without_a_kill_a_journal_that_is_away_stops_everything(tmp_path: Path) -> None:
    inner = Away()
    reserve = Reserve(inner, tmp_path / "reserve.jsonl", lambda: False)
    inner.error = InputError("gone")
    with pytest.raises(JournalAwayError, match="gone"):
        asyncio.run(reserve.append([alert(1)]))
    inner.error = LedgerError("contradiction")
    with pytest.raises(LedgerError, match="contradiction"):
        asyncio.run(reserve.append([alert(1)]))


# ---------------------------------------------------------------- the command line


def test_the_command_leaves_the_file_and_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["kill", "--reason", "the news"]) == 0
    assert "protection stays" in capsys.readouterr().out
    assert cli.main(["kill", "--flatten", "--everything", "--reason", "out", "--json"]) == 0
    assert '"form": "flatten"' in capsys.readouterr().out
    pulled = Switch(home()).asked()
    assert pulled is not None
    assert (pulled.form, pulled.reason, pulled.everything) == (KillForm.FLATTEN, "out", True)
    assert cli.main(["kill", "--flatten"]) == 0
    assert "closes positions at its next look" in capsys.readouterr().out
    assert cli.main(["kill", "--everything"]) == 2


def test_re_arming_needs_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["rearm"]) == 2
    assert "needs a reason" in capsys.readouterr().err
    assert cli.main(["rearm", "--reason", "fixed"]) == 0
    assert cli.main(["rearm", "--reason", "fixed again", "--json"]) == 0
    assert '"name": "rearm"' in capsys.readouterr().out
    assert [command.arguments for command in FolderCommands(home() / "commands").take()] == [
        {"reason": "fixed"},
        {"reason": "fixed again"},
    ]
