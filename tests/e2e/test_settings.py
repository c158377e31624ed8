"""Every setting changes what Bursar does, not just what it reads.

Days are traded twice on the same prices, once by default and once with one setting changed, and the two
journals are held against each other: they differ, and they differ in what the setting is about.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest

from bursar.adapters import ib
from bursar.adapters.ib_connection import Address
from bursar.adapters.memory import MemoryJournal
from bursar.config import Given, Settings, build, entries
from bursar.desk import cli, doctor
from bursar.domain.events import (
    AccountOpened,
    AmendRequested,
    Approved,
    CommitteeMet,
    Decided,
    DecisionSkipped,
    Event,
    ExitTriggered,
    Filled,
    LotMethod,
    OrderPlaced,
    ParentBegun,
    PieceSent,
    ProposalMade,
    SessionClosed,
    SessionOpened,
    ViewFormed,
)
from bursar.domain.orders import Order, OrderType, Purpose
from bursar.errors import BrokerError, InputError
from bursar.runtime import demo, wire
from bursar.runtime.intake import Intake
from bursar.runtime.request import DemoRequest
from bursar.runtime.sources import every_source
from bursar.runtime.stage import prepare
from tests.e2e.test_risk_settings import CASES

DAYS = 8
NEW_YORK = ZoneInfo("America/New_York")

Events = Sequence[Event]
Kind = TypeVar("Kind", bound=Event)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def traded(home: Path, settings: Settings) -> Events:
    """The journal of some days under ``settings``, without its first line, which quotes the settings."""
    request = DemoRequest(
        days=DAYS,
        first=settings.demo.first_day,
        seed=settings.demo.seed,
        cash=settings.account.initial_cash,
        settings=settings,
        home=home,
    )
    journal = MemoryJournal()
    asyncio.run(demo.play(prepare(request), journal))
    return [recorded.event for recorded in journal.read(2)]


@pytest.fixture(scope="module")
def usual(home: Path) -> Events:
    """What happens when nothing is set."""
    return traded(home, Settings())


# ---------------------------------------------------------------- what a journal tells


def only(events: Events, kind: type[Kind]) -> list[Kind]:
    return [event for event in events if isinstance(event, kind)]


def clock(event: Event) -> time:
    """The time of an event in New York."""
    return event.at.astimezone(NEW_YORK).time()


def views_at(events: Events) -> set[time]:
    return {clock(event) for event in only(events, ViewFormed)}


def decided_at(events: Events) -> set[time]:
    return {clock(event) for event in only(events, Decided)}


def first_purchase_at(events: Events) -> time:
    return min(clock(event) for event in only(events, OrderPlaced) if event.order.opens)


def reviewed_at(events: Events) -> set[time]:
    return {clock(event) for event in only(events, SessionClosed)}


def largest_target(events: Events) -> float:
    return max(target.weight for event in only(events, Decided) for target in event.targets)


def measured(events: Events, rule: str) -> list[Decimal]:
    return [check.measured for event in only(events, Approved) for check in event.checks if check.rule == rule]


def limits(events: Events, rule: str) -> set[Decimal]:
    return {check.limit for event in only(events, Approved) for check in event.checks if check.rule == rule}


def least_cash(events: Events) -> Decimal:
    """The smallest part of equity that was cash at a close."""
    return min(event.cash / event.equity for event in only(events, SessionClosed))


def opened_on(events: Events) -> list[date]:
    return [event.day for event in only(events, SessionOpened)]


def purchases_a_day(events: Events) -> int:
    days = [event.at.date() for event in only(events, OrderPlaced) if event.order.opens]
    return max(days.count(day) for day in days)


def exits(events: Events, kind: OrderType) -> list[Filled]:
    """Fills of the stops or the targets that rested at the broker."""
    resting = {order.order_id for order in protective(events) if order.type is kind}
    return [fill for fill in only(events, Filled) if fill.order_id in resting]


def loss_at_stop(events: Events) -> list[Decimal]:
    """How far below its entry price each stop lay that was reached."""
    found = []
    approvals = {event.order_id: event for event in only(events, Approved)}
    reached = {fill.order_id for fill in exits(events, OrderType.STOP)}
    # What was bought more of has a stop that was changed for all of it.
    last = {order.order_id: order for order in (*protective(events), *(e.order for e in only(events, AmendRequested)))}
    for order in last.values():
        if order.order_id in reached and order.stop_price is not None:
            entries_of = [fill for fill in only(events, Filled) if fill.event_id in approvals[order.order_id].causes]
            cost = sum((fill.price * fill.quantity for fill in entries_of), Decimal(0))
            found.append(1 - order.stop_price / (cost / sum((fill.quantity for fill in entries_of), Decimal(0))))
    return found


def commission_rate(events: Events) -> Decimal:
    """What was paid for the money traded, in basis points."""
    fills = only(events, Filled)
    paid = sum((fill.commission.amount for fill in fills), Decimal(0))
    return 10_000 * paid / sum((fill.price * fill.quantity for fill in fills), Decimal(0))


def spread_paid(events: Events) -> Decimal:
    """How far the first purchases were above the prices that they were decided at, on average."""
    decided = only(events, Decided)[0]
    fills = [fill for fill in only(events, Filled) if fill.symbol in decided.prices][:3]
    return sum((fill.price / decided.prices[fill.symbol] - 1 for fill in fills), Decimal(0)) / 3


def seated(events: Events) -> set[str]:
    return {seat.analyst for met in only(events, CommitteeMet) for seat in met.seats}


def quorate(events: Events) -> int:
    return sum(len(met.quorate) for met in only(events, CommitteeMet))


def smallest_purchase(events: Events) -> Decimal:
    """As a part of the equity at the start."""
    start = only(events, Decided)[0].equity
    return min(fill.price * fill.quantity / start for fill in only(events, Filled))


def strategies(events: Events) -> set[str]:
    return {event.strategy for event in only(events, Decided)}


def bought_again_within(events: Events, days: int) -> bool:
    """Whether a symbol was bought within so many days of its exit."""
    return any(
        0 <= (placed.at - gone.at).days < days
        for gone in (*exits(events, OrderType.STOP), *exits(events, OrderType.LIMIT))
        for placed in only(events, OrderPlaced)
        if placed.order.opens and placed.order.symbol == gone.symbol and placed.at > gone.at
    )


def protective(events: Events) -> list[Order]:
    return [event.order for event in only(events, OrderPlaced) if event.order.purpose is Purpose.PROTECTION]


#: For each key: another value, and what must then be true, given the usual journal and the changed one.
CHANGES: dict[str, tuple[str, Callable[[Events, Events], bool]]] = {
    "account.account_id": (
        "DU9000042",
        lambda _, new: {fill.account for fill in only(new, Filled)} == {"DU9000042"},
    ),
    "account.initial_cash": ("50000", lambda _, new: only(new, Decided)[0].equity == 50_000),
    "account.lot_method": ("lifo", lambda _, new: only(new, AccountOpened)[0].lot_method is LotMethod.LIFO),
    "market.timezone": (
        "America/Chicago",
        lambda old, new: decided_at(old) == {time(9, 30)} and decided_at(new) == {time(10, 30)},
    ),
    "market.watchlist": (
        "AAPL, JPM",
        lambda _, new: {event.view.symbol for event in only(new, ViewFormed)} == {"AAPL", "JPM"},
    ),
    "market.source": (
        "synthetic",
        lambda old, new: (
            {event.view.symbol[:3] for event in only(new, ViewFormed)} == {"SYN"}
            and "AAPL" in {event.view.symbol for event in only(old, ViewFormed)}
        ),
    ),
    "schedule.pre_market": (
        "08:15",
        lambda old, new: views_at(old) == {time(9, 0)} and views_at(new) == {time(8, 15)},
    ),
    "schedule.analysis": (
        "10:15",
        lambda old, new: decided_at(old) == {time(9, 30)} and decided_at(new) == {time(10, 15)},
    ),
    "schedule.trade_after_open_minutes": (
        "45",
        lambda old, new: first_purchase_at(old) == time(9, 35) and first_purchase_at(new) == time(10, 15),
    ),
    "schedule.monitor_minutes": (
        "30",
        lambda old, new: (
            {clock(e).minute for e in exits(new, OrderType.STOP)} <= {0, 30} < {clock(e).minute for e in old}
        ),
    ),
    "schedule.post_market_minutes": (
        "60",
        lambda old, new: reviewed_at(old) == {time(16, 30)} and reviewed_at(new) == {time(17, 0)},
    ),
    "risk.position_weight_max": (
        "0.06",
        lambda old, new: (
            largest_target(new) <= 0.06 < largest_target(old) and limits(new, "position_weight") == {Decimal("0.06")}
        ),
    ),
    "risk.sector_weight_max": (
        "10%",
        lambda old, new: max(measured(new, "sector_weight")) <= Decimal("0.1") < max(measured(old, "sector_weight")),
    ),
    "risk.opening_orders_per_day_max": (
        "2",
        lambda old, new: purchases_a_day(new) == 2 < purchases_a_day(old),
    ),
    "risk.volatility_warning": (
        "0.05",
        lambda _, new: limits(new, "portfolio_volatility") == {Decimal("0.05")},
    ),
    "risk.cash_reserve": ("0.7", lambda old, new: least_cash(old) < Decimal("0.66") < least_cash(new)),
    "risk.stop_loss": (
        "0.02",
        lambda old, new: (
            loss_at_stop(new) == pytest.approx([Decimal("0.02")] * len(loss_at_stop(new)), abs=Decimal("0.0001"))
            and len(loss_at_stop(new)) > len(loss_at_stop(old)) > 0
        ),
    ),
    "risk.take_profit": ("0.02", lambda old, new: len(exits(new, OrderType.LIMIT)) > len(exits(old, OrderType.LIMIT))),
    "risk.reentry_wait_days": (
        "0",
        lambda old, new: bought_again_within(new, 5) and not bought_again_within(old, 5),
    ),
    "costs.commission_basis_points": (
        "25",
        lambda old, new: (
            abs(commission_rate(old) - 1) < Decimal("0.05") and abs(commission_rate(new) - 25) < Decimal("0.05")
        ),
    ),
    "costs.commission_minimum": (
        "30",
        lambda old, new: (
            min(fill.commission.amount for fill in only(new, Filled)) >= 30
            and max(fill.commission.amount for fill in only(old, Filled)) < 30
        ),
    ),
    "costs.spread_basis_points": ("100", lambda old, new: spread_paid(new) - spread_paid(old) > Decimal("0.003")),
    "strategy.names": (
        "confirmed_momentum",
        lambda old, new: strategies(new) == {"confirmed_momentum"} and strategies(old) == {"blend"},
    ),
    "models.selected_agents": (
        "technical_analyst, warren_buffett",
        lambda old, new: seated(new) == {"technical", "warren_buffett"} and len(seated(old)) == 6,
    ),
    "committee.quorum": (
        "1",
        lambda old, new: not any(met.quorate for met in only(old, CommitteeMet)) and quorate(new) == 20 * DAYS,
    ),
    "committee.without_quorum": (
        "nothing",
        lambda old, new: (
            not only(new, Decided) and len(only(new, DecisionSkipped)) == DAYS and not only(old, DecisionSkipped)
        ),
    ),
    "risk.protection": (
        "watched",
        lambda old, new: (
            {order.type for order in protective(old)} == {OrderType.STOP, OrderType.LIMIT}
            and not protective(new)
            and not only(old, ExitTriggered)
        ),
    ),
    "execution.route": (
        "twap",
        lambda old, new: (
            {event.route for event in only(old, ParentBegun)} == {"at_once"}
            and "twap" in {event.route for event in only(new, ParentBegun)}
            and len(only(new, PieceSent)) > len(only(old, PieceSent))
        ),
    ),
    "strategy.autonomy": (
        "propose",
        lambda old, new: (
            len(only(new, ProposalMade)) > 0
            and not only(new, OrderPlaced)
            and not only(old, ProposalMade)
            and len(only(old, OrderPlaced)) > 0
        ),
    ),
    "strategy.trade_min": (
        "0.08",
        lambda old, new: smallest_purchase(old) < Decimal("0.06") < Decimal("0.079") < smallest_purchase(new),
    ),
    "demo.first_day": ("2021-06-01", lambda _, new: opened_on(new)[0] == date(2021, 6, 1)),
    "demo.seed": ("8", lambda old, new: [f.price for f in only(old, Filled)] != [f.price for f in only(new, Filled)]),
}


@pytest.mark.parametrize("key", CHANGES)
def test_a_changed_setting_changes_the_days_and_in_the_way_it_says(home: Path, usual: Events, key: str) -> None:
    value, holds = CHANGES[key]
    changed = traded(home, build({key: Given(value, "in a test")}))
    assert changed != usual
    assert holds(usual, changed)


# ---------------------------------------------------------------- settings that are seen elsewhere


def test_a_currency_that_the_prices_are_not_in_is_refused(home: Path) -> None:
    with pytest.raises(InputError, match=r"account\.base_currency is AUD"):
        traded(home, build({"account.base_currency": Given("AUD", "in a test")}))


def test_model_and_keys_decide_whether_a_model_could_be_asked(tmp_path: Path) -> None:
    assert "gpt-4o-mini has no key" in doctor.keys(Settings()).found
    given = {"models.primary_model": Given("local", ""), "models.openai_api_key": Given("sk-1", "")}
    assert doctor.keys(build(given)).found == "local, with a key; models.reasoning is off"


def test_the_key_for_statements_decides_whether_its_vendor_can_be_asked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="set FINANCIAL_DATASETS_API_KEY"):
        Intake(Settings(), tmp_path).provider("financial_datasets")
    given = build({"models.financial_datasets_api_key": Given("a key", "in a test")})
    assert Intake(given, tmp_path).provider("financial_datasets").offer.name == "financial_datasets"
    ready = {each.name: each.here for each in every_source(given, tmp_path)}
    assert ready["financial_datasets"]
    assert not {each.name: each.here for each in every_source(Settings(), tmp_path)}["financial_datasets"]


@pytest.fixture
def bursar(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run a demo in process with these words, and return what it printed."""
    monkeypatch.setenv("BURSAR_HOME", str(home))
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        capsys.readouterr()
        assert cli.main(["demo", "--in-process", *words]) == 0
        return capsys.readouterr().out

    return run


