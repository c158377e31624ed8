"""What a version of IBKR's own client can do at a gateway, one by one: matrix_ibapi.py PORT FAULTY ADVISED.

At the port FAULTY stands another gateway, whose time flows and whose faults FAULTS in test_foreign_clients.py lists. At
ADVISED one of an adviser, with a pair of currencies and an order that was made by hand.

Runs in an environment with that client alone, unmodified. Prints a mark for each capability as JSON: works, cannot
(with the reason why this client, or the version that it speaks, cannot carry it) or fails (with what went wrong). Its
reader is brittle: a field too few or too many ends it or is logged as an error, and either fails the capability in
which it came.
"""

# mypy: ignore-errors
# ibapi is in no environment of ours, and its callbacks are made at run time.

import inspect
import json
import logging
import os
import sys
import threading
import time

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.order_condition import PriceCondition, TimeCondition
from ibapi.wrapper import EWrapper

PORT, FAULTY, ADVISED = map(int, sys.argv[1:4])
ACCOUNT, OTHER = "DU9000001", "DU9000002"
WAIT_SECONDS = 20
BID, LATE_BID = 1, 66
CAPABILITIES = {}
COMPLAINTS = []
GROUPS = (
    '<?xml version="1.0" encoding="UTF-8"?><ListOfGroups><Group><name>Both</name>'
    '<defaultMethod>EqualQuantity</defaultMethod><ListOfAccts varName="list"><String>DU9000001</String>'
    "<String>DU9000002</String></ListOfAccts></Group></ListOfGroups>"
)


class CannotError(Exception):
    """This client cannot carry it."""


class Complaints(logging.Handler):
    def emit(self, record):
        COMPLAINTS.append(record.getMessage()[:300])


def capability(function):
    CAPABILITIES[function.__name__] = function
    return function


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

    def wait(self, name, passes=lambda *said: True, since=0):
        """Return the first call of a callback, from some place on, that passes."""

        def found():
            return next((said for said in self.told.get(name, [])[since:] if passes(*said)), None)

        with self.news:
            if not self.news.wait_for(lambda: found() is not None, WAIT_SECONDS):
                raise TimeoutError(f"no {name}; the errors are {self.told.get('error', [])[-3:]}")
            return found()


def listener(name):
    return lambda client, *said: client.keep(name, *said)


for callback in vars(EWrapper):
    if not callback.startswith("_"):
        setattr(Client, callback, listener(callback))

#: At which place of an error its code stands: newer clients tell the time before it.
CODE = [*inspect.signature(EWrapper.error).parameters].index("errorCode") - 1
COMMISSION = "commissionAndFeesReport" if hasattr(EWrapper, "commissionAndFeesReport") else "commissionReport"


def cancellation(*arguments):
    """The arguments of a cancellation, of which every line of versions has its own."""
    wanted = len(inspect.signature(EClient.cancelOrder).parameters) - 2
    if not wanted:
        return arguments
    try:
        from ibapi.order_cancel import OrderCancel
    except ImportError:
        return (*arguments, "") if arguments else ()
    return (*arguments, OrderCancel())


def stock(symbol="MSFT"):
    contract = Contract()
    contract.symbol, contract.secType, contract.exchange, contract.currency = symbol, "STK", "SMART", "USD"
    return contract


def made(action, quantity, order_type, **more):
    order = Order()
    order.action, order.totalQuantity, order.orderType, order.account = action, quantity, order_type, ACCOUNT
    for name, value in more.items():
        setattr(order, name, value)
    return order


def again(port, client_id):
    """A new connection, as soon as the gateway lets us in: it learns a little later that we are gone."""
    for _ in range(50):
        day = Day()
        client = day.client
        client.connect("127.0.0.1", port, client_id)
        threading.Thread(target=client.run, daemon=True).start()
        with client.news:
            client.news.wait_for(lambda told=client.told: "nextValidId" in told or 326 in codes_of(told), 1)
        if "nextValidId" in client.told:
            ((day.number,),) = client.told["nextValidId"]
            return day
        client.disconnect()
        time.sleep(0.1)
    raise AssertionError("it lets nobody in")


