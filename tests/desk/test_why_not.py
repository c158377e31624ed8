"""Why not: each step that a trade can end at, over journals made by hand, and the words for what is no question."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from rich.console import Console

from bursar.desk import why_not
from bursar.desk.why_not import Answer, Cause
from bursar.domain.committee import Action
from bursar.domain.events import (
    Abstained,
    AccountOpened,
    CommitteeMet,
    Decided,
    DecisionSkipped,
    Deposited,
    Event,
    InstrumentListed,
    OrderCanceled,
    OrderExpired,
    OrderPlaced,
    OrderRejected,
    ProposalEnded,
    ProposalMade,
    Rejected,
    SessionClosed,
    SessionOpened,
    TradingState,
    TradingStateChanged,
    Trimmed,
    ViewFormed,
)
from bursar.domain.orders import Purpose, Side
from bursar.domain.proposals import End, ProposalState
from bursar.domain.targets import Bound, Target, Trim, Unit
from bursar.errors import InputError
from bursar.ports import Recorded
from tests.builders import ACCOUNT, filled, instrument, money, order
from tests.samples import PROPOSAL, SAMPLES, VIEW

FIRST, DAY, LAST = date(2022, 1, 3), date(2022, 1, 4), date(2022, 1, 6)
AT = datetime(2022, 1, 4, 14, 30, tzinfo=UTC)
KO = "KO"


def decided(*bounds: Bound, weight: float | None = None) -> Decided:
    named = () if weight is None else (Target(symbol=KO, weight=weight, reason="place 2 of 20"),)
    return Decided(
        event_id="d-00000001",
        at=AT,
        portfolio="main",
        strategy="momentum",
        targets=named,
        equity=Decimal(100_000),
        prices={},
        bounds=bounds,
    )


def session(day: date, *events: Event) -> list[Event]:
    at = datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC)
    morning = [event for event in events if isinstance(event, ViewFormed | Abstained | CommitteeMet)]
    rest = [event for event in events if event not in morning]
    opened = SessionOpened(event_id=f"opened/{day}", at=at, day=day, exchange="XNYS")
    closed = SessionClosed(
        event_id=f"closed/{day}", at=at, day=day, exchange="XNYS", equity=Decimal(1), cash=Decimal(1)
    )
    return [*morning, opened, *rest, closed]


def beginning() -> list[Event]:
    return [
        AccountOpened(event_id="account", at=AT, account=ACCOUNT, base_currency="USD"),
        *(InstrumentListed(event_id=f"i/{each}", at=AT, instrument=instrument(each)) for each in ("AAPL", KO, "XOM")),
        Deposited(event_id="cash", at=AT, account=ACCOUNT, portfolio="main", amount=money(100_000)),
    ]


def recorded(events: Iterable[Event]) -> list[Recorded]:
    return [Recorded(sequence=number, event=each, digest=b"") for number, each in enumerate(events, start=1)]


def ask(*events: Event, before: tuple[Event, ...] = (), after: tuple[Event, ...] = (), symbol: str = KO) -> Answer:
    held = [*beginning(), *session(FIRST, *before), *session(DAY, *events), *session(LAST, *after)]
    return why_not.explain(recorded(held), symbol, DAY)


def only(answer: Answer) -> Cause:
    (cause,) = answer.causes
    return cause


# ---------------------------------------------------------------- what is no question


def test_a_symbol_that_the_journal_does_not_know_is_named_with_those_it_knows() -> None:
    with pytest.raises(InputError, match=r"AAPLE is not in this journal. Did you mean AAPL\? It knows AAPL, KO, XOM"):
        ask(symbol="aaple")
    with pytest.raises(InputError, match=r"ZZZZZ is not in this journal. It knows AAPL"):
        ask(symbol="ZZZZZ")
    many = [InstrumentListed(event_id=f"m/{n}", at=AT, instrument=instrument(f"M{n:02}")) for n in range(14)]
    with pytest.raises(InputError, match="M11 and 2 more"):
        why_not.explain(recorded([*many, *session(DAY)]), "?", DAY)
    with pytest.raises(InputError, match="lists no instrument"):
        why_not.explain([], KO, DAY)


def test_a_day_that_is_no_session_or_outside_the_run_is_told_with_the_nearest() -> None:
    held = recorded([*beginning(), *session(FIRST), *session(LAST)])
    with pytest.raises(InputError, match="2022-01-04 is no session of this journal; the nearest are 2022-01-03 and"):
        why_not.explain(held, KO, DAY)
    for outside in (date(2022, 1, 2), date(2022, 1, 7)):
        with pytest.raises(InputError, match=f"{outside} is outside this journal, whose sessions are from 2022-01-03"):
            why_not.explain(held, KO, outside)
    with pytest.raises(InputError, match="holds no session yet"):
        why_not.explain(recorded(beginning()), KO, DAY)
    with pytest.raises(InputError, match="'tuesday' is no day; give one such as 2022-01-03"):
        why_not.day_of("tuesday")
    assert why_not.day_of("2022-01-04") == DAY


# ---------------------------------------------------------------- a trade that did happen


def test_a_trade_that_did_happen_says_so_and_where_its_reasons_are() -> None:
    cut = Trim(KO, "cash", Decimal(300), Decimal(100), Unit.MONEY, Decimal(3), Decimal(1), "300.00 were needed")
    answer = ask(
        decided(weight=0.1),
        Trimmed(event_id="t-00000001", at=AT, portfolio="main", trims=(cut, cut._replace(symbol="XOM"))),
        OrderPlaced(event_id="o-00000001", at=AT, order=order(symbol=KO)),
        filled("1", 10, 60, symbol=KO),
        filled("2", 4, 61, symbol=KO, side=Side.SELL),
    )
    assert answer.happened
    told = "It did happen: bought 10 at $60.00 (o-00000001) and sold 4 at $61.00 (o-00000001)"
    assert answer.says == f"{told}; bursar why o-00000001 tells why"
    assert answer.orders == ("o-00000001",)
    assert answer.wanted == 0.1
    # And what made it smaller than it was wanted.
    cause = only(answer)
    assert (cause.step, cause.measured, cause.limit, cause.event_id) == ("cash", 300.0, 100.0, "t-00000001")
    assert cause.change == "$200.00 less of it, or a limit of $300.00 in place of $100.00"


# ---------------------------------------------------------------- the steps


def test_a_condition_that_was_not_met_says_by_how_much() -> None:
    bound = Bound(KO, "momentum", -0.012, 0.0, Unit.FRACTION, 0.0, 0.0, "momentum is -1.2%; above 0.0% is asked")
    answer = ask(decided(bound, bound._replace(symbol="XOM")))
    cause = only(answer)
    assert not answer.happened
    assert answer.says == "KO was not traded: momentum is -1.2%; above 0.0% is asked"
    assert (cause.step, cause.measured, cause.limit, cause.event_id) == ("momentum", -0.012, 0.0, "d-00000001")
    assert cause.change == "1.20\u00a0% more of it, or a limit of −1.20\u00a0% in place of 0.00\u00a0%"
    assert answer.wanted == 0.0


def test_what_only_made_it_smaller_is_not_what_removed_it() -> None:
    cut = Bound(KO, "position", 0.25, 0.19, Unit.FRACTION, 0.25, 0.19, "no position is wanted above 19.0%")
    other = Bound(KO, "rsi", 60.0, 35.0, Unit.NUMBER, 0.0, 0.0, "dips: rsi is 60; at most 35 is asked")
    small = Trim(KO, "too_small", Decimal(100), Decimal(500), Unit.MONEY, Decimal(1), Decimal(0), "it is too small")
    told = Trimmed(event_id="t-00000001", at=AT, portfolio="main", trims=(small,))
    answer = ask(decided(cut, other, weight=0.19), told)
    assert [(cause.step, cause.removed) for cause in answer.causes] == [
        ("position", False), ("rsi", False), ("too_small", True)
    ]  # fmt: skip
    assert answer.says == "KO was not traded: it is too small"
    assert ask(decided(cut, weight=0.19)).says == "KO was not traded: no position is wanted above 19.0%"


def test_what_protects_a_position_is_not_meant_to_trade() -> None:
    stop = order(symbol=KO, side=Side.SELL, purpose=Purpose.PROTECTION)
    answer = ask(decided(weight=0.1), OrderPlaced(event_id="o-00000001", at=AT, order=stop))
    assert only(answer).step == "as wanted"
    assert answer.orders == ("o-00000001",)


def test_a_figure_that_could_not_be_told_has_no_distance() -> None:
    unknown = Bound(KO, "unknown", None, None, Unit.NUMBER, 0.0, 0.0, "momentum cannot be told of it")
    assert only(ask(decided(unknown))).change == "that it can be told"


def test_days_that_must_pass_are_counted_in_days() -> None:
    wait = Trim(KO, "reentry", Decimal(2), Decimal(5), Unit.DAYS, Decimal(0), Decimal(0), "a stop closed it")
    told = Trimmed(event_id="t-00000001", at=AT, portfolio="main", trims=(wait,))
    assert only(ask(decided(weight=0.1), told)).change.startswith("3.0 days more of it")


def test_the_gate_s_rule_is_told_with_its_measure_and_so_is_that_of_another_in_the_basket() -> None:
    own = Rejected(
        event_id="r-00000001",
        at=AT,
        order=order(symbol=KO),
        rule="position_weight",
        measured=Decimal("0.22"),
        limit=Decimal("0.20"),
        message="KO would be 22 % of equity",
    )
    cause = only(ask(decided(weight=0.22), own))
    assert (cause.step, cause.measured) == ("gate: position_weight", 0.22)
    assert cause.change == "2.0\u00a0% less of it, or a limit of 22.0\u00a0% in place of 20.0\u00a0%"
    held_back = replace(own, rule="basket", message="KO: held back", measured=Decimal(0), limit=Decimal(1))
    other = replace(
        own, event_id="r-2", order=order("o-00000002", "XOM"), rule="market_open", measured=Decimal(0), limit=Decimal(1)
    )
    cause = only(ask(decided(weight=0.1), held_back, other))
    assert (cause.step, cause.says, cause.change) == ("gate: market_open", "KO: held back", "yes in place of no")


def test_a_report_that_stood_in_the_way_says_that_a_strategy_may_mean_to_hold_over_it() -> None:
    stopped = Rejected(
        event_id="r-00000001",
        at=AT,
        order=order(symbol=KO),
        rule="earnings",
        measured=Decimal(0),
        limit=Decimal(2),
        message="KO reports on 2022-01-03; momentum did not say to hold over it",
    )
    cause = only(ask(decided(weight=0.1), stopped))
    assert cause.says == "KO reports on 2022-01-03; momentum did not say to hold over it"
    assert cause.change.startswith("a strategy that means to hold over earnings (over_earnings = true in its template)")


def test_a_committee_without_a_quorum_says_how_many_sources_were_missing() -> None:
    met = SAMPLES["committee_met"]
    assert isinstance(met, CommitteeMet)
    (resolution,) = met.resolutions
    few = replace(met, at=AT, resolutions=(replace(resolution, symbol=KO, sources=2),))
    skipped = DecisionSkipped(event_id="k-1", at=AT, portfolio="main", reason="it had a quorum on nothing")
    _, cause = ask(few, skipped).causes
    assert (cause.step, cause.measured, cause.limit) == ("quorum", 2, 3)
    assert cause.says == "2 distinct sources had a view, and 3 are a quorum"
    sold = replace(met, at=AT, resolutions=(replace(resolution, symbol=KO, action=Action.SELL, probability=0.4),))
    assert only(ask(sold, decided())).says == "the committee resolved to sell it: bullish"
    dropped = ask(replace(met, at=AT), decided(), symbol="XOM")
    assert only(dropped).says == "the committee left it out at Screen: too small"
    # A strategy that asked something else of it does not speak of the committee.
    bound = Bound(KO, "momentum", -0.012, 0.0, Unit.FRACTION, 0.0, 0.0, "momentum is low")
    assert only(ask(few, decided(bound))).step == "momentum"


def test_a_decision_that_was_skipped_or_not_due_says_so() -> None:
    skipped = DecisionSkipped(event_id="k-00000001", at=AT, portfolio="main", reason="KO has no quote")
    assert only(ask(skipped)).says == "KO has no quote"
    earlier = replace(decided(), event_id="d-0", at=AT - timedelta(days=1))
    later = replace(decided(), event_id="d-2", at=AT + timedelta(days=2))
    cause = only(ask(before=(earlier,), after=(later,)))
    assert cause.step == "not due"
    assert cause.says.endswith("the nearest in this journal: 2022-01-03 and 2022-01-06")
    assert only(ask()).says.endswith("the nearest in this journal: never")


@pytest.mark.parametrize(
    ("state", "says"),
    [(TradingState.HALTED, "might trade nothing"), (TradingState.REDUCING, "might trade only less than it held")],
)
def test_an_account_that_was_stopped_says_by_whom(state: TradingState, says: str) -> None:
    stopped = TradingStateChanged(event_id="g-1", at=AT, account=ACCOUNT, state=state, reason="a loss", by="risk")
    cause = ask(decided(weight=0.1), before=(stopped,)).causes[0]
    assert says in cause.says
    assert cause.says.endswith("a loss (by risk)")
    again = replace(stopped, event_id="g-2", state=TradingState.ACTIVE)
    assert ask(decided(weight=0.1), before=(stopped, again)).causes[0].step == "as wanted"
    # What happened after the decision did not stop it.
    assert ask(decided(weight=0.1), stopped).causes[0].step == "as wanted"


def test_a_proposal_that_nobody_tapped_or_that_ended_says_so() -> None:
    leg = replace(PROPOSAL.legs[0], symbol=KO)
    made = ProposalMade(event_id=PROPOSAL.proposal_id, at=AT, proposal=replace(PROPOSAL, legs=(leg,)))
    assert only(ask(decided(weight=0.1), made)).says.endswith("and nobody tapped it that day")
    ended = ProposalEnded(
        event_id="e", at=AT, proposal_id="p-00000001", state=ProposalState.FAILED, end=End.NONE, reason="it expired"
    )
    assert only(ask(decided(weight=0.1), made, ended)).says.endswith("it ended as failed: it expired")
    assert only(ask(decided(weight=0.1), made, symbol="XOM")).step == "not named"


def test_what_became_of_an_order_that_did_not_trade_is_told() -> None:
    sent = OrderPlaced(event_id="o-00000001", at=AT, order=order(symbol=KO))
    name = "o-00000001"
    ends: list[tuple[Event | None, str]] = [
        (
            OrderRejected(event_id="e", at=AT, order_id=name, code=201, message="margin"),
            "refused o-00000001: margin (201)",
        ),
        (OrderCanceled(event_id="e", at=AT, order_id=name, reason=""), "o-00000001 was canceled"),
        (OrderCanceled(event_id="e", at=AT, order_id=name, reason="by hand"), "canceled: by hand"),
        (OrderExpired(event_id="e", at=AT, order_id=name), "ran out"),
        (None, "did not trade that day"),
    ]
    for end, says in ends:
        assert only(ask(decided(weight=0.1), sent, *([end] if end else []))).says.endswith(says)
    of_another = OrderExpired(event_id="e", at=AT, order_id="o-00000009")
    assert only(ask(decided(weight=0.1), sent, of_another)).step == "working"


def test_a_target_that_was_held_already_is_as_wanted_and_one_that_nobody_named_is_not() -> None:
    bought = filled("1", 10, 60, symbol=KO)
    answer = ask(decided(weight=0.1), before=(bought,))
    assert answer.held == 10
    assert only(answer).says == (
        "10.0\u00a0% of equity was wanted: place 2 of 20; 10 shares were held at the beginning of the day"
    )
    assert only(ask(decided(), before=(bought,))).step == "as wanted"
    assert only(ask(decided())).says == "momentum did not name it, and this journal does not say why"


# ---------------------------------------------------------------- shown


def test_it_is_shown_with_who_thought_what_and_as_json() -> None:
    formed = ViewFormed(event_id=VIEW.view_id, at=AT, view=replace(VIEW, symbol=KO))
    silent = Abstained(event_id="n-1", at=AT, analyst="sentiment", symbols=(KO,), reason="no headline")
    elsewhere = replace(silent, event_id="n-2", symbols=("XOM",))
    answer = ask(formed, silent, elsewhere, decided())
    assert answer.context == (
        "technical expected +30.00\u00a0% above cash in 21 days, 55\u00a0% sure",
        "sentiment had no opinion: no headline",
    )
    text = io.StringIO()
    console = Console(file=text, width=160)
    console.print(why_not.as_text(answer))
    assert "what would have changed it: not on record" in text.getvalue()
    assert "Who thought what that morning" in text.getvalue()
    console.print(why_not.as_text(ask(decided())))
    plain = json.loads(json.dumps(answer.as_json()))
    assert (plain["symbol"], plain["day"], plain["held"], plain["happened"]) == (KO, "2022-01-04", "0", False)
    assert plain["causes"][0]["step"] == "not named"


def test_a_session_that_was_never_closed_ends_where_the_next_begins() -> None:
    held = [*beginning(), *session(FIRST)[:-1], *session(DAY, decided()), *session(LAST)]
    assert only(why_not.explain(recorded(held), KO, FIRST)).step == "not due"
    assert only(why_not.explain(recorded(held), KO, DAY)).step == "not named"
