"""Where settings come from: the command line, the environment, bursar.toml, and the defaults, in this order.

What cannot be used is refused with one line that names the key, the value, where it was given and what
is allowed; nothing is guessed and nothing unknown is passed over.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bursar.adapters.vendors.listings import venue_of
from bursar.config.kinds import names
from bursar.config.settings import OF_THE_EXCHANGE, SHORT_NAMES, Entry, Settings, entries
from bursar.domain.money import ZERO
from bursar.domain.venues import HOME, VENUES, Commission
from bursar.errors import InputError

FILE_NAME = "bursar.toml"


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was written, and where: "in /home/me/bursar.toml", "on the command line (--cash)"."""

    value: Any
    where: str


def home(environ: Mapping[str, str] | None = None) -> Path:
    """The folder in which Bursar keeps everything: BURSAR_HOME, or the system's place for a user's data."""
    environ = os.environ if environ is None else environ
    if named := environ.get("BURSAR_HOME"):
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_data_path("bursar", appauthor=False)


def find_file(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Path | None:
    """The bursar.toml that is used: in BURSAR_HOME, else in the current folder, else none."""
    places = (home(environ), folder or Path.cwd())
    return next((place / FILE_NAME for place in places if (place / FILE_NAME).is_file()), None)


def load(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    command_line: Mapping[str, Given] | None = None,
) -> Settings:
    """The settings.

    path          a settings file; None looks for one (``find_file``)
    environ       the environment; None takes the process's own
    command_line  what was said there, by key

    Raises InputError, one line, for what cannot be read or used.
    """
    return build(gather(path, environ, command_line))


def gather(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    command_line: Mapping[str, Given] | None = None,
) -> dict[str, Given]:
    """Every value that somebody gave, by key, the strongest source of each."""
    environ = os.environ if environ is None else environ
    known = {entry.key: entry for entry in entries()}
    file = path or find_file(environ)
    given = _from_file(file, known) if file else {}
    given.update(_from_environment(environ, known))
    given.update(command_line or {})
    return given


def build(given: Mapping[str, Given]) -> Settings:
    """Settings from ``given``, the rest at their defaults. Raises InputError for a value that is not allowed."""
    known = {entry.key: entry for entry in entries()}
    tree: dict[str, dict[str, Any]] = {}
    for key, item in given.items():
        section, name = key.split(".")
        tree.setdefault(section, {})[name] = item.value
    _as_the_exchange_has_it(tree)
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        key = ".".join(map(str, error.errors(include_url=False)[0]["loc"][:2]))
        raise _refusal(known[key], given[key]) from None
    if settings.schedule.analysis < settings.schedule.pre_market:  # no single key can see it
        key = next(key for key in ("schedule.analysis", "schedule.pre_market") if key in given)
        raise _refusal(known[key], given[key])
    _one_exchange(settings, given)
    settings.risk.limits()  # refuses limits that contradict each other, which no single key can see
    return settings


def _as_the_exchange_has_it(tree: dict[str, dict[str, Any]]) -> None:
    """Fill in what nobody said and the exchange answers: its zone, its currency, its commission."""
    here = VENUES.get(tree.get("market", {}).get("exchange", HOME))
    if here is None:
        return  # it is refused with the others
    charged = here.commission or Commission(basis_points=ZERO)  # which is refused, unless somebody said another
    first = date(2022, 1, 3) if here.market == VENUES[HOME].market else date(2022, 1, 4)
    usual = (here.zone, (here.market,), here.currency, charged.basis_points, charged.minimum, first)
    for key, value in zip(OF_THE_EXCHANGE, usual, strict=True):
        section, name = key.split(".")
        tree.setdefault(section, {}).setdefault(name, value)


def _one_exchange(settings: Settings, given: Mapping[str, Given]) -> None:
    """Refuse an exchange of whose costs nothing is known, and lists of another one."""
    here = VENUES[settings.market.exchange]
    if here.commission is None and "costs.commission_basis_points" not in given:
        raise InputError(
            f"market.exchange is {here.code} {given['market.exchange'].where}, and what is charged there is not known "
            "here; set costs.commission_basis_points and costs.commission_minimum "
            "(interactivebrokers.com, Commissions: Stocks, ETFs and Warrants)"
        )
    item = given.get("market.watchlist")
    listed = venue_of(names(item.value)) if item else None  # type: ignore[arg-type]  # it was validated
    if item and listed and listed.market != here.market:
        raise InputError(
            f"market.watchlist is {_quoted(item.value)} {item.where}, which is listed on {listed.code}, and what is "
            f'traded is {here.code}; set market.exchange = "{listed.code}", or name other symbols'
        )


def _refusal(entry: Entry, item: Given) -> InputError:
    shown = "(hidden)" if entry.secret else _quoted(item.value)
    return InputError(f"{entry.key} is {shown} {item.where}; give {entry.allowed}")


def _quoted(value: object) -> str:
    return str(value) if isinstance(value, int | float | Decimal) else repr(value)


def _from_file(path: Path, known: Mapping[str, Entry]) -> dict[str, Given]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}; name another with --config, or leave it out"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}; compare it with bursar.toml.example") from error
    given: dict[str, Given] = {}
    for name, value in table.items():
        if name == "accounts":
            continue  # several accounts: see accounts.py
        if name in SHORT_NAMES:
            _add(given, SHORT_NAMES[name], value, path)
        elif name in Settings.model_fields:
            if not isinstance(value, dict):
                raise InputError(f"{name} is {_quoted(value)} in {path}; it is a section: write [{name}] and its keys")
            for inner, each in value.items():
                _add(given, _known(f"{name}.{inner}", str(path), known), each, path)
        else:
            raise _unknown(name, str(path), (*SHORT_NAMES, *Settings.model_fields, *known))
    return given


def _add(given: dict[str, Given], key: str, value: Any, path: Path) -> None:
    if key in given:
        raise InputError(f"{key} is given twice in {path}, once by its short name; keep one of them")
    given[key] = Given(value, f"in {path}")


def _known(key: str, where: str, known: Mapping[str, Entry]) -> str:
    if key not in known:
        raise _unknown(key, where, tuple(known))
    return key


def _unknown(name: str, where: str, candidates: tuple[str, ...]) -> InputError:
    near = difflib.get_close_matches(name, candidates, n=1, cutoff=0.5)
    # A key without its section is the likeliest mistake of all.
    near = near or [key for key in candidates if key.rpartition(".")[2] == name.rpartition(".")[2]][:1]
    hint = f"did you mean {near[0]}?" if near else "remove it;"
    return InputError(f"{name} in {where} is not a setting; {hint} `bursar settings` lists them all")


def _from_environment(environ: Mapping[str, str], known: Mapping[str, Entry]) -> dict[str, Given]:
    given: dict[str, Given] = {}
    for key, entry in known.items():
        # An empty variable is a line of env.template that nobody filled in.
        named = next((name for name in entry.environment if environ.get(name)), None)
        if named:
            given[key] = Given(environ[named], f"in the environment ({named})")
    ours = {name for entry in known.values() for name in entry.environment}
    sections = tuple(f"BURSAR_{section}_".upper() for section in Settings.model_fields)
    for name in sorted(environ):
        if name.startswith(sections) and name not in ours:
            raise _unknown(name, "the environment", tuple(ours))
    return given
