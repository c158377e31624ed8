"""What a run was asked for, as a value and as the file that its folder keeps.

The file is all that another process needs to make the same world, and all that is compared when an
unfinished run is found: equal files go on, others begin anew. Secrets are not in it.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from bursar.config import Given, Settings, build, entries
from bursar.errors import InputError

REQUEST_NAME = "request.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRequest:
    """What is to be run. Two equal requests are one run.

    in_process  True to trade with an exchange in this process, False over the wire with a gateway of its own
    """

    days: int
    first: date
    seed: int
    cash: Decimal
    settings: Settings
    home: Path
    in_process: bool = False

    def text(self) -> str:
        """The request as its file says it."""
        said = {
            "days": self.days,
            "first": self.first.isoformat(),
            "seed": self.seed,
            "cash": str(self.cash),
            "in_process": self.in_process,
            "settings": self.settings.text().splitlines(),
        }
        return json.dumps(said, indent=2) + "\n"

    def write(self, folder: Path) -> None:
        """Keep it in the run's folder."""
        (folder / REQUEST_NAME).write_text(self.text(), encoding="utf-8")

    def is_kept_in(self, folder: Path) -> bool:
        """True when the run in ``folder`` was asked for with an equal request."""
        path = folder / REQUEST_NAME
        return path.is_file() and path.read_text(encoding="utf-8") == self.text()


def read(folder: Path, home: Path) -> DemoRequest:
    """The request that ``folder`` was made for. Raises InputError where there is none that can be read."""
    path = folder / REQUEST_NAME
    try:
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return DemoRequest(
            days=said["days"],
            first=date.fromisoformat(said["first"]),
            seed=said["seed"],
            cash=Decimal(said["cash"]),
            in_process=said["in_process"],
            settings=_settings("\n".join(said["settings"]), path),
            home=home,
        )
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise InputError(f"{path} is not the request of a run ({error}); run `bursar demo` to begin anew") from error


def _settings(text: str, path: Path) -> Settings:
    """Settings from the lines that ``Settings.text`` wrote; what is secret was not written and stays unset."""
    table = tomllib.loads(text, parse_float=Decimal)
    given = {
        entry.key: Given(table[entry.section][entry.name], str(path))
        for entry in entries()
        if not entry.secret and entry.name in table.get(entry.section, {})
    }
    return build(given)
