"""The morning: opinions, a meeting, and what is learned from the journal by the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bursar.adapters.history import Facts, MemoryHistory
from bursar.adapters.memory import MemoryFundamentals, MemoryNews, MemorySignals, RecordedModel
from bursar.config import Given, Settings, build
from bursar.domain.committee import COMMITTEE, Action, PooledView
from bursar.domain.events import (
    Abstained,
    AccountOpened,
    Alerted,
    CommitteeMet,
    Deposited,
    Event,
    InstrumentListed,
    ModelAsked,
    PositionAdopted,
    SignalReceived,
    ViewFormed,
)
from bursar.domain.instruments import Instrument
from bursar.domain.record import decode, encode
from bursar.domain.sessions import Session
from bursar.domain.signals import Signal
from bursar.domain.targets import Targets
from bursar.domain.views import View
from bursar.errors import DataError
from bursar.ports import Panel
from bursar.research.reasoning import Judgment, Reasoner, prompt, revised
from bursar.research.signals import Filter, view_of
from bursar.research.strategies.committee import CommitteeStrategy
from bursar.runtime.build import Shelf, morning
from bursar.runtime.morning import Heard, Morning
from bursar.trading.engine import Engine, Mandate
from bursar.trading.strategy import Holdings
from bursar.trading.view import MarketView
from tests.builders import ACCOUNT, money
from tests.research.companies import company
from tests.research.test_analysts_lookahead import CLOSES, DATES, KNOWN, SYMBOLS, filed, headlines

MONDAY = datetime(2022, 1, 3, 14, 30, tzinfo=UTC)
HISTORY = MemoryHistory(
    {name: Facts(Panel(DATES, SYMBOLS, CLOSES), KNOWN) for name in ("close", "raw_close")}, frozenset({"volume"})
)
WHOLE = Shelf(
    title="a test",
    history=HISTORY,
    fundamentals=MemoryFundamentals(filed()),
    news=MemoryNews(headlines()),
    raw=HISTORY,
)
HELD = PositionAdopted(
    event_id="adopted",
    at=MONDAY,
    account=ACCOUNT,
    portfolio="main",
    symbol="REST",
    quantity=Decimal(100),
    cost_basis=money(10_000),
    acquired=date(2021, 6, 1),
)
CLOSES_ALONE = Shelf(title="a test", history=HISTORY)


class Idle:
    name = "idle"

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:
        raise DataError("nothing is decided here")


def engine(at: datetime = MONDAY, past: Sequence[Event] = (), mandate: Mandate | None = None) -> Engine:
    session = Session(day=at.date(), open=at, close=at + timedelta(hours=6))
    instruments = {symbol: Instrument(symbol=symbol, sector=symbol) for symbol in SYMBOLS}
    market = MarketView(
        at=at,
        instruments=instruments,
        quotes={},
        closes=HISTORY.asof(SYMBOLS, "close", at, 440),
        session=session,
    )
    made = Engine(mandate or Mandate(account=ACCOUNT), Idle(), market, [session])
    opened = AccountOpened(event_id="account", at=at, account=ACCOUNT, base_currency="USD")
    listed = [InstrumentListed(event_id=f"i/{s}", at=at, instrument=each) for s, each in instruments.items()]
    cash = Deposited(event_id="cash", at=at, account=ACCOUNT, portfolio="main", amount=money(100_000))
    for event in (opened, *listed, cash, *past):
        made.absorb(event)
    return made


def settings(**values: object) -> Settings:
    return build({key.replace("__", "."): Given(value, "a test") for key, value in values.items()})


def job(
    shelf: Shelf = WHOLE,
    signals: Sequence[Signal] = (),
    reasoner: Reasoner | None = None,
    **values: object,
) -> Morning:
    return morning(settings(**values), shelf, MemorySignals(signals), reasoner)


def held(made: Morning, by: Engine | None = None) -> list[Event]:
    events = asyncio.run(made.hold(by or engine()))
    assert [decode(encode(event)) for event in events] == events  # all of it can be journalled
    return events


def of(kind: type[Any], events: Sequence[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def met(events: Sequence[Event]) -> CommitteeMet:
    (meeting,) = of(CommitteeMet, events)
    assert isinstance(meeting, CommitteeMet)
    return meeting


# ---------------------------------------------------------------- the meeting


def test_every_name_that_can_be_selected_has_its_analyst_and_its_seat() -> None:
    events = held(job(committee__probability_min="0.5"))
    names = {"technical", "fundamentals", "valuation", "warren_buffett", "sentiment", "dissenter"}
    said = {event.view.analyst for event in of(ViewFormed, events)} | {each.analyst for each in of(Abstained, events)}
    assert said == names
    assert {seat.analyst for seat in met(events).seats} == names


def test_a_meeting_names_what_it_follows_from_and_all_of_it_is_in_the_journal() -> None:
    events = held(job(committee__probability_min="0.5"))
    meeting = met(events)
    assert set(meeting.causes) == {event.event_id for event in of(ViewFormed, events) + of(Abstained, events)}
    assert [step.name for step in meeting.steps] == ["Screen", "Views", "Pooling", "Ranking", "Diversification"]
    for each in meeting.resolutions:
        assert each.sources >= meeting.quorum
        weights = {seat.analyst: seat.weight for seat in meeting.seats}
        assert each.coverage == pytest.approx(sum(weights[analyst] for analyst in each.votes))


def test_with_closes_alone_there_is_no_quorum_and_everybody_who_abstains_says_why() -> None:
    events = held(job(CLOSES_ALONE))
    meeting = met(events)
    assert not meeting.quorate
    assert {each.action for each in meeting.resolutions} == {Action.HOLD}
    assert {each.reason for each in meeting.resolutions} == {"1 of 3 distinct sources"}
    reasons = {each.analyst: (each.symbols, each.reason) for each in of(Abstained, events)}
    assert reasons["fundamentals"] == (SYMBOLS, "no annual statement of it is known")
    assert reasons["sentiment"] == (SYMBOLS, "no headline of it in 30 days")


def test_without_prices_as_paid_a_market_value_is_nobodys_source() -> None:
    """Prices, statements and news are three; without the news an owner's view of the same statements is no third."""
    silent = replace(WHOLE, news=MemoryNews())
    assert {each.sources for each in met(held(job(silent))).resolutions} == {3}  # the market value is the third
    unpriced = met(held(job(replace(silent, raw=None))))
    assert {each.sources for each in unpriced.resolutions} == {2}
    assert {each.analyst for each in unpriced.seats if "market value" in each.reads} == set()
    assert "abstains from market value, which the sources lack" in unpriced.steps[0].summary


