"""A day of somebody who knows IBKR's own client and nothing of us: python ibapi_day.py PORT SYMBOL.

Runs in an environment with ibapi alone. Its reader is brittle: a field too few or too many ends it, and then an
answer is missing here. Prints what it saw as JSON.
"""

# mypy: ignore-errors
# ibapi is in no environment of ours, and its callbacks are made at run time.

import json
import os
import sys
import threading
import traceback

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.wrapper import EWrapper

WAIT_SECONDS = 20
#: The type of a last price.
LAST = 4


class Client(EWrapper, EClient):
    """Keeps what it is told, by the name of the callback."""

    def __init__(self):
        EWrapper.__init__(self)
        EClient.__init__(self, self)
        self.told = {}
        self.news = threading.Condition()

    def keep(self, name, *said):
        with self.news:
            self.told.setdefault(name, []).append(said)
            self.news.notify_all()

    def wait(self, name, passes=lambda *said: True):
        """Return the first call of a callback that passes."""

        def found():
            return next((said for said in self.told.get(name, []) if passes(*said)), None)

        with self.news:
            if not self.news.wait_for(lambda: found() is not None, WAIT_SECONDS):
                raise TimeoutError(f"no {name}; told were {sorted(self.told)}, and the errors {self.told['error']}")
            return found()


def listener(name):
    return lambda client, *said: client.keep(name, *said)


for callback in vars(EWrapper):
    if not callback.startswith("_"):
        setattr(Client, callback, listener(callback))


def stock(symbol):
    contract = Contract()
    contract.symbol, contract.secType, contract.exchange, contract.currency = symbol, "STK", "SMART", "USD"
    return contract


def order(action, quantity, order_type, limit=None):
    made = Order()
    made.action, made.totalQuantity, made.orderType, made.orderRef = action, quantity, order_type, "foreign"
    if limit is not None:
        made.lmtPrice = limit
    return made


def main(port, symbol):
    client = Client()
    client.connect("127.0.0.1", port, 32)
    threading.Thread(target=client.run, daemon=True).start()
    (first,) = client.wait("nextValidId")
    client.reqAccountSummary(901, "All", "NetLiquidation")
    client.wait("accountSummaryEnd")
    client.reqAccountUpdates(True, "")
    client.wait("accountDownloadEnd")
    client.reqPositions()
    client.wait("positionEnd")
    client.reqMatchingSymbols(902, symbol)
    client.reqContractDetails(903, stock(symbol))
    client.wait("contractDetailsEnd")
    client.reqMktData(904, stock(symbol), "", False, False, [])
    _, _, last, _ = client.wait("tickPrice", lambda _, kind, price, attributes: kind == LAST)
    client.reqHistoricalData(905, stock(symbol), "", "5 D", "1 day", "TRADES", 1, 1, False, [])
    client.wait("historicalDataEnd")
    client.placeOrder(first, stock(symbol), order("BUY", 10, "MKT"))
    client.wait("commissionReport")
    client.placeOrder(first + 1, stock(symbol), order("BUY", 1, "LMT", round(0.5 * last, 2)))
    client.wait("orderStatus", lambda number, status, *_: (number, status) == (first + 1, "Submitted"))
    client.reqOpenOrders()
    client.wait("openOrderEnd")
    client.cancelOrder(first + 1)
    client.wait("orderStatus", lambda number, status, *_: (number, status) == (first + 1, "Cancelled"))
    preview = order("BUY", 10, "MKT")
    preview.whatIf = True
    client.placeOrder(first + 2, stock(symbol), preview)
    _, _, _, effect = client.wait("openOrder", lambda number, contract, placed, state: placed.whatIf)
    client.reqCompletedOrders(False)
    client.wait("completedOrdersEnd")
    client.reqExecutions(906, ExecutionFilter())
    client.wait("execDetailsEnd")
    client.reqCurrentTime()
    client.wait("currentTime")
    _, _, filled, _ = client.wait("openOrder", lambda number, contract, placed, state: state.status == "Filled")
    return summary(client, filled, effect)


def summary(client, filled, effect):
    """Return what the test looks at, in plain values."""
    told = client.told
    execution = told["execDetails"][0][2]
    return {
        "server_version": client.serverVersion(),
        "accounts": told["managedAccounts"][0][0],
        "net_liquidation": told["accountSummary"][0][3],
        "samples": [each.contract.symbol for each in told["symbolSamples"][0][1]],
        "long_name": told["contractDetails"][0][1].longName,
        "ticks": sorted({kind for _, kind, *_ in told["tickPrice"]}),
        "daily_bars": len(told["historicalData"]),
        "fill": [execution.orderRef, execution.shares, execution.price, execution.time],
        "order": [filled.action, filled.totalQuantity, filled.orderType, filled.orderRef, filled.tif],
        "commission": told["commissionReport"][0][0].commission,
        "statuses": [status for _, status, *_ in told["orderStatus"]],
        "completed": [[state.status, state.completedStatus] for _, _, state in told["completedOrder"]],
        "preview": [effect.commission, effect.initMarginChange],
        "positions": [[contract.symbol, position] for _, contract, position, _ in told["position"]],
        "portfolio": [[contract.symbol, position] for contract, position, *_ in told["updatePortfolio"]],
        "errors": [code for _, code, _ in told["error"]],
    }


if __name__ == "__main__":
    try:
        print(json.dumps(main(int(sys.argv[1]), sys.argv[2])), flush=True)
        status = 0
    except Exception:  # noqa: BLE001 - whatever it was, the process must end
        traceback.print_exc()
        status = 1
    os._exit(status)  # its reader is a thread that waits for ever