def test_the_demo_and_its_log_follow_the_file(bursar: Callable[..., str], home: Path, tmp_path: Path) -> None:
    (tmp_path / "bursar.toml").write_text('[demo]\ndays = 1\n[log]\nfile = "mine.log"\nlevel = "WARNING"\n')
    assert len(json.loads(bursar("--json"))["days"]) == 1
    log = home / "runs" / "demo" / "mine.log"
    assert " - INFO - " not in log.read_text(encoding="utf-8")
    (tmp_path / "bursar.toml").write_text("[demo]\ndays = 2\n")
    assert len(json.loads(bursar("--json"))["days"]) == 2
    assert " - INFO - " in (home / "runs" / "demo" / "ibkr_hedge_fund.log").read_text(encoding="utf-8")
    assert not log.exists()


def test_a_flat_environment_drives_the_days(bursar: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "INITIAL_CASH": "20000.0",
        "MAX_POSITION_SIZE": "0.05",
        "MAX_DAILY_TRADES": "2",
        "STOP_LOSS_PERCENTAGE": "0.02",
        "TAKE_PROFIT_PERCENTAGE": "0.02",
        "SELECTED_AGENTS": "technical_analyst",
        "PRIMARY_MODEL": "gpt-4o-mini",
    }.items():
        monkeypatch.setenv(name, value)
    document = json.loads(bursar("--days", "5", "--json"))
    assert document["initial_cash"] == 20000.0
    opening = [[order for order in day["orders"] if order["purpose"] == "entry"] for day in document["days"]]
    assert 0 < max(map(len, opening)) <= 2
    weights = [t["weight"] for day in document["days"] for decision in day["decisions"] for t in decision["targets"]]
    assert 0 < max(weights) <= 0.05
    reached = [order for day in document["days"] for order in day["orders"] if order["purpose"] == "protection"]
    assert any(order["reason"].startswith("stop at ") and order["outcome"] == "filled" for order in reached)


