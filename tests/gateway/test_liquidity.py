"""Depth, queues, a part of the volume, and halts, worked out by hand.

A row is bid, ask, last print and volume at a time in UTC; 100 are on display on each side.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bursar.errors import InputError
from bursar.gateway.exchange import Exchange
from bursar.gateway.matching.liquidity import Liquidity
from bursar.gateway.world import Halt, World
from tests.gateway.test_exchange import ACCOUNT, exchange, fills, until
from tests.gateway.test_order_types import day, held, playing, stands
from tests.gateway.worlds import CLOSE, LATE, NOON, OPEN, QUIET, Script, order, written

D = Decimal


def deep(*days: Script, **words: Any) -> Exchange:
    """At the bell of a market of three levels, a cent apart, each twice as large; a tenth of the volume is ours."""
    liquidity = Liquidity(**{"levels": 3, "growth": D(2), **words})
    return playing(*days, liquidity=liquidity)


def dealt(played: Exchange) -> list[tuple[int, Decimal, Decimal]]:
    return [(each.order_id, each.shares, each.price) for each, _ in played.deals.all]


BELL = day(t1430="99 101 100 1000", t1500="99 101 100 1000", t2100="100 100 100 5000")


def test_a_large_order_eats_its_way_through_the_book_and_leaves_the_rest_for_later() -> None:
    # 100 at 101.00, 200 at 101.01, 400 at 101.02: of 750 fifty are left, and find the book whole again at 15:00.
    played = deep(BELL)
    played.place(order(1, "BUY", 750))
    assert dealt(played) == [(1, D(100), D("101.00")), (1, D(200), D("101.01")), (1, D(400), D("101.02"))]
    assert held(played, 1).avg_fill_price == (100 * D("101.00") + 200 * D("101.01") + 400 * D("101.02")) / 700
    until(played, (15, 0))
    assert dealt(played)[3:] == [(1, D(50), D("101.00"))]


def test_a_limit_stops_the_eating() -> None:
    played = deep(BELL)
    played.place(order(1, "BUY", 750, limit="101.01"))
    assert dealt(played) == [(1, D(100), D("101.00")), (1, D(200), D("101.01"))]
    # It now rests above the bid, and takes the best two levels once more.
    until(played, (15, 0))
    assert dealt(played)[2:] == [(1, D(100), D("101.00")), (1, D(200), D("101.01"))]


def test_what_one_order_ate_the_next_one_lacks() -> None:
    played = deep(BELL)
    played.place(order(1, "BUY", 150))
    played.place(order(2, "BUY", 200))
    assert dealt(played)[2:] == [(2, D(150), D("101.01")), (2, D(50), D("101.02"))]


def test_selling_goes_down_the_other_side() -> None:
    played = deep(BELL)
    played.place(order(1, "BUY", 300))
    played.place(order(2, "SELL", 300))
    assert dealt(played)[2:] == [(2, D(100), D(99)), (2, D(200), D("98.99"))]


#: Prints of 1000 at the bid of 99 twice, then through it.
AT_THE_BID = day(
    t1430="99 101 100 1000", t1500="99 101 99 60", t1600="99 101 99 1000", t1700="98 100 98.50 1000", t2100="99 99 99"
)


def test_a_resting_order_waits_behind_those_that_were_there_before_it() -> None:
    # 100 are before it. Sixty are printed at its price at 15:00, and a thousand at 16:00, of which forty serve those
    # before it: 960 reach it, and a tenth of the thousand may be ours.
    played = deep(AT_THE_BID)
    played.place(order(1, "BUY", 250, limit="99"))
    assert dealt(until(played, (15, 0))) == []
    assert dealt(until(played, (16, 0))) == [(1, D(100), D(99))]
    # Printed through it at 17:00, where nobody is before it any more: another tenth of a thousand, at its own price.
    assert dealt(until(played, NOON))[1:] == [(1, D(100), D(99))]


def test_a_better_price_than_the_best_stands_in_front() -> None:
    inside = day(t1430="99 101 100 1000", t1500="99 101 99.50 200", t2100="99 99 99")
    played = deep(inside)
    played.place(order(1, "BUY", 250, limit="99.50"))
    assert dealt(until(played, (15, 0))) == [(1, D(20), D("99.50"))]


def test_several_orders_share_one_part_of_the_volume() -> None:
    played = deep(AT_THE_BID)
    played.place(order(1, "BUY", 70, limit="99.50"))
    played.place(order(2, "BUY", 70, limit="99.50"))
    until(until(played, (15, 0)), (16, 0))
    assert dealt(played) == [(1, D(6), D("99.50")), (1, D(64), D("99.50")), (2, D(36), D("99.50"))]


def test_an_auction_has_room_for_a_part_of_its_volume() -> None:
    # Five thousand are printed at the close, of which a tenth may be ours, in the order in which orders came.
    played = deep(BELL)
    played.place(order(1, "BUY", 400, kind="MOC"))
    played.place(order(2, "BUY", 400, kind="MOC"))
    until(played, CLOSE)
    assert dealt(played) == [(1, D(400), D(100)), (2, D(100), D(100))]
    assert held(played, 2).status == "Cancelled"


def test_all_or_nothing_counts_all_levels() -> None:
    played = deep(BELL)
    played.place(order(1, "BUY", 700, tif="FOK"))
    played.place(order(2, "BUY", 1, tif="FOK"))
    assert [held(played, number).status for number in (1, 2)] == ["Filled", "Cancelled"]


@pytest.mark.parametrize("words", [{"levels": 0}, {"step_ticks": 0}, {"growth": D(0)}, {"participation": D(0)}])
def test_a_market_without_depth_is_none(words: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(words))):
        Liquidity(**words)


# ---------------------------------------------------------------- halts


def moment(hour: int, minute: int = 0, on: int = 3) -> datetime:
    return datetime(2022, 1, on, hour, minute, tzinfo=UTC)


def halted(begin: datetime, end: datetime, *days: Script) -> World:
    return replace(written(*days), halts=(Halt(symbol="AAA", begin=begin, end=end),))


def test_in_a_halt_nothing_trades_and_the_first_print_after_it_is_met() -> None:
    # Halted from 15:00 to 19:00: the print of 94.50 at noon is not, and the stop of 95 is not reached by it.
    played = until(exchange(halted(moment(15), moment(19), QUIET)), OPEN)
    played.place(order(1, "BUY", 10))
    played.place(order(2, "SELL", 10, kind="STP", stop="95"))
    until(played, NOON)
    played.place(order(3, "BUY", 1))
    assert stands(played, 3) == ("Submitted", "")
    assert played.history.day("AAA", played.session, played.now).low == 100  # type: ignore[union-attr]
    until(played, LATE)
    assert fills(played) == [(1, "03 14:30", D("101.00")), (3, "03 20:00", D("106.00"))]
    assert stands(played, 2) == ("PreSubmitted", "trigger")


def test_a_quote_from_before_a_halt_is_not_dealt_at() -> None:
    # Nothing is said at 15:00 but that BBB moved, and AAA is halted: its quote of the bell is no longer good.
    script = {**QUIET, (15, 0): {"BBB": ("10", "10.02")}}
    played = until(exchange(halted(moment(14, 45), moment(16), script)), OPEN)
    until(played, (15, 0))
    played.place(order(1, "BUY", 10))
    assert fills(played) == []
    assert played.accounts[ACCOUNT].quantities == {}


def test_a_halt_through_the_close_has_no_closing_auction() -> None:
    played = until(exchange(halted(moment(20, 30), moment(21, 30), QUIET)), OPEN)
    played.place(order(1, "BUY", kind="MOC"))
    until(played, CLOSE)
    assert held(played, 1).status == "Cancelled"


def test_a_halt_changes_the_world_and_ends_after_it_began() -> None:
    assert halted(moment(15), moment(19)).fingerprint != written().fingerprint
    with pytest.raises(InputError, match="before it begins"):
        Halt(symbol="AAA", begin=moment(15), end=moment(15))
