"""What happens to money and shares between trades in a backtest: dividends, splits, interest, fees, delistings.

The exchange in this process does it all, and the books follow its word; here is only what a backtest must know besides:
which shares the data say nothing more of, how much of everything there was on each day, and what is told to a reader.
A dividend is paid in one of two ways and never in both: in adjusted prices, or in cash on prices as they were paid.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import numpy as np

from bursar.domain.events import (
    DividendPaid,
    Event,
    FeeCharged,
    Filled,
    FractionPaid,
    InterestPaid,
    Merged,
    Split,
)
from bursar.domain.instruments import Instrument
from bursar.domain.orders import Side
from bursar.domain.sessions import Session
from bursar.gateway import actions
from bursar.gateway.actions import Action, Delisting
from bursar.gateway.interest import InterestPlan
from bursar.ports import Panel
from bursar.quant.arrays import FloatArray

#: What a backtest can follow of what companies do: it has no prices of a child before its first day.
Done = actions.Dividend | actions.Split | Delisting


def taken(
    traded: Panel, instruments: Iterable[Instrument], days: Sequence[date], known: Iterable[Action]
) -> tuple[Delisting, ...]:
    """Those whose prices end before the days do: taken off the market at the last of them, for want of another price.

    days   of trading, oldest first
    known  what companies did; whoever is delisted there is left to it
    """
    told = {action.symbol for action in known if isinstance(action, Delisting)}
    found = []
    for instrument in instruments:
        prices = traded.column(instrument.symbol)
        rows = np.flatnonzero(np.isfinite(prices))
        ended = len(rows) and rows[-1] < len(prices) - 1 and instrument.symbol not in told
        if ended and (place := bisect_right(days, traded.dates[rows[-1]].item())) < len(days):
            last = instrument.on_tick(Decimal(repr(float(prices[rows[-1]]))))
            found.append(Delisting(symbol=instrument.symbol, ex_day=days[place], amount=last))
    return tuple(found)


def eventful(found: Iterable[Action]) -> set[date]:
    """The days on which something of it is done or paid."""
    return {day for action in found for day in (action.ex_day, getattr(action, "pay_day", action.ex_day))}


def moved(
    events: Iterable[Event], sessions: Sequence[Session], symbols: Sequence[str]
) -> tuple[FloatArray, FloatArray]:
    """By how much events changed what is held, (n_days, n_symbols), and the cash, (n_days,).

    An event is of the day that it is on the exchange's clock: Sydney's session begins on the day before, in UTC.
    """
    days = [session.day for session in sessions]
    place: Mapping[date, int] = {day: row for row, day in enumerate(days)}

    def row_of(at: datetime) -> int:
        return place[sessions[0].local(at).date()]

    column = {symbol: number for number, symbol in enumerate(symbols)}
    shares, cash = np.zeros((len(days), len(column))), np.zeros(len(days))
    for event in events:
        match event:
            case Filled():
                row = place[event.traded_on] if event.traded_on else row_of(event.at)
                sign = 1 if event.side is Side.BUY else -1
                shares[row, column[event.symbol]] += sign * float(event.quantity)
                cash[row] -= float(sign * event.quantity * event.price + event.commission.amount)
            case Split(symbol=symbol):
                held = shares[:, column[symbol]].sum()
                shares[row_of(event.at), column[symbol]] += held * float(event.new / event.old - 1)
            case Merged(symbol=symbol):
                row, held = row_of(event.at), shares[:, column[symbol]].sum()
                shares[row, column[symbol]] -= held
                cash[row] += held * float(event.cash.amount)
            case FractionPaid(symbol=symbol):
                row = row_of(event.at)
                shares[row, column[symbol]] -= float(event.quantity.copy_sign(event.amount.amount))
                cash[row] += float(event.amount.amount)
            case DividendPaid() | InterestPaid() | FeeCharged():
                cash[row_of(event.at)] += float(event.amount.amount)
            case _:
                pass
    return shares, cash


def last_known(values: FloatArray) -> FloatArray:
    """``values`` with each gap filled by the last close before it: what a position is carried at until it trades."""
    rows = np.where(np.isnan(values), 0, np.arange(len(values))[:, None])
    return np.take_along_axis(values, np.maximum.accumulate(rows, axis=0), axis=0)


def said(
    *,
    adjusted: bool,
    paid: bool,
    within: Sequence[Action],
    gone: Sequence[Delisting],
    interest: InterestPlan | None,
    lending: bool,
) -> Iterator[str]:
    """What the data and the terms carried, and what not.

    adjusted, paid     prices are adjusted; prices are those that were paid, with what companies did
    within             what companies did in the days that were played
    gone               whose prices end in them
    interest, lending  what cash earns; whether borrowed shares have a fee
    """
    if adjusted:
        yield "Dividends and splits are in the adjusted prices and nowhere else: none is paid in cash a second time."
    elif paid:
        splits, dividends = (
            sum(isinstance(action, kind) for action in within) for kind in (actions.Split, actions.Dividend)
        )
        yield (
            f"Prices are those that were paid: splits were done ({splits}) and dividends paid in cash, before tax "
            f"({dividends})."
        )
    else:
        yield "No dividends or splits came with these prices: none is paid or done."
    if interest is not None:
        rates = ", ".join(f"{each.rate.normalize():f} %" for each in interest.benchmarks)
        less = f" less {interest.credit_spread.normalize():f} points" if interest.credit_spread else ""
        yield f"Cash earns {rates} a year{less}, posted once a month; debt costs more."
    else:
        yield "Cash earns nothing and debt costs nothing."
    if lending:
        yield "Shares sold short cost a fee for each day."
    else:
        yield "Borrowing shares costs nothing; no strategy here sells short."
    delisted = [action for action in within if isinstance(action, Delisting)]
    if delisted:
        yield f"Delisted for cash: {_names(delisted)}."
    if gone:
        yield f"Prices end early, and nobody says what was paid: taken at the last close: {_names(gone)}."
    if not delisted and not gone:
        yield "No company was delisted in these days, as far as the data say."


def _names(gone: Iterable[Delisting]) -> str:
    return ", ".join(f"{each.symbol} on {each.ex_day}" for each in gone)
