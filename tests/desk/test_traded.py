"""The desk goes along where another account is traded: its books, limits, prices and tables, and back again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from bursar.adapters.journal import SQLiteJournal
from bursar.adapters.marks import SharedMarks
from bursar.config import Settings
from bursar.config.accounts import AccountProfile
from bursar.config.risk import Risk
from bursar.desk import service
from bursar.desk.desk import Desk
from bursar.desk.following import Follower
from bursar.domain import events as e
from bursar.domain.market import Quote
from bursar.ports import Recorded
from tests.builders import money
from tests.desk.test_service import settings as set_to
from tests.samples import AT, SAMPLES

PRACTICE, SECOND = "DU9000001", "DU9000002"
LEFT = e.AccountSwitched(
    event_id="switch/1", at=AT, account=PRACTICE, to=SECOND, mode=e.Mode.PAPER, reason="over", by="ann"
)
BACK = replace(LEFT, event_id="switch/2", account=SECOND, to=PRACTICE)
CASH = {PRACTICE: 100_000, SECOND: 7_000}
PROFILES = {
    "practice": AccountProfile(account_id=PRACTICE),
    "second": AccountProfile(
        account_id=SECOND, autonomy="propose", risk=Risk(position_weight_max=Decimal("0.03")), client_id=2
    ),
}


def begun(account: str) -> list[e.Event]:
    return [
        e.RunStarted(event_id="run", at=AT, run_id=account, mode=e.Mode.PAPER, account=account, seed=0, settings=""),
        e.AccountOpened(event_id="account", at=AT, account=account, base_currency="USD"),
        e.PortfolioOpened(event_id="opened", at=AT, account=account, portfolio="main", name="Main"),
        e.Deposited(event_id="cash", at=AT, account=account, portfolio="main", amount=money(CASH[account])),
    ]


def path_of(home: Path, account: str) -> Path:
    return home / "accounts" / account / "journal.sqlite"


def writes(home: Path, account: str, events: Sequence[e.Event]) -> None:
    path_of(home, account).parent.mkdir(parents=True, exist_ok=True)
    with closing(SQLiteJournal(path_of(home, account))) as journal:
        asyncio.run(journal.append(events))


@contextmanager
def desk_at(home: Path, account: str = PRACTICE) -> Iterator[Desk]:
    with service.opened(home, Settings(), path_of(home, account)) as opened:
        opened.desk.accounts = PROFILES
        yield opened.desk


def looks(desk: Desk) -> tuple[str, int]:
    """Which account the desk shows after it has looked thrice, and the cash in it."""
    for _ in range(3):
        asyncio.run(desk.tail_once())
    assert desk.past.run is not None
    account = desk.past.run.account
    return account, int(desk.past.book.portfolio(account, "main").cash["USD"])


def test_the_desk_shows_the_account_that_is_traded_after_every_change(tmp_path: Path) -> None:
    writes(tmp_path, PRACTICE, begun(PRACTICE))
    with desk_at(tmp_path) as desk:
        told: list[Sequence[Recorded] | None] = []
        desk.listeners.append(told.append)
        usual = dict(desk.monitor.limits)
        assert looks(desk) == (PRACTICE, 100_000)

        writes(tmp_path, PRACTICE, [LEFT])
        assert looks(desk) == (PRACTICE, 100_000)  # the other account has not begun
        assert "DU9000001 is shown, and was left for DU9000002, whose journal has not begun" in desk.degraded["journal"]

        writes(tmp_path, SECOND, [*begun(SECOND), LEFT])
        assert looks(desk) == (SECOND, 7_000)
        assert "journal" not in desk.degraded
        assert None in told  # whoever listens begins anew
        assert desk.monitor.limits["position_weight"] == pytest.approx(0.03)
        assert (desk.settings.account.account_id, desk.settings.strategy.autonomy) == (SECOND, "propose")

        price = Decimal(42)
        SharedMarks(path_of(tmp_path, SECOND).with_name("marks.json")).publish(
            [Quote(symbol="KO", at=AT, known_at=AT, bid=price, ask=price, last=price)]
        )
        asyncio.run(desk.hear_once())
        assert set(desk.prices.latest(["KO"])) == {"KO"}

        writes(tmp_path, SECOND, [BACK])
        assert looks(desk)[0] == SECOND  # the old journal ends with the change from it; it must name this one first
        writes(tmp_path, PRACTICE, [BACK])
        assert looks(desk) == (PRACTICE, 100_000)
        assert desk.monitor.limits == usual
        assert desk.settings.strategy.autonomy == "automatic"


def test_whoever_starts_at_an_account_that_was_left_finds_the_one_that_is_traded(tmp_path: Path) -> None:
    writes(tmp_path, PRACTICE, [*begun(PRACTICE), LEFT])
    writes(tmp_path, SECOND, [*begun(SECOND), LEFT])
    with desk_at(tmp_path) as desk:
        assert looks(desk) == (SECOND, 7_000)


def test_an_account_that_is_written_on_after_it_was_left_is_traded_again(tmp_path: Path) -> None:
    writes(tmp_path, SECOND, [*begun(SECOND), LEFT])
    writes(tmp_path, PRACTICE, [*begun(PRACTICE), LEFT, replace(SAMPLES["alerted"], event_id="alert")])
    with desk_at(tmp_path) as desk:
        assert looks(desk) == (PRACTICE, 100_000)


def test_a_journal_that_was_put_elsewhere_is_shown_and_said_to_be_of_an_account_that_was_left(tmp_path: Path) -> None:
    writes(tmp_path, PRACTICE, [*begun(PRACTICE), LEFT])
    kept = path_of(tmp_path, PRACTICE).rename(tmp_path / "kept.sqlite")
    with service.opened(tmp_path / "home", Settings(), kept) as opened:
        assert looks(opened.desk) == (PRACTICE, 100_000)
        assert "was left for DU9000002" in opened.desk.degraded["journal"]


def test_the_tables_go_along(tmp_path: Path) -> None:
    writes(tmp_path, PRACTICE, begun(PRACTICE))
    tables = tmp_path / "tables.sqlite"
    with service.opened(tmp_path, set_to(store__database=str(tables)), path_of(tmp_path, PRACTICE)) as opened:
        (follower,) = [work for work in opened.desk.works if isinstance(work, Follower)]

        def accounts() -> list[str]:
            follower.follow()
            with follower.engine.connect() as connection:
                return list(connection.execute(text("select distinct account from portfolios")).scalars())

        assert accounts() == [PRACTICE]
        writes(tmp_path, PRACTICE, [LEFT])
        writes(tmp_path, SECOND, [*begun(SECOND), LEFT])
        assert looks(opened.desk)[0] == SECOND
        assert accounts() == [SECOND]
