"""How well we are connected to the broker: one state machine over all that can go wrong with a line.

A ``Line`` is a value. ``after`` takes one signal (a socket that broke, a notice of the broker with its code, a quote,
or only the time) and returns the next line; ``advise`` says what is to be done because of the step, once. Whoever owns
the socket does it. Nothing here waits or looks at a clock: time comes with the signals.

    state        because                                            then
    up           -                                                  trade
    stale        the session is open and no quote has come for a    subscribe again; nothing is decided on old prices
                 while
    farm_down    a market data farm is broken (2103)                wait for it; when it is back (2104) subscribe again
    taken        another login has the market data (10197)          alert; nothing is decided without prices
    server_down  1100, or 2110: the gateway lost the broker         send nothing; after 1101 subscribe again and
                                                                    interrogate, after 1102 interrogate
    skewed       the broker's clock and ours differ by much         alert; nothing is decided
    socket_down  no connection to the gateway                       connect again, waiting twice as long each time
    resting      the same, in the window of the nightly restart     the same, and no attempt counts
    login_due    the same, and the weekly login is due              alert a person: nobody else can do it
    broken       so many attempts failed: the breaker is open       alert; stay, send nothing, try again rarely, and
                                                                    report all the while, with since when

The worst state that applies is the state. All but ``up`` stop what decides and trades; what reports goes on.
Sources: codes of IBKR's "Message Codes" and "Connectivity between IB's servers and TWS"; times of its system status
page (restart about 23:45 to 00:45 Eastern, weekly login after Sunday 01:00), not confirmed on a real account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo


class LineState(StrEnum):
    """See the module; from good to bad."""

    UP = "up"
    STALE = "stale"
    FARM_DOWN = "farm_down"
    TAKEN = "taken"
    SKEWED = "skewed"
    SERVER_DOWN = "server_down"
    SOCKET_DOWN = "socket_down"
    RESTING = "resting"
    LOGIN_DUE = "login_due"
    BROKEN = "broken"


#: As they are counted here and set by name.
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a line may take.

    attempts_max   failed attempts to connect before the breaker opens
    delay          before the first attempt; it doubles with each, up to ``delay_max``
    breaker_pause  between attempts while the breaker is open
    stale_after    how long no quote may come in an open session
    skew_max       how far the broker's clock and ours may be apart
    restart_at     the gateway restarts every day from then on, for ``restart_for``, on the clock of ``zone``
    login_at       on ``login_weekday`` (Monday is 0) a person must log in again from then on
    remind_before  how long before that a person is told
    """

    attempts_max: int = 5
    delay: timedelta = timedelta(seconds=10)
    delay_max: timedelta = timedelta(minutes=5)
    breaker_pause: timedelta = timedelta(minutes=10)
    stale_after: timedelta = timedelta(minutes=2)
    skew_max: timedelta = timedelta(minutes=1)
    restart_at: time = time(23, 45)
    restart_for: timedelta = timedelta(hours=1)
    login_weekday: int = 6
    login_at: time = time(1, 0)
    remind_before: timedelta = timedelta(hours=12)
    zone: str = "America/New_York"

    def resting(self, at: datetime) -> bool:
        """True in the window of the nightly restart."""
        local = at.astimezone(ZoneInfo(self.zone))
        begin = datetime.combine(local.date(), self.restart_at, tzinfo=local.tzinfo)
        return any(start <= local < start + self.restart_for for start in (begin, begin - timedelta(days=1)))

    def login_after(self, at: datetime) -> datetime:
        """The first weekly login after ``at``."""
        local = at.astimezone(ZoneInfo(self.zone))
        ahead = (self.login_weekday - local.weekday()) % 7
        due = datetime.combine(local.date() + timedelta(days=ahead), self.login_at, tzinfo=local.tzinfo)
        return due if due > local else due + timedelta(days=7)

    def wait(self, failed: int) -> timedelta:
        """How long to wait after ``failed`` attempts in a row."""
        if failed > self.attempts_max:
            return self.breaker_pause
        return min(self.delay * (1 << min(max(failed - 1, 0), 20)), self.delay_max)


# ---------------------------------------------------------------- signals


