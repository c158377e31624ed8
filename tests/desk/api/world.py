"""A small journal made by hand, a desk on it, and requests made from what OpenAPI says. Nothing here was traded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.requests import HTTPConnection
from fastapi.routing import APIRoute

from bursar.adapters.memory import MemoryCommands, MemoryJournal
from bursar.desk.api.routes import GROUPS
from bursar.desk.app import create_app
from bursar.desk.desk import Desk
from bursar.desk.guard.gate import Allowed
from bursar.desk.guard.roles import Caller, Role
from bursar.desk.guard.shield import Limits
from bursar.domain import events as e
from bursar.domain.orders import Effect, Order, OrderType, Purpose, Side
from tests.builders import CLOSE, OPEN, filled, instrument, money, order
from tests.desk.api.shaped import check
from tests.samples import ACCOUNT, AT, OUTLOOK, PROPOSAL, SAMPLES, VIEW

NOW = datetime(2022, 1, 5, 15, 0, tzinfo=UTC)
DAYS = 3
#: What a run's report always has.
REPORT = {
    "not_enough_data": {"sharpe_ratio": "3 returns; it needs 20"},
    "seed": 7,
    "currency": "USD",
    "strategy": "momentum",
    "simulated": ["prices"],
    "synthetic": False,
}
SECTORS = {"AAPL": "Information Technology", "KO": "Consumer Staples", "PEP": "Consumer Staples"}
#: Tests ask faster than people: nobody waits but in the tests of waiting.
UNHURRIED = Limits(per_second=1e6, burst=1e6, strangers_per_second=1e6, strangers_burst=1e6)


def events() -> Iterator[e.Event]:
    """A run of a few days: an account, a purchase, an order that works, a proposal, and closes."""
    yield replace(SAMPLES["run_started"], event_id="run", at=AT)
    yield e.AccountOpened(event_id="account", at=AT, account=ACCOUNT, base_currency="USD")
    for symbol in ("AAPL", "KO", "PEP"):
        yield e.InstrumentListed(
            event_id=f"listed/{symbol}", at=AT, instrument=replace(instrument(symbol), sector=SECTORS[symbol])
        )
    yield e.PortfolioOpened(event_id="opened", at=AT, account=ACCOUNT, portfolio="main", name="Main")
    yield e.Deposited(event_id="cash", at=AT, account=ACCOUNT, portfolio="main", amount=money(100_000))
    yield e.ViewFormed(event_id=VIEW.view_id, at=AT, view=VIEW)
    yield replace(SAMPLES["signal_received"], event_id="heard", at=AT)
    yield replace(SAMPLES["committee_met"], event_id="met", at=AT)
    yield replace(SAMPLES["decided"], event_id="d-00000001", at=AT, causes=(VIEW.view_id,))
    bought = order("o-00000001", quantity=100)
    yield e.OrderPlaced(event_id="o-00000001", at=OPEN, order=bought, causes=("d-00000001",))
    yield e.OrderAccepted(event_id="accepted", at=OPEN, order_id="o-00000001", permanent_id=1)
    yield filled("1", 100, "150.00", commission=1)
    protects = order("o-00000003", side=Side.SELL, quantity=100, effect=Effect.CLOSE, purpose=Purpose.PROTECTION)
    for placed in (_waits("o-00000002", "KO"), protects):
        yield e.OrderPlaced(event_id=placed.order_id, at=OPEN, order=placed, causes=("d-00000001",))
    proposal = replace(PROPOSAL, made_at=OPEN, expires_at=OPEN + timedelta(days=5))
    yield e.ProposalMade(event_id=proposal.proposal_id, at=OPEN, proposal=proposal, outlook=OUTLOOK)
    tapped = replace(proposal, proposal_id="p-00000002")
    yield e.ProposalMade(event_id="p-00000002", at=OPEN, proposal=tapped, outlook=OUTLOOK)
    yield e.ProposalTapped(event_id="p-00000002/tapped", at=OPEN, proposal_id="p-00000002", by="ann", outlook=OUTLOOK)
    yield e.LineChanged(event_id="line/1", at=OPEN, state="up", reason="")
    yield replace(SAMPLES["alerted"], event_id="alert", at=OPEN)
    yield replace(SAMPLES["attribution_reported"], event_id="why", at=OPEN)
    for number in range(DAYS):
        at = CLOSE + timedelta(days=number)
        prices = {"AAPL": Decimal(150 + 2 * number), "KO": Decimal(60)}
        yield e.Marked(event_id=f"marked/{number}", at=at, prices=prices, official=True)
        yield e.SessionClosed(
            event_id=f"closed/{number}",
            at=at,
            day=at.date(),
            exchange="XNYS",
            equity=Decimal(100_000) + 200 * number,
            cash=Decimal(84_999),
        )


def _waits(order_id: str, symbol: str) -> Order:
    return replace(order(order_id, symbol=symbol), type=OrderType.LIMIT, limit_price=Decimal(55))


class Known:
    """Knows callers by a token that is the word of their role, and nobody by one that is ``expired``.

    A step-up is shown by the header X-Step.
    """

    def __init__(self, scopes: frozenset[str] = frozenset()) -> None:
        self.scopes = scopes

    def caller(self, connection: HTTPConnection) -> Caller | None:
        word = connection.headers.get("Authorization", "").removeprefix("Bearer ")
        if word not in {role.word for role in Role}:
            return None
        stepped = connection.headers.get("X-Step") == "up"
        return Caller(user=word, role=Role[word.upper()], scopes=self.scopes, stepped_up=stepped)


def journal_of(made: Iterator[e.Event]) -> MemoryJournal:
    journal = MemoryJournal()
    asyncio.run(journal.append(tuple(made)))
    return journal


def desk_on(home: Path | None = None, scopes: frozenset[str] = frozenset()) -> Desk:
    """A desk on the journal of above, whose clock stands still."""
    if home is not None:
        (home / "runs" / "demo").mkdir(parents=True, exist_ok=True)
        (home / "runs" / "demo" / "report.json").write_text(json.dumps(REPORT), encoding="utf-8")
    return Desk(
        journal=journal_of(events()),
        commands=MemoryCommands(),
        home=home,
        now=lambda: NOW,
        authenticator=Known(scopes),
    )


# ---------------------------------------------------------------- requests


@dataclass(frozen=True)
class Ask:
    """One request."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None


