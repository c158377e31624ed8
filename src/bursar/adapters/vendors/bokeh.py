"""Real prices as they were paid, with real splits and dividends: five stocks that ship in bokeh's sample data.

Daily open, high, low, close and volume of AAPL, GOOG, IBM and MSFT from 2000-03-01 (GOOG from 2004-08-19) and FB from
2012-05-18, all to 2013-03-01, with an adjusted close beside them. The file has no list of corporate actions. It follows
from the adjusted closes to the last digit: where their ratio to the closes changes from one day to the next, the later
day went ex. A change in which shares are split is a split, any other a dividend. When one was declared is not said; it
is taken to be known from the evening before, which is late and never early.

The file is found beside the installed package, read without importing it and checked against its SHA-256.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import numpy as np

from bursar.adapters.adjustments import CorporateAction
from bursar.adapters.history import Facts, ParquetHistory, closes_known_at, read_manifest, write_history
from bursar.adapters.vendors import PriceKind, Source
from bursar.adapters.vendors.wheels import WheelFile, read
from bursar.errors import DataError, InputError
from bursar.ports import Calendar, Panel

FILE = WheelFile(
    package="bokeh_sampledata",
    path="_data/stocks.csv.gz",
    sha256="5abadf99b2d394f920120a27de6f0df129859d71d4cfb0bf661bcc99446ab1fd",
)
SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
FIELDS = ("raw_open", "raw_high", "raw_low", "raw_close", "volume")
#: New shares for each old one, as these companies split them.
RATIOS = (2.0, 3.0, 4.0, 7.0)
#: A ratio that moved by less is rounding: the file carries twelve decimals.
MOVED = 1e-6

SOURCE = Source(
    name="bokeh",
    title="prices as paid, bokeh sample",
    prices=PriceKind.TOTAL_RETURN,
    fields=frozenset({*FIELDS, "open", "high", "low", "close", "price_close", "adjusted_volume"}),
    lacks=frozenset({"implied_volatility", "earnings_dates", "fundamentals", "market_cap", "news"}),
    origin="5 well-known companies that the authors of bokeh chose in 2013",
    survivors=True,
    first=date(2000, 3, 1),
    last=date(2013, 3, 1),
)


def history(home: Path, calendar: Calendar) -> ParquetHistory:
    """Prices, volume and actions, converted into ``home``/data on first use.

    Raises InputError where the wheel's file is missing or is not the one that we know.
    """
    folder, made_from = home / "data" / SOURCE.name, {f"{FILE.package}/{FILE.path}": FILE.sha256}
    try:
        if read_manifest(folder).made_from == made_from:
            kept = ParquetHistory(folder)
            kept.facts("raw_close")
            return kept
    except InputError:
        # Not converted yet, or damaged since: the wheel's file is the original, so it is made again.
        pass
    facts, actions = load(calendar)
    write_history(
        folder, facts, source=SOURCE.title, lacks=SOURCE.lacks, made_from=made_from, about=SOURCE, actions=actions
    )
    return ParquetHistory(folder)


def load(calendar: Calendar) -> tuple[Mapping[str, Facts], tuple[CorporateAction, ...]]:
    """The facts by field, and what the companies did to their shares.

    Raises DataError when a day of the file is no session of the calendar.
    """
    _, *rows = csv.reader(io.StringIO(gzip.decompress(read(FILE)).decode("ascii")))
    closes = {session.day: session.close for session in calendar.sessions(SOURCE.first, SOURCE.last)}
    places = {day: place for place, day in enumerate(closes)}
    tables = {field: np.full((len(closes), len(SYMBOLS)), np.nan) for field in (*FIELDS, "adjusted")}
    for symbol, text, open_, high, low, close, volume, adjusted in rows:
        place = places.get(date.fromisoformat(text))
        if place is None:
            raise DataError(f"{SOURCE.title} has {symbol} on {text}, and the calendar has no session on it")
        column = SYMBOLS.index(symbol)
        for field, cell in zip(tables, (open_, high, low, close, volume, adjusted), strict=True):
            tables[field][place, column] = float(cell)
    days = np.array(list(closes), dtype="datetime64[D]")
    known_at = closes_known_at(list(closes.values()))
    facts = {field: Facts(Panel(days, SYMBOLS, tables[field]), known_at) for field in FIELDS}
    return facts, actions_of(tables["raw_close"], tables["adjusted"], list(closes.items()))


def actions_of(
    closes: np.ndarray, adjusted: np.ndarray, sessions: list[tuple[date, datetime]]
) -> tuple[CorporateAction, ...]:
    """Splits and dividends, from closes as paid and as adjusted, (n_days, n_symbols); by ex-date.

    sessions  each day with its closing instant
    """
    found = []
    for column, symbol in enumerate(SYMBOLS):
        held = np.flatnonzero(np.isfinite(closes[:, column]))
        factors = adjusted[held, column] / closes[held, column]
        left = factors[:-1] / factors[1:]
        for place in np.flatnonzero(np.abs(left - 1.0) > MOVED).tolist():
            row, before = int(held[place + 1]), int(held[place])
            split = next((ratio for ratio in RATIOS if abs(left[place] * ratio - 1.0) < MOVED), 1.0)
            dividend = 0.0 if split != 1.0 else float(closes[before, column] * (1.0 - left[place]))
            found.append(
                CorporateAction(
                    symbol=symbol, ex_date=sessions[row][0], known_at=sessions[before][1], split=split,
                    dividend=dividend,
                )
            )  # fmt: skip
    return tuple(sorted(found, key=lambda action: (action.ex_date, action.symbol)))
