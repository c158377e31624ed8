"""The committee: from the analysts' views to what should be done, in five steps that can be looked at.

    1 screen           what is too small or trades too little is not opened; where nobody knows turnover or size
                       the step abstains, and says so
    2 views            a symbol needs a quorum: so many analysts that read distinct sources. Abstaining is not voting
    3 pooling          log odds of calibrated votes, weighted by out-of-sample skill (``research/skill.py``). The
                       weights are those of all seats: who is absent adds nothing, so conviction shrinks with coverage
    4 ranking          expected excess return by volatility over the same horizon, the best first
    5 diversification  in that order, unless it moves with what is taken or held already, or its sector is full

Only openings need to pass screen, ranking and diversification: a position is ended when the views say so. What
is done depends on what is held:

    pooled view    long    nothing held              short
    bullish        hold    buy, if it passes         cover
    bearish        sell    short, if shorts are      hold
                           allowed and it passes
    none           hold    hold                      hold

Confidence is the pooled probability that the direction is right, in percent: about 50 is a coin, and 0 means that
there was no quorum. How many shares is for sizing, the limits and the gate to say, never for analysts.

Source: Genest and Zidek (1986), "Combining Probability Distributions", Statistical Science 1, for the pool.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bursar.domain.committee import Action, Step
from bursar.domain.views import Abstention, View
from bursar.errors import DataError, InputError
from bursar.ports import History
from bursar.quant.arrays import FloatArray
from bursar.quant.calibration import PlattMap
from bursar.quant.performance import PERIODS_PER_YEAR
from bursar.research.analysts.scoring import Volatilities
from bursar.research.features import simple_returns
from bursar.research.minutes import Minutes, Verdict, Voice
from bursar.research.skill import Standing, calibrated, log_odds, standings
from bursar.trading.view import MarketView

CORRELATION_DAYS = 126
TURNOVER_DAYS = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A place at the table. reads: the sources of its own; empty for one that reads only what others have read."""

    analyst: str
    reads: frozenset[str]