def codes_of(told):
    return [said[CODE] for said in told.get("error", [])]


class Day:
    def __init__(self):
        self.client = Client()
        self.number = 0
        self.request = 900

    @property
    def codes(self):
        return codes_of(self.client.told)

    def next(self):
        self.request += 1
        return self.request

    def settled(self):
        """Everything that the gateway had to say is here, since it answers in order."""
        told = len(self.client.told.get("currentTime", []))
        self.client.reqCurrentTime()
        self.client.wait("currentTime", since=told)

    def state(self, number):
        return [said[1] for said in self.client.told.get("orderStatus", []) if said[0] == number][-1:]

    def place(self, order, symbol="MSFT", number=None):
        if number is None:
            number, self.number = self.number, self.number + 1
        self.client.placeOrder(number, stock(symbol), order)
        self.settled()
        return number

    def working(self, order, states=("Submitted", "PreSubmitted")):
        """Place an order that rests, look at it, and take it back."""
        number = self.place(order)
        assert self.state(number)[0] in states, (self.state(number), self.client.told.get("error", [])[-1:])
        _, _, told, _ = self.client.wait("openOrder", lambda each, *_: each == number)
        assert told.orderType == order.orderType, told.orderType
        self.client.cancelOrder(*cancellation(number))
        self.settled()
        assert self.state(number) == ["Cancelled"], self.state(number)
        return told

    def bid(self, symbol="MSFT"):
        number = self.next()
        self.client.reqMktData(number, stock(symbol), "", True, False, [])
        self.client.wait("tickSnapshotEnd", lambda each: each == number)
        said = self.client.wait("tickPrice", lambda each, kind, *_: (each, kind) == (number, BID))
        assert said[2] > 0
        return said[2]

    def limit(self, action, quantity, factor, **more):
        return made(action, quantity, "LMT", lmtPrice=round(self.bid() * factor, 2), **more)


@capability
def connecting(day):
    client = day.client
    client.connect("127.0.0.1", PORT, 32)
    threading.Thread(target=client.run, daemon=True).start()
    (day.number,) = client.wait("nextValidId")
    assert client.wait("managedAccounts")[0] == f"{ACCOUNT},{OTHER}"
    return str(client.serverVersion())


@capability
def a_client_id_in_use(day):
    second = Client()
    second.connect("127.0.0.1", PORT, 32)
    threading.Thread(target=second.run, daemon=True).start()
    second.wait("error", lambda *said: said[CODE] == 326)


@capability
def account_values(day):
    day.client.reqAccountUpdates(True, ACCOUNT)
    day.client.wait("accountDownloadEnd")
    values = {said[0]: said[1] for said in day.client.told["updateAccountValue"]}
    assert float(values["NetLiquidation"]) == 100000, values


@capability
def account_summary(day):
    number = day.next()
    day.client.reqAccountSummary(number, "All", "NetLiquidation")
    day.client.wait("accountSummaryEnd")
    values = {said[1]: said[3] for said in day.client.told["accountSummary"]}
    assert float(values[ACCOUNT]) == float(values[OTHER]) == 100000
    day.client.cancelAccountSummary(number)


@capability
def contract_details(day):
    number = day.next()
    day.client.reqContractDetails(number, stock())
    day.client.wait("contractDetailsEnd", lambda each: each == number)
    assert day.client.told["contractDetails"][0][1].longName == "MSFT, made up"


@capability
def the_smallest_size(day):
    number = day.next()
    day.client.reqContractDetails(number, stock("AAPL"))
    details = day.client.wait("contractDetails", lambda each, _: each == number)[1]
    day.client.wait("contractDetailsEnd", lambda each: each == number)
    if not hasattr(details, "minSize"):
        raise CannotError(f"version {day.client.serverVersion()} does not tell it")
    assert float(details.minSize) == 0.0001, details


