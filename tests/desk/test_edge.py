"""Whatever goes wrong is one line and an exit code; a traceback only for those who ask."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Callable

import pytest

from bursar.desk.edge import guarded
from bursar.errors import BrokerError, BursarError, DataError, InputError, LedgerError, ProtocolError


def raising(error: BaseException) -> Callable[[], int]:
    def run() -> int:
        raise error

    return run


def outcome(error: BaseException) -> tuple[int, str]:
    said = io.StringIO()
    return guarded(raising(error), debug=False, stderr=said), said.getvalue()


def test_what_worked_returns_its_own_code() -> None:
    assert guarded(lambda: 0, debug=False) == 0
    assert guarded(lambda: 5, debug=False) == 5


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("no"), 2),
        (DataError("no"), 3),
        (BrokerError("no", code=201), 4),
        (ProtocolError("no"), 5),
        (LedgerError("no"), 6),
        (BursarError("no"), 1),
    ],
)
def test_each_kind_of_error_has_its_exit_code_and_one_line(error: BursarError, code: int) -> None:
    assert outcome(error) == (code, "bursar: no\n")


def test_a_message_of_several_lines_becomes_one() -> None:
    assert outcome(InputError("first\n  second")) == (2, "bursar: first second\n")


def test_a_full_disk_says_what_to_do() -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "/data/report.html")
    assert outcome(error) == (2, "bursar: /data/report.html: no space left; make room on its disk and start again\n")


def test_a_place_that_cannot_be_used_is_named() -> None:
    error = PermissionError(errno.EACCES, "Permission denied", "/data")
    assert outcome(error) == (2, "bursar: /data: Permission denied; see that the place is yours to use\n")
    assert outcome(OSError("odd")) == (2, "bursar: odd; see that the place is yours to use\n")


def test_a_fault_of_our_own_is_called_one() -> None:
    code, said = outcome(ZeroDivisionError("division by zero"))
    assert code == 1
    assert said.startswith(
        "bursar: a fault of Bursar's own: ZeroDivisionError: division by zero; run it again with --debug"
    )
    assert said.count("\n") == 1


def test_an_interruption_is_clean() -> None:
    assert outcome(KeyboardInterrupt()) == (130, "bursar: interrupted; what was committed is kept\n")


def test_debug_lets_the_traceback_through() -> None:
    with pytest.raises(InputError):
        guarded(raising(InputError("no")), debug=True)


def test_errors_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    guarded(raising(InputError("no")), debug=False)
    assert capsys.readouterr() == ("", "bursar: no\n")


def test_a_reader_that_went_away_is_no_error(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(1, "w", closefd=False, encoding="utf-8") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert guarded(raising(BrokenPipeError()), debug=False) == 141
        out.write("nobody reads this")
    assert capfd.readouterr() == ("", "")
