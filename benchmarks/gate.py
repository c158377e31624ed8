"""What the gate costs: `python -m benchmarks.gate [--json] [--quick]`.

An order without a preview, alone and in a basket of ten, before an account of twenty positions with a quarter's
history, under the default limits and under every profile together; beside them, what the first order before an account
pays for weighing it. No other library judges orders by such rules in process, so the baseline is stated instead of a
peer: the same account and order turned into the journal's bytes once, which is the least that any gate with a record
must pay. Beside that stands what a plain loop of additions takes on this machine, now: a figure that grew together with
it tells of a slow machine, and one that grew alone of a slow gate. BENCH_CLOCK=cpu leaves out what others take of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count

import numpy as np

from benchmarks._harness import Result, at_most, interleaved, report
from bursar.domain.events import Approved
from bursar.domain.instruments import Instrument
from bursar.domain.market import Quote
from bursar.domain.orders import Order, Side
from bursar.domain.record import encode
from bursar.domain.sessions import Session
from bursar.risk.gate import judge
from bursar.risk.limits import RiskLimits, strictest
from bursar.risk.profiles import PROFILES
from bursar.risk.rules import Exposure

#: Goal: microseconds an order.
GOAL_US = 50.0
#: Additions of the loop that tells a slow machine from a slow gate.
ADDITIONS = 10_000
OPEN = datetime(2022, 1, 3, 14, 30, tzinfo=UTC)
NOW = OPEN + timedelta(hours=1)
SECTORS = ("technology", "energy", "financials", "health", "staples", "industrials", "materials")
SYMBOLS = ("AAPL", "AMZN", "AVGO", "GOOGL", "META", "MSFT", "NVDA", "QQQ", "SPY", *(f"S{n:02}" for n in range(11)))


def account() -> Exposure:
    """Twenty positions of 2 % each, all quoted at 100, with 63 days of returns."""
    returns = np.random.default_rng(7).normal(0.0, 0.01, (63, len(SYMBOLS)))
    held = {symbol: Decimal(20) for symbol in SYMBOLS}
    hundred = Decimal(100)
    return Exposure(
        at=NOW,
        equity=Decimal(100_000),
        quantities=held,
        held=held,
        quotes={s: Quote(symbol=s, at=NOW, known_at=NOW, bid=hundred, ask=hundred) for s in SYMBOLS},
        instruments={s: Instrument(symbol=s, sector=SECTORS[n % len(SECTORS)]) for n, s in enumerate(SYMBOLS)},
        closes=dict.fromkeys(SYMBOLS, hundred),
        cash_settled=Decimal(60_000),
        cost_rate=Decimal("0.0001"),
        session=Session(day=date(2022, 1, 3), open=OPEN, close=OPEN + timedelta(hours=6.5)),
        returns=returns,
        covariance=np.cov(returns, rowvar=False),
        returns_of=SYMBOLS,
    )


def orders(how_many: int) -> tuple[Order, ...]:
    """Purchases of 1 % of equity each."""
    return tuple(
        Order(order_id=f"o-{n:08}", account="DU9000001", symbol=SYMBOLS[n], side=Side.BUY, quantity=Decimal(10))
        for n in range(how_many)
    )


def judged(basket: tuple[Order, ...], seen: Exposure, limits: RiskLimits) -> Callable[[], object]:
    """One call of the gate that lets the basket through."""
    numbers = count(1)

    def call() -> object:
        answer = judge(basket, seen, limits, causes=("d-1",), new_id=lambda letter: f"{letter}-{next(numbers):08d}")
        assert len(answer.approved) == len(basket), answer.events
        return answer

    return call


def first(basket: tuple[Order, ...], seen: Exposure, limits: RiskLimits) -> Callable[[], object]:
    """The same before an account that nobody has weighed yet."""
    numbers = count(1)

    def call() -> object:
        fresh = replace(seen)
        return judge(basket, fresh, limits, causes=("d-1",), new_id=lambda letter: f"{letter}-{next(numbers):08d}")

    return call


def recorded(seen: Exposure) -> Callable[[], object]:
    """The baseline: the bytes of one approval with its checks."""
    (event,) = judge(orders(1), seen, RiskLimits(), causes=("d-1",), new_id=lambda letter: f"{letter}-1").events
    assert isinstance(event, Approved)
    return lambda: encode(event)


def additions() -> int:
    """The calibration: a loop that no library of ours is part of."""
    total = 0
    for number in range(ADDITIONS):
        total += number
    return total


def main(words: list[str]) -> int:
    """Time the contenders in turn."""
    seen = account()
    every = replace(strictest(list(PROFILES.values())), correlation_max=Decimal(1))
    contenders = {
        "alone": judged(orders(1), seen, RiskLimits()),
        "alone under every profile": judged(orders(1), seen, every),
        "ten": judged(orders(10), seen, RiskLimits()),
        "first": first(orders(1), seen, RiskLimits()),
        "baseline": recorded(seen),
        "additions": additions,
    }
    times = interleaved(contenders, rounds=5 if "--quick" in words else 25)
    baseline = times["baseline"].median * 1e6
    addition = times["additions"].median / ADDITIONS * 1e9
    note = (
        f"baseline, one approval as the journal's bytes: {baseline:.1f} us; one addition in a loop on this machine: "
        f"{addition:.0f} ns, so that an order alone costs as much as "
        f"{times['alone'].median * 1e9 / addition:,.0f} of them"
    )
    lines = [
        _line("an order alone before the gate", times["alone"].median, note),
        _line("an order alone, every profile", times["alone under every profile"].median, note),
        _line("an order of a basket of ten", times["ten"].median / 10, note),
        Result(
            name="the first order before an account, which is weighed for it",
            ours=times["first"].median * 1e6,
            peer=None,
            unit="us",
            ratio=None,
            goal=None,
            met=None,
            note="twenty positions and 63 days are weighed once, and then serve every order of the same instant",
        ),
    ]
    return report(lines, words)


def _line(name: str, seconds: float, note: str) -> Result:
    return at_most(name, seconds * 1e6, GOAL_US, unit="us", note=note)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
