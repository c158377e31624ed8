"""What stands before every route: which host is meant, whose page asks, how much and how often.

Host      a name that is not ours is refused, so that no stranger's name can be pointed at this machine (DNS rebinding)
Origin    a browser names whose page asks; what changes something, and every stream, is refused to another's (CSRF)
Body      read no further than its limit, whether or not its length was told
Rate      so many requests a second for each caller, told by what they bring, and for each address of those unknown
Headers   no page of ours is framed, sniffed, or left to load from elsewhere; no answer of the API is stored
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi.requests import HTTPConnection
from starlette.exceptions import HTTPException

from bursar.desk.api.problems import Problem
from bursar.desk.guard.codes import digest
from bursar.desk.guard.door import address_of, brought
from bursar.desk.guard.gate import SAFE
from bursar.desk.guard.throttle import Rate

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of a body is read, and how often somebody may ask: so many a second, and a burst at once.

    A desk's page and a busy program stay below; who asks more often waits. Strangers are those who bring nothing.
    """

    body_bytes_max: int = 1 << 20
    per_second: float = 500.0
    burst: float = 1000.0
    strangers_per_second: float = 20.0
    strangers_burst: float = 100.0


API = "/api/"

_ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
_OF_API = {"content-security-policy": "default-src 'none'; frame-ancestors 'none'", "cache-control": "no-store"}
_OF_PAGE = {
    # The page's framework compiles its templates in the browser, which needs eval; nothing comes from elsewhere.
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
}
_TLS = {"strict-transport-security": "max-age=31536000"}


def _encoded(*parts: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.encode(), value.encode()) for part in parts for name, value in part.items())


#: The headers of every answer, by whether it is the API's and whether it goes over TLS.
_HEADERS = {
    (of_api, tls): _encoded(_ALWAYS, _OF_API if of_api else _OF_PAGE, _TLS if tls else {})
    for of_api in (True, False)
    for tls in (True, False)
}


class Shield:
    """The outermost layer of the application, as ASGI has it."""

    def __init__(
        self,
        app: App,
        *,
        hosts: Iterable[str] = LOOPBACK_HOSTS,
        limits: Limits | None = None,
    ) -> None:
        limits = limits or Limits()
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._body_bytes_max = limits.body_bytes_max
        self._rate = Rate(limits.per_second, limits.burst)
        self._strangers = Rate(limits.strangers_per_second, limits.strangers_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        covered = self._covered(scope, send)
        try:
            self._check(connection)
        except Problem as problem:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": problem.title})
            else:
                await problem.response()(scope, receive, covered)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await self._app(scope, _limited(receive, self._body_bytes_max), covered)

    def _check(self, connection: HTTPConnection) -> None:
        """Raise the Problem that keeps a request out."""
        host = connection.headers.get("host", "").lower()
        if _without_port(host) not in self._hosts:
            raise Problem(421, "not this host", "the desk answers to its own names alone; add yours to service.hosts")
        method = connection.scope.get("method", "")
        acts = method not in SAFE
        if acts and not _of_our_own(connection, host):
            raise Problem(403, "not from another site", "what changes something is asked for from our own pages alone")
        length = connection.headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            raise Problem(400, "the request cannot be read", "Content-Length is a number of bytes")
        if int(length) > self._body_bytes_max:
            raise Problem(413, "the body is too large", f"send at most {self._body_bytes_max} bytes")
        secret = brought(connection)
        rate, key = (self._rate, digest(secret)) if secret else (self._strangers, address_of(connection))
        if wait := rate.wait(key, time.monotonic()):
            raise slow_down(wait)

    def _covered(self, scope: Scope, send: Send) -> Send:
        headers = _HEADERS[scope["path"].startswith(API), scope.get("scheme") in ("https", "wss")]

        async def covered(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message.get("headers", ())}
                added = [header for header in headers if header[0] not in there]
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        return covered


def slow_down(seconds: float) -> Problem:
    """The problem of who asks too often."""
    whole = max(1, round(seconds + 0.5))
    return Problem(429, "too many requests", f"wait {whole} seconds", headers={"Retry-After": str(whole)})


def _limited(receive: Receive, most: int) -> Receive:
    read = 0

    async def limited() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > most:
            # As FastAPI lets through while it reads a body; every other kind of error becomes a 400 there.
            raise HTTPException(413, f"the body is too large: send at most {most} bytes")
        return message

    return limited


def _of_our_own(connection: HTTPConnection, host: str) -> bool:
    """False where a browser says that another site's page asks. A program names no origin, and brings no cookie."""
    origin = connection.headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() == host
    return connection.headers.get("sec-fetch-site", "none") in ("none", "same-origin")


def _without_port(host: str) -> str:
    head, colon, port = host.rpartition(":")
    return head if colon and port.isdigit() else host
