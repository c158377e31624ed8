"""How to test a trading bot that knows nothing of Bursar: it talks to ib_async, and the gateway answers.

The fixture ``gateway`` comes from ``bursar.testing``; one line of ``conftest.py`` fetches it.

Run it: pytest examples/test_someone_elses_bot.py
"""

from collections.abc import Iterator

import pytest
from ib_async import IB, LimitOrder, MarketOrder, Stock, Trade

from bursar.testing import RunningGateway

# ---------------------------------------------------------------- the bot, as somebody wrote it


class DipBuyer:
    """Buys ten shares when the price falls one percent below where it was first seen, and rests a profit order."""

    def __init__(self, ib: IB, symbol: str) -> None:
        self.ib = ib
        self.contract = Stock(symbol, "SMART", "USD")
        ib.qualifyContracts(self.contract)
        self.ticker = ib.reqMktData(self.contract)
        self.reference = float("nan")
        self.bought: Trade | None = None
        self.exit: Trade | None = None

    def on_tick(self) -> None:
        """Look at the last price and act."""
        price = self.ticker.last
        if not price > 0:
            return
        if not self.reference > 0:
            self.reference = price
        if self.bought is None and price < 0.99 * self.reference:
            self.bought = self.ib.placeOrder(self.contract, MarketOrder("BUY", 10))
        elif self.bought is not None and self.exit is None and self.bought.isDone():
            target = round(1.02 * self.bought.orderStatus.avgFillPrice, 2)
            self.exit = self.ib.placeOrder(self.contract, LimitOrder("SELL", 10, target, tif="GTC"))


# ---------------------------------------------------------------- its tests


@pytest.fixture
def ib(gateway: RunningGateway) -> Iterator[IB]:
    """Connect a client to the gateway of this test."""
    client = IB()
    client.connect("127.0.0.1", gateway.port, clientId=7, raiseSyncErrors=True)
    yield client
    client.disconnect()


def play(gateway: RunningGateway, ib: IB, bot: DipBuyer, instants: int) -> None:
    """Let the market go on, and the bot see each instant of it."""
    for _ in range(instants):
        gateway.step()
        ib.reqCurrentTime()  # the answer comes after all that the step had to say
        bot.on_tick()


def test_the_bot_buys_a_dip_and_rests_its_exit(gateway: RunningGateway, ib: IB) -> None:
    gateway.open_market()
    bot = DipBuyer(ib, "AAPL")
    play(gateway, ib, bot, instants=240)
    assert bot.bought is not None
    assert bot.exit is not None
    (fill,) = bot.bought.fills
    assert fill.execution.price < 0.995 * bot.reference
    assert fill.commissionReport.commission > 0
    assert bot.exit.order.lmtPrice == round(1.02 * fill.execution.avgPrice, 2)


def test_the_bot_does_nothing_before_the_market_opens(gateway: RunningGateway, ib: IB) -> None:
    bot = DipBuyer(ib, "AAPL")
    bot.on_tick()
    assert bot.bought is None
    assert ib.positions() == []
