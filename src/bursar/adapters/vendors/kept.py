"""Statements and headlines that somebody was asked for, as they are kept under BURSAR_HOME.

statements  a Parquet file a source: symbol, name, value, unit, at, known_at, source
headlines   a table as ``news`` reads it: known_at, text, symbols, source
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path

from bursar.adapters.memory import MemoryFundamentals
from bursar.errors import InputError
from bursar.ports import Fact, Headline


def write_facts(path: Path, facts: Iterable[Fact]) -> None:
    """Keep ``facts``, whole or not at all."""
    import polars as pl

    ordered = sorted(facts, key=lambda fact: (fact.symbol, fact.known_at, fact.at, fact.name))
    frame = pl.DataFrame(
        {
            "symbol": pl.Series([fact.symbol for fact in ordered], dtype=pl.String),
            "name": pl.Series([fact.name for fact in ordered], dtype=pl.String),
            "value": pl.Series([fact.value for fact in ordered], dtype=pl.Float64),
            "unit": pl.Series([fact.unit for fact in ordered], dtype=pl.String),
            "at": pl.Series([fact.at for fact in ordered], dtype=pl.Date),
            "known_at": pl.Series([fact.known_at for fact in ordered], dtype=pl.Datetime("us", "UTC")),
            "source": pl.Series([fact.source for fact in ordered], dtype=pl.String),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    frame.write_parquet(draft, compression="zstd")
    draft.replace(path)


def read_facts(path: Path) -> MemoryFundamentals:
    """What was kept. Raises InputError for a file that does not read."""
    import polars as pl

    try:
        rows = pl.read_parquet(path).select("symbol", "name", "value", "unit", "at", "known_at", "source")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path} does not read: {error}; delete it and import again") from error
    return MemoryFundamentals(
        Fact(symbol=symbol, name=name, value=value, unit=unit, at=at, known_at=known_at, source=source)
        for symbol, name, value, unit, at, known_at, source in rows.iter_rows()
    )


def write_headlines(path: Path, headlines: Iterable[Headline]) -> None:
    """Keep ``headlines``, whole or not at all; one without text has nothing to say and is left out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    with draft.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["known_at", "text", "symbols", "source"])
        for each in sorted(headlines, key=lambda each: each.known_at):
            if each.text:
                table.writerow([each.known_at.isoformat(), each.text, " ".join(each.symbols), each.source])
    draft.replace(path)
