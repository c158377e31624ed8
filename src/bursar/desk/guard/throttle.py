"""How often somebody may ask: wrong passwords ever more slowly, everything else so many times a second.

Both remember a bounded number of callers, so that whoever comes under ever new names fills no memory.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

#: Callers that are remembered. Who comes after so many others is taken for new.
REMEMBERED = 10_000


class Throttle:
    """After a few failures each further one doubles the wait; one success forgets them.

    free   failures that cost nothing: people mistype
    first  seconds to wait after the first that does
    most   seconds to wait at most, so that nobody is locked out by a stranger for ever
    """

    def __init__(self, free: int = 5, first: float = 2.0, most: float = 900.0) -> None:
        self._free, self._first, self._most = free, first, most
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Seconds until ``key`` may try again; 0 for at once. ``now`` is in seconds of any clock that only rises."""
        times, last = self._failed.get(key, (0, now))
        if times <= self._free:
            return 0.0
        pause = min(self._first * 2.0 ** min(times - self._free - 1, 30), self._most)
        return max(last + pause - now, 0.0)

    def failed(self, key: str, now: float) -> None:
        """``key`` was wrong."""
        times, _ = self._failed.pop(key, (0, now))
        self._failed[key] = (times + 1, now)
        if len(self._failed) > REMEMBERED:
            self._failed.popitem(last=False)

    def passed(self, key: str) -> None:
        """``key`` was right."""
        self._failed.pop(key, None)


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Rate:
    """So many requests a second for each caller, and a burst at once: a bucket that fills evenly."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second, self._burst = per_second, burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """0 and one request less, or the seconds until there is one."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(self._burst, now)
            if len(self._buckets) > REMEMBERED:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._per_second)
        bucket.at = now
        if bucket.left < 1.0:
            return (1.0 - bucket.left) / self._per_second
        bucket.left -= 1.0
        return 0.0
