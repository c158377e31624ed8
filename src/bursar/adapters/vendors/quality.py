"""Quality: what is wrong, or asks for an explanation, in daily prices before anything is decided on them.

An *error* cannot be: a price below zero, a low above its high, two rows for one day, a row on a Sunday. A *question*
can be, and should be looked at once: a jump that looks like a split nobody told us of, a print that came back the next
day, a price that stood still, missing sessions, a ticker that another company seems to have had before.

What is unusual is measured against the symbol's own movement (the median size of its returns in the quarter before
and after, or in the fortnight, where that is wilder), so that a wild share is not accused of living. Closes alone
cannot tell a split from a fall of the same size; with volume they are told apart, since money rushes in on a fall and
does not on a split. So without volume a third off is taken for news, and a half is asked about.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from bursar.errors import InputError
from bursar.quant.arrays import BoolArray, FloatArray

Days = NDArray[np.datetime64]

#: New shares for old ones, as splits come; also upside down.
RATIOS = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0)
#: Pence for pounds, cents for dollars, thousands.
UNITS = (100.0, 1000.0)
#: A jump is one when it is so many times the usual size of a return.
JUMP = 8.0
#: How far from a ratio a jump may lie, in usual returns and at least.
NEAR, NEAR_LEAST = 2.0, 0.03
#: No news moves a price by such a factor overnight: near enough is then a quarter, and volume is not asked.
BEYOND_NEWS, NEAR_BEYOND = 3.5, 0.25
#: The smallest ratio that is asked about without volume.
RATIO_BLIND = 2.0
#: Trading for more than so many usual days' money is no split.
RUSH = 3.0
#: Days without a session after which a ticker may have changed hands.
ABSENT_DAYS = 20
#: How unlikely a run of equal closes must be by chance.
STALE_CHANCE = 1e-6
STALE_RUN_LEAST = 4
#: Returns on either side that tell what is usual, for long and for short, and the least a share is taken to move.
AROUND, AROUND_SHORT, USUAL_LEAST = 63, 10, 0.003


class Trouble(StrEnum):
    """What may be the matter."""

    NOT_POSITIVE = "not positive"
    CROSSED = "crossed"
    DUPLICATE = "duplicate"
    NO_SESSION = "no session"
    GAP = "gap"
    STALE = "stale"
    SPIKE = "spike"
    SPLIT = "split"
    UNITS = "units"
    REUSE = "ticker reuse"
    CONTRADICTION = "contradiction"


#: What cannot be true however the market moved.
ERRORS = frozenset({Trouble.NOT_POSITIVE, Trouble.CROSSED, Trouble.DUPLICATE, Trouble.NO_SESSION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found in one symbol, from ``first`` to ``last``; ``measured`` is what the message speaks of."""

    symbol: str
    trouble: Trouble
    first: date
    last: date
    measured: float
    message: str

    @property
    def error(self) -> bool:
        """True for what cannot be, False for what asks for an explanation."""
        return self.trouble in ERRORS


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What was looked at and what was found, by symbol and day."""

    symbols: int
    rows: int
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.error)

    def summary(self) -> str:
        """One line for people."""
        questions = len(self.findings) - len(self.errors)
        return f"{self.symbols} symbols, {self.rows:,} rows: {len(self.errors)} errors, {questions} questions"

    def as_json(self) -> str:
        """Everything, for a file or a program."""
        told = [
            {
                "symbol": each.symbol,
                "trouble": each.trouble.value,
                "error": each.error,
                "first": each.first.isoformat(),
                "last": each.last.isoformat(),
                "measured": each.measured if math.isfinite(each.measured) else None,
                "message": each.message,
            }
            for each in self.findings
        ]
        return json.dumps({"symbols": self.symbols, "rows": self.rows, "findings": told}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Quality:
        """What ``as_json`` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        told = json.loads(text)
        findings = tuple(
            Finding(
                symbol=each["symbol"],
                trouble=Trouble(each["trouble"]),
                first=date.fromisoformat(each["first"]),
                last=date.fromisoformat(each["last"]),
                measured=math.nan if each["measured"] is None else float(each["measured"]),
                message=each["message"],
            )
            for each in told["findings"]
        )
        return cls(symbols=int(told["symbols"]), rows=int(told["rows"]), findings=findings)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """Daily prices of one symbol, (n_days,) each, oldest first; what the source lacks is None.

    splits  new shares for each old one by ex-date, where they are known: they explain their jumps
    """

    symbol: str
    days: Days
    close: FloatArray
    open: FloatArray | None = None
    high: FloatArray | None = None
    low: FloatArray | None = None
    volume: FloatArray | None = None
    splits: Mapping[date, float] | None = None

    def __post_init__(self) -> None:
        for name in ("close", "open", "high", "low", "volume"):
            values: FloatArray | None = getattr(self, name)
            if values is not None and values.shape != self.days.shape:
                raise InputError(f"{self.symbol}: {len(values)} values of {name} for {len(self.days)} days")
        if np.any(np.diff(self.days) <= np.timedelta64(0)):
            raise InputError(f"{self.symbol}: days must rise, one row a day")


