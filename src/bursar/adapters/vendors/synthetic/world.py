"""The world as a whole: what is listed, what it says of itself, and the three ports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property

import numpy as np

from bursar.adapters.adjustments import CorporateAction
from bursar.adapters.history import Facts, MemoryHistory, closes_known_at
from bursar.adapters.vendors import PriceKind, Source
from bursar.adapters.vendors.synthetic.headlines import SyntheticNews
from bursar.adapters.vendors.synthetic.statements import SyntheticFundamentals
from bursar.domain.instruments import Instrument
from bursar.domain.sessions import Session
from bursar.errors import InputError
from bursar.ports import Panel
from bursar.quant.synthetic import Market, Recipe
from bursar.quant.synthetic import make as make_market
from bursar.quant.synthetic.companies import SECTOR_NAMES
from bursar.quant.synthetic.prices import DIVIDEND_AFTER, SPLIT_AFTER

#: Contract ids are made up for our own gateway, counted from here.
CONTRACT_ID_FIRST = 950_000_001
#: Under which name a planted signal is found in the history.
SIGNAL = "planted_signal"
FIELDS = ("raw_open", "raw_high", "raw_low", "raw_close", "volume", "implied_volatility", "days_to_report")


@dataclass(frozen=True, kw_only=True)
class SyntheticWorld:
    """A made-up market on the sessions of an exchange.

    instruments  what is listed, by symbol, with name and sector
    """

    market: Market
    sessions: tuple[Session, ...]
    instruments: tuple[Instrument, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """Everything that is listed."""
        return tuple(instrument.symbol for instrument in self.instruments)

    @cached_property
    def source(self) -> Source:
        """What the world says of itself."""
        recipe = self.market.recipe
        planted = () if self.market.signal is None else (SIGNAL,)
        adjusted = ("open", "high", "low", "close", "price_close", "adjusted_volume")
        return Source(
            name="synthetic",
            title=f"synthetic market, seed {recipe.seed}",
            prices=PriceKind.TOTAL_RETURN,
            fields=frozenset({*FIELDS, *planted, *adjusted, "fundamentals", "news", "earnings_dates", "market_cap"}),
            lacks=frozenset({"social"}),
            origin=f"{recipe.symbols} companies that do not exist, made from the seed {recipe.seed}",
            survivors=False,
            first=self.sessions[0].day,
            last=self.sessions[-1].day,
            simulated=True,
            exchange=self.sessions[0].exchange,
            currency=self.instruments[0].currency,
        )

    @cached_property
    def history(self) -> MemoryHistory:
        """Prices as paid and adjusted, volume, implied volatility, days to the next report, and a planted signal."""
        prices = self.market.prices
        values = {
            "raw_open": prices.open,
            "raw_high": prices.high,
            "raw_low": prices.low,
            "raw_close": prices.close,
            "volume": prices.volume,
            "implied_volatility": prices.implied_volatility,
            "days_to_report": days_to_report(self.market),
        }
        if self.market.signal is not None:
            values[SIGNAL] = self.market.signal
        known_at = closes_known_at([session.close for session in self.sessions])
        days = self.market.recipe.days
        facts = {name: Facts(Panel(days, self.symbols, each), known_at) for name, each in values.items()}
        return MemoryHistory(facts, self.source.lacks, self.source.title, self.actions)

    @cached_property
    def actions(self) -> tuple[CorporateAction, ...]:
        """Splits and dividends, each known from the close of the session on which it was declared."""
        prices, found = self.market.prices, []
        for values, after, usual in ((prices.split, SPLIT_AFTER, 1.0), (prices.dividend, DIVIDEND_AFTER, 0.0)):
            for row, column in np.argwhere(values != usual).tolist():
                is_split = after == SPLIT_AFTER
                found.append(
                    CorporateAction(
                        symbol=self.symbols[column],
                        ex_date=self.sessions[row].day,
                        known_at=self.sessions[row - after].close.astimezone(UTC),
                        split=float(values[row, column]) if is_split else 1.0,
                        dividend=0.0 if is_split else float(values[row, column]),
                    )
                )
        return tuple(sorted(found, key=lambda action: (action.ex_date, action.symbol)))

    @cached_property
    def fundamentals(self) -> SyntheticFundamentals:
        """Statements by filing date."""
        return SyntheticFundamentals(self.market, self.symbols)

    @cached_property
    def news(self) -> SyntheticNews:
        """Headlines."""
        return SyntheticNews(self.market, self.instruments, self.sessions)


def make(
    sessions: Sequence[Session],
    *,
    symbols: int = 500,
    seed: int = 7,
    signal: float | None = None,
    signal_days: int = 1,
    currency: str = "USD",
) -> SyntheticWorld:
    """The world of ``seed`` on ``sessions``. For signal and signal_days see ``quant.synthetic.Recipe``."""
    if not sessions:
        raise InputError("a synthetic world needs sessions; give at least two")
    days = np.array([session.day for session in sessions], dtype="datetime64[D]")
    recipe = Recipe(days=days, symbols=symbols, seed=seed, signal=signal, signal_days=signal_days)
    market = make_market(recipe)
    listed, counted = [], dict.fromkeys(SECTOR_NAMES, 0)
    for place, symbol in enumerate(symbols_of(symbols)):
        sector = SECTOR_NAMES[market.companies.sector[place]]
        counted[sector] += 1
        listed.append(
            Instrument(
                symbol=symbol,
                name=f"Synthetic {sector} {counted[sector]}",
                sector=sector,
                currency=currency,
                exchange=sessions[0].exchange,
                contract_id=CONTRACT_ID_FIRST + place,
            )
        )
    return SyntheticWorld(market=market, sessions=tuple(sessions), instruments=tuple(listed))


def symbols_of(count: int) -> tuple[str, ...]:
    """The symbols of a world of so many companies."""
    width = max(len(str(count)), 3)
    return tuple(f"SYN{number:0{width}}" for number in range(1, count + 1))


def days_to_report(market: Market) -> np.ndarray:
    """Calendar days from each session to the next report that the company has announced, (n_days, n_symbols).

    0 on the day of the report itself, after whose close it comes.
    """
    days, due = market.recipe.days, market.reports.on
    left = np.empty(market.recipe.shape)
    for column in range(left.shape[1]):
        dates = np.sort(due[:, column])
        place = np.searchsorted(dates, days)
        known = place < len(dates)
        left[:, column] = np.where(known, (dates[np.minimum(place, len(dates) - 1)] - days).astype(float), np.nan)
    return left
