"""Option chains: real traps are found, and what is clean is not accused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bursar.adapters.vendors.chains import Chain, inspect_chains, read_chains
from bursar.adapters.vendors.quality import Finding, Trouble
from bursar.errors import InputError


def chain(day: int = 3, underlying: float = 100.0, *, paid: float = 2.0) -> Chain:
    """Return calls and puts from 80 to 120, each worth its exercise value and ``paid`` for time."""
    strikes = np.tile(np.arange(80.0, 121.0, 5.0), 2)
    calls = np.repeat([True, False], len(strikes) // 2)
    value = np.maximum(np.where(calls, underlying - strikes, strikes - underlying), 0.0)
    return Chain(
        symbol="AAA", day=date(2022, 1, day), underlying=underlying, strikes=strikes, calls=calls, closes=value + paid,
        volumes=np.full(len(strikes), float(day)), implied=np.full(len(strikes), 0.3),
    )  # fmt: skip


def troubles(*chains: Chain) -> list[tuple[Trouble, int]]:
    return [(finding.trouble, finding.first.day) for finding in inspect_chains(chains)]


def test_a_clean_chain_is_not_accused() -> None:
    assert troubles(chain(3), chain(4, 101.0), chain(5, 95.0)) == []


def test_options_of_another_underlying_cost_less_than_they_are_worth() -> None:
    # The prices are those of an underlying at 100; under one at 50 every put looks like a gift.
    odd = replace(chain(), underlying=50.0)
    (found,) = inspect_chains([odd])
    assert found.trouble is Trouble.UNITS
    assert found.message.startswith("50% of the options cost less than they are worth exercised")


def test_an_underlying_that_falls_to_a_seventh_was_split() -> None:
    assert troubles(chain(3, 700.0), chain(4, 101.0))[-1] == (Trouble.SPLIT, 4)
    assert troubles(chain(3, 100.0), chain(4, 85.0)) == []
    assert troubles(chain(3, 100.0), chain(4, 170.0)) == []


def test_yesterdays_chain_under_todays_date_is_a_duplicate() -> None:
    assert troubles(chain(3), replace(chain(3), day=date(2022, 1, 4))) == [(Trouble.DUPLICATE, 4)]


def test_an_underlying_that_stands_still_is_stale_once() -> None:
    assert troubles(chain(3), chain(4), chain(5), chain(6)) == [(Trouble.STALE, 5)]


def test_missing_volatility_prices_and_underlyings_are_told() -> None:
    empty = replace(chain(), closes=np.zeros(18))
    assert troubles(empty) == [(Trouble.GAP, 3)]
    blind = replace(chain(), implied=np.where(np.arange(18) < 10, np.nan, 0.3))
    assert [finding.message for finding in inspect_chains([blind])] == [
        "implied volatility is missing on 56% of the options"
    ]
    assert (Trouble.NOT_POSITIVE, 4) in troubles(chain(3), replace(chain(4), underlying=0.0))


def test_columns_of_a_chain_are_as_long_as_each_other() -> None:
    with pytest.raises(InputError, match=r"columns of \[3, 18\] options are no chain"):
        replace(chain(), implied=np.ones(3))


def real(path: Path) -> list[Finding]:
    return inspect_chains(read_chains(path))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    for name, content in (("none.parquet", None), ("text.parquet", b"text")):
        if content:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="is no table of options with file_date"):
            read_chains(tmp_path / name)
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(InputError, match="is no table of options"):
        read_chains(tmp_path / "other.parquet")


def test_a_file_of_chains_is_read(tmp_path: Path) -> None:
    day = date(2022, 1, 3)
    pl.DataFrame(
        {
            "file_date": [day, day], "symbol": ["AAA", "AAA"], "expiry": [date(2022, 2, 18)] * 2,
            "strike": [100.0, 100.0], "right": ["put", "C"], "close": [2.0, None], "volume": [7, 3],
            "implied_volatility": [0.3, float("nan")], "underlying_close": [101.0, 101.0],
        }
    ).write_parquet(tmp_path / "chains.parquet")  # fmt: skip
    (read,) = read_chains(tmp_path / "chains.parquet")
    assert (read.symbol, read.day, read.underlying) == ("AAA", day, 101.0)
    assert read.calls.tolist() == [True, False]
    assert read.closes.tolist() == [0.0, 2.0]
    assert read.implied.tolist() == [0.0, 0.3]


def test_apples_split_of_2014_is_found_in_its_chains(test_data: Path) -> None:
    found = real(test_data / "options" / "lean_chain_aapl_2014-06.parquet")
    days = {trouble: sorted(each.first for each in found if each.trouble is trouble) for trouble in Trouble}
    # 7 for 1 on June 9th; the file dates its new contracts from the 6th, and none of those has a price yet.
    assert days[Trouble.SPLIT] == [date(2014, 6, 6)]
    # From then on old contracts stand under the new price, and the other way round before.
    assert {date(2014, 6, day) for day in (9, 10, 11, 12, 13, 16)} <= set(days[Trouble.UNITS])
    # 93.77 on the 10th, 11th, 12th and 13th.
    assert days[Trouble.STALE] == [date(2014, 6, 12)]
    # Implied volatility on a fifth of the options from then on, as the catalogue of this data warns.
    assert {date(2014, 6, day) for day in (6, 9, 10, 11, 12, 13, 16)} <= set(days[Trouble.GAP])


def test_a_spin_off_is_found_and_googles_chains_are_accused_of_little(test_data: Path) -> None:
    spun = real(test_data / "options" / "lean_chain_twx_nwsa_2013_2014.parquet")
    assert date(2013, 6, 28) in {each.first for each in spun if each.trouble is Trouble.UNITS and each.symbol == "NWSA"}
    clean = real(test_data / "options" / "lean_chain_goog_2015-12.parquet")
    # The chain of the 31st is that of the 30th to the last number; the 22nd holds 118 options, half of them blind.
    assert {(each.trouble, each.first.day) for each in clean} == {(Trouble.DUPLICATE, 31), (Trouble.GAP, 22)}
