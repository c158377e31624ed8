"""Interactive Brokers as a source: daily bars and headlines, through the connection that also trades.

Bars are ADJUSTED_LAST: adjusted for splits and dividends to this day, so total returns, and no price that was paid. An
answer without bars is an error and never an empty history: ib_async gives the same empty list to whoever waited too
long. IBKR allows sixty requests of history in ten minutes and drops who asks for more; here it is fifty.

Sources: IBKR, "TWS API: Historical Bars", "Historical Data Limitations", "News".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from bursar.adapters.ib_connection import Address, Connection, Contracts
from bursar.adapters.pacing import Priority, RateLimiter
from bursar.adapters.vendors import PriceKind
from bursar.adapters.vendors.news import plain
from bursar.adapters.vendors.providers import Delivery, Offer
from bursar.adapters.vendors.tables import Row
from bursar.domain.instruments import Instrument
from bursar.domain.venues import HOME, venue
from bursar.errors import DataError
from bursar.ports import Clock, Fact, Headline

Answer = TypeVar("Answer")

OFFER = Offer(
    name="ibkr",
    title="Interactive Brokers",
    has=frozenset({"prices", "volume", "news"}),
    lacks=frozenset({"actions", "raw_close", "statements", "earnings_dates", "implied_volatility"}),
    needs="IB Gateway, TWS or `bursar gateway`, with the market data that the account subscribes to",
    pace="50 in ten minutes",
)
REQUESTS_MAX, WINDOW = 50, timedelta(minutes=10)
HEADLINES_MAX = 300
BARS_TIMEOUT_SECONDS = 60.0


class Ibkr:
    """Satisfies ``Provider``, with a connection of its own for each question.

    client_id  is never the one that trades: IBKR would cut that one off
    exchange   where the symbols are listed
    """

    def __init__(self, address: Address, clock: Clock, exchange: str = HOME) -> None:
        self._address, self._clock, self._venue = address, clock, venue(exchange)
        self._pace = RateLimiter(clock, most=REQUESTS_MAX, reserved=0, window=WINDOW)

    @property
    def offer(self) -> Offer:
        return OFFER

    def prices(self, symbols: Sequence[str], first: date, last: date) -> Delivery:
        """Daily bars that end with the last finished session. Raises BrokerError where no gateway answers."""

        async def ask(connection: Connection, contracts: Contracts) -> Mapping[str, list[tuple[date, Row]]]:
            return {symbol: await self._bars(connection, contracts, symbol, first) for symbol in symbols}

        rows = asyncio.run(self._connected(symbols, ask))
        return Delivery(
            prices=PriceKind.TOTAL_RETURN,
            rows={symbol: [each for each in bars if each[0] <= last] for symbol, bars in rows.items()},
        )

    def statements(self, symbols: Sequence[str]) -> tuple[Fact, ...]:
        """IBKR has withdrawn its fundamentals from the API."""
        raise DataError(f"Interactive Brokers has no statements of {', '.join(symbols)}")

    def headlines(self, symbols: Sequence[str], first: date, last: date) -> tuple[Headline, ...]:
        """Headlines of the providers that the account subscribes to."""

        async def ask(connection: Connection, contracts: Contracts) -> tuple[Headline, ...]:
            providers = await connection.answered("the news providers", connection.ib.reqNewsProvidersAsync)
            codes = "+".join(sorted(provider.code for provider in providers))
            if not codes:
                raise DataError("the account subscribes to no news at Interactive Brokers")
            return tuple(
                [
                    headline
                    for symbol in symbols
                    for headline in await self._news(connection, contracts, symbol, codes, first, last)
                ]
            )

        return asyncio.run(self._connected(symbols, ask))

    async def _connected(
        self, symbols: Sequence[str], ask: Callable[[Connection, Contracts], Awaitable[Answer]]
    ) -> Answer:
        connection = Connection(self._address, self._clock)
        await connection.connect()
        try:
            here = self._venue
            contracts = Contracts(
                {symbol: Instrument(symbol=symbol, currency=here.currency, exchange=here.code) for symbol in symbols}
            )
            await contracts.look_up(connection)
            return await ask(connection, contracts)
        finally:
            connection.close()

    async def _bars(
        self, connection: Connection, contracts: Contracts, symbol: str, first: date
    ) -> list[tuple[date, Row]]:
        await self._pace.turn(Priority.DATA)
        now = await connection.answered("the time", connection.ib.reqCurrentTimeAsync)
        today = now.astimezone(ZoneInfo(self._venue.zone)).date()
        years = max(today.year - first.year + 1, 1)
        bars = await connection.answered(
            f"the history of {symbol}",
            lambda: connection.ib.reqHistoricalDataAsync(
                contracts[symbol], "", f"{years} Y", "1 day", "ADJUSTED_LAST", useRTH=True, formatDate=1,
                timeout=BARS_TIMEOUT_SECONDS,
            ),
            Priority.DATA,
        )  # fmt: skip
        if not bars:
            raise DataError(f"Interactive Brokers gave no bars of {symbol}; it was too slow, or has none")
        return [
            (_day(bar.date), {name: float(getattr(bar, name)) for name in ("open", "high", "low", "close", "volume")})
            for bar in bars
            # The session that is under way is no close yet.
            if _day(bar.date) < today
        ]

    async def _news(
        self, connection: Connection, contracts: Contracts, symbol: str, codes: str, first: date, last: date
    ) -> list[Headline]:
        await self._pace.turn(Priority.DATA)
        told: object = await connection.answered(
            f"the news of {symbol}",
            lambda: connection.ib.reqHistoricalNewsAsync(
                contracts[symbol].conId, codes, datetime.combine(first, time(), UTC),
                datetime.combine(last + timedelta(days=1), time(), UTC), HEADLINES_MAX,
            ),
            Priority.DATA,
        )  # fmt: skip
        if told is None:
            raise DataError(f"Interactive Brokers did not tell the news of {symbol} in time")
        articles: list[Any] = told if isinstance(told, list) else [told]
        return [
            Headline(
                symbols=(symbol,),
                text=plain(str(article.headline)),
                source=plain(f"{article.providerCode}, by Interactive Brokers"),
                known_at=_utc(article.time),
            )
            for article in articles
        ]


def _day(said: date | datetime) -> date:
    return said.date() if isinstance(said, datetime) else said


def _utc(at: datetime) -> datetime:
    """IBKR's news carry UTC without saying so."""
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
