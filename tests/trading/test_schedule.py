"""A parent in pieces: due by the clock or the volume, never too much, and all of it in the end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.orders import Purpose, Side
from bursar.errors import InputError
from bursar.trading.route import Routing, route
from bursar.trading.schedule import Algorithm, Parent, Piece, Progress, adaptive_price, next_piece
from tests.builders import CLOSE, OPEN, SESSION, instrument, quote

AAPL = instrument()
QUOTE = quote("AAPL", "99.90", "100.10")


def parent(algorithm: Algorithm = Algorithm.TWAP, quantity: int = 1000, minutes: int = 50, **more: object) -> Parent:
    return Parent(
        symbol="AAPL",
        side=Side.BUY,
        quantity=Decimal(quantity),
        begins=OPEN,
        ends=OPEN + timedelta(minutes=minutes),
        algorithm=algorithm,
        **more,  # type: ignore[arg-type]  # fields of it
    )


def piece(of: Parent, minute: float, sent: int = 0, volume: int | None = None) -> int:
    """How many are to be sent ``minute`` minutes after the bell."""
    progress = Progress(sent=Decimal(sent), market_volume=None if volume is None else Decimal(volume))
    made = next_piece(of, progress, OPEN + timedelta(minutes=minute), SESSION, QUOTE, AAPL)
    return int(made.quantity) if made else 0


def test_twap_sends_equal_parts_in_equal_times() -> None:
    # 1000 over 50 minutes every 5: ten pieces of 100, the first at once.
    assert piece(parent(), 0) == 100
    assert piece(parent(), 4, sent=100) == 0
    assert piece(parent(), 5, sent=100) == 100
    assert piece(parent(), 22, sent=200) == 300  # pieces 3, 4 and 5 are due: what was missed is caught up
    assert piece(parent(), 45, sent=900) == 100
    assert piece(parent(), 50, sent=1000) == 0


def test_what_is_left_at_the_end_is_sent_at_once() -> None:
    assert piece(parent(), 50, sent=130) == 870
    assert piece(parent(Algorithm.PARTICIPATION), 50, sent=130, volume=0) == 870


def test_vwap_follows_the_days_volume() -> None:
    # Over the whole session in eighths (48.75 minutes): 18 % by the first, 30 % by the second, 40 % by the third.
    whole = Parent(
        symbol="AAPL", side=Side.BUY, quantity=Decimal(1000), begins=OPEN, ends=CLOSE, algorithm=Algorithm.VWAP,
        every=(CLOSE - OPEN) / 8,
    )  # fmt: skip
    eighth = (CLOSE - OPEN) / 8 / timedelta(minutes=1)
    assert piece(whole, 0) == 180
    assert piece(whole, eighth, sent=180) == 120
    assert piece(whole, 2 * eighth, sent=300) == 100
    assert piece(whole, 7 * eighth, sent=800) == 200


def test_participation_takes_its_part_of_all_that_trades_itself_included() -> None:
    # A tenth of everything: of 900 by others, 100 of ours make 1000.
    assert piece(parent(Algorithm.PARTICIPATION), 1, volume=900) == 100
    assert piece(parent(Algorithm.PARTICIPATION), 1, sent=100, volume=900) == 0
    assert piece(parent(Algorithm.PARTICIPATION), 1, volume=10**6) == 1000
    assert piece(parent(Algorithm.PARTICIPATION, participation=Decimal(1)), 1, volume=0) == 1000
    with pytest.raises(InputError, match="participation needs the market's volume"):
        piece(parent(Algorithm.PARTICIPATION), 1)


def test_at_once_is_at_once_and_nothing_is_sent_early_or_without_a_quote() -> None:
    assert piece(parent(Algorithm.AT_ONCE), 0) == 1000
    assert piece(parent(Algorithm.AT_ONCE), -1) == 0
    blind = quote("AAPL", None, "100.10")
    assert next_piece(parent(), Progress(), OPEN, SESSION, blind, AAPL) is None


def test_an_adaptive_order_pays_more_of_the_spread_as_time_runs_out() -> None:
    # A quarter of the spread of 0.20 at first: 99.95. Halfway, 0.25 + 0.75 / 2 = 0.625 of it: 100.025, cut to 100.02.
    order = parent(Algorithm.ADAPTIVE)
    at = [OPEN + timedelta(minutes=minute) for minute in (0, 25, 50, 60)]
    assert [adaptive_price(order, each, QUOTE, AAPL) for each in at] == [
        Decimal("99.95"),
        Decimal("100.02"),
        Decimal("100.10"),
        Decimal("100.10"),
    ]
    sale = replace(order, side=Side.SELL)
    assert [adaptive_price(sale, each, QUOTE, AAPL) for each in at] == [
        Decimal("100.05"),
        Decimal("99.98"),
        Decimal("99.90"),
        Decimal("99.90"),
    ]
    assert next_piece(order, Progress(sent=Decimal(400)), OPEN, SESSION, QUOTE, AAPL) == Piece(
        quantity=Decimal(600), limit_price=Decimal("99.95")
    )
    with pytest.raises(InputError, match="an adaptive order waits for one"):
        adaptive_price(order, OPEN, quote("AAPL", None), AAPL)


@given(
    algorithm=st.sampled_from([Algorithm.TWAP, Algorithm.VWAP, Algorithm.AT_ONCE, Algorithm.PARTICIPATION]),
    quantity=st.integers(1, 5000),
    minutes=st.integers(1, 390),
    waits=st.lists(st.integers(1, 60), min_size=1, max_size=20),
    lost=st.lists(st.booleans(), min_size=20, max_size=20),
)
def test_pieces_are_never_too_much_and_all_is_sent_in_the_end(
    algorithm: Algorithm, quantity: int, minutes: int, waits: list[int], lost: list[bool]
) -> None:
    order = parent(algorithm, quantity, minutes)
    minute = sent = 0
    for wait, cancelled in zip(waits, lost, strict=False):
        made = piece(order, minute, sent=sent, volume=minute * 100)
        assert 0 <= made <= quantity - sent
        sent += 0 if cancelled else made
        minute += wait
    assert sent + piece(order, max(minute, minutes), sent=sent, volume=0) == quantity


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: parent(quantity=0), "a parent order of 0 AAPL"),
        (lambda: parent(minutes=0), "time must go forward"),
        (lambda: parent(every=timedelta(0)), "time must go forward"),
        (lambda: parent(participation=Decimal("1.5")), r"participation of AAPL is 1\.5"),
        (lambda: parent(urgency=Decimal(-1)), "urgency of AAPL is -1"),
        (lambda: Routing(volume_part_max=Decimal(0)), "volume_part_max is 0"),
        (
            lambda: route(Side.BUY, Decimal(1), Purpose.ENTRY, quote("AAPL", None)),
            "AAPL has no two-sided quote; no way is chosen",
        ),
    ],
)
def test_what_is_no_schedule_is_named(made: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        made()  # type: ignore[operator]  # each is a function without arguments


# ---------------------------------------------------------------- which way


def way(quantity: int, *, purpose: Purpose = Purpose.ENTRY, bid: str = "99.99", ask: str = "100.01",
        volume: int | None = None, at: datetime = OPEN) -> Algorithm:  # fmt: skip
    shown = replace(quote("AAPL", bid, ask, at=at), bid_size=Decimal(500), ask_size=Decimal(300))
    side = Side.BUY if purpose is Purpose.ENTRY else Side.SELL
    chosen = route(side, Decimal(quantity), purpose, shown, daily_volume=None if volume is None else Decimal(volume))
    assert chosen.reason
    return chosen.algorithm


def test_each_way_is_taken_where_it_pays() -> None:
    assert way(100) is Algorithm.AT_ONCE
    assert way(301) is Algorithm.TWAP  # more than the 300 offered
    assert way(100, bid="99.90", ask="100.10") is Algorithm.ADAPTIVE  # 20 basis points
    assert way(10_000, volume=100_000) is Algorithm.PARTICIPATION  # a tenth of the day
    assert way(1_000, volume=100_000) is Algorithm.AT_ONCE  # one percent of it, whatever is on display
    assert way(1, volume=0) is Algorithm.PARTICIPATION


def test_what_closes_in_a_hurry_never_waits() -> None:
    for purpose in (Purpose.EXIT, Purpose.PROTECTION, Purpose.KILL):
        assert way(10**6, purpose=purpose, bid="90", ask="110", volume=10) is Algorithm.AT_ONCE
    assert way(501, purpose=Purpose.REDUCE) is Algorithm.TWAP
