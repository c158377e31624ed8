"""What clients send, in the order of its numbers. Placing an order is in ``orders.py``.

``req_id`` is the client's own number, under which it recognizes the answer.
"""

from __future__ import annotations

from typing import Annotated, Final

from bursar.gateway.messages.declare import request
from bursar.gateway.messages.kinds import Flag, Text, Whole
from bursar.gateway.messages.layouts import Layout, Since, of, optional, rows, when
from bursar.gateway.messages.orders import one_of
from bursar.gateway.messages.values import (
    REQUESTED,
    ComboLeg,
    Contract,
    DeltaNeutralContract,
    RequestedContract,
)

_LEGS: Layout = when(
    "contract.sec_type", one_of("BAG"), *rows("contract.combo_legs", ComboLeg, of("", "con_id ratio action exchange"))
)

# ---------------------------------------------------------------- the session


@request(71, version=2)
class StartApi:
    """Begin: this client's number, which no other may be using."""

    client_id: Whole
    optional_capabilities: Text = ""


@request(8, version=1)
class ReqIds:
    """Ask for the next order id; the count is ignored, as in TWS."""

    num_ids: Whole = 1


@request(14, version=1)
class SetServerLogLevel:
    """How much the gateway should log. Taken and ignored."""

    log_level: Whole


@request(17, version=1)
class ReqManagedAccts:
    """Ask for the accounts."""


@request(49, version=1)
class ReqCurrentTime:
    """Ask for the time. In stepped time this is the barrier: see the server."""


# ---------------------------------------------------------------- the account


@request(6, version=2)
class ReqAccountUpdates:
    """Subscribe to, or leave, the values and the portfolio of one account."""

    subscribe: Flag
    acct_code: Text = ""


@request(61, version=1)
class ReqPositions:
    """Subscribe to the positions of all accounts."""


@request(64, version=1)
class CancelPositions:
    """Leave the positions."""


@request(62, version=1)
class ReqAccountSummary:
    """Subscribe to some values of all accounts; ``tags`` are separated by commas."""

    req_id: Whole
    group_name: Text = "All"
    tags: Text = ""


@request(63, version=1)
class CancelAccountSummary:
    """Leave an account summary."""

    req_id: Whole


@request(76, version=1, lacks="models are not imitated: an account's values are the same for every model code")
class ReqAccountUpdatesMulti:
    """Subscribe to the values of one account, or of all, under a request's number."""

    req_id: Whole
    account: Text = ""
    model_code: Text = ""
    ledger_and_nlv: Flag = False


@request(77, version=1)
class CancelAccountUpdatesMulti:
    """Leave values that were subscribed to under a request's number."""

    req_id: Whole


@request(74, version=1, lacks="models are not imitated: positions are the same for every model code")
class ReqPositionsMulti:
    """Subscribe to the positions of one account, or of all, under a request's number."""

    req_id: Whole
    account: Text = ""
    model_code: Text = ""


@request(75, version=1)
class CancelPositionsMulti:
    """Leave positions that were subscribed to under a request's number."""

    req_id: Whole


@request(92, lacks="models are not imitated: profit is the same for every model code")
class ReqPnL:
    """Subscribe to the profit of an account."""

    req_id: Whole
    account: Text
    model_code: Text = ""


@request(93)
class CancelPnL:
    """Leave the profit of an account."""

    req_id: Whole


@request(94, lacks="models are not imitated: profit is the same for every model code")
class ReqPnLSingle:
    """Subscribe to the profit of one position."""

    req_id: Whole
    account: Text
    model_code: Text = ""
    con_id: Whole = 0


@request(95)
class CancelPnLSingle:
    """Leave the profit of one position."""

    req_id: Whole


# ---------------------------------------------------------------- contracts


@request(9, version=8, lacks="stocks only")
class ReqContractDetails:
    """Ask for all that is known of the contracts that fit a description."""

    req_id: Whole
    contract: RequestedContract
    include_expired: Flag = False
    sec_id_type: Text = ""
    sec_id: Text = ""
    issuer_id: Annotated[Text, Since(176)] = ""


@request(81, lacks="stocks only, found by the beginning of the symbol or a part of the name")
class ReqMatchingSymbols:
    """Ask for contracts whose symbol or name looks like ``pattern``."""

    req_id: Whole
    pattern: Text


# ---------------------------------------------------------------- market data

_MARKET_DATA: Layout = (
    *of("", "req_id"),
    *of("contract", REQUESTED),
    *_LEGS,
    *optional("contract.delta_neutral_contract", DeltaNeutralContract),
    *of("", "generic_tick_list snapshot regulatory_snapshot options"),
)


@request(1, version=11, layout=_MARKET_DATA, lacks="generic ticks are not sent; combinations are refused")
class ReqMktData:
    """Subscribe to a contract's prices, or with ``snapshot`` ask for them once."""

    req_id: Whole
    contract: Contract
    generic_tick_list: Text = ""
    snapshot: Flag = False
    regulatory_snapshot: Flag = False
    options: Text = ""


@request(2, version=2)
class CancelMktData:
    """Leave a contract's prices."""

    req_id: Whole


