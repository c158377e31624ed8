"""beancount in its own environment: answers the requests of _harness.Worker, and times its booking.

The argument names a CSV file of trades: day, symbol, quantity (signed), price, commission. Each becomes a
transaction as one would write it by hand: shares at cost against cash and commission, and for a sale the gain, left for
beancount to interpolate. Booking (first in, first out) finds the lots, fills in what is missing, and sees that
everything balances.
"""

from __future__ import annotations

import csv
import functools
import json
import os
import sys
import time
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

# The library lives in its own environment.
from beancount.core import amount, data, position  # type: ignore[import-not-found]
from beancount.core.number import MISSING  # type: ignore[import-not-found]
from beancount.parser import booking_full  # type: ignore[import-not-found]
from beancount.parser.options import OPTIONS_DEFAULTS  # type: ignore[import-not-found]

clock = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter


@functools.cache
def entries(path: str) -> list[Any]:
    with Path(path).open(newline="") as file:
        return [_transaction(number, *row) for number, row in enumerate(csv.reader(file))]


def _transaction(number: int, day: str, symbol: str, quantity: str, price: str, commission: str) -> Any:
    at, units, paid = date.fromisoformat(day), Decimal(quantity), Decimal(price)
    meta = {"filename": "trades", "lineno": number}
    cash = amount.Amount(-units * paid - Decimal(commission), "USD")
    shares = amount.Amount(units, symbol)
    if units > 0:
        cost = position.CostSpec(paid, None, "USD", at, str(number), None)
    else:
        cost = position.CostSpec(MISSING, None, MISSING, None, None, None)
    postings = [
        data.Posting(f"Assets:Shares:{symbol}", shares, cost, amount.Amount(paid, "USD"), None, dict(meta)),
        data.Posting("Assets:Cash", cash, None, None, None, dict(meta)),
        data.Posting("Expenses:Commission", amount.Amount(Decimal(commission), "USD"), None, None, None, dict(meta)),
    ]
    if units < 0:
        postings.append(data.Posting("Income:Gains", MISSING, None, None, None, dict(meta)))
    return data.Transaction(meta, at, "*", None, "", frozenset(), frozenset(), postings)


def book(path: str) -> list[Any]:
    booked, errors = booking_full.book(entries(path), OPTIONS_DEFAULTS, METHODS)
    if errors:
        raise SystemExit(f"beancount refused: {errors[0]}")
    return list(booked)


METHODS: dict[str, Any] = defaultdict(lambda: data.Booking.FIFO)


def gains(booked: list[Any]) -> str:
    """What all sales gained, before commissions."""
    found = (p.units.number for entry in booked for p in entry.postings if p.account == "Income:Gains")
    return str(-sum(found, Decimal(0)))


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        path = request["with"]["path"]
        entries(path)
        booked: list[Any] = []
        start = clock()
        for _ in range(request["repeats"]):
            booked = book(path)
        seconds = (clock() - start) / request["repeats"]
        print(json.dumps({"seconds": seconds, "value": gains(booked)}), flush=True)


if __name__ == "__main__":
    main()
