"""Interactive Brokers as a source: bars over the wire from our gateway, and news in the shape that its client gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from ib_async import HistoricalNews

from bursar.adapters.clock import WallClock
from bursar.adapters.ib_connection import Address
from bursar.adapters.vendors import PriceKind, ibkr
from bursar.adapters.vendors.ibkr import Ibkr
from bursar.errors import BrokerError, DataError
from bursar.testing import RunningGateway, running_gateway

FIRST, LAST = date(2021, 10, 1), date(2022, 1, 31)


@pytest.fixture
def running() -> Iterator[RunningGateway]:
    with running_gateway() as gateway:
        yield gateway


def source(port: int) -> Ibkr:
    return Ibkr(Address(account="DU9000001", port=port, client_id=7, timeout_seconds=30.0), WallClock())


def test_bars_come_over_the_wire_and_end_with_the_last_finished_session(running: RunningGateway) -> None:
    running.open_market()
    running.step(3)
    delivered = source(running.port).prices(["AAPL", "MSFT"], FIRST, LAST)
    assert delivered.prices is PriceKind.TOTAL_RETURN
    assert delivered.actions is None
    rows = delivered.rows["AAPL"]
    assert len(rows) == 60, "the world's past, and not the session that is under way"
    assert rows[-1][0] < running.now.date()
    for _, row in rows:
        assert row["low"] <= min(row["open"], row["close"]) <= max(row["open"], row["close"]) <= row["high"]
        assert row["volume"] > 0.0


def test_a_stock_that_the_broker_does_not_know_is_an_error(running: RunningGateway) -> None:
    with pytest.raises(DataError, match="the broker knows no stock ZZZ"):
        source(running.port).prices(["ZZZ"], FIRST, LAST)


def test_no_gateway_is_an_error_that_says_how_to_start_one() -> None:
    with pytest.raises(BrokerError, match="no gateway answers"):
        source(1).prices(["AAPL"], FIRST, LAST)


class Spoken:
    """A connection in the shape that ours has, with the answers of ib_async; nothing is connected."""

    def __init__(self, bars: Any = None, news: Any = None, providers: tuple[str, ...] = ("BRFG", "DJNL")) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.closed = False

        async def time() -> datetime:
            return datetime(2022, 1, 10, 15, tzinfo=UTC)

        async def history(*arguments: Any, **options: Any) -> Any:
            self.asked.append(arguments)
            return bars

        async def told(*arguments: Any) -> Any:
            self.asked.append(arguments)
            return news

        async def codes() -> Any:
            return [SimpleNamespace(code=code) for code in providers]

        self.ib = SimpleNamespace(
            reqCurrentTimeAsync=time, reqHistoricalDataAsync=history, reqHistoricalNewsAsync=told,
            reqNewsProvidersAsync=codes,
        )  # fmt: skip

    async def connect(self) -> None:
        """It is as good as connected."""

    def close(self) -> None:
        self.closed = True

    async def answered(self, what: str, ask: Callable[[], Any], *_: Any) -> Any:
        return await ask()


class Known:
    """Contracts that are all known."""

    def __init__(self, instruments: Any) -> None:
        self.instruments = instruments

    async def look_up(self, connection: Any) -> None:
        """All are known."""

    def __getitem__(self, symbol: str) -> Any:
        return SimpleNamespace(conId=265598)


@pytest.fixture
def speaking(monkeypatch: pytest.MonkeyPatch) -> Callable[[Spoken], Ibkr]:
    def over(connection: Spoken) -> Ibkr:
        monkeypatch.setattr(ibkr, "Connection", lambda address, clock: connection)
        monkeypatch.setattr(ibkr, "Contracts", Known)
        return source(4002)

    return over


def test_an_empty_answer_is_an_error_and_no_empty_history(speaking: Callable[[Spoken], Ibkr]) -> None:
    connection = Spoken(bars=[])
    with pytest.raises(DataError, match="gave no bars of AAPL; it was too slow, or has none"):
        speaking(connection).prices(["AAPL"], FIRST, LAST)
    assert connection.closed


def test_as_many_years_are_asked_for_as_are_needed(speaking: Callable[[Spoken], Ibkr]) -> None:
    bar = {"open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": 10}
    bars = [SimpleNamespace(date=day, **bar) for day in (date(2022, 1, 7), datetime(2022, 1, 10, tzinfo=UTC))]
    connection = Spoken(bars=bars)
    delivered = speaking(connection).prices(["AAPL"], date(2012, 1, 1), LAST)
    assert connection.asked[0][2] == "11 Y"
    assert [day for day, _ in delivered.rows["AAPL"]] == [date(2022, 1, 7)], "today is not over"


@pytest.mark.parametrize("several", [True, False])
def test_headlines_carry_their_time_and_their_provider(speaking: Callable[[Spoken], Ibkr], several: bool) -> None:
    article = HistoricalNews(datetime(2022, 1, 5, 13, 30), "BRFG", "BRFG$1", "Apple \x07rises")  # noqa: DTZ001  # so it comes
    connection = Spoken(news=[article, article] if several else article)
    headlines = speaking(connection).headlines(["AAPL"], FIRST, LAST)
    assert len(headlines) == (2 if several else 1)
    assert headlines[0].known_at == datetime(2022, 1, 5, 13, 30, tzinfo=UTC)
    assert (headlines[0].text, headlines[0].source) == ("Apple rises", "BRFG, by Interactive Brokers")
    assert connection.asked[0][:2] == (265598, "BRFG+DJNL")


def test_news_that_do_not_come_or_are_not_subscribed_to_are_errors(speaking: Callable[[Spoken], Ibkr]) -> None:
    with pytest.raises(DataError, match="did not tell the news of AAPL in time"):
        speaking(Spoken(news=None)).headlines(["AAPL"], FIRST, LAST)
    with pytest.raises(DataError, match="subscribes to no news"):
        speaking(Spoken(providers=())).headlines(["AAPL"], FIRST, LAST)


def test_what_interactive_brokers_no_longer_has_is_an_error() -> None:
    with pytest.raises(DataError, match="no statements of AAPL"):
        source(4002).statements(["AAPL"])
    assert source(4002).offer.name == "ibkr"
