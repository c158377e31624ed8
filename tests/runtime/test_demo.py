"""The demo's runs: equal requests give equal journals, and nothing from the future reaches a decision."""

from __future__ import annotations

import asyncio
import fcntl
import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bursar.adapters.history import Facts, MemoryHistory, closes_known_at
from bursar.adapters.memory import MemoryJournal, MemoryLease
from bursar.config import Given, Settings, build
from bursar.domain.events import Event, Filled, OrderPlaced, SessionClosed, ViewFormed
from bursar.domain.money import round_money
from bursar.domain.record import encode
from bursar.errors import InputError
from bursar.ports import Panel
from bursar.runtime import demo
from bursar.runtime import stage as stages
from bursar.runtime.morning import Heard
from bursar.runtime.request import DemoRequest
from bursar.runtime.results import DemoResult
from bursar.runtime.stage import Stage
from tests.runtime.test_tenure import Time, tenure


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def request(home: Path, **changes: object) -> DemoRequest:
    usual = DemoRequest(
        days=5, first=date(2022, 1, 3), seed=7, cash=Decimal(100_000), settings=Settings(), home=home, in_process=True
    )
    return replace(usual, **changes)  # type: ignore[arg-type]  # the fields are the request's own


def played(stage: Stage) -> list[Event]:
    journal = MemoryJournal()
    asyncio.run(demo.play(stage, journal))
    return [recorded.event for recorded in journal.read()]


@pytest.fixture(scope="module")
def stage(home: Path) -> Stage:
    return stages.prepare(request(home))


@pytest.fixture(scope="module")
def events(stage: Stage) -> list[Event]:
    return played(stage)


@pytest.mark.no_cover
def test_equal_requests_write_equal_bytes_and_another_seed_does_not(home: Path, events: list[Event]) -> None:
    again = played(stages.prepare(request(home)))
    assert [encode(event) for event in again] == [encode(event) for event in events]
    other = played(stages.prepare(request(home, seed=8)))
    assert [encode(event) for event in other] != [encode(event) for event in events]


def with_other_closes(stage: Stage, closes: Panel, days_known: list[date]) -> Stage:
    """The same stage with other prices, as facts and as the world's; what lies before it stays as it was."""
    by_day = {session.day: session.close for session in (*stage.past, *stage.sessions)}
    before = stage.history.asof(closes.symbols, "close", by_day[days_known[0]] - timedelta(days=1))
    whole = Panel(
        np.concatenate([before.dates, closes.dates]), closes.symbols, np.concatenate([before.values, closes.values])
    )
    known = closes_known_at(
        [
            *(datetime.combine(day, time(21), tzinfo=UTC) for day in before.dates.astype(object)),
            *(by_day[day] for day in days_known),
        ]
    )
    return replace(stage, closes=closes, history=MemoryHistory({"close": Facts(whole, known)}, stage.history.lacks()))


@pytest.mark.no_cover
@pytest.mark.parametrize("last_true_day", [0, 1, 2, 3])
def test_a_corrupted_future_changes_nothing_before_it(stage: Stage, events: list[Event], last_true_day: int) -> None:
    """Every price after a day is multiplied by chance; up to that day's close not a byte may differ."""
    days = list(stage.closes.dates.astype(object))
    first_false = days.index(stage.sessions[last_true_day].day) + 1
    values = stage.closes.values.copy()
    values[first_false:] *= np.random.default_rng(1).uniform(0.2, 5.0, values[first_false:].shape)
    corrupted = with_other_closes(stage, Panel(stage.closes.dates, stage.closes.symbols, values), days)
    until = stage.sessions[last_true_day].close
    before = [encode(event) for event in events if event.at <= until]
    assert [encode(event) for event in played(corrupted) if event.at <= until] == before
    assert any(b'"kind":"filled"' in line for line in before)
    assert [encode(event) for event in played(corrupted)] != [encode(event) for event in events]


def test_the_analysts_see_closes_of_finished_sessions_only(stage: Stage, events: list[Event]) -> None:
    """The evidence of a morning names the close of the session before."""
    mornings = {session.day: before.day for before, session in zip(stage.sessions, stage.sessions[1:], strict=False)}
    mornings[stage.sessions[0].day] = stage.past[-1].day
    seen = {
        (event.at.date(), day)
        for event in events
        if isinstance(event, ViewFormed)
        for evidence in event.view.evidence
        for day in re.findall(r"\d{4}-\d\d-\d\d", evidence.source)
    }
    assert seen == {(day, str(before)) for day, before in mornings.items()}


def test_cash_is_never_negative_and_the_gate_limits_hold_at_every_decision(events: list[Event]) -> None:
    cash = Decimal(100_000)
    for event in events:
        if isinstance(event, Filled):
            signed = event.quantity if event.side.value == "buy" else -event.quantity
            cash -= signed * event.price + event.commission.amount
            assert cash >= 0
    closed = [event for event in events if isinstance(event, SessionClosed)]
    assert closed[-1].cash == round_money(cash)
    for session in closed:
        opened = [
            event
            for event in events
            if isinstance(event, OrderPlaced) and event.order.opens and event.at.date() == session.day
        ]
        assert len(opened) <= 10


