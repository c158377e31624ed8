"""The pages that explain the settings, made from the settings themselves.

``python -m bursar.desk.settings_pages`` writes docs/settings.md, bursar.toml.example and env.template into
the current folder; a test says when one of them is behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from bursar.config import ENVIRONMENT, Entry, Settings, as_toml, entries
from bursar.config.settings import OF_THE_EXCHANGE

_PAGE_TOP = """\
# Settings

Made from `src/bursar/config/settings.py` by `python -m bursar.desk.settings_pages`; change it there.

A value comes from the first of these that gives it:

1. the command line: `--cash 50000`
2. the environment: the names below, such as `INITIAL_CASH=50000`. An empty variable counts as not set; the longer name
   wins where both are set.
3. `bursar.toml`, in `BURSAR_HOME` or else in the current folder. `bursar.toml.example` holds every key.
4. the default.

Fractions are written as `0.20` or as `"20%"`. In the environment a list is written with commas:
`SELECTED_AGENTS=technical_analyst`. A key that is unknown, or a value that is not allowed, is refused
with one line that says what was given, where, and what is allowed; Bursar then does nothing.

`bursar settings` shows what is in force and where each value came from. `BURSAR_HOME` is the folder in
which Bursar keeps prices, journals and runs; without it, the system's place for a user's data.
"""

_EXAMPLE_TOP = """\
# Every setting with its default. Copy this to bursar.toml, in BURSAR_HOME or in the folder that you
# start Bursar from, and keep the lines that you change. docs/settings.md explains all of them.
"""

_TEMPLATE_TOP = """\
# Settings as environment names. Copy this to a file of your own, fill in what you want to change, and
# load it before you start Bursar:
#
#     cp env.template bursar.env
#     set -a; . ./bursar.env; set +a
#
# An empty line leaves the setting to bursar.toml, or to its default. Keep keys out of version control.
"""


def settings_page() -> str:
    """docs/settings.md."""
    parts = [_PAGE_TOP]
    for section, group in _by_section():
        parts.append(f"\n## [{section}]\n\n{_says(section)}\n")
        parts.extend(_paragraph(entry) for entry in group)
    return "".join(parts)


def example_file() -> str:
    """bursar.toml.example: a file that sets everything to its default, but for what follows the exchange.

    That is left out by a mark before it: whoever sets another exchange would keep New York's zone and costs beside it.
    """
    parts = [_EXAMPLE_TOP]
    for section, group in _by_section():
        parts.append(f"\n[{section}]  # {_says(section)}\n")
        parts.extend(
            f"# {entry.description} {_sentence(entry.allowed)}\n{'# ' if entry.key in OF_THE_EXCHANGE else ''}"
            f"{entry.name} = {as_toml(entry.default)}\n"
            for entry in group
        )
    return "".join(parts)


def environment_template() -> str:
    """env.template: the environment names that have no section, each empty, with what it means."""
    by_key = {entry.key: entry for entry in entries()}
    lines = [_TEMPLATE_TOP]
    for name, key in ENVIRONMENT.items():
        entry = by_key[key]
        default = "none" if entry.default is None else _plain(entry.default)
        lines.append(f"\n# {entry.description}\n# {_sentence(entry.allowed)}\n")
        lines.append(f"# Default: {default}. In bursar.toml: {key}\n{name}=\n")
    return "".join(lines)


def write(root: Path) -> tuple[Path, ...]:
    """Write the three pages below ``root`` and return their paths."""
    pages = {
        root / "docs" / "settings.md": settings_page(),
        root / "bursar.toml.example": example_file(),
        root / "env.template": environment_template(),
    }
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tuple(pages)


def _by_section() -> Iterable[tuple[str, Iterable[Entry]]]:
    return groupby(entries(), key=lambda entry: entry.section)


def _says(section: str) -> str:
    shape = Settings.model_fields[section].annotation
    return (shape.__doc__ or "").strip() if shape else ""


def _paragraph(entry: Entry) -> str:
    names = ", ".join(f"`{name}`" for name in reversed(entry.environment))
    short = "".join(f", without a section `{name}`" for name in entry.short_names)
    default = "none" if entry.secret else f"`{as_toml(entry.default)}`"
    return (
        f"\n**`{entry.name}`** {entry.description}\n"
        f"{_sentence(entry.allowed)} Default: {default}.\n"
        f"Environment: {names}{short}.\n"
    )


def _sentence(allowed: str) -> str:
    return f"Give {allowed}."


def _plain(value: object) -> str:
    """A default as the environment would write it."""
    if isinstance(value, tuple):
        return ",".join(value)
    return as_toml(value).strip('"')


if __name__ == "__main__":
    write(Path.cwd())
