"""An account as IBKR tells of it: its values by tag, its positions valued, its profit of the day.

Values are worked out when they are asked for, at last prints. In a cash account the margin of a position is its value,
so what is available is cash. Tags are those that TWS sends for accounts that hold stocks (recorded from two real
ones); those of what this exchange does not trade are zero, as they would be there. ``-S`` marks the
securities segment, which is the whole account here. Balances come once for each currency, and once as BASE.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from bursar.domain.money import CENT, ZERO
from bursar.gateway.account import Account
from bursar.gateway.exchange import Exchange
from bursar.gateway.margin import Standing

#: The name under which all currencies together are told.
BASE = "BASE"
#: Zero in every account that holds nothing but cash and stocks, by currency.
_NOT_HELD = (
    "CorporateBondValue", "Cryptocurrency", "FundValue", "FutureOptionValue", "FuturesPNL", "FxCashBalance",
    "IssuerOptionValue", "MoneyMarketFundValue", "MutualFundValue", "NetDividend", "OptionMarketValue", "TBillValue",
    "TBondValue", "WarrantValue",
)  # fmt: skip
#: Zero too, told once and again for the segment.
_NOT_OWED = (
    "AccruedDividend", "Billable", "Guarantee", "IndianStockHaircut", "PASharesValue", "PhysicalCertificateValue",
    "PostExpirationExcess", "PostExpirationMargin", "TotalDebitCardPendingCharges",
)  # fmt: skip
#: What a ledger (``$LEDGER`` of a summary) is made of.
LEDGER = frozenset(
    {
        "AccountOrGroup", "AccruedCash", "CashBalance", "Currency", "ExchangeRate", "NetLiquidationByCurrency",
        "RealCurrency", "RealizedPnL", "StockMarketValue", "TotalCashBalance", "UnrealizedPnL", *_NOT_HELD,
    }
)  # fmt: skip

#: What has a currency and is no money.
_NAMES = frozenset({"AccountOrGroup", "Currency", "ExchangeRate", "RealCurrency"})
#: Values by tag and currency; the currency is empty for what is no money.
Values = dict[tuple[str, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountValue:
    """One value of an account, as text; ``currency`` is empty for what is no money."""

    tag: str
    value: str
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A position with its value, in the currency in which it trades.

    market_price, average_cost  of one unit, the latter with commissions
    realized_pnl                of the present trading day
    """

    symbol: str
    position: Decimal
    market_price: Decimal
    market_value: Decimal
    average_cost: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Profit:
    """Profit of an account: since the last close, on what is held, and of the day's closed trades."""

    daily: Decimal
    unrealized: Decimal
    realized: Decimal


def holdings(exchange: Exchange, account: str) -> tuple[Holding, ...]:
    """Positions of ``account`` by symbol, with those that were closed today."""
    held = exchange.accounts[account]
    return tuple(holding(exchange, account, symbol) for symbol in sorted(held.positions))


def holding(exchange: Exchange, account: str, symbol: str) -> Holding:
    """What ``account`` holds of ``symbol``, possibly nothing."""
    position, price = exchange.accounts[account].position(symbol), exchange.credit.price(symbol)
    value = position.quantity * price
    return Holding(
        symbol=symbol,
        position=position.quantity,
        market_price=price / exchange.world.listed[symbol].multiplier,
        market_value=value,
        average_cost=position.avg_cost,
        unrealized_pnl=value - position.cost,
        realized_pnl=position.realized,
    )


def profit(exchange: Exchange, account: str) -> Profit:
    """The profit of ``account`` at the present instant, in its own currency."""
    held, gained = exchange.accounts[account], _gains(exchange, account)
    return Profit(
        daily=exchange.credit.net_liquidation(held) - exchange.equity_before[account],
        unrealized=_in_base(exchange, {currency: each[1] for currency, each in gained.items()}),
        realized=_in_base(exchange, {currency: each[2] for currency, each in gained.items()}),
    )


