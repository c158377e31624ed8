"""What ib_async, unmodified and over a socket, is told of money: margin, liquidation, profit, positions, what-ifs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal

import ib_async
import pytest

from bursar.gateway.borrow import Lending, Loan
from bursar.gateway.exchange import Exchange
from bursar.gateway.fees import BasisPoints
from bursar.gateway.hub import Hub
from bursar.gateway.margin import MarginRules
from bursar.gateway.server import Server
from bursar.gateway.terms import Terms
from tests.gateway.worlds import NOON, OPEN, Script, written

ACCOUNT, OTHER = "DU9000001", "DU9000002"
D = Decimal
#: AAA falls to 66 at noon.
FALLING: Script = {
    OPEN: {"AAA": ("100.00", "100.00"), "BBB": ("50.00", "50.00")},
    NOON: {"AAA": ("66.00", "66.00"), "BBB": ("50.00", "50.00")},
}
Play = Callable[[ib_async.IB, Server], Awaitable[None]]


def played(play: Play, caplog: pytest.LogCaptureFixture, **terms: object) -> None:
    """Let a client play at the opening bell of a falling day. Fails on anything that ib_async complains about."""
    usual = {"cash": D(10_000), "fees": BasisPoints(rate=D(0)), "margin": MarginRules(), **terms}

    async def script() -> None:
        hub = Hub(Exchange(written(FALLING, size="1000000"), Terms(**usual)))  # type: ignore[arg-type]
        while not hub.exchange.open:
            hub.step()
        async with Server(hub, barrier=False) as server:
            ib = ib_async.IB()
            ib.client.MaxRequests = 0
            await ib.connectAsync("127.0.0.1", server.port, clientId=0, raiseSyncErrors=True)
            try:
                await play(ib, server)
            finally:
                ib.disconnect()

    with caplog.at_level(logging.ERROR, logger="ib_async.decoder"):
        asyncio.run(script())
    assert not [record for record in caplog.records if record.name == "ib_async.decoder"], caplog.text


async def settled(ib: ib_async.IB) -> None:
    """Everything that the gateway has to say was heard."""
    await ib.reqCurrentTimeAsync()


def account(ib: ib_async.IB, name: str = ACCOUNT) -> dict[tuple[str, str], str]:
    return {(each.tag, each.currency): each.value for each in ib.accountValues(name)}


async def stock(ib: ib_async.IB, symbol: str = "AAA") -> ib_async.Contract:
    (found,) = await ib.qualifyContractsAsync(ib_async.Stock(symbol, "SMART", "USD"))
    assert isinstance(found, ib_async.Contract)
    return found


def market(action: str, quantity: int, account: str = ACCOUNT) -> ib_async.Order:
    return ib_async.MarketOrder(action, quantity, account=account)


def test_a_margin_account_borrows_and_is_liquidated_before_the_clients_eyes(caplog: pytest.LogCaptureFixture) -> None:
    async def play(ib: ib_async.IB, server: Server) -> None:
        aaa = await stock(ib)
        ib.placeOrder(aaa, market("BUY", 200))
        await settled(ib)
        told = account(ib)
        assert told["TotalCashValue", "USD"] == "-10000.00"
        assert (told["InitMarginReq", "USD"], told["MaintMarginReq", "USD"]) == ("10000.00", "5000.00")
        assert (told["AvailableFunds", "USD"], told["ExcessLiquidity", "USD"]) == ("0.00", "5000.00")
        assert (told["BuyingPower", "USD"], told["Cushion", ""]) == ("0.00", "0.500000")
        refused = ib.placeOrder(aaa, market("BUY", 1))
        await settled(ib)
        assert refused.log[-1].status in {"Cancelled", "Inactive"}
        assert any("MUST EXCEED THE INITIAL MARGIN [10050.00 USD]" in entry.message for entry in refused.log)
        server.step()  # noon: 3,200 of equity for 3,300 of maintenance
        await settled(ib)
        assert [position.position for position in ib.positions()] == [193]
        closing = ib.fills()[-1]
        assert (closing.execution.liquidation, closing.execution.shares, closing.execution.price) == (1, 7.0, 66.0)
        assert (closing.execution.clientId, closing.execution.orderId) == (0, -1)
        assert D(account(ib)["ExcessLiquidity", "USD"]) == D("15.50")

    played(play, caplog)


def test_profit_follows_prices_for_an_account_and_for_a_position(caplog: pytest.LogCaptureFixture) -> None:
    async def play(ib: ib_async.IB, server: Server) -> None:
        aaa = await stock(ib)
        ib.placeOrder(aaa, market("BUY", 50))
        await settled(ib)
        whole = ib.reqPnL(ACCOUNT)
        single = ib.reqPnLSingle(ACCOUNT, "", aaa.conId)
        await settled(ib)
        assert (whole.dailyPnL, whole.unrealizedPnL, whole.realizedPnL) == (0, 0, 0)
        assert (single.position, single.value) == (50, 5000)
        server.step()
        await settled(ib)
        assert (whole.dailyPnL, whole.unrealizedPnL, single.dailyPnL, single.value) == (-1700, -1700, -1700, 3300)
        ib.placeOrder(aaa, market("SELL", 20))
        await settled(ib)
        assert (whole.realizedPnL, whole.unrealizedPnL, single.position) == (-680, -1020, 30)
        ib.cancelPnL(ACCOUNT)
        ib.cancelPnLSingle(ACCOUNT, "", aaa.conId)
        await settled(ib)

    played(play, caplog)


def test_a_what_if_has_real_margin_numbers(caplog: pytest.LogCaptureFixture) -> None:
    async def play(ib: ib_async.IB, server: Server) -> None:
        del server
        aaa = await stock(ib)
        state = await ib.whatIfOrderAsync(aaa, market("SELL", 100))
        assert isinstance(state, ib_async.OrderState)
        # 10,000 short: half, and 30 %.
        numbers = [state.initMarginBefore, state.initMarginChange, state.initMarginAfter, state.maintMarginAfter]
        assert list(map(float, numbers)) == [0, 5_000, 5_000, 3_000]
        assert float(state.equityWithLoanAfter) == 10_000
        assert ib.positions() == []

    played(play, caplog)


def test_a_summary_and_a_portfolio_agree_with_the_values(caplog: pytest.LogCaptureFixture) -> None:
    async def play(ib: ib_async.IB, server: Server) -> None:
        del server
        aaa, bbb = await stock(ib), await stock(ib, "BBB")
        ib.placeOrder(aaa, market("BUY", 30))
        ib.placeOrder(bbb, market("SELL", 40))
        await settled(ib)
        summary = {(each.tag, each.currency): each.value for each in await ib.accountSummaryAsync(ACCOUNT)}
        told = account(ib)
        shared = summary.keys() & told.keys()
        assert len(shared) > 40
        assert {key: summary[key] for key in shared} == {key: told[key] for key in shared}
        rows = {item.contract.symbol: (item.position, item.marketValue) for item in ib.portfolio()}
        assert rows == {"AAA": (30, 3000), "BBB": (-40, -2000)}
        assert told["GrossPositionValue", "USD"] == "5000.00"
        assert told["StockMarketValue", "BASE"] == "1000.00"

    played(play, caplog)


def test_a_short_without_shares_is_held_with_404_and_locate(caplog: pytest.LogCaptureFixture) -> None:
    lending = Lending(loans=(Loan(symbol="AAA", fee=D(5), shares=D(10)),))

    async def play(ib: ib_async.IB, server: Server) -> None:
        del server
        aaa = await stock(ib)
        errors: list[int] = []
        ib.errorEvent += lambda number, code, text, contract: errors.append(code)
        held = ib.placeOrder(aaa, market("SELL", 11))
        done = ib.placeOrder(aaa, market("SELL", 10))
        await settled(ib)
        assert 404 in errors
        assert held.orderStatus.whyHeld == "locate"
        assert done.orderStatus.status == "Filled"

    played(play, caplog, lending=lending)


def test_an_advisers_accounts_are_named_after_the_masters(caplog: pytest.LogCaptureFixture) -> None:
    async def play(ib: ib_async.IB, server: Server) -> None:
        del server
        assert ib.managedAccounts() == ["DF9000001", ACCOUNT, OTHER]
        aaa = await stock(ib)
        ib.placeOrder(aaa, market("BUY", 10, OTHER))
        nobody = ib.placeOrder(aaa, ib_async.MarketOrder("BUY", 10))
        masters = ib.placeOrder(aaa, market("BUY", 10, "DF9000001"))
        await settled(ib)
        assert [(each.account, each.position) for each in ib.positions()] == [(OTHER, 10)]
        assert "You must specify an account" in nobody.log[-1].message
        assert "Invalid account 'DF9000001'" in masters.log[-1].message
        assert account(ib, OTHER)["NetLiquidation", "USD"] == "10000.00"
        # The master's values are those of its clients together.
        assert account(ib, "DF9000001")["NetLiquidation", "USD"] == "20000.00"
        assert account(ib, "DF9000001")["GrossPositionValue", "USD"] == "1000.00"

    played(play, caplog, accounts=(ACCOUNT, OTHER), adviser="DF9000001")