def inspect(series: Iterable[Series], sessions: Collection[date]) -> Quality:
    """Look at every series; ``sessions`` are the days on which the exchange was open."""
    open_days = np.array(sorted(sessions), dtype="datetime64[D]")
    findings: list[Finding] = []
    symbols = rows = 0
    for each in series:
        symbols, rows = symbols + 1, rows + len(each.days)
        findings += inspect_one(each, open_days)
    return Quality(symbols=symbols, rows=rows, findings=tuple(findings))


def inspect_one(series: Series, sessions: Days) -> list[Finding]:
    """What is found in one series, by first day. ``sessions`` rise, datetime64[D]."""
    found = [*_not_positive(series), *_crossed(series)]
    priced = series.close > 0.0
    clean = _part(series, priced)
    if len(clean.days) >= 2:
        # A day whose price cannot be is an error already, and no gap as well.
        absent = _absent(clean.days, sessions := np.setdiff1d(sessions, series.days[~priced]))
        found += [*_gaps(clean, sessions, absent), *_stale(clean), *_jumps(clean, absent)]
    return sorted(found, key=lambda finding: (finding.first, finding.trouble))


def _part(series: Series, chosen: BoolArray) -> Series:
    def part(values: FloatArray | None) -> FloatArray | None:
        return None if values is None else values[chosen]

    return Series(
        symbol=series.symbol,
        days=series.days[chosen],
        close=series.close[chosen],
        open=part(series.open),
        high=part(series.high),
        low=part(series.low),
        volume=part(series.volume),
        splits=series.splits,
    )


# ---------------------------------------------------------------- what cannot be


def _not_positive(series: Series) -> list[Finding]:
    found = []
    for name in ("open", "high", "low", "close"):
        values: FloatArray | None = getattr(series, name)
        if values is not None:
            found += [
                _finding(series, Trouble.NOT_POSITIVE, row, row, values[row], f"{name} is {values[row]:g}")
                for row in np.flatnonzero(values <= 0.0).tolist()
            ]
    return found


def _crossed(series: Series) -> list[Finding]:
    if series.open is None or series.high is None or series.low is None:
        return []
    # A hundred-thousandth is what rounding to cents and adjusting may leave.
    high, low = series.high * (1.0 + 1e-5), series.low * (1.0 - 1e-5)
    wrong = (series.low > high) | (np.maximum(series.open, series.close) > high)
    wrong |= np.minimum(series.open, series.close) < low
    return [
        _finding(
            series, Trouble.CROSSED, row, row, series.high[row] - series.low[row],
            f"low {series.low[row]:g} and high {series.high[row]:g} do not hold open {series.open[row]:g} "
            f"and close {series.close[row]:g}",
        )
        for row in np.flatnonzero(wrong).tolist()
    ]  # fmt: skip


# ---------------------------------------------------------------- what is missing


