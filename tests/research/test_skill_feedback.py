"""What was settled is fed back: a committee that learns whom to believe is right more often than one that does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from bursar.domain.instruments import Instrument
from bursar.domain.sessions import Session
from bursar.domain.views import Evidence, View
from bursar.ports import Panel
from bursar.quant.arrays import FloatArray
from bursar.quant.calibration import brier_score
from bursar.research.committee import Papers, Rules, Seat, meet
from bursar.research.skill import Standing, calibrations, scorecards, settle, standings
from bursar.trading.view import MarketView

SYMBOLS = tuple(f"S{i}" for i in range(8))
DATES = np.arange("2020-01-01", "2022-01-01", dtype="datetime64[D]")
#: How often each is right about the next day, all of them saying 65 %.
PLANTED = {"good": 0.62, "idle": 0.50, "lazy": 0.50}
SEATS = (
    *(Seat(analyst=name, reads=frozenset({name})) for name in PLANTED),
    Seat(analyst="copy of lazy", reads=frozenset({"a fourth"})),
)
NAMES = [seat.analyst for seat in SEATS]
LEARNED = 400


def world(seed: int) -> tuple[Panel, list[list[View]]]:
    """Closes, and the views of each day on the next one."""
    chance = np.random.default_rng(seed)
    steps = chance.choice([-0.01, 0.01], (len(DATES), len(SYMBOLS)))
    prices: FloatArray = np.asarray(100.0 * np.cumprod(1.0 + steps, axis=0), dtype=np.float64)
    closes = Panel(DATES, SYMBOLS, prices)
    views = []
    for day in range(1, len(DATES)):
        at = datetime.combine(DATES[day].item(), datetime.min.time(), UTC).replace(hour=14)
        formed = []
        for i, symbol in enumerate(SYMBOLS):
            right = {name: bool(chance.random() < often) for name, often in PLANTED.items()}
            right["copy of lazy"] = right["lazy"]
            formed += [
                View(
                    view_id=f"v-{name}-{symbol}-{day}",
                    analyst=name,
                    symbol=symbol,
                    horizon_days=1,
                    expected_excess_return=float(np.sign(steps[day, i])) * (0.005 if hit else -0.005),
                    confidence=0.65,
                    evidence=(Evidence(statement="planted", source="a test"),),
                    known_at=at,
                )
                for name, hit in right.items()
            ]
        views.append(formed)
    return closes, views


def market(closes: Panel, day: int) -> MarketView:
    at = datetime.combine(closes.dates[day].item(), datetime.min.time(), UTC).replace(hour=15)
    return MarketView(
        at=at,
        instruments={symbol: Instrument(symbol=symbol) for symbol in closes.symbols},
        quotes={},
        closes=Panel(closes.dates[:day], closes.symbols, closes.values[:day]),
        session=Session(day=at.date(), open=at, close=at.replace(hour=21)),
    )


def judged(closes: Panel, views: Sequence[Sequence[View]], papers: Papers) -> tuple[list[float], list[float]]:
    """Pooled probabilities of a rise on the days after learning, and what came."""
    said, came = [], []
    for day in range(LEARNED + 1, len(DATES), 3):
        minutes = meet(market(closes, day), views[day - 1], papers, Rules(), SEATS)
        rose = closes.values[day] > closes.values[day - 1]
        said += [verdict.probability for verdict in minutes.verdicts]
        came += [float(rose[closes.symbols.index(verdict.symbol)]) for verdict in minutes.verdicts]
    return said, came


def hits(said: Sequence[float], came: Sequence[float]) -> float:
    return float(np.mean([(p > 0.5) == (c > 0.5) for p, c in zip(said, came, strict=True)]))


def learned(closes: Panel, views: Sequence[Sequence[View]]) -> tuple[Mapping[str, Standing], Papers]:
    known = Panel(closes.dates[:LEARNED], closes.symbols, closes.values[:LEARNED])
    votes = settle([view for day in views for view in day], known)
    assert max(np.datetime64(vote.day) for vote in votes) < DATES[LEARNED]
    found = standings(votes, NAMES)
    return found, Papers(standings=found, calibrations=calibrations(votes))


def test_a_committee_that_learns_beats_one_that_does_not() -> None:
    closes, views = world(1)
    found, papers = learned(closes, views)
    equal, wiser = judged(closes, views, Papers()), judged(closes, views, papers)
    assert found["good"].weight > 0.6
    assert hits(*wiser) > hits(*equal) + 0.03
    # Who says 65 % where it is a coin is corrected, and the pooled probabilities are nearer to what comes.
    assert brier_score(*wiser) < brier_score(*equal) < 0.26
    assert brier_score(*wiser) < 0.25


def test_the_scorecards_say_what_was_planted() -> None:
    closes, views = world(2)
    cards = scorecards(settle([view for day in views for view in day], closes))
    for name, often in PLANTED.items():
        # About 730 days of 8 symbols: four errors are 0.026.
        assert abs(cards[name].hit_rate - often) < 0.026
    assert cards["good"].rank_ic > 0.1 > abs(cards["idle"].rank_ic)
    assert cards["good"].brier < cards["idle"].brier


def test_returns_after_the_learning_change_no_weight() -> None:
    closes, views = world(3)
    other = replace(closes, values=np.vstack([closes.values[:LEARNED], closes.values[LEARNED:][::-1] * 3.0]))
    assert learned(closes, views)[0] == learned(other, views)[0]


def test_a_copy_moves_the_committee_no_further_than_its_original() -> None:
    closes, views = world(4)
    found, _ = learned(closes, views)
    alone = standings(
        settle([view for day in views[: LEARNED - 1] for view in day if view.analyst != "copy of lazy"], closes),
        [name for name in NAMES if name != "copy of lazy"],
    )
    assert found["lazy"].weight == found["copy of lazy"].weight
    assert found["lazy"].uniqueness < 0.52
    # Without skill it has little; with its copy it has no more.
    assert found["lazy"].weight + found["copy of lazy"].weight < alone["lazy"].weight + 0.05