@capability
def an_unknown_contract(day):
    day.client.reqContractDetails(day.next(), stock("NOPE"))
    day.settled()
    assert 200 in day.codes


@capability
def matching_symbols(day):
    day.client.reqMatchingSymbols(day.next(), "MSF")
    _, samples = day.client.wait("symbolSamples")
    assert "MSFT" in [each.contract.symbol for each in samples]


@capability
def streaming_prices(day):
    number = day.next()
    day.client.reqMktData(number, stock(), "", False, False, [])
    day.client.wait("tickPrice", lambda each, kind, *_: (each, kind) == (number, BID))
    assert day.client.wait("marketDataType", lambda each, _: each == number)[1] == 1
    day.client.cancelMktData(number)


@capability
def a_snapshot(day):
    assert day.bid() > 0


@capability
def delayed_prices(day):
    number = day.next()
    day.client.reqMarketDataType(3)
    day.client.reqMktData(number, stock("SPY"), "", False, False, [])  # of which this log-in has no live data
    day.client.wait("tickPrice", lambda each, kind, *_: (each, kind) == (number, LATE_BID))
    assert day.client.wait("marketDataType", lambda each, _: each == number)[1] == 3
    assert 10167 in day.codes
    day.client.cancelMktData(number)
    day.client.reqMarketDataType(1)


@capability
def prices_without_permission(day):
    day.client.reqMktData(day.next(), stock("SPY"), "", False, False, [])
    day.settled()
    assert 354 in day.codes


def bars(day, duration, size, style):
    number = day.next()
    day.client.reqHistoricalData(number, stock(), "", duration, size, "TRADES", 1, style, False, [])
    day.client.wait("historicalDataEnd", lambda each, *_: each == number)
    return [bar for each, bar in day.client.told["historicalData"] if each == number]


@capability
def daily_bars(day):
    assert len(bars(day, "5 D", "1 day", 1)) == 5


@capability
def bars_within_the_day(day):
    assert str(bars(day, "1 D", "30 mins", 2)[0].date) == "1641220200"  # 3 January 2022, 14:30 UTC


@capability
def a_market_order(day):
    number = day.place(made("BUY", 10, "MKT", orderRef="foreign"))
    assert day.state(number) == ["Filled"], day.client.told.get("error", [])[-1:]
    _, _, execution = day.client.wait("execDetails")
    assert (float(execution.shares), execution.orderRef) == (10, "foreign")
    (report,) = day.client.wait(COMMISSION)
    assert getattr(report, "commissionAndFees", getattr(report, "commission", 0)) > 0


@capability
def positions(day):
    day.client.reqPositions()
    day.client.wait("positionEnd")
    assert [(said[1].symbol, float(said[2])) for said in day.client.told["position"]] == [("MSFT", 10)]


@capability
def the_portfolio(day):
    day.settled()
    contract, quantity, *_ = day.client.told["updatePortfolio"][-1]
    assert (contract.symbol, float(quantity)) == ("MSFT", 10)


@capability
def profit_as_it_moves(day):
    number = day.next()
    day.client.reqPnL(number, ACCOUNT, "")
    said = day.client.wait("pnl", lambda each, *_: each == number)
    assert len(said) == 4, said
    day.client.cancelPnL(number)


@capability
def profit_of_one_position(day):
    number = day.next()
    contract = day.client.told["contractDetails"][0][1].contract
    day.client.reqPnLSingle(number, ACCOUNT, "", contract.conId)
    said = day.client.wait("pnlSingle", lambda each, *_: each == number)
    assert float(said[1]) == 10, said
    day.client.cancelPnLSingle(number)


@capability
def a_limit_order(day):
    day.working(day.limit("BUY", 1, 0.5))


