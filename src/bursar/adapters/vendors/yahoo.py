"""Yahoo, through the package yfinance: daily prices with splits and dividends, for whoever may use them.

yfinance gives prices adjusted for splits to this day, dividends in today's shares, and the splits. From these the
prices as they were paid are made again: everything before a split is multiplied by its ratio. So what is kept here does
not change with the next split. Yahoo's terms allow personal use; nothing of it ships with Bursar.

Source: yfinance documentation, ``download(auto_adjust=False, actions=True)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from importlib.util import find_spec
from typing import Any

from bursar.adapters.adjustments import CorporateAction
from bursar.adapters.vendors import PriceKind
from bursar.adapters.vendors.providers import Delivery, Offer
from bursar.adapters.vendors.tables import Row
from bursar.domain.venues import HOME, venue
from bursar.errors import DataError, InputError
from bursar.ports import Fact, Headline

OFFER = Offer(
    name="yfinance",
    title="Yahoo",
    has=frozenset({"prices", "volume", "actions"}),
    lacks=frozenset({"statements", "news", "implied_volatility", "earnings_dates"}),
    needs="pip install 'bursar[vendors]'",
    pace="as yfinance does",
)
COLUMNS = {"Open": "open", "High": "high", "Low": "low", "Close": "close", "Volume": "volume"}
#: What Yahoo writes behind a symbol, by exchange. London is left out: its prices come in pence or in pounds, and the
#: table does not say which.
SUFFIXES = {"XASX": ".AX", "XETR": ".DE"}
#: A ratio of splits is a quotient of small whole numbers; what Yahoo rounds is rounded back.
PLACES = 6


class Yahoo:
    """Satisfies ``Provider``.

    download  yfinance's own by default, which is imported when it is first needed
    exchange  where the symbols are listed. Raises InputError for one whose prices cannot be read
    """

    def __init__(self, download: Callable[..., Any] | None = None, exchange: str = HOME) -> None:
        self._download = download
        if venue(exchange).market == venue(HOME).market:
            self._suffix = ""
        elif exchange in SUFFIXES:
            self._suffix = SUFFIXES[exchange]
        else:
            raise InputError(
                f"Yahoo does not say whether its prices of {exchange} are in pence or in pounds; ask ibkr, or import a "
                "folder and say which: --currency GBX"
            )

    @property
    def offer(self) -> Offer:
        return OFFER

    def prices(self, symbols: Sequence[str], first: date, last: date) -> Delivery:
        """Prices as they were paid, and what companies did."""
        download = self._download or _installed()
        try:
            frame = download(
                [self._theirs(symbol) for symbol in symbols],
                start=first.isoformat(),
                end=(last + timedelta(days=1)).isoformat(),
                auto_adjust=False,
                actions=True,
                group_by="ticker",
                progress=False,
                threads=False,
            )
        except Exception as error:  # yfinance raises whatever its transport does
            raise DataError(f"Yahoo could not be asked: {type(error).__name__}: {error}") from error
        rows: dict[str, list[tuple[date, Row]]] = {}
        actions: list[CorporateAction] = []
        for symbol in symbols:
            rows[symbol], done = _of(frame, symbol, self._theirs(symbol))
            actions += done
        return Delivery(prices=PriceKind.RAW, rows=rows, actions=tuple(actions))

    def _theirs(self, symbol: str) -> str:
        return symbol.replace(".", "-") + self._suffix

    def statements(self, symbols: Sequence[str]) -> tuple[Fact, ...]:
        """Yahoo's statements have no day of filing, and so no place here."""
        raise DataError(f"Yahoo has no statements of {', '.join(symbols)} with the day of their filing")

    def headlines(self, symbols: Sequence[str], first: date, last: date) -> tuple[Headline, ...]:
        """Yfinance gives the news of this moment alone."""
        raise DataError(f"Yahoo has no news of {', '.join(symbols)} from {first} to {last}")


def _installed() -> Callable[..., Any]:
    if find_spec("yfinance") is None:
        raise InputError("yfinance is not installed; run pip install 'bursar[vendors]'")
    import yfinance  # type: ignore[import-not-found]  # an extra; it brings pandas and takes a second

    download: Callable[..., Any] = yfinance.download
    return download


def _of(frame: Any, symbol: str, theirs: str) -> tuple[list[tuple[date, Row]], list[CorporateAction]]:
    """One symbol's rows as they were paid, oldest first, and its actions, from yfinance's frame."""
    try:
        if theirs not in frame.columns.get_level_values(0):
            return [], []
        table = frame[theirs]
        told = [
            (stamp.date(), {name: float(row[name]) for name in (*COLUMNS, "Dividends", "Stock Splits")})
            for stamp, row in table.iterrows()
        ]
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"Yahoo's answer about {symbol} has another shape than is known: {error!r}") from error
    later, rows, actions = 1.0, [], []
    for day, row in sorted(told, reverse=True):
        if math.isnan(row["Close"]):
            continue
        paid = {ours: row[name] * (1.0 if ours == "volume" else later) for name, ours in COLUMNS.items()}
        paid["volume"] = row["Volume"] / later
        rows.append((day, {field: round(value, PLACES) for field, value in paid.items()}))
        split = row["Stock Splits"] if row["Stock Splits"] > 0.0 else 1.0
        dividend = max(0.0, row["Dividends"])
        if split != 1.0 or dividend:
            actions.append(
                CorporateAction(
                    symbol=symbol,
                    ex_date=day,
                    known_at=datetime.combine(day, time(), UTC),
                    split=split,
                    dividend=round(dividend * later, PLACES),
                )
            )
        later *= split
    return rows[::-1], actions
