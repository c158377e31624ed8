"""The edge of the command line: whatever goes wrong becomes one line and an exit code.

    0    done
    1    a fault of Bursar's own, or a doctor who found something wrong
    2    something to mend by whoever called: an argument, a setting, a file, a full disk
    3    facts are missing, stale or contradictory
    4    the broker refused or did not answer
    5    bytes that no version of the protocol explains
    6    the books or the journal do not hold together
    130  interrupted

Tracebacks are for those who ask with ``--debug``.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import TextIO

from bursar.errors import BrokerError, BursarError, DataError, InputError, LedgerError, ProtocolError

EXIT_FAULT, EXIT_INTERRUPTED, EXIT_PIPE = 1, 130, 141

EXIT_CODES: tuple[tuple[type[BursarError], int], ...] = (
    (InputError, 2),
    (DataError, 3),
    (BrokerError, 4),
    (ProtocolError, 5),
    (LedgerError, 6),
)


def guarded(run: Callable[[], int], *, debug: bool, stderr: TextIO | None = None) -> int:
    """What ``run`` returns, or the exit code of what went wrong, which is said on one line of ``stderr``."""
    stderr = stderr or sys.stderr
    try:
        return run()
    except KeyboardInterrupt:
        _say("interrupted; what was committed is kept", stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE
    except Exception as error:  # the edge: nothing above it could say it better
        if debug:
            raise
        line, code = explained(error)
        _say(line, stderr)
        return code


def explained(error: Exception) -> tuple[str, int]:
    """What to say of ``error``, and the exit code."""
    match error:
        case BursarError():
            code = next((code for kind, code in EXIT_CODES if isinstance(error, kind)), EXIT_FAULT)
            return _one_line(str(error)), code
        case OSError(errno=errno.ENOSPC):
            return f"{_place(error)}no space left; make room on its disk and start again", 2
        case OSError():
            return f"{_place(error)}{error.strerror or error}; see that the place is yours to use", 2
        case _:
            said = f"a fault of Bursar's own: {type(error).__name__}: {_one_line(str(error))}"
            return f"{said}; run it again with --debug and report what it prints", EXIT_FAULT


def _place(error: OSError) -> str:
    return f"{error.filename}: " if error.filename else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _say(line: str, stderr: TextIO) -> None:
    stderr.write(f"bursar: {line}\n")
    stderr.flush()
