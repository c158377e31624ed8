"""Taking turns: of several processes on the files of one home, one trades and the others wait."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bursar.adapters.store.database import connect, migrate, sqlite_url
from bursar.adapters.store.lease import StoreLease
from bursar.adapters.store.sealing import Cipher
from bursar.desk.guard.kept import STORE_NAME
from bursar.runtime.demo import Turn
from bursar.runtime.tenure import Tenure, holder_name

#: The exit code of a program that SIGTERM ended.
TERMINATED = 143


@contextmanager
def turn(home: Path, account: str, cipher: Cipher | None) -> Iterator[Turn]:
    """The turn of this process on ``account``, by the lease in the desk's tables; given back when the block ends.

    SIGTERM then ends the block as an exception does, so that who asks it to end need not wait for the lease to run out.
    """
    home.mkdir(parents=True, exist_ok=True)
    engine = connect(sqlite_url(home / STORE_NAME))
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        migrate(engine)
        tenure = Tenure(lease=StoreLease(engine, cipher), account=account, holder=holder_name(os.environ))
        yield Turn(tenure=tenure, waiting=lambda: _waits(account))
    finally:
        signal.signal(signal.SIGTERM, before)
        engine.dispose()


def _waits(account: str) -> None:
    sys.stderr.write(f"another process trades {account}; this one waits, and goes on where that one ends\n")
    sys.stderr.flush()
