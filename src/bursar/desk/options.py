"""What the commands share: options that mean the same everywhere, and what is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from bursar.config import Given, Settings

#: The headings under which ``bursar --help`` lists the commands.
TRADING, RESEARCH, LOOKING, MACHINE = "Trade", "Research", "Look", "Set up"

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings file, instead of the bursar.toml that is found."),
]
AsJson = Annotated[bool, typer.Option("--json", metavar="", help="Print JSON, and nothing else, on standard output.")]
JournalFile = Annotated[
    Path | None, typer.Option("--journal", metavar="FILE", help="Journal to read, instead of the last run's.")
]


def said(*options: tuple[str, str, str | None]) -> dict[str, Given]:
    """What was said on the command line, by setting."""
    from bursar.config import Given

    return {key: Given(value, f"on the command line ({flag})") for key, flag, value in options if value is not None}


def settings_of(config: Path | None, given: dict[str, Given]) -> Settings:
    """All settings: the command line over the environment over the file."""
    from bursar.config import load

    return load(config, command_line=given)


def journal_path(named: Path | None) -> Path:
    """The journal that was named, or the one that was written to last: a demo's, or an account's."""
    from bursar.adapters.journal import head_path
    from bursar.config import home

    if named:
        return named
    demo = home() / "runs" / "demo" / "journal.sqlite"
    heads = {path: head_path(path) for path in (demo, *home().glob("accounts/*/journal.sqlite"))}
    written = {path: head.stat().st_mtime_ns for path, head in heads.items() if head.is_file()}
    return max(written, key=lambda path: written[path], default=demo)


def console(**options: Any) -> Console:
    """A terminal to print on; it is plain where nobody looks."""
    from rich.console import Console

    return Console(**options)
