"""The monitor sees what the books will say at the close, each second and for every portfolio at once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from bursar.adapters.store.database import connect, migrate, sqlite_url
from bursar.adapters.store.snapshots import Snapshots
from bursar.desk.monitor import Monitor, Second
from bursar.domain import events as e
from bursar.domain.market import Quote
from bursar.ledger.book import Bookkeeper, fold
from bursar.ledger.performance import chronicle
from bursar.ledger.valuation import value
from bursar.quant.performance import METRIC_NAMES, metrics
from bursar.risk.watch import Model
from tests.ledger.anything import Story, stories
from tests.ledger.tale import MAIN, START, Tale, U, dec

LATER = datetime(2031, 1, 1, 15, tzinfo=UTC)


def watching(events: Iterable[e.Event], **given: object) -> Monitor:
    monitor = Monitor(**given)  # type: ignore[arg-type]  # whatever a test sets
    for event in events:
        monitor.absorb(event)
    return monitor


def quote(symbol: str, price: str, at: datetime = START, **fields: object) -> Quote:
    two = {"bid": dec(price), "ask": dec(price)} | fields
    return Quote(symbol=symbol, at=at, known_at=at, **two)  # type: ignore[arg-type]  # whatever a test sets


def seen(monitor: Monitor, at: datetime = START) -> Second:
    told = monitor.second(at)
    assert told is not None
    return told


def of(told: Second, name: str = f"{U}/{MAIN}") -> int:
    return told.lines.portfolios.index(name)


def test_a_second_by_hand() -> None:
    # 1000 in; 50 A at 10 for momentum; closed at 12: 1100. The next day 20 are sold at 13 with a fee of 1, and A is 11.
    tale = Tale(cash=1000).buy(50, 10, strategy="momentum").mark(A=12)
    tale.on("2021-01-05").sell(20, 13, fee=1, strategy="momentum")
    monitor = watching(tale.events)
    monitor.quote([quote("A", "11", tale.at)])
    told = seen(monitor, tale.at)
    assert told.lines.portfolios == (f"{U}/{MAIN}",)
    assert told.seen.equity.tolist() == [500 + 259 + 330]
    assert told.lines.cash.tolist() == [759]
    # 20 from 12 to 13, 30 from 12 to 11, and the fee
    assert told.seen.day_profit.tolist() == pytest.approx([20 - 30 - 1])
    assert told.seen.day_return.tolist() == pytest.approx([1089 / 1100 - 1])
    assert told.seen.total_profit.tolist() == pytest.approx([89])
    assert told.seen.unrealized.tolist() == [30]
    assert told.lines.grouped(told.seen.total, "strategy").tolist() == [[89.0]]
    assert told.lines.grouped(told.seen.total, "sector").tolist() == [[89.0]]
    assert told.seen.weights.tolist() == [[330 / 1089]]


def test_nothing_is_seen_before_there_is_a_portfolio() -> None:
    assert Monitor().second(START) is None
    assert watching(Tale(cash=0).events).second(START) is None


@settings(max_examples=60)
@given(story=stories())
def test_what_the_monitor_sees_is_what_the_books_say_at_the_close(story: Story) -> None:
    """The last official marks come as quotes first, and then as marks: both tell the same equity, profit and return."""
    events = [event for event in story.events if not (isinstance(event, e.Marked) and event.official)]
    halfway = len(events) // 2
    keeper = Bookkeeper()
    for event in events:
        keeper.apply(event)
    book = keeper.book()
    prices = {symbol: Decimal(100 + place) for place, symbol in enumerate(sorted(book.instruments))}
    rates = {currency: Decimal("1.25") for currency in ("EUR", "CHF", "GBP", "JPY", "USD")}
    first = e.Marked(event_id="close-1", at=events[halfway - 1].at if halfway else START, prices={}, rates=rates)
    first = e.Marked(event_id="close-1", at=first.at, prices=prices, rates=rates, official=True)
    told_to = [*events[:halfway], first, *events[halfway:]]
    monitor = watching(told_to)
    monitor.quote(quote(symbol, str(price), LATER) for symbol, price in prices.items())
    told = monitor.second(LATER)
    last = e.Marked(event_id="close-2", at=LATER, prices=prices, rates=rates, official=True)
    if told is None:
        return
    after = fold([*told_to, last])
    for place, name in enumerate(told.lines.portfolios):
        account, _, portfolio = name.partition("/")
        base = after.accounts[account].base_currency
        worth = value(after.portfolio(account, portfolio), prices, after.rates, base)
        assert told.seen.equity[place] == pytest.approx(float(worth.net_asset_value), rel=1e-9, abs=1e-6)
        day = chronicle([*told_to, last], account, portfolio)[-1]
        assert told.lines.opened[place] == pytest.approx(float(day.opened), rel=1e-9, abs=1e-6)
        assert told.seen.day_profit[place] == pytest.approx(float(day.profit.total), rel=1e-9, abs=1e-4)
        if day.simple_return is not None:
            assert told.seen.day_return[place] == pytest.approx(day.simple_return, rel=1e-6, abs=1e-9)


def two_portfolios() -> Tale:
    tale = Tale(cash=1000).list("B", sector="bonds").deposit(500, portfolio="income")
    return tale.buy(20, 10).buy(20, 20, "B", portfolio="income").mark(A=10, B=20)


def test_old_and_missing_prices_are_told_and_a_newer_one_wins() -> None:
    monitor = watching(two_portfolios().events, stale_after=timedelta(seconds=30))
    assert seen(monitor).seen.doubtful.tolist() == [0, 0]
    late = seen(monitor, START + timedelta(seconds=31))
    assert late.seen.doubtful.tolist() == [1, 1], "the marks are too old by now"
    monitor.quote([quote("A", "12", START + timedelta(seconds=20)), quote("B", "9", START - timedelta(days=1))])
    fresh = seen(monitor, START + timedelta(seconds=31))
    assert fresh.seen.doubtful[of(fresh)] == 0
    assert fresh.seen.equity[of(fresh)] == 800 + 240
    assert fresh.seen.equity[of(fresh, f"{U}/income")] == 500, "the mark is younger than the quote"
    monitor.quote([quote("A", "0", START + timedelta(seconds=25), bid=dec(15), ask=None, last=dec(14))])
    assert seen(monitor).seen.equity[of(fresh)] == 800 + 280, "one side alone has no middle"
    monitor.quote([quote("A", "0", START + timedelta(seconds=26), bid=None, ask=None)])
    assert seen(monitor).seen.equity[of(fresh)] == 800 + 280, "no price is no news"


def test_what_was_never_marked_stands_at_its_own_trade() -> None:
    monitor = watching(Tale(cash=100).buy(1, 10).events)
    assert seen(monitor).seen.worth.tolist() == [10]
    adopted = Tale(cash=100)
    adopted.add(e.PositionAdopted, account=U, portfolio=MAIN, symbol="A", quantity=dec(2), cost_basis=None)
    told = seen(watching(adopted.events))
    assert told.seen.worth.tolist() == [0]
    assert np.isnan(told.lines.cost).all()


def test_excursions_are_kept_until_the_position_is_opened_anew() -> None:
    tale = Tale(cash=1000).buy(10, 10).mark(A=10)
    monitor = watching(tale.events)
    for price in ("12", "8"):
        monitor.quote([quote("A", price)])
        seen(monitor)
    monitor.quote([quote("A", "11")])
    told = seen(monitor)
    assert (told.best.tolist(), told.worst.tolist()) == ([20], [-20])
    for event in tale.buy(10, 11).events[-1:]:
        monitor.absorb(event)
    told = seen(monitor)
    assert (told.best.tolist(), told.worst.tolist()) == ([20], [-20])
    for event in tale.sell(20, 11).on("2021-01-05").buy(10, 11).events[-2:]:
        monitor.absorb(event)
    told = seen(monitor)
    assert sorted(told.best.tolist()) == [0]
    assert told.worst.tolist() == [0]


def test_marks_alone_make_no_portfolio_anew() -> None:
    tale = two_portfolios()
    monitor = watching(tale.events)
    before = seen(monitor).lines
    for event in tale.mark(official=False, A=13).events[-1:]:
        monitor.absorb(event)
    told = seen(monitor)
    assert told.lines is before
    assert told.seen.equity[of(told)] == 800 + 260
    for event in tale.buy(1, 13).events[-1:]:
        monitor.absorb(event)
    assert seen(monitor).lines is not before


def test_a_currency_without_a_rate_is_left_out_and_named() -> None:
    tale = Tale(cash=100).deposit(5, "EUR", portfolio="abroad")
    monitor = watching(tale.events)
    assert seen(monitor).lines.portfolios == (f"{U}/{MAIN}",)
    assert "no rate from EUR to USD" in monitor.unvalued[f"{U}/abroad"]
    for event in tale.mark({"EUR": 2}, official=False).events[-1:]:
        monitor.absorb(event)
    told = seen(monitor)
    assert monitor.unvalued == {}
    assert told.seen.equity[of(told, f"{U}/abroad")] == 10
    alone = watching(Tale(cash=0).deposit(5, "EUR").events)
    assert alone.second(START) is None


def test_rolling_metrics_end_with_today() -> None:
    tale = Tale(cash=1000).buy(50, 10).mark(A=10)
    prices = ("11", "10.5", "12", "11.5")
    for day, price in enumerate(prices[:-1], start=5):
        tale.on(f"2021-01-0{day}").mark(A=price)
    monitor = watching(tale.events, window=4)
    monitor.quote([quote("A", prices[-1], tale.at + timedelta(hours=1))])
    told = seen(monitor, tale.at + timedelta(hours=1))
    equity = [500 + 50 * float(price) for price in ("10", *prices)]
    returns = np.array([after / before - 1 for before, after in pairwise(equity)])
    whole = metrics(returns)
    for name in METRIC_NAMES:
        assert told.rolling[name][0] == pytest.approx(getattr(whole, name), rel=1e-9, nan_ok=True)
    longer = seen(watching(tale.events, window=40), tale.at)
    assert all(np.isnan(values).all() for values in longer.rolling.values()), "not enough data"


def test_limits_are_watched_with_what_is_believed_of_the_symbols() -> None:
    asked: list[tuple[str, ...]] = []

    def believed(symbols: tuple[str, ...]) -> Model:
        asked.append(symbols)
        size = len(symbols)
        history = np.random.default_rng(1).normal(0, 0.01, (60, size))
        return Model(covariances=np.eye(size) * 0.04, history=history, betas=np.ones(size))

    tale = two_portfolios()
    monitor = watching(tale.events, model_of=believed, limits={"volatility": 0.1, "position_weight": 0.25})
    told = seen(monitor)
    # 200 of 1000 in A at a volatility of 20 %; 400 of 500 in B
    assert told.used["volatility"][of(told)] == pytest.approx(0.2 * 0.2 / 0.1)
    assert told.used["position_weight"][of(told, f"{U}/income")] == pytest.approx(0.8 / 0.25)
    for event in tale.buy(1, 10).list("C").events[-2:]:
        monitor.absorb(event)
    seen(monitor)
    assert asked == [("A", "B")], "asked again only when the symbols change"
    for event in tale.buy(1, 10, "C").events[-1:]:
        monitor.absorb(event)
    seen(monitor)
    assert asked == [("A", "B"), ("A", "B", "C")]


def test_every_second_is_kept_as_one_series(tmp_path: Path) -> None:
    engine = connect(sqlite_url(tmp_path / "store.db"))
    migrate(engine)
    kept = Snapshots(engine, tmp_path / "days")
    tale = two_portfolios()
    monitor = watching(tale.events, snapshots=kept)
    for second in range(3):
        monitor.quote([quote("A", f"{11 + second}.005", tale.at + timedelta(seconds=second))])
        seen(monitor, tale.at + timedelta(seconds=second))
    series = kept.read(f"{U}/{MAIN}", tale.at, tale.at + timedelta(seconds=9))
    engine.dispose()
    assert series["at"].to_list() == [int(tale.at.timestamp()) + second for second in range(3)]
    assert series["equity"].to_list() == [102_010, 104_010, 106_010]  # 800 and 20 at 11.005, 12.005, 13.005
    assert series["exposure"].to_list() == [22_010, 24_010, 26_010]
    assert series["day_profit"].to_list() == [2_010, 4_010, 6_010]
    assert series["cash"].to_list() == [80_000] * 3


def test_shares_that_came_in_kind_are_no_profit() -> None:
    tale = Tale(cash=1000).mark(A=10)
    tale.on("2021-01-05").add(
        e.PositionAdopted, account=U, portfolio=MAIN, symbol="A", quantity=dec(10), cost_basis=None
    )
    monitor = watching(tale.events)
    monitor.quote([quote("A", "10", tale.at)])
    told = seen(monitor, tale.at)
    assert (told.seen.came_in.tolist(), told.seen.day_profit.tolist()) == ([100], [0])
    assert told.seen.day_return.tolist() == [0]
    priceless = Tale(cash=1000).mark()
    priceless.add(e.PositionAdopted, account=U, portfolio=MAIN, symbol="A", quantity=dec(10), cost_basis=None)
    told = seen(watching(priceless.events))
    assert told.seen.came_in.tolist() == [0], "nobody knows what it is worth"
