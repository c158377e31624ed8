"""An account's statement, in the shape of a Flex report, from the broker's own arithmetic.

Whoever keeps books of his own holds them against it: it is made from what the exchange executed and posted, and from
nothing that a client believes. Elements and attributes are those of IBKR's activity Flex query (version 3, dates as
yyyyMMdd), as far as this exchange has something to say in them; the rest of IBKR's is left out, never made up.

    Trades          executions, at cost basis first in, first out
    CorporateActions  splits, new names and spin-offs, with what was paid for parts of a share
    CashTransactions  deposits, dividends, interest, fees: all cash that moved without an execution
    OpenPositions   a summary for each symbol, and its lots
    CashReport      for each currency, and all together: from the starting to the ending balance
    EquitySummaryInBase  what the account was worth at each close
    ChangeInNAV     how the first of these became the last

A day is complete once the exchange closed it, which it does when the next one begins; the day on which the exchange
stands is told as it now is. Nothing here is real: every statement says that it is simulated.

Source of the shape: Flex reports of real accounts, as readers of such reports keep them in their tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from xml.sax.saxutils import quoteattr

from bursar.domain.instruments import Instrument, InstrumentKind
from bursar.domain.money import ZERO
from bursar.domain.sessions import settles_on
from bursar.gateway.account import CashEntry
from bursar.gateway.booked import DEPOSITS, IN_LIEU, Acted, Booked, Told, collect
from bursar.gateway.exchange import Exchange
from bursar.gateway.matching.corporate import TAKEN
from bursar.gateway.taxlots import Lots

#: All currencies together, in a cash report.
BASE_SUMMARY = "BASE_SUMMARY"
#: Where a cash report adds up each kind of cash transaction.
_COLUMNS = {
    DEPOSITS: "depositWithdrawals",
    "Dividends": "dividends",
    "Payment In Lieu Of Dividends": "paymentInLieu",
    "Withholding Tax": "withholdingTax",
    "Broker Interest Paid": "brokerInterest",
    "Broker Interest Received": "brokerInterest",
    "Other Fees": "otherFees",
    IN_LIEU: "other",
    TAKEN: "other",
}
_SUMS = (
    "commissions", "depositWithdrawals", "dividends", "paymentInLieu", "withholdingTax", "brokerInterest", "otherFees",
    "other", "netTradesSales", "netTradesPurchases",
)  # fmt: skip

Attributes = Mapping[str, object]


def statement(exchange: Exchange, account: str, first: date | None = None, last: date | None = None) -> str:
    """The Flex report of ``account`` from ``first`` to ``last``, both included; by default of all days so far.

    Raises InputError for an account or for days that the exchange does not have.
    """
    told = collect(exchange, account, first, last)
    currency = exchange.terms.currency
    period = {"accountId": account, "fromDate": _day(told.first), "toDate": _day(told.last), "period": ""}
    generated = f"{exchange.session.local(exchange.now):%Y%m%d;%H%M%S}"
    sections: tuple[tuple[str, Iterable[str]], ...] = (
        ("EquitySummaryInBase", _equity(told)),
        ("CashReport", _cash_report(told)),
        ("Trades", (_trade(exchange, told, each) for each in told.deals)),
        ("OpenPositions", _positions(exchange, told)),
        ("CorporateActions", (_action(exchange, told, each) for each in told.acted)),
        (
            "CashTransactions",
            (_cash(exchange, told, entry) for entry in told.entries if entry.kind not in (IN_LIEU, TAKEN)),
        ),
        ("SecuritiesInfo", _securities(exchange, told)),
        ("ConversionRates", _rates(told, currency)),
    )
    margin = exchange.accounts[account].margin
    lines = [
        '<FlexQueryResponse queryName="Bursar simulated" type="AF">',
        '<FlexStatements count="1">',
        f"<FlexStatement{_attributes({**period, 'whenGenerated': generated})}>",
        _element(
            "AccountInformation",
            {
                "accountId": account,
                "acctAlias": "simulated",
                "currency": currency,
                "accountType": "Individual",
                "customerType": "Individual",
                "accountCapabilities": "Cash" if margin is None else "Margin",
            },
        ),
        _change(exchange, told),
    ]
    for name, rows in sections:
        lines += [f"<{name}>", *rows, f"</{name}>"]
    lines += ["</FlexStatement>", "</FlexStatements>", "</FlexQueryResponse>"]
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- its sections


def _trade(exchange: Exchange, told: Told, deal: Booked) -> str:
    executed, report = deal.executed, deal.report
    local = exchange.session.local(executed.at)
    closes = next((each.prices for each in told.days if each.day == deal.day), {})
    close = closes.get(executed.symbol)
    mark = "" if close is None else _number(deal.signed * close + deal.proceeds)
    sign = "C;O" if ZERO < deal.closed < executed.shares else "C" if deal.closed else "O"
    return _element(
        "Trade",
        {
            **_instrument(exchange, told.account, deal.instrument),
            "fxRateToBase": _rate(exchange, told, deal.instrument.currency),
            "tradeID": _identity(executed.exec_id),
            "reportDate": _day(deal.day),
            "dateTime": f"{local:%Y%m%d;%H%M%S}",
            "tradeDate": _day(deal.day),
            "settleDateTarget": _day(settles_on(deal.day, exchange.world.days, deal.instrument.exchange)),
            "transactionType": "ExchTrade",
            "exchange": deal.instrument.exchange,
            "quantity": _number(deal.signed),
            "tradePrice": _number(executed.price),
            "tradeMoney": _number(-deal.proceeds),
            "proceeds": _number(deal.proceeds),
            "taxes": "0",
            "ibCommission": _number(-report.commission),
            "ibCommissionCurrency": report.currency,
            "netCash": _number(deal.proceeds - (report.commission if _same_currency(deal) else ZERO)),
            "closePrice": "" if close is None else _number(close / deal.instrument.multiplier),
            "openCloseIndicator": sign,
            "notes": "L" if executed.liquidation else "",
            "cost": _number(deal.cost),
            "fifoPnlRealized": _number(deal.realized),
            "mtmPnl": mark,
            "transactionID": _identity(executed.exec_id),
            "buySell": "BUY" if deal.signed > 0 else "SELL",
            "ibOrderID": str(executed.perm_id),
            "ibExecID": executed.exec_id,
            "orderReference": executed.order_ref,
            "levelOfDetail": "EXECUTION",
            "isAPIOrder": "N" if executed.order_id < 0 else "Y",
        },
    )


def _positions(exchange: Exchange, told: Told) -> Iterator[str]:
    end = told.end
    for symbol, quantity in sorted(end.quantities.items()):
        lots, instrument, mark = told.lots.get(symbol, Lots()), exchange.world.listed[symbol], end.prices[symbol]
        common = {
            **_instrument(exchange, told.account, instrument),
            "fxRateToBase": _rate(exchange, told, instrument.currency),
            "reportDate": _day(told.last),
            "markPrice": _number(mark / instrument.multiplier),
            "side": "Long" if quantity > 0 else "Short",
        }
        rows = [("SUMMARY", quantity, lots.cost, None), *(("LOT", lot.quantity, lot.cost, lot) for lot in lots.open)]
        for level, size, cost, lot in rows:
            price = _number((cost / size / instrument.multiplier).quantize(Decimal("1e-9")))
            opened = "" if lot is None else f"{exchange.session.local(lot.at):%Y%m%d;%H%M%S}"
            yield _element(
                "OpenPosition",
                {
                    **common,
                    "position": _number(size),
                    "positionValue": _number(size * mark),
                    "openPrice": price,
                    "costBasisPrice": price,
                    "costBasisMoney": _number(cost),
                    "fifoPnlUnrealized": _number(size * mark - cost),
                    "levelOfDetail": level,
                    "openDateTime": opened,
                    "holdingPeriodDateTime": opened,
                    "originatingTransactionID": "" if lot is None else _identity(lot.exec_id),
                },
            )


def _action(exchange: Exchange, told: Told, acted: Acted) -> str:
    instrument = exchange.world.listed[acted.symbol]
    return _element(
        "CorporateAction",
        {
            **_instrument(exchange, told.account, instrument),
            "fxRateToBase": _rate(exchange, told, instrument.currency),
            "description": acted.description,
            "reportDate": _day(acted.day),
            "dateTime": _day(acted.day),
            "quantity": _number(acted.quantity),
            "amount": _number(-acted.proceeds),
            "proceeds": _number(acted.proceeds),
            "fifoPnlRealized": _number(acted.realized),
            "type": acted.kind,
        },
    )


def _cash(exchange: Exchange, told: Told, entry: CashEntry) -> str:
    instrument = exchange.world.listed.get(entry.symbol)
    named = (
        {"accountId": told.account, "acctAlias": "simulated", "currency": entry.currency, "assetCategory": ""}
        if instrument is None
        else _instrument(exchange, told.account, instrument)
    )
    return _element(
        "CashTransaction",
        {
            **named,
            "currency": entry.currency,
            "fxRateToBase": _rate(exchange, told, entry.currency),
            "description": entry.description or entry.kind,
            "dateTime": _day(entry.day),
            "settleDate": _day(entry.day),
            "amount": _number(entry.amount),
            "type": entry.kind,
            "reportDate": _day(entry.day),
            "levelOfDetail": "DETAIL",
        },
    )


def _cash_report(told: Told) -> Iterator[str]:
    """Every currency by itself, and all together at the rates of the last day."""
    sums = _sums(told)
    starting = told.before.balances if told.before else {}
    currencies = sorted({*told.end.balances, *starting, *(currency for currency, _ in sums)})
    base: dict[str, Decimal] = {}
    rows = []
    for currency in currencies:
        row = {
            "startingCash": starting.get(currency, ZERO),
            **{name: sums.get((currency, name), ZERO) for name in _SUMS},
        }
        row["endingCash"] = told.end.balances.get(currency, ZERO)
        row["endingSettledCash"] = told.end.settled.get(currency, ZERO)
        rate = told.end.rates.get(currency, ZERO)
        for name, amount in row.items():
            base[name] = base.get(name, ZERO) + amount * rate
        rows.append((currency, row))
    if told.before:
        base["startingCash"] = told.before.cash
    flows = sum((base.get(name, ZERO) for name in _SUMS), ZERO)
    translated = base.get("endingCash", ZERO) - base.get("startingCash", ZERO) - flows
    for currency, row in [(BASE_SUMMARY, {**base, "fxTranslationGainLoss": translated}), *rows]:
        yield _element(
            "CashReportCurrency",
            {
                "accountId": told.account,
                "acctAlias": "simulated",
                "currency": currency,
                "fromDate": _day(told.first),
                "toDate": _day(told.last),
                **{name: _number(amount) for name, amount in row.items()},
            },
        )


def _sums(told: Told) -> dict[tuple[str, str], Decimal]:
    """What came and went, by currency and column of a cash report."""
    sums: dict[tuple[str, str], Decimal] = {}

    def add(currency: str, column: str, amount: Decimal) -> None:
        sums[currency, column] = sums.get((currency, column), ZERO) + amount

    for entry in told.entries:
        add(entry.currency, _COLUMNS.get(entry.kind, "otherFees"), entry.amount)
    for deal in told.deals:
        add(deal.report.currency, "commissions", -deal.report.commission)
        column = "netTradesSales" if deal.signed < 0 else "netTradesPurchases"
        add(deal.instrument.currency, column, deal.proceeds)
        if deal.instrument.kind is InstrumentKind.CURRENCY:
            add(deal.instrument.symbol.partition(".")[0], column, deal.signed)
    return sums


def _equity(told: Told) -> Iterator[str]:
    for each in told.days:
        yield _element(
            "EquitySummaryByReportDateInBase",
            {
                "accountId": told.account,
                "acctAlias": "simulated",
                "reportDate": _day(each.day),
                "cash": _number(each.cash),
                "cashLong": _number(max(each.cash, ZERO)),
                "cashShort": _number(min(each.cash, ZERO)),
                "stock": _number(each.longs + each.shorts),
                "stockLong": _number(each.longs),
                "stockShort": _number(each.shorts),
                "interestAccruals": _number(each.accrued),
                "interestAccrualsLong": _number(max(each.accrued, ZERO)),
                "interestAccrualsShort": _number(min(each.accrued, ZERO)),
                "dividendAccruals": "0",
                "total": _number(each.total),
                "totalLong": _number(max(each.cash, ZERO) + each.longs + max(each.accrued, ZERO)),
                "totalShort": _number(min(each.cash, ZERO) + each.shorts + min(each.accrued, ZERO)),
            },
        )


def _change(exchange: Exchange, told: Told) -> str:
    """How what the account was worth became what it is, at the rates of the last day; what they did is translation."""
    sums, rates = _sums(told), told.end.rates
    flows = dict.fromkeys(_SUMS, ZERO)
    for (currency, name), amount in sums.items():
        flows[name] += amount * rates.get(currency, ZERO)
    before, end = told.before, told.end
    stock_before = before.longs + before.shorts if before else ZERO
    traded = flows["netTradesSales"] + flows["netTradesPurchases"]
    parts = {
        "depositsWithdrawals": flows["depositWithdrawals"],
        "mtm": end.longs + end.shorts - stock_before + traded,
        "dividends": flows["dividends"] + flows["paymentInLieu"],
        "withholdingTax": flows["withholdingTax"],
        "interest": flows["brokerInterest"],
        "changeInInterestAccruals": end.accrued - (before.accrued if before else ZERO),
        "otherFees": flows["otherFees"],
        "corporateActionProceeds": flows["other"],
        "commissions": flows["commissions"],
    }
    starting = before.total if before else ZERO
    parts["fxTranslation"] = end.total - starting - sum(parts.values(), ZERO)
    return _element(
        "ChangeInNAV",
        {
            "accountId": told.account,
            "acctAlias": "simulated",
            "currency": exchange.terms.currency,
            "fromDate": _day(told.first),
            "toDate": _day(told.last),
            "startingValue": _number(starting),
            **{name: _number(amount) for name, amount in parts.items()},
            "endingValue": _number(end.total),
        },
    )


def _securities(exchange: Exchange, told: Told) -> Iterator[str]:
    symbols = {*told.end.quantities, *(deal.executed.symbol for deal in told.deals)}
    for symbol in sorted(symbols):
        named = _instrument(exchange, told.account, exchange.world.listed[symbol])
        yield _element("SecurityInfo", {name: value for name, value in named.items() if name in _OF_SECURITIES})


def _rates(told: Told, base: str) -> Iterator[str]:
    for each in told.days:
        for currency, rate in each.rates.items():
            if currency != base:
                yield _element(
                    "ConversionRate",
                    {
                        "reportDate": _day(each.day),
                        "fromCurrency": currency,
                        "toCurrency": base,
                        "rate": _number(rate.quantize(Decimal("1e-9"))),
                    },
                )


# ---------------------------------------------------------------- words

_OF_SECURITIES = frozenset({"assetCategory", "symbol", "description", "conid", "multiplier"})


def _instrument(exchange: Exchange, account: str, instrument: Instrument) -> dict[str, object]:
    pair = instrument.kind is InstrumentKind.CURRENCY
    return {
        "accountId": account,
        "acctAlias": "simulated",
        "currency": instrument.currency,
        "assetCategory": "CASH" if pair else "STK",
        "symbol": instrument.symbol if pair else instrument.symbol.replace(".", " "),
        "description": instrument.name or instrument.symbol,
        "conid": str(exchange.world.contract_ids[instrument.symbol]),
        "multiplier": _number(instrument.multiplier),
    }


def _same_currency(deal: Booked) -> bool:
    return deal.report.currency == deal.instrument.currency


def _identity(exec_id: str) -> str:
    """A number out of an execution's id: that of its middle part, and its revision."""
    _, middle, _, revision = exec_id.split(".")
    return str(int(middle, 16) * 100 + int(revision))


def _rate(exchange: Exchange, told: Told, currency: str) -> str:
    if currency == exchange.terms.currency:
        return "1"
    return _number(told.end.rates.get(currency, ZERO).quantize(Decimal("1e-9")))


def _element(name: str, attributes: Attributes) -> str:
    return f"<{name}{_attributes(attributes)} />"


def _attributes(attributes: Attributes) -> str:
    return "".join(f" {name}={quoteattr(str(value))}" for name, value in attributes.items())


def _day(day: date) -> str:
    return f"{day:%Y%m%d}"


def _number(value: Decimal) -> str:
    """Digits without an exponent and without zeros at the end; -0 is 0."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