def test_openings_are_sized_and_endings_are_whole() -> None:
    """A source from outside is sure of ACME and fears for REST, of which 100 shares are held."""
    pushed = [
        signal(symbol="REST", confidence=0.99, expected_excess_return=-0.2),
        signal(confidence=0.9, expected_excess_return=0.2, signal_id="2"),
    ]
    meeting = met(held(job(signals=pushed, signals__sources="desk"), engine(past=[HELD])))
    by_symbol = {each.symbol: each for each in meeting.resolutions}
    buy, sell = by_symbol["ACME"], by_symbol["REST"]
    assert (sell.action, sell.quantity, sell.weight) == (Action.SELL, Decimal(100), 0.0)
    assert buy.action is Action.BUY
    close = float(HISTORY.asof(["ACME"], "close", MONDAY, 1).values[-1, 0])
    equity = 100_000 + 100 * float(HISTORY.asof(["REST"], "close", MONDAY, 1).values[-1, 0])
    # Five factors: at most 20 % of equity times the confidence; never more than what it says, in whole shares.
    assert 0 < buy.weight <= 0.2 * buy.confidence / 100
    assert float(buy.quantity) == pytest.approx(buy.weight * equity / close, abs=1.0)
    assert buy.quantity == int(buy.quantity)


def test_one_analyst_alone_meets_and_has_no_quorum() -> None:
    meeting = met(held(job(models__selected_agents="technical_analyst")))
    assert [(seat.analyst, seat.weight) for seat in meeting.seats] == [("technical", 1.0)]
    assert not meeting.quorate


def test_without_seats_there_is_no_meeting() -> None:
    events = held(replace(job(), seats=()))
    assert of(ViewFormed, events)
    assert not of(CommitteeMet, events)


def test_the_size_of_companies_is_screened_where_it_is_known() -> None:
    # ACME and REST have a billion shares at about 100: far above a billion dollars.
    summary = met(held(job())).steps[0].summary
    assert "market value of at least 1,000 million" in summary
    assert "abstains from turnover" not in summary or "lack" in summary
    small = replace(WHOLE, fundamentals=MemoryFundamentals(company("ACME", shares=0.001)))
    dropped = met(held(job(small))).steps[0].dropped
    assert dropped["ACME"].startswith("its market value is")
    assert dropped["REST"] == "its market value is not known"


# ---------------------------------------------------------------- what strategies hear


def heard(shelf: Shelf, *, trades: bool = True) -> Sequence[View]:
    made = engine(mandate=Mandate(account=ACCOUNT, trades_without_quorum=trades))
    for event in asyncio.run(job(shelf, committee__probability_min="0.5").hold(made)):
        made.absorb(event)
    return made.views()


