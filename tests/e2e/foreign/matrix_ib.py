"""What ib_async, or ib_insync, can do at a gateway, capability by capability: python matrix_ib.py PORT FAULTY ADVISED.

At the port FAULTY stands another gateway, whose time flows and whose faults FAULTS in test_foreign_clients.py lists. At
ADVISED one of an adviser, with a pair of currencies and an order that was made by hand.

Runs in an environment with that client alone, unmodified. Prints a mark for each capability as JSON: works, cannot
(with the reason why this client, or the version that it speaks, cannot carry it) or fails (with what went wrong). A
line of the client's log that says that a message could not be read fails the capability in which it came.
"""

# mypy: ignore-errors
# One of two clients is there, and neither is in every environment of ours.

import contextlib
import json
import logging
import sys

try:
    import ib_async as lib
except ImportError:
    import ib_insync as lib

PORT, FAULTY, ADVISED = map(int, sys.argv[1:4])
ACCOUNT, OTHER = "DU9000001", "DU9000002"
COMPLAINTS = []
GROUPS = (
    '<?xml version="1.0" encoding="UTF-8"?><ListOfGroups><Group><name>Both</name>'
    '<defaultMethod>EqualQuantity</defaultMethod><ListOfAccts varName="list"><String>DU9000001</String>'
    "<String>DU9000002</String></ListOfAccts></Group></ListOfGroups>"
)
WORRYING = ("Error handling fields", "request timed out", "Error decoding")
CAPABILITIES = {}


class CannotError(Exception):
    """This client cannot carry it."""


class Complaints(logging.Handler):
    def emit(self, record):
        line = record.getMessage()
        if any(word in line for word in WORRYING):
            COMPLAINTS.append(line[:300])


def capability(function):
    CAPABILITIES[function.__name__] = function
    return function


def stock(symbol="MSFT"):
    return lib.Stock(symbol, "SMART", "USD")


class Day:
    def __init__(self):
        self.ib = lib.IB()
        self.codes = []
        self.ib.errorEvent += lambda number, code, *_: self.codes.append(code)

    def settled(self):
        """Everything that the gateway had to say is here, since it answers in order."""
        self.ib.reqCurrentTime()

    def place(self, order, symbol="MSFT"):
        order.account = order.account or ACCOUNT
        trade = self.ib.placeOrder(stock(symbol), order)
        self.settled()
        return trade

    def working(self, order, symbol="MSFT", states=("Submitted", "PreSubmitted")):
        """Place an order that rests, look at it, and take it back."""
        trade = self.place(order, symbol)
        assert trade.orderStatus.status in states, (trade.orderStatus.status, trade.log)
        told = next(each for each in self.ib.reqOpenOrders() if each.order.orderId == order.orderId)
        assert told.order.orderType == order.orderType, told.order
        self.ib.cancelOrder(trade.order)
        self.settled()
        assert trade.orderStatus.status == "Cancelled", trade.orderStatus.status
        return told

    def last(self, symbol="MSFT"):
        contract = stock(symbol)
        self.ib.qualifyContracts(contract)  # ib_async asks for its number first
        (ticker,) = self.ib.reqTickers(contract)
        assert ticker.bid > 0, ticker
        return ticker

    def limit(self, action, quantity, factor, **more):
        return lib.LimitOrder(action, quantity, round(self.last().bid * factor, 2), **more)


@capability
def connecting(day):
    day.ib.connect("127.0.0.1", PORT, clientId=31)
    assert day.ib.managedAccounts() == [ACCOUNT, OTHER]
    return str(day.ib.client.serverVersion())


@capability
def a_client_id_in_use(day):
    second = lib.IB()
    codes = []
    second.errorEvent += lambda number, code, *_: codes.append(code)
    logging.getLogger(lib.__name__).setLevel(logging.CRITICAL)
    try:
        second.connect("127.0.0.1", PORT, clientId=31, timeout=1)
    except Exception:  # noqa: BLE001 - each client has its own
        assert 326 in codes, codes
    else:
        raise AssertionError("two clients have one number")
    finally:
        logging.getLogger(lib.__name__).setLevel(logging.NOTSET)


@capability
def account_values(day):
    day.ib.reqAccountUpdates(ACCOUNT)
    values = {each.tag: each.value for each in day.ib.accountValues(ACCOUNT)}
    assert float(values["NetLiquidation"]) == 100000, values


@capability
def account_summary(day):
    values = {(each.account, each.tag): each.value for each in day.ib.accountSummary()}
    assert float(values[ACCOUNT, "NetLiquidation"]) == float(values[OTHER, "NetLiquidation"]) == 100000


