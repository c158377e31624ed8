"""An account before the gate, an hour into a session: 100,000 in settled cash, four stocks quoted at 100."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from bursar.domain.events import Approved, Check, Rejected
from bursar.domain.orders import Order
from bursar.risk.gate import Verdict, judge
from bursar.risk.limits import RiskLimits
from bursar.risk.rules import Exposure
from tests.builders import OPEN, SESSION, counter, instrument, quote

SECTORS = {"AAPL": "technology", "MSFT": "technology", "XOM": "energy", "JPM": "financials"}
NOW = OPEN + timedelta(hours=1)
EXPOSURE = Exposure(
    at=NOW,
    equity=Decimal(100_000),
    quantities={},
    quotes={symbol: quote(symbol, "100", at=NOW) for symbol in SECTORS},
    instruments={symbol: instrument(symbol, sector) for symbol, sector in SECTORS.items()},
    closes=dict.fromkeys(SECTORS, Decimal(100)),
    cash_settled=Decimal(100_000),
    cost_rate=Decimal("0.0005"),
    session=SESSION,
)


def verdict(*basket: Order, exposure: Exposure = EXPOSURE, limits: RiskLimits | None = None) -> Verdict:
    return judge(basket, exposure, limits or RiskLimits(), causes=("d-00000001",), new_id=counter())


def broken(answer: Verdict) -> list[str]:
    """The rule that each order of a rejected basket broke."""
    assert answer.approved == ()
    assert answer.events, "nothing was said of it"
    return [event.rule for event in answer.events if isinstance(event, Rejected)]


def checks(answer: Verdict) -> dict[str, Check]:
    """What was measured for the first order of an approved basket, by rule."""
    first = answer.events[0]
    assert isinstance(first, Approved), first
    return {check.rule: check for check in first.checks}