def daily_profit(exchange: Exchange, account: str, symbol: str) -> Decimal:
    """What ``symbol`` earned ``account`` since the last close, open and closed, in the currency in which it trades.

    Profit on what is held, and what was realized today, less the profit that was on it at the close: costs cancel.
    """
    held = holding(exchange, account, symbol)
    before = exchange.overnight.nights[account].unrealized.get(symbol, ZERO)
    return held.unrealized_pnl + held.realized_pnl - before


def account_values(exchange: Exchange, account: str) -> tuple[AccountValue, ...]:
    """Every value of ``account``: those of a summary first, then what only account updates carry."""
    return tuple(
        AccountValue(tag=tag, value=value, currency=currency)
        for (tag, currency), value in values(exchange, account).items()
    )


def values(exchange: Exchange, account: str) -> Values:
    """Every value of ``account`` by tag and currency."""
    held = exchange.accounts[account]
    currencies = tuple(dict.fromkeys((*held.balances, *(_currency(exchange, symbol) for symbol in held.positions))))
    standing = exchange.credit.standing(held)
    told = dict(_unchanging(account, held.currency, currencies))
    told |= _money(exchange, held, standing)
    told |= _ledger(exchange, held, currencies)
    if standing.equity:
        told["Cushion", ""] = f"{standing.cushion:.6f}"
        told["Leverage", ""] = told["Leverage-S", ""] = f"{standing.leverage:.2f}"
    return told


def values_of_all(exchange: Exchange, master: str) -> Values:
    """What an adviser's ``master`` account is told: the values of all accounts, added up."""
    told: Values = {}
    sums: dict[tuple[str, str], Decimal] = {}
    for account in exchange.accounts:
        for (tag, currency), value in values(exchange, account).items():
            told[tag, currency] = master if value == account else value
            if currency and tag not in _NAMES:
                sums[tag, currency] = sums.get((tag, currency), ZERO) + Decimal(value)
    told |= {key: str(amount) for key, amount in sums.items()}
    own = exchange.terms.currency
    if equity := sums["NetLiquidation", own]:
        told["Cushion", ""] = f"{max(sums['ExcessLiquidity', own] / equity, ZERO):.6f}"
        told["Leverage", ""] = told["Leverage-S", ""] = f"{sums['GrossPositionValue', own] / equity:.2f}"
    return told


def _money(exchange: Exchange, held: Account, standing: Standing) -> Values:
    """What is told in the account's own currency: of the whole account, and of its segment."""
    before = _cents(exchange.equity_before[held.name])
    regulation = standing.gross if held.margin is None else standing.gross / 2
    whole = {
        "NetLiquidation": _cents(standing.equity),
        "TotalCashValue": _cents(exchange.credit.total_cash(held)),
        "AccruedCash": _cents(exchange.overnight.accrued_base(held.name)),
        "EquityWithLoanValue": _cents(standing.equity),
        "PreviousDayEquityWithLoanValue": before,
        "GrossPositionValue": _cents(standing.gross),
        "RegTEquity": _cents(standing.equity),
        "RegTMargin": _cents(regulation),
        "SMA": _cents(max(standing.equity - regulation, ZERO)),
    }
    four = {
        "InitMarginReq": _cents(standing.initial),
        "MaintMarginReq": _cents(standing.maintenance),
        "AvailableFunds": _cents(standing.available),
        "ExcessLiquidity": _cents(standing.excess),
    }
    own = held.currency
    told: Values = {}
    for tag, text in whole.items():
        told[tag, own] = told[f"{tag}-S", own] = text
    for tag, text in four.items():
        for name in (tag, f"Full{tag}", f"LookAhead{tag}"):
            told[name, own] = told[f"{name}-S", own] = text
    told["SettledCash", own] = _cents(held.settled_cash)
    told["BuyingPower", own] = _cents(standing.power)
    return told