def _absent(days: Days, sessions: Days) -> NDArray[np.int64]:
    """Sessions without a row between each day and the one before, (n_days,)."""
    places = np.searchsorted(sessions, days)
    return np.diff(places, prepend=places[0] - 1) - 1


def _gaps(series: Series, sessions: Days, absent: NDArray[np.int64]) -> list[Finding]:
    found = []
    for row in np.flatnonzero(absent > 0).tolist():
        missing = int(absent[row])
        last = int(np.searchsorted(sessions, series.days[row])) - 1
        first, until = sessions[last - missing + 1].item(), sessions[last].item()
        reused = _reused(series, row) if missing >= ABSENT_DAYS else ""
        trouble = Trouble.REUSE if reused else Trouble.GAP
        said = f"{missing} session{'s' if missing > 1 else ''} without a close"
        found.append(
            Finding(
                symbol=series.symbol, trouble=trouble, first=first, last=until, measured=float(missing),
                message=f"{said}; {reused}" if reused else said,
            )
        )  # fmt: skip
    return found


def _reused(series: Series, row: int) -> str:
    """Why the rows from ``row`` on seem to be of another company; empty where they do not."""
    price = series.close[row] / series.close[row - 1]
    if not 1.0 / 3.0 <= price <= 3.0:
        return f"the price came back {price:.3g} times as high: another company's, perhaps"
    if series.volume is not None:
        before, after = series.volume[max(row - AROUND, 0) : row], series.volume[row : row + AROUND]
        usual, now = float(np.median(before)), float(np.median(after))
        if usual > 0.0 and not 1.0 / 20.0 <= now / usual <= 20.0:
            return f"the volume came back {now / usual:.3g} times as high: another company's, perhaps"
    return ""


def _stale(series: Series) -> list[Finding]:
    """Runs of equal closes that are too long for how often this price stands still."""
    still = np.diff(series.close, prepend=np.nan) == 0.0
    if series.volume is not None:
        still &= np.diff(series.volume, prepend=np.nan) == 0.0
    found = []
    for first, last in _runs(still):
        run = last - first + 1
        around = np.concatenate([still[max(first - 4 * AROUND, 0) : first], still[last + 1 : last + 4 * AROUND]])
        usual = (float(around.sum()) + 1.0) / (len(around) + 2.0)
        if run >= STALE_RUN_LEAST and usual**run < STALE_CHANCE:
            found.append(
                _finding(
                    series, Trouble.STALE, first - 1, last, float(run + 1),
                    f"{run + 1} equal closes of {series.close[last]:g}",
                )
            )  # fmt: skip
    return found


