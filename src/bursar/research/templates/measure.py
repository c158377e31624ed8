"""What a template sees in one market: its signals, the confidence that follows, and who meets its conditions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bursar.domain.instruments import InstrumentKind
from bursar.domain.views import View
from bursar.errors import DataError
from bursar.quant.arrays import BoolArray, FloatArray
from bursar.research.strategies import history
from bursar.research.templates.catalogue import KINDS, Kind, Sight
from bursar.research.templates.grammar import Condition, Signal, Strength, Template
from bursar.trading.view import MarketView


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """The signals of a template over its last ``within_days`` closes, the last row of today.

    columns     place of each symbol that is looked at, in the columns of the closes
    values      (n_rows, n_symbols) by signal; of views the last row alone, NaN above
    confidence  (n_rows, n_symbols), 0 to 1; NaN where no signal has a strength
    judged      (n_symbols,) every signal that is required is known today
    since       (n_symbols,) days since it last was to be bought and then not sold: 0 for today, -1 for none
    absent      optional signals that the source has nothing of
    """

    template: Template
    columns: Mapping[str, int]
    values: Mapping[str, FloatArray]
    confidence: FloatArray
    judged: BoolArray
    since: FloatArray
    absent: tuple[str, ...]

    def value(self, symbol: str, signal: str) -> float:
        """Of today; "confidence" is that of the day on which it was to be bought."""
        column = self.columns[symbol]
        if signal == "confidence":
            return float(self.confidence[len(self.confidence) - 1 - max(int(self.since[column]), 0), column])
        return float(self.values[signal][-1, column])

    def known(self) -> list[str]:
        """Symbols that can be judged today, by the alphabet."""
        return sorted(symbol for symbol, column in self.columns.items() if self.judged[column])

    def qualifies(self, symbol: str, *, held: bool) -> bool:
        """Whether it is to be held from now on."""
        template, column = self.template, self.columns[symbol]
        if template.within_days > 1:
            conditions = [each for each in template.enter if of_today(template, each)]
            return self.since[column] >= 0 and self._met(conditions, symbol, held=held)
        if any(self._holds(each, symbol) for each in template.leave) or not self._met(
            template.enter, symbol, held=held
        ):
            return False
        return held or template.confidence_min == 0.0 or self.value(symbol, "confidence") >= template.confidence_min

    def _met(self, conditions: Sequence[Condition], symbol: str, *, held: bool) -> bool:
        return all(self._holds(each, symbol) for each in conditions if not (held and each.opening))

    def _holds(self, condition: Condition, symbol: str) -> bool:
        if condition.signal not in self.values:  # optional, and the source has nothing of it
            return True
        return condition.side.holds(self.value(symbol, condition.signal), condition.than)

    def says(self, symbol: str) -> str:
        """What was seen of a symbol, signal by signal, with what was missing."""
        said = [
            KINDS[signal.reads].says(self.value(symbol, signal.name), signal.parameters)
            for signal in self.template.signals
            if signal.name in self.values
        ]
        if math.isfinite(believed := self.value(symbol, "confidence")) and not self._says_already(symbol, believed):
            said.append(f"in all a confidence of {believed:.2f}")
        said += [f"without {name}, of which the source has nothing" for name in self.absent]
        return "; ".join(said)

    def _says_already(self, symbol: str, believed: float) -> bool:
        """Whether a signal has said the confidence: that of views, where nothing else adds to it."""
        parts = [signal for signal in self.template.signals if signal.strength and signal.name in self.values]
        if len(parts) != 1 or parts[0].reads != "belief":
            return False
        return f"{self.value(symbol, parts[0].name):.2f}" == f"{believed:.2f}"


def measure(template: Template, market: MarketView, views: Sequence[View]) -> Measured:
    """What ``template`` sees. Raises DataError where it must abstain: fields, closes or views are not there."""
    lacking = sorted(field for field in template.needs - {"views"} if not _has(market, field))
    if lacking:
        raise DataError(f"{template.name} abstains: the source has no {' and no '.join(lacking)}")
    if "views" in template.needs and not views:
        raise DataError(f"{template.name} decides on views and there is none; nothing is decided")
    absent = tuple(
        s.name for s in template.signals
        if s.optional and any(not _has(market, field) for field in KINDS[s.reads].needs - {"views"})
    )  # fmt: skip
    present = [signal for signal in template.signals if signal.name not in absent]
    deepest = max(KINDS[signal.reads].days(signal.parameters) for signal in present)
    history(template.name, market, deepest + template.within_days - 1)
    columns = {
        symbol: column
        for column, symbol in enumerate(market.closes.symbols)
        if symbol in market.instruments and market.instruments[symbol].kind is not InstrumentKind.OPTION
    }
    sight = Sight(market=market, views=views)
    values = {s.name: _last(KINDS[s.reads], s, sight, template.within_days) for s in present}
    traded = np.zeros(len(market.closes.symbols), dtype=np.bool_)
    traded[list(columns.values())] = True
    judged = traded.copy()
    for signal in present:
        if not signal.optional:
            judged &= np.isfinite(values[signal.name][-1])
    if not judged.any():
        silent = [s.name for s in present if not s.optional and not np.isfinite(values[s.name][-1][traded]).any()]
        raise DataError(f"{template.name} abstains: {' and '.join(silent) or 'all'} of no symbol can be told today")
    confidence = _confidence(present, values, traded)
    return Measured(
        template=template,
        columns=columns,
        values=values,
        confidence=confidence,
        judged=judged,
        since=_since(template, values, confidence),
        absent=absent,
    )


def _has(market: MarketView, field: str) -> bool:
    """Whether there is anything of a field. Options are instruments, and no field of the history."""
    if field == "option_quotes":
        return any(each.kind is InstrumentKind.OPTION for each in market.instruments.values())
    return field == "close" or (field not in market.lacks and field in market.facts)


def _last(kind: Kind, signal: Signal, sight: Sight, rows: int) -> FloatArray:
    """The last rows of a signal; what it does not reach back to is NaN."""
    measured = kind.measure(sight, signal.parameters)[-rows:]
    if len(measured) == rows:
        return measured
    above = np.full((rows - len(measured), measured.shape[1]), np.nan)
    return np.vstack([above, measured])


def _confidence(signals: Sequence[Signal], values: Mapping[str, FloatArray], traded: BoolArray) -> FloatArray:
    """Mean strength by weight. A required signal that is not known leaves none; an optional one is left out."""
    shape = next(iter(values.values())).shape
    total, weights = np.zeros(shape), np.zeros(shape)
    for signal in signals:
        if signal.strength is None:
            continue
        strength = _strength(signal.strength, values[signal.name], traded)
        counts = np.isfinite(strength) if signal.optional else np.ones(shape, dtype=np.bool_)
        total += np.where(counts, signal.weight * strength, 0.0)
        weights += np.where(counts, signal.weight, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: FloatArray = np.where(weights > 0.0, total / weights, np.nan)
    return found


def _strength(strength: Strength, values: FloatArray, traded: BoolArray) -> FloatArray:
    if not strength.ranked:
        found: FloatArray = np.clip((values - strength.none) / (strength.full - strength.none), 0.0, 1.0)
        return found
    ranked = np.where(traded, values, np.nan)
    known = np.isfinite(ranked)
    others = np.maximum(known.sum(axis=1, keepdims=True) - 1, 1)
    below = (ranked[:, None, :] < ranked[:, :, None]).sum(axis=2)
    alike = (ranked[:, None, :] == ranked[:, :, None]).sum(axis=2) - 1
    place = (below + 0.5 * alike) / others
    return np.where(known, np.where(known.sum(axis=1, keepdims=True) > 1, place, 0.5), np.nan)


def of_today(template: Template, condition: Condition) -> bool:
    """Whether what it asks about is known of today alone."""
    return KINDS[template.signal(condition.signal).reads].of_today


def _since(template: Template, values: Mapping[str, FloatArray], confidence: FloatArray) -> FloatArray:
    """Days since each symbol last met what can be read from the past, and did not leave since."""
    rows, symbols = confidence.shape
    enters = np.ones((rows, symbols), dtype=np.bool_)
    leaves = np.zeros((rows, symbols), dtype=np.bool_)
    for condition in (*template.enter, *template.leave):
        if condition.signal not in values or of_today(template, condition):
            continue
        holds = condition.side.among(values[condition.signal], condition.than)
        if condition in template.leave:
            leaves |= holds
        else:
            enters &= holds
    if template.confidence_min > 0.0 and template.within_days > 1:
        enters &= confidence >= template.confidence_min
    since = np.full(symbols, -1.0)
    for row in range(rows):
        since = np.where(enters[row], rows - 1 - row, np.where(leaves[row], -1.0, since))
    return since