def _ledger(exchange: Exchange, held: Account, currencies: Iterable[str]) -> Values:
    """What is told of each currency, and of all together."""
    gains, accrued = _gains(exchange, held.name), exchange.overnight.accrued(held.name)
    rows: dict[str, dict[str, Decimal]] = {}
    for currency in currencies:
        stock, unrealized, realized = gains.get(currency, (ZERO, ZERO, ZERO))
        cash = held.balance(currency)
        rows[currency] = {
            "CashBalance": cash,
            "TotalCashBalance": cash,
            "AccruedCash": accrued.get(currency, ZERO),
            "StockMarketValue": stock,
            "NetLiquidationByCurrency": cash + stock,
            "UnrealizedPnL": unrealized,
            "RealizedPnL": realized,
        }
    told: Values = {}
    for currency, row in rows.items():
        for tag, amount in row.items():
            told[tag, currency] = _cents(amount)
        if currency != held.currency:
            told["ExchangeRate", currency] = f"{exchange.credit.rate(currency) or ZERO:.7f}"
    for tag in rows[held.currency]:
        if len(rows) == 1:  # nothing to convert
            told[tag, BASE] = told[tag, held.currency]
        else:
            told[tag, BASE] = _cents(_in_base(exchange, {currency: row[tag] for currency, row in rows.items()}))
    return told


@lru_cache(maxsize=256)
def _unchanging(account: str, own: str, currencies: tuple[str, ...]) -> Mapping[tuple[str, str], str]:
    """What stays as it is as long as no currency is added. An account without equity has neither cushion nor lever."""
    told: Values = {
        ("AccountType", ""): "INDIVIDUAL",
        ("AccountCode", ""): account,
        ("AccountReady", ""): "true",
        ("Cushion", ""): "0",
        ("Leverage", ""): "0",
        ("Leverage-S", ""): "0",
        ("LookAheadNextChange", ""): "0",
        ("NLVAndMarginInReview", ""): "false",
        ("SegmentTitle-S", ""): "US Securities",
        ("TradingType-S", ""): "STKCASH",
        ("HighestSeverity", ""): "0",
        ("WhatIfPMEnabled", ""): "false",
        ("DayTradesRemaining", ""): "-1",
        **{(f"DayTradesRemainingT+{ahead}", ""): "-1" for ahead in (1, 2, 3, 4)},
    }
    told |= {(f"{tag}{segment}", own): "0.00" for tag in _NOT_OWED for segment in ("", "-S")}
    told["NetLiquidationUncertainty", own] = "0.00"
    for currency in (BASE, *currencies):
        told["AccountOrGroup", currency] = account
        told["Currency", currency] = currency
        told["RealCurrency", currency] = own if currency == BASE else currency
        told["ExchangeRate", currency] = "1.00"
        told |= {(tag, currency): "0.00" for tag in _NOT_HELD}
    return told


def _gains(exchange: Exchange, account: str) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    """Value of stock, profit on it, and profit of the day's closed trades, by currency."""
    gains: dict[str, tuple[Decimal, Decimal, Decimal]] = {}
    for symbol, position in exchange.accounts[account].positions.items():
        currency, value = _currency(exchange, symbol), position.quantity * exchange.credit.price(symbol)
        stock, unrealized, realized = gains.get(currency, (ZERO, ZERO, ZERO))
        gains[currency] = (stock + value, unrealized + value - position.cost, realized + position.realized)
    return gains


def _currency(exchange: Exchange, symbol: str) -> str:
    return exchange.world.listed[symbol].currency


def _in_base(exchange: Exchange, amounts: Mapping[str, Decimal]) -> Decimal:
    return sum((amount * (exchange.credit.rate(currency) or ZERO) for currency, amount in amounts.items()), ZERO)


def _cents(amount: Decimal) -> str:
    return str(amount.quantize(CENT))
