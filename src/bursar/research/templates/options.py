"""Options on what was chosen: which contract stands for a symbol, at what price, and how much goes into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

from bursar.domain.instruments import Instrument, InstrumentKind, OptionRight
from bursar.domain.targets import Target
from bursar.errors import DataError
from bursar.research.templates.grammar import Expiries, Template, Trades
from bursar.trading.view import MarketView

_RIGHTS = {
    Trades.CALLS: (OptionRight.CALL,),
    Trades.PUTS: (OptionRight.PUT,),
    Trades.STRADDLES: (OptionRight.CALL, OptionRight.PUT),
}


def on_options(
    template: Template, chosen: tuple[Target, ...], market: MarketView, held: Mapping[str, float]
) -> tuple[Target, ...]:
    """``chosen`` symbols as options on them, each for ``size.risk`` of equity, which is all that it can lose.

    A contract that is held and still has time stays. Raises DataError where none of the chosen has a contract with a
    two-sided quote: then nothing can be bought, and nothing is sold for want of data.
    """
    wanted = []
    for target in chosen:
        contracts = [_contract(target.symbol, right, template, market, held) for right in _RIGHTS[template.trades]]
        there = [each for each in contracts if each is not None]
        if len(there) == len(contracts):
            part = template.size.risk / len(there)
            wanted += [_as_option(target, each, part, market) for each in there]
    if chosen and not wanted:
        raise DataError(
            f"{template.name} abstains: no option of {template.expiries.days_min} to {template.expiries.days_max} days "
            f"with a two-sided quote on {', '.join(target.symbol for target in chosen)}"
        )
    return tuple(wanted)


def _contract(
    symbol: str, right: OptionRight, template: Template, market: MarketView, held: Mapping[str, float]
) -> Instrument | None:
    listed = list(_listed(symbol, right, market))
    kept = [
        each for each, days in listed if held.get(each.symbol, 0.0) > 0.0 and days >= template.expiries.days_min / 2
    ]
    if kept:
        return kept[0]
    price = _price(symbol, market)
    fitting = [(each, days) for each, days in listed if _fits(days, template.expiries)]
    if price is None or not fitting:
        return None
    middle = (template.expiries.days_min + template.expiries.days_max) / 2
    return min(fitting, key=lambda pair: (abs(pair[1] - middle), abs(_strike(pair[0]) - price), pair[0].symbol))[0]


def _listed(symbol: str, right: OptionRight, market: MarketView) -> Iterator[tuple[Instrument, int]]:
    """Options of that right with a two-sided quote, and the days that are left to each, by symbol."""
    today = market.session.day
    for name in sorted(market.instruments):
        each, quote = market.instruments[name], market.quotes.get(name)
        ours = each.kind is InstrumentKind.OPTION and each.underlying == symbol and each.right is right
        if ours and quote is not None and quote.two_sided and quote.mid > 0:
            yield each, (_expiry(each) - today).days


def _fits(days: int, expiries: Expiries) -> bool:
    return expiries.days_min <= days <= expiries.days_max


def _expiry(option: Instrument) -> date:
    assert option.expiry is not None, "an option has an expiry: Instrument checks"
    return option.expiry


def _strike(option: Instrument) -> Decimal:
    assert option.strike is not None, "an option has a strike: Instrument checks"
    return option.strike


def _price(symbol: str, market: MarketView) -> Decimal | None:
    """Of the underlying: the middle of its quote, or its last close."""
    quote = market.quotes.get(symbol)
    if quote is not None and quote.two_sided:
        return quote.mid
    if symbol not in market.closes.symbols or not len(market.closes.dates):
        return None
    close = float(market.closes.column(symbol)[-1])
    return Decimal(repr(close)) if close == close else None


def _as_option(target: Target, option: Instrument, weight: float, market: MarketView) -> Target:
    right = "call" if option.right is OptionRight.CALL else "put"
    said = f"a {right} at {_strike(option):f} until {_expiry(option)}, for {market.quotes[option.symbol].mid:f} a share"
    return replace(target, symbol=option.symbol, weight=weight, reason=f"{said}: {target.reason}")