@capability
def a_change_of_an_order(day):
    order = day.limit("BUY", 1, 0.5)
    number = day.place(order)
    order.totalQuantity = 2
    day.place(order, number=number)
    told = [said[2] for said in day.client.told["openOrder"] if said[0] == number]
    assert float(told[-1].totalQuantity) == 2
    day.client.cancelOrder(*cancellation(number))
    day.settled()


@capability
def a_stop(day):
    day.working(made("SELL", 10, "STP", auxPrice=round(day.bid() * 0.5, 2)))


@capability
def a_stop_limit(day):
    bid = day.bid()
    day.working(made("SELL", 10, "STP LMT", lmtPrice=round(bid * 0.4, 2), auxPrice=round(bid * 0.5, 2)))


@capability
def a_trailing_stop(day):
    day.working(made("SELL", 10, "TRAIL", trailingPercent=20.0))


@capability
def a_trailing_stop_limit(day):
    bid = day.bid()
    prices = {"auxPrice": round(bid * 0.2, 2), "trailStopPrice": round(bid * 0.8, 2), "lmtPriceOffset": 0.5}
    day.working(made("SELL", 10, "TRAIL LIMIT", **prices))


@capability
def at_the_close(day):
    day.working(made("SELL", 10, "MOC"))


@capability
def at_the_close_within_a_limit(day):
    day.working(made("SELL", 10, "LOC", lmtPrice=round(day.bid() * 1.5, 2)))


@capability
def good_till_canceled(day):
    day.working(day.limit("BUY", 1, 0.5, tif="GTC"))


@capability
def good_till_a_date(day):
    day.working(day.limit("BUY", 1, 0.5, tif="GTD", goodTillDate="20220104 15:00:00 US/Eastern"))


@capability
def immediate_or_cancel(day):
    assert day.state(day.place(day.limit("BUY", 1, 0.5, tif="IOC"))) == ["Cancelled"]


@capability
def fill_or_kill(day):
    assert day.state(day.place(day.limit("BUY", 1, 0.5, tif="FOK"))) == ["Cancelled"]


@capability
def a_bracket(day):
    parent = day.place(day.limit("BUY", 1, 0.5, transmit=False))
    target = day.place(day.limit("SELL", 1, 1.5, parentId=parent, transmit=False))
    stop = day.place(made("SELL", 1, "STP", auxPrice=round(day.bid() * 0.4, 2), parentId=parent))
    states = [day.state(number) for number in (parent, target, stop)]
    assert states == [["Submitted"], ["PreSubmitted"], ["PreSubmitted"]], states
    day.client.cancelOrder(*cancellation(parent))
    day.settled()
    assert {day.state(number)[0] for number in (parent, target, stop)} == {"Cancelled"}


@capability
def one_cancels_the_others(day):
    group = {"ocaGroup": "pair", "ocaType": 1}
    orders = [day.limit("BUY", 1, factor, **group) for factor in (0.5, 0.4)]
    numbers = [day.place(order) for order in orders]
    orders[0].lmtPrice = round(day.bid() * 1.05, 2)
    day.place(orders[0], number=numbers[0])
    assert [day.state(number) for number in numbers] == [["Filled"], ["Cancelled"]]
    day.place(made("SELL", 1, "MKT"))


@capability
def a_price_condition(day):
    contract = day.client.told["contractDetails"][0][1].contract
    price = round(day.bid() * 2, 2)
    order = day.limit("BUY", 1, 0.5)
    order.conditions = [PriceCondition(0, contract.conId, "SMART", True, price)]
    told = day.working(order)
    assert told.conditions[0].price == price


@capability
def a_time_condition(day):
    order = day.limit("BUY", 1, 0.5)
    order.conditions = [TimeCondition(True, "20220104 15:00:00 US/Eastern")]
    told = day.working(order)
    assert told.conditions[0].time.startswith("20220104 15:00:00")


@capability
def outside_regular_hours(day):
    day.working(day.limit("BUY", 1, 0.5, outsideRth=True))


