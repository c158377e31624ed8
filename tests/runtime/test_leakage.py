"""The leakage meter: a rule decides alike whatever comes after and whatever a company is called."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from bursar.adapters.memory import MemoryFundamentals, MemoryNews
from bursar.config import load
from bursar.desk import belief_tables, cli
from bursar.domain.targets import Target, Targets
from bursar.domain.views import View
from bursar.errors import InputError
from bursar.ports import Answer, Fact, Headline, Result
from bursar.research.reasoning import Judgment, Reason, Reasoner
from bursar.research.strategies.crossover import Crossover
from bursar.runtime import leakage
from bursar.runtime.backtest import Market, Plan
from bursar.runtime.leakage import Compared, Figures, Leakage, anonymized, masks, measure, of_analyst, of_strategy
from bursar.trading.agenda import Rhythm
from bursar.trading.strategy import Holdings, Strategy
from bursar.trading.view import MarketView
from tests.runtime.test_backtest import ALL_IN, market
from tests.runtime.test_lookahead import Peeker

STAGE = market(["AAPL", "JPM", "XOM"], 3000, 3120)
DAYS = (STAGE.sessions[80].day, STAGE.sessions[100].day)
SETTINGS = load(None, command_line={})
#: Enough history for every reading of the technical analyst.
LONG = market(["AAPL", "JPM", "XOM"], 2700, 3120)
MORNINGS = (LONG.sessions[380].day, LONG.sessions[400].day)


def plan(strategy: Strategy, stage: Market) -> Plan:
    return Plan(
        strategy=strategy,
        first=stage.sessions[0].day,
        last=stage.sessions[-1].day,
        rhythm=Rhythm.WEEKLY,
        limits=ALL_IN,
        history_days=30,
    )


def metered(make: Callable[[Market], Strategy], days: Sequence[date] = DAYS) -> Leakage:
    return measure("a rule", of_strategy(lambda stage: plan(make(stage), stage)), STAGE, days)


# ---------------------------------------------------------------- rules


def test_a_rule_decides_alike_to_the_last_bit() -> None:
    found = metered(lambda _: Crossover(fast=5, slow=20))
    assert found.clean
    assert [(each.day, each.future, each.names, each.chance) for each in found.decisions] == [
        (day, 0.0, 0.0, 0.0) for day in DAYS
    ]
    assert any(each.figures for each in found.decisions)
    assert found.before == 0
    assert found.says == (
        "wrong facts from after each of 2 decisions changed nothing",
        "the same companies under other names and at other prices were judged alike",
        "no language model is asked, so that there is no training to remember",
    )


def test_a_rule_that_peeks_is_found_to_read_the_future() -> None:
    found = metered(lambda stage: Peeker(stage.closes), [each.day for each in STAGE.sessions[40:100:12]])
    assert found.future
    assert not found.clean
    assert found.says[0] == "it reads the future: facts from after a decision changed it"


@dataclass(frozen=True)
class Fan:
    """Holds Apple, whatever it costs."""

    name: str = "fan"

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:
        held = sorted({"AAPL"} & market.instruments.keys()) or sorted(market.instruments)[1:2]
        return Targets(strategy=self.name, targets=tuple(Target(symbol=s, weight=0.3, reason="a fan") for s in held))


def test_a_rule_that_knows_a_name_is_found_to_judge_names() -> None:
    found = metered(lambda _: Fan())
    assert found.names
    assert not found.future
    assert found.says[1].startswith("it judges names")
    # All of the weight went from one company to another.
    assert found.decisions[0].names == pytest.approx(0.3)


def test_where_nothing_is_decided_nothing_was_shown() -> None:
    with pytest.raises(InputError, match="a rule decided nothing on any of 2 days"):
        metered(lambda _: Crossover(fast=5, slow=100))
    with pytest.raises(InputError, match="the sample has no session on 2030-01-01"):
        measure("a rule", lambda *_: {}, STAGE, [date(2030, 1, 1)])


# ---------------------------------------------------------------- models


@dataclass
class Scripted:
    """A language model that answers by what a script makes of a prompt."""

    script: Callable[[str], float]
    prompts: list[str] = field(default_factory=list)

    def begin(self) -> None: ...

    async def ask(self, prompt: str, schema: type[Result], check: Callable[[Result], str]) -> Answer[Result]:
        self.prompts.append(prompt)
        judged: Any = Judgment(
            score=self.script(prompt), confidence=0.55, because=[Reason(evidence=1, says="it leans so")]
        )
        assert not check(judged)
        return Answer(value=judged, problem="", model="scripted")


def headlines(stage: Market, days: Sequence[date]) -> MemoryNews:
    return MemoryNews(
        [
            Headline(
                symbols=(symbol,),
                text=f"{name} rose to a record in {day.year}",
                source="The Paper",
                known_at=datetime(day.year, day.month, day.day, 10, tzinfo=UTC) - timedelta(days=back),
            )
            for day in days
            for symbol, name in (("AAPL", "Apple"), ("JPM", "JPMorgan"))
            for back in range(3)
        ]
    )


def judged(model: Scripted, cutoff: date | None = None, agent: str = "sentiment_analyst") -> Leakage:
    named = {"AAPL": "Apple Inc.", "JPM": "JPMorgan Chase", "XOM": "Exxon Mobil"}
    listed = tuple(replace(each, name=named[each.symbol]) for each in LONG.instruments)
    stage = replace(LONG, news=headlines(LONG, MORNINGS), instruments=listed)
    decide = of_analyst(SETTINGS, agent, Reasoner(model=model))
    return measure(agent, decide, stage, MORNINGS, morning=True, model="openai:scripted", cutoff=cutoff)


def test_a_model_that_judges_the_evidence_judges_it_alike() -> None:
    model = Scripted(lambda prompt: 0.5 if "rose to a record" in prompt else 0.0)
    found = judged(model, cutoff=date(1900, 1, 1))
    assert found.clean
    assert found.before == 0
    assert found.says[2] == "every decision is after 1900-01-01, up to where openai:scripted was trained"
    assert any("Apple rose to a record" in prompt for prompt in model.prompts)
    assert any("it rose to a record in it" in prompt for prompt in model.prompts)


def test_a_model_that_remembers_a_company_is_found_to_judge_its_name() -> None:
    found = judged(Scripted(lambda prompt: 1.0 if "Apple" in prompt else 0.0), cutoff=MORNINGS[0])
    assert found.names
    assert not found.future
    assert found.before == 1
    assert found.says[2].startswith(f"1 of 2 decisions are not after {MORNINGS[0]}, up to where openai:scripted")


def test_a_model_whose_cutoff_nobody_knows_is_believed_on_no_day() -> None:
    found = judged(Scripted(lambda _: 0.5), agent="technical_analyst")
    assert found.clean
    assert found.before == len(MORNINGS)
    assert found.says[2].startswith("nobody knows until when openai:scripted was trained: say it with --cutoff")


def test_what_a_model_answers_by_chance_is_held_against_no_one() -> None:
    answers = iter(np.random.default_rng(3).uniform(-0.5, 0.5, 10_000).tolist())
    found = judged(Scripted(lambda _: next(answers)))
    assert all(each.chance > 0.0 for each in found.decisions)
    # Differences count beyond chance alone; with one repetition that is a coarse measure, and it is printed.
    compared = Compared(day=MORNINGS[0], figures=1, future=0.1, names=0.1, chance=0.2)
    assert Leakage(subject="s", model="m", cutoff=None, decisions=(compared,)).clean


def test_who_only_answers_others_is_not_asked_alone() -> None:
    with pytest.raises(InputError, match="no analyst that forms views of its own is named dissenter; there are warren"):
        of_analyst(SETTINGS, "dissenter", None)


def test_the_cutoff_of_a_model_is_its_maker_s_word() -> None:
    assert leakage.known_cutoff("openai:gpt-4o-mini") == date(2023, 10, 1)
    assert leakage.known_cutoff("openai:somebody-s-own") is None


# ---------------------------------------------------------------- the inputs


def facts(value: float, *filed: datetime) -> MemoryFundamentals:
    return MemoryFundamentals(
        [
            Fact(
                symbol="AAPL", name="revenue", value=value, unit="USD", at=at.date(), known_at=at, source="Apple's 10-K"
            )
            for at in filed
        ]
    )


def test_facts_are_wrong_after_the_decision_alone_and_names_are_gone() -> None:
    noon = datetime(2000, 6, 1, 12, tzinfo=UTC)
    late = noon + timedelta(days=1)
    stage = replace(STAGE, fundamentals=facts(7.0, noon, late), news=headlines(STAGE, [noon.date(), late.date()]))
    wrong = leakage.scrambled(stage, noon.date(), noon, seed=1)
    assert wrong.fundamentals is not None
    assert wrong.news is not None
    assert [each.value for each in wrong.fundamentals.asof("AAPL", ["revenue"], late)] == [7.0, -21.0]
    told = wrong.news.asof(["AAPL"], noon - timedelta(days=9), late)
    assert {each.text for each in told if each.known_at <= noon} == {"Apple rose to a record in 2000"}
    assert "Apple rose to a record in 2000" not in {each.text for each in told if each.known_at > noon}
    hidden = masks(stage, seed=1)
    assert set(hidden.levels.values()) == {1.0}  # a figure a share would not follow
    masked = anonymized(stage, hidden)
    assert masked.fundamentals is not None
    assert masked.news is not None
    (first, _) = masked.fundamentals.asof("C000", ["revenue"], late)
    assert (first.symbol, first.value, first.source) == ("C000", 7.0, "a filing")
    (headline, *_) = masked.news.asof(["C000"], noon - timedelta(days=9), late)
    assert (headline.symbols, headline.source) == (("C000",), "a paper")
    assert "AAPL" not in str(masked.instruments)
    assert {each.sector for each in masked.instruments} == {"sector 0", "sector 1", "sector 2"}


def test_prices_are_told_at_other_levels_with_the_same_returns() -> None:
    hidden = masks(STAGE, seed=3)
    masked = anonymized(STAGE, hidden)
    assert set(hidden.real.values()) == {"AAPL", "JPM", "XOM"}
    assert max(hidden.levels.values()) > 1.0
    for code, real in hidden.real.items():
        told, truth = masked.closes.column(code), STAGE.closes.column(real)
        np.testing.assert_array_equal(told, truth * hidden.levels[code])
        np.testing.assert_array_equal(told[1:] / told[:-1], truth[1:] / truth[:-1])
    assert masked.history.lacks() == STAGE.history.lacks()


# ---------------------------------------------------------------- the command


def drawn(shown: object) -> str:
    out = StringIO()
    Console(file=out, width=160).print(shown)
    return out.getvalue()


def test_the_command_tells_strategies_and_analysts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    # Loading the sample takes longer than deciding on it.
    late = replace(plan(Crossover(), LONG), first=MORNINGS[0])
    monkeypatch.setattr(leakage, "prepare", lambda _: (late, LONG))
    few = ["--decisions", "1"]
    assert cli.main(["research", "leakage", "equal_weight", *few, "--json"]) == 0
    told: Mapping[str, Any] = json.loads(capsys.readouterr().out)
    assert (told["clean"], told["model"], told["decisions_before_cutoff"]) == (True, None, 0)
    monkeypatch.setenv("BURSAR_MODELS_REASONING", "recorded")
    assert cli.main(["research", "leakage", "technical_analyst", *few]) == 0
    assert "1 of 1 decisions are not after 2023-10-01" in " ".join(capsys.readouterr().out.split())
    assert cli.main(["research", "leakage", "nobody", *few]) == 2
    assert "no strategy and no analyst is named nobody" in capsys.readouterr().err


def test_a_leak_is_an_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    leaky = metered(lambda _: Fan())

    def found(*_: object, told: Callable[[date], None]) -> Leakage:
        told(DAYS[0])
        return leaky

    monkeypatch.setattr(leakage, "metered", found)
    assert cli.main(["research", "leakage", "fan", "--cutoff", "2023"]) == 1
    assert "it judges names" in capsys.readouterr().out
    assert json.loads(belief_tables.leakage_json(leaky))["judges_names"]
    assert "fan" not in drawn(belief_tables.leakage_tables(leaky))


def test_figures_that_one_of_them_lacks_count_whole() -> None:
    one: Figures = {"A": 0.3}
    assert leakage._apart(one, {"B": 0.1}) == pytest.approx(0.3)
    assert leakage._apart({}, {}) == 0.0
