"""What a strategy did in an account beside what it was promised with, and what real money asks of it before."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bursar.adapters.journal import SQLiteJournal
from bursar.adapters.memory import MemoryRegistry
from bursar.config import Settings, load
from bursar.desk import cli
from bursar.desk.commands import belief as commands
from bursar.desk.track import track, track_json, track_lines
from bursar.domain.events import (
    AccountOpened,
    Decided,
    Deposited,
    Event,
    InstrumentListed,
    Marked,
    Mode,
    OrderPlaced,
    ParentBegun,
    ParentEnded,
    PieceSent,
    PromotionJudged,
    RunStarted,
    SessionClosed,
)
from bursar.domain.orders import Effect, Purpose, Side
from bursar.domain.targets import Target
from bursar.errors import InputError
from bursar.research.validate import Grade, Lived, Paper, held_against
from bursar.research.validate.promotion import Bar, _of_paper
from bursar.runtime import belief, grades, practice
from bursar.runtime.backtest import run
from bursar.runtime.door import Admitted
from bursar.runtime.grades import require_grades
from bursar.runtime.trials import Bench, Ledger
from tests.builders import ACCOUNT, filled, instrument, money, order
from tests.runtime.test_belief import bench
from tests.samples import SAMPLES

__all__ = ["bench"]

FIRST = date(2026, 3, 2)
#: A tenth a year, swinging 16 %, of a backtest of ten years.
PROMISED = {"annualized_return": 0.10, "volatility": 0.16, "days": 2520.0, "max_drawdown": 0.30}


def at(day: int) -> datetime:
    return datetime(2026, 3, 2, 15, 0, tzinfo=UTC) + timedelta(days=day)


def decided(day: int, *targets: Target, strategy: str = "momentum") -> Decided:
    return Decided(
        event_id=f"d-{day:08d}", at=at(day), portfolio="main", strategy=strategy, targets=targets,
        equity=Decimal(100_000), prices={"AAPL": Decimal(100)},
    )  # fmt: skip


def closed(day: int, equity: int) -> list[Event]:
    when = at(day) + timedelta(hours=6)
    return [
        Marked(event_id=f"m-{day}", at=when, prices={"AAPL": Decimal(100)}, official=True),
        SessionClosed(
            event_id=f"c-{day}", at=when, day=when.date(), exchange="XNYS", equity=Decimal(equity), cash=Decimal(0)
        ),
    ]


def traded(number: int, side: Side, price: str, day: int, *, strategy: str = "momentum") -> list[Event]:
    """100 shares, decided at 100.00 and worked in one piece, at a fee of a dollar."""
    name = f"o-{number:08d}"
    placed = replace(order(name, quantity=100, side=side), strategy=strategy)
    begun = SAMPLES["parent_begun"]
    assert isinstance(begun, ParentBegun)
    return [
        OrderPlaced(event_id=name, at=at(day), order=placed),
        replace(
            begun, event_id=f"b-{number}", at=at(day), parent_id=name, strategy=strategy, side=side,
            quantity=Decimal(100), effect=Effect.OPEN, purpose=Purpose.ENTRY, decided_at=at(day),
            decided_price=Decimal(100), bid=Decimal("99.98"), ask=Decimal("100.02"),
        ),
        PieceSent(event_id=f"s-{number}", at=at(day), parent_id=name, order_id=name),
        filled(str(number), 100, price, side=side, order_id=name, commission=1, at=at(day)),
        ParentEnded(event_id=f"e-{number}", at=at(day), parent_id=name, price=Decimal(100), reason="filled"),
    ]  # fmt: skip


COSTS = "costs.commission_basis_points = 1\ncosts.spread_basis_points = 4\naccount.name = x"


def account(mode: Mode = Mode.PAPER, simulated: tuple[str, ...] = (), settings: str = COSTS) -> Iterator[Event]:
    """A session before the first decision, a purchase and its sale, and a withdrawal that is no loss."""
    yield RunStarted(
        event_id="u-1", at=at(-1), run_id="r", mode=mode, account=ACCOUNT, settings=settings, simulated=simulated
    )
    yield AccountOpened(event_id="a", at=at(-1), account=ACCOUNT, base_currency="USD")
    yield InstrumentListed(event_id="i", at=at(-1), instrument=instrument())
    yield Deposited(event_id="in", at=at(-1), account=ACCOUNT, portfolio="main", amount=money(100_000))
    yield from closed(-1, 100_000)
    yield decided(0)
    yield from traded(1, Side.BUY, "100.02", 0)
    yield from closed(0, 101_000)
    yield from traded(2, Side.SELL, "99.98", 1)
    yield from traded(3, Side.BUY, "100.02", 1, strategy="another")
    yield Deposited(event_id="out", at=at(1), account=ACCOUNT, portfolio="main", amount=money(-1_000))
    yield from closed(1, 98_990)


def written(path: Path, events: Sequence[Event]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    journal = SQLiteJournal(path)
    try:
        asyncio.run(journal.append(events))
    finally:
        journal.close()
    return path


BEFORE = at(-30)


def promoted(home: Path, name: str, *to: str, when: datetime = BEFORE) -> None:
    """Judgements that passed, as a promotion would have kept them."""
    sample = SAMPLES["promotion_judged"]
    assert isinstance(sample, PromotionJudged)
    before = len(grades.judgements(home))
    events = [
        replace(
            sample, event_id=f"promotion-{before + number:08d}", at=when, strategy=name, to=each, passed=True,
            reasons=(), numbers=PROMISED,
        )
        for number, each in enumerate(to, start=1)
    ]  # fmt: skip
    written(grades.journal_path(home), events)


# ---------------------------------------------------------------- what was lived


def test_returns_bets_and_costs_are_those_of_the_journal() -> None:
    told = practice.lived(account(), "momentum")
    assert told is not None
    assert (told.account, told.mode, told.first, told.last, told.days) == (
        ACCOUNT, "paper", FIRST, FIRST + timedelta(days=1), 2
    )  # fmt: skip
    # 100,000 to 101,000; then 1,000 went out, and 98,990 are left of 101,000 - 1,000 less 1,010.
    assert told.returns == pytest.approx([0.01, -1_010 / 101_000])
    assert told.total_return == pytest.approx(1.01 * (1 - 1_010 / 101_000) - 1)
    assert told.max_drawdown == pytest.approx(1_010 / 101_000)
    assert told.bets == 1
    # Half a spread of 0.02 and a hundredth a share of fees, of 100: 3 basis points; the settings say 1 and half of 4.
    assert told.measured == pytest.approx(0.0003)
    assert told.modelled == pytest.approx(0.0003)
    assert told.slippage_ratio == pytest.approx(1.0)
    assert told.paper() == Paper(days=2, bets=1, slippage_ratio=told.slippage_ratio)
    assert told.beside == ()


def test_a_part_of_a_blend_is_found_by_its_targets_and_says_who_is_beside_it() -> None:
    target = Target(symbol="AAPL", weight=0.1, reason="r", strategy="trend")
    events = [replace(e, strategy="blend", targets=(target,)) if isinstance(e, Decided) else e for e in account()]
    told = practice.lived(events, "trend")
    assert told is not None
    assert told.beside == ("blend",)
    assert told.bets == 0
    assert math.isnan(told.measured)
    assert math.isnan(told.slippage_ratio)


def test_who_decided_nothing_there_has_no_record() -> None:
    assert practice.lived(account(), "nobody") is None
    assert practice.lived([], "momentum") is None
    assert practice.lived([event for event in account() if not isinstance(event, SessionClosed)], "momentum") is None
    silent = practice.lived(account(settings=""), "momentum")
    assert silent is not None
    assert math.isnan(silent.modelled)


# ---------------------------------------------------------------- against what was promised


def lived(*returns: float, measured: float = math.nan) -> Lived:
    return Lived(
        account=ACCOUNT, mode="paper", first=FIRST, last=FIRST + timedelta(days=90), returns=np.array(returns), bets=3,
        measured=measured, modelled=0.0003,
    )  # fmt: skip


def test_a_result_inside_the_promised_interval_says_so() -> None:
    kept = held_against(PROMISED, lived(*[0.0004] * 60))
    assert kept is not None
    assert kept.says[0].startswith("inside the promised interval: +2.43% in 60 sessions")
    # By hand: 60 days are 60/252 years; the middle is 1.1^(60/252), and the width 1.96 * 0.16 * sqrt(t + t^2 / 10).
    years = 60 / 252
    middle, width = math.log(1.1) * years, 1.96 * 0.16 * math.sqrt(years + years**2 / 10)
    assert kept.low == pytest.approx(math.exp(middle - width) - 1)
    assert kept.high == pytest.approx(math.exp(middle + width) - 1)
    assert (kept.below, kept.above, kept.sessions) == (0, 0, 60)
    assert kept.says[1] == "its deepest fall is 0.00%, within the 30.00% of its backtest"
    assert kept.says[2] == "what trading it costs is not measured yet"


def test_a_result_below_says_on_how_many_sessions() -> None:
    kept = held_against(PROMISED, lived(*[0.0] * 57, -0.2, -0.2, -0.1, measured=0.0006))
    assert kept is not None
    assert kept.says[0].startswith("below the promised interval: -42.40% in 60 sessions")
    assert kept.says[1] == "below it on 3 of 60 sessions"
    assert kept.says[2] == "its deepest fall is 42.40%, deeper than the 30.00% of its backtest"
    assert kept.says[3] == (
        "trading it costs 0.060% where 0.030% were reckoned with: 2.00 times, above the 1.5 that are allowed"
    )


def test_a_result_above_is_no_better_kept_promise() -> None:
    kept = held_against(PROMISED, lived(0.3, measured=0.0003))
    assert kept is not None
    assert kept.says[0].startswith("above the promised interval")
    assert "above it on 1 of 1 sessions" in kept.says
    assert kept.says[-1].endswith("1.00 times, within the 1.5 that are allowed")


def test_a_promotion_without_figures_promises_nothing() -> None:
    assert held_against({"annualized_return": 0.1}, lived(0.01)) is None
    assert held_against(PROMISED, lived()) is None


# ---------------------------------------------------------------- paper, and live


def test_time_in_paper_counts_from_the_promotion_to_it(tmp_path: Path) -> None:
    path = written(tmp_path / "accounts" / ACCOUNT / "journal.sqlite", list(account()))
    assert practice.journals(tmp_path) == (path,)
    assert grades.practiced(tmp_path, "nobody", [path]) is None
    told = grades.practiced(tmp_path, "momentum", [path])
    assert told is not None
    assert told.days == 2
    promoted(tmp_path, "momentum", "paper", when=at(1))
    assert grades.practiced(tmp_path, "momentum", [path]) == replace(told, days=1)
    promoted(tmp_path, "trend", "paper", when=at(9))
    live = written(tmp_path / "live.sqlite", list(account(Mode.LIVE)))
    assert grades.practiced(tmp_path, "momentum", [live]) is None


def test_a_made_up_world_is_no_paper() -> None:
    made_up = Paper(days=200, bets=99, slippage_ratio=1.0, simulated=("Bursar's own gateway answers.",))
    (reason,) = _of_paper(made_up, Bar())
    assert reason.endswith("which proves nothing: Bursar's own gateway answers.")


def settings(autonomy: str = "automatic") -> Settings:
    plain = load(None, command_line={})
    chosen = plain.strategy.model_copy(update={"autonomy": autonomy, "names": ("momentum", "trend")})
    return plain.model_copy(update={"strategy": chosen})


REAL = Admitted(name="savings", account="U7654321", mode=Mode.LIVE, budget=Decimal(1))


def test_real_money_is_traded_by_itself_only_with_what_was_promoted_to_live(tmp_path: Path) -> None:
    promoted(tmp_path, "trend", "paper")
    with pytest.raises(InputError, match=r"U7654321 holds real money.*momentum is a candidate, trend is in paper.*tap"):
        require_grades(settings(), tmp_path, REAL)
    promoted(tmp_path, "momentum", "paper", "live")
    with pytest.raises(
        InputError, match=r"by itself: trend is in paper\. See what is missing with bursar promote trend"
    ):
        require_grades(settings(), tmp_path, REAL)
    promoted(tmp_path, "trend", "live")
    require_grades(settings(), tmp_path, REAL)


@pytest.mark.parametrize(
    ("autonomy", "admitted"),
    [("approve", REAL), ("automatic", replace(REAL, sealed=True)), ("automatic", replace(REAL, mode=Mode.PAPER))],
)
def test_a_tap_a_look_and_paper_ask_for_no_grade(tmp_path: Path, autonomy: str, admitted: Admitted) -> None:
    require_grades(settings(autonomy), tmp_path, admitted)


# ---------------------------------------------------------------- shown


def test_a_strategy_is_shown_with_what_it_did_beside_its_promise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    assert track_lines(track(tmp_path, "momentum")) == ("Grade: candidate.", "No account has traded it.")
    world = ("Prices are made up.",)
    path = written(tmp_path / "accounts" / ACCOUNT / "journal.sqlite", list(account(simulated=world)))
    lines = track_lines(track(tmp_path, "momentum"))
    assert "  no promotion promises anything to hold it against" in lines
    assert "  simulated: Prices are made up." in lines
    promoted(tmp_path, "momentum", "paper")
    assert cli.main(["strategies", "show", "momentum", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["grade"] == "paper"
    (of_account,) = told["lived"]
    assert (of_account["sessions"], of_account["bets"], of_account["sessions_below"]) == (2, 1, 0)
    assert of_account["verdict"][0].startswith("inside the promised interval")
    assert cli.main(["strategies", "show", "momentum", "--journal", str(path)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Grade: paper. Promoted to paper on 2026-01-31" in shown
    assert "inside the promised interval" in shown
    beside = track(
        tmp_path,
        "trend",
        [written(tmp_path / "b.sqlite", [*account(), decided(2, strategy="trend"), *closed(2, 98_990)])],
    )
    assert "  these are the returns of the whole account, which trades momentum as well" in track_lines(beside)
    assert track_json(beside)["lived"][0]["slippage_ratio"] is None
    assert track_json(beside)["promised"] is None


# ---------------------------------------------------------------- each look is a trial


def test_a_single_backtest_is_a_trial_once(bench: Bench) -> None:
    registry = MemoryRegistry()
    ledger = Ledger(bench=bench, registry=registry)
    result = run(bench.plan(), bench.market)
    ledger.keep(result)
    ledger.keep(result)
    (kept,) = registry.trials(ledger.study)
    assert (kept["form"], kept["condition"]) == ("", "as planned")
    np.testing.assert_array_equal(kept["returns"], result.returns)
    # Over other days it was another look, and counts against this one.
    later = replace(bench.question, last=bench.market.sessions[-40].day)
    other = Ledger(bench=Bench(question=later, market=bench.market), registry=registry)
    assert other.others() == 1
    assert ledger.others() == 0


def test_a_promotion_to_live_reads_the_paper_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    seen: list[Paper | None] = []

    def judged(_: object, to: Grade, home: Path, when: datetime, paper: Paper | None, *, cipher: object) -> Event:
        seen.append(paper)
        return SAMPLES["promotion_judged"]

    monkeypatch.setattr(belief, "promote", judged)
    monkeypatch.setattr(commands, "_ledger", lambda *_: None)
    path = written(tmp_path / "paper.sqlite", list(account()))
    for words in (["live", "--journal", str(path)], ["live"], ["paper", "--journal", str(path)]):
        cli.main(["promote", "momentum", *words])
    capsys.readouterr()
    assert [paper and paper.days for paper in seen] == [2, None, None]
