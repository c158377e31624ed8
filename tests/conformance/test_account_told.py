"""What two brokers tell of one account in several currencies is the same: cash, margin, and rates of exchange."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from bursar.adapters.clock import ReplayClock
from bursar.adapters.ib import connect
from bursar.adapters.ib_connection import Address
from bursar.adapters.simulated import SimulatedBroker
from bursar.domain.accounts import AccountSnapshot
from bursar.gateway.exchange import Exchange
from bursar.gateway.fees import BasisPoints
from bursar.gateway.hub import Hub
from bursar.gateway.margin import MarginRules
from bursar.gateway.server import Server
from bursar.gateway.terms import Terms
from tests.gateway.test_currencies import ACCOUNT, world
from tests.gateway.worlds import order

D = Decimal


def abroad() -> Exchange:
    """20,000 dollars on margin, and 100 SAP bought at 100.00 euros each: the euros are owed."""
    exchange = Exchange(world(), Terms(cash=D(20_000), fees=BasisPoints(rate=D(0)), margin=MarginRules()))
    exchange.advance()
    exchange.place(order(1, "BUY", 100, "SAP"))
    return exchange


async def over_tcp(exchange: Exchange) -> AccountSnapshot:
    async with Server(Hub(exchange)) as server:
        address = Address(account=ACCOUNT, port=server.port)
        shares = {symbol: each for symbol, each in world().listed.items() if symbol == "SAP"}
        broker, _ = await connect(address, shares, world().sessions, clock=ReplayClock(world().sessions[0].open))
        told = await broker.account()
        broker.connection.close()
        await asyncio.sleep(0)
        return told


def test_margin_and_rates_are_told_alike_over_the_wire_and_in_process() -> None:
    exchange = abroad()
    near = asyncio.run(SimulatedBroker(exchange).account())
    # Worth 11,000 dollars at 1.10: a quarter of it is required, and all of it is owed in euros.
    assert near.cash == {"USD": D(20_000), "EUR": D(-10_000)}
    assert near.rates == {"EUR": D("1.1")}
    assert (near.maintenance, near.equity, near.called_at) == (D(2750), D(20_000), D("0.1375"))
    far = asyncio.run(over_tcp(exchange))
    assert (far.cash, far.rates, far.maintenance, far.equity) == (near.cash, near.rates, near.maintenance, near.equity)