@pytest.fixture(scope="module")
def result(home: Path) -> DemoResult:
    """What the usual request came to; its run is kept in ``home``."""
    return demo.run(request(home))


def test_the_result_adds_up(result: DemoResult) -> None:
    assert [day.day for day in result.days] == [
        date(2022, 1, 3),
        date(2022, 1, 4),
        date(2022, 1, 5),
        date(2022, 1, 6),
        date(2022, 1, 7),
    ]
    last = result.days[-1]
    assert sum(day.pnl for day in result.days) == last.equity - 100_000
    held = sum((line.value for line in result.book.positions), Decimal(0))
    assert abs(result.book.cash + held - last.equity) < Decimal("0.01")
    profit = result.book.realized + result.book.unrealized
    assert abs(profit - (last.equity - 100_000)) < Decimal("0.01")
    assert result.book.fees == sum(day.fees for day in result.days)
    assert result.spread is not None
    assert result.spread.total_return_pct[7] == result.keys.total_return_pct
    assert len(result.spread.total_return_pct) == 5
    assert result.spread.lowest < result.spread.highest
    assert (result.run_folder / "request.json").exists()
    assert result.universe.survivors
    assert {line.symbol: line.name for line in result.book.positions}["XOM"] == "Exxon Mobil"


def test_the_yardstick_is_equal_weight_bought_the_evening_before(result: DemoResult, stage: Stage) -> None:
    before = len(stage.past) - 1
    growth = (stage.closes.values[before + 5] / stage.closes.values[before]).mean()
    # One basis point of commission is paid on the purchase.
    assert float(result.benchmark.curve[-1].equity) == pytest.approx(100_000 / 1.0001 * growth, abs=0.006)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first": date(2022, 1, 1)}, "Saturday"),
        ({"first": date(2022, 1, 17)}, "no session"),
        ({"first": date(1980, 1, 2)}, "1990-01-02"),
        ({"first": date(2022, 12, 27), "days": 5}, "at most 2"),
        ({"settings": build({"market.watchlist": Given("AAPL, TSLA", "a test")})}, "TSLA"),
        ({"settings": build({"account.base_currency": Given("EUR", "a test")})}, "set it to USD"),
        ({"settings": build({"models.reasoning": Given("live", "a test")})}, "there is no key"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_written(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        demo.run(request(tmp_path, **changes))
    assert not (tmp_path / "runs").exists()


def test_cash_too_small_for_one_share_is_refused(home: Path) -> None:
    with pytest.raises(InputError, match="too small"):
        demo.run(request(home, cash=Decimal(5)))


def test_a_second_demo_in_the_same_home_is_kept_out_and_disturbs_nothing(home: Path) -> None:
    folder = home / "runs" / "demo"
    demo.run(request(home))
    before = (folder / "journal.sqlite").read_bytes()
    with (home / "runs" / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another demo is running"):
            demo.run(request(home, seed=8))
    assert (folder / "journal.sqlite").read_bytes() == before


def test_who_waited_for_a_turn_and_finds_the_days_traded_tells_them_and_trades_nothing(
    home: Path, result: DemoResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "spread", lambda *_: result.spread)
    lease, time, told = MemoryLease(), Time(), []
    assert lease.acquire("DU9000001", "another", time.now() + timedelta(seconds=4), time.now())
    turn = demo.Turn(tenure=tenure(lease, time), waiting=lambda: told.append(time.seconds))
    monkeypatch.setattr(demo, "play", lambda *_: pytest.fail("there is nothing to trade any more"))
    again = demo.run(request(home), turn=turn)
    assert told == [0.0]
    assert again == result
    assert turn.tenure.grant is None
    assert lease.acquire("DU9000001", "a third", time.now() + timedelta(seconds=4), time.now()), "it was given back"


def test_other_seeds_ask_no_model_and_no_analyst_twice(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Heard | None]] = []

    async def seen(other: Stage, journal: MemoryJournal) -> None:
        asked.append((other.request.settings.models.reasoning, other.heard))
        await journal.append([closed])

    closed = SessionClosed(
        event_id="s", at=stage.sessions[0].close, day=stage.days[0], exchange="XNYS", equity=Decimal(1), cash=Decimal(1)
    )
    monkeypatch.setattr(demo, "play", seen)
    live = build({"models.reasoning": Given("live", "a test"), "models.openai_api_key": Given("sk", "a test")})
    demo.spread(replace(stage, request=replace(stage.request, settings=live)), 0.0)
    assert [reasoning for reasoning, _ in asked] == ["recorded"] * demo.OTHER_SEEDS
    assert len({id(heard) for _, heard in asked}) == 1
    assert stage.heard is None
