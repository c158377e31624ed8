"""What the commands share: options that mean the same everywhere, and what is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bursar.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console

    from bursar.adapters.store.sealing import Cipher
    from bursar.config import Given, Settings
    from bursar.ports import Command, Recorded

#: The headings under which ``bursar --help`` lists the commands.
TRADING, RESEARCH, LOOKING, MACHINE = "Trade", "Research", "Look", "Set up"

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings file, instead of the bursar.toml that is found."),
]
Meant = Annotated[
    str,
    typer.Option(
        "--account", metavar="NAME", help="The account of bursar.toml that is meant, instead of the one that is traded."
    ),
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


def cipher_of(settings: Settings | None = None) -> Cipher | None:
    """What opens and seals journals and the store, where the settings name a key; None without one."""
    return (settings or settings_of(None, {})).store.cipher()


def records(named: Path | None, settings: Settings | None = None) -> Iterator[Recorded]:
    """The events of the journal that was named, or of the last demo's, opened where they are sealed."""
    from bursar.adapters.journal import read

    return read(journal_path(named), cipher=cipher_of(settings))


def meant(named: str, config: Path | None = None, *, flag: str = "--account") -> str:
    """The account that a command is meant for: the one that was named as in bursar.toml, or the one that is traded now.

    flag  by which one can be named

    Empty where none is traded: then it is for whoever looks first. Raises InputError where several are, and for a name
    that is none.
    """
    from datetime import UTC, datetime

    from bursar.adapters.store.lease import StoreLease
    from bursar.config import home
    from bursar.config.accounts import all_accounts
    from bursar.runtime import shared

    settings = settings_of(config, {})
    if named:
        accounts = all_accounts(settings, config)
        if named not in accounts:
            raise InputError(f"there is no account {named!r}; bursar.toml names {', '.join(sorted(accounts))}")
        return accounts[named].account_id
    if not settings.store.databases and not (home() / shared.STORE_NAME).is_file():
        return ""
    with shared.opened(home(), settings.store) as engine:
        granted, now = StoreLease(engine, settings.store.cipher()).holders(), datetime.now(UTC)
    traded = sorted(grant.account for grant in granted if now < grant.until)
    if len(traded) > 1:
        raise InputError(f"several accounts are traded now: {', '.join(traded)}; say which one is meant: {flag} NAME")
    return traded[0] if traded else ""


def ask(name: str, arguments: Mapping[str, str], settings: Settings | None = None, *, account: str = "") -> Command:
    """Leave a command of whoever types in the operators' inbox, and return it. The program that trades takes it there.

    account  whose program is meant; whoever looks first where it is empty

    Raises InputError where the inbox is in a database that is away.
    """
    import getpass
    from contextlib import closing
    from datetime import UTC, datetime
    from uuid import uuid4

    from bursar.config import home
    from bursar.ports import Command
    from bursar.runtime.shared import inbox

    command = Command(
        command_id=uuid4().hex[:12],
        name=name,
        arguments=arguments,
        by=getpass.getuser(),
        at=datetime.now(UTC),
        account=account,
    )
    with closing(inbox(home(), (settings or settings_of(None, {})).store)) as box:
        box.send(command)
    return command


def console(**options: Any) -> Console:
    """A terminal to print on; it is plain where nobody looks."""
    from rich.console import Console

    return Console(**options)