@dataclass(frozen=True)
class Route:
    """One route, as the code and its OpenAPI have it."""

    method: str
    path: str
    role: Role
    step_up: bool
    said: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def acts(self) -> bool:
        return any(each["name"] == "Idempotency-Key" for each in self.said.get("parameters", ()))


def gate_of(dependant: Any) -> Allowed | None:
    """What a route asks of its caller."""
    for each in dependant.dependencies:
        if isinstance(each.call, Allowed):
            return each.call
        if (found := gate_of(each)) is not None:
            return found
    return None


def routes(app: FastAPI) -> list[Route]:
    """Every route of the API's groups. One without a gate is an error."""
    told = app.openapi()["paths"]
    found = []
    for group in GROUPS:
        for route in (each for each in group.routes if isinstance(each, APIRoute)):
            gate = gate_of(route.dependant)
            path, method = f"/api/v1{route.path}", next(iter(route.methods or ()))
            assert gate is not None, f"{method} {path} stands behind no gate"
            found.append(Route(method, path, gate.role, gate.step_up, told[path][method.lower()]))
    return found


PLACES = {
    "account": ACCOUNT,
    "portfolio": "main",
    "symbol": "AAPL",
    "proposal_id": "p-00000001",
    "view_id": VIEW.view_id,
    "sequence": "1",
    "day": "2022-01-03",
    "wanted": "o-00000001",
    "level": "sector",
    "job_id": "job-00000001",
}
NAMES = {"accounts": "main", "strategies": "momentum", "reports": "demo", "budgets": "technology"}


def example(schema: Mapping[str, Any], app: FastAPI) -> Any:
    """A value as the schema's own examples and defaults have it."""
    if "$ref" in schema:
        return example(app.openapi()["components"]["schemas"][schema["$ref"].rpartition("/")[2]], app)
    if "examples" in schema:
        return schema["examples"][0]
    if schema.get("type") == "object":
        return {name: example(each, app) for name, each in schema["properties"].items() if _wanted(name, each, schema)}
    if schema.get("type") == "array":
        return [example(schema["items"], app)]
    raise AssertionError(f"no example of {schema}")


def _wanted(name: str, each: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    return name in schema.get("required", ()) or ("examples" in each and name not in RULED_OUT)


#: Fields that go with some values of others alone.
RULED_OUT = frozenset({"views", "scenarios"})


def good(route: Route, app: FastAPI, key: str = "an-intention-1", step: str = "up") -> Ask:
    """A request that the route answers."""
    parts = route.path.split("/")
    for place, part in enumerate(parts):
        if part == "{name}":
            parts[place] = NAMES[next(each for each in reversed(parts[:place]) if each in NAMES)]
        elif part == "{order_id}":
            parts[place] = "o-00000002"
        elif part.startswith("{"):
            parts[place] = PLACES.get(part[1:-1], "nothing")
    headers = {"X-Step": step} | ({"Idempotency-Key": key} if route.acts else {})
    body = None
    if "requestBody" in route.said:
        body = example(route.said["requestBody"]["content"]["application/json"]["schema"], app)
    if route.path.endswith("/switch"):
        parts[-2] = "second"
    if route.path.endswith("/unlock"):
        parts[-2] = "savings"
    if route.path.endswith("/stream/events"):
        parts[-1] += "?until=3"  # it goes on for ever otherwise
    return Ask(route.method, "/".join(parts), body, headers)


_ADDRESSES = count()


def send(app: FastAPI, *asks: Ask, role: str = "admin") -> list[httpx.Response]:
    """Answers to requests, one after the other."""

    async def run() -> list[httpx.Response]:
        # From another address each time: the rates of strangers are tested where they are kept.
        number = next(_ADDRESSES)
        address = f"10.0.{number // 250}.{number % 250 + 1}", 40_000
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=address)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8005") as client:
            return [await answer(client, each, role) for each in asks]

    return asyncio.run(run())


async def answer(client: httpx.AsyncClient, ask: Ask, role: str) -> httpx.Response:
    headers = dict(ask.headers) | ({"Authorization": f"Bearer {role}"} if role else {})
    content = ask.raw
    if content is None and ask.body is not None:
        content = json.dumps(ask.body).encode()
    if content is not None:
        headers["Content-Type"] = "application/json"
    answered = await client.request(ask.method, ask.path, content=content, headers=headers)
    check(answered)
    return answered


def app_on(desk: Desk) -> FastAPI:
    return create_app(desk, limits=UNHURRIED)
