"""Figures for operators: every one of them is what the desk knows at the moment of asking, and every one moves."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from bursar.adapters.memory import MemoryJournal
from bursar.desk.desk import Desk
from bursar.desk.guard.roles import Caller, Role
from bursar.desk.jobs import Job
from bursar.desk.monitor import Monitor
from bursar.desk.stream import Reader
from bursar.domain import events as e
from bursar.domain.market import Quote
from bursar.domain.orders import Effect, Purpose, Side
from bursar.risk.watch import Model
from tests.builders import CLOSE, filled, order
from tests.desk.api.world import NOW, Ask, app_on, desk_on, events, good, routes, send
from tests.samples import ACCOUNT, OUTLOOK, PROPOSAL, SAMPLES, VIEW

Told = Mapping[str, Mapping[tuple[str, ...], float]]
MAIN = (ACCOUNT, "main")


def told(app: FastAPI) -> Told:
    """Every family with its samples, by the values of their labels in the order of their names."""
    (answer,) = send(app, Ask("GET", "/metrics"), role="viewer")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        family.name: {
            (*(each.labels[name] for name in sorted(each.labels)), each.name.removeprefix(family.name)): each.value
            for each in family.samples
        }
        for family in text_string_to_metric_families(answer.text)
    }


def value(found: Told, name: str, *labels: str, part: str = "") -> float:
    return found[f"bursar_{name}"][*labels, part]


def believed(symbols: tuple[str, ...]) -> Model:
    """Each symbol loses a tenth on one day in twenty, and gains a hundredth on the others."""
    steps = np.where(np.arange(100) % 20 == 19, -0.1, 0.01)
    history = np.repeat(steps[:, None], len(symbols), axis=1)
    return Model(covariances=np.atleast_2d(np.cov(history.T)) * 252, history=history, betas=np.full(len(symbols), 1.5))


def later() -> Iterator[e.Event]:
    """What happens once somebody has looked: fills and income, refusals and breaks, and a line that goes."""
    at = CLOSE.replace(hour=15)
    yield replace(order_placed("o-00000004", "PEP"), at=at)
    yield e.OrderRejected(event_id="rejected", at=at, order_id="o-00000004", code=201, message="no")
    yield filled("3", 5, "55.00", symbol="KO", order_id="o-00000002", at=at)
    yield e.OrderCanceled(event_id="canceled", at=at, order_id="o-00000002", reason="asked")
    yield replace(filled("2", 40, "160.00", commission=1), order_id="o-00000003", side=Side.SELL, at=at)
    for kind in (
        "break_found", "account_switched", "switch_refused", "command_received", "alerted", "committee_met",
        "signal_received", "decided", "fee_charged", "dividend_paid", "risk_budget_set",
    ):  # fmt: skip
        yield replace(SAMPLES[kind], event_id=f"later/{kind}", at=at)
    view = replace(VIEW, view_id="v-00000009")
    yield e.ViewFormed(event_id=view.view_id, at=at, view=view)
    offer = replace(PROPOSAL, proposal_id="p-00000009")
    yield e.ProposalMade(event_id=offer.proposal_id, at=at, proposal=offer, outlook=OUTLOOK)
    yield e.AmendRequested(event_id="amended", at=at, order=order("o-00000003", side=Side.SELL, quantity=60))
    yield e.LineChanged(event_id="line/2", at=at, state="down", reason="1100")
    yield e.Marked(event_id="marked/later", at=at, prices={"AAPL": Decimal(148)}, official=False)
    yield replace(SAMPLES["trading_state_changed"], event_id="later/state", at=at)


def order_placed(order_id: str, symbol: str) -> e.OrderPlaced:
    placed = replace(order(order_id, symbol=symbol), purpose=Purpose.ENTRY, effect=Effect.OPEN)
    return e.OrderPlaced(event_id=order_id, at=CLOSE, order=placed, causes=("d-00000001",))


@pytest.fixture
def story() -> tuple[Told, Told]:
    """What is told of a calm desk, and what after a lively quarter of an hour."""
    desk = desk_on()
    desk.monitor = Monitor(limits={"gross": 0.5}, model_of=believed)
    for event in events():
        desk.monitor.absorb(event)
    app = app_on(desk)
    calm = told(app)
    assert isinstance(desk.journal, MemoryJournal)
    asyncio.run(desk.journal.append(tuple(later())))
    desk.catch_up()
    desk.degraded["store"] = "no space left"
    desk.jobs.jobs["job-1"] = Job(job_id="job-1", kind="optimize", by="ann", asked_at=NOW)
    desk.prices.take(
        [Quote(symbol="AAPL", at=NOW, known_at=NOW, bid=Decimal(147), ask=Decimal(149))],
        timedelta(),
        NOW - timedelta(seconds=4),
    )
    asyncio.run(app.state.heartbeat.beat())
    assert desk.second is not None
    desk.second = replace(desk.second, rolling={"sharpe": np.array([1.25])})
    app.state.stream.readers.add(Reader(Caller(user="ann", role=Role.VIEWER), 0))
    app.state.heartbeat.lost, app.state.stream.dropped = 2, 3
    app.state.heartbeat.waits.append([])
    ask(app)
    return calm, told(app)


def ask(app: FastAPI) -> None:
    """Have the desk work things out, some of which cannot be."""
    by_name = {route.name: route for route in routes(app)}
    asks = {
        name: good(by_name[name], app)
        for name in (
            "POST /api/v1/sizing",
            "POST /api/v1/optimization",
            "POST /api/v1/optimization/constraints/check",
            "POST /api/v1/optimization/rebalancing-plan",
            "POST /api/v1/risk/budgets/allocate",
            "POST /api/v1/risk/budgets/utilization",
            "POST /api/v1/risk/stress",
            "GET /api/v1/attribution/portfolios/{account}/{portfolio}",
        )
    }
    for answer in send(app, *asks.values()):
        assert answer.status_code == 200, answer.text
    used = asks["POST /api/v1/risk/budgets/utilization"]
    (beyond,) = send(app, replace(used, body=used.body | {"contributions": [9.0, 9.0]}))
    assert beyond.json()["violations"][0]["severity"] == "violation"
    size = asks["POST /api/v1/sizing"]
    solve = asks["POST /api/v1/optimization"]
    refused = send(
        app,
        replace(size, body=size.body | {"method": "fixed_dollar"}),  # how much is not said
        replace(solve, body=solve.body | {"objective": "black_litterman"}),  # nor what the market holds
    )
    assert [each.status_code for each in refused] == [422, 422]
    send(app, Ask("GET", "/nowhere/1"), Ask("GET", "/nowhere/2"))


def test_every_figure_moves(story: tuple[Told, Told]) -> None:
    calm, lively = story
    stood = sorted(name for name, samples in lively.items() if samples == calm.get(name))
    assert stood == []
    assert len(lively) >= 75


def test_the_figures_of_the_broker_and_of_research(story: tuple[Told, Told]) -> None:
    _, lively = story
    assert {
        name: value(lively, name, part="_total" if name not in {"orders_placed", "orders_working", "line_up"} else "")
        for name in (
            "line_up", "line_changes", "account_switches", "account_switches_refused", "orders_rejected",
            "orders_canceled", "orders_amended", "breaks_found", "commands", "orders_placed", "orders_working",
            "trades_executed", "signals", "meetings",
        )
    } == {
        "line_up": 0, "line_changes": 2, "account_switches": 1, "account_switches_refused": 1, "orders_rejected": 1,
        "orders_canceled": 1, "orders_amended": 1, "breaks_found": 1, "commands": 1, "orders_placed": 4,
        "orders_working": 1, "trades_executed": 3, "signals": 2, "meetings": 2,
    }  # fmt: skip
    assert value(lively, "trading_state", "active") == 0
    assert (value(lively, "decisions"), value(lively, "alerts")) == (2, 2)


def test_the_figures_of_a_portfolio_by_hand(story: tuple[Told, Told]) -> None:
    _, lively = story
    # 100 AAPL at 150 for a fee of 1; 40 of them sold at 160 for another; 22 less 3.3 in place of a dividend, -1.50 of
    # market data, 5 KO at 55: 84,999 + 6,399 + 18.7 - 1.5 - 275 in cash, and 60 at 148 with 5 at 60.
    cash, held = 84_999 + 6_399 + 18.7 - 1.5 - 275, 60 * 148 + 5 * 60
    assert value(lively, "portfolio_cash", ACCOUNT, "USD", "main") == pytest.approx(cash)
    assert value(lively, "portfolio_value", *MAIN) == pytest.approx(cash + held)
    assert value(lively, "portfolio_positions", *MAIN) == 2
    assert value(lively, "portfolio_unrealized", *MAIN) == pytest.approx(60 * (148 - 150.01) + 5 * (60 - 55))
    assert value(lively, "portfolio_realized", ACCOUNT, "USD", "main") == pytest.approx(6_399 - 40 * 150.01)
    day = cash + held - 100_399
    assert value(lively, "portfolio_daily_pnl", *MAIN) == pytest.approx(day)
    assert value(lively, "portfolio_daily_return", *MAIN) == pytest.approx(day / 100_399)
    weight = held / (cash + held)
    assert value(lively, "risk_gross", *MAIN) == pytest.approx(weight)
    assert value(lively, "risk_beta_adjusted", *MAIN) == pytest.approx(1.5 * weight)
    assert value(lively, "risk_var_99", *MAIN) == pytest.approx(0.1 * weight)
    assert value(lively, "risk_sharpe_ratio", *MAIN) == 1.25
    assert value(lively, "limit_used", ACCOUNT, "gross", "main") == pytest.approx(weight / 0.5)
    by_sector = value(lively, "attribution_daily_pnl", ACCOUNT, "sector", "Information Technology", "main")
    assert by_sector == pytest.approx(value(lively, "attribution_daily_pnl", ACCOUNT, "symbol", "AAPL", "main"))


def test_what_was_worked_out_is_counted_and_timed(story: tuple[Told, Told]) -> None:
    _, lively = story
    assert value(lively, "sizing_signals", "kelly", part="_total") == 1
    assert value(lively, "sizing_refused", "fixed_dollar", part="_total") == 1
    assert value(lively, "sizing_seconds", "kelly", part="_count") == 1
    assert value(lively, "sizing_weight", "kelly", part="_count") == 1
    assert sum(lively["bursar_optimization_solved"].values()) == 1
    assert value(lively, "optimization_refused", "black_litterman", part="_total") == 1
    assert value(lively, "optimization_plans", part="_total") == 1
    assert value(lively, "optimization_planned_orders", part="_total") == 1
    assert value(lively, "budget_allocations", part="_total") == 1
    assert value(lively, "budget_checks", part="_total") == 2
    assert value(lively, "budget_violations", "violation", part="_total") > 0
    assert value(lively, "risk_stress_runs", part="_total") == 1
    assert value(lively, "attribution_told", "sector", part="_total") == 1
    assert value(lively, "budget_share", ACCOUNT, "strategy", "momentum", "main") == 0.4


def test_the_figures_of_the_system(story: tuple[Told, Told]) -> None:
    _, lively = story
    assert value(lively, "degraded", "store") == 1
    assert value(lively, "jobs", "waiting") == 1
    assert value(lively, "seconds_seen", part="_total") == 1
    assert value(lively, "seconds_lost", part="_total") == 2
    assert value(lively, "seconds_waiting") == 1
    assert value(lively, "stream_dropped", part="_total") == 3
    assert value(lively, "stream_readers") == 1
    assert value(lively, "prices_age_seconds") == 4
    assert value(lively, "journal_sequence") == sum(lively["bursar_events"].values())
    # A route is counted under its pattern, and what is no route under one name: strangers make no names.
    route = "/api/v1/attribution/portfolios/{account}/{portfolio}"
    assert value(lively, "http_answers", "GET", route, "200", part="_total") == 1
    assert value(lively, "http_answers", "ANY", "none", "404", part="_total") == 2


def test_each_figure_is_explained_to_operators(story: tuple[Told, Told]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`(bursar_[a-z0-9_]+)`", page))
    assert explained == set(story[1])


def test_nothing_is_told_of_portfolios_before_somebody_looked() -> None:
    found = told(app_on(desk_on()))
    assert "bursar_portfolio_value" not in found
    assert not any(name.startswith("bursar_risk_gross") for name in found)


def test_two_desks_in_one_process_do_not_count_together() -> None:
    first, second = app_on(desk_on()), app_on(desk_on())
    ask(first)
    assert value(told(second), "risk_stress_runs", part="_total") == 0


def test_strangers_read_no_figures() -> None:
    (answer,) = send(app_on(desk_on()), Ask("GET", "/metrics"), role="")
    assert answer.status_code == 401


def test_a_desk_on_nothing_has_figures_as_well() -> None:
    found = told(app_on(Desk(authenticator=desk_on().authenticator)))
    assert value(found, "journal_sequence") == 0
