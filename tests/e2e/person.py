"""Somebody at a terminal, who types commands; every message that leaves this machine because of it is written down."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bursar.adapters.journal import read
from bursar.desk import cli
from bursar.domain.events import Event

#: Messages of the TWS API that change an account: placeOrder (a preview is one, too), cancelOrder, exerciseOptions,
#: reqGlobalCancel.
CHANGING = {"3": "placeOrder", "4": "cancelOrder", "21": "exerciseOptions", "58": "reqGlobalCancel"}
ADDED = """
[market]
watchlist = ["AAPL", "JPM", "XOM", "PFE"]
[models]
selected_agents = ["technical_analyst"]
[schedule]
monitor_minutes = 5
"""


@dataclass
class Person:
    """Somebody at a terminal, and all that left this machine because of it."""

    capsys: pytest.CaptureFixture[str]
    home: Path
    sent: list[str]

    @property
    def changing(self) -> list[str]:
        """What left that could change the account."""
        return [CHANGING[name] for name in self.sent if name in CHANGING]

    @property
    def journal(self) -> Path:
        return self.home / "accounts" / "DU9000001" / "journal.sqlite"

    def events(self) -> list[Event]:
        return [recorded.event for recorded in read(self.journal)]

    def types(self, *words: str, code: int = 0) -> str:
        """What is printed for a command."""
        self.capsys.readouterr()
        got = cli.main(words)
        shown = self.capsys.readouterr()
        assert got == code, (shown.out, shown.err)
        return shown.out

    def reads(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.types(*words, "--json", code=code))

    def trades(self, until: str) -> str:
        """What was said of it."""
        return self.types("trade", "--config", str(self.home / "bursar.toml"), "--every", "0", "--until", until)

    def tries(self, until: str) -> None:
        """Trade, again and again where the broker is away already when the account is looked for."""
        words = ("trade", "--config", str(self.home / "bursar.toml"), "--every", "0", "--until", until)
        codes = {cli.main(words)}
        while 0 not in codes:
            assert codes == {4}, self.capsys.readouterr()
            codes = {cli.main(words)}

    def sets(self, old: str, new: str) -> None:
        path = self.home / "bursar.toml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