def _runs(true: BoolArray) -> list[tuple[int, int]]:
    """First and last place of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]]).astype(np.int8)))
    return [(int(start), int(end) - 1) for start, end in zip(edges[::2], edges[1::2], strict=True)]


# ---------------------------------------------------------------- what jumped


def _jumps(series: Series, absent: NDArray[np.int64]) -> list[Finding]:
    closes = np.log(series.close)
    returns = np.diff(closes, prepend=closes[0])
    usual = np.maximum(usual_return(returns), _step(series.close))
    found = []
    row = 1
    while row < len(returns):
        # Across a long absence a price may have gone anywhere.
        if abs(returns[row]) > JUMP * usual[row] and absent[row] < ABSENT_DAYS:
            finding = _spike(series, closes, usual, row) or _ratio(series, closes, usual, row)
            if finding is not None:
                found.append(finding)
                row += finding.trouble is Trouble.SPIKE  # the way back is the same spike
        row += 1
    return found


def usual_return(returns: FloatArray) -> FloatArray:
    """The size of return that is usual around each day, as a standard deviation, (n_days,).

    The median size of the quarter before and after, or of the fortnight where that is greater, times 1.4826, which
    makes it a standard deviation for normal returns.
    """
    sizes = np.abs(returns)
    usual = np.maximum(_median(sizes, AROUND), _median(sizes, AROUND_SHORT))
    deviation: FloatArray = np.maximum(1.4826 * usual, USUAL_LEAST)
    return deviation


def _step(close: FloatArray) -> FloatArray:
    """The smallest change around each day as a part of the price: a share of ten cents moves by ten percent."""
    changes = np.abs(np.diff(close, prepend=close[0]))
    changes[changes == 0.0] = np.inf
    around = min(AROUND, len(close) - 1)
    least = sliding_window_view(np.pad(changes, around, mode="reflect"), 2 * around + 1).min(axis=1)
    return np.where(np.isfinite(least), least / close, 0.0)


def _median(sizes: FloatArray, around: int) -> FloatArray:
    """Median of each value with so many neighbors on either side; at the ends the series is mirrored."""
    around = min(around, len(sizes) - 1)
    windows = sliding_window_view(np.pad(sizes, around, mode="reflect"), 2 * around + 1)
    return np.asarray(np.median(windows, axis=1), dtype=np.float64)


def _spike(series: Series, closes: FloatArray, usual: FloatArray, row: int) -> Finding | None:
    """One close that leaps away and is back the day after."""
    if row + 1 >= len(closes):
        return None
    away, left = closes[row] - closes[row - 1], closes[row + 1] - closes[row - 1]
    if abs(left) > NEAR * usual[row] or abs(left) > 0.2 * abs(away):
        return None
    return _finding(
        series, Trouble.SPIKE, row, row, math.expm1(away),
        f"the close leaps by {math.expm1(away):+.1%} to {series.close[row]:g} and is back the day after",
    )  # fmt: skip


def _ratio(series: Series, closes: FloatArray, usual: FloatArray, row: int) -> Finding | None:
    """A jump near a ratio in which shares are split, or near a factor between units."""
    day = series.days[row].item()
    # Overnight is when splits happen; without opening prices the whole day has to do.
    opened = series.open[row] if series.open is not None and series.open[row] > 0.0 else series.close[row]
    jump = math.log(opened) - float(closes[row - 1])
    beyond = abs(jump) > math.log(BEYOND_NEWS)
    near = NEAR_BEYOND if beyond else max(NEAR * float(usual[row]), NEAR_LEAST)
    ratio = min((*RATIOS, *UNITS), key=lambda each: abs(abs(jump) - math.log(each)))
    if abs(abs(jump) - math.log(ratio)) > near or abs(jump) < JUMP * usual[row]:
        return None
    factor = f"{ratio:g}" if jump > 0.0 else f"1/{ratio:g}"
    said = f"the price is about {factor} times the day before's"
    if ratio in UNITS:
        return _finding(series, Trouble.UNITS, row, row, math.exp(jump), f"{said}: in another unit, perhaps")
    if series.splits and day in series.splits:
        return None
    if not beyond and (_rushed(series, row) or (series.volume is None and ratio < RATIO_BLIND)):
        return None
    return _finding(series, Trouble.SPLIT, row, row, math.exp(jump), f"{said}: a split that nobody told us of, perhaps")


def _rushed(series: Series, row: int) -> bool:
    """True when far more money changed hands than usual, as on news and not on a split."""
    if series.volume is None:
        return False
    notional = series.volume * series.close
    usual = float(np.median(notional[max(row - AROUND, 0) : row]))
    return usual > 0.0 and float(notional[row]) > RUSH * usual


def _finding(series: Series, trouble: Trouble, first: int, last: int, measured: float, message: str) -> Finding:
    return Finding(
        symbol=series.symbol,
        trouble=trouble,
        first=series.days[first].item(),
        last=series.days[last].item(),
        measured=float(measured),
        message=message,
    )


def told(quality: Quality, most: int = 20) -> Sequence[str]:
    """The findings as lines, errors first, at most so many and then how many more."""
    ordered = sorted(quality.findings, key=lambda f: (not f.error, f.symbol, f.first))
    lines = [
        f"{f.symbol} {f.first}{'' if f.last == f.first else f' to {f.last}'} {f.trouble}: {f.message}" for f in ordered
    ]
    return lines if len(lines) <= most else [*lines[:most], f"... and {len(lines) - most} more"]
