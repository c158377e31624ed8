"""The line: what each thing that can go wrong makes of it, what is to be done, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.trading.line import (
    Advice,
    Alert,
    Clocked,
    Connected,
    Interrogate,
    Line,
    LineState,
    Lost,
    Passed,
    Policy,
    Quoted,
    Reconnect,
    Resubscribe,
    Signal,
    Told,
)

#: Wednesday noon in New York: far from restarts and logins.
NOON = datetime(2022, 1, 5, 17, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
POLICY = Policy(attempts_max=3, delay=timedelta(seconds=10))


class Wire:
    """A line that is told things, and remembers the advice."""

    def __init__(self, at: datetime = NOON, policy: Policy = POLICY) -> None:
        self.line = Line(policy=policy)
        self.at = at
        self.advice: tuple[Advice, ...] = ()

    def hear(self, *signals: Signal, after: timedelta = SECOND) -> LineState:
        self.advice = ()
        for signal in signals:
            self.at += after
            self.line, given_ = self.line.after(signal, self.at).advise(self.line)
            self.advice += given_
        return self.line.state

    @property
    def kinds(self) -> list[type]:
        return [type(each) for each in self.advice]

    @property
    def alerts(self) -> list[tuple[str, str]]:
        return [(each.severity, each.message) for each in self.advice if isinstance(each, Alert)]


def connected(at: datetime = NOON, policy: Policy = POLICY) -> Wire:
    wire = Wire(at, policy)
    wire.hear(Connected(), Passed(session_open=True), Quoted())
    return wire


def test_a_connection_asks_for_everything_before_anything_else() -> None:
    wire = Wire()
    assert wire.line.state is LineState.SOCKET_DOWN
    assert wire.hear(Connected()) is LineState.UP
    assert wire.kinds == [Interrogate]
    assert wire.line.why == "connected, and prices are live"


def test_attempts_wait_twice_as_long_each_time_and_then_the_breaker_opens_with_an_alert() -> None:
    wire = connected()
    waits = []
    for _ in range(3):
        assert wire.hear(Lost("reset by peer")) is LineState.SOCKET_DOWN
        (advice,) = wire.advice
        assert isinstance(advice, Reconnect)
        waits.append((advice.at - wire.at).total_seconds())
    assert waits == [10, 20, 40]
    assert wire.hear(Lost("refused")) is LineState.BROKEN
    assert wire.kinds == [Reconnect, Alert]
    opened = wire.at
    told = f"since {opened:%Y-%m-%d %H:%M} UTC, 4 attempts failed (refused)"
    assert wire.alerts == [("critical", f"The line is broken: {told}.")]
    # It goes on trying, rarely, and says no more until somebody is there again.
    wire.hear(Lost("refused"))
    (advice,) = wire.advice
    assert isinstance(advice, Reconnect)
    assert advice.at - wire.at == POLICY.breaker_pause
    assert wire.line.opened_at == opened
    assert wire.hear(Connected()) is LineState.UP
    assert wire.line.opened_at is None
    wire.hear(Lost("reset"))
    (advice,) = wire.advice
    assert isinstance(advice, Reconnect)
    assert advice.at - wire.at == POLICY.delay


def test_the_wait_has_an_end_and_a_delay_of_nothing_stays_nothing() -> None:
    assert Policy(attempts_max=1000).wait(900) == timedelta(minutes=5)
    assert Policy(delay=timedelta(0)).wait(4) == timedelta(0)


def test_1100_stops_everything_and_1102_interrogates() -> None:
    wire = connected()
    assert wire.hear(Told(1100, "Connectivity between IBKR and Trader Workstation has been lost.")) is (
        LineState.SERVER_DOWN
    )
    assert wire.alerts == [("warning", "The line is server_down: the gateway lost the broker (1100).")]
    wire.hear(Told(1100))
    assert wire.advice == ()  # TWS repeats it every few seconds
    assert wire.hear(Told(1102)) is LineState.UP
    assert wire.kinds == [Interrogate]


def test_1101_lost_the_subscriptions_as_well() -> None:
    wire = connected()
    wire.hear(Told(2110))
    assert wire.hear(Told(1101)) is LineState.UP
    assert wire.kinds == [Interrogate, Resubscribe]


def test_each_farm_is_told_apart_and_is_subscribed_to_again_when_it_is_back() -> None:
    wire = connected()
    assert wire.hear(Told(2103, "Market data farm connection is broken:usfarm")) is LineState.FARM_DOWN
    wire.hear(Told(2103, "Market data farm connection is broken:eufarm"), Told(2103, "broken:usfarm"))
    assert wire.line.farms_broken == ("eufarm", "usfarm")
    assert wire.hear(Told(2104, "Market data farm connection is OK:usfarm")) is LineState.FARM_DOWN
    assert wire.kinds == [Resubscribe]
    assert wire.line.why == "market data farm eufarm is broken"
    assert wire.hear(Told(2104, "Market data farm connection is OK:eufarm")) is LineState.UP


@pytest.mark.parametrize("code", [2105, 2106, 2107, 2108, 2119, 2157, 2158, 399, 1300])
def test_notices_that_change_nothing_for_decisions(code: int) -> None:
    wire = connected()
    assert wire.hear(Told(code, "HMDS data farm connection is broken:ushmds")) is LineState.UP
    assert wire.advice == ()


def test_prices_that_stop_in_an_open_session_are_asked_for_again_and_again() -> None:
    wire = connected()
    assert wire.hear(Passed(session_open=True), after=timedelta(minutes=2)) is LineState.UP
    assert wire.hear(Passed(session_open=True)) is LineState.STALE
    assert wire.kinds == [Resubscribe, Alert]
    assert wire.line.why == "no live price for 121 s in an open session"
    wire.hear(Passed(session_open=True))
    assert wire.advice == ()
    wire.hear(Passed(session_open=True), after=timedelta(minutes=2))
    assert wire.kinds == [Resubscribe]
    assert wire.hear(Quoted(delayed=True)) is LineState.STALE
    assert wire.hear(Quoted()) is LineState.UP


def test_at_night_no_prices_are_missed_and_the_bell_gives_them_time() -> None:
    wire = connected()
    wire.hear(Passed(session_open=False))
    assert wire.hear(Passed(session_open=False), after=timedelta(hours=10)) is LineState.UP
    assert wire.hear(Passed(session_open=True), after=timedelta(hours=6)) is LineState.UP
    assert wire.hear(Passed(session_open=True), after=timedelta(minutes=3)) is LineState.STALE


def test_another_login_that_takes_the_data_is_an_alert_until_prices_come_again() -> None:
    wire = connected()
    assert wire.hear(Told(10197, "No market data during competing live session")) is LineState.TAKEN
    assert wire.alerts == [("critical", "The line is taken: another login of this user has the market data (10197).")]
    assert wire.hear(Quoted(delayed=True)) is LineState.TAKEN
    assert wire.hear(Quoted()) is LineState.UP


def test_a_broker_whose_clock_is_minutes_off_is_not_decided_with() -> None:
    wire = connected()
    assert wire.hear(Clocked(NOON + timedelta(minutes=5))) is LineState.SKEWED
    assert wire.alerts[0][0] == "critical"
    assert "the broker's clock is 29" in wire.line.why
    assert wire.hear(Clocked(wire.at)) is LineState.UP
    assert wire.hear(Clocked(wire.at - timedelta(minutes=3))) is LineState.SKEWED


def test_in_the_window_of_the_restart_no_attempt_counts() -> None:
    # 23:50 in New York on Wednesday is 04:50 UTC on Thursday.
    wire = connected(datetime(2022, 1, 6, 4, 50, tzinfo=UTC))
    for _ in range(20):
        assert wire.hear(Lost("refused")) is LineState.RESTING
        assert wire.kinds == [Reconnect]
    assert wire.line.failed == 0
    # Past 00:45 they do.
    assert wire.hear(Lost("refused"), after=timedelta(hours=1)) is LineState.SOCKET_DOWN
    assert wire.line.failed == 1


@pytest.mark.parametrize(("hour", "minute", "resting"), [(4, 44, False), (4, 45, True), (5, 44, True), (5, 45, False)])
def test_the_restart_window_goes_over_midnight(hour: int, minute: int, resting: bool) -> None:
    assert Policy().resting(datetime(2022, 1, 6, hour, minute, tzinfo=UTC)) is resting


def test_a_person_is_reminded_once_before_the_weekly_login_and_called_when_it_was_missed() -> None:
    # Saturday 12:59 in New York; the login is due on Sunday at 01:00, twelve hours and a minute later.
    wire = connected(datetime(2022, 1, 8, 17, 58, tzinfo=UTC))
    wire.hear(Passed(session_open=False))
    assert wire.advice == ()
    wire.hear(Passed(session_open=False), after=timedelta(minutes=2))
    assert wire.alerts == [("info", "The weekly login at the gateway is due Sunday 01:00 EST: be at hand.")]
    wire.hear(Passed(session_open=False), after=timedelta(hours=1))
    assert wire.advice == ()
    wire.hear(Lost("the gateway logged out"), after=timedelta(hours=11, minutes=2))
    assert wire.line.state is LineState.LOGIN_DUE
    assert wire.alerts == [
        ("critical", "The line is login_due: the weekly login is due: log in at the gateway (the gateway logged out).")
    ]
    assert wire.hear(Connected(), after=timedelta(hours=3)) is LineState.UP


def test_a_line_that_was_lost_in_the_week_waits_for_no_login() -> None:
    wire = connected()
    assert wire.hear(Lost("reset")) is LineState.SOCKET_DOWN
    assert POLICY.login_after(NOON) == datetime(2022, 1, 9, 6, 0, tzinfo=UTC)
    assert POLICY.login_after(datetime(2022, 1, 9, 6, 0, tzinfo=UTC)) == datetime(2022, 1, 16, 6, 0, tzinfo=UTC)


def test_a_new_connection_forgets_the_troubles_of_the_old_one() -> None:
    wire = connected()
    wire.hear(Told(1100), Told(2103, "x:usfarm"), Told(10197))
    wire.hear(Lost("reset"))
    assert wire.hear(Connected()) is LineState.UP


def test_a_line_that_heard_nothing_needs_nothing() -> None:
    with pytest.raises(AssertionError, match="heard nothing"):
        Line().advise(Line())


def test_every_state_says_why() -> None:
    wire = Wire()
    assert wire.line.why == "not connected yet"
    assert replace(connected().line, server=False, reason="lost").why == "lost"


SIGNALS = st.one_of(
    st.just(Connected()),
    st.just(Lost("gone")),
    st.builds(Told, st.sampled_from([1100, 1101, 1102, 2103, 2104, 2110, 10197, 1300, 42]), st.just("farm:usfarm")),
    st.builds(Quoted, st.booleans()),
    st.builds(Passed, st.booleans()),
)


@given(st.lists(st.tuples(SIGNALS, st.integers(0, 7200)), max_size=40))
def test_whatever_is_heard_trading_needs_a_socket_a_server_and_prices(heard: list[tuple[Signal, int]]) -> None:
    wire = Wire()
    for signal, seconds in heard:
        before = wire.line
        state = wire.hear(signal, after=timedelta(seconds=seconds))
        line = wire.line
        if state is LineState.UP:
            assert line.socket
            assert line.server
            assert not line.farms_broken
            assert not line.taken
        if isinstance(signal, Lost):
            assert sum(isinstance(each, Reconnect) for each in wire.advice) == 1
        # Whenever the broker is there again, it is asked for everything.
        if line.socket and line.server and not (before.socket and before.server):
            assert any(isinstance(each, Interrogate) for each in wire.advice)