@capability
def a_fraction_of_a_share(day):
    half = 0.5
    if "Decimal" in str(inspect.signature(EWrapper.orderStatus)):
        from decimal import Decimal

        half = Decimal("0.5")
    number = day.place(made("BUY", half, "MKT"), "AAPL")
    assert day.state(number) == ["Filled"], day.client.told.get("error", [])[-1:]
    execution = day.client.wait("execDetails", lambda _, contract, told: contract.symbol == "AAPL")[2]
    assert float(execution.shares) == 0.5
    day.place(made("SELL", half, "MKT"), "AAPL")


@capability
def what_an_order_would_do(day):
    day.place(made("BUY", 10, "MKT", whatIf=True))
    state = day.client.wait("openOrder", lambda number, contract, order, state: order.whatIf)[3]
    assert getattr(state, "commissionAndFees", getattr(state, "commission", 0)) > 0
    assert float(state.initMarginChange) > 0


@capability
def too_much_for_the_money(day):
    number = day.place(made("BUY", 1_000_000, "MKT"))
    assert 201 in day.codes
    assert number not in [said[2].orderId for said in day.client.told["execDetails"]]


@capability
def open_orders_of_everybody(day):
    number = day.place(day.limit("BUY", 1, 0.5))
    told = len(day.client.told["openOrder"])
    day.client.reqAllOpenOrders()
    day.client.wait("openOrderEnd")
    assert number in [said[0] for said in day.client.told["openOrder"][told:]]


@capability
def canceling_everything(day):
    day.client.reqGlobalCancel(*cancellation())
    day.settled()
    told = len(day.client.told["openOrder"])
    day.client.reqAllOpenOrders()
    day.settled()
    assert day.client.told["openOrder"][told:] == []


@capability
def completed_orders(day):
    day.client.reqCompletedOrders(False)
    day.client.wait("completedOrdersEnd")
    states = {state.status for _, _, state in day.client.told["completedOrder"]}
    assert {"Filled", "Cancelled"} <= states, states


@capability
def executions(day):
    number = day.next()
    day.client.reqExecutions(number, ExecutionFilter())
    day.client.wait("execDetailsEnd", lambda each: each == number)
    assert "foreign" in [said[2].orderRef for said in day.client.told["execDetails"] if said[0] == number]


@capability
def coming_back(day):
    """What it asks for when it connects again holds all that happened."""
    day.client.disconnect()
    back = again(PORT, 32)
    client = back.client
    assert back.number >= day.number
    client.reqExecutions(901, ExecutionFilter())
    client.wait("execDetailsEnd")
    assert "foreign" in [said[2].orderRef for said in client.told["execDetails"]]


# ---------------------------------------------------------------- at the gateway that goes wrong


@capability
def an_order_that_nobody_confirmed(_):
    """The line breaks after it, and it is found again where it was filled."""
    day = again(FAULTY, 33)
    day.client.placeOrder(day.number, stock(), made("BUY", 10, "MKT", orderRef="lost"))
    day.client.wait("connectionClosed")
    day = again(FAULTY, 33)
    day.client.reqExecutions(901, ExecutionFilter())
    day.client.wait("execDetailsEnd")
    assert [said[2].orderRef for said in day.client.told["execDetails"]] == ["lost"]
    day.client.disconnect()


@capability
def an_execution_told_twice(_):
    day = again(FAULTY, 34)
    day.place(made("BUY", 1, "MKT"))
    first, second = (said[2].execId for said in day.client.told["execDetails"])
    assert first == second
    day.client.disconnect()


@capability
def a_commission_that_is_none(_):
    day = again(FAULTY, 35)

    def commission(report):
        return float(getattr(report, "commissionAndFees", getattr(report, "commission", 0)))

    day.place(made("BUY", 1, "MKT"))
    assert commission(day.client.told[COMMISSION][0][0]) > 1e300
    day.client.wait(COMMISSION, lambda report: 0 < commission(report) < 10)
    day.client.disconnect()


