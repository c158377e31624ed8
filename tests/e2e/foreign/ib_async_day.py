"""A day of somebody who knows ib_async and nothing of us: python ib_async_day.py PORT SYMBOL.

Runs in an environment without Bursar. Prints what it saw as JSON; fails on a line of ib_async's log that says that
a message could not be read.
"""

import json
import logging
import sys

from ib_async import IB, LimitOrder, MarketOrder, Stock


class Complaints(logging.Handler):
    """Keeps the lines in which ib_async says that it could not read a message."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if "Error handling fields" in line or "Error for" in line or "request timed out" in line:
            self.lines.append(line)


def main(port: int, symbol: str) -> dict[str, object]:
    complaints = Complaints()
    logging.getLogger("ib_async").addHandler(complaints)
    ib = IB()
    ib.RaiseRequestErrors = True
    ib.connect("127.0.0.1", port, clientId=31, raiseSyncErrors=True)
    values = {value.tag: value.value for value in ib.accountValues()}
    summary = {value.tag: value.value for value in ib.accountSummary()}
    looks_like = [each.contract for each in ib.reqMatchingSymbols(symbol) if each.contract]
    (found,) = [each for each in looks_like if each.symbol == symbol]
    stock = Stock(symbol, "SMART", "USD")
    (details,) = ib.reqContractDetails(stock)
    assert details.contract
    ib.qualifyContracts(stock)
    ticker = ib.reqMktData(stock)
    (snapshot,) = ib.reqTickers(stock)
    days = ib.reqHistoricalData(stock, "", "5 D", "1 day", "TRADES", True)
    minutes = ib.reqHistoricalData(stock, "", "1 D", "30 mins", "TRADES", True, formatDate=2)
    bought = ib.placeOrder(stock, MarketOrder("BUY", 10, orderRef="foreign"))
    ib.reqCurrentTime()
    resting = ib.placeOrder(stock, LimitOrder("BUY", 1, round(0.5 * ticker.last, 2)))
    ib.reqCurrentTime()
    working = [trade.order.orderId for trade in ib.reqOpenOrders()]
    ib.cancelOrder(resting.order)
    ib.reqCurrentTime()
    preview = ib.whatIfOrder(stock, MarketOrder("BUY", 10))
    done = [trade.orderStatus.status for trade in ib.reqCompletedOrders(False)]
    executions = ib.reqExecutions()
    told = {
        "server_version": ib.client.serverVersion(),
        "accounts": ib.managedAccounts(),
        "net_liquidation": [values["NetLiquidation"], summary["NetLiquidation"]],
        "con_ids": [found.conId, details.contract.conId, stock.conId],
        "long_name": details.longName,
        "tick": [ticker.bid, ticker.ask, ticker.last],
        "snapshot": [snapshot.bid, snapshot.ask],
        "daily_bars": len(days),
        "intraday_bars": [str(bar.date) for bar in minutes],
        "fills": [[fill.execution.shares, fill.execution.price, fill.execution.orderRef] for fill in bought.fills],
        "commissions": [fill.commissionReport.commission for fill in bought.fills],
        "statuses": [bought.orderStatus.status, resting.orderStatus.status],
        "was_working": working == [resting.order.orderId],
        "completed": done,
        "preview_commission": preview.commission,
        "executions": len(executions),
        "positions": [[each.contract.symbol, each.position] for each in ib.positions()],
        "portfolio": [[each.contract.symbol, each.position] for each in ib.portfolio()],
        "complaints": complaints.lines,
    }
    ib.disconnect()
    return told


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), sys.argv[2])))
