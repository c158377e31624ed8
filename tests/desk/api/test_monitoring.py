"""What is watched: the seconds as they were kept, whole accounts, and why something has no value."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bursar.adapters.store.database import connect, migrate, sqlite_url
from bursar.adapters.store.snapshots import Snapshots
from bursar.desk.api.parts import Figures
from bursar.desk.desk import Desk
from bursar.desk.monitor import rows_of
from tests.desk.api.world import NOW, Ask, Known, app_on, desk_on, send
from tests.samples import ACCOUNT

PLACE = f"/api/v1/monitoring/portfolios/{ACCOUNT}"


def test_the_seconds_that_were_kept_are_told_oldest_first(tmp_path: Path) -> None:
    engine = connect(sqlite_url(tmp_path / "desk.sqlite"))
    migrate(engine)
    desk = desk_on()
    desk.snapshots = Snapshots(engine, tmp_path / "seconds")
    for ago in (2, 1):
        seen = desk.monitor.second(NOW - timedelta(seconds=ago))
        assert seen is not None
        desk.snapshots.insert(rows_of(seen))
    (answer,) = send(app_on(desk), Ask("GET", f"{PLACE}/main/series?minutes=5"))
    engine.dispose()
    said = answer.json()
    assert said["unit"] == "hundredths"
    assert [each["at"] for each in said["items"]] == ["2022-01-05T14:59:58Z", "2022-01-05T14:59:59Z"]
    assert {each["equity"] for each in said["items"]} == {10_039_900}


def test_without_a_portfolio_nothing_is_watched() -> None:
    (answer,) = send(app_on(Desk(authenticator=Known())), Ask("GET", "/api/v1/monitoring/snapshot"))
    assert (answer.status_code, answer.json()["title"]) == (409, "nothing is watched")


def test_what_has_no_value_says_why() -> None:
    desk = desk_on()
    desk.look()
    made = {"account": ACCOUNT, "portfolio": "second", "name": "Second"}
    opened, answer = send(
        app_on(desk),
        Ask("POST", "/api/v1/portfolios", made, {"Idempotency-Key": "opens-a-second"}),
        Ask("GET", f"{PLACE}/second/snapshot"),
    )
    assert opened.status_code == 201
    assert (answer.status_code, answer.json()["detail"]) == (409, "nothing was booked in it yet")


def test_a_whole_account_is_told_under_all_and_to_those_who_may_see_all_of_it() -> None:
    whole, nobody, wrong = send(
        app_on(desk_on()),
        Ask("GET", f"{PLACE}/all/performance"),
        Ask("GET", "/api/v1/monitoring/portfolios/U1/all/performance"),
        Ask("GET", f"{PLACE}/main/profit?day=1999-01-01"),
    )
    # All that came in is 100,000; 100 AAPL at 154 and 84,999 are there.
    assert [Decimal(whole.json()[name]) for name in ("equity", "came_in")] == [100_399, 100_000]
    assert nobody.status_code == 404
    assert (wrong.status_code, "no day closed on 1999-01-01" in wrong.json()["detail"]) == (409, True)
    part = app_on(desk_on(scopes=frozenset({f"portfolio:{ACCOUNT}/main"})))
    (refused,) = send(part, Ask("GET", f"{PLACE}/all/performance"))
    assert refused.status_code == 404


def test_a_day_that_has_not_closed_has_no_figures() -> None:
    desk = desk_on()
    desk.past.chronicles.clear()
    (answer,) = send(app_on(desk), Ask("GET", f"{PLACE}/main/performance"))
    assert (answer.status_code, answer.json()["title"]) == (409, "no day has closed")


def test_figures_that_are_no_numbers_are_told_as_unknown() -> None:
    told = Figures({"sharpe": math.nan, "worst": -math.inf, "worth": 0.1 + 0.2, "names": ("KO",)})
    assert told.body == b'{"sharpe":null,"worst":null,"worth":0.30000000000000004,"names":["KO"]}'


def test_each_scenario_shocks_what_is_held_by_its_sector() -> None:
    (answer,) = send(app_on(desk_on()), Ask("GET", f"/api/v1/risk/portfolios/{ACCOUNT}/main/stress"))
    told = {each["scenario"]: each["profit"] for each in answer.json()["items"]}
    # 15,400 of 100,399 in AAPL: when technology unwinds, the market loses 30 % and the sector 31 % beyond it.
    assert told["technology_unwinds_2000"] == pytest.approx(-0.61 * 15_400 / 100_399)
    # In 1998 technology falls as the market does.
    assert told["russia_and_ltcm_1998"] == pytest.approx(-0.21 * 15_400 / 100_399)