@dataclass(frozen=True, slots=True)
class Connected:
    """The socket is there, and the broker let us in."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The socket is gone, or an attempt to connect failed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Told:
    """A notice of the broker that is not about a request of ours."""

    code: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Quoted:
    """A quote came. ``delayed`` prices keep nothing alive: they may only propose."""

    delayed: bool = False


@dataclass(frozen=True, slots=True)
class Clocked:
    """The broker told its time."""

    theirs: datetime


@dataclass(frozen=True, slots=True)
class Passed:
    """Time passed, and nothing else. ``session_open`` says whether quotes are to be expected."""

    session_open: bool


Signal = Connected | Lost | Told | Quoted | Clocked | Passed

# ---------------------------------------------------------------- advice


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Connect again, not before ``at``."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Resubscribe:
    """Ask for all market data again: what was subscribed to is gone, or silent."""


@dataclass(frozen=True, slots=True)
class Interrogate:
    """Ask the broker for everything, and reconcile, before anything is decided."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Tell a person. severity: info, warning or critical."""

    severity: str
    message: str


Advice = Reconnect | Resubscribe | Interrogate | Alert

#: Notices that say that a market data farm is broken, or is there again. 2107 and 2108 (inactive, on demand) and
#: 2119 (connecting) are no trouble; historical and definition farms (2105, 2157) give no prices to decide on.
FARM_BROKEN, FARM_FINE = frozenset({2103}), frozenset({2104})
SERVER_LOST = frozenset({1100, 2110})
RESTORED_DATA_LOST, RESTORED = 1101, 1102
DATA_TAKEN = 10197
#: The gateway is about to close the socket.
SOCKET_RESET = 1300


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What is known of the line. ``at`` is the time of the latest signal.

    attempts   how often the line was lost or not got since it was last up; failed: those of them that count
    opened_at  when the breaker opened; None while it has not
    """

    policy: Policy = field(default_factory=Policy)
    at: datetime | None = None
    socket: bool = False
    server: bool = True
    farms_broken: tuple[str, ...] = ()
    taken: bool = False
    skew: timedelta = timedelta(0)
    session_open: bool = False
    quoted_at: datetime | None = None
    asked_again_at: datetime | None = None
    attempts: int = 0
    failed: int = 0
    opened_at: datetime | None = None
    reason: str = "not connected yet"
    reminded_of: datetime | None = None
    connected_at: datetime | None = None

    @property
    def state(self) -> LineState:
        """The worst that applies."""
        policy = self.policy
        if not self.socket:
            if self.failed > policy.attempts_max:
                return LineState.BROKEN
            if self.at is not None and self._login_missed(self.at):
                return LineState.LOGIN_DUE
            return LineState.RESTING if self.at is not None and policy.resting(self.at) else LineState.SOCKET_DOWN
        for state, applies in (
            (LineState.SERVER_DOWN, not self.server),
            (LineState.SKEWED, abs(self.skew) > policy.skew_max),
            (LineState.TAKEN, self.taken),
            (LineState.FARM_DOWN, bool(self.farms_broken)),
            (LineState.STALE, self._silent() > policy.stale_after),
        ):
            if applies:
                return state
        return LineState.UP

    @property
    def why(self) -> str:
        """The state's reason, in words for a person."""
        match self.state:
            case LineState.UP:
                return "connected, and prices are live"
            case LineState.STALE:
                return f"no live price for {int(self._silent().total_seconds())} s in an open session"
            case LineState.FARM_DOWN:
                return f"market data farm {', '.join(self.farms_broken)} is broken"
            case LineState.TAKEN:
                return "another login of this user has the market data (10197)"
            case LineState.SKEWED:
                return f"the broker's clock is {int(self.skew.total_seconds())} s ahead of ours"
            case LineState.LOGIN_DUE:
                return f"the weekly login is due: log in at the gateway ({self.reason})"
            case LineState.BROKEN:
                assert self.opened_at is not None, "it opened with the attempt that was one too many"
                return f"since {self.opened_at:%Y-%m-%d %H:%M} UTC, {self.failed} attempts failed ({self.reason})"
            case _:
                return self.reason

    def after(self, signal: Signal, at: datetime) -> Line:
        """The line after one signal."""
        line = replace(self, at=at)
        match signal:
            case Connected():
                # What was known of farms and prices was of another connection.
                return Line(policy=self.policy, at=at, socket=True, reason="", connected_at=at, quoted_at=at,
                            session_open=self.session_open, reminded_of=self.reminded_of)  # fmt: skip
            case Lost(reason=reason):
                counts = not self.policy.resting(at) or self.failed > self.policy.attempts_max
                attempts, failed = self.attempts + 1, self.failed + counts
                since = (self.opened_at or at) if failed > self.policy.attempts_max else None
                return replace(line, socket=False, attempts=attempts, failed=failed, opened_at=since, reason=reason)
            case Told(code=code, text=text):
                return _told(line, code, text)
            case Quoted(delayed=delayed):
                return line if delayed else replace(line, quoted_at=at, taken=False)
            case Clocked(theirs=theirs):
                return replace(line, skew=theirs - at)
            case Passed(session_open=session_open):
                opened = session_open and not self.session_open
                return replace(line, session_open=session_open, quoted_at=at if opened else self.quoted_at)

    def advise(self, before: Line) -> tuple[Line, tuple[Advice, ...]]:
        """What to do because ``before`` became this line, and this line with that noted down."""
        assert self.at is not None, "a line that heard nothing needs nothing"
        line, at, policy = self, self.at, self.policy
        advice: list[Advice] = []
        worse = _ORDER.index(line.state) > _ORDER.index(before.state)
        if line.attempts != before.attempts and not line.socket:
            advice.append(Reconnect(at + policy.wait(line.failed)))
        if line.socket and (not before.socket or (line.server and not before.server)):
            advice.append(Interrogate())
        farm_back = set(before.farms_broken) - set(line.farms_broken) and line.socket
        silent = line.state is LineState.STALE and _long_ago(line.asked_again_at, at, policy.stale_after)
        if (line.socket and line.server and not before.server and line.reason == DATA_LOST) or farm_back or silent:
            advice.append(Resubscribe())
            line = replace(line, asked_again_at=at)
        if worse and (severity := SEVERITIES.get(line.state)):
            advice.append(Alert(severity, f"The line is {line.state}: {line.why}."))
        due = policy.login_after(at)
        if due - at <= policy.remind_before and line.reminded_of != due:
            line = replace(line, reminded_of=due)
            local = due.astimezone(ZoneInfo(policy.zone))
            advice.append(Alert("info", f"The weekly login at the gateway is due {local:%A %H:%M %Z}: be at hand."))
        return line, tuple(advice)

    def _silent(self) -> timedelta:
        """How long no live quote has come while quotes were to be expected."""
        if not self.session_open or self.at is None or self.quoted_at is None:
            return timedelta(0)
        return self.at - self.quoted_at

    def _login_missed(self, at: datetime) -> bool:
        """True when the line went down and a weekly login became due since it was last up."""
        return self.connected_at is not None and self.policy.login_after(self.connected_at) <= at


