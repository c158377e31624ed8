"""Trials: a strategy in all its forms and under harder conditions, each run once and kept in the registry.

What was run before is not run again: a study that was cut off goes on where it stood, and whoever asks a second
question of the same days finds most of the work done. Forms share what analysts said, since they hear the same facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from bursar import __version__
from bursar.adapters.memory import InlineWorkers
from bursar.domain.targets import Targets
from bursar.domain.views import View
from bursar.errors import DataError
from bursar.ports import History, Panel, Registry, Workers
from bursar.quant.arrays import FloatArray
from bursar.runtime.backtest import Market, Plan, Result, run
from bursar.runtime.candidates import candidate
from bursar.runtime.exam import Question, planned, prepare
from bursar.runtime.morning import Heard
from bursar.runtime.score import by_name
from bursar.trading.strategy import Holdings, Strategy, fields_read
from bursar.trading.view import MarketView

#: How many of the best names a strategy must live without.
BEST_NAMES = 3


class Condition(StrEnum):
    """Under what a form is run. A value says it to a reader."""

    PLAIN = "as planned"
    COSTS_DOUBLED = "at twice the costs"
    COSTS_TRIPLED = "at three times the costs"
    LATE = "a day late"
    WITHOUT_BEST = "without its three best names"


HARDER = tuple(each for each in Condition if each is not Condition.PLAIN)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """What came of one. returns: (n_days - 1,) daily, after costs; best: the names that earned most."""

    form: str
    condition: Condition
    first: date
    last: date
    returns: FloatArray
    positions: float
    best: tuple[str, ...]


# ---------------------------------------------------------------- a day late


@dataclass(frozen=True)
class Delayed:
    """A history that is a session late; satisfies ``ports.History``."""

    honest: History

    def asof(self, symbols: Sequence[str], field: str, known_at: datetime, days: int | None = None) -> Panel:
        panel = self.honest.asof(symbols, field, known_at, None if days is None else days + 1)
        return Panel(panel.dates[:-1], panel.symbols, panel.values[:-1])

    def lacks(self) -> frozenset[str]:
        return self.honest.lacks()


@dataclass(frozen=True)
class Late:
    """Another strategy, which learns of everything a session later and trades at today's prices all the same."""

    honest: Strategy

    @property
    def name(self) -> str:
        return self.honest.name

    @property
    def reads(self) -> frozenset[str]:
        """What the other reads: a history that is late gives it as late as the closes."""
        return fields_read(self.honest)

    def decide(self, market: MarketView, views: Sequence[View], holdings: Holdings) -> Targets:
        closes = market.closes
        if not len(closes.dates):
            raise DataError(f"{self.name} has no close of the day before; nothing is decided")
        last = dict(zip(closes.symbols, closes.values[-1].tolist(), strict=True))
        quotes = {
            symbol: replace(quote, bid=price, ask=price, last=price)
            for symbol, quote in market.quotes.items()
            if (price := _on_tick(market, symbol, last.get(symbol, float("nan")))) is not None
        }
        seen = Panel(closes.dates[:-1], closes.symbols, closes.values[:-1])
        facts = {name: Panel(each.dates[:-1], each.symbols, each.values[:-1]) for name, each in market.facts.items()}
        return self.honest.decide(replace(market, closes=seen, facts=facts, quotes=quotes), views, holdings)


def _on_tick(market: MarketView, symbol: str, close: float) -> Decimal | None:
    return market.instruments[symbol].on_tick(Decimal(repr(close))) if np.isfinite(close) else None


# ---------------------------------------------------------------- running them


@dataclass(slots=True, kw_only=True)
class Bench:
    """A market on which the forms of one strategy are run, one after another."""

    question: Question
    market: Market
    _heard: dict[str, Heard] = field(default_factory=dict)

    @classmethod
    def of(cls, question: Question) -> Bench:
        """The bench of a question, its days filled in."""
        plan, market = prepare(question)
        return cls(question=replace(question, first=plan.first, last=plan.last), market=market)

    def plan(self, form: str = "", condition: Condition = Condition.PLAIN, best: tuple[str, ...] = ()) -> Plan:
        """The plan of one trial; for the one without its best names, of the market without them."""
        late = condition is Condition.LATE
        stage = replace(self.market, history=Delayed(self.market.history)) if late else self.without(best)
        heard = self._heard.setdefault(f"{'late' if late else ','.join(best)}", {})
        plan = planned(self.question, stage, form=form, heard=heard)
        times = {Condition.COSTS_DOUBLED: 2, Condition.COSTS_TRIPLED: 3}.get(condition, 1)
        return replace(
            plan,
            strategy=Late(plan.strategy) if late else plan.strategy,
            costs_basis_points=plan.costs_basis_points * times,
            costs_minimum=plan.costs_minimum * times,
            spread_basis_points=plan.spread_basis_points * times,
        )

    def without(self, best: tuple[str, ...]) -> Market:
        """The market without those names."""
        if not best:
            return self.market
        kept = tuple(each for each in self.market.instruments if each.symbol not in best)
        return replace(self.market, instruments=kept)

    def run(self, form: str, condition: Condition = Condition.PLAIN, best: tuple[str, ...] = ()) -> Trial:
        """Run one trial."""
        return told(form, condition, run(self.plan(form, condition, best), self.without(best)))