def test_the_line_to_the_gateway_is_the_one_that_was_set(home: Path, tmp_path: Path) -> None:
    settings = build({"broker.client_id": Given("77", "in a test")})
    request = DemoRequest(days=1, first=date(2022, 1, 3), seed=7, cash=Decimal(100_000), settings=settings, home=home)
    demo.run(request)
    assert '"client_id":77' in (home / "runs" / "demo" / "gateway.log").read_text(encoding="utf-8").replace(" ", "")


def test_the_doctor_asks_the_broker_that_was_set_and_waits_as_long_as_was_set() -> None:
    asked = []

    def listens(host: str, port: int, timeout_seconds: float) -> bool:
        asked.append((host, port, timeout_seconds))
        return port == 7497

    values = {"broker.host": "localhost", "broker.port": 7497, "broker.connect_timeout_seconds": 3}
    told = doctor.broker(build({key: Given(value, "in a test") for key, value in values.items()}), listens)
    assert (told.verdict, told.found) == (doctor.Verdict.FINE, "something listens at localhost:7497")
    assert doctor.broker(Settings(), listens).verdict is doctor.Verdict.NOTE
    assert asked == [("localhost", 7497, 3.0), ("127.0.0.1", 4002, 10.0)]


def test_a_line_that_keeps_breaking_is_given_up_after_the_attempts_that_were_set(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried, waits = [], []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    async def hang_up(*_: object) -> None:
        tried.append(1)
        raise BrokerError("the line broke", retryable=True)

    monkeypatch.setattr(wire, "_over_one_connection", hang_up)
    monkeypatch.setattr(wire, "_attend", lambda *_: None)
    values = {"broker.reconnect_attempts_max": 2, "broker.reconnect_delay_seconds": 4}
    settings = build({key: Given(value, "in a test") for key, value in values.items()})
    request = DemoRequest(days=1, first=date(2022, 1, 3), seed=7, cash=Decimal(100_000), settings=settings, home=home)
    with pytest.raises(BrokerError, match="reconnect_attempts_max is 2"):
        asyncio.run(wire.play(prepare(request), MemoryJournal(), tmp_path, pause=wait))
    assert len(tried) == 3
    assert waits == [4, 8]  # doubled each time


def test_an_answer_is_waited_for_as_long_as_was_set(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = []

    async def connect(address: Address, *_: object, **__: object) -> None:
        addresses.append(address)
        raise BrokerError("far enough")

    monkeypatch.setattr(ib, "connect", connect)
    monkeypatch.setattr(wire, "_attend", lambda *_: None)
    settings = build({"broker.data_timeout_seconds": Given(12, "in a test")})
    request = DemoRequest(days=1, first=date(2022, 1, 3), seed=7, cash=Decimal(100_000), settings=settings, home=home)
    with pytest.raises(BrokerError, match="far enough"):
        asyncio.run(wire.play(prepare(request), MemoryJournal(), tmp_path))
    assert addresses[0].timeout_seconds == 12.0


#: Keys that tests of this file show by name, apart from the table.
SHOWN = {
    "account.base_currency",
    "broker.host",
    "broker.port",
    "broker.connect_timeout_seconds",
    "broker.data_timeout_seconds",
    "broker.reconnect_attempts_max",
    "broker.reconnect_delay_seconds",
    "broker.client_id",
    "models.primary_model",
    "models.openai_api_key",
    "models.financial_datasets_api_key",
    "demo.days",
    "log.file",
    "log.level",
}

#: Keys that tests of other rooms show, by their file, where the key is written ``section__name``.
SHOWN_ELSEWHERE = {
    "committee.probability_min": "tests/runtime/test_morning.py",
    "committee.positions_max": "tests/runtime/test_morning.py",
    "committee.show_reasoning": "tests/desk/test_meeting.py",
    "signals.sources": "tests/runtime/test_morning.py",
    "signals.confidence_min": "tests/runtime/test_morning.py",
    "signals.age_max_days": "tests/runtime/test_morning.py",
    "broker.reconnect_trial_minutes": "tests/runtime/test_watch.py",
    "broker.restart_at": "tests/runtime/test_watch.py",
    "broker.restart_minutes": "tests/runtime/test_watch.py",
    "broker.login_day": "tests/runtime/test_watch.py",
    "broker.login_at": "tests/runtime/test_watch.py",
    "broker.clock_minutes_max": "tests/runtime/test_watch.py",
    "execution.within_minutes": "tests/runtime/test_build.py",
    "execution.every_minutes": "tests/runtime/test_build.py",
    "execution.urgency": "tests/runtime/test_build.py",
    "execution.participation": "tests/runtime/test_build.py",
    "execution.adverse_move": "tests/runtime/test_build.py",
    "execution.behind_max": "tests/runtime/test_build.py",
    "account.open_orders": "tests/runtime/test_trader.py",
    "sleeve.capital": "tests/runtime/test_build.py",
    "sleeve.hands_off": "tests/runtime/test_build.py",
    "store.key_file": "tests/runtime/test_build.py",
    "store.database": "tests/desk/test_following.py",
    "store.days_in_database": "tests/desk/test_packing.py",
    "store.days_kept": "tests/desk/test_packing.py",
    "service.host": "tests/desk/test_service.py",
    "service.port": "tests/desk/test_service.py",
    "service.hosts": "tests/desk/test_service.py",
    "service.certificate_file": "tests/desk/test_service.py",
    "service.key_file": "tests/desk/test_service.py",
    "service.cache": "tests/desk/test_service.py",
    "schedule.rebalance": "tests/runtime/test_build.py",
    "schedule.drift_min": "tests/runtime/test_build.py",
    "schedule.missed": "tests/runtime/test_build.py",
    "schedule.late_minutes_max": "tests/runtime/test_build.py",
    "schedule.markets": "tests/desk/test_diary.py",
    "market.exchange": "tests/runtime/test_markets.py",
    "models.reasoning": "tests/adapters/test_llm.py",
    "models.provider": "tests/adapters/test_llm.py",
    "models.small_model": "tests/adapters/test_llm.py",
    "models.base_url": "tests/adapters/test_llm.py",
    "models.cycle_cost_max": "tests/adapters/test_llm.py",
    "models.timeout_seconds": "tests/adapters/test_llm.py",
    "models.attempts_max": "tests/adapters/test_llm.py",
    "models.price_in": "tests/adapters/test_llm.py",
    "models.price_out": "tests/adapters/test_llm.py",
}

#: Keys that are taken and change nothing yet: a demo starts its own gateway again at once.
WITHOUT_EFFECT_HERE: frozenset[str] = frozenset()


def test_every_key_is_shown_to_matter_or_is_named_as_without_effect() -> None:
    shown = CHANGES.keys() | SHOWN | SHOWN_ELSEWHERE.keys() | CASES.keys()
    assert shown | WITHOUT_EFFECT_HERE == {entry.key for entry in entries()}
    for key, file in SHOWN_ELSEWHERE.items():
        assert key.replace(".", "__") in (Path(__file__).parents[2] / file).read_text(encoding="utf-8"), key
    assert not shown & WITHOUT_EFFECT_HERE
