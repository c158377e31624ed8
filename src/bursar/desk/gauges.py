"""What the desk knows, as figures: read when they are asked for, from the same places as every page.

Five groups of the eight; sizing, optimization and most of budgets are counted as they are worked out (``tally.py``).
Amounts are in the base currency of their account, fractions are fractions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TypeAlias

import numpy as np
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bursar.desk.desk import Desk
from bursar.desk.heartbeat import Heartbeat
from bursar.desk.monitor import Second
from bursar.desk.stream import Stream
from bursar.domain.events import TradingState
from bursar.ledger.book import PortfolioBook
from bursar.quant.arrays import FloatArray

#: Labels and a value.
Sample: TypeAlias = tuple[tuple[str, ...], float]
PORTFOLIO = ("account_id", "portfolio_id")


def gauge(name: str, says: str, samples: Iterable[Sample], *labels: str) -> Metric:
    """A figure that goes up and down."""
    return _filled(GaugeMetricFamily(f"bursar_{name}", says, labels=labels), samples)


def counter(name: str, says: str, samples: Iterable[Sample], *labels: str) -> Metric:
    """A figure that only goes up while the process lives."""
    return _filled(CounterMetricFamily(f"bursar_{name}", says, labels=labels), samples)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, samples: Iterable[Sample]) -> Metric:
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def one(value: float) -> Iterator[Sample]:
    """A figure without labels."""
    yield (), float(value)


class Gauges(Collector):
    """All groups of one desk."""

    def __init__(self, desk: Desk, stream: Stream, heartbeat: Heartbeat) -> None:
        self._desk, self._stream, self._heartbeat = desk, stream, heartbeat

    def collect(self) -> Iterator[Metric]:
        """Every family, group by group."""
        yield from _of_the_broker(self._desk)
        yield from _of_research(self._desk)
        yield from _of_the_system(self._desk, self._stream, self._heartbeat)
        yield from _of_budgets(self._desk)
        yield from _of_the_books(self._desk)
        if self._desk.second is not None:
            yield from _of_portfolios(self._desk.second)
            yield from _of_risk(self._desk.second)
            yield from _of_attribution(self._desk.second)


# ---------------------------------------------------------------- the broker, and what it was sent


def _of_the_broker(desk: Desk) -> Iterator[Metric]:
    past, kinds = desk.past, desk.past.kinds
    up = past.run is not None and (past.line is None or past.line.state == "up")
    yield gauge("line_up", "1 while the line to the broker is up.", one(up))
    for name, says, kind in (
        ("line_changes", "Times that the line went or came.", "line_changed"),
        ("account_switches", "Changes of the account that is traded.", "account_switched"),
        ("account_switches_refused", "Changes of account that were refused.", "switch_refused"),
        ("orders_rejected", "Orders that the broker rejected; what the gate stops is no order yet.", "order_rejected"),
        ("orders_canceled", "Orders that were canceled.", "order_canceled"),
        ("orders_amended", "Changes of working orders that were asked for.", "amend_requested"),
        ("breaks_found", "Differences from the broker's account that were found.", "break_found"),
        ("commands", "Commands of operators that were taken.", "command_received"),
    ):
        yield counter(name, says, one(kinds[kind]))
    yield gauge("orders_placed", "Orders ever placed.", one(len(past.orders.all())))
    yield gauge("orders_working", "Orders that may trade.", one(len(past.orders.working())))
    yield counter("trades_executed", "Executions that are booked.", one(len(past.fills)))
    states = (((state.value,), float(past.standing.state is state)) for state in TradingState)
    yield gauge("trading_state", "1 for the state that the account is in.", states, "state")


# ---------------------------------------------------------------- research


def _of_research(desk: Desk) -> Iterator[Metric]:
    past, kinds = desk.past, desk.past.kinds
    yield gauge("decisions", "Decisions of strategies.", one(len(past.decisions)))
    yield gauge("views", "Views that analysts formed.", one(len(past.views)))
    yield counter("signals", "Signals from outside that were heard.", one(kinds["signal_received"]))
    yield counter("meetings", "Meetings of the committee.", one(kinds["committee_met"]))
    states = Counter(saga.state.value for saga in past.sagas.all())
    yield gauge("proposals", "Proposals by state.", _counted(states), "state")


def _counted(counts: Mapping[str, int]) -> Iterator[Sample]:
    return (((name,), float(count)) for name, count in sorted(counts.items()))


# ---------------------------------------------------------------- the system


def _of_the_system(desk: Desk, stream: Stream, heartbeat: Heartbeat) -> Iterator[Metric]:
    past = desk.past
    yield gauge("journal_sequence", "Of the last event that is known.", one(past.sequence))
    yield counter("events", "Events that are known, by kind.", _counted(past.kinds), "kind")
    yield gauge("alerts", "Alerts that are at hand.", one(len(past.alerts)))
    yield gauge("degraded", "1 for what is away.", (((name,), 1.0) for name in desk.degraded), "what")
    yield gauge("stream_readers", "Readers of the stream.", one(len(stream.readers)))
    yield counter("stream_dropped", "Readers that were dropped for being slow.", one(stream.dropped))
    yield counter("seconds_seen", "Looks at all portfolios.", one(heartbeat.beats))
    yield gauge("seconds_waiting", "Seconds that the store has not taken.", one(len(heartbeat.waits)))
    yield counter("seconds_lost", "Seconds that no store took.", one(heartbeat.lost))
    states = Counter(job.state.value for job in desk.jobs.jobs.values())
    yield gauge("jobs", "Jobs by state.", _counted(states), "state")
    heard = desk.prices.heard_at
    age = () if heard is None else one((desk.now() - heard).total_seconds())
    yield gauge("prices_age_seconds", "How long ago the last price was heard.", age)


# ---------------------------------------------------------------- budgets and books


def _of_budgets(desk: Desk) -> Iterator[Metric]:
    shares = (
        ((account, portfolio, level, name), float(told.share))
        for (account, portfolio, level, name), (_, told) in sorted(desk.register.budgets.items())
    )
    yield gauge("budget_share", "Part of a portfolio's risk that was given.", shares, *PORTFOLIO, "level", "name")


#: What the books say of each portfolio, by currency.
_BOOKED: tuple[tuple[str, str, Callable[[PortfolioBook], Mapping[str, Decimal]]], ...] = (
    ("cash", "Cash.", lambda book: book.cash),
    ("realized", "Realized gains less losses.", lambda book: book.realized),
    ("income", "Dividends and interest.", lambda book: book.income),
    ("fees", "Fees that were paid.", lambda book: book.fees),
)


def _of_the_books(desk: Desk) -> Iterator[Metric]:
    books = desk.past.book.portfolios
    positions = ((key, float(len(book.positions))) for key, book in books.items())
    yield gauge("portfolio_positions", "Positions that are held.", positions, *PORTFOLIO)
    for name, says, amounts in _BOOKED:
        samples = (
            ((*key, currency), float(amount))
            for key, book in books.items()
            for currency, amount in amounts(book).items()
        )
        yield gauge(f"portfolio_{name}", f"{says} By currency.", samples, *PORTFOLIO, "currency")


# ---------------------------------------------------------------- portfolios as they were seen last


def _each(second: Second, values: FloatArray) -> Iterator[Sample]:
    """One figure of each portfolio; what is not known is not told."""
    for portfolio, value in zip(second.lines.portfolios, values.tolist(), strict=True):
        if np.isfinite(value):
            account, _, name = portfolio.partition("/")
            yield (account, name), value


def _of_portfolios(second: Second) -> Iterator[Metric]:
    seen, lines = second.seen, second.lines
    gains = np.asarray(np.bincount(lines.owner, np.nan_to_num(seen.unrealized), len(lines.portfolios)), np.float64)
    for name, says, values in (
        ("value", "Worth, in the base currency.", seen.equity),
        ("daily_pnl", "Profit since the last close.", seen.day_profit),
        ("daily_return", "The same as a fraction of the day's capital.", seen.day_return),
        ("total_pnl", "Profit since the beginning.", seen.total_profit),
        ("unrealized", "Gain of what is held above its cost.", gains),
        ("long", "Worth of what is held long.", seen.long),
        ("short", "Worth of what is held short.", seen.short),
        ("doubtful", "Part of the positions that rests on old or missing prices.", seen.doubtful),
    ):
        yield gauge(f"portfolio_{name}", says, _each(second, values), *PORTFOLIO)


#: What is told of each measure of ``risk.watch.measures``.
_MEASURED = {
    "gross": "Longs and shorts together, over equity.",
    "net": "Longs less shorts, over equity.",
    "position_weight": "The largest position, of equity.",
    "sector_weight": "The largest sector, of equity.",
    "day_loss": "Loss since the last close, of the day's capital.",
    "beta_adjusted": "Exposure times beta, over equity.",
    "volatility": "Of a year.",
    "var_95": "Loss of one day in twenty, of equity.",
    "var_99": "Loss of one day in a hundred, of equity.",
    "es_95": "Mean loss of the worst twentieth of days, of equity.",
    "drawdown": "Deepest fall that today's weights would have gone through.",
}


def _of_risk(second: Second) -> Iterator[Metric]:
    for name, says in _MEASURED.items():
        if name in second.measured:
            yield gauge(f"risk_{name}", says, _each(second, second.measured[name]), *PORTFOLIO)
    rolling = second.rolling.get("sharpe")
    if rolling is not None:
        yield gauge("risk_sharpe_ratio", "Over the last returns.", _each(second, rolling), *PORTFOLIO)
    used = (((*key, limit), value) for limit, values in second.used.items() for key, value in _each(second, values))
    yield gauge("limit_used", "Part of each limit that is used.", used, *PORTFOLIO, "limit")


def _of_attribution(second: Second) -> Iterator[Metric]:
    lines = second.lines
    names = {"symbol": lines.symbols, "sector": lines.sectors, "strategy": lines.strategies}
    for span, says, values in (
        ("daily", "Profit since the last close", second.seen.day),
        ("total", "Profit since the beginning", second.seen.total),
    ):
        samples = (
            ((*portfolio.partition("/")[::2], group, name or "unknown"), value)
            for group in names
            for portfolio, row in zip(lines.portfolios, lines.grouped(values, group).tolist(), strict=True)
            for name, value in zip(names[group], row, strict=True)
            if value
        )
        says = f"{says}, by symbol, by sector and by strategy; each of them adds up to the whole but for cash."
        yield gauge(f"attribution_{span}_pnl", says, samples, *PORTFOLIO, "group", "name")