def told(form: str, condition: Condition, result: Result) -> Trial:
    """What is kept of a run."""
    return Trial(
        form=form,
        condition=condition,
        first=result.days[0].item(),
        last=result.days[-1].item(),
        returns=result.returns,
        positions=float((result.weights > 0).sum(axis=1).mean()),
        best=best_names(result),
    )


def best_names(result: Result) -> tuple[str, ...]:
    """The names that earned most, of those that earned anything."""
    return tuple(each.symbol for each in by_name(result) if each.profit > 0)[:BEST_NAMES]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What is sent to a worker: forms to run as planned."""

    question: Question
    forms: tuple[str, ...]


def work(piece: Piece) -> tuple[Trial, ...]:
    """Run a piece; a function of a module, so that a worker elsewhere can be asked for it."""
    bench = Bench.of(piece.question)
    return tuple(bench.run(form) for form in piece.forms)


# ---------------------------------------------------------------- the registry


def registry_path(home: Path) -> Path:
    """Where every trial is kept."""
    return home / "research" / "trials.sqlite"


def study_of(name: str, market: Market) -> str:
    """The name of the study: all that was ever tried of one strategy on one market."""
    return f"{name} on {market.name}"


@dataclass(slots=True, kw_only=True)
class Ledger:
    """The trials of one question: those that the registry holds, and those that are run now.

    told   is called with each form or condition that is begun
    """

    bench: Bench
    registry: Registry
    told: Callable[[str], None] = lambda said: None  # noqa: ARG005  # nobody waits

    @property
    def study(self) -> str:
        return study_of(self.bench.question.name, self.bench.market)

    def forms(self, workers: Workers | None = None, pieces: int = 1) -> tuple[Trial, ...]:
        """Every form as planned, in the order of the candidate; run by ``workers`` in so many pieces, or here."""
        names = candidate(self.bench.question.name).forms
        known = self._known()
        missing = [form for form in names if (form, Condition.PLAIN) not in known]
        for trial in self._run(missing, workers, pieces):
            self._record(trial)
            known[trial.form, trial.condition] = trial
        return tuple(known[form, Condition.PLAIN] for form in names)

    def _run(self, forms: Sequence[str], workers: Workers | None, pieces: int) -> Iterator[Trial]:
        if workers is None or isinstance(workers, InlineWorkers):
            for form in forms:
                self.told(form or "as it is")
                yield self.bench.run(form)
            return
        parts = [tuple(forms[start::pieces]) for start in range(pieces)]
        sent = [Piece(question=self.bench.question, forms=part) for part in parts if part]
        for piece, trials in zip(sent, workers.map(work, sent), strict=True):
            self.told(f"{len(piece.forms)} forms came back")
            yield from trials

    def one(self, form: str = "", condition: Condition = Condition.PLAIN) -> Trial:
        """One trial, run unless it is known."""
        known = self._known()
        if (form, condition) not in known:
            best = self.one(form).best if condition is Condition.WITHOUT_BEST else ()
            self.told(f"{form} {condition.value}".strip())
            self._record(self.bench.run(form, condition, best))
            known = self._known()
        return known[form, condition]

    def keep(self, result: Result) -> None:
        """Enter a run of the strategy as it is that was made elsewhere: one more look at the data is one more trial."""
        if ("", Condition.PLAIN) not in self._known():
            self._record(told("", Condition.PLAIN, result))

    def others(self) -> int:
        """Trials of the same study over other days or terms: they were tries as well."""
        return sum(
            trial["condition"] == Condition.PLAIN and trial["terms"] != self._terms()
            for trial in self.registry.trials(self.study)
        )

    def _terms(self) -> str:
        """What a trial must share to be the same question: days, costs, rhythm, stocks, and the code."""
        question, plan = self.bench.question, self.bench.plan()
        parts = (
            __version__,
            f"{question.first} to {question.last}",
            plan.rhythm.value,
            f"{plan.costs_basis_points} and {plan.spread_basis_points} basis points"
            + (f", at least {plan.costs_minimum}" if plan.costs_minimum else ""),
            f"{plan.cash}",
            "fractions" if plan.fractions else "whole shares",
            ",".join(each.symbol for each in self.bench.market.instruments),
        )
        return "; ".join(parts)

    def _known(self) -> dict[tuple[str, Condition], Trial]:
        terms = self._terms()
        return {
            (kept["form"], Condition(kept["condition"])): _trial(kept)
            for kept in self.registry.trials(self.study)
            if kept["terms"] == terms
        }

    def _record(self, trial: Trial) -> None:
        self.registry.record(
            {
                "study": self.study,
                "terms": self._terms(),
                "form": trial.form,
                "condition": trial.condition.value,
                "first": trial.first.isoformat(),
                "last": trial.last.isoformat(),
                "positions": trial.positions,
                "best": list(trial.best),
                "returns": trial.returns,
            }
        )


def _trial(kept: Mapping[str, Any]) -> Trial:
    return Trial(
        form=kept["form"],
        condition=Condition(kept["condition"]),
        first=date.fromisoformat(kept["first"]),
        last=date.fromisoformat(kept["last"]),
        returns=kept["returns"],
        positions=kept["positions"],
        best=tuple(kept["best"]),
    )