@capability
def contract_details(day):
    (details,) = day.ib.reqContractDetails(stock())
    assert (details.contract.symbol, details.longName) == ("MSFT", "MSFT, made up")


@capability
def the_smallest_size(day):
    contract = stock("AAPL")
    (details,) = day.ib.reqContractDetails(contract)
    assert float(details.minSize) == 0.0001, details


@capability
def an_unknown_contract(day):
    assert day.ib.reqContractDetails(stock("NOPE")) == []
    assert 200 in day.codes


@capability
def matching_symbols(day):
    assert "MSFT" in [each.contract.symbol for each in day.ib.reqMatchingSymbols("MSF")]


@capability
def streaming_prices(day):
    contract = stock()
    day.ib.qualifyContracts(contract)
    ticker = day.ib.reqMktData(contract)
    day.settled()
    assert ticker.ask > ticker.bid > 0
    assert ticker.marketDataType == 1
    day.ib.cancelMktData(contract)


@capability
def a_snapshot(day):
    assert day.last().ask > 0


@capability
def delayed_prices(day):
    contract = stock("SPY")  # of which this log-in has no live data
    day.ib.qualifyContracts(contract)
    day.ib.reqMarketDataType(3)
    ticker = day.ib.reqMktData(contract)
    day.settled()
    day.ib.reqMarketDataType(1)
    assert 10167 in day.codes
    assert (ticker.marketDataType, ticker.bid > 0) == (3, True)
    day.ib.cancelMktData(contract)


@capability
def prices_without_permission(day):
    contract = stock("SPY")
    day.ib.qualifyContracts(contract)
    day.ib.reqMktData(contract)
    day.settled()
    assert 354 in day.codes


@capability
def daily_bars(day):
    assert len(day.ib.reqHistoricalData(stock(), "", "5 D", "1 day", "TRADES", True)) == 5


@capability
def bars_within_the_day(day):
    bars = day.ib.reqHistoricalData(stock(), "", "1 D", "30 mins", "TRADES", True, formatDate=2)
    assert str(bars[0].date)[:16] == "2022-01-03 14:30", bars[0]


@capability
def a_market_order(day):
    trade = day.place(lib.MarketOrder("BUY", 10, orderRef="foreign"))
    assert trade.orderStatus.status == "Filled", trade.log
    (fill,) = trade.fills
    assert (fill.execution.shares, fill.execution.orderRef) == (10, "foreign")
    assert fill.commissionReport.commission > 0


@capability
def positions(day):
    assert [(each.contract.symbol, each.position) for each in day.ib.positions()] == [("MSFT", 10)]


@capability
def the_portfolio(day):
    held = [(each.contract.symbol, each.position) for each in day.ib.portfolio()]
    assert held == [("MSFT", 10)], held


@capability
def profit_as_it_moves(day):
    pnl = day.ib.reqPnL(ACCOUNT)
    day.settled()
    assert pnl.unrealizedPnL == pnl.unrealizedPnL, pnl  # a number
    day.ib.cancelPnL(ACCOUNT)


@capability
def profit_of_one_position(day):
    contract = stock()
    day.ib.qualifyContracts(contract)
    pnl = day.ib.reqPnLSingle(ACCOUNT, "", contract.conId)
    day.settled()
    assert pnl.position == 10, pnl
    day.ib.cancelPnLSingle(ACCOUNT, "", contract.conId)


@capability
def a_limit_order(day):
    day.working(day.limit("BUY", 1, 0.5))


@capability
def a_change_of_an_order(day):
    trade = day.place(day.limit("BUY", 1, 0.5))
    trade.order.totalQuantity = 2
    day.place(trade.order)
    told = next(each for each in day.ib.reqOpenOrders() if each.order.orderId == trade.order.orderId)
    assert told.order.totalQuantity == 2
    day.ib.cancelOrder(trade.order)
    day.settled()


@capability
def a_stop(day):
    day.working(lib.StopOrder("SELL", 10, round(day.last().bid * 0.5, 2)))


@capability
def a_stop_limit(day):
    bid = day.last().bid
    day.working(lib.StopLimitOrder("SELL", 10, round(bid * 0.4, 2), round(bid * 0.5, 2)))


@capability
def a_trailing_stop(day):
    order = lib.Order(action="SELL", totalQuantity=10, orderType="TRAIL", trailingPercent=20.0)
    day.working(order)


@capability
def a_trailing_stop_limit(day):
    bid = day.last().bid
    order = lib.Order(action="SELL", totalQuantity=10, orderType="TRAIL LIMIT", auxPrice=round(bid * 0.2, 2))
    order.trailStopPrice, order.lmtPriceOffset = round(bid * 0.8, 2), 0.5
    day.working(order)


