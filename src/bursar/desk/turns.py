"""Taking turns: of several processes on one home or one database, one trades an account, and the others do not."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from bursar.adapters.store.lease import StoreLease
from bursar.config.settings import Store
from bursar.ports import Grant
from bursar.runtime import shared
from bursar.runtime.demo import Turn
from bursar.runtime.tenure import LENGTH, Tenure, holder_name

#: The exit code of a program that SIGTERM ended.
TERMINATED = 143


@contextmanager
def tenures(home: Path, store: Store, length: timedelta = LENGTH) -> Iterator[Callable[[str], Tenure]]:
    """The right of this process to trade an account, by its name: a lease in the desk's tables, not taken yet.

    length  of a lease

    SIGTERM then ends the block as an exception does, so that who asks it to end need not wait for a lease to run out.
    """
    holder = holder_name(os.environ)
    with shared.opened(home, store) as engine, _ending_by_signal():
        lease = StoreLease(engine, store.cipher())
        yield lambda account: Tenure(lease=lease, account=account, holder=holder, length=length)


@contextmanager
def turn(home: Path, account: str, store: Store) -> Iterator[Turn]:
    """The turn of this process on ``account``, which waits for whoever has it."""
    with tenures(home, store) as made:
        yield Turn(tenure=made(account), waiting=lambda: _waits(account))


def waits_out(held: Grant) -> None:
    """Say that another's lease is waited out, which a process that died may have left."""
    _say(
        f"{held.holder} held the lease of {held.account} last; waiting until {held.until:%H:%M:%S} UTC whether it lives"
    )


@contextmanager
def _ending_by_signal() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main one hears signals
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _waits(account: str) -> None:
    _say(f"another process trades {account}; this one waits, and goes on where that one ends")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
