"""Composes the worlds that the exchange plays in, from instruments, sessions and closes that others fetched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np

from bursar.domain.instruments import Instrument
from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.gateway.actions import Action, steps
from bursar.gateway.bars import Bars
from bursar.gateway.path import Shape, SimulatedTape
from bursar.gateway.world import Halt, World
from bursar.ports import Panel

#: Adjusted prices have no tick of any market; this is the precision of the numbers.
ADJUSTED_TICK = Decimal("0.0001")


def compose(
    *,
    name: str,
    instruments: Sequence[Instrument],
    sessions: Sequence[Session],
    closes: Panel,
    seed: int,
    first: date,
    last: date | None = None,
    shape: Shape | None = None,
    adjusted: bool = True,
    happened: bool = True,
    actions: Sequence[Action] = (),
    halts: Sequence[Halt] = (),
    bars: Bars | None = None,
) -> World:
    """A world whose days are walked between the closes of ``closes``.

    sessions     all that are known, oldest first. Those from ``first`` to ``last`` are played; earlier ones for
                 which there are closes are the past, which history requests reach
    closes       official closes, a column for each instrument; NaN where one did not trade
    first, last  days of sessions, both included; without ``last``, up to the end of the closes
    adjusted     the closes are adjusted for splits and dividends: ticks become ADJUSTED_TICK
    actions      of the companies, on closes that are not adjusted; paths take a split for no fall
    halts        in which a symbol does not trade
    happened     False where the closes are made up as well
    bars         of the same days and instruments, where they are known: the way of a day keeps to its bar

    Raises InputError where a day to play has no session or no closes, or an instrument no column.
    """
    shape = shape or Shape()
    played, past = _split(sessions, closes, first, last)
    chosen = tuple(replace(each, tick=ADJUSTED_TICK) if adjusted else each for each in instruments)
    values = np.column_stack([closes.column(each.symbol) for each in chosen])
    tape = SimulatedTape(
        instruments=chosen,
        dates=closes.dates,
        closes=values,
        seed=seed,
        shape=shape,
        steps=steps(actions, chosen, closes.dates, values) if actions else None,
        bars=bars,
    )
    return World(
        name=name,
        instruments=chosen,
        sessions=played,
        past=past,
        tape=tape,
        simulated=_made_up(shape, len(chosen), bars, adjusted=adjusted, happened=happened),
        adjusted=adjusted,
        actions=tuple(actions),
        halts=tuple(halts),
    )


def _split(
    sessions: Sequence[Session], closes: Panel, first: date, last: date | None
) -> tuple[tuple[Session, ...], tuple[Session, ...]]:
    """The sessions to play and the ones before them, checked against the days that have closes."""
    days = closes.dates.astype("datetime64[D]").astype(object).tolist()
    if not days:
        raise InputError("there are no closes to make a world of")
    final = last or days[-1]
    by_day = {session.day: session for session in sessions}
    for day in (first, final):
        if not days[0] <= day <= days[-1]:
            raise InputError(f"{day} is outside the data, which reach from {days[0]} to {days[-1]}")
        if day not in by_day:
            raise InputError(f"the exchange has no session on {day} ({day:%A}); give one of its trading days")
    if final < first:
        raise InputError(f"a world from {first} to {final} would end before it begins")
    held = set(days)
    played = tuple(session for session in sessions if first <= session.day <= final)
    for session in played:
        if session.day not in held:
            raise InputError(f"no closes on {session.day}, a day of trading; the world cannot be played over it")
    return played, tuple(session for session in sessions if session.day < first and session.day in held)


def _made_up(shape: Shape, companies: int, bars: Bars | None, *, adjusted: bool, happened: bool) -> tuple[str, ...]:
    real = "real" if happened else "synthetic"
    inside = (
        f"The way of every price inside a day is simulated: a gap at the open ({shape.gap_share:.0%} of the variance) "
        f"and a random walk that ends at the {real} close."
    )
    volumes = "sizes and volumes"
    if bars is not None:
        inside = (
            "The way of every price inside a day is simulated: a random walk from the open to the close that touches "
            f"the high and the low of the {real} day."
        )
        volumes = "sizes" if bars.volume is not None else volumes
    around = (
        f"Spreads (about {shape.spread_basis_points:g} basis points, wider at the open) and {volumes} are simulated."
        if volumes == "sizes"
        else f"Spreads (about {shape.spread_basis_points:g} basis points, wider at the open), {volumes} are simulated."
    )
    level = (
        "Prices are adjusted for splits and dividends: returns are real, price levels and share counts are not those "
        "of the day."
    )
    never = (
        f"SYNTHETIC MARKET: nothing in it ever happened, and its {companies} companies do not exist. Their prices, "
        "statements and headlines are made from the seed."
    )
    if not happened:
        return (never, inside, around)
    return (inside, around, level) if adjusted else (inside, around)
