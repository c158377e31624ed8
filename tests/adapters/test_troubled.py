"""The broker in process under a plan of faults: the same plans as over the wire, without a wire."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from bursar.adapters.memory import MemoryJournal
from bursar.adapters.troubled import TroubledBroker, TroubledFeed
from bursar.config import Settings
from bursar.domain.events import Event, Filled, OrderCanceled, OrderPlaced, OrderRejected
from bursar.domain.market import Slice
from bursar.domain.orders import ApprovedOrder, OrderType
from bursar.errors import BrokerError
from bursar.gateway import faults as f
from bursar.gateway.exchange import Exchange
from bursar.gateway.faults import Fault, Faults, Plan, plan
from bursar.gateway.hub import Hub
from bursar.runtime import stage as stages
from bursar.runtime.request import DemoRequest
from bursar.runtime.stage import Stage
from tests.builders import order as built
from tests.gateway import worlds
from tests.gateway.clients import to_open


def hub_with(*faults: Fault) -> Hub:
    hub = Hub(Exchange(worlds.written()), faults=Faults(Plan(faults=faults)))
    to_open(hub)
    return hub


def buy(number: int = 1, limit: str | None = None) -> ApprovedOrder:
    order = built(f"o-{number:08d}", "AAA", 10)
    if limit:
        order = replace(order, type=OrderType.LIMIT, limit_price=Decimal(limit))
    return ApprovedOrder(order=order, approval_id="a-00000001")


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def kinds(events: Sequence[Event]) -> list[str]:
    return [event.kind for event in events]


def traded(hub: Hub) -> int:
    return len(hub.exchange.executions())


# ---------------------------------------------------------------- the line


@pytest.mark.parametrize(("fault", "executions"), [(f.Drop(before="placeOrder"), 0), (f.Drop(after="placeOrder"), 1)])
def test_a_line_that_breaks_around_an_order_raises_and_a_new_broker_finds_what_there_is(
    fault: Fault, executions: int
) -> None:
    hub = hub_with(fault)
    broker = TroubledBroker(hub)
    with pytest.raises(BrokerError) as broken:
        run(broker.place(buy()))
    assert broken.value.retryable
    assert traded(hub) == executions
    with pytest.raises(BrokerError):
        broker.reports()
    placed = OrderPlaced(event_id="o-00000001", at=hub.exchange.now, order=buy().order)
    again = TroubledBroker(hub, journal=[placed])
    assert len(run(again.account()).executions) == executions


def test_what_came_through_before_the_line_broke_is_still_told() -> None:
    hub = hub_with(f.Drop(after="commissionReport"))
    broker = TroubledBroker(hub)
    run(broker.place(buy()))
    assert "filled" in kinds(broker.reports())
    with pytest.raises(BrokerError):
        broker.reports()


def test_an_order_arrives_late_or_never() -> None:
    hub = hub_with(
        f.Delay(message="placeOrder"), f.Swallow(message="cancelOrder"), f.Delay(message="cancelOrder", nth=2)
    )
    broker = TroubledBroker(hub)
    run(broker.place(buy(1, "50")))
    assert hub.exchange.orders.all == ()
    hub.step()
    broker.reports()
    assert len(hub.exchange.open_orders()) == 1
    for _ in range(2):
        run(broker.cancel("o-00000001"))
        assert len(hub.exchange.open_orders()) == 1
    hub.step()
    assert kinds(broker.reports()) == ["order_canceled"]


def test_a_fill_waits_for_its_commission_however_late_or_odd_it_is() -> None:
    hub = hub_with(
        f.LateCommission(instants=1), f.SentinelCommission(nth=2), f.Duplicate(message="execDetails", times=0)
    )
    broker = TroubledBroker(hub)
    run(broker.place(buy(1)))
    assert "filled" not in kinds(broker.reports())
    hub.step()
    assert kinds(broker.reports()) == ["filled"]
    run(broker.place(buy(2)))
    assert "filled" not in kinds(broker.reports())
    hub.step()
    (fill,) = [event for event in broker.reports() if isinstance(event, Filled)]
    assert fill.commission.amount > 0


def test_an_order_is_refused_filled_behind_our_back_or_corrected() -> None:
    hub = hub_with(f.Reject(), f.FillAfterCancel(), f.CorrectExecution(nth=2), f.FalseCancel(nth=2, code=161))
    broker = TroubledBroker(hub)
    run(broker.place(buy(1)))
    assert isinstance(broker.reports()[-1], OrderRejected)
    run(broker.place(buy(2, "50")))
    assert not [event for event in broker.reports() if isinstance(event, OrderCanceled)]  # 161 cancels nothing
    run(broker.cancel("o-00000002"))
    assert "filled" in kinds(broker.reports())
    run(broker.place(buy(3)))
    assert "filled" in kinds(broker.reports())
    hub.step()
    assert kinds(broker.reports()) == ["fill_corrected"]


def test_orders_are_filled_while_the_line_is_broken() -> None:
    hub = hub_with(f.FillWhileAway(), f.Drop(before="cancelOrder"))
    broker = TroubledBroker(hub)
    run(broker.place(buy(1, "50")))
    broker.reports()
    with pytest.raises(BrokerError):
        run(broker.cancel("o-00000001"))
    assert traded(hub) == 1


# ---------------------------------------------------------------- snapshots


@pytest.mark.parametrize(
    ("request_", "part"),
    [("reqPositions", "positions"), ("reqAllOpenOrders", "open_orders"), ("reqExecutions", "executions")],
)
def test_a_part_of_the_account_looks_empty(request_: str, part: str) -> None:
    hub = hub_with(f.EmptyAnswer(request=request_))
    broker = TroubledBroker(hub)
    run(broker.place(buy(1)))
    run(broker.place(buy(2, "50")))
    assert getattr(run(broker.account()), part) == ()
    assert len(getattr(run(broker.account()), part)) == 1


@pytest.mark.parametrize(
    "message", ["positionEnd", "openOrderEnd", "execDetailsEnd", "accountDownloadEnd", "reqPositions"]
)
def test_a_part_that_is_never_told_whole_is_an_error_and_never_empty(message: str) -> None:
    broker = TroubledBroker(hub_with(f.Swallow(message=message)))
    with pytest.raises(BrokerError, match="whole"):
        run(broker.account())
    run(broker.account())


# ---------------------------------------------------------------- the gateway itself


def test_while_ibkr_is_out_of_reach_orders_are_refused_and_reports_wait() -> None:
    hub = hub_with(f.ConnectivityLost(after="openOrder", instants=2))
    broker = TroubledBroker(hub)
    run(broker.place(buy(1, "95")))
    broker.reports()
    run(broker.place(buy(2)))
    assert "filled" not in kinds(broker.reports())
    assert len(hub.exchange.orders.all) == 1
    hub.step()  # the first is filled at noon
    assert (traded(hub), broker.reports()) == (1, ())
    hub.step()
    assert "filled" in kinds(broker.reports())


def test_the_feed_falls_silent_and_ends_with_the_line() -> None:
    hub = hub_with(f.SilentData(instants=1), f.Restart(night=1))
    broker = TroubledBroker(hub)
    seen: list[Slice] = []

    async def watch() -> None:
        async for market in TroubledFeed(hub, broker):
            seen.append(market)

    hub.faults.add(f.SilentData(instants=2))  # type: ignore[union-attr]  # there is a plan
    with pytest.raises(BrokerError):
        run(watch())
    quoted = [bool(market.quotes) for market in seen]
    assert quoted[1] is False
    assert quoted[2] is True
    TroubledBroker(hub)  # a restart is over when one connects again


def test_after_the_weekly_login_nothing_is_told_until_a_person_was_there() -> None:
    hub = hub_with(f.WeeklyLogin(after="reqPositions"))
    with pytest.raises(BrokerError):
        run(TroubledBroker(hub).account())
    again = TroubledBroker(hub)
    with pytest.raises(BrokerError, match="waits for a person to log in"):
        run(again.account())
    assert hub.faults is not None
    hub.faults.weather.take_outage()
    run(again.account())


# ---------------------------------------------------------------- a run


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return stages.prepare(
        DemoRequest(
            days=1,
            first=date(2022, 1, 18),
            seed=3,
            cash=Decimal(100_000),
            settings=Settings(),
            in_process=True,
            home=tmp_path_factory.mktemp("home"),
        )
    )


async def desk(stage: Stage, faults: Faults) -> tuple[list[Event], Counter[str]]:
    """Play a day over one exchange, coming back whenever the line is lost."""
    journal, hub, lost = MemoryJournal(), Hub(stages.exchange(stage), faults=faults), 0
    while lost < 50:
        broker = TroubledBroker(hub, journal=[recorded.event for recorded in journal.read()])
        try:
            await stages.loop(stage, TroubledFeed(hub, broker), broker, journal).run()
        except BrokerError as error:
            if not error.retryable:
                raise
            lost += 1
        else:
            break
    assert lost < 50
    return [recorded.event for recorded in journal.read()], Counter(faults.struck_by_name)


@pytest.mark.parametrize("seed", range(3))
def test_one_seed_is_one_run(stage: Stage, seed: int) -> None:
    kinds = {"drop", "duplicate", "reorder", "late_commission", "delay", "restart", "connectivity_lost"}
    drawn = plan(seed, faults=4, kinds=kinds)
    first, second = (asyncio.run(desk(stage, Faults(drawn))) for _ in range(2))
    assert first == second
    fills = [event.execution_id for event in first[0] if isinstance(event, Filled)]
    assert len(fills) == len(set(fills))
