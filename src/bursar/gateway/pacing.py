"""How fast a client may ask: IBKR's fifty messages a second, and its rules for requests of bars.

Both are off unless ``Limits`` switches them on. Messages are counted by the clock of whoever owns the socket, bars by
the time of the world: in stepped time that stands still, and so whoever asks twice in one instant asks at once.

Source: IBKR, "TWS API: Pacing Limitations" and "Pacing Violations" of historical data. IBKR enforces the latter for
bars of thirty seconds and less and slows larger ones down; here they hold for all. What it does with a message too many
it does not say: here it is not acted on.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from bursar.gateway.messages.requests import ReqHistoricalData

#: IBKR's allowance, and after how many seconds of excess it hangs up (an observation of users).
MESSAGES_PER_SECOND = 50
BREACHES_MAX = 3

_IDENTICAL_WITHIN = timedelta(seconds=15)
_SAME_WITHIN, _SAME_MAX = timedelta(seconds=2), 5
_WINDOW, _WINDOW_MAX = timedelta(minutes=10), 60


class MessageRate:
    """Messages of one client in the last second.

    breaches  in how many seconds there were too many
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.breaches = 0
        self._times: deque[float] = deque()
        self._breached_at = float("-inf")

    def wait(self, now: float) -> float:
        """For how many seconds one more message would be one too many; zero where it is not."""
        while self._times and self._times[0] <= now - 1:
            self._times.popleft()
        return self._times[0] + 1 - now if len(self._times) >= self.most else 0.0

    def count(self, now: float) -> None:
        """Count one that was let through."""
        self._times.append(now)

    def breach(self, now: float) -> str:
        """Count one too many; return what IBKR says to it."""
        if now - self._breached_at >= 1:
            self.breaches += 1
            self._breached_at = now
        return (
            "Max rate of messages per second has been exceeded:"
            f"max={self.most} rec={len(self._times) + 1} ({self.breaches})"
        )


class HistoryPacing:
    """Requests for bars that were let through lately, of one gateway."""

    def __init__(self) -> None:
        self._asked: deque[tuple[datetime, ReqHistoricalData]] = deque()

    def violates(self, request: ReqHistoricalData, now: datetime) -> bool:
        """Whether ``request`` comes too soon; otherwise it is counted. One for bids and asks counts as two."""
        while self._asked and self._asked[0][0] <= now - _WINDOW:
            self._asked.popleft()
        identical = same = 0
        for at, earlier in reversed(self._asked):
            if at <= now - _IDENTICAL_WITHIN:
                break
            identical += _asks_the_same(earlier, request)
            same += at > now - _SAME_WITHIN and _is_of_the_same(earlier, request)
        weight = sum(_weight(each) for _, each in self._asked) + _weight(request)
        if identical or same >= _SAME_MAX or weight > _WINDOW_MAX:
            return True
        self._asked.append((now, request))
        return False


def _weight(request: ReqHistoricalData) -> int:
    return 2 if request.what_to_show == "BID_ASK" else 1


def _is_of_the_same(one: ReqHistoricalData, other: ReqHistoricalData) -> bool:
    return (one.contract, one.what_to_show) == (other.contract, other.what_to_show)


def _asks_the_same(one: ReqHistoricalData, other: ReqHistoricalData) -> bool:
    reach = (one.end_date_time, one.duration_str, one.bar_size_setting, one.use_rth)
    return _is_of_the_same(one, other) and reach == (
        other.end_date_time,
        other.duration_str,
        other.bar_size_setting,
        other.use_rth,
    )