#: The house's analysts and what they read.
SEATS = (
    Seat(analyst="technical", reads=frozenset({"prices"})),
    Seat(analyst="fundamentals", reads=frozenset({"statements"})),
    Seat(analyst="valuation", reads=frozenset({"statements", "market value"})),
    Seat(analyst="warren_buffett", reads=frozenset({"statements", "market value"})),
    Seat(analyst="sentiment", reads=frozenset({"news"})),
    Seat(analyst="dissenter", reads=frozenset()),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a committee decides.

    horizon_days          to which expected returns are brought
    quorum                analysts with distinct sources that a verdict needs
    probability_min       pooled probability of a direction from which something is done
    turnover_min          median traded value a day, in the instrument's currency
    market_value_min      of all shares
    positions_max         positions, those held among them
    sector_positions_max  of them in one sector
    correlation_max       of daily returns with any other position, in the direction of both
    shorts                whether short positions may be opened
    """

    horizon_days: int = 21
    quorum: int = 3
    probability_min: float = 0.53
    turnover_min: float = 5e6
    market_value_min: float = 1e9
    positions_max: int = 10
    sector_positions_max: int = 4
    correlation_max: float = 0.85
    shorts: bool = False

    def __post_init__(self) -> None:
        for name in ("horizon_days", "quorum", "positions_max", "sector_positions_max"):
            value: int = getattr(self, name)
            if value < 1:
                raise InputError(f"{name} is {value}; give at least 1")
        if not 0.5 <= self.probability_min < 1.0:
            raise InputError(f"probability_min is {self.probability_min}; give 0.5 to less than 1")
        if not 0.0 < self.correlation_max <= 1.0:
            raise InputError(f"correlation_max is {self.correlation_max}; give more than 0 and at most 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """What lies on the table besides the views.

    positions      signed, by symbol, in any unit: only the sign is read
    standings      of the analysts, from their settled votes; empty makes them equal
    calibrations   of their confidence, where enough is settled
    turnover       median traded value a day by symbol, or None where the source has no volume
    market_value   of all shares by symbol, or None where nobody knows
    """

    positions: Mapping[str, float] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    calibrations: Mapping[str, PlattMap] = field(default_factory=dict)
    turnover: Mapping[str, float] | None = None
    market_value: Mapping[str, float] | None = None


def meet(
    market: MarketView,
    opinions: Iterable[View | Abstention],
    papers: Papers,
    rules: Rules,
    seats: Sequence[Seat] = SEATS,
) -> Minutes:
    """Hold a meeting. Pure: equal arguments give equal minutes.

    A later opinion of the same analyst on the same symbol replaces an earlier one; opinions without a seat are
    not heard, and named. Raises InputError for a view that could not be known yet.
    """
    names = [seat.analyst for seat in seats]
    weights = papers.standings or standings((), names)
    missing = [name for name in names if name not in weights]
    if missing:
        raise InputError(f"there is no standing of {', '.join(missing)}; score all seats together")
    heard, strangers = _heard(market, opinions, names)
    symbols = tuple(sorted(market.instruments))
    screen = _screen(symbols, papers, rules)
    drafts = [_draft(symbol, heard, seats, weights, papers, rules) for symbol in symbols]
    quorate = [draft for draft in drafts if draft.sources >= rules.quorum]
    views = Step(
        name="Views",
        summary=f"{len(quorate)} of {len(drafts)} symbols have {rules.quorum} distinct sources"
        + (f"; without a seat: {', '.join(strangers)}" if strangers else ""),
        kept=tuple(draft.symbol for draft in quorate),
        dropped={
            draft.symbol: f"{draft.sources} of {rules.quorum} distinct sources"
            for draft in drafts
            if draft.sources < rules.quorum
        },
    )
    undecided = {draft.symbol: why for draft in quorate if (why := _undecided(draft, rules))}
    pooled = [draft for draft in quorate if draft.symbol not in undecided]
    pooling = Step(
        name="Pooling",
        summary=f"{len(pooled)} of {len(quorate)} lean one way by {rules.probability_min:.0%} or more",
        kept=tuple(draft.symbol for draft in pooled),
        dropped=undecided,
    )
    ranking, order = _rank(pooled, screen, market, papers, rules)
    spread = _diversify(order, pooled, market, papers, rules)
    steps = (screen, views, pooling, ranking, spread)
    return Minutes(at=market.at, steps=steps, verdicts=tuple(_verdict(draft, steps, papers) for draft in drafts))


def turnover(history: History, symbols: Sequence[str], market: MarketView) -> dict[str, float] | None:
    """Median traded value a day of the last quarter, or None where the source lacks volume or raw closes.

    NaN where a symbol has too many gaps: less than half of the days.
    """
    if history.lacks() & {"volume", "raw_close"}:
        return None
    closes = history.asof(symbols, "raw_close", market.at, TURNOVER_DAYS).values
    traded = closes * history.asof(symbols, "volume", market.at, TURNOVER_DAYS).values
    known = np.isfinite(traded)
    return {
        symbol: float(np.median(traded[known[:, i], i])) if 2 * known[:, i].sum() > TURNOVER_DAYS else math.nan
        for i, symbol in enumerate(symbols)
    }


# ---------------------------------------------------------------- the steps


def _screen(symbols: Sequence[str], papers: Papers, rules: Rules) -> Step:
    dropped: dict[str, str] = {}
    said = []
    for what, known, least in (
        ("turnover", papers.turnover, rules.turnover_min),
        ("market value", papers.market_value, rules.market_value_min),
    ):
        if known is None:
            said.append(f"abstains from {what}, which the sources lack")
            continue
        said.append(f"{what} of at least {least / 1e6:,.0f} million")
        for symbol in symbols:
            value = known.get(symbol, math.nan)
            if not value >= least:
                told = "not known" if math.isnan(value) else f"{value / 1e6:,.1f} million"
                dropped.setdefault(symbol, f"its {what} is {told}")
    kept = tuple(symbol for symbol in symbols if symbol not in dropped)
    return Step(name="Screen", summary="; ".join(said), kept=kept, dropped=dropped)


def _draft(
    symbol: str,
    heard: Mapping[tuple[str, str], View | Abstention],
    seats: Sequence[Seat],
    weights: Mapping[str, Standing],
    papers: Papers,
    rules: Rules,
) -> Verdict:
    """A verdict on which nothing has been decided yet: the voices and what they come to."""
    voices = tuple(
        _voice(seat.analyst, heard.get((seat.analyst, symbol)), weights[seat.analyst].weight, papers) for seat in seats
    )
    voting = [(voice, voice.said) for voice in voices if isinstance(voice.said, View)]
    present = {voice.analyst for voice, _ in voting}
    sources = distinct_sources([seat.reads for seat in seats if seat.analyst in present])
    odds = math.fsum(voice.weight * log_odds(voice.probability) for voice, _ in voting)
    expected = math.fsum(
        voice.weight * view.expected_excess_return * rules.horizon_days / view.horizon_days for voice, view in voting
    )
    quorate = sources >= rules.quorum
    probability = 1.0 / (1.0 + math.exp(-odds)) if quorate else 0.5
    return Verdict(
        symbol=symbol,
        action=Action.HOLD,
        confidence=round(100.0 * max(probability, 1.0 - probability)) if quorate else 0,
        probability=probability,
        expected_excess_return=expected if quorate else 0.0,
        coverage=math.fsum(voice.weight for voice, _ in voting),
        sources=sources,
        reason="",
        voices=voices,
    )


def _voice(analyst: str, said: View | Abstention | None, weight: float, papers: Papers) -> Voice:
    curve = papers.calibrations.get(analyst)
    probability = math.nan
    if isinstance(said, View):
        sure = calibrated(said.confidence, curve) if said.expected_excess_return else 0.5
        probability = sure if said.expected_excess_return > 0.0 else 1.0 - sure
    return Voice(analyst=analyst, weight=weight, probability=probability, calibrated=curve is not None, said=said)


def distinct_sources(reads: Sequence[frozenset[str]]) -> int:
    """How many of these analysts can each be given a source of its own that it reads: the largest matching."""
    holder: dict[str, int] = {}

    def seat(analyst: int, tried: set[str]) -> bool:
        for source in sorted(reads[analyst]):
            if source in tried:
                continue
            tried.add(source)
            if source not in holder or seat(holder[source], tried):
                holder[source] = analyst
                return True
        return False

    return sum(seat(analyst, set()) for analyst in range(len(reads)))


def _undecided(draft: Verdict, rules: Rules) -> str:
    """Why a pooled view is none; empty where it is one."""
    leaning = max(draft.probability, 1.0 - draft.probability)
    if leaning < rules.probability_min or not draft.direction:
        return f"too close to call at {leaning:.1%}"
    if draft.expected_excess_return * draft.direction <= 0.0:
        return "how often and how much point apart"
    return ""


def _rank(
    pooled: Sequence[Verdict], screen: Step, market: MarketView, papers: Papers, rules: Rules
) -> tuple[Step, tuple[Verdict, ...]]:
    dropped: dict[str, str] = {}
    ratios: dict[str, float] = {}
    swings = Volatilities.of(market)
    for draft in pooled:
        held = papers.positions.get(draft.symbol, 0.0)
        if held:
            continue
        if draft.symbol in screen.dropped:
            dropped[draft.symbol] = f"screened out: {screen.dropped[draft.symbol]}"
        elif draft.direction < 0 and not rules.shorts:
            dropped[draft.symbol] = "short positions are not allowed"
        else:
            try:
                swing = swings[draft.symbol] * math.sqrt(rules.horizon_days / PERIODS_PER_YEAR)
                ratios[draft.symbol] = abs(draft.expected_excess_return) / swing
            except DataError as error:
                dropped[draft.symbol] = f"its risk cannot be told: {error}"
    order = tuple(
        sorted(
            (draft for draft in pooled if draft.symbol in ratios),
            key=lambda draft: (-ratios[draft.symbol], draft.symbol),
        )
    )
    listed = ", ".join(f"{draft.symbol} {ratios[draft.symbol]:.3f}" for draft in order)
    summary = f"expected return by volatility: {listed}" if order else "nothing to open"
    return Step(name="Ranking", summary=summary, kept=tuple(d.symbol for d in order), dropped=dropped), order


def _diversify(
    order: Sequence[Verdict], pooled: Sequence[Verdict], market: MarketView, papers: Papers, rules: Rules
) -> Step:
    ending = {d.symbol for d in pooled if d.direction * papers.positions.get(d.symbol, 0.0) < 0.0}
    taken = {
        symbol: 1 if quantity > 0.0 else -1
        for symbol, quantity in sorted(papers.positions.items())
        if quantity and symbol not in ending
    }
    kept: list[str] = []
    dropped: dict[str, str] = {}
    for draft in order:
        why = _too_alike(draft, taken, market, rules)
        if why:
            dropped[draft.symbol] = why
        else:
            taken[draft.symbol] = draft.direction
            kept.append(draft.symbol)
    summary = (
        f"{len(kept)} of {len(order)} openings fit beside {len(taken) - len(kept)} positions that stay, at most "
        f"{rules.positions_max} in all and {rules.sector_positions_max} in a sector"
    )
    return Step(name="Diversification", summary=summary, kept=tuple(kept), dropped=dropped)


def _too_alike(draft: Verdict, taken: Mapping[str, int], market: MarketView, rules: Rules) -> str:
    """Why it does not fit beside what is taken; empty where it does."""
    if len(taken) >= rules.positions_max:
        return f"{rules.positions_max} positions are all that may be held"
    sector = market.instruments[draft.symbol].sector
    fellows = [other for other in taken if other in market.instruments and market.instruments[other].sector == sector]
    if len(fellows) >= rules.sector_positions_max:
        return f"{sector} has {len(fellows)} positions already"
    for other, direction in taken.items():
        together = _correlation(draft.symbol, other, market) * direction * draft.direction
        if together > rules.correlation_max:
            return f"it moves with {other}: their correlation is {together:.2f}"
    return ""


def _correlation(one: str, other: str, market: MarketView) -> float:
    """Of daily returns on days that both have; 0 where there are too few to tell."""
    closes = market.closes
    if one not in closes.symbols or other not in closes.symbols:
        return 0.0
    prices = np.column_stack([closes.column(one), closes.column(other)])[-CORRELATION_DAYS - 1 :]
    returns = simple_returns(prices)
    whole: FloatArray = returns[np.isfinite(returns).all(axis=1)]
    if len(whole) < CORRELATION_DAYS / 2 or not (whole.std(axis=0) > 0.0).all():
        return 0.0
    return float(np.corrcoef(whole[:, 0], whole[:, 1])[0, 1])


def _verdict(draft: Verdict, steps: Sequence[Step], papers: Papers) -> Verdict:
    """The draft with what is to be done."""
    _, views, pooling, _, spread = steps
    held = papers.positions.get(draft.symbol, 0.0)
    way = "bullish" if draft.direction > 0 else "bearish"
    if draft.symbol not in pooling.kept:
        action, reason = Action.HOLD, views.dropped.get(draft.symbol) or pooling.dropped[draft.symbol]
    elif held * draft.direction > 0.0:
        action, reason = Action.HOLD, f"{way}, and held that way already"
    elif held:
        action, reason = (
            (Action.SELL, f"{way}, and held long") if held > 0.0 else (Action.COVER, f"{way}, and held short")
        )
    elif draft.symbol in spread.kept:
        action, reason = (Action.BUY, way) if draft.direction > 0 else (Action.SHORT, way)
    else:
        why = next(step.dropped[draft.symbol] for step in reversed(steps) if draft.symbol in step.dropped)
        action, reason = Action.HOLD, f"{way}, but not opened: {why}"
    return replace(draft, action=action, reason=reason)


def _heard(
    market: MarketView, opinions: Iterable[View | Abstention], names: Sequence[str]
) -> tuple[dict[tuple[str, str], View | Abstention], list[str]]:
    """The last opinion of each analyst on each symbol, and who spoke without a seat."""
    heard: dict[tuple[str, str], View | Abstention] = {}
    strangers: set[str] = set()
    for said in opinions:
        if isinstance(said, View) and said.known_at > market.at:
            raise InputError(f"{said.analyst} on {said.symbol} is known at {said.known_at}, after {market.at}")
        if said.analyst in names:
            heard[said.analyst, said.symbol] = said
        else:
            strangers.add(said.analyst)
    return heard, sorted(strangers)
