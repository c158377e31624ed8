"""Figures for operators: every one of them is what the desk knows at the moment of asking."""

from __future__ import annotations

from bursar.desk.jobs import Job
from bursar.desk.monitor import Monitor
from tests.desk.api.world import NOW, Ask, app_on, desk_on, events, send


def test_prometheus_reads_what_the_desk_knows() -> None:
    desk = desk_on()
    desk.monitor = Monitor(limits={"gross": 0.5})
    for event in events():
        desk.monitor.absorb(event)
    desk.degraded["store"] = "no space left"
    desk.jobs.jobs["job-1"] = Job(job_id="job-1", kind="optimize", by="ann", asked_at=NOW)
    app = app_on(desk)
    (early,) = send(app, Ask("GET", "/metrics"), role="viewer")
    assert "bursar_portfolio" not in early.text, "nobody has looked yet"
    desk.look()
    send(app, Ask("GET", "/api/v1/portfolios/DU9000001/main"), Ask("GET", "/nowhere/1"), Ask("GET", "/nowhere/2"))
    (answer,) = send(app, Ask("GET", "/metrics"), role="viewer")
    assert answer.headers["content-type"].startswith("text/plain")
    read = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert float(read["bursar_journal_sequence"]) == desk.past.sequence
    told = {
        "bursar_orders_placed": 3,
        "bursar_orders_working": 2,
        "bursar_fills": 1,
        'bursar_proposals{state="pending"}': 1,
        'bursar_trading_state{state="active"}': 1,
        'bursar_trading_state{state="halted"}': 0,
        "bursar_line_up": 1,
        'bursar_degraded{what="store"}': 1,
        'bursar_jobs{state="waiting"}': 1,
        "bursar_stream_dropped_total": 0,
        "bursar_seconds_lost_total": 0,
        'bursar_portfolio_equity{portfolio="DU9000001/main"}': 100_399,  # 84,999 and 100 at 154
        'bursar_portfolio_long{portfolio="DU9000001/main"}': 15_400,
    }
    assert {name: float(read[name]) for name in told} == told
    used = float(read['bursar_limit_used{limit="gross",portfolio="DU9000001/main"}'])
    assert abs(used - 15_400 / 100_399 / 0.5) < 1e-9
    # A route is counted under its pattern, and what is no route under one name: strangers make no names.
    route = "/api/v1/portfolios/{account}/{portfolio}"
    assert float(read[f'bursar_http_answers_total{{method="GET",route="{route}",status="200"}}']) == 1
    assert float(read['bursar_http_answers_total{method="ANY",route="none",status="404"}']) == 2


def test_strangers_read_no_figures() -> None:
    (answer,) = send(app_on(desk_on()), Ask("GET", "/metrics"), role="")
    assert answer.status_code == 401
