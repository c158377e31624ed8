"""Days whose bars are known: a simulated way begins at the open, ends at the close, and touches high and low."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.gateway.bars import Bars, shared, touching
from bursar.gateway.path import SimulatedTape
from tests.gateway.test_path import day_of
from tests.gateway.worlds import session, tape


def with_bars(prices: SimulatedTape, seed: int = 1) -> SimulatedTape:
    """Return the tape with bars around its closes: opens a percent away, and up to two percent beyond both."""
    chance = np.random.default_rng(seed)
    opens = prices.closes * np.exp(0.01 * chance.standard_normal(prices.closes.shape))
    beyond = np.exp(0.02 * chance.random((2, *prices.closes.shape)))
    bars = Bars(
        open=opens,
        high=np.maximum(opens, prices.closes) * beyond[0],
        low=np.minimum(opens, prices.closes) / beyond[1],
        volume=np.round(1e6 * chance.random(prices.closes.shape) + 1e5),
    )
    return replace(prices, bars=bars)


@given(seed=st.integers(0, 200))
def test_a_day_keeps_to_its_bar(seed: int) -> None:
    prices = with_bars(tape(2, 30, seed, tick="0.0001", start=50.0), seed)
    assert prices.bars is not None
    assert prices.bars.volume is not None
    day = day_of(prices, -1)
    for column, instrument in enumerate(prices.instruments):
        trades = prices.trades(instrument.symbol, session(day))
        prints = [float(trade.price) for trade in trades]
        bar = {name: getattr(prices.bars, name)[-1, column] for name in ("open", "high", "low", "volume")}
        # To the tick of a hundredth of a cent.
        assert prints[0] == pytest.approx(bar["open"], abs=1.1e-4)
        assert prints[-1] == pytest.approx(prices.closes[-1, column], abs=1.1e-4)
        assert max(prints) == pytest.approx(bar["high"], abs=1.1e-4)
        assert min(prints) == pytest.approx(bar["low"], abs=1.1e-4)
        # Each print is rounded to whole shares.
        assert sum(int(trade.size) for trade in trades) == pytest.approx(bar["volume"], abs=len(trades))


def test_a_day_whose_bar_is_not_known_is_walked_as_ever() -> None:
    prices = tape(2, 30)
    blank = np.full(prices.closes.shape, np.nan)
    nothing = Bars(open=blank, high=blank, low=blank, volume=blank)
    unknown = replace(prices, bars=nothing)
    day = session(day_of(prices, -1))
    assert unknown.quotes(day) == prices.quotes(day)
    symbol = prices.instruments[0].symbol
    assert unknown.trades(symbol, day) == prices.trades(symbol, day)
    assert replace(prices, bars=replace(nothing, volume=None)).trades(symbol, day) == prices.trades(symbol, day)


def test_bars_make_another_world() -> None:
    prices = tape(2, 30)
    assert len({prices.fingerprint, with_bars(prices).fingerprint, with_bars(prices, 2).fingerprint}) == 3


def test_a_way_is_stretched_by_hand() -> None:
    # From 0 to 1, over 2 and under -1: what lies above 1 reaches 3 instead of 2, what lies below 0 reaches -0.5.
    way = np.array([[0.0], [2.0], [1.5], [-1.0], [1.0]])
    assert touching(way, np.array([3.0]), np.array([-0.5]))[:, 0] == pytest.approx([0.0, 3.0, 2.0, -0.5, 1.0])
    # A way between its ends has a print set to each.
    flat = np.array([[0.0], [0.4], [0.6], [0.5], [1.0]])
    assert touching(flat, np.array([1.2]), np.array([-0.1]))[:, 0] == pytest.approx([0.0, -0.1, 1.2, 0.5, 1.0])
    # One that stands still as well.
    still = np.zeros((5, 1))
    assert touching(still, np.array([0.2]), np.array([-0.3]))[:, 0] == pytest.approx([0.0, 0.2, -0.3, 0.0, 0.0])


def test_a_bar_that_does_not_hold_its_ends_gives_way_to_them() -> None:
    way = np.array([[0.0], [0.4], [0.6], [0.5], [1.0]])
    touched = touching(way, np.array([0.9]), np.array([0.1]))[:, 0]
    assert (touched.max(), touched.min()) == (1.0, 0.0)


def test_two_prints_have_no_room_for_extremes() -> None:
    way = np.array([[0.0], [0.5], [1.0]])
    assert np.array_equal(touching(way, np.array([2.0]), np.array([-1.0])), way)


def test_volume_is_shared_out_whole() -> None:
    parts = shared(np.array([600.0]), np.array([[1.0], [2.0], [3.0]]))
    assert parts[:, 0] == pytest.approx([100.0, 200.0, 300.0])


def test_bars_that_cannot_be_are_refused() -> None:
    ones = np.ones((2, 2))
    with pytest.raises(InputError, match=r"high of shape \(1, 2\) does not fit opens"):
        Bars(open=ones, high=np.ones((1, 2)), low=ones)
    with pytest.raises(InputError, match="bar 1 of instrument 0 has its low, 3, above its high, 1"):
        Bars(open=ones, high=ones, low=np.array([[1.0, 1.0], [3.0, 1.0]]))
    with pytest.raises(InputError, match=r"bars of shape \(2, 2\) do not fit closes"):
        replace(tape(2, 30), bars=Bars(open=ones, high=ones, low=ones))
