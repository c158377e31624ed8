"""The operator's inbox as a folder: one JSON file a command, so that any program can leave one.

A file may name the account that it is meant for; then whoever trades another one leaves it alone.

A file stays until what it led to is journalled. Whoever dies before leaves it to the next one; the journal knows its id
and lets it do nothing twice.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from bursar.errors import InputError
from bursar.ports import Command


class FolderCommands:
    """Satisfies ``ports.Commands`` over a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def send(self, command: Command) -> None:
        """Leave a command; it appears whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        said = {
            "command_id": command.command_id,
            "name": command.name,
            "arguments": dict(command.arguments),
            "by": command.by,
            "at": command.at.isoformat(),
            "account": command.account,
        }
        path = self.folder / f"{command.at:%Y%m%dT%H%M%S%f}-{command.command_id}.json"
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
        draft.replace(path)

    def take(self, account: str = "") -> tuple[Command, ...]:
        """Commands that are not done and meant for ``account``, oldest first; without one, all of them."""
        if not self.folder.is_dir():
            return ()
        found: dict[str, Command] = {}
        for path in sorted(self.folder.glob("*.json")):
            command = _read(path)
            if command is not None and command.is_for(account):
                found.setdefault(command.command_id, command)
        return tuple(found.values())

    def done(self, command: Command) -> None:
        """Take its file away, and those that say it again, whatever they are called."""
        for path in self.folder.glob("*.json"):
            said = _read(path)
            if said is not None and said.command_id == command.command_id:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing is open."""


def _read(path: Path) -> Command | None:
    """The command in a file; None for one that says nothing we know, which is put aside and not obeyed."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Command(
            command_id=str(said["command_id"]),
            name=str(said["name"]),
            arguments={str(key): str(value) for key, value in said["arguments"].items()},
            by=str(said["by"]),
            at=datetime.fromisoformat(said["at"]),
            account=str(said.get("account", "")),
        )
    except OSError:
        return None  # whoever it was for has done it meanwhile; or it cannot be read now, and is looked at again
    except (ValueError, KeyError, TypeError, AttributeError, InputError):
        with suppress(OSError):
            path.replace(path.with_suffix(".refused"))
        return None
