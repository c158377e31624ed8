"""Other markets than New York: a source of Sydney or Frankfurt, from its import to books in its own money.

Prices are made up; sessions, clock changes and holidays are those of 2022:

    Sydney      summer time ends on Sunday, 3 April, so that its bells come an hour later in UTC; shut on Good Friday
                (15 April), Easter Monday (18 April) and Anzac Day (25 April)
    Frankfurt   summer time begins on Sunday, 27 March, two weeks after New York's, so that its bells come an hour
                earlier in UTC; shut at Easter as well, open on 25 April
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bursar.adapters.calendars import ExchangeCalendar
from bursar.adapters.history import ParquetHistory
from bursar.adapters.memory import MemoryJournal
from bursar.adapters.vendors import PriceKind
from bursar.config import Given, Settings, build
from bursar.domain.events import Decided, Event, Filled, SessionOpened, TaskFinished
from bursar.domain.money import Money
from bursar.errors import InputError
from bursar.runtime import demo
from bursar.runtime.backtest import Market, Result, run
from bursar.runtime.exam import Question, prepare
from bursar.runtime.intake import Intake, Wanted
from bursar.runtime.library import open_library
from bursar.runtime.request import DemoRequest
from bursar.runtime.stage import prepare as prepare_stage
from bursar.trading.agenda import Rhythm

NAME = "abroad"


def settings_of(**said: str) -> Settings:
    return build({name.replace("__", "."): Given(value, "in a test") for name, value in said.items()})


def imported(
    home: Path, exchange: str, closes: Iterable[tuple[str, str]], *, first: date, last: date, **wanted: str
) -> None:
    """Import a folder in which each symbol has one close throughout, or closes that take turns ("50 51 52")."""
    folder = home / "prices"
    folder.mkdir(parents=True)
    days = [session.day for session in ExchangeCalendar(exchange, first, last).sessions(first, last)]
    for symbol, said in closes:
        turns = said.split()
        lines = [f"{day},{turns[number % len(turns)]}" for number, day in enumerate(days)]
        (folder / f"{symbol}.csv").write_text("\n".join(["date,close", *lines]))
    Intake(Settings(), home).take(Wanted(what=str(folder), name=NAME, exchange=exchange, **wanted))  # type: ignore[arg-type]


def backtest_of(home: Path, **said: str) -> Result:
    """A backtest of equal weight, decided weekly, from 21 March to 29 April 2022."""
    settings = settings_of(market__source=NAME, costs__spread_basis_points="0", **said)
    question = Question(
        name="equal_weight", settings=settings, home=home, first=date(2022, 3, 21), last=date(2022, 4, 29),
        rhythm=Rhythm.WEEKLY,
    )  # fmt: skip
    return run(*prepare(question))


def moments(events: Iterable[Event], kind: type[Event]) -> list[datetime]:
    return [event.at for event in events if isinstance(event, kind)]


def utc(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2022, month, day, hour, minute, tzinfo=UTC)


# ---------------------------------------------------------------- backtests


def test_a_backtest_of_sydney_decides_before_its_own_bells_in_its_own_money(tmp_path: Path) -> None:
    imported(tmp_path, "XASX", [("BHP", "50 51 52 53 54 55 56")], first=date(2022, 3, 14), last=date(2022, 4, 29))
    result = backtest_of(tmp_path, market__exchange="XASX")
    # A minute before 16:00 in Sydney: UTC+11 until 3 April, then UTC+10. Easter Monday and Anzac Day put off a day.
    assert moments(result.events, Decided) == [
        utc(3, 21, 4, 59),
        utc(3, 28, 4, 59),
        utc(4, 4, 5, 59),
        utc(4, 11, 5, 59),
        utc(4, 19, 5, 59),
        utc(4, 26, 5, 59),
    ]
    # The sixth session since the first row closes at 55. A fifth of 100,000, less the headroom of a twentieth of it:
    # 19,000 / 55 = 345.45. Eight basis points of 345 * 55 = 18,975 are 15.18.
    (fill,) = result.fills
    assert (fill.quantity, fill.price, fill.commission) == (
        *(Decimal(345), Decimal(55)),
        Money(Decimal("15.18"), "AUD"),
    )
    assert (fill.traded_on, fill.settles_on) == (date(2022, 3, 21), date(2022, 3, 23))
    # On 29 April, the 32nd row, it closes at 50 + 31 % 7 = 53: 345 * (53 - 55) = -690, and the commission.
    assert len(result.days) == 27
    assert result.equity[-1] == pytest.approx(100_000 - 690 - 15.18)
    assert result.market.instruments[0].sector == "Materials"
    assert "Every order costs at least 6 AUD." in result.assumed


def test_a_backtest_of_frankfurt_decides_before_its_own_bells_in_its_own_money(tmp_path: Path) -> None:
    imported(tmp_path, "XETR", [("SAP", "100")], first=date(2022, 3, 14), last=date(2022, 4, 29))
    result = backtest_of(tmp_path, market__exchange="XETR", account__initial_cash="10000")
    # A minute before 17:30 in Frankfurt: UTC+1 until 27 March, then UTC+2. Easter Monday is put off, 25 April is not.
    assert moments(result.events, Decided) == [
        utc(3, 21, 16, 29),
        utc(3, 28, 15, 29),
        utc(4, 4, 15, 29),
        utc(4, 11, 15, 29),
        utc(4, 19, 15, 29),
        utc(4, 25, 15, 29),
    ]
    # 1,900 / 100 = 19. Five basis points of 1,900 are 0.95, and the least is 3.
    (fill,) = result.fills
    assert (fill.quantity, fill.commission) == (Decimal(19), Money(Decimal(3), "EUR"))
    assert result.equity[-1] == pytest.approx(9_997)


def test_what_a_company_of_sydney_did_counts_from_its_ex_day_there(tmp_path: Path) -> None:
    folder = tmp_path / "prices"
    folder.mkdir()
    days = ExchangeCalendar("XASX", date(2022, 3, 14), date(2022, 4, 29)).sessions(date(2022, 3, 14), date(2022, 4, 29))
    split = date(2022, 4, 4)  # its session begins at 00:00 UTC, and the morning of its analysis on 3 April
    lines = [f"{each.day},{100 if each.day < split else 50}" for each in days]
    (folder / "CSL.csv").write_text("\n".join(["date,close", *lines]))
    (folder / "actions.csv").write_text(f"symbol,ex_date,split,dividend\nCSL,{split},2,\nCSL,2022-04-11,,1\n")
    Intake(Settings(), tmp_path).take(Wanted(what=str(folder), name=NAME, exchange="XASX", prices=PriceKind.RAW))
    settings = settings_of(market__source=NAME, market__exchange="XASX", costs__spread_basis_points="0")
    question = Question(
        name="equal_weight", settings=settings, home=tmp_path, first=date(2022, 3, 28), last=date(2022, 4, 29),
        rhythm=Rhythm.MONTHLY, as_paid=True,
    )  # fmt: skip
    plan, market = prepare(question)
    morning = utc(4, 3, 23)  # 09:00 of 4 April in Sydney
    assert market.history.asof(["CSL"], "price_close", morning).values[-1, 0] == 50.0
    kept = open_library(settings, tmp_path, seed=7).raw
    assert isinstance(kept, ParquetHistory)
    assert kept.actions
    assert kept.actions[0].known_at == utc(4, 3, 14)  # the midnight that begins 4 April in Sydney
    result = run(plan, market)
    # 190 shares of 100 on 28 March; 380 after the split, which earn 380 on 11 April, and nothing else moves.
    place = result.days.tolist().index(date(2022, 4, 11))
    assert result.equity[place] - result.equity[place - 1] == pytest.approx(380)
    assert [(fill.quantity, fill.commission.amount) for fill in result.fills] == [(Decimal(190), Decimal("15.20"))]
    assert result.equity[-1] == pytest.approx(100_000 + 380 - 15.20)


def test_a_market_of_two_exchanges_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    imported(tmp_path, "XASX", [("BHP", "50"), ("CBA", "90")], first=date(2022, 3, 14), last=date(2022, 4, 29))
    market = backtest_of(tmp_path, market__exchange="XASX").market
    first, second = market.instruments
    with pytest.raises(InputError, match=r"is of XASX and XETR; a backtest is of one exchange"):
        replace(market, instruments=(first, replace(second, exchange="XETR")))
    assert isinstance(market, Market)


# ---------------------------------------------------------------- days on the exchange


def played(home: Path, exchange: str, first: date, days: int) -> Sequence[Event]:
    settings = settings_of(
        market__source=NAME, market__exchange=exchange, strategy__names="equal_weight", demo__first_day=str(first)
    )
    request = DemoRequest(
        days=days, first=first, seed=7, cash=Decimal(100_000), settings=settings, home=home, in_process=True
    )
    journal = MemoryJournal()
    asyncio.run(demo.play(prepare_stage(request), journal))
    return [recorded.event for recorded in journal.read()]


def test_days_in_sydney_are_lived_by_its_clock_across_the_end_of_its_summer_time(tmp_path: Path) -> None:
    imported(tmp_path, "XASX", [("BHP", "50"), ("CBA", "90")], first=date(2022, 2, 1), last=date(2022, 4, 29))
    events = played(tmp_path, "XASX", date(2022, 4, 1), 2)
    done = {(event.day, event.task): event.at for event in events if isinstance(event, TaskFinished)}
    # Analysis at 09:00 there; the exchange opens at 10:00, so that the decision set for 09:30 waits for its bell.
    assert done == {
        (date(2022, 4, 1), "analyze"): utc(3, 31, 22),
        (date(2022, 4, 1), "open"): utc(3, 31, 23),
        (date(2022, 4, 1), "decide"): utc(3, 31, 23),
        (date(2022, 4, 1), "trade"): utc(3, 31, 23, 5),
        (date(2022, 4, 1), "close"): utc(4, 1, 5),
        (date(2022, 4, 1), "review"): utc(4, 1, 5, 30),
        (date(2022, 4, 4), "analyze"): utc(4, 3, 23),
        (date(2022, 4, 4), "open"): utc(4, 4, 0),
        (date(2022, 4, 4), "decide"): utc(4, 4, 0),
        (date(2022, 4, 4), "trade"): utc(4, 4, 0, 5),
        (date(2022, 4, 4), "close"): utc(4, 4, 6),
        (date(2022, 4, 4), "review"): utc(4, 4, 6, 30),
    }
    assert moments(events, SessionOpened) == [utc(3, 31, 23), utc(4, 4, 0)]
    fills = [event for event in events if isinstance(event, Filled)]
    assert {fill.symbol for fill in fills} == {"BHP", "CBA"}
    assert {(fill.traded_on, fill.settles_on) for fill in fills} == {(date(2022, 4, 1), date(2022, 4, 5))}
    assert {fill.commission.currency for fill in fills} == {"AUD"}


def test_a_decision_that_waits_past_midnight_in_utc_is_traded_the_same_day_in_sydney(tmp_path: Path) -> None:
    imported(tmp_path, "XASX", [("BHP", "50")], first=date(2022, 1, 3), last=date(2022, 4, 29))
    settings = settings_of(
        market__source=NAME, market__exchange="XASX", strategy__names="equal_weight",
        schedule__trade_after_open_minutes="90",
    )  # fmt: skip
    request = DemoRequest(
        days=1, first=date(2022, 3, 21), seed=7, cash=Decimal(100_000), settings=settings, home=tmp_path
    )
    journal = MemoryJournal()
    asyncio.run(demo.play(prepare_stage(request), journal))
    events = [recorded.event for recorded in journal.read()]
    assert moments(events, Decided) == [utc(3, 20, 23)]
    (fill,) = (event for event in events if isinstance(event, Filled))
    assert (fill.at, fill.traded_on) == (utc(3, 21, 0, 30), date(2022, 3, 21))


def test_half_days_and_holidays_are_those_of_the_exchange(tmp_path: Path) -> None:
    imported(tmp_path, "XASX", [("BHP", "50")], first=date(2023, 11, 1), last=date(2023, 12, 29))
    events = played(tmp_path, "XASX", date(2023, 12, 22), 2)
    # The last session before Christmas ends at 14:10 in Sydney; Monday and Tuesday are Christmas and Boxing Day.
    closed = {event.day: event.at for event in events if isinstance(event, TaskFinished) and event.task == "close"}
    assert closed == {
        date(2023, 12, 22): datetime(2023, 12, 22, 3, 10, tzinfo=UTC),
        date(2023, 12, 27): datetime(2023, 12, 27, 5, tzinfo=UTC),
    }


@pytest.mark.parametrize("exchange", ["XNYS", "XASX", "XETR", "XLON"])
def test_the_first_day_of_a_demo_is_a_day_of_its_exchange(tmp_path: Path, exchange: str) -> None:
    settings = settings_of(market__exchange=exchange, market__source="synthetic", costs__commission_basis_points="5")
    library = open_library(settings, tmp_path, seed=7, last=settings.demo.first_day)
    _, (session,) = library.sessions(settings.demo.first_day, 1)
    assert session.day == settings.demo.first_day


# ---------------------------------------------------------------- what is refused


def test_a_source_is_refused_on_the_hours_of_another_exchange(tmp_path: Path) -> None:
    imported(tmp_path, "XASX", [("BHP", "50")], first=date(2022, 3, 14), last=date(2022, 4, 29))
    with pytest.raises(InputError, match=r'of XASX in AUD, and market.exchange is XNYS; set market.exchange = "XASX"'):
        open_library(settings_of(market__source=NAME), tmp_path, seed=7)
    with pytest.raises(InputError, match=r"sample, whose prices are of XNYS in USD, and market.exchange is XETR"):
        open_library(settings_of(market__exchange="XETR"), tmp_path, seed=7)
    with pytest.raises(InputError, match=r"account.base_currency is USD, and these prices are in AUD; set it to AUD"):
        backtest_of(tmp_path, market__exchange="XASX", account__base_currency="USD")


def test_prices_of_days_on_which_their_exchange_was_shut_are_refused(tmp_path: Path) -> None:
    imported(tmp_path, "XASX", [("BHP", "50")], first=date(2022, 3, 14), last=date(2022, 4, 29))
    manifest = tmp_path / "data" / NAME / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"XASX"', '"XETR"'))
    # Both are shut on Good Friday and on Easter Monday; on Anzac Day, of which there are no prices, that is no matter.
    open_library(settings_of(market__source=NAME, market__exchange="XETR"), tmp_path, seed=7)
    manifest.write_text(manifest.read_text().replace('"XETR"', '"XNYS"'))
    assert open_library(settings_of(market__source=NAME), tmp_path, seed=7).source.exchange == "XNYS"


def test_a_decision_by_a_clock_on_which_the_exchange_has_closed_is_refused(tmp_path: Path) -> None:
    imported(tmp_path, "XASX", [("BHP", "50")], first=date(2022, 3, 14), last=date(2022, 4, 29))
    settings = settings_of(market__source=NAME, market__exchange="XASX", market__timezone="America/New_York")
    request = DemoRequest(
        days=1, first=date(2022, 3, 21), seed=7, cash=Decimal(100_000), settings=settings, home=tmp_path
    )
    with pytest.raises(InputError, match=r"is due at 00:30 on 22 March in Australia/Sydney, and XASX is"):
        prepare_stage(request)


def test_pence_are_read_as_pounds(tmp_path: Path) -> None:
    imported(tmp_path, "XLON", [("AZN", "10050")], first=date(2022, 3, 14), last=date(2022, 4, 29), currency="GBX")
    settings = settings_of(market__source=NAME, market__exchange="XLON", costs__commission_basis_points="5")
    library = open_library(settings, tmp_path, seed=7)
    assert (library.source.currency, library.instruments[0].currency) == ("GBP", "GBP")
    assert library.history().asof(["AZN"], "close", datetime(2022, 4, 1, tzinfo=UTC)).values[-1, 0] == 100.5
