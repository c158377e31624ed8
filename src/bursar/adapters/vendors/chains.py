"""Quality of option chains: what is the matter with a day of options before anything is calculated from it.

A chain can be wrong in ways that prices of shares cannot. Around a split, rows of old and of new contracts stand side
by side under one underlying; then a large part of all options seems to cost less than it is worth if exercised at once,
which nobody would sell. A chain can be yesterday's under today's date. Implied volatility can be missing where it could
not be solved, and whoever averages what is left averages the easy ones.

None of this can be mended here. A day with such a finding is no truth about volatility.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from bursar.adapters.vendors.quality import RATIOS, Finding, Trouble
from bursar.errors import InputError
from bursar.quant.arrays import BoolArray, FloatArray

#: An option costs less than its exercise value by so much of it, and so many dollars, before that is counted.
BELOW_PART, BELOW_DOLLARS = 0.03, 0.5
#: Part of the priced options that may.
BELOW_MAX = 0.2
#: Part of the priced options that may lack implied volatility.
MISSING_MAX = 0.5
#: Days at one underlying price after which it stood still.
STILL_DAYS = 3
#: How near to a ratio of shares a jump must lie, and from where a jump is one.
NEAR, JUMP = 0.05, 1.4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chain:
    """The options of one underlying on one day, (n_options,) each. A price or a volatility of 0 is none."""

    symbol: str
    day: date
    underlying: float
    strikes: FloatArray
    calls: BoolArray
    closes: FloatArray
    volumes: FloatArray
    implied: FloatArray

    def __post_init__(self) -> None:
        lengths = {len(each) for each in (self.strikes, self.calls, self.closes, self.volumes, self.implied)}
        if len(lengths) != 1:
            raise InputError(f"{self.symbol} {self.day}: columns of {sorted(lengths)} options are no chain")


COLUMNS = (
    "file_date", "symbol", "expiry", "strike", "right", "close", "volume", "implied_volatility", "underlying_close",
)  # fmt: skip


def read_chains(path: Path) -> list[Chain]:
    """The chains of a Parquet file with COLUMNS, a row an option and day. Raises InputError for any other file."""
    import polars as pl

    try:
        frame = pl.read_parquet(path, columns=list(COLUMNS)).with_columns(pl.col("file_date").cast(pl.Date))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path} is no table of options with {', '.join(COLUMNS)}: {error}") from error
    chains = []
    for (symbol, day), rows in frame.group_by("symbol", "file_date"):
        part = rows.sort("expiry", "strike", "right")

        def column(name: str, part: pl.DataFrame = part) -> FloatArray:
            return np.asarray(np.nan_to_num(part[name].cast(pl.Float64).fill_null(0.0).to_numpy()), dtype=np.float64)

        chains.append(
            Chain(
                symbol=str(symbol), day=day, underlying=float(column("underlying_close")[0]),
                strikes=column("strike"), calls=part["right"].str.to_uppercase().str.starts_with("C").to_numpy(),
                closes=column("close"), volumes=column("volume"), implied=column("implied_volatility"),
            )
        )  # fmt: skip
    return chains


def inspect_chains(chains: Iterable[Chain]) -> list[Finding]:
    """What is found in the days of some underlyings, by symbol and day."""
    found: list[Finding] = []
    before: dict[str, Chain] = {}
    still: dict[str, int] = {}
    for chain in sorted(chains, key=lambda each: (each.symbol, each.day)):
        previous = before.get(chain.symbol)
        found += [*_priced(chain), *_exercised(chain), *_implied(chain)]
        if previous is not None:
            found += [*_jump(chain, previous), *_repeated(chain, previous)]
            same = chain.underlying == previous.underlying
            still[chain.symbol] = still.get(chain.symbol, 1) + 1 if same else 1
            if still[chain.symbol] == STILL_DAYS:
                said = f"the underlying has stood at {chain.underlying:g} for {STILL_DAYS} sessions or more"
                found.append(_finding(chain, Trouble.STALE, STILL_DAYS, said))
        before[chain.symbol] = chain
    return found


def _priced(chain: Chain) -> list[Finding]:
    if not chain.underlying > 0.0:
        said = f"the underlying costs {chain.underlying:g}"
        return [_finding(chain, Trouble.NOT_POSITIVE, chain.underlying, said)]
    if not (chain.closes > 0.0).any():
        return [_finding(chain, Trouble.GAP, len(chain.closes), f"none of {len(chain.closes)} options has a price")]
    return []


def _exercised(chain: Chain) -> list[Finding]:
    """Options that cost less than exercising them would bring."""
    priced = chain.closes > 0.0
    if not priced.any():
        return []
    apart = chain.underlying - chain.strikes
    value = np.where(chain.calls, apart, -apart)[priced]
    part = float((chain.closes[priced] < value * (1.0 - BELOW_PART) - BELOW_DOLLARS).mean())
    if part <= BELOW_MAX:
        return []
    said = (
        f"{part:.0%} of the options cost less than they are worth exercised: they are not of this underlying, perhaps"
    )
    return [_finding(chain, Trouble.UNITS, part, said)]


def _implied(chain: Chain) -> list[Finding]:
    priced = chain.closes > 0.0
    missing = float((~(chain.implied[priced] > 0.0)).mean()) if priced.any() else 0.0
    if missing <= MISSING_MAX:
        return []
    return [_finding(chain, Trouble.GAP, missing, f"implied volatility is missing on {missing:.0%} of the options")]


def _jump(chain: Chain, previous: Chain) -> list[Finding]:
    if not (chain.underlying > 0.0 and previous.underlying > 0.0):
        return []
    change = chain.underlying / previous.underlying
    size = max(change, 1.0 / change)
    ratio = min(RATIOS, key=lambda each: abs(np.log(size / each)))
    if size < JUMP or abs(np.log(size / ratio)) > NEAR:
        return []
    factor = f"{ratio:g}" if change > 1.0 else f"1/{ratio:g}"
    said = f"the underlying is about {factor} times the day before's: its contracts were adjusted, or should have been"
    return [_finding(chain, Trouble.SPLIT, change, said)]


def _repeated(chain: Chain, previous: Chain) -> list[Finding]:
    same = (
        chain.underlying == previous.underlying
        and np.array_equal(chain.strikes, previous.strikes)
        and np.array_equal(chain.closes, previous.closes)
        and np.array_equal(chain.volumes, previous.volumes)
    )
    said = f"the whole chain is that of {previous.day}"
    return [_finding(chain, Trouble.DUPLICATE, len(chain.closes), said)] if same else []


def _finding(chain: Chain, trouble: Trouble, measured: float, message: str) -> Finding:
    return Finding(
        symbol=chain.symbol, trouble=trouble, first=chain.day, last=chain.day, measured=float(measured), message=message
    )
