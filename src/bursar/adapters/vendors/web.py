"""Asking a vendor over HTTP: paced, cached, tried again where that can help, and never believed blindly.

    slow or silent   tried again, then a DataError that says how long was waited
    429, 5xx         tried again after the wait that was asked for, up to a minute
    401, 402, 403    an InputError: the key is missing, wrong or not paid for. The key itself is never repeated
    other            a DataError with the status and the beginning of the answer
    too long, no JSON, not what was asked: a DataError

Questions are kept without their headers, so no key reaches the disk.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from bursar.adapters.cache import DiskCache
from bursar.adapters.vendors.news import plain
from bursar.errors import DataError, InputError

ATTEMPTS = 3
TIMEOUT_SECONDS = 20.0
WAIT_SECONDS_MAX = 60.0
SIZE_MAX = 64 * 2**20
REFUSED = frozenset({401, 402, 403})


class Pace:
    """At most ``most`` questions in any ``seconds``; waits by itself before one too many."""

    def __init__(
        self, most: int, seconds: float, *, monotonic: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self.most, self.seconds = most, seconds
        self._monotonic, self._sleep = monotonic, sleep
        self._asked: deque[float] = deque()

    def wait(self) -> None:
        """Return when one more question may be asked."""
        now = self._monotonic()
        while self._asked and now - self._asked[0] >= self.seconds:
            self._asked.popleft()
        if len(self._asked) >= self.most:
            self._sleep(self._asked[0] + self.seconds - now)
            self._asked.popleft()
        self._asked.append(self._monotonic())


class Web:
    """One vendor's door.

    vendor  its name for people
    remedy  what a person does when it refuses us
    """

    def __init__(
        self,
        vendor: str,
        client: httpx.Client,
        *,
        pace: Pace,
        sleep: Callable[[float], None],
        cache: DiskCache | None = None,
        headers: Mapping[str, str] | None = None,
        remedy: str = "",
    ) -> None:
        self.vendor = vendor
        self._client, self._pace, self._sleep = client, pace, sleep
        self._cache, self._headers, self._remedy = cache, dict(headers or {}), remedy

    def answer(self, url: str, **parameters: str) -> Any:
        """The answer as JSON."""
        answer = self.content(url, **parameters)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise DataError(f"{self.vendor} answered with something that is no JSON: {_begin(answer)!r}") from error

    def content(self, url: str, **parameters: str) -> bytes:
        """The answer as it came, from the cache where it is fresh."""
        question = str(httpx.URL(url, params=parameters or None))
        kept = self._cache.get(question) if self._cache else None
        if kept is not None:
            return kept
        answer = self._asked(url, parameters)
        if self._cache:
            self._cache.put(question, answer)
        return answer

    def _asked(self, url: str, parameters: Mapping[str, str]) -> bytes:
        said = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(min(2.0**attempt, WAIT_SECONDS_MAX))
            self._pace.wait()
            try:
                response = self._client.get(
                    url, params=parameters or None, headers=self._headers, timeout=TIMEOUT_SECONDS
                )
            except httpx.TimeoutException:
                said = f"{self.vendor} did not answer within {TIMEOUT_SECONDS:g} s"
                continue
            except httpx.HTTPError as error:
                said = f"{self.vendor} cannot be reached: {type(error).__name__}"
                continue
            if response.status_code == 429 or response.status_code >= 500:
                said = f"{self.vendor} answered with status {response.status_code}"
                self._sleep(_asked_wait(response))
                continue
            return self._accepted(response)
        raise DataError(f"{said}, {ATTEMPTS} times; try again later, or another source")

    def _accepted(self, response: httpx.Response) -> bytes:
        content = response.content
        if response.status_code in REFUSED:
            raise InputError(f"{self.vendor} refused us (status {response.status_code}); {self._remedy}")
        if response.status_code != 200:
            raise DataError(f"{self.vendor} answered with status {response.status_code}: {_begin(content)!r}")
        if len(content) > SIZE_MAX:
            raise DataError(f"{self.vendor} answered with {len(content):,} bytes; at most {SIZE_MAX:,} are read")
        return content


def _asked_wait(response: httpx.Response) -> float:
    """How long the vendor asks us to wait, in seconds; nothing where it does not say."""
    try:
        return min(max(float(response.headers.get("retry-after", "0")), 0.0), WAIT_SECONDS_MAX)
    except ValueError:
        return 0.0


def _begin(answer: bytes) -> str:
    """The beginning of an answer, as one harmless line."""
    return plain(answer[:80].decode("utf-8", "replace"))
