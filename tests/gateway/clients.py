"""A client for tests: writes requests by the tables, and reads replies by them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, TypeVar

from bursar.gateway import codec
from bursar.gateway.codec import VersionRange
from bursar.gateway.exchange import Exchange
from bursar.gateway.hub import Hub, Limits
from bursar.gateway.messages import read_reply, write
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.messages.orders import PlaceOrder
from bursar.gateway.messages.values import Contract, Order
from bursar.gateway.session import Session
from bursar.gateway.terms import Terms
from bursar.gateway.world import World

Message = TypeVar("Message")

AAA = Contract(symbol="AAA", sec_type="STK", exchange="SMART", currency="USD")


class Client:
    """One conversation with a session, without a socket."""

    def __init__(self, hub: Hub, client_id: int = 1, version: int = 178, *, start: bool = True) -> None:
        self.session = Session(hub)
        self.version = version
        self._frames = codec.FrameReader(1 << 30)
        if start:
            self.session.receive(codec.encode_versions(VersionRange(lowest=100, highest=version)))
            self.greeting = self.ask(q.StartApi(client_id=client_id))

    def ask(self, *requests: object) -> list[Any]:
        """What the session says to ``requests``, sent in one piece, and because of them."""
        answers = self.session.receive(b"".join(write(request, self.version) for request in requests))
        return self.read(answers + self.session.take())

    def told(self) -> list[Any]:
        """What the session has to say without being asked."""
        return self.read(self.session.take())

    def read(self, data: bytes) -> list[Any]:
        return [read_reply(codec.decode(payload), self.version) for payload in self._frames.feed(data)]


def hub_of(world: World, terms: Terms | None = None, *, stepped: bool = False, limits: Limits | None = None) -> Hub:
    return Hub(Exchange(world, terms), stepped=stepped, limits=limits)


def to_open(hub: Hub) -> None:
    """Go on to the opening bell."""
    while not hub.exchange.open:
        hub.step()


def only(kind: type[Message], messages: Iterable[object]) -> list[Message]:
    """The messages of one kind."""
    return [message for message in messages if isinstance(message, kind)]


def one(kind: type[Message], messages: Iterable[object]) -> Message:
    """The only message of its kind."""
    (found,) = only(kind, messages)
    return found


def errors(messages: Iterable[object]) -> list[tuple[int, int]]:
    """Request numbers and codes of the errors."""
    return [(message.req_id, message.code) for message in only(r.ErrMsg, messages)]


def kinds(messages: Iterable[object]) -> list[str]:
    """The names of the messages, in their order."""
    return [type(message).__name__ for message in messages]


def market(order_id: int, action: str = "BUY", quantity: int | str = 10, **more: Any) -> PlaceOrder:
    """A market order in AAA, unless ``contract`` says otherwise."""
    contract = more.pop("contract", AAA)
    order = Order(action=action, total_quantity=Decimal(quantity), order_type="MKT", **more)
    return PlaceOrder(order_id=order_id, contract=contract, order=order)


def limit(order_id: int, price: str, action: str = "BUY", quantity: int | str = 10, **more: Any) -> PlaceOrder:
    """A limit order in AAA."""
    order = Order(
        action=action,
        total_quantity=Decimal(quantity),
        order_type="LMT",
        lmt_price=Decimal(price),
        **more,
    )
    return PlaceOrder(order_id=order_id, contract=AAA, order=order)
