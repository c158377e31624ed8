"""How people show who they are over HTTP: a browser by a cookie that no script can read, a program by a token."""

from __future__ import annotations

from datetime import timedelta

from fastapi import Response
from fastapi.requests import HTTPConnection

from bursar.desk.guard.guard import TOKEN_MARK, Guard
from bursar.desk.guard.roles import Caller

#: With TLS the name begins so that no other host, path or plain connection can set it (RFC 6265bis).
COOKIE = "bursar_session"
COOKIE_SECURE = f"__Host-{COOKIE}"
_BEARER = "bearer "


class Door:
    """Lets in whoever brings a session's cookie or a token. See ``gate.Authenticator``."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def caller(self, connection: HTTPConnection) -> Caller | None:
        """Who asks, or None."""
        secret = brought(connection)
        return self._guard.caller(secret) if secret else None


def brought(connection: HTTPConnection) -> str:
    """The secret that came with a request; a token goes before a cookie. Empty for none."""
    shown = connection.headers.get("authorization", "")
    if shown:
        token = shown[len(_BEARER) :].strip() if shown.lower().startswith(_BEARER) else ""
        # A session does not come in a header: a page's script could then have read it.
        return token if token.startswith(TOKEN_MARK) else ""
    return connection.cookies.get(cookie_name(connection), "")


def cookie_name(connection: HTTPConnection) -> str:
    """The name of the session's cookie on this connection."""
    return COOKIE_SECURE if _secure(connection) else COOKIE


def hand_out(response: Response, connection: HTTPConnection, secret: str, lasts: timedelta) -> None:
    """Give a browser its session."""
    response.set_cookie(
        cookie_name(connection),
        secret,
        max_age=int(lasts.total_seconds()),
        path="/",
        secure=_secure(connection),
        httponly=True,
        samesite="strict",
    )


def take_back(response: Response, connection: HTTPConnection) -> None:
    """Let a browser forget its session."""
    response.delete_cookie(
        cookie_name(connection), path="/", secure=_secure(connection), httponly=True, samesite="strict"
    )


def address_of(connection: HTTPConnection) -> str:
    """Where somebody comes from, as the socket says; what a header claims is not believed."""
    return connection.client.host if connection.client else "unknown"


def _secure(connection: HTTPConnection) -> bool:
    return connection.url.scheme in ("https", "wss")
