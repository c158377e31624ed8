"""Who may sign in, for whoever has the machine itself: the way in for an admin who lost theirs."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from bursar.desk.options import MACHINE, AsJson, console, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bursar.desk.guard.guard import Guard
    from bursar.domain.events import Event

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Who may sign in at the desk. Needs no password, and so works on this machine alone; a desk that runs "
    "follows within seconds.",
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The person's name.")]
RoleWord = Annotated[str, typer.Option("--role", metavar="ROLE", help="viewer, analyst, trader or admin.")]


def add(app: typer.Typer) -> None:
    """Hang the commands on ``app``."""
    app.add_typer(group, name="people", rich_help_panel=MACHINE)


@group.command("list")
def everybody(json: AsJson = False) -> None:
    """List who may sign in."""
    from json import dumps

    from bursar.config import home
    from bursar.desk.guard.kept import kept
    from bursar.desk.tables import table

    with kept(home(), settings_of(None, {}).store) as there:
        people = there.guard.people.all()
    if json:
        plain = [
            {
                "name": each.name,
                "role": each.role.word,
                "second_factor": bool(each.seed),
                "must_change": each.must_change,
                "disabled": each.disabled,
            }
            for each in people
        ]
        typer.echo(dumps(plain, indent=2))
        return
    if not people:
        console().print("nobody yet: the first start of the desk makes an admin, and so does `bursar people add`")
        return
    shown = table("", "name", "role", "second factor", "")
    for each in people:
        notes = "disabled" if each.disabled else "has to choose a password" if each.must_change else ""
        shown.add_row(each.name, each.role.word, "yes" if each.seed else "no", notes)
    console().print(shown)


@group.command("add")
def let_in(name: Name, role: RoleWord = "viewer") -> None:
    """Let somebody in. The password that is printed is to be used once."""
    from bursar.domain.people import Role

    wanted = Role.of(role)
    password = _change(lambda guard: guard.add(name, wanted, by=getpass.getuser()))
    typer.echo(password)


@group.command("reset")
def reset(name: Name) -> None:
    """Give somebody a new password, to be used once, and take their second factor and all sessions away."""
    password = _change(lambda guard: guard.reset(name, by=getpass.getuser()))
    typer.echo(password)


@group.command("role")
def role(name: Name, word: Annotated[str, typer.Argument(metavar="ROLE")]) -> None:
    """Give somebody another role."""
    from bursar.domain.people import Role

    wanted = Role.of(word)
    _change(lambda guard: guard.change(name, by=getpass.getuser(), role=wanted))
    typer.echo(f"{name} is {wanted.word}")


@group.command("remove")
def remove(name: Name) -> None:
    """Forget somebody. What they did stays in the journal."""
    _change(lambda guard: ("", guard.remove(name, by=getpass.getuser())))
    typer.echo(f"{name} is gone")


@group.command("move")
def move() -> None:
    """Bring those who were let in before store.database was named into that database, with all that lets them in."""
    import asyncio

    from bursar.config import home
    from bursar.desk.guard import beginning
    from bursar.desk.guard.kept import kept

    place, settings = home(), settings_of(None, {})
    with kept(place, settings.store) as there, beginning.before(place, settings.store) as old:
        names, events = beginning.move(old, there.guard, by=getpass.getuser()) if old else ((), ())
        asyncio.run(there.notes.append(events))
    typer.echo(f"moved into the database: {', '.join(names)}" if names else "nobody was left to be moved")


def _change(act: Callable[[Guard], tuple[object, tuple[Event, ...]]]) -> object:
    """What ``act`` made, once it is written down who did it."""
    import asyncio

    from bursar.config import home
    from bursar.desk.guard.kept import kept

    with kept(home(), settings_of(None, {}).store) as there:
        made, events = act(there.guard)
        asyncio.run(there.notes.append(events))
    return made
