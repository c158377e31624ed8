"""The latest prices, from the process that trades to those that look: a file, and Redis where there is one.

    {"written_at": "2026-01-05T15:00:00+00:00", "at": "2022-01-03T14:31:00+00:00", "quotes": [[symbol, ...], ...]}

``at`` is the time of the world that is traded, which a simulated one has to itself; ``written_at`` is ours. Their
difference says how old a price is. Nothing is decided by these prices: the loop that trades asks the broker.

The file is replaced whole, so that nobody reads half of it, and at most so often as anybody could look. That a disk is
full, or that Redis is away, holds nothing up: the next prices are written when that can be done again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from bursar.domain.market import Quote
from bursar.errors import DataError

if TYPE_CHECKING:
    from redis import Redis

#: The file's name in a run's folder, and how often it is written at most.
FILE_NAME, EVERY_SECONDS = "marks.json", 0.2
#: Where the prices are in Redis, how long it may take, and how long it is let alone after it failed.
REDIS_KEY, REDIS_SECONDS, REDIS_REST_SECONDS = "bursar:marks", 0.25, 5.0


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The latest prices as they were published.

    written_at  when, by our clock
    at          when, by the clock of the world that they are of
    """

    written_at: datetime
    at: datetime
    quotes: tuple[Quote, ...]

    @property
    def behind(self) -> timedelta:
        """How far the world's clock is behind ours."""
        return self.written_at - self.at


def encode(told: Told) -> str:
    """As the file has it."""
    return json.dumps(
        {
            "written_at": told.written_at.isoformat(),
            "at": told.at.isoformat(),
            "quotes": [
                [
                    each.symbol,
                    each.at.isoformat(),
                    each.known_at.isoformat(),
                    *(None if price is None else str(price) for price in (each.bid, each.ask, each.last)),
                    each.delayed,
                ]
                for each in told.quotes
            ],
        },
        separators=(",", ":"),
    )


def decode(text: str | bytes) -> Told:
    """What was published. Raises DataError for what nobody published."""
    try:
        said = json.loads(text)
        return Told(
            written_at=datetime.fromisoformat(said["written_at"]),
            at=datetime.fromisoformat(said["at"]),
            quotes=tuple(_quote(*each) for each in said["quotes"]),
        )
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise DataError(f"the latest prices cannot be read: {error!r}; they are written anew with the next") from error


def _quote(
    symbol: str, at: str, known_at: str, bid: str | None, ask: str | None, last: str | None, delayed: bool
) -> Quote:
    return Quote(
        symbol=symbol,
        at=datetime.fromisoformat(at),
        known_at=datetime.fromisoformat(known_at),
        bid=_price(bid),
        ask=_price(ask),
        last=_price(last),
        delayed=delayed,
    )


def _price(said: str | None) -> Decimal | None:
    return None if said is None else Decimal(said)


class SharedMarks:
    """Publishes the latest prices to a file and, where one is named, to Redis as well. Satisfies ``ports.Marks``.

    problem  why the file could not be written last; empty where it was
    """

    def __init__(
        self,
        path: Path,
        redis: Redis | None = None,
        *,
        now: Callable[[], datetime] = _now,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path, self.problem = path, ""
        self._redis, self._now, self._ticks = redis, now, ticks
        self._quotes: dict[str, Quote] = {}
        self._due = self._redis_due = float("-inf")

    def publish(self, quotes: Iterable[Quote]) -> None:
        self._quotes |= {quote.symbol: quote for quote in quotes}
        if self._ticks() >= self._due:
            self.flush()

    def latest(self, symbols: Iterable[str]) -> Mapping[str, Quote]:
        return {symbol: self._quotes[symbol] for symbol in symbols if symbol in self._quotes}

    def flush(self) -> None:
        """Write what is known by now."""
        if not self._quotes:
            return
        self._due = self._ticks() + EVERY_SECONDS
        quotes = tuple(self._quotes.values())
        text = encode(Told(written_at=self._now(), at=max(each.at for each in quotes), quotes=quotes))
        draft = self.path.with_suffix(".draft")
        try:
            draft.write_text(text, encoding="utf-8")
            draft.replace(self.path)
            self.problem = ""
        except OSError as error:
            self.problem = str(error)
        if self._redis is not None and self._ticks() >= self._redis_due:
            self._to_redis(self._redis, text)

    def _to_redis(self, redis: Redis, text: str) -> None:
        from redis import RedisError

        try:
            redis.set(f"{REDIS_KEY}:{self.path}", text)
        except RedisError:
            # It is for those who look, who notice by themselves that it is away and read the file.
            self._redis_due = self._ticks() + REDIS_REST_SECONDS


class ReadMarks:
    """Reads the prices that another process publishes: in the file, or in Redis where one is named; the later ones.

    away  why Redis was not read last; empty where it was, or where none is named
    """

    def __init__(self, path: Path, redis: Redis | None = None, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self.path, self.away = path, ""
        self._redis, self._ticks = redis, ticks
        self._due = float("-inf")
        self._seen: tuple[str, ...] = ()

    def move(self, folder: Path) -> None:
        """Read what is published for the run in another folder from now on."""
        self.path, self._seen = folder / FILE_NAME, ()

    def read(self) -> Told | None:
        """What was published since the last reading; None where nothing was. Raises DataError as ``decode`` does."""
        texts = tuple(text for text in (self._of_the_file(), self._of_redis()) if text)
        if not texts or texts == self._seen:
            return None
        self._seen = texts
        return max(map(decode, texts), key=lambda told: told.written_at)

    def _of_the_file(self) -> str:
        with suppress(FileNotFoundError):
            return self.path.read_text(encoding="utf-8")
        return ""

    def _of_redis(self) -> str:
        if self._redis is None or self._ticks() < self._due:
            return ""
        from redis import RedisError

        try:
            found = self._redis.get(f"{REDIS_KEY}:{self.path}")
        except RedisError as error:
            self.away, self._due = f"Redis: {error}", self._ticks() + REDIS_REST_SECONDS
            return ""
        self.away = ""
        return found.decode() if isinstance(found, bytes) else ""


def redis_at(url: str) -> Redis | None:
    """A client of the Redis at ``url``, which is not asked yet; None for no address."""
    if not url:
        return None
    from redis import Redis  # few have one

    client: Redis = Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
    return client