@capability
def at_the_close(day):
    day.working(lib.Order(action="SELL", totalQuantity=10, orderType="MOC"))


@capability
def at_the_close_within_a_limit(day):
    order = lib.Order(action="SELL", totalQuantity=10, orderType="LOC", lmtPrice=round(day.last().bid * 1.5, 2))
    day.working(order)


@capability
def good_till_canceled(day):
    day.working(day.limit("BUY", 1, 0.5, tif="GTC"))


@capability
def good_till_a_date(day):
    day.working(day.limit("BUY", 1, 0.5, tif="GTD", goodTillDate="20220104 15:00:00 US/Eastern"))


@capability
def immediate_or_cancel(day):
    assert day.place(day.limit("BUY", 1, 0.5, tif="IOC")).orderStatus.status == "Cancelled"


@capability
def fill_or_kill(day):
    assert day.place(day.limit("BUY", 1, 0.5, tif="FOK")).orderStatus.status == "Cancelled"


@capability
def a_bracket(day):
    bid = day.last().bid
    prices = (round(bid * 0.5, 2), round(bid * 1.5, 2), round(bid * 0.4, 2))
    orders = day.ib.bracketOrder("BUY", 1, *prices)
    trades = [day.place(order) for order in orders]
    states = [trade.orderStatus.status for trade in trades]
    assert states == ["Submitted", "PreSubmitted", "PreSubmitted"], states
    day.ib.cancelOrder(trades[0].order)
    day.settled()
    assert {trade.orderStatus.status for trade in trades} == {"Cancelled"}


@capability
def one_cancels_the_others(day):
    orders = [day.limit("BUY", 1, factor) for factor in (0.5, 0.4)]
    day.ib.oneCancelsAll(orders, "pair", 1)
    trades = [day.place(order) for order in orders]
    trades[0].order.lmtPrice = round(day.last().ask * 1.05, 2)
    day.place(trades[0].order)
    assert [trade.orderStatus.status for trade in trades] == ["Filled", "Cancelled"]
    day.place(lib.MarketOrder("SELL", 1))


@capability
def a_price_condition(day):
    contract = stock()
    day.ib.qualifyContracts(contract)
    order = day.limit("BUY", 1, 0.5)
    price = round(day.last().bid * 2, 2)
    order.conditions = [lib.PriceCondition(conId=contract.conId, exch="SMART", price=price, isMore=True)]
    told = day.working(order)
    assert told.order.conditions[0].price == price


@capability
def a_time_condition(day):
    order = day.limit("BUY", 1, 0.5)
    order.conditions = [lib.TimeCondition(time="20220104 15:00:00 US/Eastern", isMore=True)]
    told = day.working(order)
    assert told.order.conditions[0].time.startswith("20220104 15:00:00")


@capability
def outside_regular_hours(day):
    day.working(day.limit("BUY", 1, 0.5, outsideRth=True))


@capability
def a_fraction_of_a_share(day):
    trade = day.place(lib.MarketOrder("BUY", 0.5), "AAPL")
    assert trade.orderStatus.status == "Filled", trade.log
    assert trade.fills[0].execution.shares == 0.5
    day.place(lib.MarketOrder("SELL", 0.5), "AAPL")


@capability
def what_an_order_would_do(day):
    state = day.ib.whatIfOrder(stock(), lib.MarketOrder("BUY", 10, account=ACCOUNT))
    assert float(state.commission) > 0, state
    assert float(state.initMarginChange) > 0, state


@capability
def too_much_for_the_money(day):
    trade = day.place(lib.MarketOrder("BUY", 1_000_000))
    assert 201 in day.codes
    assert trade.fills == []


@capability
def open_orders_of_everybody(day):
    trade = day.place(day.limit("BUY", 1, 0.5))
    assert trade.order.orderId in [each.order.orderId for each in day.ib.reqAllOpenOrders()]


@capability
def canceling_everything(day):
    day.ib.reqGlobalCancel()
    day.settled()
    assert day.ib.reqAllOpenOrders() == []


@capability
def completed_orders(day):
    states = {trade.orderStatus.status for trade in day.ib.reqCompletedOrders(False)}
    assert {"Filled", "Cancelled"} <= states, states


@capability
def executions(day):
    fills = day.ib.reqExecutions()
    assert "foreign" in [fill.execution.orderRef for fill in fills]
    assert all(fill.commissionReport.execId == fill.execution.execId for fill in day.ib.fills()), day.ib.fills()


@capability
def coming_back(day):
    """What it is told when it connects again holds all that happened."""
    day.ib.disconnect()
    day.ib.connect("127.0.0.1", PORT, clientId=31)
    assert "foreign" in [fill.execution.orderRef for fill in day.ib.fills()]
    assert [(each.contract.symbol, each.position) for each in day.ib.positions()] == [("MSFT", 10)]
    day.ib.disconnect()


