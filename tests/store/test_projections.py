"""The tables say what the journal says: made at once or bit by bit, on SQLite or PostgreSQL, they are the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from bursar.adapters.memory import MemoryJournal
from bursar.adapters.store.database import connect, for_writing, migrate
from bursar.adapters.store.projections import WHOLE, Projector, contents, rebuild
from bursar.adapters.store.sealing import Cipher, new_key
from bursar.adapters.store.tables import (
    PROJECTIONS,
    PortfolioPositionRow,
    PortfolioRow,
    PositionRow,
    Projection,
    TransactionRow,
)
from bursar.domain import events as e
from bursar.domain.orders import Order, Side
from bursar.domain.targets import Target
from bursar.errors import DataError, InputError, LedgerError
from tests.ledger.anything import Story, stories
from tests.ledger.tale import MAIN, Tale, U, dec, money

Rows = dict[str, list[dict[str, Any]]]


def journal_of(events: Sequence[e.Event]) -> MemoryJournal:
    journal = MemoryJournal()
    asyncio.run(journal.append(events))
    return journal


def tables(engine: Engine, cipher: Cipher | None = None) -> Rows:
    return {shape.__tablename__: contents(engine, shape, cipher) for shape in PROJECTIONS}


def order(number: int, side: Side = Side.BUY, quantity: int = 10) -> Order:
    return Order(
        order_id=f"o-{number:08d}",
        account=U,
        portfolio=MAIN,
        strategy="momentum",
        symbol="A",
        side=side,
        quantity=dec(quantity),
        reason="ranked first",
    )


def a_day() -> Tale:
    """A day with a decision, an order that fills in two parts and one that the gate stops, and what belongs to it."""
    tale = Tale(cash=10_000).list("B", sector="energy")
    tale.add(e.PortfolioOpened, account=U, portfolio=MAIN, name="Main", description="everything")
    tale.add(e.PortfolioOpened, account=U, portfolio="idle", name="Idle")
    tale.add(e.RiskBudgetSet, account=U, portfolio=MAIN, level="strategy", name="momentum", share=dec("0.4"))
    tale.add(e.RiskBudgetSet, account=U, portfolio=MAIN, level="strategy", name="momentum", share=dec("0.5"))
    target = Target(symbol="A", weight=0.1, reason="ranked first")
    tale.add(
        e.Decided,
        event_id="d-1",
        portfolio=MAIN,
        strategy="momentum",
        targets=(target,),
        equity=dec(10_000),
        prices={"A": dec(100)},
    )
    tale.add(e.Approved, event_id="a-1", causes=("d-1",), order_id="o-00000001", checks=())
    tale.add(
        e.Rejected,
        causes=("d-1",),
        order=order(2),
        rule="position",
        measured=dec("0.3"),
        limit=dec("0.2"),
        message="too large",
    )
    tale.add(e.OrderPlaced, event_id="o-00000001", causes=("a-1",), order=order(1))
    tale.add(e.OrderAccepted, order_id="o-00000001", permanent_id=77)
    tale.buy(4, 100, fee=1, strategy="momentum", order_id="o-00000001")
    tale.buy(6, 101, fee=1, strategy="momentum", order_id="o-00000001", settles_on=date(2021, 1, 6))
    tale.mark(A=102)
    tale.add(
        e.AttributionReported,
        account=U,
        portfolio=MAIN,
        method="arithmetic",
        first=date(2021, 1, 4),
        last=date(2021, 1, 4),
        effects={"selection": dec("0.0012")},
    )
    return tale


def only(rows: Sequence[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    (row,) = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return row


# ---------------------------------------------------------------- what the tables say


@pytest.fixture
def told(engine: Engine) -> Rows:
    Projector(engine).catch_up(journal_of(a_day().events))
    return tables(engine)


def test_a_portfolio_shows_its_cash_and_what_it_made(told: Rows) -> None:
    main = only(told["portfolios"], portfolio=MAIN)
    assert (main["account"], main["name"], main["description"], main["base_currency"]) == (
        U,
        "Main",
        "everything",
        "USD",
    )
    # 10,000 - 400 - 1 - 606 - 1
    assert (main["cash"], main["fees"], main["closed_at"]) == ({"USD": "8992.00000000"}, {"USD": "2"}, None)
    assert only(told["portfolios"], portfolio="idle")["cash"] == {}


def test_positions_are_kept_by_account_and_by_portfolio_with_every_lot(told: Rows) -> None:
    whole, part = only(told["positions"]), only(told["portfolio_positions"])
    assert (whole["symbol"], whole["quantity"], whole["cost"], whole["portfolios"]) == ("A", 10, 1008, 1)
    assert (part["quantity"], part["cost"], part["average_cost"]) == (10, 1008, Decimal("100.8"))
    assert [(lot["quantity"], lot["cost"], lot["strategy"]) for lot in part["lots"]] == [
        ("4", "401.00000000", "momentum"),
        ("6", "607.00000000", "momentum"),
    ]
    assert (part["mark"], part["best"], part["worst"], part["hands_off"]) == (102, 12, 0, False)


def test_each_transaction_has_its_postings(told: Rows) -> None:
    first, second, third = told["transactions"]
    assert (first["kind"], first["amount"], first["currency"]) == ("deposited", 10_000, "USD")
    assert (second["kind"], second["symbol"], second["quantity"], second["price"]) == ("filled", "A", 4, 100)
    assert (second["amount"], second["commission"], second["order_id"]) == (-401, 1, "o-00000001")
    assert third["postings"] == [
        ["cash", "USD", "", "", "-607.00000000"],
        ["cost", "USD", "A", "", "607.00000000"],
    ]


def test_an_order_shows_where_it_stands(told: Rows) -> None:
    row = only(told["orders"])
    assert (row["order_id"], row["status"], row["filled"], row["permanent_id"]) == ("o-00000001", "filled", 10, 77)
    assert (row["side"], row["order_type"], row["limit_price"], row["reason"]) == (
        "buy",
        "market",
        None,
        "ranked first",
    )


def test_a_decision_counts_the_orders_that_came_of_it(told: Rows) -> None:
    row = only(told["strategy_executions"])
    assert (row["strategy"], row["targets"], row["approved"], row["rejected"]) == ("momentum", {"A": 0.1}, 1, 1)


def test_each_day_is_kept_for_the_portfolio_and_for_the_account(told: Rows) -> None:
    whole, main = only(told["performance_history"], portfolio=WHOLE), only(told["performance_history"], portfolio=MAIN)
    # 8992 + 1020 = 10,012
    assert (whole["equity"], whole["came_in"], whole["price_profit"]) == (10_012, 10_000, 12)
    assert whole["simple_return"] == pytest.approx(0.0012)
    assert {name: whole[name] for name in whole if name != "portfolio"} == {
        n: main[n] for n in main if n != "portfolio"
    }


def test_the_last_budget_and_every_report_are_kept(told: Rows) -> None:
    assert only(told["risk_budgets"])["share"] == Decimal("0.5")
    assert only(told["attribution_reports"])["effects"] == {"selection": "0.0012"}


def test_what_changes_is_changed_and_what_is_gone_is_gone(engine: Engine) -> None:
    tale = a_day()
    journal, projector = journal_of(tale.events), Projector(engine)
    assert projector.catch_up(journal) == len(tale.events) == projector.sequence
    tale.on("2021-01-05").sell(10, 103, strategy="momentum", order_id="")
    tale.buy(1, 50, "B", portfolio="", order_id="")
    tale.add(e.PortfolioClosed, account=U, portfolio="idle", reason="never used")
    asyncio.run(journal.append(tale.events))
    assert projector.catch_up(journal) == 3
    assert projector.catch_up(journal) == 0
    now = tables(engine)
    assert [row["symbol"] for row in now["positions"]] == ["B"]
    assert [(row["portfolio"], row["symbol"]) for row in now["portfolio_positions"]] == [("", "B")]
    assert only(now["portfolios"], portfolio="")["name"] == "unallocated"
    assert only(now["portfolios"], portfolio=MAIN)["realized"] == {"USD": "22.00000000"}
    assert only(now["portfolios"], portfolio="idle")["closed_at"] == tale.at
    tale.add(e.PortfolioOpened, account=U, portfolio="idle", name="Again")
    asyncio.run(journal.append(tale.events))
    projector.catch_up(journal)
    assert only(contents(engine, PortfolioRow), portfolio="idle")["closed_at"] is None


def test_a_correction_is_a_transaction_and_the_position_is_right(engine: Engine) -> None:
    tale = Tale().buy(10, 100, execution_id="one").buy(1, 100, execution_id="two")
    fixes = {"one": (12, "fix"), "fix": (13, "again")}
    for corrects, (quantity, name) in fixes.items():
        tale.add(
            e.FillCorrected,
            execution_id=name,
            corrects=corrects,
            quantity=dec(quantity),
            price=dec(99),
            commission=money(0),
        )
    Projector(engine).catch_up(journal_of(tale.events))
    rows = contents(engine, TransactionRow)
    assert [(row["kind"], row["quantity"], row["symbol"], row["amount"]) for row in rows[1:]] == [
        ("filled", 10, "A", -1000),
        ("filled", 1, "A", -100),
        ("fill_corrected", 12, "A", None),
        ("fill_corrected", 13, "A", None),
    ]
    assert only(contents(engine, PositionRow))["quantity"] == 14


def test_what_moves_no_cash_still_names_its_currency_and_direction(engine: Engine) -> None:
    tale = Tale()
    adopted = {"account": U, "portfolio": MAIN, "symbol": "A"}
    tale.add(e.PositionAdopted, **adopted, quantity=dec(10), cost_basis=money(500))
    tale.add(e.PositionAdopted, **adopted, quantity=dec(1))
    tale.add(e.PositionReleased, **adopted, quantity=dec(4))
    tale.add(e.Split, symbol="A", new=dec(2), old=dec(1))
    tale.sell(1, 10)
    Projector(engine).catch_up(journal_of(tale.events))
    rows = contents(engine, TransactionRow)[1:]
    assert [(row["kind"], row["quantity"], row["currency"], row["amount"]) for row in rows] == [
        ("position_adopted", 10, "USD", None),
        ("position_adopted", 1, "", None),
        ("position_released", -4, "", None),
        ("split", None, "", None),
        ("filled", -1, "USD", 10),
    ]
    assert only(contents(engine, PortfolioPositionRow))["cost"] is None, "of one share nobody knows the cost"


# ---------------------------------------------------------------- at once or bit by bit


def busy() -> Tale:
    """Something of everything, over three days."""
    tale = a_day()
    tale.list("X", "EUR").deposit(1000, "EUR").mark({"EUR": "1.1"})
    for number in range(3):
        tale.on(f"2021-01-0{5 + number}").buy(1, 50 + number, "X", currency="EUR").mark(
            {"EUR": "1.12"}, A=100 + number, X=51
        )
    tale.add(e.Split, symbol="A", new=dec(2), old=dec(1))
    tale.add(e.SymbolChanged, symbol="A", new_symbol="AA")
    tale.sell(5, 60, "AA", strategy="momentum").dividend(3, "X", currency="EUR")
    return tale.on("2021-01-08").mark({"EUR": "1.13"}, AA=55, X=52)


@pytest.mark.parametrize("step", [1, 3, 7])
def test_following_in_steps_gives_the_tables_of_a_rebuild(engine: Engine, step: int) -> None:
    events = busy().events
    journal, projector = MemoryJournal(), Projector(engine)
    for place in range(0, len(events), step):
        asyncio.run(journal.append(events[place : place + step]))
        projector.catch_up(journal)
    followed = tables(engine)
    assert rebuild(engine, journal) == len(events)
    assert tables(engine) == followed
    assert all(followed.values()), "every table has something to compare"


def test_long_journals_are_written_in_stretches(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bursar.adapters.store.projections.STRETCH", 4)
    journal = journal_of(busy().events)
    Projector(engine).catch_up(journal)
    followed = tables(engine)
    rebuild(engine, journal)
    assert tables(engine) == followed


def test_another_process_goes_on_where_the_last_one_stopped(engine: Engine) -> None:
    events = busy().events
    Projector(engine).catch_up(journal_of(events[:15]))
    Projector(engine).catch_up(journal_of(events))
    followed = tables(engine)
    rebuild(engine, journal_of(events))
    assert tables(engine) == followed


def test_both_databases_hold_the_same_rows(engine: Engine) -> None:
    events = busy().events
    rebuild(engine, journal_of(events))
    memory = connect("sqlite://")
    migrate(memory)
    rebuild(memory, journal_of(events))
    assert tables(engine) == tables(memory)
    memory.dispose()


@pytest.mark.no_cover
@settings(max_examples=25)
@given(stories(15), st.integers(1, 6))
def test_whatever_happens_a_rebuild_gives_the_tables_that_were_followed(story: Story, step: int) -> None:
    memory = connect("sqlite://")
    migrate(memory)
    journal, projector = MemoryJournal(), Projector(memory)
    for place in range(0, len(story.events), step):
        asyncio.run(journal.append(story.events[place : place + step]))
        projector.catch_up(journal)
    followed = tables(memory)
    rebuild(memory, journal)
    assert tables(memory) == followed
    memory.dispose()


def test_an_empty_journal_makes_empty_tables(engine: Engine) -> None:
    Projector(engine).catch_up(journal_of(a_day().events))
    assert rebuild(engine, MemoryJournal()) == 0
    assert not any(tables(engine).values())
    assert Projector(engine).catch_up(MemoryJournal()) == 0


# ---------------------------------------------------------------- two at once, and other trouble


def test_two_projectors_cannot_overtake_each_other(engine: Engine) -> None:
    tale = a_day()
    journal = journal_of(tale.events)
    one, other = Projector(engine), Projector(engine)
    one.catch_up(journal)
    other.catch_up(journal)
    asyncio.run(journal.append(tale.on("2021-01-05").mark(A=103).events))
    assert one.catch_up(journal) == 1
    with pytest.raises(DataError, match="another process has written the tables meanwhile"):
        other.catch_up(journal)
    asyncio.run(journal.append(tale.on("2021-01-06").mark(A=104).events))
    assert other.catch_up(journal) == 1, "after reading again it goes on"
    followed = tables(engine)
    rebuild(engine, journal)
    assert tables(engine) == followed


def test_a_version_that_moved_is_noticed_at_the_last_moment(engine: Engine) -> None:
    """The optimistic lock itself: the row is read as expected, and changes before it is written."""
    Projector(engine).catch_up(journal_of(a_day().events))
    with Session(engine, expire_on_commit=False) as session:
        row = session.get_one(Projection, "journal")
        session.commit()
        with for_writing(engine).begin() as elsewhere:
            elsewhere.execute(text("UPDATE projection SET version = version + 1"))
        row.sequence += 1
        with pytest.raises(StaleDataError):
            session.flush()


def test_a_failure_while_writing_leaves_the_tables_as_they_were(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tale = a_day()
    journal, projector = journal_of(tale.events), Projector(engine)
    projector.catch_up(journal)
    before = tables(engine)
    asyncio.run(journal.append(tale.on("2021-01-05").buy(1, 50, "B").mark(A=103).events))

    def fail(*_: object) -> None:
        raise RuntimeError("lightning")

    with monkeypatch.context() as patch:
        patch.setattr("bursar.adapters.store.projections._apply", fail)
        with pytest.raises(RuntimeError, match="lightning"):
            projector.catch_up(journal)
    assert tables(engine) == before
    assert projector.catch_up(journal) == 2, "nothing was lost"
    followed = tables(engine)
    rebuild(engine, journal)
    assert tables(engine) == followed


def test_tables_of_another_journal_are_not_followed(engine: Engine) -> None:
    Projector(engine).catch_up(journal_of(a_day().events))
    with pytest.raises(LedgerError, match="made from another journal; make them again with `bursar books rebuild`"):
        Projector(engine).catch_up(journal_of(busy().events[::-1][:1]))
    changed = a_day()
    changed.events.pop()
    changed.add(e.Alerted, event_id="other", severity="info", message="another end")
    other = journal_of(changed.events)
    with pytest.raises(LedgerError, match="made from another journal"):
        Projector(engine).catch_up(other)
    assert rebuild(engine, journal_of(a_day().events)) == len(a_day().events)


# ---------------------------------------------------------------- accounts that are sealed


def test_with_a_key_no_table_tells_an_account(engine: Engine) -> None:
    cipher, journal = Cipher.from_text(new_key()), journal_of(busy().events)
    Projector(engine, cipher).catch_up(journal)
    for shape in PROJECTIONS:
        with engine.connect() as connection:
            raw = str(connection.execute(text(f"SELECT * FROM {shape.__tablename__}")).all())
        assert raw != "[]"
        assert U not in raw, shape.__tablename__
    sealed_tables = tables(engine, cipher)
    assert only(sealed_tables["portfolios"], portfolio=MAIN)["account"] == U
    with pytest.raises(InputError, match=r"account is encrypted; set store\.key_file"):
        tables(engine)
    with pytest.raises(InputError, match="was sealed with another key"):
        tables(engine, Cipher.from_text(new_key()))
    rebuild(engine, journal)
    assert tables(engine) == sealed_tables
