"""The box for signals from outside: a folder with one JSON file a signal, written by `bursar signal` or any program.

A file is whole or absent: write it under another name and rename it. One that cannot be read is told apart and stays
where it is: the others are heard, and whoever runs the days is alerted to it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from bursar.domain.signals import Signal
from bursar.errors import DataError, InputError

SUFFIX = ".json"


class SignalBox:
    """The signals in one folder, as ``ports.Signals``; a folder that is not there holds none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def asof(self, since: datetime, known_at: datetime) -> tuple[Signal, ...]:
        known = [signal for signal in self._read()[0] if since <= signal.issued <= known_at]
        return tuple(sorted(known, key=lambda signal: (signal.issued, signal.source, signal.signal_id)))

    def unread(self) -> Mapping[str, str]:
        return self._read()[1]

    def _read(self) -> tuple[list[Signal], dict[str, str]]:
        found: list[Signal] = []
        wrong: dict[str, str] = {}
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            try:
                found.append(read(path))
            except DataError as error:
                wrong[path.name] = str(error)
        return found, wrong

    def send(self, signal: Signal) -> Path:
        """Put a signal into the box. Raises InputError where its source has sent another one under the same id."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{signal.source}.{signal.signal_id.replace(':', '-')}{SUFFIX}"
        if path.exists() and read(path) != signal:
            raise InputError(f"{signal.source} has sent another signal as {signal.signal_id}; give it an id of its own")
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(_text(signal), encoding="utf-8")
        draft.replace(path)
        return path


def read(path: Path) -> Signal:
    """The signal of a file. Raises DataError, with what is wrong, where it is none."""
    try:
        held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Signal(**{**held, "issued": datetime.fromisoformat(held["issued"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InputError) as error:
        raise DataError(f"{path} is no signal ({error}); mend it or remove it") from error


def _text(signal: Signal) -> str:
    said = {
        "signal_id": signal.signal_id,
        "source": signal.source,
        "symbol": signal.symbol,
        "horizon_days": signal.horizon_days,
        "expected_excess_return": signal.expected_excess_return,
        "confidence": signal.confidence,
        "issued": signal.issued.isoformat(),
        "reason": signal.reason,
    }
    return json.dumps(said, ensure_ascii=False, indent=2) + "\n"
