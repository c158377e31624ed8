"""A template in words: what a person reads before trusting money to it."""

from __future__ import annotations

from collections.abc import Iterator

from bursar.research.templates.catalogue import KINDS
from bursar.research.templates.grammar import Condition, Form, Side, SizedBy, Template, Trades

SIDES = {Side.ABOVE: "above", Side.AT_LEAST: "at least", Side.BELOW: "below", Side.AT_MOST: "at most"}

OVER_EARNINGS = "It means to hold over earnings: the gate lets it open just before a report."


def words(template: Template) -> tuple[str, ...]:
    """One sentence a line: what it looks at, when it buys and sells, how much, how many, and how often."""
    return tuple(_sentences(template))


def _sentences(t: Template) -> Iterator[str]:
    match t.form:
        case Form.EVERYTHING:
            yield "It holds every symbol that has a price, in equal parts, and knows nothing else."
        case Form.BOOKS:
            yield (
                "It holds the mean of five portfolios of all symbols: equal weight, inverse volatility, least variance "
                "with at most 10 % each, the best Sharpe ratio of the past year, and the five strongest of a year."
            )
        case Form.PAIRS:
            yield from _pairs(t)
        case Form.SELECT:
            yield from _select(t)
    yield from _size(t)
    if t.over_earnings:
        yield OVER_EARNINGS
    yield f"It decides {t.rhythm.value}; a position is meant for {t.horizon_days} trading days."
    if t.baseline:
        yield "It is a baseline: nothing is promised of it, and what promises something is held against it."


def _select(t: Template) -> Iterator[str]:
    for signal in t.signals:
        kind = KINDS[signal.reads]
        lacking = "; where the source has none of it, it goes on without and says so" if signal.optional else ""
        yield f"{signal.name}: {kind.words(signal.parameters)}{lacking}."
    if t.enter:
        when = "at the last close" if t.within_days == 1 else f"at one of the last {t.within_days} closes"
        yield f"It buys where, {when}, {_joined(t.enter, t, ' and ')}."
    if t.confidence_min > 0.0:
        parts = ", ".join(f"{s.name} ({s.weight:g})" for s in t.signals if s.strength)
        yield f"Confidence, 0 to 1, is the mean strength of {parts}; nothing is opened below {t.confidence_min:g}."
    if t.leave:
        yield f"It sells where {_joined(t.leave, t, ' or ')}."
    if t.rank is not None:
        stay = f"; what is held stays among {t.rank.stay_among:g} times as many" if t.rank.stay_among > 1.0 else ""
        yield f"The {'highest' if t.rank.highest else 'lowest'} {t.rank.by} comes first{stay}."
    if t.trades is not Trades.SHARES:
        yield (
            f"It buys {t.trades.value} that end in {t.expiries.days_min} to {t.expiries.days_max} days, at the strike "
            "nearest to the price."
        )


def _joined(conditions: tuple[Condition, ...], t: Template, word: str) -> str:
    said = []
    for each in conditions:
        shown = KINDS[t.signal(each.signal).reads].shown.format(each.than).lstrip("+")
        opening = " (to open)" if each.opening else ""
        said.append(f"{each.signal} is {SIDES[each.side]} {shown}{opening}")
    return word.join(said)


def _pairs(t: Template) -> Iterator[str]:
    terms = t.pairs
    assert terms is not None, "a template of pairs has terms of pairs"
    yield (
        f"Of the symbols of each sector it takes the pairs that moved together over {terms.formation_days} closes "
        f"(Engle and Granger, 5 %), and that lose half of a distance within {terms.half_life_max:g} days."
    )
    yield (
        f"It opens a pair {terms.enter:g} deviations apart, closes it at {terms.leave:g}, and gives it up at "
        f"{terms.broken:g}."
    )
    if not terms.shorts:
        yield "Only the cheap one is bought: no account of ours sells short by itself."


def _size(t: Template) -> Iterator[str]:
    size = t.size
    if t.form in (Form.EVERYTHING, Form.BOOKS):
        pass
    elif size.by is SizedBy.RISK and t.trades is not Trades.SHARES:
        yield f"At most {size.positions} positions, each for {size.risk:.1%} of equity, which is all that it can lose."
    elif size.by is SizedBy.RISK:
        yield (
            f"At most {size.positions} positions, each so large that a move of {size.deviations:g} deviations over the "
            f"horizon costs {size.risk:.1%} of equity."
        )
    elif size.by is SizedBy.EQUAL:
        yield f"At most {size.positions} positions, each one part of {size.positions}."
    else:
        yield f"At most {size.positions} positions, the calmer the larger."
    if size.volatility_target is not None:
        yield f"All of it is scaled down to swing {size.volatility_target:.0%} a year, and the rest is cash."