@request(59, version=1)
class ReqMarketDataType:
    """Which prices to send from now on: 1 live, 2 frozen, 3 delayed, 4 delayed and frozen."""

    market_data_type: Whole


_HISTORY: Layout = (
    *of("", "req_id"),
    *of("contract", REQUESTED),
    *of("", "include_expired end_date_time bar_size_setting duration_str use_rth what_to_show format_date"),
    *_LEGS,
    *of("", "keep_up_to_date chart_options"),
)


@request(20, layout=_HISTORY, lacks="bars of trades only; they are not kept up to date")
class ReqHistoricalData:
    """Ask for bars that end at a moment (now, if it is empty) and reach back for a duration."""

    req_id: Whole
    contract: Contract
    include_expired: Flag = False
    end_date_time: Text = ""
    bar_size_setting: Text
    duration_str: Text
    use_rth: Flag = True
    what_to_show: Text = "TRADES"
    format_date: Whole = 1
    keep_up_to_date: Flag = False
    chart_options: Text = ""


@request(25, version=1)
class CancelHistoricalData:
    """Take back a request for bars."""

    req_id: Whole


# ---------------------------------------------------------------- orders


@request(4, version=1)
class CancelOrder:
    """Cancel an order of this client."""

    order_id: Whole
    manual_cancel_order_time: Annotated[Text, Since(169)] = ""


@request(5, version=1)
class ReqOpenOrders:
    """Ask for this client's open orders."""


@request(15, version=1)
class ReqAutoOpenOrders:
    """Bind orders made by hand to this client, whose number must be 0."""

    auto_bind: Flag


@request(16, version=1)
class ReqAllOpenOrders:
    """Ask for the open orders of all clients."""


@request(58, version=1)
class ReqGlobalCancel:
    """Cancel every order of every client."""


@request(99)
class ReqCompletedOrders:
    """Ask for the orders that are done."""

    api_only: Flag = False


@request(7, version=3)
class ReqExecutions:
    """Ask for the executions since midnight that pass a filter; an empty field lets everything pass."""

    req_id: Whole
    client_id: Whole = 0
    acct_code: Text = ""
    time: Text = ""
    symbol: Text = ""
    sec_type: Text = ""
    exchange: Text = ""
    side: Text = ""


@request(18, version=1, lacks="allocation profiles (2) are refused: groups carry their amounts, as since version 177")
class RequestFA:
    """Ask an adviser's groups (1) or aliases (3)."""

    fa_data_type: Whole


@request(19, version=1, lacks="allocation profiles (2) are refused: groups carry their amounts, as since version 177")
class ReplaceFA:
    """Replace all of an adviser's groups (1) or aliases (3)."""

    fa_data_type: Whole
    xml: Text
    req_id: Whole


#: Requests that are known and not imitated: their name, and at which field the request's number stands (None
#: where it has none). They are answered with 321, so that no client waits for an answer that never comes.
ABSENT: Final[dict[int, tuple[str, int | None]]] = {
    10: ("reqMktDepth", 2),
    11: ("cancelMktDepth", 2),
    12: ("reqNewsBulletins", None),
    13: ("cancelNewsBulletins", None),
    21: ("exerciseOptions", 2),
    22: ("reqScannerSubscription", 1),
    23: ("cancelScannerSubscription", 2),
    24: ("reqScannerParameters", None),
    50: ("reqRealTimeBars", 2),
    51: ("cancelRealTimeBars", 2),
    52: ("reqFundamentalData", 2),
    53: ("cancelFundamentalData", 2),
    54: ("calculateImpliedVolatility", 2),
    55: ("calculateOptionPrice", 2),
    56: ("cancelCalculateImpliedVolatility", 2),
    57: ("cancelCalculateOptionPrice", 2),
    65: ("verifyRequest", None),
    66: ("verifyMessage", None),
    67: ("queryDisplayGroups", 2),
    68: ("subscribeToGroupEvents", 2),
    69: ("updateDisplayGroup", 2),
    70: ("unsubscribeFromGroupEvents", 2),
    72: ("verifyAndAuthRequest", None),
    73: ("verifyAndAuthMessage", None),
    78: ("reqSecDefOptParams", 1),
    79: ("reqSoftDollarTiers", 1),
    80: ("reqFamilyCodes", None),
    82: ("reqMktDepthExchanges", None),
    83: ("reqSmartComponents", 1),
    84: ("reqNewsArticle", 1),
    85: ("reqNewsProviders", None),
    86: ("reqHistoricalNews", 1),
    87: ("reqHeadTimeStamp", 1),
    88: ("reqHistogramData", 1),
    89: ("cancelHistogramData", 1),
    90: ("cancelHeadTimeStamp", 1),
    91: ("reqMarketRule", None),
    96: ("reqHistoricalTicks", 1),
    97: ("reqTickByTickData", 1),
    98: ("cancelTickByTickData", 1),
    100: ("reqWshMetaData", 1),
    101: ("cancelWshMetaData", 1),
    102: ("reqWshEventData", 1),
    103: ("cancelWshEventData", 1),
    104: ("reqUserInfo", 1),
}