def test_strategies_hear_the_committee_where_it_has_a_quorum() -> None:
    views = heard(WHOLE)
    assert {view.analyst for view in views} == {COMMITTEE}
    assert all(isinstance(view, PooledView) for view in views)
    assert {view.symbol for view in views} == set(SYMBOLS)


def test_without_any_quorum_they_hear_analysts_but_not_one_who_only_answers_them() -> None:
    assert {view.analyst for view in heard(CLOSES_ALONE)} == {"technical"}
    assert heard(CLOSES_ALONE, trades=False) == ()


def test_the_committee_s_strategy_holds_what_was_resolved() -> None:
    made = engine()
    for event in asyncio.run(job(committee__probability_min="0.5").hold(made)):
        made.absorb(event)
    wanted = CommitteeStrategy().decide(made.market, made.views(), Holdings(equity=Decimal(100_000), weights={}))
    buys = {view.symbol: view for view in made.views() if isinstance(view, PooledView) and view.action is Action.BUY}
    assert buys
    assert {target.symbol for target in wanted.targets} == set(buys)
    assert all(0 < target.weight <= buys[target.symbol].weight for target in wanted.targets)
    assert {view_id for target in wanted.targets for view_id in target.view_ids} == {"c-00000001"}
    keeping = Holdings(equity=Decimal(100_000), weights={"REST": 0.1, "ACME": 0.05})
    resolved = {view.symbol: view.action for view in made.views() if isinstance(view, PooledView)}
    kept = {target.symbol for target in CommitteeStrategy().wishes(made.market, made.views(), keeping)}
    assert kept == {symbol for symbol, action in resolved.items() if action in (Action.BUY, Action.HOLD)}


def test_the_committee_s_strategy_decides_nothing_without_a_quorum() -> None:
    with pytest.raises(DataError, match="had a quorum on nothing"):
        CommitteeStrategy().decide(engine().market, (), Holdings(equity=Decimal(1), weights={}))


# ---------------------------------------------------------------- what is learned


def weeks(count: int, made: Morning) -> list[Event]:
    """So many Mondays in a row, each absorbed as the loop would."""
    journal: list[Event] = []
    for week in range(count):
        at = datetime(2021, 6, 7, 14, 30, tzinfo=UTC) + timedelta(days=7 * week)
        by = engine(at, journal)
        for event in asyncio.run(made.hold(by)):
            journal.append(event)
            made.absorb(event)
    return journal


def test_skill_is_read_back_from_the_journal_and_a_restart_finds_the_same() -> None:
    made = job()
    journal = weeks(12, made)
    seats = {seat.analyst: seat for seat in of(CommitteeMet, journal)[-1].seats}
    # Sentiment looks 5 days ahead: all but the last Monday's votes are settled on the next one.
    assert seats["sentiment"].votes == 2 * 10 or seats["sentiment"].votes == 2 * 11
    assert seats["technical"].votes < seats["sentiment"].votes
    assert seats["valuation"].votes == 0  # a year has not passed
    assert 0.0 <= (seats["sentiment"].hit_rate or 0.0) <= 1.0
    assert sum(seat.weight for seat in seats.values()) == pytest.approx(1.0)
    again = job()
    last = of(CommitteeMet, journal)[-1]
    for event in journal:
        if event.at < last.at:
            again.absorb(event)
    past = [event for event in journal if event.at < last.at]
    repeated = asyncio.run(again.hold(engine(last.at, past)))
    assert met(repeated).seats == last.seats
    assert encode(met(repeated)) == encode(last)


# ---------------------------------------------------------------- signals


def signal(source: str = "desk", symbol: str = "ACME", confidence: float = 0.8, **changes: Any) -> Signal:
    usual = Signal(
        signal_id="1",
        source=source,
        symbol=symbol,
        horizon_days=21,
        expected_excess_return=0.9,
        confidence=confidence,
        issued=MONDAY - timedelta(days=1),
        reason='they say it "cannot fail"\x1b[2J',
    )
    return replace(usual, **changes)