@capability
def ibkr_out_of_reach(_):
    day = again(FAULTY, 36)
    day.client.reqIds(1)
    day.client.wait("error", lambda *said: said[CODE] == 1102)
    assert next(code for code in day.codes if code in (1100, 1102)) == 1100
    day.client.disconnect()


@capability
def an_execution_corrected(_):
    """The same id with a last part one higher, and a cent less."""
    day = again(FAULTY, 37)
    day.place(made("BUY", 1, "MKT"))
    first = day.client.wait("execDetails")[2]
    second = day.client.wait("execDetails", lambda *said: said[2].execId != first.execId)[2]
    assert second.execId == first.execId[:-2] + "02", (first.execId, second.execId)
    assert round(first.price - second.price, 4) == 0.01, (first.price, second.price)
    day.client.disconnect()


# ---------------------------------------------------------------- at the gateway of an adviser


@capability
def an_exchange_of_currencies(_):
    day = again(ADVISED, 41)
    pair = Contract()
    pair.symbol, pair.secType, pair.exchange, pair.currency = "EUR", "CASH", "IDEALPRO", "USD"
    day.client.placeOrder(day.number, pair, made("BUY", 5000, "MKT"))
    day.settled()
    assert day.state(day.number) == ["Filled"], day.client.told.get("error", [])[-1:]
    day.client.reqAccountUpdates(True, ACCOUNT)
    said = day.client.wait("updateAccountValue", lambda *said: said[0] == "CashBalance" and said[2] == "EUR")
    assert float(said[1]) == 5000.0, said
    day.client.disconnect()


@capability
def an_order_for_a_group(_):
    day = again(ADVISED, 42)
    day.client.replaceFA(71, 1, GROUPS)
    assert day.client.wait("replaceFAEnd")[0] == 71
    day.client.requestFA(1)
    assert day.client.wait("receiveFA")[1] == GROUPS
    number = day.place(made("BUY", 10, "MKT", account="", faGroup="Both"), "AAA")
    assert day.state(number) == ["Filled"], day.client.told.get("error", [])[-1:]
    dealt = [(said[2].acctNumber, float(said[2].shares)) for said in day.client.told["execDetails"]]
    assert dealt == [(ACCOUNT, 5.0), (OTHER, 5.0)], dealt
    day.client.disconnect()


@capability
def an_order_made_by_hand(_):
    """Client 0 is told of it, has it bound to a number, and takes it back by that."""
    day = again(ADVISED, 0)
    day.client.reqAutoOpenOrders(True)
    day.client.wait("orderBound")
    day.client.reqOpenOrders()
    number = day.client.wait("openOrder")[0]
    assert number < 0, number
    day.client.cancelOrder(*cancellation(number))
    day.settled()
    assert day.state(number) == ["Cancelled"], day.client.told.get("error", [])[-1:]
    day.client.disconnect()


def main():
    logging.getLogger().addHandler(Complaints(logging.ERROR))
    threading.excepthook = lambda broke: COMPLAINTS.append(f"its reader ended: {broke.exc_value!r}")
    day, marks = Day(), {}
    for name, function in CAPABILITIES.items():
        COMPLAINTS.clear()
        try:
            marks[name] = ["works", function(day) or ""]
        except CannotError as error:
            marks[name] = ["cannot", str(error)]
        except Exception as error:  # noqa: BLE001 - whatever it was, it is the answer
            marks[name] = ["fails", f"{type(error).__name__}: {error}"[:600]]
        if COMPLAINTS:
            marks[name] = ["fails", "; ".join(COMPLAINTS)]
    if 320 in day.codes:
        marks["connecting"] = ["fails", "the gateway could not read a message"]
    print(json.dumps(marks), flush=True)


if __name__ == "__main__":
    main()
    os._exit(0)  # its readers are threads that wait for ever