# ---------------------------------------------------------------- at the gateway that goes wrong


def again(number, port=FAULTY):
    """A new connection to the gateway that goes wrong, or to another, as soon as it lets us in."""
    day = Day()
    for _ in range(50):
        try:
            day.ib.connect("127.0.0.1", port, clientId=number, timeout=5)
        except Exception:  # noqa: BLE001 - each client has its own
            day.ib.sleep(0.1)
        else:
            return day
    raise AssertionError("it lets nobody in")


@capability
def an_order_that_nobody_confirmed(_):
    """The line breaks after it, and it is found again where it was filled."""
    day = again(33)
    day.ib.placeOrder(stock(), lib.MarketOrder("BUY", 10, account=ACCOUNT, orderRef="lost"))
    for _ in range(100):
        if not day.ib.isConnected():
            break
        with contextlib.suppress(ConnectionError):  # which it raises in whoever waits
            day.ib.sleep(0.1)
    assert not day.ib.isConnected()
    day = again(33)
    assert [fill.execution.orderRef for fill in day.ib.fills()] == ["lost"]
    day.ib.disconnect()


@capability
def an_execution_told_twice(_):
    day = again(34)
    trade = day.place(lib.MarketOrder("BUY", 1))
    assert (trade.orderStatus.status, len(trade.fills)) == ("Filled", 1)
    day.ib.disconnect()


@capability
def a_commission_that_is_none(_):
    day = again(35)
    told = []
    day.ib.commissionReportEvent += lambda trade, fill, report: told.append(report.commission)
    day.place(lib.MarketOrder("BUY", 1))
    assert told[0] > 1e300 or told[0] == 0, told
    for _ in range(100):
        if len(told) > 1:
            break
        day.ib.sleep(0.1)
    assert 0 < told[-1] < 10, told
    day.ib.disconnect()


@capability
def ibkr_out_of_reach(_):
    day = again(36)
    day.ib.client.reqIds(1)
    for _ in range(100):
        if 1102 in day.codes:
            break
        day.ib.sleep(0.1)
    assert [code for code in day.codes if code in (1100, 1102)][:1] == [1100]
    assert 1102 in day.codes
    assert day.ib.isConnected()
    day.ib.disconnect()


@capability
def an_execution_corrected(_):
    """The same id with a last part one higher, and a cent less."""
    day = again(37)
    trade = day.place(lib.MarketOrder("BUY", 1))
    for _ in range(100):
        if len(trade.fills) > 1:
            break
        day.ib.sleep(0.1)
    first, second = (fill.execution for fill in trade.fills)
    assert second.execId == first.execId[:-2] + "02", (first, second)
    assert round(first.price - second.price, 4) == 0.01, (first, second)
    day.ib.disconnect()


# ---------------------------------------------------------------- at the gateway of an adviser


@capability
def an_exchange_of_currencies(_):
    day = again(41, ADVISED)
    trade = day.ib.placeOrder(lib.Forex("EURUSD"), lib.MarketOrder("BUY", 5000, account=ACCOUNT))
    day.settled()
    assert trade.orderStatus.status == "Filled", trade.log
    values = [each for each in day.ib.accountValues(ACCOUNT) if (each.tag, each.currency) == ("CashBalance", "EUR")]
    assert [float(each.value) for each in values] == [5000.0], values
    day.ib.disconnect()


@capability
def an_order_for_a_group(_):
    day = again(42, ADVISED)
    day.ib.replaceFA(1, GROUPS)
    assert day.ib.requestFA(1) == GROUPS
    trade = day.ib.placeOrder(stock("AAA"), lib.MarketOrder("BUY", 10, faGroup="Both"))
    day.settled()
    assert (trade.orderStatus.status, trade.orderStatus.filled) == ("Filled", 10), trade.log
    assert [(fill.execution.acctNumber, fill.execution.shares) for fill in trade.fills] == [(ACCOUNT, 5), (OTHER, 5)]
    day.ib.disconnect()


@capability
def an_order_made_by_hand(_):
    """Client 0 is told of it, has it bound to a number, and takes it back by that."""
    day = again(0, ADVISED)
    (trade,) = day.ib.reqOpenOrders()
    assert trade.order.orderId < 0, trade
    day.ib.cancelOrder(trade.order)
    day.settled()
    assert day.ib.reqOpenOrders() == []
    day.ib.disconnect()


def main():
    for name in ("ib_async", "ib_insync"):
        logging.getLogger(name).addHandler(Complaints())
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
    print(json.dumps(marks))


if __name__ == "__main__":
    main()
