"""Plans of faults: read from words, written as a script, or drawn from a seed.

Plan(seed=7, faults=(Drop(after="placeOrder", nth=2),))     from Python
plan(7)                                                     three faults that seed 7 draws
plan(7).script()                                            the same as a script, to be run again by hand
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

import numpy as np

from bursar.errors import InputError
from bursar.gateway.faults.catalogue import KINDS
from bursar.gateway.faults.fault import KEPT, LOST, Fault
from bursar.gateway.faults.names import likely

#: What a value of each type is called, for whoever wrote another.
_CALLED: Final = {
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    str: "text",
    datetime: "a time with its zone, such as 2022-01-03T15:00:00Z",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Faults, and the seed from which chance is drawn where a fault has one."""

    seed: int = 0
    faults: tuple[Fault, ...] = ()

    def script(self) -> str:
        """The plan as a script, as ``bursar gateway --faults`` reads it."""
        lines = [f"seed: {self.seed}", "faults:" if self.faults else "faults: []"]
        for fault in self.faults:
            words = {"fault": fault.name, **words_of(fault)}
            lines += [f"{'  - ' if name == 'fault' else '    '}{name}: {_text(said)}" for name, said in words.items()]
        return "\n".join(lines) + "\n"


def words_of(fault: Fault) -> dict[str, object]:
    """What a script has to say of a fault: the fields that are not as they are without a word."""
    named = {field.name: (getattr(fault, field.name), field.default) for field in dataclasses.fields(fault)}
    return {name: said for name, (said, default) in named.items() if said != default}


def _text(said: object) -> str:
    match said:
        case datetime():
            return f"{said.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
        case str():
            return said if said.isidentifier() else json.dumps(said)
        case _:
            return str(said)


# ---------------------------------------------------------------- from words


def kind_named(name: object) -> type[Fault]:
    """The kind of fault called ``name``. Raises InputError with what may have been meant."""
    if isinstance(name, str) and name in KINDS:
        return KINDS[name]
    meant = likely(str(name), dict(KINDS))
    raise InputError(f"no fault is called {name!r}{meant}; docs/faults.md lists them")


