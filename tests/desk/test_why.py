"""Why: from a fill back to its prices, over a journal made by hand."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from rich.console import Console

from bursar.adapters.memory import MemoryJournal
from bursar.desk import why
from bursar.domain.events import (
    Abstained,
    Approved,
    Check,
    CommitteeMet,
    Decided,
    Event,
    ExitTriggered,
    Filled,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFlagged,
    OrderPlaced,
    OrderRejected,
    Rejected,
    ViewFormed,
)
from bursar.domain.money import Money
from bursar.domain.orders import Effect, Order, Purpose, Side
from bursar.domain.targets import Target
from bursar.domain.views import Evidence, View
from bursar.errors import InputError
from bursar.ports import Recorded
from tests.samples import SAMPLES

AT = datetime(2022, 1, 3, 14, 30, tzinfo=UTC)


def view(number: int, symbol: str) -> ViewFormed:
    opinion = View(
        view_id=f"v-{number:08d}",
        analyst="technical",
        symbol=symbol,
        horizon_days=21,
        expected_excess_return=0.0123,
        confidence=0.61,
        evidence=(Evidence(statement="the close is above its average", source="closes to 2021-12-31", value=1.0),),
        known_at=AT,
    )
    return ViewFormed(event_id=opinion.view_id, at=AT, view=opinion)


def placed(number: int, symbol: str = "AAPL", causes: tuple[str, ...] = (), side: Side = Side.BUY) -> OrderPlaced:
    order = Order(
        order_id=f"o-{number:08d}",
        account="DU9000001",
        symbol=symbol,
        side=side,
        quantity=Decimal(10),
        strategy="momentum",
        effect=Effect.OPEN if side is Side.BUY else Effect.CLOSE,
        purpose=Purpose.ENTRY if side is Side.BUY else Purpose.EXIT,
        reason="strongest of all",
    )
    return OrderPlaced(event_id=order.order_id, at=AT, causes=causes, order=order)


def filled(number: int, order: OrderPlaced) -> Filled:
    return Filled(
        event_id=f"f-{number}",
        at=AT,
        causes=(order.event_id,),
        order_id=order.event_id,
        execution_id=str(number),
        account="DU9000001",
        portfolio="main",
        symbol=order.order.symbol,
        side=order.order.side,
        quantity=Decimal(5),
        price=Decimal("150.1234"),
        commission=Money(Decimal("0.75")),
    )


VIEWS = (view(1, "AAPL"), view(2, "JPM"), view(3, "KO"))
DECIDED = Decided(
    event_id="d-00000001",
    at=AT,
    causes=tuple(each.event_id for each in VIEWS),
    portfolio="main",
    strategy="blend",
    targets=(Target(symbol="AAPL", weight=0.15, reason="place 1 of 20"),),
    equity=Decimal(100_000),
    prices={"AAPL": Decimal("150.5")},
)
APPROVED = Approved(
    event_id="a-00000001",
    at=AT,
    causes=(DECIDED.event_id,),
    order_id="o-00000001",
    checks=(
        Check(rule="market_open", measured=Decimal(1), limit=Decimal(1)),
        Check(rule="position_weight", measured=Decimal("0.148"), limit=Decimal("0.2")),
        Check(rule="opening_orders", measured=Decimal(3), limit=Decimal(10)),
        Check(rule="portfolio_volatility", measured=Decimal("0.162"), limit=Decimal("0.15"), passed=False),
    ),
)
BUY = placed(1, causes=(APPROVED.event_id,))
FILL = filled(1, BUY)
EXIT = ExitTriggered(
    event_id="x-00000001",
    at=AT,
    causes=(FILL.event_id,),
    portfolio="main",
    symbol="AAPL",
    reason="stop loss",
    level=Decimal("142.6"),
    observed=Decimal("141.9"),
)
SELL = placed(2, causes=(EXIT.event_id,), side=Side.SELL)
SOLD = filled(2, SELL)
STORY: tuple[Event, ...] = (*VIEWS, DECIDED, APPROVED, BUY, FILL, EXIT, SELL, SOLD)


def journal(*events: Event) -> list[Recorded]:
    held = MemoryJournal()
    asyncio.run(held.append(events or STORY))
    return list(held.read())


def told(links: tuple[why.Link, ...], width: int = 160) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(why.as_tree(links, "Why"))
    return out.getvalue().replace("\u00a0", " ")


def chain(link: why.Link) -> list[str]:
    """The ids along the first cause of each event."""
    return [link.event_id, *(chain(link.causes[0]) if link.causes else [])]


def test_the_walk_goes_from_the_fill_through_order_gate_and_decision_to_the_view() -> None:
    (link,) = why.explain(journal(), "o-00000001")
    assert chain(link) == ["f-1", "o-00000001", "a-00000001", "d-00000001", "v-00000001"]


@pytest.mark.parametrize("short", ["1", "o-1", " o-00000001 ", "00000001"])
def test_an_order_may_be_named_in_short(short: str) -> None:
    assert why.explain(journal(), short) == why.explain(journal(), "o-00000001")


def test_each_event_is_told_in_words_with_what_it_rested_on() -> None:
    text = told(why.explain(journal(), "1"))
    for part in (
        "2022-01-03 14:30:00  bought 5 AAPL at $150.1234, fee $0.75",
        "order to buy 10 AAPL (market, entry, momentum)",
        "because: strongest of all",
        "the gate let it through after 4 checks",
        "market open: yes",
        "position weight: 14.8 %, limit 20.0 %",
        "opening orders: 3, limit 10",
        "portfolio volatility: 16.2 %, limit 15.0 %, a warning",
        "blend wanted 15.0 % of equity in AAPL, of $100,000.00",
        "because: place 1 of 20",
        "price then: $150.50",
        "technical expected +1.23 % of AAPL above cash in 21 days, 61 % sure",
        "the close is above its average [closes to 2021-12-31]",
    ):
        assert part in text, part


def test_views_of_other_stocks_are_counted_and_not_told() -> None:
    text = told(why.explain(journal(), "1"))
    assert "and 2 views of other stocks" in text
    assert "v-00000002" not in text


def test_an_exit_leads_back_through_its_trigger_to_the_purchase() -> None:
    (link,) = why.explain(journal(), "2")
    assert chain(link)[:4] == ["f-2", "o-00000002", "x-00000001", "f-1"]
    assert "AAPL reached its stop loss: the bid was $141.90, the level $142.60" in told((link,))


def test_two_fills_of_one_order_tell_its_causes_once() -> None:
    first, second = why.explain(journal(*STORY, filled(3, BUY)), "1")
    assert first.causes[0].causes
    assert second.causes[0].repeated
    assert second.causes[0].causes == ()
    assert told((first, second)).count("(above)") == 1


def test_an_order_that_the_gate_stopped_says_by_which_rule() -> None:
    rejected = Rejected(
        event_id="r-00000001",
        at=AT,
        causes=(DECIDED.event_id,),
        order=replace(BUY.order, order_id="o-00000009"),
        rule="position_weight",
        measured=Decimal("0.3"),
        limit=Decimal("0.2"),
        message="AAPL would be 30.00% of equity; at most 20.00%",
    )
    (link,) = why.explain(journal(*STORY, rejected), "9")
    assert link.says == (
        "the gate stopped the order to buy 10 AAPL (market, entry, momentum): "
        "AAPL would be 30.00% of equity; at most 20.00%"
    )
    assert link.causes[0].event_id == "d-00000001"


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (
            OrderRejected(
                event_id="e", at=AT, causes=("o-00000001",), order_id="o-00000001", code=201, message="no margin"
            ),
            "the broker refused the order: no margin (201)",
        ),
        (
            OrderCanceled(event_id="e", at=AT, causes=("o-00000001",), order_id="o-00000001", reason="by hand"),
            "the order was canceled: by hand",
        ),
        (OrderCanceled(event_id="e", at=AT, causes=("o-00000001",), order_id="o-00000001"), "the order was canceled"),
        (OrderExpired(event_id="e", at=AT, causes=("o-00000001",), order_id="o-00000001"), "the order's time ran out"),
        (
            OrderFlagged(event_id="e", at=AT, causes=("o-00000001",), order_id="o-00000001", reason="lost"),
            "the order waits for a person: lost",
        ),
    ],
)
def test_every_end_of_an_order_is_said(end: Event, words: str) -> None:
    (link,) = why.explain(journal(*STORY[:6], end), "1")
    assert link.says == words
    assert link.causes[0].event_id == "o-00000001"


def test_an_order_that_still_works_begins_at_the_order() -> None:
    (link,) = why.explain(journal(*STORY[:6]), "1")
    assert link.event_id == "o-00000001"


def test_any_event_may_be_asked_for() -> None:
    accepted = OrderAccepted(
        event_id="o-00000001/accepted", at=AT, causes=("o-00000001",), order_id="o-00000001", permanent_id=7
    )
    (link,) = why.explain(journal(*STORY, accepted), "o-00000001/accepted")
    assert link.says == "order accepted"
    assert [each.event_id for each in why.explain(journal(), "v-2")] == ["v-00000002"]
    (decision,) = why.explain(journal(), "d-1")
    assert len(decision.causes) == 3  # asked for itself, a decision concerns every stock


def test_a_sale_of_what_no_target_wants_says_so() -> None:
    other = placed(3, symbol="JPM", causes=(DECIDED.event_id,), side=Side.SELL)
    text = told(why.explain(journal(*STORY, other), "3"))
    assert "blend wanted 0.0 % of equity in JPM" in text
    assert "no target wants it any more" in text


def test_a_cause_that_the_journal_does_not_hold_is_named() -> None:
    lonely = placed(4, causes=("a-00000077",))
    (link,) = why.explain(journal(lonely), "4")
    assert link.causes[0] == why.Link(event_id="a-00000077", says="is not in this journal")
    assert "is not in this journal  a-00000077" in told((link,))


def test_an_unknown_order_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match="o-00000077 is not in this journal; its orders are o-00000001 to o-00000002"):
        why.explain(journal(), "o-00000077")
    with pytest.raises(InputError, match="it holds no orders"):
        why.explain(journal(*VIEWS), "5")


def test_as_json_each_event_is_there_whole_and_once() -> None:
    links = why.explain(journal(*STORY, filled(3, BUY)), "1")
    first, second = json.loads(why.as_json(links))
    assert first["event"]["kind"] == "filled"
    assert first["event"]["price"] == "150.1234"
    assert first["sequence"] == 7
    assert second["causes"][0]["repeated"] is True
    assert second["causes"][0]["event"] is None
    missing = json.loads(why.as_json(why.explain(journal(placed(4, causes=("gone",))), "4")))
    assert missing[0]["causes"][0]["sequence"] is None


def test_a_chain_stays_flat_and_a_fork_gets_branches() -> None:
    lines = told(why.explain(journal(), "2")).splitlines()
    events = [line for line in lines if "2022-01-03 14:30:00" in line]
    assert len(events) == 8  # sale, order and trigger; then fill, order, approval, decision and view of the purchase
    assert [line.index("2022") for line in events] == [0] + [4] * 7
    forked = told(why.explain(journal(), "d-1")).splitlines()
    assert sum(line.startswith(("├── 2022", "└── 2022")) for line in forked) == 3


# ---------------------------------------------------------------- a committee


def test_the_walk_goes_through_the_committee_to_votes_models_and_signals() -> None:
    """A meeting on AAPL: two views, one behind which a model and one behind which a signal stands; XOM is left out."""
    met = SAMPLES["committee_met"]
    assert isinstance(met, CommitteeMet)
    asked, sent = SAMPLES["model_asked"], SAMPLES["signal_received"]
    silent = Abstained(event_id="n-1", at=AT, analyst="sentiment", symbols=("AAPL",), reason="no headline of it")
    elsewhere = replace(silent, event_id="n-2", symbols=("XOM",))
    apple = replace(view(1, "AAPL"), causes=(asked.event_id, sent.event_id))
    meeting = replace(met, causes=("v-00000001", "v-00000002", "n-1", "n-2"))
    decided = Decided(
        event_id="d-1",
        at=AT,
        causes=(meeting.event_id,),
        portfolio="main",
        strategy="committee",
        targets=(Target(symbol="AAPL", weight=0.1, reason="the committee says buy"),),
        equity=Decimal(1000),
        prices={},
    )
    held = journal(
        asked,
        sent,
        apple,
        view(2, "XOM"),
        silent,
        elsewhere,
        meeting,
        decided,
        placed(1, causes=("d-1",)),
        OrderCanceled(event_id="x", at=AT, causes=("o-00000001",), order_id="o-00000001", reason="a test"),
    )
    links = why.explain(held, "1")
    shown = told(links)
    assert "the committee resolved: buy AAPL, confidence 61, from 3 distinct sources; bullish" in shown
    assert "technical: 62 % for a rise, with 60 % of the weight" in shown
    assert "sentiment had no opinion: no headline of it" in shown
    assert "openai:gpt-4o-mini repeated what it had said for sentiment on AAPL: no valid answer" in shown
    assert "desk sent a signal on AAPL: not listened to" in shown
    assert "and 1 view of other stocks" in shown
    assert "n-2" not in shown
    assert "the committee met on 1 symbol" in told(why.explain(held, meeting.event_id))


def test_a_meeting_that_was_not_about_the_symbol_says_so() -> None:
    met = SAMPLES["committee_met"]
    walk = why._Walk({each.event.event_id: each for each in journal(met)}, "USD", set())
    link = walk.link(met.event_id, "XOM")
    assert (link.says, link.details) == ("the committee met on 1 symbol", ())