#: The reason of a connection that came back without its subscriptions.
DATA_LOST = "the broker is back, and market data was lost (1101)"

#: What a person is told when it gets as bad as this, and how loudly.
SEVERITIES: Mapping[LineState, str] = MappingProxyType(
    {
        LineState.STALE: "warning",
        LineState.FARM_DOWN: "warning",
        LineState.TAKEN: "critical",
        LineState.SKEWED: "critical",
        LineState.SERVER_DOWN: "warning",
        LineState.LOGIN_DUE: "critical",
        LineState.BROKEN: "critical",
    }
)
_ORDER = tuple(LineState)


def _told(line: Line, code: int, text: str) -> Line:
    """``line`` after a notice of the broker."""
    if code in SERVER_LOST:
        return replace(line, server=False, reason=f"the gateway lost the broker ({code})")
    if code == RESTORED_DATA_LOST:
        return replace(line, server=True, reason=DATA_LOST)
    if code == RESTORED:
        return replace(line, server=True, reason="the broker is back, with all data (1102)")
    if code == DATA_TAKEN:
        return replace(line, taken=True)
    if code == SOCKET_RESET:
        return replace(line, reason="the gateway closes the socket (1300)")
    farm = text.rpartition(":")[2].strip()
    if code in FARM_BROKEN:
        return replace(line, farms_broken=(*(each for each in line.farms_broken if each != farm), farm))
    if code in FARM_FINE:
        return replace(line, farms_broken=tuple(each for each in line.farms_broken if each != farm))
    return line


def _long_ago(when: datetime | None, at: datetime, least: timedelta) -> bool:
    return when is None or at - when >= least