def test_a_signal_of_a_source_that_is_heard_becomes_a_view_with_a_seat() -> None:
    events = held(job(signals=[signal()], signals__sources="desk"))
    (received,) = of(SignalReceived, events)
    assert received.refused == ""
    (view,) = (event.view for event in of(ViewFormed, events) if event.view.analyst == "signal desk")
    (formed,) = (event for event in of(ViewFormed, events) if event.view is view)
    assert formed.causes == ("signal/desk/1",)
    # It claimed 90 % in a month; two deviations are the most that is believed.
    assert 0 < view.expected_excess_return < 0.3
    assert "\x1b" not in view.evidence[0].statement
    acme = next(each for each in met(events).resolutions if each.symbol == "ACME")
    assert acme.votes["signal desk"] == pytest.approx(0.8)
    without = next(each for each in met(held(job())).resolutions if each.symbol == "ACME")
    assert acme.sources == without.sources + 1


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (signal(source="stranger"), "signals.sources does not name stranger"),
        (signal(symbol="XYZ"), "XYZ is not traded here"),
        (signal(confidence=0.4), "its confidence of 0.40 is below 0.50"),
    ],
)
def test_a_signal_that_the_portfolio_does_not_listen_to_is_kept_with_the_reason(sent: Signal, why: str) -> None:
    events = held(job(signals=[sent], signals__sources="desk"))
    assert [event.refused for event in of(SignalReceived, events)] == [why]
    assert "signal stranger" not in {event.view.analyst for event in of(ViewFormed, events)}


def test_a_signal_is_received_once_and_an_old_one_not_at_all() -> None:
    sent = [signal(), signal(signal_id="old", issued=MONDAY - timedelta(days=6))]
    made = job(signals=sent, signals__sources="desk")
    first = held(made)
    assert [event.signal.signal_id for event in of(SignalReceived, first)] == ["1"]
    for event in first:
        made.absorb(event)
    assert not of(SignalReceived, held(made))


# ---------------------------------------------------------------- a model


def answers(events: Sequence[Event], **said: Any) -> Mapping[str, Mapping[str, Any]]:
    """One answer to the prompt of every view."""
    full = {"score": -0.5, "confidence": 0.7, "because": [{"evidence": 1, "says": "it points down"}]} | said
    return {
        prompt(event.view): full for event in of(ViewFormed, events) if event.view.analyst in ("technical", "valuation")
    }


def test_a_recorded_model_judges_the_same_evidence_and_every_question_is_journalled() -> None:
    by_rule = held(job())
    model = RecordedModel(answers(by_rule), name="openai:test")
    events = held(job(reasoner=Reasoner(model=model)))
    asked = of(ModelAsked, events)
    assert {each.analyst for each in asked} == {
        "technical", "valuation", "fundamentals", "warren_buffett", "sentiment"
    }  # fmt: skip
    taken = [each for each in asked if not each.problem]
    assert {each.analyst for each in taken} == {"technical", "valuation"}
    judged = {event.view.view_id: event for event in of(ViewFormed, events)}
    for event in of(ViewFormed, by_rule):
        if event.view.analyst == "dissenter":
            continue  # it answers the others, and they said something else
        other = judged[event.event_id]
        if event.view.analyst in ("technical", "valuation"):
            assert other.view.expected_excess_return < 0
            assert other.view.confidence == 0.7
            assert other.view.evidence[: len(event.view.evidence)] == event.view.evidence
            assert other.view.evidence[-1].statement == "openai:test: it points down"
            assert other.causes == (
                next(
                    each.event_id
                    for each in taken
                    if each.symbol == event.view.symbol and each.analyst == event.view.analyst
                ),
            )
        else:
            assert other.view == event.view  # no answer was recorded, so the rule stands


def test_an_answer_that_cites_what_it_was_not_given_changes_nothing() -> None:
    by_rule = held(job())
    lying = answers(by_rule, because=[{"evidence": 9, "says": "secret sources"}])
    events = held(job(reasoner=Reasoner(model=RecordedModel(lying))))
    assert {each.problem for each in of(ModelAsked, events) if each.analyst == "technical"} == {
        "it cites evidence 9, and was given 1 to 8"
    }
    assert [e.view for e in of(ViewFormed, events)] == [e.view for e in of(ViewFormed, by_rule)]


# ---------------------------------------------------------------- settings


def test_the_least_probability_decides_what_is_too_close_to_call() -> None:
    sure = met(held(job(committee__probability_min="0.9")))
    assert {each.action for each in sure.resolutions} == {Action.HOLD}
    assert all("too close to call" in each.reason for each in sure.resolutions)
    assert met(held(job(committee__probability_min="0.5"))).steps[2].kept


def test_the_most_positions_bound_what_is_opened() -> None:
    pushed = [
        signal(symbol=symbol, signal_id=symbol, confidence=0.99, expected_excess_return=0.2) for symbol in SYMBOLS
    ]
    usual = met(held(job(signals=pushed, signals__sources="desk")))
    assert [each.action for each in usual.resolutions] == [Action.BUY, Action.BUY]
    one = met(held(job(signals=pushed, signals__sources="desk", committee__positions_max=1)))
    assert sorted(each.action for each in one.resolutions) == [Action.BUY, Action.HOLD]


