"""Bars and the day so far come from prints that were made, and from none that are still to come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.market import Quote, Trade
from bursar.domain.sessions import Session
from bursar.gateway.history import BAR_SIZES, DAY, History, HistoryBar, NoBars
from bursar.gateway.world import Tape, World
from tests.gateway.worlds import LATE, NOON, OPEN, QUIET, Script, simulated, written

WORLD = simulated(symbols=2, days=3, step_minutes=30)
TODAY = WORLD.sessions[1]
D = Decimal


def ask(
    now: datetime,
    duration: str = "1 D",
    bar_size: str = "30 mins",
    *,
    end: str = "",
    world: World = WORLD,
    symbol: str = "S000",
    what_to_show: str = "TRADES",
) -> tuple[HistoryBar, ...]:
    answer = History(world).bars(
        symbol, now=now, end=end, duration=duration, bar_size=bar_size, what_to_show=what_to_show
    )
    assert not isinstance(answer, NoBars), answer
    return answer


def refused(now: datetime = TODAY.close, duration: str = "1 D", bar_size: str = "30 mins", **more: str) -> NoBars:
    symbol = more.pop("symbol", "S000")
    end = more.pop("end", "")
    answer = History(WORLD).bars(symbol, now=now, end=end, duration=duration, bar_size=bar_size, **more)
    assert isinstance(answer, NoBars)
    return answer


def test_bars_by_hand() -> None:
    # Written prints of AAA are the middles: 100 at 14:30, 94.50 at 17:00, 105.50 at 20:00, 100 at 21:00.
    first = written(QUIET, QUIET).sessions[0]
    bars = ask(first.close, bar_size="4 hours", world=written(QUIET, QUIET), symbol="AAA")
    assert bars == (
        HistoryBar(
            day=date(2022, 1, 3),
            begin=datetime(2022, 1, 3, 14, 30, tzinfo=UTC),
            open=D("100.00"),
            high=D("100.00"),
            low=D("94.50"),
            close=D("94.50"),
            volume=D(200),
            wap=D("97.250000"),
            count=2,
        ),
        HistoryBar(
            day=date(2022, 1, 3),
            begin=datetime(2022, 1, 3, 18, 30, tzinfo=UTC),
            open=D("105.50"),
            high=D("105.50"),
            low=D("100.00"),
            close=D("100.00"),
            volume=D(200),
            wap=D("102.750000"),
            count=2,
        ),
    )


def test_a_daily_bar_closes_at_the_official_close() -> None:
    bars = ask(TODAY.close, "5 D", "1 day")
    assert [bar.day for bar in bars] == list(WORLD.days[-6:-1])
    for bar in bars:
        row = WORLD.days.index(bar.day)
        assert float(bar.close) == pytest.approx(WORLD.tape.closes[row, 0], abs=0.00005)  # type: ignore[attr-defined] # a simulated one


def test_the_day_that_is_under_way_has_a_bar_up_to_now() -> None:
    (bar,) = ask(TODAY.open + timedelta(hours=2), "1 D", "1 day")
    prints = [trade for trade in WORLD.tape.trades("S000", TODAY) if trade.at <= TODAY.open + timedelta(hours=2)]
    assert len(prints) == bar.count == 5
    assert bar.close == prints[-1].price
    assert (bar.high, bar.low) == (max(t.price for t in prints), min(t.price for t in prints))


def test_bars_lie_seamlessly_and_add_up_to_the_day() -> None:
    (whole,) = ask(TODAY.close, "1 D", "1 day")
    for size in ("30 mins", "1 hour", "2 hours"):
        bars = ask(TODAY.close, "1 D", size)
        assert [bar.begin for bar in bars] == [TODAY.open + number * BAR_SIZES[size] for number in range(len(bars))]
        assert all(bar.close == later.open for bar, later in pairwise(bars))
        assert sum(bar.volume for bar in bars) == whole.volume
        assert sum(bar.count for bar in bars) == whole.count
        assert (bars[0].open, bars[-1].close) == (whole.open, whole.close)
        assert (max(bar.high for bar in bars), min(bar.low for bar in bars)) == (whole.high, whole.low)


@dataclass(frozen=True)
class Spoiled:
    """A tape on which everything after ``now`` is wrong."""

    tape: Tape
    now: datetime
    fingerprint: str = "spoiled"

    def instants(self, session: Session) -> tuple[datetime, ...]:
        return self.tape.instants(session)

    def quotes(self, session: Session) -> tuple[tuple[Quote, ...], ...]:
        raise AssertionError("history is made of prints")

    def trades(self, symbol: str, session: Session) -> tuple[Trade, ...]:
        trades = self.tape.trades(symbol, session)
        return tuple(replace(each, price=3 * each.price) if each.at > self.now else each for each in trades)


@given(
    minutes=st.integers(0, 26 * 60),
    duration=st.sampled_from(["1 D", "3 D", "7200 S", "1 W", "1 M"]),
    size=st.sampled_from(["30 mins", "1 hour", "1 day"]),
)
def test_nothing_is_told_that_has_not_happened(minutes: int, duration: str, size: str) -> None:
    now = TODAY.open - timedelta(hours=1) + timedelta(minutes=minutes)
    spoiled = replace(WORLD, tape=Spoiled(WORLD.tape, now))
    bars = History(WORLD).bars("S000", now=now, end="", duration=duration, bar_size=size)
    assert History(spoiled).bars("S000", now=now, end="", duration=duration, bar_size=size) == bars
    for session in WORLD.sessions[:2]:
        assert History(spoiled).day("S000", session, now) == History(WORLD).day("S000", session, now)
    for bar in () if isinstance(bars, NoBars) else bars:
        assert bar.begin < now
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.low <= bar.wap <= bar.high
        assert bar.volume > 0


def test_an_earlier_end_shows_what_was_known_then_in_any_zone() -> None:
    at = TODAY.open + timedelta(hours=3)
    expected = ask(at)
    local = TODAY.local(at)
    for end in (
        f"{local:%Y%m%d %H:%M:%S}",
        f"{local:%Y%m%d %H:%M:%S} US/Eastern",
        f"{local:%Y%m%d %H:%M:%S} America/New_York",
        f"{local:%Y%m%d  %H:%M:%S}",
        f"{at:%Y%m%d-%H:%M:%S}",
        f"{at:%Y%m%d %H:%M:%S} UTC",
    ):
        assert ask(TODAY.close, end=end) == expected


def test_an_end_in_the_future_is_the_present() -> None:
    at = TODAY.open + timedelta(hours=3)
    assert ask(at, end="20300101 00:00:00 UTC") == ask(at)


def test_durations_reach_back_by_sessions_or_by_the_calendar() -> None:
    now = TODAY.close
    assert len(ask(now, "3 D", "1 day")) == 3
    assert ask(now, "1 W", "1 day")[0].begin > now - timedelta(days=7)
    assert len(ask(now, "1 M", "1 day")) in range(20, 24)
    assert len(ask(now, "2 Y", "1 day")) == 62
    assert [bar.begin for bar in ask(now, "7200 S")] == [now - timedelta(minutes=30 * n) for n in (4, 3, 2, 1)]


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        (refused(bar_size="7 mins"), 321, "bar size setting is invalid. Legal ones are: 1 secs, 5 secs"),
        (refused(duration="1 Q"), 321, "duration '1 Q' is invalid"),
        (refused(duration="0 D"), 321, "duration '0 D' is invalid"),
        (refused(duration="1D"), 321, "duration '1D' is invalid"),
        (refused(end="yesterday"), 10314, "date, time, or time-zone"),
        (refused(end="20221301 00:00:00"), 10314, "date, time, or time-zone"),
        (refused(end="20220103 00:00:00 Mars/Base"), 10314, "date, time, or time-zone"),
        (refused(end="20220103 00:00:00 /etc/passwd"), 10314, "date, time, or time-zone"),
        (refused(bar_size="5 mins"), 162, "invalid step: prints are 0:30:00 apart here"),
        (refused(bar_size="1 secs", duration="1 Y"), 162, "invalid step: ask for longer bars or fewer days"),
        (refused(what_to_show="MIDPOINT"), 162, "HMDS query returned no data: S000 MIDPOINT"),
        (refused(end="19900101 00:00:00 UTC"), 162, "HMDS query returned no data: S000"),
        (refused(now=WORLD.past[0].open), 162, "HMDS query returned no data"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_ibkrs_words(answer: NoBars, code: int, text: str) -> None:
    assert answer.code == code
    assert text in answer.text


def test_a_request_of_a_day_that_has_not_begun_shows_the_day_before() -> None:
    (bar,) = ask(TODAY.open, "1 D", "1 day")
    assert bar.day == WORLD.sessions[0].day


def test_the_day_so_far_by_hand() -> None:
    world = written(QUIET, QUIET)
    history, (first, second) = History(world), world.sessions
    assert history.day("AAA", first, first.open - timedelta(minutes=1)) is None
    opening = history.day("AAA", first, first.open)
    assert opening is not None
    assert {opening.open, opening.high, opening.low, opening.last, opening.volume} == {D(100)}
    assert opening.previous_close is None
    late = history.day("AAA", first, first.open.replace(hour=LATE[0], minute=59))
    assert late is not None
    assert (late.open, late.high, late.low, late.last) == (D(100), D("105.5"), D("94.5"), D("105.5"))
    assert (late.volume, late.last_size) == (D(300), D(100))
    tomorrow = history.day("AAA", second, second.open)
    assert tomorrow is not None
    assert (tomorrow.previous_close, tomorrow.volume) == (D(100), D(100))
    assert history.day("BBB", second, second.open) is None


def test_the_close_before_is_the_last_one_there_was() -> None:
    silent: Script = {OPEN: {}, NOON: {}}
    world = written(QUIET, silent, QUIET)
    history = History(world)
    assert history.previous_close("AAA", world.sessions[2]) == D(100)
    assert history.previous_close("AAA", world.sessions[0]) is None
    assert (
        History(WORLD).previous_close("S000", WORLD.sessions[0]) == WORLD.tape.trades("S000", WORLD.past[-1])[-1].price
    )


def test_a_day_is_longer_than_every_other_size() -> None:
    assert max(BAR_SIZES.values()) == DAY
