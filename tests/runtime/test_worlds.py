"""Worlds are composed of real closes, say what is made up in them, and refuse what the data do not hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from bursar.domain.instruments import Instrument
from bursar.errors import InputError
from bursar.gateway.actions import Split
from bursar.gateway.path import Shape, SimulatedTape
from bursar.gateway.world import Halt, World
from bursar.ports import Panel
from bursar.runtime.worlds import ADJUSTED_TICK, compose
from tests.gateway.worlds import session, weekdays
from tests.real_prices import calendar, stock_facts

DAYS = weekdays(date(2021, 12, 1), 40)
PANEL = Panel(
    np.array(DAYS, dtype="datetime64[D]"),
    ("AAA", "BBB"),
    100.0 + np.arange(80, dtype=np.float64).reshape(40, 2),
)
SESSIONS = tuple(session(day) for day in DAYS)
INSTRUMENTS = (Instrument(symbol="BBB"), Instrument(symbol="AAA"))


def world(first: date = date(2022, 1, 3), last: date | None = None, *, adjusted: bool = True) -> World:
    return compose(
        name="small",
        instruments=INSTRUMENTS,
        sessions=SESSIONS,
        closes=PANEL,
        seed=7,
        first=first,
        last=last,
        adjusted=adjusted,
    )


def test_days_from_the_first_on_are_played_and_earlier_ones_are_the_past() -> None:
    made = world(last=date(2022, 1, 7))
    assert [each.day for each in made.sessions] == weekdays(date(2022, 1, 3), 5)
    assert [each.day for each in made.past] == [day for day in DAYS if day < date(2022, 1, 3)]


def test_without_a_last_day_the_closes_are_played_to_their_end() -> None:
    assert world().sessions[-1].day == DAYS[-1]


def test_each_instrument_gets_its_own_column_whatever_their_order() -> None:
    made = world()
    for each in made.sessions:
        closing = {quote.symbol: quote.last for quote in made.tape.quotes(each)[-2]}
        row = DAYS.index(each.day)
        assert closing == {"AAA": Decimal(100 + 2 * row), "BBB": Decimal(101 + 2 * row)}


def test_adjusted_prices_have_no_tick_of_a_market() -> None:
    assert {each.tick for each in world().instruments} == {ADJUSTED_TICK}
    assert {each.tick for each in world(adjusted=False).instruments} == {Decimal("0.01")}
    assert (world().adjusted, world(adjusted=False).adjusted) == (True, False)


def test_corporate_actions_and_halts_go_with_the_world_and_paths_know_of_splits() -> None:
    day = date(2022, 1, 5)
    split = Split(symbol="AAA", ex_day=day, new=Decimal(2))
    halt = Halt(symbol="BBB", begin=session(day).open, end=session(day).close)
    made = compose(
        name="small",
        instruments=INSTRUMENTS,
        sessions=SESSIONS,
        closes=PANEL,
        seed=7,
        first=date(2022, 1, 3),
        adjusted=False,
        actions=[split],
        halts=[halt],
    )
    assert (made.actions, made.halts) == ((split,), (halt,))
    assert isinstance(made.tape, SimulatedTape)
    assert made.tape.steps is not None
    assert made.tape.steps.sum() == np.log(0.5)
    assert made.trades("BBB", session(day))[0].at == session(day).close


def test_what_is_made_up_is_said() -> None:
    inside, around, level = world().simulated
    assert "simulated: a gap at the open (41% of the variance)" in inside
    assert "Spreads (about 2 basis points, wider at the open), sizes and volumes are simulated." in around
    assert "adjusted for splits and dividends" in level
    assert len(world(adjusted=False).simulated) == 2
    wide = compose(
        name="wide",
        instruments=INSTRUMENTS,
        sessions=SESSIONS,
        closes=PANEL,
        seed=7,
        first=DAYS[1],
        shape=Shape(spread_basis_points=12.5, gap_share=0.3),
    )
    assert "12.5 basis points" in wide.simulated[1]
    assert "30% of the variance" in wide.simulated[0]


def test_the_same_parts_make_the_same_world_and_another_seed_another() -> None:
    other = compose(
        name="small", instruments=INSTRUMENTS, sessions=SESSIONS, closes=PANEL, seed=8, first=date(2022, 1, 3)
    )
    assert world().fingerprint == world().fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (date(2022, 2, 1), None, "2022-02-01 is outside the data, which reach from 2021-12-01 to 2022-01-25"),
        (date(2021, 11, 30), None, "2021-11-30 is outside the data"),
        (date(2022, 1, 3), date(2023, 1, 3), "2023-01-03 is outside the data"),
        (date(2022, 1, 1), None, r"no session on 2022-01-01 \(Saturday\); give one of its trading days"),
        (date(2022, 1, 3), date(2022, 1, 9), r"no session on 2022-01-09 \(Sunday\)"),
        (date(2022, 1, 5), date(2022, 1, 3), "from 2022-01-05 to 2022-01-03 would end before it begins"),
    ],
)
def test_a_day_that_cannot_be_played_is_refused(first: date, last: date | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        world(first, last)


def test_a_day_of_trading_without_closes_is_refused() -> None:
    hole = Panel(np.delete(PANEL.dates, 30), PANEL.symbols, np.delete(PANEL.values, 30, axis=0))
    with pytest.raises(InputError, match=f"no closes on {DAYS[30]}, a day of trading"):
        compose(name="x", instruments=INSTRUMENTS, sessions=SESSIONS, closes=hole, seed=7, first=date(2022, 1, 3))


def test_a_symbol_without_a_column_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="no ZZZ in this panel; it holds AAA, BBB"):
        compose(
            name="x",
            instruments=(Instrument(symbol="ZZZ"),),
            sessions=SESSIONS,
            closes=PANEL,
            seed=7,
            first=date(2022, 1, 3),
        )


def test_no_closes_make_no_world() -> None:
    empty = Panel(PANEL.dates[:0], PANEL.symbols, PANEL.values[:0])
    with pytest.raises(InputError, match="there are no closes to make a world of"):
        compose(name="x", instruments=INSTRUMENTS, sessions=SESSIONS, closes=empty, seed=7, first=date(2022, 1, 3))


def test_on_real_closes_the_gap_carries_between_30_and_50_percent_of_the_variance(
    record_property: Callable[[str, object], None],
) -> None:
    panel = stock_facts().panel
    symbols = panel.symbols
    sessions = calendar().sessions(date(1990, 1, 2), date(2022, 12, 28))
    real = compose(
        name="real",
        instruments=tuple(Instrument(symbol=symbol) for symbol in symbols),
        sessions=sessions,
        closes=panel,
        seed=7,
        first=date(2010, 1, 4),
        shape=Shape(step_minutes=390),
    )
    gaps, rests, before = [], [], None
    for each in real.sessions[::3]:
        row = int(np.searchsorted(panel.dates, np.datetime64(each.day)))
        before = panel.values[row - 1]
        opening, closing = real.tape.quotes(each)[1:3]
        first, last = (np.array([float(quote.last or 0) for quote in quotes]) for quotes in (opening, closing))
        gaps.append(np.log(first / before))
        rests.append(np.log(last / first))
    gap, rest = np.concatenate(gaps), np.concatenate(rests)
    share, correlation = gap.var() / (gap.var() + rest.var()), np.corrcoef(gap, rest)[0, 1]
    print(f"{len(gap)} days of {len(symbols)} real stocks: gap share {share:.3f}, correlation {correlation:+.3f}")
    record_property("gap_share", round(float(share), 4))
    assert 0.30 <= share <= 0.50
    assert abs(correlation) < 0.1


def test_a_half_day_ends_at_its_own_bell() -> None:
    short = replace(SESSIONS[24], close=SESSIONS[24].close.replace(hour=18), half_day=True)
    made = compose(
        name="short",
        instruments=INSTRUMENTS,
        sessions=(*SESSIONS[:24], short, *SESSIONS[25:]),
        closes=PANEL,
        seed=7,
        first=short.day,
    )
    assert made.tape.instants(made.sessions[0])[-2] == short.close
