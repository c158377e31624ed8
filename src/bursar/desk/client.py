"""The desk from Python: the API with names, types and its problems as exceptions.

    async with Client(token="bursar_...") as desk:
        for each in await desk.portfolios():
            print(each["account"], each["portfolio"], each["net_asset_value"])
        await desk.execute("p-00000001")

Amounts are text with all of their digits, as the API tells them: ``Decimal(each["net_asset_value"])``. What acts sends
a key that names the intention: a call that fails on the way may be repeated with the same ``key`` and acts once.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self, TypedDict
from uuid import uuid4

import httpx

from bursar.errors import BursarError

URL = "http://127.0.0.1:8005"


class DeskProblem(BursarError):  # noqa: N818  # the word of the standard
    """The desk answered with a problem (RFC 9457).

    status  as HTTP counts; 401 sign in, 403 not allowed, 409 not as things stand, 429 wait
    errors  each thing that was wrong with the request
    """

    def __init__(self, status: int, title: str, detail: str, errors: list[dict[str, str]]) -> None:
        said = "; ".join(f"{each.get('pointer', '')}: {each.get('detail', '')}" for each in errors)
        super().__init__(": ".join(part for part in (title, detail, said) if part))
        self.status, self.title, self.detail, self.errors = status, title, detail, errors


class Me(TypedDict):
    """Who asks."""

    user: str
    role: str
    scopes: list[str]
    stepped_up: bool
    must_change: bool
    second_factor: bool


class Portfolio(TypedDict):
    """A portfolio in a line."""

    account: str
    portfolio: str
    name: str
    description: str
    state: str
    opened_at: str | None
    closed_at: str | None
    base_currency: str | None
    net_asset_value: str | None
    positions: int
    version: str


class Order(TypedDict):
    """An order and where it stands.

    remaining       what may still trade: nothing of one that has ended
    purpose         entry, reduce, exit, protection or kill
    parent_id       the order whose fill activates this one; protection that rests for a position has none
    oca_group       orders of one group cancel each other: the stop and the target of a position
    cancel_refused  why it would not be canceled, and what to do instead; None where it would
    """

    order_id: str
    account: str
    portfolio: str
    strategy: str
    symbol: str
    side: str
    quantity: str
    filled: str
    remaining: str
    type: str
    limit_price: str | None
    stop_price: str | None
    trail: str | None
    time_in_force: str
    effect: str
    purpose: str
    status: str
    working: bool
    acknowledged: bool
    placed_at: str | None
    parent_id: str | None
    oca_group: str | None
    permanent_id: int | None
    reason: str
    cancel_refused: str | None


class Leg(TypedDict):
    """One order of a proposal."""

    symbol: str
    side: str
    quantity: str
    effect: str
    price: str
    currency: str | None
    order: str | None
    reason: str


class Kept(TypedDict):
    """What a completed proposal did, beside what it promised by now."""

    state: str
    sessions: int
    return_pct: float
    promised_pct: float
    behind_max_pct: float
    cost: str
    cost_promised: str
    loss: str
    loss_max: str


class Proposal(TypedDict):
    """What waits for a tap, or what became of it."""

    proposal: str
    state: str
    end: str | None
    reason: str | None
    strategy: str
    made_at: str
    expires_at: str
    confidence: float
    expected_return_pct: float
    horizon_days: int
    risk_max_pct: float
    loss_max: str
    cost: str | None
    unwinding_cost: str | None
    legging_loss_max: str | None
    adverse_move_pct: float | None
    refusals: list[str]
    tap_refused: str | None
    tapped_by: str | None
    loss: str
    kept: Kept | None
    legs: list[Leg]


class Locked(TypedDict):
    """An account with real money, whose program starts once a person types the phrase."""

    name: str
    account: str


class Status(TypedDict):
    """How the line is, and whose money it is."""

    sequence: int
    state: str
    reason: str
    since: str | None
    mode: str | None
    account: str | None
    simulated: list[str]
    trading: str
    last_event_at: str | None
    prices_at: str | None
    orders_working: int
    locked: Locked | None


class Unlocked(TypedDict):
    """The program that trades an account with real money starts."""

    sequence: int
    name: str
    account: str
    state: str


class Sent(TypedDict):
    """A command on its way to the loop."""

    sequence: int
    command: str
    name: str
    by: str
    state: str
    taken_at_sequence: int | None


class Client:
    """Asks one desk. Give a token, or sign in; ``transport`` is for a desk in this very process.

    Raises DeskProblem where the desk answers with one, and httpx.TransportError where it does not answer.
    """

    def __init__(
        self,
        url: str = URL,
        *,
        token: str = "",
        cookies: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.AsyncClient(
            base_url=url, headers=headers, cookies=dict(cookies or {}), transport=transport, timeout=timeout_s
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let the connections go."""
        await self._http.aclose()

    # ------------------------------------------------------------ anything

    async def get(self, path: str, **asked: Any) -> Any:
        """What GET ``path`` (below /api/v1) answers. Parameters that are None are left out."""
        return await self._ask("GET", path, params={name: value for name, value in asked.items() if value is not None})

    async def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str = "") -> Any:
        """What POST ``path`` answers. ``key`` names the intention; without one it is a new one."""
        return await self._ask("POST", path, json=body or {}, headers={"Idempotency-Key": key or uuid4().hex})

    async def every(self, path: str, **asked: Any) -> list[Any]:
        """All items of a list, page after page."""
        found: list[Any] = []
        cursor: str | None = None
        while True:
            page = await self.get(path, **asked, limit=500, cursor=cursor)
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                return found

    # ------------------------------------------------------------ oneself

    async def sign_in(self, name: str, password: str, code: str = "") -> None:
        """Come in; the session is kept in this client."""
        await self.post("sign-in", {"name": name, "password": password, "code": code})

    async def step_up(self, password: str, code: str = "") -> None:
        """Show again that it is you, for live, kill and re-arm."""
        await self.post("me/step-up", {"password": password, "code": code})

    async def me(self) -> Me:
        """Who this client is to the desk."""
        said: Me = await self.get("me")
        return said

    # ------------------------------------------------------------ what there is

    async def portfolios(self) -> list[Portfolio]:
        """Every portfolio, in a line each."""
        return await self.every("portfolios")

    async def orders(self, *, working: bool | None = None, symbol: str | None = None) -> list[Order]:
        """Orders as they were placed; with ``working`` those that work, or those that do not."""
        return await self.every("ibkr/orders", working=working, symbol=symbol)

    async def order(self, order_id: str) -> Order:
        """One order and where it stands."""
        said: Order = await self.get(f"ibkr/orders/{order_id}")
        return said

    async def proposals(self, state: str | None = None) -> list[Proposal]:
        """Proposals, of one state or of all."""
        return await self.every("proposals", state=state)

    async def status(self) -> Status:
        """How the line to the broker is."""
        said: Status = await self.get("ibkr/status")
        return said

    async def snapshot(self) -> dict[str, Any]:
        """Every portfolio as it was seen at the last second."""
        said: dict[str, Any] = await self.get("monitoring/snapshot")
        return said

    # ------------------------------------------------------------ what acts

    async def execute(self, proposal: str, *, key: str = "") -> Sent:
        """Say yes to a proposal. Two calls send its orders once."""
        said: Sent = await self.post(f"proposals/{proposal}/execute", key=key)
        return said

    async def cancel(self, order_id: str, reason: str, *, key: str = "") -> Sent:
        """Ask that an order is canceled. ``get("commands/COMMAND")`` tells what came of it."""
        said: Sent = await self.post(f"ibkr/orders/{order_id}/cancel", {"reason": reason}, key=key)
        return said

    async def kill(self, reason: str, *, flatten: bool = False, everything: bool = False, key: str = "") -> Sent:
        """Stop trading now; with ``flatten`` close every position as well."""
        form = "flatten" if flatten else "halt"
        said: Sent = await self.post("kill", {"form": form, "reason": reason, "everything": everything}, key=key)
        return said

    async def rearm(self, reason: str, *, key: str = "") -> Sent:
        """Ask that the account may trade again."""
        said: Sent = await self.post("rearm", {"reason": reason}, key=key)
        return said

    async def unlock(self, name: str, phrase: str, *, key: str = "") -> Unlocked:
        """Let the program that trades an account with real money start, once, by what the door asks to be typed."""
        said: Unlocked = await self.post(f"ibkr/accounts/{name}/unlock", {"phrase": phrase}, key=key)
        return said

    # ------------------------------------------------------------ streams

    async def events(self, after: int = 0) -> AsyncIterator[dict[str, Any]]:
        """Every event of the journal after a sequence number, as it comes; goes on by itself where the line broke."""
        while True:
            headers = {"Last-Event-ID": str(after)}
            try:
                async with self._http.stream("GET", "/api/v1/stream/events", headers=headers, timeout=None) as answer:
                    if answer.status_code != httpx.codes.OK:
                        await answer.aread()
                        raise _problem(answer)
                    async for line in answer.aiter_lines():
                        if line.startswith("data:"):
                            told: dict[str, Any] = json.loads(line.removeprefix("data:"))
                            after = max(after, int(told.get("sequence", after)))
                            yield told
            except httpx.RemoteProtocolError:
                continue  # it was cut in the middle: go on after the last that came whole

    async def _ask(self, method: str, path: str, **more: Any) -> Any:
        answer = await self._http.request(method, f"/api/v1/{path}", **more)
        if answer.is_error:
            raise _problem(answer)
        return answer.json() if answer.content else None


def _problem(answer: httpx.Response) -> DeskProblem:
    try:
        said = answer.json()
    except ValueError:
        said = {}
    return DeskProblem(
        answer.status_code, str(said.get("title", "no answer")), str(said.get("detail", "")), said.get("errors") or []
    )