def value_of(kind: type[Fault], name: str, said: object) -> Any:
    """What a script's word for a field means. Raises InputError for an unknown field or a value that is none."""
    hints = get_type_hints(kind)
    fields = {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    if name not in fields:
        meant = likely(name, fields)
        raise InputError(f"{kind.name} has no word {name!r}{meant}; its words are {', '.join(sorted(fields))}")
    wanted = next(each for each in (*get_args(fields[name]), fields[name]) if each is not NoneType)
    try:
        return _converted(wanted, said)
    except (ValueError, TypeError, InvalidOperation) as error:
        raise InputError(f"{name} is {said!r}; give {_CALLED[wanted]}") from error


def _converted(wanted: type, said: object) -> Any:
    if isinstance(said, bool) or said is None or isinstance(said, list | dict):
        raise TypeError("not a value of a field")
    if wanted is datetime:
        at = said if isinstance(said, datetime) else datetime.fromisoformat(str(said))
        # A script's time ends with Z; a reader of scripts may have taken the zone for granted.
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    if isinstance(said, date):
        raise TypeError("a day is no value of a field")
    if wanted is int:
        if isinstance(said, float) or not str(said).lstrip("-").isdigit():
            raise ValueError("not whole")
        return int(str(said))
    return wanted(str(said))


def fault_of(name: object, words: Mapping[str, object]) -> Fault:
    """The fault that a name and its words make. Raises InputError."""
    kind = kind_named(name)
    return kind(**{each: value_of(kind, each, said) for each, said in words.items()})


# ---------------------------------------------------------------- from a seed

#: Messages of orders, and of what is asked on the way in: there the damage is done.
_REQUESTS = ("placeOrder", "cancelOrder", "reqPositions", "reqAllOpenOrders", "reqExecutions", "reqAccountUpdates")
_REPORTS = ("openOrder", "orderStatus", "execDetails", "commissionReport")
_ENDS = ("positionEnd", "openOrderEnd", "execDetailsEnd", "accountDownloadEnd", "completedOrdersEnd")
_SNAPSHOTS = ("reqPositions", "reqAllOpenOrders", "reqExecutions", "reqAccountUpdates", "reqCompletedOrders")


class _Dice:
    """A generator, and the choices that plans are made of."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.Generator(np.random.PCG64(seed))

    def one(self, *among: Any) -> Any:
        return among[int(self._rng.integers(len(among)))]

    def whole(self, least: int, most: int) -> int:
        return int(self._rng.integers(least, most + 1))

    def trigger(self) -> dict[str, Any]:
        """A message somewhere in a run of a few orders."""
        return {"after": self.one(*_REQUESTS, *_REPORTS), "nth": self.whole(1, 12)}


_Draw = Callable[[_Dice], dict[str, Any]]

#: How the words of each kind are drawn.
_DRAWN: Final[dict[str, _Draw]] = {
    "drop": lambda dice: {dice.one("before", "after"): dice.one(*_REQUESTS, *_REPORTS), "nth": dice.whole(1, 8)},
    "delay": lambda dice: {
        "message": dice.one("placeOrder", "cancelOrder", *_REPORTS),
        "nth": dice.whole(1, 8),
        "instants": dice.whole(1, 3),
    },
    "duplicate": lambda dice: {"message": dice.one(*_REPORTS), "nth": dice.whole(1, 8), "times": dice.whole(1, 4)},
    "reorder": lambda dice: {"message": dice.one(*_REPORTS), "nth": dice.whole(1, 8), "behind": dice.whole(1, 4)},
    "swallow": lambda dice: {
        "message": dice.one(*_REPORTS, *_ENDS, "placeOrder", "cancelOrder"),
        "nth": dice.whole(1, 8),
    },
    "slow_reader": lambda dice: {**dice.trigger(), "seconds": float(dice.whole(1, 20))},
    "empty_answer": lambda dice: {"request": dice.one(*_SNAPSHOTS), "nth": dice.whole(1, 3)},
    "endless_account": lambda _: {},
    "late_commission": lambda dice: {"nth": dice.whole(1, 8), "times": dice.whole(1, 3), "instants": dice.whole(1, 3)},
    "sentinel_commission": lambda dice: {
        "nth": dice.whole(1, 8),
        "sentinel": dice.one("unset", "minus_one"),
        "instants": dice.whole(0, 3),
    },
    "false_cancel": lambda dice: {"nth": dice.whole(1, 8), "code": dice.one(10349, 161, 10148, 104)},
    "clock_off": lambda dice: {"minutes": float(dice.one(-30, -5, 5, 30)), "nth": dice.whole(1, 30)},
    "reject": lambda dice: {"nth": dice.whole(1, 6)},
    "fill_after_cancel": lambda dice: {"nth": dice.whole(1, 4), "share": dice.one(Decimal(1), Decimal("0.5"))},
    "fill_while_away": lambda dice: {"nth": dice.whole(1, 2), "share": dice.one(Decimal(1), Decimal("0.5"))},
    "correct_execution": lambda dice: {
        "nth": dice.whole(1, 6),
        "price_change": dice.one(Decimal("-0.01"), Decimal("0.01")),
        "instants": dice.whole(1, 3),
    },
    "connectivity_lost": lambda dice: {
        **dice.trigger(),
        "instants": dice.whole(1, 4),
        "data": dice.one(KEPT, LOST),
        "reports": dice.one(KEPT, LOST),
    },
    "farm_broken": lambda dice: {
        **dice.trigger(),
        "farm": dice.one("market", "history", "contracts"),
        "instants": dice.whole(1, 4),
        "data": dice.one(KEPT, LOST),
    },
    "farm_inactive": lambda dice: {**dice.trigger(), "farm": dice.one("market", "history")},
    "silent_data": lambda dice: {**dice.trigger(), "instants": dice.whole(0, 6)},
    "competing_session": lambda dice: {**dice.trigger(), "instants": dice.whole(1, 4)},
    "restart": lambda dice: {**dice.trigger(), "seconds": float(dice.whole(1, 90)), "ids": dice.one(KEPT, LOST)},
    "weekly_login": lambda dice: {"night": dice.whole(1, 3), "ids": dice.one(KEPT, LOST)},
}


def plan(seed: int, *, faults: int = 3, kinds: Collection[str] | None = None, client: int | None = None) -> Plan:
    """A plan of so many faults that ``seed`` draws: the same for the same seed and kinds.

    kinds   names of the kinds to draw from; all that need no person without it
    client  whose conversation they strike; everybody's without it

    Raises InputError for a kind that there is not.
    """
    chosen = sorted(kinds if kinds is not None else KINDS.keys() - {"weekly_login"})
    for name in chosen:
        kind_named(name)
    dice = _Dice(seed)
    drawn = []
    for _ in range(faults):
        name = dice.one(*chosen)
        drawn.append(KINDS[name](client=client, **_DRAWN[name](dice)))
    return Plan(seed=seed, faults=tuple(drawn))
