"""Market data of one client: streaming and snapshot prices, contracts, bars of the past."""

from __future__ import annotations

from collections.abc import Iterable

from bursar.domain.market import Quote
from bursar.gateway import reporting as report
from bursar.gateway.answers import Answers, Messages
from bursar.gateway.answers.delayed import DelayedQuotes, late
from bursar.gateway.history import NoBars
from bursar.gateway.hub import Hub
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q

NO_CONTRACT = "No security definition has been found for the request"
LIVE, FROZEN, DELAYED, DELAYED_FROZEN = 1, 2, 3, 4
#: What is said of data that a log-in does not have: as it is now, as it was, at all, and where another one has it.
NOT_SUBSCRIBED = "Requested market data is not subscribed."
COMPETING = "No market data during competing live session"
PACING = "Historical Market Data Service error message:Historical data request pacing violation"
#: How many sessions' hours contract details tell.
SESSIONS_TOLD = 6


class MarketAnswers:
    """See the module.

    A quote that nobody took yet gives way to a newer one of the same line: what is told is always the present.
    """

    def __init__(self, hub: Hub) -> None:
        self._exchange = hub.exchange
        self._contracts = hub.contracts
        self._past = hub.history
        self._pacing = hub.history_pacing
        self._lines_max = hub.limits.market_data_lines
        self._permissions = hub.permissions
        self._delayed = DelayedQuotes(hub.exchange)
        self._late_told: dict[int, Quote | None] = {}
        self._type = LIVE
        #: Symbols of the lines that are open, by their number.
        self.lines: dict[int, str] = {}
        self._dead: set[int] = set()
        self._by_symbol: dict[str, list[int]] = {}
        self._stale: dict[int, Quote] = {}

    @property
    def answers(self) -> Answers:
        return {
            q.ReqMktData: self._subscribe,
            q.CancelMktData: self._cancel,
            q.ReqMarketDataType: self._set_type,
            q.ReqContractDetails: self._details,
            q.ReqMatchingSymbols: self._matching,
            q.ReqHistoricalData: self._history,
            q.CancelHistoricalData: self._cancel_history,
        }

    def moved(self, quotes: Iterable[Quote]) -> None:
        """Remember what is to be told of ``quotes``."""
        for quote in quotes:
            for req_id in self._by_symbol.get(quote.symbol, ()):
                self._stale[req_id] = quote

    def ticks(self) -> Messages:
        """What moved since this was last asked."""
        stale, self._stale = self._stale, {}
        for req_id, quote in stale.items():
            yield from report.quote_ticks(req_id, quote)
            yield from report.volume_tick(req_id, quote)
        for req_id, told in self._late_told.items():
            was = self._delayed.quote(self.lines[req_id])
            if was is not None and was is not told:
                self._late_told[req_id] = was
                yield from late((*report.quote_ticks(req_id, was), *report.volume_tick(req_id, was)))

    def lose(self, symbol: str) -> None:
        """Tell nothing more of ``symbol``, or of any without one, until it is asked for again."""
        for req_id in [number for number, each in self.lines.items() if symbol in ("", each)]:
            self._close(req_id)
            self._dead.add(req_id)

    def _close(self, req_id: int) -> bool:
        symbol = self.lines.pop(req_id, None)
        if symbol is None:
            return False
        self._stale.pop(req_id, None)
        if req_id in self._late_told:
            del self._late_told[req_id]
        else:
            self._by_symbol[symbol].remove(req_id)
        return True

    # ------------------------------------------------------------ prices

    def _subscribe(self, request: q.ReqMktData) -> Messages:
        req_id, instrument = request.req_id, self._contracts.find(request.contract)
        if instrument is None:
            yield r.ErrMsg(req_id=req_id, code=200, text=NO_CONTRACT)
            return
        if req_id in self.lines:
            text = "Error processing request.-'bT' : cause - Duplicate ticker ID for API market data request"
            yield r.ErrMsg(req_id=req_id, code=322, text=text)
            return
        if len(self.lines) >= self._lines_max:
            yield r.ErrMsg(req_id=req_id, code=101, text="Max number of tickers has been reached")
            return
        live, symbol = self._permissions.sees_live(instrument.symbol), instrument.symbol
        lack = self._lack(symbol)
        if lack:
            yield r.ErrMsg(req_id=req_id, code=lack[0], text=lack[1])
        if lack and lack[0] != 10167:
            return
        yield r.TickReqParams(
            req_id=req_id, min_tick=instrument.tick, bbo_exchange=report.BBO_EXCHANGE, snapshot_permissions=3
        )
        yield r.MarketDataType(req_id=req_id, market_data_type=self._type_now(live=live))
        yield from self._as_it_stands(req_id, symbol, live=live)
        if request.snapshot or request.regulatory_snapshot:
            yield r.TickSnapshotEnd(req_id=req_id)
            return
        self._dead.discard(req_id)
        self.lines[req_id] = symbol
        if live:
            self._by_symbol.setdefault(symbol, []).append(req_id)
        else:
            self._late_told[req_id] = self._delayed.quote(symbol)

    def _lack(self, symbol: str) -> tuple[int, str] | None:
        """What a log-in lacks to see ``symbol``, as it is said; 10167 says it and shows delayed data."""
        may = self._permissions
        if may.competing:
            return 10197, COMPETING
        if may.sees_live(symbol):
            return None
        if self._type in (LIVE, FROZEN):
            where = f"{symbol} {self._contracts[symbol].primary_exchange}/TOP/ALL"
            delayed = "Delayed market data is available." if may.delayed else ""
            return 354, f"{NOT_SUBSCRIBED}{delayed}{where}"
        if not may.delayed:
            return 10168, f"{NOT_SUBSCRIBED} Delayed market data is not enabled."
        return 10167, f"{NOT_SUBSCRIBED} Displaying delayed market data."

    def _as_it_stands(self, req_id: int, symbol: str, *, live: bool) -> Messages:
        """The day so far and the latest quote, as they may be seen."""
        exchange = self._exchange
        now = exchange.now if live else self._delayed.now
        day = self._past.day(symbol, exchange.session, now)
        quote = exchange.quote(symbol) if live else self._delayed.quote(symbol)
        ticks = () if day is None else report.day_ticks(req_id, day)
        ticks += () if quote is None else report.quote_ticks(req_id, quote)
        return ticks if live else late(ticks)

    def _cancel(self, request: q.CancelMktData) -> Messages:
        if not self._close(request.req_id) and request.req_id not in self._dead:
            yield r.ErrMsg(req_id=request.req_id, code=300, text=f"Can't find EId with tickerId:{request.req_id}")
        self._dead.discard(request.req_id)

    def _set_type(self, request: q.ReqMarketDataType) -> Messages:
        """Whoever may see live prices gets them even where he asks for delayed ones, as at IBKR."""
        if request.market_data_type not in (1, 2, 3, 4):
            text = f"Error validating request.-'bZ' : cause - Invalid market data type {request.market_data_type}"
            yield r.ErrMsg(req_id=r.NO_REQUEST, code=321, text=text)
            return
        self._type = request.market_data_type

    def _type_now(self, *, live: bool) -> int:
        """Frozen prices are told while the exchange is shut, to those who want them."""
        frozen = self._type in (FROZEN, DELAYED_FROZEN) and not self._exchange.open
        if live:
            return FROZEN if frozen else LIVE
        return DELAYED_FROZEN if frozen else DELAYED

    # ------------------------------------------------------------ contracts

    def _details(self, request: q.ReqContractDetails) -> Messages:
        instrument = self._contracts.find(request.contract)
        if instrument is None or request.sec_id_type or request.issuer_id:
            yield r.ErrMsg(req_id=request.req_id, code=200, text=NO_CONTRACT)
            return
        day = self._exchange.session.day
        upcoming = [session for session in self._exchange.world.sessions if session.day >= day]
        contract = self._contracts[instrument.symbol]
        yield report.contract_data(request.req_id, instrument, contract, tuple(upcoming[:SESSIONS_TOLD]))
        yield r.ContractDataEnd(req_id=request.req_id)

    def _history(self, request: q.ReqHistoricalData) -> Messages:
        req_id, instrument = request.req_id, self._contracts.find(request.contract)
        if instrument is None:
            yield r.ErrMsg(req_id=req_id, code=200, text=NO_CONTRACT)
            return
        if request.keep_up_to_date or request.format_date not in (1, 2):
            cause = "Bars that are kept up to date are not supported by this gateway"
            cause = cause if request.keep_up_to_date else f"Invalid date format {request.format_date}"
            yield r.ErrMsg(req_id=req_id, code=321, text=f"Error validating request.-'bT' : cause - {cause}")
            return
        if not self._permissions.sees_live(instrument.symbol):
            where = f"No market data permissions for {self._contracts[instrument.symbol].primary_exchange} STK"
            yield r.ErrMsg(req_id=req_id, code=162, text=f"Historical Market Data Service error message:{where}")
            return
        if self._pacing and self._pacing.violates(request, self._exchange.now):
            yield r.ErrMsg(req_id=req_id, code=162, text=PACING)
            return
        found = self._past.bars(
            instrument.symbol,
            now=self._exchange.now,
            end=request.end_date_time,
            duration=request.duration_str,
            bar_size=request.bar_size_setting,
            what_to_show=request.what_to_show,
        )
        if isinstance(found, NoBars):
            yield r.ErrMsg(req_id=req_id, code=found.code, text=found.text)
            return
        yield report.historical_data(
            req_id, found, daily=request.bar_size_setting == "1 day", epoch=request.format_date == 2
        )

    def _cancel_history(self, request: q.CancelHistoricalData) -> Messages:
        """Bars are sent at once, so there is never a query to cancel."""
        text = f"No historical data query found for ticker id:{request.req_id}"
        yield r.ErrMsg(req_id=request.req_id, code=366, text=text)

    def _matching(self, request: q.ReqMatchingSymbols) -> Messages:
        yield r.SymbolSamples(req_id=request.req_id, samples=self._contracts.matching(request.pattern))