def test_the_filter_of_signals_follows_its_settings() -> None:
    old = signal(issued=MONDAY - timedelta(days=9), confidence=0.6)
    assert not of(SignalReceived, held(job(signals=[old], signals__sources="desk")))
    longer = held(job(signals=[old], signals__sources="desk", signals__age_max_days=10))
    assert [event.refused for event in of(SignalReceived, longer)] == [""]
    surer = held(job(signals=[signal()], signals__sources="desk", signals__confidence_min="90%"))
    assert [event.refused for event in of(SignalReceived, surer)] == ["its confidence of 0.80 is below 0.90"]


class Torn(MemorySignals):
    def unread(self) -> Mapping[str, str]:
        return {"torn.json": "torn.json is no signal; mend it or remove it"}


def test_what_is_no_signal_alerts_once_and_the_morning_goes_on() -> None:
    made = morning(settings(), WHOLE, Torn())
    first = held(made)
    assert [event.message for event in of(Alerted, first)] == ["torn.json is no signal; mend it or remove it"]
    assert met(first).resolutions
    for event in first:
        made.absorb(event)
    assert not of(Alerted, held(made))


def test_a_filter_refuses_what_is_too_old_by_itself() -> None:
    heard_by = Filter(sources=frozenset({"desk"}))
    assert heard_by.refuses(signal(issued=MONDAY - timedelta(days=6)), engine().market) == "it is older than 5 days"
    assert heard_by.refuses(signal(issued=MONDAY - timedelta(days=5)), engine().market) == ""


def test_a_signal_on_what_has_no_volatility_expects_nothing() -> None:
    market = engine().market
    silent = replace(market, closes=Panel(market.closes.dates[-9:], market.closes.symbols, market.closes.values[-9:]))
    assert view_of(signal(), silent, "v-1").expected_excess_return == 0.0


def test_views_that_no_meeting_pooled_count_each_for_itself() -> None:
    made = engine()
    for event in asyncio.run(replace(job(), seats=()).hold(made)):
        made.absorb(event)
    assert {view.analyst for view in made.views()} >= {"technical", "fundamentals"}


def test_a_committee_that_sells_wants_none_of_it() -> None:
    pushed = [signal(symbol="REST", confidence=0.99, expected_excess_return=-0.2)]
    made = engine(past=[HELD])
    for event in asyncio.run(job(signals=pushed, signals__sources="desk").hold(made)):
        made.absorb(event)
    wanted = CommitteeStrategy().wishes(
        made.market, made.views(), Holdings(equity=Decimal(100_000), weights={"REST": 0.1})
    )
    assert "REST" not in {target.symbol for target in wanted}


def test_a_record_settles_nothing_before_a_week_has_passed() -> None:
    made = job()
    for event in held(made):
        made.absorb(event)
    by_friday = engine(MONDAY + timedelta(days=4))
    assert all(seat.votes == 0 for seat in met(held(made, by_friday)).seats)


def test_what_a_model_says_of_a_symbol_without_volatility_changes_nothing() -> None:
    market = engine().market
    short = replace(market, closes=Panel(market.closes.dates[-9:], market.closes.symbols, market.closes.values[-9:]))
    (formed, *_) = (event.view for event in of(ViewFormed, held(job())))
    judgment = Judgment.model_validate(
        {"score": -1.0, "confidence": 0.9, "because": [{"evidence": 1, "says": "it is bad"}]}
    )
    assert revised(formed, judgment, "a model", short) == formed
    assert revised(formed, judgment, "a model", market).confidence == 0.8


# ---------------------------------------------------------------- several runs on the same facts


def test_what_analysts_said_once_is_told_again_word_for_word() -> None:
    kept: Heard = {}
    first = held(morning(settings(), WHOLE, MemorySignals(), None, kept))
    assert first == held(job())
    unread = replace(WHOLE, fundamentals=MemoryFundamentals(), news=MemoryNews())  # nobody looks any more
    again = morning(settings(), unread, MemorySignals(), None, kept)
    assert [e for e in held(again) if isinstance(e, ViewFormed) and e.view.analyst != "dissenter"] == [
        e for e in first if isinstance(e, ViewFormed) and e.view.analyst != "dissenter"
    ]
    assert {analyst.name for analyst in again.analysts} == {analyst.name for analyst in job().analysts}
    assert {analyst.needs for analyst in again.analysts} == {analyst.needs for analyst in job().analysts}
