"""One process at a time in the folder of a run: two in it would trade on each other's books."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bursar.errors import InputError


@contextmanager
def alone(folder: Path, otherwise: str) -> Iterator[None]:
    """Keep others out of ``folder`` while the block runs. Raises InputError, which begins with ``otherwise``."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            remedy = "stop it (bursar trade ends with Ctrl-C), wait for it, or set BURSAR_HOME to another folder"
            raise InputError(f"{otherwise} in {folder}; {remedy}") from None
        yield
